"""Compares gtcnn with peers. Called by tests/peers/run: compare.py GTCNN FOLDER [PATTERN]."""

import glob
import gzip
import importlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np

GTCNN, FOLDER = sys.argv[1], sys.argv[2]
PATTERN = sys.argv[3] if len(sys.argv) > 3 else ""
TOLERANCE = 1e-4  # of the largest magnitude: sums of a few thousand fp32 products, in another order
TOLERANCE_ONNX = 1e-3  # what ONNX's own test runner allows: some of its expected values are written with four digits
TIMEOUT_S = 300

# The only refusals that count as a skip; any other one is a failure.
KNOWN_REFUSALS = [
    "two spatial dimensions",
    "must have 4 dimensions",
    "second output",
    "mode than 'constant'",
    "cropping",
    "training mode",
    "empty tensors",
    "element type",
    "holds integers",
    "only constant weights",
    "is not one of",
    "several inputs",
    "2 outputs",
    "0 dimensions",
    "has no batch",
    "input and output of",
    "some windows would be empty",
    "input 1 is",
    "operator is not supported",
]

counts = {"pass": 0, "fail": 0, "skip": 0}


def report(kind, name, why=""):
    counts[kind] += 1
    label = {"pass": "ok   ", "fail": "FAIL ", "skip": "skip "}[kind]
    print(label, name + (": " + why if why else ""), flush=True)


def load(name):
    """The module, or None, with the skip reported."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        report("skip", name, str(error))
        return None


def gtcnn(*arguments):
    done = subprocess.run([GTCNN, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)
    return done.returncode, (done.stderr.strip() or done.stdout.strip())


def run_model(path, x):
    """Our output for x: (array, None), or (None, error text)."""
    given, got = os.path.join(FOLDER, "x.npy"), os.path.join(FOLDER, "y.npy")
    np.save(given, np.ascontiguousarray(x, dtype=np.float32))
    if os.path.exists(got):
        os.unlink(got)
    status, text = gtcnn("run", "--model", path, "--input", given, "--output", got)
    if status != 0:
        return None, text or "exit status %d" % status
    return np.load(got), None


def compare(name, path, x, wanted, tolerance=TOLERANCE):
    """One case: our output for x against the peer's."""
    got, error = run_model(path, x)
    if error is not None:
        known = any(part in error for part in KNOWN_REFUSALS)
        report("skip" if known else "fail", name, error)
        return
    if got.shape != wanted.shape:
        report("fail", name, "shape %s, wanted %s" % (got.shape, wanted.shape))
        return
    if not np.array_equal(np.isfinite(got), np.isfinite(wanted)):
        report("fail", name, "infinities or not-a-numbers in other places")
        return
    finite = np.isfinite(wanted)
    scale = max(np.max(np.abs(wanted[finite]), initial=0.0), 1e-30)
    worst = np.max(np.abs(got[finite].astype(np.float64) - wanted[finite]), initial=0.0) / scale
    report("pass" if worst <= tolerance else "fail", name, "relative error %.1e" % worst)


def wanted_here(name):
    return PATTERN in name


# --- what we export ------------------------------------------------------------------------------------------------------


def check_exports(onnxruntime):
    for model in ("fashion/b0", "fashion/b3", "efficientnet/b0"):
        name = "export " + model
        if not wanted_here(name):
            continue
        path = os.path.join(FOLDER, model.replace("/", "-") + ".onnx")
        status, text = gtcnn("export", "--model", model, "--output", path)
        if status != 0:
            report("fail", name, text)
            continue
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        info = session.get_inputs()[0]
        random = np.random.default_rng(7)
        x = random.random([3] + info.shape[1:], dtype=np.float32)
        wanted = session.run(None, {info.name: x})[0]
        compare(name + " in ONNX Runtime, from the file", path, x, wanted)
        compare(name + " in ONNX Runtime, built in", model, x, wanted)


# --- the trained models that ship ----------------------------------------------------------------------------------------

IMAGES = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"
MEAN, STD = 0.2860, 0.3530  # runtime/cli/resize.h
LOGITS = 1e-4  # absolute


def area_weights(size, wanted):
    """wanted x size: the share of each pixel in each box of an area-wise resize."""
    edges = np.arange(wanted + 1) * size / wanted
    pixels = np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(covered, 0) * wanted / size


