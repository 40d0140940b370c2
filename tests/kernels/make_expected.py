"""Writes the expected values of the reference kernels: tests/kernels/*.txt, read by tests/unit/test_kernels.c.

Values come from TensorFlow, Keras 3, scipy-free NumPy; run with the versions that README.md of this folder names.
Each case is a program of one or a few steps with concrete inputs and outputs; numbers are hexadecimal floats.
A program that names float32 alone is run again by the test with float64 in its place.
"""
import json
import math
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf
import keras
from keras import activations, layers, ops

HERE = os.path.dirname(os.path.abspath(__file__))
out_file = None
rng = None


def begin(family):
    global out_file
    out_file = open(os.path.join(HERE, family + ".txt"), "w")
    out_file.write("# Written by make_expected.py.\n")


def number(v):
    if isinstance(v, (bool, np.bool_)):
        return str(int(v))
    if isinstance(v, (int, np.integer)):
        return str(int(v))
    v = float(v)
    if math.isnan(v) or math.isinf(v):
        return repr(v)
    text = v.hex()
    mantissa, exponent = text.split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + "p" + exponent.lstrip("+")


def values(a):
    if a.dtype == object:
        return " ".join(json.dumps(v) for v in a.reshape(-1))
    return " ".join(number(v) for v in a.reshape(-1).tolist())


def dtype_of(a):
    return "string" if a.dtype == object else a.dtype.name


def shape_text(s):
    return "(" + ", ".join("None" if d is None else str(d) for d in s) + ")"


def case(name, steps, inputs, outputs, declared=None, dtypes=None):
    """steps: text of one step, or a list; inputs are %0, %1, …; the outputs are the results of the last step.
    declared: shapes with None, by input; dtypes: declared ones that NumPy lacks, by input."""
    steps = [steps] if isinstance(steps, str) else steps
    inputs = [np.asarray(a) for a in inputs]
    outputs = [np.asarray(a) for a in outputs]
    w = out_file.write
    w(f"case {name}\n")
    for i, a in enumerate(inputs):
        shape = (declared or {}).get(i, a.shape)
        w(f'%{i} = input "x{i}" {(dtypes or {}).get(i, dtype_of(a))} {shape_text(shape)}\n')
    at = len(inputs)
    for k, s in enumerate(steps):
        count = len(outputs) if k == len(steps) - 1 else 1
        w(" ".join(f"%{at + j}" for j in range(count)) + f" = {s}\n")
        at += count
    for j in range(len(outputs)):
        w(f"output %{at - len(outputs) + j}\n")
    for a in inputs:
        w(f"in {dtype_of(a)} {shape_text(a.shape)} {values(a)}\n")
    for a in outputs:
        w(f"out {dtype_of(a)} {shape_text(a.shape)} {values(a)}\n")
    w("end\n")


def seed(name):
    global rng
    rng = np.random.default_rng(zlib.crc32(name.encode()))


def f(*shape):
    """Floats with few digits, so that the files stay small."""
    return (np.round(rng.standard_normal(shape) * 64) / 64).astype(np.float32)


def i32(lo, hi, *shape):
    return rng.integers(lo, hi, shape).astype(np.int32)


def mask(*shape):
    return rng.random(shape) < 0.6


# ---- element by element ------------------------------------------------------------------------------------

PLAIN = np.array([-100, -20, -5, -3, -2.5, -2, -1.5, -1, -0.75, -0.5, -0.25, 0, 0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5,
                  3, 3.5, 6, 7, 10, 50, 100], np.float32)
SPECIAL = np.array([np.nan, np.inf, -np.inf], np.float32)


def unary():
    begin("unary")
    erf = np.vectorize(math.erf)
    both = np.concatenate([PLAIN, SPECIAL])
    wide = {"neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "round": np.rint,
            "trunc": np.trunc, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt,
            "rsqrt": lambda x: 1 / np.sqrt(x), "square": np.square, "reciprocal": np.reciprocal, "sin": np.sin,
            "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
            "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh}
    with np.errstate(all="ignore"):
        for op, fn in wide.items():
            x = np.clip(both, -80, 80) if op in ("exp", "expm1", "sinh", "cosh", "tan") else both
            case(op, f"{op} %0", [x], [fn(x.astype(np.float64)).astype(np.float32)])
        inside = np.array([0, -0.0, 0.1, -0.5, 0.75, 0.999, -0.9999, 1, -1, 1.5, np.nan], np.float32)
        case("erfinv", "erfinv %0", [inside], [tf.math.erfinv(inside.astype(np.float64)).numpy().astype(np.float32)])
        around = np.array([0, 0.5, -1, 3, -7.75, 8.5, 20, -60, 88, np.nan], np.float32)
        case("bessel_i0", "bessel_i0 %0", [around], [tf.math.bessel_i0(around.astype(np.float64)).numpy().astype(np.float32)])
        case("erf", "erf %0", [PLAIN], [erf(PLAIN.astype(np.float64)).astype(np.float32)])
    for op, fn in {"neg": np.negative, "abs": np.abs, "sign": np.sign, "square": np.square, "floor": np.floor,
                   "ceil": np.ceil, "round": np.rint, "trunc": np.trunc}.items():
        for t in (np.int32, np.int64):
            x = np.array([[-7, -1, 0], [1, 2, 1000]], t)
            case(f"{op}_{x.dtype}", f"{op} %0", [x], [fn(x).astype(t)])
    case("clip", "clip %0 alpha=-1.5 beta=2.0", [both], [np.clip(both, -1.5, 2)])
    case("clip_i32", "clip %0 alpha=-1.0 beta=2.0", [np.array([-5, 0, 5], np.int32)], [np.array([-1, 0, 2], np.int32)])
    case("round_ties", "round %0", [np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)],
         [np.array([0, 2, 2, -0.0, -2], np.float32)])
    for op, fn in {"is_nan": np.isnan, "is_inf": np.isinf, "logical_not": np.logical_not}.items():
        case(op, f"{op} %0", [both], [fn(both)])
        case(f"{op}_i32", f"{op} %0", [np.array([0, 3], np.int32)], [fn(np.array([0, 3], np.int32))])
        case(f"{op}_bool", f"{op} %0", [np.array([True, False])], [fn(np.array([True, False]))])
    for rank in range(6):
        seed(f"rank{rank}")
        x = f(*[2, 1, 3, 2, 2][:rank])
        case(f"neg_rank{rank}", "neg %0", [x], [-x], declared={0: [None] * rank})
    case("exp_empty", "exp %0", [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.float32)])


def cast():
    begin("cast")
    x = np.array([-2.75, -1, -0.5, 0, 0.5, 1.99, 3, 1e6], np.float32)
    for t in ("bool", "int32", "int64", "float64"):
        case(f"cast_{t}", f"cast %0 dtype={t}", [x], [x.astype(t)])
    n = np.array([-2**31, -1, 0, 7, 2**31 - 1], np.int64)
    for t in ("bool", "int32", "float32", "float64", "int64"):
        case(f"cast_int64_{t}", f"cast %0 dtype={t}", [n], [n.astype(t)])
        case(f"cast_int32_{t}", f"cast %0 dtype={t}", [n.astype(np.int32)], [n.astype(np.int32).astype(t)])
        case(f"cast_bool_{t}", f"cast %0 dtype={t}", [n > 0], [(n > 0).astype(t)])
        d = np.array([-1.5, 0, 2.5, 1e9], np.float64)
        case(f"cast_float64_{t}", f"cast %0 dtype={t}", [d], [d.astype(t)])
    far = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9], np.float32)
    with np.errstate(all="ignore"):
        case("cast_far_int32", "cast %0 dtype=int32", [far], [tf.cast(far, tf.int32).numpy()])
        case("cast_far_bool", "cast %0 dtype=bool", [far], [far.astype(bool)])
    seed("half")
    y = (rng.standard_normal(40) * 10 ** rng.uniform(-6, 4, 40)).astype(np.float32)
    for t in ("float16", "bfloat16"):
        case(f"cast_{t}", [f"cast %0 dtype={t}", "cast %1 dtype=float32"], [y],
             [tf.cast(tf.cast(y, t), tf.float32).numpy()])
        half = tf.cast(y, t)
        case(f"square_{t}", ["square %0", "cast %1 dtype=float32"], [tf.cast(half, tf.float32).numpy()],
             [tf.cast(half * half, tf.float32).numpy()], dtypes={0: t})
        case(f"input_{t}", ["reshape %0 shape=-1", "cast %1 dtype=float32"], [y.reshape(4, 10)],
             [tf.cast(half, tf.float32).numpy()], dtypes={0: t})


