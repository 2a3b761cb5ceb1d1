#!/usr/bin/env bash
# Counters that cannot be read, or stand still, for a while: the joules are all there when they come back. And a bare preload, whose
# sampler reads the same files from inside the job.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=powercap
plan=a:400:60000,b:800:30000

# check WHAT: the bounds of the last run hold the machine's joules between its ends by the simulator's books, and its figure is theirs, or
# the bounds are wide.
check() {
    local times truth got
    "$O/greentrack" ingest >/dev/null || fail "$1: ingest"
    times=$(sql 'SELECT begin_ns, end_ns FROM runs ORDER BY begin_ns DESC LIMIT 1') || fail "$1: no run"
    truth=$(raplsim_between "${times%|*}" "${times#*|}") || fail "$1: no truth"
    got=$(sql 'SELECT run_total_uj, run_total_lo_uj, run_total_hi_uj FROM v_attributions a JOIN runs r ON r.id = a.run
        ORDER BY r.begin_ns DESC LIMIT 1')
    awk -v t="$truth" -v g="$got" 'BEGIN { split(g, x, "|"); d = x[1] / t - 1;
        exit !(t > 0 && x[1] > 0 && x[2] <= t && t <= x[3] && ((d < 0 ? -d : d) < 0.005 || x[3] - x[2] > 0.01 * t)) }' ||
        fail "$1: $got (value, from, to), in truth $truth uJ"
}

raplsim_start idle_mw=20000
for control in "fail 300" "stall 400"; do
    (sleep 0.4; raplsim_control "$control") &
    "$O/greentrack" run -q -- "$LAYERED" 1.5 $plan >/dev/null || fail "run, $control"
    check "$control"
    [ "$control" != "fail 300" ] || seen=$(cat $POWERCAP/intel-rapl:0/energy_uj) || fail "not readable again"
done
# It did fail: a reader sees it.
raplsim_control "fail 60000"
cat $POWERCAP/intel-rapl:0/energy_uj >/dev/null 2>&1 && fail "the counter could be read"
raplsim_control "fail 0"
LD_PRELOAD=$PLUGIN "$LAYERED" 1 $plan >/dev/null || fail "bare"
check "bare"
[ "$(sql "SELECT source || ' ' || provenance || ' ' || role FROM runs ORDER BY begin_ns DESC LIMIT 1")" = "powercap measured process" ] ||
    fail "bare: $(sql 'SELECT source, provenance, role FROM runs')"
exit 0
