from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Dense(8, activation='relu', input_shape=(6,), name='hidden'))
model.add(Dense(3, activation='softmax', name='classes'))
model.load_weights('old_weights.h5', by_name=True)
