# bench --vs without any peer: a shell script stands for Python, and does whatever a peer may do to the command.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
mkdir -p peers/bin tmp
export GREENTRACK_PEERS=$PWD/peers TMPDIR=$PWD/tmp
touch peers/peer.py
cat >peers/bin/python <<'END'
#!/usr/bin/env bash
# python -I -u peer.py NAME. Behaves as FAKE_NAME says; "ok" is a good peer, whose answer is ours.
name=$4 how=FAKE_${4//-/_} how=${!how:-ok} turns=0
say() { local IFS=$'\t'; printf '%s\n' "$*"; }
case $how in
absent) say absent "it is not there" && exit ;;
protocol) say ok 2 1.0 && exit ;;
silent) exec sleep 100 ;;
status) echo "first line" >&2 && echo "no such library" >&2 && exit 3 ;;
endless) head -c 10000 /dev/zero | tr '\0' x && exec sleep 100 ;;
esac
say ok 1 "1.0 of $name"
while IFS=$'\t' read -r request a b c d; do
    turns=$((turns + 1))
    case $how/$request in
    */quit) exit ;;
    nonsense/load) say perhaps ;;
    refuses/load) say error "operator Foo is not supported" ;;
    late/load) say absent "its converter is missing" ;;
    number/load) say ok soon fp32 ;;
    dies/run) [ $turns -lt 5 ] || kill -SEGV $$ ; say ok 2000000 1000000 ;;
    hangs/run) exec sleep 100 ;;
    half/load) say ok 3000000 bf16 "7 products in bf16" ;;
    */load) [ -s "$c" ] && [ -s "$d" ] && say ok 3000000 fp32 "threads $a, shape $b" ;;
    */run) say ok 50000000 40000000 ;;
    other/output) head -c 40 /dev/zero >"$a" && say ok 10 ;;
    short/output) head -c 20 /dev/zero >"$a" && say ok 5 ;;
    */output) cp "${a%/*}/gtcnn.f32" "$a" && say ok 10 ;;
    */memory) say ok 30000000 20000000 ;;
    esac
done
END
chmod +x peers/bin/python
vs() { gtcnn bench --model fashion/b0 --rounds 3 --seconds 0.01 --timeout 2 "$@"; }

echo "* all is well"
vs --vs ort,ncnn --batch 2 --threads 2 --format json >vs.json 2>err || cat err
jq -c '.[] | [.model, .batch, .threads, .rounds, (.machine | length > 0)], (.contenders[0] | keys_unsorted),
    (.contenders[] | [.name, .state, .precision, .precision_note, .reason, .python_rss_bytes]),
    (.contenders[1] | [.version, .median_ms, .min_ms, .load_ms, .peak_rss_bytes, .error]),
    (.contenders | [.[0].ratio, .[0].load_ms > 0, .[0].peak_rss_bytes > 1e6, .[1].ratio > 1,
        .[1].ratio_least <= .[1].ratio, .[1].ratio <= .[1].ratio_most])' vs.json |
    sed 's/"avx[0-9]*, \|"c, /"ISA, /; s/blocks fused/HOW/; s/layer by layer/HOW/'
vs --vs ort --model fashion/b1 --format csv | awk -F, '{ print NF }' | sort | uniq -c
vs --vs ort --format csv | head -n 1
vs --vs ort,openvino,c | sed 's/[0-9][0-9.e+-]*/N/g; s/  */ /g; s/blocks fused\|layer by layer/HOW/; s/^gtcnn [a-zN]*,/gtcnn ISA,/; /^machine/d'
echo "* some are not"
FAKE_ort=absent FAKE_openvino_f32=other FAKE_openvino=half FAKE_ncnn=dies FAKE_onednn=status \
    vs --vs ort,openvino,ncnn,onednn --format json >vs.json
echo "exit $?"
jq -c '.[].contenders[1:][] | [.name, .state, .reason, .ratio != null, .peak_rss_bytes]' vs.json
for how in protocol silent endless nonsense refuses late number hangs short; do
    FAKE_ort=$how vs --vs ort --timeout 0.5 --format json >vs.json 2>err
    echo "exit $?: $(jq -c '.[].contenders[1] | [.state, .reason]' vs.json) $(cat err)"
done
echo "* none is there"
rm peers/peer.py
vs --vs ort --format json | jq -c '.[].contenders[] | [.name, .state, .reason]' | sed "s,$PWD,HERE,"
touch peers/peer.py && echo "not a program" >peers/bin/python
vs --vs ort --format json 2>/dev/null | jq -c '.[].contenders[1] | [.state, .reason]' | sed "s,$PWD,HERE,"
GREENTRACK_PEERS=nowhere t gtcnn bench --model fashion/b0 --vs ort,oort
t gtcnn bench --model fashion/b0 --vs ort --layers
t gtcnn bench --model fashion/b0 --format csv
t gtcnn bench --model fashion/b9.onnx --vs ort
t gtcnn bench --model fashion/b0 --vs c --rounds 0
echo "* nothing stays: the folder, a peer"
ls tmp
printf '#!/bin/sh\necho $$ >"%s/pid"\nexec sleep 100\n' "$PWD" >peers/bin/python
gtcnn bench --model fashion/b0 --vs ort --timeout 60 &
for ((i = 0; i < 500; i++)); do [ -s pid ] && break; sleep 0.02; done
kill -TERM $!
wait $!
echo "exit $?"
ls tmp
kill -0 "$(cat pid)" 2>/dev/null || echo "it has ended"
