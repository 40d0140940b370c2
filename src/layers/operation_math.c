/* Operations that compute: element by element, binary with NumPy's broadcasting, and reductions. Promotion follows
 * Keras 3: tensors go to the wider dtype, Python numbers adapt to the tensor, integers divide as floats. */
#include "layers/operation_emit.h"

#include <math.h>

/* ---- one operand ---- */

static bool unsigned_whole(cuv_dtype dtype)
{
    return cuv_dtype_is_integer(dtype) && !cuv_dtype_is_signed(dtype);
}

/* With the first bit turned round. */
cuv_ref cuv_in_order(cuv_call *call, cuv_ref x)
{
    if (cuv_var_of(call, x)->dtype != CUV_U64)
        return x;
    x = TO(x, CUV_I64);
    return E2(BITWISE_XOR, x, LIKE(x, -0x1p63));
}

cuv_ref cuv_out_of_order(cuv_call *call, cuv_ref y, cuv_dtype dtype)
{
    return dtype == CUV_U64 ? TO(E2(BITWISE_XOR, y, LIKE(y, -0x1p63)), CUV_U64) : y;
}

void cuv_halves(cuv_call *call, cuv_ref x, cuv_ref out[2])
{
    x = TO(x, CUV_I64);
    out[0] = TO(E2(BITWISE_AND, x, LIKE(x, 0xffffffffp0)), CUV_F64);
    out[1] = TO(E2(SHIFT_RIGHT, x, LIKE(x, 32)), CUV_F64);
}

cuv_ref cuv_from_halves(cuv_call *call, const cuv_ref halves[2], cuv_dtype dtype)
{
    cuv_ref high = TO(halves[1], CUV_I64);
    return TO(E2(ADD, E2(MUL, high, LIKE(high, 0x1p32)), TO(halves[0], CUV_I64)), dtype);
}

void cuv_say_rounded(cuv_call *call, cuv_dtype dtype)
{
    if (cuv_dtype_is_integer(dtype) && cuv_dtype_size(dtype) >= 4)
        cuv_note(call->cx, "operation.rounded", &(cuv_detail){.layer = call->layer->name,
                 .help = "numbers below 2^24 and sums below it are exact"},
                 "'%s' (%s): Keras computes with these whole numbers as float32; beyond 2^24 the last digits depend on the order of its sums",
                 call->layer->name, call->layer->class_name);
}

/* Truth values count as 0 and 1. */
static cuv_ref as_number(cuv_call *call, cuv_ref x)
{
    return cuv_var_of(call, x)->dtype == CUV_BOOL ? cuv_emit_cast(call->program, x, CUV_I32) : x;
}

static cuv_status unary(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit1(call->program, op, floats ? cuv_as_float(call, x) : as_number(call, x)));
}

#define UNARY(id, op) cuv_status cuv_op_##id(cuv_call *call) { return unary(call, CUV_OP_##op, true); }
#define UNARY_ANY(id, op) cuv_status cuv_op_##id(cuv_call *call) { return unary(call, CUV_OP_##op, false); }
UNARY_ANY(negative, NEG) UNARY_ANY(square, SQUARE)
UNARY(floor, FLOOR) UNARY(ceil, CEIL) UNARY(exp, EXP) UNARY(expm1, EXPM1) UNARY(log, LOG)
UNARY(log1p, LOG1P) UNARY(sqrt, SQRT) UNARY(rsqrt, RSQRT) UNARY(reciprocal, RECIPROCAL) UNARY(sin, SIN) UNARY(cos, COS)
UNARY(tan, TAN) UNARY(arcsin, ASIN) UNARY(arccos, ACOS) UNARY(arctan, ATAN) UNARY(sinh, SINH) UNARY(cosh, COSH)
UNARY(arcsinh, ASINH) UNARY(arccosh, ACOSH) UNARY(arctanh, ATANH) UNARY(erf, ERF) UNARY(tanh, TANH)
UNARY(sigmoid, SIGMOID) UNARY(softplus, SOFTPLUS) UNARY(softsign, SOFTSIGN) UNARY(silu, SILU)
UNARY(hard_silu, HARD_SILU) UNARY(hard_tanh, HARD_TANH) UNARY(tanh_shrink, TANH_SHRINK) UNARY(log_sigmoid, LOG_SIGMOID)
UNARY(sparse_plus, SPARSE_PLUS) UNARY(sparse_sigmoid, SPARSE_SIGMOID) UNARY(selu, SELU)
UNARY(isnan, IS_NAN) UNARY(isinf, IS_INF)

