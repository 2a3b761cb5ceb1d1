#include "runtime/cli/npy_dict.h"
#include "runtime/cli/fail.h"

#include <string.h>

struct cursor {
    const char *begin, *p, *end;
    size_t base;
    struct gtcnn_err *err;
};

static enum gtcnn_status bad(const struct cursor *c, enum gtcnn_status status, const char *what)
{
    return gtcnn_cli_fail(c->err, status, "header of the .npy file, byte %zu: %s", c->base + (size_t)(c->p - c->begin), what);
}

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

/* Takes the character if it comes next. */
static bool take(struct cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

/* A quoted string without escapes of less than `size` bytes. */
static enum gtcnn_status parse_string(struct cursor *c, char *out, size_t size)
{
    skip_blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return bad(c, GTCNN_E_FORMAT, "a quoted string should stand here");
    char quote = *c->p++;
    size_t n = 0;
    for (; c->p < c->end && *c->p != quote; c->p++) {
        if (*c->p == '\\' || *c->p == '\n' || n + 1 >= size)
            return bad(c, GTCNN_E_FORMAT, "this string is not one that NumPy writes here");
        out[n++] = *c->p;
    }
    if (c->p == c->end)
        return bad(c, GTCNN_E_FORMAT, "a string does not end");
    c->p++;
    out[n] = 0;
    return GTCNN_OK;
}

static enum gtcnn_status parse_bool(struct cursor *c, bool *value)
{
    static const char *const words[2] = {"False", "True"};
    skip_blanks(c);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(c->end - c->p) >= n && memcmp(c->p, words[i], n) == 0) {
            c->p += n;
            *value = i == 1;
            return GTCNN_OK;
        }
    }
    return bad(c, GTCNN_E_FORMAT, "True or False should stand here");
}

static enum gtcnn_status parse_size(struct cursor *c, int64_t *value)
{
    skip_blanks(c);
    const char *first = c->p;
    *value = 0;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(*value, (int64_t)10, value) || __builtin_add_overflow(*value, (int64_t)(*c->p - '0'), value))
            return bad(c, GTCNN_E_LIMIT, "this size does not fit 64 bits");
    if (c->p == first)
        return bad(c, GTCNN_E_FORMAT, "a size should stand here");
    return GTCNN_OK;
}

/* "()", "(5,)", "(1, 28, 28)". */
static enum gtcnn_status parse_shape(struct cursor *c, struct gtcnn_shape *shape)
{
    shape->rank = 0;
    bool comma = true;
    if (!take(c, '('))
        return bad(c, GTCNN_E_FORMAT, "a tuple should stand here");
    while (!take(c, ')')) {
        if (!comma)
            return bad(c, GTCNN_E_FORMAT, "sizes are separated by commas");
        if (shape->rank == GTCNN_MAX_RANK)
            return bad(c, GTCNN_E_LIMIT, "more than 8 dimensions");
        enum gtcnn_status status = parse_size(c, &shape->dim[shape->rank]);
        if (status)
            return status;
        shape->rank++;
        comma = take(c, ',');
    }
    /* In Python "(5)" is a number. */
    if (shape->rank == 1 && !comma)
        return bad(c, GTCNN_E_FORMAT, "a tuple of one size ends in a comma");
    return GTCNN_OK;
}

/* One "key: value". `seen` has a bit per key. */
static enum gtcnn_status parse_entry(struct cursor *c, struct gtcnn_npy_dict *dict, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    enum gtcnn_status status = parse_string(c, key, sizeof key);
    if (status)
        return status;
    unsigned k = 0;
    while (k < 3 && strcmp(key, keys[k]) != 0)
        k++;
    if (k == 3 || (*seen & 1u << k))
        return bad(c, GTCNN_E_FORMAT, k == 3 ? "an unknown key ends here" : "this key stands twice");
    *seen |= 1u << k;
    if (!take(c, ':'))
        return bad(c, GTCNN_E_FORMAT, "a colon should stand here");
    skip_blanks(c);
    if (k == 0 && c->p < c->end && *c->p == '[')
        return bad(c, GTCNN_E_UNSUPPORTED, "structured arrays are not read; save one field of it");
    return k == 0   ? parse_string(c, dict->descr, sizeof dict->descr)
           : k == 1 ? parse_bool(c, &dict->fortran_order)
                    : parse_shape(c, &dict->shape);
}

enum gtcnn_status gtcnn_npy_dict_parse(const char *text, size_t n, size_t base, struct gtcnn_npy_dict *dict,
                                       struct gtcnn_err *err)
{
    struct cursor c = {text, text, text + n, base, err};
    unsigned seen = 0;
    bool comma = true;
    *dict = (struct gtcnn_npy_dict){0};
    if (!take(&c, '{'))
        return bad(&c, GTCNN_E_FORMAT, "a dictionary should begin here");
    while (!take(&c, '}')) {
        if (!comma)
            return bad(&c, GTCNN_E_FORMAT, "a comma or the dictionary's end should stand here");
        enum gtcnn_status status = parse_entry(&c, dict, &seen);
        if (status)
            return status;
        comma = take(&c, ',');
    }
    skip_blanks(&c);
    if (c.p != c.end)
        return bad(&c, GTCNN_E_FORMAT, "something stands behind the dictionary");
    if (seen != 7)
        return bad(&c, GTCNN_E_FORMAT, "descr, fortran_order and shape must all be there");
    return GTCNN_OK;
}
