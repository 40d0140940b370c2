"""Small models of layers and arguments that the fixed set lacks, for forms that must translate each op (ONNX). One function a model;
`worker.py odd FOLDER` saves them with samples."""

def chain(keras, shape, *layers, dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def masked(keras, layer):
    return chain(keras, (6,), keras.layers.Embedding(7, 5, mask_zero=True), layer)


def two_states(keras):
    L = keras.layers
    x, h, c = keras.Input((5, 3)), keras.Input((4,)), keras.Input((4,))
    y, h2, c2 = L.LSTM(4, return_sequences=True, return_state=True, go_backwards=True)(x, initial_state=[h, c])
    return keras.Model([x, h, c], [y, h2, c2])


def bits(keras):
    n, m = keras.Input((5,), dtype="int32"), keras.Input((5,), dtype="int32")
    return keras.Model([n, m], [keras.ops.bitwise_and(n, m), keras.ops.bitwise_or(n, m), keras.ops.bitwise_xor(n, m), keras.ops.bitwise_not(n)])


def segments(keras, rows=(0, 2, 0, 3, 2)):
    """Along the second axis, so that the batch stays; 4 lies outside of the smaller sets."""
    import numpy
    x, ops = keras.Input((5,)), keras.ops
    made = [getattr(ops, "segment_" + kind)(ops.transpose(x), numpy.array(rows, "int32"), num_segments=4) for kind in ("sum", "max", "min", "prod")
            if hasattr(ops, "segment_" + kind)]
    return keras.Model(x, [ops.transpose(y) for y in made])


def attention_scores(keras, **kwargs):
    L = keras.layers
    q, v = keras.Input((4, 6)), keras.Input((5, 6))
    y, scores = L.Attention(**kwargs)(([q, v]), return_attention_scores=True)
    return keras.Model([q, v], [y, scores])


def attention_masked(keras, causal):
    L = keras.layers
    tokens = keras.Input((6,))
    x = L.Embedding(5, 8, mask_zero=True)(tokens)
    y = L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=causal)
    return keras.Model(tokens, y)


def grouped(keras):
    L = keras.layers
    q, v = keras.Input((4, 8)), keras.Input((5, 8))
    return keras.Model([q, v], L.GroupQueryAttention(4, 4, 2)(q, v))


