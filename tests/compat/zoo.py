"""The models of the fixed set: each function builds one small model with the Keras that is given to it.

Written so that Keras 2.15 and Keras 3 both understand it; a model that only one of them can build says so in ONLY.
Nothing here saves a file or sets a weight: see make_fixed.py.
"""

ONLY = {}        # name -> "2" or "3"
MODELS = {}      # name -> function(K) -> model
PROFILE = {}     # name -> {input index: how to draw it}, where plain normal numbers will not do


def model(function=None, only=None, inputs=None):
    """Registers a builder under its own name."""
    def register(f):
        MODELS[f.__name__] = f
        if only:
            ONLY[f.__name__] = only
        PROFILE[f.__name__] = inputs or {}
        return f
    return register(function) if function else register


ACTIVATIONS_BOTH = ["elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu", "sigmoid", "softmax",
                    "softplus", "softsign", "swish", "tanh"]
ACTIVATIONS_3 = ["relu6", "silu", "leaky_relu", "celu", "glu", "hard_silu", "hard_swish", "hard_tanh", "hard_shrink",
                 "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "sparsemax", "log_sigmoid",
                 "log_softmax"]


@model
def mlp(K):
    L = K.layers
    return K.Sequential([K.Input((6,)), L.Dense(8, activation="relu"), L.Dropout(0.5), L.Dense(3, activation="softmax")])


@model
def mlp_named(K):
    L = K.layers
    m = K.Sequential(name="classifier")
    m.add(L.Dense(7, input_shape=(5,), activation="tanh", name="hidden"))
    m.add(L.Dense(4, use_bias=False, activation="sigmoid", name="narrow",
                  kernel_regularizer=K.regularizers.L2(0.01)))
    m.add(L.Dense(2, name="out"))
    return m


@model
def trained(K):
    """Compiled and fitted: the files hold the optimizer's variables and settings too."""
    m = K.Sequential([K.Input((5,)), K.layers.Dense(6, activation="relu"), K.layers.BatchNormalization(),
                      K.layers.Dense(1, activation="sigmoid")])
    m.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    x = [[0.1 * i, 0.3, -0.2, 0.05 * i, 1.0] for i in range(16)]
    as_tensor = K.ops.convert_to_tensor if hasattr(K, "ops") else K.backend.constant
    m.fit(as_tensor(x), as_tensor([[float(i % 2)] for i in range(16)]), epochs=2, verbose=0)
    return m


@model
def equal_shapes(K):
    """Three layers of one shape: np.array([...]) of their weights collapses into one numeric array."""
    L = K.layers
    return K.Sequential([K.Input((4,)), L.Dense(4, activation="tanh"), L.Dense(4, activation="relu"), L.Dense(4)])


@model
def activations(K):
    x = K.Input((6,))
    h = K.layers.Dense(6)(x)
    names = ACTIVATIONS_BOTH + (ACTIVATIONS_3 if K.__version__[0] == "3" else [])
    return K.Model(x, K.layers.Concatenate()([K.layers.Activation(a)(h) for a in names]))


@model
def dense_activations(K):
    """Every activation as the argument of a layer, in chains: glu halves its width, so it comes last."""
    names = ACTIVATIONS_BOTH + (ACTIVATIONS_3 if K.__version__[0] == "3" else [])
    m = K.Sequential([K.Input((4,))])
    for a in sorted(names, key=lambda a: a == "glu"):
        m.add(K.layers.Dense(4, activation=a))
    return m


@model
def activation_layers(K):
    L = K.layers
    three = K.__version__[0] == "3"
    x = K.Input((5, 4))
    h = L.Dense(4)(x)
    outs = [L.ReLU()(h), L.ReLU(max_value=0.7, threshold=0.1, negative_slope=0.2)(h), L.LeakyReLU()(h), L.ELU(alpha=0.7)(h),
            L.PReLU()(h), L.PReLU(shared_axes=[1])(h), L.Softmax()(h), L.Softmax(axis=1)(h),
            L.LeakyReLU(**{"negative_slope" if three else "alpha": 0.1})(h)]
    if not three:
        outs.append(L.ThresholdedReLU(theta=0.2)(h))
    return K.Model(x, L.Concatenate()(outs))


@model
def dropouts(K):
    L = K.layers
    return K.Sequential([K.Input((6, 4)), L.Dense(4, activation="selu"), L.AlphaDropout(0.2), L.GaussianNoise(0.1),
                         L.GaussianDropout(0.3), L.SpatialDropout1D(0.2), L.ActivityRegularization(l2=0.01), L.Flatten(),
                         L.Dropout(0.4), L.Dense(2)])


