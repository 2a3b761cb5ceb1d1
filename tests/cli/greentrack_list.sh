# A store made from the replay source, with counts known to the microjoule (what came before the job began is not the run's); ids and times are cut out.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib_tracker.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib_query.sh"
cat >script <<'END'
greentrack-replay 1
boundary package+dram
provenance measured
domain package-0 scale=1 wrap=262143328850
domain dram
domain core parent=0
0 100 0 0
40000000 250100 1000 70
END
GREENTRACK_TAGS='a=b "c"' greentrack run -q --energy-source replay:script -- sh -c 'sleep 0.15; exit 3'
echo "status $?"
greentrack list --format json | query '.runs[] as $run |
    ["role", "state", "exit_status", "exit_signal", "tags", "provenance", "source", "boundary", "command", "model", "children"] |
    map({(.): (. as $k | $run | key($k))}) | add'
greentrack list --format csv | sed 's/\r$//' | head -n 1
greentrack show last --format json | query '[(.energy.uj | . > 200000 and . <= 251000), .energy.kind, key("closure")],
    (.domains[] | [.name, .counted_uj, .additive, .first_raw, .last_raw, .wraps])'
greentrack list | sed -E 's/^[0-9a-f]{12} /ID           /; s/[0-9-]{10} [0-9:]{8}Z/DATE                /; s/ +[0-9.]+ (m?s) / T /; s/[0-9.]+ [mµn]?J/E/g; s/ +/ /g'
greentrack annotate last --model net --family f --phi 2 --inferences 50 --tags noted
printf '0 1 1\n1 2 3\n2 0 0\n3 9 9\n' >answers
greentrack annotate last --dataset digits --answers answers
greentrack list --format json | query '.runs[0] | [.model, .family, (.phi | num), .inferences, .tags]'
printf '0 1 1\n2 2 3\n' >answers
greentrack annotate last --dataset digits --answers answers
echo "status $?"
greentrack prune --keep 0 --dry-run
greentrack prune --keep 0
greentrack list
