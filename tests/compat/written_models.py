"""Small models of Keras 2 of which something has to be written otherwise for Keras 3, or for Keras 2 itself.

    written_models.py FOLDER        CUV_KERAS=tf_keras takes tf_keras; NAME.keras with NAME.io.npz
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

L = keras.layers


def functional(shape, make, dtype="float32"):
    x = keras.Input(shape, dtype=dtype)
    return keras.Model(x, make(x))


def sizes(x):
    """Sizes of tensors as numbers, in a Reshape, as what zeros are made like; two layers of a class whose order depends on what becomes of them."""
    a = L.Dense(3, activation="tanh")(tf.reshape(x, tf.stack([tf.shape(x)[0], 12])))
    b = L.Dense(3)(tf.reshape(x, [tf.shape(x)[0], 12])) * tf.cast(tf.shape(x)[1], tf.float32)
    return L.Concatenate()([a, b, L.Flatten()(tf.concat([x, tf.zeros(tf.shape(x))], 1))])


def functions(x):
    y = x * 0.5 + 0.1
    parts = [tf.math.squared_difference(x, y), tf.add_n([x, y, x]), tf.clip_by_norm(x, 1.0, axes=[-1]), tf.strided_slice(x, [0, 0, 1], [9, 9, 9], [1, 1, 1]),
             tf.cast(tf.math.count_nonzero(x > 0.2, axis=1), tf.float32), tf.math.multiply_no_nan(x, y), tf.nn.crelu(x), tf.norm(x, axis=-1)]
    return L.Concatenate()([L.Flatten()(part) for part in parts])


def stacked_states(x):
    def cells():
        return [L.LSTMCell(2, recurrent_activation="hard_sigmoid"), L.LSTMCell(3)]
    results = L.RNN(cells(), return_state=True)(x)
    return L.RNN(cells())(x, initial_state=list(results[1:]))


def frozen_inside(x):
    inner = keras.Sequential([keras.Input((4, 3)), L.Bidirectional(L.LSTM(2, return_sequences=True)), L.BatchNormalization(), L.TimeDistributed(L.Dense(2)),
                              L.Normalization(axis=1)])
    inner.layers[0].trainable = False
    return inner(x)


def masked_concatenate(x):
    masked = L.Masking()(x)
    return L.LSTM(2)(L.Concatenate(name="concatenate")([masked, masked]))


def states_beside(x):
    """Keras 3 takes no mask from an input that states stand beside."""
    masked = L.Masking()(x)
    rows = L.Masking(0.5)(x)
    y, h = L.GRU(2, return_state=True, return_sequences=True)(masked)
    return L.Concatenate()([L.GRU(2)(masked, initial_state=h), L.SimpleRNN(2)(L.Add()([masked, rows]), initial_state=h),
                            L.Bidirectional(L.GRU(2))(L.Concatenate(axis=1)([masked, rows]), initial_state=[h, h]), L.Flatten()(y)])


def merges(x):
    """Masks that Keras 3 joins otherwise, before each kind of layer that reads them; values that it joins by masks."""
    masked, other = L.Masking()(x), L.Masking(0.5)(x)
    small = L.Reshape((1, 3))(L.Dense(3, activation="tanh")(L.GlobalAveragePooling1D()(masked)))
    joined = [L.Add()([masked, x]), L.Subtract()([masked, other]), L.Multiply()([masked, small]), L.Maximum()([x, masked]), L.Average()([masked, other, x]),
              L.Minimum()([masked, other])]
    wide, long = L.Concatenate()([masked, x]), L.Concatenate(axis=1)([masked, other])
    inner_input = keras.Input((4, 3))
    inner = keras.Model(inner_input, L.SimpleRNN(2)(inner_input))
    heads = L.MultiHeadAttention(2, 2)
    parts = [L.GlobalAveragePooling1D()(joined[0]), L.LSTM(2)(joined[1]), heads(joined[2], joined[3]), L.Bidirectional(L.GRU(2))(joined[4]), inner(joined[5]),
             L.GlobalAveragePooling1D()(wide), L.GRU(2)(long), L.Attention()([joined[0], joined[2]]), L.LSTM(2)(L.TimeDistributed(L.Dense(2))(joined[3])),
             L.LSTM(2)(heads(joined[4], joined[4]))]
    return L.Concatenate()([L.Flatten()(part) for part in parts])


def scores(x):
    """Rows that are masked throughout, whose scores are handed out."""
    masked = L.Masking()(x)
    y, s = L.MultiHeadAttention(2, 2)(masked, masked, return_attention_scores=True)
    z, r = L.MultiHeadAttention(1, 2)(y, masked, return_attention_scores=True, use_causal_mask=True)
    return L.Concatenate()([L.Flatten()(part) for part in (y, s, z, r, L.LSTM(2)(masked))])


def integers(mode):
    """Numbers of a lookup in layers that take no integers, and a text in one that counts axes."""
    def make(x):
        return L.Dense(2)(L.ELU()(L.IntegerLookup(vocabulary=[2, 3, 4], output_mode=mode)(x)))
    return make


def texts(x):
    words = L.TextVectorization(vocabulary=["a", "b", "dog", "a b"], output_mode="count", ngrams=2)(x)
    chain = keras.Sequential([keras.Input((1,), dtype="string"), L.TextVectorization(vocabulary=["a", "b", "dog"], output_mode="multi_hot"),
                              L.Reshape((2, 2)), L.Conv1D(2, 1)])
    return L.Concatenate()([L.LayerNormalization()(words), L.Flatten()(chain(x))])


def lambda_before_model(x):
    """The Lambda becomes a model, which stands before the other one in the list."""
    inner = keras.Sequential([keras.Input((4, 3)), L.Dense(2)])
    functional_one = keras.Model(inner.inputs, inner(inner.inputs))
    return functional_one(L.Lambda(lambda t: tf.square(t) + 0.5)(x))


def gates(x):
    """Activations inside of ONNX's operators, some with numbers and some without."""
    a = L.LSTM(2, activation="linear", recurrent_activation="tanh")(x)
    b = L.GRU(2, activation="linear")(x)
    return L.Concatenate()([a, b, L.LSTM(2, activation="elu", recurrent_activation="hard_sigmoid")(x)])


