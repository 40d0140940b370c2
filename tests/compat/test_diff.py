"""cuvier diff on pairs of models that real Keras wrote: what it names is what differs, and nothing else."""
import json
import os

import numpy as np
import pytest

from support import HERE, as_json, cuvier, must

NEW, OLD = os.path.join(HERE, "keras-3.15"), os.path.join(HERE, "keras-2.15")


def pair(name, ending=".keras"):
    return os.path.join(OLD, name + ending), os.path.join(NEW, name + ending)


def without_names(document):
    return [row for row in document["config"] if row["field"] != "name"]


# The same model by both Kerases: the same arrays, the same outputs (their io.npz agree), whatever the words of the configuration.
SAME = ["mlp", "mlp_named", "cnn", "conv1d", "conv2d", "conv3d", "depthwise", "conv_transpose", "batchnorm", "layernorm", "embedding", "gru",
        "simple_rnn", "bidirectional", "time_distributed", "merges", "shared", "multi_io", "nested_functional", "nested_sequential",
        "nested_deep", "resnet", "unet", "seq2seq", "transformer", "attention", "dropouts", "pools", "pad_up", "shapes"]


@pytest.mark.parametrize("name", SAME)
def test_the_same_by_both(name):
    """Defaults and forms of two Kerases are resolved: only the names that they make up may differ."""
    io = [np.load(os.path.join(folder, name + ".io.npz")) for folder in (OLD, NEW)]
    assert all(np.allclose(io[0][k], io[1][k], 1e-4, 1e-5) for k in io[0].files)
    done = cuvier("diff", *pair(name), "--json")
    document = json.loads(done.stdout)
    assert document["structure"] == [] and document["weights"] == [] and without_names(document) == []
    assert all(o["ok"] for o in document["outputs"]) and document["parts_at"] is None
    assert done.returncode == (0 if document["same"] else 1) and document["same"] == (document["config"] == [])


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm", "nested_functional", "transformer", "multi_io", "unet"])
def test_carriers_agree(name):
    """.keras and .h5 of one model are the same, and so is the model itself."""
    assert as_json("diff", os.path.join(NEW, name + ".keras"), os.path.join(NEW, name + ".h5"))["same"] is True
    assert as_json("diff", os.path.join(NEW, name + ".keras"), os.path.join(NEW, name + ".keras"))["same"] is True


def test_one_word_two_functions():
    """hard_sigmoid is another function in Keras 3: the real outputs differ, and this is where."""
    io = [np.load(os.path.join(folder, "lstm.io.npz"))["y"] for folder in (OLD, NEW)]
    assert np.abs(io[0] - io[1]).max() > 1e-3
    document = as_json("diff", *pair("lstm"), status=1)
    rows = without_names(document)
    assert [(r["layer"], r["field"]) for r in rows] == [("lstm_2", "recurrent_activation")]
    assert "Keras 2" in rows[0]["a"] and "Keras 3" in rows[0]["b"]
    assert document["weights"] == [] and document["parts_at"]["layer"] == "lstm_2"


def test_another_default():
    """ConvLSTM2D's default recurrent activation changed between the two."""
    document = as_json("diff", *pair("conv_lstm"), status=1)
    rows = without_names(document)
    assert {(r["layer"], r["field"], r["a"], r["b"]) for r in rows} == {
        (layer, "recurrent_activation", "'hard_sigmoid'", "'sigmoid'") for layer in ("conv_lstm2d", "conv_lstm2d_1")}
    assert document["parts_at"]["layer"] == "conv_lstm2d"


def test_a_layer_more():
    """Keras 3 has no ThresholdedReLU: the model of 2.15 has one layer more."""
    document = as_json("diff", *pair("activation_layers"), status=1)
    alone = [r for r in document["structure"] if r["what"] == "layer"]
    assert [(r["layer"], r["a"], r["b"]) for r in alone] == [("thresholded_re_lu", "ThresholdedReLU", None)]
    assert any(r["layer"] == "concatenate" and r["what"] == "inputs" for r in document["structure"])
    assert document["outputs"] is None and document["outputs_why"]


