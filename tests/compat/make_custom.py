"""Writes keras-X/custom/: models with classes of their own, by the Keras that runs this. The classes are here; the code that stands in
for them is in custom/*.py. build/venv/bin/python tests/compat/make_custom.py [NAME...], and the same with build/venv215."""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

try:
    import keras
    from keras import ops
    THREE = int(keras.__version__.split(".")[0]) >= 3
except ImportError:
    THREE = False
import tensorflow as tf
if not THREE:
    from tensorflow import keras

    class ops:
        matmul, sqrt, mean, square, concatenate = tf.matmul, tf.sqrt, tf.reduce_mean, tf.square, tf.concat
        sigmoid, tanh, expand_dims = tf.sigmoid, tf.tanh, tf.expand_dims

        @staticmethod
        def softmax(x, axis):
            return tf.nn.softmax(x, axis=axis)

        @staticmethod
        def sum(x, axis):
            return tf.reduce_sum(x, axis=axis)

layers = keras.layers
register = keras.saving.register_keras_serializable
HERE = os.path.dirname(os.path.abspath(__file__))


@register("lab")
class Affine(layers.Layer):
    """Two weights of its own, sizes from the input."""

    def __init__(self, units, activation=None, **options):
        super().__init__(**options)
        self.units, self.activation = units, activation

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], self.units), initializer="glorot_uniform")
        self.b = self.add_weight(name="b", shape=(self.units,), initializer="random_normal")

    def call(self, x):
        y = ops.matmul(x, self.w) + self.b
        return ops.tanh(y) if self.activation == "tanh" else y

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return dict(super().get_config(), units=self.units, activation=self.activation)


@register("lab")
class Residual(layers.Layer):
    """Layers inside, in attributes whose order is not that of their use."""

    def __init__(self, filters, rate=0.1, **options):
        super().__init__(**options)
        self.filters, self.rate = filters, rate
        self.second = layers.Conv2D(filters, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.first = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.drop = layers.Dropout(rate)

    def call(self, x, training=None):
        return x + self.second(self.drop(self.norm(self.first(x), training=training), training=training))

    def get_config(self):
        return dict(super().get_config(), filters=self.filters, rate=self.rate)


class Pool(layers.Layer):
    """Attention over steps; not registered, and without arguments."""

    def build(self, shape):
        self.score = self.add_weight(name="score", shape=(shape[-1], 1), initializer="glorot_uniform")

    def call(self, x):
        return ops.sum(x * ops.softmax(ops.matmul(x, self.score), axis=1), axis=1)


@register("lab")
class Mix(layers.Layer):
    """Two inputs, in a list."""

    def build(self, shapes):
        self.gate = self.add_weight(name="gate", shape=(shapes[0][-1],), initializer="random_normal")

    def call(self, inputs):
        a, b = inputs
        g = ops.sigmoid(self.gate)
        return g * a + (1.0 - g) * b


@register("lab")
def warm(x):
    return x * ops.sigmoid(x * 1.702)


def affine():
    x = keras.Input((6,))
    y = Affine(5, "tanh", name="one")(x)
    y = layers.Dense(7, activation="relu", name="between")(y)
    return keras.Model(x, Affine(3, name="two")(y))


def residual():
    return keras.Sequential([keras.Input((6, 5, 3)), layers.Conv2D(4, 1, name="stem"), Residual(4, name="r1"), Residual(4, name="r2"),
                             layers.GlobalAveragePooling2D(), layers.Dense(2)])


def pool():
    return keras.Sequential([keras.Input((7, 4)), layers.LSTM(5, return_sequences=True), Pool(name="pool"), layers.Dense(2)])


def mix():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = Mix(name="mix")
    y = shared([a, layers.Dense(4)(b)])
    return keras.Model([a, b], layers.Dense(3)(shared([y, b])))


def wrapped():
    return keras.Sequential([keras.Input((5, 4)), layers.TimeDistributed(Affine(3, "tanh"), name="each"), layers.Flatten(),
                             layers.Dense(2)])


def nested():
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(3)(Affine(5, "tanh", name="inside")(x)), name="inner")
    y = keras.Input((4,))
    return keras.Model(y, Affine(2, name="outside")(inner(y)))


def masked():
    return keras.Sequential([keras.Input((6,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True), Affine(5, name="a"),
                             layers.LSTM(3), layers.Dense(2)])


def activation():
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, activation=warm, name="d"), layers.Activation(warm, name="act"),
                             layers.Dense(2)])


