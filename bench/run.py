"""Measures cuvier beside other engines: run.py [--rounds N] [--seconds S] [--nets a,b] [--batches 1,32] [--threads 1,2] [--engines ...].

Every engine runs in a process of its own; the engines take turns, round after round, so that what else the machine does meets all of them.
Kept are the least time of all rounds and the least median of a round. The ONNX files are those that cuvier writes from the same .keras file.
Writes results/latency.csv and results/start.csv, and prints a table of ratios (above 1: cuvier is faster)."""
import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CUVIER = os.environ.get("CUVIER", os.path.join(ROOT, "build", "cuvier"))
FOLDER = os.path.join(ROOT, "build", "bench")
BIG = {"mlp_small": 256, "mlp_medium": 256, "lenet": 256}


def output(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def measure(engine, net, batch, threads, seconds):
    path, io = os.path.join(FOLDER, net), os.path.join(FOLDER, net + ".io.npz")
    if engine == "cuvier":
        text = output(CUVIER, "bench", path + ".keras", "--batch", batch, "--threads", threads, "--seconds", seconds, "--json")
        found = json.loads(text) if text else None
        return found and {"load_ms": found["load_ms"], "first_ms": found["first_ms"], "min_ms": found["latency_ms"]["min"],
                          "median_ms": found["latency_ms"]["median"]}
    file = path + (".keras" if engine == "tensorflow" else ".onnx")
    text = output(sys.executable, os.path.join(HERE, "peer.py"), engine, file, io, batch, threads, seconds)
    return json.loads(text.splitlines()[-1]) if text else None


def machine():
    name = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = (output("git", "-C", ROOT, "rev-parse", "--short", "HEAD") or "?").strip()
    return name, commit


def latencies(options, writer):
    table = {}
    for net in options.nets:
        for threads in options.threads:
            for batch in options.batches:
                real = BIG.get(net, batch) if batch > 1 else 1
                best = {}
                for _ in range(options.rounds):
                    for engine in options.engines:
                        found = measure(engine, net, real, threads, options.seconds)
                        if found:
                            old = best.get(engine, found)
                            best[engine] = {k: min(found[k], old[k]) for k in found}
                for engine, b in best.items():
                    writer.writerow([*machine(), net, real, threads, engine, f"{b['min_ms']:.5g}", f"{b['median_ms']:.5g}",
                                     f"{b['load_ms']:.4g}", f"{b['first_ms']:.4g}", b.get("max_abs", "")])
                table[net, real, threads] = best
                print_row(net, real, threads, best)
    return table


def print_row(net, batch, threads, best):
    own = best.get("cuvier")
    peers = {e: b for e, b in best.items() if e != "cuvier"}
    if not own or not peers:
        return
    text = "  ".join(f"{e} {b['min_ms'] / own['min_ms']:.2f} ({b['median_ms'] / own['median_ms']:.2f})" for e, b in peers.items())
    print(f"{net:16} batch {batch:3} threads {threads}  cuvier {own['min_ms']:.4g} ms  {text}", flush=True)


def starts(options, writer):
    """From the start of a process to the end of its first prediction."""
    code = ("import sys, numpy as np, onnxruntime as o; s = o.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider']); "
            "np.save(sys.argv[3], s.run(None, {s.get_inputs()[0].name: np.load(sys.argv[2])})[0])")
    for net in options.nets:
        path = os.path.join(FOLDER, net)
        commands = {"cuvier": [CUVIER, "predict", path + ".keras", "-i", path + ".x.npy", "-o", path + ".y.npy", "-q"],
                    "onnxruntime (python)": [sys.executable, "-c", code, path + ".onnx", path + ".x.npy", path + ".z.npy"]}
        times = {name: [] for name in commands}
        for _ in range(5 * options.rounds):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                times[name].append(1e3 * (time.perf_counter() - start))
        for name, t in times.items():
            writer.writerow([*machine(), net, name, f"{min(t):.4g}", f"{statistics.median(t):.4g}"])
        print(f"start {net:16} " + "  ".join(f"{n} {min(t):.3g} ms" for n, t in times.items()), flush=True)


def prepare(options):
    import numpy as np
    if not os.path.exists(os.path.join(FOLDER, "resnet50.io.npz")):
        subprocess.run([sys.executable, os.path.join(HERE, "models.py"), FOLDER], check=True, stdout=subprocess.DEVNULL)
    for net in options.nets:
        path = os.path.join(FOLDER, net)
        with np.load(path + ".io.npz") as f:
            np.save(path + ".x.npy", f["x"][:1])
        subprocess.run([CUVIER, "verify", path + ".keras", "--samples", path + ".io.npz", "-q"], check=True)
        if not os.path.exists(path + ".onnx"):
            subprocess.run([CUVIER, "rebuild", path + ".keras", "-q", "-o", path + ".onnx"], check=True)


def main():
    nets = "mlp_small mlp_medium lenet lstm bigru transformer mobilenet_v2 efficientnet_b0 dilated_1d resnet50"
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--nets", type=lambda t: t.split(","), default=nets.split())
    parser.add_argument("--batches", type=lambda t: [int(b) for b in t.split(",")], default=[1, 32])
    parser.add_argument("--threads", type=lambda t: [int(b) for b in t.split(",")], default=[1, 2])
    parser.add_argument("--engines", type=lambda t: t.split(","), default=["cuvier", "onnxruntime", "openvino", "tensorflow"])
    options = parser.parse_args()
    prepare(options)
    os.makedirs(os.path.join(HERE, "results"), exist_ok=True)
    with open(os.path.join(HERE, "results", "start.csv"), "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["machine", "commit", "net", "engine", "min_ms", "median_ms"])
        starts(options, writer)
    with open(os.path.join(HERE, "results", "latency.csv"), "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["machine", "commit", "net", "batch", "threads", "engine", "min_ms", "median_ms", "load_ms", "first_ms", "max_abs"])
        latencies(options, writer)


if __name__ == "__main__":
    main()
