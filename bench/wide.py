"""Networks beside the ten of models.py: layers, sizes and wirings that those do not have. Each function makes one, with random weights; `batch` is
its large batch and `most` one more than the largest number of an integer input."""
from keras import Input, Model, Sequential, applications, layers, ops

NETS = []


def net(batch, most=8000):
    def keep(make):
        make.batch, make.most = batch, most
        NETS.append(make)
        return make
    return keep


def conv_norm(x, filters, size, strides=1, act="relu", **more):
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, **more)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(act)(x) if act else x


# ---- image networks ----

@net(4)
def vgg16():
    return applications.VGG16(weights=None, input_shape=(96, 96, 3), classes=100)


@net(8)
def resnet18():
    image = Input((224, 224, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv_norm(image, 64, 7, 2))
    for stage, filters in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = conv_norm(conv_norm(x, filters, 3, stride), filters, 3, act=None)
            if stride > 1:
                x = conv_norm(x, filters, 1, stride, act=None)
            x = layers.ReLU()(layers.Add()([x, y]))
    return Model(image, layers.Dense(1000, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@net(4)
def densenet121():
    return applications.DenseNet121(weights=None)


@net(4)
def inception_v3():
    return applications.InceptionV3(weights=None, input_shape=(224, 224, 3))


@net(4)
def xception():
    return applications.Xception(weights=None, input_shape=(224, 224, 3))


@net(8)
def resnext():
    """Grouped convolutions."""
    image = Input((112, 112, 3))
    x = conv_norm(image, 64, 3, 2)
    for filters, stride in ((128, 1), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        y = conv_norm(conv_norm(conv_norm(x, filters, 1), filters, 3, stride, groups=32), filters, 1, act=None)
        if stride > 1 or x.shape[-1] != filters:
            x = conv_norm(x, filters, 1, stride, act=None)
        x = layers.ReLU()(layers.Add()([x, y]))
    return Model(image, layers.Dense(100)(layers.GlobalAveragePooling2D()(x)))


@net(4)
def unet_transpose():
    image = Input((128, 128, 3))
    x, skips = image, []
    for filters in (32, 64, 128):
        x = conv_norm(conv_norm(x, filters, 3), filters, 3)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = conv_norm(x, 256, 3)
    for filters in (128, 64, 32):
        x = layers.Conv2DTranspose(filters, 2, 2, padding="same")(x)
        x = layers.Concatenate()([x, skips.pop()])
        x = conv_norm(conv_norm(x, filters, 3), filters, 3)
    return Model(image, layers.Conv2D(2, 1, activation="softmax")(x))


@net(4)
def unet_upsample():
    image = Input((128, 128, 3))
    x, skips = image, []
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for filters, how in ((128, "nearest"), (64, "bilinear"), (32, "bilinear")):
        x = layers.UpSampling2D(interpolation=how)(x)
        x = layers.Concatenate()([x, skips.pop()])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


@net(32)
def generator():
    """Transposed convolutions with overlapping windows, and LeakyReLU."""
    noise = Input((100,))
    x = layers.Reshape((7, 7, 256))(layers.Dense(7 * 7 * 256, use_bias=False)(noise))
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    for filters, stride in ((128, 1), (64, 2)):
        x = layers.Conv2DTranspose(filters, 5, stride, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    return Model(noise, layers.Conv2DTranspose(1, 5, 2, padding="same", activation="tanh")(x))


@net(4)
def deeplab():
    """Dilated convolutions, pooled context, bilinear resizing."""
    image = Input((256, 256, 3))
    x = conv_norm(conv_norm(image, 32, 3, 2), 64, 3, 2)
    low, x = x, conv_norm(x, 128, 3, 2)
    for rate in (2, 4):
        x = conv_norm(layers.DepthwiseConv2D(3, padding="same", dilation_rate=rate)(x), 128, 1)
    parts = [conv_norm(x, 64, 1)] + [conv_norm(x, 64, 3, dilation_rate=r) for r in (6, 12, 18)]
    pooled = conv_norm(layers.GlobalAveragePooling2D(keepdims=True)(x), 64, 1)
    parts.append(layers.UpSampling2D((32, 32), interpolation="bilinear")(pooled))
    x = conv_norm(layers.Concatenate()(parts), 64, 1)
    x = layers.Concatenate()([layers.UpSampling2D(2, interpolation="bilinear")(x), conv_norm(low, 24, 1)])
    x = layers.UpSampling2D(4, interpolation="bilinear")(layers.Conv2D(21, 1)(conv_norm(x, 64, 3)))
    return Model(image, layers.Softmax()(x))


@net(8)
def large_kernels():
    image = Input((64, 64, 3))
    x = layers.Conv2D(64, 7, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(31, padding="same")(x)
    x = layers.Conv2D(64, (1, 7), padding="same")(x)
    x = layers.Conv2D(64, (7, 1), padding="same", activation="gelu")(x)
    x = layers.DepthwiseConv2D(7, padding="same", depth_multiplier=2)(x)
    x = layers.Conv2D(64, 5, strides=2, padding="same", activation="relu")(x)
    return Model(image, layers.Dense(10)(layers.GlobalMaxPooling2D()(x)))


@net(8)
def channels_first():
    image = Input((3, 96, 96))
    x = image
    for filters, stride in ((32, 1), (64, 2), (128, 2)):
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", data_format="channels_first")(x)
        x = layers.Activation("relu")(layers.BatchNormalization(axis=1)(x))
    x = layers.MaxPooling2D(2, data_format="channels_first")(x)
    x = layers.Conv2D(128, 1, data_format="channels_first", activation="relu")(x)
    return Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D(data_format="channels_first")(x)))


@net(8)
def activations():
    image = Input((64, 64, 16))
    x = image
    for act in (layers.LeakyReLU(), layers.PReLU(shared_axes=[1, 2]), layers.ELU(), layers.Activation("gelu"), layers.Activation("mish"),
                layers.Activation("hard_swish"), layers.Activation("softplus"), layers.Activation("selu"), layers.Activation("softsign"),
                layers.Activation("swish"), layers.ReLU(6), layers.Activation("hard_sigmoid"), layers.Activation("log_sigmoid"),
                layers.Activation("tanh"), layers.PReLU(), layers.Activation("sigmoid")):
        x = act(layers.Conv2D(16, 1)(x))
    return Model(image, x)


@net(8)
def pooling():
    image = Input((96, 96, 32))
    x = layers.AveragePooling2D(3, 1, padding="same")(image)
    x = layers.ZeroPadding2D(((1, 2), (3, 4)))(x)
    x = layers.Cropping2D(((2, 1), (4, 3)))(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.MaxPooling2D(5, 1, padding="same")(x)
    return Model(image, layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x),
                                              layers.GlobalMaxPooling2D()(layers.MaxPooling2D(3, 2)(x))]))


@net(8)
def odd_channels():
    image = Input((63, 65, 5))
    x = image
    for filters, size, stride in ((3, 3, 1), (17, 3, 1), (33, 5, 2), (65, 3, 1), (33, 1, 1), (7, 3, 1)):
        x = layers.Conv2D(filters, size, strides=stride, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    return Model(image, layers.Dense(3)(layers.Flatten()(x)))


@net(2)
def large_image():
    image = Input((1024, 1024, 3))
    x = conv_norm(image, 16, 3, 2)
    x = layers.SeparableConv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(conv_norm(x, 32, 3))
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    return Model(image, layers.Conv2D(8, 1)(x))


@net(1000)
def tiny_image():
    image = Input((4, 4, 8))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    x = layers.Conv2D(16, 2, activation="relu")(x)
    return Model(image, layers.Dense(4)(layers.Flatten()(layers.MaxPooling2D(2)(x))))


@net(2)
def conv3d():
    video = Input((16, 64, 64, 3))
    x = layers.MaxPooling3D((1, 2, 2))(layers.Conv3D(16, 3, padding="same", activation="relu")(video))
    x = layers.MaxPooling3D()(layers.BatchNormalization()(layers.Conv3D(32, 3, padding="same", activation="relu")(x)))
    x = layers.Conv3D(64, 3, padding="same", activation="relu")(x)
    return Model(video, layers.Dense(10)(layers.GlobalAveragePooling3D()(x)))


@net(2)
def unet3d():
    scan = Input((32, 32, 32, 1))
    a = layers.Conv3D(8, 3, padding="same", activation="relu")(scan)
    b = layers.Conv3D(16, 3, padding="same", activation="relu")(layers.MaxPooling3D()(a))
    x = layers.Concatenate()([layers.Conv3DTranspose(8, 2, 2)(b), a])
    return Model(scan, layers.Conv3D(1, 1, activation="sigmoid")(layers.Conv3D(8, 3, padding="same", activation="relu")(layers.UpSampling3D(1)(x))))


@net(32)
def autoencoder():
    image = Input((28, 28, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu", strides=2)(image)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", strides=2)(x)
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
    return Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


# ---- sequences ----

@net(32)
def text_cnn():
    words = Input((400,), dtype="int32")
    x = layers.Embedding(8000, 100)(words)
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(layers.Conv1D(100, w, activation="relu")(x)) for w in (3, 4, 5)])
    return Model(words, layers.Dense(2, activation="softmax")(layers.Dropout(.5)(x)))


@net(8)
def audio_strided():
    wave = Input((16000, 1))
    x = wave
    for filters, size, stride in ((64, 80, 16), (64, 3, 1), (128, 3, 2), (128, 9, 4)):
        x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv1D(filters, size, strides=stride, padding="same")(x)))
    x = layers.SeparableConv1D(128, 5, padding="same")(layers.MaxPooling1D(4)(x))
    return Model(wave, layers.Dense(35)(layers.GlobalAveragePooling1D()(x)))


