"""Several inputs and outputs, as in the functional API guide."""
import keras
from keras import layers

num_tags = 4
num_words = 20
num_departments = 3

title_input = keras.Input(shape=(6,), name="title")
tags_input = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.Embedding(num_words, 5)(title_input)
title_features = layers.LSTM(3)(title_features)
x = layers.concatenate([title_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)
model = keras.Model(
    inputs=[title_input, tags_input],
    outputs={"priority": priority_pred, "department": department_pred},
)
