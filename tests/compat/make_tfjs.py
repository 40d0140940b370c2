#!/usr/bin/env python3
"""Writes tfjs/: models converted by the real tensorflowjs_converter, with inputs and Keras's outputs. Run it with a Python that has Keras 3,
tf_keras and tensorflowjs (4.22; `pip install --no-deps`: what it imports beyond these is not needed for layers models)."""
import importlib.machinery
import os
import shutil
import sys
import tempfile
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras                     # noqa: E402
import numpy as np               # noqa: E402
import tf_keras                  # noqa: E402

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tfjs")


class Absent(types.ModuleType):
    """Stands for a package that the converter imports and layers models do not use."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return object


def converter():
    absent = ["tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental", "jax.experimental.jax2tf"]
    for name in absent:
        sys.modules[name] = Absent(name)
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
    from tensorflowjs.converters import converter as found
    for name in absent:
        del sys.modules[name]
    return found


def network(of):
    layers = of.layers
    image = of.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(image)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(8, 3)(x)
    x = layers.Reshape((4, 2))(layers.GlobalAveragePooling2D()(x))
    x = layers.Bidirectional(layers.LSTM(5))(x)
    model = of.Model(image, layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(7)
    model.set_weights([np.abs(w + rng.normal(size=w.shape) / 4) + 0.1 if "variance" in v.name else w + rng.normal(size=w.shape) / 4
                       for w, v in zip(model.get_weights(), model.weights)])
    return model


def main():
    convert = converter().convert
    x = np.random.default_rng(3).normal(size=(4, 8, 8, 3)).astype("float32")
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    for name, of, extension in (("keras-2-h5", tf_keras, "h5"), ("keras-2-archive", tf_keras, "keras"), ("keras-3-h5", keras, "h5"),
                                ("keras-3-archive", keras, "keras")):
        model = network(of)
        np.savez(os.path.join(OUT, name + ".io.npz"), x=x, y=np.asarray(model(x)))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model." + extension)
            model.save(path)
            for kind in ("float32", "float16", "uint8", "uint16"):
                flags = [] if kind == "float32" else ["--quantize_%s=*" % kind]
                convert(["--input_format=keras" + ("_keras" if extension == "keras" else ""), "--output_format=tfjs_layers_model",
                         "--weight_shard_size_bytes=1500", *flags, path, os.path.join(OUT, name + "-" + kind)])
            if name == "keras-2-h5":
                convert(["--input_format=keras", "--output_format=tfjs_graph_model", path, os.path.join(OUT, "graph")])


main()
