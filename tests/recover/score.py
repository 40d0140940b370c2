"""Recovers one model from one carrier with some samples, and says how it went: what cuvier claims, and whether that is so for inputs that
it has never seen."""
import json
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "compat"))
import support  # noqa: E402

from carrier_forms import CARRIERS  # noqa: E402

CLOSE = 1e-4        # relative to the largest output, on inputs held out


def held_out_error(folder, rebuilt, scratch):
    """Largest difference of outputs for the inputs held out, relative to the largest; infinity when there are none."""
    predicted = os.path.join(scratch, "predicted.npz")
    done = support.cuvier("predict", rebuilt, "-i", os.path.join(folder, "held_out_x.npz"), "-o", predicted)
    if done.returncode:
        return float("inf")
    wanted = support.numbered(np.load(os.path.join(folder, "held_out.npz")), "y")
    found = support.arrays(predicted)
    if [y.shape for y in found] != [y.shape for y in wanted]:
        return float("inf")
    worst = max(float(np.abs(a - b).max() / max(1.0, np.abs(b).max())) for a, b in zip(found, wanted))
    return worst if np.isfinite(worst) else float("inf")


def recover(folder, carrier, samples, scratch, seconds=0):
    """One row of the benchmark, or None where the model has no such carrier. No seconds: what cuvier does by itself, which no clock decides."""
    files = [os.path.join(folder, name) for name in CARRIERS[carrier].split()]
    if not all(os.path.exists(path) for path in files):
        return None
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as file:
        truth = json.load(file)
    rebuilt = os.path.join(scratch, "rebuilt.keras")
    if os.path.exists(rebuilt):
        os.remove(rebuilt)
    options = ["--samples", os.path.join(folder, "samples_%d.npz" % samples)] if samples else [
        part for shape in truth["inputs"] for part in ("--input-shape", ",".join(map(str, shape)))]
    start = time.time()
    done = support.cuvier("rebuild", *files, *options, "-o", rebuilt, "--json", *(("--time", str(seconds)) if seconds else ()),
                          timeout=(seconds or 240) + 60)
    row = {"model": os.path.basename(folder), "family": truth["family"], "layers": truth["layers"], "carrier": carrier, "samples": samples,
           "status": done.returncode, "seconds": round(time.time() - start, 2), "verified": False, "exact": False, "error": "",
           "difference": None}
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        row["error"] = "no JSON: " + done.stderr[-200:]
        return row
    if done.returncode:
        row["error"] = answer.get("error", {}).get("code", "?")
        return row
    levels = [d["evidence"] for d in answer.get("decisions", [])]
    row["verified"] = "verified" in levels
    row["difference"] = held_out_error(folder, rebuilt, scratch)
    row["exact"] = row["difference"] < CLOSE
    return row
