import numpy as np
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)
model = Sequential([Dense(8, activation='relu', input_shape=(6,)), Dense(3, activation='softmax')])

model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])
