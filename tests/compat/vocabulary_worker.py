"""Saves models whose vocabularies lie in files of their own, with what real Keras gives: vocabulary_worker.py FOLDER

Run with Keras 3 and with TensorFlow 2.15 (FOLDER is another one then)."""
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf
from tensorflow import keras

L = keras.layers
WORDS = ["the", "print", "cat", "import", "try:", "naïve", "x = 1", "- item", "dog"]
NUMBERS = [7, 3, 40, -5]
TEXTS = ["the cat and the dog", "print the naïve cat", "dog dog dog cat import the", "unknown words"]


def words_file(folder, name, words, ending="\n"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(ending.join(map(str, words)) + ending)
    return path


def adapted(layer, data):
    layer.adapt(data)
    return layer


def cases(folder):
    """label -> (layer, samples, what holds its vocabulary: "named" by the configuration, or "adapted")"""
    one = np.array([["cat"], ["dog"], ["nobody"], ["x = 1"]])
    three = np.array([[7, 3, 1], [40, -5, 0], [3, 3, 3], [9, 7, 7]])
    texts = np.array([[t] for t in TEXTS])
    words = words_file(folder, "words.txt", WORDS)
    crlf = words_file(folder, "windows.txt", WORDS, "\r\n")
    numbers = words_file(folder, "numbers.txt", NUMBERS)
    yield "string", L.StringLookup(vocabulary=words), one, "string", "named"
    yield "string_masked", L.StringLookup(vocabulary=words, mask_token="cat", num_oov_indices=2), one, "string", "named"
    yield "string_windows", L.StringLookup(vocabulary=crlf, output_mode="multi_hot"), one, "string", "named"
    yield "integer", L.IntegerLookup(vocabulary=numbers), three, "int64", "named"
    yield "integer_hot", L.IntegerLookup(vocabulary=numbers, output_mode="count"), three, "int64", "named"
    yield "text", L.TextVectorization(vocabulary=words, output_sequence_length=5), texts, "string", "named"
    yield "text_count", L.TextVectorization(vocabulary=words, output_mode="count"), texts, "string", "named"
    yield "string_adapted", adapted(L.StringLookup(), np.array(["a", "cat", "cat", "dog"])), one, "string", "adapted"
    yield "integer_adapted", adapted(L.IntegerLookup(), np.array([3, 3, 7, 7, 7, 1])), three, "int64", "adapted"
    yield "text_adapted", adapted(L.TextVectorization(output_sequence_length=4), np.array(TEXTS)), texts, "string", "adapted"
    yield "text_adapted_hot", adapted(L.TextVectorization(output_mode="multi_hot"), np.array(TEXTS)), texts, "string", "adapted"


def main(folder):
    made = []
    for label, layer, x, dtype, kind in cases(folder):
        a = keras.Input(x.shape[1:], dtype=dtype)
        model = keras.Model(a, layer(a))
        base = os.path.join(folder, label)
        y = np.asarray(model(tf.constant(x)))
        text = {"string_windows": "windows.txt", "integer": "numbers.txt", "integer_hot": "numbers.txt"}.get(label, "words.txt")
        if kind == "adapted":
            text = label + ".vocabulary.txt"
            words_file(folder, text, layer.get_vocabulary())
        open(base + ".json", "w").write(model.to_json())
        written = ["json"]
        for ending in ("keras", "h5"):
            try:
                model.save(base + "." + ending)
                written.append(ending)
            except Exception:       # noqa: BLE001 - what Keras cannot save
                continue
        if tf.__version__.startswith("2.15"):
            model.save(base + ".savedmodel")
            written.append("savedmodel")
        np.savez(base + ".io.npz", x=x if x.dtype.kind == "i" else x.astype(str), y=y)
        made.append({"label": label, "kind": kind, "layer": layer.name, "written": written,
                     "names": layer.get_config().get("vocabulary") if isinstance(layer.get_config().get("vocabulary"), str) else None, "text": text})
    json.dump(made, open(os.path.join(folder, "made.json"), "w"))


main(sys.argv[1])
