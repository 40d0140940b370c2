"""One case or more for every class of keras.src.ops that cuvier computes: a small functional model of it.

CASES: class -> [(inputs, function of the tensors)]. Inputs are words: a kind, then the sizes of a sample: "f34" is float32 (3, 4);
kinds: f any float, p positive, u in (-1, 1), g above 1, v from 0 to 120, n with NaN, i integers 0..5, b booleans, d float64, h float16, l int64,
c int8, C uint8, s int16, S uint16, U uint32; "=f4" has no batch axis: its whole shape is (4,). Sizes of two digits stand in brackets: "f[12]3".
"""
import re

import keras
import numpy as np
from keras import ops
from keras.src.ops.numpy import Abs, Conj

NP = np


def constant(*shape):
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype("float32")


UNARY = {
    "Abs": ("f34 i34", lambda x: Abs()(x)), "Absolute": ("f34 i34 b3", ops.absolute), "Negative": ("f34 i34", ops.negative),
    "Sign": ("f34 i3", ops.sign), "Square": ("f34 i34 b3 h3", ops.square), "Floor": ("f34 i3", ops.floor), "Ceil": ("f34 i3", ops.ceil),
    "Round": ("f34 i3", ops.round), "Trunc": ("f34 i3", ops.trunc), "Exp": ("f34 i3 h3 d3", ops.exp), "Exp2": ("f34 i3", ops.exp2),
    "Expm1": ("f34", ops.expm1), "Log": ("p34 d3", ops.log), "Log10": ("p34", ops.log10), "Log1p": ("p34", ops.log1p),
    "Log2": ("p34", ops.log2), "Sqrt": ("p34 i3", ops.sqrt), "Rsqrt": ("p34", ops.rsqrt), "Reciprocal": ("p34", ops.reciprocal),
    "Sin": ("f34 i3", ops.sin), "Cos": ("f34", ops.cos), "Tan": ("u34", ops.tan), "Arcsin": ("u34", ops.arcsin),
    "Arccos": ("u34", ops.arccos), "Arctan": ("f34", ops.arctan), "Sinh": ("f34", ops.sinh), "Cosh": ("f34", ops.cosh),
    "Tanh": ("f34", ops.tanh), "Arcsinh": ("f34", ops.arcsinh), "Arccosh": ("g34", ops.arccosh), "Arctanh": ("u34", ops.arctanh),
    "Deg2rad": ("f34", ops.deg2rad), "Rad2deg": ("f34", ops.rad2deg), "Erf": ("f34", ops.erf), "Erfc": ("u34", ops.erfc),
    "Isnan": ("n34 i3", ops.isnan), "Isinf": ("n34", ops.isinf), "Isfinite": ("n34", ops.isfinite),
    "Isneginf": ("n34", ops.isneginf), "Isposinf": ("n34", ops.isposinf), "Isreal": ("f34", ops.isreal), "Cbrt": ("f34", ops.cbrt),
    "Sinc": ("f34", ops.sinc), "Signbit": ("f34", ops.signbit), "LogicalNot": ("b34 f34", ops.logical_not),
    "Copy": ("f34", ops.copy), "Conj": ("f34", lambda x: Conj()(x)), "Conjugate": ("f34", ops.conjugate), "Real": ("f34", ops.real),
    "StopGradient": ("f34", ops.stop_gradient), "Ravel": ("f34", ops.ravel), "OnesLike": ("f34 i3", ops.ones_like),
    "ZerosLike": ("f34 b3", ops.zeros_like), "Size": ("f34", ops.size),
    "Relu": ("f34 i3", ops.relu), "Relu6": ("f34", ops.relu6), "Elu": ("f34", ops.elu), "Selu": ("f34", ops.selu),
    "Sigmoid": ("f34 h3", ops.sigmoid), "Softplus": ("f34", ops.softplus), "Softsign": ("f34", ops.softsign),
    "Silu": ("f34", ops.silu), "HardSigmoid": ("f34", ops.hard_sigmoid), "HardSilu": ("f34", ops.hard_silu),
    "HardTanh": ("f34", ops.hard_tanh), "TanhShrink": ("f34", ops.tanh_shrink), "LogSigmoid": ("f34", ops.log_sigmoid),
    "SparsePlus": ("f34", ops.sparse_plus), "SparseSigmoid": ("f34", ops.sparse_sigmoid), "Sparsemax": ("f34", ops.sparsemax),
    "NanToNum": ("n34 i3", ops.nan_to_num), "Fliplr": ("f34", ops.fliplr), "Flipud": ("f34", ops.flipud),
    "Median": ("f34", lambda x: ops.median(x, axis=1)),
    "Corrcoef": ("=f34", ops.corrcoef), "Fabs": ("f34", lambda x: ops.fabs(x) if hasattr(ops, "fabs") else ops.absolute(x)),
}

BINARY = {
    "Add": ops.add, "Subtract": ops.subtract, "Multiply": ops.multiply, "Maximum": ops.maximum, "Minimum": ops.minimum,
    "Equal": ops.equal, "NotEqual": ops.not_equal, "Less": ops.less, "LessEqual": ops.less_equal, "Greater": ops.greater,
    "GreaterEqual": ops.greater_equal, "Divide": ops.divide, "TrueDivide": ops.true_divide, "Hypot": ops.hypot,
}


def each(function):
    """One model that does the same to every input."""
    return lambda *tensors: [function(x) for x in tensors]


def pairs(f, truth):
    """Tensors of equal and other shapes and dtypes, Python numbers on both sides, an array."""
    def made(x, y, i, j, h, p, q):
        found = [f(x, y), f(x, y[:, :1]), f(x, 2), f(2.0, x), f(x, constant(4)), f(i, j), f(i, x[:, :, 0]), f(i, 2), f(i, 0.5), f(h, i)]
        return found + ([f(p, q)] if truth else [])
    return made


def hypotenuses(x, y, i):
    return [ops.hypot(x, y), ops.hypot(x, y[:, :1]), ops.hypot(i, i)]


def reduced(f, *others):
    """Along one axis, along two that stay, along all."""
    def made(x, *rest):
        return [f(x, axis=1), f(x, axis=(1, -1), keepdims=True), f(x)] + [f(y, axis=-1) for y in rest]
    return made


CASES = {name: [(inputs, each(function))] for name, (inputs, function) in UNARY.items()}
for _name, _function in BINARY.items():
    _truth = _name in ("Equal", "NotEqual", "Less", "Greater") and _name in ("Equal", "NotEqual")
    CASES[_name] = [("f34 f34 i3 i3 h3 b3 b3", pairs(_function, _truth))] if _name != "Hypot" else [("f34 f34 i3", hypotenuses)]

REDUCTIONS = {"Sum": ops.sum, "Mean": ops.mean, "Prod": ops.prod, "Max": ops.max, "Min": ops.min, "Var": ops.var, "Std": ops.std,
              "Amax": ops.amax, "Amin": ops.amin, "All": ops.all, "Any": ops.any, "Logsumexp": ops.logsumexp}
