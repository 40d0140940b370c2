import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Ranker(keras.Model):
    def __init__(self):
        super().__init__()
        self.users = layers.Embedding(20, 6)
        self.items = layers.Embedding(30, 6)
        self.dot = layers.Dot(axes=-1)
        self.bias = layers.Dense(1)

    def call(self, inputs):
        user, item = inputs
        u = self.users(user)
        i = self.items(item)
        return tf.sigmoid(self.dot([u, i]) + self.bias(tf.concat([u, i], axis=-1)))


model = Ranker()
model((tf.zeros((2,), dtype='int32'), tf.zeros((2,), dtype='int32')))
