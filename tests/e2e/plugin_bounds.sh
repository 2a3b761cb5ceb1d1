#!/usr/bin/env bash
# Bounded traces: rows until GREENTRACK_TRACE_MB, then blocks; many blocks merge pairwise into a file of the same name and id;
# GREENTRACK_SPOOL_MB makes new traces block-only, then a counted loss.
set -u
. "$(dirname "$0")/preload.sh"

# Rows, then blocks. All calls are told, though not all rows.
GREENTRACK_TRACE_MB=1 GREENTRACK_BLOCK_MS=1000 with "$HOST/infer" 3000 0
says "note blocks: GREENTRACK_TRACE_MB is reached" || fail "the trace did not turn to blocks"
[ "$(told blocks)" -ge 1 ] || fail "no block"
[ "$(told items)" = 3000 ] || fail "$(told items) items of 3000"
[ "$(told events)" -lt "$(told calls)" ] && [ "$(told events)" -gt 1000 ] || fail "$(told events) rows of $(told calls)"
size=$(stat -c %s "$GREENTRACK_SPOOL"/process-*)
[ "$size" -lt 3000000 ] || fail "$size bytes with a limit of 1 MB for rows"
says "state closed" && [ "$(told lost_bytes)" = 0 ] || fail "not sound"

# Block-only from the start; compaction while the host runs. The trace can be read at any time.
clear_spool
times=2000 # some seconds
LD_PRELOAD=$PLUGIN GREENTRACK_TRACE_MB=0 GREENTRACK_BLOCK_MS=10 "$HOST/infer" $times 1 >/dev/null &
pid=$!
inode= changed=0 early=0 late=0
while kill -0 $pid 2>/dev/null; do
    file=$(find "$GREENTRACK_SPOOL" -name 'process-*' 2>/dev/null)
    if [ -n "$file" ]; then
        now=$(stat -c %i "$file")
        [ -n "$inode" ] && [ "$now" != "$inode" ] && changed=$((changed + 1))
        # Address space, once all is mapped and at the end: it does not grow with the blocks and their merging.
        space=$(awk '/^VmSize/ { print $2 }' /proc/$pid/status 2>/dev/null)
        [ "$changed" = 1 ] && [ $early = 0 ] && early=${space:-0}
        late=${space:-$late}
        inode=$now
        "$HOST/tracedump" "$file" >"$TMP/dump" || fail "unreadable"
        # A chunk that is sealed between the reader's look at the file's size and at the chunk seems cut short: look again.
        grep -q "lost_bytes 0" "$TMP/dump" || "$HOST/tracedump" "$file" >"$TMP/dump"
        grep -q "lost_bytes 0" "$TMP/dump" || fail "damaged while it is written: $(cat "$TMP/dump")"
        grep -q "state crashed" "$TMP/dump" && kill -0 $pid 2>/dev/null && fail "a live trace seems crashed: $(cat "$TMP/dump")"
    fi
    sleep 0.05
done
wait $pid
[ $changed -ge 1 ] || fail "blocks were never merged into a new file"
[ -n "$SANITIZER" ] || [ $changed -lt 2 ] || [ "$late" -le $((early + 512)) ] || fail "the address space grew from $early to $late KiB"
[ "$(traces)" = 1 ] && [ "$(find "$GREENTRACK_SPOOL" -type f | wc -l)" = 1 ] || fail "files: $(ls -A "$GREENTRACK_SPOOL")"
[ "$(told blocks)" -ge 2 ] && [ "$(told blocks)" -le 130 ] || fail "$(told blocks) blocks"
# The inference under way while the sampler started is in the blocks alone: its thread had no ring yet.
[ "$(told events)" = 0 ] && [ "$(told items)" -ge $((times - 1)) ] && [ "$(told items)" -le $times ] ||
    fail "$(told events) rows, $(told items) items"

# The spool's cap.
clear_spool
mkdir -p -m 700 "$GREENTRACK_SPOOL"
dd if=/dev/zero of="$GREENTRACK_SPOOL/filler" bs=1000k count=2 2>/dev/null
GREENTRACK_SPOOL_MB=2 same "$HOST/infer" 100 0
says "note blocks: GREENTRACK_SPOOL_MB is reached" && [ "$(told events)" = 0 ] && [ "$(told blocks)" = 1 ] || fail "block-only"
rm "$GREENTRACK_SPOOL"/process-*
GREENTRACK_SPOOL_MB=1 same "$HOST/infer" 100 0
says "loss spool cap: 1" && [ "$(told blocks)" = 0 ] || fail "beyond the cap"
exit 0
