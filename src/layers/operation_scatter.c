/* Operations that put values at places given as numbers: scatter, segments, histograms, what is there once. */
#include "layers/operation_emit.h"

#include <float.h>
#include <math.h>

/* Scatter into rows; truth values count as 0 and 1. */
static cuv_ref scattered(cuv_call *call, cuv_mode mode, cuv_ref x, cuv_ref index, cuv_ref updates)
{
    bool truth = cuv_var_of(call, x)->dtype == CUV_BOOL;
    if (truth) {
        x = TO(x, CUV_I32);
        updates = TO(updates, CUV_I32);
    }
    cuv_ref y = cuv_emit(call->program, CUV_OP_SCATTER, CUV_IN(x, index, updates), CUV_AT(.mode = mode));
    return truth ? TO(y, CUV_BOOL) : y;
}

enum { MOST_PLACES = 1 << 24 };

/* ---- scatter and scatter_update: indices (..., axes) name places along the first axes ---- */

/* Row numbers of places in the first `axes` axes of a shape; -1 for those outside. */
static cuv_ref row_numbers(cuv_call *call, cuv_ref indices, const int64_t *shape, int64_t axes)
{
    cuv_ref row = CUV_NO_REF, outside = CUV_NO_REF;
    if (cuv_var_of(call, indices)->dtype != CUV_I64)
        indices = TO(indices, CUV_I32);
    indices = cuv_emit_reshape(call->program, indices, (int64_t[]){-1, axes}, 2);
    for (int64_t i = 0; i < axes; i++) {
        cuv_ref at = cuv_squeeze(call, cuv_slice_axis(call, indices, 1, i, i + 1), 1), size = LIKE(at, (double)shape[i]);
        cuv_ref out = E2(LOGICAL_OR, E2(LESS, at, LIKE(at, 0)), E2(GREATER_EQUAL, at, size));
        row = row == CUV_NO_REF ? at : E2(ADD, E2(MUL, row, size), at);
        outside = cuv_mask_join(call, CUV_OP_LOGICAL_OR, outside, out);
    }
    return outside == CUV_NO_REF ? row : WHERE(outside, LIKE(row, -1), row);
}

/* The indices, which TensorFlow wants to be places: each is looked up in a table of all places, and one that is none names itself as it runs. */
static cuv_status places(cuv_call *call, cuv_ref *indices, const int64_t *shape, int64_t axes)
{
    cuv_ref parts[CUV_MAX_RANK];
    const int last = cuv_var_of(call, *indices)->rank - 1;
    for (int64_t i = 0; i < axes; i++) {
        cuv_tensor *table;
        void *data;
        if (shape[i] > MOST_PLACES)
            return cuv_bad_option(call, "indices", cuv_format(call->cx, "for axes of up to %d", MOST_PLACES));
        CUV_TRY(cuv_tensor_new(call->arena, CUV_I32, &shape[i], 1, &table, &data));
        for (int32_t k = 0; k < shape[i]; k++)
            ((int32_t *)data)[k] = k;
        cuv_ref at = TO(TO(cuv_slice_axis(call, *indices, last, i, i + 1), CUV_U32), CUV_I64);       /* one below 0 is no place from the end */
        parts[i] = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(cuv_program_constant(call->program, table), at), CUV_AT(.axis = 0));
    }
    *indices = axes == 1 ? parts[0] : cuv_emit(call->program, CUV_OP_CONCAT, parts, (size_t)axes, CUV_AT(.axis = last));
    return call->program->status;
}

/* How many axes the indices name (their last size), and how many rows these have. */
static cuv_status named_axes(cuv_call *call, cuv_ref indices, const int64_t *shape, int rank, int64_t *axes, int64_t *rows)
{
    const cuv_var *v = cuv_var_of(call, indices);
    *axes = v->rank ? v->shape[v->rank - 1] : -1;
    *rows = 1;
    if (cuv_dtype_is_float(v->dtype) || v->dtype == CUV_BOOL || *axes < 1 || *axes > rank)
        return cuv_bad_option(call, "indices", "whole numbers, the last axis naming axes of the result");
    for (int64_t i = 0; i < *axes; i++)
        if (shape[i] < 0 || !cuv_mul_i64(*rows, shape[i], rows) || *rows > INT32_MAX)
            return cuv_bad_option(call, "indices", "for axes of known size");
    return CUV_OK;
}

