import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

base = keras.models.load_model('image.keras')
base.trainable = False
for layer in base.layers[-3:]:
    layer.trainable = True
x = base.get_layer('features').output
x = layers.Dropout(0.3)(x)
head = layers.Dense(2, activation='sigmoid', name='head')
model = keras.Model(base.input, head(x))
arrays = np.load('head.npz')
head.set_weights([arrays['kernel'], arrays['bias']])
model.compile(loss='binary_crossentropy', optimizer='adam')
