"""Classes of people's own: Keras wrote the models and their outputs (make_custom.py), code in custom/ stands in for the classes, and the
outputs must come out. Nothing of it is run."""
import json
import os
import re

import numpy as np
import pytest

from support import HERE, RELEASES, as_json, cuvier, must

CODE = os.path.join(HERE, "custom")
# model, --custom, tolerance
CASES = [
    ("affine", "Affine=affine.py", 1e-4), ("affine", "lab>Affine=affine.py", 1e-4), ("residual", "Residual=residual.py", 1e-4),
    ("pool", "Pool=pool.py", 1e-4), ("mix", "Mix=mix.py", 1e-4), ("wrapped", "Affine=affine.py", 1e-4),
    ("nested", "Affine=affine.py", 1e-4), ("masked", "Affine=affine_unmasked.py", 1e-4), ("activation", "warm=warm.py", 1e-4),
    ("half", "Affine=affine.py", 1e-2),
]


def option(custom):
    name, code = custom.split("=")
    return "--custom", "%s=%s" % (name, os.path.join(CODE, code))


def base(release, name):
    return os.path.join(HERE, release, "custom", name)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name,custom,tolerance", CASES, ids=["%s-%s" % c[:2] for c in CASES])
def test_outputs(release, name, custom, tolerance):
    for evidence in ([".keras"], [".h5"], [".json", ".weights.h5"], [".json", ".npz"], [".json", ".list.npz"]):
        files = [base(release, name) + end for end in evidence]
        if not all(map(os.path.exists, files)):
            assert name not in ("affine", "residual")
            continue
        found = as_json("verify", *files, *option(custom), "--samples", base(release, name) + ".io.npz", "--rtol", tolerance,
                        "--atol", tolerance / 10)
        assert found["ok"] is True, evidence


@pytest.mark.parametrize("release", RELEASES)
def test_decisions(release):
    """What code says of a class is assumed until samples prove it; the layer keeps name and class."""
    files = [base(release, "affine") + ".keras", *option("Affine=affine.py")]
    found = as_json("rebuild", *files)
    layers = {layer["name"]: layer for layer in found["model"]["layers"]}
    assert layers["one"]["class_name"] == "Affine" and layers["one"]["output_shape"] == [None, 5] and layers["one"]["params"] == 35
    assert layers["two"]["output_shape"] == [None, 3] and layers["two"]["params"] == 24
    of_class = [d for d in found["decisions"] if (d["layer"] or "").split("/")[0] in ("one", "two")]
    assert len(of_class) == 6 and {d["evidence"] for d in of_class} == {"assumed"}
    assert cuvier("rebuild", *files, "--strict").returncode == 1
    proven = as_json("rebuild", *files, "--strict", "--samples", base(release, "affine") + ".io.npz")
    assert {d["evidence"] for d in proven["decisions"] if d["layer"] and d["layer"].split("/")[0] in ("one", "two")} == {"verified"}


@pytest.mark.parametrize("release", RELEASES)
def test_samples_find_the_order(release):
    """Two convolutions of one shape, which the code makes in another order than the class: samples tell them apart."""
    files = [base(release, "residual") + ".h5", *option("Residual=residual_model.py")]
    assert cuvier("verify", *files, "--samples", base(release, "residual") + ".io.npz").returncode == 1
    found = as_json("rebuild", *files, "--samples", base(release, "residual") + ".io.npz")
    assert any(d["field"] == "outputs" and d["evidence"] == "verified" for d in found["decisions"])


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name,custom", [("affine", "Affine=affine.py"), ("residual", "Residual=residual.py"), ("mix", "Mix=mix.py"),
                                         ("pool", "Pool=pool.py"), ("nested", "Affine=affine.py"), ("wrapped", "Affine=affine.py")])
def test_keras_reads_what_is_written(release, name, custom, keras3, tmp_path):
    """The classes are gone: Keras needs no code to load the files."""
    outs = [tmp_path / "out.keras", tmp_path / "out.h5"]
    must("rebuild", base(release, name) + ".keras", *option(custom), *[a for o in outs for a in ("-o", o)])
    for out in outs:
        assert keras3.difference([out], base(release, name) + ".io.npz") < 1e-5, out


@pytest.mark.parametrize("verb", ["summary", "predict", "inspect", "bench", "diff", "onnx"])
def test_every_verb(verb, tmp_path):
    file, io = base("keras-3.15", "pool") + ".keras", base("keras-3.15", "pool") + ".io.npz"
    custom = option("Pool=pool.py")
    if verb == "summary":
        assert "pool (Pool)" in must("summary", file, *custom).stdout
    elif verb == "predict":
        must("predict", file, *custom, "-i", io, "-o", tmp_path / "y.npy")
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.load(io)["y"], rtol=1e-4, atol=1e-5)
    elif verb == "inspect":
        assert "pool/" in must("inspect", file, *custom, "--stage", "program").stdout
    elif verb == "bench":
        must("bench", file, *custom, "--seconds", "0.05")
    elif verb == "diff":
        must("diff", file, base("keras-3.15", "pool") + ".h5", *custom)
    else:
        must("rebuild", file, *custom, "-o", tmp_path / "out.onnx")