for _name, _function in REDUCTIONS.items():
    _more = {"Logsumexp": "", "Sum": " i34 b34", "Mean": " i34 b34", "Prod": " i34 b34", "Max": " i34 b34", "Min": " i34 b34"}
    CASES[_name] = [("f342" + _more.get(_name, " i34"), reduced(_function))]
for _name in ("Nansum", "Nanmean", "Nanprod", "Nanmax", "Nanmin", "Nanvar", "Nanstd", "Nanargmax", "Nanargmin"):
    CASES[_name] = [("n34", lambda x, f=getattr(ops, _name.lower()): [f(x, axis=1), f(x)])]
for _name in ("Nancumsum", "Nancumprod"):
    CASES[_name] = [("n34", lambda x, f=getattr(ops, _name.lower()): f(x, axis=1))]

CASES.update({
    "Power": [("p34 f34", ops.power), ("f34", lambda x: ops.power(x, 2)), ("i3", lambda x: x ** 2)],
    "FloorDivide": [("f34 p34", ops.floor_divide), ("f34", lambda x: x // 2), ("i3", lambda x: x // 2)],
    "Mod": [("f34 p34", ops.mod), ("f34", lambda x: x % 2), ("i3", lambda x: ops.mod(x, 3))],
    "Fmod": [("f34 p34", ops.fmod), ("i3", lambda x: ops.fmod(x, 3))],
    "DivideNoNan": [("f34 f34", ops.divide_no_nan), ("f34", lambda x: ops.divide_no_nan(x, ops.relu(x)))],
    "Arctan2": [("f34 f34", ops.arctan2)],
    "Fmax": [("n34 f34", ops.fmax)], "Fmin": [("n34 f34", ops.fmin)],
    "Heaviside": [("f34 f34", ops.heaviside), ("i3", lambda x: ops.heaviside(x, np.array(0.5, "float32")))],
    "Ldexp": [("f34 i34", ops.ldexp)],
    "Logaddexp": [("f34 f34", ops.logaddexp)], "Logaddexp2": [("f34 f34", ops.logaddexp2)],
    "LogicalAnd": [("b34 b34", ops.logical_and), ("f34 b34", ops.logical_and)],
    "LogicalOr": [("b34 b34", ops.logical_or)], "LogicalXor": [("b34 b34", ops.logical_xor)],
    "Isclose": [("f34", lambda x: ops.isclose(x, x + 1e-6)), ("i3 i3", ops.isclose), ("n34", lambda x: ops.isclose(x, x, equal_nan=True))],
    "AllClose": [("f34", lambda x: ops.allclose(x, x * 1.0))] if hasattr(ops, "allclose") else [],
    "Where": [("b34 f34 f34", ops.where), ("f34", lambda x: ops.where(x > 0, x, 0.0)), ("i3", lambda x: ops.where(x > 2, x, 0.5)),
              ("f34", lambda x: ops.where(x > 0, 1, x))],
    "Select": [("f34", lambda x: ops.select([x > 1, x > 0], [x, x * 2], 0.0))],
    "IsIn": [("i34", lambda x: ops.isin(x, np.array([1, 4], "int32"))), ("i34", lambda x: ops.isin(x, np.array([1, 4], "int32"), invert=True))],
    "Digitize": [("f34", lambda x: ops.digitize(x, np.array([-1.0, 0.0, 0.5], "float32")))],
    "SearchSorted": [("=f9", lambda x: ops.searchsorted(np.array([-1.0, 0.0, 0.5], "float32"), x)),
                     ("=i9", lambda x: ops.searchsorted(np.array([1, 2, 4], "int32"), x, side="right"))],
    "Clip": [("f34", lambda x: ops.clip(x, -0.5, 1)), ("i34", lambda x: ops.clip(x, 1, 3))],
    "Cast": [("f34", lambda x: ops.cast(x, "int32")), ("i34", lambda x: ops.cast(x, "float32")), ("f34", lambda x: ops.cast(x, "bool")),
             ("b34", lambda x: ops.cast(x, "float16")), ("f34", lambda x: ops.cast(x, "bfloat16")), ("i3", lambda x: ops.cast(x, "int64"))],
    "SaturateCast": [("f34", lambda x: ops.saturate_cast(x * 1e3, "int32"))],
    "ConvertToTensor": [("i34", lambda x: ops.convert_to_tensor(x, dtype="float32"))],
    "Array": [("f34", lambda x: ops.array(x, dtype="int32"))],
    "Round": CASES["Round"] + [("f34", lambda x: ops.round(x, decimals=2))],
    "LeakyRelu": [("f34", lambda x: ops.leaky_relu(x)), ("f34", lambda x: ops.leaky_relu(x, negative_slope=0.4))],
    "Elu": CASES["Elu"] + [("f34", lambda x: ops.elu(x, alpha=0.3))],
    "Celu": [("f34", lambda x: ops.celu(x, alpha=0.5))],
    "Gelu": [("f34", lambda x: ops.gelu(x)), ("f34", lambda x: ops.gelu(x, approximate=False))],
    "Glu": [("f34", lambda x: ops.glu(x)), ("f42", lambda x: ops.glu(x, axis=1))],
    "HardShrink": [("f34", lambda x: ops.hard_shrink(x, 0.3))], "SoftShrink": [("f34", lambda x: ops.soft_shrink(x, 0.3))],
    "Squareplus": [("f34", lambda x: ops.squareplus(x, b=2))], "Threshold": [("f34", lambda x: ops.threshold(x, 0.1, -3.0))],
    "Softmax": [("f34", lambda x: ops.softmax(x)), ("f34", lambda x: ops.softmax(x, axis=1)),
                ("f34", lambda x: ops.softmax(x, axis=None))],
    "LogSoftmax": [("f34", lambda x: ops.log_softmax(x)), ("f34", lambda x: ops.log_softmax(x, axis=1))],
    "Argmax": [("f34", lambda x: ops.argmax(x, axis=1)), ("f34", lambda x: ops.argmax(x)), ("i34", lambda x: ops.argmax(x, axis=-1, keepdims=True))],
    "Argmin": [("f34", lambda x: ops.argmin(x, axis=1)), ("f34", lambda x: ops.argmin(x))],
    "CountNonzero": [("i34", lambda x: ops.count_nonzero(x, axis=1)), ("b34", lambda x: ops.count_nonzero(x))],
    "Cumsum": [("f34", lambda x: ops.cumsum(x, axis=1)), ("f34", lambda x: ops.cumsum(x)), ("b34", lambda x: ops.cumsum(x, axis=1))],
    "Cumprod": [("f34", lambda x: ops.cumprod(x, axis=-1)), ("i34", lambda x: ops.cumprod(x, axis=1, dtype="float32"))],
    "Sort": [("f34", lambda x: ops.sort(x)), ("f34", lambda x: ops.sort(x, axis=1)), ("i34", lambda x: ops.sort(x, axis=1))],
    "Argsort": [("f34", lambda x: ops.argsort(x)), ("f34", lambda x: ops.argsort(x, axis=1))],
    "TopK": [("f34", lambda x: ops.top_k(x, 2))],
    "InTopK": [("=i4 =f45", lambda t, x: ops.in_top_k(t, x, 2))],
    "Ptp": [("f34", lambda x: ops.ptp(x, axis=1))],
    "Average": [("f34", lambda x: ops.average(x, axis=1)), ("f34", lambda x: ops.average(x, axis=1, weights=np.array([1, 2, 3], "float32"))),
                ("f34 p34", lambda x, w: ops.average(x, axis=-1, weights=w))],
    "Moments": [("f34", lambda x: ops.moments(x, axes=[1])), ("f34", lambda x: ops.moments(x, axes=[0, 2], keepdims=True))],
    "Quantile": [("f34", lambda x: ops.quantile(x, 0.3, axis=1)), ("f34", lambda x: ops.quantile(x, np.array([0.25, 0.75]), axis=-1)),
                 ("f34", lambda x: ops.quantile(x, 0.3, axis=[1, 2], keepdims=True)), ("f34", lambda x: ops.quantile(x, 0.3, axis=1, method="nearest")),
                 ("f34", lambda x: ops.quantile(x, 0.3, axis=1, method="midpoint")), ("n34", lambda x: ops.quantile(x, 0.3, axis=1, method="lower"))],
    "Percentile": [("f34", lambda x: ops.percentile(x, 30, axis=1))] if hasattr(ops, "percentile") else [],
    "Normalize": [("f34", lambda x: ops.normalize(x)), ("f34", lambda x: ops.normalize(x, axis=1, order=1)), ("f34", lambda x: ops.normalize(ops.relu(x), axis=1))],
    "Norm": [("f34", lambda x: ops.norm(x, axis=1)), ("f34", lambda x: ops.norm(x, ord=1, axis=-1, keepdims=True)),
             ("f34", lambda x: ops.norm(x, ord=np.inf, axis=1)), ("f34", lambda x: ops.norm(x, ord=3, axis=1)), ("f34", lambda x: ops.norm(x, axis=(1, 2)))],
    "CDist": [("f34 f24", ops.cdist)] if hasattr(ops, "cdist") else [],
    "Diff": [("f34", lambda x: ops.diff(x)), ("f34", lambda x: ops.diff(x, n=2, axis=1))],
    "Trapezoid": [("f34", lambda x: ops.trapezoid(x, dx=0.5)), ("f34", lambda x: ops.trapezoid(x, x=[0.0, 1.0, 3.0, 4.0]))] if hasattr(ops, "trapezoid") else [],
    "Reshape": [("f34", lambda x: ops.reshape(x, (-1, 12))), ("f34", lambda x: ops.reshape(x, (-1, 4, 3))), ("f34", lambda x: ops.reshape(x, (-1,)))],
    "Transpose": [("f342", lambda x: ops.transpose(x, (0, 2, 3, 1))), ("f34", lambda x: ops.transpose(x))],
    "Swapaxes": [("f34", lambda x: ops.swapaxes(x, 1, -1))],
    "Moveaxis": [("f342", lambda x: ops.moveaxis(x, 1, -1)), ("f342", lambda x: ops.moveaxis(x, (1, 2), (3, 1)))],
    "ExpandDims": [("f34", lambda x: ops.expand_dims(x, 1)), ("f34", lambda x: ops.expand_dims(x, (-1, 1)))],
    "Squeeze": [("f314", lambda x: ops.squeeze(x, axis=2)), ("f314", lambda x: ops.squeeze(x))],
    "Concatenate": [("f34 f24", lambda x, y: ops.concatenate([x, y], axis=1)), ("f34 i34", lambda x, y: ops.concatenate([x, y], axis=-1)),
                    ("f34", lambda x: ops.concatenate([x, x], axis=0))],
    "Stack": [("f34 f34", lambda x, y: ops.stack([x, y], axis=1)), ("f34 f34", lambda x, y: ops.stack([x, y]))],
    "Hstack": [("f34 f24", lambda x, y: ops.hstack([x, y]))], "Vstack": [("f34 f34", lambda x, y: ops.vstack([x, y]))],
    "Dstack": [("=f34 =f34", lambda x, y: ops.dstack([x, y]))] if hasattr(ops, "dstack") else [],
    "Append": [("f34 f34", lambda x, y: ops.append(x, y, axis=1)), ("f34 f34", lambda x, y: ops.append(x, y))],
    "Split": [("f34", lambda x: ops.split(x, 2, axis=-1)), ("f52", lambda x: ops.split(x, [1, 4], axis=1))],
    "ArraySplit": [("f52", lambda x: ops.array_split(x, 3, axis=1))] if hasattr(ops, "array_split") else [],
    "Hsplit": [("f42", lambda x: ops.hsplit(x, 2))] if hasattr(ops, "hsplit") else [],
    "Vsplit": [("=f42", lambda x: ops.vsplit(x, 2))] if hasattr(ops, "vsplit") else [],
    "Dsplit": [("f34", lambda x: ops.dsplit(x, 2))] if hasattr(ops, "dsplit") else [],
    "Unstack": [("f34", lambda x: ops.unstack(x, axis=1))],
    "GetItem": [("f34", lambda x: x[:, 0]), ("f34", lambda x: x[..., -1]), ("f34", lambda x: x[:, ::-1, 1:3]), ("f34", lambda x: x[:, None, 1]),
                ("f34", lambda x: x[:, -2:]), ("f342", lambda x: x[:, 1, ..., 0]), ("f34", lambda x: x[1:3, 1]), ("f34", lambda x: x[0])],
    "Flip": [("f34", lambda x: ops.flip(x, axis=1)), ("f34", lambda x: ops.flip(x))],
    "Roll": [("f34", lambda x: ops.roll(x, 1, axis=1)), ("f34", lambda x: ops.roll(x, -2, axis=2)), ("f34", lambda x: ops.roll(x, 2))],
    "Repeat": [("f34", lambda x: ops.repeat(x, 2, axis=1)), ("f34", lambda x: ops.repeat(x, [1, 0, 2], axis=1))],
    "Tile": [("f34", lambda x: ops.tile(x, (1, 2, 1))), ("f34", lambda x: ops.tile(x, (2, 1)))],
    "BroadcastTo": [("=f4", lambda x: ops.broadcast_to(x, (2, 3, 4)))],
    "Pad": [("f34", lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)))), ("f34", lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect")),
            ("f34", lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=3)), ("f34", lambda x: ops.pad(x, ((0, 0), (1, 1), (2, 0)), mode="symmetric"))],
    "Take": [("f34", lambda x: ops.take(x, np.array([0, 2, -1]), axis=1)), ("f34", lambda x: ops.take(x, 1, axis=-1)),
             ("i3", lambda i: ops.take(constant(6, 2), i, axis=0))],
    "TakeAlongAxis": [("f34", lambda x: ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1))],
    "FullLike": [("f34", lambda x: ops.full_like(x, 2.5)), ("i3", lambda x: ops.full_like(x, 2))],
    "Full": [("=f1", lambda v: ops.full((2, 3), v[0]))],
    "EmptyLike": [("f34", lambda x: ops.empty_like(x) * 0)] if hasattr(ops, "empty_like") else [],
    "OneHot": [("i3", lambda x: ops.one_hot(x, 6)), ("i3", lambda x: ops.one_hot(x, 4, axis=1, dtype="int32"))],
    "MultiHot": [("i3", lambda x: ops.multi_hot(x, 6)), ("i3", lambda x: ops.multi_hot(x, 6, dtype="bool"))],
    "Slice": [("=f345", lambda x: ops.slice(x, (0, 1, 2), (3, 2, 2)))],
    "Tril": [("f34", ops.tril), ("f34", lambda x: ops.tril(x, k=-1))], "Triu": [("f34", ops.triu), ("f34", lambda x: ops.triu(x, k=1))],
    "Trace": [("f34", lambda x: ops.trace(x, axis1=1, axis2=2)), ("f33", lambda x: ops.trace(x, offset=1, axis1=1, axis2=2))],
    "Diagonal": [("f34", lambda x: ops.diagonal(x, axis1=1, axis2=2)), ("f34", lambda x: ops.diagonal(x, offset=-1, axis1=1, axis2=2))],
    "Diag": [("=f4", ops.diag), ("=f4", lambda x: ops.diag(x, k=1)), ("=f34", lambda x: ops.diag(x, k=-1))],
    "Diagflat": [("=f22", ops.diagflat)] if hasattr(ops, "diagflat") else [],
    "Rot90": [("f34", lambda x: ops.rot90(x, k=1, axes=(1, 2))), ("f34", lambda x: ops.rot90(x, k=3, axes=(1, 2)))],
    "Kron": [("=f23 =f22", ops.kron)] if hasattr(ops, "kron") else [],
    "Cross": [("f43 f43", lambda x, y: ops.cross(x, y)), ("f42 f42", lambda x, y: ops.cross(x, y)), ("f43 f42", lambda x, y: ops.cross(x, y))],
    "Correlate": [("=f6", lambda x: ops.correlate(x, constant(3))), ("=f6", lambda x: ops.correlate(x, constant(3), mode="full"))],
    "Vander": [("=f3", lambda x: ops.vander(x, N=4)), ("=f3", lambda x: ops.vander(x, increasing=True))] if hasattr(ops, "vander") else [],
    "Meshgrid": [("=f4 =f4", lambda x, y: ops.meshgrid(x, ops.concatenate([y, y]))), ("=f4 =f4", lambda x, y: ops.meshgrid(x, ops.concatenate([y, y]), indexing="ij"))],
    "Linspace": [("f3 f3", lambda x, y: ops.linspace(x, y, num=4)), ("f3 f3", lambda x, y: ops.linspace(x, y, num=4, endpoint=False, axis=-1))],
    "Logspace": [("f3 f3", lambda x, y: ops.logspace(x, y, num=4))],
    "UnravelIndex": [("=i5", lambda x: ops.unravel_index(x, (2, 3)))] if hasattr(ops, "unravel_index") else [],
    "Matmul": [("f34 f42", ops.matmul), ("f34 f34", lambda x, y: x @ ops.transpose(y, (0, 2, 1))), ("f34", lambda x: ops.matmul(x, constant(4, 5))),
               ("f34", lambda x: ops.matmul(x, constant(4))), ("i34 i42", ops.matmul)],
    "Dot": [("f34", lambda x: ops.dot(x, constant(4, 5))), ("=f34 =f34", lambda x, y: ops.dot(x, ops.transpose(y)))],
    "Inner": [("=f34 =f34", ops.inner)], "Vdot": [("=f34 =f34", ops.vdot)], "Outer": [("=f3 =f3", ops.outer)],
    "Tensordot": [("f34", lambda x: ops.tensordot(x, constant(4, 5), axes=1)), ("f34", lambda x: ops.tensordot(x, constant(3, 4, 2), axes=[[1, 2], [0, 1]]))],
    "Einsum": [("f34 f45", lambda x, y: ops.einsum("bij,bjk->bik", x, y)), ("f34 f34", lambda x, y: ops.einsum("bij,bkj->bik", x, y)),
               ("f342 f352", lambda q, k: ops.einsum("bthd,bshd->bhts", ops.transpose(q, (0, 2, 1, 3)), ops.transpose(k, (0, 2, 1, 3)))),
               ("f34", lambda x: ops.einsum("bij->bji", x)), ("f34", lambda x: ops.einsum("bij->b", x)), ("f34 f34", lambda x, y: ops.einsum("...ij,...ij->...i", x, y)),
               ("f3 f4", lambda x, y: ops.einsum("bi,bj->bij", x, y)), ("f34 f4 f3", lambda x, y, z: ops.einsum("bij,bj,bi->b", x, y, z))],
    "SegmentSum": [("=f52 =i5", lambda x, s: ops.segment_sum(x, s, num_segments=6))],
    "Conv": [("f663", lambda x: ops.conv(x, constant(3, 3, 3, 4), padding="same")), ("f664", lambda x: ops.conv(x, constant(2, 2, 4, 4), strides=2)),
             ("f63", lambda x: ops.conv(x, constant(3, 3, 2), dilation_rate=2)), ("f5552", lambda x: ops.conv(x, constant(3, 1, 2, 2, 4)))],
    "DepthwiseConv": [("f663", lambda x: ops.depthwise_conv(x, constant(3, 3, 3, 2), padding="same")), ("f63", lambda x: ops.depthwise_conv(x, constant(3, 3, 1)))],
    "SeparableConv": [("f663", lambda x: ops.separable_conv(x, constant(3, 3, 3, 2), constant(1, 1, 6, 4)))],
    "ConvTranspose": [("f443", lambda x: ops.conv_transpose(x, constant(3, 3, 2, 3), strides=2)), ("f443", lambda x: ops.conv_transpose(x, constant(3, 3, 2, 3), strides=2, padding="same")),
                      ("f43", lambda x: ops.conv_transpose(x, constant(2, 4, 3), strides=3))],
    "MaxPool": [("f663", lambda x: ops.max_pool(x, 2)), ("f663", lambda x: ops.max_pool(x, (3, 2), strides=2, padding="same")), ("f63", lambda x: ops.max_pool(x, 2, strides=1))],
    "AveragePool": [("f663", lambda x: ops.average_pool(x, 2)), ("f663", lambda x: ops.average_pool(x, 3, strides=2, padding="same"))],
    "AdaptiveAveragePool": [("f672", lambda x: ops.adaptive_average_pool(x, (3, 2)))] if hasattr(ops, "adaptive_average_pool") else [],
    "AdaptiveMaxPool": [("f672", lambda x: ops.adaptive_max_pool(x, (3, 2)))] if hasattr(ops, "adaptive_max_pool") else [],
    "BatchNorm": [("f34", lambda x: ops.batch_normalization(x, constant(4), constant(4) ** 2 + 1, -1, offset=constant(4), scale=constant(4) + 2)),
                  ("f34", lambda x: ops.batch_normalization(x, constant(3), constant(3) ** 2 + 1, 1, epsilon=0.1))],
    "LayerNorm": [("f34", lambda x: ops.layer_normalization(x, constant(4), constant(4))), ("f34", lambda x: ops.layer_normalization(x, axis=[1, 2], epsilon=1e-3))],
    "RMSNorm": [("f34", lambda x: ops.rms_normalization(x, constant(4)))],
    "DotProductAttention": [("f426 f526 f526", lambda q, k, v: ops.dot_product_attention(q, k, v)),
                            ("f426", lambda q: ops.dot_product_attention(q, q, q, is_causal=True, scale=0.3))],
    "BinaryCrossentropy": [("f34", lambda x: ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(2 * x))), ("f34", lambda x: ops.binary_crossentropy(ops.sigmoid(x), x, from_logits=True))],
    "CategoricalCrossentropy": [("f34", lambda x: ops.categorical_crossentropy(ops.softmax(x), ops.sigmoid(x))), ("f34", lambda x: ops.categorical_crossentropy(ops.softmax(x), x, from_logits=True))],
    "SparseCategoricalCrossentropy": [("i3 f36", lambda t, x: ops.sparse_categorical_crossentropy(t, ops.softmax(x * 1.0))), ("i3 f36", lambda t, x: ops.sparse_categorical_crossentropy(t, x, from_logits=True))],
    "PSNR": [("f34 f34", lambda x, y: ops.psnr(x, y, 2.0))],
    "DepthToSpace": [("f334", lambda x: ops.depth_to_space(x, 2))] if hasattr(ops, "depth_to_space") else [],
    "SpaceToDepth": [("f443", lambda x: ops.space_to_depth(x, 2))] if hasattr(ops, "space_to_depth") else [],
    "Resize": [("f453", lambda x: ops.image.resize(x, (7, 6))), ("f453", lambda x: ops.image.resize(x, (2, 3), interpolation="nearest")), ("f453", lambda x: ops.image.resize(x, (6, 8), interpolation="bicubic")),
               ("f453", lambda x: ops.image.resize(x, (3, 2), antialias=True)), ("f453", lambda x: ops.image.resize(x, (6, 3), interpolation="lanczos5", antialias=True)),
               ("f453", lambda x: ops.image.resize(x, (9, 4), interpolation="lanczos3"))],
    "CropImages": [("f663", lambda x: ops.image.crop_images(x, top_cropping=1, left_cropping=2, target_height=3, target_width=2))],
    "PadImages": [("f443", lambda x: ops.image.pad_images(x, top_padding=1, left_padding=2, target_height=7, target_width=6))],
    "RGBToGrayscale": [("f443", ops.image.rgb_to_grayscale)], "RGBToHSV": [("p443", lambda x: ops.image.rgb_to_hsv(x / 4.0))],
    "HSVToRGB": [("p443", lambda x: ops.image.hsv_to_rgb(x / 4.0))],
    "ExtractPatches": [("f663", lambda x: ops.image.extract_patches(x, 2)), ("f663", lambda x: ops.image.extract_patches(x, (3, 2), strides=1, padding="same"))],
    "GaussianBlur": [("f663", lambda x: ops.image.gaussian_blur(x)), ("f663", lambda x: ops.image.gaussian_blur(x, kernel_size=(3, 5), sigma=(1.0, 2.0)))],
})


