/* What the reference kernels share: element storage, the walk over rows of broadcast tensors, and their names.
 * Kernels are the specification of the ops: plain C on dense row-major arrays, no allocation, nothing but math.h. */
#ifndef CUV_RUN_KERNELS_H
#define CUV_RUN_KERNELS_H

#include "run/run.h"
#include <math.h>

/* Bytes of one element as it is kept: halves as floats, integers of fewer bits as int32, uint32 as int64. */
static inline size_t cuv_stored_size(cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_BOOL: return 1;
    case CUV_I64: case CUV_U64: case CUV_U32: case CUV_F64: return 8;
    case CUV_STR: return sizeof(cuv_string);
    default: return 4;
    }
}

static inline size_t cuv_run_count(const cuv_run_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

/* Floats to integers truncate; what does not fit becomes the smallest integer, as x86 and TensorFlow have it. */
static inline int32_t cuv_float_to_i32(double x)
{
    return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}

static inline int64_t cuv_float_to_i64(double x)
{
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : INT64_MIN;
}

/* Input i, NULL when absent. */
static inline const cuv_run_tensor *cuv_operand(const cuv_kernel_args *a, int i)
{
    return i < a->in_count && a->in[i].data ? &a->in[i] : NULL;
}

/* Product of the sizes of axes [from, to). */
static inline size_t cuv_span(const cuv_run_tensor *t, int from, int to)
{
    size_t n = 1;
    for (int i = from; i < to; i++)
        n *= (size_t)t->shape[i];
    return n;
}

/* ---- walking rows ---- */

enum { CUV_WALK_RANK = 2 * CUV_MAX_RANK, CUV_WALK_OPERANDS = 4 };

/* A loop over the rows (last axis) of a shape with up to four operands, each with its own strides in elements (0: broadcast,
 * negative: reversed). offset[k] is where operand k's row starts, step[k] its stride within the row, n the row's length. */
typedef struct cuv_walk {
    int rank, operands;
    int64_t shape[CUV_WALK_RANK], stride[CUV_WALK_OPERANDS][CUV_WALK_RANK], at[CUV_WALK_RANK];
    int64_t offset[CUV_WALK_OPERANDS], step[CUV_WALK_OPERANDS], n;
} cuv_walk;
void cuv_walk_init(cuv_walk *w, const int64_t *shape, int rank, int operands);
/* Strides of a dense tensor broadcast to the walk's shape (aligned at the last axis). */
void cuv_walk_broadcast(cuv_walk *w, int operand, const int64_t *shape, int rank);
/* Strides of the dense result of dropping the axes in `dropped` from the walk's shape (all operands along them get 0). */
void cuv_walk_reduced(cuv_walk *w, int operand, unsigned dropped);
/* Joins axes that all operands cross evenly and sets the walk to its first row; false when there are no elements. */
bool cuv_walk_start(cuv_walk *w);
bool cuv_walk_next(cuv_walk *w);
/* dst, dense and in order, takes the elements of operand 0. */
void cuv_walk_copy(cuv_walk *w, void *dst, const void *src, size_t element);

/* The axes an op works on as bits; `none`: what no list means. */
unsigned cuv_axes_mask(const cuv_attrs *attrs, unsigned none);

/* ---- windows over space ---- */

/* One to three spatial axes as three (leading ones of size 1): sizes, window, and how it moves. co, ci: channels. */
typedef struct cuv_space {
    int d;
    int64_t b, in[3], out[3], k[3], stride[3], dilation[3], lo[3], ci, co;
} cuv_space;
/* `window` has as many sizes as x has spatial axes. Pads come from attrs, or from 'same' when set. */
cuv_space cuv_space_of(const cuv_kernel_args *a, const int64_t *window);
/* First and past-last tap of the window at place o of axis i that lie inside x; *at: where tap 0 lies. */
void cuv_space_taps(const cuv_space *s, int i, int64_t o, int64_t *at, int64_t *first, int64_t *end);

/* Which input places an output place of a resized image is made of, along one axis. */
typedef struct cuv_taps {
    int count;
    int64_t at[4];
    float weight[4];
} cuv_taps;
/* The taps of all `out` places, of n. */
void cuv_make_taps(cuv_taps *taps, int64_t n, int64_t out, cuv_mode mode, cuv_align align);

/* ---- names ---- */

/* For float and double. */
#define CUV_FLOAT_KERNELS(X) \
    X(prelu) X(add) X(sub) X(mul) X(div) X(div_no_nan) X(floor_div) X(mod) X(pow) X(maximum) X(minimum) X(atan2) \
    X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(logical_and) X(logical_or) X(logical_xor) \
    X(sum) X(mean) X(prod) X(max) X(min) X(any) X(all) X(argmax) X(argmin) X(cumsum) X(cumprod) X(sort) X(argsort) \
    X(top_k) X(softmax) X(log_softmax) X(resize) X(upsample) X(matmul) X(dense) X(conv) X(depthwise) X(conv_transpose) \
    X(local_conv) X(max_pool) X(avg_pool) X(adaptive_avg_pool) X(adaptive_max_pool) X(batch_norm) X(layer_norm) \
    X(rms_norm) X(group_norm) X(attention) X(lstm) X(gru) X(rnn) X(conv_lstm) X(logical_not) X(is_nan) X(is_inf) X(cast) \
    X(scatter) X(cholesky) X(lu) X(triangular_solve) X(qr) X(eigh) X(svd)
/* For int32 and int64. */
#define CUV_INT_KERNELS(X) \
    X(neg) X(abs) X(sign) X(square) X(clip) X(add) X(sub) X(mul) X(floor_div) X(mod) X(pow) X(maximum) X(minimum) \
    X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) X(logical_and) X(logical_or) X(logical_xor) \
    X(sum) X(prod) X(max) X(min) X(any) X(all) X(argmax) X(argmin) X(cumsum) X(cumprod) X(sort) X(argsort) X(top_k) \
    X(matmul) X(logical_not) X(is_nan) X(is_inf) X(cast) X(one_hot) X(scatter) X(bitwise_and) X(bitwise_or) X(bitwise_xor) \
    X(shift_left) X(shift_right) X(gcd) X(max_pool) X(adaptive_max_pool)
