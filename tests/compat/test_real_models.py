"""Every file of the shared folders: what docs/real-models.md says cuvier makes of it, it makes; and where real Keras's outputs for a file
without samples were kept (real_models_keras.py), cuvier's are the same. Skipped where the folders are missing."""
import os
import re

import numpy as np
import pytest

import shared_files
import shared_results
from support import HERE, ROOT, SHARED, arrays, as_json, assert_same, must

HERE_IT_IS = os.path.isdir(os.path.join(SHARED, "keras-files"))
pytestmark = pytest.mark.skipif(not HERE_IT_IS, reason="the folder of large test files is missing")

# The Keras of its own line is the measure for a file: tf_keras for Keras 2, Keras 3 for Keras 3. Masked recurrent layers of Keras 2.2
# are not: tf_keras has changed what a Bidirectional gives for masked steps.
KEPT = {"keras": r"keras-files/(k3|[a-z]+\d?\.|q_|b\.)", "tf_keras": r"keras-files/(tf212|tfk216|k22t[eh]_(long|conv))"}


def kept():
    for kind, own in KEPT.items():
        outputs = np.load(os.path.join(HERE, "real_models.%s.npz" % kind))
        for name in sorted({key.split("|")[0] for key in outputs.files}):
            if re.match(own, name) and not name.endswith((".json", ".yaml")):
                yield kind, name


def test_table():
    """Nothing is worse than the table says; tools/real_models writes it anew when more works."""
    with open(os.path.join(ROOT, "docs", "real-models.md"), encoding="utf-8") as f:
        rows = dict(line[3:].split("` | ", 1) for line in f if line.startswith("| `"))
    wrong, seen = [], 0
    for case, result in shared_results.all_results(SHARED):
        seen += 1
        said = rows.get(case["name"].replace("|", "\\|"), "").split(" | ")[0]
        order = ("error", "recovered", "differs", "rebuilt", "equal")
        kind = "equal" if said.startswith("equal") else "differs" if "other numbers" in said else "rebuilt" if said.startswith("rebuilt") \
            else "recovered" if said.startswith("an architecture") else "error"
        now = result["kind"] if result["kind"] in order else "error"
        if order.index(now) < order.index(kind):
            wrong.append("%s: %s, the table has %s" % (case["name"], result["text"], said))
    assert seen == len(rows) > 300
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("kind,name", list(kept()) if HERE_IT_IS else [])
def test_kept_outputs(kind, name, tmp_path):
    outputs = np.load(os.path.join(HERE, "real_models.%s.npz" % kind))
    case = next(c for c in shared_files.cases(SHARED) if c["name"] == name)
    xs, ys = ([outputs[k] for k in sorted(outputs.files) if k.startswith("%s|%s" % (name, letter))] for letter in "xy")
    given, out = os.path.join(str(tmp_path), "in.npz"), os.path.join(str(tmp_path), "out.npz")
    np.savez(given, **({"x": xs[0]} if len(xs) == 1 else {"x%d" % i: x for i, x in enumerate(xs)}))
    evidence = [os.path.join(SHARED, p) for p in case["evidence"]]
    must("predict", *evidence, "-i", given, "-o", out)
    named = [f["config"]["config"]["output_layers"] for f in as_json("inspect", *evidence)["files"]
             if f["config"] and isinstance(f["config"]["config"], dict) and isinstance(f["config"]["config"].get("output_layers"), dict)]
    if named:       # the dictionary that predict() gave was kept in its own order; the model's outputs stand in that of their keys
        ys = [y for _, y in sorted(zip(named[0], ys), key=lambda pair: pair[0])]
    assert_same(arrays(out), ys)
