# An encoder's states start a decoder; tuples are unpacked.
import keras

units = 12
source = keras.Input(shape=(None, 7), name="source")
_, *states = keras.layers.LSTM(units, return_state=True, name="encoder")(source)
target = keras.Input(shape=(None, 9), name="target")
decoder = keras.layers.LSTM(units, return_sequences=True, return_state=True)
steps, _, _ = decoder(target, initial_state=states)
model = keras.Model([source, target], keras.layers.Dense(9, activation="softmax")(steps))
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