@net(8)
def wavenet():
    wave = Input((2000, 1))
    x, skips = layers.Conv1D(32, 2, padding="causal")(wave), []
    for n in range(10):
        gate = [layers.Conv1D(32, 2, padding="causal", dilation_rate=2 ** n, activation=a)(x) for a in ("tanh", "sigmoid")]
        y = layers.Multiply()(gate)
        skips.append(layers.Conv1D(32, 1)(y))
        x = layers.Add()([x, layers.Conv1D(32, 1)(y)])
    x = layers.Activation("relu")(layers.Add()(skips))
    return Model(wave, layers.Conv1D(64, 1, activation="softmax")(x))


@net(32)
def tcn():
    series = Input((256, 12))
    x = series
    for n in range(5):
        y = layers.Conv1D(48, 3, padding="causal", dilation_rate=2 ** n, activation="relu")(x)
        y = layers.SpatialDropout1D(.1)(layers.LayerNormalization()(layers.Conv1D(48, 3, padding="causal", dilation_rate=2 ** n)(y)))
        x = layers.Add()([layers.Conv1D(48, 1)(x), layers.Activation("relu")(y)])
    return Model(series, layers.Dense(1)(x[:, -1]))


@net(4)
def conv_lstm():
    return Sequential([Input((8, 32, 32, 3)), layers.ConvLSTM2D(16, 3, padding="same", return_sequences=True), layers.BatchNormalization(),
                       layers.ConvLSTM2D(16, 3, padding="same"), layers.Conv2D(1, 1, activation="sigmoid")])


