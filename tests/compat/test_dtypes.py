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
# With integers of 32 and 64 bits and numbers of all sizes
WIDE_PAIRS = ["multiply", "floor_divide", "less_equal", "right_shift", "gcd", "lcm", "correlate"]
WIDE_CLASSES = ["AdaptiveMaxPool", "Corrcoef", "Cumprod", "Fold", "MaxPool", "Moments", "Nanargmax", "Nanmax", "Nanmin", "Nanprod", "Ptp", "RGBToGrayscale", "Relu6",
                "Resize", "SegmentMax", "SegmentMin", "Select", "Sum", "Unique"]
ROOM = {"float16": (2e-3, 2e-3), "bfloat16": (1.6e-2, 1e-2), "float32": (1e-4, 1e-5), "float64": (1e-6, 1e-9)}


def differences(folder, m):
    """What is not as Keras has it, of one model."""
    base = os.path.join(str(folder), m["label"])
    done = cuvier("predict", base + ".json", "-i", base + ".in.npz", "-o", base + ".out.npz")
    if done.returncode and "is to become uint" in done.stderr:      # a float32 for which TensorFlow's answer depends on its place
        return []
    if done.returncode:
        return [done.stderr]
    rounded = "Keras computes with these whole numbers as float32" in done.stderr
    found, io, said = arrays(base + ".out.npz"), np.load(base + ".io.npz"), []
    for i, (a, dtype) in enumerate(zip(found, m["outputs"])):
        b = io["y%d" % i]
        if a.shape != b.shape or ("float16" not in dtype and str(a.dtype) != dtype):
            said.append("%s: %s %s, %s %s wanted" % (m["which"][i], a.dtype, a.shape, dtype, b.shape))
            continue
        with np.errstate(all="ignore"):
            rtol, atol = ROOM.get(dtype, (0, 0))
            if b.dtype.kind == "f":
                same = np.isclose(a.astype("f8"), b.astype("f8"), rtol=rtol, atol=atol, equal_nan=True)
            elif rounded:       # which is said: sums of floats in another order, which cancel, and are cut off
                same = np.abs(a.astype("f8") - b.astype("f8")) <= 1 + 1e-5 * np.abs(b.astype("f8")).max(initial=0)
            else:
                same = a == b
        if not same.all():
            at = tuple(np.argwhere(~same)[0])
            said.append("%s: %r, %r wanted, at %s" % (m["which"][i], a[at], b[at], at))
    return said


def made_by(folder, *arguments):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    subprocess.run([keras_python(), os.path.join(HERE, "dtype_worker.py"), str(folder), *arguments], check=True, cwd=HERE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    return folder, json.load(open(folder / "dtypes.json"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_by(tmp_path_factory.mktemp("dtypes"), "some", *PAIRS, *CLASSES)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return made_by(tmp_path_factory.mktemp("wide"), "wide", *WIDE_PAIRS, *WIDE_CLASSES)


def check_class(made, name):
    folder, models = made
    models = [m for m in models if m["class"] == name]
    assert models
    for m in models:
        assert differences(folder, m) == []


@pytest.mark.parametrize("name", PAIRS + CLASSES)
def test_dtypes(made, name):
    check_class(made, name)


@pytest.mark.parametrize("name", WIDE_PAIRS + WIDE_CLASSES)
def test_wide_integers(wide, name):
    """Whole numbers that no double holds: the same digits, or an error."""
    check_class(wide, name)


if __name__ == "__main__":
    for model in json.load(open(os.path.join(sys.argv[1], "dtypes.json"))):
        for line in differences(sys.argv[1], model):
            print(model["label"], line)
