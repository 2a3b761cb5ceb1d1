# Any array through any model: batches are cut and joined, the last one padded; types and byte orders agree; dumps.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
npy x.npy '<f4' '(5, 1, 14, 14)' 1
npy big.npy '>f4' '(5, 1, 14, 14)' 1
# Equal up to rounding: the order of sums may depend on batch and threads.
near() {
    python3 - "$@" <<'PYTHON'
import struct, sys
a, b = (open(f, 'rb').read() for f in sys.argv[1:3])
values = lambda x: struct.unpack('<%df' % ((len(x) - 128) // 4), x[128:])
if a[:128] != b[:128] or not all(abs(p - q) <= 1e-5 * (1 + abs(p)) for p, q in zip(values(a), values(b))):
    print(sys.argv[1], sys.argv[2], 'differ')
PYTHON
}
gtcnn export --model fashion/b0 --output b0.onnx | sed 's/digest [0-9a-f]*/digest D/'
t gtcnn run --model fashion/b0 --input x.npy --output y.npy
for how in "--batch 2" "--batch 5" "--batch 8 --threads 2"; do
    gtcnn run --model fashion/b0 --input x.npy --output z.npy $how >/dev/null && near y.npy z.npy
done
gtcnn run --model b0.onnx --input x.npy --output z.npy >/dev/null && near y.npy z.npy
gtcnn run --model fashion/b0 --input big.npy --output z.npy >/dev/null && near y.npy z.npy
t gtcnn run --model fashion/b0 --input x.npy --output y2.npy --batch 2 --dump head.fc --dump block2.dw
near y.npy y2.npy
near y.npy head.fc.npy
python3 - <<'PYTHON'
import math, struct
data = open('y.npy', 'rb').read()[128:]
values = struct.unpack('<%df' % (len(data) // 4), data)
print(len(values), 'finite' if all(map(math.isfinite, values)) else 'not finite', 'different' if len(set(values)) > 40 else 'equal')
PYTHON
# What does not fit.
npy wrong.npy '<f4' '(1, 3, 14, 14)' 1
npy none.npy '<f4' '(0, 1, 14, 14)' 1
head -c 200 x.npy >cut.npy
for f in wrong none cut absent; do t gtcnn run --model fashion/b0 --input $f.npy --output never.npy; done
gtcnn run --model fashion/b0 --input x.npy --output never.npy --dump no.such.layer 2>err
echo "exit $?: $(grep -c 'no.such.layer' err)"
t gtcnn run --model fashion/b0 --input x.npy --output a.npy --dump a
t gtcnn run --model fashion/b0 --input x.npy --output /dev/full
rm err && ls
