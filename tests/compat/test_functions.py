"""TensorFlow functions in models of Keras 2.15: the outputs are its own, and what cuvier writes of them Keras 3 computes alike."""
import os

import numpy as np
import pytest

from support import HERE, arrays, assert_same, cuvier, must, numbered

FOLDER = os.path.join(HERE, "keras-2.15", "functions")
NAMES = sorted(f[:-len(".json")] for f in os.listdir(FOLDER) if f.endswith(".json"))


@pytest.mark.parametrize("name", NAMES)
def test_outputs(name, tmp_path):
    base, out = os.path.join(FOLDER, name), str(tmp_path / "out.npz")
    must("predict", base + ".json", "-i", base + ".io.npz", "-o", out)
    found, wanted = arrays(out), numbered(np.load(base + ".io.npz"), "y")
    assert_same(found, wanted)
    assert [a.dtype for a in found] == [a.dtype for a in wanted]


# Keras 3 has no operation for one of their functions, or not with these arguments
NOT_IN_KERAS_3 = {"not_in_keras_3"} | set("""bytes conv conv_transpose graph_images images_2 images_4 images_5 images_6 lrn matrices picks picks_2 sizes sizes_2
    sizes_3""".split())


@pytest.mark.parametrize("name", sorted(NOT_IN_KERAS_3))
def test_keras_3_has_no_such_operation(name, tmp_path):
    result = cuvier("rebuild", os.path.join(FOLDER, name + ".json"), "-o", tmp_path / "out.keras")
    said = " ".join(result.stderr.split())
    assert result.returncode == 3 and ("which Keras 3 cannot express" in said or "that Keras 3 has no operation for" in said)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_IN_KERAS_3])
def test_keras_3_reads_it(name, keras3, tmp_path):
    base, out = os.path.join(FOLDER, name), str(tmp_path / "out.keras")
    must("rebuild", base + ".json", "-o", out)
    assert keras3.difference([out], base + ".io.npz") < 1e-4


def test_what_keras_3_lacks_is_named(tmp_path):
    result = cuvier("rebuild", os.path.join(FOLDER, "not_in_keras_3.json"), "-o", tmp_path / "out.keras")
    assert result.returncode == 3 and not (tmp_path / "out.keras").exists()
    assert "reverse=True, which Keras 3 cannot express" in " ".join(result.stderr.split())


# ---- exports: integers of few bits, images

EXPORTED = ["images_4", "images_5", "images_6", "conv_transpose"]


@pytest.mark.parametrize("name", EXPORTED)
def test_onnx_runtime_computes_it(name, tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    base, out = os.path.join(FOLDER, name), str(tmp_path / "out.onnx")
    must("rebuild", base + ".json", "-q", "-o", out)
    onnx.checker.check_model(onnx.load(out), full_check=True)
    io, session = np.load(base + ".io.npz"), runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    found, wanted = session.run(None, {session.get_inputs()[0].name: io["x"]}), numbered(io, "y")
    assert_same(found, wanted)
    assert [a.dtype for a in found] == [a.dtype for a in wanted]


def test_onnx_has_no_shifts(tmp_path):
    done = cuvier("rebuild", os.path.join(FOLDER, "bytes.json"), "-o", tmp_path / "out.onnx")
    assert done.returncode == 3 and "shift_left" in done.stderr and not (tmp_path / "out.onnx").exists()
