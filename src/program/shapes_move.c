/* Shape rules of the ops that move, repeat or choose elements. */
#include "program/shapes.h"

/* ---- reshape ---- */

typedef struct dims { int64_t at[CUV_MAX_RANK]; int count; } dims;

static bool drop(dims *d, int64_t size)
{
    for (int i = 0; i < d->count; i++)
        if (d->at[i] == size) {
            d->at[i] = d->at[--d->count];
            return true;
        }
    return false;
}

static bool product(const dims *d, int64_t *out)
{
    *out = 1;
    for (int i = 0; i < d->count; i++)
        if (d->at[i] < 0 || !cuv_mul_i64(*out, d->at[i], out))
            return false;
    return true;
}

/* An entry -2-k of attrs.shape is axis k of like?, or of x. */
static cuv_status axis_entry(const cuv_shaping *s, const cuv_var *v, int64_t entry, int *axis)
{
    if (!v)
        return cuv_shape_no(s, "shape entry %lld needs an input to take its size from", (long long)entry);
    if (-2 - entry >= v->rank)
        return cuv_shape_no(s, "shape entry %lld names axis %lld of %s", (long long)entry, (long long)(-2 - entry),
                            cuv_shape_text(s->cx, v->shape, v->rank));
    *axis = (int)(-2 - entry);
    return CUV_OK;
}

static cuv_status check_shape_list(const cuv_shaping *s)
{
    if (s->at->shape_count < 0 || s->at->shape_count > CUV_MAX_RANK)
        return cuv_shape_no(s, "a shape of %d axes", s->at->shape_count);
    for (int i = 0; i < s->at->shape_count; i++)
        if (s->at->shape[i] > CUV_MAX_DIM)
            return cuv_shape_no(s, "a size above %lld", (long long)CUV_MAX_DIM);
    return CUV_OK;
}

/* The size that -1 stands for: what is left of x once the sizes that both have are struck out. An axis of x that an entry
 * names cancels exactly, also when it is unknown or 0. */
static cuv_status infer(const cuv_shaping *s, dims have, dims want, int64_t *out)
{
    int64_t total, known;
    for (int i = want.count; i-- > 0;)
        if (want.at[i] == 0 && drop(&have, 0))
            want.at[i] = want.at[--want.count];
    if (!product(&have, &total) || !product(&want, &known)) {
        *out = -1;
        return CUV_OK;
    }
    if (known == 0 || total % known != 0)
        return cuv_shape_no(s, "%lld values do not divide into rows of %lld", (long long)total, (long long)known);
    *out = total / known;
    return CUV_OK;
}

/* Known counts must agree; with unknown sizes the run will tell. */
static cuv_status same_count(const cuv_shaping *s, const dims *have, const dims *want)
{
    int64_t a, b;
    if (product(have, &a) && product(want, &b) && a != b)
        return cuv_shape_no(s, "%lld values cannot become %s", (long long)a,
                            cuv_shape_text(s->cx, s->out[0].shape, s->out[0].rank));
    return CUV_OK;
}

cuv_status cuv_shape_reshape(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *like = cuv_shape_in(s, 1);
    cuv_var *out = &s->out[0];
    dims have = {.count = x->rank}, want = {.count = 0};
    int hole = -1, axis = 0;
    bool used[CUV_MAX_RANK] = {false};
    CUV_TRY(check_shape_list(s));
    out->rank = s->at->shape_count;
    out->dtype = x->dtype;
    for (int i = 0; i < out->rank; i++) {
        int64_t entry = s->at->shape[i];
        out->shape[i] = entry;
        if (entry == -1 && hole >= 0)
            return cuv_shape_no(s, "two sizes of the new shape are left open");
        if (entry == -1)
            hole = i;
        else if (entry >= 0)
            want.at[want.count++] = entry;
        else {
            CUV_TRY(axis_entry(s, like ? like : x, entry, &axis));
            out->shape[i] = (like ? like : x)->shape[axis];
            if (!like && !used[axis])
                used[axis] = true;      /* cancels */
            else
                want.at[want.count++] = out->shape[i];
        }
    }
    have.count = 0;
    for (int i = 0; i < x->rank; i++)
        if (!used[i])
            have.at[have.count++] = x->shape[i];
    return hole >= 0 ? infer(s, have, want, &out->shape[hole]) : same_count(s, &have, &want);
}

