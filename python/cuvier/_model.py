"""Rebuilding, looking, running, verifying, writing: a thin layer over cuvier.h."""
import collections
import ctypes
import io
import json
import os
import tempfile
import threading
from ctypes import byref, c_void_p

import numpy as np

from ._arrays import from_library, to_library
from ._errors import take_findings
from ._library import NO, Array, RunOptions, Verification as _Verification, WriteOptions, lib, text_of

PRECISIONS = ("f32", "bf16", "int8")
Output = collections.namedtuple("Output", "name max_abs max_rel values differing ok")
Verification = collections.namedtuple("Verification", "ok rtol atol samples outputs")


def _bytes(path):
    return os.fsencode(os.fspath(path))


class _Context:
    """A context of the library. It is one thread's at a time: whoever calls holds the lock."""

    def __init__(self, memory=0, seconds=0, libhdf5=True):
        self.pointer = c_void_p()
        self.lock = threading.RLock()
        if lib.context_new(None, byref(self.pointer)):
            raise MemoryError("no context of libcuvier can be made")
        limits = lib.context_limits(self.pointer).contents
        limits.memory_bytes, limits.seconds = int(memory), float(seconds)
        if not libhdf5:
            lib.context_hdf5(self.pointer, 1)

    def must(self, status, *allowed):
        if status not in allowed:
            take_findings(self.pointer, status)
        else:
            lib.findings_clear(self.pointer)
        return status

    def text(self, function, *arguments, allowed=()):
        status, text = text_of(self.pointer, function, *arguments)
        self.must(status, *allowed)
        return text

    def __del__(self):
        lib.context_free(self.pointer)


