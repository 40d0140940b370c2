/* More of keras.ops.numpy and keras.ops.math: formulas of the operations in operation_math.c, written out step by
 * step. */
#include "layers/operation_emit.h"

#include <float.h>
#include <math.h>

cuv_ref cuv_counting(cuv_call *call, cuv_ref x, int axis, int after)
{
    cuv_ref y = cuv_emit(call->program, CUV_OP_RANGE, CUV_IN(x), CUV_AT(.axis = axis, .dtype = CUV_I32));
    for (int i = 0; i < after; i++)
        y = cuv_expand_dims(call, y, i + 1);
    return y;
}

cuv_status cuv_constant(cuv_call *call, cuv_dtype dtype, const double *values, const int64_t *shape, int rank, cuv_ref *out)
{
    size_t n;
    cuv_tensor *t;
    void *data;
    cuv_dtype stored = dtype == CUV_F16 || dtype == CUV_BF16 ? CUV_F32 : dtype;
    if (!cuv_shape_count(shape, rank, &n))
        return cuv_oom(call->cx);
    CUV_TRY(cuv_tensor_new(call->arena, stored, shape, rank, &t, &data));
    cuv_convert(data, stored, values, CUV_F64, n);
    *out = TO(cuv_program_constant(call->program, t), dtype);
    return call->program->status;
}

/* ---- element by element ---- */

static cuv_status float_x(cuv_call *call, cuv_ref *x)
{
    CUV_TRY(cuv_operand_x(call, x));
    *x = cuv_as_float(call, *x);
    return call->program->status;
}

cuv_status cuv_op_cbrt(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_large_float(call, x);
    return cuv_give(call, E2(MUL, E1(SIGN, x), E2(POW, E1(ABS, x), LIKE(x, 1.0 / 3))));
}

/* sin(pi x) / (pi x), 1 at 0. */
cuv_status cuv_op_sinc(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    cuv_ref px = E2(MUL, x, LIKE(x, 3.141592653589793));
    return cuv_give(call, WHERE(E2(EQUAL, x, LIKE(x, 0)), LIKE(x, 1), E2(DIV, E1(SIN, px), px)));
}

/* 1 - erf(x): exact to float32's place, not to the digits of a small result. */
cuv_status cuv_op_erfc(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    return cuv_give(call, E2(SUB, LIKE(x, 1), E1(ERF, x)));
}

cuv_status cuv_op_erfinv(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    return cuv_give(call, E1(ERFINV, x));
}

cuv_status cuv_op_i0(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_var_of(call, x)->dtype == CUV_I64 ? TO(x, CUV_F64) : cuv_as_float(call, x);
    return cuv_give(call, E1(BESSEL_I0, x));
}

/* A real number's angle in the complex plane: pi below 0. */
cuv_status cuv_op_angle(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    cuv_ref zero = LIKE(x, 0);
    return cuv_give(call, WHERE(E2(LESS, x, zero), LIKE(x, 3.141592653589793), zero));
}

/* A real number has no imaginary part. */
cuv_status cuv_op_imag(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_filled_like(call, x, 0, cuv_var_of(call, x)->dtype));
}

cuv_status cuv_op_view_as_real(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref none = cuv_filled_like(call, x, 0, cuv_var_of(call, x)->dtype);
    return cuv_give(call, cuv_concat2(call, cuv_expand_dims(call, x, rank), cuv_expand_dims(call, none, rank), rank));
}

static cuv_status infinite(cuv_call *call, cuv_op side)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    cuv_ref right = cuv_emit2(call->program, side, x, LIKE(x, 0));
    return cuv_give(call, E2(LOGICAL_AND, E1(IS_INF, x), right));
}

cuv_status cuv_op_isneginf(cuv_call *call) { return infinite(call, CUV_OP_LESS); }
cuv_status cuv_op_isposinf(cuv_call *call) { return infinite(call, CUV_OP_GREATER); }

cuv_status cuv_op_isreal(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_filled_like(call, x, 1, CUV_BOOL));
}

/* Where x is -0.0: the reciprocal of which is negative. */
static cuv_ref minus_zero(cuv_call *call, cuv_ref x)
{
    cuv_ref zero = LIKE(x, 0), at_zero = E2(EQUAL, x, zero);
    return E2(LOGICAL_AND, at_zero, E2(LESS, E1(RECIPROCAL, x), zero));
}

