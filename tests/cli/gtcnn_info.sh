# Identity and costs; the digest of a built-in model is that of the file it exports.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
for m in fashion/b0 fashion/b1 fashion/b2 fashion/b3 efficientnet/b0; do
    gtcnn info --model $m --format json >info.json || exit 1
    python3 - <<'PYTHON'
import json
m = json.load(open('info.json'))
assert all(l['op'] == 'Flatten' for l in m['layers'] if l['unit'] is None)
print(m['name'], m['family'], m['phi'], m['weights'], m['macs'], m['params'], m['input']['shape'], m['output']['shape'], m['path'])
assert sum(l['macs'] for l in m['layers']) == m['macs'] == sum(u['macs'] for u in m['units'])
assert sum(l['params'] for l in m['layers']) == m['params'] == sum(u['params'] for u in m['units'])
assert sorted(n for u in m['units'] for n in u['members']) == sorted(l['name'] for l in m['layers'] if l['unit'] is not None)
PYTHON
done
gtcnn export --model fashion/b2 --output b2.onnx >/dev/null
gtcnn info --model fashion/b2 --format json --batch 3 | sed -n 's/.*"digest": "\(.*\)",/\1/p' >digest
sha256sum b2.onnx | cut -d ' ' -f 1 | cmp - digest && echo "same digest"
gtcnn info --model fashion/b0 | sed '/^digest\|^runtime/d; s/ in [0-9]* units//; s/^ *[0-9]*  \([a-z]\)/\1/; s/ *$//' | head -n 14
gtcnn export --model b2.onnx --output again.onnx 2>err
echo "exit $?: $(wc -l <err) line of error"
gtcnn bench --model fashion/b0 --model fashion/b1 --seconds 0.01 | awk '{ print $1, NF }'
gtcnn bench --model fashion/b0 --seconds 0.01 --format json | python3 -c 'import json, sys; r = json.load(sys.stdin)[0]; print(r["name"], r["calls"] > 0, r["mean_ms"] > 0)'
