import keras
from keras.layers import *


def double_conv(x, n, name=None):
    for k in range(2):
        x = Conv2D(n, 3, padding="same", activation="relu", name=f"{name}_conv{k + 1}" if name else None)(x)
    return x


def unet(size=(8, 8, 1), depth=2, base=3):
    inputs = x = Input(size)
    skips = []
    for level in range(depth):
        x = double_conv(x, base * 2 ** level, name="down%d" % level)
        skips.append(x)
        x = MaxPooling2D((2, 2))(x)
    x = double_conv(x, base * 2 ** depth)
    for level, skip in reversed(list(enumerate(skips))):
        if level % 2:
            x = Conv2DTranspose(base * 2 ** level, (2, 2), strides=(2, 2), padding="same")(x)
        else:
            x = UpSampling2D(size=(2, 2), interpolation="nearest")(x)
        x = concatenate([x, skip], axis=3)
        x = double_conv(x, base * 2 ** level)
    return keras.Model(inputs=[inputs], outputs=[Conv2D(1, (1, 1), activation="sigmoid")(x)], name="unet")


model = unet()
