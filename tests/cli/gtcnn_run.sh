# Any array through any model: batches are cut and joined, the last one padded; types and byte orders agree; dumps.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
npy x.npy '<' '5, 1, 14, 14' 1
npy big.npy '>' '5, 1, 14, 14' 1
# Equal up to rounding: the order of sums may depend on batch and threads.
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
"$O/tests/host/npyfile" look y.npy
# What does not fit.
npy wrong.npy '<' '1, 3, 14, 14' 1
npy none.npy '<' '0, 1, 14, 14' 1
head -c 200 x.npy >cut.npy
for f in wrong none cut absent; do t gtcnn run --model fashion/b0 --input $f.npy --output never.npy; done
gtcnn run --model fashion/b0 --input x.npy --output never.npy --dump no.such.layer 2>err
echo "exit $?: $(grep -c 'no.such.layer' err)"
t gtcnn run --model fashion/b0 --input x.npy --output a.npy --dump a
t gtcnn run --model fashion/b0 --input x.npy --output /dev/full
rm err && ls
# Weights that stay in the file until they are packed are there all the same, for who wants to see them.
gtcnn export --model fashion/b0 --output b0.onnx >/dev/null
npy one.npy '<' '1, 1, 14, 14' 1
for m in fashion/b0 b0.onnx; do
    gtcnn run --model $m --input one.npy --output y.npy --dump head.conv.weight >/dev/null && mv head.conv.weight.npy "dump-${m##*/}"
done
cmp dump-b0 dump-b0.onnx && echo "the same weights"
# A unit's bytes do not depend on where the weights stand.
for precision in fp32 bf16; do
    gtcnn info --model fashion/b0 --precision $precision >/dev/null 2>&1 || precision=fp32 # not every processor has bf16
    for m in fashion/b0 b0.onnx; do gtcnn info --model $m --precision $precision --format json | jq '[.units[].bytes]' >"bytes-${m##*/}"; done
    cmp bytes-b0 bytes-b0.onnx && echo "the same bytes"
done
