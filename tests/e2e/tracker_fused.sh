#!/usr/bin/env bash
# A model in fused units and layer by layer: each unit's layers with what is counted of them, two comparison groups, and what
# fusing saves. libgtcnn fuses where its kernels can (not the plain C ones).
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
[ -e /usr/share/datasets/fashion-mnist ] || { echo "dataset-fashion-mnist is not installed"; exit 77; }
"$O/gtcnn" info --model fashion/b0 | grep -q "blocks fused" || { echo "the kernels of this processor do not fuse"; exit 77; }
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

# Fused alone: the report says what would compare.
"$G" eval --model fashion/b0 --limit 50 -q || fail "eval"
"$G" report --model b0 --format json >"$TMP/alone" || fail "report"
is "fused" "$(query '[.execution, .fusing.compared, .fusing.saved_uj, .fusing.command]' <"$TMP/alone")" \
    '["fused",false,null,"greentrack eval --model fashion/b0 --fusing both --rounds 10"]'
"$G" report --model b0 | grep -q "Not known: no run layer by layer compares with these. Both ways, in turns: greentrack eval" ||
    fail "no line says which command would compare"

# A fused unit is one unit with its layers named; what is counted of them is what gtcnn says of the model's layers.
"$O/gtcnn" info --model fashion/b0 --format json >"$TMP/info" || fail "info"
fused=$(query '.units | length' <"$TMP/info")
is "layers in units" "$(query '.layers | length' <"$TMP/alone")" "$fused"
is "a unit with two products" \
    "$(query '[.members[] | select(.unit == "block2.expand" and (.macs | num) > 0).name] | join("+")' <"$TMP/alone")" \
    "block2.expand+block2.dw"
is "MACs of the members" "$(query '[.members[].macs | num] | add' <"$TMP/alone")" "$(query '.macs' <"$TMP/info")"
is "bytes of the members" "$(query '[.members[] | select(.bytes == null or (.bytes | num) <= 0)] | length' <"$TMP/alone")" 0
is "shares" "$(query '[.members | group_by(.index)[] | map(.counted_bytes_share | num) | add | . * 1000 | round] | unique' <"$TMP/alone")" "[1000]"
"$G" report --model b0 --all | grep -q "shares as counted from shapes, not measured" || fail "the text does not say what the shares are"
"$G" show last | grep -q "shares as counted from shapes, not measured" || fail "show does not say what the shares are"
is "export members" "$("$G" export members | query '[.members[] | select(.unit == "block2.expand").name][0:2]')" \
    '["block2.expand","block2.expand.bn"]'

# Both ways in one series: two models to eval, two groups to the report, which keeps to the fused one.
"$G" eval --model fashion/b0 --fusing both --rounds 3 --seconds 0.1 --limit 50 --format json >"$TMP/both" || fail "eval in both ways"
is "both ways" "$(query '[.models[] | [.execution, .rounds]]' <"$TMP/both")" '[["fused",3],["layer by layer",3]]'
"$G" report --model b0 --format json >"$TMP/report" || fail "report"
is "compared" "$(query '[.execution, .fusing.compared, .fusing.same_series, .fusing.paired, .fusing.fused_rounds, .fusing.layers_rounds,
    .energy.rounds, (.fusing.command | given)]' <"$TMP/report")" '["fused",true,true,true,3,3,3,true]'
is "the difference" "$(query '.fusing | [((.layers_seconds | num) - (.fused_seconds | num) - (.saved_seconds | num) | fabs) < 1e-12,
    ((.layers_uj | num) - (.fused_uj | num) - (.saved_uj | num) | fabs) < 1e-6, (.saved_lo_seconds | num) < (.saved_hi_seconds | num)]' \
    <"$TMP/report")" "[true,true,true]"
is "figures fused" "$(query '.fusing.fused_seconds == .seconds_per_inference' <"$TMP/report")" true

# Kernels that fuse nothing have one way alone, and it is said.
GTCNN_ISA=c "$G" eval --model fashion/b1 --fusing both --rounds 2 --seconds 0.1 --limit 5 --format json >"$TMP/plain" || fail "plain C"
is "one way" "$(query '[[.models[].execution], (.notes | map(select(test("fuse nothing"))) | length)]' <"$TMP/plain")" \
    '[["layer by layer"],1]'

# Layer by layer every layer that multiplies has a unit of its own, and both lists stand side by side.
layers=$(query '.fusing.layers_run' <"$TMP/report")
"$G" show "$layers" --format json >"$TMP/layers" || fail "show the run layer by layer"
is "layer by layer" "$(query '[.models[0].execution, ([.members | group_by(.index)[] | map(select((.macs | num) > 0)) | length] | max)]' \
    <"$TMP/layers")" '["layer by layer",1]'
[ "$(query '.layers | length' <"$TMP/layers")" -gt "$fused" ] || fail "not more units layer by layer than fused"
is "nothing nameless" "$("$G" export layers | query '[.layers[] | select(.name == null or .execution == null)] | length')" 0

# One run that does both holds them apart.
"$G" run -q -- bash -c "$O/gtcnn eval --model fashion/b0 --limit 40 >/dev/null && $O/gtcnn eval --model fashion/b0 --limit 60 --no-fuse >/dev/null" ||
    fail "both in one run"
is "two parts" "$("$G" show last --format json | query '[.models[] | [.execution, .inferences]] | sort')" '[["fused",40],["layer by layer",60]]'
is "of one model" "$("$G" list --format json | query '.runs[0] | [.model, .models, .inferences]')" '["fashion/b0",1,100]'
