"""Stateful recurrent layers against real Keras: states go on from batch to batch of one predict, and from one predict to the next."""
import ctypes
import os
import subprocess

import numpy as np
import pytest

from support import BINARY, arrays, as_json, assert_same, keras_215_python, keras_python, must, numbered, run_keras

NAMES = """lstm gru gru_before simple masked states given bidirectional bidirectional_masked cell conv1 conv2 deep nested twice sequential
           half stacked stacked_states""".split()
PYTHONS = {"keras-3.15": keras_python, "keras-2.15": keras_215_python}
HALF = {"rtol": 1e-2, "atol": 1e-2}


@pytest.fixture(scope="module", params=list(PYTHONS))
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stateful")
    run_keras(PYTHONS[request.param](), "stateful_models.py", folder)
    return folder


def samples(made, name):
    if not (made / (name + ".keras")).exists():
        assert name.startswith("stacked")       # which Keras 3 cannot run
        pytest.skip("this Keras cannot make it")
    io = np.load(made / (name + ".io.npz"))
    return io["x"], numbered(io, "y"), numbered(np.load(made / (name + ".again.npz")), "y")


@pytest.mark.parametrize("name", NAMES)
def test_states_go_on(made, name, tmp_path):
    x, first, second = samples(made, name)
    near = HALF if name == "half" else {}
    np.save(tmp_path / "x.npy", np.concatenate([x, x]))
    both = [np.concatenate(pair) for pair in zip(first, second)]
    assert not np.allclose(first[0].astype(float), second[0].astype(float), atol=1e-6) or name == "given"   # the second call does go on
    for ending in (".keras", ".h5"):
        path = made / (name + ending)
        if not path.exists():
            continue
        must("predict", path, "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npz")
        assert_same(arrays(tmp_path / "y.npz"), both, **near)
        tolerances = ["--rtol", "0.01", "--atol", "0.01"] if near else []
        assert as_json("verify", path, "--samples", made / (name + ".io.npz"), *tolerances)["ok"]


@pytest.mark.parametrize("name", ["lstm", "bidirectional", "twice", "conv1"])
def test_what_cuvier_writes_is_stateful_too(made, name, tmp_path):
    samples(made, name)
    for ending in (".keras", ".h5", ".py"):
        out = tmp_path / ("again" + ending)
        must("rebuild", made / (name + ".keras"), "-q", "-o", out, *(["-o", tmp_path / "again.npz"] if ending == ".py" else []))
        files = [out, tmp_path / "again.npz"] if ending == ".py" else [out]
        assert as_json("verify", *files, "--samples", made / (name + ".io.npz"))["ok"], ending


@pytest.mark.parametrize("name", NAMES)
def test_onnx_has_states_as_inputs_and_outputs(made, name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    x, first, _ = samples(made, name)
    if name == "half":
        pytest.skip("ONNX Runtime has no Scan of halves")
    must("rebuild", made / (name + ".keras"), "-q", "-o", tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    states = [np.zeros(i.shape, np.float32) for i in session.get_inputs()[1:]]
    assert states
    found = []
    for at in range(0, len(x), 2):
        given = dict(zip([i.name for i in session.get_inputs()], [x[at:at + 2], *states]))
        outputs = session.run(None, given)
        found.append(outputs[:len(first)])
        states = outputs[len(first):]
    assert_same([np.concatenate(o) for o in zip(*found)], first)


@pytest.mark.parametrize("name", ["lstm", "given", "bidirectional", "conv1", "conv2", "states", "masked"])
def test_c_source_has_states_as_parameters(made, name, tmp_path):
    x, first, _ = samples(made, name)
    must("rebuild", made / (name + ".keras"), "-q", "-o", tmp_path / "m.c")
    header = (tmp_path / "m.h").read_text()
    subprocess.run(["cc", "-shared", "-fPIC", "-std=c99", str(tmp_path / "m.c"), "-o", str(tmp_path / "m.so"), "-lm"], check=True)
    library = ctypes.CDLL(str(tmp_path / "m.so"))

    def shapes(letter, kind):
        rows = [line for line in header.splitlines() if line.startswith(" *   " + letter) and ", %s '" % kind in line]
        return [tuple(int(n) for n in row[row.index("(") + 1:row.index(")")].split(",") if n.strip()) for row in rows]

    define = {line.split()[1]: line.split()[2] for line in header.splitlines() if line.startswith("#define M_") and len(line.split()) > 2}
    arena = np.zeros(max(int(define["M_ARENA_BYTES"]), int(define["M_SELFTEST_BYTES"])) // 8 + 1)
    assert library.m_selftest(ctypes.c_void_p(arena.ctypes.data)) == 0
    states = [np.zeros(s, np.float32) for s in shapes("x", "state")]
    assert len(states) == len(shapes("y", "state")) > 0
    found = []
    for at in range(0, len(x), 2):
        outputs = [np.zeros(s, np.float32) for s in shapes("y", "output")]
        after = [np.zeros_like(s) for s in states]
        row = np.ascontiguousarray(x[at:at + 2])
        assert library.m_predict(*(ctypes.c_void_p(a.ctypes.data) for a in [row, *states, *outputs, *after, arena])) == 0
        found.append(outputs)
        states = after
    assert_same([np.concatenate(o) for o in zip(*found)], first)


def test_a_batch_that_does_not_fit(made, tmp_path):
    """Keras: 'you should only pass inputs with a number of samples that can be divided by the batch size'."""
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 3), np.float32))
    done = must("predict", made / "lstm.keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", status=1)
    assert "batches of exactly 2 rows" in done.stderr and not (tmp_path / "y.npy").exists()
    assert as_json("bench", made / "lstm.keras", "--seconds", "0.05", "--batch", "2")["throughput"] > 0


