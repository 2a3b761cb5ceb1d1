/*
 * The ONNX reader: the model as a whole. In this order: the wire format is checked (onnx_wire.c), the model without its
 * initialisers is unpacked, each initialiser is read straight to where it stays or left where it is (onnx_tensor.c), and each
 * node is turned into the graph's (onnx_node.c). The digest is taken meanwhile, from the same descriptors.
 */
#include "runtime/escape.h"
#include "runtime/onnx_io.h"
#include "runtime/onnx_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIN_OPSET = 11, MAX_OPSET = 23, MIN_IR = 3, MAX_IR = 12, MAX_NODES = 65536, MAX_NAME = 3000 };

enum gtcnn_status gtcnn_onnx_fail(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, enum gtcnn_status status,
                                  const char *format, ...)
{
    char detail[GTCNN_ERR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (!node)
        return gtcnn_err_set(reader->err, status, "%s: %.380s", reader->label, detail);
    const char *name = node->name && *node->name ? node->name : node->n_output ? node->output[0] : "";
    struct gtcnn_onnx_name op = gtcnn_onnx_quote(node->op_type);
    return gtcnn_err_set(reader->err, status, "%s: node '%s' (%.40s): %.280s", reader->label, gtcnn_onnx_quote(name).text,
                         op.text, detail);
}

struct gtcnn_onnx_name gtcnn_onnx_quote(const char *name)
{
    struct gtcnn_onnx_name quoted = {""};
    gtcnn_escape(quoted.text, sizeof quoted.text, name, SIZE_MAX);
    return quoted;
}

/* --- names
 * --------------------------------------------------------------------------------------------------------------------------------------
 */

/* Room for the mark of tensor `index`. */
static bool grow_marks(struct gtcnn_onnx_reader *r, uint32_t index)
{
    if (index < r->mark_capacity)
        return true;
    uint32_t wanted = 2 * index + 64;
    void *grown = realloc(r->marks, wanted * sizeof *r->marks);
    if (!grown)
        return false;
    r->marks = grown;
    r->mark_capacity = wanted;
    return true;
}

enum gtcnn_status gtcnn_onnx_define(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                    enum gtcnn_dtype dtype, int *index)
{
    if (!name || !*name)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "a tensor has no name");
    if (strnlen(name, MAX_NAME + 1) > MAX_NAME)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_LIMIT, "the name '%s' is longer than %d bytes",
                               gtcnn_onnx_quote(name).text, MAX_NAME);
    if (gtcnn_graph_find_tensor(reader->graph, name) >= 0)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "the tensor '%s' is defined twice", gtcnn_onnx_quote(name).text);
    *index = gtcnn_graph_add_tensor(reader->graph, name, dtype);
    if (*index < 0 || !grow_marks(reader, (uint32_t)*index))
        return gtcnn_onnx_fail(reader, node, GTCNN_E_NOMEM, "out of memory");
    reader->marks[*index] = (struct gtcnn_onnx_mark){.alias = -1};
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_onnx_resolve(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                     int *index)
{
    *index = gtcnn_graph_find_tensor(reader->graph, name);
    if (*index < 0)
        return gtcnn_onnx_fail(
            reader, node, GTCNN_E_FORMAT,
            "the tensor '%s' is used before anything computes it (a cycle, nodes out of order, or a missing input)",
            gtcnn_onnx_quote(name).text);
    if (reader->marks[*index].refused)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_UNSUPPORTED, "the tensor '%s' %s", gtcnn_onnx_quote(name).text,
                               reader->marks[*index].refused);
    if (reader->marks[*index].alias >= 0)
        *index = reader->marks[*index].alias;
    return GTCNN_OK;
}