def activation():
    begin("activation")
    x = PLAIN
    acts = {
        "relu_plain": ("relu", dict(alpha=0.0, beta=math.inf, gamma=0.0), activations.relu(x)),
        "relu6": ("relu", dict(alpha=0.0, beta=6.0, gamma=0.0), activations.relu6(x)),
        "relu_all": ("relu", dict(alpha=0.25, beta=3.0, gamma=0.5),
                     activations.relu(x, negative_slope=0.25, max_value=3.0, threshold=0.5)),
        "leaky_relu": ("relu", dict(alpha=0.2, beta=math.inf, gamma=0.0), activations.leaky_relu(x)),
        "elu": ("elu", dict(alpha=1.5), activations.elu(x, alpha=1.5)),
        "celu": ("celu", dict(alpha=2.0), activations.celu(x, alpha=2.0)),
        "selu": ("selu", {}, activations.selu(x)),
        "sigmoid": ("sigmoid", {}, activations.sigmoid(x)),
        "tanh": ("tanh", {}, activations.tanh(x)),
        "softplus": ("softplus", {}, activations.softplus(x)),
        "softsign": ("softsign", {}, activations.softsign(x)),
        "silu": ("silu", {}, activations.silu(x)),
        "gelu": ("gelu", {}, activations.gelu(x)),
        "gelu_tanh": ("gelu", dict(approximate=True), activations.gelu(x, approximate=True)),
        "mish": ("mish", {}, activations.mish(x)),
        "hard_sigmoid": ("hard_sigmoid", dict(alpha=1 / 6, beta=0.5), activations.hard_sigmoid(x)),
        "hard_sigmoid_2": ("hard_sigmoid", dict(alpha=0.2, beta=0.5), np.clip(0.2 * x + np.float32(0.5), 0, 1)),
        "hard_silu": ("hard_silu", {}, activations.hard_silu(x)),
        "hard_tanh": ("hard_tanh", {}, activations.hard_tanh(x)),
        "hard_shrink": ("hard_shrink", dict(alpha=0.5), activations.hard_shrink(x, 0.5)),
        "soft_shrink": ("soft_shrink", dict(alpha=0.5), activations.soft_shrink(x, 0.5)),
        "tanh_shrink": ("tanh_shrink", {}, activations.tanh_shrink(x)),
        "log_sigmoid": ("log_sigmoid", {}, activations.log_sigmoid(x)),
        "squareplus": ("squareplus", dict(alpha=4.0), activations.squareplus(x, b=4)),
        "sparse_plus": ("sparse_plus", {}, activations.sparse_plus(x)),
        "sparse_sigmoid": ("sparse_sigmoid", {}, activations.sparse_sigmoid(x)),
        "threshold": ("threshold", dict(alpha=0.5, beta=-2.0), activations.threshold(x, 0.5, -2.0)),
        "exponential": ("exp", {}, activations.exponential(np.clip(x, -50, 50))),
    }
    for name, (op, attrs, y) in acts.items():
        given = np.clip(x, -50, 50) if op == "exp" else x
        words = "".join(f" {k}" if v is True else f" {k}={v}" for k, v in attrs.items())
        case(name, f"{op} %0{words}", [given], [np.asarray(y, np.float32)])
        # the same as the activation of dense, whose kernel is 1
        numbers = ",".join(str(float(attrs.get(k, 0.0))) for k in ("alpha", "beta", "gamma"))
        tail = ",approximate" if attrs.get("approximate") else ""
        case(f"{name}_in_dense", f"dense %0 %1 act={op}({numbers}{tail})",
             [given.reshape(-1, 1), np.ones((1, 1), np.float32)], [np.asarray(y, np.float32).reshape(-1, 1)])
    special = np.array([np.nan, np.inf, -np.inf], np.float32)
    case("relu_special", "relu %0 beta=inf", [special], [tf.nn.relu(special).numpy()])
    case("sigmoid_special", "sigmoid %0", [special], [tf.nn.sigmoid(special).numpy()])
    case("tanh_special", "tanh %0", [special], [tf.nn.tanh(special).numpy()])
    seed("prelu")
    for s in ((4,), (3, 4), (1, 4), (3, 1)):
        x2, slope = f(2, 3, 4), f(*s)
        case(f"prelu_{'x'.join(map(str, s))}", "prelu %0 %1", [x2, slope], [np.where(x2 > 0, x2, slope * x2)])


