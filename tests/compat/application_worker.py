"""Runs the scripts of applications/ with real Keras: python application_worker.py FOLDER NAME...

Files that a script loads are made when it first asks for them: of the model that it loads them into, with drawn statistics. So are those that
keras.applications would fetch. FOLDER/NAME.weights.h5 is the model's, whatever the script loads; NAME.io.npz has inputs in the order of
model.inputs and outputs in that of model.outputs.
"""
import os
import shutil
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import h5py
import keras
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, "applications")
IS_3 = keras.__version__.startswith("3")


def flat(structure):
    return [leaf for part in structure for leaf in flat(part)] if isinstance(structure, (list, tuple)) else [structure]


def draw_weights(model, rng):
    """Kernels stay as Keras drew them; what Keras begins with 0 and 1 is drawn, too."""
    for weight in model.weights:
        name = getattr(weight, "path", weight.name).split("/")[-1].split(":")[0]
        if name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.6, 1.4, weight.shape))
        elif name in ("beta", "bias", "moving_mean"):
            weight.assign(rng.normal(size=weight.shape) * 0.1)


def legacy_writer():
    if IS_3:
        from keras.src.legacy.saving import legacy_h5_format
        return legacy_h5_format.save_weights_to_hdf5_group
    from keras.src.saving.legacy import hdf5_format
    return hdf5_format.save_weights_to_hdf5_group


def save(model, path):
    if path.endswith(".weights.h5"):
        model.save_weights(path)
    elif path.endswith(".h5"):
        with h5py.File(path, "w") as f:
            legacy_writer()(f, model)
    elif path.endswith(".npy"):
        arrays = np.empty(len(model.get_weights()), object)
        arrays[:] = model.get_weights()
        np.save(path, arrays)
    else:
        head = model.get_layer("head").get_weights()
        np.savez(path, kernel=head[0], bias=head[1])


class Files:
    """Stands in for load_weights, numpy.load and get_file while a script runs."""

    def __init__(self, rng, scope):
        self.rng, self.scope = rng, scope

    def make(self, model, path):
        if not os.path.exists(path):
            if not path.endswith(".npz"):
                draw_weights(model, self.rng)
            save(model, path)

    def load_weights(self, model, path, *args, **kwargs):
        self.make(model, str(path))
        return LOAD_WEIGHTS(model, path, *args, **kwargs)

    def load(self, path, *args, **kwargs):
        self.make(self.scope["model"], path)
        return NP_LOAD(path, *args, **kwargs)


MODEL = keras.src.models.model.Model if IS_3 else keras.Model
LOAD_WEIGHTS, NP_LOAD = MODEL.load_weights, np.load
if IS_3:
    from keras.src.utils import file_utils as FETCHING
    GFILE = FETCHING
else:
    import tensorflow.compat.v2 as tensorflow
    from keras.src.utils import data_utils as FETCHING
    GFILE = tensorflow.io.gfile


def execute(name, rng):
    keras.backend.clear_session()
    path = os.path.join(os.getcwd(), name + ".py")
    if not os.path.exists(path):
        shutil.copy(os.path.join(SCRIPTS, name + ".py"), path)
    scope = {"__name__": "__main__", "__file__": path}
    files = Files(rng, scope)
    MODEL.load_weights = lambda model, *args, **kwargs: files.load_weights(model, *args, **kwargs)
    np.load = files.load
    FETCHING.get_file = lambda file, *args, **kwargs: file
    GFILE.exists = lambda path: True
    try:
        with open(path) as script:
            exec(compile(script.read(), name, "exec"), scope)
    finally:
        MODEL.load_weights, np.load = LOAD_WEIGHTS, NP_LOAD
    return scope


def draw(tensor, rng):
    shape = [2] + [64 if n is None else n for n in tensor.shape[1:]]
    return (rng.uniform(0, 255, shape) if len(shape) > 2 else rng.normal(size=shape)).astype("float32")


def run(name):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    model = execute(name, rng)["model"]
    inputs = getattr(model, "inputs", None) or [np.zeros((1, 64, 64, 3))]
    x = [draw(t, rng) for t in inputs]
    given = x if len(x) > 1 else x[0]
    if not os.path.exists(name + ".weights.h5"):
        model(given)                # classes make their last weights when they are called
        if "load" not in open(name + ".py").read():
            draw_weights(model, rng)
        model.save_weights(name + ".weights.h5")
    y = [np.asarray(t) for t in flat(model(given, training=False))]
    np.savez(name + ".io.npz", **{"x%d" % i: v for i, v in enumerate(x)}, **{"y%d" % i: v for i, v in enumerate(y)})


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    for script in sys.argv[2:]:
        try:
            run(script)
        except Exception as error:
            raise RuntimeError("%s: %s" % (script, error)) from error
