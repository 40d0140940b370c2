"""Runs in a Python with real Keras, once for many models: test_live.py and test_roundtrip.py start it.

    worker.py make FOLDER SEED COUNT     random models, each saved in every form, with samples
    worker.py odd FOLDER                 the models of odd_models.py, saved as .keras, with samples
    worker.py load                       lines of JSON on standard input: {"load": [paths], "io": path} -> one line each

Keras takes seconds to start, so one process serves a whole suite.
"""
import json
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


def load(paths):
    """The model in these files, loaded by Keras itself: one whole file, or a configuration and weights."""
    if len(paths) == 1:
        return keras.models.load_model(paths[0], compile=False)
    if paths[0].endswith(".py"):
        names = {}
        with open(paths[0], encoding="ascii") as f:
            exec(compile(f.read(), paths[0], "exec"), names)     # pylint: disable=exec-used
        names["model"].load_weights(paths[1])
        return names["model"]
    with open(paths[0]) as f:
        model = keras.models.model_from_json(f.read())
    if paths[1].endswith(".npz"):
        arrays = np.load(paths[1])
        model.set_weights([arrays[key] for key in arrays.files])
    else:
        model.load_weights(paths[1])
    return model


def compare(task):
    """The largest difference between the loaded model's outputs and the samples, relative to 1 + |y|."""
    keras.backend.clear_session()
    model = load(task["load"])
    io = np.load(task["io"])
    xs = [io[k] for k in io.files if k[0] == "x"]
    ys = [io[k] for k in io.files if k[0] == "y"]
    got = make_fixed.listed(model(xs if len(xs) > 1 else xs[0], training=False))
    assert len(got) == len(ys), "%d outputs, %d wanted" % (len(got), len(ys))
    worst = 0.0
    for a, b in zip(got, ys):
        a = np.asarray(a)
        assert a.shape == b.shape, "shape %s, %s wanted" % (a.shape, b.shape)
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        worst = max(worst, float(np.max(np.abs(a - b) / (1 + np.abs(b)))))
    if task.get("names"):
        names = [layer.name for layer in model.layers]
        assert names == task["names"], "layers %s, %s wanted" % (names, task["names"])
    return worst


def serve():
    for line in sys.stdin:
        try:
            answer = {"difference": compare(json.loads(line))}
        except Exception as error:                       # noqa: BLE001 - the test shows it
            answer = {"error": "%s: %s" % (type(error).__name__, str(error)[:2000])}
        sys.stdout.write("ANSWER " + json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "odd":
        make_odd(sys.argv[2])
    else:
        serve()
