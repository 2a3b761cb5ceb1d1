/* Slots: the same content has the same ones, whatever the id; descriptions come out as they went in; nothing overflows. */
#include "plugin/registry.h"

#include "plugin/adapter.h"
#include "plugin/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int described;

static void describe(struct gt_describe *d, uint32_t first, const void *context)
{
    described++;
    gt_describe_begin(d, GT_TRACE_MODEL);
    gt_describe_u64(d, GT_KEY_UNIT_SLOT, first);
    gt_describe_string(d, GT_KEY_NAME, context);
    gt_describe_end(d);
}

static void describe_too_much(struct gt_describe *d, uint32_t first, const void *context)
{
    (void)first;
    gt_describe_begin(d, GT_TRACE_MODEL);
    for (int i = 0; i < GT_DESCRIBE_BYTES / 1000 + 1; i++)
        gt_describe_bytes(d, GT_KEY_TEXT, context, 1000);
    gt_describe_end(d);
}

static struct gt_model_key key_of(uint8_t byte, uint32_t units)
{
    struct gt_model_key key = {.batch = 1, .threads = 1, .units = units};
    memset(key.digest, byte, sizeof key.digest);
    return key;
}

static int fresh(void **state)
{
    (void)state;
    memset(&gt_state.registry, 0, sizeof gt_state.registry);
    described = 0;
    return 0;
}

static void the_same_content_has_the_same_slots(void **state)
{
    (void)state;
    struct gt_model_key a = key_of(1, 10), b = key_of(2, 5);
    assert_int_equal(gt_model_slot_known(7), GT_SLOT_NONE);
    assert_int_equal(gt_model_slot(7, &a, describe, "a"), 0);
    assert_int_equal(gt_model_slot(8, &b, describe, "b"), 10);
    assert_int_equal(gt_model_slot(9, &a, describe, "a"), 0); /* closed and opened again: a new id */
    assert_int_equal(gt_model_slot_known(9), 0);
    assert_int_equal(gt_model_slot_known(8), 10);
    a.batch = 4; /* another binding is another model */
    assert_int_equal(gt_model_slot(10, &a, describe, "a"), 15);
    a.variant = 7; /* so is one in other units, or other kernels */
    assert_int_equal(gt_model_slot(11, &a, describe, "a"), 25);
    assert_int_equal(gt_model_slot(12, &a, describe, "a"), 25);
    assert_int_equal(described, 4);
}

/* A host that opens and closes models for ever: ids collide in the table and are found by content again. */
static void many_ids_of_few_models(void **state)
{
    (void)state;
    for (uint64_t uid = 1; uid <= 20 * GT_MODEL_IDS; uid++) {
        struct gt_model_key key = key_of((uint8_t)(uid % 3), 4);
        uint32_t wanted = gt_model_slot(uid, &key, describe, "m");
        assert_int_equal(gt_model_slot_known(uid), wanted);
    }
    assert_int_equal(described, 3);
    for (int i = 0; i < 2 * GT_MODELS; i++) { /* and of too many */
        struct gt_model_key key = key_of((uint8_t)i, 1000 + (uint32_t)i);
        uint32_t slot = gt_model_slot((uint64_t)i + 1000000, &key, describe, "m");
        assert_true(slot == GT_SLOT_NONE || slot < GT_RING_SLOT_OTHER);
    }
    assert_int_equal(described, GT_MODELS);
}

static void descriptions_come_out_in_order(void **state)
{
    (void)state;
    struct gt_model_key a = key_of(1, 1), b = key_of(2, 1), c = key_of(3, 1);
    uint32_t type, bytes;
    gt_model_slot(1, &a, describe, "first");
    gt_model_slot(2, &b, describe, "second, longer");
    const unsigned char *fields = gt_registry_next(&type, &bytes);
    assert_int_equal(type, GT_TRACE_MODEL);
    assert_int_equal(bytes, 12 + 4 + 8);
    assert_memory_equal(fields + 16, "first", 5);
    gt_registry_reuse(); /* the second is not written yet: its place must stay */
    fields = gt_registry_next(&type, &bytes);
    assert_memory_equal(fields + 16, "second, longer", 14);
    assert_null(gt_registry_next(&type, &bytes));
    gt_registry_reuse();
    assert_int_equal(atomic_load(&gt_state.registry.described), 0);
    /* one that does not fit leaves nothing, and the next one does */
    static const char big[1000];
    assert_int_equal(gt_model_slot(3, &c, describe_too_much, big), GT_SLOT_NONE);
    assert_null(gt_registry_next(&type, &bytes));
    assert_int_equal(gt_model_slot(3, &c, describe, "third"), 2);
    assert_non_null(gt_registry_next(&type, &bytes));
}

static void regions_are_known_by_name(void **state)
{
    (void)state;
    char name[32], longer[200];
    uint32_t a = gt_region_slot("a"), b = gt_region_slot("b");
    assert_true(a != b);
    strcpy(name, "a"); /* another address */
    assert_int_equal(gt_region_slot(name), a);
    memset(longer, 'x', sizeof longer - 1);
    longer[199] = 0;
    uint32_t cut = gt_region_slot(longer);
    longer[150] = 'y';
    assert_int_equal(gt_region_slot(longer), cut);
    for (int i = 0; i < 2 * GT_REGIONS; i++) {
        snprintf(name, sizeof name, "region %d", i);
        uint32_t slot = gt_region_slot(name);
        assert_true(slot == GT_SLOT_NONE || slot < 2 * GT_REGIONS);
    }
    assert_int_equal(gt_region_slot("one too many"), GT_SLOT_NONE);
    assert_int_equal(gt_region_slot("b"), b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_same_content_has_the_same_slots, fresh),
        cmocka_unit_test_setup(many_ids_of_few_models, fresh),
        cmocka_unit_test_setup(descriptions_come_out_in_order, fresh),
        cmocka_unit_test_setup(regions_are_known_by_name, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
