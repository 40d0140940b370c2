"""Well-known networks with weights as if trained, as people keep them: whole, without their top, under layers of one's own in one model, and
as a layer of a Sequential. Needs Keras 3. Writes the same folders as carriers.write_model, so that score.recover() takes them."""
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

import carriers  # noqa: E402

SHAPES = ("top", "bare", "flat", "nested")     # how a network is used
SIDE = 80                                      # pixels; enough for every network's strides, and odd sizes come about inside
SAMPLES, DATA = 16, 6                          # inputs with outputs; inputs for the statistics of normalisations


def base_of(name, top, **options):
    make = getattr(keras.applications, name)
    side = options.pop("side", SIDE)
    channels = options.pop("channels", 3)
    return make(weights=None, include_top=top, input_shape=(side, side, channels), **options)


def network(name, shape, **options):
    """A model with the network `name` in it. `shape` is one of SHAPES; options are those of keras.applications, and `side`."""
    if shape == "top":
        return base_of(name, True, classes=11, **options)
    base = base_of(name, False, **options)
    if shape == "bare":
        return base
    if shape == "flat":
        x = L.GlobalAveragePooling2D()(base.output)
        x = L.Dropout(0.3)(L.Dense(24, activation="relu")(x))
        return keras.Model(base.input, L.Dense(5, activation="softmax")(x))
    return keras.Sequential([base, L.Flatten(), L.Dense(16, activation="tanh"), L.Dense(1, activation="sigmoid")])


def leaves(layer):
    return [leaf for part in layer.layers for leaf in leaves(part)] if hasattr(layer, "layers") else [layer]


def train_as_if(model, data, rng):
    """Moves every weight off its first value, then takes the statistics of normalisations from the data."""
    norms = [layer for layer in leaves(model) if isinstance(layer, L.BatchNormalization)]
    for w in model.trainable_weights:
        value, last = w.numpy(), w.path.split("/")[-1]
        if last.endswith("kernel"):
            value = value * np.float32(rng.uniform(0.9, 1.2) if norms else 1.4)    # without normalisations, as they are initialised for relu
        elif last == "gamma":
            value = 1 + rng.normal(0, 0.15, value.shape)
        else:
            value = value + rng.normal(0, 0.1, value.shape)
        w.assign(value)
    for layer in leaves(model):
        if isinstance(layer, L.Normalization) and layer.weights:
            mean, variance = layer.weights[:2]
            mean.assign(np.resize(np.float32([0.3, 0.5, 0.4]), mean.shape))
            variance.assign(np.resize(np.float32([1.5, 0.7, 1.1]), mean.shape))
            layer.finalize_state()
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(data, training=True)
    for layer, momentum in zip(norms, kept):
        layer.momentum = momentum
        layer.moving_variance.assign(layer.moving_variance * rng.uniform(1.0, 1.3, layer.moving_variance.shape))   # of other data


def spread_classes(model, data):
    """Gives the last layer with a kernel such weights that its outputs differ from input to input as those of a trained one do."""
    last = leaves(model)
    head = [layer for layer in last if hasattr(layer, "kernel")][-1]
    ends = [layer for layer in (head, last[-1]) if hasattr(layer, "activation")]
    kept = [layer.activation for layer in ends]
    for layer in ends:
        layer.activation = keras.activations.linear
    logits = np.array(model(data, training=False))
    for layer, activation in zip(ends, kept):
        layer.activation = activation
    axes = tuple(range(logits.ndim - 1))
    factor = np.float32(1.5) / logits.std(axes).mean()
    head.kernel.assign(head.kernel * factor)
    if head.bias is not None:
        head.bias.assign((head.bias - logits.mean(axes)) * factor)


def draw(name, shape, seed=1, **options):
    """The model, inputs and outputs."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = network(name, shape, **options)
    size = model.input_shape[1:]

    def pictures(count):
        coarse = rng.normal(0, 1, (count, size[0] // 8 + 1, size[1] // 8 + 1, size[2]))
        return (coarse.repeat(8, 1).repeat(8, 2)[:, :size[0], :size[1]] + 0.3 * rng.normal(0, 1, (count, *size))).astype("float32")
    data = pictures(DATA)
    train_as_if(model, data, rng)
    if shape != "bare":
        spread_classes(model, data)
    inputs = pictures(SAMPLES)
    outputs = np.array(model.predict(inputs, batch_size=8, verbose=0))
    if not outputs.std(0).mean() > 0.02:
        raise RuntimeError("%s: the outputs hardly depend on the inputs" % name)
    return model, [inputs], [outputs]


def write(folder, name, shape, seed=1, only=None, **options):
    """`only`: these carriers (of list, legacy, keras3); all of them without."""
    os.makedirs(folder, exist_ok=True)
    model, inputs, outputs = draw(name, shape, seed, **options)
    if only is None:
        carriers.write_carriers(model, folder)
    if "list" in (only or ()):
        np.save(os.path.join(folder, "list.npy"), carriers.objects(model.get_weights()), allow_pickle=True)
    if "legacy" in (only or ()):
        carriers.write_legacy(model, os.path.join(folder, "legacy.h5"))
    if "keras3" in (only or ()):
        model.save_weights(os.path.join(folder, "k.weights.h5"))
    carriers.write_samples(folder, inputs, outputs)
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": name, "seed": seed, "number": SHAPES.index(shape), "inputs": [list(x.shape[1:]) for x in inputs],
                   "parameters": model.count_params(), "layers": len(model.layers), "config": {}}, file)
    return model
