/* Functions of TensorFlow that Keras 3 has no operation for, as configurations of Keras 2 name them. */
#include "layers/operation_emit.h"

static cuv_status float_x(cuv_call *call, cuv_ref *x)
{
    CUV_TRY(cuv_operand_x(call, x));
    *x = cuv_as_float(call, *x);
    return call->program->status;
}

/* ---- formulas ---- */

cuv_status cuv_op_tf_squared_difference(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    return cuv_give(call, E1(SQUARE, E2(SUB, a, b)));
}

cuv_status cuv_op_tf_add_n(cuv_call *call)
{
    cuv_ref *xs;
    size_t n;
    CUV_TRY(cuv_operand_list(call, "xs", &xs, &n));
    for (size_t i = 1; i < n; i++)
        xs[0] = E2(ADD, xs[0], xs[i]);
    return cuv_give(call, xs[0]);
}

/* f(x1, x2), but 0 where one of them is 0. */
static cuv_status zero_where(cuv_call *call, bool second, cuv_op op, cuv_op of_second)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, true, &a, &b));
    cuv_ref y = E2(MUL, a, b), is_zero = second ? E2(EQUAL, b, LIKE(b, 0)) : E2(EQUAL, a, LIKE(a, 0));
    if (of_second != CUV_OP_NONE)
        y = cuv_emit2(call->program, op, a, cuv_emit1(call->program, of_second, b));
    else if (op != CUV_OP_MUL)
        y = cuv_emit2(call->program, op, a, b);
    return cuv_give(call, WHERE(is_zero, LIKE(y, 0), y));
}

cuv_status cuv_op_tf_multiply_no_nan(cuv_call *call) { return zero_where(call, true, CUV_OP_MUL, CUV_OP_NONE); }
cuv_status cuv_op_tf_xlogy(cuv_call *call) { return zero_where(call, false, CUV_OP_MUL, CUV_OP_LOG); }
cuv_status cuv_op_tf_xdivy(cuv_call *call) { return zero_where(call, false, CUV_OP_DIV, CUV_OP_NONE); }

cuv_status cuv_op_tf_reciprocal_no_nan(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    return cuv_give(call, E2(DIV_NO_NAN, LIKE(x, 1), x));
}

cuv_status cuv_op_tf_euclidean_norm(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    CUV_TRY(float_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    return cuv_give(call, E1(SQRT, REDUCE(SUM, E1(SQUARE, x), &attrs)));
}

cuv_status cuv_op_tf_l2_loss(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    x = REDUCE(SUM, E1(SQUARE, x), NULL);
    return cuv_give(call, E2(MUL, x, LIKE(x, 0.5)));
}

cuv_status cuv_op_tf_count_nonzero(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_I64, &dtype));
    return cuv_give(call, REDUCE(SUM, cuv_emit_cast(call->program, cuv_to_bool(call, x), dtype), &attrs));
}

/* x clip / max(|x|, clip), the norm along the axes. */
cuv_status cuv_op_tf_clip_by_norm(cuv_call *call)
{
    cuv_ref x, most;
    cuv_attrs attrs;
    CUV_TRY(cuv_operands_joined(call, true, &x, &most));
    CUV_TRY(cuv_option_reduction(call, x, &attrs));
    attrs.keepdims = true;
    cuv_ref norm = E1(SQRT, REDUCE(SUM, E1(SQUARE, x), &attrs));
    return cuv_give(call, E2(DIV, E2(MUL, x, most), E2(MAXIMUM, norm, most)));
}

static bool has_bit(cuv_call *call, const char *mask, int bit)
{
    return cuv_option_int(call, mask, 0) >> bit & 1;
}

