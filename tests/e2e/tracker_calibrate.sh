#!/usr/bin/env bash
# Idle power: measured where there is a counter, stored, and taken out of what later runs on this host used. And a trace that somebody
# else put into the spool is not ours to ingest.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
script() { printf 'greentrack-replay 1\nboundary package\nprovenance measured\nmode linear\ndomain package-0 scale=1 package=0\n0 0\n100000000000 %s\n' "$1"; }
script 1000000000 >"$TMP/idle" # 10 W
script 2000000000 >"$TMP/busy" # 20 W

"$O/greentrack" calibrate --energy-source null >/dev/null 2>"$TMP/err" && fail "calibrated without a counter"
grep -q "doctor" "$TMP/err" || fail "no remedy: $(cat "$TMP/err")"

# Other tests may keep the machine busy: the test forces, the result says so.
got=$("$O/greentrack" calibrate --force -q --energy-source "replay:$TMP/idle" --seconds 2 --format json | query '
    (.idle_w | num) - 10 | -0.2 < . and . < 0.2') || fail "calibrate"
[ "$got" = true ] || fail "idle power is not 10 W"

"$O/greentrack" run -q --energy-source "replay:$TMP/busy" -- "$O/gtcnn" bench --model fashion/b0 --seconds 0.3 >/dev/null || fail "run"
got=$("$O/greentrack" report --model b0 --format json | query '
    ([.closure | .units_uj, .framework_uj, .others_uj, .unattributed_uj | num] | add) as $rest |
    # 20 W used, 10 W of it idle: half and half, whatever the window (all cpus are allowed, else less is ours)
    (.closure | (.idle_uj | num) / (.total_uj | num) - 0.5) as $off |
    [.energy.provenance, .energy.source, .energy.boundary, .energy.kind, -0.02 < $off and $off < 0.02 or .closure.idle_uj < $rest]')
[ "$got" = '["measured","replay","package","ci95",true]' ] || fail "$got"

if [ "$(id -u)" = 0 ]; then
    LD_PRELOAD="$PLUGIN" "$O/gtcnn" bench --model fashion/b0 --seconds 0.05 >/dev/null || fail "job"
    trace=$(find "$GREENTRACK_SPOOL" -name 'process-*.gtt')
    chown 65534 "$trace"
    before=$("$O/greentrack" list --format json 2>/dev/null | query '.runs | length')
    [ "$before" = 1 ] || fail "a stranger's trace was ingested"
fi
exit 0
