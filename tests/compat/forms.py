"""Every model of the fixed set in every form: written by cuvier, read back by what the form is for, and compared with Keras's outputs.

    forms.py RESULTS.json [PART PARTS | NAME]   a part of the models, or those of a name; tools/forms runs all and makes docs/forms.md
"""
import json
import os
import shutil
import sys
import tempfile

import numpy as np

from support import HERE, ROOT, TESTS, Loader, arrays, assert_same, cuvier, keras_215_python, keras_python, numbered

sys.path.insert(0, os.path.join(TESTS, "emit"))
sys.path.insert(0, HERE)

# A column: its name, the options of rebuild, the files that are written, which reader reads which of them.
KERAS_FORMS = [
    (".keras", [], [".keras"], "keras3"), (".h5", [], [".h5"], "keras3"), (".json .weights.h5", [], [".json", ".weights.h5"], "keras3"),
    (".json .npz", [], [".json", ".npz"], "keras3"), (".json .safetensors", [], [".json", ".safetensors"], "keras3"),
    (".py .weights.h5", [], [".py", ".weights.h5"], "keras3"),
    ("2: .keras", ["--keras", "2"], [".keras"], "keras2"), ("2: .h5", ["--keras", "2"], [".h5"], "keras2"),
    ("2: .json .weights.h5", ["--keras", "2"], [".json", ".weights.h5"], "keras2"), ("2: .keras, tf_keras", ["--keras", "2"], [".keras"], "tf_keras")]
COLUMNS = [name for name, *_ in KERAS_FORMS] + [".onnx", ".c gcc", ".c clang", ".dot"]


def refusal(done):
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return "refused: " + (lines[0][len("error: "):] if lines else "exit status %d" % done.returncode)


def by_keras(loader, base, options, endings, folder):
    outs = [os.path.join(folder, "m" + ending) for ending in endings]
    done = cuvier("rebuild", base + ".keras", *options, "-q", *[a for out in outs for a in ("-o", out)])
    if done.returncode:
        return refusal(done)
    answer = loader.ask(outs, base + ".io.npz")
    if "error" in answer:
        return "fails: " + answer["error"].splitlines()[0][:200]
    if answer["said"]:
        return "says: " + answer["said"][0][:200]
    if answer["difference"] is None:
        return "loads; TensorFlow has no kernel for it on a processor"
    return "equal" if answer["difference"] < 1e-5 else "differs by %.2g" % answer["difference"]


def by_runtime(base, folder):
    import onnx
    import test_onnx
    path, io = os.path.join(folder, "m.onnx"), np.load(base + ".io.npz")
    done = cuvier("rebuild", base + ".keras", "-q", "-o", path)
    if done.returncode:
        return refusal(done)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert_same(test_onnx.run(path, numbered(io, "x")), numbered(io, "y"), rtol=1e-4, atol=2e-5)
    return "equal"


def by_compiler(compiler, flags, base, folder):
    import test_c
    io = np.load(base + ".io.npz")
    if any(x.dtype.kind == "U" for x in numbered(io, "x")):
        return "refused: an input of strings"
    path = os.path.join(folder, "net.c")
    done = cuvier("rebuild", base + ".keras", "-q", *test_c.sizes_of(io), "-o", path)
    if done.returncode:
        return refusal(done)
    out = os.path.join(folder, "out.npz")
    cuvier("predict", base + ".keras", "--reference", "--batch", 1, "-i", base + ".io.npz", "-o", out)
    built = test_c.Source(path, compiler, *flags)
    found = built.predict(numbered(io, "x"))
    test_c.same_bits(found, arrays(out))
    assert_same(found, numbered(io, "y"))
    assert built.selftest() == 0
    return "equal"


def by_graphviz(base, folder):
    import subprocess
    path = os.path.join(folder, "m.dot")
    done = cuvier("rebuild", base + ".keras", "-q", "-o", path)
    if done.returncode:
        return refusal(done)
    if not shutil.which("dot"):
        return "written; Graphviz is not there"
    read = subprocess.run(["dot", "-Tcanon", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return "read" if read.returncode == 0 and not read.stderr else "fails: " + read.stderr.decode()[:200]


def attempt(action, *arguments):
    try:
        return action(*arguments)
    except Exception as error:          # noqa: BLE001 - it is what the table shows
        return "differs: %s" % (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def main():
    from test_fixed import models
    part, parts = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (0, 1)
    loaders = {"keras3": Loader(keras_python()), "keras2": Loader(keras_215_python()), "tf_keras": Loader(keras_python(), "tf_keras")}
    results = {}
    chosen = [b for b in models() if os.path.basename(b) == sys.argv[2]] if len(sys.argv) == 3 else list(models())[part::parts]
    for base in chosen:
        name = "/".join(base.split(os.sep)[-2:])
        cells = results[name] = {}
        for column, options, endings, reader in KERAS_FORMS:
            with tempfile.TemporaryDirectory() as folder:
                cells[column] = attempt(by_keras, loaders[reader], base, options, endings, folder)
        with tempfile.TemporaryDirectory() as folder:
            cells[".onnx"] = attempt(by_runtime, base, folder)
            cells[".c gcc"] = attempt(by_compiler, "gcc", ["-ffreestanding", "-Os"], base, folder)
            cells[".c clang"] = attempt(by_compiler, "clang", ["-O2"], base, folder)
            cells[".dot"] = attempt(by_graphviz, base, folder)
        with open(sys.argv[1], "w", encoding="utf-8") as f:
            json.dump(results, f, indent=0)
    for loader in loaders.values():
        loader.close()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