cuv_status cuv_shape_broadcast(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *like = cuv_shape_in(s, 1);
    cuv_var *out = &s->out[0];
    CUV_TRY(check_shape_list(s));
    out->rank = s->at->shape_count;
    out->dtype = x->dtype;
    if (x->rank > out->rank)
        return cuv_shape_no(s, "x has more axes than the %d to broadcast to", out->rank);
    for (int i = 0; i < out->rank; i++) {
        int64_t entry = s->at->shape[i], dim, own = 1;
        int axis = 0, k = i - (out->rank - x->rank);
        if (k >= 0)
            own = x->shape[k];
        if (entry < -1) {
            CUV_TRY(axis_entry(s, like ? like : x, entry, &axis));
            entry = (like ? like : x)->shape[axis];
        } else if (entry == -1)
            entry = own;
        if (!cuv_dim_broadcast(own, entry, &dim) || (own >= 0 && entry >= 0 && dim != entry))
            return cuv_shape_no(s, "size %lld cannot become %lld", (long long)own, (long long)entry);
        out->shape[i] = own == 1 || entry >= 0 ? entry : dim;      /* an unknown size is held against it at the run */
    }
    return CUV_OK;
}

cuv_status cuv_shape_fill(const cuv_shaping *s)
{
    const cuv_var *like = cuv_shape_in(s, 0);
    cuv_var *out = &s->out[0];
    int axis = 0;
    CUV_TRY(check_shape_list(s));
    out->rank = s->at->shape_count;
    out->dtype = s->at->dtype;
    if (out->dtype == CUV_STR)
        return cuv_shape_no(s, "strings cannot be filled in");
    for (int i = 0; i < out->rank; i++) {
        out->shape[i] = s->at->shape[i];
        if (out->shape[i] == -1)
            return cuv_shape_no(s, "the size of axis %d is missing", i);
        if (out->shape[i] < -1) {
            CUV_TRY(axis_entry(s, like, out->shape[i], &axis));
            out->shape[i] = like->shape[axis];
        }
    }
    return CUV_OK;
}

cuv_status cuv_shape_range(const cuv_shaping *s)
{
    CUV_TRY(cuv_shape_axis(s, s->at->axis, s->in[0]->rank));
    if (s->at->dtype == CUV_STR || s->at->dtype == CUV_BOOL)
        return cuv_shape_no(s, "a range of %s", cuv_dtype_name(s->at->dtype));
    s->out[0].rank = 1;
    s->out[0].shape[0] = s->in[0]->shape[s->at->axis];
    s->out[0].dtype = s->at->dtype;
    return CUV_OK;
}

/* ---- order ---- */

cuv_status cuv_shape_transpose(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    unsigned seen = 0;
    cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < x->rank; i++) {
        CUV_TRY(cuv_shape_axis(s, s->at->perm[i], x->rank));
        seen |= 1u << s->at->perm[i];
        s->out[0].shape[i] = x->shape[s->at->perm[i]];
    }
    if (seen != (1u << x->rank) - 1)
        return cuv_shape_no(s, "the permutation names an axis twice");
    return CUV_OK;
}

cuv_status cuv_shape_concat(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int axis = s->at->axis;
    CUV_TRY(cuv_shape_axis(s, axis, x->rank));
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (size_t i = 1; i < s->n; i++) {
        const cuv_var *v = s->in[i];
        bool fits = v->rank == x->rank;
        for (int k = 0; fits && k < x->rank; k++)
            fits = k == axis ? cuv_dim_add(out->shape[k], v->shape[k], &out->shape[k])
                             : cuv_dim_merge(out->shape[k], v->shape[k], &out->shape[k]);
        if (!fits)
            return cuv_shape_no(s, "input %zu, %s, does not continue the others along axis %d", i,
                                cuv_shape_text(s->cx, v->shape, v->rank), axis);
    }
    return CUV_OK;
}