def check_shipped(onnxruntime):
    """10,000 test images: the answers that ship, ONNX Runtime's and ours are the same but for ties; logits within 1e-4."""
    if not os.path.exists(IMAGES):
        report("skip", "shipped models", "dataset-fashion-mnist is not installed")
        return
    with gzip.open(IMAGES) as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28) / 255.0
    for path in sorted(glob.glob("models/fashion/*.onnx")):
        name = path + " in ONNX Runtime, 10,000 images"
        if not wanted_here(name):
            continue
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        info = session.get_inputs()[0]
        weights = area_weights(28, info.shape[2])
        x = (((weights @ images @ weights.T) - MEAN) / STD).astype(np.float32)[:, None]
        wanted = session.run(None, {info.name: x})[0]
        got, error = run_model(path, x)
        if error is not None:
            report("fail", name, error)
            continue
        worst = np.max(np.abs(got - wanted))
        top = np.sort(wanted, axis=1)
        clear = top[:, -1] - top[:, -2] > 2 * LOGITS
        differ = np.sum((got.argmax(axis=1) != wanted.argmax(axis=1)) & clear)
        shipped = np.loadtxt("%s-seed-%d.answers" % (path[:-5], shipped_seed(path)), dtype=np.int64)
        stale = np.sum((shipped != wanted.argmax(axis=1)) & clear)
        same = worst <= LOGITS and differ == 0 and stale == 0
        report("pass" if same else "fail", name, "largest difference %.1e, other answers %d, other than shipped %d" % (worst, differ, stale))


def shipped_seed(path):
    with open(path[:-5] + ".json") as file:
        return json.load(file)["shipped_seed"]


def check_exports_by_onnx(onnx):
    """ONNX's own checker, with its shape inference."""
    for file in sorted(os.listdir(FOLDER)):
        if file.endswith(".onnx") and wanted_here("check " + file):
            try:
                onnx.checker.check_model(onnx.load(os.path.join(FOLDER, file)), full_check=True)
                report("pass", "check " + file)
            except Exception as error:  # the checker raises several kinds
                report("fail", "check " + file, str(error).splitlines()[0])


# --- bench --vs ------------------------------------------------------------------------------------------------------------


def check_bench():
    """contrib/peers/peer.py with this Python: what is installed must load, answer as we do, and say what it used."""
    for model, batch in (("fashion/b0", "1"), ("fashion/b0", "4"), ("efficientnet/b0", "1")):
        name = "bench --vs %s batch %s" % (model, batch)
        if not wanted_here(name):
            continue
        peers = os.path.join(FOLDER, "peers")
        os.makedirs(os.path.join(peers, "bin"), exist_ok=True)
        shutil.copy("contrib/peers/peer.py", peers)
        with open(os.path.join(peers, "bin", "python"), "w") as file:
            file.write("#!/bin/sh\nexec '%s' \"$@\"\n" % sys.executable)
        os.chmod(os.path.join(peers, "bin", "python"), 0o755)
        command = [GTCNN, "bench", "--model", model, "--batch", batch, "--vs", "ort,openvino,ncnn,onednn", "--rounds", "1", "--seconds", "0.01", "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=dict(os.environ, GREENTRACK_PEERS=peers))
        if not done.stdout:
            report("fail", name, done.stderr.strip())
            continue
        for c in json.loads(done.stdout)[0]["contenders"][1:]:
            kind = {"ok": "pass", "absent": "skip"}.get(c["state"], "fail")
            report(kind, "%s %s" % (name, c["name"]), c["reason"] or "%s, error %.1e" % (c["precision"], c["error"]))


# --- ONNX's own tests ------------------------------------------------------------------------------------------------------

OPERATORS = set(
    "Conv BatchNormalization Relu Clip Sigmoid HardSigmoid HardSwish Add Mul GlobalAveragePool AveragePool MaxPool ReduceMean "
    "Gemm MatMul Softmax Flatten Reshape Squeeze Unsqueeze Transpose Pad Concat Dropout Identity".split()
)
NEWEST_OPSET, NEWEST_IR = 23, 12
# Opsets 24 and 25 gave these further element types, and nothing else.
SAME_IN_25 = set("Flatten Reshape Squeeze Unsqueeze Transpose Identity Constant".split())


def relabel(onnx, model):
    """The model under the newest opset that we read, if its operators are the same there; else None."""
    for entry in model.opset_import:
        if entry.domain not in ("", "ai.onnx"):
            return None
        for node in model.graph.node:
            since = onnx.defs.get_schema(node.op_type, entry.version, "").since_version
            if since > NEWEST_OPSET and not (since <= 25 and node.op_type in SAME_IN_25):
                return None
        entry.version = min(entry.version, NEWEST_OPSET)
    model.ir_version = min(model.ir_version, NEWEST_IR)
    return model


def bake(onnx, model, values):
    """Makes constants of all inputs but the first: gtcnn takes one input."""
    for info, value in list(zip(model.graph.input, values))[1:]:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), info.name))
        model.graph.input.remove(info)
    return model


