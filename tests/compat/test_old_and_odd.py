"""Files whose form is rare: archives of Keras 3 with pickled weights, Sequentials of Keras 1 that begin with a Merge."""
import json
import os

import numpy as np
import pytest

from support import HERE, SHARED, as_json, cuvier, must

NPZ = os.path.join(HERE, "keras-3.15", "npz", "mixed")


def test_npz_weights():
    assert as_json("verify", NPZ + ".keras", "--samples", NPZ + ".io.npz")["ok"] is True
    assert as_json("scan", NPZ + ".keras")["clean"] is True


def name(module, what):
    return b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(what)]) + what.encode() + b"\x93"


VARIABLE = name("keras.src.backend", "Variable") + b")\x81"
PARTIAL, RESOURCE = name("functools", "partial"), name("tensorflow.python.ops.resource_variable_ops", "ResourceVariable")
HOSTILE = {
    "a call that is prepared": PARTIAL + name("os", "system") + b"\x85R.",
    "partial without a variable": PARTIAL + b".",
    "a resource without a variable": RESOURCE + b".",
    "a variable without state": VARIABLE + b".",
    "an empty state": VARIABLE + b"}b.",
    "a state that is no dict": VARIABLE + b")b.",
    "a value that is a number": VARIABLE + b"}\x8c\x06_valueK\x01sb.",
    "a value that is a class": VARIABLE + b"}\x8c\x06_value" + RESOURCE + b"sb.",
    "a program in the state": VARIABLE + b"}\x8c\x06_value" + name("os", "system") + b"\x8c\x04true\x85Rsb.",
    "a program that is prepared": VARIABLE + b"}\x8c\x06_value" + PARTIAL + name("os", "system") + b"\x85Rsb.",
    "prepared, never made": VARIABLE + b"}\x8c\x06_value" + PARTIAL + RESOURCE + b"\x85Rsb.",
    "made without an array": VARIABLE + b"}\x8c\x06_value" + PARTIAL + RESOURCE + b"\x85R)Rsb.",
    "no array in the arguments": VARIABLE + b"}\x8c\x06_value" + PARTIAL + RESOURCE + b"\x85R(" + RESOURCE + b")}Ntb)Rsb.",
    "a state with itself": VARIABLE + b"\x94}\x8c\x06_valueh\x00sb.",
    "called again": VARIABLE + b")R.",
    "variable with arguments": name("keras.src.backend", "Variable") + b"K\x01\x85\x81.",
    "another class": name("collections", "OrderedDict") + b")\x81.",
    "a set": b"\x8f.",
}


@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_pickles_that_look_like_it(what, tmp_path):
    path = tmp_path / "w.pkl"
    path.write_bytes(b"\x80\x04" + HOSTILE[what])
    done = cuvier("inspect", path)
    assert done.returncode == 3 and done.stderr.startswith("error: ") and done.stdout == "", done.stderr


def dense(name, units, inputs=None):
    config = {"name": name, "output_dim": units, "activation": "linear", "bias": True}
    if inputs:
        config.update(batch_input_shape=[None, inputs], input_dtype="float32", input_dim=inputs)
    return {"class_name": "Dense", "config": config}


def merge(name, mode, *branches):
    return {"class_name": "Merge", "config": {"name": name, "mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None,
                                              "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {},
                                              "layers": [{"class_name": "Sequential", "config": list(b)} for b in branches]}}


def test_sequential_that_begins_with_a_merge(tmp_path):
    """The product of two branches, one of which is the sum of two others; computed here by hand."""
    inner = merge("inner", "sum", [dense("a", 3, 4)], [dense("b", 3, 2)])
    config = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        merge("outer", "mul", [inner, dense("c", 5)], [dense("d", 5, 6)]), dense("e", 2)]}
    rng = np.random.default_rng(8)
    shapes = {"a": (4, 3), "b": (2, 3), "c": (3, 5), "d": (6, 5), "e": (5, 2)}
    weights = {k: [rng.normal(size=s).astype("f"), rng.normal(size=s[1:]).astype("f")] for k, s in shapes.items()}
    (tmp_path / "m.json").write_text(json.dumps(config), encoding="utf-8")
    np.save(tmp_path / "w.npy", np.array(weights, dtype=object), allow_pickle=True)
    x = [rng.normal(size=(3, n)).astype("f") for n in (4, 2, 6)]

    def layer(k, v):
        return v @ weights[k][0] + weights[k][1]

    wanted = layer("e", layer("c", layer("a", x[0]) + layer("b", x[1])) * layer("d", x[2]))
    np.savez(tmp_path / "io.npz", x0=x[0], x1=x[1], x2=x[2], y=wanted)
    assert as_json("verify", tmp_path / "m.json", tmp_path / "w.npy", "--samples", tmp_path / "io.npz")["ok"] is True
    layers = as_json("summary", tmp_path / "m.json", tmp_path / "w.npy")["model"]["layers"]
    assert [la["name"] for la in layers if la["class_name"] != "InputLayer"] == ["a", "b", "inner", "c", "d", "outer", "e"]


@pytest.mark.skipif(not os.path.exists(os.path.join(SHARED, "keras-files", "k1_merge.h5")), reason="the shared folder is not there")
def test_merge_of_keras_1():
    h5py = pytest.importorskip("h5py")
    path = os.path.join(SHARED, "keras-files", "k1_merge.h5")
    with h5py.File(path) as f:
        w = {n: [f["model_weights"][n][n + "_W"][()], f["model_weights"][n][n + "_b"][()]] for n in ("dense_6", "dense_7", "dense_8")}
    x = [np.random.default_rng(i).normal(size=(3, 4)).astype("f") for i in range(2)]
    y = (x[0] @ w["dense_6"][0] + w["dense_6"][1]) * (x[1] @ w["dense_7"][0] + w["dense_7"][1])
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        io = os.path.join(folder, "io.npz")
        np.savez(io, x0=x[0], x1=x[1], y=y @ w["dense_8"][0] + w["dense_8"][1])
        must("verify", path, "--samples", io)


def test_a_merge_of_nothing_known(tmp_path):
    """A branch that does not tell its input, or is no Sequential, is refused as before."""
    for branch in ([dense("a", 3)], []):
        config = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [merge("m", "sum", branch, [dense("b", 3, 2)]), dense("e", 2)]}
        (tmp_path / "m.json").write_text(json.dumps(config), encoding="utf-8")
        assert cuvier("summary", tmp_path / "m.json").returncode in (1, 3)
