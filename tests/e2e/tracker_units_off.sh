#!/usr/bin/env bash
# GREENTRACK_UNITS=off, bare and under `run`: inferences are counted, and what their layers took is unknown, not zero.
set -u
. "$(dirname "$0")/lib_plain.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=model
G=$O/greentrack
closure() {
    "$G" report --model "$1" --format json | python3 -c "
import json, sys
r = json.load(sys.stdin)
c, e = r['closure'], r['energy']
print(e['basis'], e['rounds'], c['units_uj'], c['framework_uj'], c['units_share'], c['inference_uj'] > 0,
      c['inference_uj'] + c['idle_uj'] + c['others_uj'] + c['unattributed_uj'] == c['total_uj'], len(r['layers']))"
}
LD_PRELOAD=$PLUGIN GREENTRACK_UNITS=off "$O/gtcnn" eval --model fashion/b0 --limit 200 >/dev/null || fail "bare"
got=$(closure b0)
[ "$got" = "hooks off 1 None None None True True 0" ] || fail "bare: $got"
GREENTRACK_UNITS=off "$G" run -q -- "$O/gtcnn" eval --model fashion/b1 --limit 200 >/dev/null || fail "run"
got=$(closure b1)
[ "$got" = "hooks off 1 None None None True True 0" ] || fail "under run: $got"
"$G" report --model b1 >"$TMP/text" || fail "text"
grep -q '^inferences .* layers were not observed' "$TMP/text" && ! grep -q '^units ' "$TMP/text" || fail "text: $(cat "$TMP/text")"
"$G" report --model b1 --format csv | tr -d '\r' | grep -qx 'closure,0,units_uj,' || fail "csv"
got=$("$G" show last --format json | python3 -c "
import json, sys
c = json.load(sys.stdin)['closure']
print(c['units_uj'], c['framework_uj'], c['inference_uj'] > 0)")
[ "$got" = "None None True" ] || fail "show: $got"
got=$("$G" export runs --format csv | python3 -c "
import csv, sys
rows = list(csv.DictReader(sys.stdin))
print([(r['units_uj'], r['framework_uj'], int(r['inference_uj']) > 0, r['unit_hooks']) for r in rows])")
[ "$got" = "[('', '', True, '0'), ('', '', True, '0')]" ] || fail "export: $got"
got=$(GREENTRACK_UNITS=off "$G" eval --model fashion/b2 --limit 20 --format json | python3 -c "
import json, sys
d = json.load(sys.stdin)
print(d['models'][0]['basis'], 'keeps' in str(d['notes']))")
[ "$got" = "hooks off False" ] || fail "eval: $got"
"$G" eval --model fashion/b2 --limit 10 | grep -q 'fashion/b2: the store keeps its earlier accuracy, which rests on 20 images' ||
    fail "an accuracy that is not stored is shown as if it were"

# With its layers observed, all is told apart; and the number that a person gives for a foreign job divides the whole run.
LD_PRELOAD=$PLUGIN "$O/gtcnn" eval --model fashion/b0 --limit 200 >/dev/null || fail "hooked"
got=$("$G" show last --format json | python3 -c "
import json, sys
c = json.load(sys.stdin)['closure']
print(c['units_uj'] > 0, c['units_uj'] + c['framework_uj'] == c['inference_uj'])")
[ "$got" = "True True" ] || fail "hooked: $got"
"$G" run -q -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' || fail "foreign"
"$G" annotate last --model mine/x1 --inferences 5 || fail "annotate"
"$G" report --model x1 --format json >"$TMP/json"
got=$(python3 -c "
import json, sys
r = json.load(open(sys.argv[1]))
print(r['energy']['basis'], r['energy']['rounds'], r['closure'])" "$TMP/json")
[ "$got" = "whole run 0 None" ] || fail "foreign: $got"

# The model knows the job's CPU time alone: of the machine, and of the job's share in it, nothing is said.
got=$("$G" show last --format json | python3 -c "
import json, sys
e = json.load(sys.stdin)['energy']
print(e['energy_uj'] > 0, e['machine_uj'], e['cpu_share'])")
[ "$got" = "True None None" ] || fail "the machine: $got"
"$G" annotate nosuch --phi 1 2>/dev/null
[ $? = 1 ] || fail "annotating what is no run"

# A store of the first schema is brought up to date by any command, and says the same then.
export GREENTRACK_STORE=$TMP/old.db
python3 -c "
import sqlite3, sys
sqlite3.connect(sys.argv[1]).executescript(open('tests/golden/store-v1.sql').read())" "$GREENTRACK_STORE" || fail "the old store"
got=$("$G" list --format json | python3 -c "
import json, sys
print([(r['inferences'], r['unit_hooks']) for r in json.load(sys.stdin)['runs']])")
[ "$got" = "[(5, True), (10, False), (20, False), (20, True)]" ] || fail "old store: $got"
got=$("$G" report --model x1 --format json | python3 -c "
import json, sys
print(json.load(sys.stdin)['energy']['basis'])")
[ "$got" = "whole run" ] || fail "old annotation: $got"
exit 0
