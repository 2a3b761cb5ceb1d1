#!/usr/bin/env bash
# Each run tells what measuring it cost: the CPU time of greentrack run and of the plugin's thread, the hooks and an estimate of one.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
export GREENTRACK_ENERGY_SOURCE=model
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack IDLE=$O/tests/stub/libidle.so
overhead() { "$G" show last --format json | query ".seconds as \$s | .overhead | $1"; }
is() { [ "$2" = "$3" ] || fail "$1: got $2, wanted $3 in $("$G" show last --format json | query .overhead)"; }

# A bare preload: every hook is counted, nothing is said of a sampler outside, and the share is what the parts make.
LD_PRELOAD="$PLUGIN:$IDLE" "$O/tests/host/hookcost" 20000 1 >"$TMP/out" || fail "bare: $?"
is "bare" "$(overhead '[key("sampler_cpu_ns"), .hooks, (.plugin_cpu_ns | num) > 0, (.plugin_cpu_ns | num) < 1e9 * $s,
    (.hook_ns | num) > 5, (.hook_ns | num) < 5000,
    ((.plugin_cpu_ns + .hooks * .hook_ns) / (1e9 * $s) / .share | . > 0.999 and . < 1.001)]')" '[null,20000,true,true,true,true,true]'
"$G" show last >"$TMP/text" || fail "text"
grep -q '^hooks  *20000$' "$TMP/text" && grep -q '^one hook, estimated  *[0-9.]* [nµ]s$' "$TMP/text" || fail "text: $(cat "$TMP/text")"

# A faster clock costs more: 10,000 readings against one.
LD_PRELOAD="$PLUGIN:$IDLE" GREENTRACK_INTERVAL_US=100 "$O/tests/host/hookcost" 1000 1 >/dev/null || fail "fast"
fast=$(overhead .plugin_cpu_ns)
LD_PRELOAD="$PLUGIN:$IDLE" GREENTRACK_INTERVAL_US=1000000 "$O/tests/host/hookcost" 1000 1 >/dev/null || fail "slow"
slow=$(overhead .plugin_cpu_ns)
[ "$fast" -gt "$slow" ] || fail "10000 readings took $fast ns, 1 took $slow ns"

# Under greentrack run both are told, and of a job without hooks the sampler alone.
"$G" run -q -- env LD_PRELOAD="$PLUGIN:$IDLE" "$O/tests/host/hookcost" 2000 1 >/dev/null || fail "run"
is "run" "$(overhead '[(.sampler_cpu_ns | num) > 0, (.sampler_cpu_ns | num) < 1e9 * $s, (.plugin_cpu_ns | num) > 0, .hooks,
    (.share | num) >= .sampler_cpu_ns / (1e9 * $s)]')" '[true,true,true,2000,true]'
"$G" run -q -- sleep 0.3 || fail "sleep"
is "no hooks" "$(overhead '[(.sampler_cpu_ns | num) > 0, key("plugin_cpu_ns"), key("hooks"), key("hook_ns"), (.share | num) > 0]')" \
    '[true,null,0,null,true]'

# What a killed process had told before is kept: once a second, and with each block when the trace is bounded.
killed() { # NAME=value ...
    env "$@" LD_PRELOAD="$PLUGIN:$IDLE" "$O/tests/host/hookcost" 1000 60 >/dev/null &
    pid=$!
    sleep 2.5
    kill -9 $pid
    wait $pid 2>/dev/null
    is "killed, $*" "$(overhead '[(.plugin_cpu_ns | num) > 0, (.hook_ns | num) > 0, (.hooks | num) > 1000]')" '[true,true,true]'
}
killed GREENTRACK_TRACE_MB=64
killed GREENTRACK_TRACE_MB=0 GREENTRACK_BLOCK_MS=20
exit 0
