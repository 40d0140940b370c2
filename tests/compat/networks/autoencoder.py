import numpy as np
from tensorflow import keras
from tensorflow.keras import layers


class Encoder(keras.Model):
    def __init__(self, latent_dim):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, strides=2, padding='same', activation='relu')
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(latent_dim)

    def call(self, x):
        return self.dense(self.flatten(self.conv(x)))


class Decoder(keras.Model):
    def __init__(self, latent_dim):
        super().__init__()
        self.dense = layers.Dense(4 * 4 * 4, activation='relu')
        self.reshape = layers.Reshape((4, 4, 4))
        self.deconv = layers.Conv2DTranspose(1, 3, strides=2, padding='same', activation='sigmoid')

    def call(self, z):
        return self.deconv(self.reshape(self.dense(z)))


class Autoencoder(keras.Model):
    def __init__(self, latent_dim=5):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = Encoder(latent_dim)
        self.decoder = Decoder(latent_dim)

    def call(self, x):
        encoded = self.encoder(x)
        decoded = self.decoder(encoded)
        return decoded


model = Autoencoder()
model.predict(np.zeros((2, 8, 8, 1), 'float32'))
model.compile(optimizer='adam', loss='mse')