/* --- the model's head
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static bool is_default_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static enum gtcnn_status read_versions(struct gtcnn_onnx_reader *r)
{
    const Onnx__ModelProto *m = r->model;
    if (!m->has_ir_version || m->ir_version < MIN_IR || m->ir_version > MAX_IR)
        return gtcnn_onnx_fail(
            r, NULL, GTCNN_E_UNSUPPORTED,
            "IR version %lld; versions %d to %d are supported; export it again, or convert it (onnx.version_converter)",
            (long long)m->ir_version, MIN_IR, MAX_IR);
    r->graph->ir_version = m->ir_version;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        if (!is_default_domain(m->opset_import[i]->domain))
            continue;
        if (r->graph->opset && r->graph->opset != m->opset_import[i]->version)
            return gtcnn_onnx_fail(r, NULL, GTCNN_E_FORMAT, "imports two opsets, %lld and %lld", (long long)r->graph->opset,
                                   (long long)m->opset_import[i]->version);
        r->graph->opset = m->opset_import[i]->version;
    }
    if (r->graph->opset >= MIN_OPSET && r->graph->opset <= MAX_OPSET)
        return GTCNN_OK;
    return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED,
                           "opset %lld; opsets %d to %d are supported; export with opset_version=13, or convert it "
                           "(onnx.version_converter)",
                           (long long)r->graph->opset, MIN_OPSET, MAX_OPSET);
}

static enum gtcnn_status refuse_sections(const struct gtcnn_onnx_reader *r)
{
    const Onnx__ModelProto *m = r->model;
    const struct {
        size_t n;
        const char *what;
    } sections[] = {{m->n_training_info, "training information; export the model for inference"},
                    {m->graph->n_sparse_initializer, "sparse initialisers; export it with dense ones"},
                    {m->graph->n_quantization_annotation, "quantisation annotations; export the float32 model"}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (sections[i].n)
            return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "has %s", sections[i].what);
    if (m->graph->n_node > MAX_NODES)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_LIMIT, "has %zu nodes, at most %d are supported", m->graph->n_node, MAX_NODES);
    return GTCNN_OK;
}

/* --- initialisers, input, output
 * -------------------------------------------------------------------------------------------------------------------- */

static enum gtcnn_status add_initializer(struct gtcnn_onnx_reader *r, const Onnx__TensorProto *proto,
                                         const struct gtcnn_wire_tensor *at)
{
    struct gtcnn_tensor value = {0};
    int index;
    enum gtcnn_status status = gtcnn_onnx_define(r, NULL, proto->name, GTCNN_F32, &index);
    if (!status)
        status = gtcnn_onnx_tensor(r, NULL, proto, at, &value);
    if (status)
        return status;
    value.name = r->graph->tensors[index].name;
    r->graph->tensors[index] = value;
    return GTCNN_OK;
}

static enum gtcnn_status read_initializers(struct gtcnn_onnx_reader *r)
{
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < r->wire.tensor_count && !status; i++) {
        uint8_t *bytes;
        size_t n;
        status = gtcnn_wire_tensor_header(&r->from, r->label, &r->wire, i, &bytes, &n, r->err);
        if (status)
            break;
        Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, n, bytes);
        free(bytes);
        status = proto ? add_initializer(r, proto, &r->wire.tensors[i])
                       : gtcnn_onnx_fail(r, NULL, GTCNN_E_FORMAT, "initialiser %u cannot be unpacked", i);
        if (proto)
            onnx__tensor_proto__free_unpacked(proto, NULL);
    }
    return status;
}

static enum gtcnn_status read_input_dim(const struct gtcnn_onnx_reader *r, const char *name,
                                        const Onnx__TensorShapeProto__Dimension *dim, uint32_t axis, int64_t *out)
{
    bool fixed = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && dim->dim_value > 0;
    *out = fixed ? dim->dim_value : -1;
    if (fixed || axis == 0)
        return GTCNN_OK;
    bool named = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    return gtcnn_onnx_fail(
        r, NULL, GTCNN_E_UNSUPPORTED,
        "dimension %u of input '%s' is dynamic%s%s; only the batch may be: export with a fixed size, or fix it "
        "(python3 -m onnxruntime.tools.make_dynamic_shape_fixed)",
        axis, gtcnn_onnx_quote(name).text, named ? ": " : "", named ? gtcnn_onnx_quote(dim->dim_param).text : "");
}

