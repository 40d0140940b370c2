from keras import ops


def warm(x):
    return x * ops.sigmoid(x * 1.702)
