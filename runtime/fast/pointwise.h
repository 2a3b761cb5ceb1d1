/* {f32,bf16}-gate and -scale, f32-mean and f32-elements: passes that touch each value once. */
#ifndef GTCNN_FAST_POINTWISE_H
#define GTCNN_FAST_POINTWISE_H

static void f32_gate(const struct gtcnn_gate *a, uint32_t part, uint32_t parts)
{
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * a->panels), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t words = (a->k + PAIR - 1) / PAIR;
        const float *gate = a->gate + i / a->panels * a->k, *w = a->weights + i % a->panels * words * VL;
        float *y = a->y + i * words * VL;
        for (int64_t k = 0; k < words; k++) {
#ifdef NARROW
            float odd = 2 * k + 1 < a->k ? gate[2 * k + 1] : 0;
            vec_store(y + k * VL, vec_scale_pairs(vec_load(w + k * VL), gate[2 * k], odd));
#else
            vec_store(y + k * VL, vec_mul(vec_load(w + k * VL), vec_set(gate[k])));
#endif
        }
    }
}

static void f32_scale(const struct gtcnn_scale *a, uint32_t part, uint32_t parts)
{
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * a->pixels), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++)
        for (int64_t c = 0; c < a->channels; c += VL) {
            int64_t n = a->channels - c < VL ? a->channels - c : VL, at = i * a->channels + c;
            vec gate = vec_load_first(a->gate + i / a->pixels * a->channels + c, n);
            element_store(a->y, a->narrow, at, vec_mul(element_load(a->x, a->narrow, at, n), gate), n);
        }
}

/* Four sums, of every fourth pixel, added in the end. */
static vec mean_sum(const float *x, int64_t pixels, int64_t step, int64_t n)
{
    vec sum[4] = {vec_set(0), vec_set(0), vec_set(0), vec_set(0)};
    int64_t p = 0;
    for (; p + 4 <= pixels; p += 4)
        UNROLL
    for (int c = 0; c < 4; c++)
        sum[c] = vec_add(sum[c], vec_load_first(x + (p + c) * step, n));
    for (; p < pixels; p++)
        sum[0] = vec_add(sum[0], vec_load_first(x + p * step, n));
    return vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3]));
}

static void f32_mean(const struct gtcnn_mean *a, uint32_t part, uint32_t parts)
{
    int64_t blocks = (a->channels + VL - 1) / VL;
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * blocks), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t first = i % blocks * VL, image = i / blocks, n = a->channels - first < VL ? a->channels - first : VL;
        vec sum = mean_sum(a->x + image * a->pixels * a->channels + first, a->pixels, a->channels, n);
        vec_store_first(a->y + image * a->channels + first, vec_mul(sum, vec_set(1 / (float)a->divisor)), n);
    }
}

/* Sums and products along dense rows; all else is the reference's. */
static void f32_elements(const struct gtcnn_elements *e, uint32_t part, uint32_t parts)
{
    uint32_t last = e->rank - 1;
    bool dense = e->y_stride[last] == 1 && e->stride[0][last] == 1 && e->stride[1][last] == 1;
    if (!dense || (e->op != GTCNN_ELEMENT_ADD && e->op != GTCNN_ELEMENT_MUL) || e->activation.act != GTCNN_ACT_NONE) {
        gtcnn_ref_elements(e, part, parts);
        return;
    }
    int64_t rows = 1, n = e->dim[last];
    for (uint32_t d = 0; d < last; d++)
        rows *= e->dim[d];
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)rows, part, parts, &begin, &end);
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        int64_t at[3] = {0, 0, 0}, index = row;
        for (uint32_t d = last; d-- > 0; index /= e->dim[d]) {
            int64_t i = index % e->dim[d];
            at[0] += i * e->y_stride[d];
            at[1] += i * e->stride[0][d];
            at[2] += i * e->stride[1][d];
        }
        for (int64_t i = 0; i < n; i += VL) {
            int64_t lanes = n - i < VL ? n - i : VL;
            vec a = vec_load_first(e->operand[0] + at[1] + i, lanes), b = vec_load_first(e->operand[1] + at[2] + i, lanes);
            vec_store_first(e->y + at[0] + i, e->op == GTCNN_ELEMENT_ADD ? vec_add(a, b) : vec_mul(a, b), lanes);
        }
    }
}

#endif
