/* Operations that compute: element by element, binary with NumPy's broadcasting, and reductions. Promotion follows Keras 3: tensors
 * go to the wider dtype, Python numbers adapt to the tensor, integers divide as floats. */
#include "layers/operation_math.h"

#include <math.h>

/* ---- one operand ---- */

static cuv_status unary(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit1(call->program, op, floats ? cuv_as_float(call, x) : x));
}

#define UNARY(id, op) cuv_status cuv_op_##id(cuv_call *call) { return unary(call, CUV_OP_##op, true); }
#define UNARY_ANY(id, op) cuv_status cuv_op_##id(cuv_call *call) { return unary(call, CUV_OP_##op, false); }
UNARY_ANY(negative, NEG) UNARY_ANY(absolute, ABS) UNARY_ANY(sign, SIGN) UNARY_ANY(square, SQUARE)
UNARY(floor, FLOOR) UNARY(ceil, CEIL) UNARY(trunc, TRUNC) UNARY(exp, EXP) UNARY(expm1, EXPM1) UNARY(log, LOG)
UNARY(log1p, LOG1P) UNARY(sqrt, SQRT) UNARY(rsqrt, RSQRT) UNARY(reciprocal, RECIPROCAL) UNARY(sin, SIN) UNARY(cos, COS)
UNARY(tan, TAN) UNARY(arcsin, ASIN) UNARY(arccos, ACOS) UNARY(arctan, ATAN) UNARY(sinh, SINH) UNARY(cosh, COSH)
UNARY(arcsinh, ASINH) UNARY(arccosh, ACOSH) UNARY(arctanh, ATANH) UNARY(erf, ERF) UNARY(tanh, TANH)
UNARY(sigmoid, SIGMOID) UNARY(softplus, SOFTPLUS) UNARY(softsign, SOFTSIGN) UNARY(silu, SILU) UNARY(mish, MISH)
UNARY(hard_silu, HARD_SILU) UNARY(hard_tanh, HARD_TANH) UNARY(tanh_shrink, TANH_SHRINK) UNARY(log_sigmoid, LOG_SIGMOID)
UNARY(sparse_plus, SPARSE_PLUS) UNARY(sparse_sigmoid, SPARSE_SIGMOID) UNARY(selu, SELU)
UNARY(isnan, IS_NAN) UNARY(isinf, IS_INF)

cuv_status cuv_op_identity(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    call->out[0] = (cuv_sym){x, call->in_count ? call->in[0].mask : CUV_NO_REF};
    call->out_count = 1;
    return CUV_OK;
}

static cuv_ref as_bool(cuv_call *call, cuv_ref x)
{
    return cuv_emit_cast(call->program, x, CUV_BOOL);
}

cuv_status cuv_op_logical_not(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_LOGICAL_NOT, as_bool(call, x)));
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
cuv_status cuv_op_exp2(cuv_call *call) { return scaled(call, CUV_OP_EXP, 0.6931471805599453, 1); }
cuv_status cuv_op_deg2rad(cuv_call *call) { return scaled(call, CUV_OP_NONE, 0.017453292519943295, 1); }
cuv_status cuv_op_rad2deg(cuv_call *call) { return scaled(call, CUV_OP_NONE, 57.29577951308232, 1); }

cuv_status cuv_op_round(cuv_call *call)
{
    int64_t decimals = cuv_option_int(call, 1, "decimals", 0);
    double scale = 1;
    for (int64_t i = 0; i < (decimals < 0 ? -decimals : decimals) && i < 30; i++)
        scale *= 10;
    if (decimals < 0)
        scale = 1 / scale;
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
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return cuv_give(call, cuv_emit2(call->program, CUV_OP_MAXIMUM, x, cuv_scalar_like(call, x, 0)));
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .beta = INFINITY});
}

cuv_status cuv_op_relu6(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .beta = 6});
}

cuv_status cuv_op_leaky_relu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_RELU, .alpha = cuv_option_real(call, 1, "negative_slope alpha", 0.2),
                                    .beta = INFINITY});
}

cuv_status cuv_op_elu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_ELU, .alpha = cuv_option_real(call, 1, "alpha", 1)});
}

cuv_status cuv_op_celu(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_CELU, .alpha = cuv_option_real(call, 1, "alpha", 1)});
}

cuv_status cuv_op_gelu(cuv_call *call)
{
    bool fallback = call->layer->keras >= 3;    /* ops.gelu approximates by default, tf.nn.gelu does not */
    return with_act(call, (cuv_act){.op = CUV_OP_GELU, .approximate = cuv_option_bool(call, 1, "approximate", fallback)});
}

