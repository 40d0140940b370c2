import numpy as np
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)
inputs = Input(shape=(6,))
x = Dense(8, activation='relu')(inputs)
outputs = Dense(3, activation='softmax')(x)
model = Model(inputs, outputs)

model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])
