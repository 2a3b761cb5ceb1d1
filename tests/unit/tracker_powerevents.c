/* The kernel's energy events against libpfm4's tables, on a virtual machine. */
#include "tracker/powerevents.h"

#include "tests/sim/machines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gt_check check(struct gt_sim *sim, struct gt_arena *arena)
{
    struct gt_check c = {0};
    gt_powerevents_check(&sim->os, arena, &c);
    assert_non_null(c.detail);
    return c;
}

static void test_second_opinion(void **state)
{
    static struct gt_sim sim;
    static struct gt_machine machine;
    struct gt_arena arena = {0};
    (void)state;
    gt_sim_init(&sim);
    gt_machine_build(&machine, &sim, GT_MACHINE_VM, GT_MACHINE_ALL);
    struct gt_check c = check(&sim, &arena);
    assert_int_equal(c.result, GT_CHECK_OK);
    assert_string_equal(c.detail, "this kernel has no energy events");
    gt_machine_build(&machine, &sim, GT_MACHINE_AMD_2S, GT_MACHINE_ALL);
    c = check(&sim, &arena);
    assert_int_equal(c.result, GT_CHECK_OK);
    assert_string_equal(c.detail, "1 energy events; libpfm4 knows 1 of them, and agrees");
    gt_sim_file(&sim, "/sys/bus/event_source/devices/power/events/energy-pkg", "event=0x7\n");
    c = check(&sim, &arena);
    assert_int_equal(c.result, GT_CHECK_LIMITED);
    assert_non_null(strstr(c.detail, "energy-pkg is event 0x7 by the kernel and 0x2 by libpfm4"));
    gt_arena_free(&arena);
    gt_sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_second_opinion)};
    setenv("LIBPFM_ENCODE_INACTIVE", "1", 1); /* as if this were the processor of the tables */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
