#!/usr/bin/env bash
# A simulated machine's joules against its own books: for any reader, and for a run of 10 s through many wraps of two packages' counters.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
within() { awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { d = a / b - 1; exit !(b > 0 && (d < 0 ? -d : d) <= most) }'; }

# The simulator itself: what it says it used is idle power and the job's own joules, whatever the job's luck with the cpus.
raplsim_start idle_mw=20000 noise_mw=5000
"$LAYERED" 0.5 a:200:40000,b:50:10000,c:700:25000 2 >"$TMP/job" || fail "layered"
between=$(query '"\(.t0_ns) \(.t1_ns) \(.uj) \((.t1_ns - .t0_ns) / 1000 * 20)"' <"$TMP/job")
read -r t0 t1 job idle <<<"$between"
within "$(raplsim_between "$t0" "$t1")" "$(awk -v a="$job" -v b="$idle" 'BEGIN { printf "%.0f", a + b }')" 0.0005 ||
    fail "$(raplsim_between "$t0" "$t1") uJ, the job $job uJ, idle $idle uJ"
# Any reader's view: the kernel's files; a counter of whole quanta (2^-14 J) that goes up, by idle power now.
[ "$(cat $POWERCAP/intel-rapl:0/name)" = package-0 ] || fail "no package"
[ "$(stat -c %a $POWERCAP/intel-rapl:0/energy_uj)" = 400 ] || fail "the counter's mode"
a=$(cat $POWERCAP/intel-rapl:0/energy_uj) && sleep 0.3 && b=$(cat $POWERCAP/intel-rapl:0/energy_uj)
awk -v a="$a" -v b="$b" 'BEGIN { q = a / 61.03515625; q -= int(q + 0.5); exit !(q * q < 0.0004 && b - a > 5e6 && b - a < 30e6) }' ||
    fail "counter $a, then $b"

# A run: 7 wraps of the idle package, 26 with all of the job, counters inside one another, twins, and the platform's. Where the machine is so busy that nobody reads for the
# time of a wrap, some are not known, and the bounds say so.
raplsim_start packages=2 core=1 dram=1 psys=1 mmio=1 wrap_uj=40000000 idle_mw=30000
export GREENTRACK_ENERGY_SOURCE=powercap
"$O/greentrack" run -q -- "$LAYERED" 10 a:400:120000,b:800:60000 >"$TMP/job" || fail "run"
read -r t0 t1 <<<"$(sql 'SELECT begin_ns, end_ns FROM runs' | tr '|' ' ')"
truth=$(raplsim_between "$t0" "$t1") || fail "no truth from $t0 to $t1"
"$O/greentrack" show last --format json >"$TMP/shown" || fail "show"
uj=$(query '.energy.uj | num' <"$TMP/shown")
[ "$(query '.energy.boundary, .energy.provenance' <"$TMP/shown" | tr '\n' ' ')" = "package+dram measured " ] || fail "boundary"
if ! within "$uj" "$truth" 0.005; then
    [ "$(query '[.domains[] | select(.additive).gaps | num] | add > 0' <"$TMP/shown")" = true ] || fail "$uj uJ, in truth $truth uJ, and no gap is named"
    bounds=$(sql 'SELECT run_total_lo_uj, run_total_hi_uj FROM v_attributions' | tr '|' ' ')
    awk -v t="$truth" -v b="$bounds" 'BEGIN { split(b, x, " "); exit !(x[1] <= t && t <= x[2]) }' || fail "$truth uJ is outside of $bounds"
fi
[ "$(query '[.domains[] | select(.name == "package-0") | .wraps | num] | max >= 7' <"$TMP/shown")" = true ] ||
    fail "wraps: $(query '.domains' <"$TMP/shown")"
# Closure, exactly.
[ "$(query '.closure | (.units_uj | num) + .framework_uj + (.idle_uj // 0) + (.others_uj | num) + .unattributed_uj == .total_uj' \
    <"$TMP/shown")" = true ] || fail "closure: $(query '.closure' <"$TMP/shown")"
[ "$(query '[.layers[].name] | sort == ["a", "b"]' <"$TMP/shown")" = true ] || fail "layers: $(query '.layers' <"$TMP/shown")"
exit 0