cuv_status cuv_op_signbit(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    return cuv_give(call, E2(LOGICAL_OR, E2(LESS, x, LIKE(x, 0)), minus_zero(call, x)));
}

cuv_ref cuv_zeros_in_order(cuv_call *call, cuv_ref x)
{
    const cuv_layer *layer = call->layer;
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype) || layer->keras < 3 || (layer->keras == 3 && layer->keras_minor < 9))
        return x;
    if (cuv_dtype_size(cuv_var_of(call, x)->dtype) == 2)
        x = TO(x, CUV_F32);
    double below = cuv_var_of(call, x)->dtype == CUV_F64 ? -DBL_MIN : -(double)FLT_MIN;
    return WHERE(minus_zero(call, x), LIKE(x, below), x);
}

cuv_status cuv_op_nan_to_num(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    if (!cuv_dtype_is_float(dtype))
        return cuv_give(call, x);
    double most = dtype == CUV_F64 ? DBL_MAX : dtype == CUV_F16 ? 65504 : dtype == CUV_BF16 ? 3.3895313892515355e38 : FLT_MAX;
    cuv_ref inf = E1(IS_INF, x), zero = LIKE(x, 0);
    cuv_ref up = LIKE(x, cuv_option_real(call, "posinf", most)), down = LIKE(x, cuv_option_real(call, "neginf", -most));
    cuv_ref y = WHERE(E2(LOGICAL_AND, inf, E2(GREATER, x, zero)), up, x);
    y = WHERE(E2(LOGICAL_AND, inf, E2(LESS, x, zero)), down, y);
    return cuv_give(call, WHERE(E1(IS_NAN, x), LIKE(x, cuv_option_real(call, "nan", 0)), y));
}

/* ---- two operands ---- */

cuv_status cuv_op_fmod(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, false, &a, &b));
    cuv_dtype dtype = cuv_var_of(call, a)->dtype;
    if (dtype == CUV_BOOL || dtype == CUV_U8 || dtype == CUV_U16 || dtype == CUV_U32) {
        a = TO(a, CUV_I32);
        b = TO(b, CUV_I32);
    }
    cuv_ref y = E2(MUL, E1(SIGN, a), E2(MOD, E1(ABS, a), E1(ABS, b)));
    return cuv_give(call, dtype == CUV_BOOL ? y : TO(y, dtype));
}

/* x1 2^x2, where x1 is neither 0 nor infinite */
cuv_status cuv_op_ldexp(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, true, &a, &b));
    cuv_ref y = E2(MUL, a, E2(POW, LIKE(b, 2), b)), stays = E2(LOGICAL_OR, E1(IS_INF, a), E2(EQUAL, a, LIKE(a, 0)));
    return cuv_give(call, WHERE(stays, a, y));
}

/* log(e^a + e^b), or of base 2. */
static cuv_status log_add(cuv_call *call, double scale)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, true, &a, &b));
    cuv_ref delta = E2(SUB, a, b);
    cuv_ref tail = E1(LOG1P, E1(EXP, E2(MUL, E1(ABS, delta), LIKE(delta, -scale))));
    cuv_ref y = E2(ADD, E2(MAXIMUM, a, b), scale == 1 ? tail : E2(DIV, tail, LIKE(tail, scale)));
    return cuv_give(call, WHERE(E1(IS_NAN, delta), E2(ADD, a, b), y));
}

cuv_status cuv_op_logaddexp(cuv_call *call) { return log_add(call, 1); }
cuv_status cuv_op_logaddexp2(cuv_call *call) { return log_add(call, (double)0.6931471805599453f); }

/* |a - b| <= atol + rtol |b| */
static cuv_status near_each(cuv_call *call, cuv_ref *out)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, false, &a, &b));
    if (!cuv_dtype_is_float(cuv_var_of(call, a)->dtype)) {
        *out = E2(EQUAL, a, b);
        return call->program->status;
    }
    double ignored;
    CUV_TRY(cuv_option_exact(call, "rtol", CUV_F32, &ignored));
    CUV_TRY(cuv_option_exact(call, "atol", CUV_F32, &ignored));
    cuv_ref room = E2(MUL, E1(ABS, b), LIKE(b, cuv_option_real(call, "rtol", 1e-5)));
    room = E2(ADD, room, LIKE(b, cuv_option_real(call, "atol", 1e-8)));
    *out = E2(LESS_EQUAL, E1(ABS, E2(SUB, a, b)), room);
    if (cuv_option_bool(call, "equal_nan", false))
        *out = E2(LOGICAL_OR, *out, E2(LOGICAL_AND, E1(IS_NAN, a), E1(IS_NAN, b)));
    return call->program->status;
}

