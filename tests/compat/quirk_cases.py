"""The traps of reimplementing Keras, by number: what Keras does in each (the numbers are those in the comments of src/, "quirks 21"). Each is a small
model that real Keras 3 computes as the test runs; those of older Kerases are facts in test_quirks.py.

Names begin with the number; a builder returns a layer with the shapes of its inputs, or a model with how to draw them.
"""
import numpy as np

from layer_cases import chain


def many(make, shape):
    """One input, several layers, one output each."""
    def build(d):
        x = d.K.Input(shape)
        return d.K.Model(x, [layer(x) for layer in make(d.L)]), [None]
    return build


def masked(make, shape=(5, 3)):
    return lambda d: chain(d, [d.L.Masking(0.0)] + make(d.L), shape, "steps")


def frozen(d):
    """Quirk 36: a shared layer, and a nested model that is called twice."""
    L = d.L
    inner = d.K.Sequential([d.K.Input((4,)), L.Dense(4, activation="tanh"), L.BatchNormalization()])
    x, y = d.K.Input((4,)), d.K.Input((4,))
    shared = L.Dense(4)
    return d.K.Model([x, y], [inner(shared(x)), shared(inner(y))]), [None, None]


def causal(d):
    x, y = d.K.Input((4, 3)), d.K.Input((5, 3))
    mha = d.L.MultiHeadAttention(2, 2)
    return d.K.Model([x, y], [mha(x, y, use_causal_mask=True), mha(x, y), mha(d.L.Masking(0.0)(x), y)]), ["steps", None]


def embedding_end(d):
    return chain(d, [d.L.Embedding(5, 3)], (4,), ("int", 5), "int32")


def states(d):
    x, h, c = d.K.Input((4, 3)), d.K.Input((2,)), d.K.Input((2,))
    return d.K.Model([x, h, c], d.L.LSTM(2, return_state=True, return_sequences=True)(x, initial_state=[h, c])), [None] * 3


def lookups(d):
    L = d.L
    x = d.K.Input((3,), dtype="string")
    return d.K.Model(x, [L.StringLookup(vocabulary=["a", "b"])(x), L.StringLookup(vocabulary=["a", "b"], mask_token="")(x),
                         L.StringLookup(vocabulary=["a", "b"], num_oov_indices=3)(x)]), ["words"]


def biases(d):
    """Where Keras 3.7 and later on TensorFlow take the last axis for the bias's, run eagerly as well as in a graph (src/layers/bias.c)."""
    L, first = d.L, {"data_format": "channels_first", "padding": "same"}
    x, y, z, rows = d.K.Input((5, 4, 5)), d.K.Input((2, 3, 4, 5)), d.K.Input((5, 5)), d.K.Input((4, 4))
    own = [L.Conv2DTranspose(5, 2, activation="tanh", **first), L.DepthwiseConv2D(2, **first), L.SeparableConv2D(5, 2, activation="softmax", **first),
           L.Conv2D(5, 2, dilation_rate=2, activation="relu", **first), L.Conv2D(10, 1, groups=5, **first), L.Conv2D(5, 2, groups=5, **first)]
    last = [L.DepthwiseConv1D(2, **first), L.SeparableConv1D(5, 2, **first), L.Conv1DTranspose(5, 2, **first), L.Conv1D(5, 2, groups=5, **first)]
    outputs = [layer(x) for layer in own] + [layer(y) for layer in (L.Conv3D(5, 2, **first), L.Conv3DTranspose(5, 2, **first))]
    outputs += [layer(z) for layer in last] + [L.EinsumDense("abc,cd->abd", (4, 4), bias_axes="b", activation="relu")(rows)]
    outputs += [L.MultiHeadAttention(4, 1)(rows, rows), rows + np.arange(4, dtype="float32").reshape(4, 1), d.K.ops.add(np.ones((4, 1), "float32"), rows)]
    return d.K.Model([x, y, z, rows], outputs), [None] * 4


