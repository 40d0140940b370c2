"""Scripts with Lambdas in them, for test_lambda_models.py: python lambda_models.py FOLDER runs each with the real Keras of the interpreter and writes
FOLDER/NAME.py, NAME.weights.h5, and inputs and outputs in NAME.io.npz."""
import os
import sys

HEAD = """import keras
from keras import layers, ops
from keras.layers import Input, Dense, Lambda
"""

SCRIPTS = {
    "two_inputs": """
a, b = Input((6,)), Input((6,))
d = Lambda(lambda t: ops.abs(t[0] - t[1]) + t[0] * t[1] / 2, name='distance')([Dense(5)(a), Dense(5)(b)])
model = keras.Model([a, b], Dense(2)(d))
""",
    "an_input": """
a, b = Input((6,)), Input((6,))
d = Lambda(lambda t: t[1], name='second')([Dense(5)(a), Dense(5)(b)])
model = keras.Model([a, b], Dense(2)(d))
""",
    "each_step": """
x = Input((7, 4))
y = layers.TimeDistributed(Lambda(lambda t: ops.mean(t ** 2, axis=-1, keepdims=True)))(Dense(6)(x))
model = keras.Model(x, layers.concatenate([x, y]))
""",
    "shared": """
square = Lambda(lambda t: t * t + t, name='square')
x = Input((6,))
y = square(Dense(4)(x))
z = square(Dense(8)(y))
model = keras.Model(x, layers.concatenate([y, z]))
""",
    "inside": """
x = Input((5, 5, 3))
inner = keras.Sequential([layers.Conv2D(4, 2), Lambda(lambda t: ops.relu(t) - ops.sigmoid(t)), layers.Flatten()], name='inner')
model = keras.Model(x, Dense(3)(inner(x)))
""",
    "last": """
x = Input((9, 4))
y = layers.LSTM(5, return_sequences=True)(x)
y = Lambda(lambda t: t[:, -1, :], name='last')(y)
model = keras.Model(x, Dense(3, activation='softmax')(y))
""",
    "activations": """
x = Input((8,))
parts = [Lambda(lambda t: ops.softmax(t))(Dense(4)(x)), Lambda(lambda t: ops.elu(t))(Dense(4)(x)), Lambda(lambda t: ops.leaky_relu(t))(Dense(4)(x)),
         Lambda(lambda t: ops.hard_sigmoid(t))(Dense(4)(x)), Lambda(lambda t: ops.silu(t))(Dense(4)(x)), Lambda(lambda t: ops.selu(t))(Dense(4)(x)),
         Lambda(lambda t: ops.log_softmax(t))(Dense(4)(x)), Lambda(lambda t: ops.softsign(t))(Dense(4)(x)), Lambda(lambda t: ops.relu6(t))(Dense(4)(x))]
model = keras.Model(x, layers.concatenate(parts))
""",
    "reductions": """
x = Input((4, 6, 3))
parts = [Lambda(lambda t: ops.sum(t, axis=(1, 2)))(x), Lambda(lambda t: ops.max(t, axis=[1, 2]))(x), Lambda(lambda t: ops.min(t, axis=(-3, -2)))(x),
         Lambda(lambda t: ops.prod(t, axis=(1, 2)))(x)]
model = keras.Model(x, Dense(3)(layers.concatenate(parts)))
""",
    "masked": """
x = Input((6,))
y = layers.Embedding(9, 4, mask_zero=True)(ops.round(ops.abs(x)))
y = Lambda(lambda t: ops.relu(t) * 3)(y)
model = keras.Model(x, layers.GlobalAveragePooling1D()(y))
""",
}


def main(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import numpy as np
    import keras
    for name, script in SCRIPTS.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(5)
        scope, base = {}, os.path.join(folder, name)
        with open(base + ".py", "w", encoding="utf-8") as f:
            f.write(HEAD + script)
        exec(HEAD + script, scope)
        model = scope["model"]
        x = [np.random.default_rng(i).normal(size=(3, *t.shape[1:])).astype("float32") for i, t in enumerate(model.inputs)]
        np.savez(base + ".io.npz", y0=model.predict(x if len(x) > 1 else x[0], verbose=0), **{"x%d" % i: v for i, v in enumerate(x)})
        model.save_weights(base + ".weights.h5")


if __name__ == "__main__":
    main(sys.argv[1])
