"""The Python package against real files and the outputs that real Keras gave for them; CUV_LIBRARY is the library under test."""
import os
import sys
import threading
import warnings

import numpy as np
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, os.pardir, "compat"))
sys.path.insert(0, os.path.join(ROOT, "python"))
os.environ.setdefault("CUV_LIBRARY", os.path.join(ROOT, "build", "libcuvier.so"))
import support  # noqa: E402

import cuvier  # noqa: E402

SYSTEMS = os.path.join(ROOT, "tests", "systems")
FIRST = os.path.join(SYSTEMS, "1-sequential", "keras-3.15")
THIRD = os.path.join(SYSTEMS, "3-config", "keras-3.15")
FIXED = os.path.join(ROOT, "tests", "compat", "keras-3.15")


def fixed(name):
    return os.path.join(FIXED, name)


def samples_of(name):
    io = np.load(fixed(name + ".io.npz"))
    return support.numbered(io, "x"), support.numbered(io, "y")


def first_arrays():
    weights, biases = (np.load(os.path.join(FIRST, n), allow_pickle=True) for n in ("weights.npy", "biases.npy"))
    return list(weights), list(biases), np.load(os.path.join(FIRST, "io.npz"))


@pytest.mark.parametrize("name", ["mlp", "cnn", "multi_io", "lstm"])
@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_predict(name, form):
    if not os.path.exists(fixed(name + form)):
        pytest.skip("not in the fixed set")
    model = cuvier.rebuild(fixed(name + form))
    x, y = samples_of(name)
    found = model.predict(x if len(x) > 1 else x[0])
    support.assert_same(found if isinstance(found, list) else [found], y)
    names = [n for n, _, _ in model.inputs]
    by_name = model.predict(dict(zip(names, x)))
    support.assert_same(by_name if isinstance(by_name, list) else [by_name], y)
    assert model.verify(fixed(name + ".io.npz")).ok
    assert not model.verify((x, [v + 1 for v in y])).ok


def test_looking():
    import json
    model = cuvier.rebuild(fixed("mlp.keras"))
    with open(fixed("mlp.facts.json"), encoding="utf-8") as file:
        facts = json.load(file)
    told = support.as_json("rebuild", fixed("mlp.keras"))
    assert model.layers == told["model"]["layers"] and model.decisions == told["decisions"]
    assert [layer["name"] for layer in model.layers] == [layer["name"] for layer in facts["layers"]]
    assert model.summary().splitlines() == open(fixed("mlp.summary.txt"), encoding="utf-8").read().rstrip("\n").splitlines()
    wanted = np.load(fixed("mlp.npz"))
    for found, key in zip(model.weights.values(), wanted.files):
        assert np.array_equal(found, wanted[key])
    assert "cuvier.Model" in repr(model)


def test_arrays_are_evidence():
    """Arrays of this process, in the forms in which people hold them."""
    weights, biases, io = first_arrays()
    script = os.path.join(FIRST, "rebuild.py")
    flat = [array for pair in zip(weights, biases) for array in pair]
    for evidence in ([flat], [list(map(list, zip(weights, biases)))], [{"a/kernel": flat[0], "a/bias": flat[1], "b/kernel": flat[2], "b/bias": flat[3]}]):
        model = cuvier.rebuild(*evidence, samples=(io["x"], io["y"]))
        support.assert_same([model.predict(io["x"])], [io["y"]])
    with open(os.path.join(FIRST, "weights.npy"), "rb") as w, open(os.path.join(FIRST, "biases.npy"), "rb") as b:
        held = cuvier.rebuild(script, ("weights.npy", w.read()), ("biases.npy", b.read()))
    support.assert_same([held.predict(io["x"])], [io["y"]])


def test_config_and_weights():
    model = cuvier.rebuild(os.path.join(THIRD, "model_config.json"), os.path.join(THIRD, "model_weights.h5"))
    assert model.verify(os.path.join(THIRD, "io.npz")).ok


@pytest.mark.parametrize("form", [".keras", ".h5", ".npz", ".onnx", ".py", ".json"])
def test_save(form, tmp_path):
    model = cuvier.rebuild(fixed("mlp.keras"))
    out = tmp_path / ("model" + form)
    model.save(out)
    assert out.stat().st_size
    if form in (".keras", ".h5"):
        assert cuvier.diff(fixed("mlp.keras"), out)["same"]


def test_save_in_another_form(tmp_path):
    cuvier.rebuild(fixed("mlp.keras")).save(tmp_path / "model", format=".keras")
    assert cuvier.inspect(tmp_path / "model")[0]["format"].startswith("Keras 3")


