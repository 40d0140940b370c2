"""The traps of reimplementing Keras that are about files, by number: few bits (37 to 40), code (47), pickles (48), what exhausts or leaves the
machine (49), variables by number (50). Real Keras or NumPy writes each file as the test runs (quirk_files.py)."""
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import quirk_table
from support import HERE, ROOT, arrays, as_json, assert_same, cuvier, keras_python, must, run_keras

h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quirks")
    run_keras(keras_python(), "quirk_files.py", folder)
    return folder


def given(made, name):
    """x, y of Keras, and the variables."""
    samples = np.load(made / (name + ".io.npz"))
    return samples["x"], samples["y"], dict(np.load(made / (name + ".arrays.npz")))


def predicted(made, name, tmp_path, *more):
    out = tmp_path / "y.npy"
    must("predict", made / (name + ".keras"), *more, "-i", made / (name + ".io.npz"), "-o", out)
    return arrays(out)[0]


def stored(made, name):
    """The datasets of the only layer, in the order of their numbers."""
    with h5py.File(made / (name + ".weights.h5")) as f:
        group = next(iter(f["layers"].values()))["vars"]
        return [np.asarray(group[k]) for k in sorted(group, key=int)]


# ---- few bits ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["dense-int8", "einsum2-int8"])
def test_37_int8_rounds_the_inputs_too(made, name, tmp_path):
    x, y, v = given(made, name)
    assert [a.dtype.name for a in stored(made, name)] == ["int8", "float32", "float32"]        # kernel, bias, kernel_scale
    scale = 127 / (np.abs(x).max(-1, keepdims=True) + 1e-7)
    rounded = np.clip(np.rint(x * scale), -127, 127)
    act = np.tanh if name.startswith("einsum") else (lambda a: a)
    keras = act(rounded @ v["kernel"].astype(float) / (scale * v["kernel_scale"]) + v["bias"])
    weights_only = act(x @ (v["kernel"] / v["kernel_scale"]) + v["bias"])
    found = predicted(made, name, tmp_path)
    np.testing.assert_allclose(y, keras, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)
    assert np.abs(weights_only - y).max() > 1e-3        # the trap


def test_37_int8_embedding_divides_by_the_scale_of_the_row(made, tmp_path):
    x, y, v = given(made, "embedding-int8")
    np.testing.assert_allclose(y, v["embeddings"][x] / v["embeddings_scale"][x][..., None], rtol=1e-5)
    np.testing.assert_allclose(predicted(made, "embedding-int8", tmp_path), y, rtol=1e-4, atol=1e-5)


def nibbles(packed, columns):
    """Low nibble first along the last axis, two's complement."""
    both = np.stack([packed & 15, packed.astype(np.uint8) >> 4], -1).reshape(*packed.shape[:-1], -1)[..., :columns].astype(int)
    return np.where(both > 7, both - 16, both)


@pytest.mark.parametrize("name", ["dense-int4_channel", "dense_even-int4_channel", "dense-int4_block"])
def test_38_int4_divides_by_channel_and_multiplies_by_group(made, name, tmp_path):
    x, y, v = given(made, name)
    order = ["int8", "float32", "float32", "int8", "float32"]           # kernel, bias, kernel_scale, kernel_zero, g_idx
    assert [a.dtype.name for a in stored(made, name)] == order[:5 if "block" in name else 3]
    q = nibbles(v["kernel"], len(v["bias"]))
    if "block" in name:
        g = v["g_idx"].astype(int)
        w = (q - v["kernel_zero"][g]) * v["kernel_scale"][g]
        assert np.abs(x @ ((q - v["kernel_zero"][g]) / v["kernel_scale"][g]) + v["bias"] - y).max() > 1e-2
    else:
        w = q / v["kernel_scale"]
    wanted = x @ w + v["bias"]
    if "even" in name:
        from math import erf
        wanted = wanted * 0.5 * (1 + np.vectorize(erf)(wanted / 2 ** 0.5))
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)         # weights alone: inputs are not rounded
    np.testing.assert_allclose(predicted(made, name, tmp_path), y, rtol=1e-4, atol=1e-5)


def test_39_float8_keeps_a_kernel_of_floats_and_six_more(made, tmp_path):
    x, y, v = given(made, "dense-float8")
    assert [a.shape for a in stored(made, "dense-float8")] == [(7, 5), (5,), (), (1024,), (), (1024,), (), (1024,)]
    np.testing.assert_allclose(predicted(made, "dense-float8", tmp_path), y, rtol=1e-4, atol=1e-5)
    assert np.abs(x @ v["kernel"] + v["bias"] - y).max() > 1e-3         # kernel and inputs go through eight bits


