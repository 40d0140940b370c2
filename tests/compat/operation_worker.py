"""Saves a model for every case of operation_cases.py, with its outputs, as real Keras gives them: worker.py FOLDER [CLASS ...]"""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np

import operation_cases as cases


# Histogram's node looks in the wrong module of Keras 3.15's TensorFlow backend for what is in another
if not hasattr(keras.src.backend.math, "histogram"):
    keras.src.backend.math.histogram = keras.src.backend.numpy.histogram


def flat(value):
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in flat(item)]
    return [value]


def make(folder, label, words, function, seed):
    rng = np.random.default_rng(seed)
    inputs, arrays = [], []
    for word in words.split():
        whole, sizes, dtype, values = cases.draw(word, rng)
        name = "in_%d" % len(inputs)
        inputs.append(keras.Input(batch_shape=sizes, dtype=dtype, name=name) if whole else keras.Input(sizes, dtype=dtype, name=name))
        arrays.append(values)
    model = keras.Model(inputs, flat(function(*inputs)))
    try:
        outputs = flat(model(arrays if len(arrays) > 1 else arrays[0]))
    except AttributeError:      # Keras 3.15 mixes up the arguments of ConvTranspose's node
        outputs = flat(function(*arrays))
    outputs = [keras.ops.convert_to_numpy(keras.ops.cast(y, "float32") if "float16" in str(y.dtype) else y) for y in outputs]
    io = {"x%d" % i if len(arrays) > 1 else "x": a for i, a in enumerate(arrays)}
    by_name = {x.name: a for x, a in zip(inputs, arrays)}       # those without a batch have no rows in common
    np.savez(os.path.join(folder, label + ".in.npz"), **(by_name if "=" in words else io))
    io.update({"y%d" % i if len(outputs) > 1 else "y": a for i, a in enumerate(outputs)})
    model.save(os.path.join(folder, label + ".keras"))
    np.savez(os.path.join(folder, label + ".io.npz"), **io)
    return sorted({type(op).__name__ for op in model.operations})


def classes():
    """Every Operation class of keras.src.ops."""
    import importlib
    import inspect
    import pkgutil
    import keras.src.ops as package
    from keras.src.ops.operation import Operation
    found = set()
    for item in pkgutil.iter_modules(package.__path__):
        if not item.name.endswith("_test"):
            module = importlib.import_module("keras.src.ops." + item.name)
            found |= {n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, Operation) and
                      c is not Operation and c.__module__ == module.__name__}
    return sorted(found)


def main(folder, *names):
    made = []
    for name in sorted(names or cases.CASES):
        for i, (words, function) in enumerate(cases.CASES[name]):
            label = "%s_%d" % (name, i)
            keras.backend.clear_session()
            try:
                made.append({"class": name, "label": label, "inputs": words, "holds": make(folder, label, words, function, len(made))})
            except Exception as error:  # what Keras itself cannot do
                made.append({"class": name, "label": label, "inputs": words, "keras": str(error)[:300]})
    json.dump({"cases": made, "classes": classes()}, open(os.path.join(folder, "cases.json"), "w"))


main(*sys.argv[1:])
