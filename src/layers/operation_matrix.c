/* Operations on matrices that need no decomposition: triangles, diagonals, products by axes, norms, distances; and
 * grids of numbers. */
#include "layers/operation_emit.h"

#include <math.h>

/* ---- triangles and diagonals ---- */

/* Row number minus column number of the last two axes. */
static cuv_ref row_less_column(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return E2(SUB, cuv_counting(call, x, rank - 2, 1), cuv_counting(call, x, rank - 1, 0));
}

static cuv_status triangle(cuv_call *call, bool lower)
{
    cuv_ref x;
    int64_t k = cuv_option_int(call, "k", 0);
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->rank < 2)
        return cuv_bad_option(call, "x", "a tensor of two axes or more");
    cuv_ref d = row_less_column(call, x), edge = LIKE(d, (double)-k);
    return cuv_give(call, WHERE(lower ? E2(GREATER_EQUAL, d, edge) : E2(LESS_EQUAL, d, edge), x, LIKE(x, 0)));
}

cuv_status cuv_op_tril(cuv_call *call) { return triangle(call, true); }
cuv_status cuv_op_triu(cuv_call *call) { return triangle(call, false); }

/* The two axes of an option at the end. */
static cuv_status axes_to_end(cuv_call *call, cuv_ref *x)
{
    int a, b, rank = cuv_var_of(call, *x)->rank, perm[CUV_MAX_RANK], n = 0;
    CUV_TRY(cuv_option_axis(call, "axis1", rank, 0, &a));
    CUV_TRY(cuv_option_axis(call, "axis2", rank, 1, &b));
    if (a == b)
        return cuv_bad_option(call, "axis2", "another axis than 'axis1'");
    for (int i = 0; i < rank; i++)
        if (i != a && i != b)
            perm[n++] = i;
    perm[n] = a;
    perm[n + 1] = b;
    *x = cuv_transposed(call, *x, perm);
    return call->program->status;
}

cuv_status cuv_op_trace(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_to_sum(call, x);
    CUV_TRY(axes_to_end(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref d = row_less_column(call, x), on = E2(EQUAL, d, LIKE(d, (double)-cuv_option_int(call, "offset", 0)));
    return cuv_give(call, cuv_reduce(call, CUV_OP_SUM, WHERE(on, x, LIKE(x, 0)), (int[]){rank - 2, rank - 1}, 2, false));
}

static cuv_status diagonal_of(cuv_call *call, cuv_ref x, int64_t offset)
{
    const cuv_var *v = cuv_var_of(call, x);
    int rank = v->rank;
    int64_t rows = v->shape[rank - 2], columns = v->shape[rank - 1], shape[CUV_MAX_RANK], n = 0;
    double *at;
    cuv_ref index;
    if (rows < 0 || columns < 0)
        return cuv_bad_option(call, "x", "a tensor with two axes of known size");
    if (offset && (offset >= columns || -offset >= rows))
        return cuv_bad_option(call, "x", cuv_format(call->cx, "a tensor with a diagonal %lld", (long long)offset));
    at = cuv_arena_calloc(call->arena, (size_t)(rows < columns ? rows : columns) + 1, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = offset < 0 ? -offset : 0; i < rows && i + offset < columns; i++)
        at[n++] = (double)(i * columns + i + offset);
    CUV_TRY(cuv_constant(call, CUV_I32, at, &n, 1, &index));
    for (int i = 0; i < rank - 2; i++)
        shape[i] = -2 - i;
    shape[rank - 2] = rows * columns;
    x = cuv_emit_reshape(call->program, x, shape, rank - 1);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = rank - 2)));
}

cuv_status cuv_op_diagonal(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(axes_to_end(call, &x));
    return diagonal_of(call, x, cuv_option_int(call, "offset", 0));
}

/* A matrix with a row of n numbers on diagonal k. */
static cuv_status spread_on_diagonal(cuv_call *call, cuv_ref x, int64_t k)
{
    int64_t n = cuv_var_of(call, x)->shape[0], side = n + (k < 0 ? -k : k), from = k < 0 ? -k : 0;
    cuv_ref index;
    if (n < 0 || side > 4096)
        return cuv_bad_option(call, "x", "of known size, 4096 at most");
    double *at = cuv_arena_calloc(call->arena, (size_t)(side * side) + 1, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < side * side; i++)
        at[i] = (double)n;                              /* the zero behind the row */
    for (int64_t i = 0; i < n; i++)
        at[(from + i) * side + from + i + k] = (double)i;
    cuv_attrs pad = {.mode = CUV_MODE_CONSTANT};
    pad.pad_hi[0] = 1;
    CUV_TRY(cuv_constant(call, CUV_I32, at, (int64_t[]){side, side}, 2, &index));
    x = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pad);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = 0)));
}

