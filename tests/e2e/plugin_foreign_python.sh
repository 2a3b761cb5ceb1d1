#!/usr/bin/env bash
# Python, where it is installed: nothing changes, and by ctypes it is a host like any other.
set -u
. "$(dirname "$0")/preload.sh"
plain
have python3 || skip "python3, an optional host, is not installed"
same python3 -W error -c 'import os, subprocess, threading, sys
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
print(subprocess.run(["echo", "child"], capture_output=True).stdout)
pid = os.fork()
if pid == 0: os._exit(4)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); sys.exit(6)'
no_layers

# ctypes loads the runtime with RTLD_LOCAL, unloads it and loads it again.
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
exit 0
