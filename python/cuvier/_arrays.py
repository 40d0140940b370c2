"""NumPy arrays to and from those of the library. bfloat16 and float8 need the package ml_dtypes; without it bfloat16 comes as float32."""
import ctypes

import numpy as np

from ._library import MAX_RANK, Array, String

NAMES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16", "float32", "float64",
         "float8_e4m3fn", "float8_e5m2", "string")
BFLOAT16, STRING = NAMES.index("bfloat16"), NAMES.index("string")


def _small_floats():
    try:
        import ml_dtypes
        return ml_dtypes
    except ImportError:
        return None


def from_library(a):
    """A copy."""
    shape = tuple(a.shape[:a.rank])
    count = int(np.prod(shape, dtype=np.int64))
    if a.dtype == STRING:
        strings = ctypes.cast(a.data, ctypes.POINTER(String))
        flat = np.empty(count, dtype=object)
        for i in range(count):
            flat[i] = ctypes.string_at(strings[i].data, strings[i].size).decode("utf-8", "replace")
        return flat.reshape(shape)
    small = _small_floats()
    name = NAMES[a.dtype]
    if name.startswith(("bfloat", "float8")):
        kind = np.dtype(getattr(small, name)) if small else np.dtype(np.uint16 if a.dtype == BFLOAT16 else np.uint8)
    else:
        kind = np.dtype(name)
    data = ctypes.string_at(a.data, count * kind.itemsize) if count else b""
    out = np.frombuffer(data, dtype=kind).reshape(shape).copy()
    if not small and a.dtype == BFLOAT16:
        return (out.astype(np.uint32) << 16).view(np.float32)
    if not small and name.startswith("float8"):
        raise TypeError("values of %s need the package ml_dtypes" % name)
    return out


def to_library(value, what):
    """(Array, what has to stay alive with it)."""
    x = np.asarray(value)
    if x.dtype.kind in "OUS":
        return _strings(x, what)
    if x.dtype.name not in NAMES:
        raise TypeError("%s: no array of numbers or strings, but of %s" % (what, x.dtype))
    if x.ndim > MAX_RANK:
        raise ValueError("%s has %d axes; at most %d can be used" % (what, x.ndim, MAX_RANK))
    x = np.ascontiguousarray(x.astype(x.dtype.newbyteorder("="), copy=False)).reshape(x.shape)
    return _array(NAMES.index(x.dtype.name), x.shape, x.ctypes.data), x


def _strings(x, what):
    texts = []
    for text in x.ravel().tolist():
        if not isinstance(text, (str, bytes)):
            raise TypeError("%s: strings were expected, but one value is of %s" % (what, type(text).__name__))
        texts.append(text.encode("utf-8") if isinstance(text, str) else text)
    buffers = [ctypes.create_string_buffer(text, len(text) + 1) for text in texts]
    strings = (String * max(len(texts), 1))(*[String(ctypes.addressof(b), len(t)) for b, t in zip(buffers, texts)])
    return _array(STRING, x.shape, ctypes.addressof(strings)), (buffers, strings)


def _array(dtype, shape, address):
    return Array(dtype, len(shape), (ctypes.c_int64 * MAX_RANK)(*shape), address, None)
