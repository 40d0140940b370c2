#!/usr/bin/env python3
"""Runs every script with real Keras 3 and writes what it built: make.py [NAME...].

For NAME.py: NAME.npz (weights in order), NAME.io.npz (four samples) and NAME.facts.json, as in the fixed set. The scripts
only build a model; cuvier reads them and takes the weights from NAME.npz.
"""
import glob
import json
import os
import runpy
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "compat"))

import keras                     # noqa: E402
import numpy as np               # noqa: E402

import make_fixed                # noqa: E402
from facts import facts          # noqa: E402

INTEGERS = {"unpacked": 20, "text_cnn": 20, "named_outputs": 20}      # scripts whose input are indices, and how many there are


def make(name):
    keras.backend.clear_session()
    modern = os.path.join(HERE, name + ".modern")          # what code of Keras 1 says, for the Keras that is here
    model = runpy.run_path(modern if os.path.exists(modern) else os.path.join(HERE, name + ".py"), run_name="__main__")["model"]
    seed = zlib.crc32(name.encode())
    make_fixed.randomise(model, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    how = ("int", INTEGERS[name]) if name in INTEGERS else None
    xs = [make_fixed.draw(t.shape, how, rng) for t in model.inputs]
    ys = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    ys = [ys[k] for k in sorted(ys)] if isinstance(ys, dict) else make_fixed.listed(ys)      # as model.outputs has them
    base = os.path.join(HERE, name)
    np.savez(base + ".npz", *model.get_weights())
    np.savez(base + ".io.npz", **make_fixed.numbered("x", xs), **make_fixed.numbered("y", ys))
    with open(base + ".facts.json", "w") as f:
        json.dump(facts(model), f, indent=1)
        f.write("\n")


def main():
    names = sys.argv[1:] or [os.path.basename(p)[:-3] for p in sorted(glob.glob(os.path.join(HERE, "*.py")))]
    for name in names:
        if name not in ("make", "test_scripts", "conftest"):
            make(name)
            print(name, flush=True)


if __name__ == "__main__":
    main()
