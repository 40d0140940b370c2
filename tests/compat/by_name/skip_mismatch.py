import numpy as np
from keras import layers, Sequential, Input
model = Sequential([Input((4,)), layers.Dense(4, name="a"), layers.Dense(3, name="b"), layers.Dense(3, use_bias=False, name="c")])
model.get_layer("b").set_weights([np.ones((4, 3)), np.ones(3)])
model.get_layer("c").set_weights([np.ones((3, 3))])
model.load_weights("w.h5", by_name=True, skip_mismatch=True)
