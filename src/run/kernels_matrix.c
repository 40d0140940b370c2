/* Reference kernels on matrices, and of scatter. */
#include "run/kernels.h"

/* As many numbers as any of qr (reflections), eigh (a matrix and its diagonals) and svd (two matrices) keeps. */
size_t cuv_scratch_matrix(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = &a->in[0];
    const size_t m = (size_t)x->shape[x->rank - 2], n = (size_t)x->shape[x->rank - 1], k = m < n ? m : n;
    return sizeof(double) * (m * n + k * k + 4 * k);
}

/* Row i of an index */
static int64_t row_at(const cuv_run_tensor *index, size_t i)
{
    return index->dtype == CUV_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
}

/* Turns two columns of `rows` numbers each, `step` apart, by an angle of cosine c and sine s */
static void turn(double *p, double *q, size_t rows, size_t step, double c, double s)
{
    for (size_t i = 0; i < rows; i++) {
        const double x = p[i * step], y = q[i * step];
        p[i * step] = c * x - s * y;
        q[i * step] = s * x + c * y;
    }
}

/* One pair of columns of w (p x q): orthogonal after it, v (q x q) following; false when they were already */
static bool part_columns(double *w, double *v, size_t p, size_t q, size_t i, size_t j)
{
    double a = 0, b = 0, g = 0;
    for (size_t r = 0; r < p; r++) {
        const double x = w[r * q + i], y = w[r * q + j];
        a += x * x;
        b += y * y;
        g += x * y;
    }
    if (!(fabs(g) > 1e-15 * sqrt(a * b)))
        return false;
    const double zeta = (b - a) / (2 * g), t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta)), c = 1 / sqrt(1 + t * t);
    turn(w + i, w + j, p, q, c, c * t);
    turn(v + i, v + j, q, q, c, c * t);
    return true;
}

/* Jacobi's one-sided rotations: w becomes u s, v the matrix of right singular vectors */
static void part_all_columns(double *w, double *v, size_t p, size_t q)
{
    bool more = true;
    for (size_t i = 0; i < q * q; i++)
        v[i] = i / q == i % q;
    for (int sweep = 0; more && sweep < 60; sweep++) {
        more = false;
        for (size_t i = 0; i < q; i++)
            for (size_t j = i + 1; j < q; j++)
                more |= part_columns(w, v, p, q, i, j);
    }
}

#include "run/as_float.h"
#include "run/kernels_matrix.inc"
#include "run/kernels_scatter.inc"
#include "run/as_double.h"
#include "run/kernels_matrix.inc"
#include "run/kernels_scatter.inc"
#include "run/as_int32.h"
#include "run/kernels_scatter.inc"
#include "run/as_int64.h"
#include "run/kernels_scatter.inc"
