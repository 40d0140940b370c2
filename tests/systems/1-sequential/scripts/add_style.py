"""Rebuild the MNIST classifier from its exported arrays."""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Input

weights = np.load("weights.npy", allow_pickle=True)
biases  = np.load("biases.npy", allow_pickle=True)
print(f"Loaded {len(weights)} weight matrices and {len(biases)} bias vectors")

model = Sequential()
model.add(Input(shape=(784,)))
model.add(Dense(128, activation="relu", name="hidden"))
model.add(Dense(10, activation="softmax", name="output"))

for i, layer in enumerate(model.layers):
    layer.set_weights([weights[i], biases[i]])
    print(f"layer {i}: {layer.name} kernel {weights[i].shape} bias {biases[i].shape}")

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
