"""Models as people write them every day, in the styles of tutorials and course work: what is most often left as weights alone. Each is a function
of Keras 3 or Keras 2.15 that gives inputs and outputs, or a Sequential."""
import keras
from keras import layers as L

REGISTRY = {}


def everyday(build):
    REGISTRY[build.__name__] = build
    return build


def sequence(*layers):
    return keras.Sequential(list(layers))


# ---- dense ----

@everyday
def mnist_mlp():
    return sequence(keras.Input((28, 28)), L.Flatten(), L.Dense(64, activation="relu"), L.Dropout(0.2), L.Dense(10, activation="softmax"))


@everyday
def mlp_bn():
    i = x = keras.Input((13,))
    for units in (64, 32, 16):
        x = L.Dense(units)(x)
        x = L.BatchNormalization()(x)
        x = L.Activation("relu")(x)
        x = L.Dropout(0.3)(x)
    return i, L.Dense(1)(x)


@everyday
def mlp_bn_after():
    i = x = keras.Input((30,))
    x = L.BatchNormalization()(x)
    for units in (32, 16):
        x = L.Dense(units, activation="relu")(x)
        x = L.BatchNormalization()(x)
    return i, L.Dense(1, activation="sigmoid")(x)


@everyday
def dqn():
    return sequence(keras.Input((8,)), L.Dense(64, activation="relu"), L.Dense(64, activation="relu"), L.Dense(4, activation="linear"))


@everyday
def actor_critic():
    i = keras.Input((4,))
    common = L.Dense(128, activation="relu")(i)
    return i, [L.Dense(2, activation="softmax")(common), L.Dense(1)(common)]


@everyday
def ddpg_critic():
    state, action = keras.Input((3,)), keras.Input((1,))
    s = L.Dense(32, activation="relu")(L.Dense(16, activation="relu")(state))
    a = L.Dense(32, activation="relu")(action)
    x = L.Dense(64, activation="relu")(L.Concatenate()([s, a]))
    return [state, action], L.Dense(1)(L.Dense(64, activation="relu")(x))


@everyday
def dueling_dqn():
    i = keras.Input((8,))
    x = L.Dense(64, activation="relu")(L.Dense(64, activation="relu")(i))
    v = L.Dense(1)(L.Dense(32, activation="relu")(x))
    a = L.Dense(4)(L.Dense(32, activation="relu")(x))
    return i, [v, a]


@everyday
def wide_deep():
    a = keras.Input((8,))
    x = L.Dense(30, activation="relu")(L.Dense(30, activation="relu")(a))
    return a, L.Dense(1)(L.Concatenate()([a, x]))


@everyday
def tabular():
    """Categories through embeddings, beside numbers."""
    ins, parts = [], []
    for words, size in ((12, 6), (31, 10), (7, 4)):
        c = keras.Input((1,), dtype="int32")
        ins.append(c)
        parts.append(L.Flatten()(L.Embedding(words, size)(c)))
    n = keras.Input((6,))
    x = L.Concatenate()(parts + [n])
    x = L.Dense(32, activation="relu")(x)
    x = L.Dropout(0.2)(x)
    x = L.Dense(16, activation="relu")(x)
    return ins + [n], L.Dense(1, activation="sigmoid")(x)


@everyday
def recommender():
    u, m = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    x = L.Flatten()(L.Embedding(50, 8)(u))
    y = L.Flatten()(L.Embedding(70, 8)(m))
    x = L.Concatenate()([x, y])
    x = L.Dense(32, activation="relu")(x)
    return [u, m], L.Dense(1)(L.Dense(16, activation="relu")(x))


@everyday
def recommender_dot():
    u, m = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    x = L.Flatten()(L.Embedding(50, 8)(u))
    y = L.Flatten()(L.Embedding(70, 8)(m))
    return [u, m], L.Dot(axes=1)([x, y])


@everyday
def dense_ae():
    i = keras.Input((64,))
    x = L.Dense(32, activation="relu")(i)
    x = L.Dense(8, activation="relu")(x)
    x = L.Dense(32, activation="relu")(x)
    return i, L.Dense(64, activation="sigmoid")(x)


