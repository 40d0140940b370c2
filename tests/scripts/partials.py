from functools import partial, reduce

import keras

DenseELU = partial(keras.layers.Dense, activation="elu", kernel_initializer="he_normal")
compose = lambda *fs: lambda x: reduce(lambda value, f: f(value), fs, x)

inp = keras.Input(shape=[6])
tower = compose(DenseELU(5), DenseELU(4, activation="relu"))
heads = {name: keras.layers.Dense(n, name=name) for name, n in zip(["mean", "scale"], [2, 1])}
out = tower(inp)
model = keras.Model(inp, [head(out) for head in heads.values()])
