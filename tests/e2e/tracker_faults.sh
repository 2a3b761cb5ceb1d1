#!/usr/bin/env bash
# Counters at fault under `greentrack run`: the whole run's joules hold the truth, and each gap is named with when and why.
set -u
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
G=$O/greentrack

# play NAME < rows: 20 W where nothing else is said, for a second.
play() {
    { printf 'greentrack-replay 1\nboundary package\nprovenance measured\nmode linear\n'; cat; } >"$TMP/$1"
    "$G" run -q --energy-source "replay:$TMP/$1" -- sleep 1 || fail "$1"
}
# told NAME WANTED-JSON QUERY
told() {
    local got
    got=$("$G" show last --format json | query "$3")
    [ "$got" = "$2" ] || fail "$1: $got, not $2: $("$G" show last)"
}

play sound <<'END'
domain package-0 package=0 wrap=262143328850 refresh_ns=1000000
domain core parent=0
0 262143328000 0
2000000000 262183328000 10000000
END
told sound '[[],true,true,true,[["package-0","replay",1,true],["core","replay",0,false]],true]' \
    '[.energy.gaps, (.seconds | num) > 1, (.energy | (.lo_uj | num) <= .uj and .uj <= (.hi_uj | num) and (.hi_uj - .lo_uj | num) < 0.02 * .uj),
      ((.energy.uj / .seconds | num) - 2e7 | fabs) < 4e5, [.domains[] | [.name, .source, .wraps, .additive]],
      (.attributed_lo_uj <= .attributed_uj and .attributed_uj <= .attributed_hi_uj and .attributed_uj <= .energy.uj)]'

# Reads fail for a while: nothing is lost. The machine's CPU time and the boot are told at both ends.
play unread <<'END'
domain package-0 package=0 refresh_ns=1000000
0 0
300000000 6000000
310000000 gap
700000000 14000000
2000000000 40000000
END
told unread '[true,["not read: input/output error"],true,true]' \
    '[((.energy.uj / .seconds | num) - 2e7 | fabs) < 4e5, [.energy.gaps[].reason], (.energy.gaps[0] | .from_ns < .to_ns and (.to_ns | num) < 1e9),
      (.boot_id | length == 36) and .machine_busy_end_ns > .machine_busy_begin_ns]'

# The very first reads fail, and the last: filled in by the mean, between nothing and twice of it.
play ends <<'END'
domain package-0 package=0 refresh_ns=1000000
0 gap
200000000 4000000
700000000 14000000
710000000 gap
3000000000 60000000
END
told ends '[true,true,["not read: input/output error","not read: input/output error"]]' \
    '[((.energy.uj / .seconds | num) - 2e7 | fabs) < 4e5, (.energy | (.lo_uj | num) < 0.7 * .uj and (.hi_uj | num) > 1.3 * .uj),
      [.energy.gaps[].reason]]'

# A reset: what was used meanwhile is bounded; the counter is named in the list of gaps and in that of domains.
play reset <<'END'
domain package-0 package=0 wrap=262143328850 refresh_ns=1000000
0 5000000000
500000000 5010000000
500000001 0
2000000000 30000000
END
told reset '[true,[["package-0","went back"]],[true],0]' \
    '[((.energy.uj / .seconds | num) - 2e7 | fabs) < 6e5, [.energy.gaps[] | [.domain, .reason]], [.domains[].gaps | num | . > 0], .domains[0].wraps]'
"$G" show last | grep -q 'package-0 *went back' || fail "text: $("$G" show last)"

# The same of a process that folds its readings itself, and as data.
GREENTRACK_TRACE_MB=0 GREENTRACK_ENERGY_SOURCE=replay:$TMP/reset LD_PRELOAD=$PLUGIN "$O/gtcnn" bench --model fashion/b0 --seconds 1 >/dev/null ||
    fail "blocks"
told blocks '[[["package-0","went back"]],true]' '[[.energy.gaps[] | [.domain, .reason]], any(.events[]; .kind == "blocks")]'
"$G" export gaps | query '.gaps[] | [.domain, .reason]' >"$TMP/gaps" || fail "export"
[ "$(grep -c '^\["package-0","went back"\]$' "$TMP/gaps")" = 2 ] || fail "export: $(cat "$TMP/gaps")"

# Rows first, then blocks: the CPU time at the end is that of the end.
GREENTRACK_TRACE_MB=1 GREENTRACK_ENERGY_SOURCE=replay:$TMP/sound LD_PRELOAD=$PLUGIN "$O/gtcnn" bench --model fashion/b0 --seconds 4 >/dev/null ||
    fail "rows, then blocks"
told "rows, then blocks" '[true,true]' '[any(.events[]; .kind == "blocks"), ((.machine_total_end_ns - .machine_total_begin_ns | num) > 0.9 * '"$(nproc --all)"'e9 * .seconds)]'

exit 0
