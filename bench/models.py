"""Writes the networks that are measured: NAME.keras, NAME.onnx and samples NAME.io.npz, into the folder of the first argument.

Weights are random (fixed seeds); inputs are normal. Needs tensorflow, keras, tf2onnx and onnx (bench/requirements.txt)."""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras                    # noqa: E402
import numpy as np              # noqa: E402
from keras import Input, Model, Sequential, applications, layers  # noqa: E402


def mlp_small():
    return Sequential([Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")])


def mlp_medium():
    return Sequential([Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(512, activation="relu"),
                       layers.Dense(10, activation="softmax")])


def lenet():
    return Sequential([Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
                       layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
                       layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")])


def mobilenet_v2():
    return applications.MobileNetV2(weights=None)


def resnet50():
    return applications.ResNet50(weights=None)


def efficientnet_b0():
    return applications.EfficientNetB0(weights=None)


def lstm():
    return Sequential([Input((100, 64)), layers.LSTM(128), layers.Dense(10, activation="softmax")])


def bigru():
    return Sequential([Input((100, 64)), layers.Bidirectional(layers.GRU(64, return_sequences=True)),
                       layers.Bidirectional(layers.GRU(64)), layers.Dense(10, activation="softmax")])


def transformer():
    tokens = Input((128,), dtype="int32")
    x = layers.Embedding(8000, 256)(tokens)
    for _ in range(4):
        attended = layers.MultiHeadAttention(8, 32)(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, attended]))
        y = layers.Dense(256)(layers.Dense(1024, activation="gelu")(x))
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
    return Model(tokens, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def dilated_1d():
    """Residual blocks of dilated one-dimensional convolutions over 5,000 places."""
    sequence = Input((5000, 4))
    x = layers.Conv1D(32, 1)(sequence)
    skip = layers.Conv1D(32, 1)(x)
    for n, (width, rate) in enumerate([(11, 1)] * 4 + [(11, 4)] * 4 + [(21, 10)] * 4 + [(41, 25)] * 4):
        y = x
        for _ in range(2):
            y = layers.Activation("relu")(layers.BatchNormalization()(y))
            y = layers.Conv1D(32, width, dilation_rate=rate, padding="same")(y)
        x = layers.Add()([x, y])
        if n % 4 == 3:
            skip = layers.Add()([skip, layers.Conv1D(32, 1)(x)])
    return Model(sequence, layers.Conv1D(3, 1, activation="softmax")(skip))


NETS = [mlp_small, mlp_medium, lenet, lstm, bigru, transformer, mobilenet_v2, efficientnet_b0, dilated_1d, resnet50]


def inputs(model, count):
    rng = np.random.default_rng(0)
    shape = (count,) + tuple(model.inputs[0].shape[1:])
    if model.inputs[0].dtype == "int32":
        return rng.integers(0, 8000, shape).astype(np.int32)
    return rng.standard_normal(shape).astype(np.float32)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for net in NETS:
        path = os.path.join(folder, net.__name__)
        keras.utils.set_random_seed(1)
        model = net()
        model.save(path + ".keras")
        x = inputs(model, 4)
        np.savez(path + ".io.npz", x=x, y=model.predict(x, verbose=0))
        print(net.__name__, flush=True)


if __name__ == "__main__":
    main()
