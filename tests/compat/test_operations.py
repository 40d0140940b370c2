"""Every Operation class of Keras 3 as a node: models saved by real Keras as the test runs give Keras's outputs and dtypes, and each class
that cuvier does not compute is refused by name, with a reason."""
import json
import os
import re
import subprocess
import zipfile

import numpy as np
import pytest

from support import HERE, arrays, assert_same, cuvier, keras_python, must, numbered

LAYERS = os.path.join(HERE, "..", "..", "src", "layers")


def computed():
    text = open(os.path.join(LAYERS, "operations.def"), encoding="utf-8").read()
    return sorted(re.findall(r"^OPERATION\((?!tensorflow)\w+, (\w+),", text, re.M))


def refused():
    text = open(os.path.join(LAYERS, "refused.def"), encoding="utf-8").read()
    found = {}
    for names, why in re.findall(r'^REFUSED\(((?:"[^"]*"\s*)+),\s*"([^"]*)"\)', text, re.M):
        for name in "".join(re.findall(r'"([^"]*)"', names)).split():
            found[name] = why
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("operations")
    subprocess.run([keras_python(), os.path.join(HERE, "operation_worker.py"), str(folder)], check=True, cwd=HERE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    return folder, json.load(open(folder / "cases.json"))


@pytest.mark.parametrize("name", computed())
def test_operation(made, name, tmp_path):
    folder, about = made
    cases = [c for c in about["cases"] if c["class"] == name]
    assert cases, "operation_cases.py has no case of " + name
    assert any("keras" not in c for c in cases), cases[0].get("keras")
    assert any(name in c.get("holds", ()) for c in cases), "no case holds the class itself: " + str([c.get("holds") for c in cases])
    for case in (c for c in cases if "keras" not in c):
        base, out = str(folder / case["label"]), str(tmp_path / "out.npz")
        must("predict", base + ".keras", "-i", base + ".in.npz", "-o", out)
        found, wanted = arrays(out), numbered(np.load(base + ".io.npz"), "y")
        half = "h" in case["inputs"] or "float16" in case["label"]
        assert_same(found, wanted, rtol=2e-3 if half else 1e-4, atol=2e-3 if half else 1e-5)
        for got, want in zip(found, wanted):
            assert np.asarray(got).dtype == want.dtype or half, case["label"]


@pytest.mark.parametrize("name", computed())
def test_operation_for_keras_2(made, keras2, name, tmp_path):
    """Written with --keras 2 it is a function of TensorFlow that gives the same, or it is refused by name."""
    folder, about = made
    for case in about["cases"]:
        if case["class"] != name or "keras" in case:
            continue
        base, out = str(folder / case["label"]), str(tmp_path / "m.keras")
        done = cuvier("rebuild", base + ".keras", "--keras", "2", "-q", "-o", out)
        if done.returncode:
            assert done.returncode == 3 and "Keras 2" in done.stderr, done.stderr
            continue
        answer = keras2.ask([out], base + ".io.npz")
        half = "h" in case["inputs"] or "float16" in case["label"]
        assert "error" not in answer and answer["said"] == [], case["label"] + ": " + str(answer)
        assert answer["difference"] is None or answer["difference"] < (2e-3 if half else 1e-5), case["label"]


def test_every_class_is_known(made):
    """Nothing of Keras is missing: computed, or refused with a reason, and not both."""
    assert set(made[1]["classes"]) == set(computed()) | set(refused())
    assert not set(computed()) & set(refused())


@pytest.mark.parametrize("name", sorted(refused()))
def test_refused_by_name(name, tmp_path):
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["a", 0, 0]}}
    config = {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "m", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "a"},
         "name": "a", "inbound_nodes": []},
        {"module": "keras.src.ops.numpy", "class_name": name, "config": {"name": "b"}, "registered_name": name, "name": "b",
         "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}],
        "input_layers": ["a", 0, 0], "output_layers": ["b", 0, 0]}}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(config))
    result = cuvier("summary", path)
    assert result.returncode == 3
    said = " ".join(result.stderr.split())
    assert "operation of Keras %s," % name in said and refused()[name] in said


def test_signs_that_may_differ_are_said(made):
    assert "an eigenvector and its negative are both right" in " ".join(must("summary", made[0] / "Eigh_0.keras").stderr.split())


ODD = [-1, 0, 1, 2 ** 31, 2 ** 40, 2 ** 62, -2 ** 63, 1e308, float("nan"), None, "x", [], [1] * 9, -5, 65536, True, {"a": 1}]


def places_of(record):
    """Where literals stand in a node: (container, key)."""
    found, todo = [], [record["config"], record["inbound_nodes"]]
    while todo:
        v = todo.pop()
        for key, x in v.items() if isinstance(v, dict) else enumerate(v):
            if key in ("keras_history", "shape", "dtype", "name", "class_name"):
                continue
            if isinstance(x, (dict, list)):
                todo.append(x)
            if not isinstance(x, dict):
                found.append((v, key))
    return found


@pytest.mark.parametrize("name", ["CTCDecode", "CTCLoss", "ExtractSequences", "Fold", "Histogram", "IRFFT", "ISTFT", "Lstsq", "MapCoordinates", "Nanquantile",
                                  "Pinv", "RFFT", "Rearrange", "Round", "SSIM", "STFT", "ScaleAndTranslate", "Scatter", "ScatterUpdate", "SegmentMax",
                                  "SliceUpdate", "Unfold", "Unique"])
def test_odd_arguments(made, name, tmp_path):
    """Other literals in a node are refused or do no harm."""
    folder, about = made
    rng = np.random.default_rng(sum(map(ord, name)))
    for case in [c for c in about["cases"] if c["class"] == name and "keras" not in c][:2]:
        with zipfile.ZipFile(folder / (case["label"] + ".keras")) as archive:
            config = json.loads(archive.read("config.json"))
        spots = [spot for layer in config["config"]["layers"] if layer["class_name"] == name for spot in places_of(layer)]
        for _ in range(10 if spots else 0):
            container, key = spots[rng.integers(len(spots))]
            kept, container[key] = container[key], ODD[rng.integers(len(ODD))]
            (tmp_path / "odd.json").write_text(json.dumps(config))
            container[key] = kept
            done = cuvier("predict", tmp_path / "odd.json", "-i", folder / (case["label"] + ".in.npz"), "-o", tmp_path / "out.npz")
            assert done.returncode in (0, 1, 3), (case["label"], key, done.stderr[-500:])
            assert done.returncode == 0 or "error" in done.stderr
