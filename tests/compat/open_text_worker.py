"""Saves models whose texts have rows as long as the longest of a batch, with what real Keras gives: open_text_worker.py FOLDER"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np
import tensorflow as tf

L = keras.layers
WORDS = ["the", "cat", "dog", "the cat", "a", "b", "naïve"]
TEXTS = [["the cat", "a naïve dog and The cat!", "", "dog", "b"], ["dog dog dog dog dog the end"], ["a b", "cat"]]
OPTIONS = {
    "words": {}, "characters": {"split": "character"}, "bigrams": {"ngrams": 2}, "some": {"ngrams": (2, 3)}, "as_they_are": {"standardize": None},
    "lower": {"standardize": "lower", "max_tokens": 9}}


def main(folder):
    for label, options in OPTIONS.items():
        for net in (False, True):
            a = keras.Input((1,), dtype="string")
            y = L.TextVectorization(vocabulary=WORDS, **options)(a)
            if net:
                y = L.Embedding(20, 3, mask_zero=True)(y)
                y = [L.GlobalAveragePooling1D()(y), L.LSTM(2)(y), L.Conv1D(2, 1)(y)]
            model = keras.Model(a, y)
            base = os.path.join(folder, label + "_net" * net)
            model.save(base + ".keras")
            for i, texts in enumerate(TEXTS):
                x = np.array([[t] for t in texts])
                found = model(tf.constant(x))
                found = found if isinstance(found, (list, tuple)) else [found]
                np.savez("%s.%d.npz" % (base, i), x=x, **{"y%d" % k if len(found) > 1 else "y": np.asarray(v) for k, v in enumerate(found)})


main(sys.argv[1])
