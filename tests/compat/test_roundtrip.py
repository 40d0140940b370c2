"""What cuvier writes, real Keras 3.15 reads: same outputs to 1e-5 from every form of every model of the fixed set."""
import hashlib
import json
import os
import time

import numpy as np
import pytest

from support import HERE, RELEASES, SHARED, cuvier, must, rebuild_and_load
from test_fixed import identify, models

FORMS = [".keras", ".h5", ".json", ".weights.h5", ".npz"]
# Keras 3.15 cannot read the legacy .h5 that it writes of these itself: operations as nodes are unknown layers there, a
# list of axes becomes its last one, score_mode becomes a function. Of cuvier's, which names the modules, it can.
REFUSED_H5 = {"operators", "embedding_mask_stack", "layernorm", "attention"}


def write_all(base, folder, endings):
    outs = {e: os.path.join(str(folder), "rebuilt" + e) for e in endings}
    must("rebuild", base + ".keras", *[a for out in outs.values() for a in ("-o", out)])
    return outs


def strip(config):
    """Without what only training reads: how weights began, the seeds of what is drawn, Python's numbers of objects."""
    if isinstance(config, dict):
        return {k: strip(v) for k, v in config.items() if k not in ("shared_object_id", "seed", "build_config")}
    return [strip(v) for v in config] if isinstance(config, list) else config


def facts_of(layers):
    for layer in layers:
        yield {**{k: v for k, v in layer.items() if k not in ("layers", "config")}, "config": strip(layer["config"])}
        yield from facts_of(layer.get("layers", []))


def assert_stays(base, found, wanted):
    """Layer by layer, nested ones too: name, class, dtype policy, trainable, every argument, every weight to the bit."""
    found, wanted = list(facts_of(found)), list(facts_of(wanted))
    assert [f["name"] for f in found] == [w["name"] for w in wanted], base
    for f, w in zip(found, wanted):
        assert f == w, "%s, layer %s" % (base, w["name"])


def assert_migrated(base, found):
    """A model of Keras 2: what Keras 2.15 said of it, in the words of Keras 3."""
    with open(base + ".facts.json") as f:
        facts = json.load(f)["layers"]
    wanted = [l for l in facts if l["class_name"] not in ("TFOpLambda", "SlicingOpLambda")]
    assert [l["name"] for l in found if l["name"] in {w["name"].replace("/", "_") for w in wanted}] == \
        [w["name"].replace("/", "_") for w in wanted], base
    by_name = {l["name"]: l for l in found}
    for w in wanted:
        layer = by_name[w["name"].replace("/", "_")]
        now = {"ThresholdedReLU": "ReLU"}.get(w["class_name"], w["class_name"])
        assert (layer["class"], layer["trainable"]) == (now, w["trainable"]), w["name"]
    arrays = np.load(base + ".npz")
    written = sorted(v["sha"] for l in found for v in l["weights"])
    assert written == sorted(hashlib.sha1(np.ascontiguousarray(arrays[k]).tobytes()).hexdigest() for k in arrays.files)


@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_keras_reads_it(base, keras3, tmp_path):
    """Every form: outputs, layers, no optimizer, and not a word said while loading and computing."""
    endings = FORMS
    outs = write_all(base, tmp_path, endings)
    own = keras3.ask([base + ".keras"], facts=True) if RELEASES[1] in base else None
    for ending in endings:
        if ending == ".json":
            continue
        paths = [outs[ending]] if ending in (".keras", ".h5") else [outs[".json"], outs[ending]]
        answer = keras3.ask(paths, base + ".io.npz", facts=True)
        assert "error" not in answer, ending + ": " + answer["error"]
        assert answer["said"] == [], ending
        assert answer["difference"] < 1e-5, ending
        assert not answer["model"]["optimizer"], ending
        if own:
            assert_stays(ending, answer["layers"], own["layers"])
        else:
            assert_migrated(base, answer["layers"])


@pytest.mark.parametrize("base", list(models())[::6], ids=identify)
def test_reproducible(base, tmp_path):
    """The same bytes at any time, in every form, with a model read from any carrier of it."""
    endings = [".keras", ".h5", ".weights.h5", ".json", ".npz", ".safetensors", ".onnx", ".c", ".py", ".dot", ".svg", ".html"]
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        for ending in endings:
            out = tmp_path / place / ("m" + ending)
            if cuvier("rebuild", base + ".keras", "-q", "-o", out).returncode == 3:
                assert not out.exists()
        time.sleep(1.1 if place == "a" else 0)
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == sorted(os.listdir(tmp_path / "b")) and len(names) > 8
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.parametrize("base", [b for b in models() if RELEASES[1] in b], ids=identify)
def test_keras_reads_its_own(base, keras3):
    """The yardstick itself: what Keras wrote, it reads."""
    endings = [".keras"] + ([] if os.path.basename(base) in REFUSED_H5 else [".h5"])
    for ending in endings:
        assert keras3.difference([base + ending], base + ".io.npz") < 1e-6, ending


