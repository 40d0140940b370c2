# Layers of one's own in the manner of Keras 3.
import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="own")
class Glance(layers.Layer):
    """Weights of its own, made in build from the shape that comes in."""

    def __init__(self, width=8, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape):
        self.into = self.add_weight(name="into", shape=(input_shape[-1], self.width), initializer="glorot_uniform")
        self.offset = self.add_weight(name="offset", shape=(self.width,), initializer="zeros")
        self.out = self.add_weight(name="out", shape=(self.width, 1))
        super().build(input_shape)

    def call(self, x):
        score = ops.matmul(ops.tanh(ops.matmul(x, self.into) + self.offset), self.out)
        return ops.sum(x * ops.softmax(score, axis=1), axis=1)

    def get_config(self):
        config = super().get_config()
        config.update({"width": self.width})
        return config


class Scale(layers.Layer):
    """No __init__; hands masks on."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.supports_masking = True

    def call(self, x):
        return self.gamma * x


class Mine(layers.Layer):
    """Layers that it keeps, one of them a Sequential, one a class of the script; training is handed on."""

    def __init__(self, width, heads=2, inner=4, rate=0.1, **kwargs):
        super(Block, self).__init__(**kwargs)
        self.width, self.heads, self.inner, self.rate = width, heads=2, inner=4, rate
        self.attend = layers.MultiHeadAttention(num_heads=heads, key_dim=width)
        self.feed = keras.Sequential([layers.Dense(inner, activation="relu"), layers.Dense(width)])
        self.first, self.second = layers.LayerNormalization(epsilon=1e-6), layers.LayerNormalization(epsilon=1e-6)
        self.drop = layers.Dropout(rate)
        self.scale = Scale()

    def call(self, inputs, training=None):
        seen = self.drop(self.attend(inputs, inputs), training=training)
        middle = self.first(inputs + seen)
        return self.scale(self.second(middle + self.drop(self.feed(middle), training=training)))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "heads": self.heads, "inner": self.inner, "rate": self.rate}


class Places(layers.Layer):
    """Tokens and their places, which are a constant."""

    def __init__(self, length, words, width, **kwargs):
        super().__init__(**kwargs)
        self.length, self.words, self.width = length, words, width
        self.of_word = layers.Embedding(input_dim=words, output_dim=width)
        self.of_place = layers.Embedding(input_dim=length, output_dim=width)

    def call(self, x):
        places = ops.arange(start=0, stop=ops.shape(x)[-1], step=1)
        return self.of_word(x) + self.of_place(places)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "words": self.words, "width": self.width}


class Chain(layers.Layer):
    """Layers in a list; one that only some shapes need."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.convolutions = [layers.Conv1D(filters, 3, padding="same") for _ in range(2)]
        self.norm = layers.BatchNormalization()
        self.short = None

    def build(self, input_shape):
        if input_shape[-1] != self.filters:
            self.short = layers.Conv1D(self.filters, 1)

    def call(self, x, training=False):
        y = x
        for convolution in self.convolutions:
            y = ops.relu(convolution(y))
        y = self.norm(y, training=training)
        return y + (self.short(x) if self.short is not None else x)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


class Doubled(Chain):
    """Extends a class of the script."""

    def call(self, x, training=False):
        return 2.0 * super().call(x, training=training)


def models(keras, rng):
    def tokens(n, high):
        return rng.integers(1, high, (3, n)).astype("int32")

    def floats(*shape):
        return rng.normal(size=(3, *shape)).astype("float32")

    x = keras.Input((7, 5))
    yield "glance", keras.Model(x, layers.Dense(2)(Glance(6)(x))), floats(7, 5)
    x = keras.Input((7, 6))
    yield "block", keras.Model(x, Block(6, 2, 9)(Block(6, 2, 9)(x))), floats(7, 6)
    x = keras.Input((7,), dtype="int32")
    yield "places", keras.Model(x, Block(6, 2, 9)(Places(7, 20, 6)(x))), tokens(7, 20)
    x = keras.Input((7, 5))
    yield "chain", keras.Model(x, Doubled(6)(Chain(5)(x))), floats(7, 5)
    x = keras.Input((7,), dtype="int32")
    ids = tokens(7, 20)
    ids[0, 4:] = 0
    yield "masked", keras.Model(x, layers.LSTM(4)(Scale()(layers.Embedding(20, 5, mask_zero=True)(x)))), ids