def half():
    x = keras.Input((6,))
    y = Affine(5, "tanh", name="one", dtype="mixed_float16")(x)
    return keras.Model(x, layers.Dense(3, name="last")(y))


@register("lab")
class Leaky(layers.Layer):
    """A cell: h = tanh(x w + a h)."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = self.state_size = self.output_size = units

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], self.units), initializer="glorot_uniform")
        self.a = self.add_weight(name="a", shape=(self.units,), initializer="random_normal")

    def call(self, x, states, training=None):
        h = ops.tanh(ops.matmul(x, self.w) + self.a * states[0])
        return h, [h]

    def get_config(self):
        return dict(super().get_config(), units=self.units)


@register("lab")
class Gated(layers.GRU):
    """Somebody's subclass of a recurrent layer."""


@register("lab")
class Small(keras.initializers.Initializer):
    def __init__(self, scale=0.1):
        self.scale = scale

    def __call__(self, shape, dtype=None, **more):
        return self.scale * tf.ones(shape, dtype)

    def get_config(self):
        return {"scale": self.scale}


@register("lab")
class Spread(keras.regularizers.Regularizer):
    def __init__(self, rate=0.1):
        self.rate = rate

    def __call__(self, x):
        return self.rate * ops.mean(ops.square(x))

    def get_config(self):
        return {"rate": self.rate}


@register("lab")
class Whole(keras.Model):
    """A model that is code throughout."""

    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units
        self.one, self.two = layers.Dense(units, activation="relu"), Affine(2)

    def call(self, x):
        return self.two(self.one(x))

    def get_config(self):
        return {"units": self.units}


def inside():
    """A wrapper that is foreign only inside, after one that is not."""
    return keras.Sequential([keras.Input((5, 4)), layers.TimeDistributed(layers.Dense(6), name="known"),
                             layers.TimeDistributed(Affine(3, "tanh", name="own"), name="each"),
                             layers.Bidirectional(Gated(2, return_sequences=True, name="gated"), name="both"),
                             layers.RNN(Leaky(7, name="cell_one"), return_sequences=True, name="alone"),
                             layers.RNN([layers.LSTMCell(2), Leaky(8, name="cell_two")], name="stack"), layers.Dense(2)])


def functions():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=warm, kernel_initializer=Small(0.2), kernel_regularizer=Spread(0.3), name="d"),
                             layers.Dense(2, bias_initializer=Small(), activation="relu", kernel_regularizer="l2", name="e")])


def whole():
    model = Whole(4, name="whole")
    model(np.zeros((1, 6), np.float32))
    return model


MODELS = (affine, residual, pool, mix, wrapped, nested, masked, activation, half, inside, functions, whole)


def save_whole(model, base):
    model.save(base + ".keras")
    model.save_weights(base + ".weights.h5")


def main(*names):
    out = os.path.join(HERE, "keras-3.15" if THREE else "keras-2.15", "custom")
    os.makedirs(out, exist_ok=True)
    rng = np.random.default_rng(7)
    for make in MODELS:
        if names and make.__name__ not in names:
            continue
        keras.utils.set_random_seed(11)
        keras.backend.clear_session()
        model = make()
        model.set_weights([rng.normal(0, 0.5, w.shape).astype(w.dtype) if "variance" not in v.name else
                           rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for v, w in zip(model.weights, model.get_weights())])
        if make is whole:
            save_whole(model, os.path.join(out, "whole"))
            continue
        inputs = [rng.integers(0, 9, (4, *i.shape[1:])).astype("int32") if "int" in str(i.dtype)
                  else rng.normal(0, 1, (4, *i.shape[1:])).astype("float32") for i in model.inputs]
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        base = os.path.join(out, make.__name__)
        for end in (".keras", ".h5"):
            try:
                model.save(base + end)
            except ValueError as error:         # Keras 3.15 cannot write all of it as .h5
                print(end, error)
        io = {"x%d" % i: x for i, x in enumerate(inputs)} if len(inputs) > 1 else {"x": inputs[0]}
        np.savez(base + ".io.npz", y=outputs, **io)
        print(make.__name__, outputs.shape)
        if make not in (affine, residual):
            continue
        model.save_weights(base + ".weights.h5")
        with open(base + ".json", "w", encoding="utf-8") as f:
            f.write(model.to_json())
        np.savez(base + ".npz", **{v.path if THREE else v.name.replace(":0", ""): w for v, w in zip(model.weights, model.get_weights())})
        np.savez(base + ".list.npz", *model.get_weights())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
