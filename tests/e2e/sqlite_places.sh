#!/usr/bin/env bash
# Stores that cannot be written: read-only, full, locked, damaged, newer. The error is clear, nothing stored is lost, and the trace stays in the spool until
# its run has been committed.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
[ "$(id -u)" = 0 ] || { echo "mount namespaces need root"; exit 77; }
if [ "${1-}" != inside ]; then
    unshare -m true 2>/dev/null || { echo "no mount namespaces here"; exit 77; }
    exec unshare -m bash "$0" inside
fi
fail() { echo "FAIL: $*"; exit 1; }
unset GREENTRACK_STORE
job() { LD_PRELOAD="$PLUGIN" "$O/gtcnn" bench --model fashion/b0 --seconds 0.05 >/dev/null || fail "job"; }
waiting() { find "$GREENTRACK_SPOOL" -name '*.gtt' | wc -l; }
runs() { "$O/greentrack" list --format json | query '.runs | length'; }
# refused WORDS: ingest fails with exit status 1 and these words; the trace stays where it is.
refused() {
    "$O/greentrack" ingest >"$TMP/out" 2>"$TMP/err"
    local status=$?
    [ $status = 1 ] || fail "$1: exit status $status: $(cat "$TMP/out" "$TMP/err")"
    grep -q -- "$1" "$TMP/err" || fail "wanted '$1', got: $(cat "$TMP/err")"
    grep -q "$GREENTRACK_STORE" "$TMP/err" || fail "the store is not named: $(cat "$TMP/err")"
    [ "$(waiting)" = 1 ] || fail "$1: $(waiting) traces wait"
}
# accepted N: the trace is ingested now, and the store holds N runs.
accepted() {
    "$O/greentrack" ingest >/dev/null || fail "ingest"
    [ "$(waiting)" = 0 ] || fail "the trace is still there"
    [ "$(runs)" = "$1" ] || fail "$(runs) runs, wanted $1"
}

mkdir "$TMP/place"
export GREENTRACK_STORE="$TMP/place/store.db"
job
accepted 1

job
mount --bind "$TMP/place" "$TMP/place" && mount -o remount,ro,bind "$TMP/place" || fail "mount"
refused "read-only"
umount "$TMP/place"
accepted 2
mount --bind "$TMP/place" "$TMP/place" && mount -o remount,ro,bind "$TMP/place" || fail "mount"
[ "$(runs)" = 2 ] || fail "a store on read-only media does not list its runs"
umount "$TMP/place"

job
mkdir "$TMP/full"
mount -t tmpfs -o size=400k none "$TMP/full" || fail "mount"
cp "$GREENTRACK_STORE" "$TMP/full/store.db"
kept=$GREENTRACK_STORE
export GREENTRACK_STORE="$TMP/full/store.db"
head -c 400k /dev/zero >"$TMP/full/ballast" 2>/dev/null
refused "disk is full"
rm "$TMP/full/ballast"
mount -o remount,size=20m "$TMP/full"
accepted 3

# No room even for an empty store: one message, not a second one about a schema.
job
umount "$TMP/full"
mount -t tmpfs -o size=16k none "$TMP/full" || fail "mount"
head -c 12k /dev/zero >"$TMP/full/ballast"
"$O/greentrack" list >"$TMP/out" 2>"$TMP/err"
grep -q 'disk is full' "$TMP/err" || fail "full: $(cat "$TMP/err")"
[ "$(wc -l <"$TMP/err")" = 1 ] || fail "more than one message: $(cat "$TMP/err")"
grep -q 'no runs yet' "$TMP/out" || fail "list: $(cat "$TMP/out")"
rm "$TMP/full/ballast"
mount -o remount,size=20m "$TMP/full"
accepted 1
umount "$TMP/full"
export GREENTRACK_STORE=$kept

job
mkfifo "$TMP/statements"
sqlite3 -init /dev/null -batch -bail "$GREENTRACK_STORE" <"$TMP/statements" >"$TMP/locked" &
locker=$!
exec 9>"$TMP/statements"
echo "BEGIN IMMEDIATE; SELECT 'locked';" >&9
for _ in $(seq 500); do grep -qx locked "$TMP/locked" && break; sleep 0.02; done
grep -qx locked "$TMP/locked" || fail "the store could not be locked"
refused "another process holds the store"
kill -0 $locker || fail "the lock was not held until the end"
exec 9>&-
wait $locker || fail "the process that held the store"
accepted 3

# Another user may read the file, but not write beside it: said, with what helps.
chmod 755 "$TMP" "$TMP/place" && chmod 644 "$GREENTRACK_STORE"
chmod 711 "$TMP/.." # its folder's name is random
stranger() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if stranger test -x "$O/greentrack"; then
    GREENTRACK_SPOOL="$TMP/none" stranger "$O/greentrack" list >"$TMP/out" 2>"$TMP/err" && fail "a stranger lists: $(cat "$TMP/out")"
    grep -q 'copy the store' "$TMP/err" || fail "no remedy: $(cat "$TMP/err")"
fi
chmod 600 "$GREENTRACK_STORE"

job
cp "$GREENTRACK_STORE" "$TMP/sound.db"
head -c 100000 /dev/urandom >"$GREENTRACK_STORE"
rm -f "$GREENTRACK_STORE"-wal "$GREENTRACK_STORE"-shm
refused "not a greentrack store"
cp "$TMP/sound.db" "$GREENTRACK_STORE"
sql "PRAGMA user_version = 99" || fail "a store of another version"
refused "newer greentrack"
cp "$TMP/sound.db" "$GREENTRACK_STORE"
rm -f "$GREENTRACK_STORE"-wal "$GREENTRACK_STORE"-shm
accepted 4
exit 0
