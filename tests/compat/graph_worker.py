"""Runs in a Python with real Keras: random models of graph_models.py, saved with samples. CUV_KERAS=tf_keras takes tf_keras.

    graph_worker.py FOLDER SEED COUNT [all] [lives]

Of each model two forms are saved: .keras and, by turns, .h5 or configuration and weights (.weights.h5, .npz); with "all" each of these. One in three
models has a life before it is saved (graph_lives.py), and may be saved in a rarer form; with "lives" each.
"""
import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("CUV_KERAS") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import numpy as np               # noqa: E402
import tensorflow as tf          # noqa: E402

sys.modules["keras"] = keras     # make_fixed.py and others take this one

import graph_layers              # noqa: E402
import graph_lives               # noqa: E402
import graph_models              # noqa: E402
import layer_cases               # noqa: E402
import make_fixed                # noqa: E402

EVERY, LIVES = "all" in sys.argv, "lives" in sys.argv
KERAS3 = keras.__version__.startswith("3")
POLICIES = ["mixed_float16", "mixed_float16", "mixed_bfloat16", "float64", "float64"]


def leaves(value):
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def name_of(dtype):
    return dtype if isinstance(dtype, str) else dtype.name


def first_channels():
    """The layers that can run channels_first on this machine."""
    able = []
    for name in graph_layers.FIRST:
        layer = getattr(keras.layers, name)
        args = {"Conv2D": (2, 2), "DepthwiseConv2D": (2,), "Conv2DTranspose": (2, 2), "SeparableConv2D": (2, 2), "SpatialDropout2D": (0.1,)}.get(name, ())
        try:
            layer(*args, data_format="channels_first")(np.ones((1, 4, 5, 6), np.float32))
            able.append(name)
        except Exception:                                # noqa: BLE001 - the backend cannot
            pass
    return able


def find_cudnn():
    """Keras 2's CuDNNLSTM and CuDNNGRU (tf.compat.v1.keras.layers), or None."""
    if KERAS3:
        return None
    from importlib import import_module
    from importlib.util import find_spec
    root = "tf_keras.src" if os.environ.get("CUV_KERAS") == "tf_keras" else "keras.src" if find_spec("keras.src") else "keras"     # 2.12 has no src

    class Found:
        CuDNNLSTM = import_module(root + ".layers.rnn.cudnn_lstm").CuDNNLSTM
        CuDNNGRU = import_module(root + ".layers.rnn.cudnn_gru").CuDNNGRU
    return Found


def set_policy(name):
    (keras.config.set_dtype_policy if KERAS3 else keras.mixed_precision.set_global_policy)(name)


def numbers(y):
    y = tf.convert_to_tensor(y)
    if y.dtype == tf.string:
        return np.array([text.decode() for text in y.numpy().ravel()]).reshape(y.shape)
    return np.asarray(tf.cast(y, tf.float32)) if y.dtype == tf.bfloat16 else np.asarray(y)


def fused(model):
    """Has it a Conv1D or Conv2D with channels_first? Keras 3 on TensorFlow adds the bias along one axis in a graph and, where another is as long, along
    that one when run eagerly (src/layers/bias.c): what counts is predict."""
    layers = model._flatten_layers() if KERAS3 else []
    return any(type(layer).__name__ in ("Conv1D", "Conv2D") and layer.data_format == "channels_first" for layer in layers)


def given(model, xs):
    """As the model takes its inputs."""
    xs = [tf.constant(x) for x in xs]
    structure = getattr(model, "_inputs_struct" if KERAS3 else "_nested_inputs", None)
    if structure is None or len(xs) == 1 and not isinstance(structure, (dict, list, tuple)):
        return xs if len(xs) > 1 else xs[0]
    return keras.tree.pack_sequence_as(structure, xs) if KERAS3 else tf.nest.pack_sequence_as(structure, xs)


def policy_of(model, policy):
    """The model's, or that of the layers which compute with the fewest bits."""
    names = {str(getattr(getattr(layer, "dtype_policy", None), "name", "")) for layer in model._flatten_layers()}
    return next((name for part in ("bfloat16", "float16") for name in sorted(names) if part in name), policy)


def noise(model, runner, xs, ys, rng, policy):
    """How much each output moves when the inputs move by the last bits of a float32 (or of a half): what no other order of summing can be held to."""
    part = {"bfloat16": 4e-3, "float16": 5e-4}.get(policy.replace("mixed_", ""), 1e-6)
    moved = [x * (1 + part * rng.normal(size=x.shape)).astype(x.dtype) if x.dtype.kind == "f" else x for x in xs]
    again = leaves(runner(given(model, moved), training=False))
    return [float(np.abs(numbers(a).astype(np.float64) - numbers(y)).max(initial=0)) if numbers(y).dtype.kind == "f" else 0.0 for a, y in zip(again, ys)]


def drawn(model, kinds, rng):
    return [layer_cases.draw_input(tuple(t.shape), name_of(t.dtype), k, rng, graph_models.SAMPLES) for t, k in zip(model.inputs, kinds)]


def samples(model, runner, kinds, rng, entry, policy):
    xs = drawn(model, kinds, rng)
    ys = leaves(runner(given(model, xs), training=False))
    entry["noise"] = noise(model, runner, xs, ys, rng, policy_of(model, policy)) if all(t.shape[0] is None for t in model.inputs) else [0.0] * len(ys)
    return {**make_fixed.numbered("x", xs), **make_fixed.numbered("y", [numbers(y) for y in ys])}


