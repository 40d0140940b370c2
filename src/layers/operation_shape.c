/* Operations that move elements: other shapes, other orders, joined and cut. */
#include "layers/operation_emit.h"

/* ---- the same elements ---- */

static cuv_ref reshaped(cuv_call *call, cuv_ref x, const int64_t *shape, int rank)
{
    return cuv_emit_reshape(call->program, x, shape, rank);
}

cuv_status cuv_op_reshape(cuv_call *call)
{
    cuv_ref x, like;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_sizes(call, "newshape", true, &attrs, &like));
    return cuv_give(call, cuv_emit_like(call, CUV_OP_RESHAPE, x, like, &attrs));
}

cuv_status cuv_op_ravel(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, reshaped(call, x, (int64_t[]){-1}, 1));
}

/* New axes of size 1 at the given places of the result. */
cuv_status cuv_op_expand_dims(cuv_call *call)
{
    cuv_ref x;
    int axes[CUV_MAX_RANK], count;
    int64_t shape[CUV_MAX_RANK], given[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    int from = cuv_var_of(call, x)->rank, add = cuv_option_ints(call, "axis", given), next = 0;
    if (add < 0 || from + add > CUV_MAX_RANK)
        return cuv_bad_option(call, "axis", "a place or a list of places");
    CUV_TRY(cuv_option_axes(call, "axis", from + add, axes, &count));
    for (int i = 0; i < from + add; i++) {
        bool fresh = false;
        for (int k = 0; k < count; k++)
            fresh |= axes[k] == i;
        shape[i] = fresh ? 1 : -2 - next++;
    }
    return cuv_give(call, reshaped(call, x, shape, from + add));
}

cuv_status cuv_op_squeeze(cuv_call *call)
{
    cuv_ref x;
    int axes[CUV_MAX_RANK], count, rank = 0;
    int64_t shape[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    CUV_TRY(cuv_option_axes(call, "axis", v->rank, axes, &count));
    for (int i = 0; i < v->rank; i++) {
        bool drop = !count && v->shape[i] == 1;
        for (int k = 0; k < count; k++)
            drop |= axes[k] == i;
        if (drop && v->shape[i] > 1)
            return cuv_bad_option(call, "axis", "an axis of size 1");
        if (!drop)
            shape[rank++] = -2 - i;
    }
    return cuv_give(call, reshaped(call, x, shape, rank));
}

/* ---- other orders of axes ---- */

cuv_status cuv_op_transpose(cuv_call *call)
{
    cuv_ref x;
    int perm[CUV_MAX_RANK], count;
    unsigned seen = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "axes", rank, perm, &count));
    for (int i = 0; !count && i < rank; i++)
        perm[i] = rank - 1 - i;
    for (int i = 0; i < count; i++)
        seen |= 1u << perm[i];
    if (count && (count != rank || seen != (1u << rank) - 1))
        return cuv_bad_option(call, "axes", "each axis once");
    return cuv_give(call, cuv_transposed(call, x, perm));
}

static void swap(int *perm, int a, int b)
{
    int other = perm[a];
    perm[a] = perm[b];
    perm[b] = other;
}

static void in_order(int *perm, int rank)
{
    for (int i = 0; i < rank; i++)
        perm[i] = i;
}

cuv_status cuv_op_swapaxes(cuv_call *call)
{
    cuv_ref x;
    int perm[CUV_MAX_RANK], a, b;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axis(call, "axis1", rank, 0, &a));
    CUV_TRY(cuv_option_axis(call, "axis2", rank, 0, &b));
    in_order(perm, rank);
    swap(perm, a, b);
    return cuv_give(call, cuv_transposed(call, x, perm));
}

cuv_status cuv_op_moveaxis(cuv_call *call)
{
    cuv_ref x;
    int perm[CUV_MAX_RANK], from[CUV_MAX_RANK], to[CUV_MAX_RANK], n, m, next = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "source", rank, from, &n));
    CUV_TRY(cuv_option_axes(call, "destination", rank, to, &m));
    if (n != m)
        return cuv_bad_option(call, "destination", "as many places as 'source' has");
    for (int i = 0; i < rank; i++)
        perm[i] = -1;
    for (int k = 0; k < n; k++)
        perm[to[k]] = from[k];
    for (int i = 0; i < rank; i++) {
        bool moved = false;
        for (int k = 0; k < n; k++)
            moved |= from[k] == i;
        while (!moved && next < rank && perm[next] >= 0)
            next++;
        if (!moved && next < rank)
            perm[next] = i;
    }
    return cuv_give(call, cuv_transposed(call, x, perm));
}

