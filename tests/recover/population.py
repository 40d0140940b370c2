"""Models to be recovered: two dozen families of architectures, each drawn with a seed, with weights as if trained and normalisation
statistics taken from data. Needs Keras 3. What a model is made of is kept nowhere but in the model: the benchmark compares outputs."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

MOST_PARAMETERS = 200_000
HIDDEN = {"relu": 40, "tanh": 10, "elu": 7, "gelu": 7, "silu": 7, "selu": 5, "sigmoid": 4, "leaky_relu": 3, "relu6": 3, "softplus": 2,
          "softsign": 2, "mish": 2, "LeakyReLU 0.3": 2, "LeakyReLU 0.1": 2, "hard_sigmoid": 1}
WORDS = ["stem", "body", "block", "fc", "feature", "mix", "out", "encode", "decode", "gate", "left", "right"]


class Draw:
    """The choices of one model; most models keep to one activation, one way of normalising, one epsilon."""

    def __init__(self, rng):
        self.rng = rng
        self.usual = self.any_activation()
        self.mixed = self.yes(0.2)
        self.apart = self.yes(0.3)              # activations as layers of their own
        self.normalise = self.yes(0.35)
        self.before = self.yes(0.75)            # normalisation before the activation
        self.drop = self.yes(0.35)
        self.epsilon = self.one([1e-3, 1e-3, 1e-3, 1e-5, 1.001e-5])
        self.own_names = self.yes(0.3)
        self.used = set()

    def one(self, items):
        return items[int(self.rng.integers(len(items)))]

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def yes(self, chance=0.5):
        return bool(self.rng.random() < chance)

    def any_activation(self):
        chances = np.array(list(HIDDEN.values()), float)
        return list(HIDDEN)[int(self.rng.choice(len(chances), p=chances / chances.sum()))]

    def activation(self):
        return self.any_activation() if self.mixed else self.usual

    def named(self):
        """A name as people give, or Keras's own."""
        if not self.own_names:
            return {}
        while True:
            name = "%s_%d" % (self.one(WORDS), self.number(1, 99))
            if name not in self.used:
                self.used.add(name)
                return {"name": name}

    def make(self, kind, *arguments, **options):
        return kind(*arguments, **options, **self.named())

    def activate(self, x, activation):
        if activation.startswith("LeakyReLU"):
            return self.make(L.LeakyReLU, negative_slope=float(activation.split()[1]))(x)
        if activation == "relu" and self.yes(0.3):
            return self.make(L.ReLU)(x)
        return self.make(L.Activation, activation)(x)

    def block(self, x, kind, *arguments, normalise=None, drop=None, activation=None, **options):
        """A layer of weights with what the model puts around it."""
        normalise = self.normalise if normalise is None else normalise
        activation = activation or self.activation()
        first = normalise and self.before
        apart = self.apart or first or activation.startswith("LeakyReLU")
        if first and self.yes():
            options["use_bias"] = False
        if not apart:
            options["activation"] = activation
        x = self.make(kind, *arguments, **options)(x)
        if first:
            x = self.make(L.BatchNormalization, epsilon=self.epsilon)(x)
        if apart:
            x = self.activate(x, activation)
        if normalise and not self.before:
            x = self.make(L.BatchNormalization, epsilon=self.epsilon)(x)
        if (self.drop if drop is None else drop) and self.yes():
            x = self.make(L.Dropout, 0.25)(x)
        return x

    def head(self, x, kinds=("softmax", "softmax", "softmax", "sigmoid", "sigmoid", "linear", "linear", "tanh")):
        activation = self.one(kinds)
        units = 1 if activation in ("sigmoid", "linear") and self.yes(0.6) else self.number(2, 10)
        if activation != "linear" and self.yes(0.15):
            x = self.make(L.Dense, units)(x)
            return self.make(L.Softmax)(x) if activation == "softmax" else self.make(L.Activation, activation)(x)
        return self.make(L.Dense, units, activation=activation)(x)


