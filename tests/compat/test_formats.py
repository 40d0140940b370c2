"""Claims about Keras's files that are easily got wrong, each on files by real Keras 2.15 and 3.15 (format_models.py), as they are or in the shape
that another release would have given them."""
import json
import os
import pickle
import re
import shutil
import zipfile

import numpy as np
import pytest

from support import HERE, as_json, cuvier, keras_215_python, keras_python, must, run_keras

h5py = pytest.importorskip("h5py")
NAMES = "nested frozen partly deep wide wide_block twins mixed brain equal weightless depthwise joined again".split()
FORMS = [[".keras"], [".h5"], [".json", ".weights.h5"], [".json", ".legacy.h5"], [".json", ".npz"], [".h5", ".weights.h5"]]
SEVERAL = ["nested", "frozen", "twins", "mixed", "again", "weightless"]


def run(python, script, folder):
    run_keras(python, script, folder)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return run(keras_215_python(), "format_models.py", tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return run(keras_python(), "format_models.py", tmp_path_factory.mktemp("three"))


@pytest.fixture(params=["2", "3"])
def made(request):
    return request.getfixturevalue({"2": "two", "3": "three"}[request.param])


def check(made, name, *files):
    """The files give the outputs of Keras; 16 bits are rounded at other places."""
    near = ["--rtol", "0.02", "--atol", "0.02"] if name == "brain" else ["--rtol", "0.001", "--atol", "0.0001"]
    assert as_json("verify", *files, "--samples", made / (name + ".io.npz"), *near)["ok"] is True, files


def path(made, name, ending):
    return made / (name + ending)


@pytest.mark.parametrize("name", NAMES)
def test_every_form(made, name):
    """Among them: nested models frozen whole or in part (other orders of weights), names of more than 64 KiB, models in models."""
    for form in FORMS:
        check(made, name, *[path(made, name, ending) for ending in form])


def test_names_beyond_an_attribute_are_split(made):
    """The traps are there: layer_names0, weight_names0, a configuration of more than 64 KiB."""
    with h5py.File(path(made, "wide", ".h5")) as f:
        assert "layer_names0" in f["model_weights"].attrs and "layer_names" not in f["model_weights"].attrs and len(f.attrs["model_config"]) > 1 << 16
    with h5py.File(path(made, "wide_block", ".h5")) as f:
        assert "weight_names0" in f["model_weights/inner"].attrs
    with h5py.File(path(made, "weightless", ".h5")) as f:
        empty = [g.attrs["weight_names"] for g in f["model_weights"].values() if not len(g.attrs.get("weight_names", "x"))]
        assert empty and all(a.dtype == np.float64 for a in empty)      # an empty list of names is one of numbers


def test_freezing_changes_the_order(made):
    order = {}
    for name in ("nested", "frozen"):
        with h5py.File(path(made, name, ".h5")) as f:
            order[name] = [n.decode() if isinstance(n, bytes) else n for n in f["model_weights/b"].attrs["weight_names"]]
    assert len(order["nested"]) == 12 and [n.split("/")[-1] for n in order["nested"]] != [n.split("/")[-1] for n in order["frozen"]]


# ---- what other releases would have written ------------------------------------------------------------------------------------------

def renamed(source, target, rename):
    """A copy with the groups of `layers` under other names."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        def copy(group, into):
            for key, item in group.items():
                if isinstance(item, h5py.Dataset):
                    into[key] = item[()]
                elif key == "layers":
                    rename(item, into, copy)
                else:
                    copy(item, into.create_group(key))
        copy(old, new)


def holds_data(group):
    found = []
    group.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return bool(found)


def doubled(group, into, copy):
    """TensorFlow 2.12 and 2.13: a layer with weights takes two numbers."""
    into, counts = into.create_group("_layer_checkpoint_dependencies"), {}
    for key in sorted(group, key=lambda k: (re.sub(r"_\d+$", "", k), int((re.search(r"_(\d+)$", k) or [0, 0])[1]))):
        stem = re.sub(r"_\d+$", "", key)
        at = counts.get(stem, 0)
        copy(group[key], into.create_group("%s_%d" % (stem, at) if at else stem))
        counts[stem] = at + (2 if holds_data(group[key]) else 1)


def container(group, into, copy):
    """TensorFlow 2.14: the container alone has another name."""
    copy(group, into.create_group("_layer_checkpoint_dependencies"))


@pytest.mark.parametrize("rename", [doubled, container], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", SEVERAL)
def test_paths_of_earlier_releases(two, rename, name, tmp_path):
    renamed(path(two, name, ".weights.h5"), tmp_path / "w.weights.h5", rename)
    check(two, name, path(two, name, ".json"), tmp_path / "w.weights.h5")


@pytest.mark.parametrize("name", SEVERAL)
def test_backslashes_of_windows(two, name, tmp_path):
    """One link named layers\\\\dense."""
    with h5py.File(path(two, name, ".weights.h5")) as old, h5py.File(tmp_path / "w.weights.h5", "w") as new:
        def copy(where, item):
            if isinstance(item, h5py.Group) and where.endswith("/vars"):
                group = new.create_group(where[:-len("/vars")].replace("/", "\\")).create_group("vars")
                for key in item:
                    group[key] = item[key][()]
        old.visititems(copy)
    check(two, name, path(two, name, ".json"), tmp_path / "w.weights.h5")


@pytest.mark.parametrize("name", SEVERAL)
def test_names_as_fixed_strings(made, name, tmp_path):
    """h5py before 3 wrote names as strings of one length."""
    shutil.copy(path(made, name, ".h5"), tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as f:
        def fix(_, item):
            for key in ("weight_names", "layer_names"):
                if len(item.attrs.get(key, ())):
                    names = [n if isinstance(n, bytes) else n.encode() for n in item.attrs[key]]
                    del item.attrs[key]
                    item.attrs[key] = np.array(names)
        f.visititems(fix)
    check(made, name, tmp_path / "m.h5")


@pytest.mark.parametrize("name", SEVERAL)
def test_carriers_by_content(made, name, tmp_path):
    """HDF5 named .keras, as Keras saved until 2.12; an archive packed anew, in another order; weights of no version."""
    shutil.copy(path(made, name, ".h5"), tmp_path / "h5.keras")
    check(made, name, tmp_path / "h5.keras")
    with zipfile.ZipFile(path(made, name, ".keras")) as old, zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as new:
        for member in reversed(old.namelist()):
            new.writestr(member, old.read(member))
    check(made, name, tmp_path / "packed.keras")
    shutil.copy(path(made, name, ".legacy.h5"), tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as f:
        for key in ("keras_version", "backend"):
            f.attrs.pop(key, None)
    check(made, name, path(made, name, ".json"), tmp_path / "old.h5")


def test_a_folder_in_place_of_an_archive(three):
    """model.save(..., zipped=False) of Keras 3."""
    check(three, "mixed", path(three, "mixed", ".folder"))


@pytest.mark.parametrize("name", ["nested", "deep", "again", "joined"])
def test_layers_in_no_order(made, name, tmp_path):
    config = json.loads(path(made, name, ".json").read_text())
    config["config"]["layers"].reverse()
    (tmp_path / "m.json").write_text(json.dumps(config))
    check(made, name, tmp_path / "m.json", path(made, name, ".legacy.h5"))


def test_a_sequential_that_is_a_list(two, tmp_path):
    """Keras up to 2.2.2, without an InputLayer."""
    config = json.loads(path(two, "twins", ".json").read_text())
    layers = config["config"]["layers"][1:]
    layers[0]["config"]["batch_input_shape"] = [None, 3]
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Sequential", "config": layers, "keras_version": "2.1.6", "backend": "tensorflow"}))
    check(two, "twins", tmp_path / "m.json", path(two, "twins", ".legacy.h5"))


def as_yaml(value, indent=0):
    """Block style as to_yaml() of Keras 1 and 2 wrote it, with Python's tuples by their tag."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join("\n%s%s:%s" % (pad, k, as_yaml(v, indent + 1)) for k, v in value.items()) if value else " {}"
    if isinstance(value, list) and all(isinstance(v, (int, type(None))) for v in value):
        return " !!python/tuple [%s]" % ", ".join("null" if v is None else str(v) for v in value)
    if isinstance(value, list):
        return "".join("\n%s-%s" % (pad, as_yaml(v, indent + 1)) for v in value)
    return " " + ("null" if value is None else json.dumps(value))


@pytest.mark.parametrize("name", ["nested", "mixed"])
def test_yaml(two, name, tmp_path):
    (tmp_path / "m.yaml").write_text(as_yaml(json.loads(path(two, name, ".json").read_text())).lstrip("\n") + "\n")
    check(two, name, tmp_path / "m.yaml", path(two, name, ".legacy.h5"))


def test_lists_that_numpy_joins(made, tmp_path):
    """Two arrays of one shape become one of numbers, or with dtype=object one of Python floats."""
    arrays = [value for value in np.load(path(made, "equal", ".npz")).values()]
    np.save(tmp_path / "one.npy", np.array(arrays))
    np.save(tmp_path / "floats.npy", np.array(arrays, dtype=object), allow_pickle=True)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps(arrays, protocol=5))
    assert np.load(tmp_path / "one.npy").ndim == 3 and np.load(tmp_path / "floats.npy", allow_pickle=True).shape == (2, 3, 3)
    for file in ("one.npy", "floats.npy", "list.pkl"):
        check(made, "equal", path(made, "equal", ".json"), tmp_path / file)


