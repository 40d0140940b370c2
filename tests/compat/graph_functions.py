"""Functions on tensors for graph_models.py: TensorFlow's in models of Keras 2 (TFOpLambda, SlicingOpLambda), keras.ops in those of Keras 3
(Operation classes), and the operators of both."""


def more_tensorflow(tf, g, x, y):
    """Functions that are rarer in people's models."""
    rank, n, image = len(x.shape), x.shape[-1], len(x.shape) == 4
    constant = g.rng.normal(size=n).astype("float32").round(2)
    backend = g.K.backend
    return g.one(
        lambda: x * constant, lambda: x + tf.constant(constant), lambda: tf.floor(x * 3.0), lambda: tf.round(x * 3.0), lambda: tf.sign(x), lambda: tf.math.ceil(x * 2.0),
        lambda: tf.pow(tf.abs(x) + 0.1, 1.5), lambda: tf.math.pow(x, 2.0), lambda: tf.math.floormod(x, 0.7), lambda: tf.math.reciprocal(tf.abs(x) + 1.0), lambda: tf.math.rsqrt(tf.abs(x) + 1.0),
        lambda: tf.reduce_prod(x, axis=-1), lambda: tf.math.reduce_variance(x, axis=1), lambda: tf.norm(x, axis=-1), lambda: tf.math.cumprod(x, axis=1),
        lambda: tf.cast(tf.reduce_any(x > 0.5, axis=-1), tf.float32), lambda: tf.one_hot(tf.argmax(x, axis=-1), n),
        lambda: tf.tensordot(x, tf.constant(constant[:, None]), axes=1), lambda: tf.where(tf.greater(x, 0.2), x, tf.zeros_like(x)), lambda: tf.ones_like(x) - x,
        lambda: tf.gather(x, tf.constant([0, n - 1]), axis=-1), lambda: tf.linalg.matmul(x, y, transpose_a=True) if rank == 3 else tf.math.sinh(x), lambda: tf.nn.bias_add(x, tf.constant(constant)),
        lambda: tf.cast(tf.math.logical_or(x > 0.0, y > 0.5), tf.float32), lambda: tf.math.atan2(x, y + 2.0), lambda: tf.slice(x, [0] * rank, [-1] * rank),
        lambda: tf.strided_slice(x, [0] * rank, [1000] * rank, [1] * rank), lambda: tf.split(x, n, axis=-1)[0], lambda: tf.math.multiply_no_nan(x, y), lambda: tf.clip_by_norm(x, 2.0, axes=[-1]),
        lambda: tf.image.resize(x, (5, 4)) if image else tf.nn.crelu(x), lambda: tf.image.resize(x, (3, 6), method="nearest") if image else tf.math.expm1(x),
        lambda: tf.nn.max_pool2d(x, 2, 1, "SAME") if image else tf.math.softplus(x), lambda: tf.nn.avg_pool2d(x, 2, 1, "VALID") if image else tf.math.tan(x * 0.2),
        lambda: tf.image.flip_left_right(x) if image else tf.nn.leaky_relu(x, alpha=0.1), lambda: tf.nn.depth_to_space(tf.concat([x] * 4, -1), 2) if image else tf.math.sigmoid(x),
        lambda: backend.mean(x, axis=-1, keepdims=True), lambda: backend.sum(x, axis=1), lambda: backend.concatenate([x, y], axis=-1), lambda: backend.relu(x, max_value=1.0), lambda: backend.square(x),
        lambda: backend.expand_dims(x, 1), lambda: backend.clip(x, -1.0, 0.5), lambda: backend.sigmoid(x), lambda: backend.l2_normalize(x, axis=-1), lambda: backend.permute_dimensions(x, [0] + list(range(1, rank))[::-1]),
        lambda: g.K.activations.gelu(x, approximate=True), lambda: g.K.activations.relu(x, alpha=0.1, max_value=2.0), lambda: g.K.activations.softmax(x), lambda: g.K.activations.hard_sigmoid(x))()


