import pickle

from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Sequential

with open('weights.pkl', 'rb') as f:
    params = pickle.load(f)

model = Sequential([Input(shape=(5,)), Dense(6, activation='relu', name='hidden'), Dense(3, activation='softmax', name='out')])
for name, (kernel, bias) in params.items():
    layer = model.get_layer(name=name)
    assert layer.get_weights()[0].shape == kernel.shape
    layer.set_weights([kernel, bias])
