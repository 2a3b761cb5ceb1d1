#!/usr/bin/env bash
# --require-measured: joules that would be modelled stop run and eval before the job starts, with what was tried and what helps.
set -u
. "$(dirname "$0")/lib_tracker.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack
refuses() { # WHAT_IS_SAID COMMAND...
    said=$1
    shift
    "$@" >"$TMP/out" 2>"$TMP/err" && fail "not refused: $*"
    [ ! -e "$TMP/ran" ] || fail "the job ran: $*"
    grep -q -e "$said" "$TMP/err" || fail "$*: $(cat "$TMP/err")"
}
export GREENTRACK_PAPI_LIBRARY=$TMP/none.so GREENTRACK_NVML_LIBRARY=$TMP/none.so
for source in model null; do
    refuses "$source does not measure; greentrack doctor" "$G" run --require-measured --energy-source $source -- touch "$TMP/ran"
    refuses "$source does not measure" "$G" eval --require-measured --energy-source $source --model fashion/b0 --limit 10
done
for source in model:x null:x auto:x; do
    refuses "$source" "$G" run --energy-source $source -- touch "$TMP/ran"
done
printf 'greentrack-replay 1\nprovenance modelled\ndomain d\n0 1\n' >"$TMP/modelled"
refuses 'does not measure' "$G" run --require-measured --energy-source "replay:$TMP/modelled" -- touch "$TMP/ran"
# What this machine has by itself decides here; where it has a counter, auto is measured.
if "$G" doctor --format json | grep -q '"source": *"model".*"chosen": *true' || "$G" doctor | grep -q '^model .*yes'; then
    refuses 'nothing here measures energy (.*powercap [a-z ]*, .*papi absent, nvml absent, external not given); greentrack doctor' \
        "$G" run --require-measured -- touch "$TMP/ran"
    [ "$("$G" run --require-measured -- true >/dev/null 2>&1; echo $?)" = 125 ] || fail "exit status"
fi
printf 'greentrack-replay 1\nprovenance measured\nmode linear\ndomain d package=0\n0 1\n9000000000 90000000\n' >"$TMP/measured"
"$G" run -q --require-measured --energy-source "replay:$TMP/measured" -- touch "$TMP/ran" || fail "a measured source was refused"
[ -e "$TMP/ran" ] || fail "the job did not run"
rm "$TMP/ran"
refuses 'needs a counter' "$G" calibrate --require-measured --energy-source model --seconds 2
exit 0
