"""Scripts that take models apart and put them together again (surgery/): real Keras runs them, cuvier reads them; the weights follow the
layers, and the outputs are the same. With the files and the behaviour of both Kerases."""
import glob
import os
import shutil
import subprocess

import pytest

from support import HERE, as_json, check_evidence, keras_215_python, keras_python, must, run_keras

FOLDER = os.path.join(HERE, "surgery")
NAMES = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(FOLDER, "*.py")) if not p.endswith("files.py"))
PYTHONS = {"3.15": keras_python, "2.15": keras_215_python}
# Keras 3 cannot load a .h5 of its own with the nodes that masks are; layers are renamed by `_name` in Keras 2 and by `name` in Keras 3
NOT_IN = {"3.15": {"layers_copied", "two_loaded"}, "2.15": {"two_loaded_v3"}}


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("surgery")
    names = [name for name in NAMES if name not in NOT_IN[request.param]]
    run_keras(PYTHONS[request.param](), "surgery_worker.py", folder, *names)
    for name in names:
        shutil.copy(os.path.join(FOLDER, name + ".py"), str(folder))
    return request.param, str(folder)


@pytest.mark.parametrize("name", NAMES)
def test_surgery(made, name, tmp_path):
    release, folder = made
    if name in NOT_IN[release]:
        pytest.skip("Keras %s cannot run it" % release)
    check_evidence([os.path.join(folder, name + ".py")], os.path.join(folder, name + ".io.npz"), tmp_path)


REFUSED = {
    "weights handed over that are not the file's": (
        "base = keras.models.load_model('chain.keras')\n"
        "base.layers[0].set_weights([np.zeros((5, 7), 'float32'), np.zeros(7, 'float32')])\n"
        "model = keras.models.clone_model(base)\nmodel.set_weights(base.get_weights())\n",
        "all weights of 'chain' are handed over here, and some of its layers were given others after its file"),
    "a part's file after all weights": (
        "base = keras.models.load_model('chain.keras')\ncut = keras.Model(base.input, base.layers[0].output)\nmodel = keras.Sequential([cut])\n"
        "model.set_weights([np.zeros((5, 7), 'float32'), np.zeros(7, 'float32')])\nbase.load_weights('chain.weights.h5')\n",
        "part of the model loads chain.weights.h5 after all of its weights were set"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(made, what):
    script, message = REFUSED[what]
    path = os.path.join(made[1], "refused.py")
    with open(path, "w") as f:
        f.write("import numpy as np\nfrom tensorflow import keras\n" + script)
    assert message in must("rebuild", path, status=3).stderr


RENAMING = {"3.15": "import keras\nfrom keras import layers, ops\n", "2.15": "from tensorflow import keras\nfrom tensorflow.keras import layers\n"}


@pytest.mark.parametrize("release", sorted(RENAMING))
def test_underscored_name(release, tmp_path):
    """`layer._name = ...` renames in Keras 2; in Keras 3 it is an attribute like any other, and files tell which of the two it is."""
    python = PYTHONS[release]()
    if not python:
        pytest.skip("this Keras is not installed (tools/setup_tests)")
    code = RENAMING[release] + "model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])\nmodel.layers[-1]._name = 'other'\n"
    script, saved = tmp_path / "m.py", tmp_path / ("m.h5" if release == "2.15" else "m.weights.h5")
    script.write_text(code)
    real = subprocess.run([python, "-c", code + "model.save_weights(%r)\nprint('NAME', model.layers[-1].name)" % str(saved)], check=True, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL)
    name = real.stdout.split("NAME ")[1].strip()
    for files in ([script], [script, saved]):
        assert as_json("summary", *files)["model"]["layers"][-1]["name"] == name
    script.write_text(code.replace(", ops", ""))        # nothing but the file tells
    assert as_json("summary", script, saved)["model"]["layers"][-1]["name"] == name
