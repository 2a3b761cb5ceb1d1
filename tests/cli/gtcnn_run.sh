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
