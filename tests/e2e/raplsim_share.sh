#!/usr/bin/env bash
# Whose joules: beside a second job that takes as much of the machine, a job gets what it drew, within 5 %. Everything else that happens
# to run on this machine meanwhile draws the same power, and is others', too.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=powercap
raplsim_start busy_mw=20000 idle_mw=10000 noise_mw=1000
"$LAYERED" 12 others:1000:20000 >"$TMP/others" &
others=$!
"$O/greentrack" run -q --idle-w 10 -- "$LAYERED" 10 a:400:30000,b:800:15000 >"$TMP/job" || fail "run"
kill $others
drew=$(query '.cpu_ns / 1000 * 20 | floor' <"$TMP/job")
planned=$(query .uj <"$TMP/job")
"$O/greentrack" show last --format json >"$TMP/shown" || fail "show"
job=$(query '.closure | (.units_uj | num) + .framework_uj + .unattributed_uj' <"$TMP/shown")
idle=$(query '.closure | .idle_uj | num' <"$TMP/shown")
machine=$(query '.closure | .total_uj - .idle_uj' <"$TMP/shown")
awk -v a="$job" -v b="$drew" 'BEGIN { exit !(b > 0 && a > 0.95 * b && a < 1.05 * b) }' ||
    fail "the job's part $job uJ, it drew $drew uJ, of $machine"
# Idle power is as given, and not in anybody's part: the job has it by its cpus.
[ "$(query '.closure | (.window_ns / 1000 * 10 - .idle_uj) | . > -2 and . < 0.9 * 1e8' <"$TMP/shown")" = true ] && [ "$idle" -gt 0 ] ||
    fail "idle $idle uJ: $(query .closure <"$TMP/shown")"
[ "$(query '.events[] | select(.kind == "given idle power, W").text' <"$TMP/shown")" = 10 ] || fail "the note: $(query .events <"$TMP/shown")"
# What is compared is a part: at most two thirds of the machine, of which half is the job's where nothing else runs.
awk -v a="$planned" -v b="$drew" -v m="$machine" 'BEGIN { exit !(a > 0.95 * b && a < 1.01 * b && b < 0.67 * m) }' ||
    fail "the plan $planned uJ, by CPU time $drew uJ, the machine $machine uJ without idle"
[ "$(query '.closure | (.units_uj | num) + .framework_uj + (.idle_uj // 0) + (.others_uj | num) + .unattributed_uj == .total_uj
    and .others_uj > (.total_uj - .idle_uj) / 3' <"$TMP/shown")" = true ] || fail "closure: $(query .closure <"$TMP/shown")"
exit 0
