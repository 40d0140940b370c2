from tensorflow import keras

twins = keras.models.load_model('nested.h5')
model = keras.Model(twins.inputs, twins.get_layer('difference').output)
