import tensorflow as tf
L = tf.keras.layers


def conv(x, n, k, s=1, p='same', **kw):
    return L.Conv2D(n, k, strides=s, padding=p, activation='relu', **kw)(x)


def inception(x, spec):
    branches = [
        conv(x, spec['1x1'], 1),
        conv(conv(x, spec['3x3'][0], 1), spec['3x3'][1], (1, 3)),
        conv(L.MaxPooling2D(3, strides=1, padding='same')(x), spec.get('pool', 2), 1),
    ]
    return L.Concatenate(axis=-1, name=spec.get('name'))(branches)


specs = [{'1x1': 2, '3x3': (2, 3), 'name': 'mixed0'}, {'1x1': 3, '3x3': [1, 2], 'pool': 1}]
x = inp = tf.keras.layers.Input((6, 6, 3))
while specs:
    x = inception(x, specs.pop(0))
model = tf.keras.models.Model(inp, L.Dense(2)(L.GlobalMaxPool2D()(x)))
