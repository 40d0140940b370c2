"""One small model for each layer and configuration: those that ../shared/layers.json lists, and others drawn with a seed.

A case is (class name, label, model, how to draw its inputs). Needs the Keras that is given; saves nothing.
"""
import json

import numpy as np

WORDS = ["a", "b", "c", "dog", "cat", "", "zebra", "the quick brown fox", "Hello, World!", "naïve café", "a b c a", "x" * 70]


def batch_shape(shape):
    return tuple([None if d is None or d < 0 else d for d in shape])


class Case:
    def __init__(self, class_name, label, model, kinds=(), half=False):
        self.class_name, self.label, self.model, self.kinds, self.half = class_name, label, model, list(kinds), half


# ---- listed configurations ------------------------------------------------------------------------------------------

def kind_of(dtype, class_name):
    """How to draw an input: floats, indices, words."""
    if dtype == "string":
        return "words"
    if dtype.startswith("int"):
        return ("int", {"Embedding": 10, "ReversibleEmbedding": 10}.get(class_name, 3))
    if class_name.startswith("Random") or class_name in ("AugMix", "AutoContrast", "CutMix", "MixUp", "RandAugment", "Solarization",
                                                          "Equalization", "ContrastLimitedAdaptiveHistogramEqualization"):
        return "pixels"
    if class_name == "Discretization":
        return "unit"
    return None


def adapt(layer, class_name):
    """What the listing adapted: a vocabulary that the configuration does not hold."""
    config = layer.get_config()
    if class_name in ("StringLookup", "TextVectorization") and config.get("vocabulary") is None:
        layer.adapt(np.array(["a", "b", "a", "c", "b", "a"]))
    if class_name == "Normalization" and config.get("mean") is None:
        layer.adapt(np.random.default_rng(3).normal(1, 2, (20, 8)).astype("float32"))


def listed_model(K, class_name, case):
    layer = K.layers.deserialize(case["config"])
    adapt(layer, class_name)
    inputs = [K.Input(batch_shape=batch_shape(i["shape"]), dtype=i["dtype"]) for i in case["inputs"]]
    kwargs = {"reverse": True} if case["case"] == "reverse call" else {}
    one = len(inputs) == 1
    if class_name in ("MultiHeadAttention", "GroupQueryAttention"):
        return K.Model(inputs, layer(*inputs))
    return K.Model(inputs, layer(inputs[0] if one else inputs, **kwargs))


def listed(K, path):
    """(class, label, function) of every listed configuration that can be built; the others with None."""
    with open(path) as f:
        layers = json.load(f)["layers"]
    for class_name, facts in layers.items():
        if not facts["is_layer"]:
            continue
        for case in facts["cases"]:
            if case.get("inputs") and case.get("config"):
                def build(case=case, class_name=class_name):
                    model = listed_model(K, class_name, case)
                    half = "quantization_config" in str(case["config"]) and "int" in case["case"]
                    return Case(class_name, case["case"], model, [kind_of(i["dtype"], class_name) for i in case["inputs"]], half)
                yield class_name, case["case"], build
            else:
                yield class_name, case["case"], None


# ---- drawn configurations ---------------------------------------------------------------------------------------------

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "linear", "softsign", "silu", "hard_sigmoid",
               "exponential", "softmax", "leaky_relu", "mish", None]
