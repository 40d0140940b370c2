"""The models that the scripts of this folder load: python files.py, in a folder of its own, with any Keras."""
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers


def fill(model, seed):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=w.shape).astype("float32") * 0.2 for w in model.weights]
    model.set_weights([np.abs(v) + 0.5 if "variance" in w.name else v for v, w in zip(values, model.weights)])
    return model


def image():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="c1")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    y = layers.Conv2D(4, 3, padding="same", name="c2")(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(6, activation="relu", name="features")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="classes")(x), name="image_net")


def chain():
    return keras.Sequential([keras.Input((5,)), layers.Dense(7, activation="tanh", name="one"), layers.Dropout(0.5, name="drop"),
                             layers.Dense(4, activation="relu", name="two"), layers.Dense(2, name="three")], name="chain")


def words():
    ids = keras.Input((9,), dtype="int32", name="ids")
    x = layers.Embedding(20, 6, mask_zero=True, name="table")(ids)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    x, h = layers.GRU(5, return_state=True, name="gru")(x)
    return keras.Model(ids, layers.Dense(3, name="out")(layers.Concatenate(name="join")([x, h])), name="words")


def nested():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu", name="in_a"), layers.Dense(4, name="in_b")], name="inner")
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    x = layers.Subtract(name="difference")([inner(left), inner(right)])
    return keras.Model([left, right], layers.Dense(1, name="score")(x), name="twins")


for number, build in enumerate((image, chain, words, nested)):
    name = build.__name__
    model = fill(build(), number)
    model.save(name + ".keras")
    model.save(name + ".h5")
    model.save_weights(name + ".weights.h5")
    with open(name + ".json", "w") as f:
        f.write(model.to_json())
rng = np.random.default_rng(7)
np.savez("head.npz", kernel=rng.normal(size=(6, 2)).astype("float32"), bias=rng.normal(size=2).astype("float32"),
         wide=rng.normal(size=(4, 2)).astype("float32"))
