/* Reference kernels of arithmetic: two inputs, broadcasting, and one integer. Integer arithmetic wraps as NumPy's does. */
#include "run/kernels.h"

/* floor(x / y); 0 for y = 0, where there is no answer */
static inline int64_t floor_div(int64_t x, int64_t y)
{
    if (y == 0)
        return 0;
    if (y == -1)
        return (int64_t)(0 - (uint64_t)x);
    int64_t q = x / y;
    return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
}

static inline int64_t floor_mod(int64_t x, int64_t y)
{
    if (y == 0 || y == -1)
        return 0;
    int64_t r = x % y;
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* x^y by squaring; 1/x^-y truncated for negative y */
static inline int64_t power(int64_t x, int64_t y)
{
    uint64_t base = (uint64_t)x, result = 1;
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    for (uint64_t e = (uint64_t)y; e; e >>= 1, base *= base)
        if (e & 1)
            result *= base;
    return (int64_t)result;
}

/* Euclid's, as TensorFlow's loop has it for the one negative number that has no absolute value */
static inline int64_t common_divisor(int64_t x, int64_t y)
{
    while (y) {
        const int64_t rest = floor_mod(x, y);
        x = y;
        y = rest;
    }
    return x;
}

/* A number of places to shift by, among the bits that there are */
static inline int shift_places(int64_t y, size_t size)
{
    const int64_t last = 8 * (int64_t)size - 1;
    return (int)(y < 0 ? 0 : y > last ? last : y);
}

/* floor(x / 2^by) */
static inline int64_t shifted_down(int64_t x, int by)
{
    return x < 0 ? (int64_t)~(~(uint64_t)x >> by) : x >> by;
}

static inline int64_t clamped(int64_t x, double lo, double hi)
{
    return (double)x < lo ? cuv_float_to_i64(lo) : (double)x > hi ? cuv_float_to_i64(hi) : x;
}

#include "run/as_float.h"
#include "run/kernels_binary.inc"
#include "run/kernels_arith.inc"
#include "run/as_double.h"
#include "run/kernels_binary.inc"
#include "run/kernels_arith.inc"
#include "run/as_int32.h"
#include "run/kernels_binary.inc"
#include "run/kernels_integer.inc"
#include "run/as_int64.h"
#include "run/kernels_binary.inc"
#include "run/kernels_integer.inc"
#include "run/as_bool.h"
#include "run/kernels_binary.inc"