POLICIES = ["float32"] * 8 + ["float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]


class D:
    """A random draw with the words that the rows below use."""

    def __init__(self, K, rng):
        self.K, self.L, self.rng = K, K.layers, rng

    def one(self, *items):
        return items[int(self.rng.integers(len(items)))]

    def n(self, low, high):
        """low..high, both included"""
        return int(self.rng.integers(low, high + 1))

    def yes(self, chance=0.5):
        return bool(self.rng.random() < chance)

    def act(self):
        return self.one(*ACTIVATIONS)

    def real(self, low, high):
        return float(np.round(self.rng.uniform(low, high), 3))

    def sizes(self, rank, low, high):
        return self.n(low, high) if self.yes(0.4) else tuple(self.n(low, high) for _ in range(rank))

    def space(self, rank, low=5, high=8):
        return tuple(self.n(low, high) for _ in range(rank))

    def policy(self):
        return self.one(*POLICIES)


def image(d, rank, channels, first=False, low=5, high=8):
    space = d.space(rank, low, high)
    return ((channels,) + space) if first else space + (channels,)


def conv(rank, kind):
    def build(d):
        L = d.L
        first = rank < 3 and d.yes(0.15) or (rank == 3 and d.yes(0.1))
        groups = d.one(1, 1, 2, 3) if kind == "Conv" else 1
        channels = groups * d.n(1, 2) if kind == "Conv" else d.n(1, 4)
        kwargs = dict(kernel_size=d.sizes(rank, 1, 3), use_bias=d.yes(0.8), activation=d.act(),
                      data_format="channels_first" if first else "channels_last", dtype=d.policy())
        paddings = ["valid", "same"] + (["causal"] if rank == 1 and kind == "Conv" and not first else [])
        kwargs["padding"] = d.one(*paddings)
        if d.yes(0.5):
            kwargs["strides"] = d.n(1, 3) if kind in ("DepthwiseConv", "SeparableConv") else d.sizes(rank, 1, 3)
        elif d.yes(0.5):
            kwargs["dilation_rate"] = d.sizes(rank, 1, 2)
        if kind in ("Conv", "SeparableConv"):
            kwargs["filters"] = groups * d.n(1, 3)
        if kind == "Conv":
            kwargs["groups"] = groups
        else:
            kwargs["depth_multiplier"] = d.n(1, 3)
        return getattr(L, "%s%dD" % (kind, rank))(**kwargs), [image(d, rank, channels, first)]
    return build


def transpose(rank):
    def build(d):
        first = d.yes(0.1)
        strides = d.sizes(rank, 1, 3)
        kwargs = dict(filters=d.n(1, 4), kernel_size=d.sizes(rank, 1, 4), strides=strides, padding=d.one("valid", "same"),
                      use_bias=d.yes(0.8), activation=d.act(), data_format="channels_first" if first else "channels_last")
        least = min(strides) if isinstance(strides, tuple) else strides
        if least > 1 and d.yes(0.4):
            kwargs["output_padding"] = d.n(0, least - 1)
        if least == 1 and kwargs["strides"] in (1, (1,) * rank) and d.yes(0.3):
            kwargs["dilation_rate"] = 2
        return getattr(d.L, "Conv%dDTranspose" % rank)(**kwargs), [image(d, rank, d.n(1, 3), first, 3, 6)]
    return build


def pool(rank, kind):
    def build(d):
        first = d.yes(0.15)
        kwargs = dict(pool_size=d.sizes(rank, 1, 3), padding=d.one("valid", "same"),
                      data_format="channels_first" if first else "channels_last", dtype=d.policy())
        if d.yes(0.6):
            kwargs["strides"] = d.sizes(rank, 1, 3)
        return getattr(d.L, "%sPooling%dD" % (kind, rank))(**kwargs), [image(d, rank, d.n(1, 3), first)]
    return build


def global_pool(rank, kind):
    def build(d):
        first = d.yes(0.2)
        layer = getattr(d.L, "Global%sPooling%dD" % (kind, rank))(keepdims=d.yes(),
                                                                 data_format="channels_first" if first else "channels_last")
        return layer, [image(d, rank, d.n(1, 4), first)]
    return build


def adaptive(rank, kind):
    def build(d):
        first = d.yes(0.15)
        size = d.sizes(rank, 1, 4)
        layer = getattr(d.L, "Adaptive%sPooling%dD" % (kind, rank))(size, data_format="channels_first" if first else "channels_last")
        return layer, [image(d, rank, d.n(1, 3), first)]
    return build


def recurrent_kwargs(d, kind):
    kwargs = dict(units=d.n(1, 5), activation=d.one("tanh", "relu", "sigmoid", "linear"), use_bias=d.yes(0.8))
    if kind != "SimpleRNN":
        kwargs["recurrent_activation"] = d.one("sigmoid", "hard_sigmoid", "tanh")
    if kind == "GRU":
        kwargs["reset_after"] = d.yes()
    return kwargs


def recurrent(kind):
    def build(d):
        kwargs = recurrent_kwargs(d, kind)
        kwargs.update(return_sequences=d.yes(), return_state=d.yes(0.3), go_backwards=d.yes(0.3), unroll=d.yes(0.2),
                      zero_output_for_mask=d.yes(0.2), dropout=d.one(0.0, 0.2), dtype=d.policy())
        steps = d.n(2, 6)
        layer = getattr(d.L, kind)(**kwargs)
        width = d.n(1, 5)
        if d.yes(0.3):
            return chain(d, [d.L.Masking(0.0), layer], (steps, width), "steps")
        if d.yes(0.25):
            states = 2 if kind == "LSTM" else 1
            x = d.K.Input((steps, width))
            given = [d.K.Input((kwargs["units"],)) for _ in range(states)]
            return d.K.Model([x] + given, layer(x, initial_state=given if states > 1 or d.yes() else given[0])), [None] * (1 + states)
        return layer, [(steps, width)]
    return build


def chain(d, layers, shape, kind=None, dtype="float32"):
    x = d.K.Input(shape, dtype=dtype)
    y = x
    for layer in layers:
        y = layer(y)
    return d.K.Model(x, y), [kind]


def cell_of(d, kind=None):
    kind = kind or d.one("LSTM", "GRU", "SimpleRNN")
    return getattr(d.L, kind + "Cell")(**recurrent_kwargs(d, kind))


def rnn_of(cells):
    def build(d):
        return d.L.RNN(cells(d), return_sequences=d.yes(), return_state=d.yes(0.3), go_backwards=d.yes(0.3)), [(d.n(2, 5), d.n(1, 5))]
    return build


def bidirectional(d):
    kind = d.one("LSTM", "GRU", "SimpleRNN")
    kwargs = recurrent_kwargs(d, kind)
    kwargs.update(return_sequences=d.yes(), return_state=d.yes(0.25), go_backwards=d.yes(0.2))
    inner = getattr(d.L, kind)(**kwargs)
    extra = {}
    if d.yes(0.2):
        other = dict(kwargs, go_backwards=not kwargs["go_backwards"], activation="tanh")
        extra["backward_layer"] = getattr(d.L, kind)(**other)
    layer = d.L.Bidirectional(inner, merge_mode=d.one("concat", "sum", "mul", "ave", None), **extra)
    shape = (d.n(2, 6), d.n(1, 4))
    if d.yes(0.4):
        return chain(d, [d.L.Masking(0.0), layer], shape, "steps")
    return layer, [shape]


def conv_lstm(rank):
    def build(d):
        first = d.yes(0.15)
        kwargs = dict(filters=d.n(1, 3), kernel_size=d.sizes(rank, 1, 3), padding=d.one("valid", "same"), strides=1,
                      return_sequences=d.yes(), return_state=d.yes(0.2), go_backwards=d.yes(0.2), use_bias=d.yes(0.8),
                      recurrent_activation=d.one("sigmoid", "hard_sigmoid"), data_format="channels_first" if first else "channels_last")
        if d.yes(0.3):
            kwargs["strides"] = 2
        elif d.yes(0.3):
            kwargs["dilation_rate"] = 2
        return getattr(d.L, "ConvLSTM%dD" % rank)(**kwargs), [(d.n(2, 3),) + image(d, rank, d.n(1, 2), first, 5, 6)]
    return build


def time_distributed(d):
    L = d.L
    which = d.n(0, 5)
    if which == 0:
        return L.TimeDistributed(L.Dense(d.n(1, 4), activation=d.act())), [(d.n(2, 4), d.n(1, 5))]
    if which == 1:
        return L.TimeDistributed(L.Conv2D(d.n(1, 3), 2, padding=d.one("same", "valid"))), [(d.n(2, 3),) + image(d, 2, 2)]
    if which == 2:
        return L.TimeDistributed(L.LSTM(d.n(1, 4), return_sequences=d.yes())), [(d.n(2, 4), d.n(2, 4), 3)]
    if which == 3:
        inner = d.K.Sequential([d.K.Input((4, 3)), L.Flatten(), L.Dense(3, activation="tanh"), L.BatchNormalization()])
        return L.TimeDistributed(inner), [(3, 4, 3)]
    if which == 4:
        return L.TimeDistributed(L.BatchNormalization()), [(3, 4)]
    return chain(d, [L.Masking(0.0), L.TimeDistributed(L.Dense(3)), L.LSTM(2)], (5, 3), "steps")


def multi_head(d):
    heads, key = d.n(1, 3), d.n(2, 4)
    kwargs = dict(num_heads=heads, key_dim=key, use_bias=d.yes(0.8), dropout=d.one(0.0, 0.1))
    if d.yes(0.4):
        kwargs["value_dim"] = d.n(2, 5)          # Keras adds a bias (n, 1) along the wrong axis
    if d.yes(0.3):
        kwargs["output_shape"] = d.n(1, 5)
    if d.yes(0.15):
        kwargs["use_gate"] = True
    wide = d.yes(0.2)
    if wide:
        kwargs["attention_axes"] = d.one((1,), (2,), (1, 2))
    layer = d.L.MultiHeadAttention(**kwargs)
    q = d.K.Input((3, 4, 5) if wide else (d.n(2, 5), d.n(2, 5)))
    if wide or d.yes(0.3):
        v = q
    else:
        v = d.K.Input((d.n(2, 5), d.n(2, 5)))
    call = {}
    if d.yes(0.3):
        call["use_causal_mask"] = not wide or kwargs["attention_axes"] != (1, 2)
    if d.yes(0.2) and not wide:
        call["return_attention_scores"] = True
    inputs, kinds = ([q], [None]) if v is q else ([q, v], [None, None])
    if not wide and d.yes(0.3):
        mask = d.K.Input((q.shape[1], v.shape[1]), dtype="bool")
        call["attention_mask"] = mask
        inputs, kinds = inputs + [mask], kinds + ["bool"]
    if v is not q and d.yes(0.25):
        k = d.K.Input((v.shape[1], d.n(2, 5)))
        return d.K.Model(inputs + [k], layer(q, v, k, **call)), kinds + [None]
    return d.K.Model(inputs, layer(q, v, **call)), kinds


def group_query(d):
    kv = d.n(1, 2)
    layer = d.L.GroupQueryAttention(head_dim=d.n(1, 4), num_query_heads=kv * d.n(1, 3), num_key_value_heads=kv, use_bias=d.yes(0.7))
    width = d.n(2, 5)
    q, v = d.K.Input((d.n(2, 5), width)), d.K.Input((d.n(2, 5), width))
    call = {"use_causal_mask": True} if d.yes(0.3) else {}
    return d.K.Model([q, v], layer(q, v, **call)), [None, None]


def attention(kind):
    def build(d):
        width = d.n(1, 5)
        kwargs = {"use_scale": d.yes(), "dropout": d.one(0.0, 0.2)}
        if kind == "Attention":
            kwargs["score_mode"] = d.one("dot", "dot", "concat")
        layer = getattr(d.L, kind)(**kwargs)
        q, v = d.K.Input((d.n(2, 5), width)), d.K.Input((d.n(2, 5), width))
        call, inputs, kinds = {}, [q, v], [None, None]
        if d.yes(0.3):
            call["use_causal_mask"] = True
        if d.yes(0.2):
            call["return_attention_scores"] = True
        if d.yes(0.4):
            k = d.K.Input((v.shape[1], width))
            return d.K.Model([q, v, k], layer([q, v, k], **call)), kinds + [None]
        if d.yes(0.4):
            masked = [d.L.Masking(0.0)(q), d.L.Masking(0.0)(v)]
            return d.K.Model(inputs, layer(masked, **call)), ["steps", "steps"]
        return d.K.Model(inputs, layer(inputs, **call)), kinds
    return build


def merge(kind):
    def build(d):
        count = 2 if kind == "Subtract" else d.n(2, 4)
        shape = d.one((4,), (3, 4), (2, 3, 4))
        shapes = [shape] * count
        if len(shape) > 1 and d.yes(0.3) and kind != "Subtract":
            shapes = [shape] * (count - 1) + [tuple(1 if i == 0 else s for i, s in enumerate(shape))]
        layer = getattr(d.L, kind)(dtype=d.policy())
        inputs = [d.K.Input(s) for s in shapes]
        if len(shape) == 2 and d.yes(0.3):
            return d.K.Model(inputs, d.L.LSTM(2)(layer([d.L.Masking(0.0)(x) for x in inputs]))), ["steps"] * count
        return d.K.Model(inputs, layer(inputs)), [None] * count
    return build


def concatenate(d):
    shape = d.one((4,), (3, 4), (2, 3, 4))
    axis = d.n(1, len(shape))
    shapes = [tuple(d.n(1, 4) if i + 1 == axis else s for i, s in enumerate(shape)) for _ in range(d.n(2, 4))]
    inputs = [d.K.Input(s) for s in shapes]
    layer = d.L.Concatenate(axis=axis if d.yes() else axis - len(shape) - 1)
    if len(shape) == 2 and d.yes(0.4):
        return d.K.Model(inputs, d.L.LSTM(2, return_sequences=True)(layer([d.L.Masking(0.0)(x) for x in inputs]))), ["steps"] * len(inputs)
    return d.K.Model(inputs, layer(inputs)), [None] * len(inputs)


def dot(d):
    which = d.n(0, 3)
    if which == 0:
        return d.L.Dot(axes=1, normalize=d.yes()), [(5,), (5,)]
    if which == 1:
        return d.L.Dot(axes=d.one((2, 1), (-1, 1)), normalize=d.yes()), [(3, 4), (4, 5)]
    if which == 2:
        return d.L.Dot(axes=d.one(2, -1), normalize=d.yes()), [(3, 4), (2, 4)]
    return d.L.Dot(axes=(1, 1)), [(3, 4), (3, 2)]


def batch_norm(d):
    shape = d.one((4,), (3, 4), (3, 4, 2), (2, 3, 2, 2))
    kwargs = dict(axis=d.one(-1, d.n(1, len(shape))), epsilon=d.one(1e-3, 1e-5, 0.1), center=d.yes(0.8), scale=d.yes(0.8), dtype=d.policy())
    if d.yes(0.15):
        kwargs["renorm"] = True
    return d.L.BatchNormalization(**kwargs), [shape]


def layer_norm(d):
    shape = d.one((4,), (3, 4), (3, 4, 2))
    axis = d.one(-1, -1, 1, [1, 2] if len(shape) > 1 else -1)
    return d.L.LayerNormalization(axis=axis, epsilon=d.one(1e-3, 1e-6), center=d.yes(0.8), scale=d.yes(0.8), dtype=d.policy()), [shape]


def group_norm(d):
    groups = d.one(1, 2, 3, -1)
    channels = 6
    shape = d.one((channels,), (3, channels), (3, 2, channels))
    axis = -1
    if len(shape) == 3 and d.yes(0.2):
        shape, axis = (channels, 3, 2), 1
    return d.L.GroupNormalization(groups=groups, axis=axis, epsilon=d.one(1e-3, 1e-5), center=d.yes(0.8), scale=d.yes(0.8)), [shape]


def einsum(d):
    which = d.one(("ab,bc->ac", 3, "c"), ("abc,cd->abd", (None, 3), "d"), ("abc,cde->abde", (None, 2, 3), "de"),
                  ("abc,bcd->ad", 3, "d"), ("...x,xy->...y", 4, "y"), ("abc,bd->adc", (2, 4), None), ("abcd,cde->abe", (None, 3), "e"))
    equation, shape, bias = which
    x = {"ab,bc->ac": (4,), "abcd,cde->abe": (3, 2, 4)}.get(equation, (3, 4))
    if equation == "...x,xy->...y":
        shape = (None, 4)
    return d.L.EinsumDense(equation, output_shape=shape, bias_axes=bias if d.yes(0.7) else None, activation=d.act()), [x]


def embedding(d):
    count = d.n(3, 9)
    layer = d.L.Embedding(count, d.n(1, 4), mask_zero=d.yes())
    if layer.mask_zero and d.yes(0.6):
        after = d.one(d.L.LSTM(2), d.L.GlobalAveragePooling1D(), d.L.GRU(2, return_sequences=True))
        return chain(d, [layer, after], (5,), ("padded", count), d.one("int32", "float32"))
    return chain(d, [layer], d.one((5,), (3, 2), ()), ("int", count), d.one("int32", "int64", "float32"))


def reversible(d):
    count = d.n(3, 9)
    layer = d.L.ReversibleEmbedding(count, 4, tie_weights=d.yes(), mask_zero=d.yes(0.3), logit_soft_cap=d.one(None, None, 5.0))
    x = d.K.Input((5,), dtype="int32")
    h = layer(x)
    return d.K.Model(x, layer(d.L.Dense(4)(h), reverse=True) if d.yes(0.6) else h), [("int", count)]


def spectral(d):
    if d.yes():
        return d.L.SpectralNormalization(d.L.Dense(d.n(1, 4)), power_iterations=d.n(1, 2)), [(5,)]
    return d.L.SpectralNormalization(d.L.Conv2D(d.n(1, 4), 2)), [(5, 6, 2)]


def resizing(d):
    first = d.yes(0.15)
    kwargs = dict(height=d.n(2, 12), width=d.n(2, 12), interpolation=d.one("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area"),
                  data_format="channels_first" if first else "channels_last")
    if kwargs["interpolation"] == "area":
        kwargs["interpolation"] = "bilinear"
    what = d.n(0, 5)
    if what == 0:
        kwargs["crop_to_aspect_ratio"] = True
    elif what == 1:
        kwargs.update(pad_to_aspect_ratio=True, fill_value=d.real(-1, 1))
    elif what == 2:
        kwargs["antialias"] = True
    shape = image(d, 2, d.n(1, 3), first, 4, 9)
    return d.L.Resizing(**kwargs), [shape]


def center_crop(d):
    first = d.yes(0.15)
    shape = image(d, 2, d.n(1, 3), first, 4, 9)
    return d.L.CenterCrop(d.n(2, 10), d.n(2, 10), data_format="channels_first" if first else "channels_last"), [shape]


def category(d):
    mode = d.one("one_hot", "multi_hot", "count")
    x = d.K.Input(d.one((1,), (4,), ()) if mode == "one_hot" else (4,), dtype="int32")
    layer = d.L.CategoryEncoding(num_tokens=6, output_mode=mode)
    if mode == "count" and d.yes():
        w = d.K.Input((4,))
        return d.K.Model([x, w], layer(x, count_weights=w)), [("int", 6), "unit"]
    if mode == "one_hot" and len(x.shape) == 2 and x.shape[1] == 4:
        x = d.K.Input((4,), dtype="int32")
    return d.K.Model(x, layer(x)), [("int", 6)]


def discretization(d):
    mode = d.one("int", "one_hot", "multi_hot", "count")
    layer = d.L.Discretization(bin_boundaries=sorted(d.real(0, 1) for _ in range(d.n(1, 5))), output_mode=mode)
    return layer, [(1,) if mode == "one_hot" else (4,)], ["unit"]


def lookup_modes(d):
    return d.one("int", "int", "int", "one_hot", "multi_hot", "count", "tf_idf")


def string_lookup(d):
    vocabulary = ["a", "b", "dog", "cat", "naïve café"][:d.n(2, 5)]
    mode = lookup_modes(d)
    kwargs = dict(vocabulary=vocabulary, output_mode=mode, num_oov_indices=d.one(1, 1, 2, 3), encoding="utf-8")
    if d.yes(0.4):
        kwargs["mask_token"] = ""
    if d.yes(0.3):
        kwargs["oov_token"] = "[OOV]"
    if d.yes(0.2) and mode != "int":
        kwargs.update(pad_to_max_tokens=True, max_tokens=12)
    if mode == "tf_idf":
        kwargs["idf_weights"] = [d.real(0.1, 2) for _ in vocabulary]
    if mode == "int" and d.yes(0.2):
        kwargs.update(invert=True, num_oov_indices=1)
        return d.L.StringLookup(**kwargs), [((3,), "int64")], [("int", len(vocabulary) + 1)]
    if mode == "int" and d.yes(0.2):
        kwargs["num_oov_indices"] = 0
        kwargs.pop("mask_token", None)
        return chain(d, [d.L.StringLookup(**kwargs)], (3,), ("among", vocabulary), "string")
    return d.L.StringLookup(**kwargs), [((1,) if mode == "one_hot" else (3,), "string")], ["words"]


def integer_lookup(d):
    vocabulary = [3, 7, 12, 40, -5][:d.n(2, 5)]
    mode = lookup_modes(d)
    kwargs = dict(vocabulary=vocabulary, output_mode=mode, num_oov_indices=d.one(1, 1, 2, 3))
    if d.yes(0.4):
        kwargs["mask_token"] = 0
    if d.yes(0.2) and mode != "int":
        kwargs.update(pad_to_max_tokens=True, max_tokens=12)
    if mode == "tf_idf":
        kwargs["idf_weights"] = [d.real(0.1, 2) for _ in vocabulary]
    if mode == "int" and d.yes(0.2):
        kwargs.update(invert=True, num_oov_indices=1)
        return d.L.IntegerLookup(**kwargs), [((3,), "int64")], [("int", len(vocabulary) + 1)]
    return d.L.IntegerLookup(**kwargs), [((1,) if mode == "one_hot" else (3,), d.one("int64", "int32"))], [("int", 15)]


def text_vectorization(d):
    mode = d.one("int", "int", "multi_hot", "count", "tf_idf")
    kwargs = dict(output_mode=mode, vocabulary=["a", "b", "the", "quick", "hello", "dog", "a b", "c"],
                  standardize=d.one("lower_and_strip_punctuation", "lower", "strip_punctuation", None), split=d.one("whitespace", "character", None))
    if d.yes(0.3):
        kwargs["ngrams"] = d.one(2, (1, 2), (2,))
    if mode == "int" and d.yes(0.6):
        kwargs["output_sequence_length"] = d.n(2, 7)
    if mode == "tf_idf":
        kwargs["idf_weights"] = [d.real(0.1, 2) for _ in range(8)]
    if mode not in ("int",) and d.yes(0.2):
        kwargs.update(pad_to_max_tokens=True, max_tokens=14)
    if kwargs["split"] is None:
        kwargs.pop("ngrams", None)
    return d.L.TextVectorization(**kwargs), [(d.one((), (1,)), "string")], ["words"]


def hashing(d):
    kwargs = dict(num_bins=d.n(2, 20), output_mode=d.one("int", "int", "one_hot", "multi_hot", "count"))
    if d.yes(0.4):
        kwargs["salt"] = d.one(133, [133, 137])
    words = d.yes(0.7)
    if d.yes(0.3):
        kwargs["mask_value"] = "" if words else 0
    shape = (1,) if kwargs["output_mode"] == "one_hot" else (3,)
    return d.L.Hashing(**kwargs), [(shape, "string" if words else d.one("int32", "int64"))], ["words" if words else ("int", 1000)]


def hashed_crossing(d):
    layer = d.L.HashedCrossing(num_bins=d.n(2, 30), output_mode=d.one("int", "int", "one_hot"))
    kinds = [d.yes(), d.yes()]
    shape = d.one((), (1,))
    inputs = [d.K.Input(shape, dtype="string" if k else "int64") for k in kinds]
    return d.K.Model(inputs, layer(inputs)), ["words" if k else ("int", 50) for k in kinds]


def normalization(d):
    shape, axis = d.one(((4,), -1), ((3, 4), -1), ((3, 4), (1, 2)), ((4,), None), ((3, 4), 1))
    invert = d.yes(0.2)
    if axis is not None and d.yes(0.4):
        layer = d.L.Normalization(axis=axis, invert=invert)
        layer.adapt(d.rng.normal(1, 2, (20,) + shape).astype("float32"))
    else:
        kept = {None: (), -1: (shape[-1],), 1: (shape[0],)}.get(axis, shape) if not isinstance(axis, tuple) else shape
        layer = d.L.Normalization(axis=axis, mean=d.rng.normal(0, 1, kept).round(3).tolist(), invert=invert,
                                  variance=d.rng.uniform(0.5, 2, kept).round(3).tolist())
    return layer, [shape]


def rescaling(d):
    return d.L.Rescaling(d.one(1 / 255, [0.5, 2.0, 1.5]), d.one(0.0, -1.0, [0.1, 0.2, 0.3])), [((3, 4, 3), d.one("float32", "uint8"))], [
        "pixels"]


def mel(d):
    kwargs = dict(fft_length=d.one(64, 128, 100), sequence_stride=d.n(16, 40), num_mel_bins=d.n(4, 16), sampling_rate=8000,
                  min_freq=d.one(20.0, 100.0), power_to_db=d.yes(), window=d.one("hann", "hamming", None))
    if d.yes(0.3):
        kwargs["sequence_length"] = kwargs["fft_length"] - d.n(0, 20)
    return d.L.MelSpectrogram(**kwargs), [(d.n(300, 400),)], ["wave"]


def stft(d):
    mode = d.one("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    kwargs = dict(mode=mode, frame_length=d.n(20, 40), frame_step=d.n(8, 20), fft_length=d.one(None, 64), window=d.one("hann", "hamming", None),
                  periodic=d.yes(), scaling=d.one("density", "spectrum", None), padding=d.one("valid", "same"), expand_dims=d.yes(0.3))
    return d.L.STFTSpectrogram(**kwargs), [(d.n(100, 150), d.n(1, 2))], ["wave"]


def random_layer(kind):
    def build(d):
        kwargs = {"RandomCrop": dict(height=d.n(2, 5), width=d.n(2, 5)), "RandomPosterization": dict(factor=d.n(3, 8)),
                  "RandomColorJitter": dict(brightness_factor=0.2), "RandomShear": dict(x_factor=0.2),
                  "RandomTranslation": dict(height_factor=0.2, width_factor=d.real(0, 0.5)), "RandomFlip": dict(mode=d.one("horizontal", "vertical")),
                  "RandomErasing": {}, "RandomElasticTransform": {}, "RandomZoom": dict(height_factor=d.real(0, 0.4)),
                  "RandomGrayscale": {}, "RandomInvert": {}, "RandomPerspective": {}, "RandomGaussianBlur": {}, "MixUp": {},
                  "CutMix": {}, "AugMix": {}, "RandAugment": {}, "Solarization": {}, "AutoContrast": {}, "Equalization": {},
                  "ContrastLimitedAdaptiveHistogramEqualization": {}, "RandomHue": dict(factor=0.2), "RandomSaturation": dict(factor=0.2),
                  "RandomSharpness": dict(factor=0.2), "RandomColorDegeneration": dict(factor=0.2)}.get(kind, dict(factor=d.real(0.1, 0.5)))
        side = d.n(5, 9)
        return getattr(d.L, kind)(**kwargs), [(side, side + d.n(0, 2), 3)], ["pixels"]
    return build


def simple(make, shapes):
    """A layer without much to draw."""
    return lambda d: (make(d), [d.one(*shapes)])


VECTORS = [(6,), (3, 4), (2, 3, 4)]


def identity(kind, *shapes):
    return lambda d: (getattr(d.L, kind)(d.real(0.1, 0.6), dtype=d.policy()), [d.one(*(shapes or VECTORS))])


DRAWS = {
    "Activation": simple(lambda d: d.L.Activation(d.act(), dtype=d.policy()), VECTORS),
    "ActivityRegularization": simple(lambda d: d.L.ActivityRegularization(l1=0.1), VECTORS),
    "AlphaDropout": identity("AlphaDropout"), "Dropout": identity("Dropout"), "GaussianDropout": identity("GaussianDropout"),
    "GaussianNoise": identity("GaussianNoise"), "SpatialDropout1D": identity("SpatialDropout1D", (3, 4)),
    "SpatialDropout2D": identity("SpatialDropout2D", (3, 4, 2)), "SpatialDropout3D": identity("SpatialDropout3D", (3, 4, 2, 2)),
    "Identity": simple(lambda d: d.L.Identity(), VECTORS),
    "Dense": simple(lambda d: d.L.Dense(d.n(1, 6), activation=d.act(), use_bias=d.yes(0.8), dtype=d.policy()), VECTORS),
    "EinsumDense": einsum, "Embedding": embedding, "ReversibleEmbedding": reversible,
    "Masking": lambda d: chain(d, [d.L.Masking(d.one(0.0, 1.5)), d.one(d.L.LSTM(3), d.L.GRU(3, return_sequences=True),
                                                                       d.L.GlobalAveragePooling1D(), d.L.Dense(2))], (5, 3), "steps"),
    "ELU": simple(lambda d: d.L.ELU(alpha=d.real(0.2, 2)), VECTORS),
    "LeakyReLU": simple(lambda d: d.L.LeakyReLU(negative_slope=d.real(0.01, 0.5)), VECTORS),
    "PReLU": lambda d: d.one((d.L.PReLU(), [(6,)]), (d.L.PReLU(shared_axes=[1]), [(3, 4)]), (d.L.PReLU(shared_axes=[1, 2]), [(3, 4, 2)])),
    "ReLU": simple(lambda d: d.L.ReLU(max_value=d.one(None, d.real(1, 6)), negative_slope=d.one(0.0, d.real(0, 0.5)),
                                      threshold=d.one(0.0, d.real(0, 0.8))), VECTORS),
    "Softmax": lambda d: d.one((d.L.Softmax(axis=-1), [(3, 4)]), (d.L.Softmax(axis=1), [(3, 4)]), (d.L.Softmax(axis=[1, 2]), [(3, 4, 2)])),
    "Flatten": lambda d: (d.L.Flatten(data_format=d.one("channels_last", "channels_first")), [d.one((6,), (3, 4), (3, 4, 2), ())]),
    "Reshape": lambda d: (d.L.Reshape(d.one((-1,), (4, 3), (2, -1), (3, 2, 2))), [d.one((12,), (3, 4), (2, 3, 2))]),
    "Permute": lambda d: d.one((d.L.Permute((2, 1)), [(3, 4)]), (d.L.Permute((3, 1, 2)), [(2, 3, 4)])),
    "RepeatVector": simple(lambda d: d.L.RepeatVector(d.n(1, 4)), [(5,)]),
    "ZeroPadding1D": lambda d: (d.L.ZeroPadding1D(d.one(1, (2, 1), (0, 3))), [(5, 2)]),
    "ZeroPadding2D": lambda d: (d.L.ZeroPadding2D(d.one(1, (2, 1), ((1, 0), (2, 3))), data_format=d.one("channels_last", "channels_first")), [(5, 4, 2)]),
    "ZeroPadding3D": lambda d: (d.L.ZeroPadding3D(d.one(1, (2, 1, 0), ((1, 0), (2, 3), (0, 1))), data_format=d.one("channels_last", "channels_first")), [(3, 4, 3, 2)]),
    "Cropping1D": lambda d: (d.L.Cropping1D(d.one(1, (2, 1), (0, 3))), [(6, 2)]),
    "Cropping2D": lambda d: (d.L.Cropping2D(d.one(1, (2, 1), ((1, 0), (2, 1)))), [(6, 7, 2)]),
    "Cropping3D": lambda d: (d.L.Cropping3D(d.one(1, (2, 1, 0), ((1, 0), (2, 1), (0, 1)))), [(5, 6, 5, 2)]),
    "UpSampling1D": lambda d: (d.L.UpSampling1D(d.n(1, 3)), [(4, 2)]),
    "UpSampling2D": lambda d: (d.L.UpSampling2D(d.sizes(2, 1, 3), interpolation=d.one("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
                                                data_format=d.one("channels_last", "channels_last", "channels_first")), [(4, 3, 2)]),
    "UpSampling3D": lambda d: (d.L.UpSampling3D(d.sizes(3, 1, 3)), [(2, 3, 2, 2)]),
    "Concatenate": concatenate, "Dot": dot, "BatchNormalization": batch_norm, "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "RMSNormalization": lambda d: d.one((d.L.RMSNormalization(epsilon=d.one(1e-6, 1e-3)), [d.one((6,), (3, 4))]),
                                        (d.L.RMSNormalization(axis=1), [(3, 4)]), (d.L.RMSNormalization(axis=(1, 2)), [(3, 4)])),
    "UnitNormalization": lambda d: (d.L.UnitNormalization(axis=d.one(-1, 1, [1, 2])), [(3, 4)]),
    "SpectralNormalization": spectral,
    "RNN": rnn_of(lambda d: d.one(cell_of(d), [cell_of(d), cell_of(d)])),
    "StackedRNNCells": rnn_of(lambda d: d.L.StackedRNNCells([cell_of(d) for _ in range(d.n(1, 3))])),
    "LSTMCell": rnn_of(lambda d: cell_of(d, "LSTM")), "GRUCell": rnn_of(lambda d: cell_of(d, "GRU")),
    "SimpleRNNCell": rnn_of(lambda d: cell_of(d, "SimpleRNN")),
    "Bidirectional": bidirectional, "TimeDistributed": time_distributed, "MultiHeadAttention": multi_head,
    "GroupQueryAttention": group_query, "Attention": attention("Attention"), "AdditiveAttention": attention("AdditiveAttention"),
    "Rescaling": rescaling, "Normalization": normalization, "Resizing": resizing, "CenterCrop": center_crop,
    "CategoryEncoding": category, "Discretization": discretization, "StringLookup": string_lookup, "IntegerLookup": integer_lookup,
    "TextVectorization": text_vectorization, "Hashing": hashing, "HashedCrossing": hashed_crossing,
    "MelSpectrogram": mel, "STFTSpectrogram": stft,
    "InputLayer": lambda d: chain(d, [d.L.Dense(2)], (d.n(1, 5),), None, d.one("float32", "float16", "float64")),
    "Pipeline": lambda d: (d.L.Pipeline([d.L.Rescaling(0.5), d.L.Resizing(4, 5)]), [(6, 7, 3)]),
}
for _rank in (1, 2, 3):
    DRAWS["Conv%dD" % _rank] = conv(_rank, "Conv")
    DRAWS["Conv%dDTranspose" % _rank] = transpose(_rank)
    DRAWS["ConvLSTM%dD" % _rank] = conv_lstm(_rank)
    for _kind in ("Max", "Average"):
        DRAWS["%sPooling%dD" % (_kind, _rank)] = pool(_rank, _kind)
        DRAWS["Global%sPooling%dD" % (_kind, _rank)] = global_pool(_rank, _kind)
        DRAWS["Adaptive%sPooling%dD" % (_kind, _rank)] = adaptive(_rank, _kind)
    if _rank < 3:
        DRAWS["DepthwiseConv%dD" % _rank] = conv(_rank, "DepthwiseConv")
        DRAWS["SeparableConv%dD" % _rank] = conv(_rank, "SeparableConv")
for _kind in ("LSTM", "GRU", "SimpleRNN"):
    DRAWS[_kind] = recurrent(_kind)
for _kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
    DRAWS[_kind] = merge(_kind)
for _kind in ("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization", "MixUp", "RandAugment",
              "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform",
              "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
              "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation",
              "RandomZoom", "Solarization"):
    DRAWS[_kind] = random_layer(_kind)


DRAWS["MaxNumBoundingBoxes"] = lambda d: (d.L.MaxNumBoundingBoxes(d.one(2, 5)), [(6, 7, 3)], ["pixels"])


def adapted(layer, data):
    layer.adapt(np.array(data))
    return layer


def texts(**options):
    return lambda d: (d.L.TextVectorization(**dict({"vocabulary": ["a", "b", "the", "quick", "dog"]}, **options)), [((1,), "string")], ["words"])


# What draws seldom reach: class, and builders as in DRAWS
MORE = {
    "StringLookup": [
        lambda d: (d.L.StringLookup(vocabulary=["a", "b", "cat"], idf_weights=[0.5, 1.5, 2], output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True,
                                    num_oov_indices=2), [((3,), "string")], ["words"]),
        lambda d: (adapted(d.L.StringLookup(output_mode="tf_idf"), [["a", "b"], ["b", "dog"], ["b", "b"]]), [((3,), "string")], ["words"])],
    "IntegerLookup": [
        lambda d: (adapted(d.L.IntegerLookup(output_mode="tf_idf", num_oov_indices=2), [[1, 5], [5, 9], [5, 5]]), [((3,), "int64")], [("int", 12)])],
    "TextVectorization": [
        texts(output_mode="tf_idf", idf_weights=[0.5, 1, 2, 0.25, 3]),
        lambda d: (adapted(d.L.TextVectorization(output_mode="tf_idf", max_tokens=12, pad_to_max_tokens=True), ["a b", "b the cat", "b"]),
                   [((1,), "string")], ["words"])],
}


def drawn(K, class_name, seed):
    """A case with a random configuration; the same seed gives the same one. Keras may refuse a draw: then it raises."""
    d = D(K, np.random.default_rng([seed, sum(class_name.encode())]))
    return case_of(K, class_name, "seed %d" % seed, DRAWS[class_name](d), d)


def case_of(K, class_name, label, made, d):
    """What a builder returned, as a case: a layer is put between inputs of its own."""
    layer, shapes = made[0], made[1]
    if hasattr(layer, "inputs") and hasattr(layer, "outputs") and not isinstance(layer, d.L.TimeDistributed):
        model, kinds = layer, shapes
    else:
        specs = [s if isinstance(s, tuple) and len(s) == 2 and isinstance(s[0], tuple) else (s, "float32") for s in shapes]
        inputs = [K.Input(s, dtype=t) for s, t in specs]
        model = K.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))
        kinds = made[2] if len(made) > 2 else [None] * len(inputs)
    half = any("16" in str(getattr(l, "dtype_policy", "")) for l in model.layers)
    return Case(class_name, label, model, kinds, half)


