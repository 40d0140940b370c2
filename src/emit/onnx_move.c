/* ONNX nodes of the ops that move, repeat or choose elements. */
#include "emit/onnx.h"

/* ---- shapes */

/* A list of sizes as an operand: entry n, -1 as it is, -2-k: size k of `like`. A single unknown size is left for Reshape to infer
 * (`infer`); otherwise the list is put together when it runs. */
static const char *sizes(onnx_writer *w, const int64_t *entries, int count, cuv_ref like, bool infer)
{
    int64_t plain[CUV_MAX_RANK];
    const char *parts[CUV_MAX_RANK];
    int unknown = 0;
    bool open = false;
    for (int i = 0; i < count; i++) {
        plain[i] = entries[i] < -1 ? onnx_var(w, like)->shape[-2 - entries[i]] : entries[i];
        unknown += entries[i] < -1 && plain[i] < 0;
        open |= entries[i] == -1;
    }
    if (!unknown || (infer && unknown == 1 && !open))
        return onnx_ints(w, plain, (size_t)count);
    for (int i = 0; i < count; i++)
        parts[i] = entries[i] < -1 ? onnx_size(w, like, (int)(-2 - entries[i])) : onnx_ints(w, &plain[i], 1);
    return onnx_concat(w, parts, (size_t)count, 0);
}

static cuv_ref like_of(const onnx_writer *w)
{
    return onnx_has(w, 1) ? onnx_ref(w, 1) : onnx_ref(w, 0);
}

void onnx_reshape_step(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *out = onnx_var(w, s->out[0]);
    const cuv_tensor *known = onnx_known(w, s->in[0]);
    size_t count;
    if (known && cuv_shape_count(out->shape, out->rank, &count)) {
        cuv_tensor *t = NULL;
        w->status = cuv_tensor_reshape(w->arena, known, out->shape, out->rank, &t);
        onnx_made_known(w, 0, t);
        return;
    }
    const char *x = onnx_in(w, 0);
    onnx_made(w, 0, onnx_op2(w, "Reshape", x, sizes(w, s->attrs->shape, s->attrs->shape_count, like_of(w), true)), NULL);
}

/* No node: what is there of x is there of the result under other names of its axes. */
void onnx_transpose_step(onnx_writer *w, const cuv_step *s)
{
    const cuv_tensor *known = onnx_known(w, s->in[0]);
    const int rank = onnx_var(w, s->in[0])->rank;
    onnx_value *x = &w->values[s->in[0]], *y = &w->values[s->out[0]];
    if (known && !onnx_failed(w)) {
        cuv_tensor *t = NULL;
        w->status = cuv_tensor_transpose(w->arena, known, s->attrs->perm, &t);
        onnx_made_known(w, 0, t);
        return;
    }
    onnx_want(w, s->in[0], onnx_native(w, s->in[0]));
    for (int f = 0; f < x->form_count; f++, y->form_count++) {
        y->forms[f].name = x->forms[f].name;
        for (int i = 0; i < rank; i++)
            y->forms[f].perm[i] = onnx_place(s->attrs->perm, rank, x->forms[f].perm[i]);
    }
}

void onnx_broadcast(onnx_writer *w, const cuv_step *s)
{
    const char *x = onnx_in(w, 0);
    int64_t entries[CUV_MAX_RANK];
    for (int i = 0; i < s->attrs->shape_count; i++)       /* Expand keeps an axis of its own where the size is 1 */
        entries[i] = s->attrs->shape[i] == -1 ? 1 : s->attrs->shape[i];
    onnx_made(w, 0, onnx_op2(w, "Expand", x, sizes(w, entries, s->attrs->shape_count, like_of(w), false)), NULL);
}

void onnx_fill(onnx_writer *w, const cuv_step *s)
{
    const cuv_dtype dtype = onnx_var(w, s->out[0])->dtype;
    const char *value = onnx_number(w, dtype, s->attrs->value);
    const char *shape = sizes(w, s->attrs->shape, s->attrs->shape_count, onnx_ref(w, 0), false);
    onnx_made(w, 0, s->attrs->shape_count ? onnx_op2(w, "Expand", value, shape) : value, NULL);
}

void onnx_range(onnx_writer *w, const cuv_step *s)
{
    const char *size = onnx_squeeze(w, onnx_size(w, s->in[0], s->attrs->axis), 0);
    const char *y = onnx_op3(w, "Range", onnx_int(w, 0), size, onnx_int(w, 1));
    onnx_made(w, 0, onnx_cast(w, y, onnx_carried(onnx_var(w, s->out[0])->dtype)), NULL);
}

/* ---- parts, in the order of axes in which x was made */

