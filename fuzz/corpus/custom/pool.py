import keras
from keras import layers, ops


def Mine(x):
    score = layers.Softmax(axis=1)(layers.Dense(1, use_bias=False)(x))
    return ops.sum(x * score, axis=1)
