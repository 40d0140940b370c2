"""Lambda layers with a known body: bytecode of Python 2.7 to 3.13 (make_lambdas.py), against the source that it was compiled from. The
source is evaluated here, with NumPy in the place of Keras's backend; the bytecode is run by no one."""
import base64
import json
import os
import subprocess

import numpy as np
import pytest

from support import HERE, arrays, assert_same, as_json, cuvier, keras_215_python, must

FOLDER = os.path.join(HERE, "lambdas")
X = np.random.default_rng(4).random((2, 4, 6, 3)).astype("float32")


class Backend:
    """What K and tf mean in lambdas.txt."""
    expand_dims, squeeze, concatenate, concat = (staticmethod(f) for f in (np.expand_dims, np.squeeze, np.concatenate, np.concatenate))
    sqrt, abs, tanh = (staticmethod(f) for f in (np.sqrt, np.abs, np.tanh))
    sigmoid = staticmethod(lambda x: 1 / (1 + np.exp(-x)))
    relu = staticmethod(lambda x: np.maximum(x, 0))

    @staticmethod
    def l2_normalize(x, axis):
        return x / np.sqrt(np.maximum((x * x).sum(axis=axis, keepdims=True), 1e-12))

    @staticmethod
    def mean(x, axis, keepdims=False):
        return x.mean(axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)

    @staticmethod
    def sum(x, axis, keepdims=False):
        return x.sum(axis=axis, keepdims=keepdims)

    reduce_mean = mean
    reduce_max = staticmethod(lambda x, axis: x.max(axis=axis))


Backend.math = Backend.nn = Backend


def sources(bad):
    lines = [line.split("#")[0].strip() for line in open(os.path.join(HERE, "lambdas.txt"))]
    return [line.lstrip("! ") for line in lines if line and line.startswith("!") == bad]


def pythons():
    return sorted(f[:-len(".json")] for f in os.listdir(FOLDER))


def codes(python):
    return json.load(open(os.path.join(FOLDER, python + ".json")))["codes"]


def model(function, folder, **arguments):
    config = {"class_name": "Sequential", "keras_version": "2.15.0", "backend": "tensorflow", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None] + list(X.shape[1:]), "dtype": "float32", "name": "i"}},
        {"class_name": "Lambda", "config": dict({"name": "lam", "function": function, "function_type": "lambda", "arguments": {}},
                                                **arguments)}]}}
    path = os.path.join(str(folder), "model.json")
    with open(path, "w") as f:
        json.dump(config, f)
    return path


def predict(path, folder):
    given, out = os.path.join(str(folder), "x.npy"), os.path.join(str(folder), "y.npz")
    np.save(given, X)
    must("predict", path, "-i", given, "-o", out)
    return arrays(out)


@pytest.mark.parametrize("python", pythons())
def test_known_bodies(python, tmp_path):
    known = codes(python)
    assert len(sources(False)) > 30
    for source in sources(False):
        wanted = eval(source, {"K": Backend, "tf": Backend})(X)
        try:
            assert_same(predict(model([known[source], None, None], tmp_path), tmp_path), [wanted], atol=1e-6)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (source, error)) from None


@pytest.mark.parametrize("python", pythons())
def test_others_are_refused(python, tmp_path):
    known = codes(python)
    for source in sources(True):
        done = cuvier("summary", model([known[source], None, None], tmp_path))
        assert done.returncode in (1, 3) and done.stderr.startswith("error: ") and "'lam' (Lambda)" in done.stderr, source
        assert done.stdout == ""


def test_refusal_names_the_code(tmp_path):
    import hashlib
    code = codes("3.11")["lambda x: __import__('os').system('true')"]
    done = must("summary", model([code, None, None], tmp_path), status=3)
    data = base64.b64decode(code)
    assert hashlib.sha256(data).hexdigest() in done.stderr and "%d bytes" % len(data) in done.stderr


