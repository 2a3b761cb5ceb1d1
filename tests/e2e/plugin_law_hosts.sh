#!/usr/bin/env bash
# The plugin's law on hosts that would notice: their state, tight filters, threads that end or are cancelled, forks in the midst
# of layers, handlers; racy ones several times.
set -u
. "$(dirname "$0")/preload.sh"
law=$HOST/law

# A sanitizer's runtime has signals, stacks, threads and calls of its own.
acts="state errno close_range vfork_storm"
[ -z "$SANITIZER" ] && acts="$acts tight_filter strict exit_elsewhere cancel fork_inside fault interrupt longjmp"
[ "$SANITIZER" = thread ] && acts="state errno"
for act in $acts; do
    times=1
    case $act in exit_elsewhere | fork_inside | interrupt) times=${GT_TEST_ROUNDS:-5} ;; esac
    for _ in $(seq "$times"); do
        clear_spool
        same "$law" "$act"
        grep -q "errno after" "$TMP/with.out" || fail "$act: the host did not run: $(cat "$TMP/with.err")"
    done
    case $act in
    errno) [ "$(told items)" = 120 ] || fail "errno: $(told items) items of 120" ;;
    tight_filter) [ "$(told items)" = 10 ] && says "state closed" || fail "tight_filter: $(told items) items, wanted the 10 before" ;;
    longjmp) [ "$(told items)" = 62 ] || fail "longjmp: $(told items) items of 62" ;;
    vfork_storm) [ "$(traces)" = 1 ] && [ "$(told items)" = 40 ] || fail "vfork: $(traces) traces, $(told items) items" ;;
    esac
    # Who leaves by _exit leaves its rings, for ingest to merge.
    case $act in fork_inside | strict | fault) ;; *) [ "$(rings)" = 0 ] || fail "$act: $(rings) rings are left" ;; esac
done
# A spool that others may write to is not ours: no trace, and the log says so.
clear_spool
mkdir -p "$GREENTRACK_SPOOL" && chmod 777 "$GREENTRACK_SPOOL"
same "$law" state
[ "$(traces)" = 0 ] && grep -q disabled "$GREENTRACK_LOG" || fail "a trace in a spool that everybody may write to"
[ -z "$SANITIZER" ] || exit 0

# A host that opens the plugin itself and closes it again: code and sampler stay, and so does what they record.
clear_spool
"$HOST/unload" "$O/libgreentrack.so" >"$TMP/unload"
status=$?
[ $status = 6 ] && [ "$(cat "$TMP/unload")" = "closed: 0
still there: 1
called again" ] || fail "dlclose: status $status: $(cat "$TMP/unload")"
says "unit region before" && says "unit region after" && says "note items: 3" && says "state closed" || fail "dlclose: the trace"

# Many threads at once: each has a ring, and all rings together keep within 4 MB; who finds no room loses nothing in silence.
clear_spool
LD_PRELOAD=$PLUGIN "$HOST/infer" 200 2 1 60 >/dev/null &
pid=$!
count=0 most=0
while kill -0 $pid 2>/dev/null; do
    bytes=0 files=0
    for ring in $(ring_files); do
        size=$(stat -c %s "$ring" 2>/dev/null) && bytes=$((bytes + size)) files=$((files + 1))
    done
    [ $bytes -gt $most ] && most=$bytes
    [ $files -gt $count ] && count=$files
    sleep 0.05
done
wait $pid
[ $count -ge 8 ] || fail "$count rings for 61 threads"
[ $most -le $((4 * 1024 * 1024)) ] || fail "$most bytes of rings"
"$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* >"$TMP/dump"
grep -q "^loss no ring" "$TMP/dump" || fail "61 threads, $count rings and four static ones, and no loss is on record"
lost=$(awk '/^loss/ && !/ring full/ { n += $NF } END { print n + 0 }' "$TMP/dump") # rows that a full ring dropped are in its table
calls=$(told calls) units=$(told units)
[ $((calls + lost)) = $((61 * 200 * (units + 1))) ] || fail "$calls calls and $lost lost, of $((61 * 200 * (units + 1)))"

# The sampler's own affinity and timer slack.
clear_spool
LD_PRELOAD=$PLUGIN taskset -c 0 "$HOST/infer" 1500 1 >/dev/null &
pid=$!
for _ in $(seq 100); do
    task=$(grep -lsx greentrack /proc/$pid/task/*/comm)
    [ -n "$task" ] && break
    sleep 0.02
done
[ -n "$task" ] || fail "no sampler"
sleep 0.1
tid=$(basename "$(dirname "$task")")
cpus() { awk '/^Cpus_allowed:/ { print $2 }' "/proc/$1/status"; }
[ "$(cpus "$tid")" = "$(cpus self)" ] || fail "the sampler stands on the host's processors: $(cpus "$tid")"
slack=$(cat "/proc/$tid/timerslack_ns" 2>/dev/null) && { [ "$slack" = 1000 ] || fail "timer slack $slack ns"; }
kill $pid && wait $pid 2>/dev/null
exit 0
