"""Measures one engine on one network in a process of its own: peer.py ENGINE FILE X.npy Y.npy THREADS SECONDS.

Writes the outputs of the first prediction to Y.npy and prints JSON: load_ms, first_ms, min_ms, median_ms. SECONDS 0: the first prediction alone.
Engines: litert (with XNNPACK), onnxruntime_python, tf_predict (predict_on_batch), tf_function (a compiled tf.function), tf_xla (the same with jit_compile), and
python, which loads NumPy and nothing else: what the others of this file have in any case."""
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np              # noqa: E402


def python(path, x, threads):
    return lambda: x


def litert(path, x, threads):
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    output = interpreter.tensor(interpreter.get_output_details()[0]["index"])

    def run():
        interpreter.invoke()
        return output
    return run


def onnxruntime_python(path, x, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})[0]


def tensorflow(path, threads):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras
    return tf, keras.models.load_model(path, compile=False)


def tf_predict(path, x, threads):
    _, model = tensorflow(path, threads)
    return lambda: model.predict_on_batch(x)


def compiled(path, x, threads, jit):
    tf, model = tensorflow(path, threads)
    call = tf.function(lambda t: model(t, training=False), jit_compile=jit)
    t = tf.constant(x)
    return lambda: call(t)


def tf_function(path, x, threads):
    return compiled(path, x, threads, False)


def tf_xla(path, x, threads):
    return compiled(path, x, threads, True)


def main():
    engine, path, x_path, y_path, threads, seconds = sys.argv[1:4] + [sys.argv[4], int(sys.argv[5]), float(sys.argv[6])]
    x = np.load(x_path)
    start = time.perf_counter()
    run = globals()[engine](path, x, threads)
    loaded = time.perf_counter()
    y = run()
    first = time.perf_counter()
    np.save(y_path, np.array(y() if callable(y) else y))
    times = []
    begin = time.perf_counter()
    while seconds > 0 and (time.perf_counter() - begin < seconds or len(times) < 2):
        t = time.perf_counter()
        y = run()
        if engine.startswith("tf_"):
            np.asarray(y)       # what is computed later is waited for
        times.append(time.perf_counter() - t)
    times.sort()
    first_ms = 1e3 * (first - loaded)
    print(json.dumps({"load_ms": 1e3 * (loaded - start), "first_ms": first_ms, "min_ms": 1e3 * times[0] if times else first_ms,
                      "median_ms": 1e3 * times[len(times) // 2] if times else first_ms}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
