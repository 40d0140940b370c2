"""TensorFlow's and TensorFlow.js's own forms when they are damaged: every change is refused with a name or does no harm; none crashes."""
import io
import json
import os
import shutil
import struct
import zipfile

import numpy as np
import pytest

from support import HERE, arrays, assert_same, check_evidence, cuvier, must, numbered

FIXED = os.path.join(HERE, "keras-2.15")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def blocks(data):
    """(offset, size) of the first data block of a table, and of its index."""
    _, at = varint(data, len(data) - 48)
    _, at = varint(data, at)
    offset, at = varint(data, at)
    size, at = varint(data, at)
    _, first = varint(data, offset)
    rest, first = varint(data, first)
    _, first = varint(data, first)
    start, first = varint(data, first + rest)
    length, _ = varint(data, first)
    return [(start, length), (offset, size)]


def sealed(data, block):
    """With the block's checksum made right again, so that the change gets past it."""
    offset, size = block
    return data[:offset + size + 1] + struct.pack("<I", crc32c(data[offset:offset + size + 1])) + data[offset + size + 5:]


@pytest.fixture
def checkpoint(tmp_path):
    folder = os.path.join(str(tmp_path), "ck")
    shutil.copytree(os.path.join(FIXED, "nested_functional.checkpoint"), folder)
    return folder


CONFIG = os.path.join(FIXED, "nested_functional.json")


def survives(*evidence):
    done = cuvier("rebuild", *evidence, timeout=20)
    assert done.returncode in (0, 1, 3), "exit status %d\n%s" % (done.returncode, done.stderr[-2000:])
    assert done.returncode == 0 or "error: " in done.stderr
    return done


def test_changed_index(checkpoint):
    """A changed byte is refused by its block's checksum; with a right checksum, by what it says."""
    path = os.path.join(checkpoint, "ck.index")
    good, rng = open(path, "rb").read(), np.random.default_rng(1)
    assert len(blocks(good)) == 2 and survives(CONFIG, path).returncode == 0
    for block in blocks(good):
        assert sealed(good, block) == good          # our checksums are TensorFlow's
    for i in range(160):
        block = blocks(good)[i % 2]
        bad = bytearray(good)
        bad[block[0] + int(rng.integers(block[1]))] ^= 1 << int(rng.integers(8))
        open(path, "wb").write(bytes(bad))
        assert "checksum" in must("rebuild", CONFIG, path, status=3).stderr
        open(path, "wb").write(sealed(bytes(bad), block))
        survives(CONFIG, path)


def test_cut_index(checkpoint):
    path = os.path.join(checkpoint, "ck.index")
    good = open(path, "rb").read()
    for size in list(range(1, len(good), 37)) + [len(good) - 48, len(good) - 1]:
        open(path, "wb").write(good[:size])
        assert survives(CONFIG, path).returncode == 3
    open(path, "wb").write(good[-48:])
    assert survives(CONFIG, path).returncode == 3


