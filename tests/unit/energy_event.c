/* Event counters: their text form, and reading them without a system call from a page that a made-up kernel keeps. */
#include "energy/event.h"
#include "energy/rdpmc.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* --- text ---------------------------------------------------------------------------------------------------------------- */

static void terms_survive_as_text(void **state)
{
    static const struct gt_event_term terms[] = {
        {"PAPI_TOT_INS", 4, 0x5300c0, 0, 0, false, true, 1},
        {"skx::UOPS:u=1:k=0", UINT32_MAX, UINT64_MAX, UINT64_MAX, 0x10, true, false, -4},
        {"page-faults", 1, 2, 0, 0, false, false, INT32_MAX},
    };
    struct gt_event_term back[3];
    char text[GT_EVENT_TEXT];
    (void)state;
    int n = gt_event_format(terms, 3, text, sizeof text);
    assert_int_equal(n, strlen(text));
    assert_int_equal(gt_event_parse(text, back, 3), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(back[i].name, terms[i].name);
        assert_true(back[i].type == terms[i].type && back[i].config == terms[i].config);
        assert_true(back[i].config1 == terms[i].config1 && back[i].config2 == terms[i].config2);
        assert_true(back[i].exclude_user == terms[i].exclude_user && back[i].exclude_kernel == terms[i].exclude_kernel);
        assert_int_equal(back[i].weight, terms[i].weight);
    }
    assert_int_equal(gt_event_parse(text, back, 2), -1); /* more than there is room for */
    assert_int_equal(gt_event_format(terms, 3, text, (size_t)n), -1);
    static const struct gt_event_term comma = {"a,b", 1, 0, 0, 0, false, false, 1};
    assert_int_equal(gt_event_format(&comma, 1, text, sizeof text), -1);
}

static void other_text_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "1:2:0:0:0:1:",          /* no name */
        "1:2:0:0:0:1:a,",        /* an empty term */
        "1:2:0:0:0:0:a",         /* weighs nothing */
        "1:2:0:0:4:1:a",         /* flags that do not exist */
        "1:2:0:0:0:a",           /* a number too few */
        "100000000:2:0:0:0:1:a", /* a type of 33 bits */
        "1:10000000000000000:0:0:0:1:a",
        "1:G:0:0:0:1:a",
        "1: 2:0:0:0:1:a",
        "1:2:0:0:0:1:a b",
        "1:2:0:0:0:1:\033[31m",
        "-1:2:0:0:0:1:a",
        "1:2:0:0:0:--1:a",
    };
    struct gt_event_term terms[4];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (gt_event_parse(texts[i], terms, 4) != -1)
            fail_msg("taken: %s", texts[i]);
}

/* --- the kernel's answers ------------------------------------------------------------------------------------------------ */

static struct perf_event_attr asked[4];
static int asks, answers[4];

static int answer(void *state, const struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags)
{
    (void)state;
    assert_true(pid == 5 && cpu == -1 && group == -1 && flags == PERF_FLAG_FD_CLOEXEC);
    asked[asks] = *attr;
    return answers[asks++];
}

static const struct gt_os refusing = {.perf_event_open = answer};

/* Without its kernel part a page fault of user mode is one; a context switch never is, and must not be counted as none. */
static void user_mode_is_asked_for_where_it_makes_sense(void **state)
{
    struct gt_event_term faults = {"f", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0, 0, false, false, 1};
    struct gt_event_term switches = {"s", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, 0, 0, false, false, 1};
    bool user_only;
    (void)state;
    asks = 0;
    answers[0] = -EACCES;
    answers[1] = 9;
    assert_int_equal(gt_event_open(&refusing, &faults, 5, true, &user_only), 9);
    assert_true(user_only && !asked[0].exclude_kernel && asked[1].exclude_kernel);
    assert_true(asked[1].inherit && asked[1].disabled && asked[1].enable_on_exec);
    asks = 0;
    assert_int_equal(gt_event_open(&refusing, &switches, 5, false, &user_only), -EACCES);
    assert_int_equal(asks, 1);
    assert_true(!asked[0].inherit && !asked[0].disabled && !user_only);
    assert_non_null(strstr(gt_event_reason(&switches, EACCES), "1 or less"));
}

