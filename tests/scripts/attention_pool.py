import tensorflow as tf
from tensorflow.keras.layers import LSTM, Activation, Bidirectional, Dense, Dot, Flatten, Input, Permute, RepeatVector, multiply

TIME_STEPS = 6
INPUT_DIM = 3


def attention_block(inputs, steps=TIME_STEPS):
    score = Dense(1, activation='tanh')(inputs)
    score = Flatten()(score)
    weights = Activation('softmax', name='attention')(score)
    weights = RepeatVector(int(inputs.shape[2]))(weights)
    weights = Permute([2, 1])(weights)
    return multiply([inputs, weights])


sequence = Input(shape=(TIME_STEPS, INPUT_DIM))
hidden = Bidirectional(LSTM(4, return_sequences=True), name='rnn')(sequence)
context = Flatten()(attention_block(hidden))
model = tf.keras.Model(inputs=sequence, outputs=Dense(2)(context))
