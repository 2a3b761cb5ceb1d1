#include "runtime/graph.h"

#include "runtime/store.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *const op_names[GTCNN_OP_COUNT] = {
#define GTCNN_OP_TEXT(code, text) [code] = (text),
    GTCNN_OPS(GTCNN_OP_TEXT)
#undef GTCNN_OP_TEXT
};

const char *gtcnn_op_name(enum gtcnn_op op)
{
    return (unsigned)op < GTCNN_OP_COUNT ? op_names[op] : "?";
}

enum gtcnn_op gtcnn_op_find(const char *name)
{
    int op = 0;
    while (op < GTCNN_OP_COUNT && strcmp(op_names[op], name) != 0)
        op++;
    return (enum gtcnn_op)op;
}

enum gtcnn_status gtcnn_err_set(struct gtcnn_err *err, enum gtcnn_status status, const char *format, ...)
{
    if (err) {
        int saved = errno;
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->status = status;
        errno = saved;
    }
    return status;
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

struct gtcnn_graph *gtcnn_graph_new(void)
{
    struct gtcnn_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return NULL;
    if (getrandom(&graph->hash_key, sizeof graph->hash_key, GRND_NONBLOCK) != sizeof graph->hash_key)
        graph->hash_key = (uintptr_t)graph;
    graph->phi = NAN;
    graph->weights = "file";
    graph->input = graph->output = -1;
    return graph;
}

void gtcnn_graph_free(struct gtcnn_graph *graph)
{
    if (!graph)
        return;
    for (uint32_t i = 0; i < graph->tensor_count; i++) {
        free(graph->tensors[i].name);
        free(graph->tensors[i].data);
    }
    for (uint32_t i = 0; i < graph->node_count; i++) {
        free(graph->nodes[i].name);
        free(graph->nodes[i].inputs);
    }
    gtcnn_store_free(graph->store);
    free(graph->tensors);
    free(graph->nodes);
    free(graph->buckets);
    free(graph->name);
    free(graph->family);
    free(graph);
}

/* --- the hash of names: open addressing, linear probing, at most half full, -1 is empty -------------------------------------
 */

/* FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv), folded; keyed, so that no file can be made to collide. */
static uint32_t hash_name(uint64_t key, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ key;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return (uint32_t)(hash ^ hash >> 32);
}

/* The bucket that holds the name, or the empty one where it belongs. */
static uint32_t find_bucket(const struct gtcnn_graph *graph, const char *name)
{
    uint32_t mask = graph->bucket_count - 1, at = hash_name(graph->hash_key, name) & mask;
    while (graph->buckets[at] >= 0 && strcmp(graph->tensors[graph->buckets[at]].name, name) != 0)
        at = (at + 1) & mask;
    return at;
}

/* Puts every tensor into a table of `count` buckets (a power of two); false when memory is out. */
static bool rehash(struct gtcnn_graph *graph, uint32_t count)
{
    int *buckets = malloc(count * sizeof *buckets);
    if (!buckets)
        return false;
    memset(buckets, -1, count * sizeof *buckets);
    free(graph->buckets);
    graph->buckets = buckets;
    graph->bucket_count = count;
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        graph->buckets[find_bucket(graph, graph->tensors[i].name)] = (int)i;
    return true;
}

int gtcnn_graph_find_tensor(const struct gtcnn_graph *graph, const char *name)
{
    return graph->bucket_count ? graph->buckets[find_bucket(graph, name)] : -1;
}

bool gtcnn_op_renames(enum gtcnn_op op)
{
    return op == GTCNN_OP_IDENTITY || op == GTCNN_OP_DROPOUT;
}

void gtcnn_graph_find_aliases(const struct gtcnn_graph *graph, int *alias)
{
    for (uint32_t t = 0; t < graph->tensor_count; t++)
        alias[t] = (int)t;
    for (uint32_t n = 0; n < graph->node_count; n++) /* in topological order: the input's is known */
        if (gtcnn_op_renames(graph->nodes[n].op))
            alias[graph->nodes[n].output] = alias[graph->nodes[n].inputs[0]];
}

/* --- growth ------------------------------------------------------------------------------------------------------------------
 */

/* Room for one more element, doubling; false when memory is out or the count would leave an int's range. */
static bool make_room(void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity ? *capacity * 2 : 32;
    void *grown = wanted > INT32_MAX / 2 ? NULL : realloc(*items, wanted * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

/* A name that no tensor has, from the count. */
static char *make_up_name(const struct gtcnn_graph *graph)
{
    char text[32];
    uint32_t n = graph->tensor_count;
    do
        snprintf(text, sizeof text, "tensor_%u", n++);
    while (gtcnn_graph_find_tensor(graph, text) >= 0);
    return strdup(text);
}

int gtcnn_graph_add_tensor(struct gtcnn_graph *graph, const char *name, enum gtcnn_dtype dtype)
{
    if (name && (!*name || gtcnn_graph_find_tensor(graph, name) >= 0))
        return -1;
    if (!make_room((void **)&graph->tensors, graph->tensor_count, &graph->tensor_capacity, sizeof *graph->tensors))
        return -1;
    if (graph->bucket_count < 2 * graph->tensor_capacity && !rehash(graph, 2 * graph->tensor_capacity))
        return -1;
    char *own = name ? strdup(name) : make_up_name(graph);
    if (!own)
        return -1;
    graph->tensors[graph->tensor_count] = (struct gtcnn_tensor){.name = own, .dtype = dtype};
    graph->buckets[find_bucket(graph, own)] = (int)graph->tensor_count;
    return (int)graph->tensor_count++;
}

/* ONNX's defaults, by the operators' specification; those that depend on the operator last. */
struct gtcnn_attr gtcnn_attr_default(enum gtcnn_op op)
{
    struct gtcnn_attr attr = {
        .stride = {1, 1},
        .dilation = {1, 1},
        .group = 1,
        .alpha = op == GTCNN_OP_HARDSIGMOID ? 0.2f : 1.0f,
        .beta = op == GTCNN_OP_HARDSIGMOID ? 0.5f : 1.0f,
        .epsilon = 1e-5f,
        .min = -INFINITY,
        .max = INFINITY,
        .axis = op == GTCNN_OP_SOFTMAX ? -1 : 1,
        .keepdims = true,
        .perm = {-1},
    };
    return attr;
}

int gtcnn_graph_add_node(struct gtcnn_graph *graph, enum gtcnn_op op, const char *name, const int *inputs, uint32_t input_count,
                         int output)
{
    if (!make_room((void **)&graph->nodes, graph->node_count, &graph->node_capacity, sizeof *graph->nodes))
        return -1;
    char *own = strdup(name);
    int *copy = malloc((input_count ? input_count : 1) * sizeof *copy);
    if (!own || !copy) {
        free(own);
        free(copy);
        return -1;
    }
    if (input_count)
        memcpy(copy, inputs, input_count * sizeof *copy);
    graph->nodes[graph->node_count] = (struct gtcnn_node){
        .op = op, .name = own, .attr = gtcnn_attr_default(op), .input_count = input_count, .inputs = copy, .output = output};
    return (int)graph->node_count++;
}

/* --- whole-graph operations
 * ---------------------------------------------------------------------------------------------------- */

static void mark_used(const struct gtcnn_graph *graph, int *map)
{
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        map[i] = -1;
    if (graph->input >= 0)
        map[graph->input] = 0;
    if (graph->output >= 0)
        map[graph->output] = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct gtcnn_node *node = &graph->nodes[i];
        map[node->output] = 0;
        for (uint32_t k = 0; k < node->input_count; k++)
            if (node->inputs[k] >= 0)
                map[node->inputs[k]] = 0;
    }
}

/* Moves the used tensors together; map[] gets each one's new index. */
static void compact(struct gtcnn_graph *graph, int *map)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < graph->tensor_count; i++) {
        if (map[i] < 0) {
            free(graph->tensors[i].name);
            free(graph->tensors[i].data);
            continue;
        }
        map[i] = (int)kept;
        graph->tensors[kept++] = graph->tensors[i];
    }
    graph->tensor_count = kept;
}