def test_forms_of_a_function(tmp_path):
    """Keras 1 wrote the bytes as characters, Keras 2 a list with base64, Keras 3 a record."""
    wanted = [X * 2 - 1]
    source = "lambda x: x * 2 - 1"
    raw = base64.b64decode(codes("2.7")[source]).decode("latin-1")
    record = {"class_name": "__lambda__", "config": {"code": codes("3.12")[source], "defaults": None, "closure": None}}
    for function in (raw, [raw, None, None], [codes("3.6")[source], None, None], record):
        assert_same(predict(model(function, tmp_path), tmp_path), wanted, atol=1e-6)
    assert cuvier("summary", model([codes("3.6")[source], [1, 2], None], tmp_path)).returncode == 3     # defaults are not looked at


def test_it_is_assumed(tmp_path):
    path = model([codes("3.10")["lambda x: x / 127.5 - 1.0"], None, None], tmp_path)
    decisions = [d for d in as_json("rebuild", path)["decisions"] if d["layer"] == "lam"]
    assert [d["evidence"] for d in decisions] == ["assumed"] and decisions[0]["value"] == "((x / 127.5) - 1.0)"
    assert "lam" in must("rebuild", path, "--strict", status=1).stderr


SCALED = {"lambda x: x": (1, 0), "lambda x: x / 255": (1 / 255, 0), "lambda x: x / 255.0": (1 / 255, 0), "lambda x: x * 2 - 1": (2, -1),
          "lambda x: x / 127.5 - 1.0": (1 / 127.5, -1), "lambda x: (x - 0.5) * 2": (2, -1), "lambda x: 1 - x": (-1, 1), "lambda x: -x": (-1, 0)}


@pytest.mark.parametrize("ending", [".keras", ".h5", ".json", ".py"])
@pytest.mark.parametrize("source", sorted(SCALED))
def test_written_as_rescaling(source, ending, keras3, tmp_path):
    """Numbers and signs alone are what Rescaling computes; Keras loads it without any code."""
    path, again = model([codes("3.11")[source], None, None], tmp_path), tmp_path / ("again" + ending)
    wanted = eval(source, {})(X)
    np.savez(tmp_path / "io.npz", x=X, y=wanted)
    written = must("rebuild", path, "-o", again)
    assert "'lam': the Lambda" in written.stderr and "Rescaling(%.9g, %.9g)" % SCALED[source] in written.stderr
    must("verify", again, "--samples", tmp_path / "io.npz")
    if ending in (".keras", ".h5"):
        assert keras3.difference([str(again)], str(tmp_path / "io.npz")) < 1e-6
    elif ending == ".py":
        assert "Rescaling" in again.read_text(encoding="utf-8")


def test_not_written(tmp_path):
    """Arithmetic on integers stays an error that names the layer."""
    path = model([codes("3.11")["lambda x: x * 2 - 1"], None, None], tmp_path)
    with open(path) as f:
        whole = f.read()
    with open(path, "w") as f:
        f.write(whole.replace('"dtype": "float32"', '"dtype": "int32"'))
    said = must("rebuild", path, "-o", tmp_path / "again.keras", status=3).stderr
    assert "error: the Lambda layer 'lam' cannot be written" in said and "whole numbers" in said


SAVED = """
import sys, numpy as np, keras
inputs = keras.Input((4, 6, 3))
model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Lambda(lambda x: x / 255)(inputs)))
x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32") * 255
np.savez(sys.argv[1] + ".npz", x=x, y=model.predict(x, verbose=0))
model.save(sys.argv[1], save_format="tf")
"""


