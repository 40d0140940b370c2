from tensorflow import keras

twins = keras.models.load_model('nested.keras')
inner = twins.get_layer('inner')
model = keras.Model(inner.inputs, inner.layers[0].output)
