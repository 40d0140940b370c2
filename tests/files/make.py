#!/usr/bin/env python3
"""Writes single files for the readers: good-*, bad-* and unsupported-*, and README.md with a line about each.

Needs numpy, h5py and nothing else. A function's name is the file's; it returns the bytes, or writes to the path given.
"""
import io
import json
import os
import pickle
import struct
import sys
import zipfile

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = []


def file(ending):
    def register(function):
        FILES.append((function, ending))
        return function
    return register


def npy(descr="'<f4'", shape="(2, 3)", order="False", data=None, version=1, header=None, length=None):
    """An .npy by hand; every part can be wrong."""
    text = header if header is not None else "{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)
    raw = text.encode("utf-8") + b"\n"
    size = len(raw) if length is None else length
    head = b"\x93NUMPY" + bytes([version, 0]) + (struct.pack("<H", size) if version == 1 else struct.pack("<I", size))
    return head + raw + (np.arange(6, dtype="<f4").tobytes() if data is None else data)


def saved(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def object_npy(payload):
    return npy(descr="'|O'", shape="(1,)", data=payload)


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return out.getvalue()


def dense_layer(name="dense", units=2, **config):
    return {"module": "keras.layers", "class_name": "Dense", "registered_name": None,
            "config": {"name": name, "trainable": True, "units": units, "activation": "linear", "use_bias": True, **config}}


def sequential(layers, shape=(None, 3)):
    first = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
             "config": {"batch_shape": list(shape), "dtype": "float32", "name": "input_layer"}}
    return {"module": "keras", "class_name": "Sequential", "registered_name": None,
            "config": {"name": "sequential", "trainable": True, "layers": [first] + layers}}


def text(value):
    return json.dumps(value).encode()


def weights_h5(fill):
    """A version 3 weights file whose first layer is filled by fill(group)."""
    out = io.BytesIO()
    with h5py.File(out, "w") as f:
        fill(f.create_group("layers/dense/vars"))
    return out.getvalue()


def kernel_and_bias(group, **options):
    group.create_dataset("0", data=np.arange(6, dtype="f4").reshape(3, 2), **options)
    group.create_dataset("1", data=np.arange(2, dtype="f4"))


# ---- NumPy


@file(".npy")
def good_version_1():
    """A float32 array, format 1.0."""
    return npy()


@file(".npy")
def good_version_2():
    """Format 2.0: a header length of four bytes."""
    return npy(version=2)


@file(".npy")
def good_version_3():
    """Format 3.0 with a field name outside ASCII (structured; no Keras weight looks so)."""
    return npy(version=3, descr="[('gewicht\u00e4', '<f4')]", shape="(6,)")


@file(".npy")
def good_fortran():
    """Columns first."""
    return npy(order="True")


@file(".npy")
def good_big_endian():
    """Most significant byte first."""
    return npy(descr="'>f4'", data=np.arange(6, dtype=">f4").tobytes())


@file(".npy")
def good_half():
    """float16."""
    return saved(np.linspace(-2, 2, 6).astype(np.float16))


@file(".npy")
def good_scalar():
    """No dimensions at all."""
    return saved(np.float32(3.5))


@file(".npy")
def good_no_elements():
    """A dimension of zero."""
    return saved(np.zeros((0, 4), np.float32))


@file(".npy")
def good_unpadded_header():
    """A header that ends at no multiple of 16, keys in another order, double quotes, long integers of Python 2."""
    return npy(header='{"shape": (2L, 3L), "fortran_order": False, "descr": "<f4"}')


@file(".npy")
def good_object_list():
    """An object array of two arrays."""
    out = np.empty(2, dtype=object)
    out[0], out[1] = np.ones((3, 2), np.float32), np.zeros(2, np.float32)
    return saved(out, allow_pickle=True)


def protocol(number):
    arrays = [np.ones((3, 2), np.float32), np.zeros(2, np.float32)]
    return pickle.dumps({"dense": arrays, "count": 2, "name": "dense", "rate": 0.5, "none": None, "flags": (True, False)}, number)


@file(".pkl")
def good_protocol_2():
    """A dictionary of arrays, pickle protocol 2."""
    return protocol(2)


@file(".pkl")
def good_protocol_4():
    """The same, protocol 4."""
    return protocol(4)


@file(".pkl")
def good_protocol_5():
    """The same, protocol 5 with buffers inside."""
    return protocol(5)


@file(".pkl")
def good_protocol_0():
    """The same, protocol 0: text."""
    return protocol(0)


@file(".npy")
def bad_header_cut():
    """Ends inside the header."""
    return npy()[:40]


@file(".npy")
def bad_data_cut():
    """Two of six numbers are missing."""
    return npy()[:-8]


