"""Models of the kinds whose bare weights are most often found in public: residual nets for CIFAR in both forms of the Keras example,
mini-Xceptions for faces, a text classifier and a vision transformer with position embeddings and layers of their own classes, U-nets.
Needs Keras 3. They are written anew here, with fewer filters where that does not change their wiring."""
import numpy as np

import carriers
import keras
import population
from keras import layers as L
from keras import ops

WORDS = 500


def norm_act(x, activation="relu"):
    return L.Activation(activation)(L.BatchNormalization()(x))


def conv(x, filters, size=3, strides=1, **options):
    return L.Conv2D(filters, size, strides=strides, padding="same", **options)(x)


def resnet_v1(blocks=3):
    """ResNet-20."""
    i = keras.Input((32, 32, 3))
    x = norm_act(conv(i, 16))
    for stage in range(3):
        for block in range(blocks):
            strides, filters = 2 if stage and not block else 1, 16 << stage
            y = norm_act(conv(x, filters, strides=strides))
            y = L.BatchNormalization()(conv(y, filters))
            if strides == 2:
                x = conv(x, filters, 1, 2)
            x = L.Activation("relu")(L.Add()([x, y]))
    x = L.Flatten()(L.AveragePooling2D(8)(x))
    return i, L.Dense(10, activation="softmax")(x)


def resnet_v2(blocks=2):
    """ResNet-20 of bottlenecks, each normalised before it begins."""
    i = keras.Input((32, 32, 3))
    x, filters = norm_act(conv(i, 16)), 16
    for stage in range(3):
        out = filters * (2 if stage else 4)
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            y = conv(norm_act(x) if stage or block else x, filters, 1, strides)
            y = conv(norm_act(y), filters)
            y = conv(norm_act(y), out, 1)
            if not block:
                x = conv(x, out, 1, strides)
            x = L.Add()([x, y])
        filters = out
    x = L.Flatten()(L.AveragePooling2D(8)(norm_act(x)))
    return i, L.Dense(10, activation="softmax")(x)


def mini_xception(side=48):
    x = i = keras.Input((side, side, 1))
    for _ in range(2):
        x = norm_act(L.Conv2D(8, 3, use_bias=False)(x))
    for filters in (16, 32, 64, 128):
        beside = L.BatchNormalization()(conv(x, filters, 1, 2, use_bias=False))
        x = norm_act(L.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = L.BatchNormalization()(L.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = L.Add()([L.MaxPooling2D(3, strides=2, padding="same")(x), beside])
    return i, L.Activation("softmax")(L.GlobalAveragePooling2D()(conv(x, 7)))


class Block(L.Layer):
    """A transformer's block as a class: its weights are listed as its layers are made, not as they are called."""

    def __init__(self, size, heads, inner):
        super().__init__()
        self.attention = L.MultiHeadAttention(heads, size)
        self.feed = keras.Sequential([L.Dense(inner, activation="relu"), L.Dense(size)])
        self.norm_1, self.norm_2 = L.LayerNormalization(epsilon=1e-6), L.LayerNormalization(epsilon=1e-6)

    def call(self, x):
        x = self.norm_1(x + self.attention(x, x))
        return self.norm_2(x + self.feed(x))


class Words(L.Layer):
    def __init__(self, steps, words, size):
        super().__init__()
        self.words, self.places = L.Embedding(words, size), L.Embedding(steps, size)

    def call(self, x):
        return self.words(x) + self.places(ops.arange(ops.shape(x)[-1]))


def text(blocks=1, steps=60):
    i = keras.Input((steps,), dtype="int32")
    x = Words(steps, WORDS, 32)(i)
    for _ in range(blocks):
        x = Block(32, 2, 32)(x)
    x = L.Dense(20, activation="relu")(L.GlobalAveragePooling1D()(x))
    return i, L.Dense(2, activation="softmax")(x)


class Patches(L.Layer):
    def __init__(self, side):
        super().__init__()
        self.side = side

    def call(self, x):
        y = ops.image.extract_patches(x, size=self.side)
        return ops.reshape(y, (-1, y.shape[1] * y.shape[2], y.shape[3]))


class Encoder(L.Layer):
    def __init__(self, count, size):
        super().__init__()
        self.count, self.project, self.places = count, L.Dense(size), L.Embedding(count, size)

    def call(self, x):
        return self.project(x) + self.places(ops.arange(self.count))


def vision(blocks=3):
    i = keras.Input((32, 32, 3))
    x = Encoder(64, 32)(Patches(4)(i))
    for _ in range(blocks):
        y = L.LayerNormalization(epsilon=1e-6)(x)
        x = L.Add()([L.MultiHeadAttention(4, 32)(y, y), x])
        y = L.LayerNormalization(epsilon=1e-6)(x)
        for units in (64, 32):
            y = L.Dense(units, activation="gelu")(y)
        x = L.Add()([y, x])
    x = L.Flatten()(L.LayerNormalization(epsilon=1e-6)(x))
    return i, L.Dense(10)(L.Dense(32, activation="gelu")(x))


def unet(levels=3, normalise=False):
    x = i = keras.Input((32, 32, 1))
    kept = []

    def twice(x, filters):
        for _ in range(2):
            x = norm_act(conv(x, filters)) if normalise else conv(x, filters, activation="relu")
        return x

    for level in range(levels):
        x = twice(x, 8 << level)
        kept.append(x)
        x = L.MaxPooling2D()(x)
    x = twice(x, 8 << levels)
    for level in reversed(range(levels)):
        x = L.Conv2DTranspose(8 << level, 2, strides=2, padding="same")(x)
        x = twice(L.Concatenate()([x, kept.pop()]), 8 << level)
    return i, L.Conv2D(1, 1, activation="sigmoid")(x)


MODELS = {"resnet20_v1": resnet_v1, "resnet20_v2": resnet_v2, "mini_xception": mini_xception, "text_transformer": text, "vision_transformer": vision,
          "unet": unet, "unet_normalised": lambda: unet(normalise=True)}


def inputs_for(model, rng, count):
    if model.inputs[0].dtype == "int32":
        return [rng.integers(0, WORDS, (count,) + model.inputs[0].shape[1:]).astype("int32")]
    return population.inputs_for(model, rng, count)


def write(folder, name, number=1):
    """The model in every carrier, with samples; weights as if trained (population.py)."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(number)
    rng = np.random.default_rng([5, number])
    carriers.write_built(folder, name, keras.Model(*MODELS[name]()), rng, inputs_for)