@model
def shapes(K):
    L = K.layers
    x = K.Input((2, 3, 4))
    a = L.Permute((3, 1, 2))(x)
    b = L.Reshape((4, -1))(a)
    c = L.Flatten()(b)
    d = L.Dense(3)(c)
    e = L.RepeatVector(4)(d)
    f = L.Concatenate(axis=-1)([b, e])
    return K.Model(x, [L.Cropping1D((1, 1))(f), c])


@model
def merges(K):
    L = K.layers
    x, y = K.Input((4,), name="left"), K.Input((4,), name="right")
    a, b = L.Dense(5)(x), L.Dense(5)(y)
    outs = [L.Add()([a, b]), L.Subtract()([a, b]), L.Multiply()([a, b]), L.Average()([a, b, a]), L.Maximum()([a, b]),
            L.Minimum()([a, b])]
    return K.Model([x, y], L.Concatenate()(outs))


@model
def merge_broadcast(K):
    L = K.layers
    x, y = K.Input((3, 4)), K.Input((1, 4))
    s = L.Add()([x, y])
    m = L.Multiply()([s, L.Reshape((3, 1))(L.Dense(3)(L.Flatten()(y)))])
    return K.Model([x, y], L.Concatenate(axis=1)([m, y]))


@model
def dots(K):
    L = K.layers
    x, y = K.Input((3, 4)), K.Input((5, 4))
    a = L.Dot(axes=2)([x, y])
    b = L.Dot(axes=(2, 1), normalize=True)([x, L.Permute((2, 1))(y)])
    c = L.Dot(axes=1, normalize=True)([L.Flatten()(a), L.Flatten()(b)])
    return K.Model([x, y], [a, b, c])


@model(inputs={0: ("int", 11)})
def embedding(K):
    L = K.layers
    return K.Sequential([K.Input((5,)), L.Embedding(11, 4), L.Flatten(), L.Dense(3, activation="sigmoid")])


@model(inputs={0: ("padded", 13)})
def embedding_mask_lstm(K):
    L = K.layers
    return K.Sequential([K.Input((None,)), L.Embedding(13, 4, mask_zero=True), L.LSTM(5), L.Dense(2, activation="softmax")])


@model(inputs={0: ("padded", 13)})
def embedding_mask_stack(K):
    """A mask through two recurrent layers, a TimeDistributed and a mean over the valid steps."""
    L = K.layers
    x = K.Input((7,))
    h = L.Embedding(13, 4, mask_zero=True)(x)
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(h)
    h = L.GRU(4, return_sequences=True)(h)
    h = L.TimeDistributed(L.Dense(3, activation="tanh"))(h)
    return K.Model(x, L.GlobalAveragePooling1D()(h))


@model(inputs={0: ("steps", 0.0)})
def masking(K):
    L = K.layers
    return K.Sequential([K.Input((6, 3)), L.Masking(mask_value=0.0), L.GRU(4, return_sequences=True), L.SimpleRNN(3)])


@model
def batchnorm(K):
    L = K.layers
    x = K.Input((4, 5, 3))
    h = L.BatchNormalization()(x)
    h = L.BatchNormalization(scale=False, epsilon=1e-5)(h)
    h = L.BatchNormalization(center=False, axis=1)(h)
    h = L.BatchNormalization(scale=False, center=False)(h)
    h = L.Dense(4)(L.Flatten()(h))
    return K.Model(x, L.BatchNormalization(momentum=0.9)(h))


@model
def layernorm(K):
    L = K.layers
    return K.Sequential([K.Input((4, 6)), L.LayerNormalization(), L.Dense(5), L.LayerNormalization(axis=[1, 2], epsilon=1e-5),
                         L.LayerNormalization(scale=False), L.LayerNormalization(center=False, axis=1),
                         L.UnitNormalization()])


@model
def groupnorm(K):
    L = K.layers
    return K.Sequential([K.Input((4, 4, 6)), L.GroupNormalization(groups=3), L.Conv2D(4, 1), L.GroupNormalization(groups=-1)])


