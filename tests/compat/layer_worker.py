"""Runs in a Python with real Keras 3, once for many layers: saves the cases of layer_cases.py with samples.

    layer_worker.py FOLDER SEED DRAWS LAYERS_JSON [CLASS...]

LAYERS_JSON "quirks" takes the cases of quirk_cases.py instead, "versions" those of version_cases.py. Writes for every case its files and a line of index.jsonl: class, label, base, the carriers that Keras could write (or why not).
"""
import json
import os
import subprocess
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if "CUV_LAYERS_FROM" in os.environ:
    import keras
    import numpy as np

    import layer_cases
    import make_fixed
    from support import plain, save_each_form


def leaves(value):
    if isinstance(value, dict):
        value = [value[k] for k in sorted(value)]        # Keras's order
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def tensors(model, xs):
    if keras.backend.backend() != "tensorflow":
        return [keras.ops.convert_to_tensor(x) if x.dtype.kind not in "OSU" else x for x in xs]
    import tensorflow as tf
    return [tf.constant(x) for x in xs]


def samples(case, rng):
    model = case.model
    kinds = case.kinds + [None] * (len(model.inputs) - len(case.kinds))
    xs = [layer_cases.draw_input(t.shape, t.dtype if t.dtype != "bfloat16" else "float32", k, rng, 4)
          for t, k in zip(model.inputs, kinds)]
    given = tensors(model, xs)
    ys = leaves(model(given if len(given) > 1 else given[0], training=False))
    return {**make_fixed.numbered("x", [plain(x) for x in xs]), **make_fixed.numbered("y", [plain(y) for y in ys])}


def save_vocabularies(model, base):
    """What layers have learned, as texts of one token in each line: BASE.texts/LAYER.txt, and weights of tf_idf. Only archives hold it."""
    for layer in model.layers:
        if hasattr(layer, "get_vocabulary") and layer.get_config().get("vocabulary") is None:
            os.makedirs(base + ".texts", exist_ok=True)
            with open(os.path.join(base + ".texts", layer.name + ".txt"), "w", encoding="utf-8") as f:
                f.write("".join("%s\n" % token for token in layer.get_vocabulary()))
            lookup = getattr(layer, "_lookup_layer", layer)
            if lookup.output_mode == "tf_idf":
                np.savez(os.path.join(base + ".texts", "learned.npz"), **{layer.name: np.asarray(lookup.idf_weights_const)})


def randomise(model, rng):
    """Other numbers for weights that were initialised; statistics that were adapted stay."""
    kept = {id(v) for layer in model.layers if isinstance(layer, keras.layers.Normalization) for v in layer.weights}
    before = model.get_weights()
    make_fixed.randomise(model, rng)
    model.set_weights([b if id(v) in kept else a for v, a, b in zip(model.weights, model.get_weights(), before)])


def one(folder, number, build, class_name, label, out):
    keras.backend.clear_session()
    name = "c%04d" % number
    entry = {"class": class_name, "label": label, "base": name}
    try:
        seed = zlib.crc32(("%s %s" % (class_name, label)).encode())
        keras.utils.set_random_seed(seed % 2 ** 31)
        rng = np.random.default_rng(seed)
        case = build()
        randomise(case.model, rng)
        io = samples(case, rng)
        entry["half"] = case.half
        if not all(np.isfinite(a).all() for a in io.values() if a.dtype.kind == "f"):
            raise ValueError("an output is not finite")
        entry["carriers"] = save_each_form(case.model, os.path.join(folder, name))
        save_vocabularies(case.model, os.path.join(folder, name))
        if "int8 + lora" in label:                       # what is saved is merged and rounded anew (quirks 40): the file counts
            case.model = keras.models.load_model(os.path.join(folder, name + ".keras"))
            rng = np.random.default_rng(seed)
            io = samples(case, rng)
        np.savez(os.path.join(folder, name + ".io.npz"), **io)
    except Exception as error:                           # noqa: BLE001 - Keras refuses the case: recorded
        entry["keras"] = "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:200])
    out.write(json.dumps(entry) + "\n")
    out.flush()


def jobs_of(seed, draws, listing, only):
    jobs = []
    if listing in ("quirks", "versions"):
        import quirk_cases
        import version_cases
        draw = layer_cases.D(keras, np.random.default_rng(7))
        return [(name, "quirk", lambda n=name, b=build: layer_cases.case_of(keras, n, "quirk", b(draw), draw))
                for name, build in (quirk_cases.QUIRKS if listing == "quirks" else version_cases.VERSIONS).items() if not only or name in only]
    if os.path.exists(listing):
        jobs += list(layer_cases.listed(keras, listing))
    for class_name in sorted(layer_cases.DRAWS):
        for i in range(draws):
            jobs.append((class_name, "seed %d" % (seed + i), lambda c=class_name, s=seed + i: layer_cases.drawn(keras, c, s)))
    for class_name, builders in layer_cases.MORE.items():
        for i, build in enumerate(builders):
            def more(c=class_name, l="more %d" % i, b=build):
                d = layer_cases.D(keras, np.random.default_rng(7))
                return layer_cases.case_of(keras, c, l, b(d), d)
            jobs.append((class_name, "more %d" % i, more))
    return [job for job in jobs if not only or job[0] in only]


def work(folder, jobs, first):
    with open(os.path.join(folder, "index.jsonl"), "a") as out:
        for number, (class_name, label, build) in enumerate(jobs[first:], first):
            with open(os.path.join(folder, "at"), "w") as at:
                at.write("%d\n%s\n%s" % (number, class_name, label))
            if build is None:
                out.write(json.dumps({"class": class_name, "label": label, "base": "", "keras": "no model can be built of it"}) + "\n")
                out.flush()
                continue
            one(folder, number, build, class_name, label, out)
    os.remove(os.path.join(folder, "at"))


def main():
    """The work is done in a child, because some configurations end the whole process in TensorFlow: then the next one starts."""
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    first = int(os.environ.get("CUV_LAYERS_FROM", "-1"))
    if first >= 0:
        work(folder, jobs_of(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], set(sys.argv[5:])), first)
        return
    first = 0
    while True:
        done = subprocess.run([sys.executable, *sys.argv], env=dict(os.environ, CUV_LAYERS_FROM=str(first)), check=False)
        at = os.path.join(folder, "at")
        if not os.path.exists(at):
            sys.exit(done.returncode)
        number, class_name, label = open(at).read().split("\n")
        os.remove(at)
        with open(os.path.join(folder, "index.jsonl"), "a") as out:
            out.write(json.dumps({"class": class_name, "label": label, "base": "", "keras": "TensorFlow ends the process (%d)" % done.returncode}) + "\n")
        first = int(number) + 1


if __name__ == "__main__":
    main()