def test_saved_model(tmp_path):
    """SavedModels keep the function as a record of a tuple. It is scanned as a folder and file by file."""
    if not keras_215_python():
        pytest.skip("Keras 2.15 is not installed (tools/setup_tests --with-keras-2.15)")
    folder = str(tmp_path / "saved")
    subprocess.run([keras_215_python(), "-c", SAVED, folder], check=True, capture_output=True, timeout=300,
                   env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1"))
    must("verify", folder, "--samples", folder + ".npz")
    for path in (folder, os.path.join(folder, "saved_model.pb"), os.path.join(folder, "keras_metadata.pb")):
        found = as_json("scan", path, status=1)["findings"]
        assert {f["code"] for f in found} == {"danger.lambda"} and all("#Lambda 'lambda'" in f["where"] for f in found), path


def test_damaged_code(tmp_path):
    """Changed bytes are another function or none, never a crash."""
    rng = np.random.default_rng(6)
    for python in pythons():
        for source in ("lambda x: K.concatenate([x, x * 2], axis=-1)", "lambda x: x[:, ::2, :, 1:]"):
            data = base64.b64decode(codes(python)[source])
            for i in range(12):
                bad = bytearray(data)
                bad[int(rng.integers(len(bad)))] = int(rng.integers(256))
                bad = bad if i % 4 else bad[:int(rng.integers(len(bad)))]
                done = cuvier("summary", model([base64.b64encode(bytes(bad)).decode(), None, None], tmp_path), timeout=20)
                assert done.returncode in (0, 1, 3), (python, source, bytes(bad))


# ---- what a function takes from around it, compiled by the Python that runs this

def dumped(function):
    """As Keras dumps it: code, defaults, closure."""
    import marshal
    closure = [c.cell_contents for c in function.__closure__] if function.__closure__ else None
    return [base64.b64encode(marshal.dumps(function.__code__)).decode(), function.__defaults__, closure]


def with_closure(scale, at, axes):
    return (lambda x: x * scale + 1), (lambda x: x[:, at:] / scale), (lambda x, low=0.5, high=2.0: (x - low) / high), \
        (lambda x, low=0.25: (x - low) * scale), (lambda x: x.mean(axis=axes))


@pytest.mark.parametrize("form", ["list", "record", "tuples"])
def test_closures_and_defaults(form, tmp_path):
    first, second, third, fourth, _ = with_closure(3.0, 2, (1, 2))
    for function in (first, second, third, fourth):
        code, defaults, closure = dumped(function)
        given = {"list": [code, defaults, closure],
                 "record": {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}},
                 "tuples": {"class_name": "__lambda__", "config": {
                     "code": code, "defaults": defaults and {"class_name": "__tuple__", "items": list(defaults)},
                     "closure": closure and {"class_name": "__tuple__", "items": closure}}}}[form]
        assert_same(predict(model(given, tmp_path), tmp_path), [function(X)], atol=1e-6)


def test_arguments_count_more_than_defaults(tmp_path):
    function = with_closure(3.0, 2, 1)[2]
    path = model(dumped(function), tmp_path, arguments={"high": 4.0})
    assert_same(predict(path, tmp_path), [function(X, high=4.0)], atol=1e-6)


def test_what_is_not_there(tmp_path):
    """A variable without a value, more defaults than parameters, values that are no numbers."""
    first = dumped(with_closure(3.0, 2, 1)[0])
    for given in ([first[0], None, None], [first[0], None, []], [first[0], [1, 2], first[2]], [first[0], None, [{"a": 1}]],
                  [first[0], None, [[[[[[1]]]]]]]):
        done = cuvier("summary", model(given, tmp_path))
        assert done.returncode == 3 and "'lam' (Lambda)" in done.stderr, given


# ---- functions by name, and in code

def named(name, type="record"):
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"} if type == "record" else name


def test_functions_by_name(tmp_path):
    """Keras 3 writes the name alone, and looks for it among its activations."""
    assert_same(predict(model(named("relu"), tmp_path), tmp_path), [np.maximum(X, 0)])
    assert_same(predict(model("tanh", tmp_path, function_type="function"), tmp_path), [np.tanh(X)])
    decisions = as_json("rebuild", model(named("tanh"), tmp_path))["decisions"]
    assert [d["evidence"] for d in decisions if d["layer"] == "lam"] == ["assumed"]
    for name in ("mean", "two", "lab>two"):
        done = cuvier("summary", model(named(name), tmp_path))
        assert done.returncode == 3 and "--custom lam=CODE.py" in done.stderr
    code = tmp_path / "two.py"
    code.write_text("def two(x):\n    return x * 2\n", encoding="utf-8")
    given = str(tmp_path / "x.npy")
    np.save(given, X)
    for name in ("two", "lab>two"):
        must("predict", model(named(name), tmp_path), "--custom", "two=%s" % code, "-i", given, "-o", tmp_path / "y.npy")
        assert_same([np.load(tmp_path / "y.npy")], [2 * X])