static enum gtcnn_status read_input(struct gtcnn_onnx_reader *r, const Onnx__ValueInfoProto *info)
{
    struct gtcnn_onnx_name name = gtcnn_onnx_quote(info->name);
    const Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type->shape)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "input '%s' is not a tensor of known shape", name.text);
    if (type->tensor_type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "input '%s' has element type %d; only float32 (1) is supported",
                               name.text, (int)type->tensor_type->elem_type);
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (shape->n_dim == 0 || shape->n_dim > GTCNN_MAX_RANK)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_LIMIT, "input '%s' has %zu dimensions; 1 to %d are supported", name.text,
                               shape->n_dim, GTCNN_MAX_RANK);
    enum gtcnn_status status = gtcnn_onnx_define(r, NULL, info->name, GTCNN_F32, &r->graph->input);
    if (status)
        return status;
    struct gtcnn_tensor *t = &r->graph->tensors[r->graph->input];
    t->shape.rank = (uint32_t)shape->n_dim;
    t->shape_known = true;
    for (uint32_t i = 0; i < t->shape.rank && !status; i++)
        status = read_input_dim(r, info->name, shape->dim[i], i, &t->shape.dim[i]);
    return status;
}

/* The one input that is no initialiser (before IR 4, initialisers had to be listed as inputs too). */
static enum gtcnn_status read_inputs(struct gtcnn_onnx_reader *r)
{
    const Onnx__GraphProto *g = r->model->graph;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = g->input[i]->name ? g->input[i]->name : "";
        int known = gtcnn_graph_find_tensor(r->graph, name);
        if (known >= 0 && gtcnn_tensor_is_constant(&r->graph->tensors[known]))
            continue;
        if (r->graph->input >= 0)
            return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "has several inputs ('%s', '%s'); only one is supported",
                                   gtcnn_onnx_quote(r->graph->tensors[r->graph->input].name).text, gtcnn_onnx_quote(name).text);
        enum gtcnn_status status = read_input(r, g->input[i]);
        if (status)
            return status;
    }
    return r->graph->input >= 0 ? GTCNN_OK : gtcnn_onnx_fail(r, NULL, GTCNN_E_FORMAT, "has no input beside its initialisers");
}

static enum gtcnn_status read_output(struct gtcnn_onnx_reader *r)
{
    const Onnx__GraphProto *g = r->model->graph;
    if (g->n_output != 1)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "has %zu outputs; exactly one is supported; cut the others off",
                               g->n_output);
    const char *name = g->output[0]->name ? g->output[0]->name : "";
    enum gtcnn_status status = gtcnn_onnx_resolve(r, NULL, name, &r->graph->output);
    if (!status && (gtcnn_tensor_is_constant(&r->graph->tensors[r->graph->output]) || r->graph->output == r->graph->input))
        status = gtcnn_onnx_fail(r, NULL, GTCNN_E_UNSUPPORTED, "the output '%s' is not computed by any node",
                                 gtcnn_onnx_quote(name).text);
    return status;
}

/* --- labels that our own writer leaves
 * --------------------------------------------------------------------------------------------------------------- */

static const char *metadata(const struct gtcnn_onnx_reader *r, const char *key)
{
    for (size_t i = 0; i < r->model->n_metadata_props; i++)
        if (r->model->metadata_props[i]->key && strcmp(r->model->metadata_props[i]->key, key) == 0)
            return r->model->metadata_props[i]->value;
    return NULL;
}

/* "fashion/b0": letters, digits, and what stands between them. */
static bool is_label(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-");
    return n > 0 && n <= 64 && text[n] == '\0';
}

/* Decimal digits with at most one point, whatever the locale says; false for anything else. */
static bool parse_phi(const char *text, double *phi)
{
    int64_t digits = 0, scale = 1;
    bool negative = *text == '-', point = false, any = false;
    for (text += negative; *text; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || digits >= 100000000000000 || scale >= 1000000000000000)
            return false;
        digits = digits * 10 + (*text - '0');
        scale *= point ? 10 : 1;
        any = true;
    }
    *phi = (negative ? -1.0 : 1.0) * (double)digits / (double)scale;
    return any;
}

