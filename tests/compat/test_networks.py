"""Models that are classes of their script (networks/): real Keras runs the scripts and saves the weights, cuvier follows __init__ and call
and finds the weights in each file, whose paths are the class's attributes."""
import glob
import os
import shutil

import numpy as np
import pytest

from support import HERE, as_json, check_evidence, keras_215_python, keras_python, must, numbered, run_keras

FOLDER = os.path.join(HERE, "networks")
NAMES = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(FOLDER, "*.py")))
PYTHONS = {"3.15": keras_python, "2.15": keras_215_python}
CARRIERS = {"3.15": {"weights": "{}.weights.h5", "list": "{}.all.npy"},
            "2.15": {"weights": "{}.weights.h5", "list": "{}.all.npy", "legacy": "{}.h5", "checkpoint": "{}.ck.index"}}


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    run_keras(PYTHONS[request.param](), "network_worker.py", folder, *NAMES)
    for name in NAMES:
        shutil.copy(os.path.join(FOLDER, name + ".py"), str(folder))
    return request.param, str(folder)


@pytest.mark.parametrize("carrier", ["weights", "list", "legacy", "checkpoint"])
@pytest.mark.parametrize("name", NAMES)
def test_network(made, name, carrier, tmp_path):
    release, folder = made
    if carrier not in CARRIERS[release]:
        pytest.skip("Keras %s does not write it" % release)
    path = os.path.join(folder, name)
    check_evidence([path + ".py", CARRIERS[release][carrier].format(path)], path + ".io.npz", tmp_path)


# ---- the file of a whole model, whose class --custom gives

CLASSES = {"attention_rnn": "Reader", "autoencoder": "Autoencoder", "cnn_blocks": "Net", "flags": "Flexible", "functional_inside": "Siamese",
           "gated": "Gated", "heads": "MultiHead", "mlp": "MLP", "own_weights": "Net", "recurrent": "Tagger", "residual": "ResNet",
           "transformer": "Classifier", "two_inputs": "Ranker", "unet": "UNet"}
# Keras 3 writes the defaults of a class that has no get_config, whatever the model was made with: the code has to say it
MADE_WITH = {"mlp": ("units=16", "units=12"), "flags": ("use_skip=False", "use_skip=True")}


def code_of(folder, name, made_with=True):
    """The class, without what the script does with it."""
    with open(os.path.join(FOLDER, name + ".py")) as source:
        text = source.read()
    if made_with and name in MADE_WITH:
        text = text.replace(*MADE_WITH[name])
    path = os.path.join(folder, name + "_code.py")
    with open(path, "w") as code:
        code.write(text)
    return path


@pytest.mark.parametrize("carrier", ["keras", "full.h5", "saved"])
@pytest.mark.parametrize("name", NAMES)
def test_whole(made, name, carrier, tmp_path):
    release, folder = made
    if carrier == ("saved" if release == "3.15" else "full.h5"):
        pytest.skip("Keras %s does not write it" % release)
    if carrier == "full.h5" and name in ("functional_inside", "two_inputs"):
        pytest.skip("it does not say the shapes, and --input-shape cannot say a dictionary or single numbers")
    base = os.path.join(folder, name)
    custom = ["--custom", "%s=%s" % (CLASSES[name], code_of(str(tmp_path), name))]
    shapes = ["--input-shape=%s" % ",".join(map(str, x.shape[1:])) for x in numbered(np.load(base + ".io.npz"), "x")]
    check_evidence([base + "." + carrier], base + ".io.npz", tmp_path, custom + shapes * (carrier == "full.h5"))


def test_whole_is_assumed(made, tmp_path):
    """The class and its weights are assumed until samples show them; defaults that the file does not tell are said."""
    release, folder = made
    base = os.path.join(folder, "cnn_blocks")
    custom = ["--custom", "Net=%s" % code_of(str(tmp_path), "cnn_blocks")]
    found = as_json("rebuild", base + ".keras", *custom, "-o", tmp_path / "m.npz")
    assert {d["evidence"] for d in found["decisions"] if d["layer"]} == {"assumed"}
    assert [d["evidence"] for d in found["decisions"] if d["field"] == "class"] == ["assumed"]
    must("rebuild", base + ".keras", *custom, "--strict", "-o", tmp_path / "m.npz", status=1)
    must("rebuild", base + ".keras", *custom, "--strict", "--samples", base + ".io.npz", "-o", tmp_path / "m.npz")
    said = must("rebuild", base + ".keras", "-o", tmp_path / "m.npz", status=3).stderr
    assert "--custom Net=CODE.py" in said


def test_whole_with_other_arguments(made, tmp_path):
    """What Keras 3 writes of the arguments are the defaults: another width is seen by the shapes, and the warning says why."""
    release, folder = made
    base = os.path.join(folder, "mlp")
    custom = ["--custom", "MLP=%s" % code_of(str(tmp_path), "mlp", made_with=False)]
    if release == "2.15":       # which writes what was given by name
        check_evidence([base + ".keras"], base + ".io.npz", tmp_path, custom)
        return
    found = as_json("rebuild", base + ".keras", *custom, "-o", tmp_path / "m.npz", status=1)
    ids = [f["code"] for f in found["findings"]]
    assert ids == ["custom.defaults", "bind.model"]
    assert any("units=16" in f["message"] for f in found["findings"] if f["code"] == "custom.defaults")


