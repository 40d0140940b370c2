#!/usr/bin/env python3
"""Emitted C source beside that of keras2c: time per prediction and size, on nets that both can do.

usage: bench/keras2c.py KERAS2C [--cuvier build/cuvier] [--out bench/results/keras2c.csv] [--rounds 9]
  KERAS2C   a checkout of keras2c (its include/ and keras2c/)

Runs in a Python with TensorFlow 2.15 (build/venv215), whose Keras keras2c knows. Both sources are compiled by one compiler with the same
flags and called by the same loop; the programs take turns, round after round. Outputs are held against model.predict first.
Times are nanoseconds for one prediction of batch 1: least and median of the rounds' medians. Sizes are bytes of code and constants (text
and data) of a program linked with --gc-sections, less those of the same program without a net."""
import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLAGS = {"-O2": ["-O2"], "-O3 -march=native": ["-O3", "-march=native", "-ffp-contract=off"], "-Os": ["-Os"]}

MAIN = r"""
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef K2C
#include "k2c_net.h"
#elif defined(NET)
#include "net.h"
static double arena[NET_ARENA_BYTES / 8 + 1];
#endif
static float x[IN], y[OUT], want[OUT];
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e9 + (double)t.tv_nsec; }
static int compare(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }
static void run(void)
{
#ifdef K2C
    static k2c_tensor in = {x, IN_NDIM, IN, IN_SHAPE}, out = {y, 1, OUT, {OUT, 1, 1, 1, 1}};
    k2c_net(&in, &out);
#elif defined(NET)
    net_predict(x, y, arena);
#endif
}
int main(int argc, char **argv)
{
    FILE *f = fopen(argv[1], "rb");
    static double times[512];
    double worst = 0;
    long calls = 1;
    if (argc < 3 || !f || fread(x, sizeof x, 1, f) != 1 || fread(want, sizeof want, 1, f) != 1)
        return 1;
#ifdef K2C
    k2c_net_initialize();
#endif
    run();
    for (int i = 0; i < OUT; i++)
        worst = fmax(worst, fabs(y[i] - want[i]));
    for (double start = now(); now() - start < 2e7; calls++)
        run();
    calls = calls / 20 + 1;
    int n = 0;
    for (double start = now(); n < 512 && now() - start < atof(argv[2]) * 1e9; n++) {
        double begin = now();
        for (long i = 0; i < calls; i++)
            run();
        times[n] = (now() - begin) / (double)calls;
    }
    qsort(times, (size_t)n, sizeof *times, compare);
    printf("%.9g %.9g %.9g\n", worst, times[0], times[n / 2]);
    return 0;
}
"""


def nets():
    from tensorflow.keras import Input, Sequential, layers as l
    return {
        "mlp_tiny": Sequential([Input((10,)), l.Dense(32, activation="relu"), l.Dense(16, activation="tanh"), l.Dense(1)]),
        "mlp_small": Sequential([Input((784,)), l.Dense(128, activation="relu"), l.Dense(10, activation="softmax")]),
        "lenet": Sequential([Input((28, 28, 1)), l.Conv2D(32, 3, activation="relu"), l.MaxPooling2D(2),
                             l.Conv2D(64, 3, activation="relu"), l.MaxPooling2D(2), l.Flatten(),
                             l.Dense(128, activation="relu"), l.Dense(10, activation="softmax")]),
        "cnn_norm": Sequential([Input((32, 32, 3)), l.Conv2D(16, 3, padding="same"), l.BatchNormalization(), l.Activation("relu"),
                                l.MaxPooling2D(2), l.Conv2D(32, 3, activation="relu"), l.GlobalAveragePooling2D(),
                                l.Dense(10, activation="softmax")]),
        "conv1d": Sequential([Input((200, 4)), l.Conv1D(32, 11, activation="relu"), l.Conv1D(32, 11, activation="relu"),
                              l.GlobalMaxPooling1D(), l.Dense(3)]),
        "lstm": Sequential([Input((100, 32)), l.LSTM(128), l.Dense(10)]),
        "gru": Sequential([Input((50, 16)), l.GRU(64, reset_after=True), l.Dense(4)]),
    }


