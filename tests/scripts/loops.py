import keras

hidden = (12, 8, 4)
model = keras.Sequential()
model.add(keras.layers.InputLayer(shape=(10,)))
for i, n in enumerate(hidden):
    model.add(keras.layers.Dense(n, name=f'hidden_{i + 1}'))
    model.add(keras.layers.BatchNormalization(name='bn_%d' % (i + 1)))
    model.add(keras.layers.Activation('relu'))
    if i < len(hidden) - 1:
        model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(1, activation='sigmoid', name='out'))