NO_CLASS = {"another class": "from keras import layers\n\nclass Other(layers.Layer):\n    def call(self, x):\n        return x\n",
            "a layer": "from keras import layers\n\nclass Net(layers.Layer):\n    def call(self, x):\n        return x\n",
            "a function": "def Net(x):\n    return x\n", "no call": "import keras\n\nclass Net(keras.Model):\n    pass\n"}


@pytest.mark.parametrize("what", NO_CLASS)
def test_no_class(made, what, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(NO_CLASS[what])
    found = as_json("rebuild", os.path.join(made[1], "cnn_blocks.keras"), "--custom", "Net=%s" % code, "-o", tmp_path / "m.npz", status=1)
    assert [f["code"] for f in found["findings"]] == ["custom.class"]


# what people write after the class: {base} is the model's files
LOADING = {
    "load_weights": "model.load_weights('{name}.weights.h5')\nmodel.summary()\n",
    "set_weights": "import numpy as np\nmodel.set_weights(list(np.load('{name}.all.npy', allow_pickle=True)))\n",
    "named": "net = model\nnet.load_weights('{name}.weights.h5')\nnet.compile('adam', 'mse')\n",
    "wrapped": "from tensorflow.keras import Model, Input\ninside = model\ninside.load_weights('{name}.weights.h5')\n"
               "x = Input((7,))\nmodel = Model(x, inside(x))\n",
}


@pytest.mark.parametrize("form", LOADING)
def test_loading(made, form, tmp_path):
    folder = made[1]
    path = os.path.join(folder, "mlp_%s.py" % form)
    with open(os.path.join(FOLDER, "mlp.py")) as source, open(path, "w") as script:
        script.write(source.read() + LOADING[form].format(name="mlp"))
    check_evidence([path], os.path.join(folder, "mlp.io.npz"), tmp_path)


def without_build(folder, name):
    """The script up to where the model gets its input."""
    with open(os.path.join(FOLDER, name + ".py")) as source:
        text = source.read()
    path = os.path.join(folder, name + "_unbuilt.py")
    with open(path, "w") as script:
        script.write(text[:text.index("model.build(")])
    return path


def test_input_shape(made, tmp_path):
    """Nothing in the code tells the input: --input-shape does, or samples."""
    folder = made[1]
    path, weights, io = without_build(folder, "mlp"), os.path.join(folder, "mlp.weights.h5"), os.path.join(folder, "mlp.io.npz")
    check_evidence([path, weights], io, tmp_path, ["--input-shape", "7"])
    must("rebuild", path, weights, "--samples", io, "-o", str(tmp_path / "m.keras"))
    check_evidence([tmp_path / "m.keras"], io, tmp_path)
    assert "the code never tells the input of 'MLP'" in must("rebuild", path, weights, status=1).stderr


def test_class_alone(made, tmp_path):
    """A module that only defines the class."""
    folder = made[1]
    path = without_build(folder, "mlp").replace("_unbuilt", "_class")
    with open(os.path.join(FOLDER, "mlp.py")) as source, open(path, "w") as script:
        text = source.read()
        script.write(text[:text.index("model = ")].replace("units=16", "units=12"))
    check_evidence([path, os.path.join(folder, "mlp.weights.h5")], os.path.join(folder, "mlp.io.npz"), tmp_path, ["--input-shape", "7"])


def test_checkpoint_before_build(made, tmp_path):
    """TensorFlow restores when the variables come into being."""
    release, folder = made
    if "checkpoint" not in CARRIERS[release]:
        pytest.skip("Keras %s does not write it" % release)
    path = os.path.join(folder, "cnn_blocks_restored.py")
    with open(os.path.join(FOLDER, "cnn_blocks.py")) as source, open(path, "w") as script:
        script.write(source.read().replace("model = Net()\n", "model = Net()\nmodel.load_weights('cnn_blocks.ck')\n"))
    check_evidence([path], os.path.join(folder, "cnn_blocks.io.npz"), tmp_path)


def test_written(made, tmp_path):
    """What is rebuilt is a functional model that Keras reads without the class."""
    folder = made[1]
    path = os.path.join(folder, "residual")
    must("rebuild", path + ".py", path + ".weights.h5", "-o", str(tmp_path / "t.keras"), "-o", str(tmp_path / "t.onnx"))
    check_evidence([tmp_path / "t.keras"], path + ".io.npz", tmp_path)


REFUSED = {
    "other arguments": ("mlp", "units=12", "units=14", "belongs to another model than mlp_refused.py"),
    "what the code does not tell": ("mlp", "        x = self.hidden1(inputs)\n", "        x = self.hidden1(inputs)\n        x = lookup(x)\n", "lookup"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(made, what):
    name, old, new, message = REFUSED[what]
    folder = made[1]
    path = os.path.join(folder, name + "_refused.py")
    with open(os.path.join(FOLDER, name + ".py")) as source, open(path, "w") as script:
        text = source.read()
        assert old in text
        script.write(text.replace(old, new))
    done = must("rebuild", path, os.path.join(folder, name + ".weights.h5"), status=1 if what == "other arguments" else 3)
    assert message in done.stderr
