/* A gtcnn_model_keep that fails, wherever memory runs out, leaves the model as it was. */
#include "tests/unit/runtime_layers.h"

#include <unistd.h>

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 1 /* the sanitizer's, which this program may not stand in front of */
#else
#define OWN_ALLOCATOR 0

/* The C library's, below the names that this program takes. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static long left = -1; /* allocations that still succeed; negative: all do */

static bool refused(void)
{
    if (left == 0)
        return true;
    left -= left > 0;
    return false;
}

void *malloc(size_t size)
{
    return refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return refused() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return refused() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
    return realloc(old, n * size); /* nothing here is so large that the product overflows */
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : __libc_memalign(alignment, size);
}
#endif

enum { PIXELS = 14 * 14, CLASSES = 10 };

static struct gtcnn_model *open_model(const char *name)
{
    struct gtcnn_options options = {sizeof options, 1, 2};
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_model_open(name, &options, &model, &err))
        fail_msg("%s", err.text);
    return model;
}

static enum gtcnn_status keep_with(struct gtcnn_model *model, long allocations, struct gtcnn_err *err)
{
#if OWN_ALLOCATOR
    (void)allocations;
#else
    left = allocations;
#endif
    enum gtcnn_status status = gtcnn_model_keep(model, "stem.conv.bn", err);
#if !OWN_ALLOCATOR
    left = -1;
#endif
    return status;
}

/* The same pointers, which still say the same: sums over all of it show it, and tell a sanitizer. */
static void assert_unchanged(const struct gtcnn_model_info *now, const struct gtcnn_model_info *before)
{
    uint64_t macs = 0, members = 0;
    assert_memory_equal(now, before, sizeof *now);
    for (uint32_t u = 0; u < before->unit_count; u++) {
        const struct gtcnn_unit *unit = &before->units[u];
        assert_int_equal(unit->index, u);
        assert_ptr_equal(unit->model, now);
        assert_true(layers_names_a_member(unit));
        macs += unit->macs;
        members += unit->member_count;
    }
    assert_int_equal(macs, before->macs);
    assert_true(members > before->unit_count);
}

static void try_every_allocation(const char *name)
{
    float *x = direct_noise(PIXELS), wanted[CLASSES], y[CLASSES];
    double exact[CLASSES];
    struct gtcnn_model *reference = open_model(name);
    assert_int_equal(gtcnn_infer(reference, x, wanted, 1), GTCNN_OK);
    gtcnn_model_close(reference);
    for (int c = 0; c < CLASSES; c++)
        exact[c] = wanted[c];
    enum gtcnn_status status = GTCNN_E_NOMEM;
    for (long allocations = 0; status != GTCNN_OK; allocations++) {
        struct gtcnn_model *model = open_model(name);
        struct gtcnn_model_info before = *gtcnn_model_info(model);
        struct gtcnn_err err = {0};
        status = keep_with(model, allocations, &err);
        if (status) {
            assert_int_equal(status, GTCNN_E_NOMEM);
            assert_non_null(strstr(err.text, "memory"));
            assert_unchanged(gtcnn_model_info(model), &before);
        } else {
            assert_true(allocations > 20); /* it was tried at every one */
            assert_true(gtcnn_model_info(model)->unit_count > before.unit_count);
        }
        bool kept = status == GTCNN_OK || allocations % 2;
        if (allocations % 2)
            assert_int_equal(gtcnn_model_keep(model, "stem.conv.bn", &err), GTCNN_OK); /* it may be asked again */
        assert_int_equal(gtcnn_infer(model, x, y, 1), GTCNN_OK);
        if (kept) /* other layers are fused then */
            direct_assert_near(y, exact, CLASSES, "kept");
        else
            assert_memory_equal(y, wanted, sizeof y);
        gtcnn_model_close(model);
    }
    free(x);
}

/* A built-in model, whose weights are in memory, and its file, from which they are read again. */
static void a_failed_keep_changes_nothing(void **state)
{
    (void)state;
    if (OWN_ALLOCATOR) {
        print_message("skipped: the sanitizer's allocator does not fail on demand\n");
        skip();
    }
    char path[64];
    struct gtcnn_err err = {0};
    struct gtcnn_model *model = open_model("fashion/b0");
    snprintf(path, sizeof path, "/tmp/gtcnn-keep.%d.onnx", (int)getpid());
    if (gtcnn_model_export(model, path, &err))
        fail_msg("%s", err.text);
    gtcnn_model_close(model);
    try_every_allocation("fashion/b0");
    try_every_allocation(path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_keep_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
