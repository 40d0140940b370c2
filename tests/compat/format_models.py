"""Models whose files have the shapes that readers stumble over, by whichever Keras runs this: format_models.py FOLDER

NAME.keras, NAME.h5, NAME.legacy.h5 (weights alone), NAME.weights.h5, NAME.json, NAME.npz (get_weights), NAME.io.npz.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402

L = keras.layers
THREE = keras.__version__[0] == "3"
RNG = np.random.default_rng(3)


def block(name, trainable=True, frozen=()):
    """A nested model in which variables that are trained stand between others."""
    x = keras.Input((4,))
    y = x
    for i in (1, 2):
        y = L.Dense(4, activation="tanh", name="%s_d%d" % (name, i))(y)
        y = L.BatchNormalization(name="%s_bn%d" % (name, i))(y)
    model = keras.Model(x, y, name=name)
    model.trainable = trainable
    for layer in frozen:
        model.get_layer(layer).trainable = False
    return model


def nested(**options):
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(2, name="last")(block("b", **options)(L.Dense(4, name="first")(x))))


def deep():
    """Models in models, all frozen but the innermost layers' neighbours."""
    x = keras.Input((4,))
    inner = block("i", trainable=False)
    y = keras.Input((4,))
    middle = keras.Model(y, L.BatchNormalization(name="mbn")(inner(L.Dense(4, name="md")(y))), name="m")
    return keras.Model(x, L.Dense(2, name="out")(middle(x)))


def wide():
    """Names of layers and of weights that do not fit one attribute of HDF5 (64 KiB), nor the configuration."""
    x = keras.Input((2,))
    y = x
    for i in range(330):
        y = L.Dense(2, name="a_layer_with_a_long_name_" + "x" * 180 + "_%03d" % i)(y)
    return keras.Model(x, y)


def wide_block():
    """The same for the weights of one group: a nested model."""
    x = keras.Input((2,))
    inner = x
    for i in range(170):
        inner = L.Dense(2, name="inside_" + "y" * 190 + "_%03d" % i)(inner)
    z = keras.Input((2,))
    return keras.Model(z, keras.Model(x, inner, name="inner")(z))


def twins():
    """Many layers of one class: numbers in paths go past nine."""
    return keras.Sequential([keras.Input((3,))] + [layer for i in range(12) for layer in (L.Dense(3, activation="tanh"), L.LeakyReLU())])


def mixed():
    return keras.Sequential([keras.Input((6, 3)), L.Conv1D(4, 2), L.BatchNormalization(), L.Activation("relu"), L.Conv1D(4, 2), L.BatchNormalization(),
                             L.LSTM(3, return_sequences=True), L.Dropout(0.5), L.GRU(3), L.Dense(2)])


def brain():
    """Variables of 16 bits."""
    return keras.Sequential([keras.Input((4,)), L.Dense(3, dtype="bfloat16"), L.Dense(2, dtype="float32")])


def equal():
    return keras.Sequential([keras.Input((3,)), L.Dense(3, use_bias=False, activation="tanh"), L.Dense(3, use_bias=False)])


def weightless():
    return keras.Sequential([keras.Input((3, 2)), L.Flatten(), L.ReLU(), L.Dropout(0.1), L.Dense(2), L.Activation("relu")])


def depthwise():
    return keras.Sequential([keras.Input((5, 5, 3)), L.DepthwiseConv2D(3, depth_multiplier=2), L.Flatten(), L.Dense(2)])


def joined():
    """Axes other than the default, which some loaders lose."""
    a, b = keras.Input((3, 4)), keras.Input((2, 4))
    return keras.Model([a, b], L.LSTM(2)(L.Concatenate(axis=1)([a, b])))


def again():
    """One layer called three times, and names that differ by their number alone."""
    x = keras.Input((3,))
    d, d_1 = L.Dense(3, name="d"), L.Dense(3, name="d_1")
    return keras.Model(x, L.Add()([d(d_1(d(x))), d(x), d_1(x)]))


MODELS = {"nested": nested, "frozen": lambda: nested(trainable=False), "partly": lambda: nested(frozen=("b_d1", "b_bn2")), "deep": deep, "wide": wide,
          "wide_block": wide_block, "twins": twins, "mixed": mixed, "brain": brain, "equal": equal, "weightless": weightless, "depthwise": depthwise,
          "joined": joined, "again": again}


def legacy_weights(model, path):
    """Weights alone in the layout that Keras 2 called .h5."""
    if THREE:
        import h5py
        from keras.src.legacy.saving import legacy_h5_format
        with h5py.File(path, "w") as f:
            legacy_h5_format.save_weights_to_hdf5_group(f, model)
    else:
        model.save_weights(path)


def main(folder):
    for name, make in MODELS.items():
        keras.backend.clear_session()
        model = make()
        values = []
        for w, v in zip(model.get_weights(), model.weights):
            value = RNG.uniform(0.5, 1.5, w.shape) if "variance" in v.name else RNG.normal(0, 0.7, w.shape)
            values.append(value.astype(w.dtype))
        model.set_weights(values)
        xs = [RNG.normal(size=(4, *i.shape[1:])).astype("float32") for i in model.inputs]
        y = np.asarray(model.predict(xs if len(xs) > 1 else xs[0], verbose=0)).astype("float32")
        base = os.path.join(folder, name)
        np.savez(base + ".io.npz", y=y, **({"x": xs[0]} if len(xs) == 1 else {"x%d" % i: x for i, x in enumerate(xs)}))
        np.savez(base + ".npz", *model.get_weights())
        with open(base + ".json", "w", encoding="utf-8") as f:
            f.write(model.to_json())
        for ending, save in ((".keras", model.save), (".h5", model.save), (".weights.h5", model.save_weights), (".legacy.h5", lambda p, m=model: legacy_weights(m, p))):
            try:
                save(base + ending)
            except Exception as error:          # recorded by the file that is not there
                print(name, ending, str(error)[:200])
                if os.path.exists(base + ending):
                    os.remove(base + ending)
        if THREE and name == "mixed":
            model.save(base + ".folder", zipped=False)


if __name__ == "__main__":
    main(sys.argv[1])
