"""What graph_models.py draws of the lives that models have between the lines that build them and the line that saves them: odd names, regularizers,
layers that were called elsewhere too, layers of another model called again, models cut out of models, clones, models saved and loaded before, changed
attributes, frozen models, training, few bits; inputs and outputs in nested lists and dicts; Sequentials without Input."""
import os
import tempfile

import numpy as np

from graph_more import NAMES

# Of layers, as they are made: what TensorFlow takes as the name of a scope; and given later, when anything goes.
PLAIN = ["dense", "input_layer", "layers", "model", "_hidden", "conv2d.1", "CamelCase", "vars", "kernel", "add_1", "lambda", "class", "0", "1x1", "a-b",
         "model_weights", "functional", "top_level_model_weights", "name", "sequential_1", "x" * 120, "weights", "None", "cell", "forward_layer"]
WILD = ["layer 1", "schön", "名前", "a:b", "it's", 'say "hi"', "a,b", "[0]", "100%", "tab\tname", "(x)", "{}", "bias:0", "a*b", "#1", "é\u0301",
        "<b>", "a|b", "$x", " ", "-", "😀"]
SLASHED = ["block/conv", "block/conv/1", "a/b", "dense/kernel"]


class Lives:
    """Mixed into Graph."""

    # ---- as layers are made ----

    def fresh_name(self, *lists):
        names = [name for names in lists for name in names if name not in self.traits.names]
        if not names:
            return None
        self.traits.names.add(self.one(*names))
        return next(name for name in names if name in self.traits.names)

    def set_any(self, layer, name, value):
        """On the layer, or on the cell or the layer that it wraps, whose attribute it is."""
        for owner in (layer, getattr(layer, "cell", None), getattr(layer, "layer", None)):
            if owner is not None and hasattr(owner, name):
                try:
                    setattr(owner, name, value)
                    return
                except Exception:       # noqa: BLE001 - a property that only reads
                    pass

    def dress(self, layer):
        """A layer before its first call."""
        K = self.K
        if not self.traits.lives or layer.built or hasattr(layer, "layers") or getattr(layer, "_inbound_nodes", None):
            return
        if self.yes(0.2):
            name = self.fresh_name(PLAIN, [] if self.three else SLASHED)
            if name and not (name == "_hidden" and not self.three):      # no scope of TensorFlow
                layer._name = name
        if self.yes(0.2):
            self.set_any(layer, "kernel_regularizer", self.one(K.regularizers.L1L2(0.01, 0.02), K.regularizers.L2(0.01), K.regularizers.L1(0.5),
                                                              K.regularizers.OrthogonalRegularizer(0.01)))
            self.set_any(layer, "kernel_initializer", self.one(K.initializers.HeNormal(seed=3), K.initializers.Orthogonal(), K.initializers.RandomUniform(-1, 1),
                                                              K.initializers.VarianceScaling(2.0, "fan_out", "uniform"), K.initializers.Constant(0.5)))
            self.set_any(layer, "bias_initializer", self.one(K.initializers.Ones(), K.initializers.TruncatedNormal(stddev=0.1)))
            self.set_any(layer, "kernel_constraint", self.one(K.constraints.MaxNorm(3.0), K.constraints.NonNeg(), K.constraints.UnitNorm(axis=0), None))
            self.set_any(layer, "activity_regularizer", self.one(None, K.regularizers.L2(0.01)))

    # ---- steps ----

    def stray(self):
        """A layer that was called on another input before, which is no part of the model: its node here is not its first."""
        x = self.pick()
        layer = self.layer_for(self.shape(x))
        if not getattr(layer, "stateful", False):
            layer(self.K.Input(self.shape(x)))
        y = self.apply(layer, x)
        if self.yes():
            layer(self.K.Input(self.shape(x)))
        self.put(y)

    def part_of_model(self):
        """Of another model: all of its layers called again one by one, or the model up to one of its layers."""
        x = self.pick(lambda t: len(self.shape(t)) in (1, 2, 3))
        other = self.small_model(self.shape(x))
        if self.yes(0.4):
            other = self.K.Model(other.inputs[0] if self.yes() else other.input, self.one(*other.layers).output)
            for _ in range(self.n(1, 2)):
                self.put(self.apply(other, x))
            return
        for layer in other.layers:
            if not isinstance(layer, self.L.InputLayer):
                x = self.apply(layer, x)
        self.put(x)

    def by_name_inside(self):
        """A model as a layer whose inputs, outputs, or both are dicts."""
        a = self.pick(lambda t: len(self.shape(t)) in (1, 2, 3))
        b = self.pick(lambda t: len(self.shape(t)) in (1, 2, 3))
        inner = {name: self.K.Input(self.shape(t), name=name) for name, t in zip(("second", "first"), (a, b))}
        ys = {name: self.layer_for(self.shape(t))(t) for name, t in inner.items()}
        if self.shape(inner["first"]) == self.shape(inner["second"]) and self.yes():
            ys["both"] = self.L.Add()(list(inner.values()))
        how = self.n(0, 2)
        model = self.K.Model(inner if how != 1 else list(inner.values()), {"out_" + k: y for k, y in ys.items()} if how else list(ys.values()))
        results = model({"first": b, "second": a} if how != 1 else [a, b])
        self.used |= {id(a), id(b)}
        self.count += 1
        self.put(*self.leaves(results))

    def by_keyword(self):
        """Arguments by their names."""
        x = self.pick()
        y = self.pick(lambda t: self.shape(t) == self.shape(x))
        steps = len(self.shape(x)) == 2
        if self.three:
            ops = self.K.ops
            made = self.one(lambda: ops.add(x1=x, x2=y), lambda: ops.subtract(x1=1.0, x2=x), lambda: ops.concatenate(xs=[x, y], axis=-1), lambda: ops.where(condition=x > 0, x1=x, x2=y),
                            lambda: ops.mean(x=x, axis=-1, keepdims=True), lambda: self.L.Activation("tanh")(inputs=x), lambda: self.L.Dense(3)(inputs=x),
                            lambda: ops.clip(x=x, x_min=-0.5, x_max=0.5), lambda: ops.stack(x=[x, y]) if not self.fixed else -x,
                            lambda: self.L.MultiHeadAttention(2, 2)(query=x, value=x) if steps else -x, lambda: self.L.LSTM(2)(sequences=x) if steps else x + y)()
        else:
            tf = self.traits.tf
            made = self.one(lambda: tf.add(x=x, y=y), lambda: tf.subtract(x=x, y=0.5), lambda: tf.concat(values=[x, y], axis=-1), lambda: tf.reduce_mean(input_tensor=x, axis=-1),
                            lambda: tf.where(condition=x > 0, x=x, y=y), lambda: self.L.Activation("tanh")(inputs=x), lambda: self.L.Dense(3)(inputs=x),
                            lambda: self.L.MultiHeadAttention(2, 2)(query=x, value=x) if steps else -x, lambda: self.L.LSTM(2)(inputs=x) if steps else x + y)()
        self.used |= {id(x), id(y)}
        self.count += 1
        self.put(made)

    def life_step(self):
        self.attempt(self.one(self.stray, self.part_of_model, self.by_name_inside, self.by_keyword))

    # ---- beginnings ----

    def start_typed(self):
        """Inputs of other types than a layer computes in."""
        L, dtype = self.L, self.one("float64", "float16", "uint8", "int32", "bool")
        shape = self.one((self.n(2, 6),), (self.n(3, 6), self.n(1, 4)), (self.n(4, 6), self.n(4, 6), 3))
        kind = {"uint8": ("int", 200), "int32": ("int", 9), "bool": "bool"}.get(dtype)
        x = self.input(shape, kind, dtype)
        if dtype == "bool":
            x = self.K.ops.cast(x, "float32") if self.three else self.traits.tf.cast(x, self.traits.tf.float32)
        self.put(self.apply(L.Rescaling(1 / 255) if dtype == "uint8" else self.one(L.Rescaling(0.5, 0.1), self.layer_for(shape)), x))

    def start_inside(self):
        """The model goes on from another one's input and output."""
        shape = self.one((self.n(2, 6),), (self.n(3, 6), self.n(1, 4)), (self.n(4, 6), self.n(4, 6), 3))
        other = self.small_model(shape)
        self.inputs.append(other.inputs[0])
        self.kinds.append(None)
        self.put(other.output)
        self.count += len(other.layers) - 1
        if self.yes(0.3):
            self.put(other.layers[-2].output)

    def grown(self, layers):
        """A Sequential as it is put together: with or without Input, built by build or by a call, with layers taken off and put on again."""
        K, first = self.K, layers[0]
        if self.yes(0.3):
            model = K.Sequential([first] + layers[1:])
        elif self.yes():
            model = K.Sequential([first])
            for layer in layers[1:]:
                model.add(layer)
        else:
            model = K.Sequential(layers[1:])
            if self.yes():
                model.build((None,) + self.shape(first))
            else:
                model(np.ones((self.traits.samples,) + self.shape(first), "float32"))
        if self.yes(0.3) and len(layers) > 2:
            model.pop()
            if self.yes():
                model.add(layers[-1])
        return model

    # ---- the whole ----

    def nest(self, tensors, names):
        """Tensors in lists and dicts."""
        if len(tensors) == 1 or self.yes(0.3):
            return self.one({name: t for name, t in zip(names, tensors)}, list(tensors), tuple(tensors))
        first = self.n(1, len(tensors) - 1)
        parts = [self.nest(tensors[:first], names[:first]), self.nest(tensors[first:], names[first:])]
        return self.one(parts, {"pair": parts[0], "A": parts[1]}, [{"b": parts[1]}, parts[0]])


