import numpy as np
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

sizes = [128, 10]
activations = ['relu', 'softmax']

model = Sequential()
model.add(Dense(sizes[0], input_dim=784, activation=activations[0]))
model.add(Dense(sizes[1], activation=activations[1]))

loaded_weights = np.load('weights.npy', allow_pickle=True)
loaded_biases = np.load('biases.npy', allow_pickle=True)

# zip them up layer by layer
for idx in range(2):
    model.layers[idx].set_weights([loaded_weights[idx], loaded_biases[idx]])
print('Weights and biases set for {} layers'.format(len(model.layers)))
