/*
 * Adapter for libgtcnn: gtcnn_unit_execute and gtcnn_infer.
 *
 * A host that looked gtcnn_infer up by dlsym (as ctypes does) calls the runtime's own; then an inference is told by its first
 * and its last unit, with the batch as its items.
 */
#include "plugin/adapter.h"
#include "runtime/gtcnn.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

typedef void unit_execute_fn(const struct gtcnn_unit *, void *);
typedef enum gtcnn_status infer_fn(struct gtcnn_model *, const float *, float *, uint32_t);
typedef const struct gtcnn_model_info *model_info_fn(const struct gtcnn_model *);

enum symbol { UNIT_EXECUTE, INFER, MODEL_INFO, SYMBOLS };

static const struct gt_adapter_symbol symbols[SYMBOLS + 1] = {
    [UNIT_EXECUTE] = {"gtcnn_unit_execute", true},
    [INFER] = {"gtcnn_infer", false},
    [MODEL_INFO] = {"gtcnn_model_info", false},
};
static const struct gt_adapter adapter = {"libgtcnn", "libgtcnn.so.1", symbols};

/*
 * Under way on this thread. A host may leave gtcnn_infer by longjmp (or a C++ exception): then `frame` stays, and is known to
 * be stale when something is called from further out. The stack grows down.
 */
struct call {
    const char *frame;   /* of the gtcnn_infer that came through the hook; NULL: none */
    bool began;          /* its first unit has come */
    uint64_t implied_ns; /* begin of an inference that did not; 0: none */
    uint64_t implied_uid;
};
static __thread struct call call __attribute__((tls_model("initial-exec")));

static void *real(enum symbol symbol)
{
    static void *_Atomic found[SYMBOLS];
    void *function = atomic_load_explicit(&found[symbol], memory_order_acquire);
    if (!function) {
        int saved = errno;
        function = gt_adapter_find(&adapter, symbols[symbol].name);
        atomic_store_explicit(&found[symbol], function, memory_order_release);
        errno = saved;
    }
    return function;
}

/* --- descriptions ----------------------------------------------------------------------------------------------------------
 */

static void describe_shape(struct gt_describe *d, enum gt_trace_key key, const struct gtcnn_shape *shape)
{
    char text[GTCNN_MAX_RANK * 21 + 1], digits[20];
    size_t used = 0;
    for (uint32_t i = 0; i < shape->rank && i < GTCNN_MAX_RANK; i++) {
        uint64_t value = shape->dim[i] > 0 ? (uint64_t)shape->dim[i] : 0;
        int n = 0;
        do
            digits[n++] = (char)('0' + value % 10);
        while ((value /= 10) != 0);
        if (i > 0)
            text[used++] = 'x';
        while (n > 0)
            text[used++] = digits[--n];
    }
    text[used] = 0;
    if (used > 0)
        gt_describe_string(d, key, text);
}

static void describe_unit(struct gt_describe *d, const struct gtcnn_unit *unit, uint32_t slot)
{
    gt_describe_begin(d, GT_TRACE_UNIT);
    gt_describe_u64(d, GT_KEY_MODEL_ID, unit->model_uid);
    gt_describe_u64(d, GT_KEY_UNIT_SLOT, slot);
    gt_describe_u64(d, GT_KEY_UNIT_INDEX, unit->index);
    gt_describe_string(d, GT_KEY_NAME, unit->name);
    gt_describe_string(d, GT_KEY_OP, unit->op);
    gt_describe_u64(d, GT_KEY_MACS, unit->macs);
    gt_describe_u64(d, GT_KEY_PARAMS, unit->params);
    describe_shape(d, GT_KEY_SHAPE_IN, &unit->input);
    describe_shape(d, GT_KEY_SHAPE_OUT, &unit->output);
    for (uint32_t i = 0; i < unit->member_count; i++) {
        gt_describe_string(d, GT_KEY_MEMBER_NAME, unit->members[i]->name);
        gt_describe_string(d, GT_KEY_MEMBER_OP, unit->members[i]->op);
        gt_describe_u64(d, GT_KEY_MEMBER_MACS, unit->members[i]->macs);
        gt_describe_u64(d, GT_KEY_MEMBER_PARAMS, unit->members[i]->params);
        gt_describe_u64(d, GT_KEY_MEMBER_BYTES, unit->members[i]->bytes);
    }
    gt_describe_end(d);
}

/* A runtime of interface version 1 does not say it. */
static bool says_fused(const struct gtcnn_model_info *info)
{
    return info->struct_bytes >= offsetof(struct gtcnn_model_info, fused) + sizeof info->fused;
}

/* Without what FUSED says: runs that differ in nothing else are of one build. */
static size_t build_length(const struct gtcnn_model_info *info)
{
    static const char by_layer[] = ", by layer";
    size_t n = info->build ? strnlen(info->build, 120) : 0, tail = sizeof by_layer - 1;
    return says_fused(info) && n > tail && memcmp(info->build + n - tail, by_layer, tail) == 0 ? n - tail : n;
}

static void describe_version(struct gt_describe *d, const struct gtcnn_model_info *info)
{
    char text[256];
    size_t used = 0;
    const char *parts[] = {info->version, info->build};
    const size_t lengths[] = {info->version ? strnlen(info->version, 120) : 0, build_length(info)};
    for (int i = 0; i < 2; i++) {
        size_t n = lengths[i];
        if (used > 0 && n > 0)
            text[used++] = ' ';
        memcpy(text + used, parts[i] ? parts[i] : "", n);
        used += n;
    }
    text[used] = 0;
    gt_describe_string(d, GT_KEY_RUNTIME, adapter.runtime);
    gt_describe_string(d, GT_KEY_RUNTIME_VERSION, text);
    gt_describe_runtime(adapter.runtime, text, info->precision, info->threads);
}

