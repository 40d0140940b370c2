/* Reference kernels of one float input, element by element. The formulas are in formulas.def, the text in kernels_unary.inc. */
#include "run/kernels.h"

/* y with erf(y) = x: Winitzki's approximation, then Halley's steps, which treble the digits. */
static inline double inverse_erf(double x)
{
    const double a = fabs(x);
    if (!(a < 1))
        return a == 1 ? x * INFINITY : NAN;
    const double w = log1p(-a * a), k = 4.330746750799873 + w / 2;
    double y = sqrt(sqrt(k * k - w / 0.147) - k);
    for (int i = 0; i < 3; i++) {
        const double off = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y), step = off / (1.1283791670955126 * exp(-y * y));
        y -= step / (1 + y * step);
    }
    return x < 0 ? -y : y;
}

/* sum over k of (x^2/4)^k / k!^2; beyond 714 it is above all doubles */
static inline double bessel_series(double x)
{
    const double square = x * x / 4;
    double sum = 1, term = 1;
    if (!(fabs(x) < 714))
        return x != x ? x : INFINITY;
    for (double k = 1; term > sum * 1e-17; k++)
        sum += term *= square / (k * k);
    return sum;
}

#include "run/as_float.h"
#include "run/kernels_unary.inc"
#include "run/as_double.h"
#include "run/kernels_unary.inc"
