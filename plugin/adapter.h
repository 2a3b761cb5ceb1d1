/*
 * The contract of an adapter: how one kind of runtime is hooked.
 *
 * An adapter is one file, plugin/adapter_<runtime>.c, the only one that may include that runtime's public header. It exports
 * (GT_EXPORT) functions with the names of the runtime's own, so that the dynamic linker takes them first, and lists them in a
 * `struct gt_adapter`. Each hook is: gt_span_begin; the real function; the slot; gt_span_end. A hook never changes arguments,
 * results or errno, makes no system call in steady state, and does nothing but call on when the span is not live.
 *
 * The real function is found once by gt_adapter_find: RTLD_NEXT alone is not enough, since a host may have loaded the runtime
 * with RTLD_LOCAL (Python does). The object that holds it stays referenced, so that it is never unloaded under a hook.
 *
 * All functions here are thread-safe. Adding a runtime: CONTRIBUTING.md, ARCHITECTURE.md.
 */
#ifndef GT_PLUGIN_ADAPTER_H
#define GT_PLUGIN_ADAPTER_H

#include "core/trace.h"
#include "energy/event.h"

#include <stdbool.h>
#include <stddef.h>

#define GT_EXPORT __attribute__((visibility("default")))

/* One symbol that an adapter interposes. */
struct gt_adapter_symbol {
    const char *name;
    bool required; /* without it the adapter records nothing */
};

struct gt_adapter {
    const char *runtime;                     /* "libgtcnn": the word in PROCESS records */
    const char *soname;                      /* the object that holds the symbols */
    const struct gt_adapter_symbol *symbols; /* ends with a NULL name */
};

/*
 * The real function `name`: in the object with the adapter's soname (dlopen with RTLD_NOLOAD; the reference is kept), else
 * the next one in link order. NULL when the runtime is not loaded. Not for steady state: keep the result.
 */
void *gt_adapter_find(const struct gt_adapter *adapter, const char *name);

/* --- spans ------------------------------------------------------------------------------------------------------------- */

enum gt_span_kind { GT_SPAN_UNIT, GT_SPAN_INFER };

/* One call under way. */
struct gt_span {
    uint64_t t_begin_ns; /* 0: not live, nothing is recorded */
    uint64_t epoch;      /* of the sampler; a span that outlives it (fork, quiesce) is not recorded */
    uint64_t t_end_ns;   /* set by gt_span_end */
    uint64_t nested_ns;  /* of its time, what was told by gt_span_nest; gt_span_begin sets it to 0 */
    uint32_t counted;    /* event counters read at its begin; 0: none */
    struct gt_event_count counts[GT_UNIT_TERMS];
};

/* Starts the sampler when this is the first unit. True when the span is live. errno is preserved. */
bool gt_span_begin(struct gt_span *span, enum gt_span_kind kind);

/* Now, as in `t_begin_ns`: a hook that had to look something up first takes it anew. */
uint64_t gt_span_now(void);

/* Records the row. GT_SLOT_NONE: counted as lost. items: of an inference, 0 for a unit. errno is preserved. */
void gt_span_end(struct gt_span *span, uint32_t slot, uint32_t items);

/* As gt_span_end with a begin of its own: inferences that are told by their first and last unit. */
void gt_span_end_from(struct gt_span *span, uint64_t t_begin_ns, uint32_t slot, uint32_t items);

/* So much of the innermost region that is open on this thread was a unit's or an inference's that ran right inside it: that
 * span's, which has ended. */
void gt_span_nest(const struct gt_span *span);

/* --- models ------------------------------------------------------------------------------------------------------------ */

#define GT_SLOT_NONE UINT32_C(0xffffffff)

/* What identifies a model across its instances: same content, same binding, executed in the same way. */
struct gt_model_key {
    uint8_t digest[32];
    uint32_t batch, threads, units;
    uint64_t variant; /* a hash of what else the runtime may do with the same content: precision, kernels, fusing; 0: nothing */
};

/* Fields of a description under way, in the plugin's own memory. */
struct gt_describe;
void gt_describe_begin(struct gt_describe *d, enum gt_trace_type type);
void gt_describe_u64(struct gt_describe *d, enum gt_trace_key key, uint64_t value);
void gt_describe_f64(struct gt_describe *d, enum gt_trace_key key, double value);
void gt_describe_string(struct gt_describe *d, enum gt_trace_key key, const char *text); /* NULL: left out */
void gt_describe_bytes(struct gt_describe *d, enum gt_trace_key key, const void *bytes, size_t n);
void gt_describe_end(struct gt_describe *d);

/* Inside `describe`: what the PROCESS record says of the runtime. Strings are cut at 32, 256 and 16 bytes; NULL: unknown. */
void gt_describe_runtime(const char *name, const char *version, const char *precision, uint32_t threads);

/*
 * First slot of the model with that process-unique id, or GT_SLOT_NONE while it cannot be told. An id that is not known yet is
 * looked up by key; a model that is not known either gets key->units slots and is described by `describe`, which writes
 * its MODEL and UNIT records with the slots `first` ... (called at most once per model and sampler, under the registry's lock).
 */
uint32_t gt_model_slot(uint64_t uid, const struct gt_model_key *key,
                       void (*describe)(struct gt_describe *d, uint32_t first, const void *context), const void *context);

/* The same in steady state: known ids alone, else GT_SLOT_NONE. */
uint32_t gt_model_slot_known(uint64_t uid);

#endif
