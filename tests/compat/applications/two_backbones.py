import tensorflow as tf
from tensorflow.keras.applications import MobileNet, MobileNetV2
from tensorflow.keras.layers import Concatenate, Dense, Dropout

shape = (64, 64, 3)
inputs = tf.keras.layers.Input(shape)
first = MobileNet(weights=None, include_top=False, input_shape=shape, pooling='avg', alpha=0.25)
second = MobileNetV2(weights=None, include_top=False, input_shape=shape, pooling='avg', alpha=0.35, name='second')
first.trainable = second.trainable = False
merged = Concatenate()([first(inputs), second(inputs)])
outputs = Dense(4, activation='softmax')(Dropout(0.3)(merged))
model = tf.keras.Model(inputs, outputs)