cuv_status cuv_op_scatter(cuv_call *call)
{
    cuv_ref indices, values;
    int64_t shape[CUV_MAX_RANK], axes, rows, row = 1;
    int rank = cuv_option_ints(call, "shape", shape);
    CUV_TRY(cuv_operand_ref(call, "indices", CUV_I32, &indices));
    CUV_TRY(cuv_operand_ref(call, "values", CUV_F32, &values));
    if (rank < 1)
        return cuv_bad_option(call, "shape", "a list of sizes");
    CUV_TRY(named_axes(call, indices, shape, rank, &axes, &rows));
    for (int i = (int)axes; i < rank; i++)
        if (shape[i] < 0 || !cuv_mul_i64(row, shape[i], &row))
            return cuv_bad_option(call, "shape", "a list of sizes");
    cuv_attrs zeros = {.shape = {rows, row}, .shape_count = 2, .dtype = cuv_var_of(call, values)->dtype};
    cuv_ref x = cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &zeros);
    values = cuv_emit_reshape(call->program, values, (int64_t[]){-1, row}, 2);
    x = scattered(call, CUV_MODE_ADD, x, row_numbers(call, indices, shape, axes), values);
    return cuv_give(call, cuv_emit_reshape(call->program, x, shape, rank));
}

static cuv_status mode_of(cuv_call *call, cuv_mode *mode)
{
    static const char *const names[] = {"add", "mul", "max", "min"};
    const char *name = cuv_option_text(call, "reduction", NULL);
    *mode = CUV_MODE_SET;
    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            *mode = (cuv_mode)(CUV_MODE_ADD + i);
    return name && *mode == CUV_MODE_SET ? cuv_bad_option(call, "reduction", "None, 'add', 'mul', 'max' or 'min'") : CUV_OK;
}

cuv_status cuv_op_scatter_update(cuv_call *call)
{
    cuv_ref x, indices, updates;
    int64_t axes, rows, row = 1;
    cuv_attrs back = {0};
    cuv_mode mode;
    CUV_TRY(mode_of(call, &mode));
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "indices", CUV_I32, &indices));
    CUV_TRY(cuv_operand_ref(call, "updates", cuv_var_of(call, x)->dtype, &updates));
    const cuv_var v = *cuv_var_of(call, x);
    CUV_TRY(named_axes(call, indices, v.shape, v.rank, &axes, &rows));
    for (int i = (int)axes; i < v.rank; i++)
        if (v.shape[i] < 0 || !cuv_mul_i64(row, v.shape[i], &row))
            return cuv_bad_option(call, "inputs", "of known size");
    if (rows == 0 || row == 0)
        return cuv_bad_option(call, "inputs", "of at least one number: there is no place for 'updates'");
    CUV_TRY(places(call, &indices, v.shape, axes));
    cuv_ref y = cuv_emit_reshape(call->program, x, (int64_t[]){rows, row}, 2);
    updates = cuv_emit_reshape(call->program, TO(updates, v.dtype), (int64_t[]){-1, row}, 2);
    y = scattered(call, mode, y, row_numbers(call, indices, v.shape, axes), updates);
    back.shape_count = v.rank;
    memcpy(back.shape, v.shape, sizeof back.shape);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(y), &back));
}

/* ---- segments ---- */

/* What a segment without rows has: the end of the dtype's range. */
static double range_end(cuv_dtype dtype, bool least)
{
    double most = dtype == CUV_F64 ? DBL_MAX : dtype == CUV_F16 ? 65504 : dtype == CUV_BF16 ? 3.3895313892515355e38
                : FLT_MAX;
    if (cuv_dtype_is_integer(dtype))
        return cuv_integer_end(dtype, least);
    return least ? -most : most;
}

