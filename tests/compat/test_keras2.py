"""What cuvier writes with --keras 2, Keras 2.15 and tf_keras load: without a word, layer by layer the same, with the same outputs."""
import json
import os

import pytest

from support import HERE, RELEASES, Loader, keras_python, must
from test_fixed import identify, models

FORMS = [".keras", ".h5", ".json", ".weights.h5"]
# What Keras 2 has no function for, so that the model is refused by name.
REFUSED = {"keras-3.15/activations": "glu", "keras-3.15/dense_activations": "hard_silu"}
# What Keras 2.15 writes into a configuration and cuvier leaves to its default, or the other way round.
UNSAID = {"implementation", "time_major", "groups", "synchronized", "zero_output_for_mask", "input_length", "batch_input_shape",
          "noise_shape", "kernel_initializer", "kernel_regularizer", "kernel_constraint", "activity_regularizer", "backward_layer", "seed"}


def name_of(base):
    return "/".join(base.split(os.sep)[-2:])


def write(base, folder, forms=tuple(FORMS)):
    outs = {form: os.path.join(str(folder), "model" + form) for form in forms}
    must("rebuild", base + ".keras", "--keras", "2", "-q", *[a for o in outs.values() for a in ("-o", o)])
    return outs


def check(answer):
    assert "error" not in answer, answer["error"]
    assert answer["said"] == []
    assert answer["difference"] is None or answer["difference"] < 1e-5
    return answer


# ---- word for word ---------------------------------------------------------------------------------------------------------

def records(model, above=""):
    for layer in model["config"]["layers"]:
        yield above + layer["config"]["name"], layer
        if "layers" in layer["config"]:
            yield from records(layer, above + layer["config"]["name"] + "/")


def assert_same_words(found, wanted, where):
    """Every argument that both say is the same; what one leaves out is a default that has no say in the outputs."""
    if isinstance(wanted, dict) and "class_name" in wanted and isinstance(found, dict):
        assert found["class_name"] == wanted["class_name"], where
        assert_same_words(found["config"], wanted["config"], where)
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        assert set(found) ^ set(wanted) <= UNSAID, where
        for key in set(found) & set(wanted) - {"layers"}:
            assert_same_words(found[key], wanted[key], where + "." + key)
        return
    assert found == wanted, where


@pytest.mark.parametrize("base", [b for b in models() if RELEASES[0] in b], ids=identify)
def test_configuration_as_keras_wrote_it(base, tmp_path):
    """Against the configuration in the file that Keras 2.15 itself wrote: layers, arguments, wiring."""
    with open(write(base, tmp_path, [".json"])[".json"]) as f:
        found = json.load(f)
    with open(base + ".json") as f:
        wanted = json.load(f)
    assert {k: v for k, v in found.items() if k != "config"} == {k: v for k, v in wanted.items() if k != "config"}
    assert [name for name, _ in records(found)] == [name for name, _ in records(wanted)]
    for (name, a), (_, b) in zip(records(found), records(wanted)):
        for key in ("module", "class_name", "registered_name", "name", "inbound_nodes"):
            assert a.get(key) == b.get(key), name + ": " + key
        assert_same_words(a["config"], b["config"], name)
    for key in ("name", "trainable", "input_layers", "output_layers"):
        assert found["config"].get(key) == wanted["config"].get(key), key


# ---- loaded by Keras 2 -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_keras_215_loads_it(base, keras2, tmp_path):
    """.keras of models of Keras 3, .h5 of those of Keras 2; every fifth in all forms."""
    if name_of(base) in REFUSED:
        said = must("rebuild", base + ".keras", "--keras", "2", "-o", tmp_path / "m.keras", status=3).stderr
        assert REFUSED[name_of(base)] in said and "Keras 2 does not have" in said and not (tmp_path / "m.keras").exists()
        return
    outs = write(base, tmp_path)
    io = base + ".io.npz"
    every = base in list(models())[::5]
    if every or RELEASES[1] in base:
        check(keras2.ask([outs[".keras"]], io))
    if every or RELEASES[0] in base:
        check(keras2.ask([outs[".h5"]], io))
    if every:
        check(keras2.ask([outs[".json"], outs[".weights.h5"]], io))