cuv_status cuv_op_hard_sigmoid(cuv_call *call)
{
    bool new = call->layer->keras >= 3;
    return with_act(call, (cuv_act){.op = CUV_OP_HARD_SIGMOID, .alpha = new ? 1.0 / 6 : 0.2, .beta = 0.5});
}

cuv_status cuv_op_hard_shrink(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_HARD_SHRINK, .alpha = cuv_option_real(call, 1, "threshold", 0.5)});
}

cuv_status cuv_op_soft_shrink(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_SOFT_SHRINK, .alpha = cuv_option_real(call, 1, "threshold", 0.5)});
}

cuv_status cuv_op_squareplus(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_SQUAREPLUS, .alpha = cuv_option_real(call, 1, "b", 4)});
}

cuv_status cuv_op_threshold(cuv_call *call)
{
    return with_act(call, (cuv_act){.op = CUV_OP_THRESHOLD, .alpha = cuv_option_real(call, 1, "threshold", 0),
                                    .beta = cuv_option_real(call, 2, "default_value", 0)});
}

cuv_status cuv_op_glu(cuv_call *call)
{
    cuv_ref x;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    const cuv_var *v = cuv_var_of(call, x);
    CUV_TRY(cuv_option_axis(call, 1, "axis", v->rank, -1, &axis));
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
    CUV_TRY(cuv_option_axes(call, 1, "axis dim", rank, attrs.axes, &attrs.axes_count));
    if (!attrs.axes_count && (!cuv_option(call, 1, "axis dim") || call->layer->keras < 3)) {
        attrs.axes[0] = rank - 1;
        attrs.axes_count = 1;
    }
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), &attrs));
}

cuv_status cuv_op_softmax(cuv_call *call) { return soft(call, CUV_OP_SOFTMAX); }
cuv_status cuv_op_log_softmax(cuv_call *call) { return soft(call, CUV_OP_LOG_SOFTMAX); }

cuv_status cuv_op_clip(cuv_call *call)
{
    cuv_ref x, lo, hi;
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    CUV_TRY(cuv_operand_ref(call, 1, "x_min clip_value_min a_min min", dtype, &lo));
    CUV_TRY(cuv_operand_ref(call, 2, "x_max clip_value_max a_max max", dtype, &hi));
    x = cuv_emit2(call->program, CUV_OP_MAXIMUM, x, cuv_emit_cast(call->program, lo, dtype));
    return cuv_give(call, cuv_emit2(call->program, CUV_OP_MINIMUM, x, cuv_emit_cast(call->program, hi, dtype)));
}

cuv_status cuv_op_cast(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype dtype;
    const cuv_value *v = cuv_option(call, 1, "dtype");
    const char *name = cuv_text(v) ? cuv_text(v) : cuv_get_text(cuv_get(v, "config"), "name");
    CUV_TRY(cuv_operand_x(call, &x));
    if (!name || !cuv_dtype_parse(name, &dtype) || dtype == CUV_STR)
        return cuv_bad_option(call, "dtype", "the name of a number's dtype");
    if (dtype == CUV_I8 || dtype == CUV_U8 || dtype == CUV_I16 || dtype == CUV_U16 || dtype == CUV_U32)
        dtype = CUV_I32;
    if (dtype == CUV_U64)
        dtype = CUV_I64;
    return cuv_give(call, cuv_emit_cast(call->program, x, dtype));
}

/* ---- two operands ---- */

static int width(cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_BOOL: return 0;
    case CUV_I64: return 2;
    case CUV_F16: return 3;
    case CUV_BF16: return 3;
    case CUV_F32: return 4;
    case CUV_F64: return 5;
    default: return 1;
    }
}

static cuv_dtype wider(cuv_dtype a, cuv_dtype b)
{
    if ((a == CUV_F16 && b == CUV_BF16) || (a == CUV_BF16 && b == CUV_F16))
        return CUV_F32;
    return width(a) >= width(b) ? a : b;
}

static const char *const first_names = "x1 x a input tensor condition", *const second_names = "x2 y b other";

static bool is_real_literal(const cuv_kwarg *k)
{
    const cuv_value *v = k ? k->literal : NULL;
    while (cuv_is_seq(v))
        v = cuv_item(v, 0);
    return v && v->kind == CUV_REAL;
}

