"""One peer of `gtcnn bench --vs`: peer.py NAME answers requests on stdin, a line each; README.md has the protocol.

Whatever the peer's libraries print goes to stderr. Times are of the call alone, on this process's CPUs, which the caller chose.
"""

import gc
import importlib.util
import os
import subprocess
import sys
import time

import numpy as np

PROTOCOL = 1


def resident(key):
    """VmRSS (now) or VmHWM (most so far), in bytes."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Absent(Exception):
    """The peer cannot be had here; the text says why."""


class OnnxRuntime:
    provider = "CPUExecutionProvider"

    def __init__(self):
        import onnxruntime

        self.ort = onnxruntime
        self.version = onnxruntime.__version__
        if self.provider not in onnxruntime.get_available_providers():
            raise Absent("oneDNN executes no ONNX files itself, and this ONNX Runtime was built without %s" % self.provider)

    def prepare(self, path, shape, folder):
        return [path]

    def load(self, files, threads, x):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = self.ort.InferenceSession(files[0], options, providers=[self.provider])
        self.binding = self.session.io_binding()
        self.binding.bind_cpu_input(self.session.get_inputs()[0].name, x)
        self.binding.bind_output(self.session.get_outputs()[0].name, "cpu")
        self.run()

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        return self.binding.copy_outputs_to_cpu()[0]

    def precision(self):
        """It computes in the types of the graph, unless an option says otherwise; none does."""
        kinds = {t.type for t in [*self.session.get_inputs(), *self.session.get_outputs()]}
        known = {"tensor(float)": "fp32", "tensor(float16)": "fp16", "tensor(bfloat16)": "bf16"}
        return "+".join(sorted(known.get(kind, kind) for kind in kinds)), "types of the session's ends; " + "+".join(self.session.get_providers())


class OneDnn(OnnxRuntime):
    """By ONNX Runtime's provider, where somebody has built it: oneDNN itself executes single operators."""

    provider = "DnnlExecutionProvider"


class OpenVino:
    hint = None  # as it comes: it picks the precision

    def __init__(self):
        import openvino

        self.ov = openvino
        self.version = openvino.__version__.split("-")[0]

    def prepare(self, path, shape, folder):
        self.shape = shape
        return [path]

    def load(self, files, threads, x):
        core = self.ov.Core()
        model = core.read_model(files[0])
        model.reshape(self.shape)
        config = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
        if self.hint:
            config["INFERENCE_PRECISION_HINT"] = self.hint
        self.compiled = core.compile_model(model, "CPU", config)
        self.request = self.compiled.create_infer_request()
        self.request.set_input_tensor(self.ov.Tensor(x, shared_memory=True))
        self.run()

    def run(self):
        self.request.infer(share_inputs=True, share_outputs=True)

    def output(self):
        return np.array(self.request.get_output_tensor(0).data, dtype=np.float32)

    def precision(self):
        """What the compiled graph says of its convolutions, and what was asked for."""
        known = {"f32": "fp32", "f16": "fp16"}
        counts = {}
        for op in self.compiled.get_runtime_model().get_ordered_ops():
            info = {key: value.astype(str) if hasattr(value, "astype") else str(value) for key, value in op.get_rt_info().items()}
            if info.get("layerType") in ("Convolution", "FullyConnected", "MatMul"):
                kind = known.get(info["runtimePrecision"], info["runtimePrecision"])
                counts[kind] = counts.get(kind, 0) + 1
        hint = self.compiled.get_property("INFERENCE_PRECISION_HINT")
        hint = hint.get_type_name() if hasattr(hint, "get_type_name") else str(hint)
        note = ", ".join("%d products in %s" % (n, kind) for kind, n in sorted(counts.items()))
        return max(counts, key=counts.get) if counts else hint, note + "; INFERENCE_PRECISION_HINT " + hint


class OpenVinoF32(OpenVino):
    hint = "f32"