def test_bfloat16_without_its_name(made):
    """NumPy stores it as two bytes of nothing, HDF5 as opaque; Keras 3 alone says in an attribute what it is."""
    assert [v.dtype.str for v in np.load(path(made, "brain", ".npz")).values()] == ["|V2", "|V2", "<f4", "<f4"]
    with h5py.File(path(made, "brain", ".weights.h5")) as f:
        kernel = f["layers/dense/vars/0"]
        assert kernel.id.get_type().get_class() == h5py.h5t.OPAQUE and ("dtype" in kernel.attrs) == made.name.startswith("three")


# ---- load_weights by name -----------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def by_name(tmp_path_factory):
    return run(keras_215_python(), "by_name_worker.py", tmp_path_factory.mktemp("by_name"))


@pytest.mark.parametrize("script", sorted(os.listdir(os.path.join(HERE, "by_name"))))
def test_load_weights_by_name(by_name, script):
    """Other orders, unknown names, frozen and nested layers; two files, and arrays set before or after: what comes last counts; and
    skip_mismatch, which skips a layer with another number of weights whole and a weight of another shape alone."""
    files = [by_name / f for f in ("w.h5", "v.h5", "whole.h5")]
    used = [f for f in files if f.name in open(os.path.join(HERE, "by_name", script), encoding="utf-8").read()]
    done = cuvier("verify", os.path.join(HERE, "by_name", script), *used, "--samples", by_name / (script[:-3] + ".io.npz"))
    assert done.returncode == 0, done.stderr
    assert ("skip_mismatch" in done.stderr) == (script == "skip_mismatch.py")


