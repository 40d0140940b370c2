import os
from pathlib import Path

from tensorflow import keras

CONFIG = Path("model_config.json")
WEIGHTS = "model_weights.h5"


def load(config=CONFIG, weights=WEIGHTS):
    model = keras.models.model_from_json(config.read_text())
    model.load_weights(weights)
    return model


def main():
    model = load()
    model.summary()
    for layer in model.layers:
        print(f"{layer.name:20} {layer.__class__.__name__}")
    return model


if __name__ == "__main__":
    model = main()
