"""Runs cuvier on what shape_worker.py saved: Keras's outputs, and an error where Keras raises.

    shape_check.py FOLDER            a line for each difference, then the counts
"""
import collections
import json
import os
import sys

import numpy as np

from support import arrays, cuvier

ROOM = {"float16": (2e-3, 2e-3), "bfloat16": (1.6e-2, 1e-2), "float32": (1e-4, 1e-5), "float64": (1e-6, 1e-9)}


def entries(folder):
    with open(os.path.join(folder, "index.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def differs(folder, entry):
    """What is not as Keras has it, or None."""
    base = os.path.join(folder, entry["base"])
    done = cuvier("predict", base + ".json", "-i", base + ".in.npz", "-o", base + ".out.npz")
    said = done.stderr.strip().split("\n")
    if "raises" in entry:
        return None if done.returncode in (1, 3) and "error" in done.stderr else "exit status %d where Keras raises: %s" % (done.returncode, entry["raises"])
    if done.returncode:
        return "exit status %d: %s" % (done.returncode, " ".join(said)[-300:])
    io, lines = np.load(base + ".io.npz"), []
    for i, (a, dtype, which) in enumerate(zip(arrays(base + ".out.npz"), entry["outputs"], entry["which"])):
        b = io["y%d" % i]
        if a.shape != b.shape or ("float16" not in dtype and str(a.dtype) != dtype):
            lines.append("function %d: %s %s, %s %s wanted" % (which, a.dtype, a.shape, dtype, b.shape))
            continue
        rtol, atol = ROOM.get(dtype, (0, 0))
        same = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True) if b.dtype.kind == "f" else a == b
        if not same.all():
            at = tuple(np.argwhere(~same)[0])
            lines.append("function %d: %r, %r wanted, at %s" % (which, a[at], b[at], at))
    return " | ".join(lines) or None


def main(folder):
    counts = collections.Counter()
    for entry in entries(folder):
        if "ends" in entry:
            counts["TensorFlow ends"] += 1
            continue
        what = differs(folder, entry)
        counts["differs" if what else "raises" if "raises" in entry else "same"] += 1
        if what:
            print("%s [%s] %s %s: %s" % (entry["class"], entry["label"], entry["words"], entry["base"], what[:400]))
    print(dict(counts))


if __name__ == "__main__":
    main(sys.argv[1])
