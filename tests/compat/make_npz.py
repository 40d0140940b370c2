"""Writes keras-3.15/npz/: archives of Keras 3 whose weights are an .npz, which Keras itself pickles. build/venv/bin/python make_npz.py"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import keras
from keras.src.saving import saving_lib

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras-3.15", "npz")


def main():
    keras.utils.set_random_seed(5)
    x = keras.Input((6, 3))
    y = keras.layers.LSTM(4, return_sequences=True)(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.Dense(3, activation="relu")(keras.layers.Flatten()(y))
    model = keras.Model(x, keras.layers.Dense(2)(y))
    model.set_weights([np.random.default_rng(2).uniform(0.1, 0.9, w.shape).astype("f") for w in model.get_weights()])
    data = np.random.default_rng(3).normal(size=(4, 6, 3)).astype("float32")
    with open(os.path.join(HERE, "mixed.keras"), "wb") as f:
        saving_lib._save_model_to_fileobj(model, f, "npz")
    np.savez(os.path.join(HERE, "mixed.io.npz"), x=data, y=model.predict(data, verbose=0))


main()