@everyday
def multi_head():
    i = keras.Input((20,))
    x = L.Dropout(0.2)(L.Dense(32, activation="relu")(L.Dense(64, activation="relu")(i)))
    return i, [L.Dense(5, activation="softmax", name="kind")(x), L.Dense(1, activation="sigmoid", name="flag")(x), L.Dense(1, name="price")(x)]


# ---- pictures ----

@everyday
def lenet():
    return sequence(keras.Input((28, 28, 1)), L.Conv2D(6, 5, activation="tanh", padding="same"), L.AveragePooling2D(2),
                    L.Conv2D(16, 5, activation="tanh"), L.AveragePooling2D(2), L.Flatten(), L.Dense(120, activation="tanh"),
                    L.Dense(84, activation="tanh"), L.Dense(10, activation="softmax"))


@everyday
def keras_mnist():
    return sequence(keras.Input((28, 28, 1)), L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2), L.Conv2D(64, 3, activation="relu"),
                    L.MaxPooling2D(2), L.Flatten(), L.Dropout(0.5), L.Dense(10, activation="softmax"))


@everyday
def old_mnist():
    return sequence(keras.Input((28, 28, 1)), L.Conv2D(16, 3, activation="relu"), L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2),
                    L.Dropout(0.25), L.Flatten(), L.Dense(64, activation="relu"), L.Dropout(0.5), L.Dense(10, activation="softmax"))


@everyday
def cifar_vgg():
    i = x = keras.Input((32, 32, 3))
    for filters in (16, 32, 64):
        for _ in range(2):
            x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = L.BatchNormalization()(x)
        x = L.MaxPooling2D()(x)
        x = L.Dropout(0.2)(x)
    x = L.Flatten()(x)
    x = L.Dense(64, activation="relu")(x)
    x = L.BatchNormalization()(x)
    return i, L.Dense(10, activation="softmax")(L.Dropout(0.2)(x))


@everyday
def cats_dogs():
    layers = [keras.Input((64, 64, 3)), L.Rescaling(1 / 255)]
    for filters in (16, 32, 64):
        layers += [L.Conv2D(filters, 3, activation="relu"), L.MaxPooling2D()]
    return sequence(*layers, L.Flatten(), L.Dense(32, activation="relu"), L.Dense(1, activation="sigmoid"))


@everyday
def cifar_tf():
    return sequence(keras.Input((32, 32, 3)), L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(64, 3, activation="relu"),
                    L.MaxPooling2D(), L.Conv2D(64, 3, activation="relu"), L.Flatten(), L.Dense(64, activation="relu"), L.Dense(10))


@everyday
def dqn_atari():
    return sequence(keras.Input((84, 84, 4)), L.Conv2D(16, 8, strides=4, activation="relu"), L.Conv2D(32, 4, strides=2, activation="relu"),
                    L.Conv2D(32, 3, strides=1, activation="relu"), L.Flatten(), L.Dense(64, activation="relu"), L.Dense(6))


@everyday
def behaviour():
    """NVIDIA's net for steering."""
    layers = [keras.Input((66, 200, 3))]
    for filters in (12, 18, 24):
        layers.append(L.Conv2D(filters, 5, strides=2, activation="elu"))
    layers += [L.Conv2D(32, 3, activation="elu"), L.Conv2D(32, 3, activation="elu"), L.Flatten()]
    return sequence(*layers, L.Dense(50, activation="elu"), L.Dense(10, activation="elu"), L.Dense(1))


@everyday
def emotion():
    i = x = keras.Input((48, 48, 1))
    for filters in (16, 32, 64):
        for _ in range(2):
            x = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(x)))
        x = L.Dropout(0.25)(L.MaxPooling2D(2)(x))
    x = L.Flatten()(x)
    x = L.Dropout(0.25)(L.Activation("relu")(L.BatchNormalization()(L.Dense(32)(x))))
    return i, L.Dense(7, activation="softmax")(x)


