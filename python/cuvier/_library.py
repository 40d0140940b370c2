"""libcuvier by ctypes: the functions of cuvier.h that the package calls, with their types. Nothing here decides anything."""
import ctypes
import ctypes.util
import glob
import os
from ctypes import POINTER, Structure, byref, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

MAX_RANK = 8
OK, NO = 0, 1


class Limits(Structure):
    _fields_ = [("file_bytes", c_uint64), ("tensor_bytes", c_uint64), ("expansion", c_uint64), ("config_bytes", c_uint64),
                ("items", c_uint64), ("depth", c_uint32), ("layers", c_uint32), ("memory_bytes", c_uint64), ("seconds", c_double)]


class Finding(Structure):
    _fields_ = [("severity", c_int), ("status", c_int), ("id", c_char_p), ("message", c_char_p), ("file", c_char_p), ("layer", c_char_p),
                ("tensor", c_char_p), ("expected", c_char_p), ("found", c_char_p), ("notes", c_char_p), ("help", c_char_p)]


class String(Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class Array(Structure):
    _fields_ = [("dtype", c_int), ("rank", c_int), ("shape", c_int64 * MAX_RANK), ("data", c_void_p), ("name", c_char_p)]


class RunOptions(Structure):
    _fields_ = [("threads", c_int), ("reference", c_bool), ("cache", c_char_p), ("precision", c_int)]


class WriteOptions(Structure):
    _fields_ = [("keras", c_int), ("weights_only", c_bool), ("beside_config", c_bool), ("weights_file", c_bool), ("batch", c_int64),
                ("input_shapes", POINTER(c_char_p)), ("input_shape_count", c_size_t)]


class Verified(Structure):
    _fields_ = [("name", c_char_p), ("max_abs", c_double), ("max_rel", c_double), ("values", c_size_t), ("differing", c_size_t), ("ok", c_bool)]


class Verification(Structure):
    _fields_ = [("ok", c_bool), ("rtol", c_double), ("atol", c_double), ("samples", c_size_t), ("count", c_size_t), ("outputs", POINTER(Verified))]


# name: result, arguments
FUNCTIONS = {
    "version": (c_char_p, []),
    "context_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "context_free": (None, [c_void_p]),
    "context_limits": (POINTER(Limits), [c_void_p]),
    "context_hdf5": (None, [c_void_p, c_int]),
    "finding_count": (c_size_t, [c_void_p]),
    "finding_at": (POINTER(Finding), [c_void_p, c_size_t]),
    "findings_clear": (None, [c_void_p]),
    "findings_report": (c_int, [c_void_p, c_bool, c_bool, POINTER(c_void_p)]),
    "dtype_name": (c_char_p, [c_int]),
    "text_free": (None, [c_void_p, c_void_p]),
    "evidence_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "evidence_free": (None, [c_void_p]),
    "evidence_add_file": (c_int, [c_void_p, c_char_p]),
    "evidence_add_memory": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t]),
    "evidence_map": (c_int, [c_void_p, c_char_p]),
    "evidence_input_shape": (c_int, [c_void_p, c_char_p]),
    "evidence_samples": (c_int, [c_void_p, c_char_p]),
    "evidence_custom": (c_int, [c_void_p, c_char_p]),
    "evidence_backend": (c_int, [c_void_p, c_char_p]),
    "evidence_keras_version": (c_int, [c_void_p, c_char_p]),
    "evidence_strict": (None, [c_void_p, c_bool]),
    "evidence_candidates": (None, [c_void_p, c_size_t]),
    "evidence_report": (c_int, [c_void_p, c_bool, POINTER(c_void_p)]),
    "evidence_has_selftest": (c_bool, [c_void_p]),
    "scan": (c_int, [c_void_p, POINTER(c_char_p), c_size_t, c_bool, POINTER(c_void_p)]),
    "rebuild": (c_int, [c_void_p, POINTER(c_void_p)]),
    "rebuild_structure": (c_int, [c_void_p, POINTER(c_void_p)]),
    "model_free": (None, [c_void_p]),
    "model_check": (None, [c_void_p]),
    "model_name": (c_char_p, [c_void_p]),
    "model_input_count": (c_size_t, [c_void_p]),
    "model_output_count": (c_size_t, [c_void_p]),
    "model_input": (c_int, [c_void_p, c_size_t, POINTER(Array)]),
    "model_output": (c_int, [c_void_p, c_size_t, POINTER(Array)]),
    "model_weight_count": (c_size_t, [c_void_p]),
    "model_weight": (c_int, [c_void_p, c_size_t, POINTER(Array)]),
    "model_summary": (c_int, [c_void_p, c_uint, POINTER(c_void_p)]),
    "model_rebuild_json": (c_int, [c_void_p, POINTER(c_char_p), POINTER(c_void_p)]),
    "model_decisions": (c_int, [c_void_p, c_bool, POINTER(c_void_p)]),
    "result_count": (c_size_t, [c_void_p]),
    "result_at": (POINTER(Array), [c_void_p, c_size_t]),
    "result_free": (None, [c_void_p]),
    "model_predict": (c_int, [c_void_p, POINTER(Array), c_size_t, POINTER(RunOptions), POINTER(c_void_p)]),
    "model_reset_states": (None, [c_void_p]),
    "model_verify": (c_int, [c_void_p, c_void_p, c_double, c_double, POINTER(RunOptions), POINTER(POINTER(Verification))]),
    "verification_free": (None, [c_void_p, POINTER(Verification)]),
    "model_diff": (c_int, [c_void_p, c_void_p, c_double, c_double, POINTER(RunOptions), POINTER(c_void_p)]),
    "diff_text": (c_int, [c_void_p, c_void_p, c_bool, POINTER(c_void_p)]),
    "diff_free": (None, [c_void_p, c_void_p]),
    "model_write": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(WriteOptions)]),
    "model_forms": (POINTER(c_char_p), []),
}


def _path():
    """CUV_LIBRARY, the library that was built into the package, or the system's."""
    told = os.environ.get("CUV_LIBRARY")
    if told:
        return told
    beside = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libcuvier.*")))
    found = beside[0] if beside else ctypes.util.find_library("cuvier")
    if not found:
        raise ImportError("libcuvier is not there: install the package with pip, or the library with `cmake --install`, "
                          "or name the file in the environment variable CUV_LIBRARY")
    return found


class Library:
    """cuv_NAME as lib.NAME."""

    def __init__(self):
        loaded = ctypes.CDLL(_path())
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(loaded, "cuv_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)


lib = Library()


def text_of(context, function, *arguments):
    """(status, text) of a function whose last argument is a text that the caller frees; the text may be None."""
    out = c_void_p()
    status = function(*arguments, byref(out))
    text = ctypes.string_at(out).decode("utf-8") if out else None
    lib.text_free(context, out)
    return status, text
