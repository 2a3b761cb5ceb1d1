#!/usr/bin/env bash
# Idle power: measured where there is a counter, stored, and taken out of what later runs on this host used. And a trace that somebody
# else put into the spool is not ours to ingest.
set -u
. "$(dirname "$0")/lib_plain.sh"
fail() { echo "FAIL: $*"; exit 1; }
script() { printf 'greentrack-replay 1\nboundary package\nprovenance measured\nmode linear\ndomain package-0 scale=1 package=0\n0 0\n100000000000 %s\n' "$1"; }
script 1000000000 >"$TMP/idle" # 10 W
script 2000000000 >"$TMP/busy" # 20 W

"$O/greentrack" calibrate --energy-source null >/dev/null 2>"$TMP/err" && fail "calibrated without a counter"
grep -q "doctor" "$TMP/err" || fail "no remedy: $(cat "$TMP/err")"

# Other tests may keep the machine busy: the test forces, the result says so.
got=$("$O/greentrack" calibrate --force -q --energy-source "replay:$TMP/idle" --seconds 2 --format json | python3 -c "
import json, sys
def find(d, word):
    for k, v in (d.items() if isinstance(d, dict) else []):
        if word in k and isinstance(v, (int, float)) and not isinstance(v, bool): return v
        w = find(v, word)
        if w is not None: return w
print(abs(find(json.load(sys.stdin), 'idle') - 10) < 0.2)") || fail "calibrate"
[ "$got" = True ] || fail "idle power is not 10 W"

"$O/greentrack" run -q --energy-source "replay:$TMP/busy" -- "$O/gtcnn" bench --model fashion/b0 --seconds 0.3 >/dev/null || fail "run"
got=$("$O/greentrack" report --model b0 --format json | python3 -c "
import json, sys
r = json.load(sys.stdin)
c = r['closure']
rest = c['units_uj'] + c['framework_uj'] + c['others_uj'] + c['unattributed_uj']
# 20 W used, 10 W of it idle: half and half, whatever the window (all cpus are allowed, else less is ours)
print(r['energy']['provenance'], r['energy']['source'], r['energy']['boundary'], r['energy']['kind'], abs(c['idle_uj'] / c['total_uj'] - 0.5) < 0.02 or c['idle_uj'] < rest)")
[ "$got" = "measured replay package ci95 True" ] || fail "$got"

if [ "$(id -u)" = 0 ]; then
    LD_PRELOAD="$PLUGIN" "$O/gtcnn" bench --model fashion/b0 --seconds 0.05 >/dev/null || fail "job"
    trace=$(find "$GREENTRACK_SPOOL" -name 'process-*.gtt')
    chown 65534 "$trace"
    before=$("$O/greentrack" list --format json 2>/dev/null | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["runs"]))')
    [ "$before" = 1 ] || fail "a stranger's trace was ingested"
fi
exit 0
