"""Closures, global names, early returns, nested tuples."""
import math

import keras

total = 0


def counter(prefix):
    count = 0

    def name():
        nonlocal count
        count += 1
        return f'{prefix}_{count:02d}'
    return name


def dense(x, n, name):
    global total
    total += n
    if n <= 2:
        return keras.layers.Dense(n, name=name())(x)
    y = keras.layers.Dense(n, name=name())(x)
    return keras.layers.Activation(keras.activations.gelu, name=name())(y)


name = counter('layer')
x = inputs = keras.Input(shape=(2 ** 3,))
for (a, b), c in [((2, 3), 'x'), ((4, 5), 'y')]:
    x = dense(x, a * b if c == 'x' else a + b, name)
x = dense(x, math.ceil(math.sqrt(total)), name)
x = dense(x, not 0 and 2, name)
model = keras.Model(inputs, x, name='net_%d' % total)
