#!/usr/bin/env bash
# alone
# Layers of unequal power on a simulated machine: the counter's refreshes are followed, and tell their powers apart, by greentrack run as
# by the plugin that is preloaded bare, in rows and in blocks; by time alone they would all have the same. Hooks off: nothing is claimed.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
PLAN=a:400:60000,b:500:5000,c:300:60000,d:700:5000
fail() { echo "FAIL: $*"; query '.energy, .layers' <"$TMP/shown"; exit 1; }
shown() { "$O/greentrack" ingest >/dev/null && "$O/greentrack" show last --format json >"$TMP/shown" || fail "show"; }
is() { [ "$(query "$1" <"$TMP/shown")" = true ] || fail "$way: $2"; }

under_run() { "$O/greentrack" run -q -- "$@"; }
bare() { LD_PRELOAD=$PLUGIN "$@"; }
in_blocks() { GREENTRACK_TRACE_MB=0 GREENTRACK_BLOCK_MS=250 bare "$@"; }

# Did the job have the machine nearly to itself? The simulated counter is a program, too, and late where it has to wait for a processor.
alone() { [ "$(query '.energy.method != "time" and .energy.cpu_share > 0.9' <"$TMP/shown")" = true ]; }

raplsim_start idle_mw=10000 dram=1
export GREENTRACK_ENERGY_SOURCE=powercap
busy=
for way in under_run bare in_blocks; do
    for _ in 1 2 3; do
        $way "$LAYERED" 5 $PLAN >"$TMP/job" || fail "$way"
        shown
        alone && break
    done
    # On a machine so busy that the sampler, or the job, has to wait for processors, nothing is told apart: then it must say so.
    is '.energy | .method == "regression" or (.refusal | length > 0)' "units by time, and no word why"
    alone || { busy="the machine is too busy, $way: $(query '.energy | .cpu_share, .refusal' <"$TMP/shown" | paste -sd' ')" && continue; }
    is '.energy | .method == "regression" and .refreshes > 1000 and .refresh_sigma_ns > 0 and .refresh_sigma_ns < 25000' "the method's own figures"
    is '[.layers[] | {(.name): .watts}] | add | .a > 1.3 * .b and .a > 1.3 * .d and .c > 1.3 * .b and .c > 1.3 * .d' "powers"
    is '[.layers[] | .resolution == "unit" and .lo_uj <= .uj_per_call and .uj_per_call <= .hi_uj] | all' "bounds"
    is '([.layers[] | .uj_per_call * .calls] | add) / .closure.units_uj | . > 0.9999 and . < 1.0001' "layers do not add up to the closure"
    is '.closure | .units_uj + .framework_uj + (.idle_uj // 0) + .others_uj + .unattributed_uj == .total_uj' "closure"
    # Attributed again from what the store keeps: the same record.
    run=$(query .id <"$TMP/shown")
    "$O/greentrack" ingest --again "$run" >/dev/null 2>&1 || fail "again"
    [ "$(sql "SELECT count(*) FROM attributions WHERE run = '$run'")" = 1 ] || fail "$way: $(sql 'SELECT method, version FROM attributions')"
done

for way in under_run bare; do
    GREENTRACK_UNITS=off $way "$LAYERED" 1 a:400:60000,b:500:5000 >"$TMP/job" || fail "$way without hooks"
    shown
    is '.energy.method == "time" and .energy.refreshes == null and (.layers | length) == 0' "hooks off"
done
[ -z "$busy" ] || { echo "$busy" && exit 77; }
exit 0
