"""What real Keras does with each file of the shared folders: real_models_keras.py keras|tf_keras SHARED OUT.json OUT.npz

Run once by hand, with build/venv; the results are committed beside this file and tools/real_models makes the table of them. Files
with Python code in them (Lambda layers) are not given to Keras, and nothing is loaded with safe_mode off or with pickles allowed.
"""
import json
import os
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np               # noqa: E402

KIND = sys.argv[1]
if KIND == "keras":
    import keras                 # noqa: E402
else:
    import tf_keras as keras     # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shared_files              # noqa: E402

SECONDS = 90


def late(*_):
    raise TimeoutError("took longer than %d seconds" % SECONDS)


def load(evidence):
    first = evidence[0]
    if first.endswith((".json", ".yaml")):
        text = open(first).read()
        if not hasattr(keras.models, "model_from_yaml") and first.endswith(".yaml"):
            raise ValueError("YAML is not read any more")
        value = json.loads(text)
        if "modelTopology" in value:
            raise ValueError("TensorFlow.js models are not read")
        model = keras.models.model_from_json(text)
        for path in evidence[1:]:
            model.load_weights(path[:-len(".index")] if path.endswith(".index") else path)
        return model
    if first.endswith(".pb"):
        return keras.models.load_model(os.path.dirname(first), compile=False)
    return keras.models.load_model(first, compile=False)


def inputs_of(model, seed):
    rng, xs = np.random.default_rng(seed), []
    for t in model.inputs:
        shape = (3,) + tuple(4 if n is None else int(n) for n in t.shape[1:])
        if t.shape[0] is not None:
            shape = (int(t.shape[0]),) + shape[1:]
        dtype = t.dtype if isinstance(t.dtype, str) else t.dtype.name
        xs.append(rng.integers(0, 3, shape).astype(dtype) if "int" in dtype else rng.random(shape).astype(dtype))
    return xs


def listed(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [np.asarray(v) for v in (value if isinstance(value, (list, tuple)) else [value])]


def run(case, kept):
    model = load([os.path.join(sys.argv[2], p) for p in case["evidence"]])
    result = {"loads": True}
    try:
        compute(model, case, kept, result)
    except Exception as error:
        result["predict_error"] = "%s: %s" % (type(error).__name__, " ".join(str(error).split())[:160])
    return result


def compute(model, case, kept, result):
    if case["samples"]:
        xs, ys = shared_files.samples_of(os.path.join(sys.argv[2], case["samples"]))
        out = listed(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))
        result["max_abs"] = max(float(np.abs(a.astype("float64") - b).max()) if a.shape == b.shape else -1.0 for a, b in zip(out, ys))
    elif case["evidence"][0].startswith("keras-files/"):
        xs = inputs_of(model, 7)
        out = listed(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))
        if sum(a.nbytes for a in xs + out) < 40000 and all(np.isfinite(a.astype("float64")).all() for a in out):
            for i, a in enumerate(xs):
                kept["%s|x%d" % (case["name"], i)] = a
            for i, a in enumerate(out):
                kept["%s|y%d" % (case["name"], i)] = a.astype("float32")
            result["kept"] = True


def main():
    results, kept = {}, {}
    signal.signal(signal.SIGALRM, late)
    for case in shared_files.cases(sys.argv[2]):
        if case["code"]:
            results[case["name"]] = {"skipped": "holds Python code"}
            continue
        keras.backend.clear_session()
        signal.alarm(SECONDS)
        try:
            results[case["name"]] = run(case, kept)
        except Exception as error:          # whatever Keras raises is the result
            text = " ".join(str(error).split()) or type(error).__name__
            results[case["name"]] = {"error": "%s: %s" % (type(error).__name__, text[:160])}
        signal.alarm(0)
    with open(sys.argv[3], "w") as f:
        json.dump({"keras": "%s %s" % (KIND, keras.__version__), "files": results}, f, indent=0, sort_keys=True)
    np.savez_compressed(sys.argv[4], **kept)


if __name__ == "__main__":
    main()
