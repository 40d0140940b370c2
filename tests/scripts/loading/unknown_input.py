"""The size of the input is known from data that are not there; the weights tell it."""
import numpy as np
from tensorflow.keras.layers import Dense, Dropout
from tensorflow.keras.models import Sequential
from sklearn.datasets import make_classification

X, y = make_classification(n_samples=20, n_features=5)
num_classes = 3
model = Sequential()
model.add(Dense(6, activation='relu', input_shape=(X.shape[1],)))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation='softmax'))
parameters = np.load('list.npy', allow_pickle=True)
model.set_weights(list(parameters))
