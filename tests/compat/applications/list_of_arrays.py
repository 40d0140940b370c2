import numpy as np
from tensorflow.keras.applications import MobileNetV3Large

model = MobileNetV3Large(weights=None, minimalistic=True, alpha=0.75, input_shape=(64, 64, 3), classes=5)
model.set_weights(list(np.load('list_of_arrays.npy', allow_pickle=True)))
