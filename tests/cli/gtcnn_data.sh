# Hostile and missing data sets: a clear error that names file, place and remedy; exit 1.
. "$OLDPWD/tests/cli/lib_gtcnn.sh"
images() { printf '\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh'; }
labels() { printf '\0\0\10\1\0\0\0\2\1\2'; }
reset() { rm -rf d && mkdir d && images >d/t10k-images-idx3-ubyte && labels >d/t10k-labels-idx1-ubyte; }
try() { t gtcnn eval --model fashion/b0 --data d --predictions answers; }
t gtcnn eval --model fashion/b0 --data nowhere
reset && rm d/t10k-labels-idx1-ubyte && try
reset && printf 'GIF89a' >d/t10k-images-idx3-ubyte && try
reset && printf '\0\0\10\3\0\0\0\2' >d/t10k-images-idx3-ubyte && try
reset && printf '\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377' >d/t10k-images-idx3-ubyte && try
reset && printf '\0\0\10\3\0\1\0\0\0\1\0\0\0\0\0\1abc' | gzip -n >d/t10k-images-idx3-ubyte.gz && rm d/t10k-images-idx3-ubyte && try
reset && images | gzip -n | head -c 30 >d/t10k-images-idx3-ubyte.gz && rm d/t10k-images-idx3-ubyte && try
reset && (images && echo more) >d/t10k-images-idx3-ubyte && try
reset && printf '\0\0\10\1\0\0\0\3\1\2\3' >d/t10k-labels-idx1-ubyte && try
reset && printf '\0\0\10\1\0\0\0\2\1\12' >d/t10k-labels-idx1-ubyte && try
reset && rm d/t10k-labels-idx1-ubyte && mkfifo d/t10k-labels-idx1-ubyte && try
[ -e answers ] || echo "no predictions written"
reset && try | sed -n '/^data/p; /^exit/p'
sed -n '/^# data/p; /^# images/p; /^[0-9]/s/[0-9]*$/P/p' answers
