"""Files with something wrong in them, made from good ones by a seeded generator: cut at boundaries, bits flipped, numbers changed.
Whatever comes out: an exit status of its own, within 5 seconds and 1 GiB. CUV_MUTATIONS is the number for each file (12)."""
import io
import json
import os
import random
import resource
import struct
import subprocess
import zipfile
import zlib

import numpy as np
import pytest

from support import BINARY, TESTS

COUNT = int(os.environ.get("CUV_MUTATIONS", "12"))
SANITIZED = "asan" in BINARY or "ubsan" in BINARY
FIXED = os.path.join(TESTS, "compat", "keras-3.15")
FILES = os.path.join(TESTS, "files")


def compat(name):
    with open(os.path.join(FIXED, name), "rb") as f:
        return f.read()


def single(name):
    with open(os.path.join(FILES, name), "rb") as f:
        return f.read()


def tfjs():
    config = json.loads(compat("mlp.json"))
    return json.dumps({"format": "layers-model", "modelTopology": {"keras_version": "3.15.0", "model_config": config},
                       "weightsManifest": [{"paths": ["w.bin"], "weights": [
                           {"name": "dense/kernel", "shape": [6, 8], "dtype": "float32"},
                           {"name": "dense/bias", "shape": [8], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": .5, "min": 0}}]}]}).encode()


SEEDS = {
    "list.npy": compat("mlp.all_weights.npy"), "array.npy": single("good-version-2.npy"), "fortran.npy": single("good-fortran.npy"),
    "w.npz": compat("mlp.npz"), "deflated.npz": single("good-deflated.npz"), "dict.pkl": compat("mlp.dict.pkl"),
    "model.h5": compat("mlp.h5"), "lstm.h5": compat("lstm.h5"), "m.weights.h5": compat("mlp.weights.h5"),
    "newer.weights.h5": single("good-latest.weights.h5"), "packed.weights.h5": single("good-compressed.weights.h5"),
    "m.keras": compat("mlp.keras"), "nested.keras": compat("nested_deep.keras"), "m.json": compat("multi_io.json"),
    "m.yaml": open(os.path.join(TESTS, "..", "fuzz", "corpus", "yaml", "keras2.yaml"), "rb").read(),
    "m.safetensors": single("good-one.safetensors"), "model.json": tfjs(), "rebuild.py": b"import numpy as np\nfrom keras import Sequential, layers\n"
    b"m = Sequential([layers.Input((3,)), layers.Dense(2, name='d')])\nfor i, l in enumerate(m.layers):\n    print(f'{l.name!r} {i:>3}')\nm.summary()\n",
}


def boundaries(data):
    """Places where something begins: signatures, members, HDF5 messages, text brackets, powers of two."""
    found = {0, 1, 4, 8, 10, 16, 64, 96, 100, 512, 2048, len(data) - 1, len(data) - 22, len(data) // 2}
    for mark in (b"PK", b"SNOD", b"TREE", b"HEAP", b"GCOL", b"OHDR", b"\x93NUMPY", b"{", b"}", b"\n"):
        at = data.find(mark)
        while at >= 0 and len(found) < 500:
            found |= {at, at + len(mark)}
            at = data.find(mark, at + 1)
    return sorted(b for b in found if 0 <= b < len(data))


def mutate(data, rng):
    data = bytearray(data)
    marks = boundaries(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if not data:
            break
        at = min(rng.choice((rng.choice(marks) + rng.randrange(24), rng.randrange(len(data)))), len(data) - 1)
        kind = rng.randrange(7)
        if kind == 0:
            del data[rng.choice(marks):]
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 3:        # a number that says how long, how many, or where
            size = rng.choice((2, 4, 8))
            value = rng.choice((0, 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1, len(data), len(data) + 1, 2 ** 31 % 2 ** (8 * size)))
            data[at:at + size] = value.to_bytes(size, "little")
        elif kind == 4:
            del data[at:at + rng.choice((1, 2, 8, 100))]
        elif kind == 5:
            piece = data[at:at + rng.choice((1, 8, 200))]
            data[at:at] = piece * rng.choice((1, 2, 50))
        else:                  # digits in texts
            digits = [i for i in range(max(0, at - 200), min(len(data), at + 200)) if 48 <= data[i] <= 57]
            if digits:
                digit = rng.choice(digits)
                data[digit:digit + 1] = rng.choice((b"99999999999999999999", b"-1", b"1e999", b"0"))
    return bytes(data)


def with_checksums(data):
    """A zip archive whose stored members have been changed gets matching checksums, so that what is inside is read."""
    data = bytearray(data)
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as z:
            members = z.infolist()
    except Exception:  # whatever is wrong with it, it stays as it is
        return bytes(data)
    for m in members:
        name = m.filename.encode()
        start = m.header_offset + 30 + len(name)
        if m.compress_type == 0 and m.header_offset + 30 <= len(data):
            crc = struct.pack("<I", zlib.crc32(data[start:start + m.file_size]))
            data[m.header_offset + 14:m.header_offset + 18] = crc
            at = data.rfind(b"PK\x01\x02")
            while at >= 0:
                if data[at + 46:at + 46 + len(name)] == name:
                    data[at + 16:at + 20] = crc
                at = data.rfind(b"PK\x01\x02", 0, at)
    return bytes(data)


def limits():
    if not SANITIZED:          # shadow memory is address space, too
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (5, 5) if not SANITIZED else (30, 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.mark.parametrize("name", SEEDS)
def test_mutations(name, tmp_path):
    rng = random.Random(name)
    (tmp_path / "w.bin").write_bytes(np.arange(512, dtype="<f4").tobytes())
    verbs = (["inspect", "--json"], ["rebuild", "-o", "out.npz"], ["scan"])
    for i in range(COUNT):
        data = mutate(SEEDS[name], rng)
        if SEEDS[name][:2] == b"PK" and i % 2:
            data = with_checksums(data)
        (tmp_path / name).write_bytes(data)
        verb = verbs[i % len(verbs)]
        done = subprocess.run([BINARY, verb[0], name, *verb[1:]], cwd=tmp_path, preexec_fn=limits, timeout=60, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1, 3, 4):
            kept = os.path.join(os.environ.get("CUV_KEEP", str(tmp_path)), "%d-%s" % (i, name))
            with open(kept, "wb") as f:
                f.write(data)
            pytest.fail("%s of mutation %d: status %d, kept as %s\n%s" % (verb[0], i, done.returncode, kept, done.stderr[-2000:]))
