import numpy as np
from tensorflow.keras.layers import Input, Dense, concatenate
from tensorflow.keras.models import Model

# Load weights and biases
weights = np.load('weights.npy', allow_pickle=True)
biases = np.load('biases.npy', allow_pickle=True)

# Define the architecture
inputs = Input(shape=(784,))
x = Dense(64, activation='relu')(inputs)
branch1 = Dense(32, activation='relu')(x)
branch2 = Dense(32, activation='relu')(x)
merged = concatenate([branch1, branch2])
outputs = Dense(10, activation='softmax')(merged)

model = Model(inputs=inputs, outputs=outputs)

# Set weights and biases; layers[0] is the input and layers[4] the concatenation
model.layers[1].set_weights([weights[0], biases[0]])
model.layers[2].set_weights([weights[1], biases[1]])
model.layers[3].set_weights([weights[2], biases[2]])
model.layers[5].set_weights([weights[3], biases[3]])