@pytest.mark.parametrize("mode", ["None", "int8"])
def test_40_lora_is_merged_as_it_is_saved(made, mode, tmp_path):
    x, y, v = given(made, "lora-" + mode)
    again = np.load(made / ("lora-%s.again.npz" % mode))
    kernel = stored(made, "lora-" + mode)[0]
    assert len(stored(made, "lora-" + mode)) == (2 if mode == "None" else 3) and not again["lora_kernel_b"].any()
    if mode == "None":
        np.testing.assert_allclose(kernel, v["kernel"] + v["lora_kernel_a"] @ v["lora_kernel_b"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(again["y"], y, rtol=1e-4, atol=1e-5)
    else:               # the sum is rounded anew: kernel and scale change, and the outputs a little
        assert (kernel != v["kernel"]).any() and np.abs(stored(made, "lora-int8")[2] - v["kernel_scale"]).max() > 1e-3
        assert np.abs(again["y"] - y).max() > 1e-4
    np.testing.assert_allclose(predicted(made, "lora-" + mode, tmp_path), again["y"], rtol=1e-4, atol=1e-5)


# ---- code --------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_47_code_in_a_lambda_is_never_run(made, ending):
    """Keras's own bytecode of a Lambda that opens a file: it is named with its hash, and nothing opens."""
    for verb in ("inspect", "scan", "summary", "rebuild"):
        done = cuvier(verb, made / ("marked" + ending))
        assert done.returncode == {"inspect": 0, "scan": 1}.get(verb, 3), (verb, done.stderr)
        if verb in ("rebuild", "scan"):
            assert "sha256" in (done.stdout + done.stderr).lower().replace("-", "")
    assert not (made / "mark").exists()


class Call:
    """Pickles as a call of `name` with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("form", ["npy", "npz", "pkl"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_48_pickles_call_nothing(form, protocol, tmp_path):
    mark, path = tmp_path / "mark", tmp_path / ("bad." + form)
    content = [np.ones(3), Call(os.system, "touch %s" % mark)]
    if form == "pkl":
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    else:
        array = np.empty(2, object)
        array[:] = content
        (np.save if form == "npy" else np.savez)(path, array, allow_pickle=True)
    for verb in ("inspect", "rebuild", "scan", "summary"):
        done = cuvier(verb, path)
        assert done.returncode == (1 if verb == "scan" else 3), (verb, done.stdout, done.stderr)
        assert "posix.system" in done.stdout + done.stderr
    assert not mark.exists()


def test_48_headers_are_not_evaluated(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "bad.npy"
    header = ("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').system('touch %s'),)}" % mark).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 4)
    assert cuvier("inspect", path).returncode == 3 and not mark.exists()


# ---- what exhausts or leaves the machine -------------------------------------------------------------------------------------------

def rewritten(made, path, change):
    """A .keras of real Keras whose weights went through `change`."""
    with zipfile.ZipFile(made / "lora-None.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".h5"):
                buffer = io.BytesIO(data)
                with h5py.File(buffer, "r+") as f:
                    change(f["layers/dense/vars"])
                data = buffer.getvalue()
            new.writestr(name, data)


def external_link(g):
    del g["0"]
    g["0"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(g):
    del g["0"]
    g["0"] = h5py.SoftLink("/layers/dense/vars/1")


def external_storage(g):
    del g["0"]
    g.create_dataset("0", (7, 5), "f4", external=[("/etc/passwd", 0, 140)])


def virtual(g):
    del g["0"]
    layout = h5py.VirtualLayout((7, 5), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (7, 5))
    g.create_virtual_dataset("0", layout)


def declared(g):
    del g["0"]
    g.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10))


@pytest.mark.parametrize("change", [external_link, soft_link, external_storage, virtual, declared], ids=lambda f: f.__name__)
def test_49_weights_lie_in_the_file_itself(made, change, tmp_path):
    path = tmp_path / "bad.keras"
    rewritten(made, path, change)
    done = cuvier("rebuild", path, timeout=20)
    assert done.returncode in (1, 3) and done.stderr.startswith("error: bad.keras"), done.stderr
    if change is not soft_link:
        assert cuvier("scan", path, timeout=20).returncode == 1


def archive(made, path, **members):
    with zipfile.ZipFile(made / "lora-None.keras") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        for name, data in members.items():
            new.writestr(name, data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("members", [{"model.weights.npz": b"\0" * (96 << 20)}, {"config.json": b"{}"}, {"assets/../../outside.txt": b"x"},
                                     {"/etc/outside.txt": b"x"}], ids=["bomb", "twice", "outside", "absolute"])
def test_49_archives(made, members, tmp_path):
    path = tmp_path / "bad.keras"
    archive(made, path, **members)
    done = cuvier("rebuild", path, timeout=20)
    assert done.returncode == 3 and done.stderr.startswith("error: bad.keras"), done.stderr
    assert not (tmp_path.parent / "outside.txt").exists()


# ---- variables by number ---------------------------------------------------------------------------------------------------------------

def test_50_variables_are_sorted_as_numbers(made, tmp_path):
    """HDF5 lists 0, 1, 10, 11, 2: twelve kernels of one shape in that order are another model. Adam's variables are no weights."""
    with h5py.File(made / "dozen.weights.h5") as f:
        assert list(f["layers/dozen/vars"])[:4] == ["0", "1", "10", "11"] and f["optimizer/vars/0"].dtype == np.int64
    custom = "--custom", "Dozen=%s" % os.path.join(HERE, "custom", "dozen.py")
    x, y, v = given(made, "dozen")
    wrong = x
    for name in sorted(v, key=lambda n: str(int(n[1:]))):
        wrong = np.tanh(wrong @ v[name])
    assert np.abs(wrong - y).max() > 1e-2
    assert_same([predicted(made, "dozen", tmp_path, *custom)], [y])
    model = as_json("summary", made / "dozen.keras", *custom)["model"]
    assert model["total_params"] == 12 * 9


# ---- all of them -----------------------------------------------------------------------------------------------------------------------

def test_every_number_has_a_test():
    assert sorted(quirk_table.tests()) == list(range(1, 51))


def test_the_table_is_current():
    """docs/quirks.md is what quirk_table.py prints."""
    with open(os.path.join(ROOT, "docs", "quirks.md"), encoding="utf-8") as f:
        assert f.read() == quirk_table.text()
