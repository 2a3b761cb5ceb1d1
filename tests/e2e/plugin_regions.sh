#!/usr/bin/env bash
# Regions in bounded traces: what blocks say of a job without inferences is what rows say, under greentrack run and bare.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
show() { "$O/greentrack" ingest >/dev/null && "$O/greentrack" show last --all --format json | query "$1"; }
layers='[.layers[] | [.name, .calls, (key("uj_per_call") // 0 | num) > 0]] | sort'
wanted='[["inner",10,true],["outer work",10,true]]'
export GREENTRACK_MODEL=mine/x0
for mb in 64 0; do
    export GREENTRACK_TRACE_MB=$mb GREENTRACK_BLOCK_MS=10
    "$O/greentrack" run -q -- "$O/tests/host/region" >/dev/null || fail "run"
    got=$(show "$layers")
    [ "$got" = "$wanted" ] || fail "under run, $mb MB of rows: $got"
    LD_PRELOAD=$PLUGIN "$O/tests/host/region" >/dev/null || fail "bare"
    got=$(show "$layers")
    [ "$got" = "$wanted" ] || fail "bare, $mb MB of rows: $got"
    # Inferences that come later are the inferences; regions are units like any other (the labelled model has the reported items),
    # and the window that the closure is of, a small part of the job here, is that of the inferences.
    LD_PRELOAD=$PLUGIN "$O/tests/host/region" 20 40 >/dev/null || fail "bare, with inferences"
    got=$(show '[[.models[].inferences], [.layers[] | select(.name | IN("inner", "outer work")).calls],
        ([.layers[].calls | num] | add) > 20 * 5, (.closure.window_ns | num | 0 < .) and 2 * .closure.window_ns < (.ns | num)]')
    [ "$got" = "[[40,20],[10,10],true,true]" ] || fail "with inferences, $mb MB of rows: $got"
done
exit 0