def save(model, base, turn):
    """The files of one form."""
    if turn == 0:
        model.save(base + ".keras")
        return [".keras"]
    if turn == 1:
        model.save(base + ".h5")
        return [".h5"]
    with open(base + ".json", "w") as f:
        f.write(model.to_json())
    if turn == 2:
        model.save_weights(base + ".weights.h5")
        return [".json", ".weights.h5"]
    if turn > 3:
        return save_rarely(model, base, turn)
    np.savez(base + ".npz", *model.get_weights())
    return [".json", ".npz"]


def save_rarely(model, base, turn):
    """Beside the configuration, which is written: weights by layer, in Keras 3's shards, in the older .h5 of weights, in a checkpoint; or a SavedModel."""
    if turn == 4:
        value = np.empty((), object)
        value[()] = {layer.name: layer.get_weights() for layer in model.layers}
        np.save(base + ".npy", value)
        return [".json", ".npy"]
    if KERAS3:
        model.save_weights(base + ".part.weights.json", max_shard_size=2e-6)
        return [".json", ".part.weights.json"]
    if turn == 5:
        model.save_weights(base + ".legacy.h5", save_format="h5")
        return [".json", ".legacy.h5"]
    if turn == 6:
        model.save_weights(base + ".ckpt", save_format="tf")
        return [".json", ".ckpt.index"]
    model.save(base + ".saved", save_format="tf")
    return [".saved"]


def make(seed, able, cudnn, twin=False):
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    policy = POLICIES[int(rng.integers(len(POLICIES)))] if rng.random() < 0.12 else "float32"
    fixed, policies, named = rng.random() < 0.1, rng.random() < 0.1, rng.random() < 0.06
    lives = (rng.random() < 0.33 or LIVES) and not cudnn
    traits = graph_models.Traits(first=able, fixed=fixed, old_layers=cudnn, twin=twin, tf=tf, policy=policy, policies=policies, named=named, turn=seed, lives=lives)
    set_policy(policy)
    try:
        model, kinds, graph = graph_models.random_graph(keras, rng, traits)
    finally:
        set_policy("float32")
    return model, kinds, rng, policy, graph


def one(folder, seed, out, able, cudnn):
    entry = {"seed": seed, "base": "g%06d" % seed, "forms": []}
    base = os.path.join(folder, entry["base"])
    with_cudnn = bool(cudnn) and seed % 20 == 7
    try:
        model, kinds, rng, policy, graph = make(seed, able, cudnn if with_cudnn else None)
        make_fixed.randomise(model, rng)
        for layer in model._flatten_layers():
            if type(layer).__name__ == "Normalization" and layer.built:
                layer.finalize_state()      # as loading does it
        if graph.traits.lives:
            policy = graph_lives.settle(graph, model, drawn(model, kinds, rng), policy)
        runner = model
        if fused(model):
            def runner(given, training):
                return model.predict(given, batch_size=graph_models.SAMPLES, verbose=0)
        if with_cudnn:              # saved with CuDNN's layers, computed by those into which real Keras loads their weights
            runner = make(seed, able, cudnn, twin=True)[0]
            model.save_weights(base + ".cudnn.h5", save_format="h5")
            runner.load_weights(base + ".cudnn.h5")
            os.remove(base + ".cudnn.h5")
        io = samples(model, runner, kinds, rng, entry, policy)
        entry.update(layers=sorted({type(layer).__name__ for layer in model._flatten_layers()}), count=len(model.layers), policy=policy_of(model, policy))
        if rng.random() < 0.1:
            model.compile("adam", "mse")
        if not all(a.dtype.kind == "U" or np.isfinite(a).all() and np.abs(a).max(initial=0) < 1e5 for a in io.values()):
            raise ValueError("outputs beyond measure")
        np.savez(base + ".io.npz", **io)
    except Exception as error:                           # noqa: BLE001 - no model that Keras takes: recorded, another seed
        entry["keras"] = "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:200])
        out.write(json.dumps(entry) + "\n")
        return False
    rare = [4 + seed % (2 if KERAS3 else 4)] if graph.traits.lives and seed % 3 == 0 and model.weights else []
    for turn in [0, 1, 2, 3] + rare if EVERY else [0, 1 + seed % 3] + rare:
        try:
            entry["forms"].append(save(model, base, turn))
        except Exception as error:                       # noqa: BLE001
            entry.setdefault("unsaved", []).append("%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:160]))
    out.write(json.dumps(entry) + "\n")
    out.flush()
    return True


def part(folder, seed, count):
    """Appends to the index until `count` models are made; the seed at work stands in a file of its own."""
    made, able, cudnn = 0, first_channels(), find_cudnn()
    with open(os.path.join(folder, "index.jsonl"), "a") as out:
        for i in range(3 * count):
            if made >= count:
                break
            with open(os.path.join(folder, "at"), "w") as at:
                at.write("%d %d" % (seed + i, made))
            made += one(folder, seed + i, out, able, cudnn)


def main():
    """Some models end Keras's whole process (a division by zero inside TensorFlow): the next seed goes on in another one."""
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if "part" in sys.argv:
        return part(folder, seed, count)
    os.makedirs(folder, exist_ok=True)
    index = os.path.join(folder, "index.jsonl")
    open(index, "w").close()
    while count > 0:
        done = subprocess.run([sys.executable, __file__, folder, str(seed), str(count), "part", *sys.argv[4:]])
        if done.returncode >= 0:
            sys.exit(done.returncode)
        with open(os.path.join(folder, "at")) as at:
            last, made = map(int, at.read().split())
        with open(index, "a") as out:
            out.write(json.dumps({"seed": last, "base": "g%06d" % last, "forms": [], "keras": "ended by signal %d" % -done.returncode}) + "\n")
        seed, count = last + 1, count - made


if __name__ == "__main__":
    main()