@net(32)
def gru_stack():
    return Sequential([Input((60, 30)), layers.GRU(100, return_sequences=True), layers.GRU(100, reset_after=False), layers.Dense(5)])


@net(32)
def lstm_stack():
    return Sequential([Input((60, 30)), layers.LSTM(200, return_sequences=True), layers.LSTM(100, return_sequences=True), layers.LSTM(50),
                       layers.Dense(5)])


@net(32)
def lstm_hard():
    """Keras 1's inner activation, and no use of the last states alone."""
    return Sequential([Input((60, 30)), layers.LSTM(64, recurrent_activation="hard_sigmoid", return_sequences=True),
                       layers.LSTM(32, activation="relu", go_backwards=True), layers.Dense(5)])


@net(32)
def simple_rnn():
    return Sequential([Input((100, 32)), layers.SimpleRNN(64, return_sequences=True), layers.SimpleRNN(64, activation="relu"), layers.Dense(5)])


@net(32)
def bidirectional_odd():
    return Sequential([Input((80, 20)), layers.Bidirectional(layers.LSTM(50, return_sequences=True)),
                       layers.Bidirectional(layers.GRU(33, return_sequences=True), merge_mode="sum"),
                       layers.Bidirectional(layers.SimpleRNN(17)), layers.Dense(5)])