def models(keras):
    L = keras.layers
    for name in ("LSTM", "GRU", "SimpleRNN"):
        cls = getattr(L, name)
        yield "masked_" + name, lambda cls=cls: masked(keras, cls(4, return_sequences=True))
        yield "masked_last_" + name, lambda cls=cls: masked(keras, cls(4, go_backwards=True))
        yield "masked_zero_" + name, lambda cls=cls: masked(keras, L.Bidirectional(cls(3, return_sequences=True)))
        yield "backwards_" + name, lambda cls=cls: chain(keras, (5, 3), cls(4, go_backwards=True, return_sequences=True))
        yield "linear_" + name, lambda cls=cls: chain(keras, (5, 3), cls(4, activation=None, use_bias=False))
        yield "gelu_" + name, lambda cls=cls: chain(keras, (5, 3), cls(4, activation="gelu", return_sequences=True))
        yield "open_" + name, lambda cls=cls: chain(keras, (None, 3), cls(4, activation="relu"))
    yield "states", lambda: two_states(keras)
    yield "gru_before", lambda: masked(keras, L.GRU(4, reset_after=False, recurrent_activation="hard_sigmoid"))
    yield "conv_lstm", lambda: chain(keras, (3, 5, 5, 2), L.ConvLSTM2D(3, 2, padding="same", return_sequences=True))
    yield "half", lambda: chain(keras, (6,), L.Dense(5, activation="relu", dtype="mixed_float16"), L.Dense(3, dtype="float32"))
    yield "brain", lambda: chain(keras, (8, 8, 2), L.Conv2D(3, 3, dtype="mixed_bfloat16"), L.Flatten(), L.Dense(3, dtype="float32"))
    yield "double", lambda: chain(keras, (8, 8, 2), L.Conv2D(3, 3, dtype="float64"), L.Flatten(), L.Dense(3, dtype="float64"))
    yield "half_lstm", lambda: chain(keras, (4, 3), L.LSTM(5, dtype="mixed_float16"), L.Dense(2, dtype="float32"))
    for padding in ("valid", "same"):
        yield "average_" + padding, lambda p=padding: chain(keras, (7, 6, 2), L.AveragePooling2D(3, 2, p))
        yield "max1d_" + padding, lambda p=padding: chain(keras, (None, 2), L.MaxPooling1D(3, 2, p))
        yield "open_conv_" + padding, lambda p=padding: chain(keras, (None, None, 2), L.Conv2D(3, 3, 2, p), L.GlobalMaxPooling2D())
        yield "transpose_" + padding, lambda p=padding: chain(keras, (5, 4, 2), L.Conv2DTranspose(3, 3, 2, p))
        yield "transpose_out_" + padding, lambda p=padding: chain(keras, (5, 4, 2), L.Conv2DTranspose(3, 3, 3, p, output_padding=1))
        yield "transpose_open_" + padding, lambda p=padding: chain(keras, (None, 2), L.Conv1DTranspose(3, 4, 2, p))
        yield "dilated_" + padding, lambda p=padding: chain(keras, (9, 9, 2), L.Conv2D(4, 3, padding=p, dilation_rate=2, groups=2))
        yield "depthwise_" + padding, lambda p=padding: chain(keras, (9, 3), L.DepthwiseConv1D(3, 2, p, depth_multiplier=2))
    yield "conv3d", lambda: chain(keras, (5, 5, 5, 2), L.Conv3D(3, 2, 2, "same", activation="silu"), L.AveragePooling3D(2), L.Flatten())
    yield "separable", lambda: chain(keras, (9, 9, 3), L.SeparableConv2D(4, 3, depth_multiplier=2, activation="elu"))
    yield "causal", lambda: chain(keras, (9, 3), L.Conv1D(4, 3, padding="causal", dilation_rate=2))
    yield "softmax_conv", lambda: chain(keras, (5, 5, 3), L.Conv2D(4, 2, activation="softmax"), L.MaxPooling2D())
    for size in (2, 3):
        yield "adaptive_%d" % size, lambda n=size: chain(keras, (7, 8, 2), L.AdaptiveAveragePooling2D(n))
        yield "adaptive_max_%d" % size, lambda n=size: chain(keras, (7, 8, 2), L.AdaptiveMaxPooling2D(n))
    for mode in ("nearest", "bilinear", "bicubic"):
        yield "upsample_" + mode, lambda m=mode: chain(keras, (4, 5, 2), L.UpSampling2D((2, 3), interpolation=m), L.Conv2D(2, 2))
        yield "resize_" + mode, lambda m=mode: chain(keras, (4, 5, 2), L.Resizing(7, 3, interpolation=m))
    yield "upsample3d", lambda: chain(keras, (2, 3, 2, 2), L.UpSampling3D((2, 2, 3)), L.Cropping3D(1))
    yield "open_reshape", lambda: chain(keras, (None, 6), L.Reshape((-1, 3)), L.Dense(2), L.GlobalAveragePooling1D())
    yield "permute", lambda: chain(keras, (4, 5, 2), L.Permute((3, 1, 2)), L.Dense(3, activation="softmax"), L.Flatten())
    yield "repeat", lambda: chain(keras, (4,), L.RepeatVector(3), L.Dense(3), L.Activation("log_softmax"))
    yield "norms", lambda: chain(keras, (4, 6), L.RMSNormalization(), L.UnitNormalization(), L.LayerNormalization(axis=[1, 2]))
    yield "bare_norm", lambda: chain(keras, (4, 6), L.LayerNormalization(center=False, scale=False), L.GroupNormalization(2, center=False))
    yield "group1", lambda: chain(keras, (4, 4, 6), L.GroupNormalization(-1), L.GroupNormalization(1, scale=False))
    yield "batch_axis", lambda: chain(keras, (4, 5, 6), L.BatchNormalization(axis=2), L.BatchNormalization(axis=1, scale=False))
    yield "spectral", lambda: chain(keras, (6,), L.SpectralNormalization(L.Dense(4)))
    yield "normalization", lambda: chain(keras, (6,), L.Normalization(mean=[1., 2, 3, 4, 5, 6], variance=[1., 4, 1, 1, 2, 2]))
    yield "discretization", lambda: chain(keras, (6,), L.Discretization([-1., 0., 1.]), L.CategoryEncoding(4, output_mode="multi_hot"))
    yield "one_hot", lambda: chain(keras, (1,), L.CategoryEncoding(5, output_mode="one_hot"), dtype="int32")
    yield "count", lambda: chain(keras, (7,), L.CategoryEncoding(5, output_mode="count"), dtype="int32")
    yield "softmax_axes", lambda: chain(keras, (4, 5, 3), L.Softmax(axis=(1, 2)))
    yield "relu_all", lambda: chain(keras, (9,), L.ReLU(max_value=2., negative_slope=.1, threshold=.5), L.ReLU(max_value=1.),
                                    L.LeakyReLU(.3), L.PReLU(), L.ELU(.7))
    yield "prelu_conv", lambda: chain(keras, (6, 6, 2), L.Conv2D(3, 2), L.PReLU(shared_axes=[1, 2]), L.Conv2D(2, 2), L.PReLU())
    yield "masking_concat", lambda: chain(keras, (4, 3), L.Masking(), L.LSTM(3), L.Dense(2))
    yield "attention", lambda: attention_scores(keras, use_scale=True)
    yield "attention_concat", lambda: attention_scores(keras, score_mode="concat")
    yield "attention_masked", lambda: attention_masked(keras, False)
    yield "attention_causal", lambda: attention_masked(keras, True)
    yield "attention_grouped", lambda: grouped(keras)
    yield "einsum", lambda: chain(keras, (4, 6), L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"))
    yield "time_distributed", lambda: chain(keras, (3, 5, 5, 2), L.TimeDistributed(L.Conv2D(2, 2)), L.TimeDistributed(L.Flatten()))
    if hasattr(keras, "ops"):
        yield "bits", lambda: bits(keras)
        yield "segments", lambda: segments(keras)
    yield "rescaling", lambda: chain(keras, (4, 4, 3), L.Rescaling(1 / 127.5, -1), L.CenterCrop(2, 3))
    yield "noise", lambda: chain(keras, (6,), L.GaussianNoise(.1), L.AlphaDropout(.1), L.ActivityRegularization(.1), L.Dense(2))
    for name in ("exponential", "softsign", "hard_tanh", "celu", "glu", "sparsemax", "sparse_plus", "squareplus",
                 "log_sigmoid", "hard_shrink", "soft_shrink", "tanh_shrink", "relu6", "mish", "hard_silu"):
        yield "act_" + name, lambda n=name: chain(keras, (4, 6), L.Dense(8, activation=n))


def draw(tensor, rng):
    shape = [4] + [5 if n is None else n for n in tensor.shape[1:]]
    if "int" in tensor.dtype:
        return rng.integers(0, 5, shape).astype("int32")
    return rng.normal(size=shape).astype("float32")


def samples(keras, model, rng):
    """Inputs that suit: small indices where an Embedding comes first, zeros in them for masks."""
    embeds = any(isinstance(layer, keras.layers.Embedding) for layer in model.layers)
    masks = any(isinstance(layer, keras.layers.Masking) for layer in model.layers)
    xs = []
    for tensor in model.inputs:
        x = draw(tensor, rng)
        if embeds:
            x = rng.integers(0, 5, x.shape).astype("float32")
            x[0] = 0
        if masks:
            x[:, 1] = 0
            x[0] = 0
        xs.append(x)
    return xs
