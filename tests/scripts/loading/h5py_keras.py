"""Takes the arrays out of a file that Keras wrote."""
import h5py
from keras import Sequential, layers

f = h5py.File("whole.h5", mode="r")
g = f["model_weights"]
model = Sequential([layers.Input((5,)), layers.Dense(6, activation="relu", name="hidden"), layers.Dense(3, activation="softmax", name="out")])
for layer in model.layers:
    group = g[layer.name][layer.name] if "net" not in g[layer.name] else g[layer.name]["net"][layer.name]
    layer.set_weights([group["kernel"][:], group["bias"][:]])
f.close()
