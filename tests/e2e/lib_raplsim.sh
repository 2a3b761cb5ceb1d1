# For tests beneath a simulated machine: sourced first, runs the script anew in a private mount namespace where /sys/class/powercap may
# become raplsim's (tests/raplsim/raplsim.c). Skips, with the reason, where that is not permitted. When the script ends, however it
# does, raplsim ends with it, and the mounts with the namespace.
#
#   raplsim_start NAME=NUMBER ...   the tree is served; ends an earlier one
#   raplsim_truth FILTER            of jq, on {"t_ns", "uj", "known"}, the machine's energy since then
#   raplsim_between T0 T1           µJ between two times of CLOCK_MONOTONIC (ns)
#   raplsim_control COMMAND         "fail MS", "stall MS"
#   LAYERED                         the synthetic job; what it draws is seen by raplsim
: "${O:?}" "${TMP:?}"
LAYERED=$O/tests/raplsim/layered
POWERCAP=/sys/class/powercap
export RAPLSIM_TABLE=$TMP/raplsim.table
raplsim_skip() { echo "$*" && exit 77; }

if [ -z "${RAPLSIM_INSIDE-}" ]; then
    user=
    [ "$(id -u)" = 0 ] || user=-r
    [ -e /dev/fuse ] || raplsim_skip "no /dev/fuse: raplsim is a file system by FUSE"
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || raplsim_skip "/dev/fuse may not be opened here: raplsim is a file system by FUSE"
    unshare -m $user true 2>/dev/null || raplsim_skip "mount namespaces are not permitted here"
    RAPLSIM_INSIDE=1 exec unshare -m $user --propagation private bash "$0" "$@"
fi

# A /sys/class that has the kernel's classes and room for one more.
raplsim_class() {
    [ -d $POWERCAP ] && return 0
    mkdir "$TMP/class" && mount --bind /sys/class "$TMP/class" && mount -t tmpfs none /sys/class && mkdir $POWERCAP || return 1
    for class in "$TMP"/class/*; do
        mkdir "/sys/class/${class##*/}" && mount --bind "$class" "/sys/class/${class##*/}" || return 1
    done
}

raplsim_stop() {
    [ -n "${raplsim_pid-}" ] && kill "$raplsim_pid" 2>/dev/null && wait "$raplsim_pid" 2>/dev/null
    raplsim_pid=
}

raplsim_start() {
    raplsim_stop
    rm -f "$RAPLSIM_TABLE"
    "$O/tests/raplsim/raplsim" "$@" "$RAPLSIM_TABLE" $POWERCAP 2>"$TMP/raplsim.err" &
    raplsim_pid=$!
    for _ in $(seq 200); do
        [ -e $POWERCAP/intel-rapl:0/name ] && return 0
        kill -0 $raplsim_pid 2>/dev/null || break
        sleep 0.05
    done
    grep -q 'mount failed: Operation not permitted' "$TMP/raplsim.err" && raplsim_skip "FUSE file systems may not be mounted here"
    echo "FAIL: raplsim does not come up: $(cat "$TMP/raplsim.err")"
    exit 1
}

raplsim_truth() { jq -r "$1" $POWERCAP/.raplsim/truth; }
raplsim_between() { jq -r 'if .known then .uj else error("too long ago") end' "$POWERCAP/.raplsim/between-$1-$2"; }
raplsim_control() { echo "$*" >$POWERCAP/.raplsim/control; }

raplsim_class || raplsim_skip "/sys/class cannot be mounted over here"
trap raplsim_stop EXIT
