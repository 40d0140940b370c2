/* Decompositions of matrices, and what they solve (keras.ops.linalg). A matrix is the last two axes. */
#include "layers/operation_emit.h"

#include <float.h>

/* x, a float matrix or a batch of them; `square`: as many rows as columns. */
static cuv_status matrix_x(cuv_call *call, bool square, cuv_ref *x)
{
    CUV_TRY(cuv_operand_x(call, x));
    const cuv_var *v = cuv_var_of(call, *x);
    bool fits = v->rank >= 2 && cuv_dtype_is_float(v->dtype);
    if (fits && square)
        fits = v->shape[v->rank - 2] == v->shape[v->rank - 1];
    return fits ? CUV_OK : cuv_bad_option(call, cuv_operand_name(call, 0), square ? "a square matrix of floats, or a batch of them"
                                                                                : "a matrix of floats, or a batch of them");
}

static cuv_ref swapped(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return cuv_move_axis(call, x, rank - 1, rank - 2);
}

/* Row number less column number. */
static cuv_ref below_diagonal(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return E2(SUB, cuv_counting(call, x, rank - 2, 1), cuv_counting(call, x, rank - 1, 0));
}

/* Ones on the diagonal of a tensor like x. */
static cuv_ref unit_like(cuv_call *call, cuv_ref x)
{
    cuv_ref d = below_diagonal(call, x);
    return WHERE(E2(EQUAL, d, LIKE(d, 0)), cuv_filled_like(call, x, 1, cuv_var_of(call, x)->dtype), LIKE(x, 0));
}

static cuv_ref diagonal_sum_of(cuv_call *call, cuv_ref x, cuv_ref values)
{
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref d = below_diagonal(call, x), on = E2(EQUAL, d, LIKE(d, 0));
    return cuv_reduce(call, CUV_OP_SUM, WHERE(on, values, LIKE(values, 0)), (int[]){rank - 2, rank - 1}, 2, false);
}

static cuv_ref triangular(cuv_call *call, cuv_ref a, cuv_ref b, bool lower, bool turned)
{
    return cuv_emit(call->program, CUV_OP_TRIANGULAR_SOLVE, CUV_IN(a, b), CUV_AT(.lower = lower, .transpose_a = turned));
}

/* ---- Cholesky ---- */

cuv_status cuv_op_cholesky(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    cuv_ref l = cuv_emit(call->program, CUV_OP_CHOLESKY, CUV_IN(x), CUV_AT(.some = true));
    return cuv_give(call, cuv_option_bool(call, "upper", false) ? swapped(call, l) : l);
}

/* The inverse of l l^T, or u^T u. */
cuv_status cuv_op_cholesky_inverse(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    bool upper = cuv_option_bool(call, "upper", false);
    cuv_ref inverse = triangular(call, x, unit_like(call, x), !upper, false);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(inverse, inverse),
                                   CUV_AT(.transpose_a = !upper, .transpose_b = upper)));
}

/* 2 sum of ln l[i,i]: of a matrix that has a Cholesky decomposition. */
cuv_status cuv_op_logdet(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    cuv_ref l = E1(CHOLESKY, x), y = diagonal_sum_of(call, l, E1(LOG, l));
    return cuv_give(call, E2(MUL, y, LIKE(y, 2)));
}

/* ---- LU ---- */

typedef struct lu { cuv_ref both, rows; } lu;

static lu factored(cuv_call *call, cuv_ref x)
{
    cuv_ref y = E1(LU, x);
    return (lu){y, call->program->status == CUV_OK ? y + 1 : CUV_NO_REF};
}

/* Keras gives where each row went; the op, where each came from. */
cuv_status cuv_op_lu_factor(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    lu f = factored(call, x);
    CUV_TRY(call->program->status);
    int last = cuv_var_of(call, f.rows)->rank - 1;
    cuv_ref places = cuv_emit(call->program, CUV_OP_ARGSORT, CUV_IN(f.rows), CUV_AT(.axis = last));
    return cuv_give_many(call, (cuv_ref[]){f.both, places}, 2);
}

/* 1 or -1: whether an even number of exchanges orders the rows. A pair in the wrong order counts -1. */
static cuv_ref parity(cuv_call *call, cuv_ref rows, cuv_dtype dtype)
{
    int last = cuv_var_of(call, rows)->rank - 1;
    cuv_ref later = cuv_expand_dims(call, rows, last + 1), earlier = cuv_expand_dims(call, rows, last);
    cuv_ref pair = E2(SUB, later, earlier), d = below_diagonal(call, pair);
    cuv_ref sign = WHERE(E2(GREATER, d, LIKE(d, 0)), E1(SIGN, pair), LIKE(pair, 1));
    return TO(cuv_reduce(call, CUV_OP_PROD, sign, (int[]){last, last + 1}, 2, false), dtype);
}

static cuv_ref diagonal_product(cuv_call *call, cuv_ref x, cuv_ref values)
{
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref d = below_diagonal(call, x), on = E2(EQUAL, d, LIKE(d, 0));
    return cuv_reduce(call, CUV_OP_PROD, WHERE(on, values, LIKE(values, 1)), (int[]){rank - 2, rank - 1}, 2, false);
}

