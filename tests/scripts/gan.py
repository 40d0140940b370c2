"""The combined model of a GAN: the discriminator is frozen in it."""
from tensorflow.keras.layers import BatchNormalization, Conv2D, Conv2DTranspose, Dense, Flatten, Input, LeakyReLU, Reshape
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.optimizers import Adam

latent_dim = 5


def build_generator():
    g = Sequential(name='generator')
    g.add(Dense(2 * 2 * 3, input_dim=latent_dim))
    g.add(LeakyReLU(0.2))
    g.add(Reshape((2, 2, 3)))
    g.add(Conv2DTranspose(4, kernel_size=4, strides=2, padding='same'))
    g.add(BatchNormalization(momentum=0.8))
    g.add(LeakyReLU(0.2))
    g.add(Conv2D(1, 3, padding='same', activation='tanh'))
    noise = Input(shape=(latent_dim,))
    return Model(noise, g(noise))


def build_discriminator():
    d = Sequential()
    d.add(Conv2D(3, 3, strides=2, padding='same', input_shape=(4, 4, 1)))
    d.add(LeakyReLU(0.2))
    d.add(Flatten())
    d.add(Dense(1, activation='sigmoid'))
    return d


discriminator = build_discriminator()
discriminator.compile(loss='binary_crossentropy', optimizer=Adam(0.0002, 0.5), metrics=['accuracy'])
generator = build_generator()
z = Input(shape=(latent_dim,))
image = generator(z)
discriminator.trainable = False
validity = discriminator(image)
model = Model(z, validity)
model.compile(loss='binary_crossentropy', optimizer=Adam(0.0002, 0.5))
