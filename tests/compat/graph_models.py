"""Random functional models of 3 to 30 layers of all kinds (each class of Keras comes in some model; graph_more.py), for Keras 2.15, tf_keras and Keras 3: several inputs and outputs, shared
layers, models inside models three deep, masks, states, functions, other precisions. The same seed gives the same model with the same Keras.
The layers are drawn in graph_layers.py, the functions in graph_functions.py."""
import numpy as np

import graph_functions
from graph_layers import Layers
from graph_lives import Lives, live
from graph_more import DRAWS, NAMES, More
from graph_wide import Wide

WORDS = ["a", "b", "c", "dog", "cat", "zebra"]
DEEPEST = 3
SAMPLES = 13        # no size of a tensor: Keras 3 on TensorFlow, run eagerly, adds (samples, 1, 1) along another axis that is as long


class Traits:
    """What a whole model has: `first`: layers that run channels_first here; `fixed`: the batch size is part of the model, layers may be
    stateful; `old_layers`: where CuDNNLSTM is, for the models that have it; `twin`: draws the layers that load CuDNN's weights instead;
    `policy`: the model's own; `policies`: single layers have others; `named`: inputs and outputs are dicts; `turn`: which class comes first;
    `lives`: what people do to models (graph_lives.py)."""

    samples = SAMPLES

    def __init__(self, first=(), fixed=False, old_layers=None, twin=False, tf=None, policy="float32", policies=False, named=False, turn=None,
                 lives=False):
        self.first, self.fixed, self.old_layers, self.twin, self.tf = tuple(first), fixed, old_layers, twin, tf
        self.policy, self.policies, self.named, self.turn = policy, policies, named, turn
        self.lives, self.names = lives, set()


