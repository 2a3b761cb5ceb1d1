#!/usr/bin/env bash
# Training goes on after a kill where its last checkpoint was, to the same bytes; what lies in the folder is never lost or mixed up.
set -u
[ -x "$O/gtcnn-train" ] || { echo "built without oneDNN (libdnnl-dev)"; exit 77; }
export OMP_NUM_THREADS=1
fail() { echo "FAIL: $*"; exit 1; }
images=$([ -n "${SANITIZER-}" ] && echo 320 || echo 1024) # it takes its time there
options="--model fashion/b0 --epochs 3 --warmup 1 --batch 64 --limit $images --held-out 256 --seed 7"
train() { "$O/gtcnn" train $options "$@"; }

# Straight through, and again: the same bytes.
train --output "$TMP/straight" >"$TMP/out" || fail "training"
[ "$(grep -c '^epoch' "$TMP/out")" = 3 ] || fail "lines: $(cat "$TMP/out")"
train --output "$TMP/again" >/dev/null || fail "training again"
cmp "$TMP/straight/model.onnx" "$TMP/again/model.onnx" || fail "two trainings of one recipe differ"

# Killed somewhere behind its first epoch, then the same command.
"$O/gtcnn" train $options --output "$TMP/killed" >"$TMP/out" & # (not by the function, whose shell would be killed in its place)
job=$!
until grep -q '^epoch 1' "$TMP/out"; do sleep 0.01; done
kill -9 $job
wait $job 2>/dev/null
[ -e "$TMP/killed/model.onnx" ] && fail "it had finished before the kill"
[ -s "$TMP/killed/checkpoint" ] || fail "no checkpoint"
train --output "$TMP/killed" >"$TMP/out" || fail "going on"
grep -q '^epoch 1 ' "$TMP/out" && fail "it began anew"
cmp "$TMP/straight/model.onnx" "$TMP/killed/model.onnx" || fail "going on after a kill gives another model"
curves() { jq -c '[.curves, .examples_seen, .best_epoch, .digest]' "$1/training.json"; }
[ "$(curves "$TMP/straight")" = "$(curves "$TMP/killed")" ] || fail "other curves"
[ "$(jq -r .digest "$TMP/straight/training.json")" = "$(sha256sum <"$TMP/straight/model.onnx" | cut -d ' ' -f 1)" ] || fail "digest"

# Another seed is another model; another recipe in the same folder is refused; so is a damaged checkpoint. Both stay as they are.
train --rate 0.1 --output "$TMP/killed" 2>"$TMP/err" && fail "another recipe in the same folder"
grep -q 'was made by another recipe' "$TMP/err" || fail "$(cat "$TMP/err")"
cp "$TMP/again/checkpoint" "$TMP/kept"
printf 'x' | dd of="$TMP/again/checkpoint" bs=1 seek=2000 conv=notrunc 2>/dev/null
train --output "$TMP/again" 2>"$TMP/err" && fail "a damaged checkpoint"
grep -q 'checkpoint: is damaged' "$TMP/err" || fail "$(cat "$TMP/err")"
head -c 1500 "$TMP/kept" >"$TMP/again/checkpoint"
train --output "$TMP/again" 2>"$TMP/err" && fail "a checkpoint cut short"
grep -q 'is damaged' "$TMP/err" || fail "$(cat "$TMP/err")"
train --seed 8 --output "$TMP/other" >/dev/null || fail "another seed"
cmp -s "$TMP/straight/model.onnx" "$TMP/other/model.onnx" && fail "another seed gives the same model"

# A plateau ends it: nothing is learnt at this rate.
"$O/gtcnn" train --model fashion/b0 --epochs 20 --warmup 0 --patience 2 --rate 1e-9 --batch 64 --limit 128 --held-out 64 --output "$TMP/flat" \
    >"$TMP/out" || fail "plateau"
[ "$(jq .epochs_run "$TMP/flat/training.json")" -lt 20 ] || fail "no end at a plateau: $(tail -n 1 "$TMP/out")"

# So does a perfect one: one image is held out, and is told right or wrong for ever.
"$O/gtcnn" train --model fashion/b0 --epochs 20 --warmup 0 --patience 2 --rate 1e-9 --batch 64 --limit 128 --held-out 1 --output "$TMP/level" \
    >"$TMP/out" || fail "perfect plateau"
[ "$(jq .epochs_run "$TMP/level/training.json")" -lt 20 ] || fail "no end at a perfect plateau: $(tail -n 1 "$TMP/out")"

# Other data under the same options is another training; two at once in a folder are refused.
mkdir "$TMP/data"
for f in images-idx3 labels-idx1; do gunzip -c /usr/share/datasets/fashion-mnist/train-$f-ubyte.gz >"$TMP/data/train-$f-ubyte"; done
printf '\003' | dd of="$TMP/data/train-labels-idx1-ubyte" bs=1 seek=8 conv=notrunc 2>/dev/null
train --data "$TMP/data" --output "$TMP/killed" 2>"$TMP/err" && fail "other data in the same folder"
grep -q 'or of other data' "$TMP/err" || fail "$(cat "$TMP/err")"
exec 9<"$TMP/killed"
flock -n 9 || fail "flock"
train --output "$TMP/killed" 2>"$TMP/err" && fail "two at once"
grep -q 'another training is at work' "$TMP/err" || fail "$(cat "$TMP/err")"
exec 9<&-

# What cannot be.
train --output "$TMP/none" --warmup 3 2>"$TMP/err"; [ $? = 2 ] || fail "warm-up as long as all"
"$O/gtcnn" train --model efficientnet/b0 --output "$TMP/none" 2>"$TMP/err" && fail "three channels"
grep -q 'grey images' "$TMP/err" || fail "$(cat "$TMP/err")"
[ ! -e "$TMP/none" ] || fail "a folder was made for nothing"
exit 0
