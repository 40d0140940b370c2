"""Random scripts in which MultiHeadAttention takes masks off tensors that other layers use, before it and after it, and inside models that are layers: mask_scripts.py SEED
prints one. All tensors are (batch, 6, 4), so that any can follow any. The operations that Keras makes of masks lie deeper than the layers and change which of two attentions runs
first."""
import sys

import numpy as np

STEPS = ["layers.MultiHeadAttention(2, 2)({0}, {1})", "layers.MultiHeadAttention(2, 2)({0}, {0})", "layers.MultiHeadAttention(1, 3)({0}, {1}, use_causal_mask=True)",
         "layers.MultiHeadAttention(1, 3)(query={0}, value={1}, key={2})", "layers.Dropout(0.1)({0})", "layers.LayerNormalization()({0})",
         "layers.Dense(4, activation='tanh')({0})", "layers.Add()([{0}, {1}])", "{0} + {1}", "layers.Multiply()([{0}, {1}])",
         "layers.GRU(4, return_sequences=True)({0})", "layers.LSTM(4, return_sequences=True)({0}, training=False)",
         "layers.Bidirectional(layers.GRU(2, return_sequences=True))({0})", "layers.TimeDistributed(layers.Dense(4))({0})", "layers.BatchNormalization()({0})",
         "layers.Activation('relu')({0})", "layers.Attention()([{0}, {1}])", "layers.SpatialDropout1D(0.2)({0})",
         "layers.SimpleRNN(4, return_sequences=True, go_backwards=True)({0})", "layers.Masking(0.0)({0})", "layers.Dense(4)(layers.Concatenate()([{0}, {1}]))",
         "layers.Dense(4)(layers.Concatenate()([{0}, {1}, {2}]))", "block({0})", "layers.LSTM(4, return_sequences=True)({0}, initial_state=[pooled, pooled])",
         "attend({0})", "attend({0})", "attend_two([{0}, {1}])", "attend_two([{0}, {1}])", "chain({0})"]
ENDS = ["layers.GlobalAveragePooling1D()({0})", "layers.LSTM(3)({0})", "layers.GRU(3, go_backwards=True)({0})", "layers.GlobalMaxPooling1D()({0})",
        "layers.Bidirectional(layers.SimpleRNN(2))({0})", "layers.GlobalAveragePooling1D()(layers.Dropout(0.1)({0}))", "layers.Flatten()(layers.BatchNormalization()({0}))"]


def script(seed):
    rng = np.random.default_rng(seed)
    lines = ["import keras", "from keras import layers", "", "words = keras.Input((6,), dtype='int32')", "t0 = layers.Embedding(9, 4, mask_zero=True)(words)",
             "pooled = layers.Dense(4)(layers.GlobalMaxPooling1D()(t0))", "inside = keras.Input((6, 4))", "block = keras.Model(inside, layers.Dense(4)(layers.Dropout(0.1)(inside)))", "one, two, three = (keras.Input((6, 4)) for _ in range(3))",
             "attend = keras.Model(one, layers.MultiHeadAttention(2, 2)(one, one) + one)",
             "attend_two = keras.Model([two, three], layers.Add()([layers.MultiHeadAttention(1, 3)(two, three), three]))",
             "chain = keras.Sequential([keras.Input((6, 4)), layers.Dropout(0.1), layers.LSTM(4, return_sequences=True)])"]
    count = 1
    for _ in range(int(rng.integers(5, 14))):
        step = STEPS[int(rng.integers(4))] if rng.random() < 0.3 else STEPS[int(rng.integers(len(STEPS)))]
        early = rng.random() < 0.4             # the same tensors again and again: only then it matters whose mask was taken off
        picked = ["t%d" % int(rng.integers(min(count, 2) if early else count)) for _ in range(3)]
        lines.append("t%d = %s" % (count, step.format(*picked)))
        count += 1
    ends = [ENDS[int(rng.integers(len(ENDS)))].format("t%d" % i) for i in range(count)]
    lines.append("model = keras.Model(words, [%s])" % ", ".join(ends))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(script(int(sys.argv[1])), end="")
