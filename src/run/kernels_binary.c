/* Reference kernels of two inputs, element by element, broadcasting; integer arithmetic wraps as NumPy's does. */
#include "run/kernels.h"

#define FLOAT_ARITHMETIC \
    BINARY(add, REAL, x + y) \
    BINARY(sub, REAL, x - y) \
    BINARY(mul, REAL, x * y) \
    BINARY(div, REAL, x / y) \
    BINARY(div_no_nan, REAL, y == 0 ? 0 : x / y) \
    BINARY(floor_div, REAL, M(floor)(x / y)) \
    BINARY(mod, REAL, K(float_mod)(x, y)) \
    BINARY(pow, REAL, M(pow)(x, y)) \
    BINARY(maximum, REAL, x > y || x != x ? x : y) \
    BINARY(minimum, REAL, x < y || x != x ? x : y) \
    BINARY(atan2, REAL, M(atan2)(x, y)) \
    BINARY(prelu, REAL, x > 0 ? x : y * x)

/* x - y floor(x / y): the remainder with the sign of y */
static inline float cuv_float_mod_f32(float x, float y)
{
    float r = fmodf(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static inline double cuv_float_mod_f64(double x, double y)
{
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

#include "run/as_float.h"
#include "run/kernels_binary.inc"
FLOAT_ARITHMETIC
#include "run/as_double.h"
#include "run/kernels_binary.inc"
FLOAT_ARITHMETIC

#include "run/as_bool.h"
#include "run/kernels_binary.inc"

/* ---- integers ---- */

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

#define INT_ARITHMETIC \
    BINARY(add, REAL, (SUM)x + (SUM)y) \
    BINARY(sub, REAL, (SUM)x - (SUM)y) \
    BINARY(mul, REAL, (SUM)x * (SUM)y) \
    BINARY(floor_div, REAL, floor_div(x, y)) \
    BINARY(mod, REAL, floor_mod(x, y)) \
    BINARY(pow, REAL, power(x, y)) \
    BINARY(maximum, REAL, x > y ? x : y) \
    BINARY(minimum, REAL, x < y ? x : y)

#include "run/as_int32.h"
#include "run/kernels_binary.inc"
INT_ARITHMETIC
#include "run/as_int64.h"
#include "run/kernels_binary.inc"
INT_ARITHMETIC
