"""What cuvier writes of the models that graph_worker.py saved, by what each form is for: a line for each that is not right, then the counts.

    graph_written.py FOLDER [FIRST LAST]     which of its models; CUV_KERAS=tf_keras or keras2 where that Keras made them

What is written for Keras 3 goes to real Keras 3.15; with --keras 2, to Keras 2.15, or to tf_keras where that made the model; .onnx to ONNX Runtime, .c to gcc.
"""
import collections
import json
import os
import sys
import tempfile

import numpy as np

from forms import refusal
from graph_check import difference, settled
from support import TESTS, Loader, cuvier, keras_215_python, keras_python, numbered

sys.path.insert(0, os.path.join(TESTS, "emit"))
OLD = os.environ.get("CUV_KERAS")


FORMS = [("keras", [".keras"]), ("h5", [".h5"]), ("json", [".json", ".weights.h5"]), ("py", [".py", ".weights.h5"])]


def loaders():
    """(column, process, options of rebuild, endings)"""
    three = Loader(keras_python())
    old = Loader(keras_python(), "tf_keras") if OLD == "tf_keras" else Loader(keras_215_python())
    for column, endings in FORMS:
        yield column, three, [], endings
    for column, endings in FORMS[:-1]:
        yield "2 " + column, old, ["--keras", "2"], endings


def judge(found, io, entry):
    """Singles as files are compared, with what Keras itself makes of the last bits of the inputs."""
    wanted = numbered(io, "y")
    different = difference(found, wanted, entry.get("policy", "float32"))
    return ("wrong: " + different) if different and not settled(found, wanted, entry.get("noise", [])) else "equal"


def by_keras(loader, options, endings, base, folder, entry):
    outs = [os.path.join(folder, "m" + ending) for ending in endings]
    done = cuvier("rebuild", base + ".keras", *options, "-q", *[a for out in outs for a in ("-o", out)])
    if done.returncode:
        return refusal(done)
    answer = loader.ask(outs, base + ".io.npz")
    if "error" in answer:
        return "fails: " + " ".join(answer["error"].split())[:300]
    limit = 0.1 if "16" in entry.get("policy", "") else max([1e-4] + [10 * n for n in entry.get("noise", [])])
    return "equal" if answer["difference"] is None or answer["difference"] < limit else "wrong: differs by %.3g" % answer["difference"]


def by_runtime(base, folder, entry):
    import test_onnx
    path, io = os.path.join(folder, "m.onnx"), np.load(base + ".io.npz")
    done = cuvier("rebuild", base + ".keras", "-q", "-o", path)
    if done.returncode:
        return refusal(done)
    found = run_session(test_onnx.session(path), test_onnx.NUMPY, numbered(io, "x"))
    return judge(found[:len(numbered(io, "y"))], io, entry)


def run_session(session, types, xs):
    """States of stateful layers are inputs behind the model's own: zeros at first."""
    inputs = session.get_inputs()
    xs = xs + [np.zeros(i.shape, types[i.type]) for i in inputs[len(xs):]]
    return session.run(None, {i.name: x.astype(types[i.type]) for i, x in zip(inputs, xs)})


def by_compiler(base, folder, entry):
    import test_c
    io = np.load(base + ".io.npz")
    path = os.path.join(folder, "net.c")
    done = cuvier("rebuild", base + ".keras", "-q", *test_c.sizes_of(io), "-o", path)
    if done.returncode:
        return refusal(done)
    source, xs = test_c.Source(path, "gcc", "-O0"), numbered(io, "x")
    states = [np.zeros(shape, "float32") for _, shape in source.shapes("x")[len(xs):]]
    return judge(source.predict(xs + states)[:len(numbered(io, "y"))], io, entry)


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:                           # noqa: BLE001 - whatever a reader says
        return "fails: %s: %s" % (type(error).__name__, " ".join(str(error).split())[:300])


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "index.jsonl")) as f:
        entries = [json.loads(line) for line in f]
    entries = [e for e in entries if [".keras"] in e["forms"]]
    first, last = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (0, len(entries))
    counts, readers = collections.defaultdict(collections.Counter), list(loaders())
    for entry in entries[first:last]:
        base = os.path.join(folder, entry["base"])
        cells = {}
        with tempfile.TemporaryDirectory() as scratch:
            for column, loader, options, endings in readers:
                cells[column] = attempt(by_keras, loader, options, endings, base, scratch, entry)
            cells["onnx"] = attempt(by_runtime, base, scratch, entry)
            cells["c"] = attempt(by_compiler, base, scratch, entry)
        for column, verdict in cells.items():
            counts[column][verdict.split(":")[0]] += 1
            if verdict != "equal":
                print(entry["base"], column, verdict[:400], flush=True)
    for column, counter in counts.items():
        print("%-8s" % column, dict(counter))
    for loader in {id(r[1]): r[1] for r in readers}.values():
        loader.close()


if __name__ == "__main__":
    main()
