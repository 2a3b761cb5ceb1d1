#!/usr/bin/env bash
# A user's own EfficientNet over folders of JPEG and PNG files: accuracy with its preprocessing, which is never mixed with another.
set -u
. "$(dirname "$0")/lib_plain.sh"
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
query() { python3 -c "
import json, sys
d = json.load(sys.stdin)
print($1)"; }
image() { "$O/tests/host/mkimage" "$@" || fail "mkimage $*"; }

# A thousand classes, of which three have images; the last one is output 999.
seq -f 'n%05g' 0 999 >"$TMP/synsets"
mkdir -p "$TMP/set/val/n00000" "$TMP/set/val/n00300" "$TMP/set/val/n00999"
image "$TMP/set/val/n00000/a.JPEG" jpeg 320 260 1
image "$TMP/set/val/n00300/b.png" png 230 400 2
image "$TMP/set/val/n00999/c.jpg" jpeg-cmyk 100 90 3
echo text >"$TMP/set/val/n00999/notes.txt"
"$O/gtcnn" export --model efficientnet/b0 --output "$TMP/mine.onnx" || fail "export"
OFFICIAL="resize=input+32 crop=input bicubic mean=0.485,0.456,0.406 std=0.229,0.224,0.225"
eval_mine() { "$G" eval --model "$TMP/mine.onnx" --data "$TMP/set" --classes "$TMP/synsets" --threads 2 --format json "$@"; }

eval_mine >"$TMP/one" || fail "eval"
is "the evaluation" "$(query "[(m['model'], m['images'], m['preprocessing']) for m in d['models']]" <"$TMP/one")" "[('efficientnet/b0', 3, '$OFFICIAL')]"
is "the report" "$("$G" report --model efficientnet/b0 --format json | query "(d['accuracy']['n'], d['accuracy']['dataset'], d['accuracy']['split'], d['accuracy']['preprocessing'])")" \
    "(3, 'set', 'val', '$OFFICIAL')"
"$G" report --model efficientnet/b0 | grep -qx "preprocessed    $OFFICIAL" || fail "not in the text"

# Another preprocessing stands beside the first one in the store.
OTHER="resize=256 crop=input bilinear mean=0.5,0.5,0.5 std=0.5,0.5,0.5"
eval_mine --resize 256 --interpolation bilinear --mean 0.5 --std 0.5 >/dev/null || fail "eval with options"
is "both are kept" "$(python3 -c '
import sqlite3, sys
print([r for r in sqlite3.connect(sys.argv[1]).execute("SELECT preprocessing, length(predictions) FROM accuracies ORDER BY id")])' "$GREENTRACK_STORE")" \
    "[('$OFFICIAL', 6), ('$OTHER', 6)]"
is "one set of labels" "$(python3 -c '
import sqlite3, sys
print([r[0].hex() for r in sqlite3.connect(sys.argv[1]).execute("SELECT labels FROM datasets")])' "$GREENTRACK_STORE")" "['00002c01e703']"

# What gtcnn refuses is a failure of the evaluation, with its reason.
eval_mine --resize 100 >/dev/null 2>"$TMP/err" && fail "an impossible crop was taken"
grep -q -- '--resize 100: the crop of 224 pixels' "$TMP/err" || fail "no reason: $(cat "$TMP/err")"
head -c 900 "$TMP/set/val/n00000/a.JPEG" >"$TMP/set/val/n00000/cut.jpg"
eval_mine >/dev/null 2>"$TMP/err" && fail "a cut file was taken"
grep -q 'n00000/cut.jpg: libjpeg: ' "$TMP/err" || fail "the cut file is not named: $(cat "$TMP/err")"
echo "folders are evaluated, with their preprocessing"