@pytest.mark.parametrize("which,layer,tensor", [(0, "dense", "kernel"), (1, "dense", "bias"), (2, "dense_1", "kernel"), (3, "dense_1", "bias")])
def test_the_numbers(which, layer, tensor, tmp_path):
    """max_abs and relative_norm as NumPy computes them; the models part where the array is."""
    base = os.path.join(NEW, "mlp")
    w = [np.load(base + ".npz")["arr_%d" % i] for i in range(4)]
    changed = [a.copy() for a in w]
    changed[which] += np.random.default_rng(which).normal(0, 0.3, w[which].shape).astype(np.float32)
    np.savez(tmp_path / "changed.npz", *changed)
    must("rebuild", base + ".json", tmp_path / "changed.npz", "-o", tmp_path / "changed.keras")
    document = as_json("diff", base + ".keras", tmp_path / "changed.keras", status=1)
    assert [(r["layer"], r["tensor"]) for r in document["weights"]] == [(layer, tensor)]
    off = changed[which].astype(np.float64) - w[which]
    assert abs(document["weights"][0]["max_abs"] - np.abs(off).max()) < 1e-12
    assert abs(document["weights"][0]["relative_norm"] - np.linalg.norm(off) / np.linalg.norm(w[which].astype(np.float64))) < 1e-12
    assert document["structure"] == [] and document["config"] == []
    assert document["parts_at"]["layer"] == layer and not document["outputs"][0]["ok"]


@pytest.mark.parametrize("name", ["nested_functional", "nested_sequential", "nested_deep"])
def test_nested_weights_by_their_path(name, tmp_path):
    """Weights, and where the outputs part, are told by the path of the layer, however deep it lies."""
    base = os.path.join(NEW, name)
    loaded = np.load(base + ".npz")
    w = [loaded["arr_%d" % i] for i in range(len(loaded.files))]
    decisions = [d for d in as_json("rebuild", base + ".json", base + ".npz")["decisions"] if d["layer"]]
    inner = max(range(len(decisions)), key=lambda i: (decisions[i]["layer"].count("/"), -i))
    assert decisions[inner]["layer"].count("/") >= (2 if name == "nested_deep" else 1)
    w[inner] = w[inner] + np.float32(0.25)
    np.savez(tmp_path / "changed.npz", *w)
    must("rebuild", base + ".json", tmp_path / "changed.npz", "-o", tmp_path / "changed.keras")
    document = as_json("diff", base + ".keras", tmp_path / "changed.keras", status=1)
    assert [(r["layer"], r["tensor"]) for r in document["weights"]] == [(decisions[inner]["layer"], decisions[inner]["field"])]
    assert document["parts_at"]["layer"] == decisions[inner]["layer"]


def test_other_wiring(tmp_path):
    """Two inputs of a Subtract exchanged: same layers, same weights, other outputs."""
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "x"}, "name": "x", "inbound_nodes": []},
              *[{"class_name": "Dense", "config": {"name": n, "units": 2}, "name": n, "inbound_nodes": [[["x", 0, 0, {}]]]} for n in "ab"],
              {"class_name": "Subtract", "config": {"name": "minus"}, "name": "minus", "inbound_nodes": [[["a", 0, 0, {}], ["b", 0, 0, {}]]]}]
    config = {"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["minus", 0, 0]]}}
    (tmp_path / "one.json").write_text(json.dumps(config))
    layers[3]["inbound_nodes"] = [[["b", 0, 0, {}], ["a", 0, 0, {}]]]
    (tmp_path / "two.json").write_text(json.dumps(config))
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "w.npz", **{"%s/%s" % (n, w): rng.normal(size=s).astype(np.float32) for n in "ab" for w, s in (("kernel", (3, 2)), ("bias", 2))})
    for n in ("one", "two"):
        must("rebuild", tmp_path / (n + ".json"), tmp_path / "w.npz", "-o", tmp_path / (n + ".keras"))
    document = as_json("diff", tmp_path / "one.keras", tmp_path / "two.keras", status=1)
    assert [(r["layer"], r["what"], r["a"], r["b"]) for r in document["structure"]] == [("minus", "inputs", "a[0][0], b[0][0]", "b[0][0], a[0][0]")]
    assert document["weights"] == [] and document["parts_at"]["layer"] == "minus"