def merges(d):
    x, y = d.K.Input((4,)), d.K.Input((4, 4))
    return d.K.Model([x, y], [d.L.Add()([x, y]), d.L.Dot(axes=1)([x, x])]), [None, None]


def mixed(policy):
    return lambda d: (d.K.Sequential([d.K.Input((6,)), d.L.Dense(5, activation="gelu", dtype=policy), d.L.BatchNormalization(dtype=policy),
                                      d.L.Softmax(dtype=policy)]), [None])


def integers(d):
    """What is integer before a normalisation is integer after it; so with what SpectralNormalization wraps."""
    x = d.K.Input((4,), dtype="int64")
    return d.K.Model(x, [d.L.LayerNormalization()(x), d.L.RMSNormalization()(x), d.L.SpectralNormalization(d.L.Dense(3))(x)]), [("int", 9)]


def masked_scores(d):
    """Rows of scores that are masked throughout are zeros where the scores are returned, and even where they are not."""
    L, x = d.L, d.K.Input((4, 3))
    y, z, u, v = [L.Masking(0.0)(x) for _ in range(4)]      # MultiHeadAttention takes the mask of its inputs away
    return d.K.Model(x, [*L.MultiHeadAttention(2, 3)(y, y, return_attention_scores=True), L.MultiHeadAttention(2, 3)(z, z),
                         L.MultiHeadAttention(2, 3, dropout=0.5)(u, u), L.GroupQueryAttention(3, 4, 2)(v, v)]), ["steps"]


def masks_taken_off(d):
    """MultiHeadAttention takes the mask off its query, value and key: two blocks of an encoder, and two attentions to one tensor."""
    L, x = d.L, d.K.Input((5, 4))
    y = L.Masking(0.0)(x)
    for _ in range(2):
        y = L.LayerNormalization()(L.Add()([y, L.MultiHeadAttention(2, 3)(y, y)]))
    z, other = L.Masking(0.0)(x), L.Masking(0.0)(x)
    return d.K.Model(x, [L.GlobalAveragePooling1D()(y), L.MultiHeadAttention(2, 3)(z, z), L.MultiHeadAttention(2, 3)(z, other), L.LSTM(3)(z)]), ["steps"]


def masks_of_some_inputs(d):
    """A nested model of which only the second input has a mask."""
    L, x, y = d.L, d.K.Input((4,)), d.K.Input((5, 3))
    a, b = d.K.Input((4,)), d.K.Input((5, 3))
    inner = d.K.Model([a, b], [L.Dense(3)(a), L.LSTM(3)(b)])
    return d.K.Model([x, y], inner([x, L.Masking(0.0)(y)])), [None, "steps"]


def nested_precision(d):
    """A nested model takes its inputs in the dtype that its Input says, whatever the policy around it."""
    L = d.L
    a = d.K.Input((4,))
    inner = d.K.Model(a, L.Dense(3, dtype="mixed_float16")(a * 3.0))
    x = d.K.Input((4,))
    return d.K.Model(x, inner(L.Dense(4, dtype="mixed_float16")(x))), [None]


ACTIVATIONS = ["soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "hard_silu", "tanh_shrink", "glu", "log_sigmoid",
               "sparsemax", "threshold", "celu", "relu6", "hard_tanh"]

