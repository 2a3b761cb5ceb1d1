# Folders of JPEG and PNG files: which images there are, in which order, what is said of them, and what is refused.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
image() { "$O/tests/host/mkimage" "$@"; }
eval_b0() { t gtcnn eval --model fashion/b0 --data d "$@" | sed '/^speed\|^model/d; s/^\(accuracy\).* of \([0-9]*\);.*/\1 over \2/'; }
for c in 0 1 2 3 4 5 6 7 8 9; do mkdir -p d/c$c; done
image d/c0/b.jpg jpeg 60 40 1
image d/c0/A.JPG jpeg-grey 31 29 2
image d/c1/a.jpeg jpeg-progressive 100 33 3
image d/c1/b.jpeg jpeg-cmyk 33 100 4
image d/c2/1.png png 14 14 5
image d/c2/2.PNG png-alpha 14 14 5
image d/c2/3.png png-16 14 14 5
image d/c2/4.png png-interlaced 14 14 5
image d/c3/1.png png-palette 70 70 6
image d/c3/2.jpg png-grey 70 70 6 # what a file is, its bytes say
ln -s ../c0/b.jpg d/c4/link.jpg
image d/.hidden.png png 9 9 9
ln -s .. d/c4/.up
eval_b0 --predictions p
sed -n 's/[0-9a-f]\{64\}/DIGEST/; /^# dataset\|^# split\|^# prep\|^# images/p; /^[0-9]/s/ [0-9]*$//p' p
# The same colours are the same image to the model, however they are stored.
awk '$2 == 2 { print $3 }' p | uniq | wc -l
# Batches, threads and the order of the outputs change no answer; names are sorted by bytes, and others said once.
touch d/README d/c5/notes.txt && mkdir d/c5/deep && ln -s ../../c0 d/c5/loop
eval_b0 --predictions q --batch 4 --threads 2 && grep '^[0-9]' p >p1 && grep '^[0-9]' q | cmp p1 && grep ^.\ dataset_digest p q | cut -d' ' -f3 | uniq | wc -l
printf 'c%d\n' 9 8 7 6 5 4 3 2 1 0 >classes
eval_b0 --predictions q --classes classes && diff <(cut -d' ' -f1,3 p1) <(grep '^[0-9]' q | cut -d' ' -f1,3) && grep '^[0-9]' q | cut -d' ' -f2 | uniq | tr '\n' ' '
echo
# The digest covers names and contents, whatever the limit.
gtcnn eval --model fashion/b0 --data d --limit 1 --predictions q >/dev/null && grep -c "$(grep '^# dataset_digest' p)" q
mv d/c0/b.jpg d/c0/c.jpg && ln -sf ../c0/c.jpg d/c4/link.jpg
gtcnn eval --model fashion/b0 --data d --limit 1 --predictions q >/dev/null && grep -c "$(grep '^# dataset_digest' p)" q
# Preprocessing.
eval_b0 --resize 16
eval_b0 --resize 20 --crop 20 --interpolation bilinear --mean 0.5 --std 0.25
eval_b0 --crop none
eval_b0 --resize 10
eval_b0 --crop none --resize 20
eval_b0 --mean 0.1,0.2,0.3
eval_b0 --std 0
t gtcnn eval --model fashion/b0 --resize 20
# Splits: DIR/val and DIR/train where they are folders of folders.
mkdir -p e && cp -r d e/val && mkdir -p e/train && cp -r d/c0 d/c1 d/c2 d/c3 d/c4 d/c5 d/c6 d/c7 d/c8 d/c9 e/train && rm -r e/train/c4/* e/train/c3/*
t gtcnn eval --model fashion/b0 --data e | sed -n '/^data/p'
t gtcnn eval --model fashion/b0 --data e --split train | sed -n '/^data/p'
# What is refused.
rm -r d/c5/deep d/c5/loop d/c5/notes.txt d/README && rmdir d/c9
eval_b0
printf 'c%d\n' 0 1 2 3 >classes && eval_b0 --classes classes
printf 'c%d\n' 0 1 2 3 4 5 6 7 8 8 >classes && eval_b0 --classes classes
printf 'c%d\n' 0 1 2 3 4 5 6 7 8 >classes && eval_b0 --classes classes
printf 'c0\n\nc1\n' >classes && eval_b0 --classes classes
eval_b0 --classes nowhere
mkdir d/c9 && head -c 300 d/c0/c.jpg >d/c9/cut.jpg && eval_b0 --predictions r
printf 'GIF89a' >d/c9/cut.jpg && eval_b0
: >d/c9/cut.jpg && eval_b0
ls r 2>&1
mkdir -p f/a f/b && t gtcnn eval --model fashion/b0 --data f
for c in 0 1 2 3 4 5 6 7 8 9; do mkdir -p g/$c; done && t gtcnn eval --model fashion/b0 --data g