# ---- what is said of files that cannot be loaded ------------------------------------------------------------------------------------------

def test_a_file_without_weights_is_called_that(made, tmp_path):
    """'contains 0 layers' in Keras: the message here says which file is empty."""
    with h5py.File(tmp_path / "empty.h5", "w") as f:
        f.attrs["layer_names"] = np.array([])
        f.attrs["keras_version"] = f.attrs["backend"] = "x"
    done = must("rebuild", path(made, "mixed", ".json"), tmp_path / "empty.h5", status=1)
    assert done.stderr.startswith("error: empty.h5 holds no weights: its list of layers is empty"), done.stderr


def test_a_layer_too_few_is_named(made, tmp_path):
    """Keras says 'Layer count mismatch', and of no layer."""
    shutil.copy(path(made, "mixed", ".legacy.h5"), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "r+") as f:
        names = [n.decode() if isinstance(n, bytes) else n for n in f.attrs["layer_names"]]
        gone = next(n for n in names if n.startswith("lstm"))
        f.attrs["layer_names"] = np.array([n.encode() for n in names if n != gone])
        del f[gone]
    done = must("rebuild", path(made, "mixed", ".json"), tmp_path / "w.h5", status=1)
    assert "'%s'" % gone in done.stderr, done.stderr


def test_a_graph_of_keras_0(tmp_path):
    """A kind of model from before Keras 1.0."""
    (tmp_path / "m.json").write_text(json.dumps({"name": "Graph", "class_name": "Graph", "config": {
        "input_config": [{"name": "x", "input_shape": [3], "dtype": "float"}], "node_config": [], "output_config": [], "nodes": {}}}))
    done = must("summary", tmp_path / "m.json", status=3)
    assert "Keras before 1.0" in done.stderr