def test_custom_for_one_lambda(tmp_path):
    code = tmp_path / "code.py"
    code.write_text("from keras import ops\ndef lam(x):\n    return ops.cumsum(x, axis=1)\n", encoding="utf-8")
    given = str(tmp_path / "x.npy")
    np.save(given, X)
    path = model([codes("3.11")["lambda x: __import__('os').system('true')"], None, None], tmp_path)
    must("predict", path, "--custom", "lam=%s" % code, "-i", given, "-o", tmp_path / "y.npy")
    assert_same([np.load(tmp_path / "y.npy")], [np.cumsum(X, axis=1)])


def script(tmp_path, function, before="", arguments=""):
    path = tmp_path / "build.py"
    path.write_text("import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import backend as K\n%s\nmodel = keras.Sequential(["
                    "keras.Input((4, 6, 3)), keras.layers.Lambda(%s%s, name='lam')])\n" % (before, function, arguments), encoding="utf-8")
    return str(path)


def test_code(tmp_path):
    for source in sources(False):
        wanted = eval(source, {"K": Backend, "tf": Backend})(X)
        try:
            assert_same(predict(script(tmp_path, source), tmp_path), [wanted], atol=1e-6)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (source, error)) from None


def test_code_of_several_lines(tmp_path):
    before = ("scale = 4\nLIMITS = [1, 3]\ndef f(x, low=0.5, high=1):\n    'words'\n    y = x - low\n    z = y / (high * scale)\n"
              "    return z[:, LIMITS[0]:LIMITS[1]]\n")
    assert_same(predict(script(tmp_path, "f", before, ", arguments={'high': 2}"), tmp_path), [((X - 0.5) / 8)[:, 1:3]], atol=1e-6)
    assert_same(predict(script(tmp_path, "keras.activations.relu"), tmp_path), [np.maximum(X, 0)])
    assert_same(predict(script(tmp_path, "K.mean", "", ", arguments={'axis': 1}"), tmp_path), [X.mean(axis=1)], atol=1e-6)


def test_code_is_certain(tmp_path):
    decisions = [d for d in as_json("rebuild", script(tmp_path, "lambda x: x * 2"))["decisions"] if d["layer"] == "lam"]
    assert [(d["evidence"], d["value"]) for d in decisions] == [("certain", "(x * 2)")]


def test_other_code_is_refused(tmp_path):
    for source in ("lambda x: x.sum()", "lambda x: open('x')", "lambda x: [y for y in x]", "lambda *x: x[0]", "lambda x: x if x else 2",
                   "lambda x: print(x)", "lambda: 1", "lambda x: undefined(x)", "lambda x: 3"):
        done = cuvier("summary", script(tmp_path, source))
        assert done.returncode in (1, 3) and done.stderr.startswith("error: "), source


# ---- written as models of operations

WRITTEN = [s for s in sources(False) if s not in SCALED]


@pytest.mark.parametrize("ending", [".keras", ".h5", ".json", ".py"])
@pytest.mark.parametrize("source", WRITTEN)
def test_written_as_operations(source, ending, keras3, tmp_path):
    """Keras 3 loads what is written without any code, and computes what the source computes."""
    path, again = model([codes("3.11")[source], None, None], tmp_path), tmp_path / ("again" + ending)
    np.savez(tmp_path / "io.npz", x=X, y=eval(source, {"K": Backend, "tf": Backend})(X))
    assert "'lam': the Lambda" in must("rebuild", path, "-o", again).stderr
    must("verify", again, "--samples", tmp_path / "io.npz")
    if ending in (".keras", ".h5"):
        assert keras3.difference([str(again)], str(tmp_path / "io.npz")) < 1e-6
    elif ending == ".py":
        assert "Lambda" not in again.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", sources(False))
def test_written_for_keras_2(source, keras2, tmp_path):
    """The same as functions of TensorFlow, for Keras 2.15."""
    path, again = model([codes("3.11")[source], None, None], tmp_path), tmp_path / "again.h5"
    np.savez(tmp_path / "io.npz", x=X, y=eval(source, {"K": Backend, "tf": Backend})(X))
    must("rebuild", path, "--keras", "2", "-o", again)
    must("verify", again, "--samples", tmp_path / "io.npz")
    assert keras2.difference([str(again)], str(tmp_path / "io.npz")) < 1e-6
