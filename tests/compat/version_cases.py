"""What Kerases between 3.0 and today compute or write otherwise than their neighbours: small models for layer_worker.py ("versions"), run by each of them
(make_versions.py). A builder that this Keras lacks something for fails, and is left out there."""
import numpy as np

from layer_cases import chain
from quirk_cases import biases, many


def joined(name):
    """A merge of masked steps with others, and of two that are masked otherwise: its own numbers, and its mask as a sum and an LSTM feel it."""
    def build(d):
        L = d.L
        x, y, z = d.K.Input((5, 3)), d.K.Input((5, 3)), d.K.Input((5, 3))
        a, b = L.Masking(0.0)(x), L.Masking(0.0)(y)
        merge = lambda *tensors: getattr(L, name)()(list(tensors))                  # noqa: E731 - a class for each call
        outputs = [merge(a, b), merge(b, z), merge(z, a), merge(x, z)]
        outputs += [L.GlobalAveragePooling1D()(t) for t in outputs] + [L.LSTM(2)(outputs[0]), L.LSTM(2)(outputs[1])]
        if name not in ("Subtract",):
            outputs += [merge(a, z, b), L.GlobalAveragePooling1D()(merge(a, b, L.Masking(1.0)(z)))]
        return d.K.Model([x, y, z], outputs), ["steps", "fewer", None]
    return build


def named_sums(d):
    """Masks of two inputs that are of another rank or of one step."""
    L = d.L
    x, y = d.K.Input((5, 3)), d.K.Input((1, 3))
    a, b = L.Masking(0.0)(x), L.Masking(0.0)(y)
    return d.K.Model([x, y], [L.Add()([a, L.Masking(1.0)(x)]), L.GlobalAveragePooling1D()(L.Concatenate(axis=1)([a, b])),
                              L.GlobalAveragePooling1D()(L.Concatenate(axis=1)([a, x]))]), ["steps", None]


def resized(d):
    L = d.L
    x, y = d.K.Input((7, 5, 3)), d.K.Input((4, 9, 3))
    layers = [dict(height=6, width=6, interpolation="bicubic"), dict(height=3, width=3, interpolation="nearest")]
    return d.K.Model([x, y], [L.Resizing(**k)(t) for k in layers for t in (x, y)] + [L.CenterCrop(8, 4)(x), L.CenterCrop(3, 12)(y), L.CenterCrop(3, 3)(x)]), [None, None]


def cut(d):
    x, y = d.K.Input((7, 5, 3)), d.K.Input((4, 9, 3))
    layers = [dict(height=4, width=4), dict(height=3, width=6, interpolation="nearest"), dict(height=9, width=2)]
    return d.K.Model([x, y], [d.L.Resizing(crop_to_aspect_ratio=True, **k)(t) for k in layers for t in (x, y)]), [None, None]


def padded(d):
    x = d.K.Input((7, 5, 3))
    return d.K.Model(x, [d.L.Resizing(4, 4, pad_to_aspect_ratio=True)(x), d.L.Resizing(9, 12, pad_to_aspect_ratio=True, fill_value=2.0)(x)]), [None]


def bytes_resized(dtype):
    def build(d):
        x = d.K.Input((5, 6, 3), dtype=dtype)
        return d.K.Model(x, [d.L.Resizing(3, 4)(x), d.L.Resizing(8, 7, interpolation="bicubic")(x), d.L.Resizing(3, 2, interpolation="nearest")(x),
                             d.L.CenterCrop(3, 3)(x), d.L.CenterCrop(7, 3)(x), d.L.Rescaling(1 / 255.0)(x)]), ["pixels"]
    return build


def encoded(make, dtype="int64", kind=("int", 4)):
    """An encoding of one value a row, of three, and of rows of three."""
    def build(d):
        one, three = d.K.Input((1,), dtype=dtype), d.K.Input((3,), dtype=dtype)
        return d.K.Model([one, three], [make(d.L)(one), make(d.L)(three)]), [kind, kind]
    return build


def encoded_rows(make, dtype="int64", kind=("int", 4)):
    def build(d):
        x, y = d.K.Input((2, 3), dtype=dtype), d.K.Input((2, 1), dtype=dtype)
        return d.K.Model([x, y], [make(d.L)(x), make(d.L)(y)]), [kind, kind]
    return build


