import numpy as np
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense, InputLayer

layer_weights = np.load('nested.npy', allow_pickle=True)
model = Sequential()
model.add(InputLayer(shape=(5,)))
model.add(Dense(6, activation='relu'))
model.add(Dense(3, activation='softmax'))
for k in range(len(layer_weights)):
    w, b = layer_weights[k]
    model.layers[k].set_weights([w.astype('float32'), b])