cuv_status cuv_op_det(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    lu f = factored(call, x);
    CUV_TRY(call->program->status);
    return cuv_give(call, E2(MUL, diagonal_product(call, x, f.both), parity(call, f.rows, cuv_var_of(call, x)->dtype)));
}

cuv_status cuv_op_slogdet(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    lu f = factored(call, x);
    CUV_TRY(call->program->status);
    cuv_ref sign = E2(MUL, diagonal_product(call, x, E1(SIGN, f.both)), parity(call, f.rows, cuv_var_of(call, x)->dtype));
    return cuv_give_many(call, (cuv_ref[]){sign, diagonal_sum_of(call, x, E1(LOG, E1(ABS, f.both)))}, 2);
}

/* y with a y = b; b is a matrix too. */
cuv_status cuv_solve_matrix(cuv_call *call, cuv_ref a, cuv_ref b, cuv_ref *out)
{
    lu f = factored(call, a);
    CUV_TRY(call->program->status);
    int rank = cuv_var_of(call, b)->rank;
    cuv_ref d = below_diagonal(call, a), half = WHERE(E2(GREATER, d, LIKE(d, 0)), f.both, LIKE(a, 0));
    cuv_ref lower = E2(ADD, half, unit_like(call, a)), rows = cuv_expand_dims(call, f.rows, rank - 1);
    b = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(b, rows), CUV_AT(.axis = rank - 2));
    *out = triangular(call, f.both, triangular(call, lower, b, true, false), false, false);
    return call->program->status;
}

cuv_status cuv_op_inv(cuv_call *call)
{
    cuv_ref x, y;
    CUV_TRY(matrix_x(call, true, &x));
    CUV_TRY(cuv_solve_matrix(call, x, unit_like(call, x), &y));
    return cuv_give(call, y);
}

/* a and b of a system; a b with an axis less is a column. */
static cuv_status system_of(cuv_call *call, cuv_ref *a, cuv_ref *b, bool *column)
{
    CUV_TRY(matrix_x(call, false, a));
    CUV_TRY(cuv_operand_ref(call, "b", cuv_var_of(call, *a)->dtype, b));
    *b = TO(*b, cuv_var_of(call, *a)->dtype);
    int ra = cuv_var_of(call, *a)->rank, rb = cuv_var_of(call, *b)->rank;
    if (rb != ra && rb != ra - 1)
        return cuv_bad_option(call, "b", "a column or a matrix for each matrix 'a'");
    *column = rb == ra - 1;
    if (*column)
        *b = cuv_expand_dims(call, *b, rb);
    return call->program->status;
}

static cuv_status give_solution(cuv_call *call, cuv_ref y, bool column)
{
    CUV_TRY(call->program->status);
    return cuv_give(call, column ? cuv_squeeze(call, y, cuv_var_of(call, y)->rank - 1) : y);
}

cuv_status cuv_op_solve(cuv_call *call)
{
    cuv_ref a, b, y;
    bool column;
    CUV_TRY(system_of(call, &a, &b, &column));
    CUV_TRY(cuv_solve_matrix(call, a, b, &y));
    return give_solution(call, y, column);
}

cuv_status cuv_op_solve_triangular(cuv_call *call)
{
    cuv_ref a, b;
    bool column;
    CUV_TRY(system_of(call, &a, &b, &column));
    return give_solution(call, triangular(call, a, b, cuv_option_bool(call, "lower", false), false), column);
}

/* ---- QR and eigenvalues ---- */

/* The op gives q and r whole; "reduced" leaves out what is multiplied by 0. */
cuv_status cuv_op_qr(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, false, &x));
    const cuv_var *v = cuv_var_of(call, x);
    int rank = v->rank;
    int64_t m = v->shape[rank - 2], n = v->shape[rank - 1];
    const char *mode = cuv_option_text(call, "mode", "reduced");
    if (m < 1 || n < 1)
        return cuv_bad_option(call, "x", "of known rows and columns");
    if (strcmp(mode, "reduced") != 0 && strcmp(mode, "complete") != 0)
        return cuv_bad_option(call, "mode", "'reduced' or 'complete'");
    cuv_ref q = E1(QR, x);
    CUV_TRY(call->program->status);
    if (strcmp(mode, "complete") == 0 || m <= n)
        return cuv_give_many(call, (cuv_ref[]){q, q + 1}, 2);
    cuv_ref reduced[2] = {cuv_slice_axis(call, q, rank - 1, 0, n), cuv_slice_axis(call, q + 1, rank - 2, 0, n)};
    return cuv_give_many(call, reduced, 2);
}

cuv_status cuv_op_eigh(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, true, &x));
    cuv_ref w = E1(EIGH, x);
    CUV_TRY(call->program->status);
    cuv_warn(call->cx, "operation.signs", &(cuv_detail){.layer = call->layer->name,
             .help = "eigenvalues, and what does not depend on the vectors' signs, are not concerned"},
             "'%s' (Eigh): an eigenvector and its negative are both right; those of large matrices may have the other sign than in Keras",
             call->layer->name);
    return cuv_give_many(call, (cuv_ref[]){w, w + 1}, 2);
}

