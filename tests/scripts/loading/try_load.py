import os

from tensorflow import keras


def build():
    net = keras.Sequential(name='net')
    net.add(keras.Input(shape=(5,)))
    net.add(keras.layers.Dense(6, activation='relu', name='hidden'))
    net.add(keras.layers.Dense(3, activation='softmax', name='out'))
    return net


try:
    model = keras.models.load_model('best.keras')
except (OSError, ValueError) as error:
    print('building anew:', error)
    model = build()
    model.load_weights('net.weights.h5')

if os.path.exists('missing.h5'):
    model.load_weights('missing.h5')
