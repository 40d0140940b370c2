# Names made of parts; early returns.
from tensorflow import keras
from tensorflow.keras import layers


def rounded(value, step=8):
    result = max(step, int(value + step / 2) // step * step)
    return result + step if result < 0.9 * value else result


def bottleneck(x, factor, stride, filters, number):
    start, name, width = x, 'part%d_' % number, x.shape[-1]
    if number > 0:
        x = layers.Conv2D(factor * width, 1, use_bias=False, name=name + 'widen')(x)
        x = layers.ReLU(6., name=name + 'widen_relu')(layers.BatchNormalization(epsilon=1e-3, name=name + 'widen_norm')(x))
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=name + 'pad')(x)
    x = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, padding='same' if stride == 1 else 'valid', name=name + 'deep')(x)
    x = layers.ReLU(6., name=name + 'relu')(layers.BatchNormalization(epsilon=1e-3, name=name + 'norm')(x))
    x = layers.Conv2D(rounded(filters * 0.5), 1, use_bias=False, name=name + 'narrow')(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=name + 'narrow_norm')(x)
    if stride == 1 and x.shape[-1] == width:
        return layers.Add(name=name + 'add')([start, x])
    return x


image = layers.Input(shape=(16, 16, 3))
x = layers.Conv2D(rounded(16), 3, strides=(2, 2), padding='same', use_bias=False)(image)
for number, (factor, stride, filters) in enumerate([(1, 1, 16), (3, 2, 24), (3, 1, 24)]):
    x = bottleneck(x, factor, stride, filters, number)
model = keras.Model(image, layers.Dense(7)(layers.GlobalAveragePooling2D()(x)))
assert len(model.layers) > 10
