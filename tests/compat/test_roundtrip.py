"""What cuvier writes, real Keras 3.15 reads: same outputs to 1e-5 from every form of every model of the fixed set."""
import json
import os

import pytest

from support import HERE, RELEASES, SHARED, cuvier, must, rebuild_and_load
from test_fixed import identify, models

FORMS = [".keras", ".h5", ".json", ".weights.h5", ".npz"]
# Keras 3.15 cannot read the legacy .h5 that it writes of these itself: operations as nodes are unknown layers there, a
# list of axes becomes its last one, score_mode becomes a function.
REFUSED_H5 = {"operators", "embedding_mask_stack", "layernorm", "attention"}


def endings_for(base):
    return [e for e in FORMS if not (e == ".h5" and os.path.basename(base) in REFUSED_H5)]


@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_keras_reads_it(base, keras_loader, tmp_path):
    rebuild_and_load(keras_loader, [base + ".keras"], base + ".io.npz", tmp_path, endings_for(base))


@pytest.mark.parametrize("base", [b for b in models() if RELEASES[1] in b], ids=identify)
def test_keras_reads_its_own(base, keras_loader):
    """The yardstick itself: what Keras wrote, it reads."""
    endings = [".keras"] + ([] if os.path.basename(base) in REFUSED_H5 else [".h5"])
    for ending in endings:
        assert keras_loader.difference([base + ending], base + ".io.npz") < 1e-6, ending


def test_arrays_back_to_a_model(keras_loader, tmp_path):
    """Weights as a plain list of arrays beside a configuration, to a .keras that Keras loads."""
    base = os.path.join(HERE, "keras-3.15", "cnn")
    rebuild_and_load(keras_loader, [base + ".json", base + ".weights.npy", base + ".biases.npy"], base + ".io.npz", tmp_path, [".keras"])


@pytest.mark.parametrize("name", ["k1_seq", "k22te_seq"])
@pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "keras-files")), reason="no shared files")
def test_old_backends(name, keras_loader, tmp_path):
    """Kernels that Theano trained are turned, so that Keras on TensorFlow gives Theano's numbers."""
    base = os.path.join(SHARED, "keras-files", name)
    rebuild_and_load(keras_loader, [base + ".h5"], base + "_io.npz", tmp_path, FORMS)
    must("verify", tmp_path / "rebuilt.keras", "--samples", base + "_io.npz")


@pytest.mark.skipif(not os.path.isdir(os.path.join(SHARED, "keras-files")), reason="no shared files")
def test_a_theano_file_with_same(tmp_path):
    """Two strides begin at another cell there; earlier its numbers were lost."""
    done = cuvier("rebuild", os.path.join(SHARED, "keras-files", "k22th_seq.h5"), "-o", tmp_path / "m.keras")
    assert done.returncode == 3 and "padding='same' of Theano" in done.stderr


def test_theano_same_is_refused(tmp_path):
    """A pooling whose windows begin elsewhere on Theano: no configuration can say it."""
    config = {"class_name": "Sequential", "backend": "theano", "keras_version": "2.2.4", "config": [
        {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": [3, 3], "strides": [2, 2], "padding": "same",
                                                  "data_format": "channels_last", "batch_input_shape": [None, 6, 6, 1]}}]}
    (tmp_path / "m.json").write_text(json.dumps(config))
    done = cuvier("rebuild", tmp_path / "m.json", "-o", tmp_path / "m.keras")
    assert done.returncode == 3 and "padding='same' of Theano" in done.stderr and not (tmp_path / "m.keras").exists()
