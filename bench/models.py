"""Writes the networks that are measured, each a NAME.keras with samples NAME.io.npz, and as other engines read them: models.py FOLDER [NAME...].

Weights are random (fixed seeds); inputs are normal. NAME.tf.onnx is what Keras exports (by way of tf2onnx), NAME.bN.tflite what TensorFlow's
converter makes for batch N; one that cannot be made is named. The networks of
wide.py are made when they are named. Needs bench/requirements.txt."""
import os
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras                    # noqa: E402
import numpy as np              # noqa: E402
from keras import Input, Model, Sequential, applications, layers  # noqa: E402
import wide                     # noqa: E402


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


def inputs(model, count, most=8000):
    rng = np.random.default_rng(0)
    shape = (count,) + tuple(model.inputs[0].shape[1:])
    if model.inputs[0].dtype == "int32":
        return rng.integers(0, most, shape).astype(np.int32)
    return rng.standard_normal(shape).astype(np.float32)


def large_batch(net):
    return getattr(net, "batch", 256 if net in (mlp_small, mlp_medium, lenet) else 32)


def vary(model):
    """Statistics and scales that no engine can leave out."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(.8, 1.2, w.shape) if i in (0, 3) else rng.normal(0, .1, w.shape) for i, w in enumerate(layer.get_weights())])


def export_tflite(model, path, batch):
    import tensorflow as tf
    spec = tf.TensorSpec((batch,) + tuple(model.inputs[0].shape[1:]), model.inputs[0].dtype)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", fn=lambda x: model(x, training=False), input_signature=[spec])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        data = converter.convert()
    with open(path, "wb") as f:
        f.write(data)


def attempt(what, make, *arguments):
    try:
        make(*arguments)
    except Exception as e:      # another engine's converter: whatever it raises, it did not work
        print("no %s: %s" % (what, repr(e)[:300]), flush=True)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    known = {net.__name__: net for net in NETS + wide.NETS}
    for net in [known[name] for name in sys.argv[2:]] or NETS:
        path = os.path.join(folder, net.__name__)
        keras.utils.set_random_seed(1)
        model = net()
        vary(model)
        model.save(path + ".keras")
        x = inputs(model, 4, getattr(net, "most", 8000))
        np.savez(path + ".io.npz", x=x, y=model.predict(x, verbose=0))
        attempt(net.__name__ + ".tf.onnx", lambda: model.export(path + ".tf.onnx", format="onnx", verbose=False))
        for batch in (1, large_batch(net)):
            attempt("%s.b%d.tflite" % (net.__name__, batch), export_tflite, model, "%s.b%d.tflite" % (path, batch), batch)
        print(net.__name__, flush=True)


if __name__ == "__main__":
    main()
