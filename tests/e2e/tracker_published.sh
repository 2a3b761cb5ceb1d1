#!/usr/bin/env bash
# Published accuracies: set against this host's joules when asked for, with both labels beside every figure; else they never meet.
set -u
. "$(dirname "$0")/lib_plain.sh"
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
holds() { jq -e "$2" <"$1" >/dev/null || fail "not so in $(basename "$1"): $2"; }

# Before there is anything: which option is needed, and which families there are.
"$G" report >/dev/null 2>"$TMP/err"; is "neither model nor family" $? 2
grep -q -e '--model NAME or --family NAME is needed' "$TMP/err" || fail "no reason: $(cat "$TMP/err")"

for size in b0 b1; do
    "$G" run -q -- env GREENTRACK_UNITS=off "$O/gtcnn" bench --model efficientnet/$size --seconds 0.05 >"$TMP/bench" || fail "bench $size"
done
"$G" report --family nosuch >/dev/null 2>"$TMP/err"; is "an unknown family" $? 1
grep -q "no family 'nosuch'; the store has: efficientnet" "$TMP/err" || fail "no candidates: $(cat "$TMP/err")"

# Not asked for: no accuracy, no judgement, and the way to get them.
"$G" report --family efficientnet --format json >"$TMP/own" || fail "report of a family"
holds "$TMP/own" '.family | length == 2'
holds "$TMP/own" 'all(.family[]; .uj_per_inference > 0 and .accuracy_pct == null and .accuracy_provenance == null and .on_front == null)'
holds "$TMP/own" '[.axis, .labels, .model, .accuracy, .layers, .closure, .energy, .macs] | all(. == null)'
holds "$TMP/own" '(.steps + .break_points + .tau_break_points) == []'
holds "$TMP/own" '.headline | contains("greentrack report --family efficientnet --accuracy published")'
# As each format writes an accuracy: joules and times may have any digits.
shows() { grep -E '(^| )7[79]\.10 %|pct"?[,:] ?7[79]\.1([^0-9]|$)'; }
for format in text json csv; do
    "$G" report --family efficientnet --format $format | shows && fail "a published accuracy in $format"
    "$G" report --model efficientnet/b1 --format $format | shows && fail "a published accuracy of b1 in $format"
    "$G" report --family efficientnet --accuracy published --format $format | sed 's/\r$//' | shows >/dev/null || fail "none in $format when asked for"
done

# Asked for: Tan & Le's figures with n, this host's joules, both labels in every row. A part of the name is enough.
"$G" report --family effi --accuracy published --format json >"$TMP/published" || fail "report with published accuracies"
holds "$TMP/published" '.family_name == "efficientnet" and .axis == "J"'
holds "$TMP/published" '[.family[] | [.name, .accuracy_pct, .accuracy_n]] ==
    [["efficientnet/b0", 77.1, 50000], ["efficientnet/b1", 79.1, 50000]]'
holds "$TMP/published" 'all(.family[]; .accuracy_lo_pct < .accuracy_pct - 0.36 and .accuracy_hi_pct > .accuracy_pct + 0.36)'
holds "$TMP/published" 'all(.family[]; .accuracy_provenance == "published" and .weights == "random" and .uj_per_inference > 0 and
    (.provenance == "modelled" or .provenance == "measured") and .source != null and (.accuracy_citation | startswith("Tan & Le 2019")))'
holds "$TMP/published" '.steps | length == 1'
holds "$TMP/published" '.steps[0] | .paired == false and .verdict == "measurable gain" and .n == 50000 and .accuracy_provenance == "published" and
    .energy_provenance != null and .energy_source != null and .weights == "random"'
holds "$TMP/published" '.steps[0] | (.delta_lo_pp - 1.38742568305 | fabs) < 1e-9 and (.delta_hi_pp - 2.612427458 | fabs) < 1e-9'
holds "$TMP/published" '.labels as $l | (.headline | startswith("Published accuracies against this host") and contains($l)) and
    ($l | contains("published, of trained weights") and contains("weights=random"))'
holds "$TMP/published" '[.headline, .notes[]] | all(contains("say nothing") | not)'

"$G" report --family efficientnet --accuracy published >"$TMP/text" || fail "text"
for title in 'Family efficientnet by φ' 'Energy and time of one inference' 'Is a step real?'; do
    grep -F "$title" "$TMP/text" | grep 'accuracy: published, of trained weights; joules: .* source .* weights=random' >"$TMP/title" ||
        fail "no labels beside: $title"
done
"$G" report --model b1 --family efficientnet --accuracy published >"$TMP/text" || fail "a model of the family"
grep -q '^accuracy .*79.10 %.* n = 50000, published (of trained weights)' "$TMP/text" || fail "the model's accuracy: $(cat "$TMP/text")"
grep -q '^energy .*, of weights=random$' "$TMP/text" || fail "the model's energy: $(cat "$TMP/text")"
"$G" report --family efficientnet --accuracy published --format csv >"$TMP/csv" || fail "csv"
grep -q '^steps,0,accuracy_provenance,published' "$TMP/csv" && grep -q '^steps,0,weights,random' "$TMP/csv" || fail "labels in csv"
exit 0
