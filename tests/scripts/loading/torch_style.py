"""Arrays of a PyTorch state_dict: (outputs, inputs), so they are turned."""
import numpy as np
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

state = np.load('torch.npy', allow_pickle=True).item()
model = Sequential([Dense(6, activation='relu', input_shape=(5,)), Dense(3, activation='softmax')])
model.layers[0].set_weights([state['fc1.weight'].T, state['fc1.bias']])
model.layers[1].set_weights([np.transpose(state['fc2.weight'], (1, 0)), state['fc2.bias'].reshape(-1)])
