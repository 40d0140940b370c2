"""Random small models, saved by real Keras as the test runs, in every form: cuvier computes the same and writes it back.

CUV_LIVE_SEED and CUV_LIVE_COUNT choose others (defaults 1 and 24); a failure names both.
"""
import glob
import os
import subprocess

import pytest

from support import HERE, check_evidence, keras_python, rebuild_and_load
from test_fixed import CARRIERS, evidence_of

SEED = int(os.environ.get("CUV_LIVE_SEED", "1"))
COUNT = int(os.environ.get("CUV_LIVE_COUNT", "24"))
FORMS = [c for c in CARRIERS if c not in ("legacy_w", "savedmodel", "checkpoint")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not keras_python():
        pytest.skip("Keras is not installed (tools/setup_tests)")
    folder = tmp_path_factory.mktemp("live")
    subprocess.run([keras_python(), os.path.join(HERE, "worker.py"), "make", str(folder), str(SEED), str(COUNT)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    assert len(glob.glob(str(folder / "*.io.npz"))) >= COUNT // 2
    return folder


def base_of(made, number):
    base = str(made / ("m%03d" % number))
    if not os.path.exists(base + ".io.npz"):
        pytest.skip("this one had outputs beyond measure")
    return base


@pytest.mark.parametrize("number", range(COUNT))
def test_every_form(made, number, tmp_path):
    base = base_of(made, number)
    for carrier in FORMS:
        evidence = evidence_of(base, carrier)
        if evidence:
            check_evidence(evidence, base + ".io.npz", tmp_path)


@pytest.mark.parametrize("number", range(COUNT))
def test_back_to_keras(made, number, keras3, tmp_path):
    base = base_of(made, number)
    rebuild_and_load(keras3, [base + ".keras"], base + ".io.npz", tmp_path, [".keras", ".json", ".weights.h5", ".h5"])
