from tensorflow import keras

base = keras.models.load_model('image.h5')
model = keras.Model(base.get_layer('pool').output, base.output)
