"""Layers for graph_models.py, drawn at random by the rank of what they are given. What only Keras 2 or only Keras 3 has is drawn where it is."""
import numpy as np

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "linear", "softsign", "swish", "hard_sigmoid", "exponential"]
NEW_ACTIVATIONS = ["relu6", "silu", "leaky_relu", "mish", "log_sigmoid", "celu", "hard_tanh", "hard_silu", "squareplus", "soft_shrink", "hard_shrink",
                   "tanh_shrink", "sparse_plus"]
TAME = ["relu", "tanh", "sigmoid", "elu", "softsign", "swish", "linear"]
FIRST = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
         "ZeroPadding2D", "Cropping2D", "UpSampling2D", "SpatialDropout2D", "Flatten")
FIRST_3D = ("Conv3D", "Conv3DTranspose", "MaxPooling3D", "AveragePooling3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D", "ZeroPadding3D", "UpSampling3D",
            "Flatten", "ConvLSTM2D")


class Layers:
    """What a Graph draws from: self.L are the layers of the Keras, self.rng the dice."""

    def n(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one(self, *items):
        return items[int(self.rng.integers(len(items)))]

    def yes(self, chance=0.5):
        return bool(self.rng.random() < chance)

    def act(self):
        if self.yes(0.75):
            return self.one(*TAME)
        if self.yes(0.1):
            return self.one(self.L.LeakyReLU, self.L.ReLU, self.L.ELU)()
        return self.one(*ACTIVATIONS, *(NEW_ACTIVATIONS if self.three else []))

    # ---- by rank ----

    def vector(self, width):
        L = self.L
        return self.one(
            lambda: L.Dense(self.n(1, 7), activation=self.act(), use_bias=self.yes(0.8)), lambda: L.Dense(self.n(2, 7), activation=self.act()),
            lambda: L.BatchNormalization(scale=self.yes(0.8), center=self.yes(0.8)), lambda: L.LayerNormalization(), lambda: L.Dropout(0.3),
            lambda: L.Activation(self.act()), lambda: L.LeakyReLU(), lambda: L.PReLU(), lambda: L.ELU(), lambda: L.ReLU(max_value=2.0),
            lambda: L.Softmax(), lambda: L.GaussianNoise(0.1), lambda: L.RepeatVector(self.n(2, 4)), lambda: L.Reshape((1, width)),
            lambda: L.Rescaling(0.5, 0.1), lambda: L.UnitNormalization(), lambda: L.ActivityRegularization(l2=0.1), lambda: L.AlphaDropout(0.2),
            lambda: L.EinsumDense("ab,bc->ac", self.n(1, 5), bias_axes="c"), lambda: L.GaussianDropout(0.2),
            lambda: L.Normalization(mean=[0.1 * i for i in range(width)], variance=[1.0 + i for i in range(width)]),
            lambda: L.SpectralNormalization(L.Dense(self.n(1, 4))), lambda: L.GroupNormalization(groups=1) if width > 1 else L.ELU(0.5),
            lambda: L.Discretization(bin_boundaries=[-0.47, 0.26, 0.97], output_mode=self.one("one_hot", "multi_hot", "count")),
            *([lambda: L.RMSNormalization(), lambda: L.Identity()] if self.three else [lambda: L.ThresholdedReLU(0.3)]))()

    def cell(self):
        L = self.L
        return self.one(lambda: L.LSTMCell(self.n(1, 4)), lambda: L.GRUCell(self.n(1, 4), reset_after=self.yes()), lambda: L.SimpleRNNCell(self.n(1, 4)))()

    def plain_recurrent(self, sequences, **more):
        L = self.L
        kwargs = dict(return_sequences=sequences, **more)
        if self.yes(0.3):
            kwargs["activation"] = self.one("relu", "sigmoid", "softsign")
        if self.fixed and self.yes(0.5):
            kwargs["stateful"] = True
        if self.yes(0.1):
            kwargs["unroll"] = True
        return self.one(
            lambda: L.LSTM(self.n(1, 5), recurrent_activation=self.one("sigmoid", "hard_sigmoid"), unit_forget_bias=self.yes(), **kwargs),
            lambda: L.GRU(self.n(1, 5), reset_after=self.yes(), use_bias=self.yes(0.8), **kwargs),
            lambda: L.SimpleRNN(self.n(1, 5), dropout=0.1, recurrent_dropout=0.1, **kwargs))()

    def stacked(self, sequences, **more):
        cells = [self.cell() for _ in range(self.n(1, 3))]
        cell = cells if self.yes(0.6) else self.L.StackedRNNCells(cells) if self.yes() else cells[0]
        return self.L.RNN(cell, return_sequences=sequences, **more)

    def cudnn(self, sequences):
        """CuDNNLSTM and CuDNNGRU run on a GPU only: with `twin` the layer that loads their weights and computes the same."""
        units, kind, back = self.n(1, 4), self.one("LSTM", "GRU"), self.yes(0.3)
        if self.twin:
            more = {"reset_after": True} if kind == "GRU" else {}
            return getattr(self.L, kind)(units, return_sequences=sequences, go_backwards=back, **more)
        return getattr(self.old_layers, "CuDNN" + kind)(units, return_sequences=sequences, go_backwards=back)

    def bidirectional(self, sequences):
        L = self.L
        layer = self.plain_recurrent(sequences) if self.yes(0.8) else self.stacked(sequences)
        kwargs = {"merge_mode": self.one("concat", "sum", "ave", "mul")}
        if self.yes(0.2):
            units = layer.units if hasattr(layer, "units") else None
            if units and not getattr(layer, "stateful", False):
                kwargs["backward_layer"] = self.one(L.LSTM, L.GRU, L.SimpleRNN)(units, return_sequences=sequences, go_backwards=True)
        return L.Bidirectional(layer, **kwargs)

    def recurrent(self, sequences):
        more = {"zero_output_for_mask": True} if self.yes(0.1) and sequences else {}
        if self.old_layers and self.yes(0.3):
            return self.cudnn(sequences)
        return self.one(lambda: self.plain_recurrent(sequences, go_backwards=self.yes(0.2), **more), lambda: self.plain_recurrent(sequences),
                        lambda: self.stacked(sequences, go_backwards=self.yes(0.2)), lambda: self.bidirectional(sequences))()

    def sequence(self, steps, width):
        L = self.L
        two = [lambda: L.LocallyConnected1D(self.n(1, 4), self.n(1, min(2, steps)), strides=self.n(1, 2), activation=self.act(),
                                            implementation=self.one(1, 2, 3))] * 2
        three = [lambda: L.AdaptiveAveragePooling1D(self.n(1, steps)), lambda: L.AdaptiveMaxPooling1D(self.n(1, steps)), lambda: L.RMSNormalization()]
        return self.one(
            lambda: self.recurrent(True), lambda: self.recurrent(True), lambda: self.recurrent(False), lambda: self.recurrent(True),
            lambda: L.Conv1D(self.n(1, 6), self.n(1, min(3, steps)), padding=self.one("valid", "same", "causal"), activation=self.act(),
                             dilation_rate=self.one(1, 1, 2) if steps > 5 else 1),
            lambda: L.Conv1D(self.n(1, 6), 2, padding="same", strides=2), lambda: L.SeparableConv1D(self.n(1, 5), min(2, steps), padding="same"),
            lambda: L.Conv1DTranspose(self.n(1, 4), 2, strides=self.n(1, 2), padding=self.one("valid", "same")),
            lambda: L.DepthwiseConv1D(min(2, steps), depth_multiplier=self.n(1, 2)),
            lambda: L.TimeDistributed(L.Dense(self.n(1, 5), activation=self.act())), lambda: L.Dense(self.n(1, 6), activation=self.act()),
            lambda: L.TimeDistributed(self.small_model((width,))), lambda: L.Masking(self.one(0.0, 0.5)),
            lambda: L.BatchNormalization(), lambda: L.LayerNormalization(axis=self.one(-1, 1)), lambda: L.Permute((2, 1)),
            lambda: L.MaxPooling1D(2, padding="same"), lambda: L.AveragePooling1D(2, strides=1), lambda: L.ZeroPadding1D((1, 0)),
            lambda: L.UpSampling1D(2) if steps < 8 else L.SpatialDropout1D(0.2), lambda: L.Cropping1D((1, 0)) if steps > 2 else L.PReLU(shared_axes=[1]),
            lambda: L.GlobalAveragePooling1D(keepdims=self.yes(0.2)), lambda: L.GlobalMaxPooling1D(), lambda: L.Flatten(),
            lambda: L.Reshape((steps, width, 1)), lambda: L.Reshape((-1,)),
            lambda: L.Dropout(0.2), lambda: L.Activation(self.act()), lambda: L.Softmax(axis=self.one(1, -1)),
            lambda: L.EinsumDense("abc,cd->abd", (None, self.n(1, 4)), bias_axes="d"), lambda: L.SpectralNormalization(L.Conv1D(2, 1)),
            *([lambda: L.GroupNormalization(groups=1)] if width > 1 else []), *(three if self.three else two))()

    def channels_first(self, rows, columns, channels):
        """A layer that takes (channels, rows, columns), of those that this backend can run so."""
        L, kind = self.L, self.one(*self.first)
        filters = columns + self.n(0, 2)        # as many as columns: then Keras 3 on TensorFlow may add the bias along these
        make = {"Conv2D": lambda k: k(filters, self.n(1, 2), padding="same", data_format="channels_first"),
                "DepthwiseConv2D": lambda k: k(2, padding="same", data_format="channels_first"),
                "SeparableConv2D": lambda k: k(filters, 2, padding="same", data_format="channels_first"),
                "Conv2DTranspose": lambda k: k(filters, 2, padding="same", data_format="channels_first"),
                "SpatialDropout2D": lambda k: k(0.2, data_format="channels_first"), "ZeroPadding2D": lambda k: k((1, 0), data_format="channels_first"),
                "Cropping2D": lambda k: k(((0, 0), (0, 1)), data_format="channels_first") if channels > 1 else k(0, data_format="channels_first"),
                "UpSampling2D": lambda k: k(1, data_format="channels_first")}
        return make.get(kind, lambda k: k(data_format="channels_first"))(getattr(L, kind))

    def image(self, rows, columns, channels):
        L = self.L
        side = min(rows, columns)
        two = [lambda: L.LocallyConnected2D(self.n(1, 3), self.n(1, min(2, side)), activation=self.act(), implementation=self.one(1, 2, 3)),
               lambda: L.ThresholdedReLU(0.5)]
        three = [lambda: L.AdaptiveAveragePooling2D(self.n(1, side)), lambda: L.AdaptiveMaxPooling2D((1, self.n(1, columns)))]
        return self.one(
            lambda: L.Conv2D(self.n(1, 6), self.n(1, min(3, side)), padding=self.one("valid", "same"), activation=self.act()),
            lambda: L.Conv2D(self.n(1, 4), (1, min(2, columns)), padding="same", strides=self.n(1, 2)),
            lambda: L.Conv2D(self.n(1, 4), 2, padding="same", dilation_rate=2), lambda: L.Conv2D(2 * channels, 2, padding="same", groups=channels),
            lambda: L.DepthwiseConv2D(min(3, side), depth_multiplier=self.n(1, 2), padding="same", activation=self.act()),
            lambda: L.SeparableConv2D(self.n(1, 5), min(2, side)),
            lambda: L.Conv2DTranspose(self.n(1, 4), self.n(2, 3), strides=self.n(1, 2), padding=self.one("valid", "same")) if side < 12 else L.Activation("tanh"),
            lambda: L.BatchNormalization(axis=self.one(-1, 1)), lambda: L.ZeroPadding2D(((1, 0), (0, 2))), lambda: L.PReLU(shared_axes=[1, 2]),
            lambda: L.MaxPooling2D(2, padding=self.one("valid", "same")) if side > 2 else L.Dropout(0.1),
            lambda: L.AveragePooling2D(2, padding="same"), lambda: L.Cropping2D(((1, 0), (0, 1))) if side > 2 else L.SpatialDropout2D(0.1),
            lambda: L.UpSampling2D(2, interpolation=self.one("nearest", "bilinear")) if rows * columns < 60 else L.ReLU(),
            lambda: L.GlobalAveragePooling2D(), lambda: L.GlobalMaxPooling2D(keepdims=self.yes(0.3)), lambda: L.Flatten(), lambda: L.Permute((2, 1, 3)),
            lambda: L.Reshape((rows * columns, channels)), lambda: L.Dense(self.n(1, 4)), lambda: L.LayerNormalization(axis=self.one(-1, [1, 2, 3])),
            lambda: L.Resizing(self.n(3, 7), self.n(3, 7)), lambda: L.CenterCrop(max(1, rows - 1), max(1, columns - 2)),
            lambda: L.GroupNormalization(groups=channels), lambda: L.TimeDistributed(L.Dense(2)), lambda: L.TimeDistributed(self.recurrent(self.yes())),
            lambda: L.TimeDistributed(self.small_model((columns, channels))), lambda: self.conv_lstm(1), lambda: L.SpectralNormalization(L.Conv2D(2, 2)),
            lambda: L.RandomFlip(), lambda: L.RandomContrast(0.2), lambda: L.RandomRotation(0.2), lambda: L.RandomTranslation(0.1, 0.1), lambda: L.RandomZoom(0.2), lambda: L.SpatialDropout2D(0.2),
            lambda: self.channels_first(rows, columns, channels) if self.first else L.Flatten(),
            lambda: L.Flatten() if self.three else self.experimental((rows, columns, channels)), *(three if self.three else two))()

    def conv_lstm(self, rank):
        L = self.L
        kind = {1: L.ConvLSTM1D, 2: L.ConvLSTM2D, 3: L.ConvLSTM3D}[rank]

        def make():
            return kind(self.n(1, 3), self.n(1, 2), padding="same", return_sequences=sequences, activation=self.one("tanh", "relu"),
                        recurrent_activation=self.one("sigmoid", "hard_sigmoid"), **({"stateful": True} if self.fixed and self.yes() else {}))
        sequences = self.yes()
        return L.Bidirectional(make(), merge_mode=self.one("concat", "sum")) if self.yes(0.25) else make()

    def first_3d(self, sizes):
        """Of (channels, depth, rows, columns), or steps of (channels, rows, columns)."""
        L, kind, data = self.L, self.one(*FIRST_3D), {"data_format": "channels_first"}
        make = {"Conv3D": lambda: L.Conv3D(self.one(2, sizes[-1]), 2, padding="same", **data), "ZeroPadding3D": lambda: L.ZeroPadding3D((1, 0, 0), **data),
                "Conv3DTranspose": lambda: L.Conv3DTranspose(self.one(1, sizes[-1]), 2, padding="same", **data),
                "MaxPooling3D": lambda: L.MaxPooling3D(2, padding="same", **data), "AveragePooling3D": lambda: L.AveragePooling3D(2, padding="same", **data),
                "ConvLSTM2D": lambda: L.ConvLSTM2D(2, 2, padding="same", return_sequences=self.yes(), **data), "UpSampling3D": lambda: L.UpSampling3D(1, **data)}
        return make.get(kind, lambda: getattr(L, kind)(**data))()

    def volume(self, sizes):
        L = self.L
        side = min(sizes[:3])
        if self.three and self.yes(0.12):
            return self.first_3d(sizes)
        return self.one(
            lambda: L.Conv3D(self.n(1, 3), self.n(1, min(2, side)), padding=self.one("valid", "same"), activation=self.act()),
            lambda: L.Conv3D(2, 2, padding="same", strides=2), lambda: L.SpatialDropout3D(0.1),
            lambda: L.Conv3DTranspose(self.n(1, 2), 2, padding="same"), lambda: L.MaxPooling3D(2, padding="same"), lambda: L.AveragePooling3D(2, padding="same"),
            lambda: L.GlobalAveragePooling3D(), lambda: L.GlobalMaxPooling3D(), lambda: L.ZeroPadding3D(1) if side < 5 else L.Flatten(),
            lambda: L.Cropping3D(((1, 0), (0, 1), (0, 0))) if side > 2 else L.Flatten(), lambda: self.conv_lstm(2), lambda: self.conv_lstm(2),
            lambda: L.BatchNormalization(), lambda: L.Flatten(), lambda: L.TimeDistributed(L.Conv2D(2, 2, padding="same")),
            lambda: L.TimeDistributed(self.small_model(sizes[1:])), lambda: L.Reshape((1,) + tuple(sizes)),
            lambda: L.TimeDistributed(L.Flatten()), lambda: L.UpSampling3D(2) if int(np.prod(sizes)) < 60 else L.GlobalAveragePooling3D())()

    def hyper(self, sizes):
        L = self.L
        return self.one(lambda: self.conv_lstm(3), lambda: L.TimeDistributed(L.Conv3D(1, 2, padding="same")), lambda: L.Flatten(),
                        lambda: L.TimeDistributed(L.GlobalAveragePooling3D()), lambda: L.Dense(2))()

    def layer_for(self, shape):
        if len(shape) == 0:
            return self.L.Reshape((1,))
        if len(shape) == 1:
            return self.vector(shape[0])
        if len(shape) == 2:
            return self.sequence(*shape)
        if len(shape) == 3:
            return self.image(*shape)
        return self.volume(shape) if len(shape) == 4 else self.hyper(shape)

    def small_model(self, shape):
        """One to three layers as a model, for TimeDistributed."""
        x = y = self.K.Input(shape)
        for _ in range(self.n(1, 3)):
            y = self.layer_for(tuple(y.shape[1:]))(y)
            if None in y.shape[1:] or len(y.shape) > 5:
                break
        return self.K.Model(x, y) if self.yes() else self.K.Sequential([self.K.Input(shape)] + [
            layer for layer in self.K.Model(x, y).layers if not isinstance(layer, self.L.InputLayer)])