def more_operations(ops, g, x, y):
    rank, n, image = len(x.shape), x.shape[-1], len(x.shape) == 4
    constant = g.rng.normal(size=n).astype("float32").round(2)
    return g.one(
        lambda: x * constant, lambda: ops.add(constant, x), lambda: ops.floor(x * 3.0), lambda: ops.round(x * 3.0), lambda: ops.sign(x), lambda: ops.ceil(x * 2.0), lambda: x % 0.7,
        lambda: (ops.abs(x) + 0.1) ** 1.5, lambda: ops.power(x, 2.0), lambda: ops.mod(x, 0.7), lambda: x // 0.3, lambda: ops.reciprocal(ops.abs(x) + 1.0), lambda: ops.rsqrt(ops.abs(x) + 1.0),
        lambda: ops.prod(x, axis=-1), lambda: ops.norm(x, axis=-1), lambda: ops.cumprod(x, axis=1), lambda: ops.einsum("b...c,b...c->b...", x, y), lambda: ops.cast(ops.any(x > 0.5, axis=-1), "float32"),
        lambda: ops.median(x, axis=1), lambda: ops.quantile(x, 0.3, axis=-1), lambda: ops.average(x, axis=-1, weights=ops.abs(y) + 0.1), lambda: ops.tensordot(x, constant[:, None], axes=1), lambda: ops.triu(x) if rank > 2 else ops.expm1(x),
        lambda: ops.tril(x) if rank > 2 else ops.sinh(x), lambda: ops.arctan2(x, y + 2.0), lambda: ops.logaddexp(x, y), lambda: ops.full_like(x, 2.0) - x, lambda: ops.ones_like(x) - x, lambda: ops.glu(ops.concatenate([x, y])),
        lambda: ops.dot(x, constant), lambda: ops.inner(x, constant), lambda: ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1), lambda: ops.digitize(x, [-0.51, 0.13, 0.77]) * 1.0, lambda: ops.argmax(x, axis=-1) * 0.5,
        lambda: ops.select([x > 0.5, x > 0], [x, y], 0.25), lambda: ops.image.resize(x, (5, 4)) if image else ops.sparsemax(x), lambda: ops.image.resize(x, (3, 6), interpolation="nearest") if image else ops.hard_silu(x),
        lambda: ops.max_pool(x, 2, 1, "same") if image else ops.threshold(x, 0.2, -1.0), lambda: ops.average_pool(x, 2, 1, "valid") if image else ops.squareplus(x), lambda: ops.image.rgb_to_grayscale(x) if image and n == 3 else ops.soft_shrink(x),
        lambda: ops.layer_normalization(x) if hasattr(ops, "layer_normalization") else -x, lambda: ops.rms_normalization(x) if hasattr(ops, "rms_normalization") else -x, lambda: ops.hstack([x, y]), lambda: ops.split(x, n, axis=-1)[0],
        lambda: ops.logical_xor(x > 0, y > 0.5) * 1.0, lambda: ops.multi_hot(ops.cast(ops.clip(x, 0, 3), "int32"), 4) * 1.0, lambda: ops.hypot(x, y), lambda: ops.slice(x, [0] * rank, [13] + list(x.shape[1:])) if g.fixed else -y,
        lambda: g.K.activations.gelu(x, approximate=True), lambda: g.K.activations.softmax(x), lambda: g.K.activations.glu(ops.concatenate([x, y])), lambda: g.K.activations.relu(x, negative_slope=0.1, max_value=2.0),
        lambda: ops.dot_product_attention(*[ops.expand_dims(x, 2)] * 3) if rank == 3 else ops.multiply(x, y), lambda: ops.conv(x, g.rng.normal(size=(2, 2, n, 2)).astype("float32").round(2), 1, "same") if image else ops.swapaxes(x, 0, 0))()


def slices(g, x):
    return g.one(lambda: x[:, 1:], lambda: x[..., 0], lambda: x[:, -1], lambda: x[:, ::-1], lambda: x[:, None], lambda: x[..., ::2], lambda: x[:, :1])()


