"""Operations on every dtype and on pairs of them, near the limits, against real Keras as the test runs: values and dtypes. `dtype_worker.py FOLDER` and this
file, run with FOLDER, do the same with all operations and all dtypes."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from support import HERE, arrays, cuvier, keras_python

PAIRS = ["less", "equal", "floor_divide", "mod", "power", "right_shift", "hypot", "isclose", "concatenate", "select"]
CLASSES = ["Absolute", "Argmax", "Clip", "Deg2rad", "Exp2", "ExtractPatches", "FullLike", "Max", "Nanmax", "Outer", "Prod", "Quantile", "Sort", "Sum", "Linspace"]
ROOM = {"float16": (2e-3, 2e-3), "bfloat16": (1.6e-2, 1e-2), "float32": (1e-4, 1e-5), "float64": (1e-6, 1e-9)}


def differences(folder, m):
    """What is not as Keras has it, of one model."""
    base = os.path.join(str(folder), m["label"])
    done = cuvier("predict", base + ".json", "-i", base + ".in.npz", "-o", base + ".out.npz")
    if done.returncode:
        return [done.stderr]
    found, io, said = arrays(base + ".out.npz"), np.load(base + ".io.npz"), []
    for i, (a, dtype) in enumerate(zip(found, m["outputs"])):
        b = io["y%d" % i]
        if a.shape != b.shape or ("float16" not in dtype and str(a.dtype) != dtype):
            said.append("%s: %s %s, %s %s wanted" % (m["which"][i], a.dtype, a.shape, dtype, b.shape))
            continue
        with np.errstate(all="ignore"):
            rtol, atol = ROOM.get(dtype, (0, 0))
            same = np.isclose(a.astype("f8"), b.astype("f8"), rtol=rtol, atol=atol, equal_nan=True) if b.dtype.kind == "f" else a == b
        if not same.all():
            at = tuple(np.argwhere(~same)[0])
            said.append("%s: %r, %r wanted, at %s" % (m["which"][i], a[at], b[at], at))
    return said


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("dtypes")
    subprocess.run([keras_python(), os.path.join(HERE, "dtype_worker.py"), str(folder), "some", *PAIRS, *CLASSES], check=True, cwd=HERE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    return folder, json.load(open(folder / "dtypes.json"))


@pytest.mark.parametrize("name", PAIRS + CLASSES)
def test_dtypes(made, name):
    folder, models = made
    models = [m for m in models if m["class"] == name]
    assert models
    for m in models:
        assert differences(folder, m) == []


if __name__ == "__main__":
    for model in json.load(open(os.path.join(sys.argv[1], "dtypes.json"))):
        for line in differences(sys.argv[1], model):
            print(model["label"], line)
