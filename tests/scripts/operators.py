import keras
from keras import layers, ops

x = keras.Input((4, 3))
h = layers.Dense(3)(x)
h = (h + x) * 0.5 - 1.0
first = h[:, 0]
mean = ops.mean(h, axis=1)
y = ops.concatenate([first, mean], axis=-1)
model = keras.Model(x, layers.Dense(2)(y))
