"""Mistakes that people make: what cuvier says to each, word for word (tests/mistakes)."""
import os
import shlex
import shutil

import pytest

from support import TESTS, cuvier

MISTAKES = os.path.join(TESTS, "mistakes")
FOLDERS = sorted(f for f in os.listdir(MISTAKES) if os.path.exists(os.path.join(MISTAKES, f, "cmd")))


def text(name, file):
    with open(os.path.join(MISTAKES, name, file), encoding="utf-8") as f:
        return f.read()


@pytest.mark.parametrize("name", FOLDERS)
def test_message(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(os.path.join(MISTAKES, name), folder)
    before = set(os.listdir(folder))
    done = cuvier(*shlex.split(text(name, "cmd")), cwd=folder)
    assert done.stderr == text(name, "expect.txt")
    assert done.returncode == int(text(name, "status"))
    if done.returncode:
        assert set(os.listdir(folder)) == before, "a call that fails writes nothing"


@pytest.mark.parametrize("name", FOLDERS)
def test_same_in_json(name, tmp_path):
    """With --json the message is in the document, and the status is the same."""
    import json
    folder = tmp_path / name
    shutil.copytree(os.path.join(MISTAKES, name), folder)
    done = cuvier(*shlex.split(text(name, "cmd")), "--json", cwd=folder)
    assert done.returncode == int(text(name, "status"))
    document = json.loads(done.stdout)
    assert document["cuvier"]
    if done.returncode and "error" in document:
        first = text(name, "expect.txt").split("\n")[0]
        assert first == "error: " + document["error"]["message"]


def test_there_are_enough():
    assert len(FOLDERS) >= 28