cuv_status cuv_op_tf_strided_slice(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    int64_t from[CUV_MAX_RANK], to[CUV_MAX_RANK], step[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    const int rank = cuv_var_of(call, x)->rank, n = cuv_option_ints(call, "begin", from), steps = cuv_option_ints(call, "strides", step);
    if (n < 1 || n > rank || cuv_option_ints(call, "end", to) != n || (steps != n && !cuv_is_null(cuv_option(call, "strides"))))
        return cuv_bad_option(call, "begin", "a number for each axis, and as many in 'end' and 'strides'");
    if (cuv_option_int(call, "ellipsis_mask", 0) || cuv_option_int(call, "new_axis_mask", 0))
        return cuv_call_unsupported(call, "ellipsis_mask", "neither that nor new_axis_mask");
    for (int i = 0; i < n; i++) {
        const int64_t by = steps == n ? step[i] : 1;
        const bool one = has_bit(call, "shrink_axis_mask", i);
        if (!by)
            return cuv_bad_option(call, "strides", "no 0");
        attrs.step[i] = one ? 1 : by;
        attrs.start[i] = !one && has_bit(call, "begin_mask", i) ? (by > 0 ? 0 : INT64_MAX) : from[i];
        attrs.stop[i] = one                               ? (from[i] == -1 ? INT64_MAX : from[i] + 1)
                        : has_bit(call, "end_mask", i) ? (by > 0 ? INT64_MAX : INT64_MIN) : to[i];
    }
    x = cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &attrs);
    for (int i = n; i-- > 0;)
        if (has_bit(call, "shrink_axis_mask", i))
            x = cuv_squeeze(call, x, i);
    return cuv_give(call, x);
}

cuv_status cuv_op_tf_crelu(cuv_call *call)
{
    cuv_ref x;
    int axis;
    CUV_TRY(float_x(call, &x));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, x)->rank, -1, &axis));
    return cuv_give(call, cuv_emit_act(call->program, &CUV_ACT_RELU, cuv_concat2(call, x, E1(NEG, x), axis)));
}

/* max(x, 0) - x z + ln(1 + e^-|x|) */
cuv_status cuv_op_tf_sigmoid_cross_entropy(cuv_call *call)
{
    cuv_ref z, x;
    CUV_TRY(cuv_operands_joined(call, true, &z, &x));
    cuv_ref linear = E2(SUB, E2(MAXIMUM, x, LIKE(x, 0)), E2(MUL, x, z));
    return cuv_give(call, E2(ADD, linear, E1(LOG1P, E1(EXP, E1(NEG, E1(ABS, x))))));
}

/* x / (bias + alpha (sum of x^2 over near channels))^beta; the sum is a product with a band of ones. */
cuv_status cuv_op_tf_lrn(cuv_call *call)
{
    cuv_ref x, band;
    int64_t reach = cuv_option_int(call, "depth_radius", 5);
    CUV_TRY(float_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    int64_t c = v->rank ? v->shape[v->rank - 1] : -1;
    if (c < 1 || c > 8192 || v->rank < 2)
        return cuv_bad_option(call, "x", "of known channels, 8192 at most");
    if (reach < 0)
        return cuv_bad_option(call, "depth_radius", "0 or more");
    double *ones = cuv_arena_calloc(call->arena, (size_t)(c * c), sizeof *ones);
    if (!ones)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < c * c; i++)
        ones[i] = i / c - i % c <= reach && i % c - i / c <= reach;
    CUV_TRY(cuv_constant(call, v->dtype, ones, (int64_t[]){c, c}, 2, &band));
    cuv_ref sum = E2(MUL, E2(MATMUL, E1(SQUARE, x), band), LIKE(x, cuv_option_real(call, "alpha", 1)));
    sum = E2(ADD, sum, LIKE(x, cuv_option_real(call, "bias", 1)));
    return cuv_give(call, E2(DIV, x, E2(POW, sum, LIKE(x, cuv_option_real(call, "beta", 0.5)))));
}

/* ---- picking ---- */

/* Numbers of rows of the first axes, of places (..., axes). */
static cuv_ref row_numbers(cuv_call *call, cuv_ref indices, const int64_t *sizes, int64_t axes)
{
    cuv_ref row = CUV_NO_REF;
    int last = cuv_var_of(call, indices)->rank - 1;
    for (int64_t i = 0; i < axes; i++) {
        cuv_ref at = cuv_squeeze(call, cuv_slice_axis(call, indices, last, i, i + 1), last);
        row = row == CUV_NO_REF ? at : E2(ADD, E2(MUL, row, LIKE(row, (double)sizes[i])), at);
    }
    return row;
}