@everyday
def gan_discriminator():
    layers = [keras.Input((28, 28, 1))]
    for filters in (16, 32):
        layers += [L.Conv2D(filters, 5, strides=2, padding="same"), L.LeakyReLU(), L.Dropout(0.3)]
    return sequence(*layers, L.Flatten(), L.Dense(1))


@everyday
def gan_generator():
    return sequence(keras.Input((32,)), L.Dense(7 * 7 * 32, use_bias=False), L.BatchNormalization(), L.LeakyReLU(), L.Reshape((7, 7, 32)),
                    L.Conv2DTranspose(16, 5, strides=1, padding="same", use_bias=False), L.BatchNormalization(), L.LeakyReLU(),
                    L.Conv2DTranspose(8, 5, strides=2, padding="same", use_bias=False), L.BatchNormalization(), L.LeakyReLU(),
                    L.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"))


@everyday
def conv_ae():
    i = x = keras.Input((28, 28, 1))
    for filters in (16, 8):
        x = L.MaxPooling2D(2, padding="same")(L.Conv2D(filters, 3, activation="relu", padding="same")(x))
    for filters in (8, 16):
        x = L.UpSampling2D(2)(L.Conv2D(filters, 3, activation="relu", padding="same")(x))
    return i, L.Conv2D(1, 3, activation="sigmoid", padding="same")(x)


@everyday
def conv_ae_transposed():
    i = x = keras.Input((28, 28, 1))
    for _ in range(2):
        x = L.MaxPooling2D(2, padding="same")(L.Conv2D(16, 3, activation="relu", padding="same")(x))
    for _ in range(2):
        x = L.Conv2DTranspose(16, 3, strides=2, activation="relu", padding="same")(x)
    return i, L.Conv2D(1, 3, activation="sigmoid", padding="same")(x)


@everyday
def vae_encoder():
    i = x = keras.Input((28, 28, 1))
    for filters in (16, 32):
        x = L.Conv2D(filters, 3, activation="relu", strides=2, padding="same")(x)
    x = L.Dense(16, activation="relu")(L.Flatten()(x))
    return i, [L.Dense(2)(x), L.Dense(2)(x)]


@everyday
def vae_decoder():
    i = keras.Input((2,))
    x = L.Reshape((7, 7, 32))(L.Dense(7 * 7 * 32, activation="relu")(i))
    for filters in (32, 16):
        x = L.Conv2DTranspose(filters, 3, activation="relu", strides=2, padding="same")(x)
    return i, L.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)


@everyday
def picture_dense_ae():
    """Through a dense middle and back."""
    i = x = keras.Input((28, 28, 1))
    for filters in (8, 16):
        x = L.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = L.Dense(10)(L.Flatten()(x))
    x = L.Reshape((7, 7, 16))(L.Dense(7 * 7 * 16, activation="relu")(x))
    for filters in (16, 8):
        x = L.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    return i, L.Conv2D(1, 3, padding="same", activation="sigmoid")(x)


@everyday
def unet_small():
    i = x = keras.Input((32, 32, 3))
    kept = []
    for filters in (8, 16):
        x = L.Conv2D(filters, 3, activation="relu", padding="same")(x)
        x = L.Dropout(0.1)(x)
        x = L.Conv2D(filters, 3, activation="relu", padding="same")(x)
        kept.append(x)
        x = L.MaxPooling2D()(x)
    x = L.Conv2D(32, 3, activation="relu", padding="same")(x)
    x = L.Conv2D(32, 3, activation="relu", padding="same")(x)
    for filters in (16, 8):
        x = L.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = L.Concatenate()([x, kept.pop()])
        for _ in range(2):
            x = L.Conv2D(filters, 3, activation="relu", padding="same")(x)
    return i, L.Conv2D(1, 1, activation="sigmoid")(x)


