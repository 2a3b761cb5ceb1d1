#!/usr/bin/env bash
# A job without inferences, but with regions and items of its own: joules per item and per region, nothing that is unknown shown as zero.
set -u
. "$(dirname "$0")/lib_plain.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_MODEL=mine/x0 GREENTRACK_FAMILY=mine GREENTRACK_PHI=0
"$O/greentrack" run -q -- "$O/tests/host/region" >/dev/null || fail "run"
unset GREENTRACK_MODEL GREENTRACK_FAMILY GREENTRACK_PHI
got=$("$O/greentrack" report --model x0 --format json | python3 -c "
import json, sys
r = json.load(sys.stdin)
c = r['closure']
layers = {l['name']: l for l in r['layers']}
print(r['model']['name'], r['energy']['uj_per_inference'] > 0, sorted(layers), layers['inner']['calls'], layers['inner']['uj_per_call'] > 0,
      sum(c[k] for k in ('units_uj', 'framework_uj', 'idle_uj', 'others_uj', 'unattributed_uj')) == c['total_uj'] > 0, r['macs'])")
[ "$got" = "mine/x0 True ['inner', 'outer work'] 10 True True None" ] || fail "$got"
got=$("$O/greentrack" list --format json | python3 -c "
import json, sys
print(json.load(sys.stdin)['runs'][0]['inferences'])")
[ "$got" = 40 ] || fail "items: $got"

# A foreign job that said nothing: what it was is told afterwards.
"$O/greentrack" run -q -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' || fail "run"
"$O/greentrack" annotate last --model mine/x1 --family mine --phi 1 --inferences 5 || fail "annotate"
got=$("$O/greentrack" report --model x1 --format json | python3 -c "
import json, sys
r = json.load(sys.stdin)
print(r['model']['phi'], r['energy']['lo_uj'] < r['energy']['uj_per_inference'] < r['energy']['hi_uj'], r['energy']['provenance'],
      r['accuracy'], r['layers'], [m['name'] for m in r['family']])")
[ "$got" = "1.0 True modelled None [] ['mine/x0', 'mine/x1']" ] || fail "$got"
exit 0
