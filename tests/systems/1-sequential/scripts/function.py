#!/usr/bin/env python3
import os

import keras
import numpy as np
from keras import layers

NUM_PIXELS = 28 * 28
NUM_CLASSES = 10
HIDDEN = 128


def build_model():
    """The architecture that the arrays were taken from."""
    model = keras.Sequential(
        [
            keras.Input(shape=(NUM_PIXELS,)),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dense(NUM_CLASSES, activation="softmax"),
        ],
        name="mnist_mlp",
    )
    return model


def load_parameters(model, weights_path, biases_path):
    weights = np.load(weights_path, allow_pickle=True)
    biases = np.load(biases_path, allow_pickle=True)
    for i in range(len(model.layers)):
        model.layers[i].set_weights([weights[i], biases[i]])
    return model


if __name__ == '__main__':
    model = build_model()
    model = load_parameters(model, "weights.npy", "biases.npy")
    model.summary()
