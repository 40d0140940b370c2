#!/usr/bin/env python3
"""Writes the evidence of every mistake: make.py [NAME...]. Needs Keras 3 (tools/setup_tests).

A mistake is a function; its name is the folder's. It writes files into the current folder and returns the arguments after
`cuvier` and the exit status. expect.txt, the message word for word, is written by hand: it is the specification.
README.md is made from the docstrings.
"""
import json
import os
import sys
import textwrap
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py                      # noqa: E402
import keras                     # noqa: E402
import numpy as np               # noqa: E402
from keras import Input, Model, Sequential, layers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MISTAKES = []
ARRAYS = "rebuild model.json weights.npy biases.npy"


def mistake(function):
    MISTAKES.append(function)
    return function


def filled(model, seed=3):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 1, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def two_dense():
    keras.backend.clear_session()
    return filled(Sequential([Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")]))


def config(model):
    with open("model.json", "w") as f:
        f.write(model.to_json())


def config_with(model, change):
    """The configuration after change(dict)."""
    tree = json.loads(model.to_json())
    change(tree)
    with open("model.json", "w") as f:
        json.dump(tree, f)


def objects(arrays):
    out = np.empty(len(arrays), dtype=object)
    for i, a in enumerate(arrays):
        out[i] = a
    return out


def save(name, arrays):
    np.save(name, objects(arrays), allow_pickle=True)


def pairs(model, kernels=None, biases=None):
    """weights.npy and biases.npy as the model has them, or as given."""
    weights = model.get_weights()
    save("weights.npy", weights[0::2] if kernels is None else kernels)
    save("biases.npy", weights[1::2] if biases is None else biases)


def script(text):
    with open("rebuild.py", "w") as f:
        f.write(textwrap.dedent(text).lstrip("\n"))


HEAD = """
import numpy as np
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)
model = Sequential([Dense(8, activation='relu', input_shape=(6,)), Dense(3, activation='softmax')])
"""


# ---- shapes


@mistake
def kernel_shape():
    """The second kernel has 7 rows; the layer before gives 8 values."""
    m = two_dense()
    config(m)
    k = m.get_weights()[0::2]
    pairs(m, [k[0], k[1][:7]])
    return ARRAYS, 1


@mistake
def kernel_transposed():
    """The first kernel is transposed, as PyTorch stores it."""
    m = two_dense()
    config(m)
    k = m.get_weights()[0::2]
    pairs(m, [np.ascontiguousarray(k[0].T), k[1]])
    return ARRAYS, 1


@mistake
def bias_column():
    """Biases are columns of shape (n, 1)."""
    m = two_dense()
    config(m)
    pairs(m, biases=[b.reshape(-1, 1) for b in m.get_weights()[1::2]])
    return ARRAYS, 1


@mistake
def bias_missing():
    """biases.npy has one entry, the model has two layers."""
    m = two_dense()
    config(m)
    pairs(m, biases=m.get_weights()[1:2])
    return ARRAYS, 1


@mistake
def tensor_surplus():
    """One kernel and one bias more than the model has layers."""
    m = two_dense()
    config(m)
    w = m.get_weights()
    pairs(m, w[0::2] + [np.ones((3, 2), np.float32)], w[1::2] + [np.ones(2, np.float32)])
    return ARRAYS, 1


@mistake
def zero_size():
    """A kernel without a single number, of shape (0, 8)."""
    m = two_dense()
    config(m)
    pairs(m, [np.zeros((0, 8), np.float32), m.get_weights()[2]])
    return ARRAYS, 1


@mistake
def ragged_lists():
    """The kernel was saved as nested Python lists, and one row is shorter."""
    m = two_dense()
    config(m)
    rows = m.get_weights()[0].tolist()
    rows[4] = rows[4][:5]
    pairs(m, [rows, m.get_weights()[2].tolist()])
    return ARRAYS, 1


@mistake
def wrong_order():
    """The list of model.get_weights() with bias before kernel."""
    m = two_dense()
    config(m)
    w = m.get_weights()
    save("all_weights.npy", [w[1], w[0], w[3], w[2]])
    return "rebuild model.json all_weights.npy --strict", 1


@mistake
def layers_reversed():
    """Both lists run from the last layer to the first."""
    m = two_dense()
    config(m)
    w = m.get_weights()
    pairs(m, w[0::2][::-1], w[1::2][::-1])
    return ARRAYS + " --strict", 1


@mistake
def equal_shapes_assumed():
    """Two kernels of one shape under names that say nothing: which is which can only be assumed, and --strict forbids it."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((4,)), layers.Dense(4, activation="tanh"), layers.Dense(4)]))
    config(m)
    w = m.get_weights()
    np.savez("tensors.npz", p=w[0], q=w[1], r=w[2], s=w[3])
    return "rebuild model.json tensors.npz --strict", 1


@mistake
def collapsed_array():
    """np.array of three equal kernels collapsed into one (3, 4, 4) array; the model has four layers."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((4,))] + [layers.Dense(4) for _ in range(4)]))
    config(m)
    w = m.get_weights()
    np.save("weights.npy", np.array(w[0:6:2]))
    np.save("biases.npy", np.array(w[1:6:2]))
    return ARRAYS, 1


@mistake
def not_object():
    """weights.npy is the plain array of one kernel, not a list of kernels."""
    m = two_dense()
    config(m)
    np.save("weights.npy", m.get_weights()[0])
    save("biases.npy", m.get_weights()[1::2])
    return ARRAYS, 1


# ---- numbers


@mistake
def nan_in_weights():
    """Training diverged: the kernel holds NaN and infinity."""
    m = two_dense()
    config(m)
    k = m.get_weights()[0::2]
    k[0][2, 3], k[0][5, 0] = np.nan, np.inf
    pairs(m, k)
    return ARRAYS, 0


@mistake
def integer_kernel():
    """Kernels of int64: rounded on the way, or quantised."""
    m = two_dense()
    config(m)
    pairs(m, [(k * 100).astype(np.int64) for k in m.get_weights()[0::2]])
    return ARRAYS, 0


@mistake
def float64_arrays():
    """Arrays of float64, which the model holds as float32."""
    m = two_dense()
    config(m)
    pairs(m, [k.astype(np.float64) for k in m.get_weights()[0::2]], [b.astype(np.float64) for b in m.get_weights()[1::2]])
    return ARRAYS, 0


@mistake
def complex_kernel():
    """A kernel of complex numbers."""
    m = two_dense()
    config(m)
    k = m.get_weights()[0::2]
    pairs(m, [k[0].astype(np.complex64), k[1]])
    return ARRAYS, 3


# ---- the wrong file


@mistake
def other_models_weights():
    """The weights of a convolutional net beside the configuration of two Dense layers."""
    config(two_dense())
    keras.backend.clear_session()
    filled(Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)])).save_weights("model.weights.h5")
    return "rebuild model.json model.weights.h5", 1


