"""Layers stored in few bits (quirks 37 to 41): int8, int4, float8, GPTQ, AWQ and LoRA against the Keras that made them."""
import os
import subprocess

import numpy as np
import pytest

from support import HERE, arrays, assert_same, keras_python, must

CASES = 110         # at least; Keras cannot quantise some of the combinations that quantised_models.py tries


def make(folder, *more):
    python = keras_python()
    if not python:
        pytest.skip("Keras is not installed (tools/setup_tests)")
    done = subprocess.run([python, os.path.join(HERE, "quantised_models.py"), folder, *more], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(str(tmp_path_factory.mktemp("quantised")))


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    return make(str(tmp_path_factory.mktemp("apart")), "apart")


def cases(folder):
    return sorted(f[:-len(".io.npz")] for f in os.listdir(folder) if f.endswith(".io.npz"))


def tolerance(name):
    """Halves are rounded at other places; whole numbers are rounded the other way where a product falls between two of them."""
    return {"rtol": 1e-2, "atol": 1e-2} if name.startswith("half") else {"rtol": 1e-3, "atol": 1e-3}


def differing(folder, evidence, options=()):
    wrong = []
    for name in cases(folder):
        base, out = os.path.join(folder, name), os.path.join(folder, "out.npz")
        try:
            must("predict", *[base + ending for ending in evidence], "-i", base + ".io.npz", "-o", out, *options)
            assert_same(arrays(out), [np.load(base + ".io.npz")["y"]], **tolerance(name))
        except AssertionError as error:
            wrong.append("%s: %s" % (name, str(error)[-400:]))
    return wrong


def test_archives(made):
    assert len(cases(made)) >= CASES
    wrong = differing(made, (".keras",))
    assert not wrong, "%d of %d\n%s" % (len(wrong), len(cases(made)), "\n".join(wrong[:8]))


def test_weights_with_their_configuration(made):
    wrong = differing(made, (".json", ".weights.h5"))
    assert not wrong, "%d of %d\n%s" % (len(wrong), len(cases(made)), "\n".join(wrong[:8]))


def test_forgotten_zero_points(made):
    """Keras 3.15 saves GPTQ and AWQ kernels without their zero points."""
    files = [f for f in os.listdir(made) if f.endswith(".forgotten.keras")]
    assert len(files) >= 20
    for file in files:
        assert "kernel_zero" in must("rebuild", os.path.join(made, file), status=3).stderr


APART = [(".h5",), (".json", ".npz"), (".json", ".dict.npy"), (".json", ".safetensors")]


def test_lora_apart(apart, tmp_path):
    folder, wrong = apart, []
    assert len(cases(folder)) == 26
    for name in cases(folder):
        for form in APART:
            base, out = os.path.join(folder, name), str(tmp_path / "out.npz")
            try:
                must("predict", *[base + ending for ending in form], "-i", base + ".io.npz", "-o", out)
                assert_same(arrays(out), [np.load(base + ".io.npz")["y"]], rtol=1e-4, atol=1e-4)
            except AssertionError as error:
                wrong.append("%s %s: %s" % (name, form, str(error)[-300:]))
    assert not wrong, "\n".join(wrong[:8])


def test_lora_that_keras_does_not_compute(apart):
    for files in (["refused-float8.h5"], ["refused-gptq.json", "refused.safetensors"], ["refused-awq.json", "refused.safetensors"]):
        done = must("rebuild", *[os.path.join(apart, f) for f in files], status=3)
        assert "not beside those of float8, GPTQ or AWQ" in " ".join(done.stderr.split()), done.stderr


def test_lora_apart_written_again(apart, keras3, tmp_path):
    """Floats are written with the sum as the kernel; of few bits in .h5 alone, where the matrices stay apart."""
    folder = apart
    for name in cases(folder):
        base = os.path.join(folder, name)
        if name.endswith("None"):
            must("rebuild", base + ".h5", "-o", tmp_path / "sum.keras")
            assert keras3.difference([str(tmp_path / "sum.keras")], base + ".io.npz") < 1e-3, name
        else:
            done = must("rebuild", base + ".h5", "-o", tmp_path / "sum.keras", status=3)
            assert "LoRA beside a kernel of few bits" in " ".join(done.stderr.split())
        must("rebuild", base + ".h5", "-o", tmp_path / "again.h5")
        if not name.endswith("None"):       # Keras 3.15 forgets lora_alpha of some layers as it loads: it does so alike with both
            found, wanted = (keras3.difference([f], base + ".io.npz") for f in (str(tmp_path / "again.h5"), base + ".h5"))
            assert abs(found - wanted) < 1e-3, name
        must("predict", tmp_path / "again.h5", "-i", base + ".io.npz", "-o", tmp_path / "out.npz")
        assert_same(arrays(str(tmp_path / "out.npz")), [np.load(base + ".io.npz")["y"]], rtol=1e-4, atol=1e-4)


def test_written_again(made, keras3):
    """What cuvier writes, real Keras loads and computes with as before. Every third case, for Keras is slow to load."""
    wrong = []
    for name in cases(made)[::3]:
        base, again = os.path.join(made, name), os.path.join(made, name + ".rebuilt.keras")
        try:
            must("rebuild", base + ".keras", "-o", again)
            assert keras3.difference([again], base + ".io.npz") < (2e-2 if name.startswith("half") else 1e-4)
        except AssertionError as error:
            wrong.append("%s: %s" % (name, str(error)[-300:]))
    assert not wrong, "%d of %d\n%s" % (len(wrong), len(cases(made)), "\n".join(wrong[:8]))
