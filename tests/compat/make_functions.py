#!/usr/bin/env python3
"""Writes keras-2.15/functions/: models of the TensorFlow functions that Keras 2 keeps in a model (TFOpLambda, SlicingOpLambda), as
model.to_json() with inputs and outputs. Run it with build/venv215, and again with --graph: then TensorFlow 1's graphs make the ops that
TensorFlow 2.0 to 2.3 kept as TensorFlowOpLayer."""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np               # noqa: E402
import tensorflow as tf          # noqa: E402
from tensorflow import keras     # noqa: E402

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras-2.15", "functions")


def constant(*shape):
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype("float32")


# name -> (inputs, function of them that gives the outputs); kinds: f float, p positive, u in (-1, 1), i integers, b booleans
CASES = {
    "element_1": ("f34", lambda x: [tf.abs(x), tf.negative(x), -x, tf.sign(x), tf.square(x), tf.floor(x), tf.math.ceil(x), tf.round(x), tf.exp(x),
                                    tf.math.expm1(x), tf.sin(x), tf.cos(x), tf.atan(x), tf.sinh(x), tf.cosh(x), tf.tanh(x), tf.asinh(x), tf.math.erf(x)]),
    "element_2": ("p34", lambda x: [tf.sqrt(x), tf.math.rsqrt(x), tf.math.log(x), tf.math.log1p(x), tf.math.reciprocal(x), tf.acosh(x + 1.0)]),
    "element_3": ("u34", lambda x: [tf.asin(x), tf.acos(x), tf.tan(x), tf.atanh(x), tf.math.erfc(x), tf.identity(x), tf.stop_gradient(x), abs(x)]),
    "activations": ("f34", lambda x: [tf.nn.relu(x), tf.nn.relu6(x * 4.0), tf.nn.leaky_relu(x), tf.nn.leaky_relu(x, alpha=0.3), tf.nn.elu(x),
                                      tf.nn.selu(x), tf.nn.gelu(x), tf.nn.gelu(x, approximate=True), tf.sigmoid(x), tf.nn.tanh(x),
                                      tf.nn.softplus(x), tf.nn.softsign(x), tf.nn.silu(x), tf.nn.softmax(x), tf.nn.softmax(x, axis=1),
                                      tf.nn.log_softmax(x), tf.math.log_sigmoid(x)]),
    "arithmetic": ("f34 p34", lambda x, y: [x + y, x - y, x * y, x / y, x // y, x % y, y ** x, x + 1.0, 1.0 - x, 2.0 / y, tf.pow(y, 2.0),
                                            tf.maximum(x, y), tf.minimum(x, 0.5), tf.math.divide_no_nan(x, tf.nn.relu(x)), tf.atan2(x, y),
                                            tf.add(x, y), tf.multiply(x, 3.0), x * constant(4)]),
    "comparison": ("f34 f34 b3", lambda x, y, b: [x < y, x <= 0.0, x > y, x >= y, tf.equal(x, y), tf.not_equal(x, y), tf.logical_and(x > 0.0, y > 0.0),
                                                  tf.logical_or(x > 0.0, y > 0.0), tf.logical_not(b), tf.where(x > y, x, y), tf.where(x > 0.0, x, 0.0)]),
    "reduction": ("f34", lambda x: [tf.reduce_sum(x, axis=1), tf.reduce_mean(x, axis=[1, 2], keepdims=True), tf.reduce_max(x, 1), tf.reduce_min(x, -1),
                                    tf.reduce_prod(x, axis=-1), tf.math.reduce_std(x, axis=1), tf.math.reduce_variance(x, axis=1),
                                    tf.reduce_logsumexp(x, axis=-1), tf.reduce_any(x > 0.0, axis=1), tf.reduce_all(x > 0.0, axis=1)]),
    "places": ("f34", lambda x: [tf.argmax(x, axis=1), tf.argmin(x, axis=-1, output_type=tf.int32), tf.cumsum(x, axis=1), tf.sort(x, axis=1),
                                 tf.argsort(x), *tf.math.top_k(x, k=2), tf.math.l2_normalize(x, axis=-1), tf.linalg.normalize(x, axis=-1)[0]
                                 if False else tf.nn.l2_normalize(x, axis=1)]),
    "shape": ("f34", lambda x: [tf.reshape(x, [-1, 12]), tf.transpose(x, [0, 2, 1]), tf.expand_dims(x, 1), tf.expand_dims(x, axis=-1),
                                tf.squeeze(tf.expand_dims(x, 2), axis=2), tf.tile(x, [1, 2, 1]), tf.repeat(x, 2, axis=1), tf.reverse(x, axis=[1]),
                                tf.roll(x, shift=1, axis=1), tf.pad(x, [[0, 0], [1, 2], [0, 1]]), tf.pad(x, [[0, 0], [1, 1], [0, 0]], mode="REFLECT"),
                                tf.zeros_like(x), tf.ones_like(x)]),
    "pieces": ("f34 f34", lambda x, y: [tf.concat([x, y], axis=-1), tf.stack([x, y], axis=1), *tf.split(x, 2, axis=2), *tf.split(x, [1, 2], axis=1),
                                        *tf.unstack(x, axis=1), tf.gather(x, [0, 2], axis=1), x[:, 0], x[..., -1], x[:, ::-1, 1:3], x[:, tf.newaxis, 1],
                                        tf.slice(x, [0, 1, 0], [-1, 2, 2])]),
    "numbers": ("f34 i3", lambda x, i: [tf.cast(x, tf.int32), tf.cast(i, "float32"), tf.cast(x > 0.0, tf.float32), tf.clip_by_value(x, -0.5, 0.5),
                                        tf.one_hot(i, 6), i + 1, i * i, i / 2, tf.cast(x, tf.float64)]),
    "linear": ("f34 f42", lambda x, y: [tf.matmul(x, y), x @ y, tf.tensordot(x, constant(4, 5), axes=1), tf.matmul(x, constant(4, 2))]),
    "not_in_keras_3": ("f34 f34", lambda x, y: [tf.cumsum(x, axis=1, reverse=True), tf.sort(x, direction="DESCENDING"), tf.matmul(x, y, transpose_b=True)]),
}