@everyday
def unet_upsampled():
    """A convolution between UpSampling and Concatenate, skip first."""
    i = x = keras.Input((32, 32, 1))
    kept = []
    for filters in (8, 16, 32):
        for _ in range(2):
            x = L.Conv2D(filters, 3, activation="relu", padding="same")(x)
        kept.append(x)
        x = L.MaxPooling2D()(x)
    for _ in range(2):
        x = L.Conv2D(64, 3, activation="relu", padding="same")(x)
    for filters in (32, 16, 8):
        x = L.Conv2D(filters, 2, activation="relu", padding="same")(L.UpSampling2D()(x))
        x = L.Concatenate(axis=3)([kept.pop(), x])
        for _ in range(2):
            x = L.Conv2D(filters, 3, activation="relu", padding="same")(x)
    return i, L.Conv2D(1, 1, activation="sigmoid")(x)


@everyday
def resnet_toy():
    i = x = keras.Input((32, 32, 3))
    x = L.Conv2D(32, 3, activation="relu")(x)
    x = L.Conv2D(64, 3, activation="relu")(x)
    block = L.MaxPooling2D(3)(x)
    for _ in range(2):
        x = L.Conv2D(64, 3, activation="relu", padding="same")(block)
        x = L.Conv2D(64, 3, activation="relu", padding="same")(x)
        block = L.Add()([x, block])
    x = L.Conv2D(64, 3, activation="relu")(block)
    x = L.GlobalAveragePooling2D()(x)
    x = L.Dropout(0.5)(L.Dense(256, activation="relu")(x))
    return i, L.Dense(10)(x)


def norm_act(x):
    return L.Activation("relu")(L.BatchNormalization()(x))


@everyday
def resnet_own():
    i = keras.Input((32, 32, 3))
    x = norm_act(L.Conv2D(16, 3, padding="same")(i))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = norm_act(L.Conv2D(filters, 3, strides=strides, padding="same")(x))
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(y))
        if strides == 2:
            x = L.BatchNormalization()(L.Conv2D(filters, 1, strides=2, padding="same")(x))
        x = L.Activation("relu")(L.Add()([y, x]))
    return i, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x))


@everyday
def xception_small():
    """keras.io's image classification from scratch."""
    i = keras.Input((64, 64, 3))
    x = L.Rescaling(1.0 / 255)(i)
    x = norm_act(L.Conv2D(16, 3, strides=2, padding="same")(x))
    previous = x
    for size in (32, 48):
        x = L.Activation("relu")(x)
        x = L.BatchNormalization()(L.SeparableConv2D(size, 3, padding="same")(x))
        x = L.Activation("relu")(x)
        x = L.BatchNormalization()(L.SeparableConv2D(size, 3, padding="same")(x))
        x = L.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = L.Conv2D(size, 1, strides=2, padding="same")(previous)
        x = L.Add()([x, residual])
        previous = x
    x = norm_act(L.SeparableConv2D(64, 3, padding="same")(x))
    x = L.Dropout(0.25)(L.GlobalAveragePooling2D()(x))
    return i, L.Dense(1)(x)


@everyday
def inverted_residuals():
    i = keras.Input((32, 32, 3))

    def relu6(x):
        return L.ReLU(6.0)(L.BatchNormalization()(x))
    x = relu6(L.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(i))
    for filters, strides in ((8, 1), (16, 2), (16, 1), (24, 2), (24, 1)):
        channels = x.shape[-1]
        y = relu6(L.Conv2D(4 * channels, 1, padding="same", use_bias=False)(x))
        y = relu6(L.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y))
        y = L.BatchNormalization()(L.Conv2D(filters, 1, padding="same", use_bias=False)(y))
        x = L.Add()([x, y]) if strides == 1 and channels == filters else y
    x = relu6(L.Conv2D(64, 1, use_bias=False)(x))
    return i, L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(x))


@everyday
def mobile_v1():
    i = keras.Input((32, 32, 3))
    x = norm_act(L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(i))
    for filters, strides in ((16, 1), (32, 2), (32, 1), (64, 2)):
        x = norm_act(L.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x))
        x = norm_act(L.Conv2D(filters, 1, padding="same", use_bias=False)(x))
    x = L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))
    return i, L.Dense(4, activation="softmax")(x)


def fire(x, squeeze, expand):
    x = L.Conv2D(squeeze, 1, activation="relu", padding="valid")(x)
    left = L.Conv2D(expand, 1, activation="relu", padding="valid")(x)
    right = L.Conv2D(expand, 3, activation="relu", padding="same")(x)
    return L.Concatenate(axis=3)([left, right])