/* Both operands in one dtype; `floats`: at least float32. */
static cuv_status both(cuv_call *call, bool floats, cuv_ref *a, cuv_ref *b)
{
    const cuv_kwarg *ka = cuv_operand(call, 0, first_names), *kb = cuv_operand(call, 1, second_names);
    cuv_kwarg listed[2];
    if (ka && !kb && ka->list_count == 2) {     /* Keras 2 lists both tensors together */
        listed[0] = (cuv_kwarg){.tensor = ka->list[0]};
        listed[1] = (cuv_kwarg){.tensor = ka->list[1]};
        *a = listed[0].tensor.value;
        *b = listed[1].tensor.value;
    } else {
        cuv_dtype dtype = CUV_I32;
        bool tensor = false;
        const cuv_kwarg *ks[2] = {ka, kb};
        for (int i = 0; i < 2; i++)
            if (ks[i] && ks[i]->tensor.value != CUV_NO_REF) {
                cuv_dtype own = cuv_var_of(call, ks[i]->tensor.value)->dtype;
                dtype = tensor ? wider(dtype, own) : own;
                tensor = true;
            }
        if ((is_real_literal(ka) || is_real_literal(kb)) && !cuv_dtype_is_float(dtype))
            dtype = CUV_F32;
        if (dtype == CUV_BOOL && (!ka || !kb || !ka->tensor.value || ka->literal || kb->literal))
            dtype = CUV_I32;
        CUV_TRY(cuv_operand_ref(call, ka == cuv_operand(call, 0, "") ? 0 : -1, first_names, dtype, a));
        CUV_TRY(cuv_operand_ref(call, 1, second_names, dtype, b));
        *a = cuv_emit_cast(call->program, *a, wider(cuv_var_of(call, *a)->dtype, dtype));
        *b = cuv_emit_cast(call->program, *b, wider(cuv_var_of(call, *b)->dtype, dtype));
    }
    cuv_dtype dtype = wider(cuv_var_of(call, *a)->dtype, cuv_var_of(call, *b)->dtype);
    if (floats && !cuv_dtype_is_float(dtype))
        dtype = CUV_F32;
    *a = cuv_emit_cast(call->program, *a, dtype);
    *b = cuv_emit_cast(call->program, *b, dtype);
    return call->program->status;
}

static cuv_status binary(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref a, b;
    CUV_TRY(both(call, floats, &a, &b));
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

/* Arithmetic on booleans counts them. */
static cuv_status arithmetic(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    CUV_TRY(both(call, false, &a, &b));
    if (cuv_var_of(call, a)->dtype == CUV_BOOL) {
        a = cuv_emit_cast(call->program, a, CUV_I32);
        b = cuv_emit_cast(call->program, b, CUV_I32);
    }
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

#define ARITHMETIC(id, op) cuv_status cuv_op_##id(cuv_call *call) { return arithmetic(call, CUV_OP_##op); }
#define BINARY(id, op) cuv_status cuv_op_##id(cuv_call *call) { return binary(call, CUV_OP_##op, false); }
#define BINARY_FLOAT(id, op) cuv_status cuv_op_##id(cuv_call *call) { return binary(call, CUV_OP_##op, true); }
ARITHMETIC(add, ADD) ARITHMETIC(subtract, SUB) ARITHMETIC(multiply, MUL) ARITHMETIC(power, POW) ARITHMETIC(mod, MOD)
ARITHMETIC(floor_divide, FLOOR_DIV) ARITHMETIC(maximum, MAXIMUM) ARITHMETIC(minimum, MINIMUM)
BINARY_FLOAT(divide, DIV) BINARY_FLOAT(divide_no_nan, DIV_NO_NAN) BINARY_FLOAT(arctan2, ATAN2)
BINARY(equal, EQUAL) BINARY(not_equal, NOT_EQUAL) BINARY(less, LESS) BINARY(less_equal, LESS_EQUAL)
BINARY(greater, GREATER) BINARY(greater_equal, GREATER_EQUAL)

static cuv_status logical(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    CUV_TRY(both(call, false, &a, &b));
    return cuv_give(call, cuv_emit2(call->program, op, as_bool(call, a), as_bool(call, b)));
}

cuv_status cuv_op_logical_and(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_AND); }
cuv_status cuv_op_logical_or(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_OR); }
cuv_status cuv_op_logical_xor(cuv_call *call) { return logical(call, CUV_OP_LOGICAL_XOR); }

cuv_status cuv_op_squared_difference(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(both(call, false, &a, &b));
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_SQUARE, cuv_emit2(call->program, CUV_OP_SUB, a, b)));
}

cuv_status cuv_op_hypot(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(both(call, true, &a, &b));
    a = cuv_emit1(call->program, CUV_OP_SQUARE, a);
    b = cuv_emit1(call->program, CUV_OP_SQUARE, b);
    return cuv_give(call, cuv_emit1(call->program, CUV_OP_SQRT, cuv_emit2(call->program, CUV_OP_ADD, a, b)));
}

