"""cuvier scan: each class of danger is found and named, in every carrier that can hold it; harmless files are clean.
What the mechanisms are is public (CVE numbers beside the cases); the files are made here and hold nothing that runs."""
import base64
import hashlib
import io
import json
import os
import pickle
import zipfile

import h5py
import numpy as np
import pytest

from support import SHARED, TESTS, as_json, cuvier

CODE = bytes(range(1, 90))
TEXT = base64.b64encode(CODE).decode()
DIGEST = hashlib.sha256(CODE).hexdigest()


def layer(class_name, module="keras.layers", registered=None, **config):
    return {"module": module, "class_name": class_name, "registered_name": registered, "config": {"name": "suspect", **config}}


def model(*layers):
    first = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
             "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "input_layer"}}
    return {"module": "keras", "class_name": "Sequential", "registered_name": None,
            "config": {"name": "sequential", "trainable": True, "layers": [first, *layers]}}


CASES = {
    # CVE-2024-3660: bytecode of Keras 3, of Keras 2
    "lambda3": (layer("Lambda", function={"class_name": "__lambda__", "config": {"code": TEXT, "defaults": None, "closure": None}}),
                "danger.lambda", "warning", DIGEST),
    "lambda2": (layer("Lambda", function=[TEXT, None, None], function_type="lambda"), "danger.lambda", "warning", DIGEST),
    "lambda shape": (layer("Lambda", function="f", function_type="function", output_shape=[TEXT, None, None], output_shape_type="lambda"),
                     "danger.lambda", "warning", "89 bytes"),
    # CVE-2025-1550: any module
    "module": (layer("Popen", module="subprocess", args=["true"]), "danger.module", "error", "'subprocess'"),
    "author's module": (layer("Mine", module="my_package.layers"), "danger.module", "warning", "'my_package.layers'"),
    # CVE-2025-8747, CVE-2025-9906: Keras's own functions
    "get_file": (layer("get_file", module="keras.utils"), "danger.gadget", "error", "get_file"),
    "unsafe": (layer("enable_unsafe_deserialization", module="keras.config"), "danger.gadget", "error", "enable_unsafe_deserialization"),
    # CVE-2025-49655, CVE-2026-1462
    "torch": (layer("TorchModuleWrapper", module="keras.utils"), "danger.torch", "error", "pickled"),
    "saved model": (layer("TFSMLayer", filepath="/tmp/elsewhere"), "danger.saved_model", "error", "/tmp/elsewhere"),
    # CVE-2025-12058
    "vocabulary": (layer("StringLookup", vocabulary="/etc/passwd"), "danger.vocabulary", "warning", "/etc/passwd"),
    "address": (layer("StringLookup", vocabulary="http://169.254.169.254/"), "danger.address", "warning", "169.254.169.254"),
    # CVE-2026-12479, and code injection through names
    "path": (layer("Dense", name="../../x", units=2), "danger.path", "warning", "../../x"),
    "markup": (layer("Dense", name="<img src=x>", units=2), "danger.markup", "warning", "<img src=x>"),
    "control": (layer("Dense", name="a\x1b[2Jb", units=2), "danger.markup", "warning", "\\x1b"),
}


def as_config(path, config):
    path.write_text(json.dumps(config))


def as_archive(path, config):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": "3.15.0", "date_saved": "2026-01-01@00:00:00"}))
        z.writestr("config.json", json.dumps(config))


def as_h5(path, config):
    with h5py.File(path, "w") as f:
        f.attrs["model_config"] = json.dumps(config)
        f.attrs["keras_version"] = "2.15.0"
        f.create_group("model_weights").attrs["layer_names"] = np.array([], "S1")