/* ---- parts ---- */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Length of Python's slice of n elements. */
static int64_t slice_length(int64_t n, int64_t start, int64_t stop, int64_t step)
{
    int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
    if (start < 0 && start != INT64_MIN)
        start += n;
    if (stop < 0 && stop != INT64_MIN)
        stop += n;
    start = clamp(start, lo, hi);
    stop = clamp(stop, lo, hi);
    if (step > 0)
        return stop > start ? (stop - start - 1) / step + 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

cuv_status cuv_shape_slice(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < x->rank; i++) {
        int64_t start = s->at->start[i], stop = s->at->stop[i], step = s->at->step[i];
        if (step == 0)
            continue;
        if (step < -CUV_MAX_ATTR || step > CUV_MAX_ATTR)
            return cuv_shape_no(s, "a slice with step %lld", (long long)step);
        bool whole = (step == 1 && start == 0 && stop == INT64_MAX) ||
                     (step == -1 && start == INT64_MAX && stop == INT64_MIN);
        if (!whole)
            out->shape[i] = x->shape[i] < 0 ? -1 : slice_length(x->shape[i], start, stop, step);
    }
    return CUV_OK;
}

cuv_status cuv_shape_pad(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    if (s->at->mode > CUV_MODE_EDGE)
        return cuv_shape_no(s, "pad has no such mode");
    for (int i = 0; i < x->rank; i++) {
        int64_t lo = s->at->pad_lo[i], hi = s->at->pad_hi[i], n = x->shape[i];
        int64_t most = s->at->mode == CUV_MODE_CONSTANT ? CUV_MAX_ATTR
                     : s->at->mode == CUV_MODE_REFLECT ? n - 1 : s->at->mode == CUV_MODE_SYMMETRIC ? n : CUV_MAX_ATTR;
        if (n < 0)
            most = CUV_MAX_ATTR;
        if (lo < -CUV_MAX_ATTR || hi < -CUV_MAX_ATTR || (lo > most && lo > 0) || (hi > most && hi > 0))
            return cuv_shape_no(s, "axis %d cannot be padded by %lld and %lld", i, (long long)lo, (long long)hi);
        if (s->at->mode == CUV_MODE_EDGE && n == 0 && (lo > 0 || hi > 0))
            return cuv_shape_no(s, "axis %d has no edge to repeat", i);
        if (n >= 0 && n + lo + hi < 0)
            return cuv_shape_no(s, "axis %d is cropped by more than its size", i);
        if ((lo < 0 && n >= 0 && -lo > n) || (hi < 0 && n >= 0 && -hi > n))
            return cuv_shape_no(s, "axis %d is cropped by more than its size", i);
        out->shape[i] = n < 0 ? (lo || hi ? -1 : n) : n + lo + hi;
    }
    return CUV_OK;
}

cuv_status cuv_shape_gather(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *index = s->in[1];
    cuv_var *out = &s->out[0];
    int axis = s->at->axis;
    CUV_TRY(cuv_shape_axis(s, axis, x->rank));
    if (x->rank - 1 + index->rank > CUV_MAX_RANK)
        return cuv_shape_no(s, "the result would have %d axes", x->rank - 1 + index->rank);
    out->dtype = x->dtype;
    out->rank = 0;
    for (int i = 0; i < axis; i++)
        out->shape[out->rank++] = x->shape[i];
    for (int i = 0; i < index->rank; i++)
        out->shape[out->rank++] = index->shape[i];
    for (int i = axis + 1; i < x->rank; i++)
        out->shape[out->rank++] = x->shape[i];
    return CUV_OK;
}

cuv_status cuv_shape_scatter(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *index = s->in[1], *updates = s->in[2];
    int64_t rows[CUV_MAX_RANK];
    if (x->rank < 1 || index->rank != 1)
        return cuv_shape_no(s, "x must have rows, and the indices be a row");
    if (s->at->mode < CUV_MODE_SET || s->at->mode > CUV_MODE_MIN)
        return cuv_shape_no(s, "scatter has no such mode");
    memcpy(rows, x->shape, sizeof rows);
    rows[0] = index->shape[0];
    CUV_TRY(cuv_shape_expect(s, updates, "updates", rows, x->rank));
    cuv_shape_like(s, 0, x, x->dtype);
    return CUV_OK;
}

