"""Saves models of operations on every dtype, with their outputs, as real Keras gives them: dtype_worker.py FOLDER [NAME ...]

A NAME is a class (Sum: its cases), a function of two operands (add), or which dtypes in place of all of them: "some", those that differ most, or
"wide", integers of 32 and 64 bits, with numbers of all sizes.

The cases of operation_cases.py with other dtypes in place of their own, and every operation of two operands on every pair of dtypes. One model
holds all that Keras can do with the same inputs; what it cannot is left out.
"""
import json
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np
from keras import ops

import operation_cases as cases

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16", "float32", "float64"]
PAIRED = ["add", "subtract", "multiply", "divide", "true_divide", "divide_no_nan", "floor_divide", "mod", "fmod", "power", "maximum", "minimum", "fmax",
          "fmin", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and",
          "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm", "arctan2", "hypot", "logaddexp", "logaddexp2", "heaviside", "ldexp", "copysign",
          "nextafter", "isclose", "append", "dot", "matmul", "inner", "outer", "vdot", "tensordot", "kron", "cross", "where", "searchsorted", "digitize", "isin",
          "correlate", "take", "select", "concatenate", "stack", "einsum"]
SCALARS = [2, -3, 0.1, True, 300]
LARGE = [2 ** 53 + 1, -2 ** 62 - 1, 2 ** 63 - 1, -2 ** 63]
WIDE = []       # not empty: numbers of all sizes


