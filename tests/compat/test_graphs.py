"""Random functional models of 3 to 30 layers, saved by real Keras 3 as the test runs: cuvier computes the same. By hand, with other Kerases and
more models: graph_worker.py, then graph_check.py.

CUV_GRAPHS_SEED and CUV_GRAPHS_COUNT choose others (defaults 1 and 25).
"""
import os
import subprocess

import pytest

from graph_check import check_all
from support import HERE, keras_python

SEED = os.environ.get("CUV_GRAPHS_SEED", "1")
COUNT = int(os.environ.get("CUV_GRAPHS_COUNT", "25"))


def test_graphs(tmp_path):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = str(tmp_path / "graphs")
    subprocess.run([keras_python(), os.path.join(HERE, "graph_worker.py"), folder, SEED, str(COUNT)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=900)
    results = list(check_all(folder))
    assert len({entry["base"] for entry, *_ in results}) == COUNT
    bad = ["%s %s: %s %s" % (entry["base"], form, verdict, why) for entry, form, verdict, why in results if verdict != "passed"]
    assert not bad, "\n".join(bad)