def pd(x):
    """A symmetric positive definite matrix for each sample."""
    return ops.matmul(x, ops.transpose(x, (0, 2, 1))) + np.eye(int(x.shape[-1]), dtype="float32")


SEGMENTS = np.array([0, 2, 0, 3, 2], "int32")
CORNERS = np.array([[0, 0], [0, 5], [5, 0], [5, 5]], "float32")
MOVED = np.array([[0.5, 0.25], [1, 4.5], [4.75, 0], [5, 5.5]], "float32")
SMALL = [1, 0.25, -0.5, 0.1, 0.9, 0.75, 0.01, 0.02]

CASES.update({
    "BitwiseAnd": [("i34 i34", ops.bitwise_and), ("l3 i3", ops.bitwise_and)],
    "BitwiseOr": [("i34 i34", ops.bitwise_or)], "BitwiseXor": [("i34 i34", ops.bitwise_xor), ("i3 l3", lambda x, y: ops.bitwise_xor(x - 3, y))],
    "BitwiseInvert": [("i34", ops.bitwise_invert), ("l3", ops.bitwise_invert)], "BitwiseNot": [("i34", ops.bitwise_not)],
    "BitwiseLeftShift": [("i34 i34", ops.bitwise_left_shift), ("i3", lambda x: ops.bitwise_left_shift(x - 2, 3)),
                         ("i3", lambda x: ops.bitwise_left_shift(x, np.array([40, -1, 31], "int32")))],
    "LeftShift": [("i34 i34", ops.left_shift), ("l3", lambda x: ops.left_shift(x, 40))],
    "BitwiseRightShift": [("i34 i34", ops.bitwise_right_shift), ("i3", lambda x: ops.bitwise_right_shift((x - 2) * 1000, 3))],
    "RightShift": [("i3", lambda x: ops.right_shift(x - 3, np.array([40, -1, 1], "int32"))), ("l3", lambda x: ops.right_shift(x * -1000, 2))],
    "Gcd": [("i34 i34", lambda x, y: ops.gcd(x * 6 - 12, y * 4))], "Lcm": [("i34 i34", lambda x, y: ops.lcm(x * 6 - 12, y * 4))],
    "Nextafter": [("f34 f34", ops.nextafter), ("d34 d34", ops.nextafter), ("d3", lambda x: ops.nextafter(x * 0, x)), ("n34 f34", ops.nextafter)],
    "I0": [("f34", lambda x: ops.i0(x * 10) if hasattr(ops, "i0") else None), ("i3 h3", lambda x, y: [ops.i0(x), ops.i0(y)])],
    "Erfinv": [("u34", ops.erfinv), ("=f2", lambda x: ops.erfinv(ops.tanh(x * 3)))],
    "Angle": [("f34 i3 n3", lambda x, y, z: [ops.angle(x), ops.angle(y - 2), ops.angle(z)])],
    "Imag": [("f34 i3", lambda x, y: [ops.imag(x), ops.imag(y)])],
    "ViewAsReal": [("f34", ops.view_as_real)],
    "Geomspace": [("p3 p3", lambda x, y: ops.geomspace(x, y, num=4)), ("p3 p3", lambda x, y: ops.geomspace(-x, -y, num=5, endpoint=False, axis=-1)),
                  ("p3", lambda x: ops.geomspace(x, 100.0, num=3))],
    "Nanquantile": [("n34", lambda x: ops.nanquantile(x, 0.3, axis=1)), ("n342", lambda x: ops.nanquantile(x, np.array([0.25, 0.75], "float32"), axis=(1, 2))),
                    ("=n34", lambda x: ops.nanquantile(x, 0.6)), ("n34", lambda x: ops.nanquantile(x, 0.3, axis=-1, keepdims=True, method="nearest")),
                    ("n34", lambda x: ops.nanquantile(x, 0.4, axis=1, method="lower")), ("n34", lambda x: ops.nanquantile(x, 0.4, axis=1, method="higher")),
                    ("n34", lambda x: ops.nanquantile(x, 0.4, axis=1, method="midpoint"))],
    "Nanpercentile": [("n34", lambda x: ops.nanpercentile(x, 30, axis=1)), ("n34", lambda x: ops.nanpercentile(x, np.array([10.0, 90.0], "float32"), axis=-1))],
    "Nanmedian": [("n34", lambda x: ops.nanmedian(x, axis=1)), ("=n34", lambda x: ops.nanmedian(x)), ("n34", lambda x: ops.nanmedian(x, axis=1, keepdims=True))],
    "Argpartition": [("=f9", lambda x: ops.argpartition(x * 10, 3)), ("=i9", lambda x: ops.argpartition(x, 0)), ("=i9", lambda x: ops.argpartition(x, 8))],
    "Histogram": [("=f9", lambda x: ops.histogram(x, bins=4)), ("=f9", lambda x: ops.histogram(x, bins=3, range=(-1.0, 1.0)))],
    "Unique": [("=i9", lambda x: ops.unique(x, size=3)), ("=i9", lambda x: ops.unique(x, size=12, fill_value=-7)),
               ("=i34", lambda x: list(ops.unique(x, size=9, return_index=True, return_inverse=True, return_counts=True))),
               ("=f9", lambda x: ops.unique(ops.round(x), size=9))],
    "FFT": [("f34 f34", lambda x, y: ops.fft((x, y))), ("=d8 =d8", lambda x, y: ops.fft((x, y)))], "FFT2": [("f34 f34", lambda x, y: ops.fft2((x, y)))],
    "IFFT2": [("f34 f34", lambda x, y: ops.ifft2((x, y)))],
    "RFFT": [("f37", ops.rfft), ("f38", lambda x: ops.rfft(x, fft_length=5)), ("f38", lambda x: ops.rfft(x, fft_length=12)), ("=f6", ops.rfft)],
    "IRFFT": [("f35 f35", lambda x, y: ops.irfft((x, y))), ("f35 f35", lambda x, y: ops.irfft((x, y), fft_length=7)), ("f35 f35", lambda x, y: ops.irfft((x, y), fft_length=12))],
    "STFT": [("f2[40]", lambda x: ops.stft(x, 8, 3, 10)), ("f[40]", lambda x: ops.stft(x, 8, 4, 8, window="hamming", center=False)),
             ("f[40]", lambda x: ops.stft(x, 7, 4, 8, window=None)), ("f[40]", lambda x: ops.stft(x, 4, 2, 6, window=np.array([1, 2, 3, 4], "float32")))],
    "ISTFT": [("f76 f76", lambda x, y: ops.istft((x, y), 8, 3, 10)), ("f76 f76", lambda x, y: ops.istft((x, y), 10, 4, 10, length=20)),
              ("f75 f75", lambda x, y: ops.istft((x, y), 8, 4, 8, center=False, window="hamming")), ("f275 f275", lambda x, y: ops.istft((x, y), 8, 4, 8, window=None))],
    "ExtractSequences": [("f29", lambda x: ops.extract_sequences(x, 4, 2)), ("f9", lambda x: ops.extract_sequences(x, 3, 5))],
    "Scatter": [("i31 f3", lambda i, x: ops.scatter(ops.reshape(i, (-1, 1)), ops.reshape(x, (-1,)), (6,))),
                ("=i42 =f43", lambda i, x: ops.scatter(i, x, (6, 6, 3))), ("=i51 =f53", lambda i, x: ops.scatter(i, x, (6, 3)))],
    "ScatterUpdate": [("=f63 =i41 =f43", ops.scatter_update), ("=f66 =i42 =f4", lambda x, i, u: ops.scatter_update(x, i, u, reduction="add")),
                      ("=f66 =i42 =f4", lambda x, i, u: ops.scatter_update(x, i, u, reduction="max")), ("=f66 =i42 =f4", lambda x, i, u: ops.scatter_update(x, i, u, reduction="min")),
                      ("=f66 =i42 =f4", lambda x, i, u: ops.scatter_update(x, i, u, reduction="mul")), ("=i66 =i42 =i4", ops.scatter_update)],
    "SliceUpdate": [("=f45 =f22", lambda x, u: ops.slice_update(x, np.array([1, 2]), u)), ("=f45 =i2 =f22", ops.slice_update), ("f34 f32", lambda x, u: ops.slice_update(x, np.array([0, 0, 1]), u))],
    "SegmentMax": [("=f52 =i5", lambda x, s: ops.segment_max(x, s, num_segments=6)), ("=i52", lambda x: ops.segment_max(x, SEGMENTS, num_segments=4))],
    "SegmentMin": [("=f52 =i5", lambda x, s: ops.segment_min(x, s, num_segments=6))],
    "SegmentProd": [("=f523 =i5", lambda x, s: ops.segment_prod(x, s, num_segments=6))],
    "SegmentSum": CASES["SegmentSum"] + [("=i523 =i5", lambda x, s: ops.segment_sum(x, s - 1, num_segments=6))],
    "Rearrange": [("=f46", lambda x: ops.rearrange(x, "(a b) c -> b (c a)", a=2)), ("=f246", lambda x: ops.rearrange(x, "b (h h1) w -> (b h1) h w", h1=2)),
                  ("=f2463", lambda x: ops.rearrange(x, "b h w c -> b (c h w)")), ("f34", lambda x: ops.rearrange(x, "b h w -> b w h"))],
    "Unfold": [("f257", lambda x: ops.unfold(x, 2)), ("f257", lambda x: ops.unfold(x, (3, 2), dilation=(1, 2), padding=(1, 2), stride=(2, 1)))],
    "Fold": [("f88", lambda x: ops.fold(x, (3, 5), 2)), ("f[12][16]", lambda x: ops.fold(x, (5, 6), (3, 2), dilation=(1, 2), padding=(1, 1), stride=(2, 1))),
             ("f42", lambda x: ops.fold(x, (2, 3), 2))],
    "SSIM": [("f996 f996", lambda x, y: ops.image.ssim(x, y, filter_size=5)), ("=f[13][12]3 =f[13][12]3", lambda x, y: ops.image.ssim(x, y, max_val=2.0, filter_sigma=1.0))],
    "SobelEdges": [("f563", ops.image.sobel_edges)],
    "MapCoordinates": [("=f45 =p23", lambda x, c: ops.image.map_coordinates(x, c, 1)), ("=f45 =f23", lambda x, c: ops.image.map_coordinates(x, c * 3, 1, fill_mode="constant", fill_value=0.5)),
                       ("=f45 =f23", lambda x, c: ops.image.map_coordinates(x, c * 3, 0, fill_mode="nearest")), ("=f45 =f23", lambda x, c: ops.image.map_coordinates(x, c * 3, 1, fill_mode="wrap")),
                       ("=f45 =f23", lambda x, c: ops.image.map_coordinates(x, c, 1, fill_mode="reflect")), ("=i45 =f23", lambda x, c: ops.image.map_coordinates(x, c, 1, fill_mode="nearest"))],
    "AffineTransform": [("f563", lambda x: ops.image.affine_transform(x, np.array(SMALL, "float32"))), ("f563", lambda x: ops.image.affine_transform(x, np.array(SMALL, "float32"), interpolation="nearest")),
                        ("f563 f8", lambda x, t: ops.image.affine_transform(x, t * 0.2, fill_value=1.5))] +
                       [("f563", lambda x, m=m: ops.image.affine_transform(x, np.array([1.5, 0.25, -4, 0.1, 1.9, -6, 0, 0], "float32"), fill_mode=m)) for m in ("nearest", "reflect", "wrap")],
    "PerspectiveTransform": [("f663", lambda x: ops.image.perspective_transform(x, CORNERS, MOVED)), ("f663", lambda x: ops.image.perspective_transform(x, CORNERS, MOVED, interpolation="nearest", fill_value=0.5))],
    "ScaleAndTranslate": [("=f563", lambda x, m=m, a=a: ops.image.scale_and_translate(x, (8, 4, 3), np.array([1.4, 0.6], "float32"), np.array([0.3, -0.2], "float32"), (0, 1), m, antialias=a))
                          for m, a in (("linear", True), ("cubic", True), ("lanczos3", False), ("lanczos5", True))],
    "Cholesky": [("f44", lambda x: ops.cholesky(pd(x))), ("f44", lambda x: ops.cholesky(pd(x), upper=True))],
    "CholeskyInverse": [("f44", lambda x: ops.cholesky_inverse(ops.cholesky(pd(x)))), ("f44", lambda x: ops.cholesky_inverse(ops.cholesky(pd(x), upper=True), upper=True))],
    "Det": [("f44 d33", lambda x, y: [ops.det(x), ops.det(y)])], "Slogdet": [("f44", ops.slogdet)], "Logdet": [("f44", lambda x: ops.logdet(pd(x)))],
    "Inv": [("f44", lambda x: ops.inv(pd(x))), ("d33", ops.inv)], "LuFactor": [("=f55", ops.lu_factor)],
    "Solve": [("f44 f43", lambda a, b: ops.solve(pd(a), b)), ("f44 f4", lambda a, b: ops.solve(pd(a), b))],
    "SolveTriangular": [("f44 f43", lambda a, b: ops.solve_triangular(pd(a), b)), ("f44 f4", lambda a, b: ops.solve_triangular(pd(a), b, lower=True))],
    "Qr": [("f44", ops.qr), ("f53", ops.qr), ("f35", ops.qr), ("f53", lambda x: ops.qr(x, mode="complete")), ("d35", lambda x: ops.qr(x, mode="complete"))],
    "Eigh": [("f%d%d" % (n, n), lambda x: ops.eigh(x + ops.transpose(x, (0, 2, 1)))) for n in (1, 2, 3, 5, 8)] + [("d66", lambda x: ops.eigh(x + ops.transpose(x, (0, 2, 1))))],
    "SVD": [("f53", lambda x: ops.svd(x, compute_uv=False)), ("f35", lambda x: ops.svd(x, full_matrices=False, compute_uv=False))],
    "Lstsq": [("=f53 =f5", ops.lstsq), ("=f53 =f52", ops.lstsq), ("=f35 =f3", ops.lstsq), ("=f53 =f5", lambda a, b: ops.lstsq(a, b, rcond=0.6))],
    "MatrixRank": [("f53", ops.matrix_rank), ("f52", lambda x: ops.matrix_rank(ops.matmul(x, ops.transpose(x, (0, 2, 1))))), ("f53", lambda x: ops.matrix_rank(x, tol=1.0))],
    "Pinv": [("f53", ops.pinv), ("f35", ops.pinv), ("f44", lambda x: ops.pinv(x, rcond=0.4))],
    "CTCDecode": [("=f595 =i5", lambda x, n: ops.ctc_decode(x, n + 4)), ("=f595 =i5", lambda x, n: ops.ctc_decode(x, n, merge_repeated=False, mask_index=-1))],
    "CTCLoss": [("=i53 =f596 =i5", lambda t, x, n: ops.ctc_loss(t % 5 + 1, x, n % 4, n + 4)), ("=i53 =f596 =i5", lambda t, x, n: ops.ctc_loss(t % 5, x, n % 3 + 1, n + 1, mask_index=5)),
                ("=i53 =f596 =i5", lambda t, x, n: ops.ctc_loss(t % 5 + 1, x, n % 4, n - 1))],
})


