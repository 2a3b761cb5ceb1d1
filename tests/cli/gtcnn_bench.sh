# What bench prints, for people and for programs. Figures differ from run to run; their names, units and relations do not.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
bench() { gtcnn bench --seconds 0.02 "$@"; }
bench --model fashion/b0 --model fashion/b1 --batch 2 --format json --threads 2 >bench.json || exit 1
jq -c '.[] | keys_unsorted, [.name, .weights, .batch, .threads, .precision, .runs == .calls]' bench.json
jq -c '.[] | .min_ms > 0, .min_ms <= .median_ms, .min_ms <= .mean_ms, .load_ms >= .min_ms, .peak_rss_bytes > 1000000,
    (.images_per_second * .mean_ms / 1000 - 1 | fabs) < 1e-6' bench.json | sort | uniq -c
GTCNN_ISA=c gtcnn bench --model fashion/b0 --seconds 0.02 --format json | jq -c '.[] | [.isa, .fused]'
# The roofline: shares are those of the figures beside them.
bench --model fashion/b0 --layers --format json --batch 4 --no-fuse >layers.json || exit 1
jq -c '.[] | [.name, .batch, .fused, (.units | length > 10)], (.units[0] | keys_unsorted), (.peaks | keys)' layers.json
gtcnn info --model fashion/b0 --batch 4 --no-fuse --format json >info.json
jq -c -s '.[0][0].peaks as $p | .[0][0].units as $units | .[1] as $info | def near($x; $y): ($x - $y | fabs) <= 1e-3 * ($y | fabs);
    near([$units[].share] | add; 1), ([$units[].macs] | add) == 4 * $info.macs,
    ([$units[] | [.name, .bytes]] == [$info.units[] | [.name, .bytes]]),
    ($units | all(.median_us > 0 and .gigabytes_per_second > 0)),
    ($units | all(near(.gflops_per_second; 2 * .macs / .median_us / 1000) and near(.gigabytes_per_second; .bytes / .median_us / 1000))),
    ($units | all(near(.gflops_share; .gflops_per_second / $p.gflops_per_second))),
    ($units | all(near(.bandwidth_share; .gigabytes_per_second / $p.gigabytes_per_second)))' layers.json info.json | sort | uniq -c
GTCNN_ISA=c gtcnn bench --model fashion/b0 --layers --seconds 0.02 | sed 's/[0-9.][0-9.]*/N/g; s/  */ /g; s/ *$//' | sed '/^ N [^s]/d'
t gtcnn bench --model fashion/b0 --layers=1