cuv_status cuv_op_diag(cuv_call *call)
{
    cuv_ref x;
    int64_t k = cuv_option_int(call, "k", 0);
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    if (rank != 1 && rank != 2)
        return cuv_bad_option(call, "x", "a tensor of one or two axes");
    return rank == 2 ? diagonal_of(call, x, k) : spread_on_diagonal(call, x, k);
}

cuv_status cuv_op_diagflat(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return spread_on_diagonal(call, cuv_emit_reshape(call->program, x, (int64_t[]){-1}, 1), cuv_option_int(call, "k", 0));
}

/* ---- products ---- */

cuv_status cuv_op_kron(cuv_call *call)
{
    cuv_ref a, b;
    int64_t shape[CUV_MAX_RANK], sa[CUV_MAX_RANK], sb[CUV_MAX_RANK];
    int open = 0;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    while (cuv_var_of(call, a)->rank < cuv_var_of(call, b)->rank)
        a = cuv_expand_dims(call, a, 0);
    while (cuv_var_of(call, b)->rank < cuv_var_of(call, a)->rank)
        b = cuv_expand_dims(call, b, 0);
    const cuv_var *va = cuv_var_of(call, a), *vb = cuv_var_of(call, b);
    int rank = va->rank;
    if (2 * rank > CUV_MAX_RANK)
        return cuv_bad_option(call, "x1", "a tensor of four axes at most");
    for (int i = 0; i < rank; i++) {
        shape[i] = va->shape[i] < 0 || vb->shape[i] < 0 ? -1 : va->shape[i] * vb->shape[i];
        open += shape[i] < 0;
        sa[2 * i] = sb[2 * i + 1] = -2 - i;
        sa[2 * i + 1] = sb[2 * i] = 1;
    }
    if (open > 1)
        return cuv_bad_option(call, "x1", "a tensor with one axis of unknown size at most");
    a = cuv_emit_reshape(call->program, a, sa, 2 * rank);
    b = cuv_emit_reshape(call->program, b, sb, 2 * rank);
    return cuv_give(call, cuv_emit_reshape(call->program, E2(MUL, a, b), shape, rank));
}

/* One of the three numbers of a vector. */
static cuv_ref part(cuv_call *call, cuv_ref x, int64_t i)
{
    int last = cuv_var_of(call, x)->rank - 1;
    return cuv_var_of(call, x)->shape[last] == 2 && i == 2
               ? LIKE(x, 0) : cuv_squeeze(call, cuv_slice_axis(call, x, last, i, i + 1), last);
}

static cuv_ref cross_part(cuv_call *call, cuv_ref a, cuv_ref b, int64_t i)
{
    int64_t j = (i + 1) % 3, k = (i + 2) % 3;
    return E2(SUB, E2(MUL, part(call, a, j), part(call, b, k)), E2(MUL, part(call, a, k), part(call, b, j)));
}

cuv_status cuv_op_cross(cuv_call *call)
{
    cuv_ref a, b, parts[3];
    int axis_a, axis_b, axis_c;
    bool one = !cuv_is_null(cuv_option(call, "axis"));
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    int ra = cuv_var_of(call, a)->rank, rb = cuv_var_of(call, b)->rank;
    CUV_TRY(cuv_option_axis(call, one ? "axis" : "axisa", ra, -1, &axis_a));
    CUV_TRY(cuv_option_axis(call, one ? "axis" : "axisb", rb, -1, &axis_b));
    a = cuv_move_axis(call, a, axis_a, ra - 1);
    b = cuv_move_axis(call, b, axis_b, rb - 1);
    int64_t na = cuv_var_of(call, a)->shape[ra - 1], nb = cuv_var_of(call, b)->shape[rb - 1];
    if (na < 2 || na > 3 || nb < 2 || nb > 3)
        return cuv_bad_option(call, "axisa", "an axis of size 2 or 3");
    if (na == 2 && nb == 2)
        return cuv_give(call, cross_part(call, a, b, 2));
    for (int64_t i = 0; i < 3; i++)
        parts[i] = cross_part(call, a, b, i);
    int rank = cuv_var_of(call, parts[2])->rank;
    for (int i = 0; i < 3; i++)
        parts[i] = cuv_expand_dims(call, parts[i], rank);
    CUV_TRY(cuv_option_axis(call, one ? "axis" : "axisc", rank + 1, -1, &axis_c));
    cuv_ref y = cuv_emit(call->program, CUV_OP_CONCAT, parts, 3, CUV_AT(.axis = rank));
    return cuv_give(call, cuv_move_axis(call, y, rank, axis_c));
}