void onnx_concat_step(onnx_writer *w, const cuv_step *s)
{
    const int rank = onnx_var(w, s->out[0])->rank;
    const int *perm = onnx_native(w, s->in[0]);
    const char **in = CUV_NEW_ARRAY(w->arena, const char *, s->in_count);
    for (int i = 0; in && i < s->in_count; i++)
        in[i] = onnx_want(w, s->in[i], perm);
    if (!in)
        w->status = cuv_oom(w->cx);
    else
        onnx_made(w, 0, onnx_concat(w, in, s->in_count, onnx_place(perm, rank, s->attrs->axis)), perm);
}

void onnx_slice_step(onnx_writer *w, const cuv_step *s)
{
    const int rank = onnx_var(w, s->in[0])->rank;
    const int *perm = onnx_native(w, s->in[0]);
    int64_t start[CUV_MAX_RANK], stop[CUV_MAX_RANK], step[CUV_MAX_RANK], axes[CUV_MAX_RANK];
    size_t n = 0;
    const char *x = onnx_want(w, s->in[0], perm);
    for (int i = 0; i < rank; i++) {
        if (s->attrs->step[i] == 0)
            continue;
        start[n] = s->attrs->start[i];
        stop[n] = s->attrs->stop[i];
        step[n] = s->attrs->step[i];
        axes[n++] = onnx_place(perm, rank, i);
    }
    if (n)
        x = onnx_node(w, "Slice", ONNX_IN(x, onnx_ints(w, start, n), onnx_ints(w, stop, n), onnx_ints(w, axes, n),
                      onnx_ints(w, step, n)), NULL, NULL, 1);
    onnx_made(w, 0, x, perm);
}

/* Mirrored with its edge, which ONNX's Pad does not know: pieces turned round, put before and behind. */
static const char *symmetric(onnx_writer *w, const char *x, int axis, int64_t lo, int64_t hi)
{
    const char *parts[3];
    size_t n = 0;
    if (lo > 0)
        parts[n++] = onnx_slice(w, x, axis, lo - 1, INT64_MIN, -1);
    parts[n++] = x;
    if (hi > 0)
        parts[n++] = onnx_slice(w, x, axis, -1, -1 - hi, -1);
    return onnx_concat(w, parts, n, axis);
}

void onnx_pad(onnx_writer *w, const cuv_step *s)
{
    static const char *const modes[] = {"constant", "reflect", NULL, "edge"};
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int *perm = onnx_native(w, s->in[0]);
    int64_t pads[2 * CUV_MAX_RANK];
    const char *x = onnx_want(w, s->in[0], perm);
    for (int i = 0; i < v->rank; i++) {
        pads[i] = s->attrs->pad_lo[perm[i]];
        pads[i + v->rank] = s->attrs->pad_hi[perm[i]];
        if (s->attrs->mode == CUV_MODE_SYMMETRIC && (pads[i] || pads[i + v->rank]))
            x = symmetric(w, x, i, pads[i], pads[i + v->rank]);
    }
    if (s->attrs->mode != CUV_MODE_SYMMETRIC) {
        const char *value = s->attrs->mode == CUV_MODE_CONSTANT ? onnx_number(w, v->dtype, s->attrs->value) : NULL;
        x = onnx_node(w, "Pad", ONNX_IN(x, onnx_ints(w, pads, 2 * (size_t)v->rank), value),
                      ONNX_ATTRS(ONNX_AS("mode", modes[s->attrs->mode])), NULL, 1);
    }
    onnx_made(w, 0, x, perm);
}

/* ---- indices */

static const char *indices(onnx_writer *w, int i)
{
    const cuv_dtype dtype = onnx_var(w, onnx_ref(w, i))->dtype;
    const char *x = onnx_in(w, i);
    return cuv_dtype_is_integer(dtype) ? x : onnx_cast(w, x, ONNX_INT64);
}

void onnx_gather(onnx_writer *w, const cuv_step *s)
{
    const char *x = onnx_in(w, 0), *at = indices(w, 1);
    onnx_made(w, 0, onnx_node(w, "Gather", ONNX_IN(x, at), ONNX_ATTRS(ONNX_AI("axis", s->attrs->axis)), NULL, 1), NULL);
}

void onnx_gather_along(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *x = onnx_var(w, s->in[0]), *at = onnx_var(w, s->in[1]);
    for (int i = 0; i < x->rank; i++)
        if (i != s->attrs->axis && x->shape[i] != at->shape[i]) {
            onnx_refuse(w, "its indices would have to be broadcast");
            return;
        }
    const char *from = onnx_in(w, 0), *index = indices(w, 1);
    onnx_made(w, 0, onnx_node(w, "GatherElements", ONNX_IN(from, index), ONNX_ATTRS(ONNX_AI("axis", s->attrs->axis)), NULL, 1),
              NULL);
}