class Array(ctypes.Structure):
    """cuv_array of cuvier.h."""
    _fields_ = [("dtype", ctypes.c_int), ("rank", ctypes.c_int), ("shape", ctypes.c_int64 * 8), ("data", ctypes.c_void_p), ("name", ctypes.c_char_p)]


def rows_of(library, model, x):
    given = Array(11, x.ndim, (ctypes.c_int64 * 8)(*x.shape), x.ctypes.data, None)      # CUV_F32
    result = ctypes.c_void_p()
    assert library.cuv_model_predict(model, ctypes.byref(given), ctypes.c_size_t(1), None, ctypes.byref(result)) == 0
    y = library.cuv_result_at(result, ctypes.c_size_t(0)).contents
    out = np.ctypeslib.as_array(ctypes.cast(y.data, ctypes.POINTER(ctypes.c_float)), tuple(y.shape[:y.rank])).copy()
    library.cuv_result_free(result)
    return out


def test_calls_of_the_library_go_on_and_reset_states_starts_anew(made):
    """cuv_model_predict and cuv_model_reset_states as model.predict and model.reset_states of Keras."""
    path = os.environ.get("CUV_LIBRARY") or os.path.join(os.path.dirname(os.path.abspath(BINARY)), "libcuvier.so")
    if not os.path.exists(path):
        pytest.skip("there is no shared library beside the command")
    with open(path, "rb") as file:
        if b"__asan_init" in file.read():
            pytest.skip("AddressSanitizer must be in a process from its start")
    x, first, second = samples(made, "lstm")
    library = ctypes.CDLL(path)
    library.cuv_result_at.restype = ctypes.POINTER(Array)
    context, evidence, model = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    assert library.cuv_context_new(None, ctypes.byref(context)) == 0
    assert library.cuv_evidence_new(context, ctypes.byref(evidence)) == 0
    assert library.cuv_evidence_add_file(evidence, str(made / "lstm.keras").encode()) == 0
    assert library.cuv_rebuild(evidence, ctypes.byref(model)) == 0
    np.testing.assert_allclose(rows_of(library, model, x), first[0], rtol=1e-4, atol=1e-5)
    parts = [rows_of(library, model, np.ascontiguousarray(x[at:at + 2])) for at in range(0, len(x), 2)]
    np.testing.assert_allclose(np.concatenate(parts), second[0], rtol=1e-4, atol=1e-5)
    library.cuv_model_reset_states(model)
    np.testing.assert_allclose(rows_of(library, model, x), first[0], rtol=1e-4, atol=1e-5)
    library.cuv_model_free(model)
    library.cuv_evidence_free(evidence)
    library.cuv_context_free(context)
