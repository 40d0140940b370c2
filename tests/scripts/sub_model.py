"""Features of an inner layer: a second model that shares the first one's layers."""
import keras
from keras import layers

inputs = keras.Input((6,))
x = layers.Dense(5, activation='relu', name='first')(inputs)
features = layers.Dense(4, activation='relu', name='features')(x)
outputs = layers.Dense(3, activation='softmax')(features)
classifier = keras.Model(inputs, outputs)

model = keras.Model(inputs=classifier.inputs, outputs=classifier.get_layer('features').output)