/* x with its `axes` axes behind `before` joined to one. */
static cuv_ref joined_axes(cuv_call *call, cuv_ref x, int before, int64_t axes)
{
    const cuv_var *v = cuv_var_of(call, x);
    int64_t shape[CUV_MAX_RANK];
    int n = 0, rank = v->rank;
    for (int i = 0; i < rank; i++)
        if (i < before || i >= before + axes)
            shape[n++] = -2 - i;
        else if (i == before)
            shape[n++] = -1;
    return cuv_emit_reshape(call->program, x, shape, n);
}

cuv_status cuv_op_tf_gather_nd(cuv_call *call)
{
    cuv_ref x, indices;
    int64_t batch = cuv_option_int(call, "batch_dims", 0);
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_operand_ref(call, "indices", CUV_I32, &indices));
    const cuv_var v = *cuv_var_of(call, x), *at = cuv_var_of(call, indices);
    int64_t axes = at->rank ? at->shape[at->rank - 1] : -1;
    if (batch < 0 || batch > 1 || at->rank < 1 + batch)
        return cuv_bad_option(call, "batch_dims", "0 or 1");
    if (axes < 1 || axes + batch > v.rank || cuv_dtype_is_float(at->dtype) || at->dtype == CUV_BOOL)
        return cuv_bad_option(call, "indices", "whole numbers, the last axis naming axes of the tensor");
    for (int64_t i = batch + 1; i < batch + axes; i++)
        if (v.shape[i] < 0)
            return cuv_bad_option(call, "x", "of known size along the axes that are named");
    cuv_ref rows = row_numbers(call, indices, v.shape + batch, axes), table = joined_axes(call, x, (int)batch, axes);
    if (!batch)
        return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(table, rows), CUV_AT(.axis = 0)));
    return cuv_gather_by_row(call, table, rows);
}

/* One matrix of row r for each of its indices: x (batch, n, ...), indices (batch, ...). */
cuv_status cuv_gather_by_row(cuv_call *call, cuv_ref x, cuv_ref indices)
{
    cuv_attrs back = {0};
    const cuv_var xs = *cuv_var_of(call, x), at = *cuv_var_of(call, indices);
    cuv_ref flat = cuv_emit_reshape(call->program, indices, (int64_t[]){-2, -1}, 2);
    if (at.rank - 1 + xs.rank - 1 > CUV_MAX_RANK || at.rank < 1 || xs.rank < 2)
        return cuv_bad_option(call, "indices", "a row for each row of the tensor");
    for (int i = 2; i < xs.rank; i++)
        flat = cuv_expand_dims(call, flat, i);
    cuv_ref y = cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(x, flat), CUV_AT(.axis = 1));
    for (int i = 0; i < at.rank; i++)
        back.shape[back.shape_count++] = i ? at.shape[i] : -2;
    for (int i = 2; i < xs.rank; i++)
        back.shape[back.shape_count++] = -2 - i;
    int open = 0;
    for (int i = 1; i < at.rank; i++)
        open += at.shape[i] < 0;
    if (open > 1)
        return cuv_bad_option(call, "indices", "with one axis of unknown size behind the batch at most");
    return cuv_give(call, cuv_emit_reshape(call->program, y, back.shape, back.shape_count));
}

/* ---- matrices ---- */

static cuv_status matrix_x(cuv_call *call, int least, cuv_ref *x)
{
    CUV_TRY(cuv_operand_x(call, x));
    return cuv_var_of(call, *x)->rank >= least ? CUV_OK : cuv_bad_option(call, "x", least == 2 ? "a matrix or a batch of them" : "a row");
}

cuv_status cuv_op_tf_matrix_transpose(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, 2, &x));
    int rank = cuv_var_of(call, x)->rank;
    return cuv_give(call, cuv_move_axis(call, x, rank - 1, rank - 2));
}

