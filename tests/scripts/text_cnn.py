"""Convolutions of several widths over embedded words, with another branch for plain numbers."""
import numpy as np
from keras.layers import Concatenate, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D, Input
from keras.models import Model

max_words, embedding_dim, maxlen = 20, 5, 9
filter_sizes = (2, 3, 4)

words = Input(shape=(maxlen,), dtype='int32', name='words')
emb = Embedding(input_dim=max_words, output_dim=embedding_dim, input_length=maxlen, name='embedding')(words) \
    if False else Embedding(max_words, embedding_dim, name='embedding')(words)
pools = []
for size in filter_sizes:
    conv = Conv1D(filters=3, kernel_size=size, activation='relu', name='conv_' + str(size))(emb)
    pools.append(GlobalMaxPooling1D()(conv))
merged = Concatenate()(pools) if len(pools) > 1 else pools[0]
dense = Dense(6, activation='relu')(Dropout(rate=0.5)(merged))
model = Model(words, Dense(1, activation='sigmoid', name='score')(dense))
