#!/usr/bin/env bash
# A job without inferences, but with regions and items of its own: joules per item and per region, nothing that is unknown shown as zero.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_MODEL=mine/x0 GREENTRACK_FAMILY=mine GREENTRACK_PHI=0
"$O/greentrack" run -q -- "$O/tests/host/region" >/dev/null || fail "run"
unset GREENTRACK_MODEL GREENTRACK_FAMILY GREENTRACK_PHI
got=$("$O/greentrack" report --model x0 --format json | query '
    (.layers | map({(.name): .}) | add) as $layers |
    (.closure | [.units_uj, .framework_uj, (key("idle_uj") // 0), (key("others_uj") // 0), .unattributed_uj | num] | add) as $sum |
    [.model.name, (.energy.uj_per_inference | num) > 0, ($layers | keys), $layers.inner.calls, ($layers.inner.uj_per_call | num) > 0,
     $sum == .closure.total_uj and $sum > 0, key("macs")]')
[ "$got" = '["mine/x0",true,["inner","outer work"],10,true,true,null]' ] || fail "$got"
got=$("$O/greentrack" list --format json | query '.runs[0].inferences')
[ "$got" = 40 ] || fail "items: $got"

# A foreign job that said nothing: what it was is told afterwards.
"$O/greentrack" run -q -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' || fail "run"
"$O/greentrack" annotate last --model mine/x1 --family mine --phi 1 --inferences 5 || fail "annotate"
got=$("$O/greentrack" report --model x1 --format json | query '
    [(.energy | .lo_uj, .uj_per_inference, .hi_uj | num)] as [$lo, $uj, $hi] |
    [(.model.phi | num), $lo < $uj and $uj < $hi, .energy.provenance, key("accuracy"), .layers, [.family[].name]]')
[ "$got" = '[1,true,"modelled",null,[],["mine/x0","mine/x1"]]' ] || fail "$got"

# Runs of one program that name their regions differently: each keeps its names, whatever came before and comes after.
named() { "$O/greentrack" run -q -- "$O/tests/host/named" "$@" || fail "run of named"; }
layers() { "$O/greentrack" show "$1" --format json | query '[.layers[] | [.name, .calls, (.uj_per_call | num) > 0]] | sort'; }
run_id() { sql "SELECT id FROM runs ORDER BY begin_real_ns DESC LIMIT 1"; }
named a b a && "$O/greentrack" ingest || fail "ingest"
first=$(run_id)
named around a && "$O/greentrack" ingest || fail "ingest"
second=$(run_id)
named last b && "$O/greentrack" ingest || fail "ingest"
third=$(run_id)
[ "$(layers "$first")" = '[["a",2,true],["b",1,true]]' ] || fail "first: $(layers "$first")"
[ "$(layers "$second")" = '[["a",1,true],["around",1,true]]' ] || fail "second: $(layers "$second")"
[ "$(layers "$third")" = '[["b",1,true],["last",1,true]]' ] || fail "third: $(layers "$third")"
got=$(sql "SELECT group_concat(name) FROM (SELECT name FROM units u JOIN run_models p ON p.model = u.model WHERE p.run = '$first'
    ORDER BY idx)")
[ "$got" = a,b,around,last ] || fail "regions of the program: $got"
# What the slots of the folded trace stand for follows: attributing anew says the same.
got=$(sql "SELECT group_concat(name) FROM (SELECT DISTINCT u.name FROM slots s JOIN run_models p ON p.run = s.run AND p.position = s.part
    JOIN units u ON u.model = p.model AND u.idx = s.idx WHERE s.run = '$second' ORDER BY s.slot)")
[ "$got" = around,a ] || fail "slots: $got"
exit 0