/* What lies at most num_lower below and num_upper above the diagonal; negative: all. */
cuv_status cuv_op_tf_band_part(cuv_call *call)
{
    cuv_ref x;
    int64_t lower = cuv_option_int(call, "num_lower", -1), upper = cuv_option_int(call, "num_upper", -1);
    CUV_TRY(matrix_x(call, 2, &x));
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref below = E2(SUB, cuv_counting(call, x, rank - 2, 1), cuv_counting(call, x, rank - 1, 0)), none = LIKE(x, 0);
    if (lower >= 0)
        x = WHERE(E2(LESS_EQUAL, below, LIKE(below, (double)lower)), x, none);
    if (upper >= 0)
        x = WHERE(E2(GREATER_EQUAL, below, LIKE(below, (double)-upper)), x, none);
    return cuv_give(call, x);
}

/* Rows of numbers as diagonals of matrices. */
cuv_status cuv_op_tf_diag(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(matrix_x(call, 1, &x));
    if (cuv_option_int(call, "k", 0) != 0)
        return cuv_bad_option(call, "k", "0");
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref down = cuv_counting(call, x, rank - 1, 1), across = cuv_counting(call, x, rank - 1, 0);
    return cuv_give(call, WHERE(E2(EQUAL, down, across), cuv_expand_dims(call, x, rank - 1), LIKE(x, 0)));
}

cuv_status cuv_op_tf_matvec(cuv_call *call)
{
    cuv_ref a, b;
    CUV_TRY(cuv_operands_joined(call, false, &a, &b));
    int rank = cuv_var_of(call, b)->rank;
    cuv_ref y = cuv_emit(call->program, CUV_OP_MATMUL, CUV_IN(a, cuv_expand_dims(call, b, rank)),
                         CUV_AT(.transpose_a = cuv_option_bool(call, "transpose_a", false)));
    CUV_TRY(call->program->status);
    return cuv_give(call, cuv_squeeze(call, y, cuv_var_of(call, y)->rank - 1));
}

/* ---- images ---- */

cuv_status cuv_op_tf_grayscale_to_rgb(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    int last = cuv_var_of(call, x)->rank - 1;
    if (last < 0 || cuv_var_of(call, x)->shape[last] != 1)
        return cuv_bad_option(call, "images", "with one channel");
    return cuv_give(call, cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(x), CUV_AT(.axis = last, .count = 3)));
}

/* (x - mean) / max(deviation, 1 / sqrt(number of cells)), each image by itself */
cuv_status cuv_op_tf_standardize_images(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    int axes[3] = {v->rank - 3, v->rank - 2, v->rank - 1};
    if (v->rank < 3)
        return cuv_bad_option(call, "x", "an image or a batch of them");
    cuv_ref d = E2(SUB, x, cuv_reduce(call, CUV_OP_MEAN, x, axes, 3, true));
    cuv_ref deviation = E1(SQRT, cuv_reduce(call, CUV_OP_MEAN, E1(SQUARE, d), axes, 3, true));
    cuv_ref cells = cuv_reduce(call, CUV_OP_SUM, cuv_filled_like(call, x, 1, v->dtype), axes, 3, true);
    return cuv_give(call, E2(DIV, d, E2(MAXIMUM, deviation, E1(RSQRT, cells))));
}

cuv_status cuv_op_tf_adjust_brightness(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    return cuv_give(call, E2(ADD, x, LIKE(x, cuv_option_real(call, "delta", 0))));
}

