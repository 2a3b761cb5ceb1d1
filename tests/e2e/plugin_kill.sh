#!/usr/bin/env bash
# kill -9 at random instants: what was committed is there, rings give the rest, nothing is told twice and nothing invented. At
# instants that the host knows, the store has exactly what it had executed.
set -u
. "$(dirname "$0")/preload.sh"
. "$(dirname "$0")/lib_query.sh"
RANDOM=20261
for round in $(seq 6); do
    clear_spool
    LD_PRELOAD=$PLUGIN "$HOST/infer" 1000000 0 >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 400 + (${#SANITIZER} ? 400 : 40))))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ "$(traces)" = 1 ] || continue # killed before the first trace
    "$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* >"$TMP/dump" || fail "round $round: unreadable"
    grep -q "state crashed" "$TMP/dump" || fail "round $round: $(grep state "$TMP/dump")"
    grep -q "lost_bytes 0" "$TMP/dump" || fail "round $round: $(grep lost_bytes "$TMP/dump")"
    calls=$(told calls) rows=$(told events)
    dropped=$(awk '/^loss/ { n += $NF } END { print n + 0 }' "$TMP/dump")
    # A row is written after its sum: a kill between the two leaves at most one per thread more in the table. What a static
    # ring (before the thread had its own) told in rows may not have reached a table.
    [ "$calls" -gt 0 ] || fail "round $round: nothing recovered"
    [ "$rows" -le $((calls + 4096)) ] || fail "round $round: $rows rows, $calls calls: told twice"
    echo "round $round: $calls calls, $rows rows, $(told leftover_rows) of them from rings, lost $dropped"
done

# The host says what it has executed and kills itself: what ingest stores is that, to the call.
stored() {
    "$O/greentrack" ingest >/dev/null && "$O/greentrack" show last --all --format json | query '
        ([.models[].inferences | num] | add // 0) as $n | "\(.state) \($n) \([.layers[].calls | num] | $n + add)"'
}
exact() { # mode (NAME=value), where, inferences
    clear_spool
    rm -f "$GREENTRACK_STORE"*
    said=$(env "$1" LD_PRELOAD="$PLUGIN" "$HOST/die" "$2" "$3")
    [ "$(traces)" = 1 ] || fail "$*: $(traces) traces"
    id=$(basename "$GREENTRACK_SPOOL"/process-* .gtt) id=${id#process-}
    got=$(stored)
    [ "$got" = "crashed $said" ] || fail "$*: the host executed $said (inferences, calls), stored is $got"
    ! ls "/dev/shm/greentrack-$id-"* 2>/dev/null || fail "$*: rings are left after ingest"
    echo "$*: $got"
}
many=$([ -n "$SANITIZER" ] && echo 200 || echo 3000) # both take a while
for point in "between 0" "between 50" "before 1" "before $many" "after 0" "after 50" "after $many"; do
    exact GREENTRACK_TRACE_MB=64 ${point% *} "${point#* }"
done
# The last block was never written: what it would have held is in the rings' tables.
[ -n "$SANITIZER" ] || exact GREENTRACK_TRACE_MB=1 after 3000
exit 0
