from tensorflow import keras
from tensorflow.keras import layers


def tower(units):
    i = keras.Input((4,))
    x = layers.Dense(units, activation='relu')(i)
    return keras.Model(i, layers.Dense(units)(x))


class Siamese(keras.Model):
    def __init__(self):
        super().__init__()
        self.tower = tower(5)
        self.stages = {'first': [layers.Dense(4), layers.Dense(4, use_bias=False)], 'second': layers.Dense(2)}

    def call(self, inputs):
        a, b = self.tower(inputs['a']), self.tower(inputs['b'])
        x = keras.layers.subtract([a, b]) if False else a - b
        for stage in self.stages['first']:
            x = stage(x)
        return self.stages['second'](x)


model = Siamese()
model({'a': keras.Input((4,)), 'b': keras.Input((4,))})
