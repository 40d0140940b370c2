# A model, for layers that all are the same.
import keras
from keras import layers

x = keras.Input((None, None, 4))
y = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
y = layers.BatchNormalization(name="norm")(y)
y = layers.Conv2D(4, 3, padding="same", name="second")(y)
model = keras.Model(x, layers.Add()([x, y]))
