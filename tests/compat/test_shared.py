"""Files by Keras 1.2.2 to 3.15 and by other people, with the outputs that Keras computed for them.

Skipped where the folder of large test files is missing. shared_unsupported.txt lists those that cuvier cannot do yet, one
`path  reason` a line; a listed file that works fails its test, so the list only shrinks.
"""
import os

import numpy as np
import pytest

from shared_files import samples_of
from support import HERE, SHARED, arrays, assert_same, cuvier

LIST = os.path.join(HERE, "shared_unsupported.txt")


def unsupported():
    if not os.path.exists(LIST):
        return {}
    rows = [line.split(None, 1) for line in open(LIST) if line.strip() and not line.startswith("#")]
    return {row[0]: row[1].strip() for row in rows}


def keras_cases():
    """(name, evidence, samples) of keras-files: every carrier of a model that has samples."""
    folder = os.path.join(SHARED, "keras-files")
    for io in sorted(f for f in os.listdir(folder) if f.endswith("_io.npz")):
        stem = io[:-len("_io.npz")]
        forms = [(ending,) for ending in (".keras", ".h5")]
        forms += [(config, weights) for config in (".json", ".yaml") for weights in ("_w.h5", ".weights.h5")]
        for form in forms:
            files = [os.path.join(folder, stem + ending) for ending in form]
            if all(os.path.exists(f) for f in files):
                yield "+".join(stem + ending for ending in form), files, os.path.join(folder, io)


def real_cases():
    folder = os.path.join(SHARED, "real-models")
    for root, _, files in sorted(os.walk(folder)):
        for file in sorted(files):
            if file.endswith(".samples.npz"):
                path = os.path.join(root, file[:-len(".samples.npz")])
                evidence = [path]
                for config in (os.path.join(root, "topology.json"), path.replace("_weights.h5", "_config.json")):
                    if "weights" in os.path.basename(path) and os.path.exists(config):
                        evidence = [config, path]
                yield os.path.relpath(path, folder), evidence, os.path.join(root, file)


def dl4j_cases():
    folder = os.path.join(SHARED, "real-models")
    for root, _, files in sorted(os.walk(folder)):
        for file in sorted(files):
            if file.endswith("_inputs_and_outputs.h5"):
                base = os.path.join(root, file[:-len("_inputs_and_outputs.h5")])
                if os.path.exists(base + "_model.h5"):
                    name = os.path.relpath(base + "_model.h5", folder) + "(recorded)"
                    yield name, [base + "_model.h5"], os.path.join(root, file)


def cases():
    if not os.path.isdir(os.path.join(SHARED, "keras-files")):
        return []
    return list(keras_cases()) + list(real_cases()) + list(dl4j_cases())


def compare(evidence, samples, folder):
    xs, ys = samples_of(samples)
    given, out = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
    np.savez(given, **({"x": xs[0]} if len(xs) == 1 else {"x%d" % i: x for i, x in enumerate(xs)}))
    done = cuvier("predict", *evidence, "-i", given, "-o", out, timeout=600)
    assert done.returncode == 0, "exit status %d\n%s" % (done.returncode, done.stderr[-3000:])
    assert_same(arrays(out), ys)


CASES = cases()


@pytest.mark.parametrize("name,evidence,samples", CASES, ids=[case[0] for case in CASES])
def test_outputs(name, evidence, samples, tmp_path):
    reason = unsupported().get(name)
    if reason is None:
        compare(evidence, samples, str(tmp_path))
        return
    try:
        compare(evidence, samples, str(tmp_path))
    except AssertionError:
        pytest.skip("not yet: " + reason)
    pytest.fail("%s works now: take it off shared_unsupported.txt" % name)