# ---- layers of images: every argument, and dicts -----------------------------------------------------------------------------

FORMATS = ["xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh", "REL_XYXY"]
DICT_KINDS = {"images": "pixels", "segmentation_masks": ("int", 3), "boxes": "boxes", "box_labels": ("int", 4)}


def on_dict(d, layer, keys, whole=False, kinds=DICT_KINDS):
    """A functional model of one layer that is called on a dict with these keys; `whole`: of integers."""
    sizes = {"images": ((6, 7, 3), "uint8"), "segmentation_masks": ((6, 7, 1), "int32"), "labels": ((4,), "int32"), "boxes": ((4, 4), "int32"),
             "box_labels": ((4,), "int64"), "scores": ((4,), "float32"), "zone": ((2,), "int32"), "area": ((2,), "float32")}
    made = {key: d.K.Input(sizes[key][0], dtype=sizes[key][1] if whole else "float32", name=key + "_in") for key in keys.split()}
    given = {key: x for key, x in made.items() if key not in ("boxes", "box_labels", "scores")}
    if "boxes" in made:
        inside = {"boxes": made["boxes"], "labels": made["box_labels"]}
        given["bounding_boxes"] = {**inside, "scores": made["scores"]} if "scores" in made else inside
    return d.K.Model(list(made.values()), layer(given)), [kinds.get(key, ("int", 5) if whole else None) for key in made]