static cuv_ref reversed(cuv_call *call, cuv_ref x, int axis)
{
    return cuv_emit(call->program, CUV_OP_REVERSE, CUV_IN(x), CUV_AT(.axes = {axis}, .axes_count = 1));
}

cuv_status cuv_op_flip(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_axes(call, "axis", cuv_var_of(call, x)->rank, attrs.axes, &attrs.axes_count));
    return cuv_give(call, cuv_emit(call->program, CUV_OP_REVERSE, CUV_IN(x), &attrs));
}

static cuv_status flipped(cuv_call *call, int axis)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, reversed(call, x, axis));
}

cuv_status cuv_op_fliplr(cuv_call *call) { return flipped(call, 1); }
cuv_status cuv_op_flipud(cuv_call *call) { return flipped(call, 0); }

/* Quarter turns from the first axis of the plane to the second. */
cuv_status cuv_op_rot90(cuv_call *call)
{
    cuv_ref x;
    int perm[CUV_MAX_RANK], plane[CUV_MAX_RANK], n;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axes(call, "axes", rank, plane, &n));
    if (n == 0 && rank >= 2) {
        plane[0] = 0;
        plane[1] = 1;
    } else if (n != 2 || plane[0] == plane[1]) {
        return cuv_bad_option(call, "axes", "two different axes");
    }
    int64_t turns = ((cuv_option_int(call, "k", 1) % 4) + 4) % 4;
    in_order(perm, rank);
    swap(perm, plane[0], plane[1]);
    for (int64_t i = 0; i < turns; i++)
        x = cuv_transposed(call, reversed(call, x, plane[1]), perm);
    return cuv_give(call, x);
}

/* ---- joining and cutting ---- */

static cuv_status joined(cuv_call *call, cuv_ref *refs, size_t n, int axis)
{
    return cuv_give(call, cuv_emit(call->program, CUV_OP_CONCAT, refs, n, CUV_AT(.axis = axis)));
}

cuv_status cuv_op_concatenate(cuv_call *call)
{
    cuv_ref *refs;
    size_t n;
    int axis;
    CUV_TRY(cuv_operand_list(call, "xs", &refs, &n));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, refs[0])->rank, 0, &axis));
    return joined(call, refs, n, axis);
}

cuv_status cuv_op_stack(cuv_call *call)
{
    cuv_ref *refs;
    size_t n;
    int axis;
    CUV_TRY(cuv_operand_list(call, "x", &refs, &n));
    CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, refs[0])->rank + 1, 0, &axis));
    for (size_t i = 0; i < n; i++)
        refs[i] = cuv_expand_dims(call, refs[i], axis);
    return joined(call, refs, n, axis);
}

/* x with at least `rank` axes: (n) is (1, n), and (1, n, 1) where the third axis is to be joined. */
static cuv_ref at_least(cuv_call *call, cuv_ref x, int rank)
{
    int have = cuv_var_of(call, x)->rank;
    if (have == 0)
        x = cuv_expand_dims(call, x, 0);
    if (have <= 1 && rank >= 2)
        x = cuv_expand_dims(call, x, 0);
    if (have <= 2 && rank >= 3)
        x = cuv_expand_dims(call, x, 2);
    return x;
}

static cuv_status stacked(cuv_call *call, int rank, int axis)
{
    cuv_ref *refs;
    size_t n;
    CUV_TRY(cuv_operand_list(call, "xs", &refs, &n));
    for (size_t i = 0; i < n; i++)
        refs[i] = at_least(call, refs[i], rank);
    return joined(call, refs, n, axis < 0 ? cuv_var_of(call, refs[0])->rank > 1 : axis);
}

cuv_status cuv_op_hstack(cuv_call *call) { return stacked(call, 1, -1); }
cuv_status cuv_op_vstack(cuv_call *call) { return stacked(call, 2, 0); }
cuv_status cuv_op_dstack(cuv_call *call) { return stacked(call, 3, 2); }

