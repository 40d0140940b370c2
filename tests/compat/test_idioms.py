"""Scripts as people write them (idioms/): real Keras runs them, cuvier reads them. Model, weights and outputs are the same, from the
code and from each file that Keras saved."""
import glob
import os

import pytest

import mask_scripts
from support import HERE, as_json, check_evidence, keras_python, run_keras

NAMES = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(HERE, "idioms", "*.py")))
CARRIERS = {"keras": ["{base}.keras"], "h5": ["{base}.h5"], "json": ["{base}.json", "{base}.weights.h5"],
            "json_arrays": ["{base}.json", "{base}.all.npy"], "code": ["{code}", "{base}.weights.h5"], "code_arrays": ["{code}", "{base}.all.npy"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idioms")
    run_keras(keras_python(), "idiom_worker.py", folder, *NAMES)
    return str(folder)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", NAMES)
def test_idiom(made, name, carrier, tmp_path):
    names = {"base": os.path.join(made, name), "code": os.path.join(HERE, "idioms", name + ".py")}
    check_evidence([part.format(**names) for part in CARRIERS[carrier]], names["base"] + ".io.npz", tmp_path)


def test_masks_taken_off(tmp_path):
    """Random scripts whose attentions take the masks off tensors that other layers use (mask_scripts.py): the code computes what Keras does."""
    scripts = [tmp_path / ("masks%d.py" % seed) for seed in range(1, 8)]
    for seed, path in enumerate(scripts, 1):
        path.write_text(mask_scripts.script(seed))
    run_keras(keras_python(), "idiom_worker.py", tmp_path, *scripts)
    for path in scripts:
        base = str(path)[:-3]
        check_evidence([path, base + ".weights.h5"], base + ".io.npz", tmp_path)
        check_evidence([base + ".keras"], base + ".io.npz", tmp_path)


def layers_of(*evidence):
    """The model as --json tells it, without the nodes that Keras 3 makes for masks, which are no layers."""
    model = as_json("summary", *evidence)["model"]
    listed = {layer["name"] for layer in model["layers"]}
    for layer in model["layers"]:
        layer["inbound"] = [name for name in layer["inbound"] if name in listed]
    return model


@pytest.mark.parametrize("name", NAMES)
def test_same_summary(made, name):
    """The code gives the layers that Keras saved: names, classes, shapes, connections, in the same order."""
    assert layers_of(os.path.join(HERE, "idioms", name + ".py")) == layers_of(os.path.join(made, name + ".keras"))
