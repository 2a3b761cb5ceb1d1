#include "runtime/onnx_io.h"
#include "runtime/onnx_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian and is read as it is");

/* --- element types
 * ------------------------------------------------------------------------------------------------------------------ */

/* Converts n elements as the file has them into the graph's type. */
typedef void convert_fn(void *out, const void *in, size_t n);

static void copy4(void *out, const void *in, size_t n)
{
    memcpy(out, in, 4 * n);
}

static void copy8(void *out, const void *in, size_t n)
{
    memcpy(out, in, 8 * n);
}

/* IEEE 754 binary16 to binary32: subnormals and not-a-numbers included. */
static uint32_t widen_half(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31)
        return sign | 0x7f800000 | fraction << 13;
    if (exponent)
        return sign | (exponent + 112) << 23 | fraction << 13;
    if (!fraction)
        return sign;
    int shift = __builtin_clz(fraction) - 21;
    return sign | (uint32_t)(113 - shift) << 23 | ((fraction << shift & 0x3ff) << 13);
}

static void from_half(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)in + 2 * i, 2);
        uint32_t bits = widen_half(h);
        memcpy((char *)out + 4 * i, &bits, 4);
    }
}

static void from_bfloat(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)in + 2 * i, 2);
        uint32_t bits = (uint32_t)h << 16;
        memcpy((char *)out + 4 * i, &bits, 4);
    }
}

static void from_double(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double d;
        memcpy(&d, (const char *)in + 8 * i, 8);
        float f = d > 3.4028234663852886e38 ? __builtin_inff() : d < -3.4028234663852886e38 ? -__builtin_inff() : (float)d;
        memcpy((char *)out + 4 * i, &f, 4);
    }
}

static void from_int32(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t v;
        memcpy(&v, (const char *)in + 4 * i, 4);
        int64_t wide = v;
        memcpy((char *)out + 8 * i, &wide, 8);
    }
}

static void from_bool(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t wide = ((const uint8_t *)in)[i] != 0;
        memcpy((char *)out + 8 * i, &wide, 8);
    }
}

/* By TensorProto.DataType. Types without a converter are named in the refusal. */
static const struct element_type {
    const char *name;
    uint32_t file_bytes; /* of one element in raw_data */
    enum gtcnn_dtype dtype;
    convert_fn *convert;
} element_types[] = {
    [0] = {"undefined"},
    [1] = {"float32", 4, GTCNN_F32, copy4},
    [2] = {"uint8"},
    [3] = {"int8"},
    [4] = {"uint16"},
    [5] = {"int16"},
    [6] = {"int32", 4, GTCNN_I64, from_int32},
    [7] = {"int64", 8, GTCNN_I64, copy8},
    [8] = {"string"},
    [9] = {"bool", 1, GTCNN_I64, from_bool},
    [10] = {"float16", 2, GTCNN_F32, from_half},
    [11] = {"float64", 8, GTCNN_F32, from_double},
    [12] = {"uint32"},
    [13] = {"uint64"},
    [14] = {"complex64"},
    [15] = {"complex128"},
    [16] = {"bfloat16", 2, GTCNN_F32, from_bfloat},
    [17] = {"float8e4m3fn"},
    [18] = {"float8e4m3fnuz"},
    [19] = {"float8e5m2"},
    [20] = {"float8e5m2fnuz"},
    [21] = {"uint4"},
    [22] = {"int4"},
    [23] = {"float4e2m1"},
};

/* --- a tensor being read
 * ------------------------------------------------------------------------------------------------------------- */

struct load {
    struct gtcnn_onnx_reader *reader;
    const Onnx__NodeProto *node;
    const Onnx__TensorProto *proto;
    const struct gtcnn_wire_tensor *at;
    const struct element_type *type;
    struct gtcnn_tensor *tensor;
    size_t count;
    uint64_t bytes; /* as the file has them */
};

#define FAIL(load, status, ...) gtcnn_onnx_fail((load)->reader, (load)->node, status, __VA_ARGS__)

static struct gtcnn_onnx_name name_of(const struct load *load)
{
    return gtcnn_onnx_quote(load->proto->name && *load->proto->name ? load->proto->name : "(without a name)");
}

static enum gtcnn_status find_type(struct load *load)
{
    int32_t type = load->proto->data_type;
    bool known = type > 0 && (size_t)type < sizeof element_types / sizeof *element_types;
    load->type = known ? &element_types[type] : &element_types[0];
    if (load->type->convert)
        return GTCNN_OK;
    return FAIL(
        load, GTCNN_E_UNSUPPORTED,
        "tensor '%s' has element type %s (%d), which is not supported; convert the model to float32 (a quantised model: "
        "export the original)",
        name_of(load).text, load->type->name, (int)type);
}

