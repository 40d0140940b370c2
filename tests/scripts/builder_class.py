from dataclasses import dataclass, field

import tensorflow as tf


@dataclass
class Config:
    input_dim: int = 6
    units: tuple = (8, 4)
    activation: str = 'elu'
    rate: float = 0.25


class ModelBuilder:
    """Puts blocks of Dense, normalization and dropout one on the other."""

    normalize = True

    def __init__(self, config, outputs=2):
        self.config = config
        self.outputs = outputs
        self.blocks = []

    def block(self, x, units, name):
        x = tf.keras.layers.Dense(units, use_bias=not self.normalize, name=name)(x)
        if self.normalize:
            x = tf.keras.layers.BatchNormalization(name=name + '_bn')(x)
        x = tf.keras.layers.Activation(self.config.activation)(x)
        self.blocks.append(name)
        return tf.keras.layers.Dropout(self.config.rate)(x)

    def build(self):
        inputs = tf.keras.Input(shape=(self.config.input_dim,))
        x = inputs
        for k, units in enumerate(self.config.units, start=1):
            x = self.block(x, units, 'block{}'.format(k))
        assert len(self.blocks) == len(self.config.units)
        return tf.keras.Model(inputs, tf.keras.layers.Dense(self.outputs)(x))


model = ModelBuilder(Config()).build()