@pytest.mark.parametrize("release", RELEASES)
def test_the_error_names_everything(release):
    """Class, package, arguments, weights with names, shapes and dtype, and the option."""
    said = cuvier("rebuild", base(release, "affine") + ".h5")
    text = " ".join(said.stderr.split())
    assert said.returncode == 3
    for part in ("Affine", "units=5, activation='tanh'", "its weights, 2:", "(6, 5) float32", "(5,) float32", "--custom Affine=CODE.py"):
        assert part in text, part
    assert re.search(r"affine\.h5#one/one/w(:0)? ", text)
    assert "affine.keras#layers/affine/vars/0 (6, 5) float32" in cuvier("rebuild", base(release, "affine") + ".keras").stderr


@pytest.mark.parametrize("release", RELEASES)
def test_inspect_lists_foreign_classes(release):
    file = as_json("inspect", base(release, "residual") + ".keras")["files"][0]
    assert [(f["layer"], f["class_name"], f["registered_name"]) for f in file["foreign"]] == [
        ("r1", "Residual", "lab>Residual"), ("r2", "Residual", "lab>Residual")]
    assert file["foreign"][1]["config"]["filters"] == 4
    assert sorted(tuple(w["shape"]) for w in file["foreign"][1]["weights"]) == sorted(2 * [(3, 3, 4, 4)] + 6 * [(4,)])
    assert "--custom 'Residual'=CODE.py" in must("inspect", base(release, "residual") + ".keras").stdout


def shapes(file):
    return {f["layer"]: sorted(tuple(w["shape"]) for w in f["weights"]) for f in as_json("inspect", file)["files"][0]["foreign"]}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_inspect_finds_weights_inside_wrappers(release, ending):
    """TimeDistributed after another one, both directions of a Bidirectional, a cell, one cell of two. Files of Keras 2 name the paths
    of a .keras by class and number only, and its configuration says the layer of a Bidirectional once."""
    gru = [(2, 6), (2, 6), (3, 6)]
    wanted = {"own": [(3,), (6, 3)], "cell_one": [(4, 7), (7,)], "cell_two": [(2, 8), (8,)]}
    wanted.update({"gated": sorted(2 * gru)} if release == "keras-2.15" else {"forward_gated": gru, "backward_gated": gru})
    assert shapes(base(release, "inside") + ending) == wanted
    said = " ".join(cuvier("rebuild", base(release, "inside") + ending).stderr.split())
    for part in ("'own' is of class 'Affine'", "registered as lab>Affine", "units=3, activation='tanh'", "its weights, 2:", "(6, 3) float32", "(3,) float32"):
        assert part in said, part


@pytest.mark.parametrize("release", RELEASES)
def test_a_model_that_is_code_throughout(release):
    file = base(release, "whole") + ".keras"
    assert shapes(file) == {"Whole": [(2,), (4,), (4, 2), (6, 4)]}
    done = cuvier("rebuild", file)
    text = " ".join(done.stderr.split())
    assert done.returncode == 3
    for part in ("the class 'Whole'", "registered name lab>Whole", "units=4", "its weights, 4:", "(6, 4) float32", "(2,) float32"):
        assert part in text, part


HOSTILE = {"no shape": "x", "negative": [None, -3], "huge": [None, 1 << 62], "a float": [None, 1e30], "not a number": [None, float("nan")],
           "no sizes": [], "many axes": [None] * 40, "nothing": None, "texts": [None, "6"], "other sizes": [None, 7]}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_shape_of_a_class(what, tmp_path):
    """What a file says of the shape that the model of a class was built for decides nothing without a word."""
    path = tmp_path / "model.json"
    record = {"class_name": "Whole", "registered_name": "lab>Whole", "config": {"units": 4}, "build_config": {"input_shape": HOSTILE[what]}}
    path.write_text(json.dumps(record))
    done = cuvier("rebuild", path, base("keras-3.15", "whole") + ".weights.h5", "--custom", "Whole=" + os.path.join(HERE, "custom", "whole.py"),
                  "-o", tmp_path / "m.npz")
    assert done.returncode in (1, 3) and "error: " in done.stderr


