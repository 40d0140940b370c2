"""Runs in a Python with real Keras: random models of graph_models.py, saved with samples. CUV_KERAS=tf_keras takes tf_keras.

    graph_worker.py FOLDER SEED COUNT

Of each model one or two forms are saved, by turns: .keras, .h5, configuration and weights.
"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("CUV_KERAS") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import numpy as np               # noqa: E402

sys.modules["keras"] = keras     # make_fixed.py and others take this one

import graph_models              # noqa: E402
import layer_cases               # noqa: E402
import make_fixed                # noqa: E402

KERAS3 = keras.__version__.startswith("3")


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def name_of(dtype):
    return dtype if isinstance(dtype, str) else dtype.name


def samples(model, kinds, rng):
    xs = [layer_cases.draw_input(tuple(t.shape), name_of(t.dtype), k, rng, 3) for t, k in zip(model.inputs, kinds)]
    ys = leaves(model(xs if len(xs) > 1 else xs[0], training=False))
    return {**make_fixed.numbered("x", xs), **make_fixed.numbered("y", [np.asarray(y) for y in ys])}


def save(model, base, turn):
    """The files of one form; None: Keras cannot write it."""
    if turn == 0:
        model.save(base + ".keras")
        return [".keras"]
    if turn == 1:
        model.save(base + ".h5")
        return [".h5"]
    with open(base + ".json", "w") as f:
        f.write(model.to_json())
    if turn == 2:
        model.save_weights(base + ".weights.h5")
        return [".json", ".weights.h5"]
    np.savez(base + ".npz", *model.get_weights())
    return [".json", ".npz"]


def one(folder, seed, out):
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    entry = {"seed": seed, "base": "g%06d" % seed, "forms": []}
    base = os.path.join(folder, entry["base"])
    try:
        model, kinds = graph_models.random_graph(keras, rng)
        make_fixed.randomise(model, rng)
        io = samples(model, kinds, rng)
        entry["layers"] = sorted({type(layer).__name__ for layer in model.layers})
        entry["count"] = len(model.layers)
        if not all(np.isfinite(a).all() and np.abs(a).max(initial=0) < 1e5 for a in io.values()):
            raise ValueError("outputs beyond measure")
        np.savez(base + ".io.npz", **io)
    except Exception as error:                           # noqa: BLE001 - no model that Keras takes: recorded, another seed
        entry["keras"] = "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:200])
        out.write(json.dumps(entry) + "\n")
        return False
    for turn in (0, 1 + seed % 3):
        try:
            entry["forms"].append(save(model, base, turn))
        except Exception as error:                       # noqa: BLE001
            entry.setdefault("unsaved", []).append("%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:160]))
    out.write(json.dumps(entry) + "\n")
    out.flush()
    return True


def main():
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    made = 0
    with open(os.path.join(folder, "index.jsonl"), "w") as out:
        for i in range(3 * count):
            if made >= count:
                break
            made += one(folder, seed + i, out)


if __name__ == "__main__":
    main()
