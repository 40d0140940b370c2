"""Runs in a Python with tf_keras (Keras 2): layers and arguments that Keras 3 has no more, each as a small model with its outputs.

    old_layers.py FOLDER

For each case NAME.keras, NAME.h5, NAME.json with NAME.npz, and NAME.io.npz.
"""
import itertools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np               # noqa: E402
import tensorflow as tf          # noqa: E402
import tf_keras as keras         # noqa: E402

from support import save_forms   # noqa: E402

L = keras.layers
RNG = np.random.default_rng(2)


def local():
    """Every way to store a kernel for each place: (name, layer, shape of the input, how many samples)."""
    for way, padding, stride, kernel, order, rank in itertools.product((1, 2, 3), ("valid", "same"), (1, 2), (1, 2, 3), ("last", "first"), (1, 2)):
        if way == 1 and padding == "same":
            continue                                     # Keras refuses it
        kind, shape = (L.LocallyConnected1D, (7,)) if rank == 1 else (L.LocallyConnected2D, (5, 6))
        shape = shape + (2,) if order == "last" else (2,) + shape
        layer = kind(3, kernel, strides=stride, padding=padding, implementation=way, data_format="channels_" + order, activation="tanh")
        yield "local%dd_%d_%s_%d_%d_%s" % (rank, way, padding, stride, kernel, order), [layer], shape, 3


def masked_groups():
    """The mask (samples, steps) lies along (steps, channels)."""
    for groups, axis, samples, policy in itertools.product((1, 2, 4), (-1, 1), (1, 4), ("float32", "mixed_float16", "float64", "bfloat16")):
        layer = L.GroupNormalization(groups, axis=axis, dtype=policy)
        yield "groups_%d_%d_%d_%s" % (groups, axis, samples, policy), [L.Masking(0.0), layer], (4, 4), samples


def half_groups():
    """Numbers that hardly differ: what is left of them depends on where half precision rounds."""
    for groups, axis, masked, policy in itertools.product((1, 3), (-1, 1), (False, True), ("bfloat16", "mixed_bfloat16", "float16")):
        layer = L.GroupNormalization(groups, axis=axis, scale=groups == 1 or masked, dtype=policy)
        yield ("half_%d_%d_%d_%s" % (groups, axis, masked, policy), [L.Rescaling(0.03, 2.0, dtype=policy)] + [L.Masking(2.0, dtype=policy)] * masked + [layer],
               (6, 6) if masked else (6, 5, 6), 6)


def others():
    yield "thresholded", [L.ThresholdedReLU(0.4)], (5, 3), 4
    yield "height", [L.experimental.preprocessing.RandomHeight(0.2), L.Conv2D(2, 2)], (5, 6, 2), 2
    yield "width", [L.experimental.preprocessing.RandomWidth(0.2), L.Conv2D(2, 2)], (5, 6, 2), 2
    for name in ("Rescaling", "CenterCrop", "Resizing", "RandomFlip", "RandomRotation", "RandomZoom", "RandomContrast", "RandomTranslation"):
        args = {"Rescaling": (0.5, 1.0), "CenterCrop": (3, 4), "Resizing": (7, 4), "RandomFlip": (), "RandomTranslation": (0.1, 0.1)}.get(name, (0.2,))
        yield "experimental_" + name, [getattr(L.experimental.preprocessing, name)(*args)], (5, 6, 2), 2
    for kind in (L.LSTM, L.GRU, L.SimpleRNN):            # arguments that Keras 3 does not take, or not so
        yield "unrolled_" + kind.__name__, [kind(3, unroll=True, implementation=1, return_sequences=True) if kind is not L.SimpleRNN else kind(3, unroll=True)], (4, 2), 3


def texts():
    """Weights of tf_idf that the configuration states are a variable, too, which files hold."""
    known, weights = ["a", "b", "dog"], [0.5, 1.5, 2.0]
    yield "tf_idf_text", [L.TextVectorization(vocabulary=known, idf_weights=weights, output_mode="tf_idf"), L.Dense(2)], (1,), 4
    yield "tf_idf_text_split", [L.TextVectorization(vocabulary=known, idf_weights=weights, output_mode="tf_idf", standardize=None, ngrams=2), L.Dense(2)], (1,), 4
    yield "tf_idf_words", [L.StringLookup(vocabulary=known, idf_weights=weights, output_mode="tf_idf", num_oov_indices=2), L.Dense(2)], (3,), 4
    yield "other_tf_idf", [L.StringLookup(vocabulary=known, idf_weights=weights, output_mode="tf_idf"), L.Dense(2)], (3,), 4     # set to others
    yield "tf_idf_numbers", [L.IntegerLookup(vocabulary=[3, 7, 9], idf_weights=weights, output_mode="tf_idf"), L.Dense(2)], (3,), 4


def inputs(name, shape, samples):
    if name.startswith("tf_idf_numbers"):
        return RNG.integers(2, 11, (samples,) + shape)
    if "tf_idf" in name:
        words = RNG.choice(["a", "b", "dog", "The", "x"], (samples,) + shape + (4,))
        return np.array([" ".join(w) for w in words.reshape(-1, 4)]).reshape((samples,) + shape) if "text" in name else words[..., 0]
    return RNG.normal(size=(samples,) + shape).astype("float32")


def plain(y):
    return tf.cast(y, tf.float32).numpy() if y.dtype == tf.bfloat16 else y.numpy()


def main(folder):
    for name, layers, shape, samples in itertools.chain(local(), masked_groups(), half_groups(), others(), texts()):
        keras.backend.clear_session()
        x = inputs(name, shape, samples)
        model = keras.Sequential([keras.Input(shape, dtype="string" if x.dtype.kind == "U" else x.dtype)] + layers)
        if not name.startswith("tf_idf"):
            model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
        if name.startswith("groups"):
            x[RNG.random(x.shape[:2]) < 0.3] = 0
        base = os.path.join(folder, name)
        np.savez(base + ".io.npz", x=x, y=plain(model(tf.constant(x), training=False)))
        save_forms(model, base)


if __name__ == "__main__":
    main(sys.argv[1])
