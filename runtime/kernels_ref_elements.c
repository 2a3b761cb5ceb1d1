/* Element by element, over arrays of any order in memory. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

/* Positions of y and of the operands at the beginning of one innermost row. */
struct position {
    float *y;
    const float *operand[3];
};

static struct position locate(const struct gtcnn_elements *e, int64_t index)
{
    struct position at = {e->y, {e->operand[0], e->operand[1], e->operand[2]}};
    for (uint32_t d = e->rank - 1; d-- > 0;) {
        int64_t i = index % e->dim[d];
        index /= e->dim[d];
        at.y += i * e->y_stride[d];
        for (int o = 0; o < 3; o++)
            if (at.operand[o])
                at.operand[o] += i * e->stride[o][d];
    }
    return at;
}

/* Elements first ... first + n - 1 of one innermost row. */
static void row(const struct gtcnn_elements *e, const struct position *at, int64_t first, int64_t n)
{
    uint32_t d = e->rank - 1;
    int64_t sy = e->y_stride[d], sa = e->stride[0][d], sb = e->stride[1][d], sc = e->stride[2][d];
    float *y = at->y + first * sy;
    const float *a = at->operand[0] ? at->operand[0] + first * sa : NULL;
    const float *b = at->operand[1] ? at->operand[1] + first * sb : NULL;
    const float *c = at->operand[2] ? at->operand[2] + first * sc : NULL;
    switch (e->op) {
    case GTCNN_ELEMENT_COPY:
        for (int64_t i = 0; i < n; i++)
            y[i * sy] = a[i * sa];
        break;
    case GTCNN_ELEMENT_ADD:
        for (int64_t i = 0; i < n; i++)
            y[i * sy] = a[i * sa] + b[i * sb];
        break;
    case GTCNN_ELEMENT_MUL:
        for (int64_t i = 0; i < n; i++)
            y[i * sy] = a[i * sa] * b[i * sb];
        break;
    case GTCNN_ELEMENT_SCALE:
        for (int64_t i = 0; i < n; i++)
            y[i * sy] = a[i * sa] * b[i * sb] + c[i * sc];
        break;
    case GTCNN_ELEMENT_FILL:
        for (int64_t i = 0; i < n; i++)
            y[i * sy] = e->value;
        break;
    }
    if (e->activation.act == GTCNN_ACT_NONE)
        return;
    if (sy == 1)
        gtcnn_ref_activate(&e->activation, y, n);
    else
        for (int64_t i = 0; i < n; i++)
            gtcnn_ref_activate(&e->activation, y + i * sy, 1);
}

void gtcnn_ref_elements(const struct gtcnn_elements *e, uint32_t part, uint32_t parts)
{
    int64_t rows = 1, n = e->dim[e->rank - 1];
    for (uint32_t d = 0; d + 1 < e->rank; d++)
        rows *= e->dim[d];
    /* Few rows: each is split; else the rows are. */
    uint64_t first = 0, last = (uint64_t)rows, from = 0, to = (uint64_t)n;
    if (rows < (int64_t)parts)
        gtcnn_pool_slice((uint64_t)n, part, parts, &from, &to);
    else
        gtcnn_pool_slice((uint64_t)rows, part, parts, &first, &last);
    for (uint64_t i = first; i < last; i++) {
        struct position at = locate(e, (int64_t)i);
        row(e, &at, (int64_t)from, (int64_t)(to - from));
    }
}
