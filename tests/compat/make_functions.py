#!/usr/bin/env python3
"""Writes keras-2.15/functions/: models of the TensorFlow functions that Keras 2 keeps in a model (TFOpLambda, SlicingOpLambda), as
model.to_json() with inputs and outputs. Run it with build/venv215, and again with --graph: then TensorFlow 1's graphs make the ops that
TensorFlow 2.0 to 2.3 kept as TensorFlowOpLayer. Names of cases write these alone."""
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


# name -> (inputs, function of them that gives the outputs); kinds: f float, p positive, u in (-1, 1), v in [0, 1], i integers, b booleans, B bytes
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
    "element_4": ("u34", lambda x: [tf.math.erfinv(x), tf.math.bessel_i0(x * 4.0), tf.math.reciprocal_no_nan(tf.nn.relu(x)), tf.nn.crelu(x)]),
    "two_2": ("f34 p34 i34", lambda x, y, i: [tf.math.squared_difference(x, y), tf.math.multiply_no_nan(x, tf.nn.relu(x)), tf.math.xlogy(tf.nn.relu(x), y),
                                              tf.math.xdivy(x, y), tf.add_n([x, y, x]), tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x),
                                              tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(y), logits=x)]),
    "bits": ("i34 i34", lambda x, y: [tf.bitwise.bitwise_and(x, y), tf.bitwise.bitwise_or(x, y), tf.bitwise.bitwise_xor(x, y), tf.bitwise.left_shift(x, y),
                                      tf.bitwise.right_shift(x, y), tf.bitwise.invert(x)]),
    "norms": ("f34", lambda x: [tf.norm(x, axis=1), tf.norm(x, ord=1, axis=-1, keepdims=True), tf.linalg.l2_normalize(x, axis=1), tf.norm(x, axis=[1, 2])]),
    "norms_2": ("f34", lambda x: [tf.math.reduce_euclidean_norm(x, axis=1), tf.nn.l2_loss(x) + x]),
    "bias": ("f446", lambda x: [tf.nn.bias_add(x, constant(6)), tf.nn.bias_add(x, constant(6), data_format="NHWC")]),
    "conv": ("f663", lambda x: [tf.nn.conv2d(x, constant(3, 3, 3, 4), strides=1, padding="SAME"), tf.nn.conv2d(x, constant(2, 2, 3, 4), strides=[1, 2, 2, 1], padding="VALID"),
                                tf.nn.conv2d(x, constant(2, 2, 3, 2), strides=[1, 1], padding="VALID", dilations=2), tf.nn.depthwise_conv2d(x, constant(3, 3, 3, 2), [1, 1, 1, 1], "SAME"),
                                tf.nn.separable_conv2d(x, constant(3, 3, 3, 2), constant(1, 1, 6, 4), [1, 1, 1, 1], "VALID"),
                                tf.nn.convolution(x, constant(2, 3, 3, 2), padding="SAME"), tf.nn.atrous_conv2d(x, constant(2, 2, 3, 2), 2, "SAME")]),
    "conv_1d": ("f63", lambda x: [tf.nn.conv1d(x, constant(3, 3, 4), stride=1, padding="SAME"), tf.nn.conv1d(x, constant(2, 3, 4), stride=2, padding="VALID"),
                                  tf.nn.max_pool1d(x, 2, 2, "VALID"), tf.nn.avg_pool1d(x, 3, 1, "SAME")]),
    "conv_3d": ("f4442", lambda x: [tf.nn.conv3d(x, constant(2, 2, 2, 2, 3), [1, 1, 2, 1, 1], "SAME"), tf.nn.max_pool3d(x, 2, 2, "VALID"), tf.nn.avg_pool3d(x, [2, 2, 2], [1, 2, 1], "SAME")]),
    "pools": ("f663", lambda x: [tf.nn.max_pool2d(x, 2, 2, "VALID"), tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"), tf.nn.avg_pool2d(x, [2, 3], 1, "SAME"),
                                 tf.nn.avg_pool(x, ksize=2, strides=2, padding="VALID")]),
    "norm_layers": ("f446", lambda x: [tf.nn.batch_normalization(x, constant(6), constant(6) ** 2 + 1.0, constant(6), constant(6) + 2.0, 1e-3), *tf.nn.moments(x, [1, 2])]),
    "lrn": ("f446", lambda x: [tf.nn.local_response_normalization(x), tf.nn.lrn(x, depth_radius=1, bias=2.0, alpha=0.1, beta=0.75)]),
    "blocks": ("f444", lambda x: [tf.nn.depth_to_space(x, 2), tf.nn.space_to_depth(x, 2)]),
    "picks": ("f345", lambda x: [x[:, :2, 0] + tf.gather_nd(tf.reduce_mean(x, 0), [[0, 1], [2, 3]]), x + tf.gather_nd(tf.reduce_mean(x, 0), [[1], [0], [1]])]),
    "picks_2": ("f345 i2", lambda x, i: [tf.gather(x, i % 3, batch_dims=1, axis=1), tf.gather_nd(x, i[:, :, None] % 3, batch_dims=1), tf.gather_nd(x, i[:, None, :] % 3, batch_dims=1)]),
    "picks_3": ("i3", lambda i: [tf.nn.embedding_lookup(constant(6, 4), i)]),
    "sizes": ("f345 f5", lambda x, y: [tf.shape(x), tf.reshape(x, [tf.shape(x)[0], -1, 2]), tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], tf.shape(x)[2] * 5]),
                                       tf.tile(y[:, None], [1, tf.shape(x)[1], 1]), tf.broadcast_to(tf.reduce_mean(x, axis=1, keepdims=True), tf.shape(x)),
                                       tf.zeros([tf.shape(x)[0], 3]), tf.ones(tf.shape(y)), tf.fill([tf.shape(x)[0], 2], 7.0), tf.zeros([tf.shape(x)[0], 2], dtype=tf.int32),
                                       tf.cast(tf.shape(x)[0], tf.float32) + y, tf.reshape(x, tf.concat([tf.shape(x)[:1], [12, 5]], 0)), tf.rank(x) + tf.shape(x)]),
    "sizes_2": ("f345", lambda x: [tf.cast(tf.range(tf.shape(x)[1]), tf.float32) + x[:, :, 0, 0], tf.range(0, tf.shape(x)[0]), tf.range(tf.cast(tf.shape(x)[1], tf.float32), dtype=tf.float32) * x[:, :, 0, 0], tf.cast(tf.size(x), tf.float32) + x]),
    "sizes_3": ("i4 f4", lambda i, x: [tf.sequence_mask(i, 7), tf.sequence_mask(i, maxlen=3, dtype=tf.float32)]),
    "matrices": ("f34 f44 f4", lambda x, y, z: [tf.linalg.band_part(y, -1, 0), tf.linalg.band_part(y, 0, 1), tf.linalg.diag(z), tf.linalg.diag_part(y), tf.linalg.trace(y),
                                                tf.linalg.matrix_transpose(x), tf.linalg.matvec(x, z)]),
    "solved": ("f44 f42", lambda x, y: [tf.linalg.det(x), tf.linalg.inv(x + 3.0 * np.eye(4, dtype="float32")), tf.linalg.cholesky(tf.matmul(x, tf.transpose(x, [0, 2, 1])) + np.eye(4, dtype="float32")),
                                        tf.linalg.solve(x + 3.0 * np.eye(4, dtype="float32"), y), tf.linalg.triangular_solve(x + 3.0 * np.eye(4, dtype="float32"), y), tf.linalg.pinv(y)]),
    "images": ("p663", lambda x: [tf.image.flip_left_right(x), tf.image.flip_up_down(x), tf.image.rgb_to_grayscale(x), tf.image.rgb_to_hsv(x / 4.0), tf.image.hsv_to_rgb(x / 4.0),
                                  tf.image.crop_to_bounding_box(x, 1, 2, 3, 2), tf.image.pad_to_bounding_box(x, 1, 2, 8, 9), tf.image.resize(x, [7, 5]), tf.image.resize(x, [3, 3], method="nearest")]),
    "images_2": ("p663", lambda x: [tf.image.per_image_standardization(x), tf.image.adjust_brightness(x, 0.25), tf.image.adjust_contrast(x, 1.5), tf.image.sobel_edges(x),
                                    tf.image.grayscale_to_rgb(x[..., :1])]),
    "images_3": ("p663", lambda x: [tf.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")]),
    "images_4": ("p663", lambda x: [tf.compat.v1.image.resize(x, [9, 4], align_corners=True), tf.compat.v1.image.resize(x, [3, 11]),
                                    tf.compat.v1.image.resize(x, [9, 4], method=1, align_corners=True), tf.compat.v1.image.resize_nearest_neighbor(x, [4, 5]),
                                    tf.compat.v1.image.resize_bilinear(x, [12, 12], half_pixel_centers=True), tf.compat.v1.image.resize_bilinear(x, [1, 5], align_corners=True),
                                    tf.compat.v1.image.resize_bicubic(x, [8, 7])]),
    "images_5": ("v443", lambda x: [tf.image.convert_image_dtype(x, tf.uint8), tf.image.convert_image_dtype(x, tf.int16, saturate=True), tf.image.convert_image_dtype(x, tf.float64),
                                    tf.image.convert_image_dtype(x * 3.0 - 1.0, tf.uint8, saturate=True)]),
    "images_6": ("B443", lambda x: [tf.image.convert_image_dtype(x, tf.float32), tf.image.convert_image_dtype(x, tf.int16), tf.image.convert_image_dtype(x, tf.uint16),
                                    tf.image.convert_image_dtype(tf.image.convert_image_dtype(x, tf.uint16), tf.uint8), tf.cast(x, tf.float32) / 255.0, x[:, ::-1], tf.image.flip_left_right(x)]),
    "bytes": ("B34 B34", lambda x, y: [x + y, x * y, x - y, tf.maximum(x, y), x < y, tf.bitwise.bitwise_and(x, y), tf.bitwise.invert(x), tf.bitwise.left_shift(x, y % 8),
                                       tf.cast(x, tf.int8), tf.cast(tf.cast(x, tf.int16) * 200, tf.uint16), tf.concat([x, y], 1), tf.where(x > y, x, y), tf.reduce_max(x, 1), tf.cast(x, tf.uint32) * 70000]),
    "conv_transpose": ("f443", lambda x: [tf.nn.conv2d_transpose(x, constant(3, 3, 2, 3), [4, 8, 8, 2], 2), tf.nn.conv2d_transpose(x, constant(3, 2, 2, 3), [4, 7, 8, 2], [1, 2, 2, 1], padding="SAME"),
                                          tf.nn.conv2d_transpose(x, constant(3, 3, 2, 3), tf.stack([tf.shape(x)[0], 9, 9, 2]), 2, padding="VALID"),
                                          tf.nn.conv2d_transpose(x, constant(3, 3, 2, 3), [4, 4, 4, 2], 1)]),
    "spans": ("f3 f3", lambda x, y: [tf.linspace(x, y, 4), tf.linspace(x, y, 4, axis=-1)]),
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
    "graph_more": ("f34 f34", lambda x, y: [tf.einsum("bij,bkj->bik", x, y), tf.nn.log_softmax(x), tf.math.squared_difference(x, y), tf.add_n([x, y, x]), tf.reverse(x, [1]),
                                            tf.zeros_like(x), tf.ones_like(y), tf.clip_by_value(x, -0.5, 0.5), tf.math.expm1(x), tf.sinh(x), tf.cosh(y), tf.atan(x), tf.atan2(x, y),
                                            tf.nn.bias_add(x, constant(4))]),
    "graph_images": ("f443", lambda x: [tf.image.resize_bilinear(x, [8, 6], align_corners=True) if hasattr(tf.image, "resize_bilinear") else tf.compat.v1.image.resize_bilinear(x, [8, 6], align_corners=True),
                                        tf.image.resize(x, [8, 6]), tf.image.resize(x, [3, 9], method="nearest"), tf.compat.v1.image.resize_nearest_neighbor(x, [5, 5]),
                                        tf.nn.conv2d_transpose(x, constant(3, 3, 2, 3), [4, 8, 8, 2], 2)]),
}


def draw(word, rng):
    shape = (4,) + tuple(int(c) for c in word[1:])
    x = np.round(rng.standard_normal(shape) * 64) / 64
    x = {"p": np.abs(x) + 0.25, "u": np.clip(x, -2, 2) / 2.5, "i": rng.integers(0, 6, shape), "b": x > 0,
         "B": rng.integers(0, 256, shape), "v": np.clip(np.abs(x) / 4, 0, 1)}.get(word[0], x)
    dtype = {"i": "int32", "b": "bool", "B": "uint8"}.get(word[0], "float32")
    return dtype, np.asarray(x).astype(dtype)


def main(graph, only):
    os.makedirs(OUT, exist_ok=True)
    for number, (name, (words, function)) in enumerate((GRAPH_CASES if graph else CASES).items()):
        if only and name not in only:
            continue
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
main("--graph" in sys.argv, [name for name in sys.argv[1:] if name != "--graph"])
