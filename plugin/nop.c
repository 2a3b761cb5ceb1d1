/*
 * libgreentrack-nop.so: interposes what libgreentrack.so interposes in libgtcnn and does nothing but call on. What it costs is
 * the cost of interposition; the rest of libgreentrack.so's overhead is ours.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

static void *find(void *_Atomic *kept, const char *name)
{
    void *function = atomic_load_explicit(kept, memory_order_acquire);
    if (!function) {
        void *object = dlopen("libgtcnn.so.1", RTLD_LAZY | RTLD_NOLOAD);
        function = object ? dlsym(object, name) : dlsym(RTLD_NEXT, name);
        atomic_store_explicit(kept, function, memory_order_release);
    }
    return function;
}

/* As in the runtime's header, which only adapters may include; a status is an int. GTCNN_E_UNSUPPORTED is -6. */
struct gtcnn_unit;
struct gtcnn_model;
typedef void unit_execute_fn(const struct gtcnn_unit *unit, void *context);
typedef int infer_fn(struct gtcnn_model *model, const float *input, float *output, uint32_t items);

#define GT_EXPORT __attribute__((visibility("default")))
GT_EXPORT unit_execute_fn gtcnn_unit_execute;
GT_EXPORT infer_fn gtcnn_infer;

void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    static void *_Atomic kept;
    unit_execute_fn *execute = (unit_execute_fn *)find(&kept, "gtcnn_unit_execute");
    if (execute)
        execute(unit, context);
}

int gtcnn_infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items)
{
    enum { UNSUPPORTED = -6 };
    static void *_Atomic kept;
    infer_fn *infer = (infer_fn *)find(&kept, "gtcnn_infer");
    return infer ? infer(model, input, output, items) : UNSUPPORTED;
}
