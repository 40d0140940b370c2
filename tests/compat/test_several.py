"""Several files of weights for one model, arrays without their shapes, texts of Windows: the arrays of the fixed set as people save them when
they do not think of reading them back."""
import json
import os
import shutil

import numpy as np
import pytest

from support import HERE, as_json, cuvier, must
from test_binding import FIXED, base_of, objects, proves, save, weights_of

OLD = os.path.join(HERE, "keras-2.15")
SIMPLE = ["mlp", "cnn", "batchnorm", "lstm", "multi_io", "resnet", "bidirectional", "depthwise", "trained", "shapes", "nested_sequential"]


def flat(items):
    return np.concatenate([w.ravel() for w in items])


# ---- arrays without shapes

@pytest.mark.parametrize("name", SIMPLE + ["transformer", "conv_lstm", "unet", "nested_deep"])
@pytest.mark.parametrize("form", ["npy", "float64", "row", "npz", "pieces", "layers"])
def test_flat_weights_are_cut_by_the_shapes(name, form, tmp_path):
    weights, path = weights_of(name), tmp_path / ("given.npz" if form == "npz" else "given.npy")
    if form == "npz":
        np.savez(path, weights=flat(weights))
    elif form == "pieces":
        save(path, [w.ravel() for w in weights])
    elif form == "layers":
        save(path, [flat(weights[:2]), *([flat(weights[2:])] if weights[2:] else [])])
    else:
        np.save(path, {"npy": flat(weights), "float64": flat(weights).astype("f8"), "row": flat(weights)[None]}[form])
    told = proves(name, path)
    own = [d for d in told["decisions"] if d["layer"] and "given" in str(d["value"])]
    assert own and {d["evidence"] for d in own} <= {"assumed"} and any("flattened" in d["why"] for d in own)
    assert cuvier("rebuild", base_of(name) + ".json", path, "--strict").returncode == 1


def test_flat_weights_that_are_too_few_or_too_many_are_told(tmp_path):
    weights = weights_of("mlp")
    for values in (flat(weights)[:-1], np.append(flat(weights), 0)):
        np.save(tmp_path / "w.npy", values)
        done = must("rebuild", base_of("mlp") + ".json", tmp_path / "w.npy", status=1)
        total = sum(w.size for w in weights)
        assert "%d" % values.size in done.stderr and "%d" % total in done.stderr and "belongs to another model" not in done.stderr


def test_a_flat_vector_alone_needs_the_shapes(tmp_path):
    np.save(tmp_path / "w.npy", flat(weights_of("mlp")))
    done = must("rebuild", tmp_path / "w.npy", status=1)
    assert "one vector" in done.stderr and "configuration" in done.stderr


# ---- several files

@pytest.mark.parametrize("name", SIMPLE)
def test_parts_of_the_layers_in_any_order(name, tmp_path):
    weights = weights_of(name)
    half = len(weights) // 2
    a, b = save(tmp_path / "a.npy", weights[half:]), save(tmp_path / "b.npy", weights[:half])
    io = base_of(name) + ".io.npz"
    done = cuvier("verify", base_of(name) + ".json", a, b, "--samples", io)
    assert done.returncode == 0 or "more than one reading" in done.stderr or "either" in done.stderr, done.stderr


def test_files_of_one_kind_of_weight_each(tmp_path):
    weights = weights_of("cnn")
    shapes = json.dumps([w.shape for w in weights])
    kernels = [w for w in weights if w.ndim > 1]
    vectors = [w for w in weights if w.ndim == 1]
    assert len(kernels) == len(vectors), shapes
    for form in (lambda w: w, np.ravel):
        a, b = save(tmp_path / "one.npy", [form(w) for w in kernels]), save(tmp_path / "two.npy", vectors)
        for order in ((a, b), (b, a)):
            proves("cnn", *order)


def test_files_that_repeat_the_weights_and_files_that_contradict_them(tmp_path):
    weights, base = weights_of("mlp"), base_of("mlp")
    other = save(tmp_path / "other.npy", [w + 1 for w in weights])
    done = must("verify", base + ".json", base + ".npz", base + ".all_weights.npy", base + ".weights.h5", "--samples", base + ".io.npz")
    assert "hold the same weights" in done.stderr
    done = must("rebuild", base + ".json", base + ".npz", other, status=1)
    assert "mlp.npz and other.npy each hold all weights of the model, with other values" in done.stderr
    surplus = save(tmp_path / "rest.npy", [np.zeros((2, 7), "f4")] * 5)
    done = must("verify", base + ".json", surplus, base + ".npz", "--samples", base + ".io.npz")
    assert "rest.npy is not used" in done.stderr


def test_two_readings_are_both_told(tmp_path):
    one = [np.full((3, 3), k, "f4") for k in range(2)]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Dense", "config": {"name": "d%d" % k, "units": 3, "use_bias": False, "batch_input_shape": [None, 3]}} for k in range(2)]}}
    (tmp_path / "m.json").write_text(json.dumps(config))
    np.savez(tmp_path / "a.npz", one[0])
    np.savez(tmp_path / "b.npz", one[1])
    done = must("rebuild", tmp_path / "m.json", tmp_path / "a.npz", tmp_path / "b.npz", status=1)
    assert "either" in done.stderr and "a.npz, then b.npz" in done.stderr and "b.npz, then a.npz" in done.stderr


# ---- a whole model in two forms

@pytest.mark.parametrize("folder", [FIXED, OLD])
@pytest.mark.parametrize("name", SIMPLE + ["gru", "attention", "merges"])
def test_one_model_as_archive_and_as_legacy_file(folder, name, tmp_path):
    base = os.path.join(folder, name)
    if not (os.path.exists(base + ".keras") and os.path.exists(base + ".h5")):
        pytest.skip("not in both forms")
    done = must("verify", base + ".keras", base + ".h5", "--samples", base + ".io.npz")
    assert "hold the same weights" in done.stderr


def test_two_models_stay_two_models(tmp_path):
    done = must("rebuild", base_of("mlp") + ".keras", base_of("cnn") + ".h5", status=1)
    assert "describe two different models" in done.stderr


# ---- texts in UTF-16

@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("name", ["mlp", "slashes"])
def test_texts_of_windows(encoding, name, tmp_path):
    with open(base_of(name) + ".json", encoding="utf-8") as file:
        text = file.read()
    config = json.loads(text)
    config["config"]["name"] = "modèle_𝄞"
    (tmp_path / "m.json").write_bytes((json.dumps(config, ensure_ascii=False) + "\r\n").encode(encoding))
    done = must("verify", tmp_path / "m.json", base_of(name) + ".npz", "--samples", base_of(name) + ".io.npz")
    assert done.returncode == 0
    assert as_json("summary", tmp_path / "m.json", base_of(name) + ".npz")["model"]["name"] == "modèle_𝄞"


def test_code_in_utf16(tmp_path):
    code = "from keras import layers, Sequential\nmodel = Sequential([layers.Input((2,)), layers.Dense(1, name='é')])\n"
    (tmp_path / "m.py").write_bytes(code.encode("utf-16"))
    assert as_json("summary", tmp_path / "m.py")["model"]["layers"][0]["name"] == "é"


def test_half_a_surrogate_is_no_text(tmp_path):
    (tmp_path / "m.json").write_bytes(b"\xff\xfe{\x00\x00\xd8\"\x00")
    assert cuvier("inspect", tmp_path / "m.json").returncode == 3