# ---- families: each returns inputs and outputs ----

def mlp(d):
    x = i = keras.Input((d.number(3, 40),))
    for _ in range(d.number(1, 7)):
        x = d.block(x, L.Dense, d.one([8, 12, 16, 24, 32, 48]))
    return i, d.head(x)


def cnn(d):
    rows = d.one([16, 20, 24, 28])
    x = i = keras.Input((rows, rows if d.yes(0.85) else d.one([16, 24]), d.one([1, 3, 3])))
    filters = d.one([4, 8, 16])
    for _ in range(d.number(1, 4)):
        side = min(x.shape[1:3])
        size = min(d.one([3, 3, 3, 5, 1]), side)
        options = {"padding": d.one(["same", "valid"]), "strides": 2 if side > 6 and d.yes(0.2) else 1}
        kind = d.one([L.Conv2D] * 6 + [L.DepthwiseConv2D, L.SeparableConv2D])
        arguments = (size,) if kind is L.DepthwiseConv2D else (filters, size)
        x = d.block(x, kind, *arguments, **options)
        if min(x.shape[1:3]) >= 4 and d.yes(0.55):
            pool = d.one([2, 2, 2, 3])
            x = d.make(d.one([L.MaxPooling2D] * 4 + [L.AveragePooling2D]), pool, strides=pool if d.yes(0.9) else 2,
                       padding="valid" if d.yes(0.85) else "same")(x)
        filters = min(filters * d.one([1, 2]), 32)
    x = d.make(d.one([L.Flatten] * 5 + [L.GlobalAveragePooling2D] * 3 + [L.GlobalMaxPooling2D]))(x)
    for _ in range(d.number(0, 2)):
        x = d.block(x, L.Dense, d.one([16, 32]), normalise=d.normalise and d.yes(0.3))
    return i, d.head(x)


def conv1d(d):
    x = i = keras.Input((d.one([32, 40, 50]), d.one([1, 2, 4])))
    for k in range(d.number(1, 3)):
        dilation = 2 if d.yes(0.25) else 1
        x = d.block(x, L.Conv1D, d.one([8, 16]), d.one([3, 3, 5]), padding=d.one(["same", "valid", "causal"]), dilation_rate=dilation,
                    strides=2 if dilation == 1 and d.yes(0.2) else 1)
        if k < 2 and x.shape[1] >= 8 and d.yes():
            x = d.make(d.one([L.MaxPooling1D, L.MaxPooling1D, L.AveragePooling1D]), 2)(x)
    x = d.make(d.one([L.Flatten, L.GlobalAveragePooling1D, L.GlobalMaxPooling1D]))(x)
    if d.yes(0.6):
        x = d.block(x, L.Dense, 32, normalise=False)
    return i, d.head(x)


def rnn(d):
    steps = d.number(6, 14)
    if d.yes():
        i = keras.Input((steps,), dtype="int32")
        x = d.make(L.Embedding, d.one([50, 100]), d.one([8, 16]))(i)
    else:
        x = i = keras.Input((steps, d.number(1, 8)))
    if d.yes(0.2):
        x = d.block(x, L.Conv1D, 16, 3, padding="same", normalise=False)
    kind, count, ends = d.one([L.LSTM, L.LSTM, L.GRU, L.SimpleRNN]), d.number(1, 3), d.one(["last", "last", "last", "steps", "pool"])
    for k in range(count):
        options = {"return_sequences": k < count - 1 or ends != "last"}
        if d.yes(0.1):
            options["activation"] = d.one(["relu", "sigmoid"])
        if kind is L.GRU and d.yes(0.2):
            options["reset_after"] = False
        layer = kind(d.one([4, 8, 12]), **options)
        x = d.make(L.Bidirectional, layer, merge_mode=d.one(["concat"] * 5 + ["sum", "ave", "mul"]))(x) if d.yes(0.35) else layer(x)
        if d.drop:
            x = d.make(L.Dropout, 0.2)(x)
    if ends == "pool":
        x = d.make(d.one([L.GlobalAveragePooling1D, L.GlobalMaxPooling1D]))(x)
    if ends != "steps" and d.yes():
        x = d.block(x, L.Dense, 16, normalise=False)
    return i, d.head(x)


