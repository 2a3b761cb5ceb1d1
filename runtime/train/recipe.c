#include "runtime/train/recipe.h"

#include <inttypes.h>
#include <math.h>

double gtcnn_recipe_rate(const struct gtcnn_recipe *r, uint64_t step, uint64_t steps_per_epoch)
{
    double warm = (double)r->warmup * (double)steps_per_epoch, all = (double)r->epochs * (double)steps_per_epoch;
    if ((double)step < warm)
        return r->rate * ((double)step + 1) / warm;
    double done = all > warm ? ((double)step - warm) / (all - warm) : 1;
    return r->rate * 0.5 * (1 + cos(acos(-1.0) * fmin(done, 1)));
}

void gtcnn_recipe_text(const struct gtcnn_recipe *r, char *out, size_t size)
{
    char data[2 * GTCNN_DIGEST_BYTES + 1];
    for (int i = 0; i < GTCNN_DIGEST_BYTES; i++)
        snprintf(data + 2 * i, 3, "%02x", r->data[i]);
    snprintf(out, size,
             "model=%s seed=%" PRIu64
             " epochs=%u warmup=%u patience=%u batch=%u threads=%u held_out=%u limit=%u shift=%u flip=%d "
             "rate=%.9g momentum=%.9g decay=%.9g smoothing=%.9g data=%s",
             r->model, r->seed, r->epochs, r->warmup, r->patience, r->batch, r->threads, r->held_out, r->limit, r->shift,
             r->flip, r->rate, r->momentum, r->decay, r->smoothing, data);
}
