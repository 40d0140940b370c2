"""Lookups and other preprocessing layers with every option drawn at random, saved by real Kerases as the test runs: each carrier gives their outputs, and an
error where they raise. CUV_LOOKUPS_SEED and CUV_LOOKUPS_COUNT choose others (defaults 500 and 8)."""
import os
import subprocess

import pytest

from layer_check import CARRIERS, check, entries
from support import HERE, keras_215_python, keras_python

SEED, COUNT = os.environ.get("CUV_LOOKUPS_SEED", "500"), os.environ.get("CUV_LOOKUPS_COUNT", "8")
CLASSES = ["StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "CategoryEncoding", "Discretization", "Normalization"]
KERASES = {"3.15": keras_python, "2.15": keras_215_python}


@pytest.fixture(scope="module", params=["3.15", "2.15"])
def made(request, tmp_path_factory):
    python = KERASES[request.param]
    if not python():
        pytest.skip("Keras %s is not installed (tools/setup_tests)" % request.param)
    folder = tmp_path_factory.mktemp("lookups")
    subprocess.run([python(), os.path.join(HERE, "lookup_worker.py"), str(folder), SEED, COUNT], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=900)
    return str(folder)


@pytest.mark.parametrize("name", CLASSES)
def test_every_option(made, name, tmp_path):
    cases = [e for e in entries(made) if e["class"] == name and "keras" not in e]
    assert len(cases) >= int(COUNT) // 2
    found = [(e["label"], carrier) + check(made, e, carrier, str(tmp_path)) for e in cases for carrier in CARRIERS]
    assert sum(verdict == "passed" for _, _, verdict, _ in found) >= len(cases)
    bad = [f for f in found if f[2] not in ("passed", "keras")]
    # What Discretization learned in Keras 2 is a variable of no fixed size, which the configuration says nothing of; get_weights() of a TextVectorization that
    # learned weights of tf_idf has its counters, too
    may = [("Discretization", "Keras 2 keeps them in its weights"), ("TextVectorization", "have no layer: ")]
    assert [f for f in bad if not (f[2] == "refused" and any(name == n and why in f[3] for n, why in may))] == []
