"""Preprocessing layers with every option drawn at random, saved by a real Keras with samples. CUV_KERAS=tf_keras takes tf_keras.

    lookup_worker.py FOLDER SEED COUNT [CLASS ...]

COUNT layers of each class; a line of index.jsonl for each, as layer_worker.py writes them. What adapt() found is written beside the files that lack it. "bad" in a line:
BASE.bad.npz holds inputs for which Keras raises.
"""
import json
import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if os.environ.get("CUV_KERAS") == "tf_keras":
    import tf_keras as keras
else:
    import keras
import numpy as np
import tensorflow as tf

from layer_cases import D
from support import plain, save_each_form

KERAS3 = keras.__version__.startswith("3")
L = keras.layers
WORDS = ["a", "b", "dog", "the", "cat", "", "naïve", "Übung", "x = 1", "[UNK]", "a b", "日本", "Dog", "don't"]
TEXTS = ["the quick brown dog", "Hello, World!", "naïve café", "a b c a", "", "  the   the ", "don't stop-me\tnow\n", "ÄÖÜ Straße 日本 語", "a", "dog (cat) [the]",
         "x\u00a0y", "THE Dog'S"]


class Draw(D):
    def __init__(self, rng):
        super().__init__(keras, rng)

    def some(self, items, low=1):
        """Different ones in any order."""
        items = list(items)
        return [items[i] for i in self.rng.permutation(len(items))[:self.n(low, len(items))]]

    def among(self, items, shape):
        items = list(items)
        return np.array([items[i] for i in self.rng.integers(0, len(items), int(np.prod(shape)))]).reshape(shape)

    def shape(self, mode):
        """Without the batch."""
        if mode == "int":
            return self.one((1,), (3,), (), (2, 3))
        if mode == "one_hot":
            return self.one((1,), (1,), (), (3,)) if KERAS3 else self.one((1,), ())
        return self.one((1,), (3,), (4,), (2, 3)) if KERAS3 else self.one((1,), (3,), (4,), ())

    def dtype(self, mode):
        if mode == "int":
            return {} if self.yes(0.8) else {"dtype": self.one("int32", "int64")}
        return {} if self.yes(0.7) else {"dtype": self.one("float32", "float64", "float16")}


def weights_of(d, count):
    return [round(float(w), 3) for w in d.rng.uniform(0.1, 3, count)]


def with_table(d, kwargs, tokens, reserved):
    """A vocabulary in the configuration, or one to learn; tf_idf's weights with it."""
    known = d.some(tokens, 2)
    learned = not kwargs.get("invert") and d.yes(0.3)
    if kwargs["output_mode"] != "int" and d.yes(0.4):
        kwargs.update(max_tokens=len(known) + reserved + d.n(0, 4), pad_to_max_tokens=d.yes(0.7))
    elif d.yes(0.2):
        kwargs["max_tokens"] = len(known) + reserved + d.n(0, 4)
    if not learned:
        kwargs["vocabulary"] = known
        if kwargs["output_mode"] == "tf_idf":
            kwargs["idf_weights"] = weights_of(d, len(known))
    return known, learned


