"""Binding in all its ways: the arrays of real models in the orders, files and shapes that people save them in."""
import itertools
import json
import os
import pickle
import re
import shlex
import shutil

import numpy as np
import pytest

from support import HERE, TESTS, arrays, as_json, assert_same, cuvier, must, numbered

FIXED = os.path.join(HERE, "keras-3.15")
MISTAKES = os.path.join(TESTS, "mistakes")


def base_of(name):
    return os.path.join(FIXED, name)


def weights_of(name):
    loaded = np.load(base_of(name) + ".npz")
    return [loaded["arr_%d" % i] for i in range(len(loaded.files))]


def objects(items):
    out = np.empty(len(items), dtype=object)
    for i, a in enumerate(items):
        out[i] = a
    return out


def save(path, items):
    np.save(path, objects(items), allow_pickle=True)
    return path


def levels(document):
    return {d["evidence"] for d in document["decisions"] if d["layer"]}


def proves(name, *evidence, options=()):
    """The evidence gives the outputs that Keras gave; returns what rebuild says of it, without the samples."""
    assert as_json("verify", base_of(name) + ".json", *evidence, *options, "--samples", base_of(name) + ".io.npz")["ok"] is True
    return as_json("rebuild", base_of(name) + ".json", *evidence, *options)


# ---- one list, in other orders

MLP = {
    "bias first": lambda w: [w[1], w[0], w[3], w[2]],
    "layers backwards": lambda w: [w[2], w[3], w[0], w[1]],
    "both": lambda w: [w[3], w[2], w[1], w[0]],
    "kernels, then biases": lambda w: [w[0], w[2], w[1], w[3]],
    "biases, then kernels": lambda w: [w[1], w[3], w[0], w[2]],
    "any": lambda w: [w[2], w[0], w[1], w[3]],
}
SAID = {"bias first": "the bias of each layer before its kernel", "layers backwards": "from the last to the first",
        "both": "the bias of each before its kernel", "kernels, then biases": "all kernels before all biases",
        "biases, then kernels": "all biases before all kernels", "any": "an order of its own"}


@pytest.mark.parametrize("order", list(MLP))
def test_order_found_by_shape(order, tmp_path):
    """All sizes of this model differ, so that only one reading is possible: it is taken, and told."""
    path = save(tmp_path / "all.npy", MLP[order](weights_of("mlp")))
    assert levels(proves("mlp", path)) == {"inferred"}
    done = must("rebuild", base_of("mlp") + ".json", path)
    assert done.stderr.startswith("warning: all.npy ") and SAID[order] in done.stderr
    strict = must("rebuild", base_of("mlp") + ".json", path, "--strict", status=1)
    assert SAID[order] in strict.stderr


def test_trainable_before_the_rest(tmp_path):
    """What lists trainable weights first (gamma, beta, ... , then the moving statistics)."""
    facts = weights_of("batchnorm")
    config = json.load(open(base_of("batchnorm") + ".json"))
    assert config["class_name"] in ("Functional", "Sequential")
    document = as_json("rebuild", base_of("batchnorm") + ".json", base_of("batchnorm") + ".npz")
    order = [(d["layer"], d["field"]) for d in document["decisions"] if d["layer"]]
    still = [i for i, (_, field) in enumerate(order) if field.startswith("moving_")]
    moved = [facts[i] for i in range(len(facts)) if i not in still] + [facts[i] for i in still]
    if [a.shape for a in moved] == [a.shape for a in facts]:
        pytest.skip("the order does not show in the shapes")
    proves("batchnorm", save(tmp_path / "all.npy", moved))


# ---- kernels and biases in two lists


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kernels_name,biases_name", [("weights.npy", "biases.npy"), ("a.npy", "b.npy"), ("z.npy", "y.npy")])
def test_pairs(kernels_name, biases_name, backwards, tmp_path):
    """The names of the files do not matter; two lists that run backwards are found by shape."""
    w = weights_of("mlp")
    step = -1 if backwards else 1
    k, b = save(tmp_path / kernels_name, w[0::2][::step]), save(tmp_path / biases_name, w[1::2][::step])
    proves("mlp", b, k)
    proves("mlp", k, b)


