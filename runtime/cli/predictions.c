#include "runtime/cli/predictions.h"
#include "runtime/cli/atomic.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <math.h>

static void write_text(FILE *f, const char *key, const char *value)
{
    char safe[1024];
    fprintf(f, "# %s %s\n", key, gtcnn_escape(safe, sizeof safe, value, SIZE_MAX));
}

static void write_count(FILE *f, const char *key, uint64_t value)
{
    fprintf(f, "# %s %" PRIu64 "\n", key, value);
}

static void write_digest(FILE *f, const char *key, const uint8_t *digest)
{
    fprintf(f, "# %s ", key);
    for (int i = 0; i < GTCNN_DIGEST_BYTES; i++)
        fprintf(f, "%02x", digest[i]);
    fputc('\n', f);
}

static void write_model(FILE *f, const struct gtcnn_model_info *m)
{
    write_text(f, "model", m->name);
    write_digest(f, "digest", m->digest);
    if (m->family)
        write_text(f, "family", m->family);
    if (!isnan(m->phi))
        fprintf(f, "# phi %.9g\n", m->phi);
    write_text(f, "weights", m->weights);
    write_count(f, "macs", m->macs);
    write_count(f, "params", m->params);
    fprintf(f, "# runtime %s %s\n", m->version, m->build);
    write_text(f, "precision", m->precision);
    write_count(f, "threads", m->threads);
    write_count(f, "batch", m->batch);
}

enum gtcnn_status gtcnn_predictions_write(const char *path, const struct gtcnn_predictions *p, struct gtcnn_err *err)
{
    struct gtcnn_atomic a;
    enum gtcnn_status status = gtcnn_atomic_open(&a, path, err);
    if (status)
        return status;
    fprintf(a.file, "%s\n", GTCNN_PREDICTIONS_MAGIC);
    write_model(a.file, p->model);
    write_text(a.file, "dataset", p->dataset);
    write_digest(a.file, "dataset_digest", p->dataset_digest);
    write_count(a.file, "dataset_images", p->dataset_images);
    write_text(a.file, "split", p->split);
    write_text(a.file, "preprocessing", p->preprocessing);
    write_count(a.file, "images", p->images);
    write_count(a.file, "classes", p->classes);
    for (uint64_t i = 0; i < p->images; i++)
        fprintf(a.file, "%" PRIu64 " %u %u\n", i, p->labels[i], p->predictions[i]);
    return gtcnn_atomic_commit(&a, err);
}

uint32_t gtcnn_predictions_argmax(const float *values, uint64_t n)
{
    uint64_t best = 0;
    for (uint64_t i = 1; i < n; i++)
        if (values[i] > values[best] || (isnan(values[best]) && !isnan(values[i])))
            best = i;
    return (uint32_t)best;
}