static cuv_status segments(cuv_call *call, cuv_mode mode, double empty, bool range)
{
    cuv_ref x, ids;
    int64_t count = cuv_option_int(call, "num_segments", -1);
    CUV_TRY(cuv_operand_ref(call, "data", CUV_F32, &x));
    CUV_TRY(cuv_operand_ref(call, "segment_ids", CUV_I32, &ids));
    if (cuv_var_of(call, x)->dtype == CUV_BOOL)
        x = TO(x, CUV_I32);
    const cuv_var v = *cuv_var_of(call, x);
    if (count < 1 || count > INT32_MAX)
        return cuv_bad_option(call, "num_segments", "a number (without it the result's size depends on the values)");
    if (cuv_var_of(call, ids)->rank != 1 || v.rank < 1)
        return cuv_bad_option(call, "segment_ids", "a row, with data of as many rows");
    ids = cuv_var_of(call, ids)->dtype == CUV_I64 ? ids : TO(ids, CUV_I32);
    if (range && (v.dtype == CUV_I64 || v.dtype == CUV_U64)) {     /* whose last number no double has: the bits of the first one, turned round */
        cuv_attrs first = {.shape_count = v.rank, .dtype = CUV_I64, .value = -0x1p63, .shape = {count}};
        for (int i = 1; i < v.rank; i++)
            first.shape[i] = -2 - i;
        cuv_ref end = cuv_emit(call->program, CUV_OP_FILL, CUV_IN(x), &first);
        end = empty < 0 ? end : E2(BITWISE_XOR, end, LIKE(end, -1));
        return cuv_give(call, cuv_out_of_order(call, scattered(call, mode, end, ids, cuv_in_order(call, x)), v.dtype));
    }
    cuv_attrs fill = {.shape_count = v.rank, .dtype = v.dtype, .value = range ? range_end(v.dtype, empty < 0) : empty};
    fill.shape[0] = count;
    for (int i = 1; i < v.rank; i++)
        fill.shape[i] = -2 - i;
    cuv_ref start = cuv_emit(call->program, CUV_OP_FILL, CUV_IN(x), &fill);
    return cuv_give(call, scattered(call, mode, start, ids, x));
}

cuv_status cuv_op_segment_sum(cuv_call *call) { return segments(call, CUV_MODE_ADD, 0, false); }
cuv_status cuv_op_segment_prod(cuv_call *call) { return segments(call, CUV_MODE_MUL, 1, false); }
cuv_status cuv_op_segment_max(cuv_call *call) { return segments(call, CUV_MODE_MAX, -1, true); }
cuv_status cuv_op_segment_min(cuv_call *call) { return segments(call, CUV_MODE_MIN, 1, true); }

/* ---- histograms, single values, partitions ---- */

static cuv_status row_x(cuv_call *call, cuv_ref *x, int64_t *n)
{
    CUV_TRY(cuv_operand_x(call, x));
    *n = cuv_var_of(call, *x)->rank == 1 ? cuv_var_of(call, *x)->shape[0] : -1;
    return *n >= 1 ? CUV_OK : cuv_bad_option(call, cuv_operand_name(call, 0), "a row of known size");
}

/* least + (most - least) i / bins, i from 0 to bins. */
static cuv_status bin_edges(cuv_call *call, cuv_ref least, cuv_ref most, int64_t bins, cuv_ref *out)
{
    double *at = cuv_arena_calloc(call->arena, (size_t)bins + 1, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i <= bins; i++)
        at[i] = (double)i / (double)bins;
    CUV_TRY(cuv_constant(call, cuv_var_of(call, least)->dtype, at, (int64_t[]){bins + 1}, 1, out));
    *out = E2(ADD, least, E2(MUL, *out, E2(SUB, most, least)));
    return call->program->status;
}

cuv_status cuv_op_histogram(cuv_call *call)
{
    cuv_ref x, edges, least, most;
    const cuv_value *range = cuv_option(call, "range");
    double ends[2];
    int64_t n, bins = cuv_option_int(call, "bins", 10);
    CUV_TRY(row_x(call, &x, &n));
    bool given = !cuv_is_null(range);
    if (bins < 1 || bins > 65536 || !cuv_dtype_is_float(cuv_var_of(call, x)->dtype))
        return cuv_bad_option(call, "bins", "from 1 to 65536, of floats");
    if (given && (!cuv_as_real(cuv_item(range, 0), &ends[0]) || !cuv_as_real(cuv_item(range, 1), &ends[1])))
        return cuv_bad_option(call, "range", "None or two numbers");
    least = given ? LIKE(x, ends[0]) : REDUCE(MIN, x, NULL);
    most = given ? LIKE(x, ends[1]) : REDUCE(MAX, x, NULL);
    CUV_TRY(bin_edges(call, least, most, bins, &edges));
    cuv_ref inner = cuv_slice_axis(call, edges, 0, 1, bins);
    cuv_ref above = E2(GREATER_EQUAL, cuv_expand_dims(call, x, 1), inner);
    cuv_ref bin = cuv_reduce(call, CUV_OP_SUM, TO(above, CUV_I32), (int[]){1}, 1, false);
    cuv_ref inside = E2(LOGICAL_AND, E2(GREATER_EQUAL, x, least), E2(LESS_EQUAL, x, most));
    cuv_attrs zeros = {.shape = {bins}, .shape_count = 1, .dtype = cuv_var_of(call, x)->dtype};
    cuv_ref counts = cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &zeros);
    counts = scattered(call, CUV_MODE_ADD, counts, bin, TO(inside, cuv_var_of(call, x)->dtype));
    return cuv_give_many(call, (cuv_ref[]){counts, edges}, 2);
}

