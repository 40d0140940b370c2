#!/usr/bin/env python3
"""Writes the fixed set: for every model of zoo.py what this Keras saves of it, and what it computes with it.

    make_fixed.py [--out FOLDER] [NAME...]

Run it with the interpreter of the Keras that should be the writer (see tools/setup_tests); the folder is named
after its version. The tests read these files and need no Keras. Existing files of a model are replaced.
"""
import argparse
import json
import os
import pickle
import shutil
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.pop("COLUMNS", None)

import keras                     # noqa: E402
import numpy as np               # noqa: E402

import zoo                       # noqa: E402
from facts import facts          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KERAS3 = keras.__version__.startswith("3")
LIMIT = 17000                    # bytes; larger weights-only files are left out: their layout is in .keras and .h5 too
RELEASE = ".".join(keras.__version__.split(".")[:2])


def seed_of(name):
    return zlib.crc32(name.encode())


def randomise(model, rng):
    """Gives every weight numbers of its own: a bias or a mean left at zero would hide a mistake."""
    values = []
    for variable, value in zip(model.weights, model.get_weights()):
        path = getattr(variable, "path", variable.name)
        last = path.split("/")[-1].split(":")[0]
        if not np.issubdtype(value.dtype, np.floating):
            values.append(value)
        elif last in ("gamma", "moving_variance", "variance"):
            values.append(rng.uniform(0.5, 1.5, value.shape).astype(value.dtype))
        elif value.ndim < 2 or "bias" in last:
            values.append(rng.normal(0, 0.3, value.shape).astype(value.dtype))
        else:
            fan = max(1, int(np.prod(value.shape[:-1])))
            values.append(rng.normal(0, 1 / np.sqrt(fan), value.shape).astype(value.dtype))
    model.set_weights(values)


def draw(shape, how, rng, batch=4):
    """One input. how: None, ("int", n), ("padded", n): indices that end in zeros, ("steps", v): steps of value v."""
    shape = [batch] + [5 if d is None else int(d) for d in shape[1:]]
    if how is None:
        return rng.normal(0, 1, shape).astype(np.float32)
    kind, value = how
    if kind == "steps":
        x = rng.normal(0, 1, shape).astype(np.float32)
        for row in range(batch):
            x[row, row + 1:] = value
            x[row, 0] = value if row == 2 else x[row, 0]
        return x
    x = rng.integers(1 if kind == "padded" else 0, value, shape).astype(np.float32)
    if kind == "padded":
        for row in range(batch):
            x[row, 1 + row:] = 0
    return x


def listed(value):
    if isinstance(value, dict):
        return [value[k] for k in value]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def numbered(letter, arrays):
    return {letter: arrays[0]} if len(arrays) == 1 else {"%s%d" % (letter, i): a for i, a in enumerate(arrays)}


def samples(model, name):
    rng = np.random.default_rng(seed_of(name) + 1)
    xs = [draw(t.shape, zoo.PROFILE[name].get(i), rng) for i, t in enumerate(model.inputs)]
    ys = listed(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))
    return {**numbered("x", xs), **numbered("y", [np.asarray(y) for y in ys])}


def objects(arrays):
    """An object array of arrays: np.array(list, dtype=object) would merge arrays of one shape."""
    out = np.empty(len(arrays), dtype=object)
    for i, a in enumerate(arrays):
        out[i] = a
    return out


def pairs(model):
    """Kernels and biases, where all weighted layers have exactly these two; else None."""
    owners = [layer for layer in model.layers if layer.get_weights()]
    both = [layer.get_weights() for layer in owners]
    simple = all(len(w) == 2 and w[0].ndim >= 2 and w[1].ndim == 1 and w[0].shape[-1] == w[1].shape[0] for w in both)
    nested = any(hasattr(layer, "layers") for layer in owners)
    return None if nested or not simple or not both else both