GRAPH_CASES = {
    "graph_arithmetic": ("f34 p34", lambda x, y: [x + y, x - y, x * 2.0, 1.0 - x, x / y, y ** 2.0, tf.maximum(x, 0.5), tf.sqrt(y), tf.math.rsqrt(y),
                                                  tf.exp(x), tf.math.log(y), tf.abs(x), -x, tf.square(x), tf.tanh(x), tf.sigmoid(x),
                                                  tf.nn.relu(x), tf.nn.relu6(x), tf.nn.elu(x), tf.nn.softmax(x), tf.nn.leaky_relu(x, 0.3)]),
    "graph_shape": ("f34 f34", lambda x, y: [tf.reduce_mean(x, axis=1), tf.reduce_sum(x, axis=[1, 2], keepdims=True), tf.reduce_max(x, axis=-1),
                                             tf.concat([x, y], axis=-1), tf.stack([x, y], axis=1), tf.reshape(x, [-1, 12]),
                                             tf.transpose(x, [0, 2, 1]), tf.expand_dims(x, 1), tf.squeeze(tf.expand_dims(x, 2), axis=2),
                                             x[:, 0], x[:, 1:, ::2], x[..., -1], x[:, tf.newaxis, 1], tf.cast(x > 0.0, tf.float32),
                                             tf.where(x > y, x, y), tf.tile(x, [1, 2, 1]), tf.pad(x, [[0, 0], [1, 0], [0, 2]]),
                                             tf.matmul(x, tf.transpose(y, [0, 2, 1])), tf.gather(x, [0, 2], axis=1)]),
}


def draw(word, rng):
    shape = (4,) + tuple(int(c) for c in word[1:])
    x = np.round(rng.standard_normal(shape) * 64) / 64
    x = {"p": np.abs(x) + 0.25, "u": np.clip(x, -2, 2) / 2.5, "i": rng.integers(0, 6, shape), "b": x > 0}.get(word[0], x)
    dtype = {"i": "int32", "b": "bool"}.get(word[0], "float32")
    return dtype, np.asarray(x).astype(dtype)


def main(graph):
    os.makedirs(OUT, exist_ok=True)
    for number, (name, (words, function)) in enumerate((GRAPH_CASES if graph else CASES).items()):
        rng = np.random.default_rng(number)
        keras.backend.clear_session()
        drawn = [draw(word, rng) for word in words.split()]
        inputs = [keras.Input(a.shape[1:], dtype=dtype) for dtype, a in drawn]
        model = keras.Model(inputs, function(*inputs), name=name)
        given = [a for _, a in drawn] if len(drawn) > 1 else drawn[0][1]
        outputs = model.predict(given) if graph else [y.numpy() for y in tf.nest.flatten(model(given))]
        io = {"x%d" % i if len(drawn) > 1 else "x": a for i, (_, a) in enumerate(drawn)}
        io.update({"y%d" % i: y for i, y in enumerate(outputs)})
        with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as file:
            file.write(model.to_json())
        np.savez(os.path.join(OUT, name + ".io.npz"), **io)


if "--graph" in sys.argv:
    tf.compat.v1.disable_v2_behavior()
main("--graph" in sys.argv)