def string_lookup(d):
    kwargs = dict(output_mode=d.one("int", "int", "one_hot", "multi_hot", "count", "tf_idf"), num_oov_indices=d.one(0, 1, 1, 2, 3))
    kwargs["mask_token"] = d.one(None, None, "", "dog", "[MASK]")
    if d.yes(0.3):
        kwargs["oov_token"] = d.one("?", "[OOV]", "a b")
    if d.yes(0.2):
        kwargs["encoding"] = "utf-8"
    if kwargs["output_mode"] == "int" and d.yes(0.3):
        kwargs.update(invert=True, num_oov_indices=1)
    if KERAS3 and kwargs["num_oov_indices"] > 1 and d.yes(0.4):
        kwargs["salt"] = d.one(7, [133, 137])
    kwargs.update(d.dtype(kwargs["output_mode"]) if not kwargs.get("invert") else {})
    special = [kwargs["mask_token"], kwargs.get("oov_token", "[UNK]")]
    known, learned = with_table(d, kwargs, [w for w in WORDS if w not in special], kwargs["num_oov_indices"] + (kwargs["mask_token"] is not None))
    layer = L.StringLookup(**kwargs)
    if learned:
        layer.adapt(d.among([w for w in known if w], (9, 3)))       # Keras loses an empty token at the end of its asset
    shape = d.shape(kwargs["output_mode"])
    if kwargs.get("invert"):
        return layer, [d.rng.integers(0, len(known) + 1, (4,) + shape)], None
    given = known if kwargs["num_oov_indices"] == 0 else WORDS
    return layer, [d.among(given, (4,) + shape)], d.among(WORDS + ["nobody"] * 9, (4,) + shape) if kwargs["num_oov_indices"] == 0 else None


def integer_lookup(d):
    kwargs = dict(output_mode=d.one("int", "int", "one_hot", "multi_hot", "count", "tf_idf"), num_oov_indices=d.one(0, 1, 1, 2, 3))
    kwargs["mask_token"] = d.one(None, None, 0, 5, -7)
    if d.yes(0.3):
        kwargs["oov_token"] = d.one(-2, 99)
    if d.yes(0.2):
        kwargs["vocabulary_dtype"] = d.one("int64", "int32")
    if kwargs["output_mode"] == "int" and d.yes(0.3):
        kwargs.update(invert=True, num_oov_indices=1)
    if KERAS3 and kwargs["num_oov_indices"] > 1 and d.yes(0.4):
        kwargs["oov_method"] = d.one("floormod", "farmhash")
        if kwargs["oov_method"] == "farmhash" and d.yes():
            kwargs["salt"] = d.one(7, [133, 137])
    kwargs.update(d.dtype(kwargs["output_mode"]) if not kwargs.get("invert") else {})
    special = [kwargs["mask_token"], kwargs.get("oov_token", -1)]
    known, learned = with_table(d, kwargs, [n for n in (1, 2, 5, 9, 12, 1000, -3, 2 ** 30, 0, 7) if n not in special],
                                kwargs["num_oov_indices"] + (kwargs["mask_token"] is not None))
    layer = L.IntegerLookup(**kwargs)
    if learned:
        layer.adapt(d.among(known, (9, 3)))
    shape = d.shape(kwargs["output_mode"])
    if kwargs.get("invert"):
        return layer, [d.rng.integers(0, len(known) + 1, (4,) + shape)], None
    numbers = known if kwargs["num_oov_indices"] == 0 else known + [0, 3, -1, -2, 5, -7, 77, 2 ** 31 - 5]
    dtype = d.one("int64", "int64", "int32")
    bad = d.among(known + [77777] * 30, (4,) + shape).astype(dtype) if kwargs["num_oov_indices"] == 0 else None
    return layer, [d.among(numbers, (4,) + shape).astype(dtype)], bad


def text_vectorization(d):
    kwargs = dict(output_mode=d.one("int", "int", "multi_hot", "count", "tf_idf"),
                  standardize=d.one("lower_and_strip_punctuation", "lower", "strip_punctuation", None), split=d.one("whitespace", "whitespace", "character", None))
    if kwargs["split"] and d.yes(0.3):
        kwargs["ngrams"] = d.one(1, 2, 3, (2,), (1, 3))
    if kwargs["output_mode"] == "int" and d.yes(0.5):
        kwargs["output_sequence_length"] = d.n(1, 8)
    if d.yes(0.2):
        kwargs["encoding"] = "utf-8"
    if d.yes(0.2):
        kwargs["ragged"] = False
    kwargs.update(d.dtype(kwargs["output_mode"]) if d.yes(0.3) and not KERAS3 else {})
    tokens = ["the", "dog", "a", "b", "hello", "world", "Dog", "Hello,", "the the", "naïve", "日本", "t", "h", "e", " ", "a b", "dont", "straße"]
    known, learned = with_table(d, kwargs, tokens, 2)
    layer = L.TextVectorization(**kwargs)
    if learned:
        layer.adapt(np.array([text.strip("\n") for text in TEXTS])[d.rng.permutation(len(TEXTS))[:8]])        # a token is a line of the asset
    return layer, [d.among(TEXTS, (4,) + d.one((1,), ()))], None


