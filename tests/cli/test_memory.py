"""How much memory a prediction takes: at most 1.2 times weights and live activations beyond what a process without weights has; and what several
processes share. Weights are written here and joined to code by cuvier; what the nets hold is counted by hand."""
import json
import os
import subprocess
import time

import numpy as np
import pytest

from support import BINARY, must

SANITIZED = "asan" in BINARY or "ubsan" in BINARY
pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers have memory of their own")
HEAD = "import keras\nfrom keras import layers, Sequential, Input\n"
RNG = np.random.default_rng(0)


def weights(*shapes):
    return [(RNG.standard_normal(s) * 0.02).astype(np.float32) for s in shapes]


def dense_stack():
    code = "model = Sequential([Input((2048,)), " + ", ".join("layers.Dense(2048, activation='relu')" for _ in range(4)) + "])\n"
    return code, weights(*[s for _ in range(4) for s in ((2048, 2048), (2048,))]), 2 * 2048


def recurrent():
    return ("model = Sequential([Input((50, 256)), layers.LSTM(1024)])\n", weights((256, 4096), (1024, 4096), (4096,)),
            50 * 256 + 50 * 4096 + 2 * 1024)


def convolutions():
    code = "model = Sequential([Input((14, 14, 512)), " + ", ".join("layers.Conv2D(512, 3, padding='same', activation='relu')" for _ in range(3)) + "])\n"
    return code, weights(*[s for _ in range(3) for s in ((3, 3, 512, 512), (512,))]), 2 * 14 * 14 * 512


def embedding():
    return ("model = Sequential([Input((64,), dtype='int32'), layers.Embedding(100000, 128), layers.Flatten(), layers.Dense(512)])\n",
            weights((100000, 128), (64 * 128, 512), (512,)), 64 * 128 + 512)


def tiny():
    return "model = Sequential([Input((4,)), layers.Dense(4)])\n", weights((4, 4), (4,)), 8


NETS = {f.__name__: f for f in (dense_stack, recurrent, convolutions, embedding)}


def make(net, folder, form):
    code, arrays, live = net()
    (folder / "net.py").write_text(HEAD + code)
    np.savez(folder / "weights.npz", **{"arr_%d" % i: a for i, a in enumerate(arrays)})
    out = folder / ("net" + form)
    must("rebuild", folder / "net.py", folder / "weights.npz", "-o", out, "-q")
    return out, sum(a.nbytes for a in arrays), 4 * live


def peak(path, *more):
    """Of a first prediction and one more. Started by a shell: a process has the memory of what forked it in its account, and this one is large."""
    command = " ".join([BINARY, "bench", str(path), "--seconds", "0.000001", "--json", *map(str, more)])
    done = subprocess.run(["sh", "-c", command + "; exit $?"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["peak_rss_bytes"]


@pytest.mark.parametrize("form", [".keras", ".h5"])
@pytest.mark.parametrize("name", NETS)
def test_peak(name, form, tmp_path):
    own = tmp_path / "tiny"
    own.mkdir()
    base = peak(make(tiny, own, form)[0], "--threads", 1)
    path, weight_bytes, live_bytes = make(NETS[name], tmp_path, form)
    taken = peak(path, "--threads", 1) - base
    print("%s %s: %.1f MB, weights %.1f, live %.1f: %.2f" % (name, form, taken / 1e6, weight_bytes / 1e6, live_bytes / 1e6,
                                                              taken / (weight_bytes + live_bytes)))
    assert taken <= 1.2 * (weight_bytes + live_bytes) + (2 << 20)


@pytest.mark.parametrize("limit", ["-v", "-d"])
def test_limited_address_space(limit, tmp_path):
    """The room that the heap takes in advance (cli/main.c) is left where a shell's limit leaves little: a small model needs little."""
    path = make(tiny, tmp_path, ".keras")[0]
    done = subprocess.run(["sh", "-c", 'ulimit %s 60000; exec "$0" "$@"' % limit, BINARY, "summary", str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and "Total params: 20" in done.stdout, done.stderr


def mapping(pid, name):
    """Resident and proportional bytes of a file's mappings in a process."""
    found, inside = {"Rss": 0, "Pss": 0}, False
    with open("/proc/%d/smaps" % pid, encoding="utf-8") as f:
        for line in f:
            key = line.split(":")[0]
            if "-" in key.split(" ")[0]:
                inside = line.rstrip().endswith(name)
            elif inside and key in found:
                found[key] += 1024 * int(line.split()[1])
    return found["Rss"], found["Pss"]


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="the system does not tell what processes share")
@pytest.mark.parametrize("name", ["dense_stack", "convolutions"])
def test_processes_share_a_cache(name, tmp_path):
    path, weight_bytes, _ = make(NETS[name], tmp_path, ".keras")
    cache = tmp_path / "net.packed"
    peak(path, "--cache", cache)
    running = [subprocess.Popen([BINARY, "bench", str(path), "--seconds", "60", "--threads", "1", "--cache", str(cache)], stdout=subprocess.DEVNULL)
               for _ in range(3)]
    try:
        for _ in range(300):
            held = [mapping(p.pid, "net.packed") for p in running]
            private = [mapping(p.pid, "[heap]")[0] for p in running]
            if all(rss > 0.9 * weight_bytes and pss < 0.4 * rss for rss, pss in held):
                break
            time.sleep(0.1)
        print(name, held, private)
        for rss, pss in held:
            assert rss > 0.9 * weight_bytes and pss < 0.4 * rss
    finally:
        for process in running:
            process.kill()
            process.wait()
