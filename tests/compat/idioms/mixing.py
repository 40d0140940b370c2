# Layers along one axis, then along the other.
import keras
from keras import layers

places, channels = 9, 6
inputs = x = keras.Input((places, channels))
for turn in (True, False) * 2:
    y = layers.LayerNormalization()(x)
    y = layers.Permute((2, 1))(y) if turn else y
    y = layers.Dense(2 * (places if turn else channels), activation="gelu")(y)
    y = layers.Dense(places if turn else channels)(y)
    x = layers.Add()([x, layers.Permute((2, 1))(y)]) if turn else x + y
model = keras.Model(inputs, layers.Dense(5, "softmax")(layers.GlobalAveragePooling1D()(x)))