cuv_status cuv_op_add_n(cuv_call *call)
{
    const cuv_ref *refs;
    size_t n;
    CUV_TRY(cuv_operand_list(call, &refs, &n));
    cuv_ref y = refs[0];
    for (size_t i = 1; i < n; i++)
        y = cuv_emit2(call->program, CUV_OP_ADD, y, refs[i]);
    return cuv_give(call, y);
}

cuv_status cuv_op_where(cuv_call *call)
{
    cuv_ref c, a, b;
    cuv_dtype dtype = CUV_I32;
    bool tensor = false;
    for (int i = 1; i < 3; i++) {
        const cuv_kwarg *k = cuv_operand(call, i, i == 1 ? "x1 x" : "x2 y");
        if (k && k->tensor.value != CUV_NO_REF) {
            cuv_dtype own = cuv_var_of(call, k->tensor.value)->dtype;
            dtype = tensor ? wider(dtype, own) : own;
            tensor = true;
        }
    }
    for (int i = 1; i < 3; i++)
        if (is_real_literal(cuv_operand(call, i, i == 1 ? "x1 x" : "x2 y")) && !cuv_dtype_is_float(dtype))
            dtype = CUV_F32;
    CUV_TRY(cuv_operand_ref(call, 0, "condition", CUV_BOOL, &c));
    CUV_TRY(cuv_operand_ref(call, 1, "x1 x", dtype, &a));
    CUV_TRY(cuv_operand_ref(call, 2, "x2 y", dtype, &b));
    a = cuv_emit_cast(call->program, a, dtype);
    b = cuv_emit_cast(call->program, b, dtype);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(as_bool(call, c), a, b), NULL));
}

/* ---- reductions ---- */

static cuv_status reduce_attrs(cuv_call *call, cuv_ref x, cuv_attrs *attrs)
{
    *attrs = (cuv_attrs){.keepdims = cuv_option_bool(call, 2, "keepdims keep_dims", false)};
    return cuv_option_axes(call, 1, "axis reduction_indices", cuv_var_of(call, x)->rank, attrs->axes, &attrs->axes_count);
}

static cuv_status reduce(cuv_call *call, cuv_op op, bool floats)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    if (floats)
        x = cuv_as_float(call, x);
    else if (cuv_var_of(call, x)->dtype == CUV_BOOL)
        x = cuv_emit_cast(call->program, x, CUV_I32);
    CUV_TRY(reduce_attrs(call, x, &attrs));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), &attrs));
}

cuv_status cuv_op_sum(cuv_call *call) { return reduce(call, CUV_OP_SUM, false); }
cuv_status cuv_op_mean(cuv_call *call) { return reduce(call, CUV_OP_MEAN, true); }
cuv_status cuv_op_prod(cuv_call *call) { return reduce(call, CUV_OP_PROD, false); }
cuv_status cuv_op_max(cuv_call *call) { return reduce(call, CUV_OP_MAX, false); }
cuv_status cuv_op_min(cuv_call *call) { return reduce(call, CUV_OP_MIN, false); }

static cuv_status truth(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(reduce_attrs(call, x, &attrs));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(as_bool(call, x)), &attrs));
}

cuv_status cuv_op_any(cuv_call *call) { return truth(call, CUV_OP_ANY); }
cuv_status cuv_op_all(cuv_call *call) { return truth(call, CUV_OP_ALL); }

cuv_status cuv_op_count_nonzero(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(reduce_attrs(call, x, &attrs));
    attrs.keepdims = false;
    cuv_ref n = cuv_emit_cast(call->program, as_bool(call, x), CUV_I32);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_SUM, CUV_IN(n), &attrs));
}

/* Mean of the squared distances from the mean. */
static cuv_status spread(cuv_call *call, bool root)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    CUV_TRY(reduce_attrs(call, x, &attrs));
    cuv_attrs keep = attrs;
    keep.keepdims = true;
    cuv_ref d = cuv_emit2(call->program, CUV_OP_SUB, x, cuv_emit(call->program, CUV_OP_MEAN, CUV_IN(x), &keep));
    cuv_ref v = cuv_emit(call->program, CUV_OP_MEAN, CUV_IN(cuv_emit1(call->program, CUV_OP_SQUARE, d)), &attrs);
    return cuv_give(call, root ? cuv_emit1(call->program, CUV_OP_SQRT, v) : v);
}

