"""Models that Kerases between 3.0 and today compute or write otherwise than their neighbours (versions/, written by make_versions.py): cuvier gives what
the Keras gave that wrote the file, and says so to today's Keras, or refuses it by name."""
import glob
import json
import os
import zipfile

import numpy as np
import pytest

from support import HERE, arrays, assert_same, cuvier, must, numbered

BASES = sorted(path[:-len(".keras")] for path in glob.glob(os.path.join(HERE, "versions", "*", "*.keras")))
# the file does not tell which call is which; what today's Keras cannot be told
BACKENDS = {"3.15.1-jax": ["--backend", "jax"]}      # archives do not say it
LOST = {"3.2.1/calls_before": "which call of 'dense' each layer takes is lost"}
UNSAID = {"3.2.1/int8_embedding": "a scale for each column", "3.6.0/augmentation": "images of another size than it cuts",
          "3.7.0/augmentation": "images of another size than it cuts", "3.6.0/dot_product_attention": "multiplies by themselves",
          "3.0.5/Discretization_multi_hot_of_rows": "joins the last axis", "3.1.1/channels_first": "from the width and the channels"}
WARNED = {"3.9.2/biases_of_einsum": "will add its bias along another axis"}


def name_of(base):
    return "/".join(base.split(os.sep)[-2:])


def said(base):
    return BACKENDS.get(name_of(base).split("/")[0], [])


def outputs(files, io, tmp_path):
    np.savez(tmp_path / "x.npz", **{key: io[key] for key in io.files if key[0] == "x"})
    must("predict", *files, "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    return arrays(tmp_path / "y.npz")


def test_there_are_some():
    assert len(BASES) >= 30


@pytest.mark.parametrize("base", BASES, ids=name_of)
def test_numbers(base, tmp_path):
    """Those of the Keras that wrote the file."""
    io = np.load(base + ".io.npz")
    if name_of(base) in LOST:
        done = cuvier("summary", base + ".keras")
        assert done.returncode == 3 and LOST[name_of(base)] in done.stderr
        return
    assert_same(outputs([base + ".keras", *said(base)], io, tmp_path), numbered(io, "y"))


@pytest.mark.parametrize("base", [base for base in BASES if name_of(base) not in LOST and not said(base)], ids=name_of)
def test_written_for_today(keras3, base, tmp_path):
    """Today's Keras computes the same of what cuvier writes."""
    done = cuvier("rebuild", base + ".keras", "-q", "-o", tmp_path / "w.keras")
    if name_of(base) in UNSAID:
        assert done.returncode == 3 and UNSAID[name_of(base)] in done.stderr, done.stderr
        return
    assert done.returncode == 0, done.stderr
    if name_of(base) in WARNED:
        assert WARNED[name_of(base)] in must("rebuild", base + ".keras", "-o", tmp_path / "w.keras").stderr
        return
    if name_of(base).endswith("unit_normalisation"):        # that of rows shorter than 1e-6 is another there, which is not said
        return
    assert keras3.difference([tmp_path / "w.keras"], base + ".io.npz") < 1e-5
    io = np.load(base + ".io.npz")
    assert_same(outputs([tmp_path / "w.keras"], io, tmp_path), numbered(io, "y"))


def test_assumed_calls_are_told(tmp_path):
    """What Keras 3.2 lost is taken in the order in which it is read: assumed, and nothing for --strict."""
    base = os.path.join(HERE, "versions", "3.2.1", "shared_by_two.keras")
    assert "assumed" in must("rebuild", base).stdout
    done = cuvier("rebuild", base, "--strict")
    assert done.returncode == 1 and "calls" in done.stderr


@pytest.mark.parametrize("version", ["3.0.5", "3.3.3"])
def test_calls_of_a_bare_configuration(version, tmp_path):
    """It says no version; numbers of calls that there are not are those of 3.0 and 3.1."""
    base = os.path.join(HERE, "versions", "3.0.5", "calls_before")
    with zipfile.ZipFile(base + ".keras") as archive:
        (tmp_path / "model.json").write_bytes(archive.read("config.json"))
        (tmp_path / "model.weights.h5").write_bytes(archive.read("model.weights.h5"))
        stated = json.loads(archive.read("config.json"))
    files = [tmp_path / "model.json", tmp_path / "model.weights.h5"]
    io = np.load(base + ".io.npz")
    if version == "3.0.5":
        assert_same(outputs(files, io, tmp_path), numbered(io, "y"))
        return
    (tmp_path / "metadata.json").write_text(json.dumps({"keras_version": version, "date_saved": "2024-05-01@00:00:00"}))
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:      # by a Keras that numbers them rightly it is wrong
        for name, text in (("metadata.json", (tmp_path / "metadata.json").read_text()), ("config.json", json.dumps(stated))):
            archive.writestr(name, text)
        archive.writestr("model.weights.h5", (tmp_path / "model.weights.h5").read_bytes())
    must("summary", tmp_path / "model.keras", status=3)


@pytest.mark.parametrize("base", [base for base in BASES if name_of(base) not in LOST and not said(base)], ids=name_of)
def test_bare_configurations(base, tmp_path):
    """They say no version: --keras-version does."""
    with zipfile.ZipFile(base + ".keras") as archive:
        (tmp_path / "model.json").write_bytes(archive.read("config.json"))
        (tmp_path / "model.weights.h5").write_bytes(archive.read("model.weights.h5"))
    io, version = np.load(base + ".io.npz"), name_of(base).split("/")[0]
    files = [tmp_path / "model.json", tmp_path / "model.weights.h5", "--keras-version", version]
    assert_same(outputs(files, io, tmp_path), numbered(io, "y"))
    must("summary", tmp_path / "model.json", "--keras-version", "4.1", status=2)


def test_the_backend_is_told(tmp_path):
    """JAX adds a bias along its own axis, where Keras 3.7 and later on TensorFlow may not; the file does not tell which it was."""
    base = os.path.join(HERE, "versions", "3.15.1-jax", "biases")
    io = np.load(base + ".io.npz")
    assert "bias_axis" in must("rebuild", base + ".keras", "-v").stdout
    report = must("rebuild", base + ".keras", "--backend", "jax", "-v").stdout
    assert "--backend says so" in report and "take what is added for its bias" not in report
    assert cuvier("verify", base + ".keras", "--samples", base + ".io.npz").returncode == 1
    must("verify", base + ".keras", "--backend", "jax", "--samples", base + ".io.npz")
    assert_same(outputs([base + ".keras", "--backend", "torch"], io, tmp_path), numbered(io, "y"))
    done = cuvier("summary", base + ".keras", "--backend", "pytorch")
    assert done.returncode == 2 and "no backend 'pytorch'" in done.stderr
