# A model with named inputs inside another, called with its tensors in another order.
import keras
from keras import layers

b, a = keras.Input((2,), name="b"), keras.Input((2,), name="a")
pair = keras.Model({"b": b, "a": a}, layers.Dense(3)(layers.subtract([a, b])), name="pair")
left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
model = keras.Model([left, right], pair({"a": left, "b": right}))
