#!/usr/bin/env bash
# Versioned attributions: a run whose record is of an older version is attributed again from its folded trace, to the same figures
# as ingest gave; the older record stays, and every view shows each run once.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
G=$O/greentrack
again() { "$G" ingest --again ${1-} --format json | query '.again | "\(key("attributed")) \(key("already")) \(key("going_on")) \(key("impossible"))"'; }

# One of each kind: two models in two processes, hooks off, a region with reported items, nothing inside, counted by a person; on
# counters and on the model.
cat >"$TMP/both" <<EOF
"$O/gtcnn" eval --model fashion/b0 --limit 30 >/dev/null && "$O/gtcnn" eval --model fashion/b1 --limit 20 >/dev/null
EOF
export GREENTRACK_ENERGY_SOURCE=model
"$G" run -q -- sh "$TMP/both" || fail "both"
LD_PRELOAD=$PLUGIN GREENTRACK_UNITS=off "$O/gtcnn" eval --model fashion/b0 --limit 30 >/dev/null || fail "off"
GREENTRACK_MODEL=mine "$G" run -q -- "$O/tests/host/region" >/dev/null || fail "region"
"$G" run -q -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' || fail "foreign"
"$G" annotate last --model said --inferences 4 || fail "annotate"
printf 'greentrack-replay 1\nboundary package\nmode linear\ndomain package-0 package=0\ndomain core parent=0\n0 0 0
60000000000 1200000000 500000000\nend\n' | sed 's/^end/60000000001 end/' >"$TMP/script"
"$G" run -q --energy-source "replay:$TMP/script" -- "$O/gtcnn" bench --model fashion/b0 --seconds 0.3 >/dev/null || fail "counters"
GREENTRACK_ENERGY_SOURCE=null "$G" run -q -- "$O/gtcnn" eval --model fashion/b0 --limit 5 >/dev/null || fail "null"
before=$(for view in runs layers family; do "$G" export $view --format csv || fail "export $view"; done)
runs=$(sql "SELECT count(*) FROM runs") today=$(sql "SELECT max(version) FROM attributions")
"$G" list | grep -q 'fashion/b0 + 1 more' || fail "several models: $("$G" list)"
is "all are of today's version" "$(again)" "0 $runs 0 0"

# An older version with figures of its own.
for t in attributions part_attributions unit_attributions; do sql "UPDATE $t SET version = 0"; done
sql "UPDATE attributions SET run_job_uj = 7 * run_job_uj, inference_uj = 7; UPDATE part_attributions SET uj_per_inference = 7;
     UPDATE unit_attributions SET uj_per_call = 7, share = 7"
is "the older one is shown" "$(sql "SELECT DISTINCT uj_per_call FROM v_layers WHERE version = 0")" 7.0
one=$(sql "SELECT id FROM runs ORDER BY begin_real_ns LIMIT 1")
is "one run" "$(again "$one")" "1 0 0 0"
is "that run again" "$(again "${one:0:8}")" "0 1 0 0"
is "the others" "$(again)" "$((runs - 1)) 1 0 0"
after=$(for view in runs layers family; do "$G" export $view --format csv; done)
[ "$before" = "$after" ] || fail "other figures: $(diff <(echo "$before") <(echo "$after"))"
is "both records" "$(sql "SELECT version, count(*) FROM attributions GROUP BY 1 ORDER BY 1")" "0|$runs
$today|$runs"
is "once each" "$(sql "SELECT count(*), count(DISTINCT id) FROM v_runs")" "$runs|$runs"

is "shown" "$("$G" show "$one" --format json | query '[.attributions[] | [.method, .version, .current]]')" \
    "[[\"time\",$today,true],[\"time\",0,false]]"

# Another method of the same version: the rank decides, and a run is still one row.
sql "INSERT INTO attributions(run, method, version) SELECT run, 'aaa', $today FROM attributions WHERE version = $today"
is "an unknown method" "$(sql "SELECT DISTINCT method, count(*) FROM v_attributions GROUP BY 1")" "time|$runs"
sql "INSERT INTO methods VALUES('aaa', 2)"
is "a better method" "$(sql "SELECT DISTINCT method, count(*) FROM v_attributions GROUP BY 1")" "aaa|$runs"
is "rows" "$(sql "SELECT count(*) FROM v_runs")" "$runs"

# What cannot be: from a store that did not keep what slots stand for; said, and no failure.
export GREENTRACK_STORE=$TMP/old.db
sql ".read tests/golden/store-v1.sql" || fail "the old store"
"$G" list >/dev/null || fail "the old store"
for t in attributions part_attributions unit_attributions; do sql "UPDATE $t SET version = 0"; done
is "old runs" "$(again 2>"$TMP/err")" "1 0 0 3"
grep -q '3 run(s) cannot be attributed again' "$TMP/err" || fail "not said: $(cat "$TMP/err")"
"$G" ingest "$one" 2>"$TMP/err"
is "a run without --again" $? 2
grep -q -- --again "$TMP/err" || fail "usage: $(cat "$TMP/err")"
exit 0
