from tensorflow import keras
from tensorflow.keras import layers


class Flexible(keras.Model):
    def __init__(self, use_norm=True, use_skip=False, depth=3, activation='gelu', **kwargs):
        super().__init__(**kwargs)
        self.use_norm = use_norm
        self.use_skip = use_skip
        self.stack = [layers.Dense(6, name=f'stack_{i}') for i in range(depth)]
        if self.use_norm:
            self.norm = layers.LayerNormalization()
        self.act = layers.Activation(activation)
        self.final = layers.Dense(2)

    def call(self, inputs, training=None, mask=None):
        x = inputs
        for i, layer in enumerate(self.stack):
            y = self.act(layer(x))
            if self.use_skip and i > 0:
                y = y + x
            x = y
        if self.use_norm:
            x = self.norm(x)
        return self.final(x)


model = Flexible(use_skip=True, name='flexible')
model.build((None, 4))
