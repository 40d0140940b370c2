import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.applications.resnet50 import preprocess_input
from tensorflow.keras.applications.densenet import preprocess_input as to_torch

inputs = tf.keras.Input((32, 32, 3))
x = layers.Lambda(lambda image: preprocess_input(image))(inputs)
y = layers.Lambda(lambda image: to_torch(image))(inputs)
x = layers.Conv2D(3, 3)(layers.Rescaling(1 / 128.0)(x))
y = layers.Conv2D(3, 3)(y)
model = tf.keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Add()([x, y]))))
