#!/usr/bin/env bash
# eval: accuracy with answers (measured), rounds with the hooks off in a series; report, export, cost and doctor as JSON.
set -u
. "$(dirname "$0")/lib_plain.sh"
[ -e /usr/share/datasets/fashion-mnist ] || { echo "dataset-fashion-mnist is not installed"; exit 77; }
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
query() { python3 -c "
import json, sys
d = json.load(sys.stdin)
print($1)"; }

# cost and doctor touch neither spool nor store.
is "MACs of efficientnet/b0" "$("$G" cost --model efficientnet/b0 --format json | query "(d['macs'] == sum(l['macs'] for l in d['layers']),
    d['params'] == sum(l['params'] for l in d['layers']), round(d['macs'] / 1e9, 2), round(d['params'] / 1e6, 1))")" "(True, True, 0.39, 5.3)"
is "keys of a layer" "$("$G" cost --model fashion/b0 --format json | query "{'name', 'op', 'macs', 'params', 'input', 'output'} <= set(d['layers'][0])")" True
is "doctor" "$("$G" doctor --format json | query "(sorted(s['source'] for s in d['sources']), sum(s['chosen'] for s in d['sources']),
    {'plugin', 'spool', 'store', '/dev/shm', 'cgroup', 'perf events'} <= {c['check'] for c in d['checks']}, bool(d['verdict']))")" \
    "(['model', 'null', 'powercap', 'replay'], 1, True, True)"
[ ! -e "$GREENTRACK_SPOOL" ] && [ ! -e "$GREENTRACK_STORE" ] || fail "spool or store was touched"

# One model: one run, no series.
"$G" eval --model fashion/b0 --limit 50 --format json >"$TMP/one" || fail "eval of one model"
is "one model" "$(query "[(m['model'], m['images'], m['basis'], m['weights']) for m in d['models']]" <"$TMP/one")" \
    "[('fashion/b0', 50, 'hooked', 'random')]"
is "its run" "$("$G" list --format json | query "[(r['role'], r['inferences'], r['children']) for r in d['runs']]")" "[('eval', 50, 0)]"

# Two models with rounds: a series, whose rounds are inside of it and hold no layers.
"$G" eval --model fashion/b0 --model fashion/b1 --rounds 4 --seconds 0.1 --limit 50 --format json >"$TMP/two" || fail "eval with rounds"
is "two models" "$(query "[(m['model'], m['rounds'], m['basis'], m['uj_per_inference'] > 0) for m in d['models']]" <"$TMP/two")" \
    "[('fashion/b0', 4, 'hooks off', True), ('fashion/b1', 4, 'hooks off', True)]"
is "the series" "$("$G" list --format json | query "[(r['role'], r['children']) for r in d['runs']]")" "[('eval', 10), ('eval', 0)]"
is "its command line" "$("$G" list --format json | query "d['runs'][0]['command'].split('greentrack ')[1]")" \
    "eval --model fashion/b0 --model fashion/b1 --rounds 4 --seconds 0.1 --limit 50 --format json"
is "order of the rounds" "$("$G" list --all --format json |
    query "[r['model'][-2:] for r in reversed(d['runs']) if r['role'] == 'round']")" "['b0', 'b1', 'b1', 'b0', 'b0', 'b1', 'b1', 'b0']"
is "no layers in rounds" "$(for id in $("$G" list --all --format json | query "' '.join(r['id'] for r in d['runs'] if r['role'] == 'round')"); do
    "$G" show "$id" --format json | query "(len(d['layers']), d['unit_hooks'])"; done | sort -u)" "(0, False)"
is "report" "$("$G" report --model b1 --format json |
    query "(d['model']['name'], d['accuracy']['n'], d['accuracy']['provenance'], d['energy']['provenance'] in ('measured', 'modelled'), len(d['family']),
    d['closure']['total_uj'] == sum(d['closure'][k + '_uj'] for k in ('units', 'framework', 'idle', 'others', 'unattributed')))")" \
    "('fashion/b1', 50, 'measured', True, 2, True)"
"$G" report --model b7 >/dev/null 2>"$TMP/err"; is "an unknown model" $? 1
grep -q fashion/b1 "$TMP/err" || fail "no candidates: $(cat "$TMP/err")"

# Data out: whole or not at all.
for view in runs layers family; do
    "$G" export $view --output "$TMP/$view.json" || fail "export $view"
    [ "$(query "len(d['$view'])" <"$TMP/$view.json")" -gt 0 ] || fail "$view is empty"
    "$G" export $view --format csv | head -n 1 | grep -q , || fail "$view as csv"
done
"$G" export runs --output /nonexistent/x 2>/dev/null; is "an impossible output" $? 1
mkfifo "$TMP/pipe"; cat "$TMP/pipe" >"$TMP/through" & "$G" export runs --output "$TMP/pipe" || fail "export into a pipe"
wait $!; [ -p "$TMP/pipe" ] && cmp -s "$TMP/through" "$TMP/runs.json" || fail "a pipe was replaced, or got something else"
"$G" list >/dev/full 2>"$TMP/err"; is "a full output" $? 1
is "said once" "$(wc -l <"$TMP/err")" 1

# Names from outside: labels of the environment, items that the program reports itself.
GREENTRACK_MODEL=mine GREENTRACK_FAMILY=own GREENTRACK_PHI=2 GREENTRACK_TAGS=x "$G" run -q -- python3 -c '
import ctypes, time
gt = ctypes.CDLL(None)
gt.greentrack_region_begin(b"work"); time.sleep(0.05); gt.greentrack_region_end(b"work")
gt.greentrack_items(ctypes.c_uint64(7))
time.sleep(0.1)' || fail "a foreign program"
is "a foreign model" "$("$G" list --format json | query "[d['runs'][0][k] for k in ('model', 'family', 'phi', 'inferences', 'tags')]")" \
    "['mine', 'own', 2.0, 7, 'x']"
is "its region" "$("$G" show last --format json | query "[(l['name'], l['region'], l['calls']) for l in d['layers']]")" "[('work', True, 1)]"
