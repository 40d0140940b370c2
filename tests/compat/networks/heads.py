import numpy as np
from tensorflow import keras
from tensorflow.keras import layers


class MultiHead(keras.Model):
    def __init__(self, sizes={'age': 1, 'sex': 2, 'place': 5}):
        super().__init__()
        self.trunk = layers.Dense(9, activation='relu')
        self.heads = {name: layers.Dense(n, name=name) for name, n in sizes.items()}

    def call(self, x):
        x = self.trunk(x)
        return {name: head(x) for name, head in self.heads.items()}


model = MultiHead()
model(np.random.rand(1, 6).astype('float32'))