def operators(g, x, y):
    return g.one(lambda: x * 0.5 + 1.0, lambda: 1.0 - x, lambda: -x / 2.0, lambda: abs(x), lambda: 1.0 / (abs(x) + 1.0), lambda: x - y, lambda: x + y,
                 lambda: x * y, lambda: x / (abs(y) + 1.0), lambda: abs(x) ** 0.5, lambda: x - 0.25 * y)()


def tensorflow(tf, g, x, y):
    rank = len(x.shape)
    axis, keep = g.n(1, rank - 1), g.yes()
    axis = axis - rank if g.yes(0.3) else axis
    last = list(range(rank))
    last[-1], last[1] = last[1], last[-1]
    flat = 1
    for n in x.shape[1:]:
        flat *= n
    n = x.shape[axis]
    return g.one(
        lambda: g.one(tf.abs, tf.nn.relu, tf.nn.relu6, tf.tanh, tf.sigmoid, tf.nn.elu, tf.nn.selu, tf.nn.leaky_relu, tf.nn.softplus, tf.sin, tf.cos,
                      tf.nn.softsign, tf.square, tf.identity, tf.stop_gradient, tf.math.erf, tf.nn.silu, tf.nn.gelu, tf.math.log_sigmoid, tf.atan)(x),
        lambda: tf.sqrt(tf.abs(x)), lambda: tf.math.log1p(tf.abs(x)), lambda: tf.clip_by_value(x, -0.5, 1.0), lambda: tf.nn.softmax(x, axis=axis),
        lambda: tf.nn.l2_normalize(x, axis=axis), lambda: tf.math.log(tf.exp(-tf.abs(x)) + 1.0), lambda: tf.nn.log_softmax(x),
        lambda: g.one(tf.reduce_mean, tf.reduce_sum, tf.reduce_max, tf.reduce_min, tf.math.reduce_std, tf.reduce_logsumexp)(x, axis=axis, keepdims=keep),
        lambda: tf.reduce_mean(x, axis=list(range(1, rank)), keepdims=True),
        lambda: tf.expand_dims(x, g.n(1, rank)), lambda: tf.squeeze(tf.expand_dims(x, 1), axis=1), lambda: tf.transpose(x, last),
        lambda: tf.reshape(x, [-1, flat]), lambda: tf.tile(x, [1, 2] + [1] * (rank - 2)), lambda: tf.repeat(x, 2, axis=axis),
        lambda: tf.reverse(x, axis=[1]), lambda: tf.roll(x, shift=1, axis=1), lambda: tf.pad(x, [[0, 0], [1, 1]] + [[0, 0]] * (rank - 2)),
        lambda: tf.concat([x, y], axis=axis), lambda: tf.stack([x, y], axis=g.n(1, rank)), lambda: tf.split(x, [1, n - 1], axis=axis)[1] if n > 1 else -x,
        lambda: tf.unstack(x, axis=axis)[0], lambda: tf.gather(x, [0, n - 1, 0], axis=axis), lambda: tf.cumsum(x, axis=axis),
        lambda: tf.maximum(x, y), lambda: tf.minimum(x, 0.5), lambda: tf.where(x > y, x, y), lambda: tf.add(x, y), lambda: tf.multiply(x, 0.5),
        lambda: tf.cast(x > 0.0, tf.float32), lambda: tf.add_n([x, y]), lambda: tf.math.squared_difference(x, y), lambda: tf.sort(x, axis=axis),
        lambda: tf.zeros_like(x), lambda: tf.math.top_k(x, k=1)[0], lambda: tf.subtract(x, 0.5), lambda: tf.math.divide(x, 3.0),
        lambda: tf.matmul(x, y, transpose_b=True) if rank == 3 else tf.negative(x))()


