"""The fixed set: every carrier of every model gives the outputs, the facts and the table of the Keras that wrote it."""
import json
import os

import pytest

from support import HERE, RELEASES, as_json, check_evidence, must

# carrier -> the files that make it up, as endings
CARRIERS = {
    "keras": (".keras",),
    "h5": (".h5",),
    "weights.h5": (".json", ".weights.h5"),
    "legacy_w": (".json", ".legacy_w.h5"),
    "npz": (".json", ".npz"),
    "all_weights": (".all_weights.npy", ".json"),
    "dict": (".json", ".dict.npy"),
    "pickle": (".json", ".dict.pkl"),
    "pairs": (".json", ".weights.npy", ".biases.npy"),
    "savedmodel": (".savedmodel",),
    "checkpoint": (".json", ".checkpoint/ck.index", ".checkpoint/ck.data-00000-of-00001"),
}


def models():
    for release in RELEASES:
        folder = os.path.join(HERE, release)
        for file in sorted(os.listdir(folder)):
            if file.endswith(".facts.json"):
                yield os.path.join(folder, file[:-len(".facts.json")])


def identify(value):
    return value.replace(HERE + os.sep + "keras-", "")


def evidence_of(base, carrier):
    files = [base + ending for ending in CARRIERS[carrier]]
    return files if all(os.path.exists(f) for f in files) else None


@pytest.mark.parametrize("carrier", list(CARRIERS))
@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_outputs(base, carrier, tmp_path):
    evidence = evidence_of(base, carrier)
    if not evidence:
        pytest.skip("Keras did not write this form, or it is left out for its size")
    check_evidence(evidence, base + ".io.npz", tmp_path)


def names_of(inbound):
    """Layer names of "inbound", whichever way they are written: "dense", "dense[0][0]", ["dense", 0, 0]."""
    return [(item[0] if isinstance(item, list) else item).split("[")[0] for item in inbound]


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("base", list(models()), ids=identify)
def test_facts(base, ending):
    if not os.path.exists(base + ending):
        pytest.skip("Keras did not write this form")
    wanted = json.load(open(base + ".facts.json"))
    found = as_json("summary", base + ending)["model"]
    for key in ("name", "class_name", "inputs", "outputs", "total_params", "trainable_params", "non_trainable_params"):
        got = found[key]
        if key in ("inputs", "outputs"):
            got = [item["shape"] if isinstance(item, dict) else item for item in got]
        assert got == wanted[key], key
    assert [layer["name"] for layer in found["layers"]] == [layer["name"] for layer in wanted["layers"]]
    for got, want in zip(found["layers"], wanted["layers"]):
        for key in ("class_name", "output_shape", "params", "trainable"):
            assert got[key] == want[key], "%s of %s" % (key, want["name"])
        if want["inbound"] is not None:
            sources = [source[0] for call in want["inbound"] for source in call]
            assert names_of(got["inbound"]) == sources, "inbound of %s" % want["name"]


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("base", [b for b in models() if os.path.exists(b + ".summary.txt")], ids=identify)
def test_table(base, ending):
    """Line for line what model.summary() of Keras 3 prints in 80 columns."""
    wanted = open(base + ".summary.txt", encoding="utf-8").read()
    printed = must("summary", base + ending).stdout
    assert [line.rstrip() for line in printed.rstrip("\n").split("\n")] == \
           [line.rstrip() for line in wanted.rstrip("\n").split("\n")]
