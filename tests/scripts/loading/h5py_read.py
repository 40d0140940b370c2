import h5py
import numpy as np
from keras import Sequential, layers

model = Sequential([layers.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(3, activation="softmax")])
with h5py.File("plain.h5", "r") as f:
    W1 = f["first/W"][:]
    b1 = np.array(f["first"]["b"])
    W2, b2 = f["second/W"][()], f["second/b"][...]
model.set_weights([W1, b1, W2, b2])
