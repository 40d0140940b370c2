"""Operations on shapes with an axis of size 0 or 1, on no rows and on single numbers, against real Keras: its outputs, an error where it raises, or a refusal
that names the argument. `shape_worker.py FOLDER` and `shape_check.py FOLDER` do the same with all operations, and with every function along every axis."""
import os
import subprocess

import pytest

import shape_check
from support import HERE, keras_python

CLASSES = ["Amax", "Argmax", "CTCDecode", "Cholesky", "Concatenate", "Cumsum", "Diag", "Dot", "DotProductAttention", "Einsum", "Fold", "InTopK", "LayerNorm", "Matmul", "Max",
           "PSNR", "Roll", "Slice", "SliceUpdate", "Softmax", "Sort", "Stack", "Sum", "Take"]       # Keras's Squeeze without an axis drops the batch's, too, when it has one row: cuvier keeps the declared shape


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("shapes")
    subprocess.run([keras_python(), os.path.join(HERE, "shape_worker.py"), str(folder), *CLASSES], check=True, cwd=HERE, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=900)
    return str(folder)


@pytest.mark.parametrize("name", CLASSES)
def test_odd_shapes(made, name):
    entries = [e for e in shape_check.entries(made) if e["class"] == name and "ends" not in e]
    found = [(e, shape_check.differs(made, e)) for e in entries]
    assert sum(what is None for _, what in found) >= 5
    assert [(e["label"], what) for e, what in found if what and not what.startswith("exit status 3: error")] == []