def test_collapsed_pairs(tmp_path):
    """np.array() made one array of equal kernels: it is read as the list that it was."""
    w = weights_of("equal_shapes")
    np.save(tmp_path / "k.npy", np.array(w[0::2]))
    np.save(tmp_path / "b.npy", np.array(w[1::2]))
    assert np.load(tmp_path / "k.npy").shape == (3, 4, 4)
    proves("equal_shapes", tmp_path / "k.npy", tmp_path / "b.npy")


# ---- lists of lists, dicts, tuples, names


def nested_of(name):
    """[layer.get_weights() for layer in model.layers], from the dict by layer name that Keras's own layers gave."""
    with open(base_of(name) + ".dict.pkl", "rb") as f:
        return pickle.load(f)


@pytest.mark.parametrize("name", ["mlp", "cnn", "batchnorm", "lstm", "gru", "bidirectional", "nested_functional", "shared", "unet", "transformer"])
@pytest.mark.parametrize("form", ["nested", "nested with empty lists", "tuples", "pairs", "renamed", "json", "dict of dicts"])
def test_one_group_a_layer(name, form, tmp_path):
    groups = nested_of(name)
    config = json.load(open(base_of(name) + ".json"))
    order = [layer["config"]["name"] for layer in config["config"]["layers"]]
    filled = [n for n in order if len(groups.get(n, [])) > 0]
    assert len(filled) == sum(len(v) > 0 for v in groups.values())
    path = tmp_path / "groups.pkl"
    if form == "nested":
        value = [list(groups[n]) for n in filled]
    elif form == "nested with empty lists":
        value = [list(groups.get(n, [])) for n in order]
    elif form == "tuples":
        value = tuple(tuple(groups[n]) for n in filled)
    elif form == "pairs":
        value = [(n, list(groups[n])) for n in filled]
    elif form == "renamed":
        value = {"layer_%02d" % i: list(groups[n]) for i, n in enumerate(filled)}
    elif form == "json":
        path = tmp_path / "groups.json"
        path.write_text(json.dumps({n: [a.tolist() for a in groups[n]] for n in filled}))
    else:
        value = {n: {"w%d" % i: a for i, a in enumerate(groups[n])} for n in filled}
    if form != "json":
        with open(path, "wb") as f:
            pickle.dump(value, f)
    proves(name, path)


@pytest.mark.parametrize("form", ["%s/%s", "%s.%s", "%s_%s", "layers/%s/%s:0"])
def test_names_of_layer_and_weight(form, tmp_path):
    w = weights_of("mlp")
    names = [form % pair for pair in itertools.product(("dense", "dense_1"), ("kernel", "bias"))]
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        np.savez(tmp_path / "named.npz", **{names[i]: w[i] for i in order})
        assert levels(proves("mlp", tmp_path / "named.npz")) == {"certain"}


def test_a_file_for_each_array(tmp_path):
    w = weights_of("mlp")
    files = []
    for name, a in zip(("dense_kernel", "dense_bias", "dense_1_kernel", "dense_1_bias"), w):
        np.save(tmp_path / (name + ".npy"), a)
        files.append(tmp_path / (name + ".npy"))
    assert levels(proves("mlp", *files[::-1])) == {"certain"}


# ---- by hand


def test_map_and_order_together(tmp_path):
    """What --map takes out of a list is not given again; the rest follows in order."""
    w = weights_of("mlp")
    k, b = save(tmp_path / "weights.npy", w[0::2]), save(tmp_path / "biases.npy", w[1::2])
    proves("mlp", k, b, options=("--map", "dense=weights.npy[0],biases.npy[0]"))
    proves("mlp", k, b, options=("--map", "dense_1=weights.npy[1],biases.npy[1]"))
    k, b = save(tmp_path / "weights.npy", w[0::2][::-1]), save(tmp_path / "biases.npy", w[1::2][::-1])
    proves("mlp", k, b, options=("--map", "dense=weights.npy[1],biases.npy[1]"))