# Integers of few bits: what wraps, what is promoted, what stays. Casts of floats that do not fit are left out: TensorFlow's vectors and
# loops make different numbers of them.
WHOLE_NUMBERS = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x + 3, lambda x, y: 3 - x, lambda x, y: x * 2.5, lambda x, y: x / 2,
    lambda x, y: x // (y * 2 + 1), lambda x, y: x % (y * 2 + 1), lambda x, y: ops.floor_divide(x, 3), lambda x, y: ops.negative(x),
    lambda x, y: ops.absolute(x), lambda x, y: ops.square(x), lambda x, y: ops.sign(x), lambda x, y: ops.maximum(x, y), lambda x, y: ops.minimum(x, 4),
    lambda x, y: x < y, lambda x, y: ops.equal(x, 3), lambda x, y: ops.bitwise_and(x, y), lambda x, y: ops.bitwise_xor(x, y), lambda x, y: ops.bitwise_not(x),
    lambda x, y: ops.left_shift(x, 2), lambda x, y: ops.right_shift(x, 1), lambda x, y: ops.sum(x, axis=1), lambda x, y: ops.sum(x, axis=-1, keepdims=True),
    lambda x, y: ops.mean(x, axis=1), lambda x, y: ops.max(x, axis=1), lambda x, y: ops.min(x, axis=-1), lambda x, y: ops.var(x, axis=1),
    lambda x, y: ops.any(x, axis=1), lambda x, y: ops.argmax(x, axis=1), lambda x, y: ops.argmin(x, axis=-1), lambda x, y: ops.concatenate([x, y], 1),
    lambda x, y: ops.stack([x, y], 1), lambda x, y: ops.where(x > y, x, y), lambda x, y: ops.clip(x, 1, 5), lambda x, y: ops.sqrt(ops.absolute(x)),
    lambda x, y: ops.cast(x, "float32"), lambda x, y: ops.cast(x, "int64"), lambda x, y: ops.cast(x, "bool"), lambda x, y: x + constant(4),
    lambda x, y: ops.expand_dims(x, 1), lambda x, y: ops.flip(x, 1), lambda x, y: ops.pad(x, ((0, 0), (1, 0), (0, 1))), lambda x, y: ops.tile(x, (1, 2, 1)),
    lambda x, y: ops.saturate_cast(x, "uint8"), lambda x, y: ops.saturate_cast(x, "int8"), lambda x, y: ops.saturate_cast(x, "uint32"),
    lambda x, y: ops.subtract(x, ops.cast(y, "int8")), lambda x, y: ops.add(x, ops.cast(y, "uint16")), lambda x, y: ops.multiply(x, ops.cast(y, "uint32")),
    lambda x, y: ops.add(x, ops.cast(y, "int64")), lambda x, y: ops.add(x, ops.cast(y, "float16")), lambda x, y: ops.mod(x, 3),
    lambda x, y: ops.zeros_like(x), lambda x, y: ops.full_like(x, 7)]