/* Keras has TensorFlow look at uint32 as at int32. */
cuv_status cuv_op_sign(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    const bool large = cuv_var_of(call, x)->dtype == CUV_U32;
    x = E1(SIGN, large ? TO(x, CUV_I32) : as_number(call, x));
    return cuv_give(call, large ? TO(x, CUV_U32) : x);
}

cuv_status cuv_op_identity(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, x);
}

/* What is never negative, or whole already, stays as it is. */
cuv_status cuv_op_absolute(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    return cuv_give(call, dtype == CUV_BOOL || unsigned_whole(dtype) ? x : cuv_emit1(call->program, CUV_OP_ABS, x));
}

cuv_status cuv_op_fabs(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_ABS, cuv_as_float(call, x)));
}

cuv_status cuv_op_trunc(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_dtype_is_float(cuv_var_of(call, x)->dtype) ? cuv_emit1(call->program, CUV_OP_TRUNC, x) : x);
}

cuv_status cuv_op_logical_not(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_LOGICAL_NOT, cuv_to_bool(call, x)));
}

cuv_status cuv_op_isfinite(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_ref f = cuv_as_float(call, x), nan = cuv_emit1(call->program, CUV_OP_IS_NAN, f);
    cuv_ref odd = cuv_emit2(call->program, CUV_OP_LOGICAL_OR, nan, cuv_emit1(call->program, CUV_OP_IS_INF, f));
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_LOGICAL_NOT, odd));
}

/* f(x) scale: log2, log10, exp2, deg2rad, rad2deg. */
static cuv_status scaled(cuv_call *call, cuv_op op, double before, double after)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    if (before != 1)
        x = cuv_emit2(call->program, CUV_OP_MUL, x, cuv_scalar_like(call, x, before));
    if (op != CUV_OP_NONE)
        x = cuv_emit1(call->program, op, x);
    if (after != 1)
        x = cuv_emit2(call->program, CUV_OP_MUL, x, cuv_scalar_like(call, x, after));
    return cuv_give(call, x);
}

cuv_status cuv_op_log2(cuv_call *call) { return scaled(call, CUV_OP_LOG, 1, 1.4426950408889634); }
cuv_status cuv_op_log10(cuv_call *call) { return scaled(call, CUV_OP_LOG, 1, 0.4342944819032518); }

cuv_status cuv_op_exp2(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    return cuv_give(call, E2(POW, LIKE(x, 2), x));
}

cuv_ref cuv_as_large_float(cuv_call *call, cuv_ref x)
{
    return cuv_var_of(call, x)->dtype == CUV_I64 ? TO(x, CUV_F64) : cuv_as_float(call, x);
}

static cuv_status turned(cuv_call *call, double factor)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_large_float(call, x);
    return cuv_give(call, E2(MUL, x, LIKE(x, factor)));
}

cuv_status cuv_op_deg2rad(cuv_call *call) { return turned(call, 0.017453292519943295); }
cuv_status cuv_op_rad2deg(cuv_call *call) { return turned(call, 57.29577951308232); }

cuv_status cuv_op_round(cuv_call *call)
{
    int64_t decimals = cuv_option_int(call, "decimals", 0);
    double scale = 1;
    for (int64_t i = 0; i < 30 && (decimals < 0 ? -i > decimals : i < decimals); i++)
        scale *= 10;
    if (decimals < 0)
        scale = 1 / scale;
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype) && decimals >= 0)
        return cuv_give(call, x);
    return scaled(call, CUV_OP_ROUND, scale, 1 / scale);
}

static cuv_status with_act(cuv_call *call, cuv_act act)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit_act(call->program, &act, cuv_as_float(call, x)));
}

cuv_status cuv_op_relu(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (unsigned_whole(cuv_var_of(call, x)->dtype))
        return cuv_give(call, x);
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return cuv_give(call, cuv_emit2(call->program, CUV_OP_MAXIMUM, x, cuv_scalar_like(call, x, 0)));
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .beta = INFINITY});
}

cuv_status cuv_op_relu6(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->dtype == CUV_U64)
        return cuv_give(call, cuv_out_of_order(call, E2(MINIMUM, cuv_in_order(call, x), cuv_in_order(call, LIKE(x, 6))), CUV_U64));
    if (cuv_dtype_is_integer(cuv_var_of(call, x)->dtype))
        return cuv_give(call, cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(x), CUV_AT(.alpha = 0, .beta = 6)));
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .beta = 6});
}

