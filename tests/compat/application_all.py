"""By hand: all networks of keras.applications with drawn weights, in each form that a Keras saves, read with nothing but a line of code, and what
cuvier writes of them loaded by that Keras: python application_all.py FOLDER [NAME...], with Keras 3.15 or 2.15. Some take gigabytes; one at a time.
"""
import gc
import os
import subprocess
import sys

import numpy as np

import application_worker as worker
from application_facts import NAMES
from support import BINARY

import keras
from keras import applications


def cuvier(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=900)



def one(name, folder):
    rng = np.random.default_rng(len(name))
    keras.backend.clear_session()
    top = not name.startswith("ConvNeXt")
    side = 107 if name.startswith("Incept") else 96
    call = "%s(weights=None, include_top=%s, input_shape=(%d, %d, 3)%s)" % (name, top, side, side, ", classes=5" if top else ", pooling='avg'")
    model = eval("applications." + call)
    worker.draw_weights(model, rng)
    base = os.path.join(folder, name)
    with open(base + ".py", "w") as f:
        f.write("from %s import applications\nmodel = applications.%s\n" % ("keras" if worker.IS_3 else "tf_keras", call))
    x = rng.uniform(0, 255, (2, side, side, 3)).astype("float32")
    np.savez(base + ".io.npz", x=x, y=np.asarray(model(x, training=False)))
    results = []
    for form in (".weights.h5", ".legacy.h5", ".npy"):
        worker.save(model, base + form)
        done = cuvier("verify", base + ".py", base + form, "--samples", base + ".io.npz")
        results.append("ok" if done.returncode == 0 else form + " " + (done.stderr or done.stdout)[:300])
        if form != ".weights.h5":
            os.remove(base + form)
    if name != "ConvNeXtXLarge":
        done = cuvier("rebuild", base + ".py", base + ".weights.h5", "-o", base + ".keras", *([] if worker.IS_3 else ["--keras", "2"]))
        if done.returncode:
            results.append(done.stderr[:300])
        else:
            difference = float(np.abs(np.asarray(keras.models.load_model(base + ".keras")(x, training=False)) - np.load(base + ".io.npz")["y"]).max())
            results.append("written: %.1e" % difference)
            os.remove(base + ".keras")
    os.remove(base + ".weights.h5")
    print(name, results, flush=True)
    return all(r == "ok" or r.startswith("written") for r in results)


if __name__ == "__main__":
    names = sys.argv[2:] or NAMES
    bad = []
    for each in names:
        if not one(each, sys.argv[1]):
            bad.append(each)
        gc.collect()
    print("%d of %d" % (len(names) - len(bad), len(names)), bad)
