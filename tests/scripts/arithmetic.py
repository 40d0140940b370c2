import keras
from keras import layers

IMG = 28 // 2 - 4
CHANNELS = 1
base = 2 ** 2

x_in = layers.Input((IMG, IMG, CHANNELS))
h = layers.Conv2D(base, (3, 3), activation=keras.activations.relu)(x_in)
h = layers.Conv2D(base * 2, 3, activation=layers.LeakyReLU(negative_slope=0.1))(h)
h = layers.Flatten()(h)
h = layers.Dense(max(4, base), kernel_regularizer=keras.regularizers.l2(1e-4), kernel_initializer='he_normal')(h)
model = keras.Model(x_in, layers.Dense(int(10 / 2), activation="softmax")(h))
