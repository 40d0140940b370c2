"""Models whose first layers are called on several inputs: the same for all, then merged or by branches of their own. Needs Keras 3."""
import numpy as np

import carriers
import keras
from keras import layers as L

WORDS = 80


def on_each(inputs, layers):
    ends = []
    for x in inputs:
        for layer in layers:
            x = layer(x)
        ends.append(x)
    return ends


def inputs_of(shape, count=2, **options):
    return [keras.Input(shape, **options) for _ in range(count)]


def branches():
    """A shared layer, two branches, and what they give side by side."""
    inputs = inputs_of((20,))
    p, q = on_each(inputs, [L.Dense(12, activation="relu")])
    p, q = L.Dense(8, activation="elu")(p), L.Dense(9, activation="sigmoid")(q)
    return inputs, L.Dense(3, activation="softmax")(L.Concatenate()([p, q]))


def deep_branches():
    inputs = inputs_of((16,))
    p, q = on_each(inputs, [L.Dense(24, activation="tanh"), L.Dense(12, activation="tanh")])
    p = L.Dense(6, activation="tanh")(L.Dense(10, activation="tanh")(p))
    q = L.Dense(7, activation="tanh")(q)
    x = L.Dense(16, activation="tanh")(L.Concatenate()([p, q]))
    return inputs, [L.Dense(4, activation="softmax")(x), L.Dense(1)(x)]


def sentences():
    inputs = inputs_of((10,), dtype="int32")
    ends = on_each(inputs, [L.Embedding(WORDS, 12), L.LSTM(9)])
    return inputs, L.Dense(1, activation="sigmoid")(L.Dense(16, activation="relu")(L.Concatenate()(ends)))


def sentences_with_features():
    inputs = inputs_of((10,), dtype="int32") + [keras.Input((5,))]
    ends = on_each(inputs[:2], [L.Embedding(WORDS, 12), L.Bidirectional(L.GRU(6))])
    x = L.Concatenate()(ends + [L.Dense(7, activation="relu")(inputs[2])])
    return inputs, L.Dense(1, activation="sigmoid")(L.Dense(16, activation="relu")(x))


def pictures():
    inputs = inputs_of((20, 20, 1))
    ends = on_each(inputs, [L.Conv2D(6, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(10, 3, activation="relu"), L.MaxPooling2D(),
                            L.Flatten(), L.Dropout(.3), L.Dense(12, activation="relu")])
    return inputs, L.Dense(1, activation="sigmoid")(L.Subtract()(ends))


def triplet():
    inputs = inputs_of((14,), 3)
    return inputs, on_each(inputs, [L.Dense(20, activation="relu"), L.BatchNormalization(), L.Dense(8)])


def three_merged():
    inputs = inputs_of((9,), 3)
    ends = on_each(inputs, [L.Dense(11, activation="relu"), L.Dense(5, activation="relu")])
    return inputs, L.Dense(4, activation="softmax")(L.Concatenate()(ends))


MODELS = {"branches": branches, "deep_branches": deep_branches, "sentences": sentences, "sentences_with_features": sentences_with_features,
          "pictures": pictures, "triplet": triplet, "three_merged": three_merged}


def inputs_for(model, rng, count):
    return [rng.integers(0, WORDS, (count,) + i.shape[1:]).astype("int32") if i.dtype == "int32" else
            rng.normal(size=(count,) + i.shape[1:]).astype("float32") for i in model.inputs]


def write(folder, name, number=1):
    """The model in every carrier, with samples; weights as if trained (population.py)."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(number)
    rng = np.random.default_rng([6, number])
    carriers.write_built(folder, name, keras.Model(*MODELS[name]()), rng, inputs_for)
