#include "runtime/cli/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double bilinear(double x)
{
    return fmax(0, 1 - fabs(x));
}

static const struct {
    double radius;
    double (*kernel)(double x);
} FILTERS[] = {[GTCNN_FILTER_BICUBIC] = {2, bicubic}, [GTCNN_FILTER_BILINEAR] = {1, bilinear}};

/* Most taps of one output: a filter of that width touches one pixel more than it is wide. */
static size_t taps_most(enum gtcnn_filter filter, const struct gtcnn_span *span, uint32_t out)
{
    size_t most = (size_t)(2 * FILTERS[filter].radius * fmax(1, span->length / out)) + 2;
    return most < span->hi - span->lo ? most : span->hi - span->lo;
}

/* Fills one tap's weights and divides them by their sum. */
static void fill_tap(struct gtcnn_resample_tap *tap, double *weights, enum gtcnn_filter filter, double centre, double widening)
{
    double sum = 0;
    for (uint32_t k = 0; k < tap->count; k++)
        sum += weights[k] = FILTERS[filter].kernel((tap->first + k + 0.5 - centre) / widening);
    for (uint32_t k = 0; k < tap->count; k++)
        weights[k] /= sum;
    tap->weight = weights;
}

static void fill_axis(struct gtcnn_resample_tap *taps, double *weights, size_t most, enum gtcnn_filter filter,
                      const struct gtcnn_span *span, uint32_t out)
{
    double scale = span->length / out, widening = fmax(1, scale), reach = FILTERS[filter].radius * widening;
    for (uint32_t i = 0; i < out; i++) {
        double centre = span->begin + (i + 0.5) * scale;
        double first = fmax(span->lo, ceil(centre - reach - 0.5)), last = fmin(span->hi - 1.0, floor(centre + reach - 0.5));
        uint32_t count = (uint32_t)(last - first) + 1;
        taps[i] = (struct gtcnn_resample_tap){(uint32_t)first, count < most ? count : (uint32_t)most, NULL};
        fill_tap(&taps[i], weights + i * most, filter, centre, widening);
    }
}

int gtcnn_resampler_init(struct gtcnn_resampler *r, enum gtcnn_filter filter, const struct gtcnn_span *rows,
                         const struct gtcnn_span *columns, uint32_t out_h, uint32_t out_w)
{
    size_t tall = taps_most(filter, rows, out_h), wide = taps_most(filter, columns, out_w);
    *r = (struct gtcnn_resampler){.out_h = out_h, .out_w = out_w};
    r->rows = calloc(out_h, sizeof *r->rows);
    r->columns = calloc(out_w, sizeof *r->columns);
    r->row_weights = calloc(out_h * tall, sizeof *r->row_weights);
    r->column_weights = calloc(out_w * wide, sizeof *r->column_weights);
    if (!r->rows || !r->columns || !r->row_weights || !r->column_weights) {
        gtcnn_resampler_free(r);
        return -1;
    }
    fill_axis(r->rows, r->row_weights, tall, filter, rows, out_h);
    fill_axis(r->columns, r->column_weights, wide, filter, columns, out_w);
    const struct gtcnn_resample_tap *last = &r->columns[out_w - 1];
    r->first_column = r->columns[0].first;
    r->column_count = last->first + last->count - r->first_column;
    r->scratch = calloc((size_t)r->column_count * 3, sizeof *r->scratch);
    if (r->scratch)
        return 0;
    gtcnn_resampler_free(r);
    return -1;
}

void gtcnn_resampler_free(struct gtcnn_resampler *r)
{
    free(r->rows);
    free(r->columns);
    free(r->row_weights);
    free(r->column_weights);
    free(r->scratch);
    *r = (struct gtcnn_resampler){0};
}

/* The weighted rows first: one row of scratch then is all the memory, however tall the image is. */
static void blend_rows(struct gtcnn_resampler *r, const uint8_t *rgb, uint32_t width, const struct gtcnn_resample_tap *tap)
{
    size_t n = (size_t)r->column_count * 3;
    memset(r->scratch, 0, n * sizeof *r->scratch);
    for (uint32_t k = 0; k < tap->count; k++) {
        const uint8_t *row = rgb + ((size_t)(tap->first + k) * width + r->first_column) * 3;
        for (size_t i = 0; i < n; i++)
            r->scratch[i] += row[i] * tap->weight[k];
    }
}

void gtcnn_resampler_row(struct gtcnn_resampler *r, const uint8_t *rgb, uint32_t width, uint32_t y, double *out)
{
    blend_rows(r, rgb, width, &r->rows[y]);
    for (uint32_t x = 0; x < r->out_w; x++) {
        const struct gtcnn_resample_tap *tap = &r->columns[x];
        const double *pixel = r->scratch + (size_t)(tap->first - r->first_column) * 3;
        double sum[3] = {0};
        for (uint32_t k = 0; k < tap->count; k++)
            for (int c = 0; c < 3; c++)
                sum[c] += pixel[3 * k + (uint32_t)c] * tap->weight[k];
        memcpy(out + (size_t)x * 3, sum, sizeof sum);
    }
}