/* Whose doing a number is: clocks run in both modes, and a switch with the kernel excluded is never counted as none. */
static void what_is_excluded_is_said(void **state)
{
    struct gt_event_term clock = {"c", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, 0, 0, false, false, 1};
    struct gt_event_term faults = {"f", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0, 0, true, false, 1};
    struct gt_event_term switches = {"s", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, 0, 0, false, true, 1};
    bool user_only = true;
    (void)state;
    asks = 0;
    answers[0] = -EACCES;
    answers[1] = 9;
    assert_int_equal(gt_event_open(&refusing, &clock, 5, true, &user_only), 9);
    assert_string_equal(gt_event_scope(&clock, user_only), "all");
    asks = 0;
    answers[0] = 9;
    assert_int_equal(gt_event_open(&refusing, &faults, 5, true, &user_only), 9);
    assert_string_equal(gt_event_scope(&faults, user_only), "kernel");
    asks = 0;
    assert_int_equal(gt_event_open(&refusing, &switches, 5, true, &user_only), -EDOM);
    assert_int_equal(asks, 0);
    assert_non_null(strstr(gt_event_reason(&switches, EDOM), "always be 0"));
}

static void what_was_shared_out_is_scaled(void **state)
{
    double value = 0;
    (void)state;
    assert_true(gt_event_scale(&(struct gt_event_count){100, 1000, 250}, &value) && value == 400);
    assert_true(gt_event_scale(&(struct gt_event_count){100, 1000, 1000}, &value) && value == 100);
    assert_false(gt_event_scale(&(struct gt_event_count){0, 1000, 0}, &value)); /* it never ran: not 0 */
}

/* --- the page ------------------------------------------------------------------------------------------------------------ */

static uint64_t raw, now_cycles;
static uint32_t asked_number;

static uint64_t counter(uint32_t number)
{
    asked_number = number;
    return raw;
}

static uint64_t cycles(void)
{
    return now_cycles;
}

static const struct gt_rdpmc_ops ops = {counter, cycles};

static struct perf_event_mmap_page page_of(uint32_t index, int64_t offset, uint16_t width)
{
    struct perf_event_mmap_page page;
    memset(&page, 0, sizeof page);
    page.cap_user_rdpmc = 1;
    page.index = index;
    page.offset = offset;
    page.pmc_width = width;
    page.time_enabled = page.time_running = 7000;
    return page;
}

/* The kernel lets a 48-bit counter start below its overflow: until then it reads as a negative number. */
static void the_sign_of_a_narrow_counter(void **state)
{
    static const struct {
        uint64_t raw;
        int64_t offset;
        uint16_t width;
        uint64_t value;
    } cases[] = {
        {UINT64_C(0x7fffffffffff), 10, 48, UINT64_C(0x7fffffffffff) + 10},
        {UINT64_C(0x800000000000), INT64_C(0x800000000000), 48, 0},
        {UINT64_C(0xffffffffffff), 100, 48, 99},
        {UINT64_C(0xabcdffffffffffff), 100, 48, 99}, /* bits above the counter's mean nothing */
        {5, -3, 64, 2},
        {UINT64_C(0xffffffff), 1, 32, 0},
        {UINT64_C(0x7fffffff), 1, 32, UINT64_C(0x80000000)},
    };
    struct gt_event_count count;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct perf_event_mmap_page page = page_of(3, cases[i].offset, cases[i].width);
        raw = cases[i].raw;
        assert_true(gt_rdpmc_read(&page, &ops, &count));
        assert_int_equal(count.value, cases[i].value);
        assert_int_equal(asked_number, 2);
        assert_true(count.enabled_ns == 7000 && count.running_ns == 7000);
    }
}

/* Not in a counter now: what it had counted stands in the page, and no instruction is tried. */
static void an_event_that_is_not_running(void **state)
{
    struct perf_event_mmap_page page = page_of(0, 12345, 48);
    struct gt_event_count count;
    (void)state;
    raw = 99;
    asked_number = 77;
    page.time_running = 3000;
    assert_true(gt_rdpmc_read(&page, &ops, &count));
    assert_int_equal(count.value, 12345);
    assert_int_equal(asked_number, 77);
    assert_true(count.enabled_ns == 7000 && count.running_ns == 3000);
    page.cap_user_time = 1; /* the clock goes on, but not the event's */
    page.time_mult = 1;
    now_cycles = 500;
    assert_true(gt_rdpmc_read(&page, &ops, &count));
    assert_true(count.enabled_ns == 7500 && count.running_ns == 3000);
}

