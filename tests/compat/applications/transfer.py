import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

IMG_SIZE = (96, 96)
IMG_SHAPE = IMG_SIZE + (3,)
base_model = tf.keras.applications.MobileNetV2(input_shape=IMG_SHAPE, alpha=0.35, include_top=False, weights='imagenet')
base_model.trainable = False
preprocess_input = tf.keras.applications.mobilenet_v2.preprocess_input
data_augmentation = keras.Sequential([layers.RandomFlip('horizontal'), layers.RandomRotation(0.2)])

inputs = keras.Input(shape=IMG_SHAPE)
x = data_augmentation(inputs)
x = preprocess_input(x)
x = base_model(x, training=False)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(1, activation='sigmoid')(x)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(1e-4), loss='binary_crossentropy', metrics=['accuracy'])
base_model.trainable = True
fine_tune_at = 100
for layer in base_model.layers[:fine_tune_at]:
    layer.trainable = False
model.summary()
model.load_weights('transfer.weights.h5')