QUIRKS = {
    "01 same padding": many(lambda L: [L.Conv1D(2, k, strides=s, padding="same", dilation_rate=1) for k in (2, 3, 4) for s in (1, 2, 3)], (8, 2)),
    "02 causal": many(lambda L: [L.Conv1D(2, 3, padding="causal", dilation_rate=r) for r in (1, 2)], (7, 2)),
    "03 transpose": many(lambda L: [L.Conv2DTranspose(2, k, strides=s, padding=p) for k, s in ((3, 2), (2, 3), (1, 3), (4, 1)) for p in ("same", "valid")] +
                         [L.Conv2DTranspose(2, 3, strides=2, output_padding=o, padding=p) for o in (0, 1) for p in ("same", "valid")], (5, 4, 4)),
    "05 depthwise": many(lambda L: [L.DepthwiseConv2D(2, depth_multiplier=3), L.SeparableConv2D(4, 2, depth_multiplier=2)], (5, 5, 3)),
    "06 groups": many(lambda L: [L.Conv2D(6, 2, groups=3), L.Conv2D(3, 2, groups=3)], (5, 5, 3)),
    "07 channels_first": many(lambda L: [L.Conv2D(4, 3, data_format="channels_first", padding="same"), L.Flatten(data_format="channels_first"),
                                         L.GlobalAveragePooling2D(data_format="channels_first")], (3, 5, 6)),     # not as wide as it has
    # filters: then Keras 3 on TensorFlow adds the bias along the wrong axis
    "07 biases along another axis": biases,
    "08 pooling": many(lambda L: [L.AveragePooling1D(3, 2, padding="same"), L.MaxPooling1D(3, 2, padding="same"), L.AdaptiveAveragePooling1D(3),
                                  L.AdaptiveMaxPooling1D(3)], (7, 2)),
    "09 pooling of masked steps": masked(lambda L: [L.GlobalAveragePooling1D()]),
    "09 maxima of masked steps": masked(lambda L: [L.GlobalMaxPooling1D()]),
    "10 upsampling": many(lambda L: [L.UpSampling2D(2, interpolation="bilinear"), L.UpSampling2D((1, 3), interpolation="bilinear")], (3, 4, 2)),
    "11 resizing": many(lambda L: [L.Resizing(2, 2), L.Resizing(3, 3, interpolation="nearest"), L.Resizing(8, 8, interpolation="bicubic"),
                                   L.CenterCrop(7, 7), L.CenterCrop(3, 3)], (5, 5, 2)),
    "13 epsilons": many(lambda L: [L.BatchNormalization(), L.LayerNormalization(), L.GroupNormalization(1), L.RMSNormalization(), L.UnitNormalization()], (3, 4)),
    "14 batch normalisation": many(lambda L: [L.BatchNormalization(scale=False), L.BatchNormalization(center=False), L.BatchNormalization(axis=1),
                                              L.BatchNormalization(renorm=True)], (3, 4)),
    "15 axes of normalisation": many(lambda L: [L.LayerNormalization(axis=[1, 2]), L.GroupNormalization(2)], (3, 4)),
    "16 normalization": many(lambda L: [L.Normalization(mean=[1.0, 2, 3], variance=[0.0, 1, 4]), L.Normalization(axis=None, mean=1.0, variance=4.0)], (3,)),
    "17 spectral": many(lambda L: [L.SpectralNormalization(L.Dense(3))], (4,)),
    "15 normalisation of integers": integers,
    "18 gates": many(lambda L: [L.LSTM(3), L.GRU(3), L.GRU(3, reset_after=False)], (4, 3)),
    "20 backwards": many(lambda L: [L.LSTM(3, go_backwards=True, return_sequences=True), L.Bidirectional(L.GRU(2, return_sequences=True))], (4, 3)),
    "21 masked steps": masked(lambda L: [L.LSTM(3, return_sequences=True)]),
    "21 zeros for masked steps": masked(lambda L: [L.GRU(3, return_sequences=True, zero_output_for_mask=True)]),
    "21 zeros of unrolled steps that go backwards": masked(
        lambda L: [L.GRU(3, return_sequences=True, zero_output_for_mask=True, unroll=True, go_backwards=True)]),
    "21 an unrolled Bidirectional, masked": masked(lambda L: [L.Bidirectional(L.LSTM(3, return_sequences=True, unroll=True))]),
    "21 both directions masked": masked(lambda L: [L.Bidirectional(L.LSTM(3, return_sequences=True))]),
    "22 states": states,
    "22 no merge": many(lambda L: [L.Bidirectional(L.GRU(2), merge_mode="sum"), L.RNN([L.LSTMCell(2), L.GRUCell(3)])], (4, 3)),
    "23 dropout": many(lambda L: [L.Dropout(0.5), L.GaussianNoise(1.0), L.AlphaDropout(0.5), L.SpatialDropout1D(0.5), L.LSTM(2, recurrent_dropout=0.5)], (4, 3)),
    "24 hard_sigmoid": many(lambda L: [L.Activation("hard_sigmoid")], (9,)),
    "25 gelu": many(lambda L: [L.Activation(a) for a in ("gelu", "selu", "elu")], (9,)),
    "26 leaky_relu": many(lambda L: [L.Activation("leaky_relu"), L.LeakyReLU()], (9,)),
    "27 relu": many(lambda L: [L.ReLU(max_value=1, negative_slope=0.1, threshold=0.3), L.PReLU(shared_axes=[1])], (4, 3)),
    "28 activations": lambda d: (d.K.Model(*(lambda x: (x, [d.L.Activation(a)(x) for a in ACTIVATIONS if hasattr(d.K.activations, a)
                                                            and a != "threshold"]))(d.K.Input((8,)))), [None]),
    "28 softmax over two axes": many(lambda L: [L.Softmax(axis=[1, 2]), L.Softmax(axis=1)], (3, 4)),
    "30 attention order": lambda d: (lambda q, v, k: (d.K.Model([q, v, k], d.L.MultiHeadAttention(2, 3, value_dim=4)(q, v, k)), [None] * 3))(
        d.K.Input((3, 4)), d.K.Input((5, 6)), d.K.Input((5, 7))),
    "30 scores of masked rows": masked_scores,
    "30 masks taken off": masks_taken_off,
    "31 causal mask": causal,
    "32 attention scales": lambda d: (lambda q, v: (d.K.Model([q, v], [d.L.Attention()([q, v]), d.L.Attention(use_scale=True)([q, v]), d.L.Attention(
        score_mode="concat")([q, v]), d.L.AdditiveAttention()([q, v]), d.L.GroupQueryAttention(3, 4, 2)(q, v)]), [None] * 2))(
            d.K.Input((3, 4)), d.K.Input((5, 4))),
    "33 dense and reshape": many(lambda L: [L.Dense(3), L.Reshape((-1, 2)), L.Permute((2, 1))], (3, 4)),
    "34 merging ranks": merges,
    "35 embedding": embedding_end,
    "35 masking": masked(lambda L: [L.Dense(2), L.LSTM(2)]),
    "36 shared layers": frozen,
    "36 masks of some inputs": masks_of_some_inputs, "41 precision of nested models": nested_precision,
    "41 mixed_float16": mixed("mixed_float16"), "41 mixed_bfloat16": mixed("mixed_bfloat16"),
    "42 discretization": lambda d: (d.L.Discretization(bin_boundaries=[0.0, 0.5, 1.0]), [(4,)], ["unit"]),
    "43 string lookup": lookups,
    "43 text": lambda d: (d.L.TextVectorization(vocabulary=["hello", "world", "a"], output_sequence_length=4), [((1,), "string")], ["words"]),
    "44 hashing": lambda d: (d.L.Hashing(10), [((3,), "string")], ["words"]),
    "44 salted hashing": lambda d: (d.L.Hashing(10, salt=133, mask_value=""), [((3,), "string")], ["words"]),
    "44 integer lookup": lambda d: (d.L.IntegerLookup(vocabulary=[3, 7], num_oov_indices=2), [((3,), "int64")], [("int", 12)]),
    "45 encodings": lambda d: (d.L.CategoryEncoding(5, output_mode="count"), [((4,), "int32")], [("int", 5)]),
    "45 rescaling of bytes": lambda d: (d.L.Rescaling(1 / 255), [((3, 3, 3), "uint8")], ["pixels"]),
    "46 random crop": lambda d: (d.L.RandomCrop(2, 2), [(4, 4, 3)], ["pixels"]),
}
