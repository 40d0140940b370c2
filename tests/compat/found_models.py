"""Small models of what the random ones of graph_models.py found wrong or refused, by whichever Keras runs this.

    found_models.py FOLDER [NAME]        all, or that one; CUV_KERAS=tf_keras takes tf_keras

For each NAME the forms that this Keras writes: NAME.keras, NAME.h5, NAME.json with NAME.npz; and NAME.io.npz.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("CUV_KERAS") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import numpy as np               # noqa: E402
import tensorflow as tf          # noqa: E402

sys.modules["keras"] = keras

import make_fixed                # noqa: E402
from support import save_forms   # noqa: E402

L, THREE = keras.layers, keras.__version__[0] == "3"
WORDS = ["a", "b", "dog", "zebra"]


def functional(shape, make, dtype=None):
    x = keras.Input(shape, dtype=dtype)
    return keras.Model(x, make(x))


def fixed(shape, make):
    x = keras.Input(batch_shape=(6,) + shape)
    return keras.Model(x, make(x))


def stated_weights():
    """A model inside, whose only variable the configuration states; another of its class behind it (objects.c)."""
    inner = functional((1,), L.TextVectorization(vocabulary=WORDS[:3], output_mode="tf_idf", split=None, idf_weights=[0.5, 1.5, 2]), "string")
    return functional((1,), lambda x: functional((4,), lambda t: L.Dense(2)(L.LayerNormalization()(t)))(inner(x)), "string")


def spectral_inside():
    """Keras 2 lists the vector behind the kernel, in models inside too (order.c)."""
    inner = keras.Sequential([keras.Input((1,)), L.SpectralNormalization(L.Dense(1)), L.Dense(1)])
    return functional((1,), inner)


def time_distributed_inside():
    """Keras 2 lists what is trained first in all layers but models; this one's inner model has what is not."""
    small = keras.Sequential([keras.Input((3,)), L.BatchNormalization(), L.Dense(3), L.BatchNormalization()])
    return functional((4, 3), keras.Sequential([keras.Input((4, 3)), L.TimeDistributed(small), L.Dense(2)]))


def attend(x, kind):
    return L.MultiHeadAttention(2, 2, dtype=kind)(x, x)


def encoder():
    """Two blocks of an encoder of texts of unequal lengths, each with its sum around the attention: MultiHeadAttention of Keras 3.8 and later takes
    the mask off the tensor that the sum reads, too."""
    x = tokens = keras.Input((6,))
    x = L.Embedding(5, 4, mask_zero=True)(L.ReLU()(x))
    for _ in range(2):
        x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)]))
        x = L.LayerNormalization()(L.Add()([x, L.Dense(4)(L.Dense(6, activation="relu")(x))]))
    return keras.Model(tokens, L.GlobalAveragePooling1D()(x))


def named_inside():
    """A model as a layer that is given its inputs by their names: of a dict, or of a list (graph_named.c)."""
    named = {name: keras.Input((4, size), name=name) for name, size in (("second", 3), ("first", 2))}
    inner = keras.Model(named, {"out_b": L.GRU(2)(named["second"]), "out_a": L.Dense(3)(named["first"])})
    listed = [keras.Input((4, size), name=name) for name, size in (("zeta", 3), ("alpha", 2))]
    other = keras.Model(listed, [L.LSTM(3)(listed[0]), L.Dense(1)(listed[1])])
    x = keras.Input((4, 5))
    a, b = L.Dense(2)(x), L.Masking(0.0)(L.ReLU()(x[:, :, :3]))
    ys = inner({"first": a, "second": b})
    return keras.Model(x, [ys["out_a"], ys["out_b"], *other({"alpha": a, "zeta": L.ELU()(b)})])


def quantised_steps():
    """Keras's TimeDistributed takes the integers for the numbers of the layer (quantized.c)."""
    model = functional((4, 3), lambda x: L.TimeDistributed(L.EinsumDense("ab,bc->ac", 2, bias_axes="c"))(L.TimeDistributed(L.Dense(3, activation="tanh"))(x)))
    model.quantize("int8")
    return model


def low_rank_inside():
    """LoRA's kernel is not trained: in .h5 it comes last (order.c)."""
    inner = keras.Sequential([keras.Input((3,)), L.Dense(4), L.Dense(4)])
    inner.layers[0].enable_lora(2)
    return functional((3,), inner)


def half(layer):
    """Of bfloat16, on many numbers, some of which are the bound that is near the layer's."""
    return functional((2000,), lambda x: L.Activation("linear", dtype="float32")(layer(x)))


