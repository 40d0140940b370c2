import re
import numpy as np
from keras import Sequential, Input, layers
w = np.load('weights.npy'); b = np.load('biases.npy')
names = sorted(['dense_10', 'dense_2'], key=lambda s: [int(t) if t.isdigit() else t for t in re.split(r'(\d+)', s)])
m = re.search(r'(?P<n>\d{1,2})|[^a-z]+?$', names[0], re.I)
class Scale(layers.Layer):
    def build(self, shape):
        self.g = self.add_weight(shape=(shape[-1],), name='g')
    def call(self, x):
        return x * self.g
model = Sequential([Input((4,)), layers.Dense(4, name=re.sub(r'_(\d)', r'-\1', names[0])), Scale(name='s')])
model.layers[0].set_weights([w[0], b[0]])
model.layers[1].set_weights([np.mean([b[0], b[1]], axis=0)])
