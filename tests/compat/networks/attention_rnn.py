import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class BahdanauAttention(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.W1 = layers.Dense(units)
        self.W2 = layers.Dense(units)
        self.V = layers.Dense(1)

    def call(self, query, values):
        query = tf.expand_dims(query, 1)
        score = self.V(tf.nn.tanh(self.W1(query) + self.W2(values)))
        weights = tf.nn.softmax(score, axis=1)
        context = tf.reduce_sum(weights * values, axis=1)
        return context, weights


class Reader(keras.Model):
    def __init__(self, units=6):
        super().__init__()
        self.embedding = layers.Embedding(25, 5)
        self.gru = layers.GRU(units, return_sequences=True, return_state=True)
        self.attention = BahdanauAttention(4)
        self.fc = layers.Dense(3)

    def call(self, ids):
        sequence, state = self.gru(self.embedding(ids))
        context, _ = self.attention(state, sequence)
        return self.fc(tf.concat([context, state], axis=-1))


model = Reader()
model(tf.ones((1, 8), dtype=tf.int32))
