import numpy as np
from keras.layers import Activation, Dense, Input, concatenate
from keras.models import Model

W = np.load('weights.npy', allow_pickle=True)
B = np.load('biases.npy', allow_pickle=True)

# layers first, graph afterwards
trunk = Dense(64)
left = Dense(32, activation='relu')
right = Dense(32, activation='relu')
head = Dense(10, activation='softmax')

x = Input(shape=(784,))
t = Activation('relu')(trunk(x))
y = head(concatenate([left(t), right(t)]))
model = Model(x, y)

trunk.set_weights([W[0], B[0]])
left.set_weights([W[1], B[1]])
right.set_weights([W[2], B[2]])
head.set_weights([W[3], B[3]])
