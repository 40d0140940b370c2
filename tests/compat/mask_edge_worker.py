"""Saves models whose masks leave nothing of a row, with what a real Keras (3 or 2.15) gives: mask_edge_worker.py FOLDER"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np
import tensorflow as tf

L = keras.layers
KERAS3 = keras.__version__.startswith("3")


def attention(make, masked=False, **call):
    """Steps of zeros are masked, or an input says which scores count."""
    q, v = keras.Input((3, 4)), keras.Input((5, 4))
    layer = make()
    pair = (q, v) if masked is None else (L.Masking(0.0)(q), L.Masking(0.0)(v)) if masked else (q, v)
    plain = isinstance(layer, (L.Attention, L.AdditiveAttention))
    return keras.Model([q, v], layer(list(pair), **call) if plain else layer(*pair, **call))


def told(make):
    q, v, m = keras.Input((3, 4)), keras.Input((5, 4)), keras.Input((3, 5), dtype="bool")
    return keras.Model([q, v, m], make()(q, v, attention_mask=m))


def softmax(axis):
    x, m = keras.Input((3, 5)), keras.Input((3, 5), dtype="bool")
    return keras.Model([x, m], L.Softmax(axis=axis)(x, mask=m))


def cases():
    yield "attention", lambda: attention(L.Attention, True)
    yield "attention_scale", lambda: attention(lambda: L.Attention(use_scale=True), True, use_causal_mask=True)
    yield "additive", lambda: attention(L.AdditiveAttention, True)
    yield "heads", lambda: attention(lambda: L.MultiHeadAttention(2, 3), True)
    yield "heads_causal", lambda: attention(lambda: L.MultiHeadAttention(2, 3), True, use_causal_mask=True)
    yield "heads_scores", lambda: attention(lambda: L.MultiHeadAttention(2, 3), True, return_attention_scores=True)
    yield "heads_told", lambda: told(lambda: L.MultiHeadAttention(2, 3))
    yield "softmax", lambda: softmax(-1)
    yield "softmax_rows", lambda: softmax(1)
    yield "softmax_both", lambda: softmax([1, 2])
    if KERAS3:
        yield "groups", lambda: attention(lambda: L.GroupQueryAttention(3, 4, 2), True)
        yield "groups_told", lambda: told(lambda: L.GroupQueryAttention(3, 4, 2))


def draw(tensor, rng):
    """The first sample is masked as a whole, the second in its first row or step, the third nowhere."""
    shape = (4,) + tuple(tensor.shape[1:])
    if tensor.dtype == "bool" or tensor.dtype == tf.bool:
        x = rng.random(shape) < 0.6
        x[0], x[1, 0], x[2] = False, False, True
        return x
    x = rng.normal(size=shape).astype("float32")
    x[0], x[1, 0] = 0, 0
    return x


def main(folder):
    labels = []
    for label, build in cases():
        keras.backend.clear_session()
        model = build()
        rng = np.random.default_rng(len(label))
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        xs = [draw(t, rng) for t in model.inputs]
        ys = model([tf.constant(x) for x in xs], training=False)
        ys = ys if isinstance(ys, (list, tuple)) else [ys]
        base = os.path.join(folder, label)
        np.savez(base + ".io.npz", **{"x%d" % i: x for i, x in enumerate(xs)}, **{"y%d" % i: np.asarray(y) for i, y in enumerate(ys)})
        model.save(base + ".keras")
        model.save(base + ".h5")
        labels.append(label)
    json.dump(labels, open(os.path.join(folder, "labels.json"), "w"))


if __name__ == "__main__":
    main(sys.argv[1])
