#!/usr/bin/env python3
"""Runs every script of the three systems with real Keras and compares what it rebuilds with io.npz.

The scripts are evidence for cuvier; this says that they mean what we take them to mean. Prints one line per script,
exits 1 when one differs. Plots and the MNIST download are replaced by stubs.
"""
import glob
import os
import runpy
import shutil
import sys
import tempfile
import types
import unittest.mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = "keras-" + ".".join(keras.__version__.split(".")[:2])


def stub_world():
    sys.modules["matplotlib"] = types.ModuleType("matplotlib")
    sys.modules["matplotlib.pyplot"] = unittest.mock.MagicMock()
    images = np.zeros((8, 28, 28)), np.zeros(8, int)
    import keras.datasets.mnist
    keras.datasets.mnist.load_data = lambda *a: (images, images)


def run(script, data):
    """The model that the script leaves behind, run in a folder of its own beside the data."""
    with tempfile.TemporaryDirectory() as folder:
        for path in glob.glob(os.path.join(data, "*")):
            shutil.copy(path, folder)
        text = open(script).read()
        if keras.__version__.startswith("3") and "model_weights.h5" in text:     # Keras 3 goes by the ending
            os.rename(os.path.join(folder, "model_weights.h5"), os.path.join(folder, "model.weights.h5"))
            text = text.replace("model_weights.h5", "model.weights.h5")
        here = os.path.join(folder, "script.py")
        with open(here, "w") as f:
            f.write(text)
        before = os.getcwd()
        os.chdir(folder)
        try:
            left = runpy.run_path(here, run_name="__main__")
        finally:
            os.chdir(before)
        return left.get("model") or left["loaded_model"]


def main():
    stub_world()
    different = 0
    for script in sorted(glob.glob(os.path.join(HERE, "*", "scripts", "*.py"))):
        keras.backend.clear_session()
        data = os.path.join(os.path.dirname(os.path.dirname(script)), RELEASE)
        io = np.load(os.path.join(data, "io.npz"))
        with unittest.mock.patch("builtins.print"):
            model = run(script, data)
        same = np.allclose(model.predict(io["x"], verbose=0), io["y"], rtol=1e-5, atol=1e-6)
        different += not same
        print("ok  " if same else "DIFFERS", os.path.relpath(script, HERE))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
