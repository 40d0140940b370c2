from tensorflow import keras

one = keras.models.load_model('chain.keras')
two = keras.models.load_model('chain.h5')
for layer in two.layers:
    layer.name = 'second_' + layer.name
two.name = 'second'
both = keras.Input((5,))
model = keras.Model(both, keras.layers.concatenate([one(both), two(both)]))
