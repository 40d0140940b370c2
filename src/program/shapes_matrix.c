/* Shape rules of the ops on matrices. */
#include "program/shapes.h"

static cuv_status matrix(const cuv_shaping *s, const cuv_var *x, const char *what)
{
    return x->rank >= 2 ? CUV_OK : cuv_shape_no(s, "the %s must be a matrix or a batch of them", what);
}

/* x as a square matrix, whose known size both axes get. */
static cuv_status square(const cuv_shaping *s, cuv_var *x)
{
    int64_t n;
    CUV_TRY(matrix(s, s->in[0], "input"));
    *x = *s->in[0];
    if (!cuv_dim_merge(x->shape[x->rank - 2], x->shape[x->rank - 1], &n))
        return cuv_shape_no(s, "the matrix must be square");
    x->shape[x->rank - 2] = x->shape[x->rank - 1] = n;
    return CUV_OK;
}

/* The axes before the last two, and after them `count` sizes. */
static void give(const cuv_shaping *s, int out, cuv_dtype dtype, const int64_t *sizes, int count)
{
    cuv_var *y = cuv_shape_like(s, (size_t)out, s->in[0], dtype);
    y->rank -= 2;
    for (int i = 0; i < count; i++)
        y->shape[y->rank++] = sizes[i];
}

cuv_status cuv_shape_square(const cuv_shaping *s)
{
    cuv_var x;
    CUV_TRY(square(s, &x));
    cuv_shape_like(s, 0, &x, x.dtype);
    return CUV_OK;
}

cuv_status cuv_shape_lu(const cuv_shaping *s)
{
    cuv_var x;
    CUV_TRY(square(s, &x));
    cuv_shape_like(s, 0, &x, x.dtype);
    give(s, 1, CUV_I32, &x.shape[x.rank - 1], 1);
    return CUV_OK;
}

cuv_status cuv_shape_eigh(const cuv_shaping *s)
{
    cuv_var x;
    CUV_TRY(square(s, &x));
    give(s, 0, x.dtype, &x.shape[x.rank - 1], 1);
    cuv_shape_like(s, 1, &x, x.dtype);
    return CUV_OK;
}

cuv_status cuv_shape_triangular_solve(const cuv_shaping *s)
{
    const cuv_var *b = s->in[1];
    cuv_var a;
    int64_t want[CUV_MAX_RANK];
    CUV_TRY(square(s, &a));
    CUV_TRY(matrix(s, b, "right side"));
    memcpy(want, a.shape, sizeof want);
    want[a.rank - 1] = b->shape[b->rank - 1];
    CUV_TRY(cuv_shape_expect(s, b, "right side", want, a.rank));
    cuv_var *y = cuv_shape_like(s, 0, b, a.dtype);
    for (int i = 0; i < a.rank - 1; i++)
        (void)cuv_dim_merge(a.shape[i], b->shape[i], &y->shape[i]);
    return CUV_OK;
}

cuv_status cuv_shape_qr(const cuv_shaping *s)
{
    CUV_TRY(matrix(s, s->in[0], "input"));
    const cuv_var *x = s->in[0];
    int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
    give(s, 0, x->dtype, (const int64_t[]){m, m}, 2);
    give(s, 1, x->dtype, (const int64_t[]){m, n}, 2);
    return CUV_OK;
}

cuv_status cuv_shape_svd(const cuv_shaping *s)
{
    CUV_TRY(matrix(s, s->in[0], "input"));
    const cuv_var *x = s->in[0];
    int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1], k = m < 0 || n < 0 ? -1 : m < n ? m : n;
    give(s, 0, x->dtype, &k, 1);
    give(s, 1, x->dtype, (const int64_t[]){m, k}, 2);
    give(s, 2, x->dtype, (const int64_t[]){n, k}, 2);
    return CUV_OK;
}