def hashing(d):
    kwargs = dict(num_bins=d.one(1, d.n(2, 50), 1000), output_mode=d.one("int", "int", "one_hot", "multi_hot", "count"))
    words = d.yes(0.6)
    if d.yes(0.4):
        kwargs["salt"] = d.one(133, [133, 137], 0)
    if d.yes(0.4):
        kwargs["mask_value"] = d.one("", "dog") if words else d.one(0, 5)
    kwargs.update(d.dtype(kwargs["output_mode"]))
    shape = d.shape(kwargs["output_mode"])
    x = d.among(WORDS, (4,) + shape) if words else d.rng.integers(-9, 99, (4,) + shape).astype(d.one("int64", "int32"))
    return L.Hashing(**kwargs), [x], None


def category_encoding(d):
    kwargs = dict(num_tokens=d.n(1, 9), output_mode=d.one("multi_hot", "one_hot", "count"))
    kwargs.update(d.dtype(kwargs["output_mode"]))
    x = d.rng.integers(0, kwargs["num_tokens"], (4,) + d.shape(kwargs["output_mode"])).astype(d.one("int64", "int32", "float32"))
    bad = np.full_like(x, kwargs["num_tokens"] + 1)
    if kwargs["output_mode"] == "count" and x.ndim == 2 and d.yes():
        return L.CategoryEncoding(**kwargs), [x, d.rng.uniform(0, 2, x.shape).astype("float32")], None
    return L.CategoryEncoding(**kwargs), [x], bad


def discretization(d):
    kwargs = dict(output_mode=d.one("int", "int", "one_hot", "multi_hot", "count"))
    kwargs.update(d.dtype(kwargs["output_mode"]))
    shape = d.shape(kwargs["output_mode"])
    learned = d.yes(0.4)
    edges = sorted(round(float(b), 2) for b in d.rng.uniform(-3, 3, d.n(1, 6)))
    if learned:
        kwargs.update(num_bins=d.n(1, 6), epsilon=d.one(0.01, 0.1))
    else:
        kwargs["bin_boundaries"] = edges
    layer = L.Discretization(**kwargs)
    if learned:
        layer.adapt(d.rng.normal(0, 2, (50, 3)).astype("float32"))
    x = d.rng.normal(0, 2, (4,) + shape).astype("float32")
    if d.yes(0.3):
        x = d.among(edges + [-np.inf, np.inf, 0.0], (4,) + shape).astype("float32")
    return layer, [x.astype(d.one("float32", "float32", "float64", "int32")) if np.isfinite(x).all() else x], None


def normalization(d):
    shape, axis = d.one(((4,), -1), ((4,), 1), ((3, 4), -1), ((3, 4), (1, 2)), ((4,), None), ((3, 4), 1), ((2, 3, 4), (1, 3)), ((), None), ((3, 4), (-1,)))
    kwargs = dict(axis=axis)
    if d.yes(0.3):
        kwargs["invert"] = True
    if d.yes(0.2):
        kwargs["dtype"] = d.one("float64", "float16", "mixed_float16") if KERAS3 else d.one("float64", "float16")
    kept = [shape[a if a < 0 else a - 1] for a in ((axis,) if isinstance(axis, int) else axis or ())]
    if d.yes(0.6):
        one = d.yes(0.3)
        kwargs.update(mean=0.5 if one else d.rng.normal(0, 1, kept).round(3).tolist(), variance=2.0 if one else d.rng.uniform(0, 2, kept).round(3).tolist())
        if d.yes(0.2) and not one:
            kwargs["variance"] = np.zeros(kept).tolist()
    layer = L.Normalization(**kwargs)
    if "mean" not in kwargs:
        layer.adapt(d.rng.normal(1, 2, (20,) + shape).astype("float32"))
    return layer, [d.rng.normal(0, 2, (4,) + shape).astype(d.one("float32", "float32", "int32"))], None


