from tensorflow import keras
from tensorflow.keras import layers


class Gate(layers.Layer):
    def build(self, input_shape):
        self.proj = layers.Dense(input_shape[-1], activation='sigmoid')
        super().build(input_shape)

    def call(self, x):
        return x * self.proj(x)


class Base(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.embed = layers.Dense(units)

    def head(self, x):
        return x


class Gated(Base):
    def __init__(self, units=6):
        super().__init__(units)
        self.gate = Gate()
        self._out = layers.Dense(3)

    def call(self, x):
        x = self.gate(self.embed(x))
        return self.head(x)

    def head(self, x):
        return self._out(x)


model = Gated()
inputs = keras.Input((5,))
model.call(inputs)
model.build((None, 5))
