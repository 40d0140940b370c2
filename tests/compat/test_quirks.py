"""The traps of reimplementing Keras, by number: small models of quirk_cases.py, saved by real Keras 3 as the test runs; and facts measured
on older Kerases, each with a configuration as that Keras wrote it."""
import json
import os
import subprocess

import numpy as np
import pytest

import quirk_cases
from layer_check import CARRIERS, check, entries
from support import HERE, arrays, cuvier, keras_python, must


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("quirks")
    subprocess.run([keras_python(), os.path.join(HERE, "layer_worker.py"), str(folder), "1", "1", "quirks"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    return folder


@pytest.mark.parametrize("name", list(quirk_cases.QUIRKS))
def test_keras_3(made, name, tmp_path):
    entry = next(e for e in entries(made) if e["class"] == name)
    assert "keras" not in entry, entry
    for carrier in CARRIERS:
        verdict, why = check(str(made), entry, carrier, str(tmp_path))
        assert verdict in ("passed", "keras"), "%s: %s %s" % (carrier, verdict, why)


# ---- facts of older Kerases ------------------------------------------------------------------------------------------------

def sequential(version, layers, backend="tensorflow"):
    """A configuration as Keras 1 (a bare list) or 2 wrote it."""
    inner = [{"class_name": name, "config": config} for name, config in layers]
    config = inner if version[0] == "1" else {"name": "m", "layers": inner}
    return {"class_name": "Sequential", "config": config, "keras_version": version, "backend": backend}


def outputs(tmp_path, config, x, weights=()):
    files = [tmp_path / "c.json"]
    files[0].write_text(json.dumps(config))
    if weights:
        np.savez(tmp_path / "w.npz", *[np.asarray(w, np.float32) for w in weights])
        files.append(tmp_path / "w.npz")
    np.save(tmp_path / "x.npy", np.asarray(x, np.float32))
    must("predict", *files, "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    return arrays(tmp_path / "y.npy")[0]


FACTS = {
    # name: (version, layer, config, x, y)
    "24 hard_sigmoid of Keras 2": ("2.15.0", "Activation", {"activation": "hard_sigmoid"}, [[2.0]], [[0.9]]),
    "24 hard_sigmoid of Keras 1": ("1.2.2", "Activation", {"activation": "hard_sigmoid"}, [[2.0]], [[0.9]]),
    "26 alpha of Keras 2": ("2.15.0", "LeakyReLU", {"alpha": 0.3}, [[-1.0]], [[-0.3]]),
    "29 ThresholdedReLU": ("2.15.0", "ThresholdedReLU", {"theta": 1.0}, [[0.5, 1.0, 2.0]], [[0.0, 0.0, 2.0]]),
    "10 bilinear on TensorFlow 1": ("2.2.4", "UpSampling2D", {"size": [1, 2], "interpolation": "bilinear", "data_format": "channels_last"},
                                    [[[[1.0], [2.0], [4.0]]]], [[[[1.0], [1.5], [2.0], [3.0], [4.0], [4.0]]]]),
    "10 bilinear of Keras 2": ("2.15.0", "UpSampling2D", {"size": [1, 2], "interpolation": "bilinear", "data_format": "channels_last"},
                               [[[[1.0], [2.0], [4.0]]]], [[[[1.0], [1.25], [1.75], [2.5], [3.5], [4.0]]]]),
    "42 discretization": ("2.15.0", "Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "int"}, [[-1.0, 0.0, 1.0, 2.0]],
                          [[0, 1, 2, 2]]),
}


@pytest.mark.parametrize("name", list(FACTS))
def test_older(name, tmp_path):
    version, layer, config, x, y = FACTS[name]
    shape = [None] + list(np.shape(x)[1:])
    config = dict(config, name="a", trainable=True, batch_input_shape=shape, dtype="float32")
    y = np.asarray(y, np.float64)
    np.testing.assert_allclose(outputs(tmp_path, sequential(version, [(layer, config)]), x), y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("version, backend, axis", [("3.15.1", "tensorflow", 3), ("3.7.0", "tensorflow", 3), ("3.6.0", "tensorflow", 1), ("3.15.1", "jax", 1),
                                                    ("3.15.1", "torch", 1), ("2.15.0", "tensorflow", 1)])
def test_07_biases(tmp_path, version, backend, axis):
    """As many channels as columns: Keras 3.7 began to add such a bias along the columns, on TensorFlow alone."""
    config = {"name": "d", "trainable": True, "batch_input_shape": [None, 2, 2, 2], "dtype": "float32", "kernel_size": [1, 1], "strides": [1, 1],
              "padding": "valid", "depth_multiplier": 1, "data_format": "channels_first", "dilation_rate": [1, 1], "activation": "linear", "use_bias": True}
    layers = [("DepthwiseConv2D", config)]
    if version[0] == "3":
        batch = {"batch_shape": config.pop("batch_input_shape"), "dtype": "float32", "name": "i"}
        layers = [("InputLayer", batch)] + layers
    found = outputs(tmp_path, sequential(version, layers, backend), np.zeros((1, 2, 2, 2)), [np.zeros((1, 1, 2, 1)), [1.0, 2.0]])
    np.testing.assert_array_equal(found, np.broadcast_to(np.reshape([1.0, 2.0], [2 if i == axis else 1 for i in range(4)]), (1, 2, 2, 2)))
    report = must("rebuild", tmp_path / "c.json", tmp_path / "w.npz", "-v").stdout
    assert ("d/bias_axis = 3" in report) == (axis == 3)


def test_07_biases_of_padded_convolutions(tmp_path):
    """Theano's 'same' is written as two layers; the second is told of, too, when Keras 3.7 would add its bias along the columns."""
    told = {}
    for filters in (8, 9):
        conv = {"name": "c", "trainable": True, "batch_input_shape": [None, 3, 8, 8], "dtype": "float32", "filters": filters, "kernel_size": [2, 2],
                "strides": [1, 1], "padding": "same", "data_format": "channels_first", "dilation_rate": [3, 3], "activation": "linear", "use_bias": True}
        (tmp_path / "c.json").write_text(json.dumps(sequential("2.2.4", [("Conv2D", conv)], "theano")))
        np.savez(tmp_path / "w.npz", np.ones((2, 2, 3, filters), np.float32), np.ones(filters, np.float32))
        told[filters] = must("rebuild", tmp_path / "c.json", tmp_path / "w.npz", "-o", tmp_path / "out.keras").stderr
        assert "a layer of padding before a convolution" in told[filters]
    assert "will add its bias along another axis" in told[8] and "bias" not in told[9]


def test_04_kernels_of_theano_are_turned(tmp_path):
    """Theano convolves truly: the kernel [1, 2] at x gives 2 x[i] + 1 x[i+1], where TensorFlow gives 1 x[i] + 2 x[i+1]."""
    conv = {"name": "c", "trainable": True, "batch_input_shape": [None, 3, 1], "dtype": "float32", "filters": 1, "kernel_size": [2],
            "strides": [1], "padding": "valid", "dilation_rate": [1], "activation": "linear", "use_bias": False}
    x = [[[1.0], [10.0], [100.0]]]
    kernel = np.array([1.0, 2.0]).reshape(2, 1, 1)
    for backend, y in (("tensorflow", [21.0, 210.0]), ("theano", [12.0, 120.0])):
        found = outputs(tmp_path, sequential("2.2.4", [("Conv1D", conv)], backend), x, [kernel])
        np.testing.assert_allclose(found.ravel(), y, rtol=1e-6)


def test_12_locally_connected_has_a_kernel_for_each_place(tmp_path):
    layer = {"name": "l", "trainable": True, "batch_input_shape": [None, 3, 1], "dtype": "float32", "filters": 1, "kernel_size": [2],
             "strides": [1], "padding": "valid", "activation": "linear", "use_bias": True, "implementation": 1}
    x = [[[1.0], [10.0], [100.0]]]
    kernel, bias = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1), np.array([[0.5], [0.25]])
    found = outputs(tmp_path, sequential("2.15.0", [("LocallyConnected1D", layer)]), x, [kernel, bias])
    np.testing.assert_allclose(found.ravel(), [21.5, 430.25], rtol=1e-6)


def test_18_19_defaults_of_old_recurrent_layers(tmp_path):
    """Keras 2.2.4 writes no reset_after where it is False; recurrent_activation is hard_sigmoid where nothing is said."""
    gru = {"name": "g", "trainable": True, "batch_input_shape": [None, 1, 1], "dtype": "float32", "units": 1, "return_sequences": False,
           "activation": "linear", "use_bias": False}
    found = outputs(tmp_path, sequential("2.2.4", [("GRU", gru)]), [[[1.0]]], [[[2.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(found.ravel(), [(1 - 0.9) * 3.0], rtol=1e-5)     # z = hard_sigmoid(2) = 0.9


def test_22_states_go_on_from_batch_to_batch(tmp_path):
    """A stateful model goes on where the batch before ended (test_stateful.py holds it against Keras): h = x + h with these weights."""
    rnn = {"name": "r", "trainable": True, "batch_input_shape": [2, 1, 1], "dtype": "float32", "units": 1, "stateful": True,
           "activation": "linear", "use_bias": False}
    config, weights = sequential("2.15.0", [("SimpleRNN", rnn)]), [[[1.0]], [[1.0]]]
    x = [[[1.0]], [[2.0]], [[10.0]], [[20.0]], [[100.0]], [[200.0]]]
    np.testing.assert_allclose(outputs(tmp_path, config, x, weights).ravel(), [1, 2, 11, 22, 111, 222])


X = [[[1, 2, 4], [0, 0, 0], [3, 1, -1]], [[0, 0, 0], [5, 2, 1], [2, 2, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 0]]]
BETAS = [[-0.25, -0.5, -0.75]] * 3
MASKED_GROUPS = {        # as Keras 2.15 computes them after Masking: its mask (samples, steps) lies along (steps, channels)
    "one": ({"groups": 1}, X, [
        [[-0.326235, -0.042589, 1.765758], [-0.631176, -1.262351, -1.893526], [0.283646, -0.65247, -2.808348]],
        [[-0.701938, -1.403877, -2.105816], [2.310984, 1.006462, -0.298062], [0.503231, 1.006462, -2.105816]], BETAS]),
    "each": ({"groups": 3}, X, [
        [[-0.25, 62.745552, 0.749813], [-16.061388, -0.5, -2.249812], [31.372778, 31.122776, -2.999719]],
        [[-0.25, -63.745552, -2.247009], [78.806938, -0.5, 0.747009], [31.372776, -0.5, -2.247009]], BETAS]),
    "steps": ({"groups": 3, "axis": 1}, X, [
        [[-0.749889, -0.41663, 0.249889], [-0.5, -0.5, -0.5], [141.55249, 46.684162, -48.184162]],
        [[-0.25, -0.25, -0.25], [6.486042, 0.498006, -1.498006], [94.118324, 94.118324, -0.75]],
        [[-0.25] * 3, [-0.5] * 3, [-0.75] * 3]]),
    "one sample": ({"groups": 1}, X[:1], [
        [[-0.297029, -0.029714, 1.648456], [-0.5792, -1.1584, -1.7376], [0.267314, -0.594057, -2.584114]]]),
}


def masked_group_norm(shape, config):
    return sequential("2.15.0", [("InputLayer", {"batch_input_shape": [None] + shape, "dtype": "float32", "name": "i"}),
                                 ("Masking", {"name": "m", "mask_value": 0.0}), ("GroupNormalization", dict(config, name="g"))])


@pytest.mark.parametrize("name", list(MASKED_GROUPS))
def test_group_normalization_after_a_mask_of_keras_2(name, tmp_path):
    config, x, y = MASKED_GROUPS[name]
    weights = [[0.5, 1.0, 1.5], [-0.25, -0.5, -0.75]]
    np.testing.assert_allclose(outputs(tmp_path, masked_group_norm([3, 3], config), x, weights), y, rtol=1e-4, atol=1e-5)


def test_group_normalization_after_a_mask_that_does_not_fit(tmp_path):
    """Keras 2 cannot build it: 6 steps do not lie along 3 channels. Nor run it, where the samples are not as many as the steps."""
    path = tmp_path / "model.json"
    path.write_text(json.dumps(masked_group_norm([6, 3], {"groups": 1})))
    done = cuvier("summary", path, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["layer"] == "g"
    path.write_text(json.dumps(masked_group_norm([3, 3], {"groups": 1})))
    np.savez(tmp_path / "w.npz", np.ones(3, np.float32), np.ones(3, np.float32))
    np.save(tmp_path / "x.npy", np.ones((2, 3, 3), np.float32))
    done = must("predict", path, tmp_path / "w.npz", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", status=1)
    assert "'g'" in done.stderr
