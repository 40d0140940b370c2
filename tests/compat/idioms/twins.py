# One Sequential called on two inputs; a distance by hand.
from keras.models import Sequential, Model
from keras.layers import *
from keras import ops

net = Sequential(name="net")
net.add(Input((12, 12, 1)))
for filters in 6, 8:
    net.add(Conv2D(filters, (3, 3), activation='relu'))
net.add(GlobalAveragePooling2D())
net.add(Dense(7, activation=None))
net.add(UnitNormalization())
a, b = (Input((12, 12, 1), name=n) for n in ("left", "right"))
fa, fb = net(a), net(b)
distance = ops.sqrt(ops.maximum(ops.sum(ops.square(fa - fb), axis=1, keepdims=True), 1e-7))
similar = Dot(axes=1)([fa, fb])
model = Model([a, b], Dense(1, activation='sigmoid')(Concatenate()([distance, similar])))