/* The file's base name without .onnx. */
static char *base_name(const char *label)
{
    const char *slash = strrchr(label, '/'), *base = slash ? slash + 1 : label;
    size_t n = strlen(base);
    if (n > 5 && strcmp(base + n - 5, ".onnx") == 0)
        n -= 5;
    return strndup(base, n);
}

static enum gtcnn_status read_labels(struct gtcnn_onnx_reader *r, const char *label)
{
    static const char *const weights[] = {"random", "trained", "file"};
    const char *name = metadata(r, "gtcnn.name"), *family = metadata(r, "gtcnn.family"), *phi = metadata(r, "gtcnn.phi"),
               *kind = metadata(r, "gtcnn.weights");
    struct gtcnn_graph *g = r->graph;
    g->name = name && is_label(name) ? strdup(name) : base_name(label);
    if (family && is_label(family))
        g->family = strdup(family);
    if (!g->name || (family && is_label(family) && !g->family))
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_NOMEM, "out of memory");
    double value;
    if (phi && parse_phi(phi, &value))
        g->phi = value;
    for (size_t i = 0; kind && i < sizeof weights / sizeof *weights; i++)
        if (strcmp(kind, weights[i]) == 0)
            g->weights = weights[i];
    return GTCNN_OK;
}

/* --- the digest
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

/* It has been begun before anything else; what lies outside the file is added now. */
static enum gtcnn_status read_digest(struct gtcnn_onnx_reader *r)
{
    struct gtcnn_digest *digest = r->digest;
    if (!gtcnn_digest_more(digest, r->ranges, r->range_count))
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_NOMEM, "out of memory");
    if (r->in_place)
        return GTCNN_OK;
    r->digest = NULL;
    return gtcnn_digest_end(digest, r->label, r->graph->digest, r->err);
}

/* The graph's store takes the files over, and the digest that is under way. */
static enum gtcnn_status hand_over(struct gtcnn_onnx_reader *r)
{
    struct gtcnn_store *store = calloc(1, sizeof *store);
    struct gtcnn_source *files = calloc(r->file_count + 1, sizeof *files);
    if (!store || !files) {
        free(store);
        free(files);
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_NOMEM, "out of memory");
    }
    files[0] = r->from;
    for (uint32_t i = 0; i < r->file_count; i++) {
        files[i + 1] = (struct gtcnn_source){.fd = r->files[i].fd, .size = r->files[i].size};
        r->files[i].fd = -1;
    }
    *store = (struct gtcnn_store){.files = files,
                                  .file_count = r->file_count + 1,
                                  .ranges = r->ranges,
                                  .range_count = r->range_count,
                                  .digest = r->digest};
    memcpy(store->label, r->label, sizeof store->label);
    r->ranges = NULL;
    r->digest = NULL;
    r->graph->store = store;
    return GTCNN_OK;
}

/* --- the whole
 * -------------------------------------------------------------------------------------------------------------------------------------------
 */

static enum gtcnn_status unpack(struct gtcnn_onnx_reader *r)
{
    enum gtcnn_status status = gtcnn_wire_scan(&r->from, r->label, &r->wire, r->err);
    if (status)
        return status;
    r->model = onnx__model_proto__unpack(NULL, r->wire.skeleton_size, r->wire.skeleton);
    free(r->wire.skeleton);
    r->wire.skeleton = NULL;
    if (!r->model || !r->model->graph)
        return gtcnn_onnx_fail(r, NULL, GTCNN_E_FORMAT, "not a valid ONNX file: it cannot be unpacked");
    return GTCNN_OK;
}

static enum gtcnn_status read_nodes(struct gtcnn_onnx_reader *r)
{
    enum gtcnn_status status = GTCNN_OK;
    for (size_t i = 0; i < r->model->graph->n_node && !status; i++)
        status = gtcnn_onnx_add_node(r, r->model->graph->node[i]);
    return status;
}

static enum gtcnn_status begin_digest(struct gtcnn_onnx_reader *r)
{
    r->digest = gtcnn_digest_begin(&(struct gtcnn_range){.from = r->from, .size = r->from.size});
    return r->digest ? GTCNN_OK : gtcnn_onnx_fail(r, NULL, GTCNN_E_NOMEM, "out of memory");
}

