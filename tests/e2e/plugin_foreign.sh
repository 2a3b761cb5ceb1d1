#!/usr/bin/env bash
# Foreign programs: shell pipelines, Python, Node and Java where installed; nothing changes, and nothing is left behind.
set -u
. "$(dirname "$0")/preload.sh"
plain
same ls -la /usr
same sh -c 'seq 1 5000 | sort -rn | head -3; (exit 3); echo $?; ulimit -n; cat /etc/hostname | tr a-z A-Z | wc -c'
same bash -c 'for i in 1 2 3; do (sleep 0.0$i; echo $i; exit $i) & done; wait; echo done; false'
same sh -c 'kill -TERM $$'
if have python3; then
    same python3 -W error -c 'import os, subprocess, threading, sys
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
print(subprocess.run(["echo", "child"], capture_output=True).stdout)
pid = os.fork()
if pid == 0: os._exit(4)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); sys.exit(6)'
fi
# -max heap and one collector keep Java's own threads out of the picture of a small machine.
have node && same node -e 'setTimeout(() => { console.log("node", process.argv.length); process.exit(3) }, 5)'
have java && same java -Xshare:auto -XX:+UseSerialGC -Xmx64m -version
[ "$(traces)" = 0 ] || fail "a process without layers left a trace"
[ ! -e "$GREENTRACK_LOG" ] || fail "a process without layers wrote to the log: $(cat "$GREENTRACK_LOG")"

# LD_PRELOAD ls costs at most 0.2 ms.
for attempt in 1 2 3; do # a busy machine gets three chances; a slow constructor fails all
    us=$("$HOST/startcost" "$O/libgreentrack.so" ls /) || fail "startcost"
    [ "$us" -le 200 ] && break
done
[ "$us" -le 200 ] || fail "preloading ls costs $us us"
echo "preloading ls costs $us us"

# ctypes loads the runtime with RTLD_LOCAL, unloads it and loads it again.
if have python3; then
    cat >"$TMP/ctypes_host.py" <<'PY'
import ctypes, sys, _ctypes
def once(path, times):
    lib = ctypes.CDLL(path)
    lib.gtcnn_model_info.restype = ctypes.c_void_p
    model = ctypes.c_void_p()
    assert lib.gtcnn_model_open(b"fashion/b0", None, ctypes.byref(model), None) == 0
    data = (ctypes.c_float * 100000)()
    out = (ctypes.c_float * 100000)()
    for _ in range(times):
        assert lib.gtcnn_infer(model, data, out, 1) == 0
    lib.gtcnn_model_close(model)
    handle = lib._handle
    del lib
    _ctypes.dlclose(handle)
for round in range(3):
    once(sys.argv[1], 5)
    print("round", round)
greentrack = ctypes.CDLL(None)
if hasattr(greentrack, "greentrack_items"):
    greentrack.greentrack_items(ctypes.c_uint64(8))
    greentrack.greentrack_region_begin(b"from python")
    greentrack.greentrack_region_end(b"from python")
PY
    same python3 "$TMP/ctypes_host.py" "$O/libgtcnn.so.1"
    [ "$(traces)" = 1 ] || fail "ctypes: $(traces) traces"
    [ "$(told items)" = 15 ] || fail "ctypes: $(told items) items of 15"
    says "note items: 8" || fail "ctypes: items that the program reported are missing"
    says "unit region from python" || fail "ctypes: the region is missing"
    says "state closed" || fail "ctypes: not closed"
fi
exit 0
