from tensorflow import keras

base = keras.models.load_model('image.keras')
vision = keras.Sequential([keras.Input((6, 6, 4)), base.get_layer('c2'), base.get_layer('pool'), base.get_layer('features')])
model = keras.Sequential([keras.Input((6, 6, 4)), vision, keras.layers.Activation('tanh')])
