"""Measures cuvier beside other engines; bench/run makes the environment and calls this.

usage: run.py [--what latency,start,memory] [--engines ...] [--nets ...] [--batches 1,32] [--threads 1,2] [--rounds N] [--seconds S] [--keep]
  --what      latency: predictions of a model that is there; start and memory: processes that load from their own file and predict once
  --nets      names, or "wide" for all nets of wide.py: layers that the ten nets do not have; their predictions go to results/wide.csv
  --batches   32 stands for 256 on the smallest nets, and for the batch that wide.py tells for each of its nets
  --seconds   how long a process measures in a round (latency)
  --keep      rows of results/*.csv about other nets, batches, threads and engines stay

Every engine runs in processes of its own; the engines take turns, round after round, so that what else the machine does meets all of them.
Kept are the least time of all rounds and the least median of a round. Outputs are held against Keras's own, relative to their spread. A
line before the first measurement says how long all of them will take."""
import argparse
import csv
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CUVIER = os.environ.get("CUVIER", os.path.join(ROOT, "build", "cuvier"))
FOLDER = os.path.join(ROOT, "build", "bench")
RESULTS = os.path.join(HERE, "results")
NETS = "mlp_small mlp_medium lenet lstm bigru transformer mobilenet_v2 efficientnet_b0 dilated_1d resnet50".split()
SMALLEST = ("mlp_small", "mlp_medium", "lenet")
with open(os.path.join(HERE, "wide.py"), encoding="utf-8") as source:      # not imported: that would import Keras
    WIDE = {name: int(batch) for batch, name in re.findall(r"^@net\((\d+).*\)\ndef (\w+)", source.read(), re.M)}
PYTHON_ENGINES = ("litert", "tf_function", "tf_predict", "tf_xla")
ENGINES = {"latency": ["cuvier", "onnxruntime", "openvino", *PYTHON_ENGINES],
           "start": ["cuvier", "cuvier --cache", "onnxruntime", "openvino", "onnxruntime_python", "litert", "tf_predict", "python"]}
# Seconds that a process takes beside its measuring, on an idle machine: for the estimate alone.
OVERHEAD = {"cuvier": 0.3, "onnxruntime": 0.8, "openvino": 1.0, "litert": 1.0, "tf_function": 6, "tf_predict": 6, "tf_xla": 12}
COLUMNS = {"latency": ["machine", "commit", "net", "batch", "threads", "engine", "min_ms", "median_ms", "load_ms", "first_ms", "peak_mb", "max_rel"],
           "start": ["machine", "commit", "net", "engine", "min_ms", "median_ms", "cpu_ms", "peak_mb", "weights_mb", "max_rel"]}
COLUMNS["wide"] = COLUMNS["latency"]


def output(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def machine():
    name = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")),
                platform.machine())
    return name, (output("git", "-C", ROOT, "rev-parse", "--short", "HEAD") or "?").strip()


# ---- files ----

def large_batch(net):
    return WIDE.get(net, 256 if net in SMALLEST else 32)


def path_of(net, ending=""):
    return os.path.join(FOLDER, net + ending)


def samples(net):
    with np.load(path_of(net, ".io.npz")) as f:
        return f["x"], f["y"]


def names_of(path):
    import onnx
    graph = onnx.load(path, load_external_data=False).graph
    given = {t.name for t in graph.initializer}
    return next(i.name for i in graph.input if i.name not in given), graph.output[0].name


def prepare_net(net):
    x, _ = samples(net)
    for batch in (1, large_batch(net)):
        part = np.ascontiguousarray(np.resize(x, (batch,) + x.shape[1:]))
        np.save(path_of(net, f".x{batch}.npy"), part)
        part.tofile(path_of(net, f".x{batch}.bin"))
    if net not in WIDE:     # halves differ by more than verify allows; max_rel tells by how much
        subprocess.run([CUVIER, "verify", path_of(net, ".keras"), "--samples", path_of(net, ".io.npz"), "-q"], check=True)
    subprocess.run([CUVIER, "rebuild", path_of(net, ".keras"), "-q", "-o", path_of(net, ".cuvier.onnx")], check=True)