def test_map_replaces_a_place(tmp_path):
    """A tensor from another file takes the place of one in the list; that one is named as not used."""
    w = weights_of("mlp")
    path = save(tmp_path / "all.npy", [w[0], w[1], w[2] + 1, w[3]])
    np.savez(tmp_path / "right.npz", kernel=w[2])
    options = ("--map", "dense_1=right.npz#kernel,all.npy[3]")
    proves("mlp", path, tmp_path / "right.npz", options=options + ("--map", "dense=all.npy[0],all.npy[1]"))


def test_map_turns(tmp_path):
    w = weights_of("cnn")
    conv = [i for i, a in enumerate(w) if a.ndim == 4]
    torch = [np.ascontiguousarray(a.transpose(3, 2, 0, 1)) if a.ndim == 4 else a.T for a in w]
    path = save(tmp_path / "torch.npy", torch)
    layers = [d["layer"] for d in as_json("rebuild", base_of("cnn") + ".json", base_of("cnn") + ".npz")["decisions"] if d["field"] == "kernel"]
    options = []
    for n, layer in enumerate(layers):
        turn = ".transpose(2,3,1,0)" if 2 * n in conv else ".T"
        options += ["--map", "%s=torch.npy[%d]%s,torch.npy[%d]" % (layer, 2 * n, turn, 2 * n + 1)]
    assert levels(proves("cnn", path, options=options)) == {"certain"}


def test_map_of_axes_that_are_not_there(tmp_path):
    path = save(tmp_path / "all.npy", weights_of("mlp"))
    for turn in (".transpose(0,0)", ".transpose(0)", ".transpose(1,2)", ".transpose(1,0", ".transpose(1,0)x"):
        done = cuvier("rebuild", base_of("mlp") + ".json", path, "--map", "dense=all.npy[0]%s,all.npy[1]" % turn)
        assert done.returncode in (1, 2) and "all.npy[0]" in done.stderr


# ---- samples decide between equal shapes


def twins():
    """Kernels and biases of the layers of equal shape, in the model's order."""
    w = weights_of("equal_shapes")
    return w, base_of("equal_shapes") + ".json", base_of("equal_shapes") + ".io.npz"


def test_equal_shapes_are_assumed_then_verified():
    _, config, io = twins()
    plain = as_json("rebuild", config, base_of("equal_shapes") + ".npz")
    proven = as_json("rebuild", config, base_of("equal_shapes") + ".npz", "--samples", io)
    assert "assumed" in levels(plain)
    assert levels(proven) <= {"verified", "certain"}


def test_samples_find_the_order(tmp_path):
    """Every exchange of two layers of equal shape is put right by the samples."""
    w, config, io = twins()
    pairs = [w[i:i + 2] for i in range(0, len(w), 2)]
    for i, k in itertools.combinations(range(len(pairs)), 2):
        mixed = list(pairs)
        mixed[i], mixed[k] = pairs[k], pairs[i]
        path = save(tmp_path / "mixed.npy", [a for p in mixed for a in p])
        must("verify", config, path, "--samples", io, status=1)
        out = tmp_path / "right.npz"
        must("rebuild", config, path, "--samples", io, "-o", out)
        assert_same(arrays(out), w, rtol=0, atol=0)


def test_samples_find_single_arrays(tmp_path):
    """Names that say nothing, in an order of their own: kernels and biases have to be found each by itself."""
    w, config, io = twins()
    np.savez(tmp_path / "odd.npz", a=w[4], b=w[1], c=w[0], d=w[5], e=w[2], f=w[3])
    out = tmp_path / "right.npz"
    document = as_json("rebuild", config, tmp_path / "odd.npz", "--samples", io, "-o", out)
    assert levels(document) == {"verified"}
    assert_same(arrays(out), w, rtol=0, atol=0)