cuv_status cuv_op_append(cuv_call *call)
{
    cuv_ref ab[2];
    int axis = 0;
    CUV_TRY(cuv_operands_joined(call, false, &ab[0], &ab[1]));
    if (cuv_is_null(cuv_option(call, "axis"))) {
        ab[0] = reshaped(call, ab[0], (int64_t[]){-1}, 1);
        ab[1] = reshaped(call, ab[1], (int64_t[]){-1}, 1);
    } else {
        CUV_TRY(cuv_option_axis(call, "axis", cuv_var_of(call, ab[0])->rank, 0, &axis));
    }
    return joined(call, ab, 2, axis);
}

/* Pieces of x along an axis, ending at `ends`. */
static cuv_status pieces(cuv_call *call, cuv_ref x, int axis, const int64_t *ends, int count)
{
    cuv_ref out[CUV_MAX_OUTPUTS];
    int64_t from = 0;
    if (count > CUV_MAX_OUTPUTS)
        return cuv_bad_option(call, "indices_or_sections", cuv_format(call->cx, "%d pieces at most", CUV_MAX_OUTPUTS));
    for (int i = 0; i < count; i++) {
        out[i] = cuv_slice_axis(call, x, axis, from, ends[i]);
        from = ends[i];
    }
    return cuv_give_many(call, out, (size_t)count);
}

/* Equal pieces, or cuts at indices; with `sizes` a list means sizes, as in TensorFlow; `uneven`: the first ones are one longer. */
static cuv_status split_along(cuv_call *call, cuv_ref x, int axis, bool sizes, bool uneven)
{
    const cuv_value *v = cuv_option(call, "indices_or_sections");
    int64_t ends[CUV_MAX_OUTPUTS], size = cuv_var_of(call, x)->shape[axis], n, sum = 0;
    if (cuv_as_int(v, &n)) {
        if (size < 0 || n < 1 || n > CUV_MAX_OUTPUTS || (!uneven && size % n))
            return cuv_bad_option(call, "indices_or_sections", cuv_format(call->cx, "a number that divides %lld, up to %d",
                                  (long long)size, CUV_MAX_OUTPUTS));
        for (int64_t i = 0; i < n; i++)
            ends[i] = sum += size / n + (i < size % n);
        return pieces(call, x, axis, ends, (int)n);
    }
    if (!cuv_is_seq(v) || cuv_len(v) + 1 > CUV_MAX_OUTPUTS)
        return cuv_bad_option(call, "indices_or_sections", "a number or a list of numbers");
    int count = 0;
    for (size_t i = 0; i < cuv_len(v); i++) {
        if (!cuv_as_int(cuv_item(v, i), &n) || (sizes && n < 0))
            return cuv_bad_option(call, "indices_or_sections", "a number or a list of numbers");
        sum = sizes ? sum + n : n < 0 ? n + size : n;
        ends[count++] = sum;
    }
    if (!sizes)
        ends[count++] = INT64_MAX;
    return pieces(call, x, axis, ends, count);
}

static cuv_status split(cuv_call *call, int axis, bool uneven)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    if (axis < 0)
        CUV_TRY(cuv_option_axis(call, "axis", rank, 0, &axis));
    if (axis >= rank)
        return cuv_bad_option(call, "x", cuv_format(call->cx, "a tensor of %d axes or more", axis + 1));
    return split_along(call, x, axis, call->layer->state != NULL, uneven);
}

cuv_status cuv_op_split(cuv_call *call) { return split(call, -1, false); }
cuv_status cuv_op_array_split(cuv_call *call) { return split(call, -1, true); }
cuv_status cuv_op_vsplit(cuv_call *call) { return split(call, 0, false); }
cuv_status cuv_op_dsplit(cuv_call *call) { return split(call, 2, false); }

cuv_status cuv_op_hsplit(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return split(call, cuv_var_of(call, x)->rank > 1, false);
}

