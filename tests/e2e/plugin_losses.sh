#!/usr/bin/env bash
# What did not reach the spool makes joules unknown, or is made up for with all inferences of the table; it never makes them few.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=model G=$O/greentrack PLUGIN O TMP
bench() { "$O/gtcnn" bench --model fashion/b0 --seconds "$1" >/dev/null; }
export -f bench
# The joules of all inferences over those of the whole run, which did little else: whatever load the machine was under meanwhile.
share() {
    awk -v one="$("$G" report --model b0 --format json | query '.energy | key("uj_per_inference")')" \
        -v all="$("$G" show "$1" --format json | query '(.models[0] | key("inferences")), key("attributed_uj")' | tr '\n' ' ')" \
        'BEGIN { split(all, of, " "); print one * of[1] / of[2] }'
}

# Beyond the cap of the spool not one row is there: how many, but not how many joules.
export GREENTRACK_STORE=$TMP/cap.db
GREENTRACK_SPOOL_MB=0 "$G" run -q -- "$O/gtcnn" bench --model fashion/b0 --seconds 0.2 >/dev/null || fail "run"
got=$("$G" report --model b0 --format json | query 'key("energy")')
[ "$got" = null ] || fail "beyond the cap: $got"
"$G" report --model b0 --format json | query '.notes[]' | grep -q "runs of b0: calls of a process left no row at all" ||
    fail "beyond the cap, no note: $("$G" report --model b0)"

# A spool that fills up: the inferences after its last row had their time, too.
export GREENTRACK_STORE=$TMP/whole.db
LD_PRELOAD=$PLUGIN bash -c 'bench 1' || fail "bench"
whole=$(share last)

# A variable whose value makes no sense is named.
GREENTRACK_UNITS=OFF GREENTRACK_TRACE_MB=-1 GREENTRACK_LOG=$TMP/ignored LD_PRELOAD=$PLUGIN "$O/gtcnn" bench --model fashion/b0 --seconds 0.1 >/dev/null || fail "bench"
"$G" ingest >/dev/null && "$G" show last --all | grep -q 'ignored.*GREENTRACK_UNITS GREENTRACK_TRACE_MB' || fail "ignored: $("$G" show last --all)"
grep -q 'ignored.*GREENTRACK_UNITS GREENTRACK_TRACE_MB' "$TMP/ignored" || fail "the log: $(cat "$TMP/ignored")"
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "mounting a small tmpfs is not permitted here"; exit 77; }
export GREENTRACK_STORE=$TMP/full.db
mkdir -p "$TMP/small"
unshare -m bash -c '
    mount -t tmpfs -o size=128k none "$TMP/small" && export GREENTRACK_SPOOL=$TMP/small/spool || exit 1
    LD_PRELOAD=$PLUGIN bash -c "bench 1" && "$G" ingest >/dev/null' || fail "a full spool"
"$G" show last | grep -q "no space" || fail "the spool was not full: $("$G" show last)"
"$G" show last --all | grep -q "left no row" || fail "the window is not said to be longer: $("$G" show last --all)"
got=$("$G" report --model b0 --format json | query "[.notes[] | select(contains(\"lost in the runs of b0\") and contains(\"left no row\"))] | length")
[ "$got" = 1 ] || fail "no note: $("$G" report --model b0)"
full=$(share last)
awk -v a="$whole" -v b="$full" 'BEGIN { exit !(b > a / 1.7 && b < a * 1.7 && b <= 1.05) }' ||
    fail "a full spool: the inferences have $full of the run's joules, else $whole"
exit 0
