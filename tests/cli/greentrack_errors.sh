# Wrong usage: exit status 2 (125 for run), the option named, the nearest word suggested; nothing is created.
try() { greentrack "$@" >out 2>&1; status=$?; sed "s|$TMP|TMP|g" out; rm out; echo "status $status"; }
try
try reprot
try xyzzy
try list --fromat json
try list --format xml
try list extra
try show
try cost
try cost --model nosuch/b0
try eval --model fashion/b0 --rounds 0
try eval --model fashion/b0 --seconds nan
try annotate last --phi one
try export everything
try prune
try run
try run --interval 0 -- true
try doctor --energy-source nosuch
try report --model b3
try show last
try help lst
ls -A
