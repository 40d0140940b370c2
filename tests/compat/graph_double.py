"""Is a difference rounding? Models of graph_worker.py once more in float64, where Keras's own rounding is gone: cuvier must then agree to 1e-9.

    graph_double.py FOLDER NAME...       NAME: g060021, as graph_check.py tells it; CUV_KERAS=tf_keras as for graph_worker.py

For each: how far cuvier is from Keras in float32, how far Keras in float32 is from Keras in float64, and how far cuvier is from Keras in float64.
"""
import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("CUV_KERAS") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import numpy as np               # noqa: E402
import tensorflow as tf          # noqa: E402

from support import arrays, must, numbered       # noqa: E402


def leaves(value):
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def load(base):
    for ending in (".keras", ".h5"):
        if os.path.exists(base + ending):
            return keras.models.load_model(base + ending, compile=False, **({"safe_mode": False} if ending == ".keras" else {}))
    with open(base + ".json") as f:
        model = keras.models.model_from_json(f.read())
    with np.load(base + ".npz") as weights:
        model.set_weights([weights[k] for k in weights.files])
    return model


def far(a, b):
    return max((np.abs(x.astype(np.float64) - y).max(initial=0) for x, y in zip(a, b) if y.dtype.kind == "f"), default=0.0)


def one(base, scratch):
    io = np.load(base + ".io.npz")
    model = load(base)
    double = keras.models.model_from_json(model.to_json().replace('"float32"', '"float64"'))
    double.set_weights(model.get_weights())
    xs = [x.astype(np.float64) if x.dtype == np.float32 else x for x in numbered(io, "x")]
    given = [tf.constant(x) for x in xs]
    ys = [np.asarray(y) for y in leaves(double(given if len(given) > 1 else given[0], training=False))]
    files = [os.path.join(scratch, "m.json"), os.path.join(scratch, "m.npz")]
    with open(files[0], "w") as f:
        f.write(double.to_json())
    np.savez(files[1], *double.get_weights())
    np.savez(os.path.join(scratch, "x.npz"), **{"x%d" % i: x for i, x in enumerate(xs)})
    out = os.path.join(scratch, "y.npz")
    must("predict", *files, "-i", os.path.join(scratch, "x.npz"), "-o", out)
    exact = far(arrays(out), ys)
    form = next(e for e in (".keras", ".h5") if os.path.exists(base + e))
    must("predict", base + form, "-i", base + ".io.npz", "-o", out)
    single = numbered(io, "y")
    return {"float32": far(arrays(out), single), "keras": far(single, ys), "float64": exact}


def main():
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[2:]:
            try:
                print(name, json.dumps(one(os.path.join(sys.argv[1], name), scratch)))
            except Exception as error:                   # noqa: BLE001 - a layer that has no float64
                print(name, "%s: %s" % (type(error).__name__, str(error).splitlines()[0][:200]))


if __name__ == "__main__":
    main()
