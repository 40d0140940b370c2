# A Lambda that is written as operations.
from keras import Input, Model, ops
from keras.layers import Lambda

a, b = Input((6,)), Input((6,))
y = Lambda(lambda t: ops.softmax(ops.abs(t[0] - t[1]) / 2)[..., 1:], name='part')([a, b])
model = Model([a, b], y)
