#!/usr/bin/env bash
# A counter of which readings do not tell how much it moved: the joules are unknown, or have wide bounds, and it is said why.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack
{
    echo 'greentrack-replay 1'
    echo 'provenance measured'
    echo 'mode linear'
    echo 'domain package-0 package=0 wrap=999999' # 1 J: at 1 kW, the most that a package can draw, a millisecond
    echo '0 0'
    echo '100000000000 1000000000'
} >"$TMP/wraps"
GREENTRACK_ENERGY_SOURCE=replay:$TMP/wraps "$G" run -q -- "$O/gtcnn" bench --model fashion/b0 --seconds 0.2 >/dev/null || fail "run"
got=$("$G" show last --format json | query '[(.domains[0].gaps | num) > 0, [.events[] | select(.kind == "counter") |
    (.count | num) > 0, (.text | contains("package-0 may have wrapped more than once"))]]')
[ "$got" = '[true,[true,true]]' ] || fail "show: $got"
"$G" report --model b0 --format json | query '.notes[]' | grep -q 'runs of b0: package-0 may have wrapped' ||
    fail "no note: $("$G" report --model b0)"
exit 0
