/*
 * The one function that executes a unit, alone in its translation unit, so that no compiler inlines or clones it and every
 * call goes through the dynamic linker, where a profiler may stand in.
 */
#include "runtime/model.h"

__attribute__((noinline)) void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    const struct gtcnn_execution *execution = context;
    gtcnn_plan_run(execution->plan, unit->index, execution->pool);
}
