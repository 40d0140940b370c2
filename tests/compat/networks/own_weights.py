from tensorflow import keras
from tensorflow.keras import layers


class Linear(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer='random_normal', trainable=True, name='w')
        self.b = self.add_weight(shape=(self.units,), initializer='zeros', trainable=True, name='b')

    def call(self, inputs):
        return keras.activations.relu(inputs @ self.w + self.b)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = Linear(7)
        self.second = Linear(5)
        self.scale = self.add_weight(shape=(5,), initializer='ones', name='scale')
        self.out = layers.Dense(2)

    def call(self, x):
        return self.out(self.second(self.first(x)) * self.scale)


model = Net()
model.build((None, 6))