@model
def conv1d(K):
    L = K.layers
    x = K.Input((12, 3))
    a = L.Conv1D(4, 3, activation="relu")(x)
    b = L.Conv1D(4, 3, padding="same", strides=2)(x)
    c = L.Conv1D(5, 2, padding="causal", dilation_rate=3, use_bias=False)(x)
    d = L.Conv1D(6, 3, padding="causal", strides=2, groups=3)(x)
    e = L.Conv1D(4, 4, padding="same", dilation_rate=2)(L.ZeroPadding1D((2, 1))(x))
    return K.Model(x, [a, b, c, d, e])


@model
def conv2d(K):
    L = K.layers
    x = K.Input((9, 8, 3))
    a = L.Conv2D(4, 3, activation="relu")(x)
    b = L.Conv2D(5, (3, 2), padding="same", strides=2)(x)
    c = L.Conv2D(4, 3, dilation_rate=(2, 1), use_bias=False)(x)
    d = L.Conv2D(6, 2, groups=3, padding="same", strides=(2, 3))(x)
    e = L.Conv2D(3, 1, activation="tanh")(x)
    return K.Model(x, [a, b, c, d, e])


@model
def channels_first(K):
    L = K.layers
    first = {"data_format": "channels_first"}
    x = K.Input((3, 8, 7))
    h = L.ZeroPadding2D(1, **first)(x)
    h = L.Conv2D(4, 3, padding="same", **first)(h)
    h = L.BatchNormalization(axis=1)(h)
    h = L.MaxPooling2D(2, **first)(h)
    h = L.UpSampling2D(2, **first)(h)
    f = L.Flatten(**first)(h)
    return K.Model(x, [L.Dense(3)(f), L.GlobalAveragePooling2D(**first)(h)])


@model
def depthwise(K):
    L = K.layers
    x = K.Input((8, 8, 3))
    a = L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu")(x)
    b = L.DepthwiseConv2D((2, 3), strides=2, use_bias=False)(x)
    c = L.SeparableConv2D(4, 3, depth_multiplier=2, activation="relu")(x)
    d = L.DepthwiseConv2D(3, dilation_rate=2)(x)
    return K.Model(x, [a, b, c, d])


@model
def conv_transpose(K):
    L = K.layers
    x = K.Input((4, 5, 3))
    a = L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    b = L.Conv2DTranspose(3, (2, 4), strides=(3, 1), use_bias=False)(x)
    c = L.Conv1DTranspose(2, 3, strides=2)(L.Reshape((4, 15))(x))
    return K.Model(x, [a, b, c])


@model
def conv3d(K):
    L = K.layers
    return K.Sequential([K.Input((5, 5, 4, 2)), L.Conv3D(3, 2, padding="same", activation="relu"), L.MaxPooling3D(2),
                         L.ZeroPadding3D(1), L.AveragePooling3D(2), L.GlobalAveragePooling3D(), L.Dense(2)])


@model
def pools(K):
    L = K.layers
    x, s = K.Input((7, 6, 3)), K.Input((9, 4))
    outs = [L.MaxPooling2D()(x), L.MaxPooling2D(3, strides=2, padding="same")(x), L.AveragePooling2D((2, 3))(x),
            L.AveragePooling2D(3, strides=2, padding="same")(x), L.GlobalAveragePooling2D()(x),
            L.GlobalMaxPooling2D(keepdims=True)(x), L.MaxPooling1D(2)(s), L.MaxPooling1D(3, strides=2, padding="same")(s),
            L.AveragePooling1D(3, padding="same", strides=1)(s), L.AveragePooling1D(2)(s), L.GlobalAveragePooling1D()(s),
            L.GlobalMaxPooling1D()(s)]
    return K.Model([x, s], outs)


@model
def pad_up(K):
    L = K.layers
    x, s = K.Input((4, 3, 2)), K.Input((4, 3))
    outs = [L.ZeroPadding2D()(x), L.ZeroPadding2D(((1, 0), (2, 3)))(x), L.UpSampling2D()(x), L.UpSampling2D((3, 1))(x),
            L.UpSampling2D(2, interpolation="bilinear")(x), L.Cropping2D(((1, 0), (0, 1)))(x), L.UpSampling1D(2)(s),
            L.ZeroPadding1D(2)(s)]
    return K.Model([x, s], outs)


@model
def lstm(K):
    L = K.layers
    return K.Sequential([K.Input((6, 3)), L.LSTM(5, return_sequences=True), L.LSTM(4, go_backwards=True, use_bias=False,
                         return_sequences=True), L.LSTM(3, activation="relu", recurrent_activation="hard_sigmoid"), L.Dense(2)])


