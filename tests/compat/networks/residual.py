from tensorflow import keras
from tensorflow.keras import layers


class ResidualBlock(layers.Layer):
    def __init__(self, filters, downsample=False, **kwargs):
        super().__init__(**kwargs)
        stride = 2 if downsample else 1
        self.conv1 = layers.Conv2D(filters, 3, strides=stride, padding='same')
        self.bn1 = layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding='same')
        self.bn2 = layers.BatchNormalization()
        if downsample:
            self.shortcut = layers.Conv2D(filters, 1, strides=stride)
        else:
            self.shortcut = None

    def call(self, x, training=False):
        y = layers.ReLU()(self.bn1(self.conv1(x), training=training)) if False else self.bn1(self.conv1(x), training=training)
        y = keras.activations.relu(y)
        y = self.bn2(self.conv2(y), training=training)
        skip = self.shortcut(x) if self.shortcut is not None else x
        return keras.activations.relu(y + skip)


class ResNet(keras.Model):
    def __init__(self, depths=(1, 2), classes=4):
        super().__init__()
        self.stem = layers.Conv2D(4, 3, padding='same')
        self.blocks = [ResidualBlock(4 * 2 ** i, downsample=(i > 0 and k == 0)) for i, n in enumerate(depths) for k in range(n)]
        self.head = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(6, activation='relu'), layers.Dense(classes)])

    def call(self, inputs, training=False):
        x = self.stem(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(x, training=training)


model = ResNet()
model.build(input_shape=(None, 8, 8, 3))
