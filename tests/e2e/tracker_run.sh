#!/usr/bin/env bash
# greentrack run: exit statuses, signals, streams, exact joules on the replay source, nesting, what outlives, static programs.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
field() { "$G" list --all --format json | query ".runs | $1"; }

# Joules of a script whose totals are known: package 500001 µJ over a wrap, core is inside of it and does not count. What is counted after
# the end of the run is not the run's.
cat >"$TMP/script" <<'END'
greentrack-replay 1
boundary package
provenance measured
domain package-0 scale=1 wrap=262143328850
domain core parent=0
0 262143228850 10
50000000 262143728851 20
END
"$G" run -q --energy-source "replay:$TMP/script" -- sleep 0.2 || fail "replay run"
is "machine total" "$("$G" show last --format json | query '
    [(.energy.uj | num | . > 490000 and . <= 500001), .energy.provenance, .energy.boundary, [.domains[] | [.name, .counted_uj]]]')" \
    '[true,"measured","package",[["package-0",500001],["core",10]]]'

# The spool and the store are the user's alone.
is "mode of the spool" "$(stat -c %a "$GREENTRACK_SPOOL")" 700
is "mode of the store" "$(stat -c %a "$GREENTRACK_STORE")" 600

# Exit statuses and streams pass through; own failures are 125 to 127.
is "stdout" "$(echo in | "$G" run -q -- sh -c 'cat; echo err >&2; exit 7' 2>"$TMP/err"; echo "$?")" "in
7"
is "stderr" "$(cat "$TMP/err")" err
"$G" run -q -- "$TMP/absent" 2>/dev/null; is "not found" $? 127
"$G" run -q -- nosuchcommand 2>/dev/null; is "not in PATH" $? 127
"$G" run -q -- /etc/passwd 2>/dev/null; is "not executable" $? 126
"$G" run --bogus 2>/dev/null; is "own failure" $? 125
printf 'exit 5\n' >"$TMP/noformat" && chmod +x "$TMP/noformat"
"$G" run -q -- "$TMP/noformat"; is "a file without a format goes to the shell" $? 5
ln -s "$O/libgreentrack.so" "$TMP/a b.so"
GREENTRACK_LIB="$TMP/a b.so" "$G" run -q -- true 2>"$TMP/err"; is "a blank in the library's path" $? 125
grep -q 'LD_PRELOAD cannot carry' "$TMP/err" || fail "no reason: $(cat "$TMP/err")"
ln -s "$O/libgreentrack.so" "$TMP/a:b.so"
GREENTRACK_LIB="$TMP/a:b.so" "$G" run -q -- true 2>/dev/null; is "a colon in the library's path" $? 125

# A failed start leaves no trace; GREENTRACK_RUN and LD_PRELOAD reach the job, in front of what was preloaded.
is "traces left" "$(find "$GREENTRACK_SPOOL" -name '*.gtt' | wc -l)" 0
[ -n "${SANITIZER-}" ] || is "preload" "$(LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6 "$G" run -q -- sh -c 'echo $LD_PRELOAD')" \
    "$O/libgreentrack.so:/lib/x86_64-linux-gnu/libm.so.6"
[[ $("$G" run -q -- sh -c 'echo $GREENTRACK_RUN') =~ ^[0-9a-f]{32}$ ]] || fail "GREENTRACK_RUN"

# Signals: handed on, and the job's fatal one is died of.
"$G" run -q -- sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done' >"$TMP/up" &
pid=$!
for _ in $(seq 200); do [ -s "$TMP/up" ] && break; sleep 0.02; done
kill -TERM $pid; wait $pid; is "a handled signal" $? 9
"$G" run -q -- sh -c 'kill -TERM $$' 2>/dev/null; is "a fatal signal" $? 143
"$G" run -q -- sh -c 'kill -KILL $$' 2>/dev/null; is "a killed job" $? 137
is "its record" "$(field ".[0].exit_signal")" 9
is "its line" "$("$G" list --limit 1 | awk 'NR == 2 { print $6 }')" SIGKILL
(trap '' CHLD; "$G" run -q -- sh -c 'exit 4'); is "SIGCHLD ignored by the parent" $? 4

# A run inside a run is its child, and not another line of the list.
"$G" run -q -- "$G" run -q -- sh -c 'exit 6'; is "nested status" $? 6
is "nested" "$(field '.[:2] | map([(key("parent") | given), .children]) | sort')" "[[false,1],[true,0]]"
is "its parent" "$(field '.[:2] | map(select(.parent | given).parent) == map(select(.parent | given | not).id)')" true
is "lines" "$("$G" list --format json | query '[.runs[] | select(key("parent") | given)] | length')" 0

# CPU time is that of the whole tree, not of the shell alone.
"$G" run -q -- sh -c '(i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done) & wait; (sh -c "i=0; while [ \$i -lt 60000 ]; do i=\$((i+1)); done")'
ns=$("$G" show last --format json | query .cpu_ns)
[ "$ns" -gt 10000000 ] || fail "CPU time of the tree: $ns ns"

# A static program is measured from outside only, and that is said.
if printf 'int main(void){return 3;}' | "$CC" -static -x c -o "$TMP/static" - 2>/dev/null; then
    "$G" run -- "$TMP/static" 2>"$TMP/err"; is "static" $? 3
    grep -q 'statically linked: measured from outside only' "$TMP/err" || fail "static: $(cat "$TMP/err")"
fi
is "traces left at the end" "$(find "$GREENTRACK_SPOOL" -name '*.gtt' | wc -l)" 0
