#include "runtime/cli/resize.h"

#include <stdlib.h>

enum { SIDE_MAX = 65535 };

/* Most taps that an axis needs: every output box begins a new pixel and ends in one. */
static size_t weight_room(uint32_t in, uint32_t out)
{
    return (size_t)in + 2 * (size_t)out;
}

/*
 * In units of 1/out of an input pixel: output i covers [i in, (i + 1) in), input pixel j covers [j out, (j + 1) out).
 * Returns the weights used.
 */
static size_t fill_axis(struct gtcnn_resize_tap *taps, double *weights, uint32_t in, uint32_t out)
{
    size_t used = 0;
    for (uint32_t i = 0; i < out; i++) {
        uint64_t begin = (uint64_t)i * in, end = begin + in;
        uint32_t first = (uint32_t)(begin / out), last = (uint32_t)((end - 1) / out);
        taps[i] = (struct gtcnn_resize_tap){first, last - first + 1, weights + used};
        for (uint32_t j = first; j <= last; j++) {
            uint64_t from = (uint64_t)j * out, to = from + out;
            uint64_t covered = (to < end ? to : end) - (from > begin ? from : begin);
            weights[used++] = (double)covered / in;
        }
    }
    return used;
}

int gtcnn_resizer_init(struct gtcnn_resizer *r, uint32_t in_h, uint32_t in_w, uint32_t out_h, uint32_t out_w)
{
    const uint32_t sides[4] = {in_h, in_w, out_h, out_w};
    *r = (struct gtcnn_resizer){in_h, in_w, out_h, out_w, NULL, NULL, NULL, NULL};
    for (int i = 0; i < 4; i++)
        if (sides[i] == 0 || sides[i] > SIDE_MAX)
            return -1;
    r->rows = malloc(out_h * sizeof *r->rows);
    r->columns = malloc(out_w * sizeof *r->columns);
    r->weights = malloc((weight_room(in_h, out_h) + weight_room(in_w, out_w)) * sizeof *r->weights);
    r->scratch = malloc((size_t)in_h * out_w * sizeof *r->scratch);
    if (!r->rows || !r->columns || !r->weights || !r->scratch) {
        gtcnn_resizer_free(r);
        return -1;
    }
    size_t used = fill_axis(r->rows, r->weights, in_h, out_h);
    fill_axis(r->columns, r->weights + used, in_w, out_w);
    return 0;
}

void gtcnn_resizer_free(struct gtcnn_resizer *r)
{
    free(r->rows);
    free(r->columns);
    free(r->weights);
    free(r->scratch);
    *r = (struct gtcnn_resizer){0};
}

static void shrink_columns(struct gtcnn_resizer *r, const uint8_t *in)
{
    for (uint32_t y = 0; y < r->in_h; y++)
        for (uint32_t x = 0; x < r->out_w; x++) {
            const struct gtcnn_resize_tap *tap = &r->columns[x];
            const uint8_t *pixel = in + (size_t)y * r->in_w + tap->first;
            double sum = 0;
            for (uint32_t k = 0; k < tap->count; k++)
                sum += pixel[k] * tap->weight[k];
            r->scratch[(size_t)y * r->out_w + x] = sum;
        }
}

void gtcnn_resizer_apply(struct gtcnn_resizer *r, const uint8_t *in, double mean, double std, float *out, size_t step)
{
    shrink_columns(r, in);
    for (uint32_t y = 0; y < r->out_h; y++)
        for (uint32_t x = 0; x < r->out_w; x++) {
            const struct gtcnn_resize_tap *tap = &r->rows[y];
            double sum = 0;
            for (uint32_t k = 0; k < tap->count; k++)
                sum += r->scratch[(size_t)(tap->first + k) * r->out_w + x] * tap->weight[k];
            out[((size_t)y * r->out_w + x) * step] = (float)((sum / 255 - mean) / std);
        }
}
