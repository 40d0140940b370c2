"""Keras code as evidence: each script builds the model that real Keras built from it (make.py), without being run."""
import glob
import json
import os

import pytest

from support import as_json, check_evidence

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = sorted(os.path.basename(p)[:-len(".facts.json")] for p in glob.glob(os.path.join(HERE, "*.facts.json")))


@pytest.mark.parametrize("name", NAMES)
def test_outputs(name, tmp_path):
    base = os.path.join(HERE, name)
    check_evidence([base + ".py", base + ".npz"], base + ".io.npz", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_facts(name):
    wanted = json.load(open(os.path.join(HERE, name + ".facts.json")))
    found = as_json("summary", os.path.join(HERE, name + ".py"))["model"]
    for key in ("name", "class_name", "total_params", "trainable_params"):
        assert found[key] == wanted[key], key
    for key in ("name", "class_name", "output_shape", "params", "trainable"):
        assert [layer[key] for layer in found["layers"]] == [layer[key] for layer in wanted["layers"]], key


def test_code_is_not_run(tmp_path):
    """Statements without effect on the model are listed as skipped, and nothing of them happens."""
    mark = tmp_path / "mark"
    script = tmp_path / "script.py"
    script.write_text("import os, keras\nos.system('touch %s')\nopen('%s', 'w').write('x')\n"
                      "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])\n" % (mark, mark))
    as_json("summary", script)
    assert not mark.exists()
