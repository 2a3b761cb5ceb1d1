#!/usr/bin/env bash
# A meter's rows become joules: a recorded file, one that grows while the job runs, a pipe; holes, silence and garbage are told.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack
real_ns() { date +%s%N; }
mono_ns() { awk '{ printf "%d0000000\n", $1 * 100 }' /proc/uptime; }
# rows CLOCK FROM_MS TO_MS STEP_MS WATTS: from now
rows() {
    awk -v now="$("$1")" -v from="$2" -v to="$3" -v step="$4" -v watts="$5" \
        'BEGIN { for (t = from; t <= to; t += step) printf "%.0f000000,%s\n", substr(now, 1, length(now) - 6) + t, watts }'
}
measure() { # FILE COMMAND...
    file=$1
    shift
    "$G" run -q --energy-source "external:$file" -- "$@" || fail "run with $file"
    ran=$("$G" show last --format json)
}
# is FILTER: holds for the run
is() { query "$1" <<<"$ran" | grep -qx true || fail "$2: $(query '[.ns, .energy, .domains]' <<<"$ran")"; }
watts='((.domains[0].counted_uj | num) / (.ns | num) * 1000) as $w'

# A recorded file of either clock, which reaches beyond the job.
for clock in real_ns mono_ns; do
    { echo 't_ns,power_w' && rows $clock -3000 9000 100 80; } >"$TMP/meter.csv"
    measure "$TMP/meter.csv" sleep 0.5
    is "$watts"' | $w > 79 and $w < 81 and .domains[0].gap_ns == 0' "recorded, $clock"
done
is '.energy.source == "external" and .energy.boundary == "wall" and .energy.provenance == "imported"' "labels"

# A poller appends to it while the job runs; the row that covers the end is waited for. Garbage and rows out of order are left out.
rows real_ns -1000 0 200 50 >"$TMP/grows.csv"
(for _ in $(seq 1 15); do
    sleep 0.2
    echo "$(real_ns),50.0" >>"$TMP/grows.csv"
    printf 'garbage\n-1,2\n5,5\n17,\n' >>"$TMP/grows.csv"
done) &
poller=$!
measure "$TMP/grows.csv" sleep 1
wait $poller
is "$watts"' | $w > 49 and $w < 51 and .domains[0].gap_ns == 0' "grows"

# A pipe: one reader, the meter writes while it runs. Another greentrack may not take its rows.
mkfifo "$TMP/pipe"
(for _ in $(seq 1 18); do
    sleep 0.1
    echo "$(real_ns),25"
done >"$TMP/pipe") &
poller=$!
measure "$TMP/pipe" bash -c '"$0" run -q --energy-source "external:$1" -- true 2>"$2"; sleep 0.8' "$G" "$TMP/pipe" "$TMP/err"
wait $poller
is "$watts"' | $w > 24 and $w < 26 and .domains[0].gap_ns == 0' "pipe"
grep -q 'another greentrack reads this pipe' "$TMP/err" || fail "second reader: $(cat "$TMP/err")"

# The meter falls silent for two seconds: not zero joules but a gap, and bounds that hold the truth.
{ rows real_ns -3000 500 100 60 && rows real_ns 2500 9000 100 60; } >"$TMP/hole.csv"
measure "$TMP/hole.csv" sleep 3
is '(.domains[0].gap_ns | num) > 1.9e9 and (.domains[0].gap_ns | num) < 2.1e9' "hole"
is '(.energy.uj | num) > 175e6 and (.energy.uj | num) < 186e6' "hole: at the mean power"
is '(.energy.hi_uj | num) > 180e6' "hole: bounds"
# It never says anything: a pipe without a writer does not hang the run, and its joules are unknown.
mkfifo "$TMP/silent"
began=$(date +%s)
measure "$TMP/silent" sleep 0.2
[ $(($(date +%s) - began)) -lt 10 ] || fail "a silent meter held up the run"
is '(.domains[0].gap_ns | num) > 1.9e8 and (.domains[0].counted_uj | num) == 0' "silent"
# It ends in the middle: a gap to the end.
rows real_ns -3000 500 100 60 >"$TMP/ends.csv"
measure "$TMP/ends.csv" sleep 2
is '(.domains[0].gap_ns | num) > 1.4e9 and (.domains[0].gap_ns | num) < (.ns | num) - 5e7' "ends"
"$G" run -q --energy-source "external:$TMP/none" -- touch "$TMP/ran" 2>"$TMP/err" && fail "no meter"
[ ! -e "$TMP/ran" ] && grep -q "$TMP/none" "$TMP/err" || fail "no meter: $(cat "$TMP/err")"
exit 0