def image_arguments(kind):
    return {"CenterCrop": dict(height=4, width=3), "RandomCrop": dict(height=4, width=3), "Resizing": dict(height=5, width=9),
            "MaxNumBoundingBoxes": dict(max_number=3), "RandomPosterization": dict(factor=4), "RandomShear": dict(x_factor=0.2),
            "RandomTranslation": dict(height_factor=0.2, width_factor=0.1), "RandomZoom": dict(height_factor=0.2),
            "RandomColorJitter": dict(brightness_factor=0.2), **{name: {} for name in (
                "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MixUp RandAugment RandomElasticTransform "
                "RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomInvert RandomPerspective Solarization").split()}}.get(kind, dict(factor=0.2))


# Keras 3.15 raises for CenterCrop, RandomColorDegeneration, RandomCrop and RandomGrayscale on dicts (they are drawn all the same: a Keras that takes
# them is held against; but for the last a Pipeline may hold them), and makes a model of Equalization only where its input is cast. These take no boxes, the first no labels.
NO_BOXES = "ContrastLimitedAdaptiveHistogramEqualization CutMix RandomElasticTransform"


def image_cases(kind):
    """Integers and every argument of BaseImagePreprocessingLayer on plain images; dicts of floats, and of integers."""
    def layer(d, **more):
        return getattr(d.L, kind)(**image_arguments(kind), **more)
    masks = "images segmentation_masks zone" + ("" if kind.startswith("Contrast") else " labels")
    every = masks + ("" if kind in NO_BOXES else " boxes box_labels" + ("" if kind == "MaxNumBoundingBoxes" else " scores"))
    yield lambda d: (layer(d, bounding_box_format="rel_xyxy", data_format="channels_first"), [((3, 6, 7), "uint8")], ["pixels"])
    if kind == "Resizing":
        return
    yield lambda d: on_dict(d, layer(d, bounding_box_format="xywh", dtype="float32" if kind.startswith("Contrast") else "mixed_float16"), every)
    yield lambda d: on_dict(d, layer(d, bounding_box_format="yxyx"), every, whole=True)
    if kind == "MaxNumBoundingBoxes":
        yield lambda d: on_dict(d, d.L.MaxNumBoundingBoxes(6, bounding_box_format="xyxy"), "images boxes box_labels", whole=True)
    if kind == "RandomFlip":        # one after the other, on what the one before gave
        def chained(d):
            x = {"images": d.K.Input((6, 7, 3)), "segmentation_masks": d.K.Input((6, 7, 1), dtype="int32")}
            y = d.L.RandomZoom(0.2)(d.L.RandomFlip()(x))
            z = d.L.AutoContrast()({"images": y["images"], "segmentation_masks": y["segmentation_masks"], "area": d.L.GlobalAveragePooling2D()(y["images"])})
            return d.K.Model(list(x.values()), [z["segmentation_masks"], z["area"], d.L.Conv2D(2, 3)(z["images"])]), ["pixels", ("int", 3)]
        yield chained


