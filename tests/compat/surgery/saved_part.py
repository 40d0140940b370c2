from tensorflow import keras
from tensorflow.keras import layers

inputs = keras.Input((5,))
code = layers.Dense(7, activation='tanh', name='one')(inputs)
code = layers.Dense(4, activation='relu', name='two')(layers.Dropout(0.5)(code))
autoencoder = keras.Model(inputs, layers.Dense(2, name='three')(code))
autoencoder.load_weights('chain.weights.h5')
model = encoder = keras.Model(inputs, code)
encoder.save('encoder.keras')
