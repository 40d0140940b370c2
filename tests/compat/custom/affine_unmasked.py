# Dense hands masks on; the class, which multiplies by itself, does not.
from keras import layers

supports_masking = False


def Affine(x, units, activation=None):
    return layers.Dense(units, activation=activation)(x)
