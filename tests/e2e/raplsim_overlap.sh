#!/usr/bin/env bash
# Runs that overlap on one machine: no slot of time is shared out more than once, a run inside another is a part of that one, and idle
# power that was given stays with a run.
set -u
. "$(dirname "$0")/lib_raplsim.sh"
. "$(dirname "$0")/lib_plain.sh"
. "$(dirname "$0")/lib_query.sh"
fail() { echo "FAIL: $*"; exit 1; }
export GREENTRACK_ENERGY_SOURCE=powercap GREENTRACK_IDLE_W=10
raplsim_start busy_mw=20000 idle_mw=10000 noise_mw=0
run() { "$O/greentrack" run -q -- "$@"; }
run "$LAYERED" 2 a:400:20000 >/dev/null &
first=$!
run "$LAYERED" 2 b:300:20000 >/dev/null &
second=$!
run "$O/greentrack" run -q -- "$LAYERED" 1.5 c:500:20000 >/dev/null || fail "nested"
wait $first $second || fail "run"
"$O/greentrack" ingest >/dev/null || fail "ingest"
[ "$(sql 'SELECT count(*), sum(parent IS NOT NULL), (SELECT count(*) FROM run_shares) FROM runs')" = "4|1|4" ] ||
    fail "runs: $(sql 'SELECT id, parent FROM runs')"
# Every slot of the three that are not inside another: at most whole, and where all ran nearly so (the machine did nothing else).
sums=$(sql "WITH RECURSIVE at(run, i) AS (SELECT s.run, 0 FROM run_shares s JOIN runs r ON r.id = s.run WHERE r.parent IS NULL
        UNION ALL SELECT at.run, i + 1 FROM at JOIN run_shares s ON s.run = at.run WHERE i + 1 < s.slots),
    bytes(slot, hex) AS (SELECT s.first_slot + i, hex(substr(s.shares, 2 * i + 1, 2)) FROM at JOIN run_shares s ON s.run = at.run),
    digits(slot, part) AS (SELECT slot, (instr('0123456789ABCDEF', substr(hex, 1, 1)) - 1) * 16
        + instr('0123456789ABCDEF', substr(hex, 2, 1)) - 1 + (instr('0123456789ABCDEF', substr(hex, 3, 1)) - 1) * 4096
        + (instr('0123456789ABCDEF', substr(hex, 4, 1)) - 1) * 256 FROM bytes)
    SELECT sum(part) FROM digits GROUP BY slot")
[ "$(sort -n <<<"$sums" | tail -n 1)" -le 65535 ] && [ "$(sort -n <<<"$sums" | tail -n 1)" -gt 40000 ] || fail "slots: $sums"
[ "$(sql "SELECT p.run_job_uj > 0.8 * c.run_job_uj FROM runs r JOIN v_attributions c ON c.run = r.id
    JOIN v_attributions p ON p.run = r.parent")" = 1 ] || fail "the inner run: $(sql 'SELECT run, run_job_uj FROM v_attributions')"
# What was given is noted, and by that an old run is attributed again.
[ "$(sql 'SELECT count(*) FROM v_attributions WHERE idle_known')" = 4 ] || fail "idle power is not known"
exit 0
