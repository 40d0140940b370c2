# Down and up again, with a carried residual; runs in tf.keras of 2.x and in Keras 3.
from tensorflow import keras
from tensorflow.keras import layers


def build(size, classes, widths=(8, 12)):
    image = keras.Input(shape=size + (3,))
    y = layers.Conv2D(widths[0], 3, strides=2, padding="same")(image)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    carried = y
    for width in widths:
        for _ in range(2):
            y = layers.Activation("relu")(y)
            y = layers.SeparableConv2D(width, 3, padding="same")(y)
            y = layers.BatchNormalization()(y)
        y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
        y = layers.add([y, layers.Conv2D(width, 1, strides=2, padding="same")(carried)])
        carried = y
    for width in reversed(widths):
        y = layers.BatchNormalization()(layers.Conv2DTranspose(width, 3, padding="same")(y))
        y = layers.UpSampling2D(2)(y)
        y = layers.add([y, layers.Conv2D(width, 1)(layers.UpSampling2D(2)(carried))])
        carried = y
    return keras.Model(image, layers.Conv2D(classes, 3, activation="softmax", padding="same")(y), name="segmentation")


model = build((16, 16), classes=3)
model.summary()