cuv_status cuv_op_unstack(cuv_call *call)
{
    cuv_ref x, out[CUV_MAX_OUTPUTS];
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    CUV_TRY(cuv_option_axis(call, "axis", v->rank, 0, &axis));
    int64_t n = v->shape[axis];
    if (n < 0 || n > CUV_MAX_OUTPUTS)
        return cuv_bad_option(call, "axis", cuv_format(call->cx, "an axis of known size, up to %d", CUV_MAX_OUTPUTS));
    for (int64_t i = 0; i < n; i++)
        out[i] = cuv_squeeze(call, cuv_slice_axis(call, x, axis, i, i + 1), axis);
    return cuv_give_many(call, out, (size_t)n);
}

/* ---- repeating and filling ---- */

cuv_status cuv_op_roll(cuv_call *call)
{
    cuv_ref x;
    int axes[CUV_MAX_RANK], count;
    int64_t shifts[CUV_MAX_RANK], whole[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_var *v = cuv_var_of(call, x);
    int rank = v->rank, n = cuv_option_ints(call, "shift", shifts);
    for (int i = 0; i < rank; i++)
        whole[i] = i ? v->shape[i] : -1;
    CUV_TRY(cuv_option_axes(call, "axis", rank, axes, &count));
    bool flat = count == 0;
    if (n < 1 || (n != 1 && n != count))
        return cuv_bad_option(call, "shift", "a number for each axis");
    for (int i = 0; i < rank; i++)
        if (v->shape[i] == 0)
            return cuv_give(call, x);       /* there is nothing to move */
    if (flat)
        x = reshaped(call, x, (int64_t[]){-1}, 1);
    for (int i = 0; i < (flat ? 1 : count); i++) {
        int axis = flat ? 0 : axes[i];
        int64_t size = cuv_var_of(call, x)->shape[axis], shift = shifts[n == 1 ? 0 : i];
        if (size > 0)
            shift %= size;
        if (shift)
            x = cuv_concat2(call, cuv_slice_axis(call, x, axis, -shift, INT64_MAX), cuv_slice_axis(call, x, axis, 0, -shift), axis);
    }
    return cuv_give(call, flat ? reshaped(call, x, whole, rank) : x);
}

cuv_status cuv_op_repeat(cuv_call *call)
{
    cuv_ref x;
    int axis;
    int64_t counts[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    int n = cuv_option_ints(call, "repeats", counts);
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    if (n < 1 || counts[0] < 0)
        return cuv_bad_option(call, "repeats", "a number, or a short list of numbers");
    if (n == 1)
        return cuv_give(call, cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(x), CUV_AT(.axis = axis, .count = counts[0])));
    int32_t *at;
    int64_t total = 0, size = cuv_var_of(call, x)->shape[axis];
    for (int i = 0; i < n; i++)
        total += counts[i] < 0 || counts[i] > 4096 ? 4096 * CUV_MAX_RANK : counts[i];
    if (size != n || total >= 4096)
        return cuv_bad_option(call, "repeats", "a small number for each element of the axis");
    cuv_tensor *t;
    void *data;
    CUV_TRY(cuv_tensor_new(call->arena, CUV_I32, &total, 1, &t, &data));
    at = data;
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < counts[i]; k++)
            *at++ = i;
    cuv_ref index = cuv_program_constant(call->program, t);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = axis)));
}

/* Repeats that are sizes of tensors stand for axes of size 1, which are then broadcast. */
static cuv_status tiled_by_sizes(cuv_call *call, cuv_ref x, cuv_ref like, const cuv_attrs *counts)
{
    cuv_attrs to = {.shape_count = counts->shape_count};
    const cuv_var *v = cuv_var_of(call, x);
    for (int i = 0; i < to.shape_count; i++) {
        if (counts->shape[i] != 1 && v->shape[i] != 1)
            return cuv_bad_option(call, "repeats", "1 for axes of more than one place, where others are sizes of tensors");
        to.shape[i] = counts->shape[i] == 1 ? -1 : counts->shape[i];
    }
    return cuv_give(call, cuv_emit_like(call, CUV_OP_BROADCAST, x, like, &to));
}

cuv_status cuv_op_tile(cuv_call *call)
{
    cuv_ref x, like;
    cuv_attrs counts = {0}, attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_sizes(call, "repeats", false, &counts, &like));
    int n = counts.shape_count;
    while (cuv_var_of(call, x)->rank < n)
        x = cuv_expand_dims(call, x, 0);
    attrs.shape_count = cuv_var_of(call, x)->rank;
    for (int i = 0; i < attrs.shape_count; i++)
        attrs.shape[i] = i < attrs.shape_count - n ? 1 : counts.shape[i - (attrs.shape_count - n)];
    if (like != CUV_NO_REF)
        return tiled_by_sizes(call, x, like, &attrs);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_TILE, CUV_IN(x), &attrs));
}

