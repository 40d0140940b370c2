from tensorflow import keras
from tensorflow.keras import layers


class ConvBlock(keras.Model):
    def __init__(self, filters, name=None):
        super().__init__(name=name)
        self.conv = layers.Conv2D(filters, 3, padding='same', activation='relu')
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(self.conv(x), training=training)


class UNet(keras.Model):
    def __init__(self, filters=(3, 5, 7)):
        super().__init__()
        self.down = [ConvBlock(f, name='down_%d' % i) for i, f in enumerate(filters)]
        self.up = [ConvBlock(f, name='up_%d' % i) for i, f in enumerate(reversed(filters[:-1]))]
        self.pool = layers.MaxPool2D()
        self.resize = layers.UpSampling2D()
        self.concat = layers.Concatenate()
        self.final = layers.Conv2D(1, 1, activation='sigmoid')

    def call(self, x, training=None):
        skips = []
        for block in self.down[:-1]:
            x = block(x, training=training)
            skips.append(x)
            x = self.pool(x)
        x = self.down[-1](x, training=training)
        for block, skip in zip(self.up, reversed(skips)):
            x = self.concat([self.resize(x), skip])
            x = block(x, training=training)
        return self.final(x)


def main():
    net = UNet()
    net.build((None, 8, 8, 2))
    return net


model = main()