cuv_status cuv_op_leaky_relu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .alpha = cuv_option_real(call, "negative_slope", 0.2),
                                    .beta = INFINITY});
}

cuv_status cuv_op_elu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_ELU, .alpha = cuv_option_real(call, "alpha", 1)});
}

cuv_status cuv_op_celu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_CELU, .alpha = cuv_option_real(call, "alpha", 1)});
}

cuv_status cuv_op_gelu(cuv_call *call)
{
    bool fallback = call->layer->keras >= 3;    /* ops.gelu approximates by default, tf.nn.gelu does not */
    return with_act(call, (cuv_act){.op = CUV_OP_GELU, .approximate = cuv_option_bool(call, "approximate", fallback)});
}

cuv_status cuv_op_hard_sigmoid(cuv_call *call)
{
    bool new = call->layer->keras >= 3;
    return with_act(call, (cuv_act){.op = CUV_OP_HARD_SIGMOID, .alpha = new ? 1.0 / 6 : 0.2, .beta = 0.5});
}

/* A number to compare with, in the dtype of what is compared. */
static double bound(cuv_call *call, const char *name, double fallback)
{
    return cuv_number_in(cuv_operand_kind(call, cuv_operand_name(call, 0)).dtype, cuv_option_real(call, name, fallback));
}

cuv_status cuv_op_hard_shrink(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_HARD_SHRINK, .alpha = bound(call, "threshold", 0.5)});
}

cuv_status cuv_op_soft_shrink(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_SOFT_SHRINK, .alpha = cuv_option_real(call, "threshold", 0.5)});
}

cuv_status cuv_op_squareplus(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->dtype == CUV_F16) {        /* whose square may leave its range */
        cuv_ref sum = E2(ADD, E1(SQUARE, x), LIKE(x, cuv_option_real(call, "b", 4)));
        return cuv_give(call, E2(MUL, E2(ADD, x, E1(SQRT, sum)), LIKE(x, 0.5)));
    }
    return with_act(call, (cuv_act){.op = CUV_OP_SQUAREPLUS, .alpha = cuv_option_real(call, "b", 4)});
}

cuv_status cuv_op_threshold(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_THRESHOLD, .alpha = bound(call, "threshold", 0),
                                    .beta = cuv_option_real(call, "default_value", 0)});
}

cuv_status cuv_op_glu(cuv_call *call)
{
    cuv_ref x;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    const cuv_var *v = cuv_var_of(call, x);
    CUV_TRY(cuv_option_axis(call, "axis", v->rank, -1, &axis));
    int64_t half = v->shape[axis] / 2;
    if (v->shape[axis] < 0 || v->shape[axis] % 2)
        return cuv_bad_option(call, "axis", "an axis of even, known size");
    cuv_ref a = cuv_slice_axis(call, x, axis, 0, half), b = cuv_slice_axis(call, x, axis, half, 2 * half);
    return cuv_give(call, cuv_emit2(call->program, CUV_OP_MUL, a, cuv_emit1(call->program, CUV_OP_SIGMOID, b)));
}

static cuv_status soft(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "axis", rank, attrs.axes, &attrs.axes_count));
    if (!rank && cuv_option(call, "axis") && call->layer->keras >= 3) {     /* one number is a row of its own */
        attrs = (cuv_attrs){.axes_count = 1};
        x = cuv_emit(call->program, op, CUV_IN(cuv_expand_dims(call, x, 0)), &attrs);
        return cuv_give(call, cuv_squeeze(call, x, 0));
    }
    if (!attrs.axes_count && (!cuv_option(call, "axis") || call->layer->keras < 3)) {
        attrs.axes[0] = rank - 1;
        attrs.axes_count = 1;
    }
    for (int i = 0; !attrs.axes_count && i < rank; i++)     /* None: over everything */
        attrs.axes[i] = i;
    attrs.axes_count = attrs.axes_count ? attrs.axes_count : rank;
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), &attrs));
}

cuv_status cuv_op_softmax(cuv_call *call) { return soft(call, CUV_OP_SOFTMAX); }
cuv_status cuv_op_log_softmax(cuv_call *call) { return soft(call, CUV_OP_LOG_SOFTMAX); }

