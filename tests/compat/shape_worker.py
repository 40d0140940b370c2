"""Saves models of operations on odd shapes, with what real Keras gives or that it raises: shape_worker.py FOLDER [CLASS ...]

The cases of operation_cases.py with no rows, with an axis of size 0 or 1 in place of each of theirs, and with single numbers; every function of keras.ops
that takes an axis, with all of them, from the last one back, too. TensorFlow ends the whole process over some: then the next one starts.
"""
import inspect
import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
FIRST = int(os.environ.get("CUV_SHAPES_FROM", "-1"))
if FIRST >= 0:
    import keras
    import numpy as np
    from keras import ops

    import operation_cases as cases
    from dtype_worker import flat

# A number of elements as words of operation_cases.py have it
AXIS_SHAPES = ["=f234", "=f3", "=f[0]3", "=f113", "=f2[0]1", "f[0]", "=i23"]
# Keras raises because this TensorFlow lacks a kernel for such a dtype, not because the operation means nothing
LACKS = ("Could not find device for node", "No OpKernel", "not supported by", "is not in the list of allowed values", "Value for attr 'T'")


def word(whole, kind, sizes):
    return "=" * whole + kind + "".join("[%d]" % n if n > 9 or n == 0 else str(n) for n in sizes)


def variants(words):
    """(label, words, rows)"""
    parsed = [(w[0] == "=", w.lstrip("=")[0], list(cases.sizes(w))) for w in words.split()]
    spots = [(i, k) for i, (_, _, sizes) in enumerate(parsed) for k in range(len(sizes))]

    def replaced(wanted, n):
        return " ".join(word(w, kind, [n if wanted(i, k, size) else size for k, size in enumerate(sizes)]) for i, (w, kind, sizes) in enumerate(parsed))
    found = []
    if not all(w for w, _, _ in parsed):
        found += [("no rows", words, 0), ("one row", words, 1)]
    for n in (0, 1):
        for size in sorted({parsed[i][2][k] for i, k in spots}):
            found.append(("%d for %d" % (n, size), replaced(lambda i, k, s, size=size: s == size, n), 2))
        if len(spots) > 1:
            found += [("%d at %d.%d" % (n, *at), replaced(lambda i, k, s, at=at: (i, k) == at, n), 2) for at in spots]
    found.append(("numbers", " ".join(word(True, kind, []) for _, kind, _ in parsed), 2))
    unique = {}
    for label, made, rows in found:
        unique.setdefault((made, rows), label)
    return [(label, made, rows) for (made, rows), label in unique.items()]


def jobs_of(only):
    """(class, label, words, rows, functions)"""
    jobs = []
    for name in sorted(cases.APART):
        for words in sorted({w for w, _ in cases.APART[name]}):
            functions = [f for w, f in cases.APART[name] if w == words]
            jobs += [(name, "%s: %s" % (words, label), made, rows, functions) for label, made, rows in variants(words)]
    for name, f in sorted(vars(ops).items()):
        try:
            takes = "axis" in inspect.signature(f).parameters if inspect.isfunction(f) else False
        except ValueError:
            continue
        for words in AXIS_SHAPES if takes else []:
            rank = len(cases.sizes(words)) + (words[0] != "=")
            jobs.append(("axis", name, words, 0 if words == "f[0]" else 2, [lambda x, f=f, a=a: f(x, axis=a) for a in range(-rank, rank)]))
    return [job for job in jobs if not only or job[0] in only]


def symbols_of(function, inputs):
    """What a functional model can hold of it, or None."""
    try:
        return flat(function(*inputs))
    except Exception:           # noqa: BLE001 - whatever it is, no file comes of it
        return None


