"""Functions on tensors for graph_models.py: TensorFlow's in models of Keras 2 (TFOpLambda, SlicingOpLambda), keras.ops in those of Keras 3
(Operation classes), and the operators of both."""


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
