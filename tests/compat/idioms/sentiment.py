# Masked text through recurrent layers both ways, attention, two poolings.
import keras
from keras import layers

words = keras.Input(shape=(14,), dtype="int32")
x = layers.Embedding(60, 10, mask_zero=True)(words)
x = layers.SpatialDropout1D(0.2)(x)
first = layers.Bidirectional(layers.LSTM(6, return_sequences=True, zero_output_for_mask=True))(x)
second = layers.Bidirectional(layers.GRU(6, return_sequences=True, reset_after=True), merge_mode="concat")(first)
context = layers.Attention()([second, first])
both = layers.concatenate([layers.GlobalAveragePooling1D()(context), layers.GlobalMaxPooling1D()(second)])
z = layers.Dense(9, activation="swish")(both)
out = layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(z))
model = keras.models.Model(inputs=words, outputs=out)
