"""Every file in CUV_SHARED, by people and by Keras 1.2.2 to 3.15: whatever it is, each verb ends in time and with a status of its own.
What the files hold is compared elsewhere (compat/test_shared.py); this is for memory errors, leaks and hangs, in sanitized builds."""
import os

import pytest

from support import SHARED, cuvier

FOLDERS = ("keras-files", "real-models")


def shared_files():
    found = []
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(SHARED, folder)):
            found += [os.path.join(path, name) for name in names if not name.endswith(("md", "_io.npz"))]
    return sorted(found)


@pytest.mark.parametrize("path", shared_files(), ids=lambda path: os.path.relpath(path, SHARED))
def test_every_verb_ends(path, tmp_path):
    for arguments in (["inspect", path, "--json"], ["rebuild", path, "-o", tmp_path / "out.npz"]):
        done = cuvier(*arguments, timeout=60)
        assert done.returncode in (0, 1, 3), done.stdout[-1000:] + done.stderr[-3000:]
    samples = os.path.splitext(path)[0] + "_io.npz"
    if os.path.exists(samples):
        done = cuvier("predict", path, "-i", samples, "-o", tmp_path / "y.npz", timeout=60)
        assert done.returncode in (0, 1, 3), done.stderr[-3000:]