cuv_status cuv_op_clip(cuv_call *call)
{
    cuv_ref x, lo, hi;
    CUV_TRY(cuv_operand_x(call, &x));
    x = as_number(call, x);
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    CUV_TRY(cuv_operand_ref(call, "x_min", dtype, &lo));
    CUV_TRY(cuv_operand_ref(call, "x_max", dtype, &hi));
    x = cuv_emit2(call->program, CUV_OP_MAXIMUM, x, cuv_emit_cast(call->program, lo, dtype));
    return cuv_give(call, cuv_emit2(call->program, CUV_OP_MINIMUM, x, cuv_emit_cast(call->program, hi, dtype)));
}

static cuv_status cast_to(cuv_call *call, cuv_dtype fallback)
{
    cuv_ref x;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", fallback == CUV_BOOL ? cuv_var_of(call, x)->dtype : fallback, &dtype));
    return cuv_give(call, cuv_emit_cast(call->program, x, dtype));
}

cuv_status cuv_op_cast(cuv_call *call) { return cast_to(call, CUV_F32); }
cuv_status cuv_op_convert(cuv_call *call) { return cast_to(call, CUV_BOOL); }

/* An end of an integer's range as a float dtype has it: rounded, or its own end. */
static double end_in(cuv_dtype from, double end)
{
    switch ((int)from) {
    case CUV_F16: return (double)cuv_f16_to_f32(cuv_f32_to_f16((float)fmax(fmin(end, 65504), -65504)));
    case CUV_BF16: return (double)cuv_bf16_to_f32(cuv_f32_to_bf16((float)end));
    case CUV_F32: return (double)(float)end;
    default: return end;
    }
}

/* Values outside the range of the new dtype become its ends, which Keras rounds to the dtype that they have before: the largest of int32
 * is too large a float32, and so becomes the smallest. TensorFlow's own function goes to the last float below. */
cuv_ref cuv_saturated(cuv_call *call, cuv_ref x, cuv_dtype dtype)
{
    cuv_dtype from = cuv_var_of(call, x)->dtype;
    if (!cuv_dtype_is_integer(dtype) || from == CUV_BOOL || from == dtype)
        return cuv_emit_cast(call->program, x, dtype);
    const int bits = (int)(8 * cuv_dtype_size(dtype)) - cuv_dtype_is_signed(dtype);
    double least = cuv_integer_end(dtype, true), most = cuv_integer_end(dtype, false);
    if (cuv_dtype_is_float(from) && call->layer->keras >= 3) {
        least = end_in(from, least);
        most = end_in(from, bits > 53 ? ldexp(1, bits) : most);
    } else if (cuv_dtype_is_float(from)) {
        x = cuv_dtype_size(dtype) > 2 ? cuv_emit_cast(call->program, x, CUV_F64) : x;
        least = from == CUV_F16 ? fmax(least, -65504) : least;
        most = from == CUV_F16 ? fmin(most, 65504) : most;
    } else {
        least = fmax(least, cuv_integer_end(from, true));
        most = fmin(most, cuv_integer_end(from, false));
    }
    x = cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(x), CUV_AT(.alpha = least, .beta = most));
    return cuv_emit_cast(call->program, x, dtype);
}

cuv_status cuv_op_saturate_cast(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &dtype));
    if (dtype == CUV_BOOL)
        return cuv_bad_option(call, "dtype", "a number's dtype");
    const cuv_dtype from = cuv_var_of(call, x)->dtype;
    if (call->layer->keras >= 3 && (from == CUV_U64 || (dtype == CUV_U64 && (cuv_dtype_is_integer(from) || from == CUV_BF16))))
        return cuv_bad_option(call, "dtype", "another one: Keras raises where such numbers are to be held within uint64's range");
    return cuv_give(call, cuv_saturated(call, x, dtype));
}

/* ---- two operands ---- */

/* The first two operands in one dtype; `floats`: at least a float. */
cuv_status cuv_operands_joined(cuv_call *call, bool floats, cuv_ref *a, cuv_ref *b)
{
    const char *first = cuv_operand_name(call, 0), *second = cuv_operand_name(call, 1);
    cuv_dtype dtype = cuv_join_dtypes(cuv_operand_kind(call, first), cuv_operand_kind(call, second));
    if (floats && !cuv_dtype_is_float(dtype))
        dtype = call->layer->keras < 3 ? CUV_F64 : CUV_F32;
    CUV_TRY(cuv_operand_ref(call, first, dtype, a));
    CUV_TRY(cuv_operand_ref(call, second, dtype, b));
    *a = cuv_emit_cast(call->program, *a, dtype);
    *b = cuv_emit_cast(call->program, *b, dtype);
    return call->program->status;
}