def binary():
    begin("binary")
    np_ops = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
              "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
              "greater": np.greater, "greater_equal": np.greater_equal, "logical_and": np.logical_and,
              "logical_or": np.logical_or, "logical_xor": np.logical_xor}
    shapes = [((), ()), ((4,), (4,)), ((2, 3), ()), ((), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)),
              ((2, 3, 4), (3, 1)), ((2, 1, 4), (5, 1)), ((1,), (3, 1, 2)), ((0, 3), (1, 3)), ((2, 2, 1, 2, 3), (2, 1, 3))]
    for op, fn in np_ops.items():
        for k, (a, b) in enumerate(shapes if op in ("sub", "less") else shapes[5:8]):
            seed(f"{op}{k}")
            x, y = np.asarray(f(*a), np.float32), np.asarray(f(*b), np.float32)
            x, y = (np.round(x), np.round(y)) if k % 2 else (x, y)
            case(f"{op}_{k}", f"{op} %0 %1", [x, y], [fn(x, y)], declared={0: [None] * len(a)} if k == 6 else None)
        for t in (np.int32, np.int64):
            seed(f"{op}{t}")
            x, y = i32(-3, 4, 2, 3).astype(t), i32(-3, 4, 3).astype(t)
            case(f"{op}_{x.dtype}", f"{op} %0 %1", [x, y], [fn(x, y)])
        if op != "sub":
            x, y = np.array([False, False, True, True]), np.array([False, True, False, True])
            case(f"{op}_bool", f"{op} %0 %1", [x, y], [fn(x, y)])
        special = np.array([np.nan, np.inf, -np.inf, 1], np.float32)
        with np.errstate(all="ignore"):
            case(f"{op}_special", f"{op} %0 %1", [special.reshape(4, 1), special],
                 [fn(special.reshape(4, 1), special)])
    a = np.array([7, -7, 7.5, -7.5, 0, 1, 2, -3], np.float32)
    b = np.array([2, 2, -2, -2.5, 3, 0.25, 8, 3], np.float32)
    for op, fn in {"div": tf.divide, "floor_div": tf.math.floordiv, "mod": tf.math.floormod, "atan2": tf.math.atan2,
                   "div_no_nan": tf.math.divide_no_nan}.items():
        case(op, f"{op} %0 %1", [a, b], [fn(a, b).numpy()])
    case("div_zero", "div %0 %1", [a, np.zeros(1, np.float32)], [tf.divide(a, np.zeros(1, np.float32)).numpy()])
    case("div_no_nan_zero", "div_no_nan %0 %1", [a, np.zeros(1, np.float32)], [np.zeros(8, np.float32)])
    case("pow", "pow %0 %1", [np.abs(a), b], [np.power(np.abs(a), b)])
    case("pow_negative", "pow %0 %1", [a, np.float32(3)], [np.power(a, np.float32(3))])
    for t in (np.int32, np.int64):
        x, y = np.array([7, -7, 7, -7, 0, 6], t), np.array([2, 2, -2, -2, 3, -3], t)
        case(f"floor_div_{x.dtype}", "floor_div %0 %1", [x, y], [x // y])
        case(f"mod_{x.dtype}", "mod %0 %1", [x, y], [x % y])
        case(f"pow_{x.dtype}", "pow %0 %1", [x, np.array([0, 1, 2, 3, 4, 5], t)], [x ** np.array([0, 1, 2, 3, 4, 5], t)])
    s, t = np.array(["a", "", "bc"], object), np.array([["a"], ["bc"]], object)
    case("equal_string", "equal %0 %1", [s, t], [s == t])
    case("not_equal_string", "not_equal %0 %1", [s, t], [s != t])
    seed("where")
    for k, (c, x, y) in enumerate([((2, 3), (2, 3), (2, 3)), ((3,), (2, 3), ()), ((2, 1), (3,), (1, 1)), ((), (2,), (2,))]):
        cond, p, q = np.asarray(mask(*c)), np.asarray(f(*x), np.float32), np.asarray(f(*y), np.float32)
        case(f"where_{k}", "where %0 %1 %2", [cond, p, q], [np.where(cond, p, q)])
    cond = np.array([True, False, True])
    case("where_i64", "where %0 %1 %2", [cond, np.arange(3), -np.arange(3)], [np.where(cond, np.arange(3), -np.arange(3))])
    case("where_bool", "where %0 %1 %2", [cond, cond, ~cond], [np.where(cond, cond, ~cond)])


# ---- along axes --------------------------------------------------------------------------------------------

def axes_text(axes):
    return "" if axes is None else " axes=" + ",".join(map(str, axes))


def reduce():
    begin("reduce")
    ops_ = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}
    for op, fn in ops_.items():
        for k, (s, axes, keep) in enumerate([((5,), (0,), False), ((2, 19), (1,), True), ((3, 4), (0,), False),
                                             ((2, 3, 4), (0, 2), False), ((2, 3, 4), (1,), True), ((2, 3, 4), None, False),
                                             ((2, 3, 4), None, True), ((2, 1, 3, 2, 2), (1, 3), False), ((), None, False),
                                             ((2, 3, 4), (2, 1), True)]):
            seed(f"{op}{k}")
            x = np.asarray(f(*s), np.float32)
            if op in ("any", "all"):
                x = np.round(x / 2)
            y = fn(x.astype(np.float64), axis=axes, keepdims=keep)
            y = np.asarray(y, bool if op in ("any", "all") else np.float32)
            case(f"{op}_{k}", f"{op} %0{axes_text(axes)}{' keepdims' if keep else ''}", [x], [y],
                 declared={0: [None] * len(s)})
        for t in (np.int32, np.int64):
            if op != "mean":
                seed(f"{op}{t}")
                x = i32(-3, 4, 3, 4).astype(t)
                y = np.asarray(fn(x, axis=1), bool if op in ("any", "all") else t)
                case(f"{op}_{x.dtype}", f"{op} %0 axes=1", [x], [y])
        if op in ("max", "min", "any", "all"):
            x = np.array([[True, True], [True, False], [False, False]])
            case(f"{op}_bool", f"{op} %0 axes=1", [x], [fn(x, axis=1)])
        if op in ("sum", "prod", "mean", "max"):
            x = np.zeros((2, 0), np.float32)
            case(f"{op}_nothing", f"{op} %0 axes=1", [x], [getattr(tf, "reduce_" + op)(x, axis=1).numpy()])
            x = np.zeros((0, 3), np.float32)
            case(f"{op}_no_rows", f"{op} %0 axes=1", [x], [np.zeros(0, np.float32)])
    nan = np.array([[1, np.nan, 3], [4, 5, 6]], np.float32)
    for op in ("max", "min", "sum", "argmax", "argmin"):
        text = "axis=1" if op.startswith("arg") else "axes=1"
        y = getattr(np, op)(nan, axis=1)
        case(f"{op}_nan", f"{op} %0 {text}", [nan], [y.astype(np.int32) if op.startswith("arg") else y])
    for op in ("argmax", "argmin"):
        for axis in range(3):
            seed(f"{op}{axis}")
            x = np.round(f(2, 5, 3))
            case(f"{op}_{axis}", f"{op} %0 axis={axis}", [x], [getattr(np, op)(x, axis=axis).astype(np.int32)])
        case(f"{op}_keep", f"{op} %0 axis=1 keepdims", [x], [getattr(np, op)(x, axis=1, keepdims=True).astype(np.int32)])
        for t in (np.int32, np.int64):
            n = i32(-3, 4, 2, 5).astype(t)
            case(f"{op}_{n.dtype}", f"{op} %0 axis=1", [n], [getattr(np, op)(n, axis=1).astype(np.int32)])
        b = np.array([[False, True, True], [False, False, False]])
        case(f"{op}_bool", f"{op} %0 axis=1", [b], [getattr(np, op)(b, axis=1).astype(np.int32)])


def running():
    begin("running")
    for op, fn in {"cumsum": tf.cumsum, "cumprod": tf.math.cumprod}.items():
        for axis in range(3):
            for reverse in (False, True):
                seed(f"{op}{axis}{reverse}")
                x = f(2, 4, 3)
                case(f"{op}_{axis}_{reverse}", f"{op} %0 axis={axis}{' reverse' if reverse else ''}", [x],
                     [fn(x, axis=axis, reverse=reverse).numpy()])
        for t in (np.int32, np.int64):
            n = i32(-3, 4, 5).astype(t)
            case(f"{op}_{n.dtype}", f"{op} %0 axis=0", [n], [fn(n).numpy()])
        case(f"{op}_empty", f"{op} %0 axis=1", [np.zeros((2, 0), np.float32)], [np.zeros((2, 0), np.float32)])
    for axis in range(3):
        for n in (1, 2, 7):
            seed(f"sort{axis}{n}")
            s = [2, 2, 2]
            s[axis] = n
            x = np.round(f(*s) * 2)
            down = np.argsort(-x, axis=axis, kind="stable").astype(np.int32)
            case(f"sort_{axis}_{n}", f"sort %0 axis={axis}", [x], [np.sort(x, axis=axis)])
            case(f"sort_down_{axis}_{n}", f"sort %0 axis={axis} reverse", [x], [-np.sort(-x, axis=axis)])
            case(f"argsort_{axis}_{n}", f"argsort %0 axis={axis}", [x],
                 [np.argsort(x, axis=axis, kind="stable").astype(np.int32)])
            case(f"argsort_down_{axis}_{n}", f"argsort %0 axis={axis} reverse", [x], [down])
    for t in (np.int32, np.int64):
        n = i32(-9, 9, 3, 5).astype(t)
        case(f"sort_{n.dtype}", "sort %0 axis=1", [n], [np.sort(n)])
        case(f"argsort_{n.dtype}", "argsort %0 axis=1", [n], [np.argsort(n, kind="stable").astype(np.int32)])
        v, i = tf.math.top_k(n, 2)
        case(f"top_k_{n.dtype}", "top_k %0 count=2", [n], [v.numpy(), i.numpy()])
    nan = np.array([3, np.nan, 1, np.inf, -np.inf], np.float32)
    case("sort_nan", "sort %0 axis=0", [nan], [np.sort(nan)])
    for k in (1, 3, 6):
        seed(f"top{k}")
        x = np.round(f(2, 3, 6) * 2)
        v, i = tf.math.top_k(x, k)
        case(f"top_k_{k}", f"top_k %0 count={k}", [x], [v.numpy(), i.numpy()])


def softmax():
    begin("softmax")
    for k, (s, axes) in enumerate([((5,), None), ((3, 4), None), ((3, 4), (0,)), ((2, 3, 4), (1,)), ((2, 3, 4), (1, 2)),
                                   ((2, 3, 4), (0, 2)), ((1, 1), None), ((0, 3), None), ((2, 3, 2, 2), (1, 2, 3))]):
        seed(f"softmax{k}")
        x = f(*s) * 4
        over = list(axes or (len(s) - 1,))
        if x.size:
            y = layers.Softmax(axis=over)(x).numpy()
            logs = x - tf.reduce_logsumexp(x, axis=over, keepdims=True).numpy()
        else:
            y = logs = x
        case(f"softmax_{k}", f"softmax %0{axes_text(axes)}", [x], [y])
        case(f"log_softmax_{k}", f"log_softmax %0{axes_text(axes)}", [x], [logs])
    far = np.array([[1000, 999, -1000], [-1e30, 0, 1]], np.float32)
    case("softmax_far", "softmax %0", [far], [tf.nn.softmax(far).numpy()])
    case("log_softmax_far", "log_softmax %0", [far], [tf.nn.log_softmax(far).numpy()])
    seed("masked")
    for k, (s, m, axes) in enumerate([((2, 4), (2, 4), None), ((2, 3, 4), (4,), None), ((2, 3, 4), (2, 3, 1), (1,)),
                                      ((2, 3, 4), (3, 4), (1, 2))]):
        x, on = f(*s), mask(*m)
        on[..., 0] = True
        y = layers.Softmax(axis=list(axes or (len(s) - 1,)))(x, mask=on).numpy()
        case(f"softmax_mask_{k}", f"softmax %0 %1{axes_text(axes)}", [x, on], [y])
    x, none = f(2, 3), np.array([[True, True, False], [False, False, False]])
    y = layers.Softmax()(x, mask=none).numpy()
    case("softmax_mask_none", "softmax %0 %1", [x, none], [y])
    case("softmax_mask_uniform", "softmax %0 %1 masked_uniform", [x, none],
         [tf.nn.softmax(np.where(none, x, np.float32(-1e9))).numpy()])
    case("softmax_in_dense", "dense %0 %1 act=softmax", [x, np.eye(3, dtype=np.float32)], [tf.nn.softmax(x).numpy()])


# ---- moves -------------------------------------------------------------------------------------------------

def move():
    begin("move")
    seed("move")
    x = f(2, 3, 4)
    text = np.array([["a", "bb", ""], ["d", "é", "ffff"]], object)
    n64 = np.arange(6).reshape(2, 3)
    flags = np.array([[True, False, True], [False, False, True]])
    every = {"f": f(2, 3), "s": text, "i": n64, "b": flags}
    for k, (shape, want) in enumerate([("-1", (24,)), ("6,4", (6, 4)), ("-2,-1", (2, 12)), ("-1,-4", (6, 4)),
                                       ("2,1,3,1,4", (2, 1, 3, 1, 4)), ("-2,-3,-4", (2, 3, 4))]):
        case(f"reshape_{k}", f"reshape %0 shape={shape}", [x], [x.reshape(want)], declared={0: [None, 3, 4]})
    one = f(1, 1)
    case("reshape_scalar", "reshape %0", [one], [one.reshape(())])
    case("reshape_empty", "reshape %0 shape=-2,-1", [np.zeros((0, 3, 4), np.float32)], [np.zeros((0, 12), np.float32)])
    case("reshape_like", "reshape %0 %1 shape=-2,-3,-1", [x, np.zeros((4, 3), np.float32)], [x.reshape(4, 3, 2)])
    case("reshape_chain", ["neg %0", "reshape %1 shape=-1", "reshape %2 shape=4,-1", "neg %3"], [x], [x.reshape(4, 6)])
    for p in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1]):
        case("transpose_" + "".join(map(str, p)), "transpose %0 perm=" + ",".join(map(str, p)), [x], [x.transpose(p)])
    x5 = f(2, 1, 3, 2, 2)
    case("transpose_5", "transpose %0 perm=4,0,3,1,2", [x5], [x5.transpose(4, 0, 3, 1, 2)])
    for k, a in every.items():
        case(f"transpose_{k}", "transpose %0 perm=1,0", [a], [a.T])
        case(f"slice_{k}", "slice %0 start=0,2 stop=2,min step=1,-1", [a], [a[0:2, ::-1]])
        case(f"concat_{k}", "concat %0 %1 axis=1", [a, a[:, :1]], [np.concatenate([a, a[:, :1]], 1)])
        case(f"gather_{k}", "gather %0 %1 axis=1", [a, np.array([[2, -1], [0, -3]], np.int32)],
             [np.take(a, np.array([[2, -1], [0, -3]]), axis=1)])
        case(f"tile_{k}", "tile %0 shape=2,3", [a], [np.tile(a, (2, 3))])
        case(f"repeat_{k}", "repeat %0 axis=1 count=2", [a], [np.repeat(a, 2, axis=1)])
        case(f"reverse_{k}", "reverse %0 axes=1", [a], [a[:, ::-1]])
        case(f"broadcast_{k}", "broadcast %0 shape=4,2,3", [a], [np.broadcast_to(a, (4, 2, 3)).copy()])
        index = np.array([[2, 0], [-1, 1]], np.int64)
        case(f"gather_along_{k}", "gather_along %0 %1 axis=1", [a, index], [np.take_along_axis(a, index, axis=1)])
        case(f"reshape_{k}", "reshape %0 shape=3,2", [a], [a.reshape(3, 2)])
        if k != "s":
            case(f"pad_{k}", "pad %0 pad_lo=1,0 pad_hi=0,2 value=1.0 mode=constant", [a],
                 [np.pad(a, ((1, 0), (0, 2)), constant_values=1)])
        case(f"pad_edge_{k}", "pad %0 pad_lo=1,2 pad_hi=3,1 mode=edge", [a], [np.pad(a, ((1, 3), (2, 1)), mode="edge")])
        case(f"where_{k}", "where %0 %1 %2", [np.array([True, False, True]), a, a[::-1].copy()],
             [np.where(np.array([True, False, True]), a, a[::-1])])
    b = f(2, 1, 1)
    case("broadcast_own", "broadcast %0 shape=-1,4,-1", [b], [np.broadcast_to(b, (2, 4, 1)).copy()])
    case("broadcast_like", "broadcast %0 %1 shape=-2,-3,5", [b, f(2, 3)], [np.broadcast_to(b, (2, 3, 5)).copy()])
    case("broadcast_scalar", "broadcast %0 shape=2,2", [np.float32(3)], [np.full((2, 2), 3, np.float32)])
    case("fill", "fill shape=2,3 value=1.5 dtype=float32", [], [np.full((2, 3), 1.5, np.float32)])
    case("fill_like", "fill %0 shape=-2,2 value=-2.0 dtype=int32", [f(3, 1)], [np.full((3, 2), -2, np.int32)],
         declared={0: [None, 1]})
    for t in ("int64", "float64", "bool"):
        case(f"fill_{t}", f"fill shape=2 value=1.0 dtype={t}", [], [np.ones(2, t)])
    case("fill_scalar", "fill value=2.0 dtype=float32", [], [np.float32(2)])
    for t in ("int32", "int64", "float32", "float64"):
        case(f"range_{t}", f"range %0 axis=1 dtype={t}", [x], [np.arange(3).astype(t)], declared={0: [None] * 3})
    case("concat_3", "concat %0 %1 %2 axis=0", [x, x[:1], x[:0]], [np.concatenate([x, x[:1], x[:0]])],
         declared={0: [None, 3, 4]})
    case("concat_middle", "concat %0 %1 axis=1", [x, x[:, :2]], [np.concatenate([x, x[:, :2]], 1)])
    case("concat_one", "concat %0 axis=2", [x], [x])
    mx, mn = "max", "min"
    for k, (a, o, s, y) in enumerate([
            ("0,1,1", f"{mx},{mx},3", "1,1,1", x[0:, 1:, 1:3]), ("0,0,-2", f"{mx},{mx},{mx}", "2,1,1", x[::2, :, -2:]),
            (f"{mx},{mx}", f"{mn},{mn}", "-1,-1", x[::-1, ::-1]), ("0,-1,3", f"1,{mn},0", "1,-2,-1", x[0:1, -1::-2, 3:0:-1]),
            ("5", f"{mx}", "1", x[5:]), ("-9", "-1", "1", x[-9:-1]), ("0,2", "0,1", "0,1", x[:, 2:1]),
            ("0,0,3", "2,3,0", "1,2,-3", x[0:2, 0:3:2, 3:0:-3])]):
        case(f"slice_{k}", f"slice %0 start={a} stop={o} step={s}", [x], [y.copy()])
    for mode in ("constant", "reflect", "symmetric", "edge"):
        for k, (s, lo, hi) in enumerate([((4,), (2,), (3,)), ((3, 4), (1, 2), (2, 0)), ((2, 3, 2), (0, 2, 1), (1, 0, 1)),
                                         ((1, 5, 2), (0, 2, 0), (0, 4, 0))]):
            seed(f"pad{mode}{k}")
            a = f(*s)
            extra = {"constant_values": 0.5} if mode == "constant" else {}
            case(f"pad_{mode}_{k}",
                 f"pad %0 pad_lo={','.join(map(str, lo))} pad_hi={','.join(map(str, hi))} mode={mode}" +
                 (" value=0.5" if extra else ""), [a], [np.pad(a, list(zip(lo, hi)), mode=mode, **extra)],
                 declared={0: [None] * len(s)})
    a = f(5, 4)
    case("pad_crop", "pad %0 pad_lo=-1,2 pad_hi=-2,-1 mode=constant", [a],
         [np.pad(a, ((0, 0), (2, 0)))[1:3, :-1]])
    case("pad_reflect_crop", "pad %0 pad_lo=-1,2 pad_hi=0,-1 mode=reflect", [a],
         [np.pad(a, ((0, 0), (2, 0)), mode="reflect")[1:, :-1]])
    for axis in range(3):
        for index in (np.array(1, np.int32), np.array([0, 1, 1, -1], np.int64), np.array([[0], [1]], np.int32)):
            case(f"gather_{axis}_{index.ndim}", f"gather %0 %1 axis={axis}", [x, index], [np.take(x, index, axis=axis)])
    case("gather_none", "gather %0 %1 axis=0", [x, np.zeros(0, np.int32)], [x[:0]])
    index = i32(-3, 3, 2, 5, 4)
    case("gather_along", "gather_along %0 %1 axis=1", [x, index], [np.take_along_axis(x, index, axis=1)])
    index = i32(0, 4, 1, 1, 2)
    case("gather_along_broadcast", "gather_along %0 %1 axis=2", [x, index], [np.take_along_axis(x, index, axis=2)])
    case("tile_3", "tile %0 shape=2,1,3", [x], [np.tile(x, (2, 1, 3))])
    case("tile_none", "tile %0 shape=0,1,1", [x], [np.tile(x, (0, 1, 1))])
    for axis in range(3):
        case(f"repeat_{axis}", f"repeat %0 axis={axis} count=3", [x], [np.repeat(x, 3, axis=axis)])
        case(f"reverse_{axis}", f"reverse %0 axes={axis}", [x], [np.flip(x, axis)])
    case("reverse_02", "reverse %0 axes=0,2", [x], [np.flip(x, (0, 2))])
    for t in ("float32", "int32", "int64", "float64", "bool"):
        for it in (np.int32, np.int64):
            index = np.array([[0, 3, -1], [2, 9, 1]], it)
            case(f"one_hot_{t}_{np.dtype(it)}", f"one_hot %0 count=4 dtype={t}", [index],
                 [tf.cast(tf.one_hot(index, 4), t).numpy()])


