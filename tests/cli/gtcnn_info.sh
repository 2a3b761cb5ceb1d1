# Identity and costs; the digest of a built-in model is that of the file it exports.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
for m in fashion/b0 fashion/b1 fashion/b2 fashion/b3 efficientnet/b0; do
    gtcnn info --model $m --format json >info.json || exit 1
    jq -c '[.name, .family, .phi, .weights, .macs, .params, .input.shape, .output.shape, .path],
        if all(.layers[] | select(.unit == null); .op == "Flatten") and
            ([.layers[].macs] | add) == .macs and ([.units[].macs] | add) == .macs and
            ([.layers[].params] | add) == .params and ([.units[].params] | add) == .params and
            ([.units[].members[]] | sort) == ([.layers[] | select(.unit != null).name] | sort)
        then empty else "the layers do not add up" end' info.json
done
gtcnn export --model fashion/b2 --output b2.onnx >/dev/null
gtcnn info --model fashion/b2 --format json --batch 3 | sed -n 's/.*"digest": "\(.*\)",/\1/p' >digest
sha256sum b2.onnx | cut -d ' ' -f 1 | cmp - digest && echo "same digest"
gtcnn info --model fashion/b0 | sed '/^digest\|^runtime/d; s/ in [0-9]* units//; s/^ *[0-9]*  \([a-z]\)/\1/; s/ *$//' | head -n 14
gtcnn export --model b2.onnx --output again.onnx 2>err
echo "exit $?: $(wc -l <err) line of error"
gtcnn bench --model fashion/b0 --model fashion/b1 --seconds 0.01 | awk '{ print $1, NF }'
gtcnn bench --model fashion/b0 --seconds 0.01 --format json | jq -c '.[0] | [.name, .calls > 0, .mean_ms > 0]'