/* A row cut to `size`, or filled up to it. */
static cuv_ref sized(cuv_call *call, cuv_ref x, int64_t n, int64_t size, double fill)
{
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT, .value = fill};
    pads.pad_hi[0] = size - n;
    return size == n ? x : cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads);
}

typedef struct groups {
    cuv_ref order, number, first, count;    /* places of the sorted row, each one's group, whether it begins one, how many */
    int64_t n, size;
} groups;

/* The first of each group in front, `fill` behind them. */
static cuv_ref firsts(cuv_call *call, const groups *g, cuv_ref row, double fill)
{
    cuv_ref front = cuv_emit(call->program, CUV_OP_ARGSORT, CUV_IN(TO(E1(LOGICAL_NOT, g->first), CUV_I32)), CUV_AT(.axis = 0));
    cuv_ref y = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(row, front), CUV_AT(.axis = 0));
    cuv_ref at = cuv_counting(call, y, 0, 0);
    return sized(call, WHERE(E2(LESS, at, g->count), y, LIKE(y, fill)), g->n, g->size, fill);
}

static cuv_status group(cuv_call *call, cuv_ref x, cuv_ref *sorted, groups *g)
{
    cuv_attrs one = {.mode = CUV_MODE_CONSTANT, .value = 1};
    one.pad_lo[0] = 1;
    *sorted = cuv_emit(call->program, CUV_OP_SORT, CUV_IN(x), CUV_AT(.axis = 0));
    g->order = cuv_emit(call->program, CUV_OP_ARGSORT, CUV_IN(x), CUV_AT(.axis = 0));
    cuv_ref changes = E2(NOT_EQUAL, cuv_slice_axis(call, *sorted, 0, 1, INT64_MAX), cuv_slice_axis(call, *sorted, 0, 0, -1));
    cuv_ref first = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(TO(changes, CUV_I32)), &one);
    g->number = cuv_emit(call->program, CUV_OP_CUMSUM, CUV_IN(first), CUV_AT(.axis = 0));
    g->number = E2(SUB, g->number, LIKE(g->number, 1));
    g->first = TO(first, CUV_BOOL);
    g->count = REDUCE(SUM, first, NULL);
    return call->program->status;
}

/* With a size the result's shape is known: what is too much is cut, what is missing filled in. */
cuv_status cuv_op_unique(cuv_call *call)
{
    cuv_ref x, sorted, out[4];
    groups g = {.size = cuv_option_int(call, "size", -1)};
    size_t count = 0;
    int64_t shape[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var v = *cuv_var_of(call, x);
    if (g.size < 1 || g.size > INT32_MAX)
        return cuv_bad_option(call, "size", "a number (without it the result's size depends on the values)");
    if (!cuv_is_null(cuv_option(call, "axis")) || !cuv_option_bool(call, "sorted", true))
        return cuv_bad_option(call, cuv_is_null(cuv_option(call, "axis")) ? "sorted" : "axis", "left at its default");
    g.n = 1;
    for (int i = 0; i < v.rank; i++)
        if ((shape[i] = v.shape[i]) < 0 || !cuv_mul_i64(g.n, shape[i], &g.n) || g.n > INT32_MAX)
            return cuv_bad_option(call, "x", "of known size");
    if (g.n < 1 || v.dtype == CUV_BOOL)
        return cuv_bad_option(call, "x", "one number or more");
    double fill;
    CUV_TRY(cuv_option_exact(call, "fill_value", v.dtype, &fill));
    CUV_TRY(group(call, cuv_in_order(call, cuv_emit_reshape(call->program, x, &g.n, 1)), &sorted, &g));
    out[count++] = firsts(call, &g, cuv_out_of_order(call, sorted, v.dtype), fill);
    if (cuv_option_bool(call, "return_index", false))
        out[count++] = firsts(call, &g, g.order, 1);            /* Keras fills up with 1 */
    if (cuv_option_bool(call, "return_inverse", false)) {
        cuv_ref inverse = scattered(call, CUV_MODE_SET, g.number, g.order, g.number);
        out[count++] = cuv_emit_reshape(call->program, inverse, shape, v.rank);
    }
    if (cuv_option_bool(call, "return_counts", false)) {
        cuv_attrs zeros = {.shape = {g.size}, .shape_count = 1, .dtype = CUV_I32};
        cuv_ref ones = cuv_filled_like(call, g.number, 1, CUV_I32), none = cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &zeros);
        out[count++] = scattered(call, CUV_MODE_ADD, none, g.number, ones);
    }
    return cuv_give_many(call, out, count);
}