def image():
    begin("image")
    from tensorflow.raw_ops import ResizeBilinear, ResizeBicubic, ResizeNearestNeighbor
    raw = {"nearest": ResizeNearestNeighbor, "bilinear": ResizeBilinear, "bicubic": ResizeBicubic}
    for mode, fn in raw.items():
        for align in ("half_pixel", "asymmetric"):
            for k, (s, size) in enumerate([((1, 2, 2, 1), (4, 4)), ((2, 5, 3, 2), (3, 7)), ((1, 1, 1, 3), (3, 2)),
                                           ((1, 7, 6, 1), (2, 2)), ((1, 3, 4, 1), (3, 4)), ((1, 4, 1, 1), (9, 1))]):
                seed(f"{mode}{align}{k}")
                x = f(*s)
                y = fn(images=x, size=size, align_corners=False, half_pixel_centers=align == "half_pixel").numpy()
                case(f"resize_{mode}_{align}_{k}", f"resize %0 size={size[0]},{size[1]} mode={mode} align={align}", [x],
                     [y], declared={0: [None, None, None, s[3]]})
                w = (2, 3)
                y = fn(images=x, size=(s[1] * 2, s[2] * 3), align_corners=False,
                       half_pixel_centers=align == "half_pixel").numpy()
                if mode != "nearest":
                    case(f"upsample_{mode}_{align}_{k}", f"upsample %0 window=2,3 mode={mode} align={align}", [x], [y])
    for mode in ("nearest", "bilinear", "bicubic"):
        seed("keras" + mode)
        x = f(1, 3, 4, 2)
        case(f"upsample_keras_{mode}", f"upsample %0 window=2,2 mode={mode} align=half_pixel", [x],
             [layers.UpSampling2D(2, interpolation=mode)(x).numpy()])
        case(f"resize_keras_{mode}", f"resize %0 size=5,3 mode={mode} align=half_pixel", [x],
             [layers.Resizing(5, 3, interpolation=mode)(x).numpy()])
    seed("nd")
    x = f(2, 3, 2)
    case("upsample_1d", "upsample %0 window=3", [x], [layers.UpSampling1D(3)(x).numpy()])
    x = f(1, 2, 3, 2, 2)
    case("upsample_3d", "upsample %0 window=2,1,3", [x], [layers.UpSampling3D((2, 1, 3))(x).numpy()])


