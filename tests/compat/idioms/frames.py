# Moving pictures of any length.
import keras
from keras import layers

model = keras.Sequential([
    keras.Input(shape=(None, 8, 8, 1)),
    layers.ConvLSTM2D(filters=4, kernel_size=(3, 3), padding="same", return_sequences=True),
    layers.BatchNormalization(),
    layers.ConvLSTM2D(filters=3, kernel_size=(3, 3), padding="same", return_sequences=True, activation="relu"),
    layers.Conv3D(filters=1, kernel_size=(3, 3, 3), activation="sigmoid", padding="same"),
])
