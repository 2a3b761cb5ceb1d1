# Sourced by the golden tests of gtcnn. `t WORDS...` shows a command, its output and errors, and its exit status.
t() {
    printf '$'
    printf ' %s' "$@"
    printf '\n'
    "$@" 2>&1
    printf 'exit %d\n' $?
}
# npy FILE DESCR SHAPE SEED: an array of small numbers that a formula gives, written by nobody's code but this.
npy() {
    python3 - "$@" <<'PYTHON'
import struct, sys
name, descr, shape, seed = sys.argv[1], sys.argv[2], eval(sys.argv[3]), int(sys.argv[4])
n = 1
for d in shape: n *= d
values = [((i * 7919 + seed * 104729) % 509) / 127 - 2 for i in range(n)]
letter = {'f4': 'f', 'f8': 'd', 'f2': 'e'}[descr[1:]]
header = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (descr, shape)
header += ' ' * (-(10 + len(header) + 1) % 64) + '\n'
with open(name, 'wb') as f:
    f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode())
    f.write(struct.pack(descr[0] + '%d' % n + letter, *values))
PYTHON
}
