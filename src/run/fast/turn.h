/* Four lines of four floats, as columns: what transposes and packing have in common. */
#ifndef CUV_RUN_FAST_TURN_H
#define CUV_RUN_FAST_TURN_H

#include "run/fast/fast.h"

#ifdef __SSE2__
#include <string.h>
#include <xmmintrin.h>

static inline __m128 cuv_load_four(const cuv_loose *from)
{
    __m128 x;
    memcpy(&x, from, sizeof x);
    return x;
}
#endif

/* y[j y_step + l] = x[l x_step + j] for j and l below 4. */
static inline void cuv_turn_four(const cuv_loose *x, size_t x_step, float *y, size_t y_step)
{
#ifdef __SSE2__
    __m128 a = cuv_load_four(x), b = cuv_load_four(x + x_step), c = cuv_load_four(x + 2 * x_step), d = cuv_load_four(x + 3 * x_step);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(y, a);
    _mm_storeu_ps(y + y_step, b);
    _mm_storeu_ps(y + 2 * y_step, c);
    _mm_storeu_ps(y + 3 * y_step, d);
#else
    for (size_t j = 0; j < 4; j++)
        for (size_t l = 0; l < 4; l++)
            y[j * y_step + l] = x[l * x_step + j];
#endif
}

#endif
