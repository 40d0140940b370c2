"""The ready-made networks of keras.applications in Keras code: layers, names and arguments against what real Keras 3.15 and 2.15 make of the same
calls (applications/facts-*.json, by application_facts.py), and scripts as people write them (applications/*.py), run by both Kerases."""
import glob
import json
import os
import subprocess

import pytest

import application_facts
from support import BINARY, HERE, check_evidence, keras_215_python, keras_python, must, run_keras

FOLDER = os.path.join(HERE, "applications")
PYTHONS = {"3.15": keras_python, "2.15": keras_215_python}
NAMES = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(FOLDER, "*.py")))
# In the other Kerases networks take no name; with 2.15 those are run where the two differ.
RUN = {"3.15": NAMES, "2.15": ["by_getattr", "lambda_caffe", "own_classes", "segmentation", "siamese", "subclassed", "transfer"]}
IMPORTS = {"3.15": "from keras import applications\n", "2.15": "from tf_keras import applications\n"}


def facts_of(release):
    with open(os.path.join(FOLDER, "facts-%s.json" % release)) as f:
        return json.load(f)


def cases(release):
    return [session for session in application_facts.SESSIONS + application_facts.ONLY_3 if session[0] in facts_of(release)]


def as_read(script):
    """The configuration that cuvier reads from a script, and how many parameters it counts."""
    config = json.loads(must("inspect", "--stage", "config", script).stdout)
    return config, json.loads(must("summary", "--json", script).stdout)["model"]


@pytest.mark.parametrize("release", sorted(PYTHONS))
def test_networks(release, tmp_path):
    """Every network, every session: the lines that real Keras gives, in its order; and as many parameters."""
    wrong = []
    for session in cases(release):
        for k, call in enumerate(session):
            script = tmp_path / "net.py"
            script.write_text(IMPORTS[release] + "".join("m%d = applications.%s\n" % (i, c) for i, c in enumerate(session[:k + 1])) + "model = m%d\n" % k)
            config, model = as_read(script)
            if application_facts.fact(config, model["total_params"]) != facts_of(release)[call]:
                wrong.append((call, application_facts.fact(config, model["total_params"]), facts_of(release)[call]))
    assert not wrong, wrong[:3]


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("applications")
    run_keras(PYTHONS[request.param](), "application_worker.py", folder, *RUN[request.param])
    return request.param, str(folder)


@pytest.mark.parametrize("name", NAMES)
def test_script(made, name, tmp_path):
    release, folder = made
    if name not in RUN[release]:
        pytest.skip("run with the other Keras")
    base = os.path.join(folder, name)
    with open(base + ".py") as f:
        loads = "load" in f.read()
    check_evidence([base + ".py"] + ([] if loads else [base + ".weights.h5"]), base + ".io.npz", tmp_path)


# ---- what is refused, and how ----

REFUSED = {
    "VGG16(classes=-1, weights=None)": "'classes' is -1, and no number from 1 on",
    "VGG16(weights='imagenet', classes=10)": "with weights='imagenet' and include_top=True 'classes' must be 1000, and is 10",
    "VGG16(weights='imagenet', input_shape=(64, 64, 3))": "'input_shape' must be (224, 224, 3)",
    "VGG16(weights=None, input_shape=(31, 64, 3))": "the input must be at least 32 x 32",
    "InceptionV3(weights=None, include_top=False, input_shape=(74, 75, 3))": "the input must be at least 75 x 75",
    "Xception(weights=None, include_top=False, input_shape=(70, 71, 3))": "the input must be at least 71 x 71",
    "VGG16(weights=None, input_shape=(64, 64))": "'input_shape' has 2 sizes; it must be a tuple of three integers",
    "VGG16(weights=None, input_shape='big')": "'input_shape' is 'big', and no tuple",
    "VGG16(weights=None, input_shape=(None, None, 3))": "with include_top=True the sides in 'input_shape' must be known",
    "VGG16(weights=None, include_top=False, input_shape=(64, 64, 10**30))": "a size of 'input_shape' is",
    "ResNet50(include_top=False, input_shape=(64, 64, 1))": "with weights='imagenet' the input must have 3 channels, and 'input_shape' has 1",
    "ResNet50(classifier_activation='relu')": "'classifier_activation' can only be None or 'softmax'",
    "ResNet50(weights=7)": "'weights' is 7: neither None, 'imagenet' nor a file",
    "ResNet50(weights='nowhere.h5')": "'nowhere.h5' is neither beside",
    "ResNet50(depth=3)": "ResNet50 has no argument 'depth'",
    "ResNet50(True, None, None, None, None, 10, None, 'a', 'b')": "9 arguments without names are given, and it has 8",
    "ResNet50(weights=None, input_tensor=3)": "'input_tensor' is 3, and no tensor of Keras",
    "MobileNet(alpha=1e9, weights=None)": "'alpha' is 1e+09",
    "MobileNet(alpha=-1, weights=None)": "'alpha' is -1",
    "MobileNet(alpha=0.001, weights=None)": "MobileNet of this width has a layer of 0 channels",
    "MobileNet(alpha=1e400, weights=None)": "'alpha' is inf, and no number",
    "MobileNet(alpha='wide', weights=None)": "'alpha' is 'wide', and no number",
    "MobileNet(alpha=0.3)": "there are no weights of imagenet for alpha=0.3",
    "MobileNet(depth_multiplier=10**9, weights=None)": "'depth_multiplier' is 1000000000",
    "MobileNet(dropout=2, weights=None)": "the rate of its dropout is 2",
    "MobileNetV3Small(minimalistic=True, alpha=0.75)": "there are no weights of imagenet for alpha=0.75",
    "NASNetLarge(weights=None, include_top=False)": "NASNetLarge for pictures of any width",
    "RegNetX002(weights=None)": "'RegNetX002' is none of the networks of keras.applications that are known here",
    "ResNet52(weights=None)": "did you mean ResNet50?",
    "VGG16(weights=None, classes=classes)": "'classes' of VGG16 is not known from the code",
}


@pytest.mark.parametrize("call", REFUSED)
def test_refused(call, tmp_path):
    """What Keras refuses, and what the code does not tell: an error that names it, with line and column."""
    script = tmp_path / "net.py"
    script.write_text("from keras import applications\nmodel = applications.%s\n" % call)
    done = subprocess.run([BINARY, "inspect", "--stage", "config", str(script)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 3 or "nowhere" in call, done
    assert REFUSED[call] in done.stderr and "net.py:2:" in done.stderr, done.stderr


def test_imagenet_missing(tmp_path):
    """Weights that Keras would fetch: the error says of which network they are, and in which file."""
    script = tmp_path / "net.py"
    script.write_text("from keras import applications, layers, Model\nbase = applications.VGG16(include_top=False, input_shape=(64, 64, 3), pooling='avg')\n"
                      "model = Model(base.input, layers.Dense(2)(base.output))\n")
    done = must("rebuild", script, "-o", tmp_path / "net.npz", status=1)
    assert "VGG16 begins with weights of imagenet" in done.stderr and "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in done.stderr
    assert "weights of the Dense layer 'dense'" in done.stderr and "block1_conv1" not in done.stderr


@pytest.mark.parametrize("package", ["keras_hub", "keras_cv"])
def test_other_packages(package, tmp_path):
    script = tmp_path / "net.py"
    script.write_text("import %s\nmodel = %s.models.Backbone.from_preset('resnet_18_imagenet')\n" % (package, package))
    assert "makes a model of the package %s" % package in must("rebuild", script, status=3).stderr
