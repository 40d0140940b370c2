# Unknown image sizes; keyword arguments by a dictionary.
import keras
from keras import layers

factor, channels = 2, 1
common = {"activation": "relu", "kernel_initializer": "orthogonal", "padding": "same"}
image = keras.Input(shape=(None, None, channels))
x = image
for filters, size in zip((12, 8), (5, 3)):
    x = layers.Conv2D(filters, size, **common)(x)
x = layers.Conv2D(channels * factor ** 2, 3, **common)(x)
model = keras.Model(image, layers.UpSampling2D(factor, interpolation="bilinear")(x))
