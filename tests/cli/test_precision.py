"""--precision: what it costs is told, and is what the outputs show."""
import os

import numpy as np
import pytest

from support import HERE, arrays, as_json, cuvier, must, numbered

NETS = ["mlp", "conv2d", "cnn", "lstm", "attention", "multi_io"]


def net(name):
    return os.path.join(HERE, "keras-3.15", name)


def predict(name, out, *more, run=must):
    return run("predict", net(name) + ".keras", "-i", net(name) + ".io.npz", "-o", out, *more)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("name", [n for n in NETS if os.path.exists(net(n) + ".keras")])
def test_cost_is_what_outputs_show(name, precision, tmp_path):
    predict(name, tmp_path / "plain.npz")
    told = predict(name, tmp_path / "out.npz", "--precision", precision, run=as_json)["precision"]
    assert told["name"] == precision and 0 <= told["steps"] <= told["of"]
    plain, out = arrays(tmp_path / "plain.npz"), arrays(tmp_path / "out.npz")
    want = numbered(np.load(net(name) + ".io.npz"), "y")
    assert len(told["errors"]) == len(out) == len(want)
    for error, a, b, keras in zip(told["errors"], plain, out, want):
        largest = np.max(np.abs(a.astype(np.float64) - b))
        assert error["max_abs"] == pytest.approx(largest, rel=1e-5)
        assert error["spread"] == pytest.approx(float(np.ptp(a.astype(np.float64))), rel=1e-5)
        assert error["max_rel"] == pytest.approx(largest / np.ptp(a.astype(np.float64)), rel=1e-5)
        assert np.max(np.abs(b - keras)) / np.ptp(keras) < 0.1
        assert told["steps"] == 0 or largest > 0


def test_as_text():
    done = must("bench", net("cnn") + ".keras", "--seconds", "0.05", "--precision", "int8")
    assert " steps; difference from float32 on 1 rows:" in done.stdout and "of the spread" in done.stdout
    assert "difference from float32" not in must("bench", net("cnn") + ".keras", "--seconds", "0.05", "--precision", "f32").stdout
    assert as_json("bench", net("cnn") + ".keras", "--seconds", "0.05", "--precision", "bf16")["precision"]["rows"] == 1


def test_verify():
    files = net("mlp") + ".keras", "--samples", net("mlp") + ".io.npz"
    done = as_json("verify", *files, "--precision", "int8", "--rtol", "1", "--atol", "1")
    assert done["ok"] and done["precision"]["name"] == "int8"
    assert "difference from float32" in must("verify", *files, "--precision", "bf16", "--rtol", "1", "--atol", "1").stdout
    assert "precision" not in as_json("verify", *files)


def test_plan_tells_each_step():
    plan = must("inspect", net("cnn") + ".keras", "--stage", "plan", "--precision", "int8").stdout
    steps = [line for line in plan.splitlines() if " = " in line]
    assert all(("[int8]" in s) != ("[float32]" in s) for s in steps)
    assert all("[float32]" in s for s in steps if "max_pool" in s)
    assert "[" not in must("inspect", net("cnn") + ".keras", "--stage", "plan").stdout


def test_cache_of_each(tmp_path):
    outputs = {}
    for _ in range(2):
        for precision in ("f32", "int8", "bf16"):
            predict("cnn", tmp_path / "out.npz", "--precision", precision, "--cache", str(tmp_path) + "/caches/")
            out = [a.tobytes() for a in arrays(tmp_path / "out.npz")]
            assert outputs.setdefault(precision, out) == out
    assert len(os.listdir(tmp_path / "caches")) == 3


def test_wrong():
    for more in (["--precision", "f16"], ["--precision", "int8", "--reference"]):
        done = cuvier("bench", net("mlp") + ".keras", *more)
        assert done.returncode == 2 and "--precision" in done.stderr
    assert cuvier("summary", net("mlp") + ".keras", "--precision", "int8").returncode == 2
