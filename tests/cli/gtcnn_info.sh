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
gtcnn info --model fashion/b0 | sed '/^digest\|^runtime\|^kernels/d; s/ in [0-9]* units//; s/^ *[0-9]*  \([a-z]\)/\1/; s/ *$//' | head -n 14
# Which kernels, and how: the environment and --no-fuse.
for isa in c no-such; do
    GTCNN_ISA=$isa gtcnn info --model fashion/b0 2>err | sed -n '/^kernels/p; s/.*compiler .*, kernels/build:/p'
    echo "exit ${PIPESTATUS[0]}: $(sed 's/it has .*/it has .../' err)"
done
gtcnn info --model fashion/b0 --no-fuse | grep -c '^kernels   [a-z0-9]*, layer by layer$'
gtcnn info --model fashion/b0 --no-fuse --format json >layers.json && gtcnn info --model fashion/b0 --format json >blocks.json
jq -c -s '(.[0].fused == false), (.[1].fused == (.[1].isa != "c")), .[0].isa == .[1].isa, .[0].digest == .[1].digest,
    (.[0].units | length) >= (.[1].units | length), ([.[0].units[].macs] | add) == ([.[1].units[].macs] | add),
    ([.[0].units[].bytes] | add) >= ([.[1].units[].bytes] | add)' layers.json blocks.json | sort | uniq -c
gtcnn export --model b2.onnx --output again.onnx 2>err
echo "exit $?: $(wc -l <err) line of error"
gtcnn bench --model fashion/b0 --model fashion/b1 --seconds 0.01 | awk '{ print $1, NF }'
gtcnn bench --model fashion/b0 --seconds 0.01 --format json | jq -c '.[0] | [.name, .calls > 0, .mean_ms > 0]'