@mistake
def other_models_config():
    """The configuration has three Dense layers, the arrays belong to two others."""
    m = two_dense()
    keras.backend.clear_session()
    config(Sequential([Input((6,)), layers.Dense(16), layers.Dense(12), layers.Dense(3)]))
    pairs(m)
    return ARRAYS, 1


@mistake
def layer_count():
    """The classic: a weight file of two layers for a model of three (legacy .h5)."""
    m = two_dense()
    m.save("two.h5")
    with h5py.File("two.h5", "r") as source, h5py.File("weights.h5", "w") as out:
        for key, value in source["model_weights"].attrs.items():
            out.attrs[key] = value
        for name in source["model_weights"]:
            source.copy(source["model_weights"][name], out, name)
    os.remove("two.h5")
    keras.backend.clear_session()
    config(Sequential([Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(8), layers.Dense(3, activation="softmax")]))
    return "rebuild model.json weights.h5", 1


@mistake
def gru_layout():
    """A GRU of Keras 2.2 (reset_after false, bias (12,)) for a configuration of today, which wants (2, 12)."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((5, 3)), layers.GRU(4), layers.Dense(2)]))
    config(m)
    w = m.get_weights()
    w[2] = w[2][0]
    save("all_weights.npy", w)
    return "rebuild model.json all_weights.npy", 1


@mistake
def batchnorm_statistics():
    """Only the trainable weights were saved: moving mean and variance are missing."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((4,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(2)]))
    config(m)
    save("all_weights.npy", [w.numpy() for w in m.trainable_weights])
    return "rebuild model.json all_weights.npy", 1


