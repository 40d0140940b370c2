import keras
import numpy as np

inp = keras.Input((784,), name="pixels")
shared = keras.layers.Dense(64, activation="relu", name="shared")(inp)
a = keras.layers.Dense(32, activation="relu", name="branch_a")(shared)
b = keras.layers.Dense(32, activation="relu", name="branch_b")(shared)
both = keras.layers.Concatenate(name="both")([a, b])
out = keras.layers.Dense(10, activation="softmax", name="digit")(both)
model = keras.Model(inp, out, name="two_branches")

kernels = np.load("weights.npy", allow_pickle=True)
offsets = np.load("biases.npy", allow_pickle=True)
names = ["shared", "branch_a", "branch_b", "digit"]
for i, name in enumerate(names):
    model.get_layer(name).set_weights([kernels[i], offsets[i]])
    print(f"{name}: {kernels[i].shape} + {offsets[i].shape}")
