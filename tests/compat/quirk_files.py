"""Files for test_quirks.py by the real Keras 3 that runs this: quirk_files.py FOLDER

Layers of few bits with Keras's outputs and arrays (37 to 40), a Lambda that would leave a mark (47), a layer of a dozen variables beside
an optimizer's (50). NAME.keras, NAME.weights.h5, NAME.io.npz, NAME.arrays.npz: the variables by name.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402
from keras import layers         # noqa: E402

import quantised_models as q     # noqa: E402


def save(model, folder, name, x=None):
    base = os.path.join(folder, name)
    x = q.samples(model) if x is None else x
    np.savez(base + ".io.npz", x=x, y=np.asarray(model(x)))
    np.savez(base + ".arrays.npz", **{v.path.split("/")[-1]: np.asarray(v) for v in model.layers[0].weights})
    model.save(base + ".keras")
    model.save_weights(base + ".weights.h5")


def few_bits(folder):
    for name, mode in (("dense", "int8"), ("einsum2", "int8"), ("embedding", "int8"), ("dense", "int4_channel"), ("dense_even", "int4_channel"),
                       ("dense", "int4_block"), ("dense", "float8")):
        model = q.MODELS[name]()
        q.settle(model)
        chosen = q.CONFIGS[mode]()
        model.quantize(chosen) if isinstance(chosen, str) else model.quantize(config=chosen)
        save(model, folder, name + "-" + mode)


def lora(folder):
    """As it is before it is saved, and as Keras loads it again."""
    for mode in (None, "int8"):
        model = q.MODELS["dense"]()
        q.settle(model)
        if mode:
            model.quantize(mode)
        model.layers[0].enable_lora(2)
        for v in model.variables:
            if "lora" in v.name:
                v.assign(q.RNG.normal(size=v.shape) * 0.6)
        base = os.path.join(folder, "lora-%s" % mode)
        save(model, folder, "lora-%s" % mode)
        again, x = keras.models.load_model(base + ".keras"), np.load(base + ".io.npz")["x"]
        np.savez(base + ".again.npz", x=x, y=np.asarray(again(x)), **{v.name: np.asarray(v) for v in again.layers[0].weights})


@keras.saving.register_keras_serializable("lab")
class Dozen(layers.Layer):
    def build(self, shape):
        self.ws = [self.add_weight(name="w%d" % i, shape=(3, 3)) for i in range(12)]

    def call(self, x):
        for w in self.ws:
            x = keras.ops.tanh(keras.ops.matmul(x, w))
        return x


def dozen(folder):
    model = keras.Sequential([keras.Input((3,)), Dozen(name="dozen")])
    model.compile("adam", "mse")
    x = q.RNG.normal(size=(4, 3)).astype("float32")
    model.fit(x, x, verbose=0)
    q.settle(model)
    save(model, folder, "dozen", x)


def marked(folder):
    """Saved as a Lambda; who runs it finds a file in the folder."""
    mark = os.path.join(folder, "mark")
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x, at=mark: (open(at, "w").close(), x)[1], output_shape=(3,)), layers.Dense(2)])
    for ending in (".keras", ".h5"):
        model.save(os.path.join(folder, "marked" + ending))
    if os.path.exists(mark):            # Keras ran it as it built the model
        os.remove(mark)


def main(folder):
    few_bits(folder)
    lora(folder)
    dozen(folder)
    marked(folder)


if __name__ == "__main__":
    main(sys.argv[1])