def test_deep_shape_of_a_class(tmp_path):
    shape = "[" * 2000 + "]" * 2000
    path = tmp_path / "model.json"
    path.write_text('{"class_name": "Whole", "config": {"units": 4}, "build_config": {"input_shape": %s}}' % shape)
    done = cuvier("rebuild", path, "--custom", "Whole=" + os.path.join(HERE, "custom", "whole.py"), "-o", tmp_path / "m.npz")
    assert done.returncode in (1, 3) and "error: " in done.stderr


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_inspect_lists_foreign_functions(release, ending):
    found = as_json("inspect", base(release, "functions") + ending)["files"][0]["foreign"]
    assert [(f["layer"], f["argument"], f["class_name"].split(">")[-1]) for f in found] == [
        ("d", "activation", "warm"), ("d", "kernel_initializer", "Small"), ("d", "kernel_regularizer", "Spread"), ("e", "bias_initializer", "Small")]
    assert found[1]["config"] == {"scale": 0.2} and found[2]["config"] == {"rate": 0.3}
    text = must("inspect", base(release, "functions") + ending).stdout
    assert "foreign activation  'd'.activation" in text and "--custom 'warm'=CODE.py" in text and "rate=0.3" in text
    said = cuvier("rebuild", base(release, "functions") + ending)
    assert said.returncode == 3 and "warm" in said.stderr and "--custom warm=CODE.py" in " ".join(said.stderr.split())
    assert as_json("verify", base(release, "functions") + ending, *option("warm=warm.py"), "--samples", base(release, "functions") + ".io.npz")["ok"]


def test_inspect_knows_the_functions_of_every_keras():
    """None of the models of the fixed set has a function of its own."""
    for release in RELEASES:
        for file in sorted(os.listdir(os.path.join(HERE, release))):
            if file.endswith((".keras", ".json")) and ".facts." not in file:
                assert as_json("inspect", os.path.join(HERE, release, file))["files"][0]["foreign"] == [], file


WRONG = {
    "no code": ("Pool", '{"class_name": "Sequential", "config": {"name": "s", "layers": []}}', 2, "is no Keras code"),
    "no model": ("Pool", "from keras import layers\nx = 1\n", 1, "builds no model for the class of 'pool'"),
    "no tensor": ("Pool", "def Pool(x):\n    return 3\n", 1, "gives no model for 'pool'"),
    "shape": ("Pool", "from keras import layers\ndef Pool(x):\n    return layers.Dense(2, use_bias=False)(x)\n", 1, "(5, 1)"),
    "too many weights": ("Pool", "from keras import layers\ndef Pool(x):\n    return layers.Dense(1)(x)\n", 1, "bias"),
    "weights of its own": ("Pool", "from keras import layers\nimport numpy as np\ndef Pool(x):\n    d = layers.Dense(1, use_bias=False)\n"
                           "    y = d(x)\n    d.set_weights([np.ones((5, 1))])\n    return y\n", 3, "sets weights"),
    "a loop without end": ("Pool", "def Pool(x):\n    while True:\n        x = x + 1\n    return x\n", 3, "loop"),
    "itself": ("Pool", "def Pool(x):\n    return Pool(x)\n", 3, "nested more than"),
    "syntax": ("Pool", "def Pool(x:\n", 3, "code.py:1"),
    "an argument that the file lacks": ("Pool", "def Pool(x, units):\n    return x\n", 1, "units"),
    "another name": ("Pule", "from keras import layers\ndef Pule(x):\n    return x\n", 3, "--custom Pool=CODE.py"),
    "no equals": (None, "", 2, "is not of the form NAME=CODE.py"),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_wrong_code(what, tmp_path):
    name, code, status, words = WRONG[what]
    path = tmp_path / "code.py"
    path.write_text(code, encoding="utf-8")
    done = cuvier("rebuild", base("keras-3.15", "pool") + ".keras", "--custom", "%s=%s" % (name, path) if name else "Pool")
    assert done.returncode == status and words in done.stderr, done.stderr


def test_code_is_not_run(tmp_path):
    mark = tmp_path / "mark"
    code = tmp_path / "code.py"
    code.write_text("import os\nfrom keras import layers\nos.system('touch %s')\nopen(%r, 'w').write('x')\ndef Pool(x):\n    return x\n" %
                    (mark, str(mark)), encoding="utf-8")
    cuvier("rebuild", base("keras-3.15", "pool") + ".keras", "--custom", "Pool=%s" % code)
    assert not mark.exists()


def test_unused_is_told():
    done = must("rebuild", base("keras-3.15", "pool") + ".keras", *option("Pool=pool.py"), *option("Affine=affine.py"))
    assert "--custom Affine: the model has no such class" in done.stderr


def test_twice_is_refused():
    done = cuvier("rebuild", base("keras-3.15", "pool") + ".keras", *option("Pool=pool.py"), *option("Pool=mix.py"))
    assert done.returncode == 2 and "given twice" in done.stderr


def test_one_layer_by_its_name(tmp_path):
    """A layer's name says more than its class: each may have code of its own."""
    other = tmp_path / "other.py"
    other.write_text("from keras import layers\ndef two(x, units):\n    return layers.Dense(units, name='two')(x) * 2.0\n", encoding="utf-8")
    file, io = base("keras-3.15", "affine") + ".keras", base("keras-3.15", "affine") + ".io.npz"
    must("predict", file, *option("Affine=affine.py"), "--custom", "two=%s" % other, "-i", io, "-o", tmp_path / "y.npy")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), 2 * np.load(io)["y"], rtol=1e-4, atol=1e-5)