@model
def gru(K):
    L = K.layers
    return K.Sequential([K.Input((6, 3)), L.GRU(5, return_sequences=True), L.GRU(4, reset_after=False), L.Dense(2)])


@model
def gru_before(K):
    L = K.layers
    return K.Sequential([K.Input((None, 3)), L.GRU(4, reset_after=False, return_sequences=True, use_bias=False),
                         L.GRU(3, reset_after=False, activation="relu", go_backwards=True)])


@model
def simple_rnn(K):
    L = K.layers
    return K.Sequential([K.Input((5, 3)), L.SimpleRNN(4, return_sequences=True), L.SimpleRNN(3, activation="relu", use_bias=False)])


@model
def bidirectional(K):
    L = K.layers
    x = K.Input((5, 3))
    outs = [L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=m)(x) for m in ("concat", "mul")]
    outs += [L.Bidirectional(L.SimpleRNN(2), merge_mode=m)(x) for m in ("sum", "ave")]
    outs.append(L.Bidirectional(L.GRU(2))(x))
    outs += L.Bidirectional(L.SimpleRNN(2, return_sequences=True), merge_mode=None)(x)
    outs.append(L.Bidirectional(L.LSTM(2), backward_layer=L.GRU(2, go_backwards=True))(x))
    return K.Model(x, outs)


@model
def time_distributed(K):
    L = K.layers
    return K.Sequential([K.Input((3, 6, 5, 2)), L.TimeDistributed(L.Conv2D(3, 2, activation="relu")),
                         L.TimeDistributed(L.Flatten()), L.TimeDistributed(L.Dense(4)), L.LSTM(3)])


@model
def seq2seq(K):
    """Encoder and decoder: states of one LSTM start another."""
    L = K.layers
    e, d = K.Input((5, 3), name="encoder_input"), K.Input((4, 2), name="decoder_input")
    _, h, c = L.LSTM(4, return_state=True, name="encoder")(e)
    seq, _, _ = L.LSTM(4, return_sequences=True, return_state=True, name="decoder")(d, initial_state=[h, c])
    return K.Model([e, d], L.Dense(3, activation="softmax", name="words")(seq))


@model
def nested_sequential(K):
    L = K.layers
    body = K.Sequential([K.Input((5,)), L.Dense(6, activation="relu"), L.BatchNormalization(), L.Dense(4)], name="body")
    x = K.Input((5,))
    return K.Model(x, L.Dense(2)(L.Activation("tanh")(body(x))))


@model
def nested_functional(K):
    """A sub-model with batch normalisation used twice: trainable weights come first, as one group."""
    L = K.layers
    i = K.Input((5,))
    h = L.BatchNormalization()(L.Dense(6, activation="relu")(i))
    sub = K.Model(i, L.Dense(4)(h), name="tower")
    x, y = K.Input((5,)), K.Input((5,))
    return K.Model([x, y], L.Dense(3)(L.Concatenate()([sub(x), sub(y)])))


@model
def nested_deep(K):
    L = K.layers
    inner = K.Sequential([K.Input((4,)), L.Dense(4, activation="relu")], name="inner")
    i = K.Input((4,))
    middle = K.Model(i, L.Add()([inner(i), i]), name="middle")
    return K.Sequential([K.Input((4,)), middle, L.Dense(3), K.Sequential([K.Input((3,)), L.Dense(2)], name="last")])


@model
def nested_frozen(K):
    """A frozen sub-model: its weights are stored layer by layer, not trainable ones first."""
    L = K.layers
    i = K.Input((4,))
    h = L.BatchNormalization()(L.Dense(5)(i))
    base = K.Model(i, L.Dense(4)(h), name="base")
    base.trainable = False
    x = K.Input((4,))
    return K.Model(x, L.Dense(2)(base(x)))


@model
def nested_many_outputs(K):
    L = K.layers
    i = K.Input((4,))
    a = L.Dense(3)(i)
    sub = K.Model(i, [a, L.Dense(2)(a)], name="heads")
    x = K.Input((4,))
    p, q = sub(x)
    return K.Model(x, [L.Dense(2)(q), p])


@model
def shared(K):
    """One Dense for two inputs: a siamese pair."""
    L = K.layers
    x, y = K.Input((6,)), K.Input((6,))
    enc = L.Dense(5, activation="relu", name="encoder")
    a, b = enc(x), enc(y)
    return K.Model([x, y], L.Dense(1, activation="sigmoid")(L.Concatenate()([L.Subtract()([a, b]), L.Multiply()([a, b])])))


