/* What the shape rules share. One rule per word in the shape column of ops.def. */
#ifndef CUV_PROGRAM_SHAPES_H
#define CUV_PROGRAM_SHAPES_H

#include "program/program.h"

/* Bounds that keep the arithmetic of the rules far from overflow. */
#define CUV_MAX_DIM ((int64_t)1 << 40)      /* one size of a shape */
#define CUV_MAX_ATTR ((int64_t)1 << 31)     /* one attribute: stride, window, pad */

/* One question to a rule: a step and what its inputs are. */
typedef struct cuv_shaping {
    cuv_context *cx;
    cuv_op op;
    const cuv_attrs *at;
    const cuv_var *const *in;
    size_t n;
    const char *layer;
    cuv_var *out;
} cuv_shaping;
typedef cuv_status cuv_shape_rule(const cuv_shaping *s);

/* The finding "program.shape": op, all input shapes, then the reason. */
cuv_status cuv_shape_no(const cuv_shaping *s, const char *fmt, ...) CUV_PRINTF(2, 3);
/* An optional input, NULL when absent. */
const cuv_var *cuv_shape_in(const cuv_shaping *s, size_t i);
/* out[i] takes v's rank and shape with a dtype. */
cuv_var *cuv_shape_like(const cuv_shaping *s, size_t i, const cuv_var *v, cuv_dtype dtype);
/* Two sizes that must agree, -1 agreeing with all; *out gets the known one. */
bool cuv_dim_merge(int64_t a, int64_t b, int64_t *out);
/* Two sizes as NumPy broadcasts them. */
bool cuv_dim_broadcast(int64_t a, int64_t b, int64_t *out);
/* a*b and a+b of sizes, -1 when one is unknown; false beyond CUV_MAX_DIM. */
bool cuv_dim_mul(int64_t a, int64_t b, int64_t *out);
bool cuv_dim_add(int64_t a, int64_t b, int64_t *out);
/* Holds `v` to `rank` axes whose sizes agree with `shape`; speaks of it as `what`. NULL is fine (absent). */
CUV_MUST_USE cuv_status cuv_shape_expect(const cuv_shaping *s, const cuv_var *v, const char *what, const int64_t *shape,
                                         int rank);
/* attrs.axis of an input of `rank` axes. */
CUV_MUST_USE cuv_status cuv_shape_axis(const cuv_shaping *s, int axis, int rank);
/* attrs.axes: in range and each once. `mask` gets bit i for axis i; all axes when none are given. */
CUV_MUST_USE cuv_status cuv_shape_axes(const cuv_shaping *s, int rank, unsigned *mask);

cuv_shape_rule cuv_shape_same, cuv_shape_same_bool, cuv_shape_same_i32, cuv_shape_cast, cuv_shape_binary,
    cuv_shape_binary_bool, cuv_shape_where, cuv_shape_reduce, cuv_shape_reduce_some, cuv_shape_reduce_bool, cuv_shape_arg_reduce,
    cuv_shape_top_k, cuv_shape_softmax, cuv_shape_reshape, cuv_shape_transpose, cuv_shape_broadcast, cuv_shape_fill,
    cuv_shape_range, cuv_shape_concat, cuv_shape_slice, cuv_shape_pad, cuv_shape_gather, cuv_shape_gather_along,
    cuv_shape_tile, cuv_shape_repeat, cuv_shape_one_hot, cuv_shape_resize, cuv_shape_upsample, cuv_shape_matmul,
    cuv_shape_dense, cuv_shape_conv, cuv_shape_depthwise, cuv_shape_conv_transpose, cuv_shape_local_conv,
    cuv_shape_pool, cuv_shape_adaptive_pool, cuv_shape_attention, cuv_shape_lstm, cuv_shape_gru, cuv_shape_conv_lstm, cuv_shape_rnn,
    cuv_shape_norm, cuv_shape_bitcast, cuv_shape_scatter, cuv_shape_square, cuv_shape_lu, cuv_shape_triangular_solve,
    cuv_shape_qr, cuv_shape_eigh, cuv_shape_svd, cuv_shape_lookup, cuv_shape_hash, cuv_shape_cross, cuv_shape_tokens, cuv_shape_token_counts;

#endif
