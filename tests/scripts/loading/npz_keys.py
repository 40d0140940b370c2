import keras
import numpy as np

data = np.load('arrays.npz')
print(sorted(data.files))

model = keras.models.Sequential()
model.add(keras.layers.Dense(6, activation='relu', input_shape=(5,)))
model.add(keras.layers.Dense(3, activation='softmax'))
model.layers[0].set_weights([data['hidden_W'], data['hidden_b']])
model.layers[-1].set_weights((data['out_W'], data['out_b']))