def build(folder, out, flags, defines, sources, include):
    subprocess.run(["gcc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", *flags, "-w", "-ffunction-sections", "-fdata-sections",
                    "-Wl,--gc-sections", *("-D%s=%s" % d for d in defines.items()), *("-I" + i for i in include), *sources,
                    "-o", out, "-lm"], check=True, cwd=folder)
    sizes = subprocess.run(["size", out], check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout.split("\n")[1].split()
    return int(sizes[0]) + int(sizes[1])


def convert(name, model, folder, options):
    import numpy as np
    model.save(os.path.join(folder, "net.h5"))
    subprocess.run([options.cuvier, "rebuild", "net.h5", "-q", "-o", "net.c"], check=True, cwd=folder)
    subprocess.run([sys.executable, "-m", "keras2c", "-t", "0", "net.h5", "k2c_net"], check=True, cwd=folder,
                   env=dict(os.environ, PYTHONPATH=options.keras2c), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    x = np.random.default_rng(0).normal(size=(1,) + model.input_shape[1:]).astype(np.float32)
    y = model.predict(x, verbose=0)
    with open(os.path.join(folder, "io.bin"), "wb") as f:
        f.write(x.tobytes() + y.astype(np.float32).tobytes())
    shape = list(x.shape[1:]) + [1] * (5 - len(x.shape[1:]))
    return {"IN": x.size, "OUT": y.size, "IN_NDIM": x.ndim - 1, "IN_SHAPE": "{%s}" % ",".join(map(str, shape))}


def measure(name, model, options, rows):
    with tempfile.TemporaryDirectory() as folder:
        defines = convert(name, model, folder, options)
        with open(os.path.join(folder, "main.c"), "w", encoding="utf-8") as f:
            f.write(MAIN)
        os.symlink(os.path.join(options.keras2c, "include"), os.path.join(folder, "include"))
        runtime = sorted("include/" + n for n in os.listdir(os.path.join(folder, "include")) if n.endswith(".c"))
        for label, flags in FLAGS.items():
            empty = build(folder, "./empty", flags, defines, ["main.c"], [])
            sizes = {"cuvier": build(folder, "./cuvier", flags, {**defines, "NET": 1}, ["main.c", "net.c"], ["."]) - empty,
                     "keras2c": build(folder, "./keras2c", flags, {**defines, "K2C": 1}, ["main.c", "k2c_net.c", *runtime], ["."]) - empty}
            times = {"cuvier": [], "keras2c": []}
            for _ in range(options.rounds):
                for which in times:
                    out = subprocess.run(["./" + which, "io.bin", "0.2"], check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout
                    times[which].append([float(v) for v in out.split()])
            for which in times:
                worst, least = times[which][0][0], min(t[1] for t in times[which])
                assert worst < 1e-4, "%s of %s differs from Keras by %g" % (which, name, worst)
                rows.append([name, label, which, round(least), round(statistics.median(t[2] for t in times[which])), sizes[which],
                             "%.2g" % worst])
                print(*rows[-1], sep="\t", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keras2c")
    parser.add_argument("--cuvier", default=os.path.join(ROOT, "build", "cuvier"))
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "results", "keras2c.csv"))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    options.keras2c, options.cuvier = os.path.abspath(options.keras2c), os.path.abspath(options.cuvier)
    rows = []
    for name, model in nets().items():
        measure(name, model, options, rows)
    git = lambda where: subprocess.run(["git", "-C", where, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, text=True).stdout.strip()
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")]
    gcc = subprocess.run(["gcc", "-dumpfullversion"], stdout=subprocess.PIPE, text=True).stdout.strip()
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(options.out, "w", encoding="utf-8", newline="") as f:
        f.write("# %s, %d cores, gcc %s, %s, cuvier %s, one thread, batch 1\n" % (cpu[0] if cpu else platform.machine(), os.cpu_count(), gcc,
                                                                       platform.system(), git(ROOT)))
        table = csv.writer(f)
        table.writerow(["net", "flags", "source", "min_ns", "median_ns", "bytes", "max_abs"])
        table.writerows(rows)


if __name__ == "__main__":
    main()
