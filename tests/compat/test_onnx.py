"""What cuvier writes as ONNX: valid to ONNX's own checker, and ONNX Runtime computes from it what real Keras computed."""
import os
import subprocess

import numpy as np
import pytest

from support import HERE, assert_same, keras_python, must, numbered
from test_fixed import identify, models

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def write(evidence, folder):
    out = os.path.join(str(folder), "model.onnx")
    must("rebuild", *evidence, "-q", "-o", out)
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    return out, model


def session(path):
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


NUMPY = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int32)": np.int32,
         "tensor(int64)": np.int64, "tensor(bool)": np.bool_, "tensor(string)": object}


def run(path, xs):
    s = session(path)
    assert len(s.get_inputs()) == len(xs)
    return s.run(None, {i.name: x.astype(NUMPY[i.type]) for i, x in zip(s.get_inputs(), xs)})


@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_runtime_computes_it(base, tmp_path):
    path, model = write([base + ".keras"], tmp_path)
    io = np.load(base + ".io.npz")
    assert_same(run(path, numbered(io, "x")), numbered(io, "y"), rtol=1e-4, atol=2e-5)
    assert_same(run(path, [x[:1] for x in numbered(io, "x")]), [y[:1] for y in numbered(io, "y")], rtol=1e-4, atol=2e-5)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run([keras_python(), os.path.join(HERE, "worker.py"), "odd", str(folder)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
    return folder


def test_odd_models(odd, tmp_path):
    """Ops that the fixed set does not have, each in a small model that real Keras saved just now."""
    wrong, bases = [], sorted(str(f)[:-len(".keras")] for f in odd.glob("*.keras"))
    assert len(bases) > 90
    for base in bases:
        try:
            io = np.load(base + ".io.npz")
            assert_same(run(write([base + ".keras"], tmp_path)[0], numbered(io, "x")), numbered(io, "y"))
        except Exception as error:                       # noqa: BLE001 - all of them are shown
            wrong.append("%s: %s" % (os.path.basename(base), " ".join(str(error).split())[:300]))
    assert not wrong, "\n".join(wrong)


def operators(name, folder, release="3.15"):
    _, model = write([os.path.join(HERE, "keras-" + release, name + ".keras")], folder)
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("name,operator", [
    ("lstm", "LSTM"), ("gru", "GRU"), ("gru_before", "GRU"), ("simple_rnn", "RNN"), ("layernorm", "LayerNormalization"),
    ("groupnorm", "GroupNormalization"), ("attention", "Attention"), ("transformer", "Attention"),
    ("transformer", "LayerNormalization"), ("activations", "Gelu"), ("bidirectional", "LSTM"), ("batchnorm", "BatchNormalization")])
def test_composites_stay_whole(name, operator, tmp_path):
    assert operator in operators(name, tmp_path)


def test_convolutions_need_no_transposes(tmp_path):
    """One at the input, one before the data is flattened: whatever lies between stays channels first."""
    assert operators("cnn", tmp_path).count("Transpose") == 2
    assert operators("resnet", tmp_path).count("Transpose") == 1
    assert operators("channels_first", tmp_path).count("Transpose") == 1      # for its Flatten, as in Keras


def test_weights_are_initializers(tmp_path):
    base = os.path.join(HERE, "keras-3.15", "mlp")
    _, model = write([base + ".keras"], tmp_path)
    shapes = sorted(np.load(base + ".npz")[key].shape for key in np.load(base + ".npz").files)
    assert sorted(tuple(t.dims) for t in model.graph.initializer) == shapes
    assert model.opset_import[0].version >= 23 and model.producer_name == "cuvier"


def test_the_same_bytes_twice(tmp_path):
    base = os.path.join(HERE, "keras-3.15", "unet.keras")
    for name in ("a.onnx", "b.onnx"):
        must("rebuild", base, "-q", "-o", tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