def results_of(inputs, symbols, arrays):
    """(tensors, None), (None, what Keras says), or (None, None) when no file comes of it."""
    try:
        model = keras.Model(inputs, symbols)
        model.to_json()
    except Exception:           # noqa: BLE001
        return None, None
    try:
        results = flat(model(arrays if len(arrays) > 1 else arrays[0]))
        return (None, None) if any("complex" in str(r.dtype) or "string" in str(r.dtype) for r in results) else (results, None)
    except Exception as error:  # noqa: BLE001
        said = " ".join(line.strip() for line in str(error).splitlines() if line.strip() and "encountered when calling" not in line) or "an error"
        return None, None if any(lack in said for lack in LACKS) else said[:300]


def keep(folder, base, inputs, arrays, symbols, results):
    with open(os.path.join(folder, base + ".json"), "w") as out:
        out.write(keras.Model(inputs, symbols).to_json())
    np.savez(os.path.join(folder, base + ".in.npz"), **{x.name: a for x, a in zip(inputs, arrays)})
    plain = [keras.ops.convert_to_numpy(keras.ops.cast(y, "float32") if "float16" in str(y.dtype) else y) for y in results]
    np.savez(os.path.join(folder, base + ".io.npz"), **{"y%d" % i: a for i, a in enumerate(plain)})


def one(folder, number, job, out):
    name, label, words, rows, functions = job
    keras.backend.clear_session()
    inputs, arrays = [], []
    for i, w in enumerate(words.split()):
        whole, sizes, dtype, values = cases.draw(w, np.random.default_rng(9 + i))
        inputs.append(keras.Input(batch_shape=sizes, dtype=dtype, name="in_%d" % i) if whole else keras.Input(sizes, dtype=dtype, name="in_%d" % i))
        arrays.append(values if whole else values[:rows])
    entry = {"class": name, "label": label, "words": words}
    symbols = {i: made for i, made in ((i, symbols_of(f, inputs)) for i, f in enumerate(functions)) if made}
    base, good = "s%05d" % number, {}
    results = results_of(inputs, [x for made in symbols.values() for x in made], arrays)[0] if symbols else None
    if results is not None:
        good = {i: None for i in symbols}
    for i, made in symbols.items() if not good else ():
        found, raised = results_of(inputs, made, arrays)
        if found is not None:
            good[i] = found
        elif raised:
            keep(folder, "%s.%d" % (base, i), inputs, arrays, made, [])
            out.write(json.dumps({**entry, "base": "%s.%d" % (base, i), "which": i, "raises": raised}) + "\n")
    if good:
        results = [r for found in good.values() for r in found] if results is None else results
        keep(folder, base, inputs, arrays, [x for i in good for x in symbols[i]], results)
        out.write(json.dumps({**entry, "base": base, "which": [i for i in good for _ in symbols[i]],
                              "outputs": [keras.backend.standardize_dtype(r.dtype) for r in results]}) + "\n")
    out.flush()


def work(folder, jobs):
    with open(os.path.join(folder, "index.jsonl"), "a") as out:
        for number in range(FIRST, len(jobs)):
            with open(os.path.join(folder, "at"), "w") as at:
                at.write("%d\n%s\n%s" % (number, jobs[number][0], jobs[number][1]))
            one(folder, number, jobs[number], out)
    os.remove(os.path.join(folder, "at"))


def main(folder, *only):
    if FIRST >= 0:
        work(folder, jobs_of(only))
        return
    first = 0
    while True:
        done = subprocess.run([sys.executable, *sys.argv], env=dict(os.environ, CUV_SHAPES_FROM=str(first)), check=False)
        at = os.path.join(folder, "at")
        if not os.path.exists(at):
            sys.exit(done.returncode)
        number, name, label = open(at).read().split("\n")
        os.remove(at)
        if done.returncode > 0:         # a mistake of this file
            sys.exit(done.returncode)
        with open(os.path.join(folder, "index.jsonl"), "a") as out:
            out.write(json.dumps({"class": name, "label": label, "ends": done.returncode}) + "\n")
        first = int(number) + 1


if __name__ == "__main__":
    main(*sys.argv[1:])
