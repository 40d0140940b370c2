"""What cuvier writes is right in every form: small models that have to be said otherwise (written_models.py), and random ones of Keras 2 (graph_worker.py;
graph_written.py has what each form is read by, and does it with any number and any Keras). Of those, CUV_WRITTEN_COUNT says how many (default none), and
CUV_WRITTEN_SEED which.
"""
import json
import os
from unittest import mock

import pytest

from support import keras_python, run_keras

with mock.patch.dict(os.environ, CUV_KERAS="tf_keras"):
    import graph_written

SEED, COUNT = os.environ.get("CUV_WRITTEN_SEED", "21"), os.environ.get("CUV_WRITTEN_COUNT", "0")


@pytest.fixture(scope="module")
def readers():
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    pytest.importorskip("tf_keras")
    made = list(graph_written.loaders())
    yield made
    for process in {id(reader[1]): reader[1] for reader in made}.values():
        process.close()


def verdicts(readers, folder, entry, scratch):
    base = os.path.join(str(folder), entry["base"])
    scratch = scratch / ("of_" + entry["base"])         # a library that is loaded must not be written over
    scratch.mkdir()
    for column, loader, options, endings in readers:
        yield column, graph_written.attempt(graph_written.by_keras, loader, options, endings, base, str(scratch), entry)
    yield "onnx", graph_written.attempt(graph_written.by_runtime, base, str(scratch), entry)
    yield "c", graph_written.attempt(graph_written.by_compiler, base, str(scratch), entry)


def test_said_otherwise(readers, tmp_path):
    """None of these is refused (lookups have no counterpart in ONNX and C)."""
    with mock.patch.dict(os.environ, CUV_KERAS="tf_keras"):
        run_keras(keras_python(), "written_models.py", tmp_path)
    names = sorted(path.name[:-len(".keras")] for path in tmp_path.glob("*.keras"))
    assert len(names) >= 15
    wrong = ["%s %s: %s" % (name, column, verdict) for name in names for column, verdict in verdicts(readers, tmp_path, {"base": name}, tmp_path)
             if verdict != "equal" and not (name.startswith("lookup") and column in ("onnx", "c") and verdict.startswith("refused"))]
    assert not wrong, "\n".join(wrong)


def test_random(readers, tmp_path):
    """What is not refused by name is right."""
    if COUNT == "0":
        pytest.skip("CUV_WRITTEN_COUNT says how many")
    with mock.patch.dict(os.environ, CUV_KERAS="tf_keras"):
        run_keras(keras_python(), "graph_worker.py", tmp_path, SEED, COUNT)
    entries = [entry for entry in map(json.loads, (tmp_path / "index.jsonl").read_text().splitlines()) if [".keras"] in entry["forms"]]
    assert len(entries) >= int(COUNT) - 1
    results = [(entry["base"], column, verdict) for entry in entries for column, verdict in verdicts(readers, tmp_path, entry, tmp_path)]
    assert sum(verdict == "equal" for *_, verdict in results) > len(results) // 2
    wrong = ["%s %s: %s" % result for result in results if not result[2].startswith(("equal", "refused"))]
    assert not wrong, "\n".join(wrong)