cuv_status cuv_op_isclose(cuv_call *call)
{
    cuv_ref y;
    CUV_TRY(near_each(call, &y));
    return cuv_give(call, y);
}

cuv_status cuv_op_all_close(cuv_call *call)
{
    cuv_ref y;
    CUV_TRY(near_each(call, &y));
    return cuv_give(call, cuv_emit(call->program, CUV_OP_ALL, CUV_IN(y), NULL));
}

/* Whether each of x1 is among x2. */
cuv_status cuv_op_is_in(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_firm(call, false, &a, &b));
    int rank = cuv_var_of(call, a)->rank;
    b = cuv_emit_reshape(call->program, b, (int64_t[]){-1}, 1);
    cuv_ref y = cuv_reduce(call, CUV_OP_ANY, E2(EQUAL, cuv_expand_dims(call, a, rank), b), (int[]){rank}, 1, false);
    return cuv_give(call, cuv_option_bool(call, "invert", false) ? E1(LOGICAL_NOT, y) : y);
}

/* How many of a sorted row are below each value (`right`: or equal). */
static cuv_status count_below(cuv_call *call, cuv_ref x, cuv_ref row, bool right)
{
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref wide = cuv_expand_dims(call, x, rank), below = right ? E2(LESS_EQUAL, row, wide) : E2(LESS, row, wide);
    return cuv_give(call, cuv_reduce(call, CUV_OP_SUM, TO(below, CUV_I32), (int[]){rank}, 1, false));
}

cuv_status cuv_op_digitize(cuv_call *call)
{
    cuv_ref x, bins;
    CUV_TRY(float_x(call, &x));
    x = cuv_var_of(call, x)->dtype == CUV_F64 ? x : TO(x, CUV_F32);
    CUV_TRY(cuv_operand_ref(call, "bins", CUV_F32, &bins));
    return count_below(call, x, TO(TO(bins, CUV_F32), cuv_var_of(call, x)->dtype), true);
}

cuv_status cuv_op_search_sorted(cuv_call *call)
{
    cuv_ref row, x;
    CUV_TRY(cuv_operands_joined(call, false, &row, &x));
    if (cuv_var_of(call, row)->rank < 1)
        return cuv_bad_option(call, "sorted_sequence", "numbers along an axis");
    return count_below(call, x, row, cuv_streq(cuv_option_text(call, "side", "left"), "right"));
}

/* ---- along axes ---- */

cuv_status cuv_op_ptp(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    cuv_ref ordered = cuv_in_order(call, x), most = REDUCE(MAX, ordered, &attrs);
    return cuv_give(call, TO(E2(SUB, most, REDUCE(MIN, ordered, &attrs)), dtype));
}

cuv_status cuv_op_average(cuv_call *call)
{
    cuv_ref x, w;
    cuv_attrs attrs;
    if (!cuv_operand(call, "weights"))
        return cuv_op_mean(call);
    CUV_TRY(cuv_operands_joined(call, true, &x, &w));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    int rank = cuv_var_of(call, x)->rank;
    if (cuv_var_of(call, w)->rank < rank) {             /* one weight for each place of the axis */
        int64_t shape[CUV_MAX_RANK] = {0};
        for (int i = 0; i < rank; i++)
            shape[i] = attrs.axes_count && i == attrs.axes[0] ? -1 : 1;
        w = cuv_emit_reshape(call->program, w, shape, rank);
        cuv_ref sum = cuv_emit(call->program, CUV_OP_SUM, CUV_IN(w), NULL);
        return cuv_give(call, E2(DIV, REDUCE(SUM, E2(MUL, x, w), &attrs), sum));
    }
    return cuv_give(call, E2(DIV, REDUCE(SUM, E2(MUL, x, w), &attrs), REDUCE(SUM, w, &attrs)));
}

