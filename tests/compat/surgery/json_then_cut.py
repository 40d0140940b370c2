from tensorflow import keras

with open('words.json') as f:
    encoder = keras.models.model_from_json(f.read())
encoder.load_weights('words.weights.h5')
model = keras.Model(encoder.input, encoder.get_layer('both').output)
