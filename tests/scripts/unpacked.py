import keras
from keras.layers import LSTM, Bidirectional, Dense, Embedding, TimeDistributed

VOCAB, DIM, UNITS = 20, 4, 3

source = keras.Input((6,))
embedded = Embedding(VOCAB, DIM)(source)
sequence, h, c = LSTM(UNITS, return_sequences=True, return_state=True)(embedded)
again = LSTM(UNITS, return_sequences=True)(sequence, initial_state=[h, c])
merged = Bidirectional(LSTM(2, return_sequences=True), merge_mode='sum')(again)
model = keras.Model(source, TimeDistributed(Dense(VOCAB, activation='softmax'))(merged))
