#!/usr/bin/env bash
# On a terminal: Ctrl-C reaches the job once, Ctrl-Z and a job that stops itself give the shell its prompt back, fg goes on.
set -u
. "$(dirname "$0")/lib_tracker.sh"
G=$O/greentrack
terminal=$O/tests/host/terminal
fail() { echo "FAIL: $*"; exit 1; }

"$terminal" 80 wait=up pause=100 type=$'\x03' 'wait=ints=1;' -- "$G" run -q -- bash -c \
    'n=0; trap "n=\$((n+1))" INT; echo up; for i in 1 2 3 4 5; do sleep 0.1 || true; done; echo "ints=$n;"; exit 4' >"$TMP/shown"
status=$?
[ $status = 4 ] || fail "exit status after Ctrl-C: $status"

# COLUMNS stands above the terminal's own width; without it that one counts.
unset COLUMNS
widest() { # columns, then what the environment has: characters of the longest line
    "$terminal" "$1" -- env "${@:2}" "$G" help ingest >"$TMP/shown" && iconv -f UTF-8 -t UTF-8 "$TMP/shown" >"$TMP/text" || fail "help: $*"
    jq -Rs '[splits("[\r\n]")] | map(length) | max' "$TMP/text"
}
within() { # least, most, then what widest takes
    local width
    width=$(widest "${@:3}")
    [ "$1" -le "$width" ] && [ "$width" -le "$2" ] || fail "a terminal of ${*:3}: $width columns, not $1 to $2"
}
within 81 120 120
within 41 50 120 COLUMNS=50
within 121 200 60 COLUMNS=200
within 41 60 60 COLUMNS=x

# The words to wait for are typed in two pieces, so that the echo of the command line is not taken for them.
PS1='ready> ' "$terminal" 80 'wait=ready> ' \
    "type=$G run -q -- sh -c 'echo beg''un; sleep 0.5; echo fin''ished'"$'\n' wait=begun type=$'\x1a' wait=Stopped \
    type=$'fg\n' wait=finished \
    "type=$G run -q -- sh -c 'kill -STOP \$\$; echo ba''ck'"$'\n' wait=Stopped \
    type=$'fg\n' wait=back type=$'exit\n' -- bash --norc -i >"$TMP/shown" || fail "a shell with jobs: $(cat "$TMP/shown")"
exit 0