def save_numpy(model, base):
    weights = model.get_weights()
    np.savez(base + ".npz", *weights)
    np.save(base + ".all_weights.npy", objects(weights), allow_pickle=True)
    by_layer = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    np.save(base + ".dict.npy", by_layer, allow_pickle=True)
    with open(base + ".dict.pkl", "wb") as f:
        pickle.dump(by_layer, f)
    both = pairs(model)
    if both:
        np.save(base + ".weights.npy", objects([w[0] for w in both]), allow_pickle=True)
        np.save(base + ".biases.npy", objects([w[1] for w in both]), allow_pickle=True)


def save_keras(model, base, limit=LIMIT):
    """Every form in which Keras itself saves. What it refuses is left out, with a word about it."""
    with open(base + ".json", "w") as f:
        f.write(model.to_json())
    model.save_weights(base + ".weights.h5")
    if not KERAS3:
        model.save_weights(base + ".legacy_w.h5", save_format="h5")
    for ending in (".weights.h5", ".legacy_w.h5"):
        if limit and os.path.exists(base + ending) and os.path.getsize(base + ending) > limit:
            os.remove(base + ending)
    for ending in (".keras", ".h5"):
        try:
            model.save(base + ending)
        except Exception as error:                       # noqa: BLE001 - whatever it is, the reason is printed
            print("  %s%s: %s" % (os.path.basename(base), ending, str(error).splitlines()[0]))
            if os.path.exists(base + ending):
                os.remove(base + ending)


def summary_text(model):
    """The table of the model itself: an optimizer's variables are no part of it."""
    lines, compiled = [], model.compiled
    model.compiled = False
    model.summary(print_fn=lambda text, line_break=True: lines.append(text))
    model.compiled = compiled
    return "\n".join(lines).rstrip("\n") + "\n"


def make(name, folder):
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed_of(name) % 2**31)
    model = zoo.MODELS[name](keras)
    randomise(model, np.random.default_rng(seed_of(name)))
    base = os.path.join(folder, name)
    for old in os.listdir(folder):
        if old.split(".")[0] == name and os.path.isfile(os.path.join(folder, old)):
            os.remove(os.path.join(folder, old))
    io = samples(model, name)
    if not all(np.isfinite(a).all() for a in io.values()):
        raise ValueError("an output is not finite")
    np.savez(base + ".io.npz", **io)
    with open(base + ".facts.json", "w") as f:
        json.dump(facts(model), f, indent=1)
        f.write("\n")
    if KERAS3:
        with open(base + ".summary.txt", "w") as f:
            f.write(summary_text(model))
    save_keras(model, base)
    save_numpy(model, base)
    if not KERAS3 and name in SAVED_MODELS + CHECKPOINTS:
        save_tensorflow(model, base, name in SAVED_MODELS)


SAVED_MODELS = ("mlp", "nested_functional", "slashes")
CHECKPOINTS = ("attention", "batchnorm", "bidirectional", "conv_lstm", "nested_frozen", "seq2seq", "time_distributed",
               "trained")


def save_tensorflow(model, base, whole):
    """A checkpoint and, where it is small, a SavedModel: what Keras 2 wrote by default."""
    saved = base + ".savedmodel"
    shutil.rmtree(saved, ignore_errors=True)
    if whole:
        model.save(saved, save_format="tf")
    os.makedirs(base + ".checkpoint", exist_ok=True)
    model.save_weights(os.path.join(base + ".checkpoint", "ck"), save_format="tf")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.path.join(HERE, "keras-" + RELEASE))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    wanted = "3" if KERAS3 else "2"
    names = options.names or [n for n in zoo.MODELS if zoo.ONLY.get(n, wanted) == wanted]
    left_out = 0
    for name in names:
        try:
            make(name, options.out)
            print(name, flush=True)
        except Exception as error:                       # noqa: BLE001
            left_out += 1
            print("LEFT OUT %s: %r" % (name, error), flush=True)
    return 1 if left_out and options.names else 0


if __name__ == "__main__":
    sys.exit(main())