enum gtcnn_status gtcnn_graph_prune(struct gtcnn_graph *graph)
{
    if (graph->tensor_count == 0)
        return GTCNN_OK;
    int *map = malloc(graph->tensor_count * sizeof *map);
    if (!map)
        return GTCNN_E_NOMEM;
    mark_used(graph, map);
    compact(graph, map);
    if (graph->input >= 0)
        graph->input = map[graph->input];
    if (graph->output >= 0)
        graph->output = map[graph->output];
    for (uint32_t i = 0; i < graph->node_count; i++) {
        struct gtcnn_node *node = &graph->nodes[i];
        node->output = map[node->output];
        for (uint32_t k = 0; k < node->input_count; k++)
            if (node->inputs[k] >= 0)
                node->inputs[k] = map[node->inputs[k]];
    }
    free(map);
    memset(graph->buckets, -1, graph->bucket_count * sizeof *graph->buckets);
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        graph->buckets[find_bucket(graph, graph->tensors[i].name)] = (int)i;
    return GTCNN_OK;
}

static bool outline_tensors(struct gtcnn_graph *copy, const struct gtcnn_graph *graph)
{
    for (uint32_t i = 0; i < graph->tensor_count; i++) {
        const struct gtcnn_tensor *from = &graph->tensors[i];
        if (gtcnn_graph_add_tensor(copy, from->name, from->dtype) < 0)
            return false;
        struct gtcnn_tensor *to = &copy->tensors[i];
        to->shape = from->shape;
        to->shape_known = from->shape_known;
        to->external = from->external;
    }
    return true;
}

