/* The table of reference kernels: by op and by the dtype of its main input. */
#include "run/kernels.h"

typedef struct row {
    cuv_kernel f32, f64, i32, i64, truth, text;
    cuv_kernel_scratch scratch;
} row;

#define FLOATS(id, name) [CUV_OP_##id] = {.f32 = cuv_k_##name##_f32, .f64 = cuv_k_##name##_f64}
#define FLOATS_S(id, name, need) \
    [CUV_OP_##id] = {.f32 = cuv_k_##name##_f32, .f64 = cuv_k_##name##_f64, .scratch = cuv_scratch_##need}
#define NUMBER(name) \
    .f32 = cuv_k_##name##_f32, .f64 = cuv_k_##name##_f64, .i32 = cuv_k_##name##_i32, .i64 = cuv_k_##name##_i64
#define NUMBERS(id, name) [CUV_OP_##id] = {NUMBER(name)}
#define NUMBERS_S(id, name, need) [CUV_OP_##id] = {NUMBER(name), .scratch = cuv_scratch_##need}
#define NUMBERS_B(id, name, bool_name) [CUV_OP_##id] = {NUMBER(name), .truth = cuv_k_##bool_name##_bool}
#define INTEGERS(id, name) [CUV_OP_##id] = {.i32 = cuv_k_##name##_i32, .i64 = cuv_k_##name##_i64}
#define ALL(id, name) \
    [CUV_OP_##id] = {cuv_k_##name, cuv_k_##name, cuv_k_##name, cuv_k_##name, cuv_k_##name, cuv_k_##name, NULL}
/* integers are their own floor, ceiling, … */
#define FLOATS_COPY(id, name) \
    [CUV_OP_##id] = {.f32 = cuv_k_##name##_f32, .f64 = cuv_k_##name##_f64, .i32 = cuv_k_copy, .i64 = cuv_k_copy}

/* Ops that work on bools as or, and; float formulas come from formulas.def in the second table. */
static const row rows[CUV_OP_COUNT] = {
    NUMBERS(NEG, neg), NUMBERS(ABS, abs), NUMBERS(SIGN, sign), NUMBERS(SQUARE, square), NUMBERS(CLIP, clip),
    FLOATS_COPY(FLOOR, floor), FLOATS_COPY(CEIL, ceil), FLOATS_COPY(ROUND, round), FLOATS_COPY(TRUNC, trunc),
    NUMBERS_B(LOGICAL_NOT, logical_not, logical_not), NUMBERS_B(IS_NAN, is_nan, is_nan),
    NUMBERS_B(IS_INF, is_inf, is_inf), NUMBERS_B(CAST, cast, cast),
    FLOATS(PRELU, prelu), NUMBERS_B(ADD, add, logical_or), NUMBERS(SUB, sub), NUMBERS_B(MUL, mul, logical_and),
    FLOATS(DIV, div), FLOATS(DIV_NO_NAN, div_no_nan), NUMBERS(FLOOR_DIV, floor_div), NUMBERS(MOD, mod),
    NUMBERS(POW, pow), NUMBERS_B(MAXIMUM, maximum, logical_or), NUMBERS_B(MINIMUM, minimum, logical_and),
    FLOATS(ATAN2, atan2),
    [CUV_OP_EQUAL] = {NUMBER(equal), .truth = cuv_k_equal_bool, .text = cuv_k_equal_str},
    [CUV_OP_NOT_EQUAL] = {NUMBER(not_equal), .truth = cuv_k_not_equal_bool, .text = cuv_k_not_equal_str},
    NUMBERS_B(LESS, less, less), NUMBERS_B(LESS_EQUAL, less_equal, less_equal), NUMBERS_B(GREATER, greater, greater),
    NUMBERS_B(GREATER_EQUAL, greater_equal, greater_equal), NUMBERS_B(LOGICAL_AND, logical_and, logical_and),
    NUMBERS_B(LOGICAL_OR, logical_or, logical_or), NUMBERS_B(LOGICAL_XOR, logical_xor, logical_xor),
    ALL(WHERE, where),
    NUMBERS(SUM, sum), FLOATS(MEAN, mean), NUMBERS(PROD, prod), NUMBERS_B(MAX, max, any), NUMBERS_B(MIN, min, all),
    NUMBERS_B(ANY, any, any), NUMBERS_B(ALL, all, all), NUMBERS_B(ARGMAX, argmax, argmax),
    NUMBERS_B(ARGMIN, argmin, argmin), NUMBERS(CUMSUM, cumsum), NUMBERS(CUMPROD, cumprod), NUMBERS_S(SORT, sort, sort),
    NUMBERS_S(ARGSORT, argsort, sort), NUMBERS_S(TOP_K, top_k, top_k), FLOATS_S(SOFTMAX, softmax, softmax),
    FLOATS_S(LOG_SOFTMAX, log_softmax, softmax),
    ALL(RESHAPE, copy), ALL(TRANSPOSE, transpose), ALL(BROADCAST, broadcast), ALL(FILL, fill), ALL(RANGE, range),
    ALL(CONCAT, concat), ALL(SLICE, slice), ALL(PAD, pad), ALL(GATHER, gather), ALL(GATHER_ALONG, gather_along),
    ALL(TILE, tile), ALL(REPEAT, repeat), ALL(REVERSE, reverse),
    [CUV_OP_ONE_HOT] = {.i32 = cuv_k_one_hot_i32, .i64 = cuv_k_one_hot_i64},
    FLOATS_S(RESIZE, resize, resize), FLOATS_S(UPSAMPLE, upsample, upsample),
    NUMBERS(MATMUL, matmul), FLOATS(DENSE, dense), FLOATS(CONV, conv), FLOATS(DEPTHWISE, depthwise),
    FLOATS(CONV_TRANSPOSE, conv_transpose), FLOATS(LOCAL_CONV, local_conv), NUMBERS(MAX_POOL, max_pool),
    FLOATS(AVG_POOL, avg_pool), FLOATS(ADAPTIVE_AVG_POOL, adaptive_avg_pool),
    NUMBERS(ADAPTIVE_MAX_POOL, adaptive_max_pool),
    FLOATS_S(BATCH_NORM, batch_norm, batch_norm), FLOATS(LAYER_NORM, layer_norm), FLOATS(RMS_NORM, rms_norm),
    FLOATS_S(GROUP_NORM, group_norm, group_norm), FLOATS(ATTENTION, attention), FLOATS_S(LSTM, lstm, recurrent),
    FLOATS_S(GRU, gru, recurrent), FLOATS_S(RNN, rnn, recurrent), FLOATS_S(CONV_LSTM, conv_lstm, conv_lstm),
    [CUV_OP_BITCAST] = {.f32 = cuv_k_bitcast, .f64 = cuv_k_bitcast, .i32 = cuv_k_bitcast, .i64 = cuv_k_bitcast},
    INTEGERS(BITWISE_AND, bitwise_and), INTEGERS(BITWISE_OR, bitwise_or), INTEGERS(BITWISE_XOR, bitwise_xor),
    INTEGERS(SHIFT_LEFT, shift_left), INTEGERS(SHIFT_RIGHT, shift_right), INTEGERS(GCD, gcd), NUMBERS(SCATTER, scatter),
    FLOATS(CHOLESKY, cholesky), FLOATS(LU, lu), FLOATS(TRIANGULAR_SOLVE, triangular_solve), FLOATS_S(QR, qr, matrix),
    FLOATS_S(EIGH, eigh, matrix), FLOATS_S(SVD, svd, matrix),
    [CUV_OP_LOOKUP] = {.i64 = cuv_k_lookup_i64, .text = cuv_k_lookup_str},
    [CUV_OP_HASH] = {.i64 = cuv_k_hash_i64, .text = cuv_k_hash_str},
    [CUV_OP_CROSS] = {.i64 = cuv_k_cross, .text = cuv_k_cross},
    [CUV_OP_TOKENS] = {.text = cuv_k_tokens_str}, [CUV_OP_TOKEN_COUNTS] = {.text = cuv_k_token_counts_str},
};

static const row formulas[CUV_OP_COUNT] = {
#define FORMULA(id, name, expression) FLOATS(id, name),
#include "run/formulas.def"
#undef FORMULA
};

cuv_kernel cuv_reference_kernel(cuv_op op, const cuv_run_tensor *in, int in_count, cuv_kernel_scratch *scratch)
{
    const row *r = (unsigned)op < CUV_OP_COUNT ? &rows[op] : &rows[CUV_OP_NONE];
    cuv_dtype dtype = in_count > 0 ? in[0].dtype : CUV_F32;
    if (scratch)
        *scratch = r->scratch;
    if ((unsigned)op < CUV_OP_COUNT && formulas[op].f32 && !r->f32)
        r = &formulas[op];
    switch (dtype) {
    case CUV_BOOL: return r->truth;
    case CUV_I32: return r->i32;
    case CUV_I64: return r->i64;
    case CUV_F64: return r->f64;
    case CUV_STR: return r->text;
    case CUV_F32: case CUV_F16: case CUV_BF16: return r->f32;
    default: return NULL;
    }
}

#define TYPED(type) static const struct { cuv_kernel kernel; const char *name; } type##_names[]
#define NAME(name) {cuv_k_##name##_f32, "k_" #name},
#define FORMULA(id, name, expression) NAME(name)
TYPED(f32) = {
    CUV_FLOAT_KERNELS(NAME)
#include "run/formulas.def"
};
#undef NAME
#define NAME(name) {cuv_k_##name##_f64, "k_" #name},
TYPED(f64) = {
    CUV_FLOAT_KERNELS(NAME)
#include "run/formulas.def"
};
#undef NAME
#define NAME(name) {cuv_k_##name##_i32, "k_" #name},
TYPED(i32) = {CUV_INT_KERNELS(NAME)};
#undef NAME
#define NAME(name) {cuv_k_##name##_i64, "k_" #name},
TYPED(i64) = {CUV_INT_KERNELS(NAME)};
#undef NAME
#define NAME(name) {cuv_k_##name##_bool, "k_" #name},
TYPED(bool) = {CUV_BOOL_KERNELS(NAME)};
#undef NAME
#define NAME(name) {cuv_k_##name, "cuv_k_" #name},
TYPED(any) = {CUV_ANY_KERNELS(NAME)};

#define FIND(names, of) \
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) \
        if (names[i].kernel == kernel) { \
            *type = of; \
            return names[i].name; \
        }

const char *cuv_kernel_name(cuv_kernel kernel, const char **type)
{
    FIND(f32_names, "f32")
    FIND(f64_names, "f64")
    FIND(i32_names, "i32")
    FIND(i64_names, "i64")
    FIND(bool_names, "bool")
    FIND(any_names, NULL)
    *type = NULL;
    return NULL;
}