def test_a_tie_stays_assumed(tmp_path):
    """Two branches whose sum is all that shows: samples cannot tell them apart, and it is said."""
    config = {"class_name": "Functional", "config": {"name": "m", "trainable": True, "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "x"}, "name": "x", "inbound_nodes": []},
        *[{"class_name": "Dense", "config": {"name": n, "units": 2, "use_bias": False}, "name": n, "inbound_nodes": [[["x", 0, 0, {}]]]}
          for n in ("left", "right")],
        {"class_name": "Add", "config": {"name": "sum"}, "name": "sum", "inbound_nodes": [[["left", 0, 0, {}], ["right", 0, 0, {}]]]}],
        "input_layers": [["x", 0, 0]], "output_layers": [["sum", 0, 0]]}}
    (tmp_path / "m.json").write_text(json.dumps(config))
    rng = np.random.default_rng(5)
    k = rng.normal(size=(2, 3, 2)).astype(np.float32)
    x = rng.normal(size=(4, 3)).astype(np.float32)
    save(tmp_path / "all.npy", [k[0], k[1]])
    np.savez(tmp_path / "io.npz", x=x, y=x @ k[0] + x @ k[1])
    document = as_json("rebuild", tmp_path / "m.json", tmp_path / "all.npy", "--samples", tmp_path / "io.npz")
    assert {d["evidence"] for d in document["decisions"] if d["field"] == "kernel"} == {"assumed"}
    assert all("also with other orders" in d["why"] for d in document["decisions"] if d["field"] == "kernel")


def test_samples_of_another_model_settle_nothing(tmp_path):
    _, config, io = twins()
    wrong = dict(np.load(io))
    for key in wrong:
        if key[0] == "y":
            wrong[key] = wrong[key] + 1
    np.savez(tmp_path / "io.npz", **wrong)
    done = must("rebuild", config, base_of("equal_shapes") + ".npz", "--samples", tmp_path / "io.npz", status=1)
    assert "no order of the arrays of equal shape" in done.stderr and "which are all" in done.stderr


# ---- the --map lines that the messages give


GOOD = os.path.join(MISTAKES, "15-float64-arrays")
MENDED = ["02-kernel-transposed", "03-bias-column", "05-tensor-surplus", "08-wrong-order", "09-layers-reversed", "10-equal-shapes-assumed",
          "22-kernels-of-keras-1"]


@pytest.mark.parametrize("name", MENDED)
def test_lines_work_when_typed(name, tmp_path):
    """All --map lines of a message, typed as they stand, mend what it complains of."""
    folder = tmp_path / name
    shutil.copytree(os.path.join(MISTAKES, name), folder)
    command = shlex.split((folder / "cmd").read_text())
    text = cuvier(*command, cwd=folder).stderr
    maps = []
    for line in text.split("\n"):
        if line.startswith("  help: "):
            words = shlex.split(line.replace("original's", "").replace("PyTorch's", "").replace("it's", ""))
            maps += [[a, re.sub(r"[;]$", "", b)] for a, b in zip(words, words[1:]) if a == "--map"]
    assert maps, text
    options = [word for pair in maps for word in pair]
    must(*command, *options, "-o", "mended.npz", cwd=folder)
    found = arrays(folder / "mended.npz")
    if name.startswith(("02", "03", "05", "08", "09")):
        right = [np.load(os.path.join(GOOD, f), allow_pickle=True) for f in ("weights.npy", "biases.npy")]
        assert_same(found, [right[0][0], right[1][0], right[0][1], right[1][1]], rtol=0, atol=0)
    elif name.startswith("22"):
        given = np.load(folder / "all_weights.npy", allow_pickle=True)
        assert_same(found, [given[0].transpose(2, 3, 1, 0)] + list(given[1:]), rtol=0, atol=0)


# ---- names that are no layers' names


SQUARES = [np.arange(16, dtype="float32").reshape(4, 4) * (k + 1) / 40 - 0.2 for k in range(12)]
ROWS = [np.arange(4, dtype="float32") * (k + 1) / 30 for k in range(12)]


def stack_of_squares(tmp_path):
    layers = [{"class_name": "Dense", "config": {"name": "h%d" % k, "units": 4, "activation": "tanh", "batch_input_shape": [None, 4]}} for k in range(12)]
    config = tmp_path / "squares.json"
    config.write_text(json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}))
    return config


