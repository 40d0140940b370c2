from tensorflow import keras

base = keras.models.load_model('words.keras')
ids = keras.Input((9,), dtype='int32')
y = base(ids, training=False)
model = keras.Model(ids, keras.layers.Softmax()(y))