def autoencoder(d):
    channels, filters, times, upsample = d.one([1, 3]), 8, d.number(1, 2), d.yes()
    x = i = keras.Input((d.one([16, 24]),) * 2 + (channels,))
    for _ in range(times):
        strided = d.yes()
        x = d.block(x, L.Conv2D, filters, 3, padding="same", strides=2 if strided else 1)
        if not strided:
            x = d.make(L.MaxPooling2D, 2, padding="same")(x)
        filters *= 2
    for _ in range(times):
        filters //= 2
        if upsample:
            x = d.block(x, L.Conv2D, filters, 3, padding="same")
            x = d.make(L.UpSampling2D, 2)(x)
        else:
            x = d.block(x, L.Conv2DTranspose, filters, 3, strides=2, padding="same")
    return i, d.make(L.Conv2D, channels, 3, padding="same", activation=d.one(["sigmoid", "linear", "tanh"]))(x)


def residual_mlp(d):
    units = d.one([16, 24, 32])
    i = keras.Input((d.one([8, 12, 20]),))
    x = d.block(i, L.Dense, units, normalise=False)
    for _ in range(d.number(1, 3)):
        y = d.block(x, L.Dense, d.one([units, 2 * units]))
        y = d.make(L.Dense, units)(y)
        x = d.make(L.Add)([x, y])
        if d.yes():
            x = d.activate(x, d.activation())
        elif d.yes(0.3):
            x = d.make(L.LayerNormalization)(x)
    return i, d.head(x)


def residual_cnn(d):
    side, filters = d.one([12, 16]), 8
    i = keras.Input((side, side, 3))
    x = d.block(i, L.Conv2D, filters, 3, padding="same", drop=False)
    for k in range(d.number(1, 3)):
        strides = 2 if k and d.yes() else 1
        wider = filters * strides
        y = d.block(x, L.Conv2D, wider, 3, strides=strides, padding="same", drop=False)
        y = d.make(L.Conv2D, wider, 3, padding="same")(y)
        if d.normalise:
            y = d.make(L.BatchNormalization, epsilon=d.epsilon)(y)
        if strides == 2:
            x = d.make(L.Conv2D, wider, 1, strides=2, padding="same")(x)
        x = d.activate(d.make(L.Add)([x, y] if d.yes() else [y, x]), d.activation())
        filters = wider
    return i, d.head(d.make(d.one([L.GlobalAveragePooling2D, L.GlobalAveragePooling2D, L.Flatten]))(x))


def branches(d):
    if d.yes():
        i = keras.Input((12, 12, 3))
        x = d.block(i, L.Conv2D, 8, 3, padding="same")
        x = d.make(L.Concatenate)([d.block(x, L.Conv2D, d.one([4, 8]), k, padding="same") for k in (1, 3, 5)[:d.number(2, 3)]])
        x = d.make(d.one([L.Flatten, L.GlobalAveragePooling2D]))(d.make(L.MaxPooling2D, 2)(x))
    else:
        i = keras.Input((12,))
        x = d.make(L.Concatenate)([d.block(i, L.Dense, d.one([8, 12, 20])) for _ in range(d.number(2, 3))])
    return i, d.head(d.block(x, L.Dense, 24, normalise=False))