@mistake
def kernels_of_keras_1():
    """Conv2D kernels in the Theano layout of Keras 1: (filters, channels, rows, columns)."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((8, 8, 3)), layers.Conv2D(5, (4, 2)), layers.Flatten(), layers.Dense(2)]))
    config(m)
    w = m.get_weights()
    w[0] = np.ascontiguousarray(w[0].transpose(3, 2, 0, 1))
    save("all_weights.npy", w)
    return "rebuild model.json all_weights.npy", 1


@mistake
def half_bidirectional():
    """Only the forward half of a Bidirectional LSTM was saved."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((5, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)]))
    config(m)
    w = m.get_weights()
    save("all_weights.npy", w[:3] + w[6:])
    return "rebuild model.json all_weights.npy", 1


@mistake
def weights_alone():
    """A weights-only .h5, no configuration, and nothing may be assumed."""
    two_dense().save_weights("model.weights.h5")
    return "rebuild model.weights.h5 --strict", 1


# ---- damaged files


@mistake
def empty_file():
    """weights.npy has no bytes at all."""
    m = two_dense()
    config(m)
    pairs(m)
    open("weights.npy", "wb").close()
    return ARRAYS, 3


@mistake
def truncated_npy():
    """A download that stopped: the array's data end early."""
    two_dense_config = two_dense()
    config(two_dense_config)
    np.save("all_weights.npy", np.arange(100, dtype=np.float32))
    with open("all_weights.npy", "r+b") as f:
        f.truncate(300)
    return "rebuild model.json all_weights.npy", 3


@mistake
def truncated_object_npy():
    """The pickle inside an object array ends early."""
    m = two_dense()
    config(m)
    pairs(m)
    with open("weights.npy", "r+b") as f:
        f.truncate(os.path.getsize("weights.npy") - 40)
    return ARRAYS, 3


