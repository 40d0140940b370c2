"""Runs cuvier on the cases that layer_worker.py saved: each carrier gives Keras's outputs, or is refused by a name.

    layer_check.py FOLDER            a line for each failure, then the counts
"""
import collections
import glob
import json
import os
import sys
import tempfile

import numpy as np

from support import arrays, cuvier, numbered

CARRIERS = {"keras": ["keras"], "h5": ["h5"], "JSON + weights.h5": ["json", "weights.h5"], "JSON + npz": ["json", "npz"]}


def entries(folder):
    with open(os.path.join(folder, "index.jsonl")) as f:
        return [json.loads(line) for line in f]


def compare(found, wanted, half, rtol=1e-4):
    """None, or what differs."""
    if len(found) != len(wanted):
        return "%d outputs, %d wanted" % (len(found), len(wanted))
    for i, (a, b) in enumerate(zip(found, wanted)):
        if a.shape != b.shape:
            return "output %d has shape %s, %s wanted" % (i, a.shape, b.shape)
        if (a.dtype.kind in "fV") != (b.dtype.kind == "f") or (a.dtype.kind == "U") != (b.dtype.kind == "U"):
            return "output %d is %s, %s wanted" % (i, a.dtype, b.dtype)
        if b.dtype.kind == "U":
            if not (a == b).all():
                return "output %d differs: %s, %s wanted" % (i, a.ravel()[:4], b.ravel()[:4])
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        limit = (1e-2 if half else 1e-5) + (1e-2 if half else rtol) * np.abs(b)
        with np.errstate(invalid="ignore"):
            worst = np.where(a == b, 0, np.abs(a - b) - limit)      # infinities, too
        if not (worst <= 0).all():
            at = np.unravel_index(np.argmax(np.where(np.isnan(worst), np.inf, worst)), worst.shape) if worst.ndim else ()
            return "output %d differs at %s: %r, %r wanted" % (i, tuple(map(int, at)), float(a[at]), float(b[at]))
    return None


def check(folder, entry, carrier, scratch):
    """("passed", None), ("wrong", what), ("refused", message), ("keras", why Keras could not write it)."""
    base = os.path.join(folder, entry["base"])
    for ending in CARRIERS[carrier]:
        if entry["carriers"].get(ending):
            return "keras", entry["carriers"][ending]
    files = [base + "." + ending for ending in CARRIERS[carrier]]
    if carrier != "keras":      # what the archive holds as assets, and weights of tf_idf that were adapted
        files += [path for path in sorted(glob.glob(base + ".texts/*")) if path.endswith(".txt") or carrier != "JSON + weights.h5"]
    out = os.path.join(scratch, "out.npz")
    done = cuvier("predict", *files, "-i", base + (".in.npz" if os.path.exists(base + ".in.npz") else ".io.npz"), "-o", out)
    if done.returncode:
        text = done.stderr.strip() or "exit status %d" % done.returncode
        return ("refused" if done.returncode in (1, 3) else "wrong"), text
    io = np.load(base + ".io.npz")
    different = compare(arrays(out), numbered(io, "y"), entry["half"])
    if not different and entry.get("bad") and cuvier("predict", *files, "-i", base + ".bad.npz", "-o", out).returncode not in (1, 3):
        different = "no error where Keras raises"
    return ("wrong", different) if different else ("passed", None)


def check_all(folder):
    with tempfile.TemporaryDirectory() as scratch:
        for entry in entries(folder):
            if "keras" in entry:
                continue
            for carrier in CARRIERS:
                yield entry, carrier, *check(folder, entry, carrier, scratch)


def main():
    counts = collections.Counter()
    for entry, carrier, verdict, why in check_all(sys.argv[1]):
        counts[verdict] += 1
        if verdict in ("wrong", "refused"):
            print("%-8s %s [%s] %s %s: %s" % (verdict, entry["class"], entry["label"], entry["base"], carrier,
                                           " | ".join(why.splitlines()[:2])[:260]))
    print(dict(counts))


if __name__ == "__main__":
    main()