def values(dtype, shape, rng):
    """Half of them small, the others near the limits."""
    few = rng.random(shape) < 0.5
    if dtype == "bool":
        return few
    if "int" in dtype:
        limits = np.iinfo(dtype)
        small = rng.integers(max(limits.min, -6), 7, shape)
        wide = np.array([limits.max, limits.min, limits.max - 1, limits.max // 2 + 1, limits.max // 3, max(limits.min, -17), 100], dtype)
        if WIDE:        # every number of bits, so that there are sums, products and quotients of all sizes
            few = rng.random(shape) < 0.3
            any_size = rng.integers(limits.min, limits.max, shape, dtype, True) >> rng.integers(0, limits.bits, shape).astype(dtype)
            wide = np.where(rng.random(shape) < 0.6, any_size, rng.choice(wide, shape))
            return np.where(few, small.astype(dtype), wide)
        return np.where(few, small.astype(dtype), rng.choice(wide, shape))
    small = np.round(rng.standard_normal(shape) * 16) / 8
    wide = rng.choice(np.array([0.0, -0.0, 1, -1, 0.1, -0.5, 1.5, 2.5, 7, 100.25, 300]), shape)
    return np.where(few, small, wide).astype("float32").astype("float32" if dtype == "bfloat16" else dtype)


def pair(name, dtypes):
    """Functions of two tensors (4, 3, 3), each on its own."""
    f = getattr(ops, name, None)
    special = {
        "dot": [lambda x, y: ops.dot(x, y)], "take": [lambda x, y: ops.take(x, y, axis=1)], "where": [lambda x, y: ops.where(x > y, x, y)],
        "select": [lambda x, y: ops.select([ops.cast(x, "bool")], [y], 0)], "concatenate": [lambda x, y: ops.concatenate([x, y], 1)],
        "stack": [lambda x, y: ops.stack([x, y], 1)], "einsum": [lambda x, y: ops.einsum("bij,bjk->bik", x, y)],
        "searchsorted": [lambda x, y: ops.searchsorted(ops.sort(x[0, 0]), y[0, 0])], "digitize": [lambda x, y: ops.digitize(x, ops.sort(y[0, 0]))],
        "correlate": [lambda x, y: ops.correlate(x[0, 0], y[0, 0], mode="full")], "tensordot": [lambda x, y: ops.tensordot(x, y[0], axes=1)],
        "vdot": [lambda x, y: ops.vdot(x, y)], "kron": [lambda x, y: ops.kron(x[0], y[0])], "outer": [lambda x, y: ops.outer(x[0], y[0])],
        "inner": [lambda x, y: ops.inner(x, y)]}
    if f is None:
        return []
    found = special.get(name, [f])
    if name not in special and dtypes[0] == dtypes[1]:
        scalars = SCALARS + (LARGE if WIDE and dtypes[0] == "int64" else [])        # TensorFlow ends the process over some for uint64
        found = found + [lambda x, y, s=s: f(x, s) for s in scalars] + [lambda x, y, s=s: f(s, x) for s in scalars] + [lambda x, y: f(x, y[:, :1])]
    return found


def flat(value):
    return [x for item in value for x in flat(item)] if isinstance(value, (list, tuple)) else [value]


def possible(f, inputs, tensors):
    """The function's outputs, when Keras can do it with such inputs."""
    try:
        real = flat(f(*tensors))
        return None if any("complex" in str(r.dtype) or "string" in str(r.dtype) for r in real) else flat(f(*inputs))
    except Exception:           # noqa: BLE001 - what Keras cannot do
        return None


def run(inputs, outputs, tensors):
    try:
        return flat(keras.Model(inputs, outputs)(tensors if len(tensors) > 1 else tensors[0]))
    except Exception:           # noqa: BLE001
        return None


class Part:
    """Functions of the same inputs, as far as Keras can do them."""

    def __init__(self, label, shapes, dtypes, arrays, functions, first):
        self.arrays = arrays
        self.inputs = [keras.Input(batch_shape=s, dtype=d, name="in_%d" % (first + i)) for i, (s, d) in enumerate(zip(shapes, dtypes))]
        self.tensors = [ops.convert_to_tensor(a, dtype=d) for a, d in zip(arrays, dtypes)]
        found = [(f, possible(f, self.inputs, self.tensors)) for f in functions]
        found = [(f, ys) for f, ys in found if ys]
        self.results = run(self.inputs, [y for _, ys in found for y in ys], self.tensors) if found else []
        if self.results is None:    # what can be done alone, but not as a model
            found = [(f, ys) for f, ys in found if run(self.inputs, ys, self.tensors) is not None]
            self.results = run(self.inputs, [y for _, ys in found for y in ys], self.tensors) if found else []
        self.outputs = [y for _, ys in found for y in ys]
        self.labels = ["%s:%d" % (label, functions.index(f)) for f, ys in found for _ in ys]


class Folder:
    def __init__(self, path):
        self.path, self.made = path, []

    def keep(self, label, parts, about):
        """One model of many parts."""
        keras.backend.clear_session()
        made = []
        for part in parts:
            made.append(Part(*part, first=sum(len(p.inputs) for p in made)))
        made = [p for p in made if p.outputs]
        if not made:
            return
        try:
            text = keras.Model([x for p in made for x in p.inputs], [y for p in made for y in p.outputs]).to_json()
        except NotImplementedError:     # arguments that Keras cannot write, as of STFT
            return
        base = os.path.join(self.path, label)
        inputs, results = [x for p in made for x in p.inputs], [y for p in made for y in p.results]
        with open(base + ".json", "w") as out:
            out.write(text)
        np.savez(base + ".in.npz", **{x.name: a for p in made for x, a in zip(p.inputs, p.arrays)})
        plain = [keras.ops.convert_to_numpy(keras.ops.cast(y, "float32") if "float16" in str(y.dtype) else y) for y in results]
        np.savez(base + ".io.npz", **{"y%d" % i: a for i, a in enumerate(plain)})
        self.made.append({"label": label, "class": about, "which": [w for p in made for w in p.labels],
                          "outputs": [keras.backend.standardize_dtype(y.dtype) for y in results]})
        json.dump(self.made, open(os.path.join(self.path, "dtypes.json"), "w"))


def of_cases(folder, names):
    for name in sorted(names or cases.APART):
        for n, words in enumerate(sorted({w for w, _ in cases.APART.get(name, [])})):
            functions = [f for w, f in cases.APART[name] if w == words]
            shapes = [((4,) if w[0] != "=" else ()) + tuple(cases.sizes(w)) for w in words.split()]
            kinds = [w.lstrip("=")[0] for w in words.split()]
            base = [cases.draw(w, np.random.default_rng(3))[3] for w in words.split()]
            swapped = "fpugn" if any(k in "fpugn" for k in kinds) else "il"
            parts = []
            for dtype in DTYPES:
                if not any(k in swapped for k in kinds) or (swapped == "il" and "int" not in dtype):
                    continue
                rng = np.random.default_rng(zlib.crc32((name + words + dtype).encode()))
                wild = name not in cases.APART_FLOATS
                arrays = [b if k not in swapped else values(dtype, s, rng) if k == "f" and wild else b.astype("float32" if dtype == "bfloat16" else dtype)
                          for b, k, s in zip(base, kinds, shapes)]
                parts.append((dtype, shapes, [dtype if k in swapped else str(b.dtype) for b, k in zip(base, kinds)], arrays, functions))
            folder.keep("%s.%d" % (name, n), parts, name)


def of_pairs(folder, names):
    shape = (4, 3, 3)
    for name in names or PAIRED:
        for a in DTYPES:
            parts = []
            for b in DTYPES:
                rng = np.random.default_rng(zlib.crc32((name + a + b).encode()))
                arrays = [values(a, shape, rng), values(b, shape, rng)]
                if name == "take":
                    arrays[1] = (np.abs(arrays[1].astype("float64")) % 3).astype("float32" if b == "bfloat16" else b)
                parts.append((a + "+" + b, [shape, shape], [a, b], arrays, pair(name, (a, b))))
            folder.keep("%s.%s" % (name, a), parts, name)


def main(path, *names):
    folder = Folder(path)
    if "some" in names:
        DTYPES[:] = ["bool", "int8", "uint8", "int32", "uint32", "int64", "float16", "float32"]
        names = [n for n in names if n != "some"]
    if "wide" in names:
        DTYPES[:] = ["int32", "uint32", "int64", "uint64"]
        WIDE.append(True)
        names = [n for n in names if n != "wide"]
    if not names or any(n[0].islower() for n in names):
        of_pairs(folder, [n for n in names if n in PAIRED])
    if not names or any(n[0].isupper() for n in names):
        of_cases(folder, [n for n in names if n[0].isupper()])


if __name__ == "__main__":
    main(*sys.argv[1:])