@mistake
def truncated_h5():
    """An .h5 that lost its second half."""
    two_dense().save("model.h5")
    with open("model.h5", "r+b") as f:
        f.truncate(os.path.getsize("model.h5") // 2)
    return "rebuild model.h5", 3


@mistake
def json_cut_off():
    """The configuration ends in the middle of a layer."""
    m = two_dense()
    pairs(m)
    with open("model.json", "w") as f:
        f.write(m.to_json()[:700])
    return ARRAYS, 3


@mistake
def archive_without_config():
    """A .keras archive that someone zipped anew without config.json."""
    two_dense().save("whole.keras")
    with zipfile.ZipFile("whole.keras") as source, zipfile.ZipFile("model.keras", "w") as out:
        for name in ("metadata.json",):
            out.writestr(zipfile.ZipInfo(name), source.read(name))
    os.remove("whole.keras")
    return "rebuild model.keras", 3


@mistake
def not_a_model():
    """A text file under the name of a model."""
    with open("model.h5", "w") as f:
        f.write("<!DOCTYPE html>\n<html><body>404: Not Found</body></html>\n")
    return "rebuild model.h5", 3


@mistake
def missing_file():
    """The path on the command line does not exist."""
    config(two_dense())
    return "rebuild model.json weigths.npy", 3


# ---- unsafe or unsupported


class Forbidden:
    """Pickles as a call of os.system. Never loaded: only the bytes are written."""

    def __reduce__(self):
        return os.system, ("echo this must never run",)


@mistake
def pickle_with_code():
    """The object array's pickle calls os.system."""
    m = two_dense()
    config(m)
    pairs(m)
    out = np.empty(2, dtype=object)
    out[0], out[1] = Forbidden(), m.get_weights()[2]
    np.save("weights.npy", out, allow_pickle=True)
    return ARRAYS, 3


@mistake
def custom_layer():
    """A layer of the user's own class."""
    def change(tree):
        tree["config"]["layers"][1]["class_name"] = "MyDense"
        tree["config"]["layers"][1]["module"] = "my_package.layers"
        tree["config"]["layers"][1]["registered_name"] = "MyLayers>MyDense"
    m = two_dense()
    config_with(m, change)
    pairs(m)
    return ARRAYS, 3


@mistake
def lambda_layer():
    """A Lambda layer, whose body is Python bytecode."""
    keras.backend.clear_session()
    m = filled(Sequential([Input((4,)), layers.Dense(4), layers.Lambda(lambda t: t if t is None else t ** 3, output_shape=(4,), name="cubic"), layers.Dense(2)]))
    m.save("model.keras")
    return "rebuild model.keras", 3


@mistake
def cyclic_graph():
    """Two layers, each the input of the other."""
    keras.backend.clear_session()
    x = Input((4,))
    a = layers.Dense(4, name="first")(x)
    m = filled(Model(x, layers.Dense(4, name="second")(a)))

    def change(tree):
        def history(layer):
            return layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
        first, second = tree["config"]["layers"][1:]
        history(first)[0] = second["name"]
    config_with(m, change)
    pairs(m)
    return ARRAYS, 3


@mistake
def unknown_argument():
    """A misspelt argument in the configuration."""
    def change(tree):
        layer = tree["config"]["layers"][1]["config"]
        layer["actvation"] = layer.pop("activation")
    m = two_dense()
    config_with(m, change)
    pairs(m)
    return ARRAYS, 3


@mistake
def unknown_activation():
    """An activation function that Keras does not have."""
    def change(tree):
        tree["config"]["layers"][1]["config"]["activation"] = "rellu"
    m = two_dense()
    config_with(m, change)
    pairs(m)
    return ARRAYS, 3


# ---- scripts


@mistake
def script_layers_swapped():
    """The script puts the second layer's arrays into the first."""
    pairs(two_dense())
    script(HEAD + """
model.layers[0].set_weights([weights[1], biases[1]])
model.layers[1].set_weights([weights[0], biases[0]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_off_by_one():
    """A Functional model: layers[0] is the input, so every index is one too low."""
    pairs(two_dense())
    script("""
import numpy as np
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)
inputs = Input(shape=(6,))
x = Dense(8, activation='relu')(inputs)
outputs = Dense(3, activation='softmax')(x)
model = Model(inputs, outputs)

model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_index():
    """model.layers[2] in a model of two layers."""
    pairs(two_dense())
    script(HEAD + """
model.layers[1].set_weights([weights[0], biases[0]])
model.layers[2].set_weights([weights[1], biases[1]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_array_index():
    """weights[2] of an array with two entries."""
    pairs(two_dense())
    script(HEAD + """
model.layers[0].set_weights([weights[1], biases[1]])
model.layers[1].set_weights([weights[2], biases[2]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_no_bias():
    """set_weights with the kernel alone; the layer has a bias."""
    pairs(two_dense())
    script(HEAD + """
model.layers[0].set_weights([weights[0]])
model.layers[1].set_weights([weights[1]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_unknown_layer():
    """get_layer with a name that the model does not have."""
    pairs(two_dense())
    script(HEAD + """
model.get_layer('dense').set_weights([weights[0], biases[0]])
model.get_layer('dense_2').set_weights([weights[1], biases[1]])
""")
    return "rebuild rebuild.py", 1


@mistake
def script_by_name():
    """load_weights(by_name=True) where no name matches: Keras loads nothing and says nothing."""
    m = two_dense()
    m.save("source.h5")
    with h5py.File("source.h5", "r") as source, h5py.File("old_weights.h5", "w") as out:
        names = {"dense": "fc6", "dense_1": "fc7"}
        out.attrs["layer_names"] = np.array([b"fc6", b"fc7"])
        out.attrs["backend"], out.attrs["keras_version"] = b"tensorflow", b"2.15.0"
        for old, new in names.items():
            group = out.create_group(new)
            group.attrs["weight_names"] = np.array([("%s/%s:0" % (new, w)).encode() for w in ("kernel", "bias")])
            for w, value in zip(("kernel", "bias"), m.get_layer(old).get_weights()):
                group["%s/%s:0" % (new, w)] = value
    os.remove("source.h5")
    script("""
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Dense(8, activation='relu', input_shape=(6,), name='hidden'))
model.add(Dense(3, activation='softmax', name='classes'))
model.load_weights('old_weights.h5', by_name=True)
""")
    return "rebuild rebuild.py", 1


@mistake
def script_missing_file():
    """The script loads a file that is not beside it."""
    pairs(two_dense())
    os.remove("biases.npy")
    script(HEAD + """
model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])
""")
    return "rebuild rebuild.py", 3


@mistake
def script_not_understood():
    """A statement that changes the model in a way that is not followed: it must not be passed over."""
    pairs(two_dense())
    script(HEAD + """
model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])
model.layers[0].kernel.assign(model.layers[0].kernel * np.random.binomial(1, 0.5, (6, 8)))
""")
    return "rebuild rebuild.py", 3


@mistake
def script_never_set():
    """The script sets the first layer only; the second would keep random numbers."""
    pairs(two_dense())
    script(HEAD + """
