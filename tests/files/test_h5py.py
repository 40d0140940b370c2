"""What `inspect --json` says of HDF5 files, against h5py: every tensor's name, dtype, shape, place in the file and bytes."""
import glob
import os

import numpy as np
import pytest

from support import SHARED, TESTS, as_json, cuvier

h5py = pytest.importorskip("h5py")


def hdf5_files():
    found = glob.glob(os.path.join(TESTS, "compat", "keras-*", "*.h5")) + glob.glob(os.path.join(SHARED, "keras-files", "*.h5"))
    found += glob.glob(os.path.join(SHARED, "real-models", "**", "*.h5"), recursive=True)
    return sorted(path for path in found if h5py.is_hdf5(path))


def stored(path):
    """Data sets of h5py by their place in the file."""
    found = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset) and item.size and item.chunks is None and item.id.get_offset() is not None:
            found[item.id.get_offset()] = (name, item)
    with h5py.File(path, "r") as f:
        f.visititems(add)
        return {offset: (name, item.dtype, item.shape, np.asarray(item[()])) for offset, (name, item) in found.items()}


def check(path):
    """Number of tensors compared; None where cuvier does not read the file."""
    if cuvier("inspect", path).returncode:
        return None
    tensors = [t for t in as_json("inspect", path)["files"][0]["tensors"] if t["offset"] is not None and t["bytes"]]
    theirs = stored(path)
    with open(path, "rb") as f:
        raw = f.read()
    for t in tensors:
        assert t["offset"] in theirs, (path, t)
        name, dtype, shape, values = theirs[t["offset"]]
        name = name.replace("_layer_checkpoint_dependencies", "layers")     # as Keras 2.12 called them
        assert name.endswith(t["name"]), (path, name, t)
        assert list(shape) == t["shape"], (path, name)
        if dtype.kind in "fiu":
            assert dtype.name == t["dtype"], (path, name)
        assert raw[t["offset"]:t["offset"] + t["bytes"]] == values.tobytes(), (path, name)
    if tensors:     # none is left out; what optimizers and metrics keep is not the model's, and some files hold samples only
        left = [name for offset, (name, *_) in theirs.items() if offset not in {t["offset"] for t in tensors}]
        assert [name for name in left if "optimizer" not in name and not name.startswith("metrics/")] == [], path
    return len(tensors)


def test_tensors_as_h5py_sees_them():
    counts = {path: check(path) for path in hdf5_files()}
    read = [n for n in counts.values() if n is not None]
    print("%d HDF5 files, %d read, %d tensors compared" % (len(counts), len(read), sum(read)))
    assert len(read) > 100 and sum(read) > 1000
