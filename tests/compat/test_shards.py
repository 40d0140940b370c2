"""Sharded weights of Keras 3 without their index: real Keras writes them here, cuvier puts them together."""
import os
import shutil
import subprocess

import pytest

from support import as_json, cuvier, keras_python, must

BUILD = """
import keras, numpy as np
keras.utils.set_random_seed(3)
x = keras.Input((40,))
y = keras.layers.Dense(50, name="a")(x)
y = keras.layers.Dense(50, name="b")(y)
y = keras.layers.BatchNormalization(name="n")(y)
model = keras.Model(x, keras.layers.Dense(30, name="c")(y))
model.save_weights(%r, max_shard_size=1.2e-5)
open(%r, "w").write(model.to_json())
data = np.random.default_rng(1).normal(size=(4, 40)).astype("float32")
np.savez(%r, x=data, y=model.predict(data, verbose=0))
"""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):

    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("sharded")
    code = BUILD % (str(folder / "m.weights.json"), str(folder / "m.json"), str(folder / "io.npz"))
    subprocess.run([keras_python(), "-c", code], check=True, env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"), capture_output=True)
    assert len(list(folder.glob("m_0000*.weights.h5"))) >= 3
    return folder


def copy(sharded, folder, names=None):
    shards = sorted(p.name for p in sharded.glob("m_*.weights.h5"))
    kept = [shards[i] for i in names] if names is not None else shards
    for name in kept + ["m.json", "io.npz"]:
        shutil.copy(sharded / name, folder / name)
    return [str(folder / name) for name in kept], str(folder / "m.json"), str(folder / "io.npz")


def test_together(sharded, tmp_path):
    shards, config, io = copy(sharded, tmp_path)
    for order in (shards, shards[::-1]):
        assert as_json("verify", config, *order, "--samples", io)["ok"] is True
    decisions = as_json("rebuild", config, *shards)["decisions"]
    assert [(d["evidence"], d["value"]) for d in decisions if d["field"] == "shards"] == [
        ("inferred", "m_00000 to %05d.weights.h5" % (len(shards) - 1))]
    must("rebuild", config, *shards, "--strict", "--samples", io)


def test_with_the_index(sharded, tmp_path):
    shards, config, io = copy(sharded, tmp_path)
    shutil.copy(sharded / "m.weights.json", tmp_path / "m.weights.json")
    for evidence in ([tmp_path / "m.weights.json"], [tmp_path / "m.weights.json", *shards], [*shards, tmp_path / "m.weights.json"]):
        assert as_json("verify", config, *evidence, "--samples", io)["ok"] is True


def test_one_in_the_middle_is_missing(sharded, tmp_path):
    count = len(list(sharded.glob("m_*.weights.h5")))
    shards, config, _ = copy(sharded, tmp_path, [i for i in range(count) if i != 1])
    done = cuvier("rebuild", config, *shards)
    assert done.returncode == 1 and "of the shards of m.weights.json number 1 is not given" in done.stderr


def test_the_last_is_missing(sharded, tmp_path):
    count = len(list(sharded.glob("m_*.weights.h5")))
    shards, config, _ = copy(sharded, tmp_path, range(count - 1))
    for given in (shards, shards[:1]):
        done = cuvier("rebuild", config, *given)
        assert done.returncode == 1 and "m.weights.json, which Keras wrote beside the parts" in " ".join(done.stderr.split())


def test_rivals_stay_rivals(sharded, tmp_path):
    """Weights of two epochs are numbered, too, and hold the same variables."""
    shards, config, _ = copy(sharded, tmp_path, [0])
    shutil.copy(shards[0], tmp_path / "e_00001.weights.h5")
    shutil.copy(shards[0], tmp_path / "e_00002.weights.h5")
    done = cuvier("rebuild", config, tmp_path / "e_00001.weights.h5", tmp_path / "e_00002.weights.h5")
    assert done.returncode == 1 and "2 files hold weights for one model" in done.stderr


def test_inspect_lists_each(sharded, tmp_path):
    shards, _, _ = copy(sharded, tmp_path)
    files = as_json("inspect", *shards)["files"]
    assert [len(f["tensors"]) > 0 for f in files] == [True] * len(shards)
    keys = [t["name"] for f in files for t in f["tensors"]]
    assert len(keys) == len(set(keys)) == 10


def test_one_shard_is_no_architecture(sharded, tmp_path):
    """All but the last list layers of later shards, whose weights are not there; the last is known by its name alone."""
    shards, _, _ = copy(sharded, tmp_path)
    for shard in shards[:-1]:
        assert "but holds no weights for it" in must("rebuild", shard, status=1).stderr
    assert "has the name of one shard of several" in must("rebuild", shards[-1]).stderr