def test_changed_values(checkpoint):
    """The graph of objects lies among the values, without a checksum that is looked at; the numbers have theirs."""
    path, index = os.path.join(checkpoint, "ck.data-00000-of-00001"), os.path.join(checkpoint, "ck.index")
    good, rng = open(path, "rb").read(), np.random.default_rng(2)
    refused = 0
    for _ in range(120):
        bad = bytearray(good)
        bad[int(rng.integers(len(bad)))] ^= 1 << int(rng.integers(8))
        open(path, "wb").write(bytes(bad))
        refused += survives(CONFIG, index).returncode != 0
    assert refused > 30
    for size in range(0, len(good), len(good) // 12):
        open(path, "wb").write(good[:size])
        assert survives(CONFIG, index).returncode == 3
    os.remove(path)
    assert "ck.data-00000-of-00001" in must("rebuild", CONFIG, index, status=1).stderr


@pytest.mark.parametrize("part", ["keras_metadata.pb", "saved_model.pb", "variables/variables.index"])
def test_changed_saved_model(part, tmp_path):
    folder = os.path.join(str(tmp_path), "m")
    shutil.copytree(os.path.join(FIXED, "mlp.savedmodel"), folder)
    path = os.path.join(folder, part)
    good, rng = open(path, "rb").read(), np.random.default_rng(3)
    for i in range(60):
        bad = bytearray(good)
        bad[int(rng.integers(min(len(bad), 4000)))] = int(rng.integers(256))
        open(path, "wb").write(bytes(bad if i % 3 else bad[:int(rng.integers(len(bad)))]))
        survives(folder)


def test_ways_to_name_a_checkpoint(checkpoint, tmp_path):
    """The index, the prefix as TensorFlow has it, the folder, the file 'checkpoint', and index and values together."""
    io = os.path.join(FIXED, "nested_functional.io.npz")
    out, files = os.path.join(str(tmp_path), "out.npz"), [os.path.join(checkpoint, f) for f in ("ck.index", "ck.data-00000-of-00001")]
    for given in (files[:1], [os.path.join(checkpoint, "ck")], [checkpoint], [os.path.join(checkpoint, "checkpoint")], files):
        must("predict", CONFIG, *given, "-i", io, "-o", out)
        assert_same(arrays(out), numbered(np.load(io), "y"))


def test_saved_model_without_its_parts(tmp_path):
    folder = os.path.join(str(tmp_path), "m")
    shutil.copytree(os.path.join(FIXED, "mlp.savedmodel"), folder)
    for part in ("saved_model.pb", "keras_metadata.pb"):
        must("summary", os.path.join(folder, part))
    shutil.rmtree(os.path.join(folder, "variables"))
    assert "variables" in must("rebuild", folder, status=1).stderr
    os.remove(os.path.join(folder, "keras_metadata.pb"))
    assert "keras_metadata.pb" in must("rebuild", folder, status=3).stderr


# ---- TensorFlow.js ----

def tfjs(folder, shards, quantised=None):
    """A layers model as tensorflowjs_converter writes it, from mlp.json and mlp.npz: values in a row, cut into files of one size."""
    arrays_, manifest, data, wanted = np.load(os.path.join(FIXED, "mlp.npz")), [], b"", []
    names = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    for name, key in zip(names, arrays_.files):
        w = arrays_[key]
        entry = {"name": name, "shape": list(w.shape), "dtype": "float32"}
        if quantised in ("uint8", "uint16"):
            low, scale = float(w.min()), (float(w.max()) - float(w.min())) / (2 ** int(quantised[4:]) - 1) or 1.0
            stored = np.round((w - low) / scale).astype(quantised)
            entry["quantization"] = {"dtype": quantised, "min": low, "scale": scale}
            w = (stored.astype("float64") * scale + low).astype("float32")
        elif quantised == "float16":
            stored = w.astype("float16")
            entry["quantization"] = {"dtype": "float16"}
            w = stored.astype("float32")
        else:
            stored = w
        data += stored.tobytes()
        manifest.append(entry)
        wanted.append(w)
    size = -(-len(data) // shards)
    paths = ["group1-shard%dof%d.bin" % (i + 1, shards) for i in range(shards)]
    for i, path in enumerate(paths):
        with open(os.path.join(folder, path), "wb") as f:
            f.write(data[i * size:(i + 1) * size])
    topology = {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": json.load(open(os.path.join(FIXED, "mlp.json")))}
    with open(os.path.join(folder, "model.json"), "w") as f:
        json.dump({"format": "layers-model", "modelTopology": topology, "weightsManifest": [{"paths": paths, "weights": manifest}]}, f)
    return os.path.join(folder, "model.json"), wanted


@pytest.mark.parametrize("quantised", [None, "uint8", "uint16", "float16"])
@pytest.mark.parametrize("shards", [1, 3, 7])
def test_tfjs(shards, quantised, tmp_path):
    model, wanted = tfjs(str(tmp_path), shards, quantised)
    out, io = os.path.join(str(tmp_path), "w.npz"), os.path.join(FIXED, "mlp.io.npz")
    must("rebuild", model, "-o", out)
    for found, w in zip(arrays(out), wanted):
        np.testing.assert_array_equal(found, w)
    must("predict", model, "-i", io, "-o", out)
    assert_same(arrays(out), numbered(np.load(io), "y"), **({} if quantised is None else {"rtol": 0.1, "atol": 0.05}))


CONVERTED = os.path.join(os.path.dirname(FIXED), "tfjs")


@pytest.mark.parametrize("kind", ["float32", "float16", "uint8", "uint16"])
@pytest.mark.parametrize("name", ["keras-2-h5", "keras-2-archive", "keras-3-h5", "keras-3-archive"])
def test_converted_tfjs(name, kind, tmp_path):
    """Written by the real converter (make_tfjs.py), in several files; weights of archives are named by their place in them."""
    io, out = os.path.join(CONVERTED, name + ".io.npz"), os.path.join(str(tmp_path), "out.npz")
    must("predict", os.path.join(CONVERTED, name + "-" + kind, "model.json"), "-i", io, "-o", out)
    tolerance = {"float32": 1e-5, "float16": 2e-3, "uint16": 2e-4, "uint8": 5e-2}[kind]
    assert_same(arrays(out), numbered(np.load(io), "y"), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", ["model.json", "manifest"])
def test_tfjs_weights_alone(form, tmp_path):
    """Without their topology the weights are weights: with a configuration from elsewhere they give the model's outputs."""
    folder = os.path.join(str(tmp_path), "weights")
    shutil.copytree(os.path.join(CONVERTED, "keras-2-h5-float32"), folder)
    model = os.path.join(folder, "model.json")
    with open(model, encoding="utf-8") as file:
        whole = json.load(file)
    config, bare = os.path.join(str(tmp_path), "config.json"), os.path.join(folder, "weights_manifest.json")
    with open(config, "w", encoding="utf-8") as file:
        json.dump(whole["modelTopology"]["model_config"], file)
    os.remove(model)
    del whole["modelTopology"]
    with open(bare, "w", encoding="utf-8") as file:
        json.dump(whole if form == "model.json" else whole["weightsManifest"], file)
    check_evidence([config, bare], os.path.join(CONVERTED, "keras-2-h5.io.npz"), tmp_path)


def test_graph_tfjs_names_its_weights():
    said = " ".join(must("summary", os.path.join(CONVERTED, "graph", "model.json"), status=3).stderr.split())
    assert "it holds TensorFlow operations, no Keras layers" in said and "first/Conv2D/ReadVariableOp [3, 3, 3, 6]" in said


def test_variables_named_by_their_place(tmp_path):
    """The arrays of a .keras archive as .npz and safetensors, under the paths that they had: their order by name is not that of the layers."""
    h5py, base = pytest.importorskip("h5py"), os.path.join(HERE, "keras-3.15", "unet")
    with zipfile.ZipFile(base + ".keras") as archive:
        (tmp_path / "config.json").write_bytes(archive.read("config.json"))
        found = {}
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            file.visititems(lambda name, x: found.update({name: np.asarray(x)}) if isinstance(x, h5py.Dataset) else None)
    np.savez(tmp_path / "flat.npz", **found)
    header, data = {}, b""
    for name, a in found.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "flat.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    for file in ("flat.npz", "flat.safetensors"):
        must("verify", tmp_path / "config.json", tmp_path / file, "--samples", base + ".io.npz")


def test_changed_tfjs(tmp_path):
    model, _ = tfjs(str(tmp_path), 3, "uint8")
    good, shard = open(model, "rb").read(), os.path.join(str(tmp_path), "group1-shard2of3.bin")
    rng = np.random.default_rng(8)
    for i in range(120):
        bad = bytearray(good)
        at = int(rng.integers(len(bad) - 900, len(bad))) if i % 2 else int(rng.integers(len(bad)))
        bad[at] = int(rng.integers(32, 127))
        open(model, "wb").write(bytes(bad))
        survives(model)
    open(model, "wb").write(good)
    data = open(shard, "rb").read()
    open(shard, "wb").write(data[:-1])
    assert survives(model).returncode == 3
    os.remove(shard)
    assert survives(model).returncode == 1
    manifest = json.loads(good)
    manifest["weightsManifest"][0]["paths"][0] = "../../etc/passwd"
    open(model, "w").write(json.dumps(manifest))
    assert survives(model).returncode in (1, 3)


# ---- several models in one file ----

THREE = os.path.join(HERE, "keras-3.15")


def two_in_one(path, flat):
    """The weights of two models of the fixed set under names of their own."""
    lists = {name: list(np.load(os.path.join(THREE, name + ".all_weights.npy"), allow_pickle=True)) for name in ("autoencoder", "attention")}
    if flat:
        np.savez(path, **{"%s/w%d" % (name, i): w for name, weights in lists.items() for i, w in enumerate(weights)})
    else:
        np.save(path, np.array(lists, dtype=object), allow_pickle=True)


@pytest.mark.parametrize("name", ["autoencoder", "attention"])
@pytest.mark.parametrize("flat", [False, True])
def test_part_of_a_file(name, flat, tmp_path):
    path = os.path.join(str(tmp_path), "both.npz" if flat else "both.npy")
    two_in_one(path, flat)
    check_evidence([os.path.join(THREE, name + ".json"), path + "#" + name], os.path.join(THREE, name + ".io.npz"), tmp_path)


def test_no_such_part(tmp_path):
    path = os.path.join(str(tmp_path), "both.npy")
    two_in_one(path, False)
    done = must("inspect", path + "#decoder", status=1)
    assert "has nothing named 'decoder'" in done.stderr and "autoencoder, attention" in done.stderr
