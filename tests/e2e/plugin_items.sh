#!/usr/bin/env bash
# Items that a program reports are counted to the last one, however it ends and while the sampler starts.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
ulimit -c 0
export GREENTRACK_ENERGY_SOURCE=model
G=$O/greentrack
counted() { "$G" ingest >/dev/null && "$G" show last --all --format json | query '[.models[].inferences | num] | add'; }
for way in exit _exit kill abort exec; do
    "$G" run -q -- "$O/tests/host/items" $way >/dev/null 2>&1
    got=$(counted)
    [ "$got" = 1000 ] || fail "$way: $got items of 1000"
done
"$G" run -q -- "$O/tests/host/items" fork || fail "fork"
got=$(counted)
[ "$got" = 4001 ] || fail "fork: $got items of 4001"
for i in 1 2 3 4 5; do
    "$G" run -q -- "$O/tests/host/items" threads || fail "threads"
    got=$(counted)
    [ "$got" = 8000 ] || fail "threads, $i: $got items of 8000"
done
exit 0