@pytest.mark.parametrize("base", list(models())[::8], ids=identify)
def test_tf_keras_loads_it(base, tmp_path, tf_keras):
    if name_of(base) in REFUSED:
        pytest.skip("refused by name")
    outs = write(base, tmp_path)
    check(tf_keras.ask([outs[".keras"]], base + ".io.npz"))
    check(tf_keras.ask([outs[".h5"]], base + ".io.npz"))


@pytest.fixture(scope="module")
def tf_keras():
    if not keras_python():
        pytest.skip("tf_keras is not installed (tools/setup_tests)")
    loader = Loader(keras_python(), "tf_keras")
    yield loader
    loader.close()


def flags(layers):
    """What has to stay of each layer, at every level, without those that Keras 2 needs for an activation."""
    for layer in layers:
        if "_activation_" in layer["name"]:
            continue
        yield (layer["name"], layer["class"], layer["policy"], layer["trainable"],
               [(w["shape"], w["dtype"], w["trainable"]) for w in layer["weights"]])
        yield from flags(layer.get("layers", []))


@pytest.mark.parametrize("base", [b for b in models() if RELEASES[1] in b and name_of(b) not in REFUSED][::4], ids=identify)
def test_layers_stay(base, keras2, keras3, tmp_path):
    """Names, classes, policies, flags, weights: what Keras 3 has in its file, Keras 2.15 has in ours. Operations are layers there."""
    if os.path.basename(base) in ("operators", "embedding_mask_stack"):
        pytest.skip("operations have another class in Keras 2")
    new = keras2.ask([write(base, tmp_path)[".keras"]], facts=True)
    old = keras3.ask([base + ".keras"], facts=True)
    assert "error" not in new and "error" not in old
    assert list(flags(new["layers"])) == list(flags(old["layers"]))
    if os.path.basename(base) != "lstm":    # has hard gates: 5/6 of their weights
        assert [w["sha"] for l in new["layers"] for w in l["weights"]] == [w["sha"] for l in old["layers"] for w in l["weights"]]
    assert not new["model"]["optimizer"]


# ---- what changes, and what is refused -----------------------------------------------------------------------------------------

def test_changes_are_told(tmp_path):
    base = os.path.join(HERE, "keras-3.15", "lstm")
    said = must("rebuild", base + ".keras", "--keras", "2", "-o", tmp_path / "m.keras").stderr
    assert "'lstm_2': recurrent_activation=hard_sigmoid of Keras 3 is written as that of Keras 2, with 5/6 of the gates' weights" in said


def test_the_old_hard_sigmoid_survives_both_ways(keras2, tmp_path):
    """Keras 2 -> 3 -> 2: the Sequential that says it in Keras 3 becomes the function again."""
    base = os.path.join(HERE, "keras-2.15", "lstm")
    must("rebuild", base + ".keras", "-q", "-o", tmp_path / "three.keras")
    must("rebuild", tmp_path / "three.keras", "--keras", "2", "-q", "-o", tmp_path / "two.keras", "-o", tmp_path / "two.json")
    check(keras2.ask([tmp_path / "two.keras"], base + ".io.npz"))
    assert "hard_sigmoid_of_keras_2" not in (tmp_path / "two.json").read_text()


def test_code_is_for_keras_3(tmp_path):
    base = os.path.join(HERE, "keras-3.15", "mlp")
    said = must("rebuild", base + ".keras", "--keras", "2", "-o", tmp_path / "m.py", status=3).stderr
    assert "Keras code is written for Keras 3 only" in said and not (tmp_path / "m.py").exists()


def test_reproducible(tmp_path):
    base = os.path.join(HERE, "keras-3.15", "transformer")
    for place in ("a", "b"):
        os.mkdir(tmp_path / place)
        write(base, tmp_path / place)
    for form in FORMS:
        assert (tmp_path / "a" / ("model" + form)).read_bytes() == (tmp_path / "b" / ("model" + form)).read_bytes(), form
