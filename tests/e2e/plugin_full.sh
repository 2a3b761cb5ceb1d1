#!/usr/bin/env bash
# A full tmpfs: for the spool, for /dev/shm, for both. The host goes on as if nothing were; what is lost is on record.
set -u
. "$(dirname "$0")/preload.sh"
[ "$(id -u)" = 0 ] || skip "mounting a small tmpfs needs root"
unshare -m true 2>/dev/null || skip "mount namespaces are not permitted here"
export PLUGIN HOST
export -f with without same fail told says traces ring_files clear_spool

in_namespace() { unshare -m bash -c "$1" || fail "$2"; }

mkdir -p "$TMP/small"
in_namespace '
    mount -t tmpfs -o size=64k none "$TMP/small" || exit 1
    export GREENTRACK_SPOOL=$TMP/small/spool
    same "$HOST/infer" 500 0
    "$HOST/tracedump" "$GREENTRACK_SPOOL"/process-* >"$TMP/dump" || exit 1
    grep -q "^loss no space: [1-9]" "$TMP/dump" || { cat "$TMP/dump"; exit 1; }
    grep -q "^state closed" "$TMP/dump" && grep -q "^lost_bytes 0" "$TMP/dump"' "a full spool"
in_namespace '
    mount -t tmpfs -o size=64k none "$TMP/small" && mkdir "$TMP/small/spool" && chmod 700 "$TMP/small/spool" || exit 1
    dd if=/dev/zero of="$TMP/small/fill" bs=4k 2>/dev/null
    GREENTRACK_SPOOL=$TMP/small/spool same "$HOST/infer" 300 0
    grep -q "disabled" "$GREENTRACK_LOG"' "a spool that was full before"
in_namespace '
    mount -t tmpfs -o size=128k none /dev/shm || exit 1
    dd if=/dev/zero of=/dev/shm/fill bs=4k 2>/dev/null
    clear_spool
    same "$HOST/infer" 300 0
    [ "$(told items)" = 300 ] && says "note rings: no room"' "a full /dev/shm"
in_namespace '
    mount -t tmpfs -o size=1m none /dev/shm || exit 1
    clear_spool
    LD_PRELOAD=$PLUGIN "$HOST/infer" 300 1 >/dev/null &
    sleep 0.15
    bytes=$(cat /dev/shm/greentrack-* | wc -c)
    wait
    [ "$bytes" -gt 0 ] && [ "$bytes" -le $((1048576 / 16)) ] || { echo "$bytes bytes of rings"; exit 1; }
    [ "$(told items)" = 300 ]' "a small /dev/shm: at most a sixteenth"
in_namespace '
    mount -t tmpfs -o ro none /dev/shm || exit 1
    clear_spool
    same "$HOST/infer" 100 0
    [ "$(told items)" = 100 ]' "a read-only /dev/shm"
exit 0