def resizing_cases():
    """Keras gives the first tensor of the dict alone, and raises for other than two keys (the third here), and for channels first."""
    for keys in ("images segmentation_masks", "images area", "images segmentation_masks labels"):
        yield lambda d, k=keys: on_dict(d, d.L.Resizing(5, 9, crop_to_aspect_ratio=True, bounding_box_format="xyxy"), k)
    yield lambda d: on_dict(d, d.L.Resizing(9, 4, interpolation="nearest"), "images segmentation_masks", whole=True)
    for i, name in enumerate(FORMATS):
        ways = [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}]
        kinds = {**DICT_KINDS, "boxes": "parts" if "rel" in name.lower() else "boxes"}
        for way, sizes in ((i, (5, 9)), (i + 1, (11, 4))):
            yield lambda d, f=name, w=ways[way % 3], k=kinds, s=sizes, n=i: on_dict(
                d, d.L.Resizing(*s, bounding_box_format=f, **w), "images boxes box_labels" + " scores" * (n == 1), kinds=k)


for _kind in [k for k in DRAWS if k.startswith("Random") or k in "AugMix AutoContrast CenterCrop CutMix ContrastLimitedAdaptiveHistogramEqualization "
              "Equalization MaxNumBoundingBoxes MixUp RandAugment Resizing Solarization".split()]:
    MORE[_kind] = list(image_cases(_kind))
