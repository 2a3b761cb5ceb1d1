#include "runtime/cli/npy.h"
#include "runtime/cli/atomic.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/npy_dict.h"
#include "runtime/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t MAGIC[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* Little-endian number of `n` bytes, or big-endian. */
static uint64_t load(const uint8_t *p, size_t n, bool big)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)p[big ? n - 1 - i : i] << (8 * i);
    return value;
}

static float from_f4(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static float from_f8(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    /* Beyond the range of float the conversion is undefined in C; IEEE 754 says infinity. */
    return fabs(value) > 0x1.fffffefffffffp127 && !isnan(value) ? (float)copysign(INFINITY, value) : (float)value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static float from_f2(uint64_t bits)
{
    int exponent = bits >> 10 & 31;
    float fraction = (float)(bits & 1023), value;
    if (exponent == 31)
        value = fraction > 0 ? NAN : INFINITY;
    else if (exponent == 0)
        value = ldexpf(fraction, -24);
    else
        value = ldexpf(fraction + 1024, exponent - 25);
    return bits >> 15 ? -value : value;
}

static float from_u1(uint64_t bits)
{
    return (float)bits;
}

/* What is read, by the part of descr behind the byte order. */
static const struct element {
    const char *kind;
    size_t bytes;
    float (*convert)(uint64_t bits);
} ELEMENTS[] = {{"f4", 4, from_f4}, {"f8", 8, from_f8}, {"f2", 2, from_f2}, {"u1", 1, from_u1}};

static const struct element *find_element(const char *descr)
{
    if (descr[0] != '<' && descr[0] != '>' && !(descr[0] == '|' && strcmp(descr, "|u1") == 0))
        return NULL;
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof *ELEMENTS; i++)
        if (strcmp(descr + 1, ELEMENTS[i].kind) == 0)
            return &ELEMENTS[i];
    return NULL;
}

/* Elements, or -1 when that overflows. */
static int64_t count_elements(const struct gtcnn_shape *shape)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] == 0)
            return 0;
    for (uint32_t i = 0; i < shape->rank; i++)
        if (__builtin_mul_overflow(count, shape->dim[i], &count))
            return -1;
    return count;
}

/* Elements come in memory order; in Fortran order the first index runs fastest. */
static void convert_all(const uint8_t *bytes, const struct element *e, bool big, bool fortran, struct gtcnn_npy *array)
{
    const struct gtcnn_shape *s = &array->shape;
    int64_t index[GTCNN_MAX_RANK] = {0}, stride[GTCNN_MAX_RANK] = {0}, step = 1, source = 0;
    for (uint32_t k = 0; k < s->rank; k++) {
        uint32_t axis = fortran ? k : s->rank - 1 - k;
        stride[axis] = step;
        step *= s->dim[axis];
    }
    for (int64_t i = 0; i < array->count; i++) {
        array->data[i] = e->convert(load(bytes + (size_t)source * e->bytes, e->bytes, big));
        for (uint32_t k = s->rank; k-- > 0;) {
            source += stride[k];
            if (++index[k] < s->dim[k])
                break;
            source -= stride[k] * s->dim[k];
            index[k] = 0;
        }
    }
}