static cuv_status binary(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, floats, &a, &b));
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

/* A Python number as TensorFlow makes a tensor of it on its own: int64 where int32 does not hold it. */
static cuv_kind_of firm_kind(const cuv_call *call, const char *name)
{
    cuv_kind_of kind = cuv_operand_kind(call, name);
    int64_t n;
    if (kind.weak && kind.dtype == CUV_I32 && cuv_as_int(cuv_plain_literal(cuv_option(call, name)), &n) && (n < INT32_MIN || n > INT32_MAX))
        kind.dtype = CUV_I64;
    return kind;
}

/* The same, but Python's numbers do not adapt to the tensor. */
cuv_status cuv_operands_firm(cuv_call *call, bool floats, cuv_ref *a, cuv_ref *b)
{
    const char *first = cuv_operand_name(call, 0), *second = cuv_operand_name(call, 1);
    cuv_kind_of one = firm_kind(call, first), two = firm_kind(call, second);
    if (call->layer->keras < 3 || (!one.weak && !two.weak))
        return cuv_operands_joined(call, floats, a, b);
    CUV_TRY(cuv_operand_ref(call, first, one.dtype, a));
    CUV_TRY(cuv_operand_ref(call, second, two.dtype, b));
    one.weak = two.weak = false;
    cuv_dtype dtype = cuv_join_dtypes(one, two);
    if (floats && !cuv_dtype_is_float(dtype))
        dtype = CUV_F32;
    *a = cuv_emit_cast(call->program, *a, dtype);
    *b = cuv_emit_cast(call->program, *b, dtype);
    return call->program->status;
}

static cuv_status binary_firm(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, floats, &a, &b));
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

/* Truth values add as "or" and multiply as "and"; the other operations count them. */
static cuv_status arithmetic(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    if (cuv_has_word("NCHW NCW NCDHW", cuv_option_text(call, "data_format", "-")))      /* of tf.nn.bias_add */
        return cuv_bad_option(call, "data_format", "None or 'NHWC'");
    CUV_TRY(op == CUV_OP_MOD ? cuv_operands_firm(call, false, &a, &b) : cuv_operands_joined(call, false, &a, &b));
    bool truth = cuv_var_of(call, a)->dtype == CUV_BOOL, either = op == CUV_OP_ADD || op == CUV_OP_MAXIMUM;
    if (truth && (either || op == CUV_OP_MUL || op == CUV_OP_MINIMUM))
        return cuv_give(call, cuv_emit2(call->program, either ? CUV_OP_LOGICAL_OR : CUV_OP_LOGICAL_AND, a, b));
    if (truth) {
        a = cuv_emit_cast(call->program, a, CUV_I32);
        b = cuv_emit_cast(call->program, b, CUV_I32);
    }
    if (op == CUV_OP_FLOOR_DIV && cuv_dtype_size(cuv_var_of(call, a)->dtype) == 2 && cuv_dtype_is_float(cuv_var_of(call, a)->dtype))
        return cuv_give(call, E1(FLOOR, cuv_emit2(call->program, CUV_OP_DIV, a, b)));     /* the quotient is rounded to a half first */
    const cuv_kwarg *second = cuv_operand(call, cuv_operand_name(call, 1));
    const bool constant = second && second->literal && !second->list_count;
    return cuv_give(call, op == CUV_OP_ADD && constant ? cuv_add_bias(call, a, b) : cuv_emit2(call->program, op, a, b));
}

#define ARITHMETIC(id, op) cuv_status cuv_op_##id(cuv_call *call) { return arithmetic(call, CUV_OP_##op); }
#define FIRM(id, op) cuv_status cuv_op_##id(cuv_call *call) { return binary_firm(call, CUV_OP_##op, false); }
#define BINARY_FLOAT(id, op) cuv_status cuv_op_##id(cuv_call *call) { return binary(call, CUV_OP_##op, true); }
ARITHMETIC(add, ADD) ARITHMETIC(subtract, SUB) ARITHMETIC(multiply, MUL) ARITHMETIC(power, POW) ARITHMETIC(mod, MOD)
ARITHMETIC(floor_divide, FLOOR_DIV) ARITHMETIC(maximum, MAXIMUM) ARITHMETIC(minimum, MINIMUM)
BINARY_FLOAT(divide, DIV) BINARY_FLOAT(divide_no_nan, DIV_NO_NAN)
cuv_status cuv_op_arctan2(cuv_call *call) { return binary_firm(call, CUV_OP_ATAN2, true); }
FIRM(equal, EQUAL) FIRM(not_equal, NOT_EQUAL) FIRM(less, LESS) FIRM(less_equal, LESS_EQUAL)
FIRM(greater, GREATER) FIRM(greater_equal, GREATER_EQUAL)