cuv_status cuv_op_corrcoef(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->dtype == CUV_U64)
        return cuv_bad_option(call, "x", "numbers other than uint64, which TensorFlow cannot multiply as matrices");
    x = cuv_var_of(call, x)->dtype == CUV_I64 ? x : cuv_as_float(call, x);     /* with int64 the mean and the products stay whole numbers */
    int last = cuv_var_of(call, x)->rank - 1;
    if (last != 1)
        return cuv_bad_option(call, "x", "a tensor of two axes");
    cuv_ref d = E2(SUB, x, cuv_mean_as_it_is(call, x, CUV_AT(.axes = {last}, .axes_count = 1, .keepdims = true)));
    cuv_ref squares = cuv_reduce(call, CUV_OP_SUM, E1(SQUARE, d), &last, 1, true);
    cuv_ref product = cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(d, d), CUV_AT(.transpose_b = true));
    const cuv_dtype floats = cuv_var_of(call, x)->dtype == CUV_I64 ? CUV_F64 : cuv_var_of(call, x)->dtype;
    cuv_ref length = E1(SQRT, TO(squares, floats));
    product = TO(product, floats);
    cuv_ref lengths = cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(length, length), CUV_AT(.transpose_b = true));
    cuv_ref y = E2(DIV, product, lengths);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(y), CUV_AT(.alpha = -1, .beta = 1)));
}

/* x1 with x2 slid along it. */
cuv_status cuv_op_correlate(cuv_call *call)
{
    cuv_ref a, b;
    const char *mode = cuv_option_text(call, "mode", "valid");
    CUV_TRY(cuv_operands_large_floats(call, &a, &b));
    int64_t n = cuv_var_of(call, a)->shape[0], m = cuv_var_of(call, b)->shape[0];
    bool full = strcmp(mode, "full") == 0;
    if (cuv_var_of(call, a)->rank != 1 || cuv_var_of(call, b)->rank != 1 || n < 0 || m < 1 || n < m)
        return cuv_bad_option(call, "x1", "a row of known size, no shorter than 'x2'");
    if (!full && strcmp(mode, "valid") != 0)
        return cuv_bad_option(call, "mode", "'valid' or 'full'");
    cuv_attrs attrs = {.groups = 1};
    attrs.pad_lo[0] = attrs.pad_hi[0] = full ? m - 1 : 0;
    a = cuv_emit_reshape(call->program, a, (int64_t[]){1, n, 1}, 3);
    b = cuv_emit_reshape(call->program, b, (int64_t[]){m, 1, 1}, 3);
    cuv_ref y = cuv_emit(call->program, CUV_OP_CONV, CUV_IN(a, b), &attrs);
    return cuv_give(call, cuv_emit_reshape(call->program, y, (int64_t[]){-1}, 1));
}

cuv_status cuv_op_vander(cuv_call *call)
{
    cuv_ref x, powers;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    cuv_dtype dtype = v->dtype;
    int64_t n = cuv_option_int(call, "N", v->shape[0]);
    double *at;
    if (v->rank != 1 || n < 1 || n > 4096)
        return cuv_bad_option(call, "N", "the number of columns, from 1 to 4096");
    at = cuv_arena_calloc(call->arena, (size_t)n, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < n; i++)
        at[i] = (double)(cuv_option_bool(call, "increasing", false) ? i : n - 1 - i);
    x = cuv_as_float(call, x);
    CUV_TRY(cuv_constant(call, cuv_var_of(call, x)->dtype, at, &n, 1, &powers));
    return cuv_give(call, TO(E2(POW, cuv_expand_dims(call, x, 1), powers), dtype));
}

/* ---- norms and distances ---- */

