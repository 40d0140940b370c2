"""Lambdas in models of all kinds (lambda_models.py): real Keras runs the scripts, cuvier reads them and writes operations in the Lambdas' place,
and real Keras loads those without the code."""
import os

import pytest

from lambda_models import HEAD, SCRIPTS
from support import check_evidence, cuvier, keras_python, must, run_keras


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lambda_models")
    run_keras(keras_python(), "lambda_models.py", folder)
    return str(folder)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".py"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_written(made, name, ending, keras3, tmp_path):
    base, again = os.path.join(made, name), tmp_path / ("again" + ending)
    check_evidence([base + ".py", base + ".weights.h5"], base + ".io.npz", tmp_path)
    said = must("rebuild", base + ".py", base + ".weights.h5", "-o", again, "-o", tmp_path / "again.npz").stderr
    assert "is written as a model of operations, which the code says" in said or "is written as Rescaling" in said
    assert said.count("is written as a model of operations") == said.count("note: ") - said.count("Rescaling(")
    files = [again] if ending != ".py" else [again, tmp_path / "again.npz"]
    check_evidence(files, base + ".io.npz", tmp_path)
    if ending != ".py":
        assert keras3.difference([str(again)], base + ".io.npz") < 1e-5


@pytest.mark.parametrize("name", SCRIPTS)
def test_written_for_keras_2(made, name, keras2, tmp_path):
    base, again = os.path.join(made, name), tmp_path / "again.h5"
    must("rebuild", base + ".py", base + ".weights.h5", "--keras", "2", "-o", again)
    assert keras2.difference([str(again)], base + ".io.npz") < 1e-5


REFUSED = {"whole numbers": ("x = Input((4,), dtype='int32')\nmodel = keras.Model(x, Lambda(lambda t: t * 2 + t)(x))\n", "it computes with whole numbers"),
           "ranks": ("f = Lambda(lambda t: t * t)\nx = Input((4, 3))\nmodel = keras.Model(x, [f(x), f(layers.Flatten()(x))])\n", "of different ranks")}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what, tmp_path):
    """What no operation says with certainty; weights and programs can be written all the same."""
    body, why = REFUSED[what]
    path = tmp_path / "m.py"
    path.write_text(HEAD + body)
    done = cuvier("rebuild", path, "-o", tmp_path / "m.json")
    assert done.returncode == 3 and "cannot be written into a configuration" in done.stderr and why in done.stderr
    must("rebuild", path, "-o", tmp_path / "m.onnx")
