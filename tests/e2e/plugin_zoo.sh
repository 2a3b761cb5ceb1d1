    # One that kills for performance events, which the host never asks for: neither do we, whatever is to be counted.
    clear_spool
    GREENTRACK_UNIT_EVENTS=1:2:0:0:0:1:page-faults same "$HOST/inherit" -k "$zoo" nothing
    says "note unit counter absent: page-faults: this process is under a system call filter" || fail "counted under a filter"
    [ "$(told items)" = 30 ] || fail "under a killing filter: $(told items) items of 30"
#!/usr/bin/env bash
# A zoo of hosts: what each prints and how it ends is the same with and without the plugin, before the first layer and between.
set -u
. "$(dirname "$0")/preload.sh"
zoo=$HOST/zoo

# Acts that a sanitizer's runtime itself cannot live with (its own mappings, threads, handlers and descriptors are hit).
plain_only=" space nproc filter_prctl filter_syscall raw_clone raw_vfork abort main_leaves unshare_user raw_unshare setns_user change_user descriptors "
# ThreadSanitizer takes descriptor numbers for the process's; the sampler has a table of its own.
[ "$SANITIZER" = thread ] && plain_only="$plain_only close_all close_stdio setns fork fork_exit spawn exec "
# A leak check at the end of a forked child looks for the parent's threads and says so; leaks are found elsewhere.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
root_only=" change_user nproc unshare_mounts setns "
for act in nothing close_all close_stdio unshare_user unshare_mounts setns raw_unshare setns_user change_user fork fork_exit spawn raw_clone raw_vfork \
    filter_prctl filter_syscall descriptors space files nproc signals chdir atexit threads main_leaves abort exec; do
    [ -n "$SANITIZER" ] && [[ $plain_only == *" $act "* ]] && continue
    [ "$(id -u)" != 0 ] && [[ $root_only == *" $act "* ]] && continue
    for when in before between; do
        clear_spool
        same "$zoo" "$act" "$when"
        grep -q "opened" "$TMP/with.out" || fail "$act $when: the host did not run: $(cat "$TMP/with.err")"
    done
done
echo "acts: same"

# No place for a spool, a spool that is not ours to write, one that is a file: disabled, and the host does not notice.
(unset GREENTRACK_SPOOL XDG_STATE_HOME HOME && same "$zoo" nothing) || exit 1
GREENTRACK_SPOOL=/proc/nowhere same "$zoo" nothing
touch "$TMP/file" && GREENTRACK_SPOOL=$TMP/file same "$zoo" nothing
grep -q "disabled" "$GREENTRACK_LOG" || fail "the log does not say why"

# Limits that the shell sets before the host starts.
(ulimit -f 0 && same_limited() { LD_PRELOAD=$PLUGIN "$zoo" nothing | cat >/dev/null; } && same_limited) || fail "ulimit -f 0"
if [ -z "$SANITIZER" ]; then
    for limit in "-n 3" "-n 4" "-v 60000" "-u 1" "-s 64"; do
        bare=$( (ulimit $limit; "$zoo" nothing; echo "status $?") 2>&1)
        preloaded=$( (ulimit $limit; LD_PRELOAD=$PLUGIN exec "$zoo" nothing; echo "status $?") 2>&1)
        case $bare in
        *"last layers"*) [[ $preloaded == *"last layers"* ]] || fail "ulimit $limit: $preloaded" ;;
        esac
    done
fi
echo "limits: same"

# A filter inherited at load, as every container has one.
if [ -z "$SANITIZER" ]; then
    clear_spool
    same "$HOST/inherit" "$zoo" nothing
    says "shared with the host" || fail "a refused unshare(CLONE_FS) is not on record"
    [ "$(told items)" = 30 ] || fail "under a filter: $(told items) items of 30"
    clear_spool
    same "$HOST/inherit" -t "$zoo" nothing
    says "note disabled: private descriptor table" || fail "a refused descriptor table is not on record"
    [ "$(told items)" = 0 ] || fail "disabled, and yet there are rows"
fi

# After a new filter it stays disabled; what came before is whole.
if [ -z "$SANITIZER" ]; then
    for by in filter_prctl filter_syscall; do
        clear_spool
        same "$zoo" $by between
        [ "$(told items)" = 10 ] || fail "$by: $(told items) items, 10 before the filter"
        [ "$(traces)" = 1 ] || fail "$by: $(traces) traces"
        says "state closed" || fail "$by: the trace is not closed"
    done
fi

# Quiesced, and started again by the next unit: nothing is lost, and the second trace names the first.
if [ "$(id -u)" = 0 ]; then
    clear_spool
    same "$zoo" unshare_mounts between
    [ "$(told items)" = 30 ] || fail "around unshare: $(told items) items of 30"
    [ "$(traces)" = 2 ] || fail "around unshare: $(traces) traces"
    says "note continues: [0-9a-f]\{32\}$" || fail "the second trace does not name the first"
fi

[ "$SANITIZER" = thread ] && exit 0 # it does not follow forks of programs with threads

# Children have their own traces; a child that leaves by _exit leaves what it had in its rings.
clear_spool
same "$zoo" fork between
[ "$(traces)" = 4 ] || fail "fork: $(traces) traces, wanted one per process"
[ "$(told items)" = 45 ] || fail "fork: $(told items) items of 45"

# vfork and posix_spawn children are left alone: the parent's trace is the only one.
clear_spool
same "$zoo" spawn between
[ "$(traces)" = 1 ] && [ "$(told items)" = 30 ] || fail "spawn: $(traces) traces, $(told items) items"

if [ -z "$SANITIZER" ]; then
    clear_spool
    same "$zoo" main_leaves between
    grep -q "the last thread's words" "$TMP/with.out" && grep -q "at exit" "$TMP/with.out" || fail "main_leaves: words are missing"
    says "state closed" || fail "main_leaves: the trace is not closed"
    [ "$(told items)" = 30 ] || fail "main_leaves: $(told items) items, wanted 10 and 20"
fi

clear_spool
same "$zoo" threads between
lost=$("$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* | awk '/^loss no ring/ { n += $NF } END { print n + 0 }')
[ "$(told items)" -le 830 ] && [ $(($(told calls) + lost)) -ge 830 ] || fail "threads: $(told items) items, $lost lost"
[ "$(told items)" = 830 ] || [ "$lost" -gt 0 ] || fail "threads: items are missing and no loss is on record"
[ "$(rings)" = 0 ] || fail "$(rings) ring files are left"
exit 0
