#!/usr/bin/env bash
# Joules of GPUs by NVML: the energy counter, power where there is none, refusals by name.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack
export GREENTRACK_NVML_LIBRARY=$O/tests/stub/libnvml.so STUB_NVML='energy:30 power:12'
"$G" run -q --energy-source nvml -- sleep 1 || fail "run"
ran=$("$G" show last --format json)
query '((.ns | num) / 1e9) as $s | [.domains[] | (.counted_uj | num) / 1e6 / $s] | (.[0] > 28.5 and .[0] < 31.5) and (.[1] > 11.9 and .[1] < 12.1)' <<<"$ran" |
    grep -qx true || fail "watts: $(query .domains <<<"$ran")"
got=$(query '[.energy.source, .energy.boundary, .energy.provenance]' <<<"$ran")
[ "$got" = '["nvml","gpu","measured"]' ] || fail "$got"
# Where the trace may not grow any more, powers are still read often enough to be integrated.
STUB_NVML=power:12 GREENTRACK_TRACE_MB=0 "$G" run -q --energy-source nvml -- sleep 2.5 || fail "coarse"
got=$("$G" show last --format json | query '[.energy.gaps == [], (.domains[0].counted_uj | num) > 28e6]')
[ "$got" = '[true,true]' ] || fail "coarse: $got"
# And at a pace of seconds, where that was asked for: 12 W all the time.
STUB_NVML=power:12 "$G" run -q --interval 1200 --energy-source nvml -- sleep 2.6 || fail "slow"
got=$("$G" show last --format json | query '((.ns | num) / 1e9) as $s | [.energy.gaps == [], (.domains[0].counted_uj | num) / 1e6 / $s > 11.5]')
[ "$got" = '[true,true]' ] || fail "slow pace: $got"
# auto never takes a GPU for the machine, but doctor shows it.
got=$("$G" doctor --format json | query '[.sources[] | select(.source == "nvml") | .result, .chosen]')
[ "$got" = '["available","no"]' ] || [ "$got" = '["available",false]' ] || fail "doctor: $got"
# A sum that lacks a GPU is refused; the readable one can be named.
export STUB_NVML='forbidden energy:30 none'
"$G" run -q --energy-source nvml -- touch "$TMP/ran" 2>"$TMP/err" && fail "a GPU was left out silently"
[ ! -e "$TMP/ran" ] && grep -q 'GPU 0.*Insufficient Permissions' "$TMP/err" || fail "forbidden: $(cat "$TMP/err")"
"$G" run -q --energy-source nvml:1 -- true || fail "nvml:1"
"$G" run -q --energy-source nvml:3 -- true 2>"$TMP/err" && fail "nvml:3"
grep -q 'no list of GPUs from 0 to 2' "$TMP/err" || fail "nvml:3: $(cat "$TMP/err")"
STUB_NVML='' "$G" run -q --energy-source nvml -- true 2>"$TMP/err" && fail "no driver"
grep -q 'Driver Not Loaded' "$TMP/err" || fail "no driver: $(cat "$TMP/err")"
exit 0
