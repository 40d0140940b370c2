"""Settings in a dictionary at the top, as in many notebooks."""
import tensorflow.keras as keras
from tensorflow.keras.layers import *
from tensorflow.keras.models import *

config = {
    'input_shape': (12, 4),
    'filters': 6,
    'kernel': 3,
    'rnn': {'units': 5, 'dropout': 0.1},
    'classes': 3,
}
conv_args = dict(padding='same', activation='relu')

model = Sequential([
    Input(shape=config['input_shape']),
    Conv1D(config['filters'], config['kernel'], **conv_args),
    MaxPooling1D(2),
    LSTM(config['rnn']['units'], dropout=config['rnn']['dropout'], return_sequences=True),
    GRU(4),
    Dense(config['classes'], activation='softmax'),
])
