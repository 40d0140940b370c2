import numpy as np
import tensorflow as tf

arrays = np.load('list.npy', allow_pickle=True)
model = tf.keras.Sequential([tf.keras.layers.Dense(6, activation='relu'), tf.keras.layers.Dense(3, activation='softmax')])
model.build(input_shape=(None, 5))
model.layers[0].kernel.assign(arrays[0])
model.layers[0].bias.assign(arrays[1])
for variable, value in zip(model.layers[1].weights, arrays[2:]):
    variable.assign(value)