@pytest.mark.parametrize("write", [as_config, as_archive, as_h5])
@pytest.mark.parametrize("case", CASES)
def test_class_of_danger(case, write, tmp_path):
    suspect, code, severity, words = CASES[case]
    path = tmp_path / {as_config: "m.json", as_archive: "m.keras", as_h5: "m.h5"}[write]
    write(path, model(suspect))
    document = as_json("scan", path, status=1)
    assert document["clean"] is False
    found = [f for f in document["findings"] if f["code"] == code and f["severity"] == severity]
    assert found and any(words in f["what"] for f in found), document
    assert all(f["file"] == str(path) and f["where"].startswith(path.name) for f in found)
    shown = cuvier("scan", path)
    assert shown.returncode == 1 and code in shown.stdout and "\x1b" not in shown.stdout and not shown.stderr
    inspected = as_json("inspect", path)
    assert code in [d["code"] for d in inspected["files"][0]["dangers"]]


def test_a_registered_class_is_a_note(tmp_path):
    as_config(tmp_path / "m.json", model(layer("Mine", module=None, registered="Custom>Mine")))
    document = as_json("scan", tmp_path / "m.json")
    assert document["clean"] is True
    assert [(f["severity"], f["code"]) for f in document["findings"]] == [("note", "danger.registered")]


@pytest.mark.parametrize("name", ["run.py", "assets/x.pkl", "lib/native.so"])
def test_code_in_an_archive(name, tmp_path):
    as_archive(tmp_path / "m.keras", model())
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as z:
        z.writestr(name, "x")
    document = as_json("scan", tmp_path / "m.keras", status=1)
    assert [(f["code"], name in f["what"]) for f in document["findings"]] == [("danger.member", True)]


def test_dangers_of_a_damaged_archive(tmp_path):
    as_archive(tmp_path / "m.keras", model(CASES["module"][0]))
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as z:
        z.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n and nothing more")
    document = as_json("scan", tmp_path / "m.keras", status=1)
    assert "danger.module" in [f["code"] for f in document["findings"]]


class Caller:
    def __reduce__(self):
        return print, ("never",)


@pytest.mark.parametrize("protocol", range(6))
def test_globals_in_pickles(protocol, tmp_path):
    with open(tmp_path / "w.pkl", "wb") as f:
        pickle.dump([np.ones(2), Caller()], f, protocol=protocol)
    array = np.empty(1, object)
    array[0] = Caller()
    np.save(tmp_path / "w.npy", array)
    np.savez(tmp_path / "w.npz", x=array)
    for name in ("w.pkl", "w.npy", "w.npz"):
        document = as_json("scan", tmp_path / name, status=1)
        assert document["findings"][0]["code"] == "pickle.global"
        assert "print" in document["findings"][0]["what"] and document["findings"][0]["severity"] == "error"


def test_several_files(tmp_path):
    """A danger counts more than a file that cannot be read, and that more than clean files."""
    clean = os.path.join(TESTS, "compat", "keras-3.15", "mlp.keras")
    broken = os.path.join(TESTS, "files", "bad-cut.npz")
    danger = os.path.join(TESTS, "files", "bad-system.pkl")
    document = as_json("scan", clean, broken, danger, status=1)
    assert sorted(f["code"] for f in document["findings"]) == ["pickle.global", "zip.end"]
    assert as_json("scan", broken, clean, status=3)["error"]["code"] == "zip.end"
    assert as_json("scan", clean, clean)["findings"] == []
    assert cuvier("scan", clean).stdout == "clean\n"
    assert cuvier("scan", tmp_path / "none").returncode == 3


def test_real_lambda():
    """The digest is of the bytecode that the file really holds."""
    path = os.path.join(SHARED, "keras-files", "k315_misc.keras")
    if not os.path.exists(path):
        pytest.skip("needs CUV_SHARED")
    with zipfile.ZipFile(path) as z:
        codes = []
        json.load(io.BytesIO(z.read("config.json")),
                  object_hook=lambda d: codes.append(d["code"]) if "code" in d and "closure" in d else d)
    digests = {hashlib.sha256(base64.b64decode(code)).hexdigest() for code in codes}
    found = [f["what"] for f in as_json("scan", path, status=1)["findings"] if f["code"] == "danger.lambda"]
    assert digests and all(any(d in what for what in found) for d in digests)
