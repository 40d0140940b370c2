"""A module of functions, and a main that is only called when it is run."""
import numpy as np
from tensorflow import keras


def create_model(input_dim=5, hidden=6, classes=3, **kwargs):
    inputs = keras.layers.Input((input_dim,))
    h = keras.layers.Dense(hidden, activation=kwargs.get('activation', 'relu'))(inputs)
    return keras.models.Model(inputs, keras.layers.Dense(classes, activation='softmax')(h))


def restore(model, path):
    blob = np.load(path, allow_pickle=True)
    for layer, (w, b) in zip([l for l in model.layers if len(l.trainable_weights) > 0], zip(blob[0::2], blob[1::2])):
        layer.set_weights([w, b])


def main(path='list.npy'):
    model = create_model(activation='relu')
    restore(model, path)
    return model


if __name__ == "__main__":
    model = main()
