"""The three systems end to end: from the files that people have, through the script that they wrote, to a proven model."""
import os
import shutil
import subprocess

import numpy as np
import pytest

from support import RELEASES, TESTS, arrays, as_json, assert_same, keras_python, must

SYSTEMS = os.path.join(TESTS, "systems")
FILES = {"1-sequential": ("weights.npy", "biases.npy"), "2-functional": ("weights.npy", "biases.npy"),
         "3-config": ("model_config.json", "model_weights.h5")}


def folders():
    return [os.path.join(SYSTEMS, system, release) for system in FILES for release in RELEASES]


def scripts():
    for system in FILES:
        for script in sorted(os.listdir(os.path.join(SYSTEMS, system, "scripts"))):
            for release in RELEASES:
                yield os.path.join(SYSTEMS, system, "scripts", script), os.path.join(SYSTEMS, system, release)


def evidence_of(folder):
    return [os.path.join(folder, f) for f in FILES[os.path.basename(os.path.dirname(folder))]]


def short(value):
    return os.path.relpath(value, SYSTEMS)


@pytest.mark.parametrize("folder", folders(), ids=short)
def test_script_beside_its_files(folder, tmp_path):
    """`cuvier rebuild rebuild.py` alone, started somewhere else: the files lie beside the script."""
    out = tmp_path / "model.keras"
    report = as_json("rebuild", os.path.join(folder, "rebuild.py"), "-o", out, cwd=tmp_path)
    assert report["ok"] is True and [os.path.basename(p) for p in report["written"]] == ["model.keras"]
    io = os.path.join(folder, "io.npz")
    must("predict", out, "-i", io, "-o", tmp_path / "y.npy")
    assert_same(arrays(tmp_path / "y.npy"), [np.load(io)["y"]])


@pytest.mark.parametrize("script,folder", list(scripts()), ids=short)
def test_every_style(script, folder, tmp_path):
    """A file on the command line stands in for the one of the same name in the code."""
    io = os.path.join(folder, "io.npz")
    verdict = as_json("verify", script, *evidence_of(folder), "--samples", io)
    assert verdict["ok"] is True


@pytest.mark.parametrize("folder", folders(), ids=short)
def test_mapping_of_the_script_is_certain(folder):
    report = as_json("rebuild", os.path.join(folder, "rebuild.py"))
    weak = [d for d in report["decisions"] if d["field"] in ("kernel", "bias") and d["evidence"] not in ("certain", "verified")]
    assert not weak


@pytest.mark.parametrize("release", RELEASES)
def test_config_and_weights_without_script(release, tmp_path):
    folder = os.path.join(SYSTEMS, "3-config", release)
    must("verify", *evidence_of(folder), "--samples", os.path.join(folder, "io.npz"))


@pytest.mark.parametrize("release", RELEASES)
def test_arrays_and_samples_alone(release):
    """No script, no configuration: the architecture is recovered and proven by four samples."""
    folder = os.path.join(SYSTEMS, "1-sequential", release)
    report = as_json("rebuild", *evidence_of(folder), "--samples", os.path.join(folder, "io.npz"))
    layers = [(l["class_name"], l["output_shape"]) for l in report["model"]["layers"] if l["class_name"] == "Dense"]
    assert report["ok"] is True and layers == [("Dense", [None, 128]), ("Dense", [None, 10])]
    assert any(d["evidence"] == "verified" for d in report["decisions"])


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5", ".json", ".py", ".npz", ".safetensors", ".onnx", ".dot", ".svg", ".html"])
def test_written_forms(ending, tmp_path):
    folder = os.path.join(SYSTEMS, "2-functional", "keras-3.15")
    out = tmp_path / ("model" + ending)
    must("rebuild", os.path.join(folder, "rebuild.py"), "-o", out)
    assert out.stat().st_size > 0
    assert os.listdir(tmp_path) == ["model" + ending], "nothing else is left behind"


@pytest.mark.parametrize("system", list(FILES))
def test_standalone_c(system, tmp_path):
    """The C source compiles without cuvier and without warnings."""
    folder = os.path.join(SYSTEMS, system, "keras-3.15")
    must("rebuild", os.path.join(folder, "rebuild.py"), "-o", tmp_path / "net.c")
    assert (tmp_path / "net.h").exists()
    subprocess.run([os.environ.get("CUV_CC", "cc"), "-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-c", "net.c"],
                   cwd=tmp_path, check=True, timeout=300)


def test_wrong_answer_is_told(tmp_path):
    folder = os.path.join(SYSTEMS, "1-sequential", "keras-3.15")
    io = dict(np.load(os.path.join(folder, "io.npz")))
    io["y"][2, 3] += 0.01
    np.savez(tmp_path / "io.npz", **io)
    verdict = as_json("verify", os.path.join(folder, "rebuild.py"), "--samples", tmp_path / "io.npz", status=1)
    assert verdict["ok"] is False and abs(verdict["outputs"][0]["max_abs"] - 0.01) < 1e-3


def test_file_outside_the_folder_is_not_read(tmp_path):
    folder = os.path.join(SYSTEMS, "1-sequential", "keras-3.15")
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("weights.npy", "biases.npy"):
        shutil.copy(os.path.join(folder, name), tmp_path)
    text = open(os.path.join(folder, "rebuild.py")).read().replace("'weights.npy'", "'../weights.npy'")
    (inner / "rebuild.py").write_text(text)
    done = must("rebuild", inner / "rebuild.py", status=3)
    assert "weights.npy" in done.stderr


def test_scripts_mean_what_we_think():
    """Real Keras runs the same scripts and gets the same outputs."""
    if not keras_python():
        pytest.skip("no Keras")
    done = subprocess.run([keras_python(), os.path.join(SYSTEMS, "check_scripts.py")], capture_output=True, text=True,
                          timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
