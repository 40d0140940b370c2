"""Random functional models of 3 to 30 layers, saved by real Keras 3 as the test runs: cuvier computes the same. By hand, with other Kerases and
more models: graph_worker.py, then graph_check.py.

CUV_GRAPHS_SEED and CUV_GRAPHS_COUNT choose others (defaults 1 and 25).
"""
import glob
import os
import subprocess

import pytest

from graph_check import check_all
from support import HERE, Loader, cuvier, keras_python

SEED = os.environ.get("CUV_GRAPHS_SEED", "1")
COUNT = int(os.environ.get("CUV_GRAPHS_COUNT", "25"))


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = str(tmp_path_factory.mktemp("graphs") / "made")
    subprocess.run([keras_python(), os.path.join(HERE, "graph_worker.py"), folder, SEED, str(COUNT)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=900)
    return folder


def test_graphs(graphs):
    results = list(check_all(graphs))
    assert len({entry["base"] for entry, *_ in results}) == COUNT
    bad = ["%s %s: %s %s" % (entry["base"], form, verdict, why) for entry, form, verdict, why in results
           if verdict != "passed" and (verdict == "wrong" or "which is not supported" not in why)]        # a class that is refused by name
    assert not bad, "\n".join(bad)


def test_code_of_graphs(graphs, tmp_path):
    """As Keras code: real Keras runs it and computes the same, layer by layer the same names; cuvier reads it back to the same outputs."""
    loader, bad = Loader(keras_python()), []
    for path in sorted(glob.glob(os.path.join(graphs, "*.keras"))):
        base, name = path[:-len(".keras")], os.path.basename(path)
        code, weights = tmp_path / (name + ".py"), tmp_path / (name + ".weights.h5")
        done = cuvier("rebuild", path, "-q", "-o", code, "-o", weights)
        if "the Lambda layer" in done.stderr:       # whose code is never handed on
            continue
        if done.returncode:
            bad.append("%s: refused: %s" % (name, done.stderr[:300]))
            continue
        answer = loader.ask([code, weights], base + ".io.npz")
        if "error" in answer or answer["difference"] > 1e-4:     # what Keras says of masks it said of the original too
            bad.append("%s: %s" % (name, str(answer)[:400]))
        done = cuvier("verify", code, weights, "--against", path)
        if "takes string" in done.stderr:       # nothing is drawn at random for those
            done = cuvier("verify", code, weights, "--samples", base + ".io.npz")
        if done.returncode:
            bad.append("%s: read back: %s" % (name, done.stderr[:300]))
    loader.close()
    assert not bad, "\n".join(bad)