/* As Keras computes it on TensorFlow: of whole numbers; what is not among the kth smallest counts as 0 for the others. */
cuv_status cuv_op_argpartition(cuv_call *call)
{
    cuv_ref x;
    int64_t n, kth = cuv_option_int(call, "kth", 0);
    CUV_TRY(row_x(call, &x, &n));
    kth = kth < 0 ? 0 : kth >= n ? n - 1 : kth;
    if (n > 65536)
        return cuv_bad_option(call, "x", "a row of 65536 numbers at most");
    x = TO(x, CUV_I32);
    cuv_ref low = cuv_emit(call->program, CUV_OP_TOP_K, CUV_IN(E1(NEG, x)), CUV_AT(.count = kth + 1));
    CUV_TRY(call->program->status);
    cuv_ref zeros = cuv_filled_like(call, cuv_slice_axis(call, x, 0, 0, kth + 1), 0, CUV_I32);
    cuv_ref rest = scattered(call, CUV_MODE_SET, x, low + 1, zeros);
    if (kth == n - 1)
        return cuv_give(call, low + 1);
    cuv_ref high = cuv_emit(call->program, CUV_OP_TOP_K, CUV_IN(rest), CUV_AT(.count = n - kth - 1));
    CUV_TRY(call->program->status);
    return cuv_give(call, cuv_concat2(call, low + 1, high + 1, 0));
}

/* How often each number below minlength occurs in a row, or the sum of the weights there. Keras makes room for larger ones: these are refused at
 * the run, as an index outside its table. */
cuv_status cuv_op_bincount(cuv_call *call)
{
    cuv_ref x, weights = CUV_NO_REF;
    const int64_t count = cuv_option_int(call, "minlength", 0);
    cuv_kind_of kind = {.dtype = CUV_I32};
    CUV_TRY(cuv_operand_x(call, &x));
    const int last = cuv_var_of(call, x)->rank - 1;
    if (count < 1 || count > 65536)
        return cuv_bad_option(call, "minlength", "from 1 to 65536 (without it the result's size depends on the values)");
    if (cuv_option_bool(call, "sparse", false) || (last != 0 && last != 1))
        return cuv_bad_option(call, last == 0 || last == 1 ? "sparse" : "x", last == 0 || last == 1 ? "False" : "a row, or rows");
    const cuv_dtype given = cuv_var_of(call, x)->dtype;
    x = given == CUV_I64 ? x : TO(x, CUV_I32);
    cuv_ref below = E2(LESS, x, LIKE(x, 0)), table = cuv_emit(call->program, CUV_OP_FILL, NULL, 0, CUV_AT(.shape = {count}, .shape_count = 1, .dtype = CUV_BOOL));
    table = cuv_emit(call->program, CUV_OP_RANGE, CUV_IN(table), CUV_AT(.axis = 0, .dtype = CUV_I32));
    x = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(table, WHERE(below, LIKE(x, (double)count), x)), CUV_AT(.axis = 0));
    if (cuv_operand(call, "weights")) {
        kind.dtype = cuv_join_dtypes((cuv_kind_of){.dtype = given}, cuv_operand_kind(call, "weights"));
        CUV_TRY(cuv_operand_ref(call, "weights", kind.dtype, &weights));
        CUV_TRY(cuv_same_size(call, "weights", weights, last, x, last));
    }
    const cuv_dtype own = weights == CUV_NO_REF ? CUV_I32 : cuv_var_of(call, weights)->dtype;
    const cuv_dtype sums = weights == CUV_NO_REF || cuv_dtype_is_integer(own) || own == CUV_BOOL ? own == CUV_I64 ? CUV_I64 : CUV_I32 : own == CUV_F64 ? CUV_F64 : CUV_F32;
    cuv_ref hot = cuv_emit(call->program, CUV_OP_ONE_HOT, CUV_IN(x), CUV_AT(.count = count, .dtype = sums));
    if (weights != CUV_NO_REF)
        hot = E2(MUL, hot, cuv_expand_dims(call, TO(weights, sums), last + 1));
    return cuv_give(call, TO(cuv_reduce(call, CUV_OP_SUM, hot, (int[]){last}, 1, false), kind.dtype));
}