@file(".npy")
def bad_header_call():
    """The header is an expression that would run if it were evaluated."""
    return npy(header="{'descr': __import__('os').name, 'fortran_order': False, 'shape': (2, 3)}")


@file(".npy")
def bad_header_list():
    """The header is a list."""
    return npy(header="['<f4', False, (2, 3)]")


@file(".npy")
def bad_header_key():
    """The header has no shape."""
    return npy(header="{'descr': '<f4', 'fortran_order': False}")


@file(".npy")
def bad_header_length():
    """A header of 4 GiB is announced."""
    return npy(version=2, length=0xFFFFFFF0)


@file(".npy")
def bad_negative():
    """A dimension of minus one."""
    return npy(shape="(-1, 3)")


@file(".npy")
def bad_overflow():
    """The product of the dimensions is zero modulo 2**64."""
    return npy(shape="(4294967296, 4294967296)")


@file(".npy")
def bad_huge():
    """A terabyte is announced, 24 bytes follow."""
    return npy(shape="(274877906944,)")


@file(".npy")
def bad_nested_header():
    """Ten thousand brackets in the header."""
    return npy(version=2, header="{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 10000 + ")" * 10000 + "}")


@file(".npy")
def unsupported_version_9():
    """Format 9.0."""
    return npy(version=9)


@file(".npy")
def bad_object_count():
    """An object array of two, whose pickle holds one."""
    out = np.empty(1, dtype=object)
    out[0] = np.ones(2, np.float32)
    return saved(out, allow_pickle=True).replace(b"'shape': (1,)", b"'shape': (2,)")


# ---- pickles: opcodes by hand, never loaded


@file(".pkl")
def bad_system():
    """Calls os.system."""
    return b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."


@file(".pkl")
def bad_system_text():
    """Calls os.system, protocol 0, opcode INST."""
    return b"(S'true'\nios\nsystem\n."


