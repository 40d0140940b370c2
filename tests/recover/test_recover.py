"""Architectures recovered from weights alone, of models that real Keras draws as the test runs. tools/recover does the same with many models
and all carriers; here a few, each with what is known to work: exact for inputs that cuvier has not seen. A claim that is false fails."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import score  # noqa: E402

SEED = 7
EVERYWHERE = ("list", "nested", "dict", "npz", "legacy", "keras3")
NAMED = ("dict", "legacy", "keras3")
# (family, number): carriers from which the model comes back with eight samples.
KNOWN = {("mlp", 0): EVERYWHERE, ("mlp", 1): EVERYWHERE, ("cnn", 0): NAMED, ("cnn", 1): EVERYWHERE, ("conv1d", 0): EVERYWHERE,
         ("rnn", 1): EVERYWHERE, ("many_ends", 0): EVERYWHERE, ("branches", 0): NAMED, ("siamese", 1): NAMED, ("transformer", 1): NAMED}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    import carriers
    folder = tmp_path_factory.mktemp("recover")
    for family, number in KNOWN:
        carriers.write_model(os.path.join(str(folder), "%s_%d" % (family, number)), SEED, number, family)
    return str(folder)


@pytest.mark.parametrize("family,number", list(KNOWN), ids=lambda v: str(v))
def test_with_samples(models, family, number, tmp_path):
    for carrier in KNOWN[family, number]:
        row = score.recover(os.path.join(models, "%s_%d" % (family, number)), carrier, 8, str(tmp_path))
        assert row["exact"], "%s: %s, off by %s" % (carrier, row["error"] or "built", row["difference"])


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_no_false_claim(models, samples, tmp_path):
    """With few samples, or none, a model may be wrong; then nothing may be called verified."""
    for family, number in KNOWN:
        row = score.recover(os.path.join(models, "%s_%d" % (family, number)), "keras3", samples, str(tmp_path), 4)
        assert not row["verified"] or row["exact"], "%s %d: verified, but off by %s" % (family, number, row["difference"])
        assert samples or not row["verified"], "verified without samples"


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layer_that_goes_backwards(kind, tmp_path):
    """No name and no shape tells the direction."""
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    import carriers
    import keras
    import numpy as np
    rng = np.random.default_rng(8)
    model = keras.Sequential([keras.Input((9, 4)), getattr(keras.layers, kind)(6, go_backwards=True), keras.layers.Dense(3)])
    for w in model.trainable_weights:
        w.assign(w.numpy() + rng.normal(0, 0.1, w.shape))
    x = rng.normal(0, 1, (24, 9, 4)).astype("float32")
    folder = str(tmp_path)
    carriers.write_carriers(model, folder)
    carriers.write_samples(folder, [x], [np.array(model(x))])
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": "rnn", "inputs": [[9, 4]], "layers": len(model.layers)}, file)
    row = score.recover(folder, "list", 8, folder)
    assert row["exact"] and row["verified"], row["error"] or row["difference"]
