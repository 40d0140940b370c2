"""TextVectorization without output_sequence_length: rows are as long as the longest text of the batch, whatever was given before."""
import numpy as np
import pytest

from support import arrays, assert_same, cuvier, keras_python, must, numbered, run_keras

LABELS = ["words", "characters", "bigrams", "some", "as_they_are", "lower"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open_text")
    run_keras(keras_python(), "open_text_worker.py", folder)
    return folder


@pytest.mark.parametrize("net", ["", "_net"])
@pytest.mark.parametrize("label", LABELS)
def test_open_text(made, label, net, tmp_path):
    base = str(made / (label + net))
    for i in range(3):
        samples = "%s.%d.npz" % (base, i)
        must("predict", base + ".keras", "-i", samples, "-o", tmp_path / "out.npz")
        assert_same(arrays(tmp_path / "out.npz"), numbered(np.load(samples), "y"))
        must("verify", base + ".keras", "--samples", samples)


def test_batches_and_nothing(made, tmp_path):
    model = made / "words.keras"
    done = cuvier("predict", model, "-i", made / "words.0.npz", "-o", tmp_path / "out.npz", "--batch", "2")
    assert done.returncode == 1 and "longest text" in " ".join(done.stderr.split())
    np.savez(tmp_path / "none.npz", x=np.array([["!"], [""]]))
    done = cuvier("predict", model, "-i", tmp_path / "none.npz", "-o", tmp_path / "out.npz")
    assert done.returncode == 1 and "no words" in done.stderr
    for out in ("m.c", "m.onnx"):
        assert cuvier("rebuild", made / "words_net.keras", "-o", tmp_path / out).returncode == 3
    must("rebuild", model, "-o", tmp_path / "again.keras")
    must("bench", made / "words_net.keras", "--seconds", "0.05", "--steps")