@net(8)
def frames_lstm():
    """A convolutional network at each time."""
    frame = Sequential([Input((32, 32, 3)), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu"),
                        layers.GlobalAveragePooling2D()])
    return Sequential([Input((12, 32, 32, 3)), layers.TimeDistributed(frame), layers.LSTM(32), layers.Dense(5)])


@net(32)
def masked_lstm():
    words = Input((80,), dtype="int32")
    x = layers.Embedding(8000, 64, mask_zero=True)(words)
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    return Model(words, layers.Dense(1, activation="sigmoid")(layers.GRU(32)(x)))


@net(32)
def crnn():
    """Text in images: convolutions, then recurrence over columns."""
    image = Input((32, 128, 1))
    x = layers.MaxPooling2D(2)(layers.Conv2D(32, 3, padding="same", activation="relu")(image))
    x = layers.MaxPooling2D(2)(layers.Conv2D(64, 3, padding="same", activation="relu")(x))
    x = layers.Reshape((32, 8 * 64))(layers.Permute((2, 1, 3))(x))
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(layers.Dense(64, activation="relu")(x))
    return Model(image, layers.Dense(80, activation="softmax")(x))


# ---- attention ----

@net(4)
def attention_512():
    x = Input((512, 256))
    return Model(x, layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(8, 32)(x, x)])))


@net(8)
def attention_forms():
    """Causal, cross and grouped."""
    x = Input((128, 128))
    y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 32)(x, x, use_causal_mask=True)]))
    y = layers.Add()([y, layers.MultiHeadAttention(4, 32)(y, layers.AveragePooling1D(4)(x))])
    y = layers.Add()([y, layers.GroupQueryAttention(32, 8, 2)(y, y)])
    y = layers.Add()([y, layers.Attention()([y, x])])
    return Model(x, layers.Add()([y, layers.AdditiveAttention()([y, layers.AveragePooling1D(8)(x)])]))


@net(8)
def vit():
    image = Input((96, 96, 3))
    x = layers.Reshape((144, 192))(layers.Conv2D(192, 8, strides=8)(image))
    for _ in range(4):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(3, 64)(y, y)])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.Dense(192)(layers.Dense(768, activation="gelu")(y))])
    return Model(image, layers.Dense(100)(layers.GlobalAveragePooling1D()(x)))


@net(32, 512)
def masked_transformer():
    words = Input((64,), dtype="int32")
    x = layers.Embedding(512, 128, mask_zero=True)(words)
    for _ in range(2):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 32)(x, x)]))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(128)(layers.Dense(256, activation="relu")(x))]))
    return Model(words, layers.Dense(512, activation="softmax")(x))


@net(8)
def norms():
    x = y = Input((32, 32, 64))
    y = layers.GroupNormalization(8)(layers.Conv2D(64, 3, padding="same")(y))
    y = layers.LayerNormalization()(layers.Conv2D(64, 1)(y))
    y = layers.UnitNormalization()(layers.Conv2D(64, 1)(y))
    y = layers.GroupNormalization(-1)(layers.Conv2D(64, 1)(y))
    y = layers.RMSNormalization()(layers.Conv2D(64, 1)(y))
    return Model(x, layers.LayerNormalization(axis=(1, 2, 3))(y))


# ---- vectors, and graphs of operations ----

@net(32)
def mlp_wide():
    return Sequential([Input((4096,)), layers.Dense(4096, activation="relu"), layers.Dense(4096, activation="relu"), layers.Dense(10)])


