"""`pip install .` as a user does it: the package alone, with its own library, in a process that knows nothing of this folder."""
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST = os.path.join(ROOT, "tests", "systems", "1-sequential", "keras-3.15")
USE = """
import os, sys, numpy, cuvier
io = numpy.load("io.npz")
model = cuvier.rebuild("rebuild.py")
numpy.testing.assert_allclose(model.predict(io["x"]), io["y"], 1e-4, 1e-5)
assert model.verify("io.npz").ok
print(cuvier.__version__, os.path.dirname(cuvier.__file__))
"""


def test_pip(tmp_path):
    pytest.importorskip("scikit_build_core")
    target = str(tmp_path / "site")
    environment = {key: value for key, value in os.environ.items() if key not in ("CUV_LIBRARY", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-build-isolation", "--no-deps", "--target", target,
                           "-Cbuild-dir=" + os.path.join(ROOT, "build", "python"), ROOT], env=environment, capture_output=True, text=True,
                          timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert os.path.isfile(os.path.join(target, "cuvier", "libcuvier.so"))
    used = subprocess.run([sys.executable, "-c", USE], env=dict(environment, PYTHONPATH=target), cwd=FIRST, capture_output=True, text=True,
                          timeout=120, check=False)
    assert used.returncode == 0, used.stderr
    version, folder = used.stdout.split()
    assert version == header_version() and folder == os.path.join(target, "cuvier")


def header_version():
    with open(os.path.join(ROOT, "include", "cuvier.h"), encoding="utf-8") as file:
        return ".".join(line.split()[2] for line in file if line.startswith("#define CUV_VERSION_"))