WORDS = ["hello", "world", "a"]
ENCODERS = {
    "CategoryEncoding": (lambda mode: lambda L: L.CategoryEncoding(4, output_mode=mode), ("one_hot", "multi_hot", "count"), "int64", ("int", 4)),
    "IntegerLookup": (lambda mode: lambda L: L.IntegerLookup(vocabulary=[1, 3], output_mode=mode, **(
        {"idf_weights": [0.5, 1.5]} if mode == "tf_idf" else {})), ("int", "one_hot", "multi_hot", "count", "tf_idf"), "int64", ("int", 4)),
    "StringLookup": (lambda mode: lambda L: L.StringLookup(vocabulary=WORDS, output_mode=mode, num_oov_indices=2, **(
        {"idf_weights": [0.5, 1.5, 2.0]} if mode == "tf_idf" else {})), ("int", "one_hot", "multi_hot", "count", "tf_idf"), "string", "words"),
    "Hashing": (lambda mode: lambda L: L.Hashing(4, output_mode=mode), ("int", "one_hot", "multi_hot", "count"), "string", "words"),
    "Discretization": (lambda mode: lambda L: L.Discretization(bin_boundaries=[0.3, 0.6], output_mode=mode), ("int", "one_hot", "multi_hot", "count"),
                       "float32", "unit"),
}


def crossed(mode):
    def build(d):
        x, y = d.K.Input((1,), dtype="string"), d.K.Input((1,), dtype="int64")
        return d.K.Model([x, y], d.L.HashedCrossing(5, output_mode=mode)([x, y])), ["words", ("int", 4)]
    return build


def scaled_rows(axis):
    return lambda d: chain(d, [d.L.LayerNormalization(axis=axis, rms_scaling=True)], (4, 6))


def small_rows(d):
    """Rows whose squares are near the least that UnitNormalization divides by."""
    x = d.K.Input((4,))
    return d.K.Model(x, [d.L.UnitNormalization()(x * c) for c in (1.0, 1e-6, 1e-8, 0.0)]), [None]


def few_bits(mode, make, shape=(6,), dtype="float32", kind=None):
    def build(d):
        model = d.K.Sequential([d.K.Input(shape, dtype=dtype)] + make(d.L))
        for layer in model.layers:
            for v in layer.trainable_variables:
                v.assign(np.random.default_rng(3).normal(size=v.shape).astype("float32") * np.linspace(0.2, 3, v.shape[-1], dtype="float32"))
        model.quantize(mode)
        return model, [kind]
    return build


def lora(d):
    x = d.K.Input((6,))
    dense = d.L.Dense(5)
    model = d.K.Model(x, dense(x))
    dense.enable_lora(2)
    return model, [None]


def attending(d):
    """Attention of masked queries."""
    L = d.L
    x, y = d.K.Input((4, 6)), d.K.Input((5, 6))
    a = L.Masking(0.0)(x)
    outputs = [L.Attention(use_scale=True)([a, y]), L.AdditiveAttention()([a, y]), L.MultiHeadAttention(2, 3)(x, y), L.LSTM(2)(L.Attention()([a, y]))]
    return d.K.Model([x, y], outputs), ["steps", None]


def named_masks(d):
    """Masks that the calls name, where none come with the tensors: handed on since Keras 3.11."""
    L = d.L
    x, y = d.K.Input((5, 3)), d.K.Input((5, 2))
    mask = y[:, :, 0] > -0.8
    masked = [L.GRU(3, return_sequences=True)(x, mask=mask), L.Bidirectional(L.SimpleRNN(2, return_sequences=True))(x, mask=mask)]
    outputs = masked + [L.GlobalAveragePooling1D()(L.Activation("tanh")(t)) for t in masked]
    return d.K.Model([x, y], outputs), [None, None]


def einsum_biases(d):
    """Where EinsumDense since Keras 3.10 on TensorFlow takes the last axis for the bias's."""
    x = d.K.Input((4, 4))
    return d.K.Model(x, [d.L.EinsumDense("abc,cd->abd", (4, 4), bias_axes="b")(x), d.L.Dense(4)(x)]), [None]


def attending_values(d):
    """And of masked values: Keras before 3.12 lays their mask over the batch, and cannot do this but in batches of one."""
    x, y = d.K.Input((3, 6)), d.K.Input((5, 6))
    return d.K.Model([x, y], d.L.Attention()([x, d.L.Masking(0.0)(y)])), [None, "fewer"]


def attending_masked(d):
    L = d.L
    x, y = d.K.Input((4, 6)), d.K.Input((5, 6))
    p, q, s = [(L.Masking(0.0)(x), L.Masking(0.0)(y)) for _ in range(3)]
    outputs = [L.MultiHeadAttention(2, 3, value_dim=4)(*p), L.MultiHeadAttention(2, 3)(*q, use_causal_mask=True),
               L.GlobalAveragePooling1D()(L.MultiHeadAttention(1, 2, dropout=0.1)(*s)), L.GlobalAveragePooling1D()(L.Add()([s[0], s[0]]))]
    return d.K.Model([x, y], outputs), ["steps", "fewer"]