def siamese(d):
    size = d.one([8, 12])
    i, k = keras.Input((size,)), keras.Input((size,))
    shared = [d.make(L.Dense, d.one([16, 24]), activation="relu" if " " in d.usual else d.usual) for _ in range(d.number(1, 3))]
    ends = []
    for x in (i, k):
        for layer in shared:
            x = layer(x)
        ends.append(x)
    kind = d.one(["Subtract", "Multiply", "Concatenate", "Add", "Maximum", "Average", "Dot"])
    merged = d.make(L.Dot, axes=1)(ends) if kind == "Dot" else d.make(getattr(L, kind))(ends)
    return [i, k], d.head(merged)


def many_ends(d):
    i, k = keras.Input((d.one([6, 10]),)), keras.Input((d.one([5, 8]),))
    x = d.block(i, L.Dense, 16, normalise=False, drop=False)
    y = d.block(k, L.Dense, d.one([8, 12]), normalise=False, drop=False)
    z = d.block(d.make(L.Concatenate)([x, y]), L.Dense, 16, normalise=False)
    ends = [d.head(z)] + ([d.head(z, ("linear",))] if d.yes(0.4) else [])
    return [i, k], ends


def unet(d):
    x = i = keras.Input((16, 16, d.one([1, 3])))
    filters, kept, upsample = 4, [], d.yes()
    for _ in range(2):
        x = d.block(x, L.Conv2D, filters, 3, padding="same", drop=False)
        kept.append(x)
        x = d.make(L.MaxPooling2D, 2)(x)
        filters *= 2
    x = d.block(x, L.Conv2D, filters, 3, padding="same", drop=False)
    for _ in range(2):
        filters //= 2
        x = d.make(L.UpSampling2D, 2)(x) if upsample else d.make(L.Conv2DTranspose, filters, 2, strides=2, padding="same")(x)
        x = d.make(L.Concatenate)([x, kept.pop()] if d.yes() else [kept.pop(), x])
        x = d.block(x, L.Conv2D, filters, 3, padding="same", drop=False)
    return i, d.make(L.Conv2D, 1, 1, activation="sigmoid")(x)