@everyday
def squeezenet():
    i = keras.Input((48, 48, 3))
    x = L.Conv2D(16, 3, strides=2, padding="valid", activation="relu")(i)
    x = L.MaxPooling2D(3, strides=2)(x)
    x = fire(fire(x, 4, 16), 4, 16)
    x = L.MaxPooling2D(3, strides=2)(x)
    x = fire(fire(x, 8, 32), 8, 32)
    x = L.Dropout(0.5)(x)
    x = L.Conv2D(6, 1, padding="valid", activation="relu")(x)
    return i, L.Activation("softmax")(L.GlobalAveragePooling2D()(x))


@everyday
def inception_small():
    i = keras.Input((32, 32, 3))
    x = L.MaxPooling2D(2)(L.Conv2D(16, 3, padding="same", activation="relu")(i))
    for _ in range(2):
        a = L.Conv2D(8, 1, padding="same", activation="relu")(x)
        b = L.Conv2D(8, 3, padding="same", activation="relu")(L.Conv2D(6, 1, padding="same", activation="relu")(x))
        c = L.Conv2D(4, 5, padding="same", activation="relu")(L.Conv2D(3, 1, padding="same", activation="relu")(x))
        e = L.Conv2D(4, 1, padding="same", activation="relu")(L.MaxPooling2D(3, strides=1, padding="same")(x))
        x = L.Concatenate()([a, b, c, e])
    x = L.GlobalAveragePooling2D()(x)
    return i, L.Dense(10, activation="softmax")(x)


@everyday
def densenet_small():
    i = keras.Input((32, 32, 3))
    x = L.Conv2D(16, 3, padding="same", use_bias=False)(i)
    for block in range(3):
        for _ in range(2):
            y = L.Conv2D(16, 1, use_bias=False)(norm_act(x))
            y = L.Conv2D(8, 3, padding="same", use_bias=False)(norm_act(y))
            x = L.Concatenate()([x, y])
        if block < 2:
            x = L.AveragePooling2D(2)(L.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(norm_act(x)))
    return i, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(norm_act(x)))