@file(".npy")
def bad_object_eval():
    """An object array whose element is builtins.eval('1')."""
    return object_npy(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.")


@file(".pkl")
def bad_global_by_memo():
    """The forbidden name comes from the memo: a scan of the text would miss it."""
    return b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x04true\x85R."


@file(".pkl")
def bad_numpy_load():
    """A name inside numpy that is not a constructor of arrays."""
    return b"\x80\x04\x8c\x05numpy\x8c\x04load\x93\x8c\x0a/etc/hosts\x85R."


@file(".pkl")
def bad_laughs():
    """A list that doubles sixty times through the memo."""
    body = b"\x80\x02]q\x00"
    for i in range(60):
        body += b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e"
    return body + b"."


@file(".pkl")
def bad_deep():
    """A list inside a list, twenty thousand times."""
    return b"\x80\x02" + b"]" * 20000 + b"a" * 19999 + b"."


@file(".pkl")
def bad_self():
    """A list that contains itself."""
    return b"\x80\x02]q\x00h\x00a."


@file(".pkl")
def bad_stack():
    """Takes more from the stack than is there."""
    return b"\x80\x02aaaa."


@file(".pkl")
def bad_persistent():
    """A persistent id: the object is somewhere else."""
    return b"\x80\x02X\x01\x00\x00\x00aQ."


@file(".pkl")
def bad_extension():
    """A class by its number in the registry of extensions."""
    return b"\x80\x02\x82\x01)R."


@file(".pkl")
def bad_array_state():
    """An ndarray whose state claims four billion elements and holds none."""
    return (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01\x8a\x05\x00\x00\x00\x00\x01\x85"
            b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x00tb.")


@file(".pkl")
def unsupported_model():
    """A pickled Keras model: a class that would have to be imported."""
    return b"\x80\x04\x8c\x16keras.src.models.model\x8c\x05Model\x93)\x81}b."


# ---- zip


@file(".npz")
def good_stored():
    """Two arrays, stored."""
    return zipped([("arr_1.npy", npy()), ("arr_0.npy", npy(shape="(3, 2)"))])


@file(".npz")
def good_deflated():
    """The same, deflated."""
    return zipped([("arr_0.npy", npy()), ("arr_1.npy", npy(shape="(6,)"))], zipfile.ZIP_DEFLATED)


@file(".npz")
def good_comment():
    """An archive with a comment at its end."""
    return zipped([("arr_0.npy", npy())])[:-2] + struct.pack("<H", 5) + b"hello"


@file(".npz")
def bad_bomb():
    """48 MiB of zeros in 48 kB."""
    return zipped([("arr_0.npy", npy(shape="(12582912,)", data=bytes(48 << 20)))], zipfile.ZIP_DEFLATED)


@file(".npz")
def bad_twice():
    """Two members of one name: which one counts is anybody's guess."""
    return zipped([("arr_0.npy", npy()), ("arr_0.npy", npy(shape="(3, 2)"))])


@file(".npz")
def bad_crc():
    """A byte of the data is not what its checksum says."""
    raw = bytearray(zipped([("arr_0.npy", npy())]))
    raw[raw.index(np.arange(6, dtype="<f4").tobytes()) + 4] ^= 0xFF
    return bytes(raw)


@file(".npz")
def bad_local_name():
    """The local header calls the member otherwise than the directory does."""
    return zipped([("arr_0.npy", npy())]).replace(b"arr_0.npy", b"arr_9.npy", 1)


@file(".npz")
def bad_cut():
    """The directory at the end is missing."""
    return zipped([("arr_0.npy", npy())])[:-40]


@file(".keras")
def bad_outside():
    """A member that would unpack outside its folder."""
    return zipped([("metadata.json", b'{"keras_version": "3.15.1"}'), ("config.json", text(sequential([dense_layer()]))),
                   ("assets/../../../etc/cron.d/job", b"* * * * * root true\n")])


@file(".npz")
def unsupported_encrypted():
    """The member is marked as encrypted."""
    raw = bytearray(zipped([("arr_0.npy", npy())]))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


# ---- HDF5


@file(".weights.h5")
def good_contiguous():
    """A version 3 weights file of one Dense layer, as Keras writes it."""
    return weights_h5(kernel_and_bias)


@file(".weights.h5")
def good_compressed():
    """Chunked, shuffled and deflated: not by Keras, but h5repack does so."""
    return weights_h5(lambda g: kernel_and_bias(g, chunks=(2, 2), compression="gzip", shuffle=True))


@file(".weights.h5")
def good_latest():
    """Newest file structures (superblock 3, compact links)."""
    out = io.BytesIO()
    with h5py.File(out, "w", libver="latest") as f:
        kernel_and_bias(f.create_group("layers/dense/vars"))
    return out.getvalue()


@file(".weights.h5")
def good_backslash():
    """Keras 2.14 on Windows: one link name with a backslash in it."""
    out = io.BytesIO()
    with h5py.File(out, "w") as f:
        kernel_and_bias(f.create_group("layers\\dense").create_group("vars"))
    return out.getvalue()


@file(".weights.h5")
def bad_external_link():
    """A link into another file."""
    return weights_h5(lambda g: (kernel_and_bias(g), g.__setitem__("2", h5py.ExternalLink("/etc/hosts", "/x"))))


@file(".weights.h5")
def bad_soft_link():
    """A soft link that points at itself."""
    return weights_h5(lambda g: (kernel_and_bias(g), g.__setitem__("2", h5py.SoftLink("/layers/dense/vars/2"))))


@file(".weights.h5")
def bad_external_storage():
    """A dataset whose numbers lie in another file."""
    def fill(group):
        kernel_and_bias(group)
        group.create_dataset("2", shape=(2,), dtype="f4", external=[("/etc/hosts", 0, 8)])
    return weights_h5(fill)


@file(".weights.h5")
def bad_virtual():
    """A dataset put together from other files."""
    def fill(group):
        layout = h5py.VirtualLayout(shape=(2,), dtype="f4")
        layout[:] = h5py.VirtualSource("/etc/hosts", "x", shape=(2,))
        kernel_and_bias(group)
        group.create_virtual_dataset("2", layout)
    out = io.BytesIO()
    with h5py.File(out, "w", libver="latest") as f:
        fill(f.create_group("layers/dense/vars"))
    return out.getvalue()


@file(".weights.h5")
def bad_declared():
    """A dataset of 4 TiB without a byte stored."""
    def fill(group):
        group.create_dataset("0", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1 << 10, 1 << 10))
        group.create_dataset("1", data=np.zeros(2, "f4"))
    return weights_h5(fill)


@file(".weights.h5")
def bad_ring():
    """A group that contains itself."""
    def fill(group):
        kernel_and_bias(group)
        group["again"] = group
    return weights_h5(fill)


@file(".weights.h5")
def bad_half():
    """The second half is missing."""
    raw = weights_h5(kernel_and_bias)
    return raw[:len(raw) // 2]


@file(".h5")
def bad_signature():
    """The signature and nothing behind it."""
    return b"\x89HDF\r\n\x1a\n"


# ---- configurations


@file(".json")
def good_markup_in_names():
    """Layer names with markup and quotes, which writers must escape."""
    return text(sequential([dense_layer("<script>alert(1)</script>"), dense_layer("a\"b'c`d${e}"), dense_layer("*/ int x; /*")]))


@file(".json")
def good_nan():
    """Python's NaN and Infinity, which JSON does not have."""
    return text(sequential([dense_layer(), {"module": "keras.layers", "class_name": "ReLU", "registered_name": None,
                "config": {"name": "re_lu", "max_value": float("inf"), "negative_slope": 0.0, "threshold": 0.0}}]))


@file(".json")
def bad_deep_json():
    """Twenty thousand brackets."""
    return b"[" * 20000 + b"]" * 20000


@file(".json")
def bad_deep_models():
    """A model in a model, five hundred deep."""
    before, after = text(sequential([{"here": 1}])).split(b'{"here": 1}')
    return before * 500 + text(dense_layer()) + after * 500


@file(".json")
def bad_comma():
    """A comma too many, as editing by hand leaves it."""
    return text(sequential([dense_layer()])).replace(b"]}", b"],}", 1)


@file(".json")
def bad_units_huge():
    """A layer of 2**62 units."""
    return text(sequential([dense_layer(units=1 << 62)]))


@file(".json")
def bad_units_negative():
    """A layer of minus two units."""
    return text(sequential([dense_layer(units=-2)]))


@file(".json")
def bad_units_text():
    """The number of units is a word."""
    return text(sequential([dense_layer(units="many")]))


@file(".json")
def bad_names_twice():
    """Two layers of one name."""
    return text(sequential([dense_layer("twin"), dense_layer("twin")]))


@file(".json")
def bad_path_in_name():
    """A layer's name that is a path out of the folder (CVE-2026-12479)."""
    return text(sequential([dense_layer("../../../../tmp/evil")]))


@file(".json")
def unsupported_torch():
    """TorchModuleWrapper, which unpickles (CVE-2025-49655)."""
    return text(sequential([{"module": "keras.layers", "class_name": "TorchModuleWrapper", "registered_name": None,
                             "config": {"name": "torch", "module": {"class_name": "__bytes__", "config": {"value": "gAJ9Lg=="}}}}]))


@file(".json")
def unsupported_outside_model():
    """TFSMLayer, which loads another file (CVE-2026-1462)."""
    return text(sequential([{"module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None,
                             "config": {"name": "tfsm", "filepath": "/tmp/saved_model", "call_endpoint": "serve"}}]))


@file(".json")
def unsupported_any_function():
    """A module and a function of the attacker's choice in place of a layer (CVE-2025-1550)."""
    return text(sequential([{"module": "subprocess", "class_name": "Popen", "registered_name": None, "config": {"args": ["true"]}}]))


# ---- safetensors


def safetensors(header, data=bytes(24), length=None):
    raw = header if isinstance(header, bytes) else text(header)
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


F32 = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@file(".safetensors")
def good_one():
    """One float32 tensor and metadata."""
    return safetensors({"__metadata__": {"format": "np"}, "dense.kernel": F32})


@file(".safetensors")
def bad_overlap():
    """Two tensors share bytes."""
    return safetensors({"a": F32, "b": {"dtype": "F32", "shape": [3], "data_offsets": [12, 24]}})


@file(".safetensors")
def bad_hole():
    """Bytes that belong to no tensor."""
    return safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]}})


