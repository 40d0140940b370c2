# A function named after the class: what the layer is called with, then its arguments by their names.
from keras import layers


def Mine(x, units, activation=None):
    return layers.Dense(units, activation=activation)(x)