@everyday
def two_inputs_picture():
    p, n = keras.Input((32, 32, 3)), keras.Input((7,))
    x = p
    for filters in (8, 16):
        x = L.MaxPooling2D()(L.Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = L.Dense(16, activation="relu")(L.Flatten()(x))
    y = L.Dense(8, activation="relu")(n)
    z = L.Dense(16, activation="relu")(L.Concatenate()([x, y]))
    return [p, n], L.Dense(1)(z)


@everyday
def digits_and_place():
    """A class and a box of one picture."""
    i = x = keras.Input((32, 32, 1))
    for filters in (8, 16, 32):
        x = L.AveragePooling2D(2)(L.Conv2D(filters, 3, activation="relu")(x))
    x = L.Dense(64, activation="relu")(L.Flatten()(x))
    return i, [L.Dense(10, activation="softmax", name="classification")(x), L.Dense(4, name="box")(x)]


# ---- words and sequences ----

@everyday
def imdb_pool():
    return sequence(keras.Input((40,), dtype="int32"), L.Embedding(200, 16), L.GlobalAveragePooling1D(), L.Dense(16, activation="relu"),
                    L.Dense(1, activation="sigmoid"))


@everyday
def imdb_flat():
    return sequence(keras.Input((20,), dtype="int32"), L.Embedding(200, 8), L.Flatten(), L.Dense(32, activation="relu"),
                    L.Dense(1, activation="sigmoid"))


@everyday
def imdb_lstm():
    return sequence(keras.Input((20,), dtype="int32"), L.Embedding(100, 16), L.Bidirectional(L.LSTM(16, return_sequences=True)),
                    L.Bidirectional(L.LSTM(8)), L.Dense(16, activation="relu"), L.Dropout(0.5), L.Dense(1, activation="sigmoid"))


@everyday
def imdb_conv():
    return sequence(keras.Input((40,), dtype="int32"), L.Embedding(100, 16), L.Dropout(0.2), L.Conv1D(24, 3, activation="relu"),
                    L.GlobalMaxPooling1D(), L.Dense(24), L.Dropout(0.2), L.Activation("relu"), L.Dense(1), L.Activation("sigmoid"))


@everyday
def imdb_conv_lstm():
    return sequence(keras.Input((40,), dtype="int32"), L.Embedding(100, 16), L.Dropout(0.25), L.Conv1D(24, 5, activation="relu"),
                    L.MaxPooling1D(4), L.LSTM(20), L.Dense(1, activation="sigmoid"))


@everyday
def kim():
    i = keras.Input((30,), dtype="int32")
    e = L.Embedding(100, 16)(i)
    parts = [L.GlobalMaxPooling1D()(L.Conv1D(12, k, activation="relu")(e)) for k in (3, 4, 5)]
    x = L.Dropout(0.5)(L.Concatenate()(parts))
    return i, L.Dense(4, activation="softmax")(x)


@everyday
def kim_flat():
    i = keras.Input((30,), dtype="int32")
    e = L.SpatialDropout1D(0.2)(L.Embedding(100, 16)(i))
    parts = []
    for k in (2, 3, 5):
        c = L.Conv1D(8, k, padding="valid", activation="relu")(e)
        parts.append(L.Flatten()(L.MaxPooling1D(2)(c)))
    x = L.Dense(16, activation="relu")(L.Concatenate()(parts))
    return i, L.Dense(1, activation="sigmoid")(x)


@everyday
def kim_2d():
    """Convolutions over a picture of words."""
    i = keras.Input((20,), dtype="int32")
    e = L.Reshape((20, 8, 1))(L.Embedding(60, 8)(i))
    parts = [L.MaxPooling2D((20 - k + 1, 1))(L.Conv2D(6, (k, 8), activation="relu")(e)) for k in (3, 4, 5)]
    x = L.Dropout(0.5)(L.Flatten()(L.Concatenate(axis=1)(parts)))
    return i, L.Dense(3, activation="softmax")(x)


@everyday
def char_rnn():
    return sequence(keras.Input((16,), dtype="int32"), L.Embedding(40, 16), L.GRU(32, return_sequences=True), L.Dropout(0.2), L.Dense(40))


@everyday
def char_lstm():
    return sequence(keras.Input((20, 27)), L.LSTM(32), L.Dense(27, activation="softmax"))


@everyday
def stock():
    layers = [keras.Input((30, 1))]
    for last in (False, False, False, True):
        layers += [L.LSTM(24, return_sequences=not last), L.Dropout(0.2)]
    return sequence(*layers, L.Dense(1))


@everyday
def weather():
    return sequence(keras.Input((24, 7)), L.LSTM(16), L.Dense(6 * 2), L.Reshape((6, 2)))


@everyday
def tagger():
    i = keras.Input((15,), dtype="int32")
    x = L.Embedding(90, 16)(i)
    x = L.Bidirectional(L.LSTM(12, return_sequences=True))(L.Dropout(0.1)(x))
    return i, L.TimeDistributed(L.Dense(7, activation="softmax"))(x)


@everyday
def lstm_ae():
    return sequence(keras.Input((10, 3)), L.LSTM(32, activation="relu", return_sequences=True), L.LSTM(16, activation="relu"),
                    L.RepeatVector(10), L.LSTM(16, activation="relu", return_sequences=True),
                    L.LSTM(32, activation="relu", return_sequences=True), L.TimeDistributed(L.Dense(3)))


@everyday
def seq2seq_chars():
    """keras.io's encoder and decoder for characters."""
    a, b = keras.Input((8, 20)), keras.Input((9, 24))
    _, h, c = L.LSTM(16, return_state=True)(a)
    y, _, _ = L.LSTM(16, return_sequences=True, return_state=True)(b, initial_state=[h, c])
    return [a, b], L.Dense(24, activation="softmax")(y)


@everyday
def seq2seq_words():
    a, b = keras.Input((8,), dtype="int32"), keras.Input((9,), dtype="int32")
    _, h = L.GRU(16, return_state=True)(L.Embedding(60, 12)(a))
    y = L.GRU(16, return_sequences=True)(L.Embedding(70, 12)(b), initial_state=h)
    return [a, b], L.Dense(70, activation="softmax")(y)


@everyday
def har_cnn():
    return sequence(keras.Input((64, 9)), L.Conv1D(16, 3, activation="relu"), L.Conv1D(16, 3, activation="relu"), L.Dropout(0.5),
                    L.MaxPooling1D(2), L.Flatten(), L.Dense(32, activation="relu"), L.Dense(6, activation="softmax"))


@everyday
def ecg_resnet():
    i = keras.Input((96, 1))
    x = i
    for filters in (16, 32, 32):
        y = L.Activation("relu")(L.BatchNormalization()(L.Conv1D(filters, 8, padding="same")(x)))
        y = L.Activation("relu")(L.BatchNormalization()(L.Conv1D(filters, 5, padding="same")(y)))
        y = L.BatchNormalization()(L.Conv1D(filters, 3, padding="same")(y))
        if x.shape[-1] != filters:
            x = L.BatchNormalization()(L.Conv1D(filters, 1, padding="same")(x))
        else:
            x = L.BatchNormalization()(x)
        x = L.Activation("relu")(L.Add()([x, y]))
    return i, L.Dense(5, activation="softmax")(L.GlobalAveragePooling1D()(x))


@everyday
def fcn_series():
    i = x = keras.Input((96, 1))
    for filters, size in ((16, 3), (16, 3), (16, 3)):
        x = L.ReLU()(L.BatchNormalization()(L.Conv1D(filters, size, padding="same")(x)))
    return i, L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(x))


