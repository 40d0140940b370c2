"""Names that could break out of what is written: they come through harmless, and unchanged where the form can hold them."""
import ast
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
from support import Loader, as_json, keras_215_python, must      # noqa: E402

HOSTILE = ['a"; import os; os.system("touch owned") #', "line\nbreak\r\n# x", "*/ int main(void) { return 1; } /*", "</script><b>",
           "dir/sub", "n\u00e4me \u202e \U0001f4a5", "%s%n{x}", "'''\"\"\"", "a\x1b[31m"]
FORMS = [".keras", ".h5", ".weights.h5", ".json", ".py", ".npz", ".safetensors", ".onnx", ".dot"]


def dense(name, units):
    return {"class_name": "Dense", "config": {"name": name, "units": units, "activation": "relu"}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """A Sequential of Keras 2 in JSON, which is bound by nothing but these names, with its weights."""
    folder = tmp_path_factory.mktemp("names")
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": 'in"put\n'}}]
    layers += [dense(name, 3) for name in HOSTILE]
    config = {"class_name": "Sequential", "config": {"name": 'model"\n*/', "layers": layers}, "keras_version": "2.15.0",
              "backend": "tensorflow"}
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(1)
    arrays = [a for _ in HOSTILE for a in (rng.normal(size=(3, 3)).astype("float32"), rng.normal(size=3).astype("float32"))]
    np.savez(folder / "weights.npz", *arrays)
    np.save(folder / "x.npy", rng.normal(size=(2, 3)).astype("float32"))
    return folder


@pytest.fixture(scope="module")
def written(evidence):
    folder = evidence / "out"
    folder.mkdir()
    outs = [arg for form in FORMS for arg in ("-o", str(folder / ("model" + form)))]
    must("rebuild", evidence / "config.json", evidence / "weights.npz", "-q", *outs)
    assert sorted(os.listdir(folder)) == sorted("model" + form for form in FORMS), "nothing but what was asked for"
    must("predict", evidence / "config.json", evidence / "weights.npz", "-i", evidence / "x.npy", "-o", evidence / "y.npy")
    return folder


def test_paths_are_refused(evidence, tmp_path):
    text = (evidence / "config.json").read_text().replace("dir/sub", "../../up")
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "out").mkdir()
    must("rebuild", tmp_path / "config.json", evidence / "weights.npz", "-q", "-o", tmp_path / "out" / "model.h5", status=3)
    assert not os.listdir(tmp_path / "out")


def test_backslash(evidence, tmp_path):
    """Fine everywhere but in .npz, whose members it would make paths of on Windows."""
    text = (evidence / "config.json").read_text().replace("dir/sub", "trail\\\\")
    (tmp_path / "config.json").write_text(text)
    given = [tmp_path / "config.json", evidence / "weights.npz"]
    must("rebuild", *given, "-q", *[a for form in FORMS if form != ".npz" for a in ("-o", tmp_path / ("model" + form))])
    ast.parse((tmp_path / "model.py").read_text(encoding="ascii"))
    for files in (["model.keras"], ["model.py", "model.weights.h5"]):
        must("verify", *(tmp_path / f for f in files), "--against", tmp_path / "model.h5")
    must("rebuild", *given, "-q", "-o", tmp_path / "model.npz", status=3)
    assert not (tmp_path / "model.npz").exists()


@pytest.mark.parametrize("files", [(".keras",), (".h5",), (".json", ".weights.h5"), (".json", ".npz"), (".json", ".safetensors"),
                                   (".py", ".weights.h5")], ids="+".join)
