# Sourced by the scripts that preload the plugin. Sets:
#   PLUGIN    what to put into LD_PRELOAD: the library, behind a sanitizer's runtime where it is built with one (that must come first)
#   plain     a function: skips the script under a sanitizer, since foreign programs run with the plain build alone
#   with, without, same, no_layers, traces, fail   helpers for comparing a host with and without the plugin
: "${O:?}" "${TMP:?}"
SANITIZER=${SANITIZER-}
CC=${CC:-gcc}
HOST=$O/tests/host
PLUGIN=$O/libgreentrack.so
case $SANITIZER in
address) PLUGIN="$($CC -print-file-name=libasan.so) $PLUGIN" ;;
thread) PLUGIN="$($CC -print-file-name=libtsan.so) $PLUGIN" ;;
esac
export GREENTRACK_LOG=${GREENTRACK_LOG-$TMP/log}

fail() {
    echo "FAIL: $*" >&2
    [ -e "$GREENTRACK_LOG" ] && sed 's/^/log: /' "$GREENTRACK_LOG" >&2
    exit 1
}

skip() {
    echo "$*"
    exit 77
}

plain() {
    [ -z "$SANITIZER" ] || skip "a foreign program runs with the plain build only, not under the $SANITIZER sanitizer"
}

have() { command -v "$1" >/dev/null 2>&1; }

# with COMMAND...: preloaded, status in $status, output in $TMP/with.*; without: the same, bare. Output goes through a pipe, so
# that a limit on file sizes does not meet it.
with() {
    LD_PRELOAD=$PLUGIN "$@" 2>"$TMP/with.err" </dev/null | env -u LD_PRELOAD cat >"$TMP/with.out"
    status=${PIPESTATUS[0]}
}
without() {
    "$@" 2>"$TMP/without.err" </dev/null | cat >"$TMP/without.out"
    bare_status=${PIPESTATUS[0]}
}

# same COMMAND...: output, errors and exit status do not change by the plugin.
same() {
    without "$@"
    with "$@"
    [ "$status" = "$bare_status" ] || fail "$*: exit status $status, without the plugin $bare_status: $(cat "$TMP/with.err")"
    cmp -s "$TMP/with.out" "$TMP/without.out" || fail "$*: stdout differs: $(diff "$TMP/without.out" "$TMP/with.out")"
    cmp -s "$TMP/with.err" "$TMP/without.err" || fail "$*: stderr differs: $(diff "$TMP/without.err" "$TMP/with.err")"
}

# traces: how many there are in the spool; ring_files, rings: those of its traces (other tests run beside this one).
traces() { find "$GREENTRACK_SPOOL" -name 'process-*.gtt' 2>/dev/null | wc -l; }
ring_files() {
    find "$GREENTRACK_SPOOL" -name 'process-*.gtt' 2>/dev/null | sed 's/.*process-\(.*\)[.]gtt/\1/' |
        while read -r id; do find /dev/shm -name "greentrack-$id-*"; done
}
rings() { ring_files | wc -l; }

# told KEY: the sum of that figure over all traces in the spool (see tests/host/tracedump.c).
told() { "$HOST/tracedump" "$GREENTRACK_SPOOL"/process-*.gtt | awk -v key="$1" '$1 == key { n += $2 } END { print n + 0 }'; }
# says TEXT: does any trace say so in a NOTE, LOSS or PROCESS line?
says() { "$HOST/tracedump" "$GREENTRACK_SPOOL"/process-*.gtt | grep -q -- "$1"; }

# no_layers: what was preloaded had none, so there is neither trace nor log.
no_layers() {
    [ "$(traces)" = 0 ] || fail "a process without layers left a trace"
    [ ! -e "$GREENTRACK_LOG" ] || fail "a process without layers wrote to the log: $(cat "$GREENTRACK_LOG")"
}

clear_spool() {
    ring_files | xargs -r rm -f
    rm -rf "$GREENTRACK_SPOOL" "$GREENTRACK_LOG"
}
trap clear_spool EXIT