def compile_peers():
    site = os.path.dirname(os.path.dirname(np.__file__))
    for source, name, more in (
            ("measure.c", "measure", []),
            ("peer_onnxruntime.c", "peer_onnxruntime", [os.path.join(FOLDER, "libonnxruntime.so.1")]),
            ("peer_openvino.c", "peer_openvino", ["-I" + os.path.join(site, "openvino", "include"), os.path.join(FOLDER, "libopenvino_c.so"),
                                                  "-Wl,--allow-shlib-undefined"])):
        folders = {"peer_onnxruntime": (site, "onnxruntime", "capi"), "peer_openvino": (site, "openvino", "libs")}.get(name)
        if folders:
            folder = os.path.join(*folders)
            start = "libonnxruntime.so" if name == "peer_onnxruntime" else "libopenvino_c.so"
            library = sorted(f for f in os.listdir(folder) if f.startswith(start))[-1]
            link = next(m for m in more if ".so" in m and not m.startswith("-"))
            if os.path.lexists(link):
                os.remove(link)
            os.symlink(os.path.join(folder, library), link)
            more = [*more, f"-Wl,-rpath,{folder}", f"-Wl,-rpath,{FOLDER}"]
        subprocess.run(["cc", "-O2", os.path.join(HERE, source), "-o", os.path.join(FOLDER, name), *more], check=True)


def better_export(net, engine):
    """Keras's own ONNX export or cuvier's: the one with which this engine is faster at batch 1 on one thread (tf2onnx turns a GRU into a loop)."""
    best, least = path_of(net, ".cuvier.onnx"), None
    for ending in (".cuvier.onnx", ".tf.onnx"):
        if os.path.exists(path_of(net, ending)):
            found = measure(engine, net, 1, 1, 0.2, path_of(net, ending))
            if found and found["max_rel"] < 1e-3 and (least is None or found["min_ms"] < least):
                best, least = path_of(net, ending), found["min_ms"]
    return best


def prepare(options):
    os.makedirs(FOLDER, exist_ok=True)
    missing = [n for n in options.nets if not os.path.exists(path_of(n, ".io.npz")) or not os.path.exists(path_of(n, ".keras"))]
    if missing:
        subprocess.run([sys.executable, os.path.join(HERE, "models.py"), FOLDER, *missing], check=True, stdout=subprocess.DEVNULL)
    compile_peers()
    chosen = path_of("onnx", ".json")
    exports = json.load(open(chosen, encoding="utf-8")) if os.path.exists(chosen) else {}
    for net in list(options.nets):
        try:
            prepare_net(net)
        except subprocess.CalledProcessError as e:
            print(f"{net} is left out: {' '.join(map(str, e.cmd))} ended with {e.returncode}", flush=True)
            options.nets.remove(net)
            continue
        for engine in ("onnxruntime", "openvino"):
            key = f"{net} {engine}"
            if {engine, engine + "_python"} & set(options.engines) and not os.path.exists(exports.get(key, "")):
                exports[key] = better_export(net, engine)
    with open(chosen, "w", encoding="utf-8") as f:
        json.dump(exports, f, indent=1)
    return exports


# ---- one process ----

# Outputs are written to memory: cuvier waits for the disk before it puts a file in its place, the other engines do not.
IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


def command_of(engine, net, batch, threads, seconds, file, y):
    x = path_of(net, f".x{batch}")
    if engine.startswith("cuvier") and seconds:
        return [CUVIER, "bench", path_of(net, ".keras"), "--batch", batch, "--threads", threads, "--seconds", seconds, "--json"]
    if engine.startswith("cuvier"):
        cache = ["--cache", path_of(net, ".packed")] if engine == "cuvier --cache" else []
        return [CUVIER, "predict", path_of(net, ".keras"), "-i", x + ".npy", "-o", y + ".npy", "-q", "--batch", batch, "--threads", threads, *cache]
    if engine in ("onnxruntime", "openvino"):
        data = np.load(x + ".npy", mmap_mode="r")
        return [path_of("peer_" + engine), file, x + ".bin", y + ".bin", "i" if data.dtype == np.int32 else "f", ",".join(map(str, data.shape)), threads,
                seconds, *names_of(file)]
    if engine != "onnxruntime_python":
        file = path_of(net, f".b{batch}.tflite" if engine == "litert" else ".keras")
    if not os.path.exists(file):
        return None
    return [sys.executable, os.path.join(HERE, "peer.py"), engine, file, x + ".npy", y + ".npy", threads, seconds]


