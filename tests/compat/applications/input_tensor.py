from tensorflow.keras import layers, models
from tensorflow.keras.applications import MobileNet

image = layers.Input(shape=(64, 64, 1), name='gray')
rgb = layers.Concatenate()([image, image, image])
backbone = MobileNet(input_tensor=rgb, include_top=False, weights=None, pooling='avg', alpha=0.25)
head = layers.Dense(4, activation='softmax', name='head')(backbone.output)
model = models.Model(image, head)
