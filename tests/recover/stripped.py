"""Models of other people, stripped of their configuration: a folder for each, as carriers.py writes them. The inputs are drawn; the outputs are those
of the whole model, which other suites hold against Keras."""
import json
import os
import shutil
import sys
import zipfile

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "compat"))
import support  # noqa: E402

import carrier_forms  # noqa: E402


def draw(shape, dtype, first, count, rng):
    """Word numbers below what any Embedding of the model has, pictures, normal numbers."""
    shape = [count] + [side or 12 for side in shape[1:]]
    if first is not None:
        return rng.integers(0, first, shape).astype("int32")
    return (rng.random(shape) if len(shape) == 4 else rng.normal(0, 1, shape)).astype("float32")


def words_of(summary, path):
    """How many words the smallest Embedding has; None without one."""
    names = {layer["name"] for layer in summary["layers"] if layer["class_name"] == "Embedding"}
    found = []
    if names and h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.append(item.shape[0]) if isinstance(item, h5py.Dataset) and item.ndim == 2 and
                            (set(name.split("/")) & names or "embedding" in name) else None)
    return min(found, default=10) if names else None


def strip(path, folder):
    """The weights alone, in the form that the file has them; returns where, or None."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "model.weights.h5" not in archive.namelist():
                return None
            with archive.open("model.weights.h5") as source, open(os.path.join(folder, "k.weights.h5"), "wb") as to:
                shutil.copyfileobj(source, to)
        return "k.weights.h5"
    if not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r") as source, h5py.File(os.path.join(folder, "legacy.h5"), "w") as to:
        if "model_weights" not in source or "model_config" not in source.attrs:
            return None
        group = source["model_weights"]
        for key, value in group.attrs.items():
            to.attrs[key] = value
        for key in group:
            source.copy(group[key], to, name=key)
    return "legacy.h5"


def write(path, folder, count):
    """Returns why not, or None."""
    whole = support.cuvier("summary", path, "--json")
    if whole.returncode:
        return "no summary"
    summary = json.loads(whole.stdout)["model"]
    os.makedirs(folder)
    carrier = strip(path, folder)
    if not carrier:
        return "nothing to strip"
    rng = np.random.default_rng(7)
    words = words_of(summary, os.path.join(folder, carrier))
    x = [draw(i["shape"], i["dtype"], words, count, rng) for i in summary["inputs"]]
    given, told = os.path.join(folder, "x.npz"), os.path.join(folder, "y.npz")
    np.savez(given, **{"x%d" % i: a for i, a in enumerate(x)})
    done = support.cuvier("predict", path, "-i", given, "-o", told)
    if done.returncode:
        return "no outputs: " + done.stderr.strip()[-200:]
    y = support.arrays(told)
    most = max(carrier_forms.SAMPLES)
    for name, rows in (("samples_%d.npz" % most, slice(0, most)), ("held_out.npz", slice(most, None))):
        np.savez(os.path.join(folder, name), **{"x%d" % i: a[rows] for i, a in enumerate(x)}, **{"y%d" % i: a[rows] for i, a in enumerate(y)})
    np.savez(os.path.join(folder, "held_out_x.npz"), **{"x%d" % i: a[most:] for i, a in enumerate(x)})
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as file:
        json.dump({"family": os.path.basename(path), "inputs": [list(a.shape[1:]) for a in x], "layers": len(summary["layers"]),
                   "summary": summary}, file)
    return None
