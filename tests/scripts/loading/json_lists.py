import json

import numpy as np
from keras.layers import Dense, Input
from keras.models import Model

with open('weights.json') as handle:
    stored = json.load(handle)

x = inputs = Input(shape=(5,))
for spec in stored['layers']:
    x = Dense(spec['units'], activation=spec['activation'], name=spec['name'])(x)
model = Model(inputs, x)
for spec in stored['layers']:
    model.get_layer(spec['name']).set_weights([np.array(spec['kernel'], dtype='float32'), np.asarray(spec['bias'], dtype=np.float32)])