MODELS = {
    "local1": lambda: functional((7, 3), L.LocallyConnected1D(2, 3, strides=2, activation="relu")),
    "local1_same": lambda: functional((5, 2), L.LocallyConnected1D(2, 3, padding="same", implementation=3)),
    "local2": lambda: functional((5, 4, 2), L.LocallyConnected2D(3, (2, 3), activation="tanh")),
    "local2_matrix": lambda: functional((4, 3, 2), L.LocallyConnected2D(2, 2, padding="same", implementation=2, use_bias=False)),
    "local1_first": lambda: functional((3, 6), L.LocallyConnected1D(2, 2, data_format="channels_first", activation="softmax")),
    "time_major": lambda: functional((4, 3), lambda x: L.Flatten()(tf.transpose(L.GRU(2, return_sequences=True, time_major=True)(tf.transpose(x, [1, 0, 2])), [1, 0, 2]))),
    "spectral": lambda: functional((4, 3), lambda x: L.Dense(2)(L.SpectralNormalization(L.Conv1D(2, 2))(x))),
    "random_crop": lambda: functional((6, 5, 2), L.RandomCrop(3, 4)),
    "sizes": lambda: functional((4, 3), sizes), "functions": lambda: functional((4, 3), functions), "gates": lambda: functional((4, 3), gates),
    "stacked_states": lambda: functional((4, 3), stacked_states), "frozen_inside": lambda: functional((4, 3), frozen_inside),
    "masked_states": lambda: functional((4, 3), states_beside), "masked_merges": lambda: functional((4, 3), merges), "masked_scores": lambda: functional((4, 3), scores),
    "lookup_count": lambda: functional((3,), integers("count"), "int64"), "lookup_multi_hot": lambda: functional((3,), integers("multi_hot"), "int64"),
    "lookup_crossed": lambda: functional((2,), lambda x: L.HashedCrossing(7)((x[:, :1], x[:, 1:])), "int64"),
    "lookup_texts": lambda: functional((1,), texts, "string"),
    "masked_concatenate": lambda: functional((4, 3), masked_concatenate), "lambda_before_model": lambda: functional((4, 3), lambda_before_model)}


def drawn(model, name, rng):
    shape, dtype = (5,) + model.input_shape[1:], model.inputs[0].dtype
    if dtype == tf.string:
        return rng.choice(["a b dog", "", "b cat", "dog dog a b"], size=shape)
    if dtype.is_integer:
        return rng.integers(0, 6, size=shape)
    x = rng.normal(size=shape).astype("float32")
    if name.startswith("masked"):
        x[0, 2:], x[1, :2], x[2, 1:], x[3, 1:3] = 0, 0, 0, 0.5      # no mean of no steps
    return x


def main():
    folder = sys.argv[1]
    for name, make in MODELS.items():
        keras.backend.clear_session()
        rng = np.random.default_rng(len(name))
        model = make()
        make_fixed.randomise(model, rng)
        for layer in model._flatten_layers():
            if type(layer).__name__ == "Normalization":
                layer.finalize_state()
        x = drawn(model, name, rng)
        base = os.path.join(folder, name)
        model.save(base + ".keras")
        np.savez(base + ".io.npz", x=x, y=np.asarray(model(tf.constant(x), training=False)))


if __name__ == "__main__":
    main()
