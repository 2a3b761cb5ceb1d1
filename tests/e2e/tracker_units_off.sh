#!/usr/bin/env bash
# GREENTRACK_UNITS=off, bare and under `run`: inferences are counted, and what their layers took is unknown, not zero.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=model
G=$O/greentrack
closure() {
    "$G" report --model "$1" --format json | query '.closure as $c | [.energy.basis, .energy.rounds, ($c | key("units_uj"), key("framework_uj"), key("units_share")),
        ($c.inference_uj | num) > 0,
        ([$c | .inference_uj, .idle_uj, .unattributed_uj, (key("others_uj") // 0) | num] | add) == ($c.total_uj | num), (.layers | length)]'
}
LD_PRELOAD=$PLUGIN GREENTRACK_UNITS=off "$O/gtcnn" eval --model fashion/b0 --limit 200 >/dev/null || fail "bare"
wanted='["hooks off",1,null,null,null,true,true,0]'
got=$(closure b0)
[ "$got" = "$wanted" ] || fail "bare: $got"
GREENTRACK_UNITS=off "$G" run -q -- "$O/gtcnn" eval --model fashion/b1 --limit 200 >/dev/null || fail "run"
got=$(closure b1)
[ "$got" = "$wanted" ] || fail "under run: $got"
"$G" report --model b1 >"$TMP/text" || fail "text"
grep -q '^inferences .* layers were not observed' "$TMP/text" && ! grep -q '^units ' "$TMP/text" || fail "text: $(cat "$TMP/text")"
"$G" report --model b1 --format csv | tr -d '\r' | grep -qx 'closure,0,units_uj,' || fail "csv"
got=$("$G" show last --format json | query '.closure | [key("units_uj"), key("framework_uj"), (.inference_uj | num) > 0]')
[ "$got" = "[null,null,true]" ] || fail "show: $got"
got=$("$G" export runs --format csv | csv_query "
    SELECT units_uj, framework_uj, inference_uj GLOB '[1-9]*' AND inference_uj NOT GLOB '*[^0-9]*', unit_hooks FROM csv")
[ "$got" = "||1|0
||1|0" ] || fail "export: $got"
got=$(GREENTRACK_UNITS=off "$G" eval --model fashion/b2 --limit 20 --format json | query '[.models[0].basis, (key("notes") | tojson | contains("keeps"))]')
[ "$got" = '["hooks off",false]' ] || fail "eval: $got"
"$G" eval --model fashion/b2 --limit 10 | grep -q 'fashion/b2: the store keeps its earlier accuracy, which rests on 20 images' ||
    fail "an accuracy that is not stored is shown as if it were"

# With its layers observed, all is told apart; and the number that a person gives for a foreign job divides the whole run.
LD_PRELOAD=$PLUGIN "$O/gtcnn" eval --model fashion/b0 --limit 200 >/dev/null || fail "hooked"
got=$("$G" show last --format json | query '.closure | [(.units_uj | num) > 0, (.units_uj | num) + (.framework_uj | num) == .inference_uj]')
[ "$got" = "[true,true]" ] || fail "hooked: $got"
"$G" run -q -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' || fail "foreign"
"$G" annotate last --model mine/x1 --inferences 5 || fail "annotate"
got=$("$G" report --model x1 --format json | query '[.energy.basis, .energy.rounds, key("closure")]')
[ "$got" = '["whole run",0,null]' ] || fail "foreign: $got"

# The model knows the job's CPU time alone: its boundary is the job, and of the job's share in a machine nothing is said.
got=$("$G" show last --format json | query '[(.attributed_uj | num) > 0, .energy.uj == .attributed_uj, (.energy | key("cpu_share"))]')
[ "$got" = "[true,true,null]" ] || fail "the machine: $got"
"$G" annotate nosuch --phi 1 2>/dev/null
[ $? = 1 ] || fail "annotating what is no run"

# A store of the first schema is brought up to date by any command, and says the same then.
export GREENTRACK_STORE=$TMP/old.db
sql ".read tests/golden/store-v1.sql" || fail "the old store"
got=$("$G" list --format json | query '[.runs[] | [.inferences, .unit_hooks]]')
[ "$got" = "[[5,true],[10,false],[20,false],[20,true]]" ] || fail "old store: $got"
got=$("$G" report --model x1 --format json | query .energy.basis)
[ "$got" = "whole run" ] || fail "old annotation: $got"
exit 0