static bool outline_nodes(struct gtcnn_graph *copy, const struct gtcnn_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct gtcnn_node *from = &graph->nodes[i];
        if (gtcnn_graph_add_node(copy, from->op, from->name, from->inputs, from->input_count, from->output) < 0)
            return false;
        copy->nodes[i].attr = from->attr;
    }
    return true;
}

struct gtcnn_graph *gtcnn_graph_outline(const struct gtcnn_graph *graph)
{
    struct gtcnn_graph *copy = gtcnn_graph_new();
    if (!copy)
        return NULL;
    copy->phi = graph->phi;
    copy->weights = graph->weights;
    copy->opset = graph->opset;
    copy->ir_version = graph->ir_version;
    copy->input = graph->input;
    copy->output = graph->output;
    copy->batch_dynamic = graph->batch_dynamic;
    copy->name = graph->name ? strdup(graph->name) : NULL;
    copy->family = graph->family ? strdup(graph->family) : NULL;
    bool ok = (copy->name || !graph->name) && (copy->family || !graph->family);
    if (!ok || !outline_tensors(copy, graph) || !outline_nodes(copy, graph)) {
        gtcnn_graph_free(copy);
        return NULL;
    }
    return copy;
}

/* --- shapes
 * -------------------------------------------------------------------------------------------------------------------- */

int64_t gtcnn_shape_count(const struct gtcnn_shape *shape)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || __builtin_mul_overflow(count, shape->dim[i], &count))
            return -1;
    return count;
}

char *gtcnn_shape_text(char *out, size_t size, const struct gtcnn_shape *shape)
{
    if (size == 0)
        return out;
    snprintf(out, size, "%s", shape->rank ? "" : "scalar");
    size_t used = 0;
    for (uint32_t i = 0; i < shape->rank && used < size; i++) {
        char dim[24];
        snprintf(dim, sizeof dim, shape->dim[i] < 0 ? "?" : "%lld", (long long)shape->dim[i]);
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "x" : "", dim);
    }
    return out;
}
