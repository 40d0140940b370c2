from tensorflow import keras

base = keras.models.load_model('image.h5')
outputs = {layer.name: layer.output for layer in base.layers if 'c' in layer.name}
model = keras.Model(inputs=base.inputs, outputs=outputs)