static cuv_ref order_norm(cuv_call *call, cuv_ref x, double order, const cuv_attrs *attrs)
{
    cuv_ref size = E1(ABS, x);
    if (isinf(order))
        return order > 0 ? REDUCE(MAX, size, attrs) : REDUCE(MIN, size, attrs);
    if (order == 2)
        return E1(SQRT, REDUCE(SUM, E1(SQUARE, x), attrs));
    if (order == 0)
        return REDUCE(SUM, TO(E2(NOT_EQUAL, x, LIKE(x, 0)), cuv_var_of(call, x)->dtype), attrs);
    cuv_ref sum = REDUCE(SUM, E2(POW, size, LIKE(x, order)), attrs);
    return E2(POW, sum, LIKE(x, 1 / order));
}

cuv_status cuv_op_norm(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    double order = 2;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    const cuv_value *v = cuv_option(call, "ord");
    int axes = attrs.axes_count ? attrs.axes_count : cuv_var_of(call, x)->rank;
    bool plain = cuv_is_null(v) || cuv_streq(cuv_text(v), "fro") || cuv_streq(cuv_text(v), "euclidean");
    if (!plain && (axes != 1 || !cuv_as_real(v, &order)))
        return cuv_bad_option(call, "ord", "None or 'fro', or a number along one axis");
    return cuv_give(call, order_norm(call, x, order, &attrs));
}

/* Keras's normalize: x / max(norm, epsilon); TensorFlow's l2_normalize: x / sqrt(max(sum x^2, epsilon)). */
cuv_status cuv_op_normalize(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {.keepdims = true};
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    bool tensorflow = call->layer->state != NULL;
    double order = cuv_option_real(call, "order", 2), epsilon = cuv_option_real(call, "epsilon", tensorflow ? 1e-12 : 1e-7);
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "axis", rank, attrs.axes, &attrs.axes_count));
    if (!attrs.axes_count && !tensorflow) {
        attrs.axes[0] = rank - 1;
        attrs.axes_count = 1;
    }
    if (order != 2)
        return cuv_give(call, E2(DIV, x, E2(MAXIMUM, order_norm(call, x, order, &attrs), LIKE(x, epsilon))));
    cuv_ref sum = REDUCE(SUM, E1(SQUARE, x), &attrs);
    if (tensorflow)
        return cuv_give(call, E2(MUL, x, E1(RSQRT, E2(MAXIMUM, sum, LIKE(sum, epsilon)))));
    return cuv_give(call, E2(MUL, x, E2(MINIMUM, E1(RSQRT, sum), LIKE(sum, 1 / epsilon))));
}

/* Distances of all rows of x to all rows of y. */
cuv_status cuv_op_cdist(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    int ra = cuv_var_of(call, a)->rank, rb = cuv_var_of(call, b)->rank;
    if (ra < 2 || rb < 2)
        return cuv_bad_option(call, "x", "a tensor of two axes or more");
    cuv_ref d = E2(SUB, cuv_expand_dims(call, a, ra - 1), cuv_expand_dims(call, b, rb - 2));
    int last = cuv_var_of(call, d)->rank - 1;
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_to_sum(call, E1(SQUARE, d)), &last, 1, false);
    return cuv_give(call, E1(SQRT, cuv_as_float(call, sum)));
}

/* ---- grids and choices ---- */

cuv_status cuv_op_meshgrid(cuv_call *call)
{
    cuv_ref out[CUV_MAX_RANK];
    int n = (int)call->in_count;
    bool xy = strcmp(cuv_option_text(call, "indexing", "xy"), "xy") == 0 && n > 1;
    if (n < 1 || n > CUV_MAX_RANK || call->arg_count != call->in_count)
        return cuv_bad_option(call, "x", "up to 8 rows");
    cuv_ref sum = CUV_NO_REF;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++) {
            int64_t shape[CUV_MAX_RANK];
            int place = xy && i < 2 ? 1 - i : i;
            for (int k = 0; k < n; k++)
                shape[k] = k == place ? -1 : 1;
            cuv_ref x = cuv_emit_reshape(call->program, call->in[i].value, shape, n);
            if (pass == 1) {
                out[i] = WHERE(sum, x, x);
                continue;
            }
            x = cuv_filled_like(call, x, 0, CUV_BOOL);      /* all of them together have the grid's shape */
            sum = sum == CUV_NO_REF ? x : E2(LOGICAL_OR, sum, x);
        }
    return cuv_give_many(call, out, (size_t)n);
}

