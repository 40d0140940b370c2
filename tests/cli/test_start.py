"""From process start to a prediction, and opening a large file. The goals (5 ms and 20 ms) are for an idle machine; the bounds here
are several times that, so that only a loss by an order of magnitude fails. SECURITY.md and `pytest -s` show the figures."""
import os
import subprocess
import time

import numpy as np
import pytest

from support import BINARY, TESTS, must

h5py = pytest.importorskip("h5py")
SYSTEM = os.path.join(TESTS, "systems", "1-sequential", "keras-3.15")
RUNS = 25
SANITIZED = "asan" in BINARY or "ubsan" in BINARY


def milliseconds(arguments, cwd):
    start = time.perf_counter()
    done = subprocess.run(arguments, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    spent = 1000 * (time.perf_counter() - start)
    assert done.returncode == 0, done.stderr
    return spent


def measured(what, arguments, cwd):
    """Best time of the command less that of `true`, run in turns; the best is what the machine can do, whatever else it does."""
    ours, nothing = [], []
    for _ in range(RUNS):
        nothing.append(milliseconds(["true"], cwd))
        ours.append(milliseconds([BINARY, *arguments], cwd))
    print("%s: %.1f ms at best, %.1f ms median; true: %.1f, %.1f" % (
        what, min(ours), np.median(ours), min(nothing), np.median(nothing)))
    return min(ours) - min(nothing)


@pytest.mark.skipif(SANITIZED, reason="sanitizers are slow")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_start_to_prediction(name, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 784), np.float32))
    must("rebuild", os.path.join(SYSTEM, "rebuild.py"), "-o", tmp_path / name, "-q")
    assert measured(name, ["predict", name, "-i", "x.npy", "-o", "y.npy", "-q"], tmp_path) < 25


@pytest.mark.skipif(SANITIZED, reason="sanitizers are slow")
def test_large_file_is_mapped(tmp_path):
    """100 MB of weights, as Keras 2 writes them; none of them is read to say what the file holds."""
    names = ["dense_%d" % i for i in range(25)]
    with h5py.File(tmp_path / "large.h5", "w") as f:
        f.attrs["layer_names"] = np.array(names, "S")
        f.attrs["keras_version"] = "2.15.0"
        for name in names:
            group = f.create_group(name)
            group.attrs["weight_names"] = np.array([name + "/kernel:0", name + "/bias:0"], "S")
            group.create_dataset(name + "/kernel:0", data=np.ones((1000, 1000), "f4"))
            group.create_dataset(name + "/bias:0", data=np.ones(1000, "f4"))
    assert os.path.getsize(tmp_path / "large.h5") > 100e6
    assert measured("100 MB .h5", ["inspect", "large.h5", "--json"], tmp_path) < 100
