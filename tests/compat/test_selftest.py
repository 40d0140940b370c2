"""The self-test that travels with an export: `verify` uses it when no samples are given, and real Keras loads the files all the same."""
import json
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from support import HERE, as_json, must, numbered

MODELS = ["mlp", "cnn", "lstm", "multi_io", "nested_deep", "embedding_mask_lstm"]


def evidence(name):
    base = os.path.join(HERE, "keras-3.15", name)
    return base + ".keras", base + ".io.npz"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_verify_uses_it(name, ending, tmp_path):
    source, _ = evidence(name)
    out = tmp_path / ("model" + ending)
    must("rebuild", source, "-q", "-o", out)
    done = must("verify", out)
    assert "computed by cuvier" in done.stderr + done.stdout
    assert as_json("verify", out)["ok"] is True


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ending", [".weights.h5", ".npz", ".safetensors"])
def test_weights_carry_it(name, ending, tmp_path):
    """An attribute, the archive's comment, metadata: beside a configuration `verify` finds it, and what else is in the file stays."""
    source, _ = evidence(name)
    out, config = tmp_path / ("model" + ending), tmp_path / "model.json"
    must("rebuild", source, "-q", "-o", out, "-o", config)
    done = must("verify", config, out)
    assert "self-test in model" + ending in done.stderr + done.stdout
    text = out.read_bytes()
    assert text.count(b"cuvier_selftest") == 1
    if ending == ".npz":
        with zipfile.ZipFile(out) as z:
            assert json.loads(z.comment[len("cuvier_selftest "):])["rtol"] == 1e-4
        assert len(np.load(out).files) == len(as_json("inspect", out)["files"][0]["tensors"])


def test_samples_are_kept(tmp_path):
    """Given samples become the self-test, and it says so."""
    source, io = evidence("mlp")
    must("rebuild", source, "--samples", io, "-q", "-o", tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as z:
        test = json.loads(z.read("cuvier/selftest.json"))
    assert test["outputs"] == "given as samples"
    y = numbered(np.load(io), "y")[0][:4]
    np.testing.assert_allclose(np.reshape(test["y"][0]["values"], test["y"][0]["shape"]), y, rtol=1e-6)


def test_it_finds_a_change(tmp_path):
    source, _ = evidence("mlp")
    must("rebuild", source, "-q", "-o", tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as f:
        kernels = []
        f["model_weights"].visititems(lambda name, item: kernels.append(item) if name.endswith("kernel") else None)
        kernels[0][0, 0] += 0.5
    assert as_json("verify", tmp_path / "model.h5", status=1)["ok"] is False


def test_a_damaged_one_is_left_aside(tmp_path):
    source, _ = evidence("mlp")
    must("rebuild", source, "-q", "-o", tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as f:
        f.attrs["cuvier_selftest"] = '{"x": [{"shape": [-1], "values": "no"}]}'
    assert "self-test" in must("summary", tmp_path / "model.h5").stderr
    must("verify", tmp_path / "model.h5", status=2)


def test_onnx_carries_it(tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    source, _ = evidence("cnn")
    must("rebuild", source, "-q", "-o", tmp_path / "model.onnx")
    model = onnx.load(str(tmp_path / "model.onnx"))
    test = json.loads({p.key: p.value for p in model.metadata_props}["cuvier.selftest"])
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    x, y = (np.reshape(test[k][0]["values"], test[k][0]["shape"]).astype("float32") for k in "xy")
    np.testing.assert_allclose(session.run(None, {session.get_inputs()[0].name: x})[0], y, rtol=test["rtol"], atol=test["atol"])


@pytest.mark.parametrize("name", ["mlp", "multi_io"])
def test_keras_loads_it(name, keras3, tmp_path):
    source, io = evidence(name)
    shutil.copy(io, tmp_path / "io.npz")
    must("rebuild", source, "-q", "-o", tmp_path / "model.json")
    for ending in (".keras", ".h5", ".weights.h5", ".npz"):
        out = tmp_path / ("model" + ending)
        must("rebuild", source, "-q", "-o", out)
        files = [out] if ending in (".keras", ".h5") else [tmp_path / "model.json", out]
        assert keras3.difference(files, tmp_path / "io.npz") < 1e-5
