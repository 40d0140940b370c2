"""What random models found (graph_worker.py), as small models that hold it against each Keras; and what cuvier writes of them and of Rescaling."""
import os
from unittest import mock

import numpy as np
import pytest

from support import Loader, arrays, assert_same, keras_215_python, keras_python, must, numbered, run_keras

KERASES = {"keras-3.15": (keras_python, "keras"), "tf_keras": (keras_python, "tf_keras"), "keras-2.15": (keras_215_python, "keras")}


def make(which, folder, *names):
    python, module = KERASES[which]
    with mock.patch.dict(os.environ, CUV_KERAS=module):
        run_keras(python(), "found_models.py", folder, *names)


@pytest.fixture(scope="module", params=list(KERASES))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("found")
    make(request.param, folder)
    return folder


def test_found(made, tmp_path):
    """Each form of each model gives what Keras gave."""
    bases = sorted(str(path)[:-len(".io.npz")] for path in made.glob("*.io.npz"))
    wrong, out = [], tmp_path / "y.npz"
    assert len(bases) >= 8
    for base in bases:
        io = np.load(base + ".io.npz")
        np.savez(tmp_path / "x.npz", x=io["x"])
        for form in ([".keras"], [".h5"], [".json", ".npz"]):
            try:
                must("predict", *[base + ending for ending in form], "-i", tmp_path / "x.npz", "-o", out)
                assert_same(arrays(out), numbered(io, "y"))
            except AssertionError as error:
                wrong.append("%s %s: %s" % (os.path.basename(base), form, str(error)[:300]))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("which", ["tf_keras", "keras-2.15"])
def test_numbers_beside_tensors(which, tmp_path):
    """Keras 2 marks constants in the first argument of a function alone."""
    make(which, tmp_path, "mixed_shape")
    python, module = KERASES[which]
    process = Loader(python(), module)
    must("rebuild", tmp_path / "mixed_shape.keras", "-q", "--keras", "2", "-o", tmp_path / "w.h5")
    assert process.difference([tmp_path / "w.h5"], tmp_path / "mixed_shape.io.npz") == 0
    process.close()


def test_masks_of_some_inputs_are_written(keras3, tmp_path):
    """A model as a layer gets a mask for one of its inputs and None for the other; a slice has the configuration written anew."""
    keras = pytest.importorskip("keras", minversion="3.0")
    L = keras.layers
    a, b = keras.Input((4, 3)), keras.Input((3,))
    inner = keras.Model([b, a], L.Concatenate()([L.LSTM(2)(a), b]))
    x = keras.Input((4, 3))
    model = keras.Model(x, inner([x[..., 1, :], L.Masking()(x)]))
    model.save(tmp_path / "m.keras")
    value = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
    value[:, 2:] = 0
    np.savez(tmp_path / "io.npz", x=value, y=np.asarray(model(value, training=False)))
    must("rebuild", tmp_path / "m.keras", "-q", "-o", tmp_path / "w.keras")
    must("verify", tmp_path / "w.keras", "--samples", tmp_path / "io.npz")
    assert keras3.difference([tmp_path / "w.keras"], tmp_path / "io.npz") < 1e-6


def test_masks_stay_in_what_is_written(made, keras3, tmp_path):
    """Keras 2's attention leaves the mask on its input, of which Keras 3 has to be given a copy."""
    for ending in (".keras", ".h5"):
        must("rebuild", made / "encoder.keras", "-q", "-o", tmp_path / ("w" + ending))
        must("verify", tmp_path / ("w" + ending), "--samples", made / "encoder.io.npz")
        assert keras3.difference([tmp_path / ("w" + ending)], made / "encoder.io.npz") < 1e-5


def test_models_called_by_names_are_written(made, keras3, tmp_path):
    """Keras 3 takes what was a dict or a list in the order in which it is written."""
    for ending in (".keras", ".h5", ".py"):
        files = [tmp_path / ("w" + ending)] + ([tmp_path / "w.weights.h5"] if ending == ".py" else [])
        must("rebuild", made / "named_inside.keras", "-q", *[a for f in files for a in ("-o", f)])
        assert keras3.difference(files, made / "named_inside.io.npz") < 1e-5
        must("verify", *files, "--samples", made / "named_inside.io.npz")


def test_what_from_config_looks_at_is_written(keras3, tmp_path):
    """Keras's Rescaling reads 'offset' of its configuration unasked, Discretization 'bin_boundaries'; RandomShear does not take back what it says of
    its factors, a legacy .h5 no "..."; a stack's states are a list for each cell; a frozen SpectralNormalization begins with its kernel in .h5."""
    keras = pytest.importorskip("keras", minversion="3.0")
    L = keras.layers
    x = keras.Input((4, 3))
    first = L.RNN([L.LSTMCell(2), L.GRUCell(2)], return_state=True)(x)
    frozen = L.SpectralNormalization(L.Dense(3))
    frozen.trainable = False
    model = keras.Model(x, [L.Rescaling(1 / 255)(x), L.Discretization(bin_boundaries=[0.5, 1.0])(x), L.Lambda(lambda t: t * 2.0)(L.Masking()(x)),
                            x[..., 1], frozen(x), L.RNN([L.LSTMCell(2), L.GRUCell(2)])(x, initial_state=list(first[1:])),
                            L.Reshape((12,))(L.RandomShear(0.2)(L.Reshape((2, 2, 3))(x)))])
    model.save(tmp_path / "m.keras")
    value = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
    np.savez(tmp_path / "io.npz", x=value, **{"y%d" % i: np.asarray(y) for i, y in enumerate(model(value, training=False))})
    for ending in (".keras", ".h5"):
        must("rebuild", tmp_path / "m.keras", "-q", "-o", tmp_path / ("w" + ending))
        assert keras3.difference([tmp_path / ("w" + ending)], tmp_path / "io.npz") < 1e-6