model.layers[0].set_weights([weights[0], biases[0]])
""")
    return "rebuild rebuild.py", 1


# ---- use


@mistake
def input_shape():
    """Data with 7 columns for a model of 6."""
    m = two_dense()
    config(m)
    pairs(m)
    np.save("x.npy", np.ones((4, 7), np.float32))
    return "predict model.json weights.npy biases.npy -i x.npy -o y.npy", 1


@mistake
def samples_differ():
    """The samples belong to another state of the model."""
    m = two_dense()
    config(m)
    pairs(m)
    x = np.random.default_rng(1).normal(0, 1, (4, 6)).astype(np.float32)
    np.savez("io.npz", x=x, y=filled(m, 4).predict(x, verbose=0))
    return "verify model.json weights.npy biases.npy --samples io.npz", 1


@mistake
def config_alone():
    """A configuration and no weights: nothing can be computed with it."""
    config(two_dense())
    np.save("x.npy", np.ones((4, 6), np.float32))
    return "predict model.json -i x.npy -o y.npy", 1


def readme():
    rows = ["# Mistakes that people make, and what cuvier says to each", "",
            "Each folder has the evidence, `cmd` (the arguments after `cuvier`, run inside the folder), `status` (the exit status)",
            "and `expect.txt`: standard error word for word. `make.py` writes all but the last from the functions that say what is",
            "wrong; `expect.txt` is written by hand and is the specification. `tests/compat/test_mistakes.py` runs them.", "",
            "| folder | mistake | status |", "|---|---|---|"]
    for number, function in enumerate(MISTAKES, 1):
        folder = folder_of(number, function)
        status = open(os.path.join(HERE, folder, "status")).read().strip()
        rows.append("| `%s` | %s | %s |" % (folder, " ".join(function.__doc__.split()), status))
    with open(os.path.join(HERE, "README.md"), "w") as f:
        f.write("\n".join(rows) + "\n")


def folder_of(number, function):
    return "%02d-%s" % (number, function.__name__.replace("_", "-"))


def make(number, function):
    folder = os.path.join(HERE, folder_of(number, function))
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        if old != "expect.txt":
            os.remove(os.path.join(folder, old))
    os.chdir(folder)
    arguments, status = function()
    with open("cmd", "w") as f:
        f.write(arguments + "\n")
    with open("status", "w") as f:
        f.write("%d\n" % status)


def main(wanted):
    for number, function in enumerate(MISTAKES, 1):
        if not wanted or function.__name__ in wanted:
            make(number, function)
    readme()


if __name__ == "__main__":
    main(sys.argv[1:])