def test_arrays_back_to_a_model(keras3, tmp_path):
    """Weights as a plain list of arrays beside a configuration, to a .keras that Keras loads."""
    base = os.path.join(HERE, "keras-3.15", "cnn")
    rebuild_and_load(keras3, [base + ".json", base + ".weights.npy", base + ".biases.npy"], base + ".io.npz", tmp_path, [".keras"])


@pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "keras-files")), reason="no shared files")
def test_old_tensorflow(keras3, tmp_path):
    base = os.path.join(SHARED, "keras-files", "k22te_seq")
    rebuild_and_load(keras3, [base + ".h5"], base + "_io.npz", tmp_path, FORMS)


def theano_model(padding, kernel, strides, functional):
    conv = {"name": "conv", "filters": 2, "kernel_size": kernel, "strides": strides, "padding": padding, "data_format": "channels_last",
            "batch_input_shape": [None, 6, 7, 3]}
    written = {"backend": "theano", "keras_version": "2.2.4"}
    if not functional:
        return {"class_name": "Sequential", "config": [{"class_name": "Conv2D", "config": conv}], **written}
    inputs = {"name": "x", "batch_input_shape": conv.pop("batch_input_shape"), "dtype": "float32"}
    layers = [{"class_name": "InputLayer", "config": inputs, "name": "x", "inbound_nodes": []},
              {"class_name": "Conv2D", "config": conv, "name": "conv", "inbound_nodes": [[["x", 0, 0, {}]]]}]
    return {"class_name": "Model", "config": {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["conv", 0, 0]]},
            **written}


@pytest.mark.parametrize("padding, kernel, strides", [
    ("valid", [2, 3], [1, 1]), ("valid", [3, 3], [2, 2]), ("same", [3, 3], [1, 1]),
    ("same", [2, 4], [1, 1]), ("same", [3, 3], [2, 2]), ("same", [4, 5], [2, 3]), ("same", [1, 2], [3, 1])])
@pytest.mark.parametrize("functional", [False, True])
def test_theano_kernels(padding, kernel, strides, functional, keras3, tmp_path):
    """A true convolution, as NumPy computes it: its kernel is turned, so that Keras on TensorFlow gives the same."""
    rng = np.random.default_rng(5)
    x, k, b = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(*kernel, 3, 2)), rng.normal(size=2)
    margin = [(n // 2, (n - 1) // 2) if padding == "same" else (0, 0) for n in kernel]
    wide, turned = np.pad(x, [(0, 0), *margin, (0, 0)]), k[::-1, ::-1]
    rows, columns = [(wide.shape[i + 1] - kernel[i]) // strides[i] + 1 for i in range(2)]
    y = np.array([[[np.tensordot(image[i * strides[0]:i * strides[0] + kernel[0], j * strides[1]:j * strides[1] + kernel[1]], turned, 3)
                    for j in range(columns)] for i in range(rows)] for image in wide]) + b
    (tmp_path / "m.json").write_text(json.dumps(theano_model(padding, kernel, strides, functional)))
    np.savez(tmp_path / "m.npz", k.astype("float32"), b.astype("float32"))
    np.savez(tmp_path / "io.npz", x=x.astype("float32"), y=y.astype("float32"))
    evidence = [tmp_path / "m.json", tmp_path / "m.npz"]
    must("verify", *evidence, "--samples", tmp_path / "io.npz")
    rebuild_and_load(keras3, evidence, tmp_path / "io.npz", tmp_path, FORMS)


@pytest.mark.parametrize("name", ["k22th_seq", "k1_seq"])
@pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "keras-files")), reason="no shared files")
def test_a_theano_file_with_same(name, keras3, tmp_path):
    """Windows that begin at another cell there than on TensorFlow: they are written as a layer of padding and a convolution without."""
    base = os.path.join(SHARED, "keras-files", name)
    rebuild_and_load(keras3, [base + ".h5"], base + "_io.npz", tmp_path, FORMS)


def test_theano_same_is_refused(tmp_path):
    """A pooling whose windows begin elsewhere on Theano: no configuration can say it."""
    config = {"class_name": "Sequential", "backend": "theano", "keras_version": "2.2.4", "config": [
        {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": [3, 3], "strides": [2, 2], "padding": "same",
                                                  "data_format": "channels_last", "batch_input_shape": [None, 6, 6, 1]}}]}
    (tmp_path / "m.json").write_text(json.dumps(config))
    done = cuvier("rebuild", tmp_path / "m.json", "-o", tmp_path / "m.keras")
    assert done.returncode == 3 and "padding='same' of Theano" in done.stderr and not (tmp_path / "m.keras").exists()
