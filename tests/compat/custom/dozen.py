# Twelve kernels of one shape: only their order tells them apart.
from keras import layers


def Dozen(x):
    for i in range(12):
        x = layers.Dense(3, activation="tanh", use_bias=False)(x)
    return x
