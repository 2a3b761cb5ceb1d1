#!/usr/bin/env bash
# Regions in bounded traces: what blocks say of a job without inferences is what rows say, under greentrack run and bare.
set -u
. "$(dirname "$0")/lib_plain.sh"
fail() { echo "FAIL: $*"; exit 1; }
show() { "$O/greentrack" ingest >/dev/null && "$O/greentrack" show last --all --format json | python3 -c "
import json, sys
run = json.load(sys.stdin)
print($1)"; }
layers="sorted((l['name'], l['calls'], (l['uj_per_call'] or 0) > 0) for l in run['layers'])"
wanted="[('inner', 10, True), ('outer work', 10, True)]"
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
    got=$(show "[m['inferences'] for m in run['models']], [l['calls'] for l in run['layers'] if l['name'] in ('inner', 'outer work')],
        sum(l['calls'] for l in run['layers']) > 20 * 5, 0 < 2 * run['closure']['window_ns'] < run['ns']")
    [ "$got" = "[40, 20] [10, 10] True True" ] || fail "with inferences, $mb MB of rows: $got"
done
exit 0
