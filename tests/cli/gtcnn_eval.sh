# Accuracy over real images: the printed score is that of the predictions file, whatever batch and threads are.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
[ -e /usr/share/datasets/fashion-mnist ] || { echo "dataset-fashion-mnist is not installed"; exit 77; }
for how in "--batch 1 --threads 1" "--batch 7 --threads 2" "--batch 64"; do
    gtcnn eval --model fashion/b0 --limit 100 --predictions answers $how >out || exit 1
    correct=$(awk '!/^#/ && $2 == $3' answers | wc -l)
    grep -q "^accuracy .* % ($correct of 100; 95 %: .*)$" out || cat out
    grep -c '^[0-9]* [0-9] [0-9]$' answers
    grep '^[0-9]' answers >rows
    [ ! -e first ] || cmp first rows
    cp rows first
done
grep -v '^# \(runtime\|digest\|threads\|batch\)\|^[0-9]' answers
sed -n 's/^\(data.*\)/\1/p; s/^model *\([^,]*, weights=[a-z]*\).*/\1/p' out
head -n 5 answers | sed -n 's/^# digest \(.*\)/\1/p' | grep -cx '[0-9a-f]\{64\}'
# Three channels and another size: efficientnet wants 3 x 224 x 224.
gtcnn eval --model efficientnet/b0 --limit 1 --split train | sed -n '/^data/p; s/^accuracy.*; \(the weights .*\)/\1/p'
# Where the result cannot be written, nothing is left behind.
t gtcnn eval --model fashion/b0 --limit 1 --predictions no/folder
ls
