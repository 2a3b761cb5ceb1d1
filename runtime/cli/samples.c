#include "runtime/cli/samples.h"

#include <math.h>
#include <stdlib.h>

int gtcnn_samples_add(struct gtcnn_samples *s, double value)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        double *grown = realloc(s->value, room * sizeof *grown);
        if (!grown)
            return -1;
        s->value = grown;
        s->room = room;
    }
    s->value[s->count++] = value;
    return 0;
}

void gtcnn_samples_free(struct gtcnn_samples *s)
{
    free(s->value);
    *s = (struct gtcnn_samples){0};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(struct gtcnn_samples *s)
{
    if (s->count > 0)
        qsort(s->value, s->count, sizeof *s->value, compare);
}

double gtcnn_samples_median(struct gtcnn_samples *s)
{
    sort(s);
    return s->count > 0 ? (s->value[(s->count - 1) / 2] + s->value[s->count / 2]) / 2 : NAN;
}

double gtcnn_samples_least(struct gtcnn_samples *s)
{
    sort(s);
    return s->count > 0 ? s->value[0] : NAN;
}

double gtcnn_samples_most(struct gtcnn_samples *s)
{
    sort(s);
    return s->count > 0 ? s->value[s->count - 1] : NAN;
}

double gtcnn_samples_sum(const struct gtcnn_samples *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += s->value[i];
    return sum;
}
