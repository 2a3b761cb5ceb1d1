/* The public interface over versions: options of an older caller, flags, and what the model says of how it is executed. */
#include "runtime/gtcnn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "fashion/b0"
enum { PIXELS = 14 * 14, CLASSES = 10, VERSION_1_BYTES = 12 };

#if defined(__LP64__)
/* Who was built with version 1 indexes arrays of these by their sizes, and finds the members of a model's description. */
enum { VERSION_1_UNIT = 216, VERSION_1_LAYER = 288, VERSION_1_INFO = 336 };
_Static_assert(sizeof(struct gtcnn_unit) == VERSION_1_UNIT, "units are an array that readers of other versions index");
_Static_assert(sizeof(struct gtcnn_layer) == VERSION_1_LAYER, "so are layers");
_Static_assert(offsetof(struct gtcnn_model_info, isa) == VERSION_1_INFO, "what version 2 brought stands behind version 1");
#endif
_Static_assert(offsetof(struct gtcnn_options, flags) == VERSION_1_BYTES, "likewise");

static struct gtcnn_model *open_with(const struct gtcnn_options *options)
{
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_model_open(MODEL, options, &model, &err))
        fail_msg("%s", err.text);
    return model;
}

static struct gtcnn_model *open_flags(uint32_t flags)
{
    struct gtcnn_options options = {.struct_bytes = sizeof options, .flags = flags};
    return open_with(&options);
}

static uint64_t sum_unit_bytes(const struct gtcnn_model_info *info)
{
    uint64_t n = 0;
    for (uint32_t u = 0; u < info->unit_count; u++)
        n += info->unit_bytes[u];
    return n;
}

/* A caller of version 1 has a struct of 12 bytes, and whatever lies behind it. */
static void options_of_an_older_caller_have_no_flags(void **state)
{
    (void)state;
    struct gtcnn_options options = {.struct_bytes = VERSION_1_BYTES, .batch = 3, .threads = 2, .flags = UINT32_MAX};
    struct gtcnn_model *model = open_with(&options), *plain = open_flags(0);
    assert_int_equal(gtcnn_model_info(model)->batch, 3);
    assert_int_equal(gtcnn_model_info(model)->threads, 2);
    assert_int_equal(gtcnn_model_info(model)->fused, gtcnn_model_info(plain)->fused);
    gtcnn_model_close(model);
    gtcnn_model_close(plain);
}

static void unknown_flags_are_refused(void **state)
{
    (void)state;
    struct gtcnn_options options = {.struct_bytes = sizeof options, .flags = GTCNN_BY_LAYER | 0x100};
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_model_open(MODEL, &options, &model, &err), GTCNN_E_ARG);
    assert_null(model);
    assert_non_null(strstr(err.text, "0x101"));
}