MORE["Resizing"] += list(resizing_cases())


def pipelines():
    """In a Pipeline the layers give all of the dict, and those take one that Keras raises for elsewhere."""
    every = "images segmentation_masks labels zone"
    yield lambda d: on_dict(d, d.L.Pipeline([d.L.RandomFlip(), d.L.RandomContrast(0.2), d.L.Resizing(9, 5), d.L.CenterCrop(4, 4)]), every)
    yield lambda d: on_dict(d, d.L.Pipeline([d.L.RandomCrop(4, 4), d.L.RandomInvert(), d.L.Resizing(5, 9, pad_to_aspect_ratio=True)]), "images labels zone")
    yield lambda d: on_dict(d, d.L.Pipeline([d.L.RandomColorDegeneration(0.2), d.L.CenterCrop(9, 4)]), every, whole=True)
    for name, way in (("xyxy", {}), ("yxyx", {"crop_to_aspect_ratio": True}), ("center_xywh", {"pad_to_aspect_ratio": True}), ("xywh", {})):
        def build(d, f={"bounding_box_format": name}, w=way):
            layers = [d.L.RandomFlip(**f), d.L.Resizing(5, 9, **f, **w), d.L.MaxNumBoundingBoxes(3, **f), d.L.RandomZoom(0.2, **f)]
            return on_dict(d, d.L.Pipeline(layers), every + " boxes box_labels")
        yield build