/* ---- singular values ---- */

typedef struct svd { cuv_ref s, u, v; } svd;

static cuv_status decomposed(cuv_call *call, cuv_ref x, svd *out)
{
    cuv_ref s = E1(SVD, x);
    CUV_TRY(call->program->status);
    *out = (svd){s, s + 1, s + 2};
    return CUV_OK;
}

cuv_status cuv_op_svd(cuv_call *call)
{
    cuv_ref x;
    svd d;
    CUV_TRY(matrix_x(call, false, &x));
    if (cuv_option_bool(call, "compute_uv", true))
        return cuv_bad_option(call, "compute_uv", "False (the signs of singular vectors have no unique answer)");
    CUV_TRY(decomposed(call, x, &d));
    return cuv_give(call, d.s);
}

static double smallest_step(cuv_dtype dtype)
{
    return dtype == CUV_F64 ? DBL_EPSILON : dtype == CUV_F16 ? 0.0009765625 : dtype == CUV_BF16 ? 0.0078125 : (double)FLT_EPSILON;
}

/* The larger of a matrix's known sizes. */
static cuv_status longer_side(cuv_call *call, cuv_ref x, double *out)
{
    const cuv_var *v = cuv_var_of(call, x);
    int64_t m = v->shape[v->rank - 2], n = v->shape[v->rank - 1];
    *out = (double)(m > n ? m : n);
    return m < 1 || n < 1 ? cuv_bad_option(call, cuv_operand_name(call, 0), "of known rows and columns") : CUV_OK;
}

/* Which singular values count: those above `cut` (or at it) times the largest. */
static cuv_ref counting_values(cuv_call *call, const svd *d, double cut, bool also_at)
{
    int last = cuv_var_of(call, d->s)->rank - 1;
    cuv_ref least = cuv_reduce(call, CUV_OP_MAX, d->s, &last, 1, true);
    least = E2(MUL, least, LIKE(least, cut));
    return also_at ? E2(GREATER_EQUAL, d->s, least) : E2(GREATER, d->s, least);
}

cuv_status cuv_op_matrix_rank(cuv_call *call)
{
    cuv_ref x;
    svd d;
    double side, tol;
    CUV_TRY(matrix_x(call, false, &x));
    CUV_TRY(longer_side(call, x, &side));
    CUV_TRY(decomposed(call, x, &d));
    int last = cuv_var_of(call, d.s)->rank - 1;
    const cuv_value *given = cuv_option(call, "tol");
    cuv_ref counts = counting_values(call, &d, side * smallest_step(cuv_var_of(call, x)->dtype), false);
    if (cuv_as_real(given, &tol))
        counts = E2(GREATER, d.s, LIKE(d.s, tol));
    else if (!cuv_is_null(given))
        return cuv_bad_option(call, "tol", "None or a number");
    return cuv_give(call, cuv_reduce(call, CUV_OP_SUM, TO(counts, CUV_I32), &last, 1, false));
}

/* v (1/s) u^T, without the singular values that do not count. */
static cuv_ref pseudo_inverse(cuv_call *call, const svd *d, cuv_ref counts)
{
    cuv_ref safe = WHERE(counts, d->s, LIKE(d->s, 1)), inverse = WHERE(counts, E1(RECIPROCAL, safe), LIKE(safe, 0));
    int last = cuv_var_of(call, inverse)->rank;
    cuv_ref scaled = E2(MUL, d->v, cuv_expand_dims(call, inverse, last - 1));
    return cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(scaled, d->u), CUV_AT(.transpose_b = true));
}

static cuv_status cut_of(cuv_call *call, double fallback, double *cut)
{
    const cuv_value *given = cuv_option(call, "rcond");
    *cut = fallback;
    if (cuv_is_null(given) || cuv_as_real(given, cut))
        return CUV_OK;
    return cuv_bad_option(call, "rcond", "None or a number");
}

cuv_status cuv_op_pinv(cuv_call *call)
{
    cuv_ref x;
    svd d;
    double side, cut;
    CUV_TRY(matrix_x(call, false, &x));
    CUV_TRY(longer_side(call, x, &side));
    CUV_TRY(cut_of(call, 10 * side * smallest_step(cuv_var_of(call, x)->dtype), &cut));
    CUV_TRY(decomposed(call, x, &d));
    return cuv_give(call, pseudo_inverse(call, &d, counting_values(call, &d, cut, false)));
}

cuv_status cuv_op_lstsq(cuv_call *call)
{
    cuv_ref a, b;
    svd d;
    bool column;
    double side, cut, step;
    CUV_TRY(system_of(call, &a, &b, &column));
    CUV_TRY(longer_side(call, a, &side));
    step = smallest_step(cuv_var_of(call, a)->dtype);
    CUV_TRY(cut_of(call, side * step, &cut));
    CUV_TRY(decomposed(call, a, &d));
    cuv_ref inverse = pseudo_inverse(call, &d, counting_values(call, &d, cut < 0 ? step : cut, true));
    return give_solution(call, E2(MATMUL, inverse, b), column);
}
