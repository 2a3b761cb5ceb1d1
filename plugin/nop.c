/*
 * libgreentrack-nop.so: interposes what libgreentrack.so interposes in libgtcnn and does nothing but call on. What it costs is
 * the cost of interposition; the rest of libgreentrack.so's overhead is ours.
 */
#include "runtime/gtcnn.h"

#include <dlfcn.h>
#include <stdatomic.h>

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

__attribute__((visibility("default"))) void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    static void *_Atomic kept;
    void (*execute)(const struct gtcnn_unit *, void *) =
        (void (*)(const struct gtcnn_unit *, void *))find(&kept, "gtcnn_unit_execute");
    if (execute)
        execute(unit, context);
}

__attribute__((visibility("default"))) enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input,
                                                                     float *output, uint32_t items)
{
    static void *_Atomic kept;
    enum gtcnn_status (*infer)(struct gtcnn_model *, const float *, float *, uint32_t) =
        (enum gtcnn_status(*)(struct gtcnn_model *, const float *, float *, uint32_t))find(&kept, "gtcnn_infer");
    return infer ? infer(model, input, output, items) : GTCNN_E_UNSUPPORTED;
}