def models():
    yield "stated_weights", stated_weights
    yield "spectral_inside", spectral_inside
    yield "time_distributed_inside", time_distributed_inside
    for mode in ("int", "multi_hot", "count", "tf_idf"):
        weights = {"idf_weights": [0.5, 1.5, 2]} if mode == "tf_idf" else {}
        yield "unsplit_" + mode, lambda mode=mode, weights=weights: functional((), L.TextVectorization(vocabulary=WORDS[:3], output_mode=mode, split=None, **weights), "string")
    yield "parts_of_rows", lambda: functional((4,), lambda x: L.GRU(2)(L.Embedding(4, 3, mask_zero=True)(abs(x))))       # 0.2 is row 0, and no mask
    for kind in ("float32", "float64"):         # Keras 2 loses the query's mask where it casts it
        yield "masked_query_" + kind, lambda kind=kind: functional((4, 2), lambda x: attend(L.Masking(0.0)(L.ReLU()(x)), kind))
    yield "unsplit_length", lambda: functional((), L.TextVectorization(vocabulary=WORDS[:3], split=None, output_sequence_length=4), "string")
    yield "unsplit_longer", lambda: functional((), L.TextVectorization(vocabulary=WORDS[:3], split=None, output_sequence_length=9), "string")
    for steps in (1, 3):
        yield "stateful_steps_%d" % steps, lambda steps=steps: fixed((steps, 4, 2), L.TimeDistributed(L.GRU(2, stateful=True)))
    if THREE:
        yield "equalization", lambda: functional((4, 5, 3), L.Equalization(dtype="float64"))      # which the input's own dtype makes a cycle of
        yield "long_unstack", lambda: functional((2, 100), lambda x: L.Add()(keras.ops.unstack(x, axis=-1)))
    else:           # Keras 3 wants to know the sizes of a ConvLSTM's images
        for name, layer in (("same", L.ConvLSTM1D(2, 2, padding="same")), ("valid", L.ConvLSTM1D(2, 2, return_sequences=True)), ("strides", L.ConvLSTM1D(2, 2, strides=2))):
            yield "open_" + name, lambda layer=layer: functional((3, None, 2), layer)
        yield "open_images", lambda: functional((2, None, None, 2), L.ConvLSTM2D(2, 2, padding="same", go_backwards=True))
        yield "open_all", lambda: functional((None, None, 2), L.ConvLSTM1D(2, 2, padding="same"))
        yield "long_unstack", lambda: functional((2, 100), lambda x: L.Add()(tf.unstack(x, axis=-1)))
        yield "count_nonzero", lambda: functional((3, 4), lambda x: [tf.math.count_nonzero(x > 0.0, axis=1), tf.math.count_nonzero(x, keepdims=True, axis=[1, 2], dtype=tf.int32)])
        yield "clip_by_norm", lambda: functional((3, 4), lambda x: [tf.clip_by_norm(x, 0.7, axes=[-1]), tf.clip_by_norm(x, 1.5, axes=[1, 2])])
        yield "strided_slice", lambda: functional((5, 4), lambda x: [
            tf.strided_slice(x, [0, 1, 0], [100, 5, 4], [1, 2, 1]), tf.strided_slice(x, [0, 1], [0, 3], begin_mask=1, end_mask=1),
            tf.strided_slice(x, [0, 3, -1], [100, 0, 9], [1, -1, 1], shrink_axis_mask=4)])
        yield "mixed_shape", lambda: functional((3, 4), lambda x: tf.reshape(x, shape=[tf.shape(x)[0], 2, 6]))
        yield "counts_halved", lambda: functional((1,), lambda x: L.TextVectorization(vocabulary=WORDS[:3], output_mode="count")(x) / 2.0, "string")
        yield "theta_of_half", lambda: half(L.ThresholdedReLU(0.67, dtype="mixed_bfloat16"))
    yield "encoder", encoder
    yield "named_inside", named_inside
    yield "threshold_of_half", lambda: half(L.ReLU(threshold=0.67, dtype="mixed_bfloat16"))
    if THREE:
        yield "low_rank_inside", low_rank_inside
        yield "quantised_steps", quantised_steps
        yield "place_of_zeros", lambda: functional((5,), lambda x: [keras.ops.argmin(x * 0.0, axis=-1), keras.ops.argmax(x * 0.0, axis=-1), keras.ops.nanargmin(x * 0.0, axis=-1)])


def sample(t, rng):
    shape = [6 if size is None else size for size in t.shape]
    return rng.choice(WORDS, shape) if t.dtype in ("string", tf.string) else rng.normal(size=shape).astype("float32")


def main(folder, only=None):
    for i, (name, build) in enumerate(models()):
        if only and name != only:
            continue
        keras.backend.clear_session()
        rng = np.random.default_rng(i)
        model = build()
        make_fixed.randomise(model, rng)
        base, x = os.path.join(folder, name), sample(model.inputs[0], rng)
        ys = make_fixed.listed(model.predict(x, verbose=0, batch_size=6) if "stateful" in name else model(tf.constant(x), training=False))
        np.savez(base + ".io.npz", x=x, **make_fixed.numbered("y", [np.asarray(y) for y in ys]))
        save_forms(model, base)


if __name__ == "__main__":
    main(*sys.argv[1:3])
