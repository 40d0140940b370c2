"""What Keras 2.15 makes of the scripts in by_name/, which load weights by the names of layers: by_name_worker.py FOLDER

Writes the files that they load, and NAME.io.npz for each script that Keras runs.
"""
import glob
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras                     # noqa: E402
import numpy as np               # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def source(seed, *sizes):
    model = keras.Sequential([keras.Input((4,))] + [keras.layers.Dense(units, name=name) for name, units in sizes])
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def main(folder):
    os.chdir(folder)
    first = source(1, ("a", 4), ("b", 4), ("c", 4), ("old_head", 2))
    first.save_weights("w.h5")
    first.save("whole.h5")
    source(9, ("b", 4), ("z", 4)).save_weights("v.h5")
    x = np.random.default_rng(2).normal(size=(3, 4)).astype("float32")
    for path in sorted(glob.glob(os.path.join(HERE, "by_name", "*.py"))):
        scope = {}
        with open(path, encoding="utf-8") as f:
            exec(compile(f.read(), path, "exec"), scope)
        np.savez(os.path.basename(path)[:-3] + ".io.npz", x=x, y=scope["model"].predict(x, verbose=0))


if __name__ == "__main__":
    main(sys.argv[1])
