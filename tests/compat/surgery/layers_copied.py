from tensorflow import keras
from tensorflow.keras import layers

old = keras.models.load_model('words.h5')
ids = keras.Input((9,), dtype='int32')
x = layers.Embedding(20, 6, mask_zero=True)(ids)
x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
x, h = layers.GRU(5, return_state=True)(x)
model = keras.Model(ids, layers.Dense(3)(layers.concatenate([x, h])))
for new, known in zip(model.layers, old.layers):
    new.set_weights(known.get_weights())