static cuv_status logical(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operand_ref(call, cuv_operand_name(call, 0), CUV_F32, &a));
    CUV_TRY(cuv_operand_ref(call, cuv_operand_name(call, 1), CUV_F32, &b));
    return cuv_give(call, cuv_emit2(call->program, op, cuv_to_bool(call, a), cuv_to_bool(call, b)));
}

cuv_status cuv_op_logical_and(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_AND); }
cuv_status cuv_op_logical_or(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_OR); }
cuv_status cuv_op_logical_xor(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_XOR); }

/* The larger or smaller; where one is no number, the other. */
static cuv_status number_first(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    cuv_program *p = call->program;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    if (!cuv_dtype_is_float(cuv_var_of(call, a)->dtype))
        return arithmetic(call, op);
    cuv_ref y = cuv_emit2(p, op, a, b);
    y = cuv_emit(p, CUV_OP_WHERE, CUV_IN(cuv_emit1(p, CUV_OP_IS_NAN, a), b, y), NULL);
    return cuv_give(call, cuv_emit(p, CUV_OP_WHERE, CUV_IN(cuv_emit1(p, CUV_OP_IS_NAN, b), a, y), NULL));
}

cuv_status cuv_op_fmax(cuv_call *call) { return number_first(call, CUV_OP_MAXIMUM); }
cuv_status cuv_op_fmin(cuv_call *call) { return number_first(call, CUV_OP_MINIMUM); }

cuv_status cuv_operands_large_floats(cuv_call *call, cuv_ref *a, cuv_ref *b)
{
    const char *first = cuv_operand_name(call, 0), *second = cuv_operand_name(call, 1);
    cuv_kind_of one = firm_kind(call, first), two = firm_kind(call, second);
    one.weak = two.weak = false;
    const cuv_dtype dtype = cuv_join_dtypes(one, two), wanted = dtype == CUV_I64 ? CUV_F64 : cuv_dtype_is_float(dtype) ? dtype : CUV_F32;
    CUV_TRY(cuv_operand_ref(call, first, one.dtype, a));
    CUV_TRY(cuv_operand_ref(call, second, two.dtype, b));
    *a = TO(*a, wanted);
    *b = TO(*b, wanted);
    return call->program->status;
}

/* m (1 + (l/m)^2)^(1/2) with the larger m and the smaller l: no square leaves the range. */
cuv_status cuv_op_hypot(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_large_floats(call, &a, &b));
    a = E1(ABS, a);
    b = E1(ABS, b);
    cuv_ref most = E2(MAXIMUM, a, b), ratio = E1(SQUARE, E2(DIV_NO_NAN, E2(MINIMUM, a, b), most));
    return cuv_give(call, E2(MUL, most, E1(SQRT, E2(ADD, ratio, LIKE(ratio, 1)))));
}

cuv_status cuv_op_heaviside(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_large_floats(call, &a, &b));
    cuv_ref zero = LIKE(a, 0);
    return cuv_give(call, WHERE(E2(LESS, a, zero), zero, WHERE(E2(GREATER, a, zero), LIKE(a, 1), b)));
}

cuv_status cuv_op_where(cuv_call *call)
{
    cuv_ref c, a, b;
    if (!cuv_operand(call, "x1") || !cuv_operand(call, "x2"))
        return cuv_bad_option(call, "x1", "given (the places of what is true have no fixed shape)");
    cuv_dtype dtype = cuv_join_dtypes(cuv_operand_kind(call, "x1"), cuv_operand_kind(call, "x2"));
    CUV_TRY(cuv_operand_ref(call, "condition", CUV_BOOL, &c));
    CUV_TRY(cuv_operand_ref(call, "x1", dtype, &a));
    CUV_TRY(cuv_operand_ref(call, "x2", dtype, &b));
    a = cuv_emit_cast(call->program, a, dtype);
    b = cuv_emit_cast(call->program, b, dtype);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(cuv_to_bool(call, c), a, b), NULL));
}

/* ---- reductions ---- */

