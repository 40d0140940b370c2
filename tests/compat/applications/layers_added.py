# The layers of a ready-made network, one after the other, without its classes.
from tensorflow import keras

mobile = keras.applications.mobilenet.MobileNet(weights=None, alpha=0.25, input_shape=(64, 64, 3))
model = keras.Sequential()
for layer in mobile.layers[:-5]:
    model.add(layer)
for layer in model.layers:
    layer.trainable = False
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(2, activation='softmax'))
model.load_weights('layers_added.weights.h5')
