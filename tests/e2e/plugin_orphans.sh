#!/usr/bin/env bash
# Rings whose process is gone and whose trace was taken away: ingest removes them, and no others.
set -u
. "$(dirname "$0")/preload.sh"
. "$(dirname "$0")/lib_query.sh"
home=$TMP/spool
rings_of() { find /dev/shm -name "greentrack-$1-*" | wc -l; }
id_in() { # spool
    id=$(basename "$1"/process-* .gtt)
    echo "${id#process-}"
}
ingest() { GREENTRACK_SPOOL=$1 "$O/greentrack" ingest >/dev/null || fail "ingest of $1"; }

# A killed process leaves its rings; without its trace they are nobody's.
LD_PRELOAD=$PLUGIN "$HOST/die" between 50 >/dev/null
id=$(id_in "$home")
[ "$(rings_of "$id")" -gt 0 ] || fail "no rings are left by a killed process"
rm "$home"/process-*
# Another spool's ingest leaves them alone, and so does one that only looks at files of their name.
mkdir -m 700 "$TMP/other"
trap 'rm -f "/dev/shm/greentrack-$$-not-a-ring"; clear_spool' EXIT
: >"/dev/shm/greentrack-$$-not-a-ring"
ingest "$TMP/other"
[ "$(rings_of "$id")" -gt 0 ] || fail "rings of another spool were removed"
# One that it was making when it was killed says of nobody whose it is: that is told by its age.
touch -d '2 minutes ago' "/dev/shm/greentrack-$id-"*
ingest "$home"
[ "$(rings_of "$id")" = 0 ] || fail "orphans are left"
[ -e "/dev/shm/greentrack-$$-not-a-ring" ] || fail "a file that is no ring was removed"
rm "/dev/shm/greentrack-$$-not-a-ring"

# A live process keeps its rings, trace or not.
LD_PRELOAD=$PLUGIN "$HOST/infer" 100000 1 >/dev/null &
pid=$!
for _ in $(seq 200); do
    sleep 0.02
    [ "$(rings)" -gt 1 ] && break
done
id=$(id_in "$home") count=$(rings)
[ "$count" -gt 1 ] || fail "no rings"
mv "$home"/process-* "$TMP/aside"
ingest "$home"
[ "$(rings_of "$id")" = "$count" ] || fail "rings of a live process were removed"
kill -9 $pid
wait $pid 2>/dev/null
# A dead one's are kept for its trace.
mv "$TMP/aside" "$home/process-$id.gtt"
: >"$home/.keep"
"$HOST/tracedump" "$home"/process-* | grep -q "state crashed" || fail "not crashed"
GREENTRACK_STORE=/dev/null/nowhere "$O/greentrack" ingest >/dev/null 2>&1 # fails: the trace stays, and so do its rings
[ "$(rings_of "$id")" = "$count" ] || fail "rings of a trace in the spool were removed"
ingest "$home"
[ "$(rings_of "$id")" = 0 ] || fail "rings are left after ingest"

[ -z "$SANITIZER" ] || exit 0 # a shell loads the plugin of the plain build alone
# Of a run that goes on, ingest takes a look; its dead processes' rings are there until the run is over.
GREENTRACK_LIB=$O/libgreentrack.so "$O/greentrack" run -q -- sh -c "'$HOST/die' between 50 >'$TMP/said'; : >'$TMP/dead'
    while [ ! -e '$TMP/looked' ]; do sleep 0.02; done" 2>/dev/null &
run=$!
for _ in $(seq 500); do
    [ -e "$TMP/dead" ] && break
    sleep 0.02
done
id=$(id_in "$home") count=$(rings_of "$(id_in "$home")")
[ "$count" -gt 0 ] || fail "no rings of a process that was killed in a run"
ingest "$home"
[ "$(rings_of "$id")" = "$count" ] || fail "rings of a run that goes on were removed"
: >"$TMP/looked"
wait $run
touch -c -d '2 minutes ago' "/dev/shm/greentrack-$id-"* # as above: one may have been in the making
ingest "$home"
got=$("$O/greentrack" show last --all --format json | query '
    ([.models[].inferences | num] | add // 0) as $n | "\($n) \([.layers[].calls | num] | $n + add)"')
[ "$got" = "$(cat "$TMP/said")" ] || fail "of a run: stored is $got, executed was $(cat "$TMP/said")"
[ "$(rings_of "$id")" = 0 ] || fail "rings are left after the run"
exit 0