/* TensorFlow's mean of integers is an integer, cut off, of a sum in 64 bits. */
cuv_ref cuv_mean_as_it_is(cuv_call *call, cuv_ref x, const cuv_attrs *attrs)
{
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    if (cuv_dtype_is_float(dtype))
        return REDUCE(MEAN, x, attrs);
    cuv_ref sum = REDUCE(SUM, TO(x, CUV_I64), attrs), count = REDUCE(SUM, cuv_filled_like(call, x, 1, CUV_I64), attrs);
    cuv_ref below = E2(FLOOR_DIV, sum, count), rest = E2(MOD, sum, count), zero = LIKE(sum, 0);
    cuv_ref up = E2(LOGICAL_AND, E2(LESS, sum, zero), E2(NOT_EQUAL, rest, zero));
    return TO(E2(ADD, below, TO(up, CUV_I64)), dtype);
}

/* Halves are computed as float32, and end where float16 ends. */
cuv_status cuv_op_moments(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype given = cuv_var_of(call, x)->dtype;
    const bool half = call->layer->keras >= 3 && cuv_dtype_is_float(given) && cuv_dtype_size(given) == 2;
    if (given == CUV_U64)
        return cuv_bad_option(call, "x", "numbers other than uint64");
    x = half ? TO(x, CUV_F32) : given == CUV_BOOL ? cuv_as_float(call, x) : x;
    CUV_TRY(cuv_option_axes(call, "axes", cuv_var_of(call, x)->rank, attrs.axes, &attrs.axes_count));
    attrs.keepdims = true;
    cuv_ref square = E1(SQUARE, E2(SUB, x, cuv_mean_as_it_is(call, x, &attrs)));
    attrs.keepdims = cuv_option_bool(call, "keepdims", false);
    cuv_ref both[2] = {cuv_mean_as_it_is(call, x, &attrs), cuv_mean_as_it_is(call, square, &attrs)};
    for (int i = 0; half && i < 2; i++)
        both[i] = TO(cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(both[i]), CUV_AT(.alpha = -65504, .beta = 65504)), given);
    return cuv_give_many(call, both, 2);
}

/* Reductions that leave out what is no number: `fill` takes its place, and where all are none the result is `empty`. */
static cuv_status without_nan(cuv_call *call, cuv_op op, double fill, bool nan_when_empty)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(cuv_operand_x(call, &x));
    if (nan_when_empty && !cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return op == CUV_OP_MAX ? cuv_op_max(call) : cuv_op_min(call);
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return op == CUV_OP_SUM ? cuv_op_sum(call) : cuv_op_prod(call);
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    cuv_ref nan = E1(IS_NAN, x), y = cuv_emit(call->program, op, CUV_IN(WHERE(nan, LIKE(x, fill), x)), &attrs);
    return cuv_give(call, nan_when_empty ? WHERE(REDUCE(ALL, nan, &attrs), LIKE(y, NAN), y) : y);
}

cuv_status cuv_op_nansum(cuv_call *call) { return without_nan(call, CUV_OP_SUM, 0, false); }
cuv_status cuv_op_nanprod(cuv_call *call) { return without_nan(call, CUV_OP_PROD, 1, false); }
cuv_status cuv_op_nanmax(cuv_call *call) { return without_nan(call, CUV_OP_MAX, -INFINITY, true); }
cuv_status cuv_op_nanmin(cuv_call *call) { return without_nan(call, CUV_OP_MIN, INFINITY, true); }

static cuv_ref mean_of_numbers(cuv_call *call, cuv_ref x, cuv_ref nan, const cuv_attrs *attrs)
{
    cuv_ref count = REDUCE(SUM, TO(E1(LOGICAL_NOT, nan), cuv_var_of(call, x)->dtype), attrs);
    return E2(DIV, REDUCE(SUM, WHERE(nan, LIKE(x, 0), x), attrs), count);
}