def test_configurations_alone():
    """Without weights there are no outputs to compare, and it is said."""
    document = as_json("diff", os.path.join(NEW, "mlp.json"), os.path.join(NEW, "mlp.json"))
    assert document["same"] is True and document["outputs"] is None and "weights" in document["outputs_why"]
    document = as_json("diff", os.path.join(NEW, "mlp.json"), os.path.join(NEW, "mlp.keras"), status=1)
    assert {r["a"] for r in document["weights"]} == {"no values"}


def test_in_words(tmp_path):
    done = must("diff", *pair("lstm"), status=1)
    assert "they part at 'lstm_2'" in done.stdout and done.stdout.endswith("the models differ\n") and not done.stderr
    assert not must("diff", *pair("lstm"), "-q", status=1).stdout
    assert "the models are the same" in must("diff", os.path.join(NEW, "mlp.keras"), os.path.join(NEW, "mlp.h5")).stdout


@pytest.mark.parametrize("count", [0, 1, 3])
def test_two_models(count):
    assert must("diff", *[os.path.join(NEW, "mlp.keras")] * count, status=2).stderr


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "x.keras").write_bytes(b"PK")
    assert must("diff", os.path.join(NEW, "mlp.keras"), tmp_path / "x.keras", status=3).stderr.startswith("error: ")


# ---- verify --against


@pytest.mark.parametrize("name", ["mlp", "cnn", "gru", "embedding", "multi_io", "nested_functional", "shared"])
def test_verify_against_the_other_keras(name):
    document = as_json("verify", pair(name)[0], "--against", pair(name)[1])
    assert document["ok"] is True and all(o["max_abs"] < 1e-4 for o in document["outputs"])


def test_verify_against_another_function():
    done = must("verify", pair("lstm")[0], "--against", pair("lstm")[1], status=1)
    assert "the outputs are not those of lstm.keras" in done.stderr and "cuvier diff" in done.stderr
    assert as_json("verify", pair("lstm")[0], "--against", pair("lstm")[1], status=1)["ok"] is False


def test_verify_against_other_ends():
    done = must("verify", os.path.join(NEW, "mlp.keras"), "--against", os.path.join(NEW, "multi_io.keras"), status=1)
    assert "different numbers of inputs or outputs" in done.stderr


# ---- inputs that are drawn: what a layer knows and what it does not

