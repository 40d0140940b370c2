import numpy as np
from keras import layers, Model, Input
i = Input((4,))
h = layers.Dense(4, name="b")(i)
inner = Model(i, h, name="inner")
x = Input((4,))
model = Model(x, layers.Dense(4, name="a")(inner(x)))
inner.load_weights("w.h5", by_name=True)
model.get_layer("a").set_weights([np.ones((4, 4)), np.zeros(4)])
