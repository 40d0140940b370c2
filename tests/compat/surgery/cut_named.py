from tensorflow import keras

base = keras.models.load_model('image.h5', compile=False)
model = keras.Model(inputs=base.inputs, outputs=base.get_layer('sum').output, name='feature_extractor')
model.summary()
