"""Nothing that a file says reaches the terminal as anything but text."""
import json
import os
import pty
import re
import subprocess

import numpy as np
import pytest

from support import BINARY, as_json, cuvier

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eexe.txt\u2066\u200b\r\x08e\u0301\U000e0041"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\u009b31m\u202eexe.txt\u2066\u200b\x0d\x08" + "e\u0301" + r"\U000e0041"


def write(folder, layer, bad=False):
    config = {"class_name": "Sequential", "keras_version": "2.15.0", "backend": "tensorflow", "config": {"name": EVIL, "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": "i"}},
        {"class_name": "Dense", "config": dict({"name": layer, "units": 2, "use_bias": False}, **({EVIL: 1} if bad else {}))}]}}
    path = os.path.join(str(folder), "m.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)
    np.savez(os.path.join(str(folder), "w.npz"), np.ones((3, 2), "f"))
    np.savez(os.path.join(str(folder), "io.npz"), x=np.ones((1, 3), "f"), y=np.full((1, 2), 3, "f"))
    np.save(os.path.join(str(folder), "x.npy"), np.ones((1, 3), "f"))
    return path


def harmless(text):
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f]", text)


@pytest.mark.parametrize("verb", ["inspect", "summary", "rebuild", "verify", "predict", "bench", "diff", "scan", "stage", "verbose"])
def test_every_verb(verb, tmp_path):
    path = write(tmp_path, EVIL)
    evidence = [path, tmp_path / "w.npz"]
    line = {"inspect": ["inspect", *evidence], "summary": ["summary", *evidence], "scan": ["scan", *evidence],
            "rebuild": ["rebuild", *evidence, "-o", tmp_path / "o.json"], "verbose": ["rebuild", *evidence, "-v"],
            "verify": ["verify", *evidence, "--samples", tmp_path / "io.npz"],
            "predict": ["predict", *evidence, "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy"],
            "bench": ["bench", *evidence, "--seconds", "0.01", "--steps"], "diff": ["diff", path, path],
            "stage": ["inspect", path, "--stage", "program"]}[verb]
    done = cuvier(*line)
    assert harmless(done.stdout) and harmless(done.stderr), done.stdout + done.stderr
    if verb in ("verbose", "verify", "bench"):
        assert SHOWN in done.stdout


@pytest.mark.parametrize("verb", ["summary", "rebuild", "verify", "bench", "diff"])
def test_errors(verb, tmp_path):
    path = write(tmp_path, EVIL + "\nerror: forged", bad=True)
    done = cuvier(verb, path, *([path] if verb == "diff" else ["--samples", tmp_path / "io.npz"] if verb == "verify" else []))
    assert done.returncode == 3 and harmless(done.stdout) and harmless(done.stderr)
    assert SHOWN in done.stderr and sum(line.startswith("error:") for line in done.stderr.split("\n")) == 1


def test_file_names(tmp_path):
    name = str(tmp_path / "a\x1b[31m\u202eb.json")
    done = cuvier("summary", name)
    assert done.returncode == 3 and r"a\x1b[31m\u202eb.json" in done.stderr and harmless(done.stderr)
    assert harmless(cuvier("summary", "--\x1b[2J").stderr) and harmless(cuvier("\x1b[2J").stderr)
    assert harmless(cuvier("summary", "--map").stderr)


def test_bytes_that_are_no_utf8(tmp_path):
    done = subprocess.run([BINARY, "summary", os.fsencode(str(tmp_path)) + b"/\xff\xc2\xe2\x82.json"], capture_output=True, check=False)
    assert rb"/\xff\xc2\xe2\x82.json" in done.stderr.replace(b"\n", b"")


def test_colours_of_its_own(tmp_path):
    """On a terminal errors are coloured, and a name that asks for more is not."""
    path = write(tmp_path, "\x1b[8m\x1b[2Jname", bad=True)
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    subprocess.run([BINARY, "summary", path], stderr=theirs, stdout=subprocess.DEVNULL, env=environment, check=False)
    os.close(theirs)
    seen = os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b[1;31merror:\x1b[0m" in seen and rb"\x1b[8m\x1b[2Jname" in seen
    assert seen.replace(b"\x1b[1;31m", b"").replace(b"\x1b[0m", b"").count(b"\x1b") == 0


def test_json_is_json(tmp_path):
    """In documents names are what they are."""
    path = write(tmp_path, EVIL)
    assert as_json("verify", path, tmp_path / "w.npz", "--samples", tmp_path / "io.npz")["outputs"][0]["name"] == EVIL
    out = str(tmp_path / 'quote".npy')
    assert as_json("predict", path, tmp_path / "w.npz", "-i", tmp_path / "x.npy", "-o", out)["written"] == [out]
