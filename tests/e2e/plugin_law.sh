#!/usr/bin/env bash
# The plugin's law, sentence by sentence, where one host is enough.
set -u
. "$(dirname "$0")/preload.sh"
infer=$HOST/infer

# One process, one trace: closed, complete, in a private folder, with a random name; no ring is left; nothing in the log.
same "$infer" 200 1
[ "$(traces)" = 1 ] || fail "$(traces) traces"
[ "$(told items)" = 200 ] && [ "$(told calls)" = "$(told events)" ] || fail "items $(told items), calls $(told calls), rows $(told events)"
says "state closed" || fail "not closed"
[ "$(told lost_bytes)" = 0 ] || fail "bytes lost"
[ "$(told cpu)" -ge 7 ] || fail "$(told cpu) readings of CPU time in 200 ms, which are due every 25 ms"
[ "$(stat -c %a "$GREENTRACK_SPOOL")" = 700 ] || fail "the spool is not private"
[ "$(stat -c %a "$GREENTRACK_SPOOL"/process-*)" = 600 ] || fail "the trace is not private"
[ "$(rings)" = 0 ] || fail "rings are left"
[ ! -e "$GREENTRACK_LOG" ] || fail "$(cat "$GREENTRACK_LOG")"

# Inferences alone; batches count their images.
clear_spool
GREENTRACK_UNITS=off same "$infer" 20 1 3
[ "$(told events)" = 20 ] && [ "$(told items)" = 60 ] || fail "units off: $(told events) rows, $(told items) items"

# Under `greentrack run` the plugin leaves measuring to it.
clear_spool
GREENTRACK_RUN=0123456789abcdef0123456789abcdef same "$infer" 50 1
[ "$(told ticks)" = 0 ] && [ "$(told cpu)" = 0 ] && [ "$(told items)" = 50 ] || fail "in a run: $(told ticks) ticks, $(told cpu) cpu"

# Labels become notes.
clear_spool
GREENTRACK_MODEL='my model' GREENTRACK_PHI=2 GREENTRACK_TAGS=a,b GREENTRACK_FAMILY=f with "$infer" 5
for note in "model: my model" "phi: 2" "tags: a,b" "family: f"; do says "note $note" || fail "no note $note"; done

# Regions and items, with and without the plugin.
clear_spool
same "$HOST/region"
says "unit region outer work" && says "unit region inner" && says "note items: 40" || fail "regions"
[ "$(told events)" = 20 ] || fail "regions: $(told events) rows of 20"

