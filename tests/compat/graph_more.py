"""What graph_models.py draws rarely or never by itself: beginnings with any layer of layer_cases.py in a drawn configuration (each class that Keras
can call on tensors comes first in some model), names of keras.layers.experimental, time_major, Lambdas, layers of models that are shared."""
import layer_cases

# Together half of the draws: the classes that nothing else in the generator makes.
RARE = ["AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D", "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization",
        "HashedCrossing", "MelSpectrogram", "MixUp", "Pipeline", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomCrop",
        "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
        "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "ReversibleEmbedding", "STFTSpectrogram", "Solarization", "TextVectorization"]
DRAWS = layer_cases.DRAWS
NAMES = ["zeta", "alpha", "mid", "beta", "omega", "gamma", "delta", "pi", "rho", "tau"]       # of inputs and outputs, where a model has them by name
OLD = ["CenterCrop", "Discretization", "Normalization", "RandomContrast", "RandomFlip", "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth",
       "RandomZoom", "Rescaling", "Resizing"]


class More:
    """Mixed into Graph: the words that the rows of layer_cases.py use, and steps that are drawn by them."""

    real, sizes, space = layer_cases.D.real, layer_cases.D.sizes, layer_cases.D.space

    def policy(self):
        return None                     # the model's own

    def floats(self, tensor):
        if "float" in str(tensor.dtype):
            return tensor
        return self.K.ops.cast(tensor, "float32") if self.three else self.traits.tf.cast(tensor, self.traits.tf.float32)

    def start_case(self, name=None):
        """False when this Keras has no such layer, or does not take what was drawn."""
        names = [name for name in RARE if hasattr(self.L, name)]
        name = name or (self.one(*names) if names and self.yes(0.6) else self.one(*DRAWS))
        try:
            made = DRAWS[name](self)
            case = layer_cases.case_of(self.K, name, "", made, self)
            shapes = [(tuple(t.shape[1:]), str(getattr(t.dtype, "name", t.dtype))) for t in case.model.inputs]
            if any(None in shape for shape, _ in shapes):
                return False
            fixed = {"batch_size": self.traits.samples} if self.fixed else {}
            known = len(self.inputs)
            inputs = [self.K.Input(shape, dtype=dtype, **fixed, **({"name": NAMES[known + i]} if self.named_inputs else {})) for i, (shape, dtype) in enumerate(shapes)]
            whole_model = self.yes(0.3) or not isinstance(made[1][0], tuple) or made[0] is case.model
            results = (case.model if whole_model else made[0])(inputs if len(inputs) > 1 else inputs[0])
            results = [self.floats(t) for t in self.leaves(results) if str(getattr(t.dtype, "name", t.dtype)) != "string" and "complex" not in str(t.dtype)]
        except Exception:               # noqa: BLE001 - Keras 2 takes other arguments
            return False
        if not results or not all(self.whole(t) for t in results):
            return False
        self.inputs += inputs
        self.kinds += case.kinds
        self.count += 1
        if "pixels" in case.kinds:      # the activations of what follows are for small numbers
            results = [self.apply(self.L.Rescaling(1 / 255), t) for t in results]
        self.put(*results)
        return True

    def leaves(self, value):
        if isinstance(value, dict):
            return [leaf for key in sorted(value) for leaf in self.leaves(value[key])]
        if isinstance(value, (list, tuple)):
            return [leaf for item in value for leaf in self.leaves(item)]
        return [value]

    def function_layer(self):
        bodies = [lambda t: t * 2.0 - 1.0, lambda t: -t, lambda t: t / 2.0, lambda t: t + 0.5]
        return self.L.Lambda(bodies[int(self.rng.integers(len(bodies)))])

    def steps_first(self):
        """Keras 2: a recurrent layer whose input has the steps before the samples."""
        x = self.pick(lambda t: len(self.shape(t)) == 2)
        if x is None or self.three:
            return self.unary()
        tf, sequences = self.traits.tf, self.yes()
        layer = self.one(self.L.LSTM, self.L.GRU, self.L.SimpleRNN)(self.n(1, 4), time_major=True, return_sequences=sequences, go_backwards=self.yes(0.2))
        y = self.apply(layer, tf.transpose(x, [1, 0, 2]))
        self.used |= {id(x)}
        self.put(tf.transpose(y, [1, 0, 2]) if sequences else y)

    def experimental(self, shape):
        """Keras 2: preprocessing under the names that it had before 2.6."""
        old = self.L.experimental.preprocessing
        name = self.one(*OLD)
        rows, columns, _ = shape
        args = {"CenterCrop": (max(1, rows - 1), max(1, columns - 1)), "Resizing": (self.n(2, 6), self.n(2, 6)), "Rescaling": (0.5, 0.25),
                "RandomContrast": (0.2,), "RandomRotation": (0.2,), "RandomTranslation": (0.1, 0.1), "RandomZoom": (0.2,), "RandomHeight": (0.2,),
                "RandomWidth": (0.2,), "Discretization": ([-0.47, 0.26, 0.97],)}.get(name, ())
        if name in ("RandomHeight", "RandomWidth", "Discretization"):       # whose sizes the model no longer knows, or whose output is an index
            name, args = "Resizing", (self.n(2, 6), self.n(2, 6))
        kwargs = {"mean": 0.5, "variance": 2.0, "axis": None} if name == "Normalization" else {}
        return getattr(old, name)(*args, **kwargs)