MORE["Pipeline"] = list(pipelines())


# ---- inputs --------------------------------------------------------------------------------------------------------------

def draw_input(shape, dtype, kind, rng, batch=4):
    shape = [batch if shape[0] is None else shape[0]] + [5 if s is None else int(s) for s in shape[1:]]
    if kind == "words":
        return np.array([WORDS[int(i)] for i in rng.integers(0, len(WORDS), int(np.prod(shape)))]).reshape(shape)
    if isinstance(kind, tuple) and kind[0] == "among":
        return np.array([kind[1][int(i)] for i in rng.integers(0, len(kind[1]), int(np.prod(shape)))]).reshape(shape)
    if isinstance(kind, tuple):
        x = rng.integers(1 if kind[0] == "padded" else 0, kind[1], shape)
        if kind[0] == "padded":
            for row in range(len(x)):
                x[row, 1 + row:] = 0
        return x.astype(dtype)
    if kind == "boxes":         # some stand for none, some leave the image
        x = rng.uniform(-2, 9, shape)
        x[..., 0, :], x[..., 1, :2], x[0, 2:, :] = -1, x[..., 1, 2:] - 2, 0
        return x.astype(dtype)
    if kind == "parts":
        x = rng.uniform(-0.1, 1.1, shape)
        x[..., 0, :], x[0, 2:, :] = 0, -1
        return x.astype(dtype)
    if kind == "bool":
        x = rng.random(shape) < 0.7
        x[..., 0] = True
        return x
    if kind == "pixels":
        return rng.uniform(0, 255, shape).astype(dtype)
    if kind == "unit":
        return rng.random(shape).astype(dtype)
    if kind == "wave":
        time = np.arange(shape[1]).reshape([1, -1] + [1] * (len(shape) - 2))
        return (np.sin(time * rng.uniform(0.05, 1, [shape[0], 1] + shape[2:])) + rng.normal(0, 0.2, shape)).astype(dtype)
    x = rng.normal(0, 1, shape).astype(dtype)
    if kind == "fewer":
        x[1:, 1:3] = x[2:, -1] = 0
    if kind == "steps":
        for row in range(len(x)):
            x[row, row + 1:] = 0
            if row == 2:
                x[row, 0] = 0
    return x