static void infer(struct gtcnn_model *model, float *y)
{
    float x[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        x[i] = (float)(i * 37 % 101) / 50 - 1;
    assert_int_equal(gtcnn_infer(model, x, y, 1), GTCNN_OK);
}

static void by_layer_is_told_and_computes_the_same(void **state)
{
    (void)state;
    struct gtcnn_model *blocks = open_flags(0), *layers = open_flags(GTCNN_BY_LAYER);
    const struct gtcnn_model_info *b = gtcnn_model_info(blocks), *l = gtcnn_model_info(layers);
    assert_int_equal(l->struct_bytes, sizeof *l);
    assert_int_equal(l->api_version, 2);
    assert_int_equal(l->fused, 0);
    assert_string_equal(l->isa, b->isa);
    assert_int_equal(b->fused, strcmp(b->isa, "c") != 0);
    if (b->fused) {
        assert_true(l->unit_count > b->unit_count);
        assert_true(sum_unit_bytes(l) > sum_unit_bytes(b)); /* what a block keeps for itself is not in memory */
        assert_non_null(strstr(l->build, ", by layer"));
    }
    assert_null(strstr(b->build, "by layer"));
    float got[CLASSES], wanted[CLASSES];
    infer(blocks, got);
    infer(layers, wanted);
    for (int i = 0; i < CLASSES; i++)
        assert_true(got[i] - wanted[i] < 1e-4f && wanted[i] - got[i] < 1e-4f);
    gtcnn_model_close(blocks);
    gtcnn_model_close(layers);
}

/* Where the processor has it: in less memory, not far off, and told. Elsewhere it is refused, never replaced. */
static void fewer_bits_come_only_when_asked_for(void **state)
{
    (void)state;
    struct gtcnn_options options = {.struct_bytes = sizeof options, .flags = GTCNN_BF16};
    struct gtcnn_model *narrow = NULL, *plain = open_flags(0);
    struct gtcnn_err err = {0};
    assert_string_equal(gtcnn_model_info(plain)->precision, "fp32");
    enum gtcnn_status status = gtcnn_model_open(MODEL, &options, &narrow, &err);
    if (status) {
        assert_int_equal(status, GTCNN_E_ARG);
        assert_non_null(strstr(err.text, "bf16"));
    } else {
        struct gtcnn_peaks peaks = {.struct_bytes = sizeof peaks};
        float got[CLASSES], wanted[CLASSES];
        assert_string_equal(gtcnn_model_info(narrow)->precision, "bf16");
        assert_true(sum_unit_bytes(gtcnn_model_info(narrow)) < sum_unit_bytes(gtcnn_model_info(plain)));
        assert_int_equal(gtcnn_measure_peaks(&options, &peaks, &err), GTCNN_OK);
        assert_true(peaks.macs_per_second > 1e6 && peaks.macs_per_second < 1e13);
        infer(narrow, got);
        infer(plain, wanted);
        for (int i = 0; i < CLASSES; i++)
            assert_true(got[i] - wanted[i] < 1 && wanted[i] - got[i] < 1);
    }
    gtcnn_model_close(narrow);
    gtcnn_model_close(plain);
}

/* A plain convolution's are exact: input, weights, bias and output. */
static void bytes_of_a_unit_are_those_of_its_ends(void **state)
{
    (void)state;
    for (uint32_t batch = 1; batch <= 4; batch += 3) {
        struct gtcnn_options options = {.struct_bytes = sizeof options, .batch = batch, .flags = GTCNN_BY_LAYER};
        struct gtcnn_model *model = open_with(&options);
        const struct gtcnn_model_info *info = gtcnn_model_info(model);
        const struct gtcnn_unit *stem = &info->units[0], *last = &info->units[info->unit_count - 1];
        assert_string_equal(stem->name, "stem.conv");
        assert_int_equal(info->unit_bytes[0], 4 * (batch * (PIXELS + 8 * PIXELS) + 8 * 9));
        assert_string_equal(last->op, "Gemm");
        uint64_t features = (uint64_t)last->input.dim[1];
        assert_int_equal(info->unit_bytes[last->index], 4 * (batch * (features + CLASSES) + features * CLASSES + CLASSES));
        gtcnn_model_close(model);
    }
}

static void the_environment_chooses_kernels(void **state)
{
    (void)state;
    const char *before = getenv("GTCNN_ISA");
    char *saved = before ? strdup(before) : NULL;
    setenv("GTCNN_ISA", "c", 1);
    struct gtcnn_model *model = open_flags(0);
    assert_string_equal(gtcnn_model_info(model)->isa, "c");
    assert_int_equal(gtcnn_model_info(model)->fused, 0);
    gtcnn_model_close(model);
    if (saved)
        setenv("GTCNN_ISA", saved, 1);
    else
        unsetenv("GTCNN_ISA");
    free(saved);
}

/* No processor of today multiplies and adds 10^13 times a second by one core, or reads 10 TB: then nothing was computed. */
static void peaks_are_those_of_a_machine(void **state)
{
    (void)state;
    struct gtcnn_err err = {0};
    for (uint32_t threads = 1; threads <= 2; threads++) {
        struct gtcnn_peaks peaks = {.struct_bytes = sizeof peaks};
        struct gtcnn_model *model = open_flags(0);
        struct gtcnn_options options = {.struct_bytes = sizeof options, .threads = threads};
        assert_int_equal(gtcnn_measure_peaks(&options, &peaks, &err), GTCNN_OK);
        assert_int_equal(peaks.struct_bytes, sizeof peaks);
        assert_int_equal(peaks.threads, threads);
        assert_string_equal(peaks.isa, gtcnn_model_info(model)->isa);
        assert_true(peaks.macs_per_second > 1e6 && peaks.macs_per_second < 1e13);
        assert_true(peaks.bytes_per_second > 1e6 && peaks.bytes_per_second < 1e13);
        gtcnn_model_close(model);
    }
    struct gtcnn_peaks peaks = {.struct_bytes = sizeof peaks};
    struct gtcnn_options options = {.struct_bytes = sizeof options, .threads = UINT32_MAX};
    assert_int_equal(gtcnn_measure_peaks(&options, &peaks, &err), GTCNN_E_ARG);
    assert_int_equal(gtcnn_measure_peaks(NULL, &peaks, &err), GTCNN_OK);
    assert_int_equal(peaks.threads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_an_older_caller_have_no_flags),
        cmocka_unit_test(unknown_flags_are_refused),
        cmocka_unit_test(fewer_bits_come_only_when_asked_for),
        cmocka_unit_test(by_layer_is_told_and_computes_the_same),
        cmocka_unit_test(bytes_of_a_unit_are_those_of_its_ends),
        cmocka_unit_test(the_environment_chooses_kernels),
        cmocka_unit_test(peaks_are_those_of_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
