/*
 * Windows of an input map as rows of a matrix: [pixels][kh][kw][in], zeros where a window goes beyond the map. A row's end may
 * be written over by up to a vector: the next row, or the room behind the last, comes after it.
 */
#ifndef GTCNN_FAST_GATHER_H
#define GTCNN_FAST_GATHER_H

static int64_t gather_k(const struct gtcnn_conv *a)
{
    return a->kernel[0] * a->kernel[1] * a->in;
}

/* Are the pixels themselves the rows? */
static bool gather_is_needless(const struct gtcnn_conv *a)
{
    return a->kernel[0] == 1 && a->kernel[1] == 1 && a->stride[0] == 1 && a->stride[1] == 1 && a->pad[0] == 0 && a->pad[1] == 0 &&
           a->oh == a->h && a->ow == a->w;
}

static void gather_copy(float *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += VL)
        vec_store(to + i, vec_load_first(from + i, n - i < VL ? n - i : VL));
}

static void gather_zeros(float *to, int64_t n)
{
    for (int64_t i = 0; i < n; i += VL)
        vec_store(to + i, vec_set(0));
}

/* One row of a window; `line` NULL: above or below the map. */
static float *gather_line(const struct gtcnn_conv *a, const float *line, int64_t left, float *to)
{
    int64_t pixel = a->in * a->groups;
    bool dense = line && a->groups == 1 && a->dilation[1] == 1 && left >= 0 && left + a->kernel[1] <= a->w;
    if (dense) {
        gather_copy(to, line + left * pixel, a->kernel[1] * a->in);
        return to + a->kernel[1] * a->in;
    }
    for (int64_t kw = 0; kw < a->kernel[1]; kw++, to += a->in) {
        int64_t column = left + kw * a->dilation[1];
        if (!line || column < 0 || column >= a->w)
            gather_zeros(to, a->in);
        else
            gather_copy(to, line + column * pixel, a->in);
    }
    return to;
}

/* `count` output pixels from `first` on (of the whole batch), of one group. */
static void gather(const struct gtcnn_conv *a, int64_t group, int64_t first, int64_t count, float *to)
{
    int64_t pixel = a->in * a->groups, ow = first % a->ow, oh = first / a->ow % a->oh, image = first / a->ow / a->oh;
    const float *map = a->x + image * a->h * a->w * pixel + group * a->in;
    for (int64_t i = 0; i < count; i++) {
        int64_t top = oh * a->stride[0] - a->pad[0], left = ow * a->stride[1] - a->pad[1];
        for (int64_t kh = 0; kh < a->kernel[0]; kh++) {
            int64_t row = top + kh * a->dilation[0];
            to = gather_line(a, row < 0 || row >= a->h ? NULL : map + row * a->w * pixel, left, to);
        }
        if (++ow < a->ow)
            continue;
        ow = 0;
        if (++oh < a->oh)
            continue;
        oh = 0;
        map += a->h * a->w * pixel;
    }
}

#endif
