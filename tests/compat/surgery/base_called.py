import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

loaded = keras.models.load_model('image.h5')
base = keras.Model(loaded.input, loaded.layers[-2].output, name='trunk')
base.trainable = False
inputs = keras.Input(shape=(8, 8, 3))
x = layers.Rescaling(1. / 2, offset=-1)(inputs)
x = base(x, training=False)
outputs = layers.Dense(2, name='head')(x)
model = keras.Model(inputs, outputs)
arrays = np.load('head.npz')
model.get_layer('head').set_weights([arrays['kernel'], arrays['bias']])
