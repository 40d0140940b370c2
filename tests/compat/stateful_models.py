"""Stateful models by whichever Keras runs this: what one predict gives over several batches, and what the next one gives after it.

python stateful_models.py FOLDER writes NAME.keras, NAME.h5, NAME.io.npz (x, y) and NAME.again.npz (y of the second call).
"""
import os
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
BATCH, ROWS = 2, 6


def models(keras):
    """Name: model. Keras 3 cannot train or run a stateful RNN of stacked cells, so Keras 2 alone says what that gives."""
    L, three = keras.layers, keras.__version__[0] == "3"

    def model(make, shape=(4, 3), masked=False):
        x = keras.Input(batch_shape=(BATCH,) + shape)
        return keras.Model(x, make(L.Masking(0.0)(x) if masked else x))

    def inner():
        x = keras.Input(batch_shape=(BATCH, 4, 3))
        return keras.Model(x, L.Dense(2)(L.GRU(3, stateful=True)(x)))

    def twice(x):
        layer = L.GRU(3, stateful=True)
        first = layer(x)
        return L.Add()([first, layer(L.Multiply()([x, L.RepeatVector(4)(first)]))])

    def either(x, second_first=False, deep=False, inside=False):
        """One layer on two tensors: which call goes on where the other ended depends on what reads them, not on who was written first."""
        layer = keras.Sequential([L.Dense(3), L.LSTM(3, stateful=True)]) if inside else L.LSTM(3, stateful=True)
        a, b = L.Rescaling(1.0)(x), L.Rescaling(-0.5, 0.2)(x)
        first, second = layer(a), layer(b)
        if deep:
            second = L.Dense(2)(L.Dense(4)(second))
        return L.Concatenate()([second, first] if second_first else [first, second])

    made = {
        "lstm": model(L.LSTM(2, stateful=True)),
        "gru": model(L.GRU(2, stateful=True, return_sequences=True)),
        "gru_before": model(L.GRU(2, stateful=True, reset_after=False)),
        "simple": model(L.SimpleRNN(2, stateful=True, go_backwards=True)),
        "masked": model(L.LSTM(2, stateful=True, return_sequences=True), masked=True),
        "states": model(lambda x: list(L.LSTM(2, stateful=True, return_state=True)(x))),
        "given": model(lambda x: L.LSTM(2, stateful=True)(x, initial_state=[L.Dense(2)(x[:, 0]), L.Dense(2)(x[:, 1])])),
        "bidirectional": model(L.Bidirectional(L.LSTM(2, stateful=True, return_sequences=True))),
        "bidirectional_masked": model(L.Bidirectional(L.GRU(2, stateful=True), merge_mode="sum"), masked=True),
        "cell": model(L.RNN(L.GRUCell(3), stateful=True)),
        "conv1": model(L.ConvLSTM1D(2, 2, stateful=True), (3, 5, 2)),
        "conv2": model(L.ConvLSTM2D(2, 3, stateful=True, padding="same", return_sequences=True), (3, 4, 5, 2)),
        "deep": model(lambda x: L.Dense(1)(L.LSTM(3, stateful=True)(L.SimpleRNN(4, stateful=True, return_sequences=True)(x)))),
        "nested": model(lambda x: L.Dense(2)(inner()(x))),
        "twice": model(twice),
        "either": model(either),
        "either_other": model(lambda x: either(x, True)),
        "either_deep": model(lambda x: either(x, deep=True)),
        "either_inside": model(lambda x: either(x, True, inside=True)),
        "sequential": keras.Sequential([keras.Input(batch_shape=(BATCH, 4, 3)), L.GRU(3, stateful=True), L.Dense(2)]),
        "half": model(L.LSTM(3, stateful=True, dtype="mixed_float16")),
    }
    if not three:
        made["stacked"] = model(L.RNN([L.LSTMCell(2), L.GRUCell(3)], stateful=True))
        made["stacked_states"] = model(lambda x: L.RNN([L.LSTMCell(2), L.SimpleRNNCell(3)], stateful=True, return_state=True)(x))
    return made


def as_dict(value):
    values = value if isinstance(value, (list, tuple)) else [value]
    values = [v for item in values for v in (item if isinstance(item, (list, tuple)) else [item])]
    return {"y": values[0]} if len(values) == 1 else {"y%d" % i: v for i, v in enumerate(values)}


def main(folder):
    import keras
    for number, (name, model) in enumerate(models(keras).items()):
        random = np.random.RandomState(number)
        model.set_weights([random.normal(0, 0.7, w.shape) for w in model.get_weights()])
        x = random.normal(size=(ROWS,) + tuple(model.inputs[0].shape[1:])).astype(np.float32)
        if "masked" in name:
            x[1, 2:] = x[2, :2] = x[4] = 0
        path = os.path.join(folder, name)
        for ending in (".keras", ".h5"):
            try:
                model.save(path + ending)
            except Exception as error:      # Keras 3 writes no .h5 of some
                print(name, ending, error)
        np.savez(path + ".io.npz", x=x, **as_dict(model.predict(x, batch_size=BATCH, verbose=0)))
        np.savez(path + ".again.npz", **as_dict(model.predict(x, batch_size=BATCH, verbose=0)))


if __name__ == "__main__":
    main(sys.argv[1])
