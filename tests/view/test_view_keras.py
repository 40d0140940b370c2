"""Every layer and every tensor between layers that real Keras knows is in the picture, and nothing else; so is what Keras's own picture
(keras.utils.model_to_dot) shows. Models of the fixed set, and large ones of keras.applications."""
import glob
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import svg                                                                      # noqa: E402
from support import HERE, keras_215_python, keras_python, must                  # noqa: E402
from test_picture import check                                                  # noqa: E402

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "view_worker.py")


def ask(python, folder, *arguments):
    if not python:
        pytest.skip("this Keras is not installed (tools/setup_tests)")
    done = subprocess.run([python, WORKER, os.path.join(folder, "out.json"), *arguments], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with open(os.path.join(folder, "out.json"), encoding="utf-8") as f:
        return json.load(f)


def saved(release, ending):
    """Whole models of the fixed set that Keras loads without anybody's code."""
    skip = ("classes", "custom", "functions", "slashes")
    return [p for p in sorted(glob.glob(os.path.join(HERE, release, "*" + ending))) if not os.path.basename(p).startswith(skip) and "weights" not in p
            and "legacy_w" not in p]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keras"))
    return {"3.15": ask(keras_python(), folder, *saved("keras-3.15", ".keras"))["models"],
            "3.15-large": ask(keras_python(), folder, "--make", folder)["models"],
            "2.15": ask(keras_215_python(), folder, *saved("keras-2.15", ".h5"))["models"] if keras_215_python() else {}}


def levels_by_path(level, path=""):
    yield path, level
    for name, inner in level.inside.items():
        yield from levels_by_path(inner, name)


def compare(path, wanted, tmp_path):
    must("view", path, "-q", "-o", tmp_path / "m.svg")
    _, outer = check(tmp_path / "m.svg")
    found = dict(levels_by_path(outer))
    assert set(found) >= set(wanted), path
    for name, model in wanted.items():
        boxes, edges = found[name].boxes, found[name].edges
        assert all(b.path == (name + "/" if name else "") + b.name for b in boxes)
        names = sorted(b.name for b in boxes)
        own = [n for n in names if n not in model["layers"]]
        assert sorted(n for n in names if n not in own) == model["layers"], (path, name)
        assert all(b.class_name == "InputLayer" for b in boxes if b.name in own), "an input that Keras keeps out of sight: %s" % own
        cut = len(name) + 1 if name else 0
        drawn = sorted([e.source[cut:], e.target[cut:], e.output] for e in edges if e.source[cut:] not in own)
        assert drawn == [e for e in model["edges"] if e[0] not in own], (path, name)
        pairs = {(e.source[cut:], e.target[cut:]) for e in edges}
        assert {tuple(p) for p in model["dot_edges"]} <= pairs, (path, name)
        assert set(model["dot_layers"]) <= set(names)
    return sum(len(m["edges"]) for m in wanted.values()), sum(len(m["dot_edges"]) for m in wanted.values())


@pytest.mark.parametrize("which,models,edges", [("3.15", 35, 250), ("3.15-large", 8, 1200), ("2.15", 30, 200)])
def test_graph_as_keras_has_it(which, models, edges, known, tmp_path):
    if not known[which]:
        pytest.skip("this Keras is not installed")
    assert len(known[which]) >= models
    counts = [compare(path, wanted, tmp_path) for path, wanted in known[which].items()]
    assert sum(c[0] for c in counts) > edges and sum(c[1] for c in counts) > edges / 2, "Keras has edges to compare with"
    print(which, len(counts), "models", sum(c[0] for c in counts), "edges", sum(c[1] for c in counts), "of Keras's own picture")
