import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.applications import mobilenet

target_shape = (64, 64)
base_cnn = mobilenet.MobileNet(weights=None, input_shape=target_shape + (3,), include_top=False, alpha=0.25)
flatten = layers.Flatten()(base_cnn.output)
dense1 = layers.Dense(16, activation='relu')(flatten)
dense1 = layers.BatchNormalization()(dense1)
output = layers.Dense(8)(dense1)
embedding = tf.keras.Model(base_cnn.input, output, name='Embedding')
trainable = False
for layer in base_cnn.layers:
    if layer.name == 'conv_pw_13':
        trainable = True
    layer.trainable = trainable
left = layers.Input(name='left', shape=target_shape + (3,))
right = layers.Input(name='right', shape=target_shape + (3,))
a = embedding(mobilenet.preprocess_input(left))
b = embedding(mobilenet.preprocess_input(right))
distance = layers.Dot(axes=1, normalize=True)([a, b])
model = tf.keras.Model([left, right], layers.Dense(1, activation='sigmoid')(distance))