/* For bool. */
#define CUV_BOOL_KERNELS(X) \
    X(logical_and) X(logical_or) X(logical_xor) X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) \
    X(any) X(all) X(argmax) X(argmin) X(logical_not) X(is_nan) X(is_inf) X(cast)
/* For all dtypes, by the size of an element. */
#define CUV_ANY_KERNELS(X) \
    X(copy) X(bitcast) X(transpose) X(broadcast) X(fill) X(range) X(concat) X(slice) X(pad) X(gather) X(gather_along) X(tile) \
    X(repeat) X(reverse) X(where) X(equal_str) X(not_equal_str) X(lookup_str) X(lookup_i64) X(hash_str) X(hash_i64) X(cross) \
    X(tokens_str) X(token_counts_str)

typedef void cuv_kernel_fn(const cuv_kernel_args *a);
typedef size_t cuv_scratch_fn(const cuv_kernel_args *a);
#define DECLARE(name) cuv_kernel_fn cuv_k_##name##_f32, cuv_k_##name##_f64;
CUV_FLOAT_KERNELS(DECLARE)
#define FORMULA(id, name, expression) DECLARE(name)
#include "run/formulas.def"
#undef FORMULA
#undef DECLARE
#define DECLARE(name) cuv_kernel_fn cuv_k_##name##_i32, cuv_k_##name##_i64;
CUV_INT_KERNELS(DECLARE)
#undef DECLARE
#define DECLARE(name) cuv_kernel_fn cuv_k_##name##_bool;
CUV_BOOL_KERNELS(DECLARE)
#undef DECLARE
#define DECLARE(name) cuv_kernel_fn cuv_k_##name;
CUV_ANY_KERNELS(DECLARE)
#undef DECLARE

/* The name of a reference kernel: "k_dense" with its type "f32", or "cuv_k_copy" with NULL. NULL: none of these. */
const char *cuv_kernel_name(cuv_kernel kernel, const char **type);

/* Scratch by op; sizes are in bytes and suit both float and double. */
cuv_scratch_fn cuv_scratch_sort, cuv_scratch_top_k, cuv_scratch_softmax, cuv_scratch_resize,
    cuv_scratch_upsample, cuv_scratch_batch_norm, cuv_scratch_group_norm, cuv_scratch_recurrent, cuv_scratch_conv_lstm,
    cuv_scratch_matrix;

/* An activation over rows x cols values in place. */
void cuv_act_f32(const cuv_act *act, float *y, size_t rows, size_t cols);
void cuv_act_f64(const cuv_act *act, double *y, size_t rows, size_t cols);
/* y[o] += sum over i of x[i] w[i ld + o], i ascending. */
void cuv_accumulate_f32(float *y, const float *x, const float *w, size_t k, size_t n, size_t ld);
void cuv_accumulate_f64(double *y, const double *x, const double *w, size_t k, size_t n, size_t ld);
/* One step of an LSTM's cell of u units, from its gates. */
void cuv_lstm_cell_f32(const cuv_attrs *at, float *z, float *h, float *c, size_t u);
void cuv_lstm_cell_f64(const cuv_attrs *at, double *z, double *h, double *c, size_t u);
/* y[o] += the convolution of one sample at every place. */
void cuv_add_conv_f32(const cuv_space *s, const float *x, const float *kernel, float *y);
void cuv_add_conv_f64(const cuv_space *s, const double *x, const double *kernel, double *y);
/* sum of a[i] b[i] in eight interleaved partial sums. */
float cuv_dot_f32(const float *a, const float *b, size_t n);
double cuv_dot_f64(const double *a, const double *b, size_t n);

#endif