def attending_scores(d):
    L = d.L
    x, y = d.K.Input((4, 6)), d.K.Input((5, 6))
    outputs = [L.MultiHeadAttention(2, 3, output_shape=(4,))(x, y), *L.MultiHeadAttention(2, 3)(L.Masking(0.0)(x), L.Masking(0.0)(y), return_attention_scores=True)]
    return d.K.Model([x, y], outputs), ["steps", "fewer"]


def groups_attending(d):
    x = d.K.Input((4, 6))
    kind = getattr(d.L, "GroupQueryAttention", None) or d.L.GroupedQueryAttention
    return d.K.Model(x, [kind(3, 4, 2)(x, x), kind(3, 4, 2)(d.L.Masking(0.0)(x), x, use_causal_mask=True)]), ["steps"]


def axes_attending(d):
    x = d.K.Input((3, 4, 6))
    return d.K.Model(x, [d.L.MultiHeadAttention(2, 3, attention_axes=axes)(x, x) for axes in ((1,), (2,), (1, 2))]), [None]


def steps(d):
    """Recurrent layers whose states are handed on, of stacked cells too."""
    L = d.L
    x = d.K.Input((4, 3))
    a = L.Masking(0.0)(x)
    outputs = [*L.Bidirectional(L.LSTM(2, return_state=True))(a), *L.Bidirectional(L.GRU(2, return_sequences=True), merge_mode=None)(a),
               L.TimeDistributed(L.Dense(2))(a), L.LSTM(2)(L.TimeDistributed(L.Dense(2))(a)), L.GRU(2, reset_after=False, zero_output_for_mask=True,
                                                                                                    return_sequences=True)(a),
               L.SimpleRNN(2, go_backwards=True, return_sequences=True)(a), L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode="ave")(a)]
    return d.K.Model(x, outputs), ["steps"]


def stacked(d):
    L = d.L
    a = L.Masking(0.0)(x := d.K.Input((4, 3)))
    return d.K.Model(x, [L.RNN([L.LSTMCell(2), L.GRUCell(3)])(a), L.RNN([L.SimpleRNNCell(2), L.GRUCell(3)], return_sequences=True)(a)]), ["steps"]


def stacked_states(d):
    x = d.K.Input((4, 3))
    return d.K.Model(x, d.L.RNN([d.L.GRUCell(2), d.L.GRUCell(3)], return_state=True)(x)), ["steps"]


def policy(name):
    """Normalisations and others with a policy of their own."""
    def build(d):
        L = d.L
        x, y = d.K.Input((4, 6)), d.K.Input((5, 5, 4))
        layers = [L.BatchNormalization, L.LayerNormalization, lambda **k: L.GroupNormalization(2, **k), L.UnitNormalization, L.Softmax,
                  lambda **k: L.Dense(3, activation="gelu", **k), lambda **k: L.LSTM(2, **k), lambda **k: L.Rescaling(0.1, 0.3, **k)]
        outputs = [layer(dtype=name)(x) for layer in layers] + [L.Conv2D(3, 2, dtype=name)(y), L.Resizing(3, 3, dtype=name)(y), L.UpSampling2D(
            2, interpolation="bilinear", dtype=name)(y)]
        return d.K.Model([x, y], outputs), [None, None]
    return build


def whole(d):
    """Normalisations of integers."""
    L = d.L
    x = d.K.Input((4, 6), dtype="int32")
    return d.K.Model(x, [L.BatchNormalization()(x), L.UnitNormalization()(x), L.Dense(2)(x), L.GroupNormalization(2)(x), L.LayerNormalization()(x),
                         L.Normalization(mean=1.0, variance=4.0)(x)]), [("int", 9)]


def softmaxes(d):
    x, y = d.K.Input((4, 6)), d.K.Input((6,))
    return d.K.Model([x, y], [d.L.Softmax(axis=1)(y), d.L.Softmax(axis=(1, 2))(x), d.L.Softmax()(x)]), ["steps", None]


def dots(d):
    q, k = d.K.Input((4, 2, 3)), d.K.Input((5, 2, 3))
    ops = d.K.ops
    return d.K.Model([q, k], [ops.dot_product_attention(q, k, k), ops.dot_product_attention(q, k, k, scale=0.3)]), [None, None]


