from tensorflow import keras

twins = keras.models.load_model('nested.h5')
tower = twins.get_layer('inner')
a = keras.Input((6,))
b = keras.Input((6,))
model = keras.Model([a, b], keras.layers.Dot(axes=1)([tower(a), tower(b)]))