def test_errors():
    weights, biases, _ = first_arrays()
    with pytest.raises(cuvier.CuvierError) as told:
        cuvier.rebuild(fixed("mlp.json"), [weights[0].T, biases[0]])
    assert told.value.status == "no" and told.value.code.startswith("bind.") and told.value.help and "error:" in str(told.value)
    with pytest.raises(cuvier.CuvierError) as told:
        cuvier.rebuild(os.path.join(FIXED, "nothing.keras"))
    assert told.value.status == "io" and "nothing.keras" in told.value.file
    model = cuvier.rebuild(fixed("mlp.keras"))
    with pytest.raises(cuvier.CuvierError) as told:
        model.predict(np.zeros((2, 3), "float32"))
    assert told.value.code == "predict.shape" and told.value.expected
    with pytest.raises(cuvier.CuvierError) as told:
        model.save("model.unknown")
    assert told.value.status == "unsupported" or told.value.status == "argument"
    with pytest.raises(ValueError):
        model.predict([np.zeros((2, 3)), np.zeros((2, 3))] if len(model.inputs) > 1 else {"x": 1})
    for bad in (lambda: cuvier.rebuild(3), lambda: model.predict(np.array([object()])), lambda: model.verify(3), cuvier.Model):
        with pytest.raises(TypeError):
            bad()
    assert model.verify(fixed("mlp.io.npz")).ok, "after errors the model is as before"


def test_warnings():
    weights, biases, _ = first_arrays()
    weights[0] = weights[0].copy()
    weights[0][0, 0] = np.nan
    with pytest.warns(cuvier.CuvierWarning, match="NaN"):
        cuvier.rebuild(os.path.join(FIRST, "rebuild.py"), ("weights.npy", saved(weights)), ("biases.npy", saved(biases)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cuvier.rebuild(fixed("mlp.keras"))


def saved(arrays):
    import io
    objects = np.empty(len(arrays), dtype=object)
    objects[:] = arrays
    to = io.BytesIO()
    np.save(to, objects, allow_pickle=True)
    return to.getvalue()


def test_scan(tmp_path):
    assert cuvier.scan(fixed("mlp.keras"))["clean"]
    bad = tmp_path / "weights.npy"
    np.save(bad, np.array([print], dtype=object), allow_pickle=True)
    told = cuvier.scan(bad)
    assert not told["clean"] and told["findings"]


def test_threads():
    """One model for several threads, who take turns."""
    model = cuvier.rebuild(fixed("mlp.keras"))
    x, y = samples_of("mlp")
    wrong = []

    def work():
        for _ in range(50):
            if not np.allclose(model.predict(x[0], threads=1), y[0], 1e-4, 1e-5):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_layout_of_other_arrays():
    """Slices, other byte orders, float64 and integers are taken as they are meant."""
    model = cuvier.rebuild(fixed("mlp.keras"))
    x, y = samples_of("mlp")
    wide = np.repeat(x[0], 2, axis=1)[:, ::2]
    for given in (wide, x[0].astype("float64"), x[0].astype(">f4"), np.asfortranarray(x[0])):
        support.assert_same([model.predict(given)], y)


def test_backend():
    """A file by Keras on JAX, whose biases lie along another axis than on TensorFlow."""
    base = os.path.join(ROOT, "tests", "compat", "versions", "3.15.1-jax", "biases")
    io = np.load(base + ".io.npz")
    model = cuvier.rebuild(base + ".keras", backend="jax")
    found = model.predict([io[key] for key in io.files if key[0] == "x"] if "x0" in io.files else io["x"])
    support.assert_same(found if isinstance(found, list) else [found], support.numbered(io, "y"))
    with pytest.raises(cuvier.CuvierError) as told:
        cuvier.rebuild(base + ".keras", backend="no backend")
    assert told.value.status == "argument"


def test_limits():
    with pytest.raises(cuvier.CuvierError) as told:
        cuvier.rebuild(fixed("mlp.keras"), memory=1000)
    assert told.value.status == "memory"


def test_every_function_is_there():
    """What the package calls has as many arguments as in the public header."""
    import re
    from cuvier._library import FUNCTIONS
    with open(os.path.join(ROOT, "include", "cuvier.h"), encoding="utf-8") as file:
        header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    for name, (_, arguments) in FUNCTIONS.items():
        found = re.search(r"\bcuv_%s\(([^)]*)\)" % name, header)
        assert found, name
        count = 0 if found.group(1).strip() == "void" else found.group(1).count(",") + 1
        assert count == len(arguments), name