@model
def multi_io(K):
    L = K.layers
    x, y = K.Input((4,), name="numbers"), K.Input((6, 3), name="series")
    h = L.Concatenate()([L.Dense(5, activation="relu")(x), L.LSTM(4)(y)])
    return K.Model([x, y], [L.Dense(3, activation="softmax", name="kind")(h), L.Dense(1, name="price")(h)])


@model
def cnn(K):
    L = K.layers
    return K.Sequential([K.Input((12, 12, 1)), L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(6, 3, activation="relu"),
                         L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5), L.Dense(10, activation="softmax")])


@model
def resnet(K):
    L = K.layers
    x = K.Input((8, 8, 3))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    for filters, stride in ((4, 1), (8, 2)):
        r = L.Conv2D(filters, 1, strides=stride)(h) if stride > 1 else h
        h = L.Conv2D(filters, 3, padding="same", strides=stride, use_bias=False)(h)
        h = L.Activation("relu")(L.BatchNormalization()(h))
        h = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same", use_bias=False)(h))
        h = L.Activation("relu")(L.Add()([h, r]))
    return K.Model(x, L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(h)), name="resnet")


@model
def unet(K):
    L = K.layers
    x = K.Input((8, 8, 1))
    a = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = L.Conv2D(6, 3, padding="same", activation="relu")(L.MaxPooling2D()(a))
    c = L.Concatenate()([L.UpSampling2D(interpolation="bilinear")(b), a])
    d = L.Concatenate()([L.Conv2DTranspose(3, 2, strides=2)(b), c])
    return K.Model(x, L.Conv2D(1, 1, activation="sigmoid")(d))


@model
def autoencoder(K):
    """Encoder and decoder as two models joined in a third."""
    L = K.layers
    i = K.Input((10,), name="pixels")
    encoder = K.Model(i, L.Dense(3, activation="relu")(L.Dense(6, activation="relu")(i)), name="encoder")
    j = K.Input((3,), name="code")
    decoder = K.Model(j, L.Dense(10, activation="sigmoid")(L.Dense(6, activation="relu")(j)), name="decoder")
    x = K.Input((10,), name="image")
    return K.Model(x, decoder(encoder(x)), name="autoencoder")


@model
def transformer(K):
    L = K.layers
    x = K.Input((5, 6))
    a = L.MultiHeadAttention(num_heads=2, key_dim=3)(x, x)
    h = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.Dropout(0.1)(a)]))
    f = L.Dense(6)(L.Dense(8, activation="gelu")(h))
    h = L.LayerNormalization(epsilon=1e-6)(L.Add()([h, f]))
    return K.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(h)))


@model
def attention(K):
    L = K.layers
    q, v = K.Input((4, 3)), K.Input((5, 3))
    outs = [L.Attention()([q, v]), L.Attention(use_scale=True)([q, v]), L.AdditiveAttention()([q, v]),
            L.MultiHeadAttention(2, 2, value_dim=3, output_shape=4, use_bias=False)(q, v)]
    return K.Model([q, v], outs)


@model
def operators(K):
    """Arithmetic on symbolic tensors: operations as nodes of the graph."""
    L = K.layers
    x = K.Input((4, 3))
    h = L.Dense(3)(x) * 2.0 + 1.0
    h = h[:, 1:, :] - x[:, :-1]
    return K.Model(x, L.Flatten()(1.0 - h / 3.0))


@model
def preprocessing(K):
    L = K.layers
    return K.Sequential([K.Input((4, 4, 3)), L.Rescaling(1 / 127.5, offset=-1.0), L.Normalization(mean=[0.1, 0.2, 0.3],
                         variance=[1.0, 0.5, 2.0]), L.Conv2D(2, 2), L.Flatten(), L.Dense(2)])


@model
def conv_lstm(K):
    L = K.layers
    return K.Sequential([K.Input((3, 5, 5, 2)), L.ConvLSTM2D(3, 3, padding="same", return_sequences=True), L.ConvLSTM2D(2, 2),
                         L.Flatten()])


@model
def slashes(K):
    """Layer names with a slash, as name scopes leave them; Keras 3 forbids it, so there dots and dashes."""
    L = K.layers
    names = ["block-1.conv", "block.1>out"] if K.__version__[0] == "3" else ["block1/conv", "block1/out"]
    x = K.Input((4,))
    return K.Model(x, L.Dense(2, name=names[1])(L.Dense(3, name=names[0])(x)))