cuv_status cuv_option_reduction(cuv_call *call, cuv_ref x, cuv_attrs *attrs)
{
    *attrs = (cuv_attrs){.keepdims = cuv_option_bool(call, "keepdims", false)};
    return cuv_option_axes(call, "axis", cuv_var_of(call, x)->rank, attrs->axes, &attrs->axes_count);
}

/* With a dtype given, sums and products stay in it. */
static cuv_status reduce(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_dtype dtype;
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    x = cuv_emit_cast(call->program, x, dtype);
    if (dtype == CUV_U64 && op == CUV_OP_PROD && call->layer->keras >= 3 && cuv_is_null(cuv_option(call, "dtype")))
        x = TO(x, CUV_U32);
    x = floats ? cuv_as_float(call, x) : cuv_is_null(cuv_option(call, "dtype")) ? cuv_to_sum(call, x) : as_number(call, x);
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), &attrs));
}

cuv_status cuv_op_sum(cuv_call *call) { return reduce(call, CUV_OP_SUM, false); }
cuv_status cuv_op_mean(cuv_call *call) { return reduce(call, CUV_OP_MEAN, true); }
cuv_status cuv_op_prod(cuv_call *call) { return reduce(call, CUV_OP_PROD, false); }

static cuv_status truth(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(cuv_to_bool(call, x)), &attrs));
}

/* The largest or smallest, and no less or more than `initial`. */
static cuv_status extreme(cuv_call *call, cuv_op op, cuv_op of_truth, cuv_op with_initial)
{
    cuv_ref x, initial;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    attrs.some = call->layer->keras >= 3 && cuv_is_null(cuv_option(call, "initial"));
    if (dtype == CUV_BOOL && !attrs.some)
        return truth(call, of_truth);
    if (dtype == CUV_BOOL)
        return cuv_give(call, cuv_to_bool(call, cuv_emit(call->program, op, CUV_IN(TO(x, CUV_I32)), &attrs)));
    x = cuv_out_of_order(call, cuv_emit(call->program, op, CUV_IN(cuv_in_order(call, x)), &attrs), dtype);
    if (cuv_is_null(cuv_option(call, "initial")))
        return cuv_give(call, x);
    CUV_TRY(cuv_operand_ref(call, "initial", dtype, &initial));
    return cuv_give(call, cuv_emit2(call->program, with_initial, x, cuv_emit_cast(call->program, initial, dtype)));
}

cuv_status cuv_op_max(cuv_call *call) { return extreme(call, CUV_OP_MAX, CUV_OP_ANY, CUV_OP_MAXIMUM); }
cuv_status cuv_op_min(cuv_call *call) { return extreme(call, CUV_OP_MIN, CUV_OP_ALL, CUV_OP_MINIMUM); }

cuv_status cuv_op_any(cuv_call *call) { return truth(call, CUV_OP_ANY); }
cuv_status cuv_op_all(cuv_call *call) { return truth(call, CUV_OP_ALL); }

cuv_status cuv_op_count_nonzero(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    attrs.keepdims = false;
    cuv_ref n = cuv_emit_cast(call->program, cuv_to_bool(call, x), CUV_I32);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_SUM, CUV_IN(n), &attrs));
}

/* Mean of the squared distances from the mean. */
static cuv_status spread(cuv_call *call, bool root)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    if (!root && call->layer->keras >= 3 && cuv_dtype_size(dtype) == 2)     /* the variance of halves is made in float32 */
        x = TO(x, CUV_F32);
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    cuv_attrs keep = attrs;
    keep.keepdims = true;
    cuv_ref square = E1(SQUARE, E2(SUB, x, REDUCE(MEAN, x, &keep)));
    if (root && cuv_dtype_size(dtype) == 2) {   /* and their deviation of a sum that may leave their range */
        cuv_ref count = REDUCE(SUM, cuv_filled_like(call, x, 1, CUV_F32), &attrs);
        return cuv_give(call, E1(SQRT, E2(DIV, REDUCE(SUM, square, &attrs), TO(count, dtype))));
    }
    return cuv_give(call, root ? E1(SQRT, REDUCE(MEAN, square, &attrs)) : TO(REDUCE(MEAN, square, &attrs), dtype));
}

cuv_status cuv_op_var(cuv_call *call) { return spread(call, false); }
cuv_status cuv_op_std(cuv_call *call) { return spread(call, true); }