cuv_status cuv_op_broadcast_to(cuv_call *call)
{
    cuv_ref x, like;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_sizes(call, "shape", false, &attrs, &like));
    return cuv_give(call, cuv_emit_like(call, CUV_OP_BROADCAST, x, like, &attrs));
}

/* The same amounts for all axes, one pair for all, or a pair for each. */
static bool pad_widths(const cuv_value *v, int rank, int64_t *lo, int64_t *hi)
{
    int64_t n;
    bool one = cuv_as_int(v, &n), pair = cuv_is_seq(v) && cuv_as_int(cuv_item(v, 0), &n), single = cuv_len(v) == 1;
    if (!one && !cuv_is_seq(v))
        return false;
    if (!one && !pair && !single && (int)cuv_len(v) != rank)
        return false;
    for (int i = 0; i < rank; i++) {
        const cuv_value *both = one || pair ? v : cuv_item(v, single ? 0 : (size_t)i);
        const cuv_value *first = one ? v : cuv_item(both, 0), *second = one ? v : cuv_item(both, cuv_len(both) - 1);
        if (!cuv_as_int(first, &lo[i]) || !cuv_as_int(second, &hi[i]) || lo[i] < 0 || hi[i] < 0)
            return false;
    }
    return true;
}

cuv_status cuv_op_pad(cuv_call *call)
{
    static const struct { const char *name; cuv_mode mode; } modes[] = {
        {"constant", CUV_MODE_CONSTANT}, {"reflect", CUV_MODE_REFLECT}, {"symmetric", CUV_MODE_SYMMETRIC},
        {"CONSTANT", CUV_MODE_CONSTANT}, {"REFLECT", CUV_MODE_REFLECT}, {"SYMMETRIC", CUV_MODE_SYMMETRIC}};
    cuv_ref x;
    cuv_attrs attrs = {0};
    const char *mode = cuv_option_text(call, "mode", "constant");
    size_t m = 0;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_exact(call, "constant_values", cuv_var_of(call, x)->dtype, &attrs.value));
    if (!pad_widths(cuv_option(call, "pad_width"), cuv_var_of(call, x)->rank, attrs.pad_lo, attrs.pad_hi))
        return cuv_bad_option(call, "pad_width", "two amounts for each axis");
    while (m < sizeof modes / sizeof *modes && strcmp(modes[m].name, mode) != 0)
        m++;
    if (m == sizeof modes / sizeof *modes)
        return cuv_bad_option(call, "mode", "'constant', 'reflect' or 'symmetric'");
    attrs.mode = modes[m].mode;
    return cuv_give(call, cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &attrs));
}

cuv_ref cuv_filled_like(cuv_call *call, cuv_ref x, double value, cuv_dtype dtype)
{
    cuv_attrs attrs = {.value = value, .dtype = dtype, .shape_count = cuv_var_of(call, x)->rank};
    for (int i = 0; i < attrs.shape_count; i++)
        attrs.shape[i] = -2 - i;
    return cuv_emit(call->program, CUV_OP_FILL, CUV_IN(x), &attrs);
}

static cuv_status filled(cuv_call *call, double value)
{
    cuv_ref x;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    return cuv_give(call, cuv_filled_like(call, x, value, dtype));
}

cuv_status cuv_op_zeros_like(cuv_call *call) { return filled(call, 0); }
cuv_status cuv_op_ones_like(cuv_call *call) { return filled(call, 1); }
cuv_status cuv_op_empty_like(cuv_call *call) { return filled(call, 0); }

cuv_status cuv_op_full_like(cuv_call *call)
{
    cuv_ref x, value;
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", cuv_var_of(call, x)->dtype, &dtype));
    dtype = dtype == CUV_U64 && call->layer->keras >= 3 ? CUV_U32 : dtype;
    CUV_TRY(cuv_operand_ref(call, "fill_value", dtype, &value));
    cuv_ref y = cuv_filled_like(call, x, 0, CUV_BOOL);
    value = cuv_emit_cast(call->program, value, dtype);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(y, value, value), NULL));
}

