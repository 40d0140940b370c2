"""What cuvier makes of each model in the shared folders, and what Keras made of it (real_models.*.json)."""
import json
import os
import tempfile

import numpy as np

import shared_files
from support import HERE, arrays, assert_same, cuvier


def of_keras(kind):
    with open(os.path.join(HERE, "real_models.%s.json" % kind)) as f:
        return json.load(f)


def first_error(stderr, shared):
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    return (lines[0][len("error: "):] if lines else "no error given").replace(shared + "/", "")


def run(case, shared):
    """{"kind": equal, differs, rebuilt, recovered (from tensors alone), incomplete (status 1) or refused (status 3), "text"}"""
    evidence = [os.path.join(shared, p) for p in case["evidence"]]
    done = cuvier("rebuild", *evidence, "--time", "100", timeout=120)    # sanitizers and busy machines are slow
    with_config = " (with `%s`)" % os.path.basename(case["evidence"][0]) if len(evidence) > 1 else ""
    if done.returncode != 0:
        assert done.returncode in (1, 3), "%s: exit status %d" % (case["name"], done.returncode)
        text = first_error(done.stderr, shared)
        return {"kind": "incomplete" if done.returncode == 1 else "refused", "text": text[:150] + ("..." if len(text) > 150 else "")}
    assumed = " (a function assumed)" if "/function = " in done.stdout else ""
    if "architecture = recovered from tensors" in done.stdout:
        return {"kind": "recovered", "text": "an architecture that fits, assumed" + with_config}
    if not case["samples"]:
        return {"kind": "rebuilt", "text": "rebuilt" + with_config + assumed}
    xs, ys = shared_files.samples_of(os.path.join(shared, case["samples"]))
    with tempfile.TemporaryDirectory() as folder:
        given, out = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
        np.savez(given, **({"x": xs[0]} if len(xs) == 1 else {"x%d" % i: x for i, x in enumerate(xs)}))
        done = cuvier("predict", *evidence, "-i", given, "-o", out, timeout=600)
        if done.returncode != 0:
            return {"kind": "differs", "text": "rebuilt, but: " + first_error(done.stderr, shared)[:150]}
        found = arrays(out)
    try:
        assert_same(found, ys)
    except AssertionError:
        return {"kind": "differs", "text": "rebuilt, **other numbers**"}
    return {"kind": "equal", "text": "equal to its samples" + with_config + assumed}


def all_results(shared):
    for case in shared_files.cases(shared):
        yield case, run(case, shared)
