#!/usr/bin/env bash
# Answers that a person hands in, and files that are none.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
G="$O/greentrack"
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

"$G" run -q --energy-source null -- true || fail run
"$G" annotate last --model net --inferences 5 || fail "annotate"
seq 0 8 | sed 's/.*/& 1 1/' >"$TMP/nine"
head -n 3 "$TMP/nine" | sed 's/1$/2/' >"$TMP/three"
known() { sql "SELECT n, correct FROM accuracies ORDER BY id"; }

# Fewer images of the same do not replace more; as many do, and other images are others.
"$G" annotate last --dataset digits --answers "$TMP/three" >"$TMP/out" || fail "three answers"
is "three" "$(known)" "3|0"
"$G" annotate last --dataset digits --answers "$TMP/nine" >"$TMP/out" || fail "nine answers"
is "nine" "$("$G" report --model net --format json | query .accuracy.n)" 9
"$G" annotate last --dataset digits --answers "$TMP/three" >"$TMP/out" 2>"$TMP/err" || fail "three again"
grep -q 'keeps the earlier accuracy, which rests on 9 images' "$TMP/err" || fail "kept in silence: $(cat "$TMP/err")"
is "nine stay" "$("$G" report --model net --format json | query .accuracy.n)" 9

# What cannot be read says why.
"$G" annotate last --dataset digits --answers "$TMP" 2>"$TMP/err"; is "a folder" $? 1
grep -q 'Is a directory' "$TMP/err" || fail "a folder: $(cat "$TMP/err")"

# What is no trace leaves the spool, and is named once.
ln -s /nonexistent "$GREENTRACK_SPOOL/process-link.gtt"
"$G" list >/dev/null 2>"$TMP/err"
grep -q 'symbolic link' "$TMP/err" || fail "a link: $(cat "$TMP/err")"
"$G" list >/dev/null 2>"$TMP/err"
[ ! -s "$TMP/err" ] && [ -L "$GREENTRACK_SPOOL/rejected/process-link.gtt" ] || fail "a link stays: $(cat "$TMP/err")"