def operations(ops, g, x, y):
    rank = len(x.shape)
    axis, keep = g.n(1, rank - 1), g.yes()
    axis = axis - rank if g.yes(0.3) else axis
    last = list(range(rank))
    last[-1], last[1] = last[1], last[-1]
    flat = 1
    for n in x.shape[1:]:
        flat *= n
    n = x.shape[axis]
    return g.one(
        lambda: g.one(ops.abs, ops.relu, ops.relu6, ops.tanh, ops.sigmoid, ops.elu, ops.selu, ops.leaky_relu, ops.softplus, ops.sin, ops.cos, ops.softsign,
                      ops.square, ops.stop_gradient, ops.erf, ops.silu, ops.gelu, ops.log_sigmoid, ops.arctan, ops.negative, ops.celu, ops.hard_tanh)(x),
        lambda: ops.sqrt(ops.abs(x)), lambda: ops.log1p(ops.abs(x)), lambda: ops.clip(x, -0.5, 1.0), lambda: ops.softmax(x, axis=axis),
        lambda: ops.normalize(x, axis=axis), lambda: ops.log(ops.exp(-ops.abs(x)) + 1.0), lambda: ops.log_softmax(x),
        lambda: g.one(ops.mean, ops.sum, ops.max, ops.min, ops.std, ops.var, ops.logsumexp)(x, axis=axis, keepdims=keep),
        lambda: ops.mean(x, axis=tuple(range(1, rank)), keepdims=True),
        lambda: ops.expand_dims(x, g.n(1, rank)), lambda: ops.squeeze(ops.expand_dims(x, 1), axis=1), lambda: ops.transpose(x, last),
        lambda: ops.reshape(x, (-1, flat)), lambda: ops.tile(x, [1, 2] + [1] * (rank - 2)), lambda: ops.repeat(x, 2, axis=axis), lambda: ops.flip(x, axis=1),
        lambda: ops.roll(x, 1, axis=1), lambda: ops.pad(x, [[0, 0], [1, 1]] + [[0, 0]] * (rank - 2)), lambda: ops.concatenate([x, y], axis=axis),
        lambda: ops.stack([x, y], axis=g.n(1, rank)), lambda: ops.split(x, [1], axis=axis)[1] if n > 1 else -x, lambda: ops.unstack(x, axis=axis)[0],
        lambda: ops.take(x, [0, n - 1, 0], axis=axis), lambda: ops.cumsum(x, axis=axis), lambda: ops.maximum(x, y), lambda: ops.minimum(x, 0.5),
        lambda: ops.where(x > y, x, y), lambda: ops.add(x, y), lambda: ops.multiply(x, 0.5), lambda: ops.cast(x > 0.0, "float32"),
        lambda: ops.sort(x, axis=axis), lambda: ops.zeros_like(x), lambda: ops.top_k(x, 1)[0], lambda: ops.subtract(x, 0.5), lambda: ops.true_divide(x, 3.0),
        lambda: ops.matmul(x, ops.transpose(y, last)) if rank == 3 else ops.negative(x),
        lambda: ops.einsum("bij,bkj->bik", x, y) if rank == 3 else ops.swapaxes(x, 1, -1), lambda: ops.moveaxis(x, 1, -1), lambda: ops.diff(x, axis=axis)
        if n > 1 else -x, lambda: ops.nan_to_num(x), lambda: ops.one_hot(ops.argmax(x, axis=-1), x.shape[-1]))()


JUMPS = "argmax argmin argsort sort top_k sign floor ceil round floormod floor_mod floordiv floor_div mod digitize greater less greater_equal less_equal not_equal equal " \
        "count_nonzero in_top_k where hard_shrink hardshrink threshold floordivide remainder".split()


def jumps(y, x):
    """Whether y was made from x by a function of steps: two numbers that halves hardly tell apart give others."""
    todo, seen = [y], set()
    while todo:
        t = todo.pop()
        if t is x or id(t) in seen or not hasattr(t, "_keras_history"):
            continue
        seen.add(id(t))
        layer, index = t._keras_history[:2]
        if (getattr(layer, "symbol", None) or type(layer).__name__).split(".")[-1].lower() in JUMPS:
            return True
        node = layer._inbound_nodes[index]
        inputs = node.input_tensors
        todo += list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    return False
