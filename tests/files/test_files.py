"""Single files (README.md says what each is): good ones are read, bad and unsupported ones are refused and named."""
import os

import pytest

from support import as_json, cuvier

HERE = os.path.dirname(os.path.abspath(__file__))


def names(kind):
    return sorted(f for f in os.listdir(HERE) if f.startswith(kind))


@pytest.mark.parametrize("name", names("good-"))
def test_good(name):
    document = as_json("inspect", os.path.join(HERE, name))
    assert len(document["files"]) == 1 and document["files"][0]["format"]


@pytest.mark.parametrize("name", names("bad-") + names("unsupported-"))
def test_refused(name):
    """Status 3 and one error that names the file; no signal, no long wait, no output beside it."""
    done = cuvier("rebuild", os.path.join(HERE, name), timeout=20)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and name in done.stderr
    document = as_json("rebuild", os.path.join(HERE, name), status=3)
    assert document["error"]["code"] and document["error"]["message"]


@pytest.mark.parametrize("verb", ["inspect", "scan", "summary", "view"])
@pytest.mark.parametrize("name", names("bad-") + names("unsupported-"))
def test_every_verb_survives(name, verb):
    done = cuvier(verb, os.path.join(HERE, name), timeout=20)
    assert done.returncode in (0, 1, 3)


DANGERS = ["bad-system.pkl", "bad-object-eval.npy", "bad-global-by-memo.pkl", "bad-external-link.weights.h5", "bad-external-storage.weights.h5",
           "bad-virtual.weights.h5", "bad-bomb.npz", "bad-outside.keras", "bad-path-in-name.json", "unsupported-torch.json",
           "unsupported-outside-model.json", "unsupported-any-function.json", "bad-declared.weights.h5"]


@pytest.mark.parametrize("name", DANGERS)
def test_scan_finds(name):
    document = as_json("scan", os.path.join(HERE, name), status=1)
    assert document["clean"] is False and document["findings"]


@pytest.mark.parametrize("name", names("good-"))
def test_scan_is_quiet(name):
    if name != "good-markup-in-names.json":
        assert as_json("scan", os.path.join(HERE, name))["clean"] is True
