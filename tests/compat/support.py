"""What the suites share: where things are, how cuvier is called, how outputs are compared.

CUVIER is the binary (default build/cuvier), CUV_SHARED the folder of large test files (default ../shared); a test that
needs a folder, or an installed Keras, skips when it is missing.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
BINARY = os.environ.get("CUVIER") or os.path.join(ROOT, "build", "cuvier")
SHARED = os.environ.get("CUV_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")
RELEASES = ("keras-2.15", "keras-3.15")


def cuvier(*arguments, cwd=None, stdin=None, timeout=120):
    """Runs cuvier; text in, text out. The table's width depends on the terminal, so it is fixed here."""
    environment = dict(os.environ, COLUMNS="80", NO_COLOR="1", LC_ALL="C.UTF-8")
    return subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, input=stdin, timeout=timeout, env=environment,
                          stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", check=False)


def must(*arguments, status=0, **options):
    """Runs cuvier and wants this exit status."""
    done = cuvier(*arguments, **options)
    assert done.returncode == status, "cuvier %s: exit status %d, %d wanted\n%s%s" % (
        " ".join(map(str, arguments)), done.returncode, status, done.stdout[-2000:], done.stderr[-4000:])
    return done


def as_json(*arguments, status=0, **options):
    return json.loads(must(*arguments, "--json", status=status, **options).stdout)


def arrays(path):
    """The outputs in a file that cuvier or Keras wrote, in order."""
    loaded = np.load(path)
    if isinstance(loaded, np.ndarray):
        return [loaded]
    return [loaded[key] for key in loaded.files]


def numbered(io, letter):
    """x, or x0 x1 ..., from an .npz of samples."""
    if letter in io.files:
        return [io[letter]]
    count = sum(1 for key in io.files if key[0] == letter and key[1:].isdigit())
    return [io["%s%d" % (letter, i)] for i in range(count)]


def assert_same(found, wanted, rtol=1e-4, atol=1e-5):
    assert len(found) == len(wanted), "%d outputs, %d wanted" % (len(found), len(wanted))
    for i, (a, b) in enumerate(zip(found, wanted)):
        assert a.shape == b.shape, "output %d has shape %s, %s wanted" % (i, a.shape, b.shape)
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=rtol, atol=atol, err_msg="output %d" % i)


def check_evidence(evidence, io_path, folder, options=()):
    """predict and verify give what the samples say."""
    out = os.path.join(str(folder), "out.npz")
    must("predict", *evidence, *options, "-i", io_path, "-o", out)
    assert_same(arrays(out), numbered(np.load(io_path), "y"))
    verdict = as_json("verify", *evidence, *options, "--samples", io_path)
    assert verdict["ok"] is True and all(o["ok"] for o in verdict["outputs"])


def keras_python():
    """An interpreter with real Keras 3: the one that runs the tests, if it has it."""
    try:
        import importlib.util
        if importlib.util.find_spec("keras") and importlib.util.find_spec("tensorflow"):
            return sys.executable
    except ImportError:
        pass
    return None


def run_keras(python, script, *arguments):
    """Runs a script of this folder with a real Keras, which may not be there."""
    if not python:
        import pytest       # which scripts that use this file need not have
        pytest.skip("this Keras is not installed (tools/setup_tests)")
    done = subprocess.run([python, os.path.join(HERE, script), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def save_forms(model, base):
    """What a Keras writes of a model: base.keras, base.h5, base.json with base.npz."""
    model.save(base + ".keras")
    model.save(base + ".h5")
    with open(base + ".json", "w") as f:
        f.write(model.to_json())
    np.savez(base + ".npz", *model.get_weights())


def plain(array):
    """As NumPy can store it: halves as floats, text as fixed-width Unicode."""
    array = np.asarray(array)
    if array.dtype.kind in "OSU":
        return np.array([v.decode() if isinstance(v, bytes) else v for v in array.ravel()], dtype=str).reshape(array.shape)
    half = array.dtype.kind not in "biu" and array.dtype.itemsize == 2
    return array.astype(np.float32) if half else array


def save_each_form(model, base):
    """Carrier -> None, or what Keras said when it could not write it."""
    said = {}

    def attempt(name, action):
        try:
            action()
            said[name] = None
        except Exception as error:                       # noqa: BLE001 - whatever it is, it is recorded
            said[name] = "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:160])
            if os.path.exists(base + "." + name):
                os.remove(base + "." + name)

    def json_text():
        with open(base + ".json", "w") as f:
            f.write(model.to_json())
    attempt("json", json_text)
    attempt("weights.h5", lambda: model.save_weights(base + ".weights.h5"))
    attempt("npz", lambda: np.savez(base + ".npz", *[plain(w) for w in model.get_weights()]))
    attempt("keras", lambda: model.save(base + ".keras"))
    attempt("h5", lambda: model.save(base + ".h5"))
    return said


class Loader:
    """One process of loader.py: a Python with a real Keras ("keras" or "tf_keras")."""

    def __init__(self, python, module="keras"):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([python, os.path.join(HERE, "loader.py"), module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)

    def ask(self, paths, io_path=None, facts=False):
        """What loader.py answers, with "error" in it when Keras raised."""
        task = {"load": [str(p) for p in paths], "io": io_path and str(io_path), "facts": facts}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line[len("ANSWER "):])
        self.log.seek(0)
        raise RuntimeError("the Keras process ended: " + self.log.read()[-3000:])

    def difference(self, paths, io_path, names=None):
        """Largest |a - b| / (1 + |b|) between what Keras computes with these files and the samples; `names`: of the model's layers."""
        answer = self.ask(paths, io_path, facts=names is not None)
        assert "error" not in answer, "Keras could not use it: " + answer["error"]
        assert answer["difference"] is not None, "TensorFlow cannot compute it on a processor"
        if names is not None:
            found = [layer["name"] for layer in answer["layers"]]
            assert found == names, "layers %s, %s wanted" % (found, names)
        return answer["difference"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def keras_215_python():
    """The Python with TensorFlow 2.15 (tools/setup_tests --with-keras-2.15), if it is there."""
    path = os.path.join(ROOT, "build", "venv215", "bin", "python")
    return path if os.path.exists(path) else None


def rebuild_and_load(loader, evidence, io_path, folder, endings):
    """cuvier writes the model in each form; real Keras loads it and must compute the samples again to 1e-5."""
    outs = {ending: os.path.join(str(folder), "rebuilt" + ending) for ending in endings}
    arguments = [a for ending in endings for a in ("-o", outs[ending])]
    must("rebuild", *evidence, *arguments)
    for ending in endings:
        paths = [outs[ending]]
        if ending in (".weights.h5", ".npz"):
            paths.insert(0, outs[".json"])
        if ending != ".json":
            assert loader.difference(paths, io_path) < 1e-5, ending
