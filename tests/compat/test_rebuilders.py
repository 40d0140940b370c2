"""Scripts that put models together again, as many people write them (rebuilders/): real Keras runs them as the test runs, cuvier reads them.
Where Keras gives a model, cuvier gives the same outputs, and every weight is certain; where Keras raises, cuvier gives no model and names the
same line. Models whose weights stand in arrays of many kinds, without a script (rebuilders/evidence.txt), give the outputs of the original."""
import json
import os
import re

import pytest

from rebuilder_cases import all_cases
from support import as_json, check_evidence, cuvier, keras_215_python, keras_python, run_keras

PYTHONS = {"3.15": keras_python, "2.15": keras_215_python}
CASES = [(release, area, case.name) for area, case in all_cases() for release in case.releases if not case.evidence]
EVIDENCE = {(release, case.name): case.evidence for _, case in all_cases() for release in case.releases if case.evidence}
# keys of dictionaries that only a regular expression tells: the arrays are found by their shapes
INFERRED = {"sorted_keys"}
# Keras 2.15 counts the number of documents of tf_idf, and not its weights
UNCOUNTED = {"saved_model_of_texts"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folders = {}

    def folder(release):
        if release not in folders:
            made_here = str(tmp_path_factory.mktemp("rebuilders"))
            run_keras(PYTHONS[release](), "rebuilder_worker.py", release, made_here)     # skips where that Keras is missing
            folders[release] = made_here
        return folders[release]
    return folder


def facts_of(folder):
    with open(os.path.join(folder, "facts.json")) as f:
        return json.load(f)


def check_model(folder, facts, release, name, tmp_path):
    script = os.path.join(folder, "script.py")
    check_evidence([script], os.path.join(folder, "io.npz"), tmp_path)
    told = as_json("rebuild", script)
    assert told["model"]["total_params"] == facts["params"]
    if release == "3.15":
        assert [layer["name"] for layer in told["model"]["layers"]] == facts["layers"]
    classes = [d["layer"] for d in told["decisions"] if d["layer"] and d["field"] == "class"]     # as the script defines them: assumed
    weights = [d for d in told["decisions"] if d["layer"] and d["evidence"] not in ("certain", "verified") and
               not any(d["layer"] == own or d["layer"].startswith(own + "/") for own in classes)]
    assert not weights or name in INFERRED, weights


def check_refusal(folder, facts):
    done = cuvier("rebuild", os.path.join(folder, "script.py"), "-o", os.path.join(folder, "out.keras"))
    assert done.returncode in (1, 3), "%d where Keras says %s\n%s" % (done.returncode, facts["error"], done.stderr)
    assert not os.path.exists(os.path.join(folder, "out.keras"))
    lines = {int(n) for n in re.findall(r"script\.py:(\d+):\d+", done.stderr)}
    assert not lines or facts["line"] is None or facts["line"] in lines, "line %s is meant\n%s" % (facts["line"], done.stderr)


@pytest.mark.parametrize("release, area, name", CASES, ids=["%s/%s/%s" % case for case in CASES])
def test_script(made, release, area, name, tmp_path):
    folder = os.path.join(made(release), area, name)
    facts = facts_of(folder)
    assert ("error" in facts) == (area == "mistakes"), facts
    if "error" in facts:
        check_refusal(folder, facts)
    else:
        check_model(folder, facts, release, name, tmp_path)


@pytest.mark.parametrize("release, name", EVIDENCE, ids=["%s/%s" % case for case in EVIDENCE])
def test_evidence(made, release, name, tmp_path):
    folder = os.path.join(made(release), "evidence", name)
    files = [os.path.join(folder, file) for file in EVIDENCE[release, name]]
    check_evidence(files, os.path.join(folder, "io.npz"), tmp_path)
    if name not in UNCOUNTED:
        assert as_json("rebuild", *files)["model"]["total_params"] == facts_of(folder)["params"]
