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


def difference(found, wanted, policy):
    """Halves are compared to within a part of the largest value: they are rounded after each of many layers."""
    if "16" not in policy and policy != "int8":
        return compare(found, wanted, False, rtol=1e-3)
    if [a.shape for a in found] != [b.shape for b in wanted]:
        return "shapes %s, %s wanted" % ([a.shape for a in found], [b.shape for b in wanted])
    for i, (a, b) in enumerate(zip(found, wanted)):
        if b.dtype.kind not in "fiub":
            if a.tolist() != b.tolist():
                return "output %d has other texts" % i
            continue
        worst = np.abs(a.astype(np.float64) - b).max(initial=0) / max(1.0, np.abs(b.astype(np.float64)).max(initial=0))
        if not worst < (0.1 if "bfloat16" in policy else 0.02):
            return "output %d differs by %.3g of its largest value (%s)" % (i, worst, policy)
    return None


def settled(found, wanted, noise):
    """Whether the outputs differ by no more than a few times what the last bits of the inputs make of them in Keras itself."""
    if len(found) != len(wanted) or len(noise) != len(wanted) or any(a.shape != b.shape or b.dtype.kind != "f" for a, b in zip(found, wanted)):
        return False
    return all(np.abs(a.astype(np.float64) - b).max(initial=0) <= 1e-5 + 1e-3 * np.abs(b).max(initial=0) and
               np.abs(a.astype(np.float64) - b).max(initial=0) <= 10 * n + 1e-5 for a, b, n in zip(found, wanted, noise))


def check(folder, entry, form, scratch):
    """("passed", None), ("wrong", what), ("refused", message)."""
    base = os.path.join(folder, entry["base"])
    out, given, io = os.path.join(scratch, "out.npz"), base + ".io.npz", np.load(base + ".io.npz")
    if any(len(y) != len(x) for x in numbered(io, "x")[:1] for y in numbered(io, "y")):      # an output of the whole batch: no samples
        given = os.path.join(scratch, "in.npz")
        np.savez(given, **{key: io[key] for key in io.files if key[0] == "x"})
    done = cuvier("predict", *[base + ending for ending in form], "-i", given, "-o", out)
    if done.returncode:
        return ("refused" if done.returncode == 3 else "wrong"), done.stderr.strip() or "exit status %d" % done.returncode
    found, wanted = arrays(out), numbered(io, "y")
    different = difference(found, wanted, entry.get("policy", "float32"))
    if different and settled(found, wanted, entry.get("noise", [])):
        different = None
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
