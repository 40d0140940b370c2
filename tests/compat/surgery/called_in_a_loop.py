from tensorflow import keras

base = keras.models.load_model('chain.h5')
inputs = keras.Input((5,), name='start')
x = inputs
for layer in base.layers:
    if not isinstance(layer, keras.layers.Dropout):
        x = layer(x)
model = keras.Model(inputs, x)