class Ncnn:
    """Its own format, made by pnnx beforehand; what is loaded and timed is that."""

    def __init__(self):
        import ncnn

        self.ncnn = ncnn
        self.version = ncnn.__version__

    def prepare(self, path, shape, folder):
        found = importlib.util.find_spec("pnnx")  # not imported: only its program is wanted, and the module wants PyTorch
        if not found:
            raise Absent("ncnn reads no ONNX files, and its converter pnnx is not installed")
        files = [os.path.join(folder, "ncnn.ncnn." + end) for end in ("param", "bin")]
        if all(map(os.path.exists, files)):
            return files
        program = os.path.join(os.path.dirname(found.origin), "pnnx")
        os.symlink(os.path.abspath(path), os.path.join(folder, "ncnn.onnx"))
        command = [program, "ncnn.onnx", "inputshape=[%s]" % ",".join(map(str, shape)), "fp16=0"]
        done = subprocess.run(command, cwd=folder, stdout=sys.stderr, stderr=sys.stderr, check=False)
        if done.returncode != 0 or not all(map(os.path.exists, files)):
            raise RuntimeError("pnnx did not convert the model (status %d)" % done.returncode)
        return files

    def load(self, files, threads, x):
        self.net = self.ncnn.Net()
        self.net.opt.num_threads = threads
        for kind in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "bf16_packed"):
            if hasattr(self.net.opt, "use_" + kind):
                setattr(self.net.opt, "use_" + kind, False)
        if self.net.load_param(files[0]) != 0 or self.net.load_model(files[1]) != 0:
            raise RuntimeError("ncnn did not read what pnnx wrote")
        self.first, self.last = self.net.input_names()[0], self.net.output_names()[0]
        self.batch = x.shape[0]
        self.x = self.ncnn.Mat(x, batch_index=0) if self.batch > 1 else self.ncnn.Mat(x[0])
        self.run()

    def run(self):
        with self.net.create_extractor() as extractor:
            extractor.input(self.first, self.x)
            status, self.y = extractor.extract(self.last)
            if status != 0:
                raise RuntimeError("ncnn's extract ended with status %d" % status)

    def output(self):
        return np.array(self.y.numpy(batch_index=0) if self.batch > 1 else self.y.numpy(), dtype=np.float32)

    def precision(self):
        used = [kind for kind in ("fp16_storage", "fp16_arithmetic", "bf16_storage") if getattr(self.net.opt, "use_" + kind)]
        return "+".join(used) or "fp32", "options of the net"


PEERS = {"ort": OnnxRuntime, "openvino": OpenVino, "openvino-f32": OpenVinoF32, "ncnn": Ncnn, "onednn": OneDnn}


class Worker:
    def __init__(self, peer, python_bytes):
        self.peer, self.python_bytes = peer, python_bytes

    def load(self, threads, shape, given, path):
        shape = [int(n) for n in shape.split("x")]
        x = self.x = np.fromfile(given, dtype=np.float32).reshape(shape)  # kept: peers share its memory
        files = self.peer.prepare(path, shape, os.path.dirname(given))
        for file in files:  # into the cache
            with open(file, "rb") as data:
                while data.read(1 << 20):
                    pass
        begin = time.perf_counter_ns()
        self.peer.load(files, int(threads), x)
        took = time.perf_counter_ns() - begin
        return [took, *self.peer.precision()]

    def run(self, warm, calls):
        run, clock, times = self.peer.run, time.perf_counter_ns, []
        for _ in range(int(warm)):
            run()
        for _ in range(int(calls)):
            begin = clock()
            run()
            times.append(clock() - begin)
        times.sort()
        return [(times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2, times[0]]

    def output(self, path):
        y = np.ascontiguousarray(self.peer.output(), dtype=np.float32)
        y.tofile(path)
        return [y.size]

    def memory(self):
        return [resident("VmHWM"), self.python_bytes]


def line(*fields):
    return "\t".join(" ".join(str(field).split()) for field in fields) + "\n"


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print there
    name = sys.argv[1]
    python_bytes = resident("VmRSS")  # the interpreter and numpy: no runtime's share
    try:
        if name not in PEERS:
            raise Absent("peer.py knows no such peer")
        worker = Worker(PEERS[name](), python_bytes)
    except (Absent, ImportError, OSError) as error:
        answers.write(line("absent", error))
        return 0
    answers.write(line("ok", PROTOCOL, worker.peer.version))
    gc.disable()
    for request in sys.stdin:
        words = request.rstrip("\n").split("\t")
        if words[0] == "quit":
            break
        try:
            if words[0] not in ("load", "run", "output", "memory"):
                raise ValueError("unknown request %s" % words[0])
            answers.write(line("ok", *getattr(worker, words[0])(*words[1:])))
        except Absent as error:
            answers.write(line("absent", error))
        except Exception as error:  # libraries raise what they like
            answers.write(line("error", error or type(error).__name__))
    return 0


sys.exit(main())