# ---- linear ------------------------------------------------------------------------------------------------

def linear():
    begin("linear")
    for k, (a, b, ta, tb) in enumerate([((2, 3), (3, 4), 0, 0), ((3, 2), (3, 4), 1, 0), ((2, 3), (4, 3), 0, 1),
                                        ((3, 2), (4, 3), 1, 1), ((5, 2, 3), (3, 4), 0, 0), ((5, 2, 3), (5, 3, 4), 0, 0),
                                        ((2, 1, 2, 3), (5, 3, 4), 0, 0), ((1, 2, 3), (4, 3, 2), 0, 0), ((1, 1), (1, 1), 0, 0),
                                        ((2, 0), (0, 3), 0, 0), ((0, 3), (3, 2), 0, 0), ((2, 2, 9), (2, 4, 9), 0, 1),
                                        ((2, 9, 2), (2, 9, 3), 1, 0), ((2, 3), (4, 3, 5), 0, 0)]):
        seed(f"matmul{k}")
        x, y = f(*a), f(*b)
        want = tf.matmul(x, y, transpose_a=bool(ta), transpose_b=bool(tb)).numpy() if len(a) == len(b) else np.matmul(x, y)
        case(f"matmul_{k}", f"matmul %0 %1{' transpose_a' * ta}{' transpose_b' * tb}", [x, y], [want],
             declared={0: [None] + list(a[1:])} if not ta else None)
    seed("vector")
    x, y = f(3), f(3, 4)
    case("matmul_vector", "matmul %0 %1", [x, y], [x @ y])
    for t in (np.int32, np.int64):
        x, y = i32(-5, 5, 2, 3).astype(t), i32(-5, 5, 3, 2).astype(t)
        case(f"matmul_{x.dtype}", "matmul %0 %1", [x, y], [x @ y])
        case(f"matmul_t_{x.dtype}", "matmul %0 %1 transpose_b", [x, y.T.copy()], [x @ y])
    for k, (s, units, bias, act) in enumerate([((2, 3), 4, True, "linear"), ((1, 1), 1, False, "linear"), ((5,), 3, True, "tanh"),
                                               ((2, 3, 7), 5, True, "relu"), ((0, 3), 2, True, "linear"),
                                               ((3, 17), 9, False, "sigmoid"), ((2, 2, 1, 3), 2, True, "softmax")]):
        seed(f"dense{k}")
        x, w, b = f(*s), f(s[-1], units), f(units)
        y = x.astype(np.float64) @ w + (b if bias else 0)
        y = keras.activations.get(act)(tf.constant(y.astype(np.float32))).numpy() if y.size else y.astype(np.float32)
        text = {"linear": "", "relu": " act=relu(0.0,inf,0.0)"}.get(act, f" act={act}")
        case(f"dense_{k}", f"dense %0 %1{' %2' if bias else ''}{text}", [x, w] + ([b] if bias else []), [y],
             declared={0: [None] + list(s[1:])})
    case("dense_none_bias", "dense %0 %1 -", [np.ones((1, 2), np.float32), np.ones((2, 1), np.float32)],
         [np.full((1, 1), 2, np.float32)])


def numbers(v):
    return ",".join(str(int(i)) for i in v)


def conv():
    begin("conv")
    # spatial, in, out, kernel, stride, dilation, padding, groups
    table = [((7,), 3, 4, (3,), (1,), (1,), "valid", 1), ((7,), 3, 4, (3,), (2,), (1,), "same", 1),
             ((8,), 1, 1, (1,), (1,), (1,), "valid", 1), ((8,), 2, 3, (2,), (3,), (1,), "same", 1),
             ((9,), 2, 3, (3,), (1,), (2,), "same", 1), ((9,), 4, 6, (3,), (1,), (1,), "valid", 2),
             ((9,), 2, 3, (2,), (3,), (1,), "valid", 1), ((9,), 2, 3, (3,), (1,), (2,), "causal", 1),
             ((5, 6), 3, 4, (3, 3), (1, 1), (1, 1), "valid", 1), ((5, 6), 3, 4, (3, 3), (2, 2), (1, 1), "same", 1),
             ((6, 5), 2, 3, (2, 4), (1, 1), (1, 1), "same", 1), ((6, 7), 2, 5, (3, 2), (1, 1), (2, 3), "valid", 1),
             ((6, 7), 2, 5, (3, 2), (1, 1), (2, 3), "same", 1), ((4, 4), 4, 4, (3, 3), (1, 1), (1, 1), "same", 4),
             ((4, 4), 6, 9, (2, 2), (2, 1), (1, 1), "valid", 3), ((1, 1), 2, 2, (1, 1), (1, 1), (1, 1), "valid", 1),
             ((1, 1), 2, 2, (3, 3), (1, 1), (1, 1), "same", 1), ((5, 5), 2, 3, (1, 1), (3, 3), (1, 1), "same", 1),
             ((3, 4, 4), 2, 3, (2, 2, 2), (1, 1, 1), (1, 1, 1), "valid", 1),
             ((3, 4, 5), 2, 3, (2, 3, 2), (2, 1, 2), (1, 1, 1), "same", 1),
             ((5, 4, 3), 2, 2, (2, 2, 2), (1, 1, 1), (2, 1, 1), "same", 1)]
    for k, (space, ci, co, kernel, stride, dilation, padding, groups) in enumerate(table):
        seed(f"conv{k}")
        d = len(space)
        x, w, b = f(2, *space, ci), f(*kernel, ci // groups, co), f(co)
        if padding == "causal":
            layer = layers.Conv1D(co, kernel, stride, padding, dilation_rate=dilation)
            layer.build(x.shape)
            layer.set_weights([w, b])
            y = layer(x).numpy()
        else:
            y = ops.conv(x, w, stride, padding, dilation_rate=dilation).numpy() + b
        pads = {"same": " same", "causal": f" pad_lo={dilation[0] * (kernel[0] - 1)}", "valid": ""}[padding]
        text = f"conv %0 %1 %2 stride={numbers(stride)} dilation={numbers(dilation)}{pads} groups={groups}"
        case(f"conv_{k}", text, [x, w, b], [y], declared={0: [None] * (d + 1) + [ci]} if k % 2 else None)
    seed("conv_pads")
    x, w = f(1, 5, 5, 2), f(3, 3, 2, 3)
    padded = np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0)))
    y = tf.nn.conv2d(padded, w, 2, "VALID").numpy()
    case("conv_pads", "conv %0 %1 stride=2,2 pad_lo=1,2 pad_hi=0,3 act=relu(0.0,inf,0.0)", [x, w], [np.maximum(y, 0)])
    case("conv_crop", "conv %0 %1 pad_lo=-1 pad_hi=-1", [x, w], [tf.nn.conv2d(x[:, 1:-1], w, 1, "VALID").numpy()])
    case("conv_empty", "conv %0 %1 same", [x[:0], w], [np.zeros((0, 5, 5, 3), np.float32)])
    case("conv_softmax", "conv %0 %1 act=softmax", [x, w], [tf.nn.softmax(tf.nn.conv2d(x, w, 1, "VALID")).numpy()])


def depthwise():
    begin("depthwise")
    table = [((7,), 3, 1, (3,), 1, 1, "valid"), ((7,), 3, 2, (3,), 2, 1, "same"), ((8,), 1, 3, (2,), 1, 1, "same"),
             ((5, 6), 3, 1, (3, 3), 1, 1, "same"), ((5, 6), 3, 2, (3, 3), 2, 1, "same"), ((6, 6), 2, 1, (2, 3), 1, 2, "same"),
             ((6, 6), 2, 3, (2, 3), 1, 2, "valid"), ((1, 1), 2, 1, (3, 3), 1, 1, "same"), ((7, 7), 5, 1, (2, 2), 3, 1, "valid")]
    for k, (space, ci, m, kernel, stride, dilation, padding) in enumerate(table):
        seed(f"depthwise{k}")
        d = len(space)
        x, w, b = f(2, *space, ci), f(*kernel, ci, m), f(ci * m)
        y = ops.depthwise_conv(x, w, (stride,) * d, padding, dilation_rate=(dilation,) * d).numpy() + b
        text = f"depthwise %0 %1 %2 stride={numbers([stride] * d)} dilation={numbers([dilation] * d)}"
        case(f"depthwise_{k}", text + (" same" if padding == "same" else ""), [x, w, b], [y])
    seed("depthwise_3d")
    x, w = f(1, 3, 3, 4, 2), f(2, 2, 2, 2, 1)
    y = np.concatenate([tf.nn.conv3d(x[..., c:c + 1], w[..., c:c + 1, :], [1] * 5, "VALID").numpy() for c in range(2)], -1)
    case("depthwise_3d", "depthwise %0 %1", [x, w], [y])
    case("depthwise_pads", "depthwise %0 %1 pad_lo=1 pad_hi=2,0,1 act=tanh", [x, w],
         [np.tanh(np.concatenate([tf.nn.conv3d(np.pad(x, ((0, 0), (1, 2), (0, 0), (0, 1), (0, 0)))[..., c:c + 1],
                                               w[..., c:c + 1, :], [1] * 5, "VALID").numpy() for c in range(2)], -1))])