/* A tensor of a given shape, of a value that a tensor holds. */
cuv_status cuv_op_full(cuv_call *call)
{
    cuv_ref value;
    cuv_dtype dtype;
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_operand_ref(call, "fill_value", CUV_F32, &value));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &dtype));
    attrs.shape_count = cuv_option_ints(call, "shape", attrs.shape);
    if (attrs.shape_count < 0)
        return cuv_bad_option(call, "shape", "a list of sizes");
    value = cuv_emit_cast(call->program, value, dtype);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_BROADCAST, CUV_IN(value), &attrs));
}

/* ---- picking ---- */

cuv_status cuv_op_take(cuv_call *call)
{
    cuv_ref x, index;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    int64_t batch = cuv_option_int(call, "batch_dims", 0);
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    CUV_TRY(cuv_operand_ref(call, "indices", CUV_I32, &index));
    if (cuv_dtype_is_float(cuv_var_of(call, index)->dtype) || cuv_var_of(call, index)->dtype == CUV_BOOL)
        index = cuv_emit_cast(call->program, index, CUV_I32);
    if (batch && (batch != 1 || axis > 1))
        return cuv_bad_option(call, "batch_dims", "0, or 1 with axis 1");
    if (batch)
        return cuv_gather_by_row(call, x, index);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = axis)));
}

cuv_status cuv_op_take_along_axis(cuv_call *call)
{
    cuv_ref x, index;
    int axis;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_flat_axis(call, INT64_MIN, &x, &axis));
    CUV_TRY(cuv_operand_ref(call, "indices", CUV_I32, &index));
    if (cuv_dtype_is_float(cuv_var_of(call, index)->dtype))
        index = cuv_emit_cast(call->program, index, CUV_I32);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(x, index), CUV_AT(.axis = axis)));
}

/* Where the axis of a one-hot or multi-hot result goes. */
cuv_status cuv_op_one_hot(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype dtype;
    int axis;
    int64_t count = cuv_option_int(call, "num_classes", -1);
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &dtype));
    int rank = cuv_var_of(call, x)->rank;
    CUV_TRY(cuv_option_axis(call, "axis", rank + 1, -1, &axis));
    double on = cuv_option_real(call, "on_value", 1), off = cuv_option_real(call, "off_value", 0);
    if (count < 1 || on != 1 || off != 0)
        return cuv_bad_option(call, count < 1 ? "num_classes" : on != 1 ? "on_value" : "off_value",
                              count < 1 ? "the number of classes" : on != 1 ? "1" : "0");
    if (cuv_dtype_is_float(cuv_var_of(call, x)->dtype) || cuv_var_of(call, x)->dtype == CUV_BOOL)
        x = cuv_emit_cast(call->program, x, CUV_I32);
    x = cuv_emit(call->program, CUV_OP_ONE_HOT, CUV_IN(x), CUV_AT(.count = count, .dtype = dtype));
    return cuv_give(call, cuv_move_axis(call, x, rank, axis));
}

/* A part of given shape from given places on. */
cuv_status cuv_op_slice(cuv_call *call)
{
    cuv_ref x;
    cuv_attrs attrs = {0};
    int64_t from[CUV_MAX_RANK], shape[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    if (cuv_option_ints(call, "start_indices", from) != rank)
        return cuv_bad_option(call, "start_indices", "a number for each axis");
    if (cuv_option_ints(call, "shape", shape) != rank)
        return cuv_bad_option(call, "shape", "a size for each axis");
    for (int i = 0; i < rank; i++) {
        const int64_t n = cuv_var_of(call, x)->shape[i];
        if (n >= 0 && (from[i] < 0 || from[i] > n || (shape[i] >= 0 && shape[i] > n - from[i])))
            return cuv_bad_option(call, shape[i] < 0 ? "start_indices" : "shape",
                                  cuv_format(call->cx, "a part of the %lld along axis %d", (long long)n, i));
        attrs.start[i] = from[i];
        attrs.stop[i] = shape[i] < 0 ? INT64_MAX : from[i] + shape[i];
        attrs.step[i] = 1;
    }
    return cuv_give(call, cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &attrs));
}
