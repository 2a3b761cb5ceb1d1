#!/usr/bin/env bash
# alone
# Layers of unequal power on a simulated machine: greentrack run follows the counter's refreshes and tells their powers apart; by time alone
# they would all have the same. Hooks off: nothing is followed, and nothing claimed.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; query '.energy, .layers' <"$TMP/shown"; exit 1; }
shown() { "$O/greentrack" show last --format json >"$TMP/shown" || fail "show"; }
is() { [ "$(query "$1" <"$TMP/shown")" = true ] || fail "$2"; }

raplsim_start idle_mw=10000 dram=1
export GREENTRACK_ENERGY_SOURCE=powercap
for _ in 1 2 3; do
    "$O/greentrack" run -q -- "$LAYERED" 8 a:400:60000,b:500:5000,c:300:60000,d:700:5000 >"$TMP/job" || fail "run"
    shown
    [ "$(query .energy.method <"$TMP/shown")" = time ] || break
done
# On a machine so busy that the sampler, or the job, has to wait for processors, nothing is told apart: then it must say so.
if [ "$(query .energy.method <"$TMP/shown")" = time ]; then
    is '.energy.refusal | length > 0' "units by time, and no word why"
    echo "the machine is too busy: $(query .energy.refusal <"$TMP/shown")"
    exit 77
fi
is '.energy | .method == "regression" and .refreshes > 1000 and .refresh_sigma_ns > 0 and .refresh_sigma_ns < 25000' "the method's own figures"
is '[.layers[] | {(.name): .watts}] | add | .a > 1.3 * .b and .a > 1.3 * .d and .c > 1.3 * .b and .c > 1.3 * .d' "powers"
is '[.layers[] | .resolution == "unit" and .lo_uj <= .uj_per_call and .uj_per_call <= .hi_uj] | all' "bounds"
is '([.layers[] | .uj_per_call * .calls] | add) / .closure.units_uj | . > 0.9999 and . < 1.0001' "layers do not add up to the closure"
is '.closure | .units_uj + .framework_uj + (.idle_uj // 0) + .others_uj + .unattributed_uj == .total_uj' "closure"
# Attributed again from what the store keeps: the same record.
run=$(query .id <"$TMP/shown")
"$O/greentrack" ingest --again "$run" >/dev/null 2>&1 || fail "again"
[ "$(sql "SELECT count(*) FROM attributions WHERE run = '$run'")" = 1 ] || fail "$(sql 'SELECT method, version FROM attributions')"

GREENTRACK_UNITS=off "$O/greentrack" run -q -- "$LAYERED" 1 a:400:60000,b:500:5000 >"$TMP/job" || fail "run without hooks"
shown
is '.energy.method == "time" and (.layers | length) == 0' "hooks off"
exit 0
