"""Every layer class with a drawn configuration, saved by real Keras as the test runs: each carrier gives Keras's outputs.

CUV_LAYERS_SEED and CUV_LAYERS_DRAWS choose others (defaults 1 and 1); tools/layers runs all configurations and writes docs/layers.md.
"""
import os
import subprocess

import pytest

import layer_cases
from layer_check import CARRIERS, check, entries
from support import HERE, cuvier, keras_python

SEED = os.environ.get("CUV_LAYERS_SEED", "1")
DRAWS = os.environ.get("CUV_LAYERS_DRAWS", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("layers")
    subprocess.run([keras_python(), os.path.join(HERE, "layer_worker.py"), str(folder), SEED, DRAWS, "-"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    return folder


@pytest.mark.parametrize("class_name", sorted(layer_cases.DRAWS))
def test_layer(made, class_name, tmp_path):
    cases = [e for e in entries(made) if e["class"] == class_name]
    assert cases
    if all("keras" in e for e in cases):
        pytest.skip("Keras refuses the drawn configurations: " + cases[0]["keras"])
    for entry in cases:
        for carrier in CARRIERS if "keras" not in entry else ():
            verdict, why = check(str(made), entry, carrier, str(tmp_path))
            assert verdict in ("passed", "keras"), "%s, %s, %s: %s" % (entry["label"], carrier, verdict, why)


def check_written(made, loader, class_name, folder, options, may_refuse, own=None):
    """What cuvier writes of each case, this Keras loads without a word, and gives Keras 3's outputs; or it is refused as may_refuse allows.
    own(file): what this Keras says of the file that it wrote itself: no more is asked of cuvier's."""
    for entry in entries(made):
        if entry["class"] != class_name or "keras" in entry or entry["carriers"].get("keras"):
            continue
        base, outs = os.path.join(str(made), entry["base"]), [str(folder / "m.keras"), str(folder / "m.h5")]
        done = cuvier("rebuild", base + ".keras", *options, "-q", "-o", outs[0], "-o", outs[1])
        if done.returncode:
            assert done.returncode == 3 and may_refuse(done.stderr), done.stderr
            continue
        for out in outs:
            answer = loader.ask([out], base + ".io.npz")
            theirs = own(base + os.path.splitext(out)[1]) if own and ("error" in answer or answer["said"]) else {"said": []}
            if "error" in answer and "error" in theirs:
                continue
            assert "error" not in answer and ("error" in theirs or answer["said"] == theirs["said"]), entry["label"] + ": " + str(answer)
            assert answer["difference"] is None or answer["difference"] < (5e-2 if entry["half"] else 2e-5), entry["label"]


@pytest.mark.parametrize("class_name", sorted(layer_cases.DRAWS))
def test_layer_written_again(made, keras3, class_name, tmp_path):
    def own(file):
        base = os.path.splitext(file)[0]
        return keras3.ask([file if os.path.exists(file) else base + ".keras"], base + ".io.npz")
    check_written(made, keras3, class_name, tmp_path, [], lambda said: "not supported" in said, own)


@pytest.mark.parametrize("class_name", sorted(layer_cases.DRAWS))
def test_layer_for_keras_2(made, keras2, class_name, tmp_path):
    check_written(made, keras2, class_name, tmp_path, ["--keras", "2"], lambda said: "Keras 2" in said or "not supported" in said)


@pytest.mark.parametrize("class_name", ["AutoContrast", "MaxNumBoundingBoxes", "MixUp", "Pipeline", "RandomFlip", "Resizing"])
def test_dicts_in_keras_code(made, keras3, class_name, tmp_path):
    """Layers of images that are called on dicts, as code: what they give is taken by its keys."""
    cases = [e for e in entries(made) if e["class"] == class_name and e["label"].startswith("more") and "keras" not in e]
    assert cases
    for entry in cases:
        base, files = os.path.join(str(made), entry["base"]), [str(tmp_path / "m.py"), str(tmp_path / "m.weights.h5")]
        done = cuvier("rebuild", base + ".keras", "-q", "-o", files[0], "-o", files[1])
        assert done.returncode == 0, done.stderr
        answer = keras3.ask(files, base + ".io.npz")
        assert "error" not in answer, entry["label"] + ": " + str(answer)
        assert answer["difference"] < (5e-2 if entry["half"] else 2e-5), entry["label"]