/* (x - mean) factor + mean, each channel of each image by itself */
cuv_status cuv_op_tf_adjust_contrast(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(float_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    if (rank < 3)
        return cuv_bad_option(call, "x", "an image or a batch of them");
    cuv_ref mean = cuv_reduce(call, CUV_OP_MEAN, x, (int[]){rank - 3, rank - 2}, 2, true);
    cuv_ref y = E2(MUL, E2(SUB, x, mean), LIKE(x, cuv_option_real(call, "contrast_factor", 1)));
    return cuv_give(call, E2(ADD, y, mean));
}

/* ---- blocks in the batch, between which TensorFlow puts a convolution to dilate it ---- */

typedef struct blocks { int64_t size[2], lo[2], hi[2]; int count; } blocks;

static cuv_status read_blocks(cuv_call *call, const char *margins, int rank, blocks *b)
{
    int64_t sizes[CUV_MAX_RANK];
    const cuv_value *v = cuv_plain_literal(cuv_option(call, margins));
    b->count = cuv_option_ints(call, "block", sizes);
    if (b->count < 1 || b->count > 2 || rank != b->count + 2)
        return cuv_bad_option(call, "block", "a size for each of one or two spatial axes");
    for (int i = 0; i < b->count; i++) {
        const cuv_value *pair = cuv_plain_literal(cuv_item(v, (size_t)i));
        b->size[i] = sizes[i];
        if (sizes[i] < 1 || !cuv_as_int(cuv_plain_literal(cuv_item(pair, 0)), &b->lo[i]) || b->lo[i] < 0 ||
            !cuv_as_int(cuv_plain_literal(cuv_item(pair, 1)), &b->hi[i]) || b->hi[i] < 0)
            return cuv_bad_option(call, sizes[i] < 1 ? "block" : margins, sizes[i] < 1 ? "1 or more" : "two numbers for each axis");
    }
    return CUV_OK;
}

/* (batch, h b, w b, c) to (b b batch, h, w, c) */
cuv_status cuv_op_tf_space_to_batch(cuv_call *call)
{
    cuv_ref x;
    blocks b;
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT};
    int64_t shape[CUV_MAX_RANK], back[CUV_MAX_RANK];
    int perm[CUV_MAX_RANK], n = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(read_blocks(call, "paddings", rank, &b));
    for (int i = 0; i < b.count; i++) {
        pads.pad_lo[1 + i] = b.lo[i];
        pads.pad_hi[1 + i] = b.hi[i];
    }
    x = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads);
    CUV_TRY(call->program->status);
    shape[n++] = -2;
    for (int i = 0; i < b.count; i++) {
        int64_t size = cuv_var_of(call, x)->shape[1 + i];
        if (size < 0 || size % b.size[i])
            return cuv_bad_option(call, "block", "a divisor of images of known size");
        perm[i] = 2 + 2 * i;
        perm[b.count + 1 + i] = 1 + 2 * i;
        back[1 + i] = shape[n++] = size / b.size[i];
        shape[n++] = b.size[i];
    }
    shape[n] = -2 - (rank - 1);
    perm[b.count] = 0;
    perm[n] = n;
    int64_t channels = cuv_var_of(call, x)->shape[rank - 1];
    if (channels < 0)
        return cuv_bad_option(call, "x", "of known channels");
    x = cuv_transposed(call, cuv_emit_reshape(call->program, x, shape, n + 1), perm);
    back[0] = -1;
    back[rank - 1] = channels;
    return cuv_give(call, cuv_emit_reshape(call->program, x, back, rank));
}

/* The way back, and the margins cut off. */
cuv_status cuv_op_tf_batch_to_space(cuv_call *call)
{
    cuv_ref x;
    blocks b;
    cuv_attrs cut = {0};
    int64_t shape[CUV_MAX_RANK], back[CUV_MAX_RANK];
    int perm[CUV_MAX_RANK], n = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var v = *cuv_var_of(call, x);
    CUV_TRY(read_blocks(call, "crops", v.rank, &b));
    for (int i = 0; i < b.count; i++)
        shape[n++] = b.size[i];
    shape[n++] = -1;
    for (int i = 1; i < v.rank; i++) {
        if (v.shape[i] < 0)
            return cuv_bad_option(call, "x", "of known size behind the batch");
        shape[n++] = back[i] = v.shape[i];
    }
    perm[0] = b.count;
    for (int i = 0; i < b.count; i++) {
        perm[1 + 2 * i] = b.count + 1 + i;
        perm[2 + 2 * i] = i;
        if (!cuv_mul_i64(back[1 + i], b.size[i], &back[1 + i]))
            return cuv_bad_option(call, "block", "smaller");
        cut.start[1 + i] = b.lo[i];
        cut.stop[1 + i] = back[1 + i] - b.hi[i];
        cut.step[1 + i] = 1;
    }
    perm[n - 1] = n - 1;
    back[0] = -1;
    x = cuv_transposed(call, cuv_emit_reshape(call->program, x, shape, n), perm);
    x = cuv_emit_reshape(call->program, x, back, v.rank);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &cut));
}
