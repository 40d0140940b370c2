"""The command line as its contract says: verbs, options, exit statuses, JSON, and where things are written."""
import json
import os
import re
import shutil
import stat
import subprocess

import numpy as np
import pytest

from support import BINARY, HERE, TESTS, arrays, as_json, assert_same, cuvier, must, numbered

FIXED = os.path.join(HERE, "keras-3.15")
OLDER = os.path.join(HERE, "keras-2.15")
MLP, MULTI = os.path.join(FIXED, "mlp"), os.path.join(FIXED, "multi_io")
VERBS = ["inspect", "summary", "rebuild", "verify", "predict", "bench", "diff", "scan", "view"]


# ---- help and usage


def test_version():
    assert re.fullmatch(r"cuvier \d+\.\d+\.\d+\n", must("--version").stdout)


def test_help_lists_every_verb():
    text = must("--help").stdout
    assert all(re.search(r"^\s+(cuvier )?%s\b" % verb, text, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb):
    done = must(verb, "--help")
    assert verb in done.stdout and not done.stderr


@pytest.mark.parametrize("arguments", [
    [], ["rebuilt", "x"], ["rebuild"], ["rebuild", "--no-such-option", "x"], ["rebuild", "x", "-o"], ["predict", MLP + ".keras"],
    ["predict", MLP + ".keras", "-i", MLP + ".io.npz"], ["verify", MLP + ".keras"], ["diff", MLP + ".keras"],
    ["rebuild", MLP + ".keras", "--threads", "many"], ["rebuild", MLP + ".keras", "--input-shape", "a,b"],
    ["rebuild", MLP + ".keras", "-o", "model.unknown"], ["summary", MLP + ".keras", "--memory", "12Q"],
], ids=lambda a: " ".join(os.path.basename(x) for x in a) or "nothing")
def test_usage_is_status_2(arguments, tmp_path):
    done = must(*arguments, status=2, cwd=tmp_path)
    assert done.stderr and not done.stdout
    assert os.listdir(tmp_path) == []


def test_a_near_miss_is_named():
    assert "rebuild" in must("rebiuld", "x", status=2).stderr
    assert "--samples" in must("verify", MLP + ".keras", "--sample", "x", status=2).stderr


def test_options_may_follow_or_precede(tmp_path):
    must("rebuild", "-o", tmp_path / "a.keras", MLP + ".keras")
    must("rebuild", MLP + ".keras", "--format=keras", "-o", tmp_path / "b")
    assert (tmp_path / "a.keras").read_bytes()[:2] == (tmp_path / "b").read_bytes()[:2] == b"PK"


# ---- JSON


def test_json_of_inspect():
    document = as_json("inspect", MLP + ".keras", MLP + ".h5", MLP + ".weights.npy")
    assert document["cuvier"] == must("--version").stdout.split()[1]
    assert [os.path.basename(f["path"]) for f in document["files"]] == ["mlp.keras", "mlp.h5", "mlp.weights.npy"]
    first = document["files"][0]
    assert set(first) >= {"path", "format", "keras_version", "backend", "written_by", "config", "tensors", "layers", "dangers"}
    assert first["keras_version"] == "3.15.1" and first["dangers"] == []
    shapes = sorted(tuple(t["shape"]) for t in first["tensors"])
    assert shapes == [(3,), (6, 8), (8,), (8, 3)]
    for tensor in first["tensors"]:
        assert set(tensor) >= {"name", "dtype", "shape", "offset", "bytes"} and tensor["dtype"] == "float32"
        assert tensor["bytes"] == 4 * int(np.prod(tensor["shape"]))


def test_offsets_are_true():
    """A tensor's offset is where its numbers lie in the file."""
    npy = as_json("inspect", os.path.join(TESTS, "files", "good-version-1.npy"))["files"][0]["tensors"][0]
    raw = open(os.path.join(TESTS, "files", "good-version-1.npy"), "rb").read()
    assert raw[npy["offset"]:npy["offset"] + npy["bytes"]] == np.arange(6, dtype="<f4").tobytes()


def test_json_of_rebuild(tmp_path):
    out = str(tmp_path / "m.keras")
    document = as_json("rebuild", MLP + ".json", MLP + ".npz", "-o", out)
    assert document["ok"] is True and document["written"] == [out]
    assert document["model"]["total_params"] == 83
    for decision in document["decisions"]:
        assert set(decision) >= {"layer", "field", "value", "evidence", "why"}
        assert decision["evidence"] in ("certain", "inferred", "assumed", "verified")


def test_json_of_verify():
    document = as_json("verify", MULTI + ".keras", "--samples", MULTI + ".io.npz")
    assert document["ok"] is True and document["rtol"] == 1e-4 and document["atol"] == 1e-5
    assert [o["name"] for o in document["outputs"]] == ["kind", "price"]
    assert all(o["max_abs"] < 1e-5 and o["ok"] for o in document["outputs"])


def test_json_of_an_error(tmp_path):
    document = as_json("rebuild", tmp_path / "nothing.npy", status=3)
    assert document["cuvier"] and document["error"]["file"].endswith("nothing.npy") and "." in document["error"]["code"]
    assert document["error"]["message"]


def test_json_alone_on_stdout():
    done = must("rebuild", MLP + ".json", MLP + ".npz", "--json")
    json.loads(done.stdout)
    assert done.stdout.count("\n") >= 1 and done.stdout.endswith("\n")


# ---- predict and verify


def test_predict_forms(tmp_path):
    """.npy in and out for one input and one output; the same numbers in a stream."""
    io = np.load(MLP + ".io.npz")
    np.save(tmp_path / "x.npy", io["x"])
    must("predict", MLP + ".keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
    assert_same([y], [io["y"]])


def test_predict_several_outputs(tmp_path):
    must("predict", MULTI + ".keras", "-i", MULTI + ".io.npz", "-o", tmp_path / "y.npz")
    y = np.load(tmp_path / "y.npz")
    assert y.files == ["kind", "price"]
    assert_same(arrays(tmp_path / "y.npz"), numbered(np.load(MULTI + ".io.npz"), "y"))


def test_inputs_by_name(tmp_path):
    io = np.load(MULTI + ".io.npz")
    np.savez(tmp_path / "named.npz", series=io["x1"], unrelated=np.zeros(3), numbers=io["x0"])
    must("predict", MULTI + ".keras", "-i", tmp_path / "named.npz", "-o", tmp_path / "y.npz")
    assert_same(arrays(tmp_path / "y.npz"), numbered(io, "y"))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "uint8"])
