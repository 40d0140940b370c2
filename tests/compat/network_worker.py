"""Runs the scripts of networks/ with real Keras and saves what they build: python network_worker.py FOLDER NAME...

FOLDER/NAME.weights.h5, NAME.keras, NAME.all.npy (model.get_weights()), of Keras 2 also NAME.h5, the checkpoint NAME.ck and the SavedModel
NAME.saved, of Keras 3 the whole model as NAME.full.h5, with random weights; NAME.io.npz has inputs and outputs.
"""
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf
from tensorflow import keras

import make_fixed

HERE = os.path.dirname(os.path.abspath(__file__))
INPUTS = {"mlp": (7,), "cnn_blocks": (16, 16, 3), "residual": (8, 8, 3), "recurrent": 9, "transformer": 10, "autoencoder": (8, 8, 1),
          "heads": (6,), "flags": (4,), "two_inputs": ("", ""), "own_weights": (6,), "unet": (8, 8, 2), "gated": (5,), "attention_rnn": 8,
          "functional_inside": {"a": (4,), "b": (4,)}}


def draw(shape, rng):
    """A tuple is a shape, a number a row of so many words, "" one word."""
    if isinstance(shape, dict):
        return {key: draw(one, rng) for key, one in shape.items()}
    if isinstance(shape, tuple) and shape and not isinstance(shape[0], int):
        return tuple(draw(one, rng) for one in shape)
    if isinstance(shape, tuple):
        return rng.normal(size=(3,) + shape).astype("float32")
    return rng.integers(0, 20, (3, shape) if shape else (3,)).astype("int32")


def run(name, folder):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.backend.clear_session()
    scope = {"__name__": "__main__"}
    with open(os.path.join(HERE, "networks", name + ".py")) as script:
        exec(compile(script.read(), script.name, "exec"), scope)
    model, base = scope["model"], os.path.join(folder, name)
    model.set_weights([np.abs(v) + 0.5 if "variance" in w.name else v
                       for w in model.weights for v in [(rng.normal(size=w.shape) * 0.3).astype("float32")]])
    x = draw(INPUTS[name], rng)
    y = model(tf.nest.map_structure(tf.constant, x), training=False) if "training" in model.call.__code__.co_varnames else \
        model(tf.nest.map_structure(tf.constant, x))
    x, y = tf.nest.flatten(x), [np.asarray(t) for t in tf.nest.flatten(y)]
    np.savez(base + ".io.npz", **{"x%d" % i: v for i, v in enumerate(x)}, **{"y%d" % i: v for i, v in enumerate(y)})
    model.save_weights(base + ".weights.h5")
    model.save(base + ".keras")
    if tf.__version__.startswith("2.15"):
        model.save_weights(base + ".h5")
        model.save_weights(base + ".ck", save_format="tf")
        model.save(base + ".saved")
    else:
        model.save(base + ".full.h5")
    np.save(base + ".all.npy", make_fixed.objects(model.get_weights()), allow_pickle=True)


if __name__ == "__main__":
    for script in sys.argv[2:]:
        run(script, sys.argv[1])
