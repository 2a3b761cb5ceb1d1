/* The environment as the plugin reads it: defaults, bounds, nonsense. */
#include "plugin/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gt_config config;

static int clear(void **state)
{
    (void)state;
    static const char *const names[] = {"GREENTRACK_SPOOL",       "XDG_STATE_HOME",      "HOME",
                                        "GREENTRACK_RUN",         "GREENTRACK_UNITS",    "GREENTRACK_TRACE_MB",
                                        "GREENTRACK_INTERVAL_US", "GREENTRACK_SPOOL_MB", "GREENTRACK_MODEL"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    return 0;
}

static void the_spool_is_found_in_order(void **state)
{
    (void)state;
    gt_config_read(&config);
    assert_string_equal(config.spool, "");
    setenv("HOME", "/home/a", 1);
    gt_config_read(&config);
    assert_string_equal(config.spool, "/home/a/.local/state/greentrack/spool");
    setenv("XDG_STATE_HOME", "/state", 1);
    gt_config_read(&config);
    assert_string_equal(config.spool, "/state/greentrack/spool");
    setenv("GREENTRACK_SPOOL", "/spool", 1);
    gt_config_read(&config);
    assert_string_equal(config.spool, "/spool");
    setenv("GREENTRACK_SPOOL", "relative", 1); /* the sampler has no current folder to take it from */
    gt_config_read(&config);
    assert_string_equal(config.spool, "/state/greentrack/spool");
}

static void numbers_have_defaults_and_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t interval_ns;
    } cases[] = {{"2000", 2000000}, {"1", 500000},     {"99999999999999999999", 10000000},
                 {"-5", 10000000},  {"10x", 10000000}, {"", 10000000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("GREENTRACK_INTERVAL_US", cases[i].text, 1);
        gt_config_read(&config);
        assert_int_equal(config.interval_ns, cases[i].interval_ns);
    }
    assert_int_equal(config.trace_bytes, 64000000);
    assert_int_equal(config.spool_bytes, 1024000000);
}

/* What is not used is named, once each; what makes sense, or is not given, is not. */
static void values_without_meaning_are_named(void **state)
{
    (void)state;
    setenv("GREENTRACK_UNITS", "on", 1);
    setenv("GREENTRACK_PHI", "-1.5", 1);
    setenv("GREENTRACK_TRACE_MB", "8", 1);
    gt_config_read(&config);
    assert_string_equal(config.ignored, "");
    setenv("GREENTRACK_UNITS", "OFF", 1);
    setenv("GREENTRACK_PHI", "abc", 1);
    setenv("GREENTRACK_TRACE_MB", "-1", 1);
    setenv("GREENTRACK_INTERVAL_US", "abc", 1);
    gt_config_read(&config);
    assert_string_equal(config.ignored, "GREENTRACK_UNITS GREENTRACK_PHI GREENTRACK_INTERVAL_US GREENTRACK_TRACE_MB");
    assert_false(config.units_off);
    assert_int_equal(config.trace_bytes, 64000000);
    unsetenv("GREENTRACK_PHI");
}

static void run_ids_are_32_digits_or_nothing(void **state)
{
    (void)state;
    setenv("GREENTRACK_RUN", "0123456789abcdef0123456789abcdef", 1);
    gt_config_read(&config);
    assert_true(config.in_run);
    assert_int_equal(config.run_id[0], 0x01);
    assert_int_equal(config.run_id[15], 0xef);
    setenv("GREENTRACK_RUN", "0123456789abcdef0123456789abcdeg", 1);
    gt_config_read(&config);
    assert_false(config.in_run);
    setenv("GREENTRACK_RUN", "00000000000000000000000000000000", 1);
    gt_config_read(&config);
    assert_false(config.in_run);
    setenv("GREENTRACK_RUN", "0123", 1);
    gt_config_read(&config);
    assert_false(config.in_run);
}

/* All of it or none: a list that is cut short would be another list. */
static void unit_events_hold_or_are_named(void **state)
{
    (void)state;
    setenv("GREENTRACK_UNIT_EVENTS", "1:2:0:0:2:1:page-faults,4:c0:0:0:0:-3:PAPI_X", 1);
    gt_config_read(&config);
    assert_int_equal(config.unit_term_count, 2);
    assert_true(config.unit_terms[0].exclude_kernel && config.unit_terms[1].config == 0xc0);
    assert_int_equal(config.unit_terms[1].weight, -3);
    assert_string_equal(config.ignored, "");
    setenv("GREENTRACK_UNIT_EVENTS", "1:2:0:0:2:1:page-faults,4:c0", 1);
    gt_config_read(&config);
    assert_int_equal(config.unit_term_count, 0);
    assert_string_equal(config.ignored, "GREENTRACK_UNIT_EVENTS");
    setenv("GREENTRACK_UNIT_EVENTS", "", 1); /* as `greentrack run` sets it when no unit is to be counted */
    gt_config_read(&config);
    assert_string_equal(config.ignored, "");
}

static void labels_are_cut_not_overrun(void **state)
{
    (void)state;
    char longer[2000];
    memset(longer, 'm', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    setenv("GREENTRACK_MODEL", longer, 1);
    gt_config_read(&config);
    assert_int_equal(strlen(config.label[0]), GT_LABEL_TEXT - 1);
    assert_string_equal(config.label[1], "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_spool_is_found_in_order, clear),
        cmocka_unit_test_setup(numbers_have_defaults_and_bounds, clear),
        cmocka_unit_test_setup(values_without_meaning_are_named, clear),
        cmocka_unit_test_setup(run_ids_are_32_digits_or_nothing, clear),
        cmocka_unit_test_setup(unit_events_hold_or_are_named, clear),
        cmocka_unit_test_setup(labels_are_cut_not_overrun, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