@net(1000)
def mlp_norm():
    x = y = Input((50,))
    for _ in range(6):
        y = layers.Dropout(.2)(layers.Activation("selu")(layers.BatchNormalization()(layers.Dense(200)(y))))
    return Model(x, layers.Dense(1)(y))


@net(1000, 1000)
def recommender():
    numbers = Input((26,), dtype="int32")
    vectors = [layers.Flatten()(layers.Embedding(1000, 16)(numbers[:, i:i + 1])) for i in range(26)]
    dots = [layers.Dot(1)([vectors[0], v]) for v in vectors[1:]]
    x = layers.Concatenate()(vectors + dots)
    for units in (256, 64):
        x = layers.Dense(units, activation="relu")(x)
    return Model(numbers, layers.Dense(1, activation="sigmoid")(x))


@net(32)
def big_softmax():
    return Sequential([Input((128,)), layers.Dense(30000, activation="softmax")])


@net(32)
def operations():
    x = Input((64, 128))
    y = ops.sqrt(ops.abs(x) + 1.) * 2. - ops.log1p(ops.square(x))
    y = ops.where(y > 0.5, y, ops.exp(-ops.square(y)))
    y = y - ops.mean(y, axis=-1, keepdims=True)
    y = y / (ops.std(y, axis=-1, keepdims=True) + 1e-3)
    y = ops.maximum(ops.minimum(y, 3.), -3.) + ops.sin(x) * ops.cos(y)
    y = ops.concatenate([y, ops.transpose(ops.reshape(ops.transpose(y, (0, 2, 1)), (-1, 128, 64)), (0, 2, 1))], axis=-1)
    y = ops.cumsum(y, axis=1) / 64.
    return Model(x, ops.max(y, axis=1) + ops.sum(y, axis=2, keepdims=False)[:, :1])


@net(8)
def einsum():
    x = Input((96, 64))
    y = ops.einsum("bij,bkj->bik", x, x)
    y = ops.softmax(y / 8.)
    y = ops.einsum("bik,bkj->bij", y, x)
    y = layers.EinsumDense("abc,cde->abde", output_shape=(None, 8, 16), bias_axes="de")(y)
    y = ops.einsum("bihd,bjhd->bhij", y, y)
    z = ops.matmul(y, ops.transpose(y, (0, 1, 3, 2)))
    return Model(x, ops.mean(z, axis=(1, 2)))


@net(8)
def float16():
    image = Input((64, 64, 3))
    d = "float16"
    x = layers.Conv2D(32, 3, activation="relu", dtype=d)(image)
    x = layers.MaxPooling2D(dtype=d)(layers.Conv2D(64, 3, activation="relu", dtype=d)(x))
    return Model(image, layers.Dense(10, dtype="float32")(layers.Dense(64, activation="relu", dtype=d)(layers.Flatten(dtype=d)(x))))


@net(8)
def mixed_float16():
    """What mixed_precision leaves in files."""
    image = Input((64, 64, 3))
    d = "mixed_float16"
    x = layers.BatchNormalization(dtype=d)(layers.Conv2D(32, 3, activation="relu", dtype=d)(image))
    x = layers.MaxPooling2D(dtype=d)(layers.Conv2D(64, 3, activation="relu", dtype=d)(x))
    return Model(image, layers.Dense(10, dtype="float32")(layers.GlobalAveragePooling2D(dtype=d)(x)))


@net(8)
def float64():
    image = Input((64, 64, 3))
    d = "float64"
    x = layers.Conv2D(32, 3, activation="relu", dtype=d)(image)
    x = layers.MaxPooling2D(dtype=d)(layers.Conv2D(64, 3, activation="relu", dtype=d)(x))
    return Model(image, layers.Dense(10, dtype="float32")(layers.Dense(64, activation="relu", dtype=d)(layers.GlobalAveragePooling2D(dtype=d)(x))))


@net(32)
def quantised_int8():
    model = Sequential([Input((784,)), layers.Dense(1024, activation="relu"), layers.Dense(1024, activation="relu"), layers.Dense(10)])
    model.quantize("int8")
    return model
