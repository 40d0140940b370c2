"""Writes versions/VERSION/ (VERSION-jax/ of the backend JAX): models of version_cases.py that show where that Keras differs from its neighbours, as it saves and computes them.

    KERAS_BACKEND=tensorflow PYTHONPATH=FOLDER_OF_THAT_KERAS PYTHON tests/compat/make_versions.py

FOLDER_OF_THAT_KERAS is what `pip install --no-deps --target FOLDER keras==VERSION` makes, beside a TensorFlow (3.0 wants dm-tree as well); files that
test_versions.py reads. The name of a model is that of its case with _ for spaces.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MERGES = ["merge Add", "merge Multiply", "merge Maximum", "merge Concatenate"]
KEPT = {
    "3.0.5": MERGES + ["merge ranks", "CategoryEncoding one_hot", "Discretization one_hot of rows", "Discretization multi_hot of rows",
                       "augmentation", "calls before", "shared by two"],
    "3.1.1": ["channels first", "int8 dense", "int8 einsum"],
    "3.2.1": ["int8 embedding", "int8 dense", "shared by two", "calls before", "unit normalisation", "masked attention"],
    "3.3.3": MERGES + ["CategoryEncoding one_hot of rows", "augmentation"],
    "3.5.0": ["merge Add", "merge Maximum", "unit normalisation", "augmentation"],
    "3.6.0": ["dot_product_attention", "augmentation", "unit normalisation"],
    "3.7.0": ["dot_product_attention", "augmentation", "masked attention"],
    "3.8.0": ["augmentation", "masked attention"],
    "3.9.2": ["biases of einsum"],
    "3.10.0": ["biases of einsum", "named masks"],
    "3.11.3": ["named masks"],
    "3.15.1-jax": ["biases"],
}


def main():
    import keras
    backend = keras.backend.backend()
    version = keras.__version__ + ("" if backend == "tensorflow" else "-" + backend)
    names = KEPT[version]
    out = os.path.join(HERE, "versions", version)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(HERE, "layer_worker.py"), folder, "1", "1", "versions", *names], check=True)
        with open(os.path.join(folder, "index.jsonl")) as index:
            entries = [json.loads(line) for line in index]
        for entry in entries:
            if "keras" in entry:
                sys.exit("%s: %s" % (entry["class"], entry["keras"]))
            for path in glob.glob(os.path.join(folder, entry["base"] + ".*")):
                ending = os.path.basename(path)[len(entry["base"]):]
                if ending in (".keras", ".io.npz"):
                    shutil.copy(path, os.path.join(out, entry["class"].replace(" ", "_") + ending))


if __name__ == "__main__":
    main()
