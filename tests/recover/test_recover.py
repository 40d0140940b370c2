"""Architectures recovered from weights alone, of models that real Keras draws as the test runs. tools/recover does the same with many models
and all carriers; here a few, each with what is known to work: exact for inputs that cuvier has not seen. A claim that is false fails."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import score  # noqa: E402
import support  # noqa: E402

SEED = 7
SANITIZED = any(kind in os.environ.get("CUVIER", "") for kind in ("asan", "ubsan"))
EVERYWHERE = ("list", "nested", "dict", "npz", "legacy", "keras3")
NAMED = ("dict", "legacy", "keras3")
# (family, number): carriers from which the model comes back with eight samples.
KNOWN = {("mlp", 0): EVERYWHERE, ("mlp", 1): EVERYWHERE, ("cnn", 0): NAMED, ("cnn", 1): EVERYWHERE, ("conv1d", 0): EVERYWHERE,
         ("rnn", 1): EVERYWHERE, ("many_ends", 0): EVERYWHERE, ("branches", 0): NAMED, ("siamese", 1): NAMED, ("transformer", 1): NAMED,
         ("generator", 0): EVERYWHERE, ("sequence_autoencoder", 0): EVERYWHERE, ("squeeze_excite", 0): NAMED, ("group_cnn", 0): NAMED}


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


# Carriers from which these come back; what is missing here is not found yet.
PUBLIC = {"resnet20_v1": ("list", "keras3"), "resnet20_v2": ("list",), "mini_xception": ("list", "keras3"), "unet": ("list", "keras3"),
          "unet_normalised": ("list", "keras3"), "text_transformer": ("list", "legacy"), "vision_transformer": ("list",)}
DEEP = "resnet20_v1", "resnet20_v2", "mini_xception"      # seconds, where a sanitized program takes minutes
PATIENCE = 120      # seconds; used up only where nothing is found


def come_back(folder, name, carriers, *seconds):
    """Each exact from eight samples, for inputs that the search has not seen."""
    for carrier in carriers:
        row = score.recover(str(folder / name), carrier, 8, str(folder), *seconds)
        assert row["exact"], "%s: %s, off by %s" % (carrier, row["error"] or "built", row["difference"])


@pytest.mark.parametrize("name", list(PUBLIC))
def test_public_kinds(name, tmp_path):
    """What is found most often without any configuration."""
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    if SANITIZED and name in DEEP:
        pytest.skip("deep nets take a sanitized program too long")
    import public
    public.write(str(tmp_path / name), name)
    come_back(tmp_path, name, PUBLIC[name], PATIENCE)


# Models of everyday.py by the carriers from which they come back with eight samples. What is missing here is not found yet.
BOTH = ("list", "keras3")
EVERYDAY = {"tabular": BOTH, "recommender_dot": BOTH, "kim": BOTH, "kim_flat": BOTH, "weather": BOTH, "siamese_abs": BOTH, "seq2seq_chars": BOTH,
            "seq2seq_words": BOTH, "video": BOTH, "video_class": BOTH, "kim_2d": ("list",), "squeezenet": ("keras3",), "ecg_resnet": ("keras3",),
            "densenet_small": ("keras3",), "resnet_toy": ("keras3",)}
SLOW = "video", "squeezenet", "ecg_resnet", "densenet_small", "resnet_toy"


@pytest.mark.parametrize("name", list(EVERYDAY))
def test_everyday(name, tmp_path):
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    if SANITIZED and name in SLOW:
        pytest.skip("takes a sanitized program too long")
    import everyday
    everyday.write(str(tmp_path / name), name)
    come_back(tmp_path, name, EVERYDAY[name])


def write_folder(folder, model, x, words):
    import carriers
    import numpy as np
    carriers.write_carriers(model, folder)
    carriers.write_samples(folder, [x], [np.array(model(x))])
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": words, "inputs": [list(x.shape[1:])], "layers": len(model.layers)}, file)


def test_masked_words(tmp_path):
    """Word 0 is masked. Where no sample has it, nothing is verified; where some do, it is found."""
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    import keras
    import numpy as np
    rng = np.random.default_rng(3)
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((8,), dtype="int32"), keras.layers.Embedding(20, 6, mask_zero=True), keras.layers.LSTM(5),
                              keras.layers.Dense(3)])
    for low, wanted in ((0, True), (1, False)):
        x = rng.integers(low, 20, (24, 8)).astype("int32")
        x[:8, 5:] = x[:8, 5:] if low else 0
        folder = str(tmp_path / str(low))
        os.makedirs(folder)
        write_folder(folder, model, x, "masked_text")
        row = score.recover(folder, "legacy", 8, folder)
        assert row["verified"] == wanted and (row["exact"] or not wanted), row["error"] or row["difference"]


def test_where_wiring_breaks(tmp_path):
    """The message says how many layers could be connected, and which one then finds no tensor."""
    pytest.importorskip("keras")
    import numpy as np
    path, io = str(tmp_path / "list.npy"), str(tmp_path / "io.npz")
    weights = np.empty(6, object)
    for i, shape in enumerate([(5, 7), (7,), (7, 9), (9,), (11, 3), (3,)]):
        weights[i] = np.ones(shape, "float32")
    np.save(path, weights, allow_pickle=True)
    np.savez(io, x=np.ones((4, 5), "float32"), y=np.ones((4, 3), "float32"))
    done = score.support.cuvier("rebuild", path, "--samples", io, "--json", "-o", str(tmp_path / "no.keras"))
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "recover.wiring"
    assert "2 of 3 layers could be connected; no tensor fits the next one, Dense (takes 11 channels, gives 3), after Dense" in error["notes"]


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


SHARED = ("branches", "deep_branches", "sentences", "sentences_with_features", "pictures", "triplet", "three_merged")


@pytest.mark.parametrize("name", SHARED)
def test_shared_layers(name, tmp_path):
    """The first layers are called on each of several inputs; what follows merges what they give, or has ways of its own for each."""
    pytest.importorskip("keras")
    pytest.importorskip("h5py")
    import shared
    shared.write(str(tmp_path / name), name)
    come_back(tmp_path, name, ("list", "npz", "legacy", "keras3"), PATIENCE)
    files = [str(tmp_path / name / "list.npy"), "--samples", str(tmp_path / name / "samples_8.npz"), "--time", str(PATIENCE)]
    told = json.loads(support.cuvier("rebuild", *files, "--json").stdout)["decisions"]
    assert any(d["field"] == "shared layers" for d in told)
    done = support.cuvier("verify", *files)
    assert done.returncode == 0 and "recovered with the samples" in done.stderr, done.stderr


def test_shared_without_samples(tmp_path):
    """Two equal inputs and one set of layers: they are taken to be shared, not to follow a sum of the inputs."""
    pytest.importorskip("keras")
    import shared
    shared.write(str(tmp_path), "pictures")
    shape = ["--input-shape", "20,20,1"]
    told = json.loads(support.cuvier("rebuild", str(tmp_path / "list.npy"), *shape, *shape, "--json", "--time", str(PATIENCE)).stdout)
    assert any(d["field"] == "shared layers" and d["evidence"] == "assumed" for d in told["decisions"])