/* x with the shape that it and another broadcast to. */
static cuv_ref spread_as(cuv_call *call, cuv_ref x, cuv_ref other)
{
    cuv_ref truth = E2(LOGICAL_OR, cuv_filled_like(call, x, 0, CUV_BOOL), cuv_filled_like(call, other, 0, CUV_BOOL));
    return WHERE(truth, x, x);
}

/* num numbers from start to stop; without the end, as if there were one more. */
static cuv_status evenly_between(cuv_call *call, cuv_ref a, cuv_ref b, cuv_ref *out)
{
    cuv_ref steps;
    int64_t num = cuv_option_int(call, "num", 50);
    bool endpoint = cuv_option_bool(call, "endpoint", true);
    int axis;
    if (num < 1 || num > 65536 || cuv_option_bool(call, "retstep", false))
        return cuv_bad_option(call, num < 1 || num > 65536 ? "num" : "retstep", num < 1 || num > 65536 ? "from 1 to 65536" : "False");
    double *at = cuv_arena_calloc(call->arena, (size_t)num, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    int rank = cuv_var_of(call, E2(SUB, b, a))->rank;
    CUV_TRY(cuv_option_axis(call, "axis", rank + 1, 0, &axis));
    if (!endpoint)
        b = num > 1 ? E2(SUB, b, E2(DIV, E2(SUB, b, a), LIKE(a, (double)num))) : a;
    for (int64_t i = 0; i < num - 2; i++)
        at[i] = (double)(i + 1);
    cuv_ref ends[3];        /* the first and the last are exact */
    ends[0] = cuv_expand_dims(call, spread_as(call, a, b), 0);
    ends[2] = cuv_expand_dims(call, spread_as(call, b, a), 0);
    *out = ends[0];
    if (num > 2) {
        cuv_ref delta = E2(DIV, E2(SUB, ends[2], ends[0]), LIKE(a, (double)(num - 1)));
        CUV_TRY(cuv_constant(call, cuv_var_of(call, a)->dtype, at, (int64_t[]){num - 2}, 1, &steps));
        for (int i = 0; i < rank; i++)
            steps = cuv_expand_dims(call, steps, i + 1);
        ends[1] = E2(ADD, ends[0], E2(MUL, delta, steps));
        *out = cuv_emit(call->program, CUV_OP_CONCAT, ends, 3, CUV_AT(.axis = 0));
    } else if (num == 2) {
        *out = cuv_emit(call->program, CUV_OP_CONCAT, CUV_IN(ends[0], ends[2]), CUV_AT(.axis = 0));
    }
    *out = cuv_move_axis(call, *out, 0, axis);
    return call->program->status;
}

static cuv_status evenly(cuv_call *call, cuv_ref *out)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, true, &a, &b));
    return evenly_between(call, a, b, out);
}

cuv_status cuv_op_linspace(cuv_call *call)
{
    cuv_ref y;
    cuv_dtype dtype;
    CUV_TRY(evenly(call, &y));
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, y)->dtype, &dtype));
    return cuv_give(call, cuv_dtype_is_float(dtype) ? TO(y, dtype) : TO(E1(FLOOR, y), dtype));
}

cuv_status cuv_op_logspace(cuv_call *call)
{
    cuv_ref y;
    if (!cuv_is_null(cuv_option(call, "dtype")))
        return cuv_bad_option(call, "dtype", "None");
    CUV_TRY(evenly(call, &y));
    return cuv_give(call, E2(POW, LIKE(y, cuv_option_real(call, "base", 10)), y));
}

static cuv_ref decades(cuv_call *call, cuv_ref x)
{
    return E2(DIV, E1(LOG, E1(ABS, x)), LIKE(x, 2.302585092994046));
}

/* Powers of ten that lie evenly, with the sign of the start. */
cuv_status cuv_op_geomspace(cuv_call *call)
{
    cuv_ref a, b, y;
    cuv_dtype dtype;
    int axis;
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &dtype));
    if (!cuv_dtype_is_float(dtype))
        return cuv_bad_option(call, "dtype", "None or a float");
    CUV_TRY(cuv_operand_ref(call, "start", dtype, &a));
    CUV_TRY(cuv_operand_ref(call, "stop", dtype, &b));
    a = TO(a, dtype);
    CUV_TRY(evenly_between(call, decades(call, a), decades(call, TO(b, dtype)), &y));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, y)->rank, 0, &axis));
    return cuv_give(call, E2(MUL, E2(POW, LIKE(y, 10), y), E1(SIGN, a)));      /* Keras lets the sign meet the last axes, whatever the axis is */
}

