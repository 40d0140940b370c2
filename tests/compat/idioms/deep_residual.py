# from ... import *, regularizers, shapes that decide what is built.
from tensorflow.keras.layers import *
from tensorflow.keras import Model
from tensorflow.keras.regularizers import l2

depth = 14
options = dict(padding='same', use_bias=False, kernel_initializer='he_normal', kernel_regularizer=l2(1e-4))


def norm(x, relu=True):
    x = BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return ReLU()(x) if relu else x


def residual(x, filters, stride=1):
    y = norm(Conv2D(filters, 3, strides=stride, **options)(x))
    y = norm(Conv2D(filters, 3, **options)(y), relu=False)
    if stride != 1 or x.shape[-1] != filters:
        x = Conv2D(filters, 1, strides=stride, **options)(x)
    return ReLU()(Add()([y, x]))


inputs = x = Input((16, 16, 3))
x = norm(Conv2D(8, 3, **options)(x))
for stage, filters in enumerate((8, 16)):
    for i in range((depth - 2) // 6):
        x = residual(x, filters, stride=2 if stage > 0 and i == 0 else 1)
model = Model(inputs, Dense(10, activation='softmax')(GlobalAveragePooling2D()(x)))
