"""C source: clean and freestanding, equal to cuvier's reference kernels to the last bit, equal to Keras within tolerance."""
import ctypes
import glob
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from support import RELEASES, TESTS, arrays, assert_same, cuvier, must, numbered

STRICT = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-ffp-contract=off", "-fPIC"]
GCC, CLANG = shutil.which("gcc"), shutil.which("clang")
NEEDED = {"memcpy", "memmove", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
MATH = set("""exp expm1 log log1p sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc floor ceil rint trunc
              fabs pow fmod atan2""".split())
MODELS = [os.path.join(release, os.path.basename(path)[:-len(".keras")]) for release in RELEASES
          for path in sorted(glob.glob(os.path.join(TESTS, "compat", release, "*.keras")))]


class Source:
    """One NAME.c, compiled and loaded."""

    def __init__(self, path, compiler, *flags):
        self.path, self.name = str(path), re.sub(r"\W+", "_", os.path.basename(path)[:-2])
        self.object = self.path[:-2] + "." + os.path.basename(compiler) + ".o"
        library = self.object[:-2] + ".so"
        subprocess.run([compiler, *STRICT, *flags, "-c", self.path, "-o", self.object], check=True)
        subprocess.run([compiler, "-shared", self.object, "-o", library, "-lm"], check=True)
        self.library = ctypes.CDLL(library)
        self.header = open(self.path[:-2] + ".h", encoding="utf-8").read()

    def constant(self, name):
        return int(re.search(r"#define \w+_%s (\d+)" % name, self.header).group(1))

    def shapes(self, letter):
        rows = re.findall(r"^ \*   %s(\d*)  (\w+) \(([^)]*)\)" % letter, self.header, re.M)
        return [(dtype, tuple(int(n) for n in sizes.replace(" ", "").split(",") if n)) for _, dtype, sizes in rows]

    def memory(self, size):
        return np.zeros(size // 8 + 9, np.float64)

    def call(self, function, *arguments):
        return getattr(self.library, "%s_%s" % (self.name, function))(*arguments)

    def selftest(self, *weights):
        arena = self.memory(self.constant("SELFTEST_BYTES"))
        return self.call("selftest", *weights, ctypes.c_void_p(arena.ctypes.data))

    def predict(self, inputs, *weights):
        """Row by row (or batch by batch); the arena is full of NaN before each."""
        numpy_of = {"uint8_t": np.uint8, "float": np.float32, "double": np.float64, "int32_t": np.int32, "int64_t": np.int64}
        places, results = self.shapes("x"), [[] for _ in self.shapes("y")]
        batch = places[0][1][0]
        for first in range(0, len(inputs[0]), batch):
            given = [np.ascontiguousarray(x[first:first + batch].astype(numpy_of[dtype])) for x, (dtype, _) in zip(inputs, places)]
            for x, (_, shape) in zip(given, places):
                assert x.shape == shape
            made = [np.empty(shape, numpy_of[dtype]) for dtype, shape in self.shapes("y")]
            arena = np.full(self.constant("ARENA_BYTES") // 8 + 1, np.nan)
            pointers = [ctypes.c_void_p(a.ctypes.data) for a in given + made + [arena]]
            assert self.call("predict", *weights, *pointers) == 0
            for result, y in zip(results, made):
                result.append(y)
        return [np.concatenate(result) for result in results]


def sizes_of(io):
    return [a for x in numbered(io, "x") for a in ("--input-shape", ",".join(map(str, x.shape[1:])) or "()")]


def emit(model, out, *options):
    must("rebuild", model, "-q", *options, "-o", out)
    return out


def same_bits(found, wanted):
    for a, b in zip(found, wanted):
        b = b.astype(a.dtype)
        assert a.shape == b.shape
        different = (a != b) & ~((a != a) & (b != b))
        assert not different.any(), "%d of %d values differ" % (different.sum(), a.size)


def undefined(path):
    table = subprocess.run(["nm", path], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.split("\n")
    rows = [line.split() for line in table if line.strip()]
    return {row[-1] for row in rows if row[-2] == "U"}, {row[-1] for row in rows if row[-2] in "dDbBC"}


@pytest.mark.parametrize("model", MODELS)
def test_equal(model, tmp_path):
    base = os.path.join(TESTS, "compat", model)
    io = np.load(base + ".io.npz")
    if not any(x.ndim > 0 and x.dtype.kind in "fiub" for x in numbered(io, "x")):
        pytest.skip("an input of strings")
    source = emit(base + ".keras", str(tmp_path / "net.c"), *sizes_of(io))
    must("predict", base + ".keras", "--reference", "--batch", 1, "-i", base + ".io.npz", "-o", str(tmp_path / "out.npz"))
    wanted = arrays(str(tmp_path / "out.npz"))
    for compiler, flags in ((GCC, ["-ffreestanding", "-Os"]), (CLANG, ["-O2"])):
        if not compiler:
            continue
        built = Source(source, compiler, *flags)
        found = built.predict(numbered(io, "x"))
        same_bits(found, wanted)
        assert_same(found, numbered(io, "y"))
        assert built.selftest() == 0
        needs, writable = undefined(built.object)
        assert {n for n in needs - NEEDED if n.rstrip("f") not in MATH and n not in MATH} == set()
        assert writable == set(), "data that can be written: not reentrant"


def all_kinds_of_operations(keras):
    """A model whose outputs are operations on floats and integers; one kernel text serves several types."""
    ops = keras.ops
    x, n = keras.Input((6,), name="x"), keras.Input((6,), dtype="int32", name="n")
    floats = [ops.power(ops.abs(x) + 0.5, x), ops.clip(x, -0.5, 0.75), ops.mod(x, 0.3), ops.floor_divide(x, 0.3), ops.maximum(x, -x),
              ops.minimum(x, 0.1), ops.arctan2(x, x + 1), ops.sign(x), ops.square(x), ops.negative(x), ops.absolute(x), ops.floor(x * 4),
              ops.ceil(x * 4), ops.round(x * 4), ops.log(ops.abs(x) + 1), ops.cumsum(x, axis=1), ops.sort(x, axis=1), ops.argsort(x, axis=1),
              ops.argmax(x, axis=1), ops.any(x > 0.2, axis=1), ops.logical_not(x > 0), ops.isnan(x), ops.prod(x, axis=1), ops.max(x, axis=1),
              ops.mean(x, axis=1), ops.cast(x * 5, "int32"), ops.where(x > 0, x, x * 2), ops.flip(x, axis=1), ops.tile(x, (1, 2)),
              ops.repeat(x, 2, axis=1), ops.pad(x, ((0, 0), (1, 2))), ops.softmax(x), ops.log_softmax(x)]
    integers = [n + 3, n - 3, n * 3, ops.floor_divide(n, 3), ops.mod(n, 3), ops.abs(n), ops.negative(n), ops.sign(n), ops.square(n),
                ops.clip(n, -2, 3), ops.maximum(n, 1), ops.minimum(n, 1), ops.sum(n, axis=1), ops.prod(n, axis=1), ops.max(n, axis=1),
                ops.cumsum(n, axis=1), ops.sort(n, axis=1), ops.equal(n, 1), ops.cast(n, "float32"), ops.one_hot(n, 4),
                ops.cast(n, "int64"), ops.power(n, 2)]
    matrix = ops.matmul(ops.reshape(x, (-1, 3, 2)), ops.reshape(x, (-1, 2, 3)))
    good = ops.matmul(matrix, ops.transpose(matrix, (0, 2, 1))) + 3 * np.eye(3, dtype=np.float32)
    matrices = [ops.det(matrix), ops.inv(good), ops.cholesky(good), *ops.qr(ops.reshape(x, (-1, 3, 2))), *ops.eigh(good),
                ops.svd(matrix, compute_uv=False), ops.pinv(ops.reshape(x, (-1, 2, 3))), ops.solve_triangular(good, x[:, :3])]
    rare = [ops.erfinv(ops.tanh(x)), ops.i0(x * 9) if hasattr(ops, "i0") else x, ops.nextafter(ops.cast(x, "float64"), 0.0), ops.gcd(n, 4),
            ops.bitwise_and(n, n + 1), ops.bitwise_or(n, n + 1), ops.bitwise_xor(n, n + 1), ops.left_shift(n, 3), ops.right_shift(n, 1),
            ops.transpose(ops.segment_max(ops.transpose(x), np.array([0, 2, 0, 3, 2, 1], "int32"), num_segments=4))]
    return keras.Model([x, n], floats + integers + matrices + rare)


def test_operations(tmp_path):
    keras = pytest.importorskip("keras", minversion="3.0")
    model, random = all_kinds_of_operations(keras), np.random.default_rng(1)
    x = [random.normal(size=(3, 6)).astype(np.float32), random.integers(-5, 6, (3, 6)).astype(np.int32)]
    wanted = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", x0=x[0], x1=x[1])
    emit(str(tmp_path / "model.keras"), str(tmp_path / "net.c"))
    must("predict", str(tmp_path / "model.keras"), "--reference", "-i", str(tmp_path / "in.npz"), "-o", str(tmp_path / "out.npz"))
    for compiler, flags in ((GCC, ["-ffreestanding", "-Os"]), (CLANG, ["-O2"])):
        if compiler:
            built = Source(tmp_path / "net.c", compiler, *flags)
            found = built.predict(x)
            same_bits(found, arrays(str(tmp_path / "out.npz")))
            assert_same(found, wanted)
            assert built.selftest() == 0


def fixed(name, release="keras-3.15"):
    return os.path.join(TESTS, "compat", release, name)


@pytest.mark.parametrize("flags", [["-O2"], ["-O3", "-march=native"]])
@pytest.mark.parametrize("model", ["cnn", "lstm", "transformer", "resnet", "activations"])
def test_optimised(model, flags, tmp_path):
    base = fixed(model)
    io = np.load(base + ".io.npz")
    emit(base + ".keras", str(tmp_path / "net.c"), *sizes_of(io))
    must("predict", base + ".keras", "--reference", "-i", base + ".io.npz", "-o", str(tmp_path / "out.npz"))
    same_bits(Source(tmp_path / "net.c", GCC, *flags).predict(numbered(io, "x")), arrays(str(tmp_path / "out.npz")))


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float64"])
def test_policies(policy, tmp_path):
    """Halves are rounded as cuvier rounds them; doubles stay doubles."""
    config = json.load(open(fixed("cnn.json"), encoding="utf-8"))
    for layer in config["config"]["layers"][1:]:
        layer["config"]["dtype"] = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": policy}, "registered_name": None}
    (tmp_path / "model.json").write_text(json.dumps(config), encoding="utf-8")
    evidence = [str(tmp_path / "model.json"), fixed("cnn.npz")]
    must("rebuild", *evidence, "-q", "-o", str(tmp_path / "net.c"))
    must("predict", *evidence, "--reference", "-i", fixed("cnn.io.npz"), "-o", str(tmp_path / "out.npz"))
    found = Source(tmp_path / "net.c", GCC, "-Os").predict(numbered(np.load(fixed("cnn.io.npz")), "x"))
    same_bits(found, arrays(str(tmp_path / "out.npz")))
    assert (found[0].dtype == np.float64) == (policy == "float64")


def test_batch(tmp_path):
    io = np.load(fixed("cnn.io.npz"))
    emit(fixed("cnn.keras"), str(tmp_path / "net.c"), "--batch", 2)
    built = Source(tmp_path / "net.c", GCC, "-O2")
    assert built.shapes("x")[0][1][0] == 2
    assert_same(built.predict(numbered(io, "x")), numbered(io, "y"))


@pytest.mark.parametrize("model", ["mlp", "transformer", "gru"])
def test_weights_file(model, tmp_path):
    io = np.load(fixed(model + ".io.npz"))
    emit(fixed(model + ".keras"), str(tmp_path / "net.c"), "--weights-file", *sizes_of(io))
    text = (tmp_path / "net.c").read_text(encoding="utf-8")
    assert "static const float w_" not in text
    built = Source(tmp_path / "net.c", GCC, "-O2")
    data = (tmp_path / "net.weights").read_bytes()
    weights = np.frombuffer(data + bytes(-len(data) % 8), np.float64)
    pointer = ctypes.c_void_p(weights.ctypes.data)
    assert built.call("weights_fit", pointer, ctypes.c_size_t(len(data))) == 1
    assert_same(built.predict(numbered(io, "x"), pointer), numbered(io, "y"))
    assert built.selftest(pointer) == 0
    assert built.call("weights_fit", pointer, ctypes.c_size_t(len(data) - 1)) == 0
    other = weights.copy()
    other[1] = 0
    assert built.call("weights_fit", ctypes.c_void_p(other.ctypes.data), ctypes.c_size_t(len(data))) == 0


def test_selftest_sees_a_changed_weight(tmp_path):
    source = tmp_path / "net.c"
    emit(fixed("mlp.keras"), str(source))
    text = source.read_text(encoding="utf-8")
    changed = re.sub(r"(w_dense_1_bias\[3\] = \{\s*)[-0-9.e]+f", r"\g<1>0.75f", text)
    assert changed != text
    source.write_text(changed, encoding="utf-8")
    assert Source(source, GCC, "-O2").selftest() == 3


def test_wrong_calls(tmp_path):
    emit(fixed("embedding.keras"), str(tmp_path / "net.c"))
    built = Source(tmp_path / "net.c", GCC, "-O2")
    (_, shape), = built.shapes("x")
    x = np.full(shape, 10000, np.float32 if built.shapes("x")[0][0] == "float" else np.int32)
    y, arena = built.memory(8 * built.constant("Y_SIZE")), built.memory(built.constant("ARENA_BYTES"))
    call = lambda at: built.call("predict", *(ctypes.c_void_p(p) for p in (x.ctypes.data, y.ctypes.data, at)))
    assert call(arena.ctypes.data) == 1
    assert call(arena.ctypes.data + 1) == 2


def test_names_are_harmless(tmp_path):
    config = json.load(open(fixed("mlp.json"), encoding="utf-8"))
    nasty = "a*/ int x; /*\"\n#error é??/\\"
    config["config"]["name"] = nasty
    config["config"]["layers"][1]["config"]["name"] = nasty + "\u202e"
    (tmp_path / "model.json").write_text(json.dumps(config), encoding="utf-8")
    must("rebuild", str(tmp_path / "model.json"), fixed("mlp.npz"), "-q", "-o", str(tmp_path / "1-net model.c"))
    text = (tmp_path / "1-net model.c").read_text(encoding="ascii")
    assert "#error" not in re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    io = np.load(fixed("mlp.io.npz"))
    source = Source(tmp_path / "1-net model.c", GCC, "-O2", "-Wno-trigraphs")
    source.name = "m1_net_model"
    assert_same(source.predict(numbered(io, "x")), numbered(io, "y"))


def test_unknown_size_is_named(tmp_path):
    done = cuvier("rebuild", fixed("gru_before.keras"), "-o", str(tmp_path / "net.c"))
    assert done.returncode == 1 and "(None, None, 3)" in done.stderr and "--input-shape" in done.stderr
    assert os.listdir(tmp_path) == []


def test_fixed_batch_differs(tmp_path):
    config = json.load(open(fixed("mlp.json"), encoding="utf-8"))
    config["config"]["layers"][0]["config"]["batch_shape"][0] = 3
    (tmp_path / "model.json").write_text(json.dumps(config), encoding="utf-8")
    evidence = [str(tmp_path / "model.json"), fixed("mlp.npz")]
    done = cuvier("rebuild", *evidence, "--batch", 2, "-o", str(tmp_path / "net.c"))
    assert done.returncode == 1 and "batch of 3" in done.stderr
    must("rebuild", *evidence, "-q", "-o", str(tmp_path / "net.c"))
    assert Source(tmp_path / "net.c", GCC, "-O2").shapes("x")[0][1][0] == 3


def test_whole_or_not_at_all(tmp_path):
    (tmp_path / "net.h").mkdir()
    done = cuvier("rebuild", fixed("mlp.keras"), "-o", str(tmp_path / "net.c"))
    assert done.returncode == 3
    assert os.listdir(tmp_path) == ["net.h"]
    done = cuvier("rebuild", fixed("mlp.keras"), "--format", "c", "-o", str(tmp_path / "net"))
    assert done.returncode == 2 and "ends with .c" in done.stderr


def test_the_same_twice(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        emit(fixed("transformer.keras"), str(tmp_path / name / "net.c"))
    for end in (".c", ".h"):
        assert (tmp_path / "a" / ("net" + end)).read_bytes() == (tmp_path / "b" / ("net" + end)).read_bytes()


def test_compiles_as_cxx_header(tmp_path):
    compiler = shutil.which("g++")
    if not compiler:
        pytest.skip("no g++")
    emit(fixed("multi_io.keras"), str(tmp_path / "net.c"))
    subprocess.run([compiler, "-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-x", "c++",
                    str(tmp_path / "net.h")], check=True)




@pytest.mark.parametrize("name", ["bytes", "images_5", "images_6"])
def test_integers_of_few_bits(name, tmp_path):
    """They are int32_t at the border, and wrap inside as Keras's do."""
    base = os.path.join(TESTS, "compat", "keras-2.15", "functions", name)
    io = np.load(base + ".io.npz")
    source = Source(emit(base + ".json", tmp_path / "model.c", *sizes_of(io), "--batch", "4"), GCC or CLANG)
    assert source.selftest() == 0
    found, wanted = source.predict(numbered(io, "x")), numbered(io, "y")
    assert_same([a.astype(b.dtype) for a, b in zip(found, wanted)], wanted)
    assert all((a == a.astype(b.dtype)).all() for a, b in zip(found, wanted) if b.dtype.kind in "iu")
