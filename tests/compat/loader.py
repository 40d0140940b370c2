"""Loads models in a Python with a real Keras and tells what they are: a line of JSON on standard input for each, a line with the answer.

    loader.py keras | tf_keras

{"load": [paths], "io": path of samples or null} -> {"difference": largest |a - b| / (1 + |b|), null when TensorFlow cannot compute it on a processor, "said": what was printed or warned
while loading and computing, "layers": [...], "model": {...}}, or {"error": text}. Works with Keras 2.15, tf_keras and Keras 3.
"""
import hashlib
import importlib
import json
import os
import sys
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np               # noqa: E402

keras = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "keras")
KERAS3 = keras.__version__[0] == "3"
# What the machine says, not the model: printed once by TensorFlow and XLA whatever is loaded.
MACHINE = ("cuda", "gpu", "oneDNN", "XLA", "cpu_feature", "computation_placer", "Compiled cluster", "InitializeLog", "PJRT", "NUMA",
           "SetPriority", "local_rendezvous", "{{node", "tf.function retracing", "Mixed precision compatibility check", "dtype policy mixed_float16 may run slowly", "compatible GPU")


class Said:
    """Everything that reaches standard error, from C++ too, and every warning of Python."""

    def __enter__(self):
        self.file = tempfile.TemporaryFile("w+")
        sys.stderr.flush()
        self.kept = os.dup(2)
        os.dup2(self.file.fileno(), 2)
        self.catch = warnings.catch_warnings(record=True)
        self.warned = self.catch.__enter__()
        warnings.simplefilter("always")
        return self

    def __exit__(self, *error):
        self.catch.__exit__(*error)
        sys.stderr.flush()
        os.dup2(self.kept, 2)
        os.close(self.kept)
        self.file.seek(0)
        lines = [line.strip() for line in self.file.read().splitlines() if line.strip()]
        self.lines = [line for line in lines if not any(word in line for word in MACHINE)]
        self.lines += ["%s: %s" % (w.category.__name__, w.message) for w in self.warned if w.category is not ResourceWarning]


def plain(value):
    """What JSON can hold; objects of Keras by their configuration."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


def policy_of(layer):
    policy = getattr(layer, "dtype_policy", None)
    return getattr(policy, "name", None) or str(layer.dtype)


def weight_facts(variable):
    value = np.asarray(variable)
    return {"name": variable.name, "shape": list(value.shape), "dtype": str(value.dtype), "trainable": bool(variable.trainable),
            "sha": hashlib.sha1(np.ascontiguousarray(value).tobytes()).hexdigest()}


def weights_of(layer):
    return [w for w in layer.weights if "seed_generator" not in getattr(w, "path", w.name)]


def layer_facts(layer):
    config = layer.get_config()
    inner = config.get("layers")
    config = {k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers")}
    facts = {"name": layer.name, "class": type(layer).__name__, "policy": policy_of(layer), "trainable": bool(layer.trainable),
             "config": plain(config), "weights": [weight_facts(w) for w in weights_of(layer)]}
    if inner is not None and hasattr(layer, "layers"):
        facts["layers"] = [layer_facts(l) for l in layer.layers]
    return facts


def load(paths):
    """The model in these files, loaded by Keras itself: one whole file, or a configuration (or code) and weights."""
    if len(paths) == 1:
        return keras.models.load_model(paths[0], compile=False)
    if paths[0].endswith(".py"):
        names = {}
        with open(paths[0], encoding="ascii") as f:
            exec(compile(f.read(), paths[0], "exec"), names)     # pylint: disable=exec-used
        model = names["model"]
    else:
        with open(paths[0]) as f:
            model = keras.models.model_from_json(f.read())
    if paths[1].endswith(".npz"):
        arrays = np.load(paths[1])
        model.set_weights([arrays[key] for key in arrays.files if not key.startswith("cuvier/")])
    elif paths[1].endswith(".safetensors"):
        model.set_weights(list(read_safetensors(paths[1])))
    else:
        model.load_weights(paths[1])
    return model


def read_safetensors(path):
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header, data = json.loads(f.read(size)), f.read()
    kinds = {"F32": "f4", "F64": "f8", "F16": "f2", "I64": "i8", "I32": "i4", "I8": "i1", "U8": "u1", "BOOL": "?"}
    for key, about in header.items():
        if key != "__metadata__":
            begin, end = about["data_offsets"]
            yield np.frombuffer(data[begin:end], kinds[about["dtype"]]).reshape(about["shape"])


def leaves(value):
    """In the order in which Keras goes through dicts and lists."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def outputs_of(model, io):
    xs = [io[k] for k in io.files if k[0] == "x"]
    structure = getattr(model, "_inputs_struct" if KERAS3 else "_nested_inputs", None)
    if isinstance(structure, (dict, list, tuple)):
        tree = keras.tree if KERAS3 else importlib.import_module("tensorflow").nest
        xs = tree.pack_sequence_as(structure, xs)
    else:
        xs = xs if len(xs) > 1 else xs[0]
    try:
        got = model(xs, training=False)
    except Exception as error:          # noqa: BLE001 - NCHW on a processor: TensorFlow turns it round in graphs only
        if "UnimplementedError" not in type(error).__name__ and "CPU implementations do not yet" not in str(error):
            raise
        try:
            got = model.predict(xs, verbose=0)
        except Exception:               # noqa: BLE001 - not even there
            return None
    return leaves(got)


def difference(model, io):
    ys = [io[k] for k in io.files if k[0] == "y"]
    got = outputs_of(model, io)
    if got is None:
        return None
    assert len(got) == len(ys), "%d outputs, %d wanted" % (len(got), len(ys))
    worst = 0.0
    for a, b in zip(got, ys):
        a = np.asarray(a)
        assert a.shape == b.shape, "shape %s, %s wanted" % (a.shape, b.shape)
        if b.dtype.kind == "U":
            assert [v.decode() if isinstance(v, bytes) else str(v) for v in a.ravel()] == b.ravel().tolist(), "other texts"
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        assert np.isfinite(a).all() or not np.isfinite(b).all(), "an output is not finite"
        if a.size:
            worst = max(worst, float(np.max(np.abs(a - b) / (1 + np.abs(b)))))
    return worst


def answer(task):
    keras.backend.clear_session()
    with Said() as said:
        model = load(task["load"])
        worst = difference(model, np.load(task["io"])) if task.get("io") else None
    facts = {"difference": worst, "said": said.lines}
    if task.get("facts"):
        facts["model"] = {"name": model.name, "class": type(model).__name__, "trainable": bool(model.trainable),
                          "optimizer": getattr(model, "optimizer", None) is not None}
        facts["layers"] = [layer_facts(layer) for layer in model.layers]
    return facts


def serve():
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])(np.zeros((1, 2), "float32"))
    for line in sys.stdin:
        try:
            found = answer(json.loads(line))
        except Exception as error:                       # noqa: BLE001 - the test shows it
            found = {"error": "%s: %s" % (type(error).__name__, str(error)[:2000])}
        sys.stdout.write("ANSWER " + json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