# ---- what is done to a model that is built ----

def reloaded(g, model):
    ending = g.one(".keras", ".h5")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m" + ending)
        model.save(path)
        return g.K.models.load_model(path, **({"safe_mode": False} if ending == ".keras" else {}))


def cut_outputs(g, model):
    """The outputs of some layers instead: what is seen of a network from within."""
    layers = [layer for layer in model.layers if not isinstance(layer, g.L.InputLayer)]
    picked = [layers[int(i)].output for i in g.rng.permutation(len(layers))[:g.n(1, 3)]]
    outputs = [t for t in g.leaves(picked) if "float" in str(t.dtype) and 0 not in t.shape]
    return g.K.Model(model.inputs if g.yes() else model.input, outputs if len(outputs) > 1 or g.yes() else outputs[0])


def cut_inputs(g, model):
    """From the output of a layer on."""
    x = g.one(*model.layers[:-1]).output
    return g.K.Model(x, model.outputs[0]) if "float" in str(x.dtype) and g.whole(x) else model


def other_activation(g, model):
    layers = [layer for layer in g.inner_layers(model) if hasattr(layer, "activation") and not hasattr(layer, "cell")]
    g.one(*layers).activation = g.K.activations.get(g.one("linear", "tanh", "relu", "sigmoid"))
    return model


