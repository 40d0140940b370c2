"""Keras code that cuvier writes: real Keras 3.15 runs it, loads the weights written beside it and computes the same; so does cuvier."""
import json
import os

import pytest

from support import HERE, must
from test_fixed import identify, models


def write(evidence, folder):
    code, weights = os.path.join(str(folder), "model.py"), os.path.join(str(folder), "model.weights.h5")
    must("rebuild", *evidence, "-q", "-o", code, "-o", weights)
    return code, weights


def names_of(base):
    with open(base + ".facts.json", encoding="utf-8") as f:
        return [layer["name"] for layer in json.load(f)["layers"]]


@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_keras_runs_it(base, keras3, tmp_path):
    files = write([base + ".keras"], tmp_path)
    # operations as nodes cannot be given names, and Keras 2 called them otherwise
    names = None if "2.15" in base or os.path.basename(base) in ("operators",) else names_of(base)
    assert keras3.difference(files, base + ".io.npz", names=names) < 1e-5


@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_cuvier_reads_it_back(base, tmp_path):
    files = write([base + ".keras"], tmp_path)
    must("verify", *files, "--samples", base + ".io.npz")