def max_rel(net, y_path):
    """Largest difference from Keras's outputs of the samples, over their spread."""
    _, want = samples(net)
    have = np.load(y_path + ".npy") if os.path.exists(y_path + ".npy") else np.fromfile(y_path + ".bin", np.float32) \
        if os.path.exists(y_path + ".bin") else None
    if have is None:
        return None
    have = have.reshape((-1,) + want.shape[1:])[:len(want)]
    return float(np.max(np.abs(have - want[:len(have)])) / np.ptp(want))


def measure(engine, net, batch, threads, seconds, file=None):
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        y, result = os.path.join(folder, "y"), os.path.join(folder, "result")
        command = command_of(engine, net, batch, threads, seconds, file, y)
        text = command and output(path_of("measure"), result, *command)
        if text is None:
            return None
        with open(result, encoding="utf-8") as f:
            wall, peak, cpu = (float(v) for v in f.read().split())
        found = {"wall_ms": wall, "cpu_ms": cpu, "peak_mb": peak / 1024, "max_rel": max_rel(net, y) if engine != "python" else None}
        lines = [line for line in text.splitlines() if line.startswith("{")]
        if lines:
            read = json.loads(lines[-1])
            found.update(load_ms=read["load_ms"], first_ms=read["first_ms"], min_ms=read.get("min_ms", read.get("latency_ms", {}).get("min")),
                         median_ms=read.get("median_ms", read.get("latency_ms", {}).get("median")))
        return found


def least(old, new):
    return {k: new[k] if old.get(k) is None else old[k] if new[k] is None else max(old[k], new[k]) if k == "max_rel" else min(old[k], new[k])
            for k in new}


# ---- the tables ----

def shown(value, form):
    return "" if value is None else form % value


def latencies(options, exports, keep):
    for net in options.nets:
        for threads in options.threads:
            for batch in options.batches:
                real = 1 if batch == 1 else large_batch(net) if batch == 32 or net in SMALLEST else batch
                best = {}
                for turn in range(options.rounds):
                    for engine in options.engines:
                        if engine in ENGINES["latency"] and not (engine.startswith("tf_") and turn):
                            found = measure(engine, net, real, threads, options.seconds, exports.get(f"{net} {engine}"))
                            if found:
                                best[engine] = least(best.get(engine, {}), found)
                if "cuvier" in best:
                    best["cuvier"]["max_rel"] = (measure("cuvier", net, real, threads, 0) or {}).get("max_rel")
                for engine, b in best.items():
                    keep("latency", [net, real, threads, engine, "%.5g" % b["min_ms"], "%.5g" % b["median_ms"], "%.4g" % b["load_ms"],
                                     "%.4g" % b["first_ms"], "%.1f" % b["peak_mb"], shown(b["max_rel"], "%.2g")])
                print_row(net, real, threads, best)


def print_row(net, batch, threads, best):
    own = best.get("cuvier")
    text = "  ".join(f"{e} {b['min_ms'] / own['min_ms']:.2f}" if own else f"{e} {b['min_ms']:.4g} ms" for e, b in best.items() if e != "cuvier")
    print(f"{net:16} batch {batch:3} threads {threads}  " + (f"cuvier {own['min_ms']:.4g} ms  " if own else "") + text, flush=True)


