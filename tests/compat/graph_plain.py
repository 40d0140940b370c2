"""A smaller draw than graph_models.py, without functions, other precisions and layers of Keras 2 alone, for what is written as code:
random functional models of 3 to 30 layers of all kinds, for Keras 2.15, tf_keras and Keras 3: several inputs and outputs, shared
layers, models inside models, masks, states. The same seed gives the same model with the same Keras."""
import numpy as np


ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "linear", "softsign", "swish", "hard_sigmoid", "exponential"]
TAME = ["relu", "tanh", "sigmoid", "elu", "softsign", "swish", "linear"]


class Graph:
    def __init__(self, keras, rng):
        self.K, self.L, self.rng = keras, keras.layers, rng
        self.three = keras.__version__.startswith("3")
        self.pool, self.used, self.shared, self.count = [], set(), [], 0
        self.inputs, self.kinds = [], []

    # ---- drawing ----

    def n(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one(self, *items):
        return items[int(self.rng.integers(len(items)))]

    def yes(self, chance=0.5):
        return bool(self.rng.random() < chance)

    def act(self):
        return self.one(*TAME) if self.yes(0.8) else self.one(*ACTIVATIONS)

    # ---- tensors ----

    def shape(self, tensor):
        return tuple(tensor.shape[1:])

    def put(self, tensor):
        self.pool.append(tensor)
        return tensor

    def pick(self, test=lambda t: True):
        fitting = [t for t in self.pool if test(t)]
        fresh = [t for t in fitting if id(t) not in self.used]
        if not fitting:
            return None
        from_ = fresh if fresh and self.yes(0.7) else fitting
        tensor = from_[int(self.rng.integers(len(from_)))]
        return tensor

    def apply(self, layer, *tensors, **kwargs):
        argument = tensors[0] if len(tensors) == 1 else list(tensors)
        result = layer(argument, **kwargs)
        for t in tensors:
            self.used.add(id(t))
        self.count += 1
        return result

    def start(self):
        for _ in range(self.one(1, 1, 2, 3)):
            kind = self.one("vector", "sequence", "image", "tokens", "volume") if self.yes(0.9) else "steps"
            if kind == "tokens":
                vocabulary = self.n(5, 12)
                x = self.K.Input((self.n(4, 7),), dtype=self.one("int32", "float32"))
                self.inputs.append(x)
                self.kinds.append(("padded", vocabulary))
                self.put(self.apply(self.L.Embedding(vocabulary, self.n(2, 5), mask_zero=self.yes(0.6)), x))
                continue
            shape = {"vector": (self.n(2, 8),), "sequence": (self.n(3, 7), self.n(1, 5)), "steps": (self.n(3, 7), self.n(1, 4)),
                     "image": (self.n(5, 9), self.n(5, 9), self.n(1, 4)), "volume": (self.n(3, 5), self.n(3, 5), self.n(3, 5), self.n(1, 2))}[kind]
            x = self.K.Input(shape)
            self.inputs.append(x)
            self.kinds.append("steps" if kind == "steps" else None)
            self.put(self.apply(self.L.Masking(0.0), x) if kind == "steps" else x)

    # ---- layers by rank ----

    def vector(self, width):
        L = self.L
        return self.one(
            lambda: L.Dense(self.n(1, 7), activation=self.act(), use_bias=self.yes(0.8)), lambda: L.Dense(self.n(2, 7), activation=self.act()),
            lambda: L.BatchNormalization(scale=self.yes(0.8), center=self.yes(0.8)), lambda: L.LayerNormalization(), lambda: L.Dropout(0.3),
            lambda: L.Activation(self.act()), lambda: L.LeakyReLU(), lambda: L.PReLU(), lambda: L.ELU(), lambda: L.ReLU(max_value=2.0),
            lambda: L.Softmax(), lambda: L.GaussianNoise(0.1), lambda: L.RepeatVector(self.n(2, 4)), lambda: L.Reshape((1, width)),
            lambda: L.Rescaling(0.5, 0.1), lambda: L.UnitNormalization(), lambda: L.ActivityRegularization(l2=0.1),
            *([lambda: L.RMSNormalization(), lambda: L.Identity()] if self.three else [lambda: L.ThresholdedReLU(0.3)]))()

    def recurrent(self, sequences):
        L = self.L
        kwargs = dict(return_sequences=sequences, go_backwards=self.yes(0.2))
        if self.yes(0.3):
            kwargs["activation"] = self.one("relu", "sigmoid", "softsign")
        return self.one(
            lambda: L.LSTM(self.n(1, 5), recurrent_activation=self.one("sigmoid", "hard_sigmoid"), **kwargs),
            lambda: L.GRU(self.n(1, 5), reset_after=self.yes(), use_bias=self.yes(0.8), **kwargs),
            lambda: L.SimpleRNN(self.n(1, 5), **kwargs),
            lambda: L.RNN([L.LSTMCell(self.n(1, 4)), L.GRUCell(self.n(1, 4))], return_sequences=sequences),
            lambda: L.Bidirectional(self.one(L.LSTM, L.GRU, L.SimpleRNN)(self.n(1, 4), return_sequences=sequences),
                                    merge_mode=self.one("concat", "sum", "ave", "mul")))()

    def sequence(self, steps, width):
        L = self.L
        return self.one(
            lambda: self.recurrent(True), lambda: self.recurrent(True), lambda: self.recurrent(False),
            lambda: L.Conv1D(self.n(1, 6), self.n(1, min(3, steps)), padding=self.one("valid", "same", "causal"), activation=self.act(),
                             dilation_rate=self.one(1, 1, 2) if steps > 5 else 1),
            lambda: L.Conv1D(self.n(1, 6), 2, padding="same", strides=2), lambda: L.SeparableConv1D(self.n(1, 5), min(2, steps), padding="same"),
            lambda: L.Conv1DTranspose(self.n(1, 4), 2, strides=self.n(1, 2), padding=self.one("valid", "same")),
            lambda: L.DepthwiseConv1D(min(2, steps), depth_multiplier=self.n(1, 2)),
            lambda: L.TimeDistributed(L.Dense(self.n(1, 5), activation=self.act())), lambda: L.Dense(self.n(1, 6), activation=self.act()),
            lambda: L.BatchNormalization(), lambda: L.LayerNormalization(axis=self.one(-1, 1)), lambda: L.Permute((2, 1)),
            lambda: L.MaxPooling1D(2, padding="same"), lambda: L.AveragePooling1D(2, strides=1), lambda: L.ZeroPadding1D((1, 0)),
            lambda: L.UpSampling1D(2) if steps < 8 else L.SpatialDropout1D(0.2), lambda: L.Cropping1D((1, 0)) if steps > 2 else L.PReLU(shared_axes=[1]),
            lambda: L.GlobalAveragePooling1D(), lambda: L.GlobalMaxPooling1D(), lambda: L.Flatten(), lambda: L.Reshape((steps, width, 1)),
            lambda: L.Dropout(0.2), lambda: L.Activation(self.act()), lambda: L.Softmax(axis=self.one(1, -1)),
            *([lambda: L.GroupNormalization(groups=1)] if width > 1 else []))()

    def image(self, rows, columns, channels):
        L = self.L
        side = min(rows, columns)
        return self.one(
            lambda: L.Conv2D(self.n(1, 6), self.n(1, min(3, side)), padding=self.one("valid", "same"), activation=self.act(),
                             groups=channels if channels > 1 and self.yes(0.1) and False else 1),
            lambda: L.Conv2D(self.n(1, 4), (1, min(2, columns)), padding="same", strides=self.n(1, 2)),
            lambda: L.Conv2D(self.n(1, 4), 2, padding="same", dilation_rate=2),
            lambda: L.Conv2D(2 * channels, 2, padding="same", groups=channels),
            lambda: L.DepthwiseConv2D(min(3, side), depth_multiplier=self.n(1, 2), padding="same", activation=self.act()),
            lambda: L.SeparableConv2D(self.n(1, 5), min(2, side)),
            lambda: L.Conv2DTranspose(self.n(1, 4), self.n(2, 3), strides=self.n(1, 2), padding=self.one("valid", "same")) if side < 12 else L.Activation("tanh"),
            lambda: L.BatchNormalization(axis=self.one(-1, 1)), lambda: L.ZeroPadding2D(((1, 0), (0, 2))), lambda: L.PReLU(shared_axes=[1, 2]),
            lambda: L.MaxPooling2D(2, padding=self.one("valid", "same")) if side > 2 else L.Dropout(0.1),
            lambda: L.AveragePooling2D(2, padding="same"), lambda: L.Cropping2D(((1, 0), (0, 1))) if side > 2 else L.SpatialDropout2D(0.1),
            lambda: L.UpSampling2D(2, interpolation=self.one("nearest", "bilinear")) if rows * columns < 60 else L.ReLU(),
            lambda: L.GlobalAveragePooling2D(), lambda: L.GlobalMaxPooling2D(), lambda: L.Flatten(), lambda: L.Permute((2, 1, 3)),
            lambda: L.Reshape((rows * columns, channels)), lambda: L.Dense(self.n(1, 4)), lambda: L.LayerNormalization(axis=self.one(-1, [1, 2, 3])),
            lambda: L.Resizing(self.n(3, 7), self.n(3, 7)), lambda: L.CenterCrop(max(1, rows - 1), max(1, columns - 2)),
            lambda: L.GroupNormalization(groups=channels), lambda: L.TimeDistributed(L.Dense(2)) if self.yes(0.3) else L.TimeDistributed(L.LSTM(3)))()

    def volume(self, sizes):
        L = self.L
        side = min(sizes[:3])
        return self.one(
            lambda: L.Conv3D(self.n(1, 3), self.n(1, min(2, side)), padding=self.one("valid", "same"), activation=self.act()),
            lambda: L.Conv3DTranspose(self.n(1, 2), 2, padding="same"), lambda: L.MaxPooling3D(2, padding="same"), lambda: L.AveragePooling3D(2, padding="same"),
            lambda: L.GlobalAveragePooling3D(), lambda: L.GlobalMaxPooling3D(), lambda: L.ZeroPadding3D(1) if side < 5 else L.Flatten(),
            lambda: L.Cropping3D(((1, 0), (0, 1), (0, 0))) if side > 2 else L.Flatten(), lambda: L.ConvLSTM2D(self.n(1, 3), 2, padding="same"),
            lambda: L.BatchNormalization(), lambda: L.Flatten(), lambda: L.TimeDistributed(L.Conv2D(2, 2, padding="same")),
            lambda: L.TimeDistributed(L.Flatten()), lambda: L.UpSampling3D(2) if int(np.prod(sizes)) < 60 else L.GlobalAveragePooling3D())()

    def layer_for(self, tensor):
        shape = self.shape(tensor)
        if len(shape) == 1:
            return self.vector(shape[0])
        if len(shape) == 2:
            return self.sequence(*shape)
        return self.image(*shape) if len(shape) == 3 else self.volume(shape)

    # ---- steps ----

    def unary(self):
        tensor = self.pick(lambda t: None not in self.shape(t) and len(self.shape(t)) <= 4)
        if tensor is None:
            return
        layer = self.layer_for(tensor)
        self.put(self.apply(layer, tensor))
        if self.yes(0.3):
            self.shared.append((layer, self.shape(tensor)))

    def again(self):
        """A layer that was used before, on another tensor (or the same) of that shape."""
        if not self.shared:
            return self.unary()
        layer, shape = self.shared[int(self.rng.integers(len(self.shared)))]
        tensor = self.pick(lambda t: self.shape(t) == shape)
        if tensor is not None:
            self.put(self.apply(layer, tensor))

    def merge(self):
        L = self.L
        a = self.pick()
        b = self.pick(lambda t: self.shape(t) == self.shape(a))
        if b is None or self.yes(0.3):
            return self.concatenate(a)
        many = [L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Subtract]
        self.put(self.apply(many[int(self.rng.integers(len(many)))](), a, b))

    def concatenate(self, a):
        rank = len(self.shape(a))
        axis = self.n(1, rank)

        def fits(t):
            s = self.shape(t)
            return len(s) == rank and all(x == y for i, (x, y) in enumerate(zip(s, self.shape(a)), 1) if i != axis)
        b = self.pick(fits)
        self.put(self.apply(self.L.Concatenate(axis=self.one(axis, axis - rank - 1)), a, b))

    def attend(self):
        L = self.L
        q = self.pick(lambda t: len(self.shape(t)) == 2)
        if q is None:
            return self.unary()
        v = self.pick(lambda t: len(self.shape(t)) == 2 and self.shape(t)[1] == self.shape(q)[1])
        what = self.n(0, 3)
        if what == 0:
            self.put(self.apply(L.Attention(use_scale=self.yes()), q, v))
        elif what == 1:
            self.put(self.apply(L.AdditiveAttention(), q, v))
        elif what == 2:
            self.put(self.apply(L.Dot(axes=2, normalize=self.yes(0.3)), q, v))
        else:
            layer = L.MultiHeadAttention(self.n(1, 2), self.n(2, 4), use_bias=self.yes(0.8))
            kwargs = {"use_causal_mask": True} if self.yes(0.3) else {}
            self.put(layer(q, v, **kwargs))
            self.used |= {id(q), id(v)}
            self.count += 1

    def states(self):
        """A recurrent layer that hands its states to another."""
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None:
            return self.unary()
        kind, units = self.one(self.L.LSTM, self.L.GRU), self.n(1, 4)
        results = self.apply(kind(units, return_state=True, return_sequences=self.yes()), x)
        self.put(results[0])
        y = self.pick(lambda t: len(self.shape(t)) == 2)
        self.put(self.apply(kind(units, return_sequences=self.yes()), y, initial_state=list(results[1:])))

    def nested(self):
        """A model as a layer: a chain, or a graph with a shortcut; sometimes called twice."""
        tensor = self.pick(lambda t: len(self.shape(t)) in (1, 2, 3))
        if tensor is None:
            return
        inner = Graph(self.K, self.rng)
        x = self.K.Input(self.shape(tensor))
        inner.inputs = [x]
        y = x
        if self.yes():
            layers = [self.K.Input(self.shape(tensor))]
            for _ in range(self.n(1, 3)):
                layer = inner.layer_for(y)
                y = layer(y)
                layers.append(layer)
                if len(y.shape) > 5:
                    break
            model = self.K.Sequential(layers)
        else:
            for _ in range(self.n(1, 3)):
                y = inner.layer_for(y)(y)
                if len(y.shape) > 5:
                    break
            if self.shape(y) == self.shape(tensor):
                y = self.L.Add()([y, x])
            model = self.K.Model(x, y)
        self.put(self.apply(model, tensor))
        other = self.pick(lambda t: self.shape(t) == self.shape(tensor))
        if self.yes(0.3) and other is not None:
            self.put(self.apply(model, other))

    def operate(self):
        """Operators on tensors, as people write them."""
        a = self.pick()
        what = self.n(0, 3)
        if what == 0:
            y = a * 0.5 + 1.0
        elif what == 1:
            b = self.pick(lambda t: self.shape(t) == self.shape(a))
            y = a - b if b is not None else 1.0 - a
        elif what == 2 and len(self.shape(a)) > 1 and self.shape(a)[0] > 2:
            y = a[:, 1:]
        else:
            y = -a / 2.0
        self.used.add(id(a))
        self.put(y)
        self.count += 1

    def build(self):
        self.start()
        goal = self.n(3, 30)
        for _ in range(4 * goal):
            if self.count >= goal:
                break
            roll = self.rng.random()
            step = self.unary if roll < 0.55 else self.merge if roll < 0.7 else self.again if roll < 0.78 else self.attend if roll < 0.85 else \
                self.nested if roll < 0.91 else self.states if roll < 0.95 else self.operate
            step()
            self.pool = [t for t in self.pool if None not in self.shape(t) and 0 < int(np.prod(self.shape(t) or (1,))) < 3000]
        ends = [t for t in self.pool if id(t) not in self.used] or [self.pool[-1]]
        outputs = ends[:self.n(1, 4)]
        known = set(map(id, self.inputs))
        outputs = [t if id(t) not in known else self.L.Activation("tanh")(t) for t in outputs]
        return self.K.Model(self.inputs if len(self.inputs) > 1 else self.inputs[0], outputs if len(outputs) > 1 else outputs[0])


def random_graph(keras, rng):
    """(model, how to draw each input)"""
    graph = Graph(keras, rng)
    model = graph.build()
    return model, graph.kinds


