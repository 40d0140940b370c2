"""Runs cuvier on the models that graph_worker.py saved: none may be wrong, and a refused one names what is not supported.

    graph_check.py FOLDER            a line for each that is not right, then the counts
"""
import collections
import json
import os
import sys
import tempfile

import numpy as np

from layer_check import compare
from support import arrays, cuvier, numbered


def check(folder, entry, form, scratch):
    """("passed", None), ("wrong", what), ("refused", message)."""
    base = os.path.join(folder, entry["base"])
    out = os.path.join(scratch, "out.npz")
    done = cuvier("predict", *[base + ending for ending in form], "-i", base + ".io.npz", "-o", out)
    if done.returncode:
        return ("refused" if done.returncode == 3 else "wrong"), done.stderr.strip() or "exit status %d" % done.returncode
    different = compare(arrays(out), numbered(np.load(base + ".io.npz"), "y"), False, rtol=1e-3)
    return ("wrong", different) if different else ("passed", None)


def check_all(folder):
    with open(os.path.join(folder, "index.jsonl")) as f:
        entries = [json.loads(line) for line in f]
    with tempfile.TemporaryDirectory() as scratch:
        for entry in entries:
            for form in entry["forms"]:
                yield entry, form, *check(folder, entry, form, scratch)


def main():
    counts, models = collections.Counter(), {}
    for entry, form, verdict, why in check_all(sys.argv[1]):
        counts[verdict] += 1
        worst = models.get(entry["base"], "passed")
        models[entry["base"]] = min(worst, verdict, key=["wrong", "refused", "passed"].index)
        if verdict != "passed":
            print("%-8s %s %s: %s" % (verdict, entry["base"], "+".join(form), " | ".join(why.splitlines()[:2])[:300]))
    print("files:", dict(counts), "models:", dict(collections.Counter(models.values())))


if __name__ == "__main__":
    main()
