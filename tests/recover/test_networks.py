"""Networks of keras.applications that real Keras makes as the test runs, recovered from their weights alone. tools/recover --networks does all of
them; here a few small ones, in each use and carrier."""
import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import score  # noqa: E402
import support  # noqa: E402

CARRIERS = ("list", "npz", "safetensors", "legacy", "keras3")
# name, use, side of the pictures
CASES = [("MobileNet", "top", 64), ("MobileNetV2", "flat", 64), ("MobileNetV3Small", "top", 64), ("EfficientNetB0", "nested", 64),
         ("DenseNet121", "bare", 64)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("keras")
    import networks
    folder = str(tmp_path_factory.mktemp("networks"))
    for name, use, side in CASES:
        networks.write(os.path.join(folder, name), name, use, side=side)
    return folder


def rebuild(folder, *more):
    return support.cuvier("rebuild", os.path.join(folder, "list.npy"), *more, "--json", "-o", os.path.join(folder, "rebuilt.keras"))


@pytest.mark.parametrize("name,use,side", CASES, ids=[case[0] for case in CASES])
def test_outputs(models, name, use, side, tmp_path):
    for carrier in CARRIERS:
        row = score.recover(os.path.join(models, name), carrier, 8, str(tmp_path), 30)
        assert row["exact"], "%s: %s, off by %s" % (carrier, row["error"] or "built", row["difference"])


@pytest.mark.parametrize("name", ["MobileNet", "DenseNet121"])
def test_without_samples(models, name, tmp_path):
    """The network is told by its weights; only the shape of the input is given."""
    for carrier in ("list", "legacy", "keras3"):
        row = score.recover(os.path.join(models, name), carrier, 0, str(tmp_path), 30)
        assert row["exact"] and not row["verified"], "%s: %s, off by %s" % (carrier, row["error"] or "built", row["difference"])


def test_decision(models):
    done = rebuild(os.path.join(models, "MobileNetV2"), "--input-shape", "64,64,3")
    assert done.returncode == 0, done.stderr
    told = [d for d in support.json.loads(done.stdout)["decisions"] if d["field"] == "network"]
    assert [(d["value"], d["evidence"]) for d in told] == [("MobileNetV2 of width 1, with its top", "inferred")]
    assert "262 tensors in a row" in told[0]["why"]


def test_samples_of_another_model(models, tmp_path):
    """The weights tell the network; samples that are not its own are still refused, and the message says what was tried."""
    folder = os.path.join(models, "MobileNet")
    samples = dict(np.load(os.path.join(folder, "samples_8.npz")))
    samples["y0"] = samples["y0"][::-1]
    path = str(tmp_path / "wrong.npz")
    np.savez(path, **samples)
    done = rebuild(folder, "--samples", path, "--time", "3")
    assert done.returncode == 1
    error = support.json.loads(done.stdout)["error"]
    assert error["code"] == "recover.differs"
    assert "137 tensors are those of MobileNet" in error["notes"]


def test_almost_a_network(models, tmp_path):
    """One weight of another shape: it is no such network, and the message says which it is nearest to."""
    weights = np.load(os.path.join(models, "MobileNet", "list.npy"), allow_pickle=True)
    weights[100] = np.zeros(weights[100].shape + (2,), "float32")
    path = str(tmp_path / "changed.npy")
    np.save(path, weights, allow_pickle=True)
    done = support.cuvier("rebuild", path, "--input-shape", "64,64,3", "--time", "3", "--json", "-o", str(tmp_path / "no.keras"))
    assert done.returncode == 1
    assert "begin like those of MobileNet: 100 of 137" in support.json.loads(done.stdout)["error"]["notes"]
