#!/usr/bin/env bash
# How often a run's trace is written to: at the interval that was asked for; once a minute when it is as large as it may be, or the spool.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=powercap
G=$O/greentrack

# run SECONDS: a job that copies the trace of its own run at its end. told WHAT: of that copy.
run() {
    rm -rf "$TMP"/copy
    "$G" run -q ${2-} -- sh -c "sleep $1; mkdir '$TMP/copy'; cp '$GREENTRACK_SPOOL'/run-* '$TMP/copy'" || fail "run"
    "$O/tests/host/tracedump" "$TMP"/copy/run-* >"$TMP/dump" || fail "no trace: $(cat "$TMP/dump")"
}
told() { awk -v key="$1" '$1 == key { print $2 }' "$TMP/dump"; }
# The run's joules against the machine's own books, or within their bounds.
check_joules() {
    truth=$(raplsim_between $(sql 'SELECT begin_ns, end_ns FROM runs ORDER BY begin_ns DESC LIMIT 1' | tr '|' ' ')) || fail "no truth"
    uj=$("$G" show last --format json | query '.energy.uj | num')
    awk -v a="$uj" -v b="$truth" 'BEGIN { d = a / b - 1; exit !(b > 0 && d < 0.01 && d > -0.01) }' || fail "$1: $uj uJ, in truth $truth"
}

# A second at 10 ms: 100 readings of CPU time (fewer where the machine is busy), not twice as many; the counter's refreshes are followed.
raplsim_start idle_mw=20000
run 1
[ "$(told cpu)" -le 110 ] || fail "$(told cpu) readings of CPU time in a second at 10 ms"
run 1 "--interval 100"
[ "$(told cpu)" -le 13 ] || fail "$(told cpu) readings of CPU time in a second at 100 ms"

# As large as it may be: nothing is followed any more, and the joules are still right.
GREENTRACK_TRACE_MB=0.01 run 3
[ "$(told ticks)" -le 700 ] || fail "$(told ticks) ticks in a trace of 10 kB"
check_joules "a full trace"
GREENTRACK_SPOOL_MB=0 run 1
[ "$(told ticks)" -le 2 ] && [ "$(told cpu)" -le 2 ] || fail "$(told ticks) ticks and $(told cpu) readings in a full spool"
check_joules "a full spool"

# greentrack itself is stopped for seconds: it goes on, and the joules are right.
"$G" run -q -- sh -c 'sleep 0.5; kill -STOP $PPID; sleep 2; kill -CONT $PPID; sleep 1' || fail "stopped"
check_joules "stopped and continued"

# A job that ends at once, and one of thousands of children.
"$G" run -q -- true || fail "at once"
"$G" run -q -- sh -c 'i=0; while [ $i -lt 3000 ]; do /bin/true; i=$((i + 1)); done' || fail "children"
check_joules "3000 children"
exit 0