def _add_item(context, evidence, item, place):
    """A path, (name, bytes), an array, or a list or dict of arrays."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], (bytes, bytearray)):
        data = bytes(item[1])
        return lib.evidence_add_memory(evidence, str(item[0]).encode(), data, len(data))
    if isinstance(item, (str, os.PathLike)):
        return lib.evidence_add_file(evidence, _bytes(item))
    name, packed = "weights%s" % (place or ""), io.BytesIO()
    if isinstance(item, dict):
        np.savez(packed, **{str(key): np.asarray(value) for key, value in item.items()})
        name += ".npz"
    elif isinstance(item, np.ndarray) and item.dtype != object:
        np.save(packed, item)
        name += ".npy"
    elif isinstance(item, (list, tuple, np.ndarray)):
        _save_list(packed, item)
        name += ".npy"
    else:
        raise TypeError("evidence is a path, (name, bytes), an array, or a list or dict of arrays; not %s" % type(item).__name__)
    data = packed.getvalue()
    return lib.evidence_add_memory(evidence, name.encode(), data, len(data))


def _save_list(packed, items):
    """An object array of arrays, or of lists of arrays, as people save model.get_weights()."""
    objects = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        objects[i] = [np.asarray(part) for part in item] if isinstance(item, (list, tuple)) else np.asarray(item)
    np.save(packed, objects, allow_pickle=True)


def _pairs(given):
    """NAME=VALUE texts of a dict; lists are joined by commas."""
    for name, value in (given or {}).items():
        yield ("%s=%s" % (name, ",".join(map(str, value)) if isinstance(value, (list, tuple)) else os.fspath(value))).encode()


class _Samples:
    """Samples as a file: a path as it is, else (x, y) or a dict of arrays in a file that is gone afterwards."""

    def __init__(self, given):
        self.folder = None
        self.path = given
        if not isinstance(given, (str, os.PathLike)):
            self.folder = tempfile.TemporaryDirectory(prefix="cuvier-")
            self.path = os.path.join(self.folder.name, "samples.npz")
            np.savez(self.path, **(given if isinstance(given, dict) else self._numbered(given)))

    @staticmethod
    def _numbered(given):
        if not isinstance(given, (list, tuple)) or len(given) != 2:
            raise TypeError("samples are a path, a dict of arrays, or (inputs, outputs)")
        arrays = {}
        for letter, values in zip("xy", given):
            several = isinstance(values, (list, tuple))
            arrays.update({"%s%d" % (letter, i): v for i, v in enumerate(values)} if several else {letter: values})
        return arrays

    def __enter__(self):
        return _bytes(self.path)

    def __exit__(self, *_):
        if self.folder:
            self.folder.cleanup()


def _shape_text(shape):
    return ",".join("?" if size is None else str(size) for size in shape).encode()


def _evidence(context, items, samples_path=None, map=None, custom=None, input_shapes=(), keras_version=None, backend=None, strict=False, top=0):
    evidence = c_void_p()
    context.must(lib.evidence_new(context.pointer, byref(evidence)), 0)
    try:
        for i, item in enumerate(items):
            context.must(_add_item(context, evidence, item, i), 0)
        for text in _pairs(map):
            context.must(lib.evidence_map(evidence, text), 0)
        for text in _pairs(custom):
            context.must(lib.evidence_custom(evidence, text), 0)
        for shape in input_shapes:
            context.must(lib.evidence_input_shape(evidence, _shape_text(shape)), 0)
        if keras_version:
            context.must(lib.evidence_keras_version(evidence, keras_version.encode()), 0)
        if backend:
            context.must(lib.evidence_backend(evidence, backend.encode()), 0)
        if samples_path is not None:
            context.must(lib.evidence_samples(evidence, samples_path), 0)
    except BaseException:
        lib.evidence_free(evidence)
        raise
    lib.evidence_strict(evidence, strict)
    lib.evidence_candidates(evidence, top)
    return evidence


def rebuild(*evidence, samples=None, map=None, custom=None, input_shapes=(), keras_version=None, backend=None, strict=False, top=0,
            structure=False, memory=0, seconds=0, libhdf5=True):
    """Puts a model together from what is left of it, and returns it.

    evidence      paths of files in any order, recognised by their content: .npy, .npz, pickles, .h5, .weights.h5, .keras, JSON and YAML
                  configurations, Keras code, SavedModels, checkpoints, safetensors, TensorFlow.js; (name, bytes); arrays, lists of arrays
                  (model.get_weights()) or dicts of them
    samples       inputs and outputs of the original: a path of .npz (x, y; x0, y0, ...), a dict of such arrays, or (inputs, outputs)
    map           {layer: tensors}, by hand: {"dense": ["weights.npy[0]", "biases.npy[0]"]}
    custom        {class or layer: path of Keras code that stands in for it}
    input_shapes  shapes without the batch, None for an unknown size, where nothing tells them
    keras_version which Keras made the model ("3.4.1"), where the files do not say it
    backend       on what the model was made ("tensorflow", "jax", "torch", "theano"), where the files do not say it
    strict        nothing may be assumed
    top           so many candidates where the architecture is recovered (Model.candidates)
    structure     without weights: layers, shapes and counts alone
    memory, seconds   limits for this and later calls; 0: none
    libhdf5       False: refuse HDF5 files beyond what Keras writes

    CuvierError says why it cannot be done; warnings come as CuvierWarning."""
    context = _Context(memory, seconds, libhdf5)
    with context.lock, _Samples(samples) if samples is not None else _Nothing() as path:
        held = _evidence(context, evidence, path, map, custom, input_shapes, keras_version, backend, strict, top)
        pointer = c_void_p()
        try:
            status = (lib.rebuild_structure if structure else lib.rebuild)(held, byref(pointer))
        except BaseException:
            lib.evidence_free(held)
            raise
        model = Model._of(context, held, pointer)
        if pointer and not structure:
            lib.model_check(pointer)        # NaN and infinite weights are warnings
        take_findings(context.pointer, status)
        return model


class _Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


class Model:
    """A rebuilt model. Made by rebuild(); may be used by several threads, one after the other."""

    _pointer = _evidence = None

    def __init__(self):
        raise TypeError("cuvier.rebuild() makes models")

    @classmethod
    def _of(cls, context, evidence, pointer):
        self = object.__new__(cls)
        self._context, self._evidence, self._pointer = context, evidence, pointer
        return self

    def __del__(self):
        lib.model_free(self._pointer)
        lib.evidence_free(self._evidence)

    def __repr__(self):
        return "<cuvier.Model %r: %s -> %s>" % (self.name, [shape for _, _, shape in self.inputs], [shape for _, _, shape in self.outputs])

    @property
    def name(self):
        return lib.model_name(self._pointer).decode()

    def _ends(self, count, function):
        ends = []
        for i in range(count(self._pointer)):
            a = Array()
            self._context.must(function(self._pointer, i, byref(a)), 0)
            shape = tuple(None if size < 0 else size for size in a.shape[:a.rank])
            ends.append((a.name.decode() if a.name else None, lib.dtype_name(a.dtype).decode(), shape))
        return ends

    @property
    def inputs(self):
        """[(name, dtype, shape)]; the batch is the first size, None where unknown."""
        return self._ends(lib.model_input_count, lib.model_input)

    @property
    def outputs(self):
        """[(name, dtype, shape)]"""
        return self._ends(lib.model_output_count, lib.model_output)

    @property
    def weights(self):
        """{"dense/kernel": array}, layer by layer; copies. None for what a structure lacks."""
        with self._context.lock:
            found = {}
            for i in range(lib.model_weight_count(self._pointer)):
                a = Array()
                self._context.must(lib.model_weight(self._pointer, i, byref(a)), 0)
                found[a.name.decode()] = from_library(a) if a.data or 0 in a.shape[:a.rank] else None
            return found

    def _document(self):
        with self._context.lock:
            return json.loads(self._context.text(lib.model_rebuild_json, self._pointer, None, allowed=(0,)))

    @property
    def layers(self):
        """What model.layers of Keras lists: dicts with name, class_name, output_shape, params, trainable, inbound."""
        return self._document()["model"]["layers"]

    @property
    def decisions(self):
        """Every decision of the rebuild: dicts with layer, field, value, evidence (certain, inferred, assumed, verified), why, alternatives."""
        return self._document()["decisions"]

    @property
    def candidates(self):
        """Architectures with their scores, where the architecture was recovered."""
        return self._document()["candidates"]

    def summary(self, width=0):
        """The table of model.summary() in Keras 3 as text, `width` characters wide (0: as Keras chooses for a file)."""
        with self._context.lock:
            return self._context.text(lib.model_summary, self._pointer, width, allowed=(0,))

    def predict(self, x, threads=0, reference=False, precision="f32", cache=None):
        """The model's outputs for one array, a list of arrays in the order of the inputs, or a dict by their names; the first axis is the
        batch. One output comes as an array, several as a list. `precision`: "bf16" or "int8" compute large products in fewer bits. `cache`:
        a file or folder for packed weights."""
        arrays = self._in_order(x)
        held = [to_library(a, "input %s" % name) for (name, _, _), a in zip(self.inputs, arrays)]
        given = (Array * len(held))(*[a for a, _ in held])
        options = RunOptions(threads, reference, _bytes(cache) if cache else None, PRECISIONS.index(precision))
        result = c_void_p()
        with self._context.lock:
            status = lib.model_predict(self._pointer, given, len(held), byref(options), byref(result))
            take_findings(self._context.pointer, status)
            try:
                outputs = [from_library(lib.result_at(result, i).contents) for i in range(lib.result_count(result))]
            finally:
                lib.result_free(result)
        return outputs[0] if len(outputs) == 1 else outputs

    __call__ = predict

    def _in_order(self, x):
        names = [name for name, _, _ in self.inputs]
        if isinstance(x, dict):
            missing, unknown = [n for n in names if n not in x], [n for n in x if n not in names]
            if missing or unknown:
                raise ValueError("the inputs are %s; missing: %s, unknown: %s" % (names, missing, unknown))
            return [x[name] for name in names]
        arrays = list(x) if isinstance(x, (list, tuple)) and len(names) > 1 else [x]
        if len(arrays) != len(names):
            raise ValueError("the model has %d inputs (%s); %d arrays were given" % (len(names), ", ".join(map(str, names)), len(arrays)))
        return arrays

    def reset_states(self):
        """Stateful recurrent layers begin with zeros again."""
        with self._context.lock:
            lib.model_reset_states(self._pointer)

    def verify(self, samples=None, rtol=1e-4, atol=1e-5):
        """Runs the model on inputs of the original and compares: a Verification with ok, and by output max_abs, max_rel and how many values
        lie outside of the tolerances. Without samples: those that the rebuild had, or the self-test of a file that cuvier wrote."""
        with self._context.lock:
            held = self._evidence
            out = ctypes.POINTER(_Verification)()
            if samples is not None:
                with _Samples(samples) as path:
                    held = _evidence(self._context, (), path)
            try:
                status = lib.model_verify(self._pointer, held, rtol, atol, None, byref(out))
                if not out:
                    take_findings(self._context.pointer, status)
                self._context.must(status, 0, NO)
                v = out.contents
                outputs = [Output(o.name.decode(), o.max_abs, o.max_rel, o.values, o.differing, o.ok) for o in v.outputs[:v.count]]
                return Verification(v.ok, v.rtol, v.atol, v.samples, outputs)
            finally:
                if out:
                    lib.verification_free(self._context.pointer, out)
                if held is not self._evidence:
                    lib.evidence_free(held)

    def save(self, path, format=None, keras=3, weights_only=False):
        """Writes the model, whole or not at all, in the form of the path's end or `format`: .keras, .h5, .weights.h5, .json, .py, .npz,
        .safetensors, .onnx, .c, .dot, .svg, .html. `keras=2`: for Keras 2.15."""
        options = WriteOptions(keras=keras, weights_only=weights_only)
        with self._context.lock:
            status = lib.model_write(self._pointer, _bytes(path), format.encode() if format else None, byref(options))
            take_findings(self._context.pointer, status)


def inspect(*evidence):
    """What files hold: a list of dicts with path, format, keras_version, backend, tensors, layers, dangers."""
    context = _Context()
    held = _evidence(context, evidence)
    try:
        return json.loads(context.text(lib.evidence_report, held, True, allowed=(0,)))["files"]
    finally:
        lib.evidence_free(held)


def scan(*paths):
    """What in files could run code, read other files or exhaust the machine; nothing of them is run. A dict with clean and findings."""
    context = _Context()
    names = (ctypes.c_char_p * len(paths))(*map(_bytes, paths))
    return json.loads(context.text(lib.scan, context.pointer, names, len(paths), True, allowed=(0, NO)))


def diff(a, b, rtol=1e-4, atol=1e-5):
    """What changed between two models, each given as evidence: a path or a list of them. A dict with same, structure, config, weights, outputs."""
    context, held, models, found = _Context(), [], [], c_void_p()
    try:
        for items in (a, b):
            held.append(_evidence(context, items if isinstance(items, list) else [items]))
            models.append(c_void_p())
            context.must(lib.rebuild(held[-1], byref(models[-1])), 0)
        context.must(lib.model_diff(models[0], models[1], rtol, atol, None, byref(found)), 0, NO)
        return json.loads(context.text(lib.diff_text, context.pointer, found, True, allowed=(0,)))
    finally:
        if found:
            lib.diff_free(context.pointer, found)
        for model in models:
            lib.model_free(model)
        for evidence in held:
            lib.evidence_free(evidence)
