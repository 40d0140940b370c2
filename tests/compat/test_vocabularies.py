"""Vocabularies in text files of their own: named by the configuration, by the layer's name, by --map, or the only one; in models of Keras 3.15 and
2.15 in every form that they write, and in scripts."""
import json
import os

import numpy as np
import pytest

from support import HERE, arrays, cuvier, keras_215_python, keras_python, must, run_keras

LABELS = ["string", "string_masked", "string_windows", "integer", "integer_hot", "text", "text_count", "string_adapted", "integer_adapted", "text_adapted",
          "text_adapted_hot"]
FORMS = ["json", "keras", "h5", "savedmodel"]


@pytest.fixture(scope="module", params=["3.15", "2.15"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabularies")
    run_keras(keras_python() if request.param == "3.15" else keras_215_python(), "vocabulary_worker.py", folder)
    return request.param, folder, {m["label"]: m for m in json.load(open(folder / "made.json"))}


def assert_gives(evidence, folder, label, tmp_path):
    must("predict", *evidence, "-i", folder / (label + ".io.npz"), "-o", tmp_path / "y.npy")
    wanted = np.load(folder / (label + ".io.npz"))["y"]
    found, = arrays(tmp_path / "y.npy")
    assert found.shape == wanted.shape and (found == wanted).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", LABELS)
def test_vocabulary_of_its_own_file(made, label, form, tmp_path):
    version, folder, models = made
    m = models[label]
    if form not in m["written"]:
        pytest.skip("Keras %s does not write it" % version)
    model = folder / (label + "." + form)
    if form == "keras" and not m["names"]:      # the archive holds it
        return assert_gives([model], folder, label, tmp_path)
    text = folder / m["text"]
    if m["names"]:
        done = cuvier("summary", model)
        assert done.returncode == 3 and m["text"] in done.stderr and "not in the evidence" in done.stderr
        return assert_gives([text, model], folder, label, tmp_path)
    done = cuvier("summary", model)
    if form == "savedmodel" and done.returncode == 0:       # its checkpoint holds it
        return assert_gives([model], folder, label, tmp_path)
    assert done.returncode == 3 and "vocabulary" in done.stderr and "--map %s=" % m["layer"] in done.stderr
    assert_gives([model, text, "--map", "%s=%s" % (m["layer"], m["text"])], folder, label, tmp_path)
    named = tmp_path / (m["layer"] + ".txt")
    named.write_bytes(text.read_bytes())
    assert_gives([model, named], folder, label, tmp_path)
    only = must("predict", model, text, "-i", folder / (label + ".io.npz"), "-o", tmp_path / "y.npy")
    assert "the only one that lacks one" in " ".join(only.stderr.split())
    assert cuvier("rebuild", model, text, "--strict", "-o", tmp_path / "m.json").returncode == 1


def test_text_that_no_layer_takes(made, tmp_path):
    _, folder, models = made
    text = tmp_path / "README.txt"
    text.write_text("a text\nabout the model\n")
    done = cuvier("summary", folder / "string.json", folder / models["string"]["text"], text, "--map", "string_lookup=" + models["string"]["text"])
    assert done.returncode != 0 and "README.txt" in done.stderr
    (tmp_path / "numbers.txt").write_text("1\n2\nthree\n")
    done = cuvier("summary", folder / "integer.json", tmp_path / "numbers.txt")
    assert done.returncode == 3 and "line 3 is no integer" in done.stderr
    assert cuvier("summary", text).returncode == 3


SCRIPT = """
import numpy as np
import keras
from keras import layers
inputs = keras.Input((1,), dtype="string")
layer = layers.{layer}
{more}
model = keras.Model(inputs, layer(inputs))
model.summary()
"""
WAYS = {
    "named": ("TextVectorization(vocabulary='vocab.txt', output_sequence_length=3)", ""),
    "folder": ("TextVectorization(vocabulary='data/vocab.txt', output_sequence_length=3)", ""),
    "set": ("TextVectorization(output_sequence_length=3)", "layer.set_vocabulary(['cat', 'the', 'dog'])"),
    "set_file": ("TextVectorization(output_sequence_length=3)", "layer.set_vocabulary('vocab.txt')"),
    "read": ("TextVectorization(output_sequence_length=3, vocabulary=[w.strip() for w in open('vocab.txt')])", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_script(way, tmp_path):
    words = "cat\nthe\ndog\n"
    (tmp_path / "vocab.txt").write_text(words)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vocab.txt").write_text(words)
    layer, more = WAYS[way]
    script = SCRIPT.format(layer=layer, more=more)
    (tmp_path / "build.py").write_text(script)
    np.savez(tmp_path / "x.npz", x=np.array([["the cat"], ["a dog the end"]]))
    must("predict", tmp_path / "build.py", "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npy")
    (tmp_path / "run.py").write_text(script + "np.save('wanted.npy', np.asarray(model(keras.ops.convert_to_tensor(np.load('x.npz')['x'].astype(object)))))\n")
    if keras_python():
        import subprocess
        subprocess.run([keras_python(), "run.py"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, CUDA_VISIBLE_DEVICES="-1"))
        assert (np.load(tmp_path / "wanted.npy") == np.load(tmp_path / "y.npy")).all()
    assert np.load(tmp_path / "y.npy").tolist() == [[3, 2, 0], [1, 4, 3]]


@pytest.mark.parametrize("form", [".keras", ".savedmodel"])
def test_inside_a_model_of_tensorflow_2_13(form, tmp_path):
    """keras-2.13/nested_lookup.*, by TensorFlow 2.13.1: a StringLookup that was adapted, inside a Sequential inside a model. Its archives call the
    folder of a model's layers otherwise, which TensorFlow 2.15 does no more."""
    base = os.path.join(HERE, "keras-2.13", "nested_lookup")
    must("predict", base + form, "-i", base + ".io.npz", "-o", tmp_path / "y.npy")
    assert np.allclose(np.load(tmp_path / "y.npy"), np.load(base + ".io.npz")["y"], 1e-4, 1e-5)