static enum gtcnn_status find_shape(struct load *load)
{
    struct gtcnn_shape *shape = &load->tensor->shape;
    if (load->proto->n_dims > GTCNN_MAX_RANK)
        return FAIL(load, GTCNN_E_LIMIT, "tensor '%s' has %zu dimensions, at most %d are supported", name_of(load).text,
                    load->proto->n_dims, GTCNN_MAX_RANK);
    shape->rank = (uint32_t)load->proto->n_dims;
    for (uint32_t i = 0; i < shape->rank; i++) {
        shape->dim[i] = load->proto->dims[i];
        if (shape->dim[i] < 0)
            return FAIL(load, GTCNN_E_FORMAT, "tensor '%s' has the negative dimension %lld", name_of(load).text,
                        (long long)shape->dim[i]);
    }
    int64_t count = gtcnn_shape_count(shape);
    if (count < 0 || count > INT64_MAX / 8)
        return FAIL(load, GTCNN_E_LIMIT, "tensor '%s' has more elements than can be counted", name_of(load).text);
    load->count = (size_t)count;
    load->bytes = (uint64_t)count * load->type->file_bytes;
    return GTCNN_OK;
}

static enum gtcnn_status wrong_size(const struct load *load, const char *where, uint64_t have)
{
    char shape[8 * 21 + 1];
    gtcnn_shape_text(shape, sizeof shape, &load->tensor->shape);
    return FAIL(load, GTCNN_E_FORMAT, "tensor '%s' is %s, which takes %llu bytes, but its %s has %llu", name_of(load).text,
                shape, (unsigned long long)load->bytes, where, (unsigned long long)have);
}

/* Memory for the elements; only asked for once the file is known to hold them. */
static enum gtcnn_status allocate(struct load *load)
{
    size_t size = load->count * (load->type->dtype == GTCNN_F32 ? 4 : 8);
    load->tensor->data = malloc(size ? size : 1);
    if (load->tensor->data)
        return GTCNN_OK;
    return FAIL(load, GTCNN_E_NOMEM, "out of memory for tensor '%s' (%zu bytes)", name_of(load).text, size);
}

static enum gtcnn_status read_failed(const struct load *load)
{
    return FAIL(load, GTCNN_E_IO, "cannot read tensor '%s': %s%s", name_of(load).text, strerror(errno),
                errno == EIO ? " (did the file shrink?)" : "");
}

/* In one go where the elements are as they should be, else piece by piece through the converter. */
int gtcnn_onnx_elements(const struct gtcnn_source *from, uint64_t at, uint32_t type, size_t count, void *out)
{
    const struct element_type *t = &element_types[type];
    if (t->convert == copy4 || t->convert == copy8)
        return gtcnn_io_read(from, out, count * t->file_bytes, at);
    char piece[4096];
    size_t step = sizeof piece / t->file_bytes, wide = t->dtype == GTCNN_F32 ? 4 : 8;
    for (size_t i = 0; i < count; i += step) {
        size_t n = count - i < step ? count - i : step;
        if (gtcnn_io_read(from, piece, n * t->file_bytes, at + (uint64_t)i * t->file_bytes) != 0)
            return -1;
        t->convert((char *)out + i * wide, piece, n);
    }
    return 0;
}

/* What is smaller is read at once: shapes and bounds must be known now, and a system call costs as much as 4 KiB do. */
enum { LARGE = 4096 };

static const struct gtcnn_source *source_of(const struct gtcnn_onnx_reader *reader, uint32_t file,
                                            struct gtcnn_source *external)
{
    if (file == 0)
        return &reader->from;
    *external = (struct gtcnn_source){.fd = reader->files[file - 1].fd, .size = reader->files[file - 1].size};
    return external;
}

/* From a file (0: the model's own, else an external one, from 1 on), now or when they are packed. */
static enum gtcnn_status read_elements(struct load *load, uint32_t file, uint64_t at)
{
    struct gtcnn_place place = {at, file, (uint32_t)load->proto->data_type};
    struct gtcnn_source external;
    if (load->reader->in_place && load->type->dtype == GTCNN_F32 && load->count > LARGE / sizeof(float)) {
        load->tensor->place = place;
        return GTCNN_OK;
    }
    enum gtcnn_status status = allocate(load);
    if (status)
        return status;
    const struct gtcnn_source *from = source_of(load->reader, file, &external);
    bool ok = gtcnn_onnx_elements(from, at, place.type, load->count, load->tensor->data) == 0;
    return ok ? GTCNN_OK : read_failed(load);
}

