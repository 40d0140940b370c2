from tensorflow import keras

base = keras.models.load_model('chain.keras')
model = keras.Sequential(name='shorter')
model.add(keras.Input((5,)))
for layer in base.layers[:-1]:
    layer.trainable = False
    model.add(layer)
