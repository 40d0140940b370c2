"""Masks that leave nothing of a row: attention and Softmax against both Kerases, whose numbers differ there, and what is said when such a model is written for the
other one. The models come from mask_edge_worker.py as the test runs."""
import json

import numpy as np
import pytest

from support import cuvier, keras_215_python, keras_python, must, run_keras


@pytest.fixture(scope="module", params=["3.15", "2.15"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edges")
    run_keras(keras_python() if request.param == "3.15" else keras_215_python(), "mask_edge_worker.py", folder)
    return request.param, folder, json.load(open(folder / "labels.json"))


def test_outputs(made):
    _, folder, labels = made
    assert len(labels) >= 10
    for label in labels:
        for ending in (".keras", ".h5"):
            must("verify", folder / (label + ending), "--samples", folder / (label + ".io.npz"))


def test_written_for_its_own_keras(made, keras3, keras2, tmp_path):
    version, folder, labels = made
    loader, options = (keras3, []) if version == "3.15" else (keras2, ["--keras", "2"])
    for label in labels:
        done = cuvier("rebuild", folder / (label + ".keras"), *options, "-o", tmp_path / "m.keras")
        assert done.returncode == 0 and not done.stderr, label + ": " + done.stderr
        assert loader.difference([str(tmp_path / "m.keras")], folder / (label + ".io.npz")) < 1e-5, label


def test_softmax_for_the_other_keras(made, keras3, keras2, tmp_path):
    """It says that rows without a place differ; where there is a place the other Keras gives the same."""
    version, folder, _ = made
    loader, options = (keras2, ["--keras", "2"]) if version == "3.15" else (keras3, [])
    for label in ("softmax", "softmax_rows", "softmax_both"):
        said = " ".join(must("rebuild", folder / (label + ".keras"), *options, "-o", tmp_path / "m.keras").stderr.split())
        assert "a masked Softmax, which gives %s where all is masked" % ("zeros" if version == "3.15" else "numbers above 0") in said
        with np.load(folder / (label + ".io.npz")) as io:
            assert loader.difference([str(tmp_path / "m.keras")], folder / (label + ".io.npz")) > 0.01       # it is so
            np.savez(tmp_path / "some.npz", **{key: io[key][2:3] for key in io})
        assert loader.difference([str(tmp_path / "m.keras")], tmp_path / "some.npz") < 1e-5