enum gtcnn_status gtcnn_onnx_bring(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, struct gtcnn_tensor *tensor)
{
    if (tensor->data || !tensor->place.type)
        return GTCNN_OK;
    struct gtcnn_source external;
    const struct gtcnn_source *from = source_of(reader, tensor->place.file, &external);
    size_t count = (size_t)gtcnn_shape_count(&tensor->shape);
    void *data = malloc(count * sizeof(float));
    if (!data)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_NOMEM, "out of memory");
    if (gtcnn_onnx_elements(from, tensor->place.at, tensor->place.type, count, data) != 0) {
        free(data);
        return gtcnn_onnx_fail(reader, node, GTCNN_E_IO, "cannot read tensor '%s': %s", gtcnn_onnx_quote(tensor->name).text,
                               strerror(errno));
    }
    tensor->data = data;
    tensor->place = (struct gtcnn_place){0};
    return GTCNN_OK;
}

/* --- elements in typed fields
 * --------------------------------------------------------------------------------------------------------- */

static enum gtcnn_status typed(struct load *load, size_t have, const void *elements, convert_fn *convert)
{
    if (have != load->count)
        return FAIL(load, GTCNN_E_FORMAT, "tensor '%s' has %zu elements by its dimensions, but %zu in the file",
                    name_of(load).text, load->count, have);
    enum gtcnn_status status = allocate(load);
    if (!status && have)
        convert(load->tensor->data, elements, have);
    return status;
}

/* Both 16-bit floats stand one in each int32. */
static void half_in_int32(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        from_half((char *)out + 4 * i, (const char *)in + 4 * i, 1);
}

static void bfloat_in_int32(void *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        from_bfloat((char *)out + 4 * i, (const char *)in + 4 * i, 1);
}

static enum gtcnn_status read_typed(struct load *load)
{
    const Onnx__TensorProto *p = load->proto;
    convert_fn *convert = load->type->convert;
    if (convert == copy4)
        return typed(load, p->n_float_data, p->float_data, copy4);
    if (convert == copy8)
        return typed(load, p->n_int64_data, p->int64_data, copy8);
    if (convert == from_double)
        return typed(load, p->n_double_data, p->double_data, from_double);
    convert_fn *of_int32 = convert == from_half ? half_in_int32 : convert == from_bfloat ? bfloat_in_int32 : from_int32;
    return typed(load, p->n_int32_data, p->int32_data, of_int32);
}

/* --- external data
 * --------------------------------------------------------------------------------------------------------------------- */

struct place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