static enum gtcnn_status convert_data(const uint8_t *bytes, size_t offset, size_t n, const struct gtcnn_npy_dict *dict,
                                      struct gtcnn_npy *array, struct gtcnn_err *err)
{
    const struct element *e = find_element(dict->descr);
    char safe[32];
    int64_t size;
    if (!e)
        return gtcnn_cli_fail(err, GTCNN_E_UNSUPPORTED,
                              "elements of type \"%s\" are not read; save float32, float64, float16 or uint8",
                              gtcnn_escape(safe, sizeof safe, dict->descr, SIZE_MAX));
    array->shape = dict->shape;
    array->count = count_elements(&dict->shape);
    if (array->count < 0 || __builtin_mul_overflow(array->count, (int64_t)e->bytes, &size))
        return gtcnn_cli_fail(err, GTCNN_E_LIMIT, "the sizes in the header of the .npy file overflow");
    if ((uint64_t)size != n - offset)
        return gtcnn_cli_fail(err, GTCNN_E_FORMAT, "the header wants %lld bytes of data behind byte %zu, but there are %zu",
                              (long long)size, offset, n - offset);
    array->data = malloc(array->count > 0 ? (size_t)array->count * sizeof *array->data : 1);
    if (!array->data)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for %lld values", (long long)array->count);
    convert_all(bytes + offset, e, dict->descr[0] == '>', dict->fortran_order, array);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_npy_parse(const uint8_t *bytes, size_t n, struct gtcnn_npy *array, struct gtcnn_err *err)
{
    *array = (struct gtcnn_npy){0};
    if (n < 10 || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return gtcnn_cli_fail(err, GTCNN_E_FORMAT, "is no .npy file (numpy.save writes them)");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return gtcnn_cli_fail(err, GTCNN_E_UNSUPPORTED, "version %u.%u of the .npy format; 1.0, 2.0 and 3.0 are read", bytes[6],
                              bytes[7]);
    size_t width = bytes[6] == 1 ? 2 : 4, begin = 8 + width;
    if (n < begin)
        return gtcnn_cli_fail(err, GTCNN_E_FORMAT, "ends inside the header's length (byte 8)");
    size_t length = (size_t)load(bytes + 8, width, false);
    if (length > n - begin)
        return gtcnn_cli_fail(err, GTCNN_E_FORMAT, "a header of %zu bytes is declared (byte 8), but only %zu follow", length,
                              n - begin);
    struct gtcnn_npy_dict dict;
    enum gtcnn_status status = gtcnn_npy_dict_parse((const char *)bytes + begin, length, begin, &dict, err);
    return status ? status : convert_data(bytes, begin + length, n, &dict, array, err);
}

/* The whole of a regular file; *bytes is owned by the caller. */
static enum gtcnn_status read_file(const char *path, uint8_t **bytes, size_t *n, struct gtcnn_err *err)
{
    struct stat st;
    uint8_t *data = NULL;
    size_t have = 0;
    enum gtcnn_status status = GTCNN_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        status = gtcnn_cli_fail(err, errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO, "cannot be opened: %s", strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        status = gtcnn_cli_fail(err, GTCNN_E_IO, "is not a regular file");
        goto out;
    }
    data = malloc((size_t)st.st_size + 1);
    if (!data) {
        status = gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for its %lld bytes", (long long)st.st_size);
        goto out;
    }
    while (have < (size_t)st.st_size) {
        ssize_t got = read(fd, data + have, (size_t)st.st_size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = gtcnn_cli_fail(err, GTCNN_E_IO, "cannot be read: %s", got < 0 ? strerror(errno) : "it shrank meanwhile");
            goto out;
        }
        have += (size_t)got;
    }
    *bytes = data;
    *n = have;
    data = NULL;
out:
    free(data);
    if (fd >= 0)
        close(fd);
    return status;
}

enum gtcnn_status gtcnn_npy_load(const char *path, struct gtcnn_npy *array, struct gtcnn_err *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct gtcnn_err cause = {0};
    *array = (struct gtcnn_npy){0};
    enum gtcnn_status status = read_file(path, &bytes, &n, &cause);
    if (!status)
        status = gtcnn_npy_parse(bytes, n, array, &cause);
    free(bytes);
    return status ? gtcnn_cli_fail_path(err, status, path, "%s", cause.text) : GTCNN_OK;
}

void gtcnn_npy_free(struct gtcnn_npy *array)
{
    free(array->data);
    *array = (struct gtcnn_npy){0};
}

/* Magic, version, length and dictionary, padded by blanks so that the data begin at a multiple of 64. */
static void write_header(FILE *f, const struct gtcnn_shape *shape)
{
    char dict[384];
    char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    int n = snprintf(dict, sizeof dict, "{'descr': '%cf4', 'fortran_order': False, 'shape': (", order);
    for (uint32_t i = 0; i < shape->rank; i++)
        n += snprintf(dict + n, sizeof dict - (size_t)n, "%s%lld%s", i ? " " : "", (long long)shape->dim[i],
                      i + 1 < shape->rank || shape->rank == 1 ? "," : "");
    n += snprintf(dict + n, sizeof dict - (size_t)n, "), }");
    int total = (10 + n + 1 + 63) / 64 * 64, length = total - 10;
    fwrite(MAGIC, 1, sizeof MAGIC, f);
    fputc(1, f);
    fputc(0, f);
    fputc(length & 255, f);
    fputc(length >> 8, f);
    fprintf(f, "%-*s\n", length - 1, dict);
}

enum gtcnn_status gtcnn_npy_write(const char *path, const struct gtcnn_shape *shape, const float *data, struct gtcnn_err *err)
{
    struct gtcnn_atomic a;
    enum gtcnn_status status = gtcnn_atomic_open(&a, path, err);
    if (status)
        return status;
    write_header(a.file, shape);
    fwrite(data, sizeof *data, (size_t)count_elements(shape), a.file);
    return gtcnn_atomic_commit(&a, err);
}
