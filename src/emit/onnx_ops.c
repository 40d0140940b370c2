/* One row for each op: which function writes its nodes. The operators themselves are named where they are written. */
#include "emit/onnx.h"

static void no_operator(onnx_writer *w, const cuv_step *s)
{
    onnx_refuse(w, "ONNX has no operator for %s", cuv_op_about(s->op)->name);
}

#define NONE(id) [CUV_OP_##id] = no_operator
#define SIMPLE(id) [CUV_OP_##id] = onnx_elementwise
static onnx_emit *const rows[CUV_OP_COUNT] = {
    SIMPLE(NEG), SIMPLE(ABS), SIMPLE(SIGN), SIMPLE(FLOOR), SIMPLE(CEIL), SIMPLE(ROUND), SIMPLE(TRUNC), SIMPLE(EXP), SIMPLE(EXPM1),
    SIMPLE(LOG), SIMPLE(LOG1P), SIMPLE(SQRT), SIMPLE(RSQRT), SIMPLE(SQUARE), SIMPLE(RECIPROCAL), SIMPLE(SIN), SIMPLE(COS),
    SIMPLE(TAN), SIMPLE(ASIN), SIMPLE(ACOS), SIMPLE(ATAN), SIMPLE(SINH), SIMPLE(COSH), SIMPLE(ASINH), SIMPLE(ACOSH), SIMPLE(ATANH),
    SIMPLE(ERF), SIMPLE(LOGICAL_NOT), SIMPLE(IS_NAN), SIMPLE(IS_INF), SIMPLE(CLIP), [CUV_OP_CAST] = onnx_cast_step,
    SIMPLE(RELU), SIMPLE(ELU), SIMPLE(CELU), SIMPLE(SELU), SIMPLE(SIGMOID), SIMPLE(TANH), SIMPLE(SOFTPLUS), SIMPLE(SOFTSIGN),
    SIMPLE(SILU), SIMPLE(GELU), SIMPLE(MISH), SIMPLE(HARD_SIGMOID), SIMPLE(HARD_SILU), SIMPLE(HARD_TANH), SIMPLE(HARD_SHRINK),
    SIMPLE(SOFT_SHRINK), SIMPLE(TANH_SHRINK), SIMPLE(LOG_SIGMOID), SIMPLE(SQUAREPLUS), SIMPLE(SPARSE_PLUS), SIMPLE(SPARSE_SIGMOID),
    SIMPLE(THRESHOLD), [CUV_OP_PRELU] = onnx_binary,

    [CUV_OP_ADD] = onnx_binary, [CUV_OP_SUB] = onnx_binary, [CUV_OP_MUL] = onnx_binary, [CUV_OP_DIV] = onnx_binary,
    [CUV_OP_DIV_NO_NAN] = onnx_binary, [CUV_OP_FLOOR_DIV] = onnx_binary, [CUV_OP_MOD] = onnx_binary, [CUV_OP_POW] = onnx_binary,
    [CUV_OP_MAXIMUM] = onnx_binary, [CUV_OP_MINIMUM] = onnx_binary, [CUV_OP_ATAN2] = onnx_binary, [CUV_OP_EQUAL] = onnx_binary,
    [CUV_OP_NOT_EQUAL] = onnx_binary, [CUV_OP_LESS] = onnx_binary, [CUV_OP_LESS_EQUAL] = onnx_binary,
    [CUV_OP_GREATER] = onnx_binary, [CUV_OP_GREATER_EQUAL] = onnx_binary, [CUV_OP_LOGICAL_AND] = onnx_binary,
    [CUV_OP_LOGICAL_OR] = onnx_binary, [CUV_OP_LOGICAL_XOR] = onnx_binary, [CUV_OP_BITWISE_AND] = onnx_binary,
    [CUV_OP_BITWISE_OR] = onnx_binary, [CUV_OP_BITWISE_XOR] = onnx_binary, [CUV_OP_WHERE] = onnx_where,

    [CUV_OP_SUM] = onnx_reduce_step, [CUV_OP_MEAN] = onnx_reduce_step, [CUV_OP_PROD] = onnx_reduce_step,
    [CUV_OP_MAX] = onnx_reduce_step, [CUV_OP_MIN] = onnx_reduce_step, [CUV_OP_ANY] = onnx_reduce_step,
    [CUV_OP_ALL] = onnx_reduce_step, [CUV_OP_ARGMAX] = onnx_arg_reduce, [CUV_OP_ARGMIN] = onnx_arg_reduce,
    [CUV_OP_CUMSUM] = onnx_cumsum, [CUV_OP_CUMPROD] = onnx_cumprod, [CUV_OP_SORT] = onnx_sort, [CUV_OP_ARGSORT] = onnx_sort,
    [CUV_OP_TOP_K] = onnx_top_k, [CUV_OP_SOFTMAX] = onnx_softmax, [CUV_OP_LOG_SOFTMAX] = onnx_log_softmax,

    [CUV_OP_RESHAPE] = onnx_reshape_step, [CUV_OP_TRANSPOSE] = onnx_transpose_step, [CUV_OP_BROADCAST] = onnx_broadcast,
    [CUV_OP_FILL] = onnx_fill, [CUV_OP_RANGE] = onnx_range, [CUV_OP_CONCAT] = onnx_concat_step, [CUV_OP_SLICE] = onnx_slice_step,
    [CUV_OP_PAD] = onnx_pad, [CUV_OP_GATHER] = onnx_gather, [CUV_OP_GATHER_ALONG] = onnx_gather_along, [CUV_OP_TILE] = onnx_tile,
    [CUV_OP_REPEAT] = onnx_repeat, [CUV_OP_SCATTER] = onnx_scatter, [CUV_OP_REVERSE] = onnx_reverse, [CUV_OP_ONE_HOT] = onnx_one_hot,
    [CUV_OP_RESIZE] = onnx_resize, [CUV_OP_UPSAMPLE] = onnx_resize,

    [CUV_OP_MATMUL] = onnx_matmul, [CUV_OP_DENSE] = onnx_dense, [CUV_OP_CONV] = onnx_conv, [CUV_OP_DEPTHWISE] = onnx_depthwise,
    [CUV_OP_CONV_TRANSPOSE] = onnx_conv_transpose, [CUV_OP_LOCAL_CONV] = onnx_local_conv, [CUV_OP_MAX_POOL] = onnx_pool,
    [CUV_OP_AVG_POOL] = onnx_pool, [CUV_OP_ADAPTIVE_AVG_POOL] = onnx_adaptive_pool, [CUV_OP_ADAPTIVE_MAX_POOL] = onnx_adaptive_pool,

    [CUV_OP_BATCH_NORM] = onnx_batch_norm, [CUV_OP_LAYER_NORM] = onnx_layer_norm, [CUV_OP_RMS_NORM] = onnx_rms_norm,
    [CUV_OP_GROUP_NORM] = onnx_group_norm, [CUV_OP_ATTENTION] = onnx_attention, [CUV_OP_LSTM] = onnx_recurrent,
    [CUV_OP_GRU] = onnx_recurrent, [CUV_OP_RNN] = onnx_recurrent,

    NONE(ERFINV), NONE(BESSEL_I0), NONE(BITCAST), NONE(SHIFT_LEFT), NONE(SHIFT_RIGHT), NONE(GCD), NONE(CHOLESKY), NONE(LU),
    NONE(TRIANGULAR_SOLVE), NONE(QR), NONE(EIGH), NONE(SVD),
};

void onnx_emit_step(onnx_writer *w, const cuv_step *s)
{
    w->step = s;
    if (!rows[s->op])
        onnx_refuse(w, "this version has no way to write it");
    else
        rows[s->op](w, s);
}