/* time = offset + cycles * mult >> shift, without losing bits; a counter of few bits is taken from time_cycles on. */
static void the_clock_of_a_shared_counter(void **state)
{
    struct perf_event_mmap_page page = page_of(1, 0, 48);
    struct gt_event_count count;
    (void)state;
    raw = 0;
    page.cap_user_time = 1;
    page.time_running = 5000;
    page.time_offset = 11;
    page.time_mult = 3000000000u;
    page.time_shift = 31;
    now_cycles = UINT64_C(1) << 40; /* times mult: more than 64 bits */
    uint64_t passed = 11 + (UINT64_C(1) << 9) * 3000000000u;
    assert_true(gt_rdpmc_read(&page, &ops, &count));
    assert_int_equal(count.enabled_ns, 7000 + passed);
    assert_int_equal(count.running_ns, 5000 + passed);
    page.cap_user_time_short = 1;
    page.time_mask = 0xff;
    page.time_cycles = 0x1fe;
    page.time_mult = 1;
    page.time_shift = 0;
    now_cycles = 0x03; /* 0x203 in full: five cycles later */
    assert_true(gt_rdpmc_read(&page, &ops, &count));
    assert_int_equal(count.enabled_ns, 7000 + 11 + 0x203);
}

static void a_page_that_may_not_be_read(void **state)
{
    struct perf_event_mmap_page page = page_of(1, 5, 48);
    struct gt_event_count count = {1, 2, 3};
    (void)state;
    page.cap_user_rdpmc = 0;
    assert_false(gt_rdpmc_allowed(&page));
    assert_false(gt_rdpmc_read(&page, &ops, &count));
    page.cap_user_rdpmc = 1;
    page.lock = 5; /* the kernel never gets done */
    assert_false(gt_rdpmc_read(&page, &ops, &count));
    assert_true(count.value == 1 && count.enabled_ns == 2 && count.running_ns == 3);
}

/* The page changes under the reader: the counter's number moves to another place and its count into the offset. */
static struct perf_event_mmap_page moving;
static atomic_bool stop;
static atomic_uint rounds;
static uint64_t values[2] = {1000, 1};

static uint64_t moving_counter(uint32_t number)
{
    return values[number & 1];
}

__attribute__((no_sanitize_thread)) static void *move(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; !atomic_load(&stop); i++) {
        volatile struct perf_event_mmap_page *page = &moving;
        page->lock++;
        atomic_signal_fence(memory_order_seq_cst);
        page->index = 1 + (i & 1);
        for (volatile uint32_t pause = i % 8; pause > 0; pause--)
            ;                               /* half changed for long enough to be seen */
        page->offset = i & 1 ? 5999 : 5000; /* with the counter's value: 6000 whichever it is */
        page->time_enabled = page->time_running = i & 1 ? 10 : 20;
        atomic_signal_fence(memory_order_seq_cst);
        page->lock++;
        atomic_store_explicit(&rounds, i, memory_order_relaxed);
        for (volatile uint32_t pause = i % 64; pause > 0; pause--)
            ; /* the kernel is quiet most of the time */
    }
    return NULL;
}

static void a_page_that_changes_under_the_reader(void **state)
{
    static const struct gt_rdpmc_ops moving_ops = {moving_counter, cycles};
    struct gt_event_count count;
    pthread_t thread;
    uint64_t whole = 0;
    (void)state;
#ifndef __x86_64__
    print_message("skipped: another thread stands in for the interrupt, which needs the order that x86 gives\n");
    skip();
#endif
    moving = page_of(1, 5000, 64);
    moving.time_enabled = moving.time_running = 20;
    assert_int_equal(pthread_create(&thread, NULL, move, NULL), 0);
    while (whole < 100000 || atomic_load(&rounds) < 100000) {
        if (!gt_rdpmc_read(&moving, &moving_ops, &count))
            continue; /* given up: the writer was never quiet */
        whole++;
        assert_int_equal(count.value, 6000);
        assert_int_equal(count.enabled_ns, count.running_ns);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_survive_as_text),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(user_mode_is_asked_for_where_it_makes_sense),
        cmocka_unit_test(what_is_excluded_is_said),
        cmocka_unit_test(what_was_shared_out_is_scaled),
        cmocka_unit_test(the_sign_of_a_narrow_counter),
        cmocka_unit_test(an_event_that_is_not_running),
        cmocka_unit_test(the_clock_of_a_shared_counter),
        cmocka_unit_test(a_page_that_may_not_be_read),
        cmocka_unit_test(a_page_that_changes_under_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
