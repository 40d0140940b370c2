import numpy as np
from keras import layers, Sequential, Input
model = Sequential([Input((4,)), layers.Dense(4, name="a"), layers.Dense(4, name="b")])
model.load_weights("w.h5", by_name=True)
model.get_layer("b").set_weights([np.ones((4, 4)), np.zeros(4)])
