"""A trained classifier's last layer is taken off and another put in its place."""
import keras
from keras.layers import Dense

model = keras.Sequential([keras.Input((5,)), Dense(6, activation='relu'), Dense(4, activation='relu'), Dense(10)])
model.pop()
for layer in model.layers:
    layer.trainable = False
model.add(Dense(2, activation='softmax', name='new_head'))
