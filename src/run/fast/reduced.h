/* Products in fewer bits than float32: dense layers, products with fixed matrices and convolutions in one group
 * whose weights, and mostly inputs too, are rounded to bfloat16 or to eight bits; sums, biases and everything else
 * stay float32. One text (dots.inc) is compiled for several instruction sets. Held against plain loops of the same
 * rounding in tests/unit/test_reduced.c.
 *
 * int8: a weight is q s, q in [-127, 127], one s = largest magnitude / 127 for each output channel. Inputs are (q
 * - z) s, q in [0, 255], with s = (hi - lo) / 255 and z = round(-lo / s) from the extremes of the row (the image,
 * where windows overlap) and zero; so every sample has its own, zero is exact, and a batch changes nothing.
 * Products and their sums are integers: all instruction sets give the same bits. A row with a value that is not
 * finite gives NaN.
 *
 * bf16: weights are rounded to bfloat16; inputs as well where the processor multiplies pairs of them, else they
 * stay float32. */
#ifndef CUV_RUN_FAST_REDUCED_H
#define CUV_RUN_FAST_REDUCED_H

#include "run/fast/fast.h"

/* Kernels for one way of holding the numbers. A word is four bytes of inputs: `group` elements of `x_bytes`; to a
 * word belong `w_bytes` of each column. Packed columns are panels of `panel` columns; each has for every word the
 * bytes of its columns side by side. */
typedef struct cuv_dots {
    const char *name;
    cuv_precision precision;
    size_t panel, tile, group, x_bytes, w_bytes;
    bool compute;               /* multiplies faster than float32 does; else it only reads less, which pays */
    size_t least;               /* for a few rows times this many weights (SIZE_MAX: never) */
    void (*product)(const cuv_product *p, size_t first_row, size_t end_row, size_t first_panel, size_t end_panel);
    /* The extremes of x and zero; false when a value is not finite. NULL where inputs have no scale. */
    bool (*range)(const float *x, size_t n, float *lo, float *hi);
    /* n numbers as elements; NULL: floats as they are. */
    void (*convert)(void *to, const float *x, size_t n, float by, int32_t zero);
} cuv_dots;
extern const cuv_dots cuv_int8_base, cuv_int8_avx2, cuv_int8_avxvnni, cuv_int8_avx512, cuv_int8_vnni, cuv_bf16_base, cuv_bf16_avx2,
    cuv_bf16_avx512, cuv_bf16_dot;
/* All that this processor can do, the best one first; ended by NULL. */
enum { CUV_MOST_DOTS = 6 };
void cuv_dots_of_machine(cuv_precision precision, const cuv_dots *out[CUV_MOST_DOTS]);
const cuv_dots *cuv_dots_best(cuv_precision precision);

#endif