# Those that sum, multiply, pick.
MANY = [
    lambda x, i: ops.prod(x % 3, axis=1), lambda x, i: ops.trace(x, axis1=1, axis2=2), lambda x, i: ops.take(x, [2, 0], axis=1),
    lambda x, i: ops.one_hot(i, 6, dtype="uint8"), lambda x, i: ops.one_hot(i % 4, 6), lambda x, i: ops.count_nonzero(x, axis=1),
    lambda x, i: ops.diff(x, axis=1), lambda x, i: ops.repeat(x, 2, axis=1), lambda x, i: ops.roll(x, 1, axis=1),
    lambda x, i: ops.logical_and(x, i[:, :, None]), lambda x, i: ops.matmul(x % 4, ops.transpose(x % 4, (0, 2, 1))),
    lambda x, i: ops.einsum("bij,bkj->bik", x % 4, x % 4)]


def possible(functions, *words):
    """A function that does all of them that this TensorFlow can do with such inputs; it lacks some for integers without sign."""
    def can(function):
        drawn = [draw(word, np.random.default_rng(5)) for word in words]
        inputs = [keras.Input(sizes, dtype=dtype) for _, sizes, dtype, _ in drawn]
        try:
            keras.Model(inputs, function(*inputs))([values for _, _, _, values in drawn])
            return True
        except Exception:       # noqa: BLE001 - whatever it is
            return False
    return lambda *tensors: [f(*tensors) for f in functions if words[0][0] not in "CSU" or can(f)]


