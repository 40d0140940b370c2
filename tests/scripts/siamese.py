from tensorflow.keras.layers import Dense, Dot, Input, Subtract, concatenate, multiply
from tensorflow.keras.models import Model, Sequential

tower = Sequential()
tower.add(Input((6,)))
tower.add(Dense(5, activation='relu'))
tower.add(Dense(4, activation='tanh'))

left, right = Input(shape=(6,), name='left'), Input(shape=(6,), name='right')
l, r = tower(left), tower(right)
cosine = Dot(axes=1, normalize=True)([l, r])
difference = Subtract()([l, r])
both = concatenate([cosine, difference, multiply([l, r])], axis=1)
model = Model([left, right], Dense(1, activation='sigmoid')(both))
model.compile('adam', 'binary_crossentropy')