def test_inputs_of_other_types(dtype, tmp_path):
    x = np.arange(24).reshape(4, 6).astype(dtype)
    outputs = []
    for i, a in enumerate((x, x.astype(np.float32))):
        np.save(tmp_path / "x.npy", a)
        must("predict", MLP + ".keras", "-i", tmp_path / "x.npy", "-o", tmp_path / ("y%d.npy" % i))
        outputs.append(np.load(tmp_path / ("y%d.npy" % i)))
    assert_same([outputs[0]], [outputs[1]], rtol=1e-6, atol=1e-7)


def test_large_batch_and_threads(tmp_path):
    """A batch of many rows gives what single rows give, with any number of threads."""
    io = np.load(os.path.join(FIXED, "cnn.io.npz"))
    np.save(tmp_path / "x.npy", np.tile(io["x"], (250, 1, 1, 1)))
    for threads in (1, 2, 3):
        must("predict", os.path.join(FIXED, "cnn.keras"), "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--threads", threads)
        assert_same([np.load(tmp_path / "y.npy")], [np.tile(io["y"], (250, 1))])


def test_batch_of_none(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((0, 6), np.float32))
    must("predict", MLP + ".keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert np.load(tmp_path / "y.npy").shape == (0, 3)


def test_verify_against_another_file():
    assert as_json("verify", MLP + ".keras", "--against", MLP + ".h5")["ok"] is True
    assert as_json("verify", MLP + ".keras", "--against", os.path.join(OLDER, "mlp.h5"))["ok"] is True, "the same arrays, by another Keras"
    other = [os.path.join(folder, "lstm.h5") for folder in (FIXED, OLDER)]      # hard_sigmoid is another function there
    assert as_json("verify", other[0], "--against", other[1], status=1)["ok"] is False


def test_tolerances(tmp_path):
    io = dict(np.load(MLP + ".io.npz"))
    io["y"] = io["y"] + np.float32(1e-3)
    np.savez(tmp_path / "io.npz", **io)
    must("verify", MLP + ".keras", "--samples", tmp_path / "io.npz", status=1)
    must("verify", MLP + ".keras", "--samples", tmp_path / "io.npz", "--atol", "0.01")


def test_samples_by_name(tmp_path):
    io = np.load(MULTI + ".io.npz")
    np.savez(tmp_path / "io.npz", numbers=io["x0"], series=io["x1"], price=io["y1"], kind=io["y0"])
    must("verify", MULTI + ".keras", "--samples", tmp_path / "io.npz")


# ---- evidence


def test_standard_input(tmp_path):
    with open(MLP + ".keras", "rb") as f:
        done = subprocess.run([BINARY, "verify", "-", "--samples", MLP + ".io.npz"], stdin=f, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_content_not_name(tmp_path):
    """Files are recognised by what they hold, in any order."""
    shutil.copy(MLP + ".json", tmp_path / "a.h5")
    shutil.copy(MLP + ".npz", tmp_path / "b.json")
    must("verify", tmp_path / "b.json", tmp_path / "a.h5", "--samples", MLP + ".io.npz")


def test_map_by_hand(tmp_path):
    w = [np.load(MLP + ".npz")["arr_%d" % i] for i in range(4)]
    np.savez(tmp_path / "odd.npz", one=w[2], two=w[0], three=w[3], four=w[1])
    document = as_json("rebuild", MLP + ".json", tmp_path / "odd.npz", "--map", "dense=two,four", "--map", "dense_1=odd.npz#one,three")
    kernels = [d for d in document["decisions"] if d["field"] in ("kernel", "bias")]
    assert all(d["evidence"] == "certain" for d in kernels)
    must("verify", MLP + ".json", tmp_path / "odd.npz", "--map", "dense=two,four", "--map", "dense_1=one,three", "--samples", MLP + ".io.npz")


def test_map_of_an_unknown_layer():
    done = must("rebuild", MLP + ".json", MLP + ".npz", "--map", "dens=arr_0,arr_1", status=1)
    assert "dens" in done.stderr and "dense" in done.stderr


def test_input_shape_for_weights_alone(tmp_path):
    """A convolution's weights cannot tell the size of the image."""
    document = as_json("rebuild", os.path.join(FIXED, "cnn.npz"), "--samples", os.path.join(FIXED, "cnn.io.npz"))
    with open(os.path.join(FIXED, "cnn.facts.json"), encoding="utf-8") as facts:     # real Keras's count
        assert document["ok"] is True and document["model"]["total_params"] == json.load(facts)["total_params"]


def test_top_lists_candidates():
    document = as_json("rebuild", MLP + ".weights.npy", MLP + ".biases.npy", "--samples", MLP + ".io.npz", "--top", "3")
    assert 1 <= len(document["candidates"]) <= 3
    scores = [c["score"] for c in document["candidates"]]
    assert scores == sorted(scores, reverse=True)


def test_strict_forbids_assumptions():
    must("rebuild", MLP + ".keras", "--strict")
    must("rebuild", MLP + ".weights.npy", MLP + ".biases.npy", "--strict", status=1)


# ---- writing


def test_several_outputs_at_once(tmp_path):
    outs = [tmp_path / name for name in ("m.keras", "m.h5", "m.json")]
    arguments = [a for out in outs for a in ("-o", out)]
    document = as_json("rebuild", MLP + ".h5", *arguments)
    assert document["written"] == [str(o) for o in outs] and all(o.exists() for o in outs)


def test_what_it_writes_it_reads(tmp_path):
    for name in ("cnn", "bidirectional", "nested_functional", "seq2seq", "transformer"):
        for ending in (".keras", ".h5"):
            out = tmp_path / ("m" + ending)
            must("rebuild", os.path.join(FIXED, name + ".keras"), "-o", out)
            must("verify", out, "--samples", os.path.join(FIXED, name + ".io.npz"))
        config, weights = tmp_path / "m.json", tmp_path / "m.weights.h5"
        must("rebuild", os.path.join(FIXED, name + ".keras"), "-o", config, "-o", weights)
        must("verify", config, weights, "--samples", os.path.join(FIXED, name + ".io.npz"))


def test_nothing_half_written(tmp_path):
    """A folder that cannot be written to: status 4 or 3, and the old file stays as it was."""
    target = tmp_path / "m.keras"
    target.write_bytes(b"old")
    folder = tmp_path / "missing" / "m.keras"
    assert cuvier("rebuild", MLP + ".h5", "-o", folder).returncode in (3, 4)
    assert cuvier("rebuild", os.path.join(TESTS, "files", "bad-half.weights.h5"), "-o", target).returncode == 3
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["m.keras"]


def test_permissions_of_a_written_file(tmp_path):
    must("rebuild", MLP + ".h5", "-o", tmp_path / "m.keras")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(os.stat(tmp_path / "m.keras").st_mode) == 0o666 & ~mask


def test_the_same_twice(tmp_path):
    """Writing is reproducible to the byte."""
    for ending in (".keras", ".h5", ".weights.h5", ".json", ".npz", ".safetensors", ".onnx", ".py", ".c", ".dot", ".svg", ".html"):
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            must("rebuild", MLP + ".h5", "-o", tmp_path / folder / ("m" + ending))
        assert (tmp_path / "a" / ("m" + ending)).read_bytes() == (tmp_path / "b" / ("m" + ending)).read_bytes(), ending


# ---- the other verbs


def test_diff():
    same = as_json("diff", MLP + ".keras", MLP + ".h5")
    assert same["same"] is True and same["structure"] == []
    other = as_json("diff", MLP + ".keras", os.path.join(OLDER, "mlp.keras"), status=1)
    assert other["same"] is False


def test_diff_names_the_changed_tensor(tmp_path):
    w = [np.load(MLP + ".npz")["arr_%d" % i] for i in range(4)]
    w[2][1, 1] += 0.5
    np.savez(tmp_path / "changed.npz", *w)
    must("rebuild", MLP + ".json", tmp_path / "changed.npz", "-o", tmp_path / "changed.keras")
    document = as_json("diff", MLP + ".keras", tmp_path / "changed.keras", status=1)
    rows = [row for row in document["weights"] if row["max_abs"] > 0]
    assert [(r["layer"], r["tensor"]) for r in rows] == [("dense_1", "kernel")] and abs(rows[0]["max_abs"] - 0.5) < 1e-6


LOOKS = {"summary": ["summary"], "view": ["view", "-o", "OUT.svg"], "program": ["inspect", "--stage", "program"]}


@pytest.mark.parametrize("look", LOOKS)
def test_weights_that_do_not_fit_are_told(look, tmp_path):
    """A structure is shown without its weights, but never without a word on those that were given for it."""
    rng = np.random.default_rng(0)
    facts = np.load(MLP + ".npz")
    weights = [facts["arr_%d" % i] for i in range(len(facts.files))]
    weights[0] = rng.normal(size=(weights[0].shape[0] + 1, weights[0].shape[1])).astype("float32")
    np.savez(tmp_path / "other.npz", *weights)
    arguments = [str(tmp_path / "m.svg") if a == "OUT.svg" else a for a in LOOKS[look]]
    said = must(*arguments, MLP + ".json", tmp_path / "other.npz").stderr
    rows, units = weights[0].shape
    assert "warning: Dense layer" in said and "error" not in said
    assert "shape (%d, %d); other.npz#arr_0 is (%d, %d)" % (rows - 1, units, rows, units) in " ".join(said.split())
    assert not must(*arguments, MLP + ".json", MLP + ".npz").stderr and not must(*arguments, MLP + ".json").stderr
    must("rebuild", MLP + ".json", tmp_path / "other.npz", "-o", tmp_path / "m.keras", status=1)


def test_bench():
    document = as_json("bench", MLP + ".keras", "--seconds", "0.2", "--batch", "8", "--threads", "1")
    assert document["batch"] == 8 and document["threads"] == 1 and document["throughput"] > 0
    latency = document["latency_ms"]
    assert 0 < latency["min"] <= latency["median"] <= latency["p99"]
    assert document["load_ms"] > 0 and document["first_ms"] > 0 and document["peak_rss_bytes"] > 1 << 20


def tensor(layer, shape, dtype):
    return {"class_name": "__keras_tensor__", "config": {"shape": shape, "dtype": dtype, "keras_history": [layer, 0, 0]}}


def one_layer(path, shape, dtype, module, class_name, config):
    """A functional model of one layer or operation, as Keras 3 writes it."""
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": dtype, "name": "x"}, "registered_name": None,
               "name": "x", "inbound_nodes": []},
              {"module": module, "class_name": class_name, "config": dict(config, name="y"), "registered_name": None, "name": "y",
               "inbound_nodes": [{"args": [tensor("x", shape, dtype)], "kwargs": {}}]}]
    path.write_text(json.dumps({"module": "keras.src.models.functional", "class_name": "Functional", "config": {
        "name": "m", "trainable": True, "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}, "registered_name": "Functional"}))
    return path


def test_bench_takes_what_the_model_takes(tmp_path):
    """uint8 holds no number below 0, and a lookup without a place for others the words of its vocabulary alone."""
    small = one_layer(tmp_path / "small.json", [None, 5], "float32", "keras.src.ops.core", "Cast", {"dtype": "uint8"})
    words = one_layer(tmp_path / "words.json", [None, 5], "string", "keras.layers", "StringLookup", {"vocabulary": ["cat", "dog"], "num_oov_indices": 0, "mask_token": None})
    table = one_layer(tmp_path / "table.json", [None, None], "int32", "keras.layers", "IntegerLookup", {"vocabulary": [70, 90], "num_oov_indices": 0, "mask_token": None})
    for path in (small, words, table):
        assert as_json("bench", path, "--seconds", "0.01", "--batch", "3")["throughput"] > 0
    np.savez(tmp_path / "x.npz", x=np.array([["cat", "dog", "cat", "cow", "dog"]]))
    said = must("predict", words, "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npy", status=1).stderr
    assert "layer 'y': 'cow' is not in the vocabulary, and num_oov_indices is 0" in said
    np.savez(tmp_path / "x.npz", x=np.array([[70, 90, 71]]))
    assert "layer 'y': 71 is not in the vocabulary" in must("predict", table, "-i", tmp_path / "x.npz", "-o", tmp_path / "y.npy", status=1).stderr


def test_bench_steps():
    document = as_json("bench", MLP + ".keras", "--seconds", "0.1", "--steps", "--batch", "8", "--threads", "1")
    steps = document["steps"]
    dense = [s for s in steps if s["op"].startswith("dense")]
    assert [s["layer"] for s in dense] == [layer["name"] for layer in as_json("summary", MLP + ".keras")["model"]["layers"] if layer["class_name"] == "Dense"]
    for s in dense:     # 2 rows units in
        rows, inputs, units = (int(n) for n in re.fullmatch(r"\((\d+), (\d+)\) \(\d+, (\d+)\) -> .*", s["shapes"]).groups())
        assert rows == 8 and s["operations"] == 2 * rows * units * inputs
    for s in steps:
        assert 0 < s["min_us"] <= s["mean_us"] and s["bytes"] > 0
    assert sum(s["min_us"] for s in steps) < 1e3 * document["latency_ms"]["p99"] * 3
    table = must("bench", MLP + ".keras", "--seconds", "0.1", "--steps").stdout
    assert all(s["layer"] in table for s in dense)


def test_scan():
    assert as_json("scan", MLP + ".keras", MLP + ".h5", MLP + ".dict.pkl")["clean"] is True
    document = as_json("scan", os.path.join(TESTS, "files", "bad-system.pkl"), status=1)
    assert document["clean"] is False
    assert set(document["findings"][0]) >= {"severity", "code", "file", "where", "what"}


def test_view(tmp_path):
    must("view", MULTI + ".keras", "-o", tmp_path / "m.html")
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("numbers", "series", "kind", "price"))
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page, "self-contained"
    must("view", MULTI + ".keras", "-o", tmp_path / "m.svg")
    assert "<svg" in (tmp_path / "m.svg").read_text(encoding="utf-8")


def test_markup_is_escaped(tmp_path):
    hostile = os.path.join(TESTS, "files", "good-markup-in-names.json")
    must("view", hostile, "-o", tmp_path / "m.html")
    assert "<script>alert(1)</script>" not in (tmp_path / "m.html").read_text(encoding="utf-8")


# ---- how it speaks


def test_no_colour_in_a_pipe():
    for arguments in (["summary", MLP + ".keras"], ["inspect", MLP + ".keras"], ["rebuild", "nothing"]):
        done = cuvier(*arguments)
        assert "\x1b" not in done.stdout + done.stderr


def test_quiet(tmp_path):
    done = must("rebuild", MLP + ".json", MLP + ".npz", "-q", "-o", tmp_path / "m.keras")
    assert not done.stdout and not done.stderr


def test_words_never_used():
    """No message says only "invalid" or "failed to"."""
    for name in sorted(os.listdir(os.path.join(TESTS, "files"))):
        if name.startswith(("bad-", "unsupported-")):
            text = cuvier("rebuild", os.path.join(TESTS, "files", name)).stderr.lower()
            assert "invalid" not in text and "failed to" not in text, name


def test_limits():
    base = os.path.join(FIXED, "unet")
    assert must("predict", base + ".keras", "-i", base + ".io.npz", "-o", os.devnull, "--memory", "1K", status=4).stderr.startswith("error: ")


def test_closed_pipe():
    """`cuvier summary | head -1` ends quietly."""
    done = subprocess.run("'%s' summary '%s.keras' | head -n 1" % (BINARY, MLP), shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("Model: ") and not done.stderr


def test_without_libhdf5():
    packed = os.path.join(TESTS, "files", "good-compressed.weights.h5")
    assert cuvier("inspect", packed).returncode == 0
    refused = cuvier("inspect", packed, "--no-libhdf5", "--json")
    assert refused.returncode == 3 and json.loads(refused.stdout)["error"]["code"] == "hdf5.library"
    assert cuvier("inspect", MLP + ".h5", "--no-libhdf5").returncode == 0, "what Keras writes needs no libhdf5"


@pytest.mark.parametrize("line", ["verify MODEL", "rebuild MODEL --top 0", "rebuild --nothing MODEL", "rebuild", "diff MODEL", "predict MODEL", "frobnicate MODEL"])
def test_wrong_usage_as_a_document(line):
    """With --json there is one document whatever happens; people are told on standard error."""
    done = cuvier(*line.replace("MODEL", MLP + ".keras").split(), "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 2 and told["error"]["code"] == "usage" and told["error"]["message"] in done.stderr and "cuvier" in told


def test_no_memory_for_the_document():
    done = cuvier("rebuild", MLP + ".keras", "--memory", "1K", "--json")
    assert done.returncode == 4 and json.loads(done.stdout)["error"]["code"].startswith("memory")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk(tmp_path):
    for arguments in (["rebuild", MLP + ".keras", "--format", "keras"], ["rebuild", MLP + ".keras", "--format", "json"], ["rebuild", MLP + ".keras", "--format", "npz"]):
        document = as_json(*arguments, "-o", "/dev/full", status=4)
        assert document["error"]["code"] == "output.space" and "space" in document["error"]["help"]
    x = np.load(MLP + ".io.npz")["x"]
    np.save(tmp_path / "x.npy", x)
    must("predict", MLP + ".keras", "-i", tmp_path / "x.npy", "-o", "/dev/full", status=4)


def test_nan_in_samples(tmp_path):
    """NaN on both sides is the same, as numpy.testing.assert_allclose has it; on one side it is told as such."""
    weights = [np.load(MLP + ".npz")["arr_%d" % i] for i in range(4)]
    io = np.load(MLP + ".io.npz")
    bias = weights[3].copy()
    bias[0] = np.nan
    np.savez(tmp_path / "w.npz", *weights[:3], bias)
    must("rebuild", MLP + ".json", tmp_path / "w.npz", "-o", tmp_path / "nan.keras")
    must("predict", tmp_path / "nan.keras", "-i", MLP + ".io.npz", "-o", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert np.isnan(y).any()
    np.savez(tmp_path / "nan.npz", x=io["x"], y=y)
    must("verify", tmp_path / "nan.keras", "--samples", tmp_path / "nan.npz")
    done = cuvier("verify", tmp_path / "nan.keras", "--samples", MLP + ".io.npz")
    assert done.returncode == 1 and "NaN on one side only" in done.stderr