@file(".safetensors")
def bad_outside_data():
    """A tensor that ends behind the file."""
    return safetensors({"a": {"dtype": "F32", "shape": [200], "data_offsets": [0, 800]}})


@file(".safetensors")
def bad_shape():
    """The shape does not fit the number of bytes."""
    return safetensors({"a": {"dtype": "F32", "shape": [7], "data_offsets": [0, 24]}})


@file(".safetensors")
def bad_name_twice():
    """One name twice in the header."""
    return safetensors(b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"a":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}')


@file(".safetensors")
def bad_header_outside():
    """A header of 2**63 bytes is announced."""
    return safetensors({"a": F32}, length=1 << 63)


# ---- things that are no model


@file(".bin")
def unsupported_random():
    """Noise."""
    return np.random.default_rng(0).bytes(512)


@file(".pt")
def unsupported_torch_archive():
    """A zip archive as PyTorch writes it."""
    return zipped([("archive/data.pkl", b"\x80\x02}."), ("archive/version", b"3\n")])


@file(".txt")
def unsupported_text():
    """Plain text."""
    return b"Not a model, just words.\n"


def readme():
    rows = ["# Files for the readers", "",
            "`good-*` can be read, `bad-*` are damaged or hostile, `unsupported-*` are well-formed and beyond cuvier. Written by",
            "`make.py`; run by `test_files.py`, and the seeds of the fuzz targets.", "", "| file | what it is |", "|---|---|"]
    rows += ["| `%s` | %s |" % (name_of(f, ending), " ".join(f.__doc__.split())) for f, ending in FILES]
    with open(os.path.join(HERE, "README.md"), "w") as f:
        f.write("\n".join(rows) + "\n")


def name_of(function, ending):
    return function.__name__.replace("_", "-") + ending


def main(wanted):
    for function, ending in FILES:
        name = name_of(function, ending)
        if not wanted or name in wanted:
            with open(os.path.join(HERE, name), "wb") as f:
                f.write(function())
    readme()


if __name__ == "__main__":
    main(sys.argv[1:])