cuv_status cuv_shape_gather_along(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *index = s->in[1];
    cuv_var *out = cuv_shape_like(s, 0, index, x->dtype);
    CUV_TRY(cuv_shape_axis(s, s->at->axis, x->rank));
    if (index->rank != x->rank)
        return cuv_shape_no(s, "the indices must have as many axes as x");
    for (int i = 0; i < x->rank; i++)
        if (i != s->at->axis && !cuv_dim_broadcast(x->shape[i], index->shape[i], &out->shape[i]))
            return cuv_shape_no(s, "the indices do not broadcast to x");
    return CUV_OK;
}

/* ---- repetition ---- */

cuv_status cuv_shape_tile(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    CUV_TRY(check_shape_list(s));
    if (s->at->shape_count != x->rank)
        return cuv_shape_no(s, "%d repeat counts for %d axes", s->at->shape_count, x->rank);
    for (int i = 0; i < x->rank; i++) {
        if (s->at->shape[i] < 0 || !cuv_dim_mul(x->shape[i], s->at->shape[i], &out->shape[i]))
            return cuv_shape_no(s, "axis %d repeated %lld times", i, (long long)s->at->shape[i]);
        if (s->at->shape[i] == 0)
            out->shape[i] = 0;
    }
    return CUV_OK;
}

cuv_status cuv_shape_repeat(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    int axis = s->at->axis;
    CUV_TRY(cuv_shape_axis(s, axis, x->rank));
    if (s->at->count < 0 || !cuv_dim_mul(x->shape[axis], s->at->count, &out->shape[axis]))
        return cuv_shape_no(s, "elements repeated %lld times", (long long)s->at->count);
    return CUV_OK;
}

cuv_status cuv_shape_one_hot(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    if (s->at->count < 0 || s->at->count > CUV_MAX_ATTR)
        return cuv_shape_no(s, "one-hot vectors of %lld values", (long long)s->at->count);
    if (x->rank == CUV_MAX_RANK || s->at->dtype == CUV_STR)
        return cuv_shape_no(s, "the result would have %d axes of %s", x->rank + 1, cuv_dtype_name(s->at->dtype));
    cuv_var *out = cuv_shape_like(s, 0, x, s->at->dtype);
    out->shape[out->rank++] = s->at->count;
    return CUV_OK;
}

cuv_status cuv_shape_resize(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    if (x->rank != 4)
        return cuv_shape_no(s, "images are (batch, height, width, channels)");
    if (s->at->mode != CUV_MODE_CONSTANT && (s->at->mode < CUV_MODE_NEAREST || s->at->mode > CUV_MODE_BICUBIC))
        return cuv_shape_no(s, "resize has no such mode");
    for (int i = 0; i < 2; i++) {
        if (s->at->size[i] < 1 || s->at->size[i] > CUV_MAX_ATTR || x->shape[1 + i] == 0)
            return cuv_shape_no(s, "size %lld from %lld", (long long)s->at->size[i], (long long)x->shape[1 + i]);
        out->shape[1 + i] = s->at->size[i];
    }
    return CUV_OK;
}

cuv_status cuv_shape_upsample(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    bool smooth = s->at->mode == CUV_MODE_BILINEAR || s->at->mode == CUV_MODE_BICUBIC;
    if (x->rank < 3 || x->rank > 5 || (smooth && x->rank != 4))
        return cuv_shape_no(s, smooth ? "images are (batch, height, width, channels)" : "one to three spatial axes");
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t times = s->at->window[i] == 0 ? 1 : s->at->window[i];
        if (times < 0 || !cuv_dim_mul(x->shape[1 + i], times, &out->shape[1 + i]))
            return cuv_shape_no(s, "axis %d enlarged %lld times", 1 + i, (long long)times);
        if (smooth && x->shape[1 + i] == 0)
            return cuv_shape_no(s, "there are no pixels to interpolate");
    }
    return CUV_OK;
}