/* A row behind the last one takes the updates whose index lies outside, and is cut off again. */
void onnx_scatter(onnx_writer *w, const cuv_step *s)
{
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const cuv_var *x = onnx_var(w, s->in[0]);
    int64_t ends[2 * CUV_MAX_RANK] = {0};
    if (onnx_carried(x->dtype) == ONNX_BOOL || x->shape[0] < 0) {
        onnx_refuse(w, "its rows must be numbers, and their count known");
        return;
    }
    ends[x->rank] = 1;
    const char *at = onnx_cast(w, onnx_in(w, 1), ONNX_INT64), *end = onnx_int(w, x->shape[0]);
    const char *low = onnx_op2(w, "Less", at, onnx_int(w, 0)), *high = onnx_op2(w, "GreaterOrEqual", at, end);
    at = onnx_unsqueeze(w, onnx_op3(w, "Where", onnx_op2(w, "Or", low, high), end, at), 1);
    const char *wide = onnx_op2(w, "Pad", onnx_in(w, 0), onnx_ints(w, ends, (size_t)(2 * x->rank))), *updates = onnx_in(w, 2);
    const char *y = onnx_node(w, "ScatterND", ONNX_IN(wide, at, updates),
                              ONNX_ATTRS(ONNX_AS("reduction", names[s->attrs->mode - CUV_MODE_SET])), NULL, 1);
    onnx_made(w, 0, onnx_slice(w, y, 0, 0, x->shape[0], 1), NULL);
}

void onnx_one_hot(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int64_t count = s->attrs->count;
    cuv_tensor *t = NULL;
    void *values = NULL;
    w->status = cuv_tensor_new(w->arena, CUV_I64, &count, 1, &t, &values);
    for (int64_t i = 0; !onnx_failed(w) && i < count; i++)
        ((int64_t *)values)[i] = i;
    const char *x = onnx_unsqueeze(w, onnx_cast(w, onnx_in(w, 0), ONNX_INT64), v->rank);
    const char *classes = onnx_failed(w) ? NULL : onnx_initializer_of(w, "classes", t);
    onnx_made(w, 0, onnx_cast(w, onnx_op2(w, "Equal", x, classes), onnx_carried(onnx_var(w, s->out[0])->dtype)), NULL);
}

/* ---- repetition */

void onnx_tile(onnx_writer *w, const cuv_step *s)
{
    const char *x = onnx_in(w, 0);
    onnx_made(w, 0, onnx_op2(w, "Tile", x, onnx_ints(w, s->attrs->shape, (size_t)s->attrs->shape_count)), NULL);
}

/* Each element along a new axis, repeated there, and the two axes made one. */
void onnx_repeat(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    int64_t times[CUV_MAX_RANK + 1], entries[CUV_MAX_RANK];
    const char *x = onnx_unsqueeze(w, onnx_in(w, 0), s->attrs->axis + 1);
    if (v->rank == CUV_MAX_RANK || s->attrs->count == 0) {
        onnx_refuse(w, "%d axes, each element %lld times", v->rank, (long long)s->attrs->count);
        return;
    }
    for (int i = 0; i <= v->rank; i++)
        times[i] = i == s->attrs->axis + 1 ? s->attrs->count : 1;
    for (int i = 0; i < v->rank; i++)
        entries[i] = i == s->attrs->axis ? -1 : -2 - i;
    x = onnx_op2(w, "Tile", x, onnx_ints(w, times, (size_t)v->rank + 1));
    onnx_made(w, 0, onnx_op2(w, "Reshape", x, sizes(w, entries, v->rank, s->in[0], true)), NULL);
}

void onnx_reverse(onnx_writer *w, const cuv_step *s)
{
    const int rank = onnx_var(w, s->in[0])->rank, count = s->attrs->axes_count;
    const int *perm = onnx_native(w, s->in[0]);
    int64_t start[CUV_MAX_RANK], stop[CUV_MAX_RANK], step[CUV_MAX_RANK], axes[CUV_MAX_RANK];
    if (count == 1 && s->attrs->axes[0] == 1 && w->values[s->in[0]].mirrored) {
        onnx_made(w, 0, w->values[s->in[0]].mirrored, NULL);
        return;
    }
    const char *x = onnx_want(w, s->in[0], perm);
    for (int i = 0; i < count; i++) {
        start[i] = step[i] = -1;
        stop[i] = INT64_MIN;
        axes[i] = onnx_place(perm, rank, s->attrs->axes[i]);
    }
    const size_t n = (size_t)count;
    onnx_made(w, 0, onnx_node(w, "Slice", ONNX_IN(x, onnx_ints(w, start, n), onnx_ints(w, stop, n), onnx_ints(w, axes, n),
              onnx_ints(w, step, n)), NULL, NULL, 1), perm);
}
