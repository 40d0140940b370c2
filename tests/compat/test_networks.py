"""Models that are classes of their script (networks/): real Keras runs the scripts and saves the weights, cuvier follows __init__ and call
and finds the weights in each file, whose paths are the class's attributes."""
import glob
import os
import shutil

import pytest

from support import HERE, check_evidence, keras_215_python, keras_python, must, run_keras

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