CASES["Cast"] = CASES["Cast"] + [(kind + "34 " + kind + "34", possible(WHOLE_NUMBERS, kind + "34", kind + "34")) for kind in "cCsSU"] + [
    (kind + "34", lambda x: [ops.cast(x, t) for t in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")]) for kind in "cCsSUil"] + [
    ("v34", lambda x: [ops.cast(x, t) for t in ("int8", "uint8", "int16", "uint16", "uint32")])]
CASES["Sum"] = CASES["Sum"] + [(kind + "34 " + kind + "3", possible(MANY, kind + "34", kind + "3")) for kind in "cCsS"]
CASES["View"] = [("f34", lambda x: [ops.view(x, t) for t in ("int32", "uint32", "int8", "uint16", "float16", "bfloat16", "float64")]),
                 ("c34", lambda x: [ops.view(x, t) for t in ("uint8", "int16", "uint32", "float32", "int8")]), ("S34", lambda x: [ops.view(x, t) for t in ("int16", "uint8", "int32", "int64")]),
                 ("l32", lambda x: [ops.view(x, t) for t in ("uint64", "int32", "uint8", "float64")]), ("h34", lambda x: [ops.view(x, t) for t in ("int16", "uint8", "uint32", "int64")]),
                 ("U34", lambda x: [ops.view(x, "float32"), ops.view(x, "int32"), ops.view(x, "int64"), ops.view(x, "uint8")])]
CASES["Select"] = CASES["Select"] + [("C34", lambda x: [ops.select([x > 9, x > 4], [x, x + x], 0), ops.select([x > 9, x > 4], [x, x + x], 0.0)]),
                                     ("s34 f34", lambda x, y: ops.select([x > 9, x > 4], [x, y], 0))]
CASES["Resize"] = CASES["Resize"] + [("C453", lambda x: [ops.image.resize(x, (7, 6), interpolation="nearest"), ops.image.resize(x, (8, 10))])]
CASES["MaxPool"] = CASES["MaxPool"] + [("C663", lambda x: ops.max_pool(x, 2, 1, "same")), ("i663", lambda x: ops.max_pool(x, 3, 2))]
CASES["Fmod"] = CASES["Fmod"] + [("C34 C34", lambda x, y: [ops.fmod(x, (y * 2 + 1)), ops.fmod(x, 5)]), ("c34 c34", lambda x, y: ops.fmod(x, (y * 2 + 1)))]
for _name in ("SegmentMax", "SegmentMin"):
    CASES[_name] = CASES[_name] + [("=C52 =i5", lambda x, s, f=getattr(ops, "segment_max" if _name == "SegmentMax" else "segment_min"): f(x, s, num_segments=7))]


CASES["Bincount"] = [("i6", lambda x: ops.bincount(x, minlength=7)), ("i6 f6", lambda x, w: ops.bincount(x, weights=w, minlength=6)), ("i6 i6", lambda x, w: ops.bincount(x, weights=w, minlength=9)),
                     ("l6", lambda x: ops.bincount(x, minlength=6)), ("=i5", lambda x: ops.bincount(x, minlength=6))]


def joined(cases):
    """Cases with the same inputs become one model with several outputs."""
    by_inputs = {}
    for words, function in cases:
        by_inputs.setdefault(words, []).append(function)
    return [(words, (lambda *tensors, all_of=functions: [f(*tensors) for f in all_of])) for words, functions in by_inputs.items()]


APART = {name: cases for name, cases in CASES.items() if cases}
CASES = {name: joined(cases) for name, cases in APART.items()}
# Whose result means little, or is not defined, on numbers near the limits.
APART_FLOATS = ("CTCDecode CTCLoss Det Inv Cholesky CholeskyInverse Eigh Lstsq LuFactor Pinv Qr SVD Solve SolveTriangular MatrixRank Logdet MapCoordinates "
                "ScaleAndTranslate PerspectiveTransform AffineTransform SSIM PSNR Nextafter Vander ISTFT IRFFT").split()
SMALL = {"c": "int8", "C": "uint8", "s": "int16", "S": "uint16", "U": "uint32"}


def sizes(word):
    """The sizes that a word states."""
    return tuple(int(n or c) for n, c in re.findall(r"\[(\d+)\]|(\d)", word.lstrip("=")[1:]))


def draw(word, rng):
    """(shape without batch or with it, dtype, values of four samples)"""
    whole = word.startswith("=")
    kind, sample = word.lstrip("=")[0], sizes(word)
    shape = sample if whole else (4,) + sample
    x = np.round(rng.standard_normal(shape) * 64) / 64
    if kind == "p":
        x = np.abs(x) + 0.25
    elif kind == "u":
        x = np.clip(x, -2, 2) / 2.5
    elif kind == "g":
        x = np.abs(x) + 1.25
    elif kind == "n":
        x = np.where(rng.random(shape) < 0.25, np.nan, x)
    elif kind == "v":
        x = np.abs(x) * 30
    elif kind in "il":
        x = rng.integers(0, 6, shape)
    elif kind == "b":
        x = rng.random(shape) < 0.5
    elif kind in SMALL:     # half of them near the limits
        limits = np.iinfo(SMALL[kind])
        x = np.where(rng.random(shape) < 0.5, rng.integers(limits.min, limits.max, shape, "int64", True), rng.integers(0, 6, shape))
    dtype = {**SMALL, "i": "int32", "b": "bool", "d": "float64", "h": "float16", "l": "int64"}.get(kind, "float32")
    return whole, sample, dtype, np.asarray(x).astype(dtype)