def one_layer(folder, name, class_name, dtype, shape, **config):
    """A model of one layer without weights, as JSON."""
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, *shape], "dtype": dtype, "keras_history": ["a", 0, 0]}}
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "name": "a", "inbound_nodes": [],
               "config": {"batch_shape": [None, *shape], "dtype": dtype, "name": "a"}},
              {"module": "keras.layers", "class_name": class_name, "name": "b", "config": dict(config, name="b"),
               "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}]
    path = folder / (name + ".json")
    path.write_text(json.dumps({"module": "keras.src.models.functional", "class_name": "Functional", "config": {
        "name": "m", "layers": layers, "input_layers": ["a", 0, 0], "output_layers": ["b", 0, 0]}}))
    return path


WORDS = ["dog", "cat", "zebra", "quick", "fox"]
DRAWN = {
    "word": ("StringLookup", "string", [3], {"vocabulary": WORDS}, {"vocabulary": ["dog", "cat", "zebra", "slow", "fox"]}),
    "unknown words": ("StringLookup", "string", [3], {"vocabulary": WORDS, "num_oov_indices": 2}, {"vocabulary": WORDS, "num_oov_indices": 2, "salt": [1, 2]}),
    "mask": ("StringLookup", "string", [3], {"vocabulary": WORDS, "mask_token": "", "output_mode": "count"}, {"vocabulary": WORDS, "output_mode": "count"}),
    "text": ("TextVectorization", "string", [1], {"vocabulary": WORDS, "output_mode": "count"}, {"vocabulary": WORDS[::-1], "output_mode": "count"}),
    "capitals": ("TextVectorization", "string", [1], {"vocabulary": WORDS, "output_sequence_length": 9, "standardize": "lower_and_strip_punctuation"},
                 {"vocabulary": WORDS, "output_sequence_length": 9, "standardize": "strip_punctuation"}),
    "punctuation": ("TextVectorization", "string", [1], {"vocabulary": WORDS, "output_sequence_length": 9, "standardize": "lower"},
                    {"vocabulary": WORDS, "output_sequence_length": 9, "standardize": "lower_and_strip_punctuation"}),
    "pairs": ("TextVectorization", "string", [1], {"vocabulary": WORDS + ["dog cat"], "output_mode": "multi_hot", "ngrams": 2},
              {"vocabulary": WORDS + ["dog cat"], "output_mode": "multi_hot", "ngrams": 1}),
    "number": ("IntegerLookup", "int64", [3], {"vocabulary": [1000, 7, -20]}, {"vocabulary": [1000, 8, -20]}),
    "unknown numbers": ("IntegerLookup", "int64", [3], {"vocabulary": [10, 7], "num_oov_indices": 2}, {"vocabulary": [10, 7], "num_oov_indices": 3}),
    "back": ("IntegerLookup", "int64", [3], {"vocabulary": [10, 7, 8, 9], "invert": True}, {"vocabulary": [10, 7, 8, 4], "invert": True}),
    "hash": ("Hashing", "int64", [3], {"num_bins": 50}, {"num_bins": 50, "salt": [1, 2]}),
    "hashed words": ("Hashing", "string", [3], {"num_bins": 50}, {"num_bins": 50, "salt": [1, 2]}),
    "bins": ("Discretization", "float32", [3], {"bin_boundaries": [10.0, 20.0, 30.0]}, {"bin_boundaries": [10.0, 20.0, 36.0]}),
    "categories": ("CategoryEncoding", "int64", [3], {"num_tokens": 9, "output_mode": "count"}, {"num_tokens": 9, "output_mode": "multi_hot"}),
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_verify_against_draws_what_the_layer_knows(name, tmp_path):
    class_name, dtype, shape, config, other = DRAWN[name]
    same = [one_layer(tmp_path, n, class_name, dtype, shape, **c) for n, c in (("one", config), ("two", config), ("other", other))]
    assert as_json("verify", same[0], "--against", same[1])["ok"] is True
    assert as_json("verify", same[0], "--against", same[2], status=1)["ok"] is False


def test_embedding_gets_indices_of_all_its_rows(tmp_path):
    for name, last in (("one", 0.0), ("other", 5.0)):
        rows = np.arange(80, dtype="float32").reshape(40, 2)
        rows[20:] += last
        np.savez(tmp_path / (name + ".npz"), rows)
    model = one_layer(tmp_path, "model", "Embedding", "int32", [6], input_dim=40, output_dim=2)
    for name, ok in (("one", True), ("other", False)):
        must("rebuild", model, tmp_path / (name + ".npz"), "-o", tmp_path / (name + ".keras"))
        assert as_json("verify", model, tmp_path / "one.npz", "--against", tmp_path / (name + ".keras"), status=0 if ok else 1)["ok"] is ok
