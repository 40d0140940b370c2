"""Random small models for test_live.py: a chain or a graph of layers drawn with a seed. Works with Keras 2.15 and 3."""

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "linear", "softsign", "swish"]


class Draw:
    """Draws layers that fit the shape at hand."""

    def __init__(self, keras, rng):
        self.K, self.L, self.rng = keras, keras.layers, rng

    def one(self, items):
        return items[int(self.rng.integers(len(items)))]

    def small(self, low=1, high=7):
        return int(self.rng.integers(low, high))

    def activation(self):
        return self.one(ACTIVATIONS)

    def yes(self, chance=0.5):
        return bool(self.rng.random() < chance)

    def vector(self):
        L = self.L
        return self.one([
            lambda: L.Dense(self.small(), activation=self.activation(), use_bias=self.yes(0.8)),
            lambda: L.Dense(self.small(), activation=self.activation()),
            lambda: L.BatchNormalization(scale=self.yes(0.8), center=self.yes(0.8)),
            lambda: L.LayerNormalization(),
            lambda: L.Dropout(0.3),
            lambda: L.Activation(self.activation()),
            lambda: L.LeakyReLU(),
            lambda: L.PReLU(),
        ])()

    def sequence(self, steps):
        L = self.L
        many = [
            lambda: L.Conv1D(self.small(), self.small(1, min(4, steps + 1)), padding=self.one(["valid", "same", "causal"]),
                             activation=self.activation()),
            lambda: L.Conv1D(self.small(), 2, padding="same", strides=2),
            lambda: L.LSTM(self.small(), return_sequences=True, go_backwards=self.yes(0.2)),
            lambda: L.GRU(self.small(), return_sequences=True, reset_after=self.yes()),
            lambda: L.SimpleRNN(self.small(), return_sequences=True),
            lambda: L.Bidirectional(L.LSTM(self.small(), return_sequences=True), merge_mode=self.one(["concat", "sum", "ave", "mul"])),
            lambda: L.TimeDistributed(L.Dense(self.small(), activation=self.activation())),
            lambda: L.Dense(self.small()),
            lambda: L.BatchNormalization(),
            lambda: L.Permute((2, 1)),
        ]
        if steps > 2:
            many += [lambda: L.MaxPooling1D(2), lambda: L.AveragePooling1D(2, padding="same"), lambda: L.Cropping1D(1)]
        return self.one(many)()

    def image(self, rows, columns):
        L = self.L
        side = min(rows, columns)
        many = [
            lambda: L.Conv2D(self.small(), self.small(1, min(4, side + 1)), padding=self.one(["valid", "same"]),
                             activation=self.activation()),
            lambda: L.Conv2D(self.small(), (1, min(2, columns)), padding="same", strides=self.small(1, 3)),
            lambda: L.DepthwiseConv2D(min(3, side), depth_multiplier=self.small(1, 3), padding="same"),
            lambda: L.SeparableConv2D(self.small(), min(2, side)),
            lambda: L.Conv2DTranspose(self.small(), 2, strides=2, padding=self.one(["valid", "same"])),
            lambda: L.BatchNormalization(),
            lambda: L.ZeroPadding2D(1),
            lambda: L.PReLU(shared_axes=[1, 2]),
            lambda: L.Activation(self.activation()),
        ]
        if side > 2:
            many += [lambda: L.MaxPooling2D(2, padding=self.one(["valid", "same"])), lambda: L.AveragePooling2D(2)]
        if rows * columns < 60:
            many.append(lambda: L.UpSampling2D(2, interpolation=self.one(["nearest", "bilinear"])))
        return self.one(many)()

    def step(self, tensor):
        shape = tensor.shape
        if len(shape) == 2:
            return self.vector()(tensor)
        if len(shape) == 3:
            return self.sequence(int(shape[1]))(tensor)
        return self.image(int(shape[1]), int(shape[2]))(tensor)

    def flat(self, tensor):
        L = self.L
        if len(tensor.shape) == 2:
            return tensor
        if len(tensor.shape) == 3:
            return self.one([L.Flatten, L.GlobalAveragePooling1D, L.GlobalMaxPooling1D, lambda: L.LSTM(3), lambda: L.GRU(2)])()(tensor)
        return self.one([L.Flatten, L.GlobalAveragePooling2D, L.GlobalMaxPooling2D])()(tensor)

    def branch(self, tensor, depth):
        for _ in range(depth):
            tensor = self.step(tensor)
        return tensor


def random_model(keras, rng):
    """A Functional model with one to three inputs that meet in a merge, and one or two outputs."""
    d = Draw(keras, rng)
    shapes = [(d.small(2, 8),), (d.small(3, 8), d.small(1, 5)), (d.small(4, 9), d.small(4, 9), d.small(1, 4))]
    inputs = [keras.Input(d.one(shapes)) for _ in range(d.one([1, 1, 1, 2, 3]))]
    ends = [d.flat(d.branch(x, d.small(1, 5))) for x in inputs]
    if len(ends) == 1:
        joined = ends[0]
    elif d.yes():
        joined = d.L.Concatenate()(ends)
    else:
        merge = d.one([d.L.Add, d.L.Multiply, d.L.Average, d.L.Maximum, d.L.Minimum])
        joined = merge()([d.L.Dense(4)(e) for e in ends])
    shared = d.L.Dense(d.small(2, 6), activation=d.activation())
    h = shared(joined)
    if d.yes(0.3) and joined.shape[-1] == h.shape[-1]:
        h = d.L.Add()([shared(h), h])
    outputs = [d.L.Dense(d.small(1, 5), activation=d.one(["softmax", "sigmoid", "linear"]))(h)]
    if d.yes(0.3):
        outputs.append(d.branch(h, 2))
    return keras.Model(inputs, outputs)


def random_sequential(keras, rng):
    d = Draw(keras, rng)
    model = random_model(keras, rng)
    while len(model.inputs) > 1:
        model = random_model(keras, rng)
    chain = keras.Sequential([keras.Input(tuple(model.inputs[0].shape[1:]))])
    tensor = model.inputs[0]
    for _ in range(d.small(2, 6)):
        layer = d.vector() if len(tensor.shape) == 2 else d.sequence(int(tensor.shape[1])) if len(tensor.shape) == 3 else \
            d.image(int(tensor.shape[1]), int(tensor.shape[2]))
        tensor = layer(tensor)
        chain.add(layer)
    return chain
