# What tests/compat/make_custom.py has as Whole: the class of a model that is code throughout.
import keras
from keras import layers


class Affine(layers.Layer):
    def __init__(self, units, activation=None, **options):
        super().__init__(**options)
        self.units, self.activation = units, activation

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")
        self.b = self.add_weight(shape=(self.units,), name="b")

    def call(self, x):
        return x @ self.w + self.b


class Whole(keras.Model):
    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units
        self.one, self.two = layers.Dense(units, activation="relu"), Affine(2)

    def call(self, x):
        return self.two(self.one(x))

    def get_config(self):
        return {"units": self.units}
