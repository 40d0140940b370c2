# Inputs and outputs by name: Keras takes them in the order of their keys, whatever the order of the code.
import keras
from keras import layers

sizes = {"wage": 1, "age": 1, "school": 4}
inputs = {name: keras.Input(shape=(size,), name=name) for name, size in sizes.items()}
together = layers.concatenate(list(inputs.values()))
wide = layers.BatchNormalization()(together)
deep = together
for units in [16, 8]:
    deep = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(deep)))
merged = layers.concatenate([wide, deep])
outputs = {"risk": layers.Dense(3, activation="softmax", name="risk")(merged), "cost": layers.Dense(1, name="cost")(deep)}
model = keras.Model(inputs=inputs, outputs=outputs)
