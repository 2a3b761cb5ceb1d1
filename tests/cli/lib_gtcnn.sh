# Sourced by the golden tests of gtcnn. `t WORDS...` shows a command, its output and errors, and its exit status.
t() {
    printf '$'
    printf ' %s' "$@"
    printf '\n'
    "$@" 2>&1
    printf 'exit %d\n' $?
}
# npy FILE BYTEORDER SHAPE SEED: an array of small numbers; near A B: says so when they differ by more than rounding.
npy() { "$O/tests/host/npyfile" write "$@"; }
near() { "$O/tests/host/npyfile" near "$@"; }
