"""Measures one engine on one network in a process of its own: peer.py ENGINE FILE IO.npz BATCH THREADS SECONDS.

Prints JSON: load_ms, first_ms, min_ms, median_ms, and max_abs against Keras's own outputs of the samples (null where the batch is not theirs).
Engines: onnxruntime (with its inputs and outputs bound), openvino (float32), tensorflow (a compiled tf.function)."""
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np              # noqa: E402


def onnxruntime(path, x, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, x)
    binding.bind_output(session.get_outputs()[0].name)

    def run():
        session.run_with_iobinding(binding)
    return run, lambda: binding.copy_outputs_to_cpu()[0]


def openvino(path, x, threads):
    import openvino as ov
    core = ov.Core()
    model = core.read_model(path)
    model.reshape(list(x.shape))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
                                                 "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(x))
    return request.infer, lambda: request.get_output_tensor(0).data


def tensorflow(path, x, threads):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras
    model = keras.models.load_model(path)
    call = tf.function(lambda t: model(t, training=False))
    t = tf.constant(x)
    last = []

    def run():
        last[:] = [call(t)]
    return run, lambda: last[0].numpy()


def main():
    engine, path, io, batch, threads, seconds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
    with np.load(io) as f:
        x, y = f["x"], f["y"]
    data = np.ascontiguousarray(np.resize(x, (batch,) + x.shape[1:]))
    start = time.perf_counter()
    run, result = globals()[engine](path, data, threads)
    loaded = time.perf_counter()
    run()
    first = time.perf_counter()
    times = []
    while time.perf_counter() - first < seconds or len(times) < 3:
        t = time.perf_counter()
        run()
        times.append(time.perf_counter() - t)
    n = min(batch, len(y))
    worst = float(np.max(np.abs(result()[:n] - y[:n])))
    times.sort()
    print(json.dumps({"load_ms": 1e3 * (loaded - start), "first_ms": 1e3 * (first - loaded), "min_ms": 1e3 * times[0],
                      "median_ms": 1e3 * times[len(times) // 2], "max_abs": worst}))


if __name__ == "__main__":
    main()
