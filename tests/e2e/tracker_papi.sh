#!/usr/bin/env bash
# Joules by PAPI, read from outside by `run`: every component's way of counting, PAPI's flaws undone, disabled components said.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack
export GREENTRACK_PAPI_LIBRARY=$O/tests/stub/libpapi.so STUB_PAPI=$TMP/papi

# measure SOURCE SECONDS: a run; ran is what show says of it.
measure() {
    "$G" run -q --energy-source "$1" -- sleep "$2" || fail "run with $1"
    ran=$("$G" show last --format json)
}
# watts_between LOW HIGH: of all counters that make up the total
watts_between() {
    query "([.domains[] | select(.additive == true) | .counted_uj | num] | add) / (.ns | num) * 1000 |
        . >= $1 and . <= $2" <<<"$ran" | grep -qx true ||
        fail "$3: not $1 to $2 W: $(query '.domains' <<<"$ran")"
}

# powercap: two packages with dram, core inside and psys beside them; a wrap of a zone whose range is not the global one, within the run.
cat >"$STUB_PAPI" <<'SCRIPT'
component rapl Not an Intel processor
component powercap
event powercap ENERGY_UJ:ZONE0 - 40 53999999 59999999
event value MAX_ENERGY_RANGE_UJ:ZONE0 - 0 59999999 0
event name NAME:ZONE0 - 0 0 0 package-0
event powercap ENERGY_UJ:ZONE0_SUBZONE0 - 25 5000 262143328850
event value MAX_ENERGY_RANGE_UJ:ZONE0_SUBZONE0 - 0 262143328850 0
event name NAME:ZONE0_SUBZONE0 - 0 0 0 core
event powercap ENERGY_UJ:ZONE0_SUBZONE1 - 5 900000 65712999613
event value MAX_ENERGY_RANGE_UJ:ZONE0_SUBZONE1 - 0 65712999613 0
event name NAME:ZONE0_SUBZONE1 - 0 0 0 dram
event powercap ENERGY_UJ:ZONE1 - 60 123456789012 262143328850
event value MAX_ENERGY_RANGE_UJ:ZONE1 - 0 262143328850 0
event name NAME:ZONE1 - 0 0 0 package-1
event powercap ENERGY_UJ:ZONE1_SUBZONE0 - 3 900000 65712999613
event value MAX_ENERGY_RANGE_UJ:ZONE1_SUBZONE0 - 0 65712999613 0
event name NAME:ZONE1_SUBZONE0 - 0 0 0 dram
event powercap ENERGY_UJ:ZONE2 - 200 5 262143328850
event value MAX_ENERGY_RANGE_UJ:ZONE2 - 0 262143328850 0
event name NAME:ZONE2 - 0 0 0 psys
SCRIPT
measure papi 0.6
watts_between 107.4 108.6 powercap
got=$(query '[.energy.source, .energy.boundary, .energy.provenance, ([.domains[].wraps] | add)]' <<<"$ran")
[ "$got" = '["papi powercap","package+dram","measured",0]' ] || fail "powercap: $got"
# One zone of it: the range that PAPI takes is that of a zone which is not read.
measure papi:powercap:::ENERGY_UJ:ZONE0 0.4
watts_between 39.7 40.4 "one zone"
[ "$(query .energy.boundary <<<"$ran")" = package-0 ] || fail "one zone: boundary"

# auto takes it, too, where the machine shows no counter of its own; doctor says what is disabled.
"$G" doctor --format json | query '.sources[] | select(.source == "papi") | [.result, (.detail | contains("papi powercap"))]' |
    grep -qx '\["available",true\]' || fail "doctor: $("$G" doctor --format json | query .sources)"

# rapl: nanojoules of 32-bit registers that wrap within the run, psys beside the package.
cat >"$STUB_PAPI" <<'SCRIPT'
component rapl
event cnt PACKAGE_ENERGY_CNT:PACKAGE0 - 50 4294800000 0
event cnt DRAM_ENERGY_CNT:PACKAGE0 - 4 7 0
event cnt PSYS_ENERGY_CNT:PACKAGE0 - 90 7 0
event rapl PACKAGE_ENERGY:PACKAGE0 nJ 50 4294800000 0
event rapl DRAM_ENERGY:PACKAGE0 nJ 4 7 0
event rapl PSYS_ENERGY:PACKAGE0 nJ 90 7 0
SCRIPT
measure papi:rapl 0.5
watts_between 53.7 54.3 rapl

# A GPU's power, integrated: by name only, and never the machine's.
cat >"$STUB_PAPI" <<'SCRIPT'
component nvml
event power Tesla:device_0:power mW 30 0 0
event power Tesla:device_1:power mW 12 0 0
event power Tesla:device_0:power_management_limit mW 300 0 0
component powercap No permission to read energy_uj
SCRIPT
measure papi:nvml 0.5
watts_between 41.9 42.1 nvml
[ "$(query .energy.boundary <<<"$ran")" = gpu ] || fail "nvml: boundary"
"$G" run -q --energy-source papi -- true 2>"$TMP/err" && fail "papi took a GPU for the machine"
grep -q 'powercap: No permission to read energy_uj' "$TMP/err" && grep -q 'papi:COMPONENT' "$TMP/err" || fail "papi: $(cat "$TMP/err")"

# Energies of an unknown component: one can be asked for, the sum is refused.
cat >"$STUB_PAPI" <<'SCRIPT'
component board
event plain ENERGY:RAIL0 mJ 20 5000000 0
event plain ENERGY:RAIL1 mJ 2 1 0
SCRIPT
"$G" run -q --energy-source papi:board -- true 2>"$TMP/err" && fail "unknown energies were added up"
grep -q 'papi:board:::ENERGY:RAIL0' "$TMP/err" || fail "papi:board: $(cat "$TMP/err")"
measure papi:board:::ENERGY:RAIL0 0.5
watts_between 19.7 20.3 board

# The job inherits nothing of what PAPI opened.
got=$("$G" run -q --energy-source papi:board:::ENERGY:RAIL0 -- bash -c 'readlink /proc/self/fd/*' | grep -c zero)
[ "$got" = 0 ] || fail "the job has $got of PAPI's descriptors"

# Without the library: absent, said, and nothing else fails.
GREENTRACK_PAPI_LIBRARY=$TMP/none.so "$G" doctor --format json | query '.sources[] | select(.source == "papi").result' |
    grep -qx absent || fail "doctor without libpapi"
exit 0
