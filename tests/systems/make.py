#!/usr/bin/env python3
"""Writes the evidence of the three systems with the Keras that runs it: make.py [FOLDER].

1-sequential  a classifier of 28x28 images, saved as weights.npy and biases.npy
2-functional  the same task with two branches, saved likewise
3-config      a small convolutional net, saved as model_config.json and model_weights.h5
Each gets io.npz: four inputs and what this Keras computes for them. The scripts beside them are written by hand.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402
from keras import Input, Model, Sequential, layers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = "keras-" + ".".join(keras.__version__.split(".")[:2])


def sequential():
    return Sequential([Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")])


def functional():
    inputs = Input((784,))
    trunk = layers.Dense(64, activation="relu")(inputs)
    left = layers.Dense(32, activation="relu")(trunk)
    right = layers.Dense(32, activation="relu")(trunk)
    return Model(inputs, layers.Dense(10, activation="softmax")(layers.concatenate([left, right])))


def convolutional():
    return Sequential([Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(),
                       layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(),
                       layers.Dropout(0.5), layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")])


def fill(model, seed):
    """Numbers such as training leaves: no bias at zero, no variance below it."""
    rng = np.random.default_rng(seed)
    values = []
    for weight, value in zip(model.weights, model.get_weights()):
        if "variance" in weight.name or "gamma" in weight.name:
            values.append(rng.uniform(0.5, 1.5, value.shape))
        elif value.ndim == 1:
            values.append(rng.normal(0, 0.2, value.shape))
        else:
            values.append(rng.normal(0, np.sqrt(2 / np.prod(value.shape[:-1])), value.shape))
    model.set_weights([v.astype(np.float32) for v in values])


def save_samples(model, folder, seed):
    x = np.random.default_rng(seed).uniform(0, 1, (4,) + tuple(model.inputs[0].shape[1:])).astype(np.float32)
    np.savez(os.path.join(folder, "io.npz"), x=x, y=model.predict(x, verbose=0))


def save_arrays(model, folder):
    owners = [layer for layer in model.layers if layer.get_weights()]
    np.save(os.path.join(folder, "weights.npy"), np.array([layer.get_weights()[0] for layer in owners], dtype=object))
    np.save(os.path.join(folder, "biases.npy"), np.array([layer.get_weights()[1] for layer in owners], dtype=object))


def save_config(model, folder):
    with open(os.path.join(folder, "model_config.json"), "w") as f:
        f.write(model.to_json())
    path = os.path.join(folder, "model_weights.h5")
    if keras.__version__.startswith("3"):                # which insists on the ending; people rename
        model.save_weights(os.path.join(folder, "model.weights.h5"))
        os.replace(os.path.join(folder, "model.weights.h5"), path)
    else:
        model.save_weights(path)


def main(root):
    systems = (("1-sequential", sequential, save_arrays), ("2-functional", functional, save_arrays),
               ("3-config", convolutional, save_config))
    for seed, (name, build, save) in enumerate(systems):
        keras.backend.clear_session()
        folder = os.path.join(root, name, RELEASE)
        os.makedirs(folder, exist_ok=True)
        model = build()
        fill(model, 40 + seed)
        save(model, folder)
        save_samples(model, folder, 80 + seed)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE)
