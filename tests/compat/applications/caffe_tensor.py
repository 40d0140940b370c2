import keras
from keras import layers
from keras.applications import resnet50
from keras.applications.mobilenet import MobileNet

inputs = keras.Input((64, 64, 3))
x = resnet50.preprocess_input(inputs)
x = layers.Rescaling(1 / 128.0)(x)
x = MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25, pooling='avg')(x)
model = keras.Model(inputs, layers.Dense(3)(x))
