import numpy as np
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

# Load the saved weights and biases
weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)

# Recreate the model architecture
model = Sequential([
    Dense(128, activation='relu', input_shape=(784,)),
    Dense(10, activation='softmax')
])

# Set the weights and biases
model.layers[0].set_weights([weights[0], biases[0]])
model.layers[1].set_weights([weights[1], biases[1]])

model.summary()
