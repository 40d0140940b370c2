"""A trained net is cut, frozen and given another head."""
from keras import Input, Model, Sequential, layers

base = Sequential([
    Input((6, 6, 2)),
    layers.Conv2D(3, 3, activation='relu', name='conv'),
    layers.Flatten(),
    layers.Dense(5, activation='relu', name='fc'),
    layers.Dense(10, activation='softmax', name='old_head'),
], name='base')
base.trainable = False
for layer in base.layers[:-2]:
    layer.trainable = True
features = Model(inputs=base.inputs, outputs=base.layers[-2].output, name='features')
new_input = Input(shape=(6, 6, 2))
x = features(new_input, training=False)
x = layers.Dropout(0.2)(x)
model = Model(new_input, layers.Dense(2, name='new_head')(x))