# Threads: while the host runs, the sampler blocks all signals but libc's own, has few descriptors, its own name and slack.
clear_spool
LD_PRELOAD=$PLUGIN "$infer" 2000 1 >/dev/null &
pid=$!
for _ in $(seq 100); do
    task=$(grep -lsx greentrack /proc/$pid/task/*/comm)
    [ -n "$task" ] && [ -n "$(find "$GREENTRACK_SPOOL" -name 'process-*' 2>/dev/null)" ] && break
    sleep 0.02
done
task=${task%/comm}
[ -n "$task" ] || fail "no sampler"
sleep 0.1
[ "$(awk '/^SigBlk/ { print $2 }' "$task/status")" = fffffffe7ffbfeff ] || [ "$(awk '/^SigBlk/ { print $2 }' "$task/status")" = fffffffe3ffbfeff ] ||
    [ "$(awk '/^SigBlk/ { print $2 }' "$task/status")" = fffffffc7ffbfeff ] || fail "signals: $(grep SigBlk "$task/status")"
if [ -z "$SANITIZER" ]; then
    for fd in 0 1 2; do [ "$(readlink "$task/fd/$fd")" = /dev/null ] || fail "descriptor $fd of the sampler: $(readlink "$task/fd/$fd")"; done
    readlink "/proc/$pid/fd"/* | grep -q "process-[0-9a-f]\{32\}\|/dev/shm/" && fail "the host sees our descriptors"
    [ "$(find /proc/$pid/task -mindepth 1 -maxdepth 1 | wc -l)" = 2 ] || fail "more than one thread was started"
fi
# Rings: private, on tmpfs, allocated, within their budget.
bytes=0
for ring in $(ring_files); do
    [ "$(stat -c %a "$ring")" = 600 ] || fail "$ring is not private"
    [ $(($(stat -c %b "$ring") * 512)) -ge "$(stat -c %s "$ring")" ] || fail "$ring is sparse"
    bytes=$((bytes + $(stat -c %s "$ring")))
done
[ $bytes -gt 0 ] && [ $bytes -le $((4 * 1024 * 1024)) ] || fail "$bytes bytes of rings"
# A live trace can be read.
"$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* | grep -q "state open" || fail "a live trace is not open"
kill $pid && wait $pid 2>/dev/null

# No thread before the first unit, and none at all without one.
if [ -z "$SANITIZER" ]; then
    LD_PRELOAD=$PLUGIN sleep 1 &
    pid=$!
    sleep 0.2
    [ "$(find /proc/$pid/task -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] || fail "a thread without a unit"
    grep -q libgreentrack /proc/$pid/maps || fail "not preloaded"
    kill $pid && wait $pid 2>/dev/null
fi

# In steady state a hook makes no system call.
if [ -z "$SANITIZER" ] && have strace; then
    clear_spool
    LD_PRELOAD= strace -o "$TMP/strace" -E "LD_PRELOAD=$PLUGIN" -e trace=all "$infer" 20000 0 >/dev/null 2>&1
    calls=$(grep -c . "$TMP/strace")
    LD_PRELOAD= strace -o "$TMP/strace.bare" "$infer" 20000 0 >/dev/null 2>&1
    bare=$(grep -c . "$TMP/strace.bare")
    # loading, the first unit, threads' rings, the end: a fixed number, whatever the number of units
    [ "$calls" -le $((bare + 120)) ] || fail "$calls system calls on the host's thread, $bare without the plugin"
fi

# Event counters of units: opened by the sampler alone, in its own table; what cannot be read without a system call is not read
# at all, and named. The host is the same with them, and its hooks as quiet.
clear_spool
events=1:1:0:0:0:1:clock,1:2:0:0:0:1:faults,0:1:0:0:0:1:instructions,0:1:0:0:0:2:sum,1:3:0:0:0:-1:sum,ffffffff:0:0:0:0:1:nothing
GREENTRACK_UNIT_EVENTS=$events same "$infer" 200 1
[ "$(told items)" = 200 ] || fail "with events: $(told items) items"
for event in clock faults; do
    says "note unit counter absent: $event: cannot be read without a system call" || says "note unit counter absent: $event: not permitted" ||
        fail "$event: $("$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* | grep counter)"
done
says "note unit counter absent: nothing: " && says "note unit counter absent: sum: " || fail "an event that does not exist, or half a sum"
[ ! -e "$GREENTRACK_LOG" ] || fail "$(cat "$GREENTRACK_LOG")"
GREENTRACK_UNIT_EVENTS=$events LD_PRELOAD=$PLUGIN "$infer" 1000 1 >/dev/null &
pid=$!
sleep 0.3
[ -n "$SANITIZER" ] || ! readlink "/proc/$pid/fd"/* | grep perf_event || fail "the host has our events"
kill $pid && wait $pid 2>/dev/null
if [ -z "$SANITIZER" ] && have strace; then
    LD_PRELOAD= strace -o "$TMP/strace" -E "LD_PRELOAD=$PLUGIN" -E "GREENTRACK_UNIT_EVENTS=$events" "$infer" 20000 0 >/dev/null 2>&1
    [ "$(grep -c . "$TMP/strace")" -le $((bare + 120)) ] || fail "system calls of hooks with event counters"
fi
clear_spool

# The environment does not steer a program that runs with another's privileges: secure_getenv is the only way to it.
grep -n '[^_]getenv(' "$(dirname "$0")"/../../plugin/*.c && fail "getenv in the plugin"
# Initial-exec TLS: the other models may call the allocator at a thread's first unit.
[ -n "$SANITIZER" ] || ! nm -D "$O/libgreentrack.so" | grep __tls_get_addr || fail "TLS that is allocated when it is first used"
# Readers of traces and rings, which others may cut short meanwhile, use pread alone.
grep -n 'mmap(' "$(dirname "$0")"/../../core/trace_read.c "$(dirname "$0")"/../../core/ring_leftover.c && fail "mmap in a reader"
exit 0
