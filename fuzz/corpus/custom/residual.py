# Layers are made in the order in which the class makes them, and named as the attributes under which it keeps them: in that order the
# legacy .h5 lists their weights, and under these names the files of Keras 3 have them.
from keras import layers


def Mine(x, filters, **unused):
    second = layers.Conv2D(filters, 3, padding="same", name="second")
    norm = layers.BatchNormalization(name="norm")
    first = layers.Conv2D(filters, 3, padding="same", activation="relu", name="first")
    return x + second(norm(first(x)))
