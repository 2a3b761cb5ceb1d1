# Usage errors exit 2 with a hint, help exits 0; nothing else is done.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
t gtcnn
t gtcnn help
t gtcnn evla
t gtcnn help nothing
t gtcnn eval
t gtcnn eval --modle fashion/b0
t gtcnn eval --model fashion/b0 --threads 0
t gtcnn eval --model fashion/b0 --split dev
t gtcnn run --model fashion/b0 --input x.npy
t gtcnn bench --model fashion/b0 --seconds never
t gtcnn export --model fashion/b0 --output x.onnx --batch 2
# The library's own words may change; that it names what there is, and escapes what it was given, may not.
gtcnn info --model fashion/b9 2>err
echo "exit $?: $(grep -c 'efficientnet/b7' err)"
gtcnn info --model "$(printf 'no\033[31m.onnx')" 2>err
echo "exit $?: $(grep -c 'no.x1b\[31m.onnx' err)"
t gtcnn eval --help
t gtcnn run --help
gtcnn --version >version && grep -cx 'gtcnn [0-9]*\.[0-9]*\.[0-9]*' version
gtcnn help 2>err >/dev/full
echo "exit $?: $(cat err)"
