#!/usr/bin/env python3
"""One small net in many files, and a check that every script here rebuilds it with real Keras 3.

The files are written anew when their names are missing; io.npz has four inputs and what the net gives for them.
"""
import glob
import json
import os
import pickle
import runpy
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py                      # noqa: E402
import keras                     # noqa: E402
import numpy as np               # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def net():
    keras.backend.clear_session()
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, activation="relu", name="hidden"),
                             keras.layers.Dense(3, activation="softmax", name="out")], name="net")


def objects(items):
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


def write_files():
    rng = np.random.default_rng(7)
    model = net()
    model.set_weights([rng.normal(0, 1, w.shape).astype("float32") for w in model.get_weights()])
    w1, b1, w2, b2 = arrays = model.get_weights()
    np.save("list.npy", objects(arrays))
    np.save("nested.npy", objects([[w1, b1], [w2, b2]]))
    np.save("torch.npy", {"fc1.weight": w1.T.copy(), "fc1.bias": b1, "fc2.weight": w2.T.copy(), "fc2.bias": b2[None]})
    np.savez("arrays.npz", hidden_W=w1, hidden_b=b1, out_W=w2, out_b=b2)
    np.savez("ordered.npz", *arrays)
    for i, (w, b) in enumerate([(w1, b1), (w2, b2)]):
        np.save("parts/layer%d_W.npy" % i, w)
        np.save("parts/layer%d_b.npy" % i, b)
    with open("weights.pkl", "wb") as f:
        pickle.dump({"hidden": [w1, b1], "out": [w2, b2]}, f)
    with open("weights.json", "w") as f:
        json.dump({"layers": [{"name": n, "units": len(b), "activation": a, "kernel": w.tolist(), "bias": b.tolist()}
                              for n, a, w, b in [("hidden", "relu", w1, b1), ("out", "softmax", w2, b2)]]}, f)
    with h5py.File("plain.h5", "w") as f:
        f["first/W"], f["first/b"], f["second/W"], f["second/b"] = arrays
    with open("net.json", "w") as f:
        f.write(model.to_json())
    model.save("whole.h5")
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    x = rng.normal(0, 1, (4, 5)).astype("float32")
    np.savez("io.npz", x=x, y=model.predict(x, verbose=0))


def stub_sklearn():
    """Only what unknown_input.py asks of it."""
    sys.modules["sklearn"] = types.ModuleType("sklearn")
    sys.modules["sklearn.datasets"] = types.ModuleType("sklearn.datasets")
    sys.modules["sklearn.datasets"].make_classification = lambda n_samples, n_features: (np.zeros((n_samples, n_features)), None)


def main():
    os.chdir(HERE)
    if not os.path.exists("io.npz"):
        write_files()
    stub_sklearn()
    io = np.load("io.npz")
    different = 0
    for script in sorted(glob.glob("*.py")):
        if script == "make.py":
            continue
        keras.backend.clear_session()
        model = runpy.run_path(script, run_name="__main__")["model"]
        same = np.allclose(model.predict(io["x"], verbose=0), io["y"], rtol=1e-5, atol=1e-6)
        different += not same
        print("ok  " if same else "DIFFERS", script, flush=True)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