/* NumPy's rule, which TensorFlow's select keeps to: whole numbers need a float that holds them all. */
static cuv_dtype numpy_join(cuv_dtype a, cuv_dtype b)
{
    if (a == b)
        return a;
    if ((a == CUV_U64 && cuv_dtype_is_integer(b)) || (b == CUV_U64 && cuv_dtype_is_integer(a)))
        return cuv_dtype_is_signed(a == CUV_U64 ? b : a) ? CUV_F64 : CUV_U64;
    if (cuv_dtype_is_float(a) == cuv_dtype_is_float(b))
        return cuv_join_dtypes((cuv_kind_of){.dtype = a}, (cuv_kind_of){.dtype = b});
    cuv_dtype real = cuv_dtype_is_float(a) ? a : b, whole = cuv_dtype_is_float(a) ? b : a;
    size_t bits = whole == CUV_U8 ? 1 : whole == CUV_U16 ? 2 : cuv_dtype_size(whole);
    return bits > 2 || real == CUV_F64 ? CUV_F64 : bits > 1 || real == CUV_F32 ? CUV_F32 : real;
}

static cuv_dtype selected_dtype(const cuv_call *call, const cuv_ref *choices, size_t n)
{
    cuv_dtype dtype = cuv_var_of(call, choices[0])->dtype;
    for (size_t i = 1; i < n; i++)
        dtype = numpy_join(dtype, cuv_var_of(call, choices[i])->dtype);
    cuv_kind_of other = cuv_operand(call, "default") ? cuv_operand_kind(call, "default") : (cuv_kind_of){.dtype = dtype};
    if (!other.weak)
        return other.dtype == CUV_BOOL ? dtype : numpy_join(dtype, other.dtype);
    if (dtype == CUV_BOOL && other.dtype == CUV_I32)
        return CUV_I64;
    if (dtype == CUV_BF16 && cuv_dtype_is_float(other.dtype))
        return CUV_F64;
    return cuv_dtype_is_float(other.dtype) && !cuv_dtype_is_float(dtype) ? CUV_F64 : dtype;
}

/* The first choice whose condition holds. */
cuv_status cuv_op_select(cuv_call *call)
{
    cuv_ref *conditions, *choices, y;
    size_t n, m;
    CUV_TRY(cuv_operand_list(call, "condlist", &conditions, &n));
    CUV_TRY(cuv_operand_list(call, "choicelist", &choices, &m));
    const cuv_kwarg *given = cuv_operand(call, "choicelist");
    for (size_t i = 0; given && given->list_count == m && i < m; i++)      /* not joined yet: the dtype that all share may hold less */
        choices[i] = given->list[i].value;
    if (n != m)
        return cuv_bad_option(call, "choicelist", "as long as 'condlist'");
    cuv_dtype dtype = selected_dtype(call, choices, n);
    y = LIKE(choices[0], 0);
    if (cuv_operand(call, "default"))
        CUV_TRY(cuv_operand_ref(call, "default", dtype, &y));
    y = TO(y, dtype);
    for (size_t i = n; i-- > 0;)
        y = WHERE(cuv_to_bool(call, conditions[i]), TO(choices[i], dtype), y);
    return cuv_give(call, y);
}

cuv_status cuv_op_unravel_index(cuv_call *call)
{
    cuv_ref x, out[CUV_MAX_RANK];
    int64_t shape[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    int n = cuv_option_ints(call, "shape", shape);
    if (n < 1 || cuv_var_of(call, x)->rank != 1)
        return cuv_bad_option(call, n < 1 ? "shape" : "indices", n < 1 ? "a list of sizes" : "a row");
    for (int i = n; i-- > 0;) {
        out[i] = E2(MOD, x, LIKE(x, (double)shape[i]));
        x = E2(FLOOR_DIV, x, LIKE(x, (double)shape[i]));
    }
    return cuv_give_many(call, out, (size_t)n);
}

/* Counted at each run, since the batch's size is not known before. */
cuv_status cuv_op_size(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_emit(call->program, CUV_OP_SUM, CUV_IN(cuv_filled_like(call, x, 1, CUV_I32)), NULL));
}
