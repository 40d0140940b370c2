from tensorflow import keras

base = keras.models.load_model('words.keras')
model = keras.models.clone_model(base)
model.set_weights(base.get_weights())
