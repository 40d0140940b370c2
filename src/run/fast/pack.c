/* Picks the instruction set, and packs columns into panels. */
#include "run/fast/turn.h"

const cuv_isa *cuv_isa_best(void)
{
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return &cuv_isa_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &cuv_isa_avx2;
#endif
    return &cuv_isa_base;
}

size_t cuv_packed_floats(size_t k, size_t cols, size_t panel)
{
    size_t panels = cols / panel + (cols % panel != 0), floats;
    return cuv_mul_size(panels, panel, &floats) && cuv_mul_size(floats, k, &floats) ? floats : SIZE_MAX;
}

enum { STRIDE = 16 };       /* floats at once: a count that the compiler knows becomes vectors */

static inline void copy_row(float *restrict to, const cuv_loose *restrict from, size_t n)
{
    size_t c = 0;
    for (; c + STRIDE <= n; c += STRIDE)
        memcpy(to + c, from + c, STRIDE * sizeof *to);
    for (; c < n; c++)
        to[c] = from[c];
}

/* to[0, n) = from[0, n) scale[0, n) */
static inline void scale_row(float *restrict to, const cuv_loose *restrict from, const float *restrict scale, size_t n)
{
    size_t c = 0;
    for (; c + STRIDE <= n; c += STRIDE)
        for (size_t j = 0; j < STRIDE; j++)
            to[c + j] = from[c + j] * scale[c + j];
    for (; c < n; c++)
        to[c] = from[c] * scale[c];
}

/* Rows [first, end) of `wide` columns whose floats lie one after the other, `col` apart, as rows of `panel` floats at `to`; four by four. */
static void turn_rows(float *to, const cuv_loose *from, size_t first, size_t end, size_t wide, size_t col, size_t panel)
{
    const size_t turned = wide & ~(size_t)3;        /* columns that go by fours, in the rows below i */
    size_t i = first;
    for (; i + 4 <= end; i += 4)
        for (size_t c = 0; c < turned; c += 4)
            cuv_turn_four(from + c * col + i, col, to + (i - first) * panel + c, panel);
    for (size_t row = first; row < end; row++)
        for (size_t c = row < i ? turned : 0; c < wide; c++)
            to[(row - first) * panel + c] = from[c * col + row];
}

void cuv_pack_rows(float *packed, const cuv_loose *w, const float *scale, size_t k, size_t first, size_t end, size_t cols, size_t row, size_t col,
                   size_t panel)
{
    for (size_t n = 0; n < cols; n += panel) {
        const size_t wide = cols - n < panel ? cols - n : panel;
        float *to = packed + n * k + first * panel;
        const bool turned = row == 1 && col != 1 && !scale;
        if (turned)
            turn_rows(to, w + n * col, first, end, wide, col, panel);
        for (size_t i = turned && wide == panel ? end : first; i < end; i++, to += panel) {
            const cuv_loose *from = w + i * row + n * col;
            if (col == 1 && scale)
                scale_row(to, from, scale + n, wide);
            else if (col == 1)
                copy_row(to, from, wide);
            else if (!turned)
                for (size_t c = 0; c < wide; c++)
                    to[c] = scale ? from[c * col] * scale[n + c] : from[c * col];
            if (wide < panel)
                memset(to + wide, 0, (panel - wide) * sizeof *to);
        }
    }
}

void cuv_pack_columns(float *packed, const cuv_loose *w, const float *scale, size_t n, size_t first, size_t k, size_t cols, size_t panel)
{
    for (size_t col = 0; col < cols; col += panel) {
        const size_t wide = cols - col < panel ? cols - col : panel;
        float *to = packed + col * k + first * panel;
        for (size_t i = 0; i < n; i++, to += panel) {
            for (size_t c = 0; c < wide; c++)
                to[c] = scale ? w[(col + c) * n + i] * scale[col + c] : w[(col + c) * n + i];
            memset(to + wide, 0, (panel - wide) * sizeof *to);
        }
    }
}

void cuv_pack(float *to, const cuv_loose *w, size_t k, size_t cols, size_t row, size_t col, size_t panel)
{
    cuv_pack_rows(to, w, NULL, k, 0, k, cols, row, col, panel);
}
