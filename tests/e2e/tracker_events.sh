"$G" run -q --counters perf::CONTEXT-SWITCHES:u,perf::PAGE-FAULTS:k,perf::TASK-CLOCK:u -- "$TOUCH" 10 1 2>/dev/null || fail "modes"
is "modes" "$(of_last "[.[] | .scope, (.reason // \"\" | contains(\"always be 0\"))]")" "[null,true,\"kernel\",false,\"all\",false]"
#!/usr/bin/env bash
# --counters and --unit-counters: what the kernel counts of a job, PAPI's presets by a stub of its library, what is absent and why.
set -u
. "$(dirname "$0")/lib_tracker.sh"
. "$(dirname "$0")/lib_query.sh"
G="$O/greentrack" TOUCH="$O/tests/host/touch"
export GREENTRACK_ENERGY_SOURCE=model
fail() { echo "FAIL: $*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
of_last() { "$G" show last --format json | query ".event_counters | $1"; }
"${CC:-cc}" -shared -fPIC -o "$TMP/libpapi-stub.so" "$(dirname "$0")/stub_papi_events.c" || fail "the stub of PAPI"
export GREENTRACK_PAPI_LIBRARY="$TMP/libpapi-stub.so"

"$G" run -q -- true || fail "run"
reason=$(of_last '[.[] | select(.name == "page-faults") | .reason // ""][0]')
case $reason in
*"no performance events"* | *"not permitted"*) echo "the kernel counts nothing here: $reason"; exit 77 ;;
esac

# Without a word: the kernel's own four, of the whole tree. Each page that is touched, in a child as well, is a fault.
"$G" run -q -- "$TOUCH" 4000 300 || fail "touch"
is "the default" "$(of_last '[.[].name]')" '["task-clock","page-faults","context-switches","cpu-migrations"]'
is "page faults" "$(of_last '[.[] | select(.name == "page-faults") | (.value | num) as $v | $v >= 4000 and $v < '${SANITIZER:+10}'8000, .counted, .reason]')" '[true,1,null]'
cpu=$("$G" show last --format json | query '.run.cpu_ns // .cpu_ns')
is "task clock: $cpu" "$(of_last "[.[] | select(.name == \"task-clock\") | (.value | num) as \$v | \$v >= 300000000,
    \$v > 0.8 * ($cpu | tonumber), \$v < 1.2 * ($cpu | tonumber)]")" '[true,true,true]'
"$G" show last | grep -Eq '^page-faults +[0-9]+ +100\.0 %' || fail "text: $("$G" show last)"

# What became of the program's own counts does not end with its children: a shell's pipeline is all one job.
"$G" run -q --counters page-faults -- sh -c "$TOUCH 3000 1 | cat; $TOUCH 3000 1" || fail "pipeline"
is "a pipeline" "$(of_last '[.[] | .name, ((.value | num) >= 6000)]')" '["page-faults",true]'
"$G" run -q --counters none -- true && is "none" "$(of_last 'length')" 0

# Names: of libpfm4, of nobody; a list that is wrong starts nothing.
"$G" run -q --counters perf::PAGE-FAULTS,page-faults -- "$TOUCH" 1000 1 || fail "libpfm4"
is "libpfm4's page faults" "$(of_last '[.[].value | num] | .[0] >= 1000 and (.[0] - .[1] < 50) and (.[1] - .[0] < 50)')" true
"$G" run --counters page-fault -- touch "$TMP/started" 2>"$TMP/err"; is "an unknown name" $? 125
grep -q "did you mean page-faults?" "$TMP/err" || fail "no suggestion: $(cat "$TMP/err")"
"$G" run --counters PAPI_TOT_INZ -- touch "$TMP/started" 2>"$TMP/err"; is "an unknown preset" $? 125
grep -q "did you mean PAPI_TOT_INS?" "$TMP/err" || fail "no suggestion of a preset: $(cat "$TMP/err")"
[ ! -e "$TMP/started" ] || fail "it was started"

# Presets: one native, a sum, a weighted sum; and what is no sum, has no native here, or one that libpfm4 does not know.
presets=PAPI_TOT_INS,PAPI_TOT_CYC,PAPI_SP_OPS,PAPI_L3_TCM,PAPI_FP_INS,PAPI_BR_INS
"$G" run --counters $presets -- "$TOUCH" 10000 1 2>"$TMP/err" || fail "presets"
is "sums" "$(of_last '[.[0:3][].value | num] | [.[0] >= 10000, (.[1] / .[0] * 10 | round), (.[2] / .[0] * 10 | round)]')" '[true,20,50]'
is "absent ones" "$(of_last '[.[3:6][] | .value, .scope, .counted]')" '[null,null,null,null,null,null,null,null,null]'
is "their reasons" "$(of_last '[.[3:6][].reason]')" '["PAPI has no native event for it on this machine","PAPI derives it (DERIVED_PS) in a way that is no sum of counts","libpfm4 does not know PAPI'"'"'s native event stub_pmu:::BRANCHES"]'
grep -q "absent: PAPI_L3_TCM: PAPI has no native event" "$TMP/err" || fail "not told: $(cat "$TMP/err")"
GREENTRACK_PAPI_LIBRARY=/nonexistent.so "$G" run -q --counters PAPI_TOT_INS -- true || fail "without PAPI"
is "without PAPI" "$(of_last '[.[0].value, (.[0].reason | contains("not installed"))]')" '[null,true]'

# Exported, column by column: absent is an empty cell, never 0.
is "export" "$("$G" export counters --format csv | csv_query "SELECT count(*) FROM csv WHERE name = 'PAPI_L3_TCM' AND value = ''")" 1

# A program that cannot be started leaves nothing; one that is killed has its counts.
"$G" run -q -- nosuchcommand 2>/dev/null; is "not found" $? 127
"$G" run -q --counters page-faults -- sh -c "$TOUCH 2000 1; kill -KILL \$\$" 2>/dev/null
is "killed" "$(of_last '[(.[0].value | num) >= 2000]')" '[true]'

[ -z "${SANITIZER-}" ] || exit 0

# `eval` takes the same options for each of its jobs, rounds included; a run inside another has counters of its own.
"$G" eval --model fashion/b0 --limit 20 --rounds 1 --seconds 0.1 --counters minor-faults >/dev/null || fail "eval"
is "eval" "$("$G" export counters --format csv | csv_query "SELECT count(*), min(value) > 0 FROM csv WHERE name = 'minor-faults'")" "2|1"
is "nested" "$("$G" run -q --unit-counters page-faults -- "$G" run -q -- sh -c 'echo "[$GREENTRACK_UNIT_EVENTS]"')" "[]"

# Units: what needs a system call is not counted for them but named, in the trace of the process that could not.
"$G" run -q --unit-counters page-faults,PAPI_TOT_CYC,PAPI_L3_TCM -- "$O/gtcnn" eval --model fashion/b0 --limit 50 >/dev/null || fail "units"
is "layers all the same" "$("$G" show last --format json | query '[(.models[0].inferences | num), (.layers | length) > 5]')" '[50,true]'
is "no counts" "$("$G" show last --format json | query '.unit_counters')" '[]'
absent=$("$G" show last --format json | query '[.events[] | select(.kind == "unit counter absent").text] | sort | join("\n")')
for name in page-faults PAPI_TOT_CYC; do
    grep -q "$name: cannot be read without a system call" <<<"$absent" || fail "$name: $absent"
done
grep -q "PAPI_L3_TCM: PAPI has no native event" <<<"$absent" || fail "PAPI_L3_TCM: $absent"
[ "$(grep -o PAPI_TOT_CYC <<<"$absent" | wc -l)" = 1 ] || fail "one event, one word: $absent"
"$G" run -q --unit-counters "$(for i in 1 2 3; do printf 'PAPI_TOT_CYC,PAPI_SP_OPS,minor-faults,major-faults,task-clock,page-faults,'; done)cpu-migrations,context-switches" -- true 2>"$TMP/err"
is "too many for a unit" $? 125
GREENTRACK_LOG="$TMP/log" GREENTRACK_UNIT_EVENTS=nonsense LD_PRELOAD="$O/libgreentrack.so" "$O/gtcnn" eval --model fashion/b0 --limit 5 >/dev/null || fail "bare"
grep -q "GREENTRACK_UNIT_EVENTS" "$TMP/log" || fail "nonsense is passed over in silence: $(cat "$TMP/log")"