def test_read_back(files, evidence, written, tmp_path):
    must("predict", *(written / ("model" + form) for form in files), "-i", evidence / "x.npy", "-o", tmp_path / "y.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.load(evidence / "y.npy"))


def test_code_is_only_what_it_says(written):
    """The names are strings in the tree of the code, and nothing of them is anything else."""
    text = (written / "model.py").read_text(encoding="ascii")
    tree = ast.parse(text)
    assert {type(node).__name__ for node in tree.body} <= {"Expr", "Import", "ImportFrom", "Assign"}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called <= {"keras.Sequential", "keras.Input", "layers.Dense"}


def test_onnx_names_are_identifiers(evidence, written):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model = onnx.load(str(written / "model.onnx"))
    onnx.checker.check_model(model, full_check=True)
    names = [n for node in model.graph.node for n in [node.name, *node.input, *node.output]]
    names += [t.name for t in model.graph.initializer] + [v.name for v in [*model.graph.input, *model.graph.output]]
    assert all(name.isascii() and (name == "" or name.isidentifier()) for name in names)
    session = runtime.InferenceSession(str(written / "model.onnx"), providers=["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: np.load(evidence / "x.npy")})[0]
    np.testing.assert_allclose(y, np.load(evidence / "y.npy"), rtol=1e-5, atol=1e-6)


def test_dot_is_one_graph(written):
    text = (written / "model.dot").read_text(encoding="utf-8")
    strings, inside, outside, escaped = 0, False, [], False
    for c in text:                                     # DOT's own rule: a string ends at the first quote that has no backslash
        if inside and escaped:
            escaped = False
        elif inside and c == "\\":
            escaped = True
        elif c == '"':
            inside = not inside
            strings += not inside
        elif not inside:
            outside.append(c)
        assert not inside or c >= " "
    rest = "".join(outside)
    assert not inside and rest.isascii() and rest.count("{") == rest.count("}") == 2
    assert set(rest) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=[];,{}-> \n")


def test_c_source(evidence, tmp_path):
    """No name ends a comment: the compiler finds the functions of the header and no main."""
    must("rebuild", evidence / "config.json", evidence / "weights.npz", "-q", "-o", tmp_path / "net.c")
    subprocess.run([os.environ.get("CUV_CC", "cc"), "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "net.c"], cwd=tmp_path, check=True)
    symbols = subprocess.run(["nm", "-g", "--defined-only", "net.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert " main" not in symbols


# ---- for Keras 2, whose names become names in TensorFlow -----------------------------------------------------------------------

@pytest.fixture(scope="module")
def for_keras_2(evidence):
    """The same, with two names that would become one."""
    folder = evidence / "two"
    folder.mkdir()
    forms = [".keras", ".h5", ".json", ".weights.h5", ".npz", ".safetensors"]
    text = (evidence / "config.json").read_text()
    assert text.count("%s%n{x}") == 1
    (folder / "config.json").write_text(text.replace("%s%n{x}", "a\\u001c[31m"))
    done = must("rebuild", folder / "config.json", evidence / "weights.npz", "--keras", "2",
                *[a for form in forms for a in ("-o", folder / ("model" + form))])
    assert sorted(os.listdir(folder)) == sorted(["config.json"] + ["model" + form for form in forms])
    return folder, done.stderr


def test_names_for_keras_2(evidence, for_keras_2):
    """Each name is one that TensorFlow takes, none comes twice, every change is told, and the numbers stay."""
    folder, said = for_keras_2
    names = [layer["config"]["name"] for layer in json.loads((folder / "model.json").read_text())["config"]["layers"]][1:]
    assert len(set(names)) == len(HOSTILE) and all(re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*", name) for name in names)
    assert "dir/sub" in names and all("is written as '%s'" % name in said for name in names if name != "dir/sub")
    for files in (["model.keras"], ["model.h5"], ["model.json", "model.weights.h5"], ["model.json", "model.npz"]):
        must("predict", *(folder / f for f in files), "-i", evidence / "x.npy", "-o", folder / "y.npy")
        np.testing.assert_array_equal(np.load(folder / "y.npy"), np.load(evidence / "y.npy"))
    assert [layer["name"] for layer in as_json("summary", folder / "model.keras")["model"]["layers"]] == names


@pytest.mark.skipif(not keras_215_python(), reason="Keras 2.15 is not installed (tools/setup_tests --with-keras-2.15)")
def test_keras_2_takes_them(evidence, for_keras_2):
    folder, _ = for_keras_2
    np.savez(folder / "io.npz", x=np.load(evidence / "x.npy"), y=np.load(evidence / "y.npy"))
    loader = Loader(keras_215_python())
    for files in (["model.keras"], ["model.h5"], ["model.json", "model.weights.h5"], ["model.json", "model.npz"]):
        answer = loader.ask([folder / f for f in files], folder / "io.npz")
        assert "error" not in answer and answer["said"] == [] and answer["difference"] < 1e-6, (files, answer)
    loader.close()
