#!/usr/bin/env bash
# kill -9 at random instants: what was committed is there, rings give the rest, nothing is told twice and nothing invented.
set -u
. "$(dirname "$0")/preload.sh"
RANDOM=20261
for round in $(seq 12); do
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
    [ "$rows" -le $((calls + 512)) ] || fail "round $round: $rows rows, $calls calls: told twice"
    echo "round $round: $calls calls, $rows rows, $(told leftover_rows) of them from rings, lost $dropped"
done
exit 0
