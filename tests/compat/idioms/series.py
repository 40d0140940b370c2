# Attention over a series of measurements, in a class that only holds functions.
import keras
from keras import layers


class Parts:
    heads = 2

    @staticmethod
    def attend(x, size):
        y = layers.Dropout(0.2)(layers.MultiHeadAttention(key_dim=size, num_heads=Parts.heads)(x, x))
        return layers.LayerNormalization(epsilon=1e-6)(y) + x

    @staticmethod
    def widen(x, size):
        y = layers.Conv1D(filters=x.shape[-1], kernel_size=1)(layers.Conv1D(size, 1, activation="relu")(x))
        return layers.LayerNormalization(epsilon=1e-6)(y) + x


series = keras.Input(shape=(15, 3))
x = series
for _ in range(2):
    x = Parts.widen(Parts.attend(x, 6), 5)
x = layers.GlobalAveragePooling1D(data_format="channels_last")(x)
x = layers.Dropout(0.4)(layers.Dense(8, activation="relu")(x))
model = keras.Model(series, layers.Dense(4, activation="softmax")(x))
