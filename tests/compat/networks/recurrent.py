import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import GRU, LSTM, Bidirectional, Dense, Embedding


class Tagger(keras.Model):
    def __init__(self, vocab=30, dim=6, units=5, tags=4, bidirectional=True):
        super().__init__()
        self.bidirectional = bidirectional
        self.embedding = Embedding(vocab, dim)
        rnn = LSTM(units, return_sequences=True)
        self.rnn = Bidirectional(rnn) if bidirectional else rnn
        self.gru = GRU(units, return_sequences=True)
        self.tags = Dense(tags, activation='softmax')

    def call(self, ids):
        x = self.embedding(ids)
        x = self.rnn(x)
        if self.bidirectional:
            x = self.gru(x)
        return self.tags(x)


model = Tagger()
model(np.ones((2, 9), dtype='int32'))