cuv_status cuv_op_logsumexp(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    cuv_attrs keep = attrs;
    keep.keepdims = true;
    cuv_program *p = call->program;
    cuv_ref top = cuv_emit(p, CUV_OP_MAX, CUV_IN(x), &keep);
    cuv_ref sum = cuv_emit(p, CUV_OP_SUM, CUV_IN(cuv_emit1(p, CUV_OP_EXP, cuv_emit2(p, CUV_OP_SUB, x, top))), &attrs);
    return cuv_give(call, cuv_emit2(p, CUV_OP_ADD, cuv_emit1(p, CUV_OP_LOG, sum), cuv_emit(p, CUV_OP_MAX, CUV_IN(x), &attrs)));
}

/* x and its axis; without one, x as a row. */
cuv_status cuv_flat_axis(cuv_call *call, int64_t fallback, cuv_ref *x, int *axis)
{
    bool none = cuv_is_null(cuv_option(call, "axis")) && (fallback == INT64_MIN || cuv_option(call, "axis"));
    *axis = 0;
    if (!none)
        return cuv_option_axis(call, "axis", cuv_var_of(call, *x)->rank, fallback, axis);
    *x = cuv_emit_reshape(call->program, *x, (int64_t[]){-1}, 1);
    return call->program->status;
}

static cuv_status place_of(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_dtype dtype;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    bool keep = cuv_option_bool(call, "keepdims", false);
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_I32, &dtype));
    x = cuv_zeros_in_order(call, cuv_in_order(call, as_number(call, x)));
    cuv_ref y = cuv_emit(call->program, op, CUV_IN(x), CUV_AT(.axis = axis, .keepdims = keep));
    if (keep && cuv_var_of(call, x)->rank < rank)
        y = cuv_emit_reshape(call->program, y, (int64_t[CUV_MAX_RANK]){1, 1, 1, 1, 1, 1, 1, 1}, rank);
    return cuv_give(call, cuv_emit_cast(call->program, y, dtype));
}

cuv_status cuv_op_argmax(cuv_call *call) { return place_of(call, CUV_OP_ARGMAX); }
cuv_status cuv_op_argmin(cuv_call *call) { return place_of(call, CUV_OP_ARGMIN); }

static cuv_status running(cuv_call *call, cuv_op op, int64_t axis_fallback, bool reverse)
{
    cuv_ref x;
    cuv_dtype dtype;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    bool truth = dtype == CUV_BOOL;
    x = as_number(call, cuv_emit_cast(call->program, x, dtype));
    CUV_TRY(cuv_flat_axis(call, axis_fallback, &x, &axis));
    const bool ordered = op == CUV_OP_SORT || op == CUV_OP_ARGSORT;
    cuv_ref y = cuv_emit(call->program, op, CUV_IN(ordered ? cuv_in_order(call, x) : x), CUV_AT(.axis = axis, .reverse = reverse));
    return cuv_give(call, op != CUV_OP_SORT ? y : truth ? cuv_to_bool(call, y) : cuv_out_of_order(call, y, dtype));
}

static cuv_status running_plainly(cuv_call *call, cuv_op op)
{
    if (cuv_option_bool(call, "exclusive", false))
        return cuv_bad_option(call, "exclusive", "False");
    return running(call, op, INT64_MIN, cuv_option_bool(call, "reverse", false));
}

static cuv_status sorted(cuv_call *call, cuv_op op)
{
    return running(call, op, -1, cuv_streq(cuv_option_text(call, "direction", ""), "DESCENDING"));
}

cuv_status cuv_op_cumsum(cuv_call *call) { return running_plainly(call, CUV_OP_CUMSUM); }
cuv_status cuv_op_cumprod(cuv_call *call) { return running_plainly(call, CUV_OP_CUMPROD); }
cuv_status cuv_op_sort(cuv_call *call) { return sorted(call, CUV_OP_SORT); }
cuv_status cuv_op_argsort(cuv_call *call) { return sorted(call, CUV_OP_ARGSORT); }

cuv_status cuv_op_top_k(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    cuv_ref y = cuv_emit(call->program, CUV_OP_TOP_K, CUV_IN(cuv_in_order(call, x)), CUV_AT(.count = cuv_option_int(call, "k", 1)));
    CUV_TRY(call->program->status);
    call->out[0] = (cuv_sym){cuv_out_of_order(call, y, dtype), CUV_NO_REF};
    call->out[1] = (cuv_sym){y + 1, CUV_NO_REF};
    call->out_count = 2;
    return CUV_OK;
}