@everyday
def wavenet():
    i = keras.Input((64, 1))
    x = L.Conv1D(8, 2, padding="causal")(i)
    skips = []
    for dilation in (1, 2, 4, 8):
        f = L.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="tanh")(x)
        g = L.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(x)
        z = L.Conv1D(8, 1)(L.Multiply()([f, g]))
        x = L.Add()([x, z])
        skips.append(z)
    y = L.Activation("relu")(L.Add()(skips))
    y = L.Conv1D(8, 1, activation="relu")(y)
    return i, L.Conv1D(1, 1)(y)


@everyday
def dilated():
    i = x = keras.Input((50, 4))
    for dilation in (1, 2, 4, 8):
        x = L.Conv1D(12, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
    return i, L.Dense(1)(L.Flatten()(x))


@everyday
def video():
    i = keras.Input((6, 16, 16, 1))
    x = L.ConvLSTM2D(8, 5, padding="same", return_sequences=True, activation="relu")(i)
    x = L.BatchNormalization()(x)
    x = L.ConvLSTM2D(8, 3, padding="same", return_sequences=True, activation="relu")(x)
    return i, L.Conv3D(1, 3, activation="sigmoid", padding="same")(x)


@everyday
def video_class():
    return sequence(keras.Input((5, 16, 16, 3)), L.ConvLSTM2D(8, 3), L.MaxPooling2D(2), L.Flatten(), L.Dense(4, activation="softmax"))


@everyday
def frames():
    """A convolution of each picture, then a recurrent layer."""
    return sequence(keras.Input((5, 16, 16, 3)), L.TimeDistributed(L.Conv2D(8, 3, activation="relu")), L.TimeDistributed(L.MaxPooling2D()),
                    L.TimeDistributed(L.Flatten()), L.LSTM(16), L.Dense(4, activation="softmax"))


@everyday
def volume():
    layers = [keras.Input((16, 16, 16, 1))]
    for filters in (8, 16):
        layers += [L.Conv3D(filters, 3, activation="relu"), L.MaxPooling3D(2), L.BatchNormalization()]
    return sequence(*layers, L.GlobalAveragePooling3D(), L.Dense(32, activation="relu"), L.Dropout(0.3), L.Dense(1, activation="sigmoid"))


@everyday
def transformer_series():
    """keras.io's time series classification."""
    i = x = keras.Input((32, 1))
    for _ in range(2):
        y = L.MultiHeadAttention(key_dim=16, num_heads=2, dropout=0.1)(x, x)
        y = L.LayerNormalization(epsilon=1e-6)(L.Dropout(0.1)(y))
        r = y + x if keras.__version__[0] == "2" else L.Add()([y, x])
        y = L.Dropout(0.1)(L.Conv1D(filters=4, kernel_size=1, activation="relu")(r))
        y = L.LayerNormalization(epsilon=1e-6)(L.Conv1D(filters=1, kernel_size=1)(y))
        x = y + r if keras.__version__[0] == "2" else L.Add()([y, r])
    x = L.GlobalAveragePooling1D(data_format="channels_last")(x)
    x = L.Dropout(0.4)(L.Dense(32, activation="relu")(x))
    return i, L.Dense(2, activation="softmax")(x)


@everyday
def transformer_block():
    i = keras.Input((20, 16))
    x = i
    for _ in range(2):
        a = L.MultiHeadAttention(2, 8)(x, x)
        x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, a]))
        f = L.Dense(16)(L.Dense(32, activation="relu")(x))
        x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, f]))
    return i, L.Dense(3, activation="softmax")(L.GlobalAveragePooling1D()(x))