static void describe_model(struct gt_describe *d, uint32_t first, const void *context)
{
    const struct gtcnn_model_info *info = context;
    gt_describe_begin(d, GT_TRACE_MODEL);
    gt_describe_u64(d, GT_KEY_MODEL_ID, info->uid);
    gt_describe_u64(d, GT_KEY_UNIT_SLOT, first);
    gt_describe_string(d, GT_KEY_NAME, info->name);
    gt_describe_string(d, GT_KEY_FAMILY, info->family);
    if (!isnan(info->phi))
        gt_describe_f64(d, GT_KEY_PHI, info->phi);
    gt_describe_bytes(d, GT_KEY_DIGEST, info->digest, sizeof info->digest);
    gt_describe_string(d, GT_KEY_WEIGHTS, info->weights);
    gt_describe_u64(d, GT_KEY_MACS, info->macs);
    gt_describe_u64(d, GT_KEY_PARAMS, info->params);
    gt_describe_u64(d, GT_KEY_UNITS, info->unit_count);
    gt_describe_u64(d, GT_KEY_BATCH, info->batch);
    gt_describe_u64(d, GT_KEY_THREADS, info->threads);
    gt_describe_string(d, GT_KEY_PRECISION, info->precision);
    if (says_fused(info))
        gt_describe_u64(d, GT_KEY_FUSED, info->fused != 0);
    describe_version(d, info);
    gt_describe_end(d);
    for (uint32_t i = 0; i < info->unit_count; i++)
        describe_unit(d, &info->units[i], first + i);
}

/* FNV-1a of the text with its terminator. */
static uint64_t mixed(uint64_t hash, const char *text)
{
    size_t n = text ? strnlen(text, 256) : 0;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return hash * UINT64_C(1099511628211);
}

/* One file may be executed in several ways by one process: its units are not the same then, nor is what they cost. */
static uint64_t variant_of(const struct gtcnn_model_info *info)
{
    return mixed(mixed(UINT64_C(14695981039346656037), info->precision), info->build);
}

static uint32_t first_slot(const struct gtcnn_model_info *info)
{
    uint32_t slot = gt_model_slot_known(info->uid);
    if (slot != GT_SLOT_NONE)
        return slot;
    struct gt_model_key key = {
        .batch = info->batch, .threads = info->threads, .units = info->unit_count, .variant = variant_of(info)};
    memcpy(key.digest, info->digest, sizeof key.digest);
    return gt_model_slot(info->uid, &key, describe_model, info);
}

/* --- hooks -----------------------------------------------------------------------------------------------------------------
 */

static uint32_t infer_slot(const struct gtcnn_model_info *info)
{
    uint32_t slot = info ? first_slot(info) : GT_SLOT_NONE;
    return slot == GT_SLOT_NONE ? slot : slot | GT_TRACE_SLOT_INFER;
}

static bool in_hooked_infer(const char *frame)
{
    if (call.frame && frame >= call.frame)
        call.frame = NULL;
    return call.frame != NULL;
}

/* Before the real call: the model may be gone after it only if the host closes it from another thread, which is forbidden. */
static void begin_implied(const struct gtcnn_unit *unit, const char *frame, struct gt_span *span)
{
    if (unit->index != 0)
        return;
    if (in_hooked_infer(frame) && !call.began) {
        call.began = true;
        return;
    }
    call.frame = NULL;
    if (!gt_span_begin(span, GT_SPAN_INFER))
        return;
    call.implied_ns = span->t_begin_ns;
    call.implied_uid = unit->model_uid;
}

static void end_implied(const struct gtcnn_unit *unit, const char *frame)
{
    const struct gtcnn_model_info *info = unit->model;
    struct gt_span span;
    if (call.implied_ns == 0 || in_hooked_infer(frame) || call.implied_uid != unit->model_uid ||
        unit->index + 1 != info->unit_count)
        return;
    if (gt_span_begin(&span, GT_SPAN_INFER))
        gt_span_end_from(&span, call.implied_ns, infer_slot(info), info->batch);
    call.implied_ns = 0;
}

GT_EXPORT void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    unit_execute_fn *execute = (unit_execute_fn *)real(UNIT_EXECUTE);
    const char *frame = __builtin_frame_address(0);
    struct gt_span span, implied;
    if (!execute)
        return;
    begin_implied(unit, frame, &implied);
    if (!gt_span_begin(&span, GT_SPAN_UNIT)) {
        execute(unit, context);
        end_implied(unit, frame);
        return;
    }
    uint32_t first = first_slot(unit->model);
    span.t_begin_ns = gt_span_now();
    execute(unit, context);
    gt_span_end(&span, first == GT_SLOT_NONE ? first : first + unit->index, 0);
    if (!in_hooked_infer(frame)) /* else the inference is what a region has inside */
        gt_span_nest(&span);
    end_implied(unit, frame);
}

GT_EXPORT enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items)
{
    infer_fn *infer = (infer_fn *)real(INFER);
    model_info_fn *info_of = (model_info_fn *)real(MODEL_INFO);
    struct call before = call; /* of an inference that a signal handler interrupted to make this one; libgtcnn nests none */
    struct gt_span span;
    if (!infer)
        return GTCNN_E_UNSUPPORTED;
    if (!model || !info_of || !gt_span_begin(&span, GT_SPAN_INFER))
        return infer(model, input, output, items);
    uint32_t slot = infer_slot(info_of(model));
    span.t_begin_ns = gt_span_now();
    call = (struct call){.frame = __builtin_frame_address(0)};
    enum gtcnn_status status = infer(model, input, output, items);
    call = before;
    if (status == GTCNN_OK) {
        gt_span_end(&span, slot, items);
        gt_span_nest(&span);
    }
    return status;
}
