"""Layers and arguments that Keras 3 has no more, saved by tf_keras as the test runs (old_layers.py)."""
import os
import subprocess

import numpy as np
import pytest

from layer_check import compare
from support import HERE, arrays, keras_python, must

FORMS = [(".keras",), (".h5",), (".json", ".npz")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = str(tmp_path_factory.mktemp("old"))
    done = subprocess.run([keras_python(), os.path.join(HERE, "old_layers.py"), folder], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("kind, least", [("local", 120), ("groups", 48), ("", 20)])
def test_outputs(made, kind, least, tmp_path):
    names = sorted(f[:-len(".io.npz")] for f in os.listdir(made) if f.endswith(".io.npz") and f.startswith(kind))
    assert len(names) >= least
    wrong = []
    for name in names if kind else [n for n in names if not n.startswith(("local", "groups", "half"))]:
        base = os.path.join(made, name)
        for form in FORMS:
            must("predict", *[base + ending for ending in form], "-i", base + ".io.npz", "-o", tmp_path / "y.npz")
            different = compare(arrays(tmp_path / "y.npz"), [np.load(base + ".io.npz")["y"]], "float16" in name)
            if different:
                wrong.append("%s %s: %s" % (name, form[0], different))
    assert not wrong, "\n".join(wrong)


def test_half_groups(made, tmp_path):
    """Bit by bit, but where a sum in another order falls on the other side of a rounding."""
    names = sorted(f[:-len(".io.npz")] for f in os.listdir(made) if f.startswith("half") and f.endswith(".io.npz"))
    assert len(names) == 24
    differing = {}
    for name in names:
        base = os.path.join(made, name)
        must("predict", base + ".keras", "-i", base + ".io.npz", "-o", tmp_path / "y.npz")
        found, wanted = arrays(tmp_path / "y.npz")[0].astype("float32"), np.load(base + ".io.npz")["y"]
        differing[name] = float((found != wanted).mean())
    assert max(differing.values()) < 0.2 and sum(value == 0 for value in differing.values()) >= 12, differing


def test_texts_for_keras_3(made, keras3, tmp_path):
    """Keras 3 has the weights of tf_idf in its configuration, and reads arguments of TextVectorization that others leave out."""
    names = sorted(f[:-len(".io.npz")] for f in os.listdir(made) if f.startswith("tf_idf") and f.endswith(".io.npz"))
    assert len(names) == 4
    for name in names:
        base = os.path.join(made, name)
        for form in FORMS[:2]:
            for ending in (".keras", ".h5"):
                out = str(tmp_path / (name + form[0][1:] + ending))
                must("rebuild", base + form[0], "-o", out)
                must("verify", out, "--samples", base + ".io.npz")
                assert keras3.difference([out], base + ".io.npz") < 1e-6, out
    base = os.path.join(made, "other_tf_idf")       # those of the file count
    for form in FORMS[:2]:
        must("rebuild", base + form[0], "-o", tmp_path / "other.keras")
        assert keras3.difference([str(tmp_path / "other.keras")], base + ".io.npz") < 1e-6
        for ending in (".h5", ".py"):
            said = must("rebuild", base + form[0], "-o", tmp_path / ("other" + ending), status=3).stderr
            assert "has other idf_weights in its file than in its configuration" in said
