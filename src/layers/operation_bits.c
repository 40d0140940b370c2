/* Operations on whole numbers as bits, common divisors, and the bits of numbers. */
#include "layers/operation_emit.h"

#include <math.h>

/* The first two operands, which must be whole numbers, in one dtype; `firm`: Python's numbers do not adapt to it. */
static cuv_status whole_numbers(cuv_call *call, bool firm, cuv_ref *a, cuv_ref *b)
{
    CUV_TRY(firm ? cuv_operands_firm(call, false, a, b) : cuv_operands_joined(call, false, a, b));
    cuv_dtype dtype = cuv_var_of(call, *a)->dtype;
    if (cuv_dtype_is_float(dtype) || dtype == CUV_BOOL)
        return cuv_bad_option(call, cuv_operand_name(call, 0), "whole numbers");
    return CUV_OK;
}

static cuv_status of_bits(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    CUV_TRY(whole_numbers(call, false, &a, &b));
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

cuv_status cuv_op_bitwise_and(cuv_call *call) { return of_bits(call, CUV_OP_BITWISE_AND); }
cuv_status cuv_op_bitwise_or(cuv_call *call) { return of_bits(call, CUV_OP_BITWISE_OR); }
cuv_status cuv_op_bitwise_xor(cuv_call *call) { return of_bits(call, CUV_OP_BITWISE_XOR); }

/* Both operands without their signs. */
static cuv_status magnitudes(cuv_call *call, cuv_ref *a, cuv_ref *b)
{
    CUV_TRY(whole_numbers(call, true, a, b));
    if (cuv_dtype_is_signed(cuv_var_of(call, *a)->dtype)) {
        *a = E1(ABS, *a);
        *b = E1(ABS, *b);
    }
    return CUV_OK;
}

cuv_status cuv_op_gcd(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(magnitudes(call, &a, &b));
    return cuv_give(call, E2(GCD, a, b));
}

cuv_status cuv_op_bitwise_not(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_dtype_is_float(cuv_var_of(call, x)->dtype) || cuv_var_of(call, x)->dtype == CUV_BOOL)
        return cuv_bad_option(call, cuv_operand_name(call, 0), "whole numbers");
    return cuv_give(call, E2(BITWISE_XOR, x, LIKE(x, -1)));
}

/* TensorFlow shifts by no more than the last bit's place. A Python number takes the dtype of what it shifts. */
static cuv_status shifted(cuv_call *call, cuv_op op)
{
    cuv_ref a, b;
    cuv_kind_of by = cuv_operand_kind(call, cuv_operand_name(call, 1));
    const cuv_dtype kept = cuv_operand_kind(call, cuv_operand_name(call, 0)).dtype;
    if (!by.tensor && (by.weak || by.dtype == CUV_BOOL) && cuv_dtype_is_integer(kept) && !cuv_dtype_is_float(by.dtype)) {
        CUV_TRY(cuv_operand_ref(call, cuv_operand_name(call, 0), kept, &a));
        CUV_TRY(cuv_operand_ref(call, cuv_operand_name(call, 1), kept, &b));
        b = TO(b, kept);
    } else {
        CUV_TRY(whole_numbers(call, true, &a, &b));
    }
    double last = (double)(8 * cuv_dtype_size(cuv_var_of(call, a)->dtype) - 1);
    b = cuv_var_of(call, b)->dtype == CUV_U64 ? WHERE(E2(LESS, b, LIKE(b, 0)), LIKE(b, last), b) : b;      /* above 2^63, not below 0 */
    b = E2(MINIMUM, b, LIKE(b, last));
    if (op == CUV_OP_SHIFT_RIGHT && cuv_var_of(call, a)->dtype == CUV_U64) {    /* kept as int64: the first bit is no sign */
        cuv_ref one = LIKE(b, 1), half = E2(SHIFT_RIGHT, a, one);
        half = WHERE(E2(LESS, a, LIKE(a, 0)), E2(BITWISE_XOR, half, LIKE(half, -0x1p63)), half);
        return cuv_give(call, WHERE(E2(LESS, b, one), a, E2(SHIFT_RIGHT, half, E2(SUB, b, one))));
    }
    return cuv_give(call, cuv_emit2(call->program, op, a, b));
}

cuv_status cuv_op_left_shift(cuv_call *call) { return shifted(call, CUV_OP_SHIFT_LEFT); }
cuv_status cuv_op_right_shift(cuv_call *call) { return shifted(call, CUV_OP_SHIFT_RIGHT); }

/* |a| (|b| / gcd), 0 where both are 0 */
cuv_status cuv_op_lcm(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(magnitudes(call, &a, &b));
    cuv_ref divisor = E2(GCD, a, b), none = E2(EQUAL, divisor, LIKE(divisor, 0));
    cuv_ref y = E2(MUL, a, E2(FLOOR_DIV, b, WHERE(none, LIKE(divisor, 1), divisor)));
    return cuv_give(call, WHERE(none, LIKE(y, 0), y));
}

/* ---- nextafter ---- */

static cuv_ref read_as(cuv_call *call, cuv_ref x, cuv_dtype dtype)
{
    return cuv_emit(call->program, CUV_OP_BITCAST, CUV_IN(x), CUV_AT(.dtype = dtype, .from = cuv_var_of(call, x)->dtype));
}

/* The same bytes as numbers of another dtype: the last axis grows or shrinks. */
cuv_status cuv_op_view(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    const cuv_var *v = cuv_var_of(call, x);
    if (dtype == v->dtype)
        return cuv_give(call, x);
    if (dtype == CUV_BOOL || v->dtype == CUV_BOOL)
        return cuv_bad_option(call, "dtype", "a dtype other than bool");
    return cuv_give(call, read_as(call, x, dtype));
}

/* The next double towards another, as Keras computes it whatever the dtype is: floats of fewer bits mostly stay as they are. */
cuv_status cuv_op_nextafter(cuv_call *call)
{
    cuv_ref x, to;
    CUV_TRY(cuv_operands_firm(call, true, &x, &to));
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    x = TO(x, CUV_F64);
    to = TO(to, CUV_F64);
    cuv_ref bits = read_as(call, x, CUV_I64), zero = LIKE(x, 0), up = E2(GREATER, to, x);
    cuv_ref outwards = E2(EQUAL, up, E2(GREATER, x, zero));
    cuv_ref next = read_as(call, E2(ADD, bits, WHERE(outwards, LIKE(bits, 1), LIKE(bits, -1))), CUV_F64);
    cuv_ref first = read_as(call, cuv_program_scalar(call->program, CUV_I64, 1), CUV_F64);
    next = WHERE(E2(EQUAL, x, zero), WHERE(up, first, E1(NEG, first)), next);
    next = WHERE(E2(EQUAL, x, to), to, next);
    next = WHERE(E2(LOGICAL_OR, E1(IS_NAN, x), E1(IS_NAN, to)), LIKE(next, NAN), next);
    return cuv_give(call, TO(next, dtype));
}