def transformer(d):
    words, size, heads, epsilon = d.one([50, 100]), d.one([8, 16]), d.one([2, 4]), d.one([1e-3, 1e-6, 1e-5])
    before, inner, causal = d.yes(0.4), d.one(["relu", "gelu", "silu"]), d.yes(0.25)
    i = keras.Input((d.one([8, 12]),), dtype="int32")
    x = d.make(L.Embedding, words, size)(i)

    def norm(y):
        return d.make(L.LayerNormalization, epsilon=epsilon)(y)

    def attend(y):
        return d.make(L.MultiHeadAttention, heads, max(size // heads, 2))(y, y, use_causal_mask=causal)

    def feed(y):
        return d.make(L.Dense, size)(d.make(L.Dense, 2 * size, activation=inner)(y))

    for _ in range(d.number(1, 2)):
        for part in (attend, feed):
            x = d.make(L.Add)([x, part(norm(x))]) if before else norm(d.make(L.Add)([x, part(x)]))
    return i, d.head(d.make(L.GlobalAveragePooling1D)(x))


def norm_act(d, x, activation="relu", last=True):
    x = d.make(L.BatchNormalization, epsilon=d.epsilon)(x)
    return d.make(L.Activation, activation)(x) if last else x


def resnet_cifar(d):
    """ResNet-20, 32 of the Keras examples, and the same before-activation form, with widths of its own."""
    width, blocks, before, bias = d.one([4, 8]), d.number(1, 3), d.yes(0.4), d.yes(0.7)
    activation = "relu" if d.yes(0.8) else d.one(["elu", "swish"])
    x = i = keras.Input((d.one([16, 32]),) * 2 + (3,))
    x = d.make(L.Conv2D, width, 3, padding="same", use_bias=bias)(x)
    if not before:
        x = norm_act(d, x, activation)
    for stack in range(3):
        for block in range(blocks):
            strides, filters = 2 if stack and not block else 1, width * 2 ** stack
            y = norm_act(d, x, activation) if before else x
            start = y if before and strides == 2 else x
            y = d.make(L.Conv2D, filters, 3, strides=strides, padding="same", use_bias=bias)(y)
            y = d.make(L.Conv2D, filters, 3, padding="same", use_bias=bias)(norm_act(d, y, activation))
            if not before:
                y = norm_act(d, y, last=False)
            if strides == 2:
                x = d.make(L.Conv2D, filters, 1, strides=2, padding="same", use_bias=bias)(start)
                if not before and d.yes(0.3):
                    x = norm_act(d, x, last=False)
            x = d.make(L.Add)([x, y])
            if not before:
                x = d.make(L.Activation, activation)(x)
    if before:
        x = norm_act(d, x, activation)
    if d.yes(0.5):
        x = d.make(L.Flatten)(d.make(L.AveragePooling2D, x.shape[1])(x))
    else:
        x = d.make(L.GlobalAveragePooling2D)(x)
    return i, d.make(L.Dense, 10, activation="softmax")(x)


def unet_deep(d):
    """Two convolutions a level, three levels, as tutorials have it."""
    filters, levels, normalise, transposed = d.one([4, 8]), d.number(2, 3), d.yes(), d.yes()
    x = i = keras.Input((d.one([16, 32]),) * 2 + (d.one([1, 3]),))
    kept = []

    def twice(x, filters):
        for _ in range(2):
            if normalise:
                x = norm_act(d, d.make(L.Conv2D, filters, 3, padding="same")(x))
            else:
                x = d.make(L.Conv2D, filters, 3, padding="same", activation="relu")(x)
        return x

    for _ in range(levels):
        x = twice(x, filters)
        kept.append(x)
        x = d.make(L.MaxPooling2D, 2)(x)
        filters *= 2
    x = twice(x, filters)
    if d.drop:
        x = d.make(L.Dropout, 0.3)(x)
    for _ in range(levels):
        filters //= 2
        if transposed:
            x = d.make(L.Conv2DTranspose, filters, d.one([2, 2, 3]), strides=2, padding="same")(x)
        else:
            x = d.make(L.UpSampling2D, 2)(x)
            if d.yes(0.5):
                x = d.make(L.Conv2D, filters, 2, padding="same", activation="relu")(x)
        x = twice(d.make(L.Concatenate)([x, kept.pop()]), filters)
    return i, d.make(L.Conv2D, 1, 1, activation="sigmoid")(x)


def generator(d):
    """Of a GAN, or the decoder of a VAE: dense, reshaped, grown."""
    side, filters, times, leaky = d.one([4, 5, 7]), d.one([8, 16]), d.number(1, 2), d.yes()
    normalise, fused = d.yes(), d.yes()
    x = i = keras.Input((d.one([2, 8, 20]),))
    x = d.make(L.Dense, side * side * filters, activation="relu" if fused and not normalise else None)(x)
    if normalise:
        x = d.make(L.BatchNormalization)(x)
    if normalise or not fused:
        x = d.make(L.LeakyReLU, negative_slope=0.2)(x) if leaky else d.make(L.ReLU)(x)
    x = d.make(L.Reshape, (side, side, filters))(x)
    for _ in range(times):
        filters = max(filters // 2, 4)
        options = {"strides": 2, "padding": "same", "use_bias": not (normalise and d.yes())}
        if fused and not normalise:
            x = d.make(L.Conv2DTranspose, filters, d.one([3, 4, 5]), activation="relu", **options)(x)
            continue
        x = d.make(L.Conv2DTranspose, filters, d.one([3, 4, 5]), **options)(x)
        if normalise:
            x = d.make(L.BatchNormalization)(x)
        x = d.make(L.LeakyReLU, negative_slope=0.2)(x) if leaky else d.make(L.ReLU)(x)
    last = d.one([L.Conv2D, L.Conv2DTranspose])
    return i, d.make(last, d.one([1, 3]), 3, padding="same", activation=d.one(["sigmoid", "tanh"]))(x)


def dense_autoencoder(d):
    """A picture to a few numbers and back."""
    side, filters = d.one([16, 28]), d.one([4, 8])
    x = i = keras.Input((side, side, 1))
    for _ in range(2):
        x = d.make(L.Conv2D, filters, 3, strides=2, padding="same", activation="relu")(x)
        filters *= 2
    small = x.shape[1]
    x = d.make(L.Flatten)(x)
    x = d.make(L.Dense, d.one([4, 10]), activation=d.one(["relu", None]))(x)
    x = d.make(L.Dense, small * small * filters // 2, activation="relu")(x)
    x = d.make(L.Reshape, (small, small, filters // 2))(x)
    for _ in range(2):
        filters //= 2
        x = d.make(L.Conv2DTranspose, filters, 3, strides=2, padding="same", activation="relu")(x)
    return i, d.make(L.Conv2DTranspose, 1, 3, padding="same", activation="sigmoid")(x)


def sequence_autoencoder(d):
    steps, units, kind = d.number(5, 12), d.one([8, 12]), d.one([L.LSTM, L.GRU])
    size = d.number(1, 4)
    x = i = keras.Input((steps, size))
    if d.yes(0.4):
        x = d.make(kind, 2 * units, return_sequences=True)(x)
    x = d.make(L.RepeatVector, steps)(d.make(kind, units)(x))
    x = d.make(kind, units, return_sequences=True)(x)
    last = L.Dense(size)
    return i, d.make(L.TimeDistributed, last)(x) if d.yes() else last(x)


def group_cnn(d):
    x = i = keras.Input((d.one([16, 24]),) * 2 + (3,))
    filters, groups, activation = 8, d.one([1, 2, 4, 8]), d.one(["relu", "relu", "swish", "gelu"])
    for _ in range(d.number(2, 3)):
        x = d.make(L.Conv2D, filters, 3, padding="same", strides=d.one([1, 2]))(x)
        x = d.make(L.GroupNormalization, groups)(x)
        x = d.make(L.Activation, activation)(x)
        filters *= 2
    return i, d.head(d.make(L.GlobalAveragePooling2D)(x))


def squeezed(d, x, ratio):
    channels = x.shape[-1]
    y = d.make(L.GlobalAveragePooling2D)(x)
    y = d.make(L.Reshape, (1, 1, channels))(y)
    if d.yes():
        y = d.make(L.Dense, channels // ratio, activation="relu")(y)
        y = d.make(L.Dense, channels, activation="sigmoid")(y)
    else:
        y = d.make(L.Conv2D, channels // ratio, 1, activation="relu")(y)
        y = d.make(L.Conv2D, channels, 1, activation="sigmoid")(y)
    return d.make(L.Multiply)([x, y])


def squeeze_excite(d):
    x = i = keras.Input((16, 16, 3))
    filters = 8
    for _ in range(d.number(1, 2)):
        x = norm_act(d, d.make(L.Conv2D, filters, 3, padding="same")(x))
        x = squeezed(d, x, 4)
        x = d.make(L.MaxPooling2D, 2)(x)
        filters *= 2
    return i, d.head(d.make(L.GlobalAveragePooling2D)(x))


def dense_block(d):
    growth, x = d.one([4, 6]), None
    i = keras.Input((16, 16, 3))
    x = d.make(L.Conv2D, 8, 3, padding="same")(i)
    for block in range(d.number(1, 2)):
        if block:
            x = d.make(L.AveragePooling2D, 2)(d.make(L.Conv2D, x.shape[-1] // 2, 1)(norm_act(d, x)))
        for _ in range(d.number(2, 3)):
            y = d.make(L.Conv2D, growth, 3, padding="same")(norm_act(d, x))
            x = d.make(L.Concatenate)([x, y])
    return i, d.head(d.make(L.GlobalAveragePooling2D)(norm_act(d, x)))


def inception(d):
    x = i = keras.Input((16, 16, 3))
    x = d.make(L.MaxPooling2D, 2)(d.make(L.Conv2D, 8, 3, padding="same", activation="relu")(x))
    for _ in range(d.number(1, 2)):
        a = d.make(L.Conv2D, d.one([4, 8]), 1, padding="same", activation="relu")(x)
        b = d.make(L.Conv2D, 4, 1, padding="same", activation="relu")(x)
        b = d.make(L.Conv2D, d.one([6, 8]), 3, padding="same", activation="relu")(b)
        c = d.make(L.Conv2D, 2, 1, padding="same", activation="relu")(x)
        c = d.make(L.Conv2D, 4, 5, padding="same", activation="relu")(c)
        e = d.make(L.MaxPooling2D, 3, strides=1, padding="same")(x)
        e = d.make(L.Conv2D, 4, 1, padding="same", activation="relu")(e)
        x = d.make(L.Concatenate)([a, b, c, e])
    return i, d.head(d.make(L.GlobalAveragePooling2D)(x))


def mini_xception(d):
    side, filters = d.one([24, 32]), d.one([4, 8])
    x = i = keras.Input((side, side, 1))
    for _ in range(2):
        x = norm_act(d, d.make(L.Conv2D, filters, 3, use_bias=False)(x))
    for _ in range(d.number(1, 3)):
        filters *= 2
        side = d.make(L.Conv2D, filters, 1, strides=2, padding="same", use_bias=False)(x)
        side = d.make(L.BatchNormalization)(side)
        x = norm_act(d, d.make(L.SeparableConv2D, filters, 3, padding="same", use_bias=False)(x))
        x = d.make(L.BatchNormalization)(d.make(L.SeparableConv2D, filters, 3, padding="same", use_bias=False)(x))
        x = d.make(L.Add)([d.make(L.MaxPooling2D, 3, strides=2, padding="same")(x), side])
    x = d.make(L.Conv2D, 5, 3, padding="same")(x)
    return i, d.make(L.Activation, "softmax")(d.make(L.GlobalAveragePooling2D)(x))


def spectrogram(d):
    """Windows that are not square."""
    x = i = keras.Input((d.one([20, 32]), d.one([12, 40]), 1))
    for _ in range(d.number(1, 2)):
        x = d.block(x, L.Conv2D, d.one([4, 8]), d.one([(1, 5), (5, 1), (3, 3), (3, 1)]), padding=d.one(["same", "valid"]))
        if d.yes(0.7):
            x = d.make(L.MaxPooling2D, d.one([(1, 2), (2, 1), (2, 2)]))(x)
    return i, d.head(d.make(L.Flatten)(x))


def masked_text(d):
    i = keras.Input((d.one([8, 12]),), dtype="int32")
    x = d.make(L.Embedding, d.one([50, 100]), d.one([8, 16]), mask_zero=True)(i)
    kind = d.one([L.LSTM, L.GRU])
    if d.yes(0.4):
        x = d.make(kind, 8, return_sequences=True)(x)
    layer = kind(d.one([8, 12]))
    x = d.make(L.Bidirectional, layer)(x) if d.yes(0.4) else layer(x)
    if d.yes():
        x = d.block(x, L.Dense, 16, normalise=False)
    return i, d.head(x)


FAMILIES = {"mlp": (mlp, 26), "cnn": (cnn, 26), "rnn": (rnn, 15), "conv1d": (conv1d, 7), "autoencoder": (autoencoder, 5),
            "residual_mlp": (residual_mlp, 4), "residual_cnn": (residual_cnn, 4), "branches": (branches, 3), "siamese": (siamese, 3),
            "transformer": (transformer, 3), "many_ends": (many_ends, 2), "unet": (unet, 2), "resnet_cifar": (resnet_cifar, 10),
            "unet_deep": (unet_deep, 8), "generator": (generator, 8), "dense_autoencoder": (dense_autoencoder, 5),
            "sequence_autoencoder": (sequence_autoencoder, 5), "group_cnn": (group_cnn, 5), "squeeze_excite": (squeeze_excite, 4),
            "dense_block": (dense_block, 4), "inception": (inception, 4), "mini_xception": (mini_xception, 4), "spectrogram": (spectrogram, 4),
            "masked_text": (masked_text, 5)}


# ---- weights as if trained, data ----

def inputs_for(model, rng, count):
    """Inputs of the usual kinds: word numbers, smooth pictures, normal numbers."""
    made = []
    for t in model.inputs:
        shape = (count, *t.shape[1:])
        if t.dtype == "int32":
            most = min(layer.input_dim for layer in model.layers if isinstance(layer, L.Embedding))
            made.append(rng.integers(0, most, shape).astype("int32"))
        elif len(shape) == 4:
            coarse = rng.normal(0, 1, (count, shape[1] // 4 + 1, shape[2] // 4 + 1, shape[3]))
            smooth = coarse.repeat(4, 1).repeat(4, 2)[:, :shape[1], :shape[2]]
            made.append((0.5 + 0.25 * smooth + 0.08 * rng.normal(0, 1, shape)).astype("float32"))
        else:
            made.append(rng.normal(0, 1, shape).astype("float32"))
    return made


def outputs_of(model, inputs):
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [np.array(y) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def train_as_if(model, rng, data_for=inputs_for):
    """Moves every weight off its first value, then takes the statistics of normalisations from a batch of data."""
    for w in model.trainable_weights:
        value, last = w.numpy(), w.path.split("/")[-1]
        if last.endswith("kernel"):
            value = value * rng.uniform(0.8, 1.3) + rng.normal(0, 0.25 / np.sqrt(np.prod(value.shape[:-1])), value.shape)
        elif last in ("gamma", "scale"):
            value = 1 + rng.normal(0, 0.2, value.shape)
        else:
            value = value + rng.normal(0, {"beta": 0.25, "embeddings": 0.3}.get(last, 0.1), value.shape)
        w.assign(value)
    norms = [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    drops = [layer for layer in model.layers if isinstance(layer, L.Dropout)]
    if not norms:
        return
    kept = [layer.momentum for layer in norms], [layer.rate for layer in drops]
    for layer in norms:
        layer.momentum = 0.0
    for layer in drops:
        layer.rate = 0.0
    data = data_for(model, rng, 64)
    model(data if len(data) > 1 else data[0], training=True)
    for layer, momentum in zip(norms, kept[0]):
        layer.momentum = momentum
    for layer, rate in zip(drops, kept[1]):
        layer.rate = rate


def one_model(rng, family):
    keras.backend.clear_session()
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    inputs, outputs = FAMILIES[family][0](Draw(rng))
    model = keras.Model(inputs, outputs)
    if model.count_params() > MOST_PARAMETERS:
        return None
    train_as_if(model, rng)
    return model


def draw(seed, number, samples, family=None):
    """Model `number` of the population `seed`, its family, inputs and outputs. Models whose outputs hardly depend on the input are drawn
    again: nothing could be told from them."""
    rng = np.random.default_rng([seed, number])
    if family is None:
        chances = np.array([chance for _, chance in FAMILIES.values()], float)
        family = list(FAMILIES)[int(rng.choice(len(chances), p=chances / chances.sum()))]
    for _ in range(40):
        try:
            model = one_model(rng, family)
        except ValueError:      # sizes that do not fit
            continue
        if model is None:
            continue
        inputs = inputs_for(model, rng, samples)
        outputs = outputs_of(model, inputs)
        if all(np.isfinite(y).all() and y.std(0).mean() > 1e-4 for y in outputs):
            return family, model, inputs, outputs
    raise RuntimeError("no model of family %s" % family)
