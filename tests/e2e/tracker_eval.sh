#!/usr/bin/env bash
# eval: accuracy with answers (measured), rounds with the hooks off in a series; report, export, cost and doctor as JSON.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
[ -e /usr/share/datasets/fashion-mnist ] || { echo "dataset-fashion-mnist is not installed"; exit 77; }
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

# cost and doctor touch neither spool nor store.
is "MACs of efficientnet/b0" "$("$G" cost --model efficientnet/b0 --format json | query '[.macs == ([.layers[].macs | num] | add),
    .params == ([.layers[].params | num] | add), (.macs / 1e7 | round), (.params / 1e5 | round)]')" "[true,true,39,53]"
is "keys of a layer" "$("$G" cost --model fashion/b0 --format json | query '["name", "op", "macs", "params", "input", "output"] - (.layers[0] | keys)')" "[]"
is "doctor" "$("$G" doctor --format json | query '[(.sources | map(.source) | sort), (.sources | map(select(.chosen)) | length),
    ["plugin", "spool", "store", "/dev/shm", "cgroup", "perf events"] - [.checks[].check], (.verdict | given)]')" \
    '[["hwmon","model","msr","null","perf","powercap","replay"],1,[],true]'
[ ! -e "$GREENTRACK_SPOOL" ] && [ ! -e "$GREENTRACK_STORE" ] || fail "spool or store was touched"

# One model: one run, no series.
"$G" eval --model fashion/b0 --limit 50 --format json >"$TMP/one" || fail "eval of one model"
is "one model" "$(query '[.models[] | [.model, .images, .basis, .weights]]' <"$TMP/one")" \
    '[["fashion/b0",50,"hooked","trained"]]'
is "its run" "$("$G" list --format json | query '[.runs[] | [.role, .inferences, .children]]')" '[["eval",50,0]]'

# Two models with rounds: a series, whose rounds are inside of it and hold no layers.
"$G" eval --model fashion/b0 --model fashion/b1 --rounds 4 --seconds 0.1 --limit 50 --format json >"$TMP/two" || fail "eval with rounds"
is "two models" "$(query '[.models[] | [.model, .rounds, .basis, (.uj_per_inference | num) > 0]]' <"$TMP/two")" \
    '[["fashion/b0",4,"hooks off",true],["fashion/b1",4,"hooks off",true]]'
is "the series" "$("$G" list --format json | query '[.runs[] | [.role, .children]]')" '[["eval",10],["eval",0]]'
is "its command line" "$("$G" list --format json | query '.runs[0].command | split("greentrack ")[1]')" \
    "eval --model fashion/b0 --model fashion/b1 --rounds 4 --seconds 0.1 --limit 50 --format json"
is "order of the rounds" "$("$G" list --all --format json |
    query '[.runs | reverse[] | select(.role == "round").model[-2:]] | join(" ")')" "b0 b1 b1 b0 b0 b1 b1 b0"
is "no layers in rounds" "$(for id in $("$G" list --all --format json | query '.runs[] | select(.role == "round").id'); do
    "$G" show "$id" --format json | query '[(.layers | length), .unit_hooks]'; done | sort -u)" "[0,false]"
is "report" "$("$G" report --model b1 --format json |
    query '[.model.name, .accuracy.n, .accuracy.provenance, (.energy.provenance | IN("measured", "modelled")), (.family | length),
    .closure.total_uj == ([.closure | .units_uj, .framework_uj, (key("idle_uj") // 0), (key("others_uj") // 0), .unattributed_uj | num] | add)]')" \
    '["fashion/b1",50,"measured",true,2,true]'
"$G" report --model b7 >/dev/null 2>"$TMP/err"; is "an unknown model" $? 1
grep -q fashion/b1 "$TMP/err" || fail "no candidates: $(cat "$TMP/err")"

# What fails says so; a model given twice would have rounds that count for both.
GREENTRACK_GTCNN=/bin/false "$G" eval --model fashion/b0 >"$TMP/out" 2>"$TMP/err"; is "a gtcnn that fails" $? 1
grep -q "fashion/b0: /bin/false eval ended with status 1" "$TMP/err" || fail "a gtcnn that fails: $(cat "$TMP/err")"
"$G" eval --model fashion/b0 --model fashion/b0 2>"$TMP/err"; is "a model given twice" $? 2

# The answers of an eval that was killed go with the next one; those of a living one stay.
export TMPDIR="$TMP/answers"
mkdir "$TMPDIR" "$TMPDIR/greentrack-eval.killed" "$TMPDIR/greentrack-eval.living"
touch "$TMPDIR/greentrack-eval.killed/0"; touch -d "1 hour ago" "$TMPDIR"/greentrack-eval.*
flock "$TMPDIR/greentrack-eval.living" "$G" eval --model fashion/b0 --limit 5 >/dev/null || fail "eval beside another"
is "folders left" "$(ls "$TMPDIR")" greentrack-eval.living
unset TMPDIR

# Data out: whole or not at all.
for view in runs layers family; do
    "$G" export $view --output "$TMP/$view.json" || fail "export $view"
    [ "$(query ".$view | length" <"$TMP/$view.json")" -gt 0 ] || fail "$view is empty"
    "$G" export $view --format csv | head -n 1 | grep -q , || fail "$view as csv"
done
"$G" export runs --output /nonexistent/x 2>/dev/null; is "an impossible output" $? 1
mkfifo "$TMP/pipe"; cat "$TMP/pipe" >"$TMP/through" & "$G" export runs --output "$TMP/pipe" || fail "export into a pipe"
wait $!; [ -p "$TMP/pipe" ] && cmp -s "$TMP/through" "$TMP/runs.json" || fail "a pipe was replaced, or got something else"
"$G" list >/dev/full 2>"$TMP/err"; is "a full output" $? 1
is "said once" "$(wc -l <"$TMP/err")" 1
for format in json csv; do
    "$G" export runs --format $format >/dev/full 2>"$TMP/err"; is "a full output" $? 1
    grep -q "No space left on device" "$TMP/err" || fail "no reason: $(cat "$TMP/err")"
done

# Names from outside: labels of the environment, items that the program reports itself.
GREENTRACK_MODEL=mine GREENTRACK_FAMILY=own GREENTRACK_PHI=2 GREENTRACK_TAGS=x "$G" run -q -- "$O/tests/host/byname" || fail "a foreign program"
is "a foreign model" "$("$G" list --format json | query '.runs[0] | [.model, .family, (.phi | num), .inferences, .tags]')" \
    '["mine","own",2,7,"x"]'
is "its region" "$("$G" show last --format json | query '[.layers[] | [.name, .region, .calls]]')" '[["work",true,1]]'