@everyday
def attention_lstm():
    """Weights over the steps, times the steps."""
    i = keras.Input((12, 5))
    x = L.LSTM(16, return_sequences=True)(i)
    a = L.Dense(1, activation="tanh")(x)
    a = L.Activation("softmax")(L.Flatten()(a))
    a = L.Permute((2, 1))(L.RepeatVector(16)(a))
    x = L.GlobalAveragePooling1D()(L.Multiply()([x, a]))
    return i, L.Dense(1, activation="sigmoid")(x)


# ---- pairs ----

def tower(shape):
    i = keras.Input(shape)
    if len(shape) == 1:
        x = L.Dense(16, activation="relu")(L.Dense(32, activation="relu")(i))
    else:
        x = L.MaxPooling2D()(L.Conv2D(8, 3, activation="relu")(i))
        x = L.MaxPooling2D()(L.Conv2D(16, 3, activation="relu")(x))
        x = L.Dense(16, activation="relu")(L.Flatten()(x))
    return keras.Model(i, x)


@everyday
def siamese_subtract():
    a, b = keras.Input((10,)), keras.Input((10,))
    net = tower((10,))
    return [a, b], L.Dense(1, activation="sigmoid")(L.Subtract()([net(a), net(b)]))


@everyday
def siamese_pictures():
    a, b = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    net = tower((28, 28, 1))
    x = L.Concatenate()([net(a), net(b)])
    return [a, b], L.Dense(1, activation="sigmoid")(L.Dense(8, activation="relu")(x))


@everyday
def siamese_abs():
    a, b = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    net = tower((28, 28, 1))
    if keras.__version__[0] == "2":
        import tensorflow as tf
        x = L.Lambda(lambda t: tf.abs(t[0] - t[1]))([net(a), net(b)])
    else:
        x = L.Lambda(lambda t: keras.ops.absolute(t[0] - t[1]), output_shape=(16,))([net(a), net(b)])
    return [a, b], L.Dense(1, activation="sigmoid")(x)


@everyday
def two_texts():
    a, b = keras.Input((10,), dtype="int32"), keras.Input((10,), dtype="int32")
    e, r = L.Embedding(50, 8), L.LSTM(12)
    x = L.Concatenate()([r(e(a)), r(e(b))])
    return [a, b], L.Dense(1, activation="sigmoid")(L.Dense(16, activation="relu")(x))


# ---- written in every carrier ----

def write(folder, name, number=5):
    """The model in every carrier, with samples; weights as if trained. Needs Keras 3."""
    import carriers
    import numpy as np
    keras.backend.clear_session()
    keras.utils.set_random_seed(number)
    rng = np.random.default_rng([6, number])
    model = REGISTRY[name]()
    carriers.write_built(folder, name, keras.Model(*model) if isinstance(model, tuple) else model, rng)