static enum gtcnn_status read_all(struct gtcnn_onnx_reader *r, const char *label)
{
    enum gtcnn_status status = begin_digest(r);
    if (!status)
        status = unpack(r);
    if (!status)
        status = read_versions(r);
    if (!status)
        status = refuse_sections(r);
    if (!status)
        status = read_labels(r, label);
    if (!status)
        status = read_initializers(r);
    if (!status)
        status = read_inputs(r);
    if (!status)
        status = read_nodes(r);
    if (!status)
        status = read_output(r);
    if (!status)
        status = read_digest(r);
    if (!status && gtcnn_graph_prune(r->graph) != GTCNN_OK)
        status = gtcnn_onnx_fail(r, NULL, GTCNN_E_NOMEM, "out of memory");
    if (!status && r->in_place)
        status = hand_over(r);
    return status;
}

static void free_reader(struct gtcnn_onnx_reader *r)
{
    gtcnn_digest_drop(r->digest); /* it reads the files */
    for (uint32_t i = 0; i < r->file_count; i++) {
        if (r->files[i].fd >= 0)
            close(r->files[i].fd);
        free(r->files[i].location);
    }
    if (r->model)
        onnx__model_proto__free_unpacked(r->model, NULL);
    gtcnn_wire_free(&r->wire);
    free(r->marks);
    free(r->ranges);
    free(r);
}

/* in_place: large initialisers are left in the file, whose descriptor is the graph's where all goes well. */
static enum gtcnn_status read_source(struct gtcnn_source from, int folder, const char *label, bool in_place,
                                     struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    struct stat st;
    struct gtcnn_onnx_reader *r = calloc(1, sizeof *r);
    struct gtcnn_graph *g = gtcnn_graph_new();
    enum gtcnn_status status = GTCNN_OK;
    if (!r || !g) {
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
        goto out;
    }
    *r = (struct gtcnn_onnx_reader){.from = from, .folder = folder, .err = err, .graph = g, .in_place = in_place};
    gtcnn_escape(r->label, sizeof r->label, label, SIZE_MAX);
    if (!from.bytes && (fstat(from.fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        status = gtcnn_onnx_fail(r, NULL, GTCNN_E_IO, "not a regular file");
        goto out;
    }
    r->from.size = from.bytes ? from.size : (uint64_t)st.st_size;
    status = read_all(r, label);
out:
    if (r)
        free_reader(r);
    if (status)
        gtcnn_graph_free(g);
    else
        *graph = g;
    return status;
}

enum gtcnn_status gtcnn_onnx_read_fd(int fd, int folder, const char *label, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    return read_source((struct gtcnn_source){.fd = fd}, folder, label ? label : "model", false, graph, err);
}

enum gtcnn_status gtcnn_onnx_read_memory(const void *bytes, size_t n, const char *label, struct gtcnn_graph **graph,
                                         struct gtcnn_err *err)
{
    return read_source((struct gtcnn_source){.fd = -1, .bytes = bytes, .size = n}, -1, label, false, graph, err);
}

/* Descriptor of the folder that the file lies in; -1 when it cannot be opened. */
static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    return fd;
}

static enum gtcnn_status read_path(const char *path, bool in_place, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    uint64_t size;
    int fd = gtcnn_io_open(path, &size);
    if (fd < 0) {
        char name[256];
        int error = errno;
        gtcnn_escape(name, sizeof name, path, SIZE_MAX);
        return gtcnn_err_set(err, error == ENOENT || error == ENOTDIR ? GTCNN_E_NOENT : GTCNN_E_IO, "%s: cannot be opened: %s",
                             name, error == EINVAL ? "not a regular file" : strerror(error));
    }
    int folder = open_folder(path);
    enum gtcnn_status status = read_source((struct gtcnn_source){.fd = fd}, folder, path, in_place, graph, err);
    if (folder >= 0)
        close(folder);
    if (status || !in_place)
        close(fd);
    return status;
}

enum gtcnn_status gtcnn_onnx_read(const char *path, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    return read_path(path, false, graph, err);
}

enum gtcnn_status gtcnn_onnx_open(const char *path, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    return read_path(path, true, graph, err);
}
