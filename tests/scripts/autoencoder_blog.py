"""The autoencoder of the Keras blog: encoder and decoder share layers with the whole."""
from keras.layers import Dense, Input
from keras.models import Model

encoding_dim = 4
input_img = Input(shape=(12,))
encoded = Dense(encoding_dim, activation='relu')(input_img)
decoded = Dense(12, activation='sigmoid')(encoded)

autoencoder = Model(input_img, decoded)
encoder = Model(input_img, encoded)

encoded_input = Input(shape=(encoding_dim,))
decoder_layer = autoencoder.layers[-1]
decoder = Model(encoded_input, decoder_layer(encoded_input))

autoencoder.compile(optimizer='adam', loss='binary_crossentropy')
model = autoencoder
