import keras
from keras import layers


def make_encoder(dim):
    return keras.Sequential([
        layers.Input((8,)),
        layers.Dense(dim * 2, activation="relu"),
        layers.Dense(dim),
    ], name="encoder")


encoder = make_encoder(3)
code = keras.Input((3,), name="code")
decoded = layers.Dense(8, activation="sigmoid")(layers.Dense(6, activation="relu")(code))
decoder = keras.Model(code, decoded, name="decoder")

image = keras.Input((8,), name="image")
model = keras.Model(image, decoder(encoder(image)), name="autoencoder")