def relevant(case):
    nodes = case.model.graph.node
    return (
        all(node.op_type in OPERATORS for node in nodes)
        and case.data_sets
        and len(case.model.graph.output) == 1
        and all(isinstance(v, np.ndarray) for v in case.data_sets[0][0])
        and len(case.data_sets[0][0]) > 0
        and case.data_sets[0][0][0].dtype == np.float32
        and case.data_sets[0][0][0].size > 0
    )


def collect_node_tests():
    from onnx.backend.test.case.node import collect_testcases

    try:
        return collect_testcases(None)
    except TypeError:  # before onnx 1.11 it took no argument
        return collect_testcases()


def check_node_tests(onnx):
    for case in collect_node_tests():
        name = "onnx " + case.name
        if not wanted_here(name) or not relevant(case):
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        if relabel(onnx, model) is None:
            report("skip", name, "the operator changed after opset %d" % NEWEST_OPSET)
            continue
        inputs, outputs = case.data_sets[0]
        path = os.path.join(FOLDER, "node.model")
        onnx.save(bake(onnx, model, inputs), path + ".onnx")
        compare(name, path + ".onnx", inputs[0], np.asarray(outputs[0]), TOLERANCE_ONNX)
        os.unlink(path + ".onnx")


def read_tensor(onnx, path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return onnx.numpy_helper.to_array(tensor)


def check_converted_models(onnx):
    """Models that PyTorch wrote long ago, brought to opset 13 by ONNX's converter; their inputs and outputs lie beside them."""
    from onnx import version_converter

    root = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "pytorch-converted")
    for test in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        name, folder = "pytorch-converted " + test, os.path.join(root, test)
        if not wanted_here(name):
            continue
        model = onnx.load(os.path.join(folder, "model.onnx"))
        if not all(node.op_type in OPERATORS | {"Constant"} for node in model.graph.node):
            continue
        try:
            model = version_converter.convert_version(model, 13)
        except Exception as error:  # the converter raises several kinds
            report("skip", name, "not converted: " + str(error).splitlines()[0][:80])
            continue
        path = os.path.join(FOLDER, "converted.onnx")
        onnx.save(model, path)
        data = os.path.join(folder, "test_data_set_0")
        x, y = (read_tensor(onnx, os.path.join(data, f)) for f in ("input_0.pb", "output_0.pb"))
        compare(name, path, x, y)
        os.unlink(path)


# --- PyTorch ----------------------------------------------------------------------------------------------------------------


def torch_models(torch):
    nn = torch.nn

    class Excite(nn.Module):
        """A block in the manner of MobileNetV3: depthwise, squeeze-and-excite, a residual."""

        def __init__(self, act):
            super().__init__()
            self.expand = nn.Sequential(nn.Conv2d(3, 12, 1, bias=False), nn.BatchNorm2d(12), act())
            self.depth = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1, groups=12, bias=False), nn.BatchNorm2d(12), act())
            self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1), act(), nn.Conv2d(4, 12, 1), nn.Sigmoid())
            self.project = nn.Sequential(nn.Conv2d(12, 3, 1, bias=False), nn.BatchNorm2d(3))

        def forward(self, x):
            y = self.depth(self.expand(x))
            return x + self.project(y * self.squeeze(y))

    def network(act):
        return nn.Sequential(Excite(act), nn.MaxPool2d(3, 2, 1), Excite(act), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(3, 10))

    return {a.__name__: network(a) for a in (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish)}


def check_torch(torch):
    random = np.random.default_rng(9)
    for kind, module in torch_models(torch).items():
        module.eval()
        x = random.random((2, 3, 17, 15), dtype=np.float32)
        wanted = module(torch.from_numpy(x)).detach().numpy()
        for opset in (11, 13, 17, 18, 20):
            name = "torch %s opset %d" % (kind, opset)
            if not wanted_here(name):
                continue
            path = os.path.join(FOLDER, "torch.onnx")
            try:
                torch.onnx.export(module, torch.from_numpy(x), path, opset_version=opset, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, **({"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}))
            except Exception as error:  # an exporter without that opset, or without its own dependencies
                report("skip", name, "not exported: " + str(error).splitlines()[0][:80])
                continue
            compare(name, path, x, wanted)
            os.unlink(path)


def main():
    onnxruntime, onnx, torch = load("onnxruntime"), load("onnx"), load("torch")
    if onnxruntime:
        check_exports(onnxruntime)
        check_shipped(onnxruntime)
    check_bench()
    if onnx:
        check_exports_by_onnx(onnx)
        check_node_tests(onnx)
        check_converted_models(onnx)
    if torch:
        check_torch(torch)
    print("%(pass)d passed, %(fail)d failed, %(skip)d skipped" % counts)
    return 1 if counts["fail"] else 0


sys.exit(main())