/* Decimal digits alone, within 63 bits. */
static bool parse_size(const char *text, uint64_t *value)
{
    *value = 0;
    if (!text || !*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || *value > (INT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

/* Keys of TensorProto.external_data; "checksum" and whatever a later version adds say nothing about where the bytes are. */
static enum gtcnn_status find_place(const struct load *load, struct place *place)
{
    const Onnx__TensorProto *p = load->proto;
    bool ok = true;
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = p->external_data[i]->key, *value = p->external_data[i]->value;
        if (!key)
            continue;
        if (strcmp(key, "location") == 0)
            place->location = value;
        else if (strcmp(key, "offset") == 0)
            ok = ok && parse_size(value, &place->offset);
        else if (strcmp(key, "length") == 0)
            ok = ok && (place->has_length = parse_size(value, &place->length));
    }
    if (ok && place->location && *place->location)
        return GTCNN_OK;
    return FAIL(load, GTCNN_E_FORMAT,
                "tensor '%s' is stored outside the file, but its location, offset or length is no such thing",
                name_of(load).text);
}

static enum gtcnn_status open_failed(const struct load *load, const char *location)
{
    const char *why = errno == EXDEV                                         ? "it lies outside the model's folder"
                      : errno == ELOOP                                       ? "it is, or goes through, a symbolic link"
                      : errno == EINVAL || errno == EISDIR || errno == ENXIO ? "it is not a regular file"
                                                                             : strerror(errno);
    return FAIL(load, errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO,
                "tensor '%s' is stored in '%s', which is not opened: %s; keep external data as plain files beside the model",
                name_of(load).text, gtcnn_onnx_quote(location).text, why);
}

static enum gtcnn_status open_external(const struct load *load, const char *location, uint32_t *index)
{
    struct gtcnn_onnx_reader *r = load->reader;
    for (*index = 0; *index < r->file_count; ++*index)
        if (strcmp(r->files[*index].location, location) == 0)
            return GTCNN_OK;
    if (r->folder < 0)
        return FAIL(load, GTCNN_E_UNSUPPORTED, "tensor '%s' is stored outside the file, and no folder is known",
                    name_of(load).text);
    if (r->file_count == GTCNN_ONNX_MAX_FILES)
        return FAIL(load, GTCNN_E_LIMIT, "the weights lie in more than %d files", GTCNN_ONNX_MAX_FILES);
    struct gtcnn_onnx_file file = {.location = strdup(location)};
    if (!file.location)
        return FAIL(load, GTCNN_E_NOMEM, "out of memory");
    file.fd = gtcnn_io_open_beneath(r->folder, location, &file.size);
    if (file.fd < 0) {
        int error = errno;
        free(file.location);
        errno = error;
        return open_failed(load, location);
    }
    r->external_room += file.size;
    r->files[r->file_count++] = file;
    return GTCNN_OK;
}

static enum gtcnn_status note_range(const struct load *load, uint32_t file, uint64_t at)
{
    struct gtcnn_onnx_reader *r = load->reader;
    if (r->range_count == r->range_capacity) {
        uint32_t wanted = r->range_capacity ? 2 * r->range_capacity : 64;
        void *grown = realloc(r->ranges, wanted * sizeof *r->ranges);
        if (!grown)
            return FAIL(load, GTCNN_E_NOMEM, "out of memory");
        r->ranges = grown;
        r->range_capacity = wanted;
    }
    struct gtcnn_source from = {.fd = r->files[file].fd, .size = r->files[file].size};
    r->ranges[r->range_count++] = (struct gtcnn_range){from, at, load->bytes};
    return GTCNN_OK;
}

static enum gtcnn_status read_external(struct load *load)
{
    struct gtcnn_onnx_reader *r = load->reader;
    struct place place = {0};
    uint32_t file = 0;
    enum gtcnn_status status = find_place(load, &place);
    if (!status)
        status = open_external(load, place.location, &file);
    if (status)
        return status;
    uint64_t size = r->files[file].size;
    if (place.has_length && place.length != load->bytes)
        return wrong_size(load, "external length", place.length);
    if (place.offset > size || load->bytes > size - place.offset)
        return FAIL(load, GTCNN_E_FORMAT, "tensor '%s' wants bytes %llu ... %llu of '%s', which has %llu", name_of(load).text,
                    (unsigned long long)place.offset, (unsigned long long)(place.offset + load->bytes),
                    gtcnn_onnx_quote(place.location).text, (unsigned long long)size);
    /* Many tensors over one range would let a small file fill the memory; sharing among a few is fine. */
    r->external_bytes += load->bytes;
    if (r->external_bytes / 4 > r->external_room)
        return FAIL(load, GTCNN_E_LIMIT, "the initialisers together take more than four times what the external files hold");
    load->tensor->external = true;
    status = note_range(load, file, place.offset);
    return status ? status : read_elements(load, file + 1, place.offset);
}

/* --- the whole
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static enum gtcnn_status read_data(struct load *load)
{
    const Onnx__TensorProto *p = load->proto;
    bool has_raw = load->at ? load->at->has_raw : p->has_raw_data;
    uint64_t raw_size = load->at ? load->at->raw_size : p->raw_data.len;
    if (p->segment)
        return FAIL(load, GTCNN_E_UNSUPPORTED, "tensor '%s' is a segment of a larger one, which is not supported",
                    name_of(load).text);
    if (p->has_data_location && p->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL
                   ? read_external(load)
                   : FAIL(load, GTCNN_E_FORMAT, "tensor '%s' has the unknown data_location %d", name_of(load).text,
                          (int)p->data_location);
    if (!has_raw)
        return read_typed(load);
    if (raw_size != load->bytes)
        return wrong_size(load, "raw_data", raw_size);
    if (load->at)
        return read_elements(load, 0, load->at->raw_at);
    enum gtcnn_status status = allocate(load);
    if (!status && load->count)
        load->type->convert(load->tensor->data, p->raw_data.data, load->count);
    return status;
}

enum gtcnn_status gtcnn_onnx_tensor(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node,
                                    const Onnx__TensorProto *proto, const struct gtcnn_wire_tensor *at,
                                    struct gtcnn_tensor *tensor)
{
    struct load load = {.reader = reader, .node = node, .proto = proto, .at = at, .tensor = tensor};
    enum gtcnn_status status = find_type(&load);
    if (!status)
        status = find_shape(&load);
    if (!status)
        status = read_data(&load);
    if (status) {
        free(tensor->data);
        tensor->data = NULL;
        return status;
    }
    tensor->dtype = load.type->dtype;
    tensor->shape_known = true;
    return GTCNN_OK;
}