def conv_transpose():
    begin("conv_transpose")
    table = [((4,), 2, 3, (3,), (1,), 1, "valid", None), ((4,), 2, 3, (3,), (2,), 1, "same", None),
             ((4,), 2, 3, (2,), (3,), 1, "valid", None), ((4,), 2, 3, (2,), (3,), 1, "same", None),
             ((5,), 1, 1, (3,), (2,), 1, "same", 0), ((5,), 1, 1, (3,), (2,), 1, "valid", 1),
             ((3, 4), 2, 3, (3, 3), (2, 2), 1, "same", None), ((3, 4), 2, 3, (3, 2), (2, 1), 1, "valid", None),
             ((3, 4), 2, 3, (4, 4), (2, 2), 1, "same", None), ((3, 3), 2, 2, (3, 3), (1, 1), 2, "same", None),
             ((2, 3, 2), 2, 3, (3, 2, 3), (2, 1, 2), 1, "same", None), ((1, 1), 1, 1, (1, 1), (1, 1), 1, "valid", None)]
    kinds = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
    for k, (space, ci, co, kernel, stride, dilation, padding, output_padding) in enumerate(table):
        seed(f"transpose{k}")
        d = len(space)
        x, w, b = f(2, *space, ci), f(*kernel, co, ci), f(co)
        layer = kinds[d](co, kernel, stride, padding, dilation_rate=dilation, output_padding=output_padding)
        layer.build(x.shape)
        layer.set_weights([w, b])
        y = layer(x).numpy()
        reach = [(n - 1) * dilation + 1 for n in kernel]
        full = [(n - 1) * s + r for n, s, r in zip(space, stride, reach)]
        if padding == "same" and output_padding is None:
            lo = [max(r - s, 0) // 2 for r, s in zip(reach, stride)]
        elif padding == "same":
            lo = [r // 2 for r in reach]
        else:
            lo = [0] * d
        hi = [n - l - o for n, l, o in zip(full, lo, y.shape[1:-1])]
        text = f"conv_transpose %0 %1 %2 stride={numbers(stride)} dilation={numbers([dilation] * d)}"
        case(f"conv_transpose_{k}", f"{text} pad_lo={numbers(lo)} pad_hi={numbers(hi)}", [x, w, b], [y],
             declared={0: [None] * (d + 1) + [ci]})
        case(f"conv_transpose_size_{k}", f"{text} pad_lo={numbers(lo)} size={numbers(y.shape[1:-1])}", [x, w, b], [y])
    seed("transpose_groups")
    x, w = f(1, 3, 3, 4), f(2, 2, 3, 4)
    y = np.concatenate([tf.nn.conv2d_transpose(x[..., g:g + 2], w[..., g:g + 2], (1, 6, 6, 3), 2, "SAME").numpy()
                        for g in (0, 2)], -1)
    case("conv_transpose_groups", "conv_transpose %0 %1 stride=2,2 groups=2 act=relu(0.0,inf,0.0)", [x, w],
         [np.maximum(y, 0)])


def local_conv():
    begin("local_conv")
    for k, (space, ci, co, window, stride) in enumerate([((5,), 2, 3, (2,), (1,)), ((6,), 1, 2, (3,), (2,)),
                                                         ((4, 5), 2, 3, (2, 3), (1, 1)), ((5, 5), 1, 2, (2, 2), (2, 3)),
                                                         ((1,), 1, 1, (1,), (1,))]):
        seed(f"local{k}")
        x = f(2, *space, ci)
        places = [(n - w) // s + 1 for n, w, s in zip(space, window, stride)]
        w = f(int(np.prod(places)), int(np.prod(window)) * ci, co)
        b = f(*places, co)
        y = np.zeros((2, *places, co), np.float32)
        for n, o in enumerate(np.ndindex(*places)):
            cut = tuple(slice(i * s, i * s + q) for i, s, q in zip(o, stride, window))
            y[(slice(None), *o)] = x[(slice(None), *cut)].reshape(2, -1) @ w[n] + b[o]
        case(f"local_conv_{k}", f"local_conv %0 %1 %2 window={numbers(window)} stride={numbers(stride)}", [x, w, b], [y])
    case("local_conv_act", "local_conv %0 %1 window=1 act=tanh", [np.ones((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32)],
         [np.full((1, 1, 1), np.tanh(1), np.float32)])


def pool():
    begin("pool")
    for k, (s, window, stride, padding) in enumerate([
            ((2, 7, 3), (2,), (2,), "valid"), ((2, 7, 3), (3,), (2,), "same"), ((1, 5, 1), (2,), (3,), "valid"),
            ((1, 5, 1), (2,), (3,), "same"), ((2, 5, 6, 2), (2, 2), (2, 2), "valid"), ((2, 5, 6, 2), (3, 3), (1, 1), "same"),
            ((1, 4, 4, 1), (3, 2), (2, 3), "same"), ((1, 1, 1, 2), (3, 3), (2, 2), "same"), ((0, 4, 4, 1), (2, 2), (2, 2), "same"),
            ((1, 3, 4, 5, 2), (2, 2, 2), (2, 2, 2), "valid"), ((1, 3, 4, 5, 2), (2, 3, 2), (1, 2, 2), "same")]):
        seed(f"pool{k}")
        x = f(*s)
        for op, mode in (("max_pool", "max"), ("avg_pool", "average")):
            d = len(window)
            y = ops.max_pool(x, window, stride, padding) if mode == "max" else ops.average_pool(x, window, stride, padding)
            case(f"{op}_{k}", f"{op} %0 window={numbers(window)} stride={numbers(stride)}" + (" same" if padding == "same" else ""),
                 [x], [y.numpy()], declared={0: [None] * (d + 1) + [s[-1]]})
    seed("pool_pads")
    x = f(1, 5, 2)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=-np.inf)
    case("max_pool_pads", "max_pool %0 window=2 stride=2 pad_lo=1 pad_hi=1", [x],
         [tf.nn.max_pool1d(padded, 2, 2, "VALID").numpy()])
    want = np.stack([x[:, 0], x[:, 1:3].mean(1), x[:, 3:5].mean(1)], 1)
    case("avg_pool_pads", "avg_pool %0 window=2 stride=2 pad_lo=1", [x], [want])
    case("max_pool_dilated", "max_pool %0 window=2 dilation=2", [x], [np.maximum(x[:, :-2], x[:, 2:])])
    nan = np.array([[[1], [np.nan], [3], [4]]], np.float32)
    case("max_pool_nan", "max_pool %0 window=2 stride=2", [nan], [np.array([[[np.nan], [4]]], np.float32)])
    for t in (np.int32, np.int64):
        seed(f"whole{t}")
        x = rng.integers(np.iinfo(t).min, np.iinfo(t).max, (2, 5, 6, 2), t, True)
        case(f"max_pool_{np.dtype(t)}", "max_pool %0 window=3,2 stride=2,2 same", [x], [tf.nn.max_pool2d(tf.constant(x), (3, 2), 2, "SAME").numpy()])
    for k, (s, size) in enumerate([((2, 7, 2), (3,)), ((2, 7, 2), (7,)), ((1, 3, 1), (5,)), ((1, 5, 6, 2), (2, 4)),
                                   ((1, 4, 3, 5, 1), (2, 2, 3)), ((1, 1, 1, 1), (1, 1))]):
        seed(f"adaptive{k}")
        x = f(*s)
        d = len(size)
        avg = {1: layers.AdaptiveAveragePooling1D, 2: layers.AdaptiveAveragePooling2D, 3: layers.AdaptiveAveragePooling3D}[d]
        top = {1: layers.AdaptiveMaxPooling1D, 2: layers.AdaptiveMaxPooling2D, 3: layers.AdaptiveMaxPooling3D}[d]
        case(f"adaptive_avg_pool_{k}", f"adaptive_avg_pool %0 size={numbers(size)}", [x], [avg(size)(x).numpy()])
        if size != (1, 1):      # TensorFlow 2.21 divides by zero there
            case(f"adaptive_max_pool_{k}", f"adaptive_max_pool %0 size={numbers(size)}", [x], [top(size)(x).numpy()])


# ---- composites --------------------------------------------------------------------------------------------

def norm():
    begin("norm")
    for k, (s, axis) in enumerate([((3, 4), 1), ((2, 3, 4), 2), ((2, 3, 4), 1), ((2, 3, 2, 5), 3), ((2, 3, 2, 2), 1), ((0, 3), 1)]):
        seed(f"batch{k}")
        x, n = f(*s), s[axis]
        mean, var, gamma, beta = f(n), np.abs(f(n)) + np.float32(0.125), f(n), f(n)
        shape = [1] * len(s)
        shape[axis] = n
        r = lambda a: a.reshape(shape)
        y = tf.nn.batch_normalization(x, r(mean), r(var), r(beta), r(gamma), 1e-3).numpy()
        case(f"batch_norm_{k}", f"batch_norm %0 %1 %2 %3 %4 axis={axis} epsilon=0.001", [x, mean, var, gamma, beta], [y],
             declared={0: [None] + list(s[1:])})
        y = tf.nn.batch_normalization(x, r(mean), r(var), None, r(gamma), 1e-5).numpy()
        case(f"batch_norm_no_beta_{k}", f"batch_norm %0 %1 %2 %3 - axis={axis} epsilon=1e-05", [x, mean, var, gamma], [y])
        y = tf.nn.batch_normalization(x, r(mean), r(var), r(beta), None, 1e-3).numpy()
        case(f"batch_norm_no_gamma_{k}", f"batch_norm %0 %1 %2 - %3 axis={axis} epsilon=0.001", [x, mean, var, beta], [y])
    for k, (s, count) in enumerate([((3, 4), 1), ((2, 3, 9), 1), ((2, 3, 4), 2), ((2, 1), 1), ((2, 2, 3, 2), 3), ((0, 3), 1)]):
        seed(f"layer{k}")
        x, gamma, beta = f(*s), f(*s[-count:]), f(*s[-count:])
        axes = list(range(len(s) - count, len(s)))
        layer = layers.LayerNormalization(axis=axes)
        layer.build(s)
        layer.set_weights([gamma, beta])
        y = layer(x).numpy() if x.size else x
        text = " axes=" + numbers(axes) if count > 1 or k % 2 else ""
        case(f"layer_norm_{k}", f"layer_norm %0 %1 %2{text} epsilon=0.001", [x, gamma, beta], [y])
        layer = layers.LayerNormalization(axis=axes, scale=False, center=False)
        case(f"layer_norm_bare_{k}", f"layer_norm %0{text} epsilon=0.001", [x], [layer(x).numpy() if x.size else x])
        layer = layers.RMSNormalization(axis=axes if count > 1 else -1)
        layer.build(s)
        layer.set_weights([gamma])
        case(f"rms_norm_{k}", f"rms_norm %0 %1{text} epsilon=1e-06", [x, gamma], [layer(x).numpy() if x.size else x])
    x = f(2, 5)
    case("rms_norm_bare", "rms_norm %0 epsilon=1e-06", [x],
         [(x / np.sqrt(np.mean(x.astype(np.float64) ** 2, -1, keepdims=True) + 1e-6)).astype(np.float32)])
    for k, (s, groups) in enumerate([((2, 6), 3), ((2, 4, 6), 2), ((2, 3, 3, 4), 4), ((1, 2, 2, 6), 1), ((2, 2, 2, 2, 4), 2)]):
        seed(f"group{k}")
        x, gamma, beta = f(*s), f(s[-1]), f(s[-1])
        layer = layers.GroupNormalization(groups)
        layer.build(s)
        layer.set_weights([gamma, beta])
        case(f"group_norm_{k}", f"group_norm %0 %1 %2 groups={groups} epsilon=0.001", [x, gamma, beta], [layer(x).numpy()])
        layer = layers.GroupNormalization(groups, scale=False, center=False)
        case(f"group_norm_bare_{k}", f"group_norm %0 groups={groups} epsilon=0.001", [x], [layer(x).numpy()])


def attention():
    begin("attention")
    for k, (b, h, t, s, d, e, m) in enumerate([(1, 1, 1, 1, 1, 1, None), (2, 2, 3, 4, 5, 2, None), (2, 2, 3, 4, 9, 3, (2, 2, 3, 4)),
                                               (2, 3, 4, 4, 2, 2, (4, 4)), (2, 2, 3, 5, 2, 2, (2, 1, 1, 5)),
                                               (2, 2, 3, 5, 2, 2, (2, 1, 3, 1)), (0, 2, 3, 4, 2, 2, None)]):
        seed(f"attention{k}")
        q, key, v = f(b, h, t, d), f(b, h, s, d), f(b, h, s, e)
        alpha = 1 / math.sqrt(d)
        scores = np.einsum("bhtd,bhsd->bhts", q, key).astype(np.float32) * np.float32(alpha)
        on = None
        if m:
            on = mask(*m)
            on[..., 0] = True
            scores = np.where(on, scores, np.float32(-1e30))
        weights = tf.nn.softmax(scores).numpy() if scores.size else scores
        y = np.einsum("bhts,bhse->bhte", weights, v).astype(np.float32)
        case(f"attention_{k}", f"attention %0 %1 %2{' %3' if m else ''} alpha={alpha!r}", [q, key, v] + ([on] if m else []),
             [y, weights])
    seed("mha")
    q, v = f(2, 3, 4), f(2, 5, 4)
    layer = layers.Attention()
    y, w = layer([q, v], return_attention_scores=True)
    case("attention_keras", ["reshape %0 shape=2,1,3,4", "reshape %1 shape=2,1,5,4", "attention %2 %3 %3 alpha=1.0"], [q, v],
         [y.numpy().reshape(2, 1, 3, 4), w.numpy().reshape(2, 1, 3, 5)])
    q, none = f(1, 1, 2, 2), np.array([[True, False, True], [False, False, False]])
    key = f(1, 1, 3, 2)
    score = (q[0, 0] @ key[0, 0].T)
    for uniform in (False, True):
        w = tf.nn.softmax(np.where(none, score, np.float32(-1e30))).numpy()
        w = w if uniform else w * none
        case(f"attention_masked_{uniform}", "attention %0 %1 %1 %2 alpha=1.0" + (" masked_uniform" if uniform else ""),
             [q, key, none], [(w @ key[0, 0])[None, None], w[None, None]])


def act_text(name, key):
    return {"relu": f" {key}=relu(0.0,inf,0.0)", "linear": "", "hard_sigmoid": f" {key}=hard_sigmoid({1 / 6!r},0.5,0.0)"}.get(
        name, f" {key}={name}")


def recurrent():
    begin("recurrent")
    kinds = {"lstm": (layers.LSTM, 4, 2), "gru": (layers.GRU, 3, 1), "rnn": (layers.SimpleRNN, 1, 1)}
    table = [dict(), dict(reverse=True, sequences=True), dict(mask=True, sequences=True), dict(mask=True),
             dict(mask=True, sequences=True, zero_masked=True), dict(mask=True, zero_masked=True), dict(initial=True, sequences=True),
             dict(initial=True, mask=True, reverse=True, sequences=True), dict(act="relu", rec_act="hard_sigmoid", sequences=True),
             dict(act="softmax", sequences=True), dict(units=1, time=1, inputs=1), dict(units=9, inputs=11, sequences=True),
             dict(no_bias=True), dict(initial=True, mask=True)]
    for op, (kind, gates, states) in kinds.items():
        for k, o in enumerate(table):
            for reset in ((True, False) if op == "gru" else (None,)):
                seed(f"{op}{k}{reset}")
                u, t, n, b = o.get("units", 3), o.get("time", 5), o.get("inputs", 2), 3
                x, w, r = f(b, t, n), f(n, gates * u), f(u, gates * u)
                bias = f(2, 3 * u) if reset else f(gates * u)
                act, rec = o.get("act", "tanh"), o.get("rec_act", "sigmoid")
                extra = {} if op == "rnn" else {"recurrent_activation": rec}
                if reset is not None:
                    extra["reset_after"] = reset
                layer = kind(u, activation=act, return_sequences=bool(o.get("sequences")), return_state=True,
                             go_backwards=bool(o.get("reverse")), use_bias=not o.get("no_bias"), **extra)
                layer.zero_output_for_mask = bool(o.get("zero_masked"))
                layer.build(x.shape)
                layer.set_weights([w, r] + ([] if o.get("no_bias") else [bias]))
                on = mask(b, t) if o.get("mask") else None
                if on is not None:
                    on[0] = [False, True, False, True, False]
                    on[1, :] = False
                    on[2, -1] = True
                first = [f(b, u) for _ in range(states)] if o.get("initial") else None
                y = layer(x, mask=on, initial_state=first)
                ins, refs = [x, w, r], "%0 %1 %2"
                for a in [None if o.get("no_bias") else bias, on] + (first or []):
                    refs += " -" if a is None else f" %{len(ins)}"
                    ins += [] if a is None else [a]
                text = f"{op} {refs}" + act_text(act, "act") + (act_text(rec, "rec_act") if op != "rnn" else "")
                for flag in ("reverse", "sequences", "zero_masked"):
                    text += f" {flag}" if o.get(flag) else ""
                text += " reset_after" if reset else ""
                case(f"{op}_{k}" + ("" if reset is None else f"_{reset}"), text, ins, [np.asarray(a) for a in y],
                     declared={0: [None, None, n]})
        x = np.zeros((2, 0, 2), np.float32)
        zeros = [np.zeros((2, 3), np.float32)] * (1 + states)
        seed("no_time")
        case(f"{op}_no_time", f"{op} %0 %1 %2 - act=tanh rec_act=sigmoid" if op != "rnn" else f"{op} %0 %1 %2 - act=tanh",
             [x, f(2, gates * 3), f(3, gates * 3)], zeros)


def conv_lstm():
    begin("conv_lstm")
    kinds = {1: (layers.ConvLSTM1D, tf.nn.conv1d), 2: (layers.ConvLSTM2D, tf.nn.conv2d), 3: (layers.ConvLSTM3D, tf.nn.conv3d)}
    table = [dict(), dict(reverse=True, sequences=True), dict(mask=True, sequences=True), dict(mask=True, zero_masked=True, sequences=True),
             dict(mask=True), dict(initial=True, sequences=True), dict(act="relu", rec_act="hard_sigmoid"), dict(valid=True, sequences=True)]
    for d, (kind, conv) in kinds.items():
        for k, o in enumerate(table if d == 2 else table[:2]):
            seed(f"conv_lstm{d}{k}")
            b, t, n, u, sizes, kernel = 2, 4, 2, 2, [4, 5, 3][:d], [3, 2, 2][:d]
            x, w, r, bias = f(b, t, *sizes, n), f(*kernel, n, 4 * u), f(*kernel, u, 4 * u), f(4 * u)
            act, rec, padding = o.get("act", "tanh"), o.get("rec_act", "sigmoid"), "valid" if o.get("valid") else "same"
            layer = kind(u, kernel, padding=padding, activation=act, recurrent_activation=rec, return_state=True,
                         return_sequences=bool(o.get("sequences")), go_backwards=bool(o.get("reverse")))
            layer.zero_output_for_mask = bool(o.get("zero_masked"))
            layer.build(x.shape)
            layer.set_weights([w, r, bias])
            on = mask(b, t) if o.get("mask") else None
            if on is not None:
                on[0] = [False, True, False, True]
            strides = 1 if d == 1 else [1] * (d + 2)
            z = np.asarray(conv(x.reshape(b * t, *sizes, n), w, strides, padding.upper()) + bias)
            z = z.reshape(b, t, *z.shape[1:])
            first = [f(b, *z.shape[2:-1], u) for _ in range(2)] if o.get("initial") else None
            y = layer(x, mask=on, initial_state=first)
            ins, refs = [z, r], "%0 %1"
            for a in [on] + (first or []):
                refs += " -" if a is None else f" %{len(ins)}"
                ins += [] if a is None else [a]
            text = f"conv_lstm {refs} same" + act_text(act, "act") + act_text(rec, "rec_act")
            for flag in ("reverse", "sequences", "zero_masked"):
                text += f" {flag}" if o.get(flag) else ""
            case(f"conv_lstm{d}_{k}", text, ins, [np.asarray(a) for a in y], declared={0: [None, None, *z.shape[2:]]})


def bits():
    begin("bits")
    named = {"bitwise_and": tf.bitwise.bitwise_and, "bitwise_or": tf.bitwise.bitwise_or, "bitwise_xor": tf.bitwise.bitwise_xor,
             "shift_left": tf.bitwise.left_shift, "shift_right": tf.bitwise.right_shift, "gcd": lambda a, b: np.gcd(a, b)}      # of none below 0
    for op, fn in named.items():
        for t in (np.int32, np.int64):
            for k, (s, r) in enumerate([((4, 9), (4, 9)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((5,), ()), ((0, 2), (2,))]):
                seed(f"{op}{t}{k}")
                a = i32(-1000000, 1000000, *s).astype(t)
                b = i32(-3, 70, *r).astype(t) if op.startswith("shift") else i32(-200, 200, *r).astype(t)
                if op == "gcd":
                    a, b = abs(a), abs(b)
                case(f"{op}_{np.dtype(t)}_{k}", f"{op} %0 %1", [a, b], [np.asarray(fn(a, b))])
            least = np.array([np.iinfo(t).min, np.iinfo(t).max, -1, 0, 1], t)
            if op != "gcd":
                case(f"{op}_{np.dtype(t)}_ends", f"{op} %0 %1", [least, np.array([1, 1, 1, 63, 31], t)], [np.asarray(fn(least, np.array([1, 1, 1, 63, 31], t)))])
        case(f"{op}_zeros", f"{op} %0 %1", [np.zeros(2, np.int32), np.array([0, 6], np.int32)], [np.asarray(fn(np.zeros(2, np.int32), np.array([0, 6], np.int32)))])
    for a, to in ((np.float32, np.int32), (np.float64, np.int64)):
        x = np.array([0.0, -0.0, 1, -1.5, np.inf, 3e-39, 1e30], a)
        case(f"bitcast_{np.dtype(a)}", f"bitcast %0 dtype={np.dtype(to)} from={np.dtype(a)}", [x], [tf.bitcast(x, to).numpy()])
        n = np.array([1, 2, 1065353216, 1073741824], to)
        case(f"bitcast_back_{np.dtype(a)}", f"bitcast %0 dtype={np.dtype(a)} from={np.dtype(to)}", [n], [tf.bitcast(n, a).numpy()])


def scatter():
    begin("scatter")
    put = {"set": tf.tensor_scatter_nd_update, "add": tf.tensor_scatter_nd_add, "max": tf.tensor_scatter_nd_max,
           "min": tf.tensor_scatter_nd_min, "mul": None}
    for mode, fn in put.items():
        for t in (np.float32, np.float64, np.int32, np.int64):
            for k, (s, m) in enumerate([((5, 3), 4), ((6,), 9), ((4, 2, 3), 1), ((3, 2), 0)]):
                seed(f"{mode}{t}{k}")
                x, u = np.round(f(*s) * 8).astype(t), np.round(f(m, *s[1:]) * 8).astype(t)
                index = i32(0, s[0], m)
                if mode == "mul":
                    y = x.copy()
                    np.multiply.at(y, index, u)
                else:
                    y = fn(x, index[:, None], u).numpy()
                case(f"{mode}_{np.dtype(t)}_{k}", f"scatter %0 %1 %2 mode={mode}", [x, index.astype(np.int64) if k == 1 else index, u], [y])
    x, nan = np.array([1, np.nan, 2, np.nan], np.float32), np.array([np.nan, 1, 5, np.nan], np.float32)
    case("max_nan", "scatter %0 %1 %2 mode=max", [x, np.arange(4, dtype=np.int32), nan], [np.fmax(x, nan) * np.array([np.nan, np.nan, 1, 1], np.float32)])
    outside = np.array([-1, 0, 4, 7], np.int32)     # unsorted_segment_sum drops negative ones; those behind are an error on CPU, left out on GPU
    case("outside", "scatter %0 %1 %2 mode=add", [np.zeros(4, np.float32), outside, np.ones(4, np.float32)], [np.array([1, 0, 0, 0], np.float32)])


def matrix():
    begin("matrix")
    for n in (1, 2, 3, 5, 9):
        for batch in ((), (2,), (2, 1)):
            seed(f"matrix{n}{batch}")
            x = f(*batch, n, n)
            turned = np.swapaxes(x, -1, -2)
            pd = (x @ turned + np.eye(n)).astype(np.float32)
            label = f"{n}_{len(batch)}"
            case(f"cholesky_{label}", "cholesky %0", [pd], [tf.linalg.cholesky(pd).numpy()])
            b = f(*batch, n, 3)
            for lower in (True, False):
                for turn in (True, False):
                    y = tf.linalg.triangular_solve(pd, b, lower=lower, adjoint=turn).numpy()
                    case(f"triangular_{label}_{lower}_{turn}", "triangular_solve %0 %1" + (" lower" if lower else "") + (" transpose_a" if turn else ""), [pd, b], [y])
            lu, p = tf.linalg.lu(x)
            case(f"lu_{label}", "lu %0", [x], [lu.numpy(), p.numpy()], declared={0: [None] * (len(batch) + 2)})
            # the signs of eigenvectors follow from the roundings on the way, so that they differ between the dtypes
            for t in (np.float32, np.float64):
                w, v = tf.linalg.eigh((x + turned).astype(t))
                case(f"eigh_{label}_{np.dtype(t)}", [f"cast %0 dtype={np.dtype(t)}", "eigh %1"], [(x + turned).astype(np.float64)],
                     [w.numpy(), v.numpy()])
    case("cholesky_none", "cholesky %0", [np.array([[1, 2], [2, 1]], np.float32)], [np.array([[1, 0], [2, np.nan]], np.float32)])
    case("lu_singular", "lu %0", [np.array([[0, 1], [0, 2]], np.float32)], [np.array([[0, 1], [0, 2]], np.float32), np.array([0, 1], np.int32)])
    case("eigh_zero", "eigh %0", [np.zeros((3, 3), np.float32)], [np.zeros(3, np.float32), np.eye(3, dtype=np.float32)])
    for k, s in enumerate([(1, 1), (3, 3), (5, 3), (3, 5), (2, 4, 3), (6, 1), (1, 6)]):
        seed(f"qr{k}")
        x = f(*s)
        q, r = tf.linalg.qr(x, full_matrices=True)
        case(f"qr_{k}", "qr %0", [x], [q.numpy(), r.numpy()])


for family in (unary, bits, scatter, matrix, cast, activation, binary, reduce, running, softmax, move, image, linear, conv, depthwise, conv_transpose,
               local_conv, pool, norm, attention, recurrent, conv_lstm):
    family()
    out_file.close()
sys.stdout.write(f"tensorflow {tf.__version__}, keras {keras.__version__}, numpy {np.__version__}\n")
