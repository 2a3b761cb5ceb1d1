#!/usr/bin/env bash
# Ingest: live traces, kills at random instants, several ingests at once, malformed and newer traces, what outlives its run.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
runs() { "$G" list --all --format json | query ".runs | $1"; }
traces() { find "$GREENTRACK_SPOOL" -maxdepth 1 -name '*.gtt' | wc -l; }

# A run that still goes on is there, open, and later replaced by the closed one.
"$G" run -q -- "$O/gtcnn" bench --model fashion/b0 --seconds 3 >/dev/null &
pid=$!
sleep 0.9
now=$(runs 'map("\(.state) \(key("inferences") // 0)") | join(",")')
live=${now##* }
is "a live run" "${now% *}" open
[ "$live" -gt 0 ] || fail "a live run has no inferences yet"
wait $pid
is "when it is over" "$(runs "map(.state)")" '["closed"]'
[ "$(runs ".[0].inferences")" -gt "$live" ] || fail "its rows were not replaced"
is "its traces" "$(traces)" 0

# Bare preload: one run of role process, with its own CPU time.
LD_PRELOAD="$PLUGIN" "$O/gtcnn" eval --model fashion/b0 --limit 100 >/dev/null || fail "bare preload"
is "a bare run" "$(runs ".[:1] | map([.role, .state, .inferences, .model])")" \
    '[["process","closed",100,"fashion/b0"]]'

# kill -9 of the job and of greentrack at random instants: every run is there afterwards, crashed or not, and the spool is empty.
RANDOM=4
for i in 1 2 3 4; do
    "$G" run -q -- "$O/gtcnn" bench --model fashion/b1 --seconds 5 >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    job=$(pgrep -P $pid)
    [ $((i % 2)) = 0 ] && kill -9 $pid
    [ -n "$job" ] && kill -9 $job
    wait $pid 2>/dev/null
done
sleep 0.2
"$G" ingest -q || fail "ingest after the kills"
is "traces after the kills" "$(traces)" 0
# Rings that no living process has mapped: others' jobs may run beside this test.
orphans() {
    find /dev/shm -name 'greentrack-*' -user "$(id -un)" -newer "$GREENTRACK_SPOOL/.lock" | while read -r ring; do
        cat /proc/[0-9]*/maps 2>/dev/null | grep -q "${ring##*/}" || [ ! -e "$ring" ] || echo "$ring"
    done | wc -l
}
for _ in 1 2 3 4 5; do [ "$(orphans)" = 0 ] && break; sleep 0.3; done
is "rings after the kills" "$(orphans)" 0
is "kinds" "$(runs 'map(.state) - ["closed", "crashed"]')" "[]"

# Two writers and four ingests at once: every run once.
before=$(runs length)
for i in 1 2 3 4 5 6; do "$G" run -q -- "$O/gtcnn" eval --model fashion/b0 --limit 20 >/dev/null & done
for i in 1 2 3 4; do "$G" ingest -q & done
wait
is "runs" "$(runs "length - $before")" 6
is "their images" "$(runs ".[:6] | map(.inferences)")" "[20,20,20,20,20,20]"

# Malformed traces and links (not followed) go to rejected/, newer ones stay; the others go on.
head -c 4096 /dev/urandom >"$GREENTRACK_SPOOL/process-00000000000000000000000000000001.gtt"
touch -d '1 hour ago' "$GREENTRACK_SPOOL/process-00000000000000000000000000000001.gtt"
ln -s /etc/passwd "$GREENTRACK_SPOOL/process-00000000000000000000000000000002.gtt"
"$G" run -q -- true
"$G" ingest >"$TMP/out" 2>"$TMP/err"
grep -q 'moved to rejected/' "$TMP/err" "$TMP/out" || [ -e "$GREENTRACK_SPOOL/rejected/process-00000000000000000000000000000001.gtt" ] ||
    fail "not rejected: $(cat "$TMP/err")"
[ -e "$GREENTRACK_SPOOL/rejected/process-00000000000000000000000000000001.gtt" ] || fail "the malformed trace was not kept"
[ -L "$GREENTRACK_SPOOL/rejected/process-00000000000000000000000000000002.gtt" ] || fail "the link was not moved aside"
is "the others" "$(runs "length - $before")" 7

# What outlives its run becomes a run of its own, linked.
"$G" run -q -- sh -c "($O/gtcnn bench --model fashion/b0 --seconds 1.2 >/dev/null 2>&1 &) ; sleep 0.4"
sleep 1.6
is "outlived" "$(runs '.[:2] | map([.role, (key("link") | given)]) | sort')" '[["outlived",true],["run",false]]'
is "traces at the end" "$(traces)" 0
