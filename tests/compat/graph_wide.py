"""What graph_models.py draws of a model as a whole: sizes that are open, explicit masks, call arguments, states handed on, other policies in single
layers, frozen layers, inputs and outputs by name, outputs of strings and of integers, broadcasts, shapes that are computed from other tensors."""
import numpy as np

from graph_more import NAMES


class Wide:
    """Mixed into Graph. `extra` are outputs that nothing else takes."""

    def attempt(self, step):
        """Keras may not take what was drawn: then nothing was added."""
        try:
            step()
        except Exception:               # noqa: BLE001 - whatever this Keras does not take
            return False
        return True

    # ---- layers of another policy ----

    def set_policy(self, name):
        (self.K.config.set_dtype_policy if self.three else self.K.mixed_precision.set_global_policy)(name)

    def layer_in_policy(self, shape):
        if not self.traits.policies or self.yes(0.75):
            return self.layer_for(shape)
        self.set_policy(self.one("mixed_float16", "float16", "float64", "mixed_bfloat16", "float32"))
        try:
            return self.layer_for(shape)
        finally:
            self.set_policy(self.traits.policy)

    # ---- beginnings ----

    def start_open_sequence(self):
        """Any number of steps."""
        L = self.L
        x = self.input((None, self.n(1, 4)))
        for _ in range(self.n(1, 4)):
            width = x.shape[-1]
            kind = self.n(0, 9)
            if kind == 0:
                x = self.apply(L.MultiHeadAttention(self.n(1, 2), 2), x, **{"value": x, **({"use_causal_mask": True} if self.yes() else {})})
            elif kind == 1:
                x = self.apply(L.Add(), x, self.apply(L.Dense(width, activation=self.act()), x))
            elif kind == 2:
                x = self.apply(L.Concatenate(), x, self.apply(L.Conv1D(2, 3, padding="same"), x))
            else:
                x = self.apply(self.one(
                    lambda: self.plain_recurrent(True), lambda: self.bidirectional(True), lambda: L.Conv1D(self.n(1, 4), self.n(1, 3), padding=self.one("same", "causal")),
                    lambda: L.Dense(self.n(1, 4), activation=self.act()), lambda: L.LayerNormalization(), lambda: L.BatchNormalization(),
                    lambda: L.UpSampling1D(2), lambda: L.MaxPooling1D(2, padding="same"), lambda: L.ZeroPadding1D(2), lambda: L.Masking(0.0),
                    lambda: L.TimeDistributed(L.Dense(3)), lambda: L.Conv1DTranspose(2, 2, strides=2), lambda: L.DepthwiseConv1D(2, padding="same"))(), x)
        end = self.one(L.GlobalAveragePooling1D, L.GlobalMaxPooling1D, lambda: self.plain_recurrent(False), lambda: self.bidirectional(False))
        self.put(self.apply(end(), x))
        if self.yes(0.2):
            self.extra.append(x)

    def start_open_image(self):
        """Any number of rows and columns."""
        L = self.L
        x = self.input((self.one(None, None, 6), None, self.n(1, 3)))
        for _ in range(self.n(1, 4)):
            x = self.apply(self.one(
                lambda: L.Conv2D(self.n(1, 4), self.n(1, 3), padding="same", activation=self.act()), lambda: L.BatchNormalization(),
                lambda: L.Conv2D(2, 2, strides=2, padding="same"), lambda: L.MaxPooling2D(2, padding="same"), lambda: L.AveragePooling2D(2, padding="same"),
                lambda: L.UpSampling2D(2, interpolation=self.one("nearest", "bilinear")), lambda: L.Conv2DTranspose(2, 3, strides=2, padding="same"),
                lambda: L.DepthwiseConv2D(2, padding="same"), lambda: L.SeparableConv2D(2, 2, padding="same"), lambda: L.ZeroPadding2D(1),
                lambda: L.LayerNormalization(), lambda: L.Activation(self.act()), lambda: L.Dropout(0.2), lambda: L.Resizing(5, 4),
                lambda: L.PReLU(shared_axes=[1, 2]), lambda: L.ConvLSTM1D(2, 2, padding="same", return_sequences=True))(), x)
        self.put(self.apply(self.one(L.GlobalAveragePooling2D, L.GlobalMaxPooling2D)(), x))
        if self.yes(0.2):
            self.extra.append(x)

    def start_shared_tokens(self):
        """One table for two inputs."""
        layer = self.L.Embedding(7, self.n(2, 4), mask_zero=self.yes())
        for _ in range(2):
            self.put(self.apply(layer, self.input((self.n(3, 5),), ("padded", 7), "int32")))

    def start_strings(self):
        """Strings that become numbers, and strings again."""
        L, some = self.L, ["a", "b", "c", "dog"]
        x = self.input((self.n(1, 3),), ("among", some + ["zebra"]), "string")
        numbers = self.apply(L.StringLookup(vocabulary=some), x)
        self.put(self.apply(L.Embedding(6, self.n(1, 3)), numbers))
        if self.yes(0.6):
            self.extra.append(self.apply(L.StringLookup(vocabulary=some, invert=True), numbers))

    # ---- steps ----

    def explicit_mask(self):
        """mask= given in the call: an input, or computed."""
        L = self.L
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None:
            return self.unary()
        steps = self.shape(x)[0]
        inner = self.depth > 1 or self.fixed
        if self.yes() and not inner:
            mask = self.input((steps,), "bool", "bool")
        else:
            mask = x[..., 0] > -0.8 if not self.three or self.yes() else self.K.ops.greater(x[..., 0], -0.8)
        kind = self.n(0, 5)
        if kind == 0:
            y = self.apply(self.one(L.LSTM, L.GRU, L.SimpleRNN)(self.n(1, 4), return_sequences=self.yes()), x, mask=mask)
        elif kind == 1:
            y = self.apply(L.Bidirectional(self.one(L.LSTM, L.GRU, L.SimpleRNN)(self.n(1, 4), return_sequences=self.yes())), x, mask=mask)
        elif kind == 2:
            y = self.apply(L.GlobalAveragePooling1D(), x, mask=mask)
        elif kind == 3:
            y = L.MultiHeadAttention(2, 2)(x, x, attention_mask=mask[:, None, :])
        elif kind == 4:
            y = L.Attention(use_scale=self.yes())([x, x], mask=[mask, mask])
        else:
            y = self.apply(L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_sequences=self.yes()), x, mask=mask)
        self.used |= {id(x)}
        self.put(y)

    def with_arguments(self):
        """training= in the call."""
        L = self.L
        x = self.pick()
        layer = self.one(lambda: L.BatchNormalization(), lambda: L.Dropout(0.5), lambda: L.GaussianNoise(0.3), lambda: L.BatchNormalization(scale=False))()
        self.put(self.apply(layer, x, training=False))

    def hand_on(self):
        """The states of layers whose states are images or several."""
        L = self.L
        if self.yes():
            x = self.pick(lambda t: len(self.shape(t)) == 3)
            if x is None:
                return self.unary()
            first = L.ConvLSTM1D(2, 2, padding="same", return_state=True, return_sequences=self.yes())
            y, h, c = self.apply(first, x)
            self.put(y, self.apply(L.ConvLSTM1D(2, 2, padding="same", return_sequences=self.yes()), x, initial_state=[h, c]))
            return
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None:
            return self.unary()
        a, b = self.n(1, 3), self.n(1, 3)

        def cells():
            return [L.GRUCell(a), L.SimpleRNNCell(b)] if pair == 0 else [L.LSTMCell(a), L.LSTMCell(b)] if pair == 1 else L.GRUCell(a)
        pair = self.n(0, 2)
        results = self.apply(L.RNN(cells(), return_state=True), x)
        self.put(results[0], self.apply(L.RNN(cells(), return_sequences=self.yes()), x, initial_state=list(results[1:])))

    def broadcast(self):
        """A tensor and a smaller one of it, as squeeze-and-excitation does."""
        L = self.L
        x = self.pick(lambda t: len(self.shape(t)) in (2, 3))
        if x is None:
            return self.unary()
        rank, channels = len(self.shape(x)), self.shape(x)[-1]
        pool = L.GlobalAveragePooling1D if rank == 2 else self.one(L.GlobalAveragePooling2D, L.GlobalMaxPooling2D)
        small = self.apply(L.Dense(channels, activation=self.act()), self.apply(pool(), x))
        small = self.apply(L.Reshape((1,) * (rank - 1) + (channels,)), small)
        self.put(self.apply(self.one(L.Multiply, L.Add, L.Maximum, L.Minimum, L.Average, L.Subtract)(), *((x, small) if self.yes() else (small, x))))

    def wrapped(self):
        """Wrappers in wrappers."""
        L = self.L
        x = self.pick(lambda t: len(self.shape(t)) == 3)
        if x is None:
            return self.unary()
        layer = self.one(lambda: L.TimeDistributed(L.TimeDistributed(L.Dense(self.n(1, 3), activation=self.act()))), lambda: L.TimeDistributed(self.bidirectional(self.yes())),
                         lambda: L.TimeDistributed(L.Conv1D(2, 1)), lambda: L.TimeDistributed(L.BatchNormalization()), lambda: L.TimeDistributed(L.LayerNormalization()),
                         lambda: L.TimeDistributed(self.stacked(self.yes())), lambda: L.TimeDistributed(L.Flatten()), lambda: L.TimeDistributed(L.Softmax()),
                         lambda: L.TimeDistributed(L.GlobalMaxPooling1D()), lambda: L.TimeDistributed(L.Activation(self.act())),
                         lambda: L.Bidirectional(L.ConvLSTM1D(2, 1, return_sequences=self.yes()), merge_mode=self.one("ave", "mul")),
                         lambda: L.TimeDistributed(L.SpectralNormalization(L.Dense(2))))()
        self.put(self.apply(layer, x))

    def by_shape(self):
        """Sizes that are taken from another tensor."""
        x = self.pick(lambda t: len(self.shape(t)) in (1, 2, 3))
        if x is None:
            return self.unary()
        flat = int(np.prod(self.shape(x)))
        if self.three:
            ops = self.K.ops
            y = self.one(lambda: ops.reshape(x, (-1, flat)), lambda: ops.reshape(x, (-1,) + self.shape(x)[::-1]), lambda: ops.broadcast_to(x[:, None], (tuple(x.shape)[0], 2) + self.shape(x)) if self.fixed
                         else ops.concatenate([x, ops.zeros_like(x)], 1))()
        else:
            tf = self.traits.tf
            y = self.one(lambda: tf.reshape(x, [tf.shape(x)[0], flat]), lambda: tf.reshape(x, tf.stack([tf.shape(x)[0], flat])),
                         lambda: tf.concat([x, tf.zeros(tf.shape(x))], 1), lambda: x * tf.cast(tf.shape(x)[1], tf.float32),
                         lambda: tf.concat([x, tf.ones_like(x)], -1), lambda: tf.reshape(x, [-1, self.shape(x)[0], flat // self.shape(x)[0]]))()
        self.used |= {id(x)}
        self.put(y)
        self.count += 1

    def whole_numbers(self):
        """Integers and truths, which are outputs of the model or are cast."""
        x = self.pick()
        if self.three:
            ops = self.K.ops
            y = self.one(lambda: ops.argmax(x, axis=-1), lambda: ops.argmin(x, axis=1), lambda: x > 0.1, lambda: ops.cast(x * 3.0, "int32"), lambda: ops.argsort(x, axis=-1),
                         lambda: ops.isfinite(x), lambda: ops.logical_and(x > 0, x < 1), lambda: ops.count_nonzero(x > 0, axis=1))()
        else:
            tf = self.traits.tf
            y = self.one(lambda: tf.argmax(x, axis=-1), lambda: tf.math.argmin(x, axis=1, output_type=tf.int32), lambda: x > 0.1, lambda: tf.cast(x * 3.0, tf.int32),
                         lambda: tf.argsort(x, axis=-1), lambda: tf.math.is_finite(x), lambda: tf.logical_and(x > 0.0, x < 1.0), lambda: tf.math.count_nonzero(x > 0.0, axis=1))()
        self.settled(y, x)
        self.used |= {id(x)}
        self.count += 1
        if self.depth == 1 and self.yes():
            self.extra.append(y)
        else:
            self.put(self.K.ops.cast(y, "float32") if self.three else self.traits.tf.cast(y, self.traits.tf.float32))

    def wide_step(self):
        self.attempt(self.one(self.explicit_mask, self.with_arguments, self.hand_on, self.broadcast, self.broadcast, self.wrapped, self.by_shape, self.whole_numbers))

    # ---- the model ----

    def inner_layers(self, model):
        """Those whose own configuration says whether they are trained."""
        found = []
        for layer in model.layers:
            found.append(layer)
            found += self.inner_layers(layer) if hasattr(layer, "layers") else [layer.layer] if hasattr(layer, "layer") and not hasattr(layer, "forward_layer") else []
        return found

    def freeze(self, model):
        layers = self.inner_layers(model)
        for i in self.rng.permutation(len(layers))[:max(1, len(layers) // 3)]:
            layers[int(i)].trainable = False

    def model(self, outputs):
        """By lists, or inputs and outputs by name."""
        if self.depth == 1 and self.traits.lives and self.yes(0.3):
            return self.K.Model(self.nest(self.inputs, NAMES) if self.yes(0.6) else self.inputs, self.nest(outputs, NAMES[::-1]))
        if self.depth > 1 or not self.traits.named:
            return self.K.Model(self.inputs if len(self.inputs) > 1 else self.inputs[0], outputs if len(outputs) > 1 else outputs[0])
        inputs = {name: x for name, x in zip(NAMES, self.inputs)} if self.named_inputs else self.inputs
        return self.K.Model(inputs, {"out_" + name: y for name, y in zip(NAMES, outputs)} if self.yes(0.7) else outputs)