def starts(options, exports, keep):
    threads = max(options.threads)
    for net in options.nets:
        best, walls = {}, {}
        weights = sum(t["bytes"] for f in json.loads(output(CUVIER, "inspect", path_of(net, ".keras"), "--json"))["files"] for t in f["tensors"]) / 2**20
        for turn in range(3 * options.rounds):
            for engine in options.engines:
                if engine not in ENGINES["start"] or (engine.startswith("tf_") and turn > 1):
                    continue
                export = exports.get(f"{net} {engine.removesuffix('_python')}")
                if turn == 0:
                    measure(engine, net, 1, threads, 0, export)      # files are in memory, caches are there
                found = measure(engine, net, 1, threads, 0, export)
                if found:
                    best[engine] = least(best.get(engine, {}), found)
                    walls.setdefault(engine, []).append(found["wall_ms"])
        for engine, b in best.items():
            keep("start", [net, engine, "%.4g" % b["wall_ms"], "%.4g" % statistics.median(walls[engine]), "%.4g" % b["cpu_ms"], "%.1f" % b["peak_mb"],
                           "%.1f" % weights, shown(b["max_rel"], "%.2g")])
        print(f"start {net:16} " + "  ".join(f"{e} {b['wall_ms']:.4g} ms {b['peak_mb']:.0f} MB" for e, b in best.items()), flush=True)


class Results:
    """Rows of one measurement replace those about the same case; others stay with --keep. Written after each case."""

    def __init__(self, keep_others):
        self.rows, self.prefix = {}, list(machine())
        for name, columns in COLUMNS.items():
            self.rows[name] = {}
            path = os.path.join(RESULTS, name + ".csv")
            if keep_others and os.path.exists(path):
                with open(path, newline="", encoding="utf-8") as f:
                    reader = csv.reader(f)
                    if next(reader) == columns:
                        self.rows[name] = {self.key(name, row): row for row in reader}

    @staticmethod
    def key(name, row):
        return tuple(str(v) for v in (row[2:4] if name == "start" else row[2:6]))

    def keep(self, what, values):
        name = "wide" if what == "latency" and values[0] in WIDE else what
        row = self.prefix + values
        self.rows[name][self.key(name, row)] = row
        nets = {n: i for i, n in enumerate([*NETS, *WIDE])}
        with open(os.path.join(RESULTS, name + ".csv"), "w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow(COLUMNS[name])
            names = ENGINES[what]
            writer.writerows(sorted(self.rows[name].values(), key=lambda r: (
                nets.get(r[2], 99), *((int(r[4]), int(r[3])) if what == "latency" else ()), names.index(r[5 if what == "latency" else 3]))))


def estimate(options):
    """Seconds, from what was measured before where it was; a call of the largest nets takes its own time."""
    seconds = 0
    for engine in options.engines:
        turns = 1 if engine.startswith("tf_") else options.rounds
        if "latency" in options.what and engine in ENGINES["latency"]:
            for net in options.nets:
                slow = {"resnet50": 3, "dilated_1d": 3}.get(net, 0.5)
                for batch in options.batches:
                    seconds += len(options.threads) * turns * (OVERHEAD[engine] + options.seconds + (slow if batch > 1 else 0))
        if {"start", "memory"} & set(options.what) and engine in ENGINES["start"]:
            seconds += len(options.nets) * {"tf_predict": 5 * 3, "python": 0.2 * 3 * options.rounds}.get(engine, 0.3 * 3 * options.rounds)
    return seconds


def main():
    split = lambda kind: lambda t: [kind(v) for v in t.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", type=split(str), default=["latency", "start", "memory"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--nets", type=split(str), default=NETS)
    parser.add_argument("--batches", type=split(int), default=[1, 32])
    parser.add_argument("--threads", type=split(int), default=[1, 2])
    parser.add_argument("--engines", type=split(str), default=list(dict.fromkeys(ENGINES["latency"] + ENGINES["start"])))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.nets = [n for name in options.nets for n in (WIDE if name == "wide" else [name])]
    os.makedirs(RESULTS, exist_ok=True)
    exports = prepare(options)
    print(f"about {estimate(options) / 60:.0f} minutes on an idle machine", flush=True)
    begin = time.time()
    results = Results(options.keep)
    if {"start", "memory"} & set(options.what):
        starts(options, exports, results.keep)
    if "latency" in options.what:
        latencies(options, exports, results.keep)
    print(f"{(time.time() - begin) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