cuv_status cuv_op_nanmean(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(float_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    return cuv_give(call, mean_of_numbers(call, x, E1(IS_NAN, x), &attrs));
}

static cuv_status nan_spread(cuv_call *call, bool root)
{
    cuv_ref x;
    cuv_attrs attrs, keep;
    CUV_TRY(float_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    keep = attrs;
    keep.keepdims = true;
    cuv_ref nan = E1(IS_NAN, x), d = E2(SUB, x, mean_of_numbers(call, x, nan, &keep));
    cuv_ref v = mean_of_numbers(call, E1(SQUARE, d), nan, &attrs);
    return cuv_give(call, root ? E1(SQRT, v) : v);
}

cuv_status cuv_op_nanvar(cuv_call *call) { return nan_spread(call, false); }
cuv_status cuv_op_nanstd(cuv_call *call) { return nan_spread(call, true); }

static cuv_status nan_place(cuv_call *call, cuv_op op, double fill)
{
    cuv_ref x;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    if (!cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return op == CUV_OP_ARGMAX ? cuv_op_argmax(call) : cuv_op_argmin(call);
    bool keep = cuv_option_bool(call, "keepdims", false), flat = cuv_is_null(cuv_option(call, "axis"));
    if (flat && keep)
        return cuv_bad_option(call, "axis", "given where keepdims is True");
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    cuv_ref nan = E1(IS_NAN, x), numbers = cuv_zeros_in_order(call, WHERE(nan, LIKE(x, fill), x));
    cuv_ref y = cuv_emit(call->program, op, CUV_IN(numbers), CUV_AT(.axis = axis, .keepdims = keep));
    return cuv_give(call, WHERE(cuv_reduce(call, CUV_OP_ALL, nan, &axis, 1, keep), LIKE(y, -1), y));
}

cuv_status cuv_op_nanargmax(cuv_call *call) { return nan_place(call, CUV_OP_ARGMAX, -INFINITY); }
cuv_status cuv_op_nanargmin(cuv_call *call) { return nan_place(call, CUV_OP_ARGMIN, INFINITY); }

static cuv_status nan_running(cuv_call *call, cuv_op op, double fill)
{
    cuv_ref x;
    cuv_dtype dtype;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        x = WHERE(E1(IS_NAN, x), LIKE(x, fill), x);
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    x = TO(x, dtype == CUV_BOOL ? CUV_I32 : dtype);
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    return cuv_give(call, cuv_emit(call->program, op, CUV_IN(x), CUV_AT(.axis = axis)));
}

cuv_status cuv_op_nancumsum(cuv_call *call) { return nan_running(call, CUV_OP_CUMSUM, 0); }
cuv_status cuv_op_nancumprod(cuv_call *call) { return nan_running(call, CUV_OP_CUMPROD, 1); }

cuv_status cuv_op_diff(cuv_call *call)
{
    cuv_ref x;
    int axis;
    int64_t n = cuv_option_int(call, "n", 1);
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, x)->rank, -1, &axis));
    if (n < 0 || n > 64)
        return cuv_bad_option(call, "n", "from 0 to 64");
    for (int64_t i = 0; i < n; i++) {
        cuv_ref later = cuv_slice_axis(call, x, axis, 1, INT64_MAX), earlier = cuv_slice_axis(call, x, axis, 0, -1);
        x = cuv_var_of(call, x)->dtype == CUV_BOOL ? E2(NOT_EQUAL, later, earlier) : E2(SUB, later, earlier);
    }
    return cuv_give(call, x);
}

cuv_status cuv_op_trapezoid(cuv_call *call)
{
    cuv_ref y, x, width;
    int axis;
    CUV_TRY(float_x(call, &y));
    int last = cuv_var_of(call, y)->rank - 1;
    CUV_TRY(cuv_option_axis(call, "axis", last + 1, -1, &axis));
    y = cuv_move_axis(call, y, axis, last);
    cuv_ref height = E2(ADD, cuv_slice_axis(call, y, last, 1, INT64_MAX), cuv_slice_axis(call, y, last, 0, -1));
    height = E2(MUL, height, LIKE(y, 0.5));
    width = LIKE(y, cuv_option_real(call, "dx", 1));
    if (!cuv_is_null(cuv_option(call, "x"))) {
        CUV_TRY(cuv_operand_ref(call, "x", CUV_F32, &x));
        x = TO(x, cuv_var_of(call, y)->dtype);
        int end = cuv_var_of(call, x)->rank - 1;
        width = E2(SUB, cuv_slice_axis(call, x, end, 1, INT64_MAX), cuv_slice_axis(call, x, end, 0, -1));
    }
    return cuv_give(call, cuv_reduce(call, CUV_OP_SUM, E2(MUL, height, width), &last, 1, false));
}
