"""Keras code as evidence: each script builds the model that real Keras built from it (make.py), without being run."""
import glob
import json
import os
import subprocess

import pytest

from support import as_json, check_evidence, cuvier, keras_python, must

HERE = os.path.dirname(os.path.abspath(__file__))
LOADING = os.path.join(HERE, "loading")
LOADERS = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(LOADING, "*.py")) if not p.endswith("make.py"))
NAMES = sorted(os.path.basename(p)[:-len(".facts.json")] for p in glob.glob(os.path.join(HERE, "*.facts.json")))


@pytest.mark.parametrize("name", NAMES)
def test_outputs(name, tmp_path):
    base = os.path.join(HERE, name)
    check_evidence([base + ".py", base + ".npz"], base + ".io.npz", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_facts(name):
    wanted = json.load(open(os.path.join(HERE, name + ".facts.json")))
    found = as_json("summary", os.path.join(HERE, name + ".py"))["model"]
    for key in ("name", "class_name", "total_params", "trainable_params"):
        assert found[key] == wanted[key], key
    for key in ("name", "class_name", "output_shape", "params", "trainable"):
        assert [layer[key] for layer in found["layers"]] == [layer[key] for layer in wanted["layers"]], key


def test_code_is_not_run(tmp_path):
    """Statements without effect on the model are listed as skipped, and nothing of them happens."""
    mark = tmp_path / "mark"
    script = tmp_path / "script.py"
    script.write_text("import os, keras\nos.system('touch %s')\nopen('%s', 'w').write('x')\n"
                      "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])\n" % (mark, mark))
    as_json("summary", script)
    assert not mark.exists()


@pytest.mark.parametrize("name", LOADERS)
def test_loading(name, tmp_path):
    """The ways in which code gets its arrays from files; what it states is certain."""
    script, io = os.path.join(LOADING, name + ".py"), os.path.join(LOADING, "io.npz")
    check_evidence([script], io, tmp_path)
    weights = [d for d in as_json("rebuild", script)["decisions"] if d["field"] in ("kernel", "bias")]
    assert len(weights) == 4 and all(d["evidence"] == "certain" for d in weights)


def test_real_keras_loads_the_same():
    if not keras_python():
        pytest.skip("no Keras")
    done = subprocess.run([keras_python(), os.path.join(LOADING, "make.py")], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


REFUSED = [
    ("x = keras.applications.RegNetX002(weights=None)", "script.unsupported", "RegNetX002"),
    ("class Net(keras.Model):\n    def call(self, x):\n        return self.improve(x)\nmodel = Net()", "script.unsupported", "improve"),
    ("model = keras.Sequential([keras.layers.Dens(3)])", "script.unsupported", "Dens"),
    ("model = keras.Sequential([keras.layers.Dense(3, unit=2)])", "script.argument", "unit"),
    ("from somewhere import improve\nmodel = keras.Sequential([keras.layers.Dense(3)])\nmodel = improve(model)", "script.unsupported", "improve"),
    ("import numpy as np\nmodel = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])\n"
     "model.layers[0].set_weights([np.random.rand(2, 3), np.zeros(3)])", "script.weights", "numbers"),
    ("import sys\nmodel = keras.Sequential([keras.Input((2,))])\nif sys.argv[1] == 'deep':\n    model.add(keras.layers.Dense(3))",
     "script.unsupported", "sys.argv"),
    ("n = 1\nwhile n > 0:\n    n += 1", "script.steps", "steps"),
    ("def f(n):\n    return f(n + 1)\nf(0)", "script.recursion", "f()"),
    ("model = keras.Sequential([keras.layers.Dense(3), keras.layers.Lambda(lambda x: [y for y in x])])", "layer.lambda", "Lambda"),
    ("x = 1", "script.model", "script.py"),
    ("model = keras.Sequential(", "python.syntax", "bracket"),
]


@pytest.mark.parametrize("code,wanted,word", REFUSED, ids=["%s-%s" % r[1:] for r in REFUSED])
def test_refused_by_name(code, wanted, word, tmp_path):
    """What is not understood is an error with its place, never a guess."""
    script = tmp_path / "script.py"
    script.write_text("import keras\n" + code + "\n")
    done = cuvier("summary", script, "--json", "--input-shape", "2")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == wanted and word in error["message"] + str(error["found"])
    if wanted.startswith("script.") and wanted != "script.model":
        assert error["file"].startswith("script.py:") and "^" in error["notes"]


COMPAT = os.path.join(os.path.dirname(HERE), "compat")
WRITTEN = sorted(os.path.relpath(p, COMPAT)[:-len(".keras")] for p in glob.glob(os.path.join(COMPAT, "keras-*", "*.keras")))


@pytest.mark.parametrize("name", WRITTEN)
def test_code_that_cuvier_writes(name, tmp_path):
    """The code that cuvier writes of a model is evidence for the same model."""
    base = os.path.join(COMPAT, name)
    must("rebuild", base + ".keras", "-q", "-o", tmp_path / "model.py", "-o", tmp_path / "model.weights.h5")
    verdict = as_json("verify", tmp_path / "model.py", tmp_path / "model.weights.h5", "--samples", base + ".io.npz")
    assert verdict["ok"] is True