cuv_status cuv_op_var(cuv_call *call) { return spread(call, false); }
cuv_status cuv_op_std(cuv_call *call) { return spread(call, true); }

cuv_status cuv_op_logsumexp(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    CUV_TRY(reduce_attrs(call, x, &attrs));
    cuv_attrs keep = attrs;
    keep.keepdims = true;
    cuv_program *p = call->program;
    cuv_ref top = cuv_emit(p, CUV_OP_MAX, CUV_IN(x), &keep);
    cuv_ref sum = cuv_emit(p, CUV_OP_SUM, CUV_IN(cuv_emit1(p, CUV_OP_EXP, cuv_emit2(p, CUV_OP_SUB, x, top))), &attrs);
    return cuv_give(call, cuv_emit2(p, CUV_OP_ADD, cuv_emit1(p, CUV_OP_LOG, sum), cuv_emit(p, CUV_OP_MAX, CUV_IN(x), &attrs)));
}

static cuv_status place_of(cuv_call *call, cuv_op op)
{
    cuv_ref x;
    int axis = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    bool keep = cuv_option_bool(call, 2, "keepdims", false);
    int rank = cuv_var_of(call, x)->rank;
    if (cuv_is_null(cuv_option(call, 1, "axis dimension")) && call->layer->keras >= 3)
        x = cuv_emit_reshape(call->program, x, (int64_t[]){-1}, 1);     /* no axis: of all values */
    else
        CUV_TRY(cuv_option_axis(call, 1, "axis dimension", rank, 0, &axis));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), CUV_AT(.axis = axis, .keepdims = keep)));
}

cuv_status cuv_op_argmax(cuv_call *call) { return place_of(call, CUV_OP_ARGMAX); }
cuv_status cuv_op_argmin(cuv_call *call) { return place_of(call, CUV_OP_ARGMIN); }

static cuv_status running(cuv_call *call, cuv_op op, bool reverse)
{
    cuv_ref x;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    int64_t last = op == CUV_OP_SORT || op == CUV_OP_ARGSORT ? -1 : 0;
    CUV_TRY(cuv_option_axis(call, 1, "axis", cuv_var_of(call, x)->rank, last, &axis));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), CUV_AT(.axis = axis, .reverse = reverse)));
}

cuv_status cuv_op_cumsum(cuv_call *call)
{
    return running(call, CUV_OP_CUMSUM, cuv_option_bool(call, -1, "reverse", false));
}

cuv_status cuv_op_cumprod(cuv_call *call)
{
    return running(call, CUV_OP_CUMPROD, cuv_option_bool(call, -1, "reverse", false));
}

cuv_status cuv_op_sort(cuv_call *call)
{
    return running(call, CUV_OP_SORT, cuv_streq(cuv_text(cuv_option(call, -1, "direction")), "DESCENDING"));
}

cuv_status cuv_op_argsort(cuv_call *call)
{
    return running(call, CUV_OP_ARGSORT, cuv_streq(cuv_text(cuv_option(call, -1, "direction")), "DESCENDING"));
}

cuv_status cuv_op_top_k(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_ref y = cuv_emit(call->program, CUV_OP_TOP_K, CUV_IN(x), CUV_AT(.count = cuv_option_int(call, 1, "k", 1)));
    CUV_TRY(call->program->status);
    call->out[0] = (cuv_sym){y, CUV_NO_REF};
    call->out[1] = (cuv_sym){y + 1, CUV_NO_REF};
    call->out_count = 2;
    return CUV_OK;
}

/* tf.math.l2_normalize and keras.ops.normalize of order 2: x / sqrt(max(sum x^2, epsilon)). */
cuv_status cuv_op_l2_normalize(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {.keepdims = true};
    cuv_program *p = call->program;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    double order = cuv_option_real(call, 2, "order", 2), epsilon = cuv_option_real(call, -1, "epsilon", 1e-12);
    if (order != 2)
        return cuv_bad_option(call, "order", "2");
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, 1, "axis dim", rank, attrs.axes, &attrs.axes_count));
    if (!attrs.axes_count && call->layer->keras >= 3) {
        attrs.axes[0] = rank - 1;
        attrs.axes_count = 1;
    }
    cuv_ref s = cuv_emit(p, CUV_OP_SUM, CUV_IN(cuv_emit1(p, CUV_OP_SQUARE, x)), &attrs);
    s = cuv_emit2(p, CUV_OP_MAXIMUM, s, cuv_scalar_like(call, s, epsilon));
    return cuv_give(call, cuv_emit2(p, CUV_OP_MUL, x, cuv_emit1(p, CUV_OP_RSQRT, s)));
}