def augmented(d):
    """Layers that do nothing when a model predicts, with all they are given."""
    L, x = d.L, d.K.Input((6, 6, 3))
    kinds = {"RandomFlip": {}, "RandomRotation": {"factor": 0.2}, "RandomZoom": {"height_factor": 0.2}, "RandomContrast": {"factor": 0.2},
             "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1}, "RandomBrightness": {"factor": 0.2}, "RandomCrop": {"height": 4, "width": 5}}
    return d.K.Model(x, [getattr(L, k)(**v)(x) for k, v in kinds.items()]), ["pixels"]


def called_before(d):
    """A layer that had been called before its model was made: Keras 3.0 counts that call in the node's number."""
    L = d.L
    x, y = d.K.Input((6,)), d.K.Input((6,))
    dense, act, batch = L.Dense(6), L.Activation("tanh"), L.BatchNormalization()
    dense(y), dense(y), batch(act(y))
    a = dense(x)
    b = dense(L.ReLU()(a))
    return d.K.Model(x, [L.Add()([a, act(b)]), batch(a)]), [None]


def shared_by_two(d):
    """A layer on two inputs: Keras 3.2 writes that both tensors are those of the first call."""
    L = d.L
    x, y = d.K.Input((6,)), d.K.Input((6,))
    dense, act = L.Dense(6), L.Activation("tanh")
    return d.K.Model([x, y], L.Subtract()([act(dense(x)), act(dense(y))])), [None, None]


def first_images(d):
    L, x = d.L, d.K.Input((3, 5, 4))
    first = {"data_format": "channels_first"}
    return d.K.Model(x, [L.UpSampling2D(2, interpolation="bilinear", **first)(x), L.UpSampling2D(2, **first)(x), L.Resizing(3, 3, **first)(x), L.Flatten(**first)(x),
                         L.ZeroPadding2D(1, **first)(x), L.GlobalAveragePooling2D(**first)(x)]), [None]


def activated(d):
    names = "elu selu softplus softsign tanh sigmoid hard_sigmoid hard_silu hard_swish silu swish gelu relu relu6 leaky_relu exponential mish log_softmax softmax linear " \
            "tanh_shrink soft_shrink hard_shrink squareplus sparse_plus sparsemax sparse_sigmoid celu glu hard_tanh log_sigmoid".split()
    x = d.K.Input((8,))
    able = []
    for name in names:
        try:
            d.K.activations.get(name)
            able.append(name)
        except Exception:                                # noqa: BLE001 - this Keras has none of that name
            pass
    layers = [d.L.ReLU(negative_slope=0.2, threshold=0.5), d.L.ReLU(threshold=0.5, max_value=1.0), d.L.ReLU(6.0), d.L.LeakyReLU(), d.L.ELU(0.5), d.L.PReLU()]
    return d.K.Model(x, [d.L.Activation(a)(x) for a in able] + [layer(x) for layer in layers]), [None]


def sounds(d):
    x = d.K.Input((800,))
    return d.K.Model(x, [d.L.MelSpectrogram(fft_length=256, sequence_stride=64, sampling_rate=8000, num_mel_bins=8)(x)]), ["wave"]


VERSIONS = {
    **{"merge " + name: joined(name) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")},
    "merge ranks": named_sums,
    "resizing": resized, "cutting": cut, "padding": padded, "resizing of bytes": bytes_resized("uint8"), "resizing of integers": bytes_resized("int32"),
    **{"%s %s" % (name, mode): encoded(make(mode), dtype, kind) for name, (make, modes, dtype, kind) in ENCODERS.items() for mode in modes},
    **{"%s %s of rows" % (name, mode): encoded_rows(make(mode), dtype, kind) for name, (make, modes, dtype, kind) in ENCODERS.items()
       for mode in modes},
    **{"HashedCrossing " + mode: crossed(mode) for mode in ("int", "one_hot")},
    "rms_scaling": scaled_rows(-1), "rms_scaling of columns": scaled_rows(1), "unit normalisation": small_rows,
    "int8 dense": few_bits("int8", lambda L: [L.Dense(5, activation="relu"), L.Dense(3, use_bias=False)]),
    "int8 einsum": few_bits("int8", lambda L: [L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")], (4, 6)),
    "int8 einsum over two axes": few_bits("int8", lambda L: [L.EinsumDense("abcd,cde->abe", (None, 5), bias_axes="e")], (4, 2, 3)),
    "int8 embedding": few_bits("int8", lambda L: [L.Embedding(7, 4)], (3,), "int32", ("int", 7)),
    "float8 dense": few_bits("float8", lambda L: [L.Dense(5), L.EinsumDense("ab,bc->ac", 3, bias_axes="c")]),
    "lora": lora,
    "attention": attending, "named masks": named_masks, "attention to masked values": attending_values, "masked attention": attending_masked, "scores of attention": attending_scores, "groups of queries": groups_attending, "axes of attention": axes_attending,
    "steps": steps, "stacked cells": stacked, "states of stacked cells": stacked_states, "integers": whole, "softmax": softmaxes, "dot_product_attention": dots, "augmentation": augmented, "calls before": called_before, "shared by two": shared_by_two,
    "channels first": first_images, "biases": biases, "biases of einsum": einsum_biases, "activations": activated, "sounds": sounds,
    **{"policy " + name: policy(name) for name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")},
}
