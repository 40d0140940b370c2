import keras
from keras import layers


def make_divisible(v, divisor=4, min_value=None):
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v


def inverted_residual(x, filters, expansion, stride, alpha=1.0, block_id=0):
    in_channels = x.shape[-1]
    prefix = f'block_{block_id}_'
    pointwise = make_divisible(int(filters * alpha))
    shortcut = x
    if block_id:
        x = layers.Conv2D(expansion * in_channels, kernel_size=1, use_bias=False, name=prefix + 'expand')(x)
        x = layers.BatchNormalization(epsilon=1e-3, name=prefix + 'expand_BN')(x)
        x = layers.ReLU(6.0, name=prefix + 'expand_relu')(x)
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=prefix + 'pad')(x)
    x = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, padding='same' if stride == 1 else 'valid', name=prefix + 'depthwise')(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=prefix + 'depthwise_BN')(x)
    x = layers.ReLU(6.0, name=prefix + 'depthwise_relu')(x)
    x = layers.Conv2D(pointwise, 1, use_bias=False, name=prefix + 'project')(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=prefix + 'project_BN')(x)
    if in_channels == pointwise and stride == 1:
        return layers.Add(name=prefix + 'add')([shortcut, x])
    return x


image = layers.Input((8, 8, 3))
x = layers.Conv2D(make_divisible(5), 3, strides=(2, 2), padding='same', use_bias=False)(image)
for block_id, (filters, expansion, stride) in enumerate([(4, 1, 1), (6, 2, 2), (8, 2, 1)]):
    x = inverted_residual(x, filters, expansion=expansion, stride=stride, block_id=block_id)
x = layers.GlobalAveragePooling2D(keepdims=True)(x)
x = layers.Reshape((-1,))(x)
model = keras.Model(image, layers.Dense(3, activation='softmax', name='predictions')(x))
