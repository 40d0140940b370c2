"""Runs the scripts of rebuilders/ with real Keras, each in a folder with its files: python rebuilder_worker.py RELEASE FOLDER.

FOLDER/AREA/NAME holds script.py, the files that the case's first part wrote, and what Keras made of the script: io.npz (inputs in the order
of model.inputs, outputs in that of model.outputs) and facts.json; of a script that Keras does not run, facts.json with the error and the
script's line.
"""
import contextlib
import io
import json
import os
import sys
import traceback
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np

import make_fixed
import rebuilder_cases


def layers_below(model):
    for layer in getattr(model, "layers", []):
        yield layer
        yield from layers_below(layer)


def draw(model, rng):
    from tensorflow import keras
    rows = [layer.input_dim for layer in layers_below(model) if isinstance(layer, keras.layers.Embedding)]
    for tensor in model.inputs:
        shape = [4] + [7 if n is None else n for n in tensor.shape[1:]]
        yield rng.integers(0, min(rows), shape).astype("int32") if rows else rng.normal(size=shape).astype("float32")


def prepare(case, folder):
    """What the case's first part makes: W draws weights, obj makes an array of objects, shake changes a model's weights."""
    import tensorflow as tf
    from tensorflow import keras
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    os.makedirs(folder)
    os.chdir(folder)
    for name, text in case.modules.items():
        with open(name, "w") as f:
            f.write(text)
    if case.script:
        with open("script.py", "w") as f:
            f.write(case.script)
    scope = {"np": np, "tf": tf, "keras": keras, "layers": keras.layers, "os": os, "json": json, "rng": rng, "obj": make_fixed.objects, "Input": keras.Input,
             "Model": keras.Model, "Sequential": keras.Sequential, "shake": lambda model: shake(model, rng),
             "W": lambda *shape: rng.normal(size=shape).astype("float32") * np.float32(0.3 if len(shape) > 1 else 0.1)}
    exec(compile(case.files, case.name, "exec"), scope)
    return rng, scope


def shake(model, rng):
    """Other weights, those of normalizations positive."""
    def other(variable, w):
        if w.dtype.kind != "f":
            return w
        if "var" in variable.name or "gamma" in variable.name:
            return (0.5 + rng.random(w.shape)).astype(w.dtype)
        return (w + 0.15 * rng.normal(size=w.shape)).astype(w.dtype)
    model.set_weights([other(v, w) for v, w in zip(model.weights, model.get_weights())])
    return model


def compute(model, rng, x=None):
    import tensorflow as tf
    x = x or list(draw(model, rng))
    given = [tf.constant(v) if v.dtype.kind == "U" else v for v in x]
    y = make_fixed.listed(model(given if len(x) > 1 else given[0], training=False))
    np.savez("io.npz", **{"x%d" % i: v for i, v in enumerate(x)}, **{"y%d" % i: np.asarray(v) for i, v in enumerate(y)})
    return {"layers": [layer.name for layer in model.layers], "params": int(model.count_params())}


def run(case, folder):
    from tensorflow import keras
    keras.backend.clear_session()
    rng, scope = prepare(case, folder)
    if case.evidence:
        return compute(scope["model"], rng, scope.get("samples"))
    keras.backend.clear_session()
    try:
        sys.argv = ["script.py"]
        sys.path.insert(0, folder)
        scope = {"__name__": "__main__", "__file__": os.path.join(folder, "script.py")}
        exec(compile(case.script, "script.py", "exec"), scope)
        return compute(scope["model"], rng)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "script.py"]
        return {"error": "%s: %s" % (type(error).__name__, error), "line": lines[-1] if lines else None}
    finally:
        sys.path.remove(folder)
        for name in case.modules:
            sys.modules.pop(name.removesuffix(".py"), None)


if __name__ == "__main__":
    release, root = sys.argv[1], os.path.abspath(sys.argv[2])
    for area, case in rebuilder_cases.all_cases():
        if release in case.releases:
            place = os.path.join(root, area, case.name)
            with contextlib.redirect_stdout(io.StringIO()):
                facts = run(case, place)
            with open(os.path.join(place, "facts.json"), "w") as out:
                json.dump(facts, out)
