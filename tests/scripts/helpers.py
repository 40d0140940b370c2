"""Blocks as functions with default arguments, called with keywords."""
import tensorflow as tf
from tensorflow.keras import layers


def conv_block(x, filters, kernel_size=3, strides=1, activation='relu'):
    x = layers.Conv2D(filters, kernel_size, strides=strides, padding='same', use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x)


def residual_block(x, filters):
    shortcut = x
    x = conv_block(x, filters)
    x = conv_block(x, filters, activation='linear')
    if shortcut.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1)(shortcut)
    x = layers.add([x, shortcut])
    return layers.ReLU()(x)


inputs = layers.Input(shape=(8, 8, 3))
x = conv_block(inputs, 4, strides=2)
for filters in [4, 6]:
    x = residual_block(x, filters)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(5, activation='softmax', name='predictions')(x)
model = tf.keras.Model(inputs, outputs, name='small_resnet')
