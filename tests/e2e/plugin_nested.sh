#!/usr/bin/env bash
# A region is told its own time, in short runs and long ones: what ran inside it, regions or inferences, is told there alone, and shared out once.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=model G=$O/greentrack
show() { "$G" ingest >/dev/null && "$G" show last --all --format json | query "$1"; }
for mb in 64 0; do
    export GREENTRACK_TRACE_MB=$mb
    export GREENTRACK_MODEL=nest/loop
    for try in 1 2 3; do # a busy machine may stop the program between two regions
        "$G" run -q -- "$O/tests/host/nest" loop 5 || fail "loop"
        got=$(show '[.layers[] | {(.name): .}] | add | [.a.uj_per_call > 0, .b.ns_per_call < .c.ns_per_call / 10, .b.share < .a.share / 4, .b.calls, .c.calls]')
        [ "$got" = "[true,true,true,1,5]" ] && break
    done
    [ "$got" = "[true,true,true,1,5]" ] || fail "regions in regions, $mb MB: $got: $(show .layers)"
    export GREENTRACK_MODEL=nest/infer
    for try in 1 2 3; do # a busy machine may stop the program between two inferences; counted twice, it is a half each time
        LD_PRELOAD=$PLUGIN "$O/tests/host/nest" infer 200 || fail "infer"
        got=$(show '[.layers[] | {(.name): .}] | add | [.around.calls, .around.share < 0.2]')
        [ "$got" = "[200,true]" ] && break
    done
    [ "$got" = "[200,true]" ] || fail "around inferences, $mb MB, try $try: $got: $(show .layers)"
    # Longer than a batch of ingest, so that most of the region's time is in batches that are done when tables tell what ran inside.
    LD_PRELOAD=$PLUGIN "$O/tests/host/nest" infer 8000 || fail "infer"
    [ "$(show '[.layers[] | {(.name): .}] | add | [.around.calls, .around.share < 0.2]')" = "[8000,true]" ] || fail "a long run, $mb MB: $(show .layers)"
    [ $mb = 0 ] || [ "$(show ".closure.framework_uj > 0")" = true ] || fail "around inferences, $mb MB: no framework"
done

# The regions around inferences stand beside the model, and are in nobody's way: the run's model is the one with inferences.
unset GREENTRACK_MODEL GREENTRACK_TRACE_MB
"$G" run -q -- "$O/tests/host/nest" infer 200 || fail "infer"
"$G" annotate last --tags said --model fashion/b0 --family fashion || fail "annotate"
got=$(show '[.annotation_unused, ([.models[].inferences | select(. == 200)] | length), ([.layers[] | select(.name == "around").calls] | first),
    ([.layers[].calls] | length > 2)]')
[ "$got" = "[false,1,200,true]" ] || fail "annotated: $got"
printf '0 1 1\n1 1 2\n' >"$TMP/answers"
"$G" annotate last --dataset digits --answers "$TMP/answers" >/dev/null || fail "answers"
got=$("$G" report --model b0 --format json | query '[.accuracy.n, (.layers | length) > 2]')
[ "$got" = "[2,true]" ] || fail "the answers' model: $got"
"$G" annotate last --inferences 5 2>"$TMP/said" && fail "an observed count gave way"
grep -q "were observed, 200" "$TMP/said" || fail "$(cat "$TMP/said")"
exit 0
