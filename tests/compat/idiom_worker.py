"""Runs the scripts of idioms/ (or others, by their path) with real Keras and saves what they build: python idiom_worker.py FOLDER NAME...

FOLDER/NAME.{keras,h5,json,weights.h5} and NAME.all.npy (model.get_weights()), with random weights; NAME.io.npz has inputs in the
order of model.inputs and outputs in that of model.outputs.
"""
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import keras

import make_fixed

HERE = os.path.dirname(os.path.abspath(__file__))


def flat(structure):
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flat(part)]
    return [structure]


def value_of(weight, rng):
    value = rng.normal(size=weight.shape) * 0.2
    return np.abs(value) + 0.5 if "variance" in weight.path else value


def draw(tensor, rng):
    shape = [3] + [9 if n is None else n for n in tensor.shape[1:]]
    if "int" in str(tensor.dtype):
        return rng.integers(0, 9, shape).astype(tensor.dtype)
    return rng.normal(size=shape).astype("float32")


def run(name, folder):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.backend.clear_session()
    scope = {"__name__": "__main__"}
    with open(name if name.endswith(".py") else os.path.join(HERE, "idioms", name + ".py")) as script:
        exec(compile(script.read(), name, "exec"), scope)
    name = os.path.basename(name).removesuffix(".py")
    model, base = scope["model"], os.path.join(folder, name)
    model.set_weights([value_of(w, rng) for w in model.weights])
    x = [draw(t, rng) for t in model.inputs]
    y = [np.asarray(t) for t in flat(keras.Model(model.inputs, model.outputs)(x if len(x) > 1 else x[0], training=False))]
    np.savez(base + ".io.npz", **{"x%d" % i: v for i, v in enumerate(x)}, **{"y%d" % i: v for i, v in enumerate(y)})
    model.save(base + ".keras")
    model.save(base + ".h5")
    model.save_weights(base + ".weights.h5")
    with open(base + ".json", "w") as f:
        f.write(model.to_json())
    np.save(base + ".all.npy", make_fixed.objects(model.get_weights()), allow_pickle=True)


if __name__ == "__main__":
    for each in sys.argv[2:]:
        run(each, sys.argv[1])