class Graph(Layers, More, Wide, Lives):
    def __init__(self, keras, rng, traits, depth=1):
        self.K, self.L, self.rng, self.traits, self.depth = keras, keras.layers, rng, traits, depth
        self.three = keras.__version__.startswith("3")
        self.first, self.fixed, self.old_layers, self.twin = traits.first, traits.fixed and depth == 1, traits.old_layers, traits.twin
        self.pool, self.used, self.shared, self.count = [], set(), [], 0
        self.inputs, self.kinds, self.extra = [], [], []
        self.named_inputs = traits.named and depth == 1

    # ---- tensors ----

    def shape(self, tensor):
        return tuple(tensor.shape[1:])

    def put(self, *tensors):
        self.pool += tensors

    def whole(self, tensor):
        shape = self.shape(tensor)
        return None not in shape and len(shape) <= 5 and 0 < int(np.prod(shape or (1,))) < 3000 and str(tensor.dtype).find("float") >= 0

    def pick(self, test=lambda t: True):
        fitting = [t for t in self.pool if test(t)]
        fresh = [t for t in fitting if id(t) not in self.used]
        if not fitting:
            return None
        from_ = fresh if fresh and self.yes(0.7) else fitting
        return from_[int(self.rng.integers(len(from_)))]

    def apply(self, layer, *tensors, **kwargs):
        self.dress(layer)
        result = layer(tensors[0] if len(tensors) == 1 else list(tensors), **kwargs)
        self.used |= {id(t) for t in tensors}
        self.count += 1
        return result

    def input(self, shape, kind=None, dtype=None):
        fixed = {"batch_size": SAMPLES} if self.fixed else {}
        if self.named_inputs:
            fixed["name"] = NAMES[len(self.inputs)]
        x = self.K.Input(shape, dtype=dtype, **fixed)
        self.inputs.append(x)
        self.kinds.append(kind)
        return x

    def start(self):
        if self.traits.turn is not None and self.yes(0.6):
            self.start_case(list(DRAWS)[self.traits.turn % len(DRAWS)])
        for _ in range(self.one(1, 1, 2, 3) if not self.inputs else self.one(0, 1)):
            if self.traits.lives and self.yes(0.2):
                getattr(self, self.one("start_typed", "start_inside"))()
                continue
            if self.yes(0.35) and self.start_case():
                continue
            if self.yes(0.15) and self.attempt(self.one(self.start_open_sequence, self.start_open_image, self.start_shared_tokens, self.start_strings)):
                continue
            kind = self.one("vector", "sequence", "image", "tokens", "volume") if self.yes(0.8) else self.one("steps", "steps", "steps", "words", "categories")
            getattr(self, "start_" + kind)()

    def start_vector(self):
        self.put(self.input((self.n(2, 8),)))

    def start_sequence(self):
        self.put(self.input((self.n(3, 7), self.n(1, 5))))

    def start_image(self):
        self.put(self.input((self.n(5, 9), self.n(5, 9), self.n(1, 4))))

    def start_volume(self):
        self.put(self.input((self.n(3, 5), self.n(3, 5), self.n(3, 5), self.n(1, 2))))

    def start_tokens(self):
        vocabulary = self.n(5, 12)
        x = self.input((self.n(4, 7),), ("padded", vocabulary), self.one("int32", "float32"))
        self.put(self.apply(self.L.Embedding(vocabulary, self.n(2, 5), mask_zero=self.yes(0.6)), x))

    def start_steps(self):
        self.put(self.apply(self.L.Masking(0.0), self.input((self.n(3, 7), self.n(1, 4)), "steps")))

    def start_words(self):
        x = self.input((self.n(2, 4),), ("among", WORDS), "string")
        some = WORDS[:self.n(2, 5)]
        layer = self.one(lambda: self.L.StringLookup(vocabulary=some, num_oov_indices=self.n(1, 2), mask_token=self.one(None, "")),
                         lambda: self.L.Hashing(8))()
        self.put(self.apply(self.L.Embedding(12, self.n(2, 4)), self.apply(layer, x)))

    def start_categories(self):
        L = self.L
        x = self.input((self.n(2, 4),), ("int", 6), "int64")
        layer = self.one(lambda: L.CategoryEncoding(6, output_mode=self.one("multi_hot", "count")), lambda: L.IntegerLookup(
            vocabulary=[2, 3, 4], output_mode=self.one("multi_hot", "count")))()
        self.put(self.apply(layer, x))

    # ---- steps ----

    def unary(self):
        tensor = self.pick()
        layer = self.layer_in_policy(self.shape(tensor)) if self.yes(0.97) else self.function_layer()
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
        kind = many[int(self.rng.integers(len(many)))]
        third = self.pick(lambda t: self.shape(t) == self.shape(a)) if kind is not L.Subtract and self.yes(0.2) else None
        self.put(self.apply(kind(), a, b, *([third] if third is not None else [])))

    def concatenate(self, a):
        rank = len(self.shape(a))
        if rank == 0:
            return
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
        what = self.n(0, 5)
        causal = {"use_causal_mask": True} if self.yes(0.3) else {}
        if what == 0:
            self.put(self.apply(L.Attention(use_scale=self.yes()), q, v, **causal))
        elif what == 1:
            self.put(self.apply(L.AdditiveAttention(), q, v, **causal))
        elif what == 2:
            self.put(self.apply(L.Dot(axes=2, normalize=self.yes(0.3)), q, v))
        else:
            layer = L.MultiHeadAttention(self.n(1, 2), self.n(2, 4), use_bias=self.yes(0.8), value_dim=self.one(None, 3))
            if what == 5 and self.three:
                layer = L.GroupQueryAttention(3, 4, self.one(1, 2), use_bias=self.yes(0.8))
            if self.yes(0.2):
                self.put(*layer(q, v, return_attention_scores=True, **causal))
            else:
                self.put(layer(q, v, **causal) if self.yes() else layer(q, v, key=v, **causal))
            self.used |= {id(q), id(v)}
            self.count += 1

    def states(self):
        """A recurrent layer that hands its states to another."""
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None:
            return self.unary()
        L, units = self.L, self.n(1, 4)
        kind = self.one(L.LSTM, L.GRU, L.SimpleRNN)
        if self.yes(0.2):
            x_layer = L.RNN([L.LSTMCell(units), L.GRUCell(units)], return_state=True, return_sequences=self.yes())
            for result in self.apply(x_layer, x):
                self.put(*(result if isinstance(result, (list, tuple)) else [result]))
            return
        if self.yes(0.3):
            both = L.Bidirectional(kind(units, return_state=True, return_sequences=self.yes()), merge_mode=self.one("concat", "sum", None))
            results = self.apply(both, x)
        else:
            results = self.apply(kind(units, return_state=True, return_sequences=self.yes()), x)
        states = 2 if kind is L.LSTM else 1
        self.put(*results)
        y = self.pick(lambda t: len(self.shape(t)) == 2)
        first = kind(units, return_sequences=self.yes())
        given = list(results[-states:])
        if len(results) > 2 * states and self.yes():
            first, given = L.Bidirectional(first), list(results[-2 * states:])
        self.put(self.apply(first, y, initial_state=given))

    def branches(self):
        """One layer, two outputs."""
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None:
            return self.unary()
        kind = self.one(self.L.LSTM, self.L.GRU, self.L.SimpleRNN)
        self.put(*self.apply(self.L.Bidirectional(kind(self.n(1, 4), return_sequences=self.yes()), merge_mode=None), x))

    def nested(self):
        """A model as a layer, with one input or two, one output or two; sometimes called twice."""
        if self.depth >= DEEPEST:
            return self.unary()
        tensors = [self.pick(lambda t: len(self.shape(t)) in (1, 2, 3)) for _ in range(self.one(1, 1, 2))]
        if tensors[0] is None:
            return
        if len(tensors) == 2 and tensors[0] is tensors[1]:
            tensors.pop()
        inner = Graph(self.K, self.rng, self.traits, self.depth + 1)
        inner.inputs = [self.K.Input(self.shape(t)) for t in tensors]
        inner.pool = list(inner.inputs)
        model = inner.chain() if len(tensors) == 1 and self.yes(0.4) else inner.close(self.n(1, 5), self.one(1, 1, 2))
        for attempt in (1, 2):
            results = self.apply(model, *tensors)
            if attempt == 1 and len(tensors) == 1 and not isinstance(results, (list, tuple)) and self.yes():
                self.shared.append((model, self.shape(tensors[0])))
            self.put(*(results if isinstance(results, (list, tuple)) else [results]))
            tensors = [self.pick(lambda t, s=self.shape(old): self.shape(t) == s) for old in tensors]
            if self.yes(0.7):
                break

    def chain(self):
        x = y = self.inputs[0]
        layers = [x]
        for _ in range(self.n(1, 4)):
            layer = self.layer_for(self.shape(y))
            y = layer(y)
            layers.append(layer)
            if not self.whole(y):
                break
        if self.depth > 1 and self.yes(0.2):
            return self.K.Sequential(layers[1:])        # built when it is called
        if self.depth == 1 and self.traits.lives and not self.fixed:
            return self.grown(layers)
        return self.K.Sequential([self.K.Input(self.shape(x), **({"batch_size": SAMPLES} if self.fixed else {}), dtype=x.dtype)] + layers[1:])

    def operate(self):
        """Operators and functions on tensors, as people write them."""
        a = self.pick()
        b = self.pick(lambda t: self.shape(t) == self.shape(a))
        if len(self.shape(a)) == 0:
            return
        roll = self.rng.random()
        if roll < 0.35:
            y = graph_functions.operators(self, a, b)
        elif roll < 0.55:
            y = graph_functions.slices(self, a)
        elif self.three:
            y = (graph_functions.more_operations if roll < 0.75 else graph_functions.operations)(self.K.ops, self, a, b)
        else:
            y = (graph_functions.more_tensorflow if roll < 0.75 else graph_functions.tensorflow)(self.traits.tf, self, a, b)
        self.settled(y, a)
        self.used |= {id(a)}
        self.put(y)
        self.count += 1

    def settled(self, y, x):
        """In a model of halves nothing hangs on their last bits."""
        if ("16" in self.traits.policy or self.traits.policies) and graph_functions.jumps(y, x):
            raise ValueError("a function of steps, of halves")

    def grow(self, goal):
        for _ in range(4 * goal):
            if self.count >= goal:
                break
            roll = self.rng.random()
            if self.yes(0.1):
                self.wide_step()
                continue
            step = self.steps_first if roll < 0.02 else self.unary if roll < 0.48 else self.merge if roll < 0.61 else self.again if roll < 0.69 else self.attend if roll < 0.76 else \
                self.nested if roll < 0.82 else self.states if roll < 0.86 else self.branches if roll < 0.88 else self.operate
            self.attempt(self.life_step if self.traits.lives and self.yes(0.2) else step)
            self.pool = [t for t in self.pool if self.whole(t) or any(t is i for i in self.inputs)]

    def close(self, goal, most):
        self.grow(goal)
        ends = [t for t in self.pool if id(t) not in self.used] or [self.pool[-1]]
        outputs, rest = ends[:most], ends[most:]
        if rest:                    # so that no input is left without a way to an output
            outputs[-1] = self.L.Concatenate()([self.L.Flatten()(t) for t in [outputs[-1]] + rest])
        outputs = [t if all(t is not i for i in self.inputs) else self.L.Activation("tanh")(t) for t in outputs]
        if self.depth == 1 and self.yes(0.05):
            outputs.append(self.one(*outputs))
        return self.model(outputs + self.extra)

    def build(self):
        if self.yes(0.15 if self.traits.lives else 0.08):
            getattr(self, "start_" + self.one("vector", "sequence", "image", "volume"))()
            return self.chain()
        self.start()
        return self.close(self.n(3, 30), self.n(1, 4))


def random_graph(keras, rng, traits=None):
    """(model, how to draw each input, the Graph)"""
    graph = Graph(keras, rng, traits or Traits())
    model = graph.build()
    if graph.yes(0.15):
        graph.freeze(model)
    by_input = {id(x): kind for x, kind in zip(graph.inputs, graph.kinds)}
    kinds = [by_input.get(id(x)) for x in model.inputs]         # Keras sorts a dict by its keys
    if graph.traits.lives and graph.yes(0.6):
        model, kinds = live(graph, model, kinds)
    return model, kinds, graph
