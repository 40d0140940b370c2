"""Runs in a Python with real Keras, once for many models: test_live.py and test_roundtrip.py start it.

    worker.py make FOLDER SEED COUNT     random models, each saved in every form, with samples
    worker.py odd FOLDER                 the models of odd_models.py, saved as .keras, with samples

Keras takes seconds to start, so one process serves a whole suite.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402

import live_models               # noqa: E402
import make_fixed                # noqa: E402
import odd_models                # noqa: E402


def samples(model, rng):
    xs = [make_fixed.draw(t.shape, None, rng, batch=3) for t in model.inputs]
    ys = make_fixed.listed(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))
    return {**make_fixed.numbered("x", xs), **make_fixed.numbered("y", [np.asarray(y) for y in ys])}


def make(folder, seed, count):
    for i in range(count):
        keras.backend.clear_session()
        rng = np.random.default_rng(seed + i)
        build = live_models.random_sequential if i % 4 == 3 else live_models.random_model
        model = build(keras, rng)
        make_fixed.randomise(model, rng)
        base = os.path.join(folder, "m%03d" % i)
        io = samples(model, rng)
        if not all(np.isfinite(a).all() and np.abs(a).max() < 1e4 for a in io.values()):
            continue
        np.savez(base + ".io.npz", **io)
        make_fixed.save_keras(model, base, limit=None)
        make_fixed.save_numpy(model, base)


def make_odd(folder):
    for i, (name, build) in enumerate(odd_models.models(keras)):
        keras.backend.clear_session()
        rng = np.random.default_rng(1000 + i)
        model = build()
        make_fixed.randomise(model, rng)
        xs = odd_models.samples(keras, model, rng)
        ys = make_fixed.listed(model(xs if len(xs) > 1 else xs[0], training=False))
        np.savez(os.path.join(folder, name + ".io.npz"), **make_fixed.numbered("x", xs),
                 **make_fixed.numbered("y", [np.asarray(y, "float32") for y in ys]))
        model.save(os.path.join(folder, name + ".keras"))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        make_odd(sys.argv[2])
