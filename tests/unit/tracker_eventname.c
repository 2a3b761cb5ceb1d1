/* Names of event counters: lists, suggestions, PAPI's derived presets as weighted sums, what several terms say together. */
#include "tracker/eventcount.h"
#include "tracker/papi_presets.h"

#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gt_event_list list;

static void the_default_is_known_everywhere(void **state)
{
    struct gt_err err = {0};
    (void)state;
    assert_int_equal(gt_eventname_list("--counters", GT_EVENTS_DEFAULT, &list, &err), GT_OK);
    assert_int_equal(list.count, 4);
    for (int i = 0; i < list.count; i++)
        assert_true(list.events[i].term_count == 1 && list.events[i].terms[0].type == PERF_TYPE_SOFTWARE);
    assert_int_equal(list.events[1].terms[0].config, PERF_COUNT_SW_PAGE_FAULTS);
    assert_string_equal(list.events[1].terms[0].name, "page-faults");
}

/* libpfm4 says the same of what the kernel counts itself. */
static void libpfm4_encodes_its_names(void **state)
{
    struct gt_err err = {0};
    (void)state;
    assert_int_equal(gt_eventname_list("--counters", "perf::PAGE-FAULTS,page-faults,perf::PAGE-FAULTS", &list, &err), GT_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.events[0].term_count, 1);
    assert_int_equal(list.events[0].terms[0].type, list.events[1].terms[0].type);
    assert_int_equal(list.events[0].terms[0].config, list.events[1].terms[0].config);
}

/* A processor that is not here: known, absent, and the reason is told. libpfm4 has the tables of its own architecture alone. */
static void another_processors_event_is_absent(void **state)
{
    struct gt_err err = {0};
    (void)state;
#ifndef __x86_64__
    print_message("skipped: the name is of an x86 processor\n");
    skip();
#endif
    assert_int_equal(gt_eventname_list("--counters", "netburst::GLOBAL_POWER_EVENTS", &list, &err), GT_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.events[0].term_count, 0);
    assert_non_null(strstr(list.events[0].reason, "libpfm4"));
}

static void lists_that_are_none(void **state)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"page-fault", "--counters: 'page-fault' is no event counter; did you mean page-faults?"},
        {"page-faults,,task-clock", "--counters: names of event counters, separated by commas, or none"},
        {"page-faults,", "--counters: names of event counters, separated by commas, or none"},
        {"task-clock,none", "--counters: 'none' is no event counter"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gt_err err = {0};
        assert_int_equal(gt_eventname_list("--counters", cases[i].text, &list, &err), GT_E_ARG);
        if (strncmp(err.text, cases[i].complaint, strlen(cases[i].complaint)) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    struct gt_err err = {0};
    assert_int_equal(gt_eventname_list("--counters", "none", &list, &err), GT_OK);
    assert_int_equal(list.count, 0);
}

static void derived_presets_are_weighted_sums(void **state)
{
    static const struct {
        const char *derived, *postfix;
        int count;
        int64_t weights[3];
    } sums[] = {
        {"NOT_DERIVED", "", 1, {1}},
        {"DERIVED_ADD", "", 3, {1, 1, 1}},
        {"DERIVED_SUB", "", 3, {1, -1, -1}},
        {"DERIVED_POSTFIX", "N0|N1|+|", 2, {1, 1}},
        {"DERIVED_POSTFIX", "N0|4|N1|*|+|N2|8|*|+", 3, {1, 4, 8}},
        {"DERIVED_POSTFIX", "N0|N1|-|2|*|", 2, {2, -2}},
    };
    static const struct {
        const char *derived, *postfix;
        int count;
    } others[] = {
        {"NOT_DERIVED", "", 2},
        {"DERIVED_PS", "", 2},
        {"DERIVED_CMPD", "", 1},
        {"DERIVED_POSTFIX", "N0|N1|/|", 2},
        {"DERIVED_POSTFIX", "N0|N1|*|", 2}, /* of events with each other */
        {"DERIVED_POSTFIX", "N0|#|*|", 1},  /* the clock's rate */
        {"DERIVED_POSTFIX", "N0|N2|+|", 2}, /* no such native */
        {"DERIVED_POSTFIX", "N0|N1|", 2},   /* two results */
        {"DERIVED_POSTFIX", "N0|5|+|", 1},  /* a constant */
        {"DERIVED_POSTFIX", "+|", 1},
        {"DERIVED_POSTFIX", "", 1},
        {"DERIVED_POSTFIX", "N|", 1},
        {"DERIVED_POSTFIX", "N0|4294967296|*|", 1},
        {"DERIVED_POSTFIX", "N0|2000000000|*|2000000000|*|2000000000|*|", 1}, /* beyond 64 bits */
        {"DERIVED_ADD", "", GT_EVENT_TERMS + 1},
    };
    int64_t weights[GT_EVENT_TERMS];
    (void)state;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        assert_true(gt_papi_weights(sums[i].derived, sums[i].postfix, sums[i].count, weights));
        for (int k = 0; k < sums[i].count; k++)
            assert_int_equal(weights[k], sums[i].weights[k]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (gt_papi_weights(others[i].derived, others[i].postfix, others[i].count, weights))
            fail_msg("taken: %s %s", others[i].derived, others[i].postfix);
}

/* Each term is scaled by its own time; one that never ran leaves nothing known. */
static void terms_are_put_together(void **state)
{
    static const struct gt_event event = {
        .name = "x", .term_count = 2, .terms = {{.name = "x", .weight = 1}, {.name = "x", .weight = -2}}};
    struct gt_event_count counts[] = {{1000, 100, 100}, {30, 100, 50}};
    struct gt_event_value value = {0};
    (void)state;
    assert_true(gt_eventcount_combine(&event, counts, &value));
    assert_int_equal(value.value, 1000 - 2 * 60);
    assert_true(value.enabled_ns == 100 && value.running_ns == 50);
    counts[0].value = UINT64_C(1) << 60; /* exact where nothing was scaled: a double has 53 bits */
    counts[0].value++;
    counts[1] = (struct gt_event_count){0, 100, 100};
    assert_true(gt_eventcount_combine(&event, counts, &value));
    assert_int_equal(value.value, (INT64_C(1) << 60) + 1);
    counts[1].running_ns = 0;
    assert_false(gt_eventcount_combine(&event, counts, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_known_everywhere),    cmocka_unit_test(libpfm4_encodes_its_names),
        cmocka_unit_test(another_processors_event_is_absent), cmocka_unit_test(lists_that_are_none),
        cmocka_unit_test(derived_presets_are_weighted_sums),  cmocka_unit_test(terms_are_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