def other_attribute(g, model):
    """Of a layer that was called: what is saved is what it has now."""
    for layer in g.inner_layers(model):
        for name, value in (("epsilon", 0.01), ("rate", 0.9), ("scale", 2.0), ("interpolation", "nearest")):
            if isinstance(getattr(layer, name, None), type(value)) and g.yes():
                setattr(layer, name, value)
    return model


def renamed(g, model):
    model._name = g.fresh_name(WILD, PLAIN) or model.name
    for layer in model.layers:
        name = g.fresh_name(WILD, SLASHED if not g.three else []) if g.yes(0.3) else None
        layer._name = name or layer.name
    return model if g.three else g.K.Model(model.inputs, model.outputs)      # Keras 2 knows its nodes by the names that layers had


def frozen(g, model):
    model.trainable = False
    if g.yes(0.4):
        g.one(*model.layers).trainable = True
    if g.yes(0.3):
        model.trainable = True
    return model


def rebuilt(g, model):
    K = g.K
    return g.one(lambda: K.models.clone_model(model), lambda: type(model).from_config(model.get_config()), lambda: K.models.model_from_json(model.to_json()))()


def low_rank(g, model):
    """Of Keras 3."""
    layers = [layer for layer in g.inner_layers(model) if hasattr(layer, "enable_lora")]
    if g.three and layers:
        g.one(*layers).enable_lora(g.n(1, 2))
    return model


def wrapped_again(g, model):
    """A model of one layer, which is the model; or in a Sequential."""
    if len(model.inputs) > 1:
        return model
    if g.yes() and len(model.outputs) == 1:
        return g.K.Sequential([g.K.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype), model])
    x = g.K.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
    return g.K.Model(x, model(x))


DEEDS = [reloaded, cut_outputs, cut_outputs, cut_inputs, other_activation, other_attribute, renamed, renamed, frozen, rebuilt, rebuilt, low_rank, wrapped_again]


def live(g, model, kinds):
    """One to three deeds; what a Keras does not take was not done. Gives the model and how to draw its inputs."""
    for _ in range(g.n(1, 3)):
        deed = g.one(*DEEDS)
        try:
            after = deed(g, model)
            if not after.inputs or not after.outputs or len(after.outputs) > 12 or deed is not cut_inputs and len(after.inputs) != len(kinds):
                continue
        except Exception:               # noqa: BLE001
            continue
        model, kinds = after, [None] * len(after.inputs) if deed is cut_inputs else kinds
    return model, kinds


def train(g, model, xs):
    """One step, so that there is an optimizer with its own variables, and statistics that moved."""
    K, xs = g.K, xs if len(xs) > 1 else xs[0]
    wanted = [np.zeros_like(np.asarray(y)) for y in g.leaves(model(xs))]
    optimizer = g.one(K.optimizers.Adam, K.optimizers.RMSprop, lambda rate: K.optimizers.SGD(rate, momentum=0.9))(1e-3)
    model.compile(optimizer, "mse", metrics=["mae"] if len(wanted) == 1 else None, run_eagerly=True)
    model.train_on_batch(xs, wanted if len(wanted) > 1 else wanted[0])


def settle(g, model, xs, policy):
    """What is done last, with the weights that the model has; gives the precision to compare with."""
    try:
        if g.yes(0.1):
            train(g, model, xs)
        elif g.three and policy == "float32" and g.yes(0.05) and not {"SpectralNormalization", "MultiHeadAttention"} & {type(layer).__name__ for layer in model._flatten_layers()}:
            model.quantize("int8")
            return "int8"
    except Exception:                   # noqa: BLE001 - strings, or outputs that no loss takes
        pass
    return policy