CLASSES = {"StringLookup": string_lookup, "IntegerLookup": integer_lookup, "TextVectorization": text_vectorization, "Hashing": hashing,
           "CategoryEncoding": category_encoding, "Discretization": discretization, "Normalization": normalization}


def save_learned(layer, base):
    """What only archives hold: tokens as a text, weights of tf_idf as an array."""
    if not hasattr(layer, "get_vocabulary") or layer.get_config().get("vocabulary") is not None:
        return
    os.makedirs(base + ".texts", exist_ok=True)
    with open(os.path.join(base + ".texts", layer.name + ".txt"), "w", encoding="utf-8") as f:
        f.write("".join("%s\n" % token for token in layer.get_vocabulary()))
    lookup = getattr(layer, "_lookup_layer", layer)
    if KERAS3 and lookup.output_mode == "tf_idf":
        np.savez(os.path.join(base + ".texts", "learned.npz"), **{layer.name: np.asarray(lookup.idf_weights_const)})


def one(folder, class_name, seed, out):
    keras.backend.clear_session()
    base = "%s-%d" % (class_name, seed)
    entry = {"class": class_name, "label": "seed %d" % seed, "base": base, "half": False}
    d = Draw(np.random.default_rng([seed, zlib.crc32(class_name.encode())]))
    try:
        layer, xs, bad = CLASSES[class_name](d)
        inputs = [keras.Input(x.shape[1:], dtype="string" if x.dtype.kind == "U" else x.dtype.name) for x in xs]
        model = keras.Model(inputs, layer(inputs[0], count_weights=inputs[1]) if len(inputs) > 1 else layer(inputs[0]))
        given = [tf.constant(x) for x in xs]
        lookup = getattr(layer, "_lookup_layer", layer)
        other = KERAS3 and getattr(lookup, "output_mode", "") == "tf_idf" and layer.get_config()["idf_weights"] is not None and d.yes(0.4)
        if other:                           # a file's weights count, not those that the configuration states
            count = len(np.asarray(lookup.idf_weights_const))
            lookup.load_own_variables({"idf_weights": np.asarray(weights_of(d, count), "float32")})
        entry["config"] = {k: repr(v)[:60] for k, v in layer.get_config().items() if k not in ("name", "trainable")}
        y = plain(model(given if len(given) > 1 else given[0], training=False))
        path = os.path.join(folder, base)
        entry["half"] = "16" in str(layer.compute_dtype) or "16" in str(y.dtype)
        entry["carriers"] = save_each_form(model, path)
        if other:
            entry["carriers"].update(h5="not in .h5", npz="not among get_weights()")
        save_learned(layer, path)
        np.savez(path + ".io.npz", y=y)
        np.savez(path + ".in.npz", **({"x": plain(xs[0])} if len(xs) == 1 else {"x%d" % i: plain(x) for i, x in enumerate(xs)}))
        if bad is not None:
            try:
                model(tf.constant(bad), training=False)
            except Exception:               # noqa: BLE001
                np.savez(path + ".bad.npz", x=plain(bad))
                entry["bad"] = True
    except Exception as error:              # noqa: BLE001 - Keras refuses the draw
        entry["keras"] = "%s: %s" % (type(error).__name__, (str(error).splitlines() or [""])[0][:200])
    out.write(json.dumps(entry) + "\n")


def main(folder, seed, count, *only):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "index.jsonl"), "w") as out:
        for class_name in only or CLASSES:
            for i in range(int(count)):
                one(folder, class_name, int(seed) + i, out)
                out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
