from tensorflow.keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from tensorflow.keras.models import Sequential

cfg = {'A': [2, 'M', 3, 3, 'M'], 'B': [2, 2, 'M', 3, 3, 'M']}


def make_layers(cfg, in_shape):
    layers = []
    first = True
    for v in cfg:
        if v == 'M':
            layers += [MaxPooling2D(pool_size=2, strides=2)]
        else:
            kwargs = {'input_shape': in_shape} if first else {}
            layers += [Conv2D(v, kernel_size=3, padding='same', activation='relu', **kwargs)]
            first = False
    return layers


features = make_layers(cfg['B'], (8, 8, 2))
model = Sequential([*features, Flatten(), Dense(6, activation='relu'), Dense(4)])
