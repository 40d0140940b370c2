from keras import Input, Model
from keras.layers import Concatenate, Dense

inputs = [Input((3,), name=f"in_{k}") for k in range(3)]
encoded = [Dense(4, activation="tanh")(t) for t in inputs]
merged = Concatenate()(encoded)
model = Model(inputs=inputs, outputs=[Dense(n)(merged) for n in (2, 1)])
