# Two models that share nothing but a call; operators and operations on tensors.
import keras
from keras import layers, ops

size = 4
image = keras.Input((12, 12, 1))
x = layers.Conv2D(6, 3, activation="relu", strides=2, padding="same")(image)
x = layers.Dense(10, activation="relu")(layers.Flatten()(x))
mean, log_variance = layers.Dense(size, name="mean")(x), layers.Dense(size, name="log_variance")(x)
encoder = keras.Model(image, [mean, log_variance, mean + ops.exp(0.5 * log_variance) * 0.1], name="encoder")
code = keras.Input((size,))
x = layers.Reshape((6, 6, 4))(layers.Dense(6 * 6 * 4, activation="relu")(code))
decoder = keras.Model(code, layers.Conv2DTranspose(1, 3, activation="sigmoid", strides=2, padding="same")(x), name="decoder")
model = keras.Model(image, decoder(encoder(image)[2]), name="both")
