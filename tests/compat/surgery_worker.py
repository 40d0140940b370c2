"""Runs the scripts of surgery/ with real Keras, in a folder with the files that they load: python surgery_worker.py FOLDER NAME...

FOLDER/NAME.io.npz has inputs in the order of model.inputs and outputs in that of model.outputs.
"""
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
from tensorflow import keras

from idiom_worker import flat

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "surgery")


def execute(name):
    keras.backend.clear_session()
    scope = {"__name__": "__main__"}
    with open(os.path.join(FOLDER, name + ".py")) as script:
        exec(compile(script.read(), name, "exec"), scope)
    return scope


def draw(tensor, rng):
    shape = [3] + [9 if n is None else n for n in tensor.shape[1:]]
    if "int" in str(tensor.dtype):
        return rng.integers(0, 9, shape).astype("int32")
    return rng.normal(size=shape).astype("float32")


def run(name):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    model = execute(name)["model"]
    x = [draw(t, rng) for t in model.inputs]
    y = [np.asarray(t) for t in flat(model(x if len(x) > 1 else x[0], training=False))]
    np.savez(name + ".io.npz", **{"x%d" % i: v for i, v in enumerate(x)}, **{"y%d" % i: v for i, v in enumerate(y)})


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    execute("files")
    for script in sys.argv[2:]:
        run(script)