KEYS = {"numbers": lambda k, kind: "layers.%d.%s" % (k, kind), "letters": lambda k, kind: "%s%d" % (kind[0].upper() if kind == "weights" else kind[0], k + 1),
        "words_first": lambda k, kind: "%s_of_%d" % (kind, k), "counted": lambda k, kind: "h%s/%s" % (k, kind.replace("weights", "kernel"))}


@pytest.mark.parametrize("style", KEYS)
def test_numbers_in_names_tell_the_order(style, tmp_path):
    """Sorted by the alphabet, 10 stands before 2: the numbers count, not the place in the file."""
    named = {KEYS[style](k, "weights"): SQUARES[k] for k in range(12)}
    named.update({KEYS[style](k, "bias"): ROWS[k] for k in range(12)})
    np.savez(tmp_path / "sorted.npz", **dict(sorted(named.items())))
    must("rebuild", stack_of_squares(tmp_path), tmp_path / "sorted.npz", "-o", tmp_path / "out.npz")
    assert_same(arrays(tmp_path / "out.npz"), [a for k in range(12) for a in (SQUARES[k], ROWS[k])], rtol=0, atol=0)


def test_counters_of_another_session(tmp_path):
    """Keras's names with other counters, sorted by the alphabet; 'dense_9' comes before 'dense_10'."""
    layers = [{"class_name": "Dense", "config": {"name": "dense" + ("_%d" % k if k else ""), "units": 4, "batch_input_shape": [None, 4]}} for k in range(12)]
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}))
    named = {"dense_%d/%s" % (k + 3, kind): a for k in range(12) for kind, a in (("kernel", SQUARES[k]), ("bias", ROWS[k]))}
    np.savez(tmp_path / "w.npz", **dict(sorted(named.items())))
    must("rebuild", tmp_path / "m.json", tmp_path / "w.npz", "-o", tmp_path / "out.npz")
    assert_same(arrays(tmp_path / "out.npz"), [a for k in range(12) for a in (SQUARES[k], ROWS[k])], rtol=0, atol=0)


def test_square_kernels_under_names_of_pytorch(tmp_path):
    """Nothing shows which way round they are: it is said."""
    np.savez(tmp_path / "w.npz", **{"net.%d.%s" % (k, kind): a for k in range(12) for kind, a in (("weight", SQUARES[k]), ("bias", ROWS[k]))})
    done = cuvier("rebuild", stack_of_squares(tmp_path), tmp_path / "w.npz")
    assert done.returncode == 0 and "PyTorch's kernels have their axes in reverse" in done.stderr


def test_whole_model_beside_weights(tmp_path):
    """The weights of their own file are taken; that the model has others is said."""
    whole = os.path.join(HERE, "keras-3.15", "mlp.keras")
    weights = [a * 2 for a in arrays(os.path.join(HERE, "keras-3.15", "mlp.npz"))]
    np.savez(tmp_path / "w.npz", *weights)
    done = cuvier("rebuild", whole, tmp_path / "w.npz", "-o", tmp_path / "out.npz")
    assert done.returncode == 0 and "mlp.keras has weights, too" in done.stderr
    assert_same(arrays(tmp_path / "out.npz"), weights, rtol=0, atol=0)


def test_kernels_of_many_rows(tmp_path):
    """list(kernel) of a wide layer is thousands of arrays in one entry: memory grows with them, not with their square."""
    rng = np.random.default_rng(7)
    kernels = [rng.standard_normal(shape).astype(np.float32) for shape in ((20000, 4), (4, 3))]
    biases = [rng.standard_normal(n).astype(np.float32) for n in (4, 3)]
    (tmp_path / "model.py").write_text("from keras import Input, Sequential, layers\n"
                                       "model = Sequential([Input((20000,)), layers.Dense(4), layers.Dense(3)])\n")
    must("rebuild", tmp_path / "model.py", save(tmp_path / "weights.npy", [list(k) for k in kernels]), save(tmp_path / "biases.npy", biases),
         "--memory", "200M", "-o", tmp_path / "out.npz", "-q")
    out = np.load(tmp_path / "out.npz")
    assert [np.array_equal(out[name], a) for name, a in zip(out.files, (kernels[0], biases[0], kernels[1], biases[1]))] == [True] * 4
