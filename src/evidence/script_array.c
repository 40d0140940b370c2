/* NumPy on what files hold: loading, indexing, reshaping, transposing, and simple arithmetic. An array without data stands for one
 * whose shape alone is known. */
#include "evidence/script.h"

#include <math.h>

/* ---- making ---- */

cuv_status cuv_sc_shape_array(cuv_sc *e, const int64_t *shape, int rank, cuv_dtype dtype, cuv_sv **out)
{
    cuv_tensor *t = CUV_NEW(e->ev->arena, cuv_tensor);
    size_t count = 0;
    if (!t)
        return cuv_oom(e->cx);
    if (!cuv_shape_count(shape, rank, &count))
        return cuv_sv_unknown(e, out, "an array of an absurd size");
    t->dtype = dtype;
    t->rank = rank;
    memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
    t->offset = UINT64_MAX;
    return cuv_sv_array(e, t, NULL, out);
}

cuv_status cuv_sc_new_tensor(cuv_sc *e, cuv_dtype dtype, const int64_t *shape, int rank, cuv_tensor **t, void **values)
{
    size_t count = 0;
    if (!cuv_shape_count(shape, rank, &count) || count > cuv_context_limits(e->cx)->tensor_bytes / 8)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.size", NULL, "an array of shape %s is beyond the limit",
                           cuv_shape_text(e->cx, shape, rank));
    CUV_TRY(cuv_sc_step(e, 1 + count / 64));
    return cuv_tensor_new(e->ev->arena, dtype, shape, rank, t, values);
}

cuv_status cuv_sc_derived(cuv_sc *e, const cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out)
{
    const char *label = from->label ? cuv_arena_printf(e->ev->arena, "%s%s", from->label, suffix) : NULL;
    if (from->label && !label)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sv_array(e, t, label, out));
    (*out)->unsure = from->unsure;
    return CUV_OK;
}

/* As NumPy's views are: what is written into one is written into the other, too. */
static cuv_status viewed(cuv_sc *e, cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out)
{
    CUV_TRY(cuv_sc_derived(e, from, t, suffix, out));
    (*out)->self = from;
    from->truth = true;
    return CUV_OK;
}

/* The shape of nested lists of numbers; false when they are ragged or hold anything else. */
static bool nested_shape(const cuv_sv *v, int64_t *shape, int *rank, bool *real, unsigned *budget)
{
    if (*budget == 0)
        return false;
    --*budget;
    if (cuv_sv_is_number(v)) {
        *real = *real || v->kind == CUV_SV_REAL;
        return true;
    }
    if (!cuv_sv_is_seq(v) || v->unsure || v->count == 0 || *rank >= CUV_MAX_RANK)
        return false;
    int axis = (*rank)++;
    shape[axis] = (int64_t)v->count;
    int before = *rank, depth = before;
    for (size_t i = 0; i < v->count; i++) {
        int64_t inner[CUV_MAX_RANK];
        int inner_rank = before;
        memcpy(inner, shape, sizeof inner);
        if (!nested_shape(v->items[i], inner, &inner_rank, real, budget))
            return false;
        if (i == 0) {
            memcpy(shape + before, inner + before, (size_t)(inner_rank - before) * sizeof *shape);
            depth = inner_rank;
        } else if (!cuv_shape_equal(shape, depth, inner, inner_rank)) {
            return false;
        }
    }
    *rank = depth;
    return true;
}

static void fill_nested(const cuv_sv *v, double **at)
{
    if (cuv_sv_is_number(v)) {
        (void)cuv_sv_as_real(v, (*at)++);
        return;
    }
    for (size_t i = 0; i < v->count; i++)
        fill_nested(v->items[i], at);
}

cuv_status cuv_sc_array_of(cuv_sc *e, cuv_sv *v, cuv_sv **out)
{
    int64_t shape[CUV_MAX_RANK] = {0};
    int rank = 0;
    bool real = false, known = true;
    unsigned budget = 4000000;
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (v->kind == CUV_SV_ARRAY) {
        *out = v;
        return CUV_OK;
    }
    if (v->kind == CUV_SV_RANGE)
        CUV_TRY(cuv_sv_iterate(e, v, &v, &known));
    bool numbers = nested_shape(v, shape, &rank, &real, &budget);
    CUV_TRY(cuv_sc_step(e, 4000000 - budget));
    if (!numbers) {
        if (v->kind == CUV_SV_LIST || v->kind == CUV_SV_DICT || v->kind == CUV_SV_UNKNOWN)
            *out = v;                               /* an object array: indexed as the list is */
        else
            return cuv_sv_unknown(e, out, "an array made of %s", cuv_sv_describe(e, v));
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_new_tensor(e, real ? CUV_F64 : CUV_I64, shape, rank, &t, &values));
    double *at = values;
    fill_nested(v, &at);
    if (!real)
        for (size_t i = 0; i < cuv_tensor_count(t); i++) {
            int64_t whole = (int64_t)((double *)values)[i];
            memcpy((uint8_t *)values + i * 8, &whole, 8);
        }
    return cuv_sv_array(e, t, NULL, out);
}

static bool read_shape(const cuv_sv *v, int64_t *shape, int *rank)
{
    if (v && cuv_sv_as_int(v, &shape[0])) {
        *rank = 1;
        return shape[0] >= -1;
    }
    if (!v || !cuv_sv_is_seq(v) || v->count > CUV_MAX_RANK)
        return false;
    *rank = (int)v->count;
    for (size_t i = 0; i < v->count; i++)
        if (!cuv_sv_as_int(v->items[i], &shape[i]) || shape[i] < -1)
            return false;
    return true;
}

static bool read_dtype(const cuv_sv *v, cuv_dtype *out)
{
    if (v && v->kind == CUV_SV_NAME)
        return cuv_dtype_parse(cuv_sc_last(v->text), out) || (cuv_streq(cuv_sc_last(v->text), "float") && (*out = CUV_F64, true));
    return v && v->kind == CUV_SV_TEXT && cuv_dtype_parse(v->text, out);
}

static cuv_status converted(cuv_sc *e, cuv_sv *v, const cuv_sv *dtype, cuv_sv **out)
{
    cuv_dtype to = CUV_F32;
    cuv_tensor *t = NULL;
    void *values = NULL;
    *out = v;
    if (!dtype || dtype->kind == CUV_SV_NONE || v->kind != CUV_SV_ARRAY)
        return CUV_OK;
    if (!read_dtype(dtype, &to) || v->tensor->dtype == CUV_STR || to == CUV_STR) {
        if (dtype->kind == CUV_SV_NAME && cuv_streq(cuv_sc_last(dtype->text), "object"))
            return CUV_OK;
        return cuv_sv_unknown(e, out, "an array converted to %s", cuv_sv_describe(e, dtype));
    }
    if (to == v->tensor->dtype)
        return CUV_OK;
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, v->tensor->shape, v->tensor->rank, to, out);
    CUV_TRY(cuv_sc_new_tensor(e, to, v->tensor->shape, v->tensor->rank, &t, &values));
    cuv_convert(values, to, v->tensor->data, v->tensor->dtype, cuv_tensor_count(t));
    return cuv_sc_derived(e, v, t, cuv_sc_format(e, " as %s", cuv_dtype_name(to)), out);
}

/* ---- moving axes ---- */

static cuv_status transposed(cuv_sc *e, cuv_sv *v, const int *perm, cuv_sv **out)
{
    cuv_tensor *t = NULL;
    int64_t shape[CUV_MAX_RANK];
    bool reverse = true;
    for (int i = 0; i < v->tensor->rank; i++) {
        shape[i] = v->tensor->shape[perm[i]];
        reverse = reverse && perm[i] == v->tensor->rank - 1 - i;
    }
    if (v->tensor->rank < 2) {
        *out = v;
        return CUV_OK;
    }
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, v->tensor->rank, v->tensor->dtype, out);
    CUV_TRY(cuv_sc_step(e, cuv_tensor_count(v->tensor) / 64));
    CUV_TRY(cuv_tensor_transpose(e->ev->arena, v->tensor, perm, &t));
    return viewed(e, v, t, reverse ? ".T" : cuv_sc_format(e, ".transpose%s", cuv_shape_text(e->cx, (int64_t[]){perm[0], perm[1],
                   v->tensor->rank > 2 ? perm[2] : 0, v->tensor->rank > 3 ? perm[3] : 0}, v->tensor->rank < 4 ? v->tensor->rank : 4)), out);
}

static cuv_status transpose(cuv_sc *e, cuv_sv *v, const cuv_sv *axes, cuv_sv **out)
{
    int perm[CUV_MAX_RANK], rank = v->tensor->rank;
    bool seen[CUV_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    if (axes && axes->kind != CUV_SV_NONE) {
        int64_t list[CUV_MAX_RANK];
        int n = 0;
        if (!cuv_sv_is_seq(axes) || axes->count != (size_t)rank)
            return cuv_sv_unknown(e, out, "a transposed array whose axes do not fit");
        for (; n < rank; n++) {
            if (!cuv_sv_as_int(axes->items[n], &list[n]))
                return cuv_sv_unknown(e, out, "a transposed array whose axes are not known");
            list[n] += list[n] < 0 ? rank : 0;
            if (list[n] < 0 || list[n] >= rank || seen[list[n]])
                return cuv_sc_fail(e, e->at, CUV_NO, "script.axes", NULL, "%s are no axes of %s", cuv_sv_describe(e, axes),
                                   cuv_sv_describe(e, v));
            seen[list[n]] = true;
            perm[n] = (int)list[n];
        }
    }
    return transposed(e, v, perm, out);
}

static cuv_status reshape(cuv_sc *e, cuv_sv *v, const cuv_sv *to, cuv_sv **out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0, open = -1;
    size_t count = cuv_tensor_count(v->tensor), known = 1;
    cuv_tensor *t = NULL;
    if (!read_shape(to, shape, &rank))
        return cuv_sv_unknown(e, out, "an array reshaped to %s", to ? cuv_sv_describe(e, to) : "nothing");
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            open = open < 0 ? i : CUV_MAX_RANK;
        else if (!cuv_mul_size(known, (size_t)shape[i], &known))
            known = 0;
    }
    if (open >= 0 && open < CUV_MAX_RANK && known > 0 && count % known == 0)
        shape[open] = (int64_t)(count / known);
    else if (open >= 0 || known != count)
        return cuv_sc_fail(e, e->at, CUV_NO, "script.reshape", NULL, "%s has %zu values and cannot take the shape %s",
                           v->label ? v->label : cuv_sv_describe(e, v), count, cuv_sv_describe(e, to));
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, rank, v->tensor->dtype, out);
    CUV_TRY(cuv_tensor_reshape(e->ev->arena, v->tensor, shape, rank, &t));
    return viewed(e, v, t, cuv_sc_format(e, ".reshape%s", cuv_shape_text(e->cx, shape, rank)), out);
}

static cuv_status with_shape(cuv_sc *e, cuv_sv *v, const int64_t *shape, int rank, const char *suffix, cuv_sv **out)
{
    cuv_tensor *t = NULL;
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, rank, v->tensor->dtype, out);
    CUV_TRY(cuv_tensor_reshape(e->ev->arena, v->tensor, shape, rank, &t));
    return viewed(e, v, t, suffix, out);
}

static cuv_status expand(cuv_sc *e, cuv_sv *v, const cuv_sv *axis, cuv_sv **out)
{
    int64_t at = 0, shape[CUV_MAX_RANK];
    int rank = v->tensor->rank;
    if (!axis || !cuv_sv_as_int(axis, &at) || rank + 1 > CUV_MAX_RANK)
        return cuv_sv_unknown(e, out, "an array with another axis");
    at += at < 0 ? rank + 1 : 0;
    if (at < 0 || at > rank)
        return cuv_sv_unknown(e, out, "an array with an axis beyond its rank");
    for (int i = 0, k = 0; i <= rank; i++)
        shape[i] = i == at ? 1 : v->tensor->shape[k++];
    return with_shape(e, v, shape, rank + 1, cuv_sc_format(e, " with axis %d", (int)at), out);
}

static cuv_status squeeze(cuv_sc *e, cuv_sv *v, const cuv_sv *axis, cuv_sv **out)
{
    int64_t at = 0, shape[CUV_MAX_RANK];
    int rank = 0;
    bool one = axis && axis->kind != CUV_SV_NONE;
    if (one && !cuv_sv_as_int(axis, &at))
        return cuv_sv_unknown(e, out, "a squeezed array");
    at += at < 0 ? v->tensor->rank : 0;
    for (int i = 0; i < v->tensor->rank; i++)
        if (v->tensor->shape[i] != 1 || (one && i != at))
            shape[rank++] = v->tensor->shape[i];
    return with_shape(e, v, shape, rank, ".squeeze()", out);
}

/* ---- indexing ---- */

typedef struct pick { int64_t start, step, count, stride; const int64_t *list; bool drop; } pick;

/* Turns an index into one pick an axis of the array, and the result's shape with its new axes. */
typedef struct picks { pick axis[CUV_MAX_RANK]; int used, rank; int64_t shape[CUV_MAX_RANK]; bool known, outside, lists; int64_t index; } picks;

static void pick_one(picks *p, const cuv_tensor *t, const cuv_sv *index)
{
    int64_t length = t->shape[p->used], at = 0;
    pick *k = &p->axis[p->used++];
    if (cuv_sv_as_int(index, &at)) {
        p->index = at;
        at += at < 0 ? length : 0;
        p->outside = p->outside || at < 0 || at >= length;
        *k = (pick){.start = at, .step = 1, .count = 1, .drop = true};
        return;
    }
    int64_t start = 0, stop = length, step = 1;
    const cuv_sv *a = index->items[0], *b = index->items[1], *c = index->items[2];
    p->known = p->known && (c->kind == CUV_SV_NONE || (cuv_sv_as_int(c, &step) && step != 0));
    step = p->known ? step : 1;
    step = step > length + 1 ? length + 1 : step < -length - 1 ? -length - 1 : step;    /* the same items, without overflow */
    start = step > 0 ? 0 : length - 1;
    stop = step > 0 ? length : -1;
    if (a->kind != CUV_SV_NONE) {
        p->known = p->known && cuv_sv_as_int(a, &start);
        start += start < 0 ? length : 0;
        start = start < 0 ? (step > 0 ? 0 : -1) : start > length ? length : start;
        start = step < 0 && start > length - 1 ? length - 1 : start;
    }
    if (b->kind != CUV_SV_NONE) {
        p->known = p->known && cuv_sv_as_int(b, &stop);
        stop += stop < 0 ? length : 0;
        stop = stop < 0 ? (step > 0 ? 0 : -1) : stop > length ? length : stop;
    }
    int64_t span = step > 0 ? stop - start : start - stop, size = step > 0 ? step : -step;
    *k = (pick){.start = start, .step = step, .count = span > 0 ? (span - 1) / size + 1 : 0};
    p->shape[p->rank++] = k->count;
}

/* w[:, [2, 0, 1]]: one list of whole numbers. */
static bool pick_list(cuv_sc *e, picks *p, const cuv_tensor *t, const cuv_sv *index)
{
    const cuv_tensor *numbers = index->kind == CUV_SV_ARRAY ? index->tensor : NULL;
    int64_t length = t->shape[p->used];
    if (p->lists || index->unsure || (numbers && (!numbers->data || numbers->rank != 1 || !cuv_dtype_is_integer(numbers->dtype))))
        return false;
    size_t count = numbers ? cuv_tensor_count(numbers) : index->count;
    int64_t *list = CUV_NEW_ARRAY(e->arena, int64_t, count + 1);
    for (size_t i = 0; list && i < count; i++) {
        if (numbers)
            list[i] = (int64_t)cuv_tensor_at(numbers, i);
        else if (index->items[i]->kind == CUV_SV_BOOL || !cuv_sv_as_int(index->items[i], &list[i]))
            return false;
        p->index = list[i];
        list[i] += list[i] < 0 ? length : 0;
        p->outside = p->outside || list[i] < 0 || list[i] >= length;
        if (p->outside)
            return true;
    }
    p->axis[p->used++] = (pick){.count = (int64_t)count, .list = list};
    p->shape[p->rank++] = (int64_t)count;
    p->lists = true;
    return list != NULL;
}

static bool is_list(const cuv_sv *v)
{
    return v->kind == CUV_SV_LIST || (v->kind == CUV_SV_ARRAY && v->tensor->rank == 1);
}

static bool plan_index(cuv_sc *e, const cuv_tensor *t, const cuv_sv *index, picks *p)
{
    cuv_sv *one = (cuv_sv *)(uintptr_t)index;
    size_t count = index->kind == CUV_SV_TUPLE ? index->count : 1, takes = 0;
    cuv_sv **items = index->kind == CUV_SV_TUPLE ? index->items : &one;
    p->known = true;
    for (size_t i = 0; i < count; i++)
        takes += items[i]->kind != CUV_SV_ELLIPSIS && items[i]->kind != CUV_SV_NONE;
    if (takes > (size_t)t->rank)
        return false;
    const cuv_sv none = {.kind = CUV_SV_NONE};
    cuv_sv *nones[3] = {(cuv_sv *)(uintptr_t)&none, (cuv_sv *)(uintptr_t)&none, (cuv_sv *)(uintptr_t)&none};
    const cuv_sv whole = {.kind = CUV_SV_SLICE, .items = nones, .count = 3};
    for (size_t i = 0; i < count; i++) {
        int64_t at = 0;
        if (p->rank >= CUV_MAX_RANK)
            return false;
        if (items[i]->kind == CUV_SV_NONE)
            p->shape[p->rank++] = 1;
        else if (items[i]->kind == CUV_SV_ELLIPSIS)
            for (int left = t->rank - (int)takes; left > 0 && p->used < t->rank && p->rank < CUV_MAX_RANK; left--)
                pick_one(p, t, &whole);
        else if ((items[i]->kind == CUV_SV_SLICE || cuv_sv_as_int(items[i], &at)) && p->used < t->rank)
            pick_one(p, t, items[i]);
        else if (!is_list(items[i]) || p->used >= t->rank || !pick_list(e, p, t, items[i]))
            return false;
        if (p->outside)
            return true;
    }
    while (p->used < t->rank && p->rank < CUV_MAX_RANK)
        pick_one(p, t, &whole);
    return p->known && p->used == t->rank;
}

static int64_t at_pick(const pick *k, int64_t i)
{
    return k->list ? k->list[i] : k->start + i * k->step;
}

/* Copies the picked elements in C order. */
static void gather(const cuv_tensor *t, picks *p, uint8_t *to)
{
    size_t size = cuv_dtype_size(t->dtype);
    int64_t at[CUV_MAX_RANK] = {0}, offset = 0, stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        p->axis[i].stride = stride;
        stride *= t->shape[i];
        if (p->axis[i].count == 0)
            return;
        offset += at_pick(&p->axis[i], 0) * p->axis[i].stride;
    }
    for (;;) {
        memcpy(to, t->data + (size_t)offset * size, size);
        to += size;
        int i = t->rank - 1;
        for (; i >= 0; i--) {
            pick *k = &p->axis[i];
            if (++at[i] < k->count) {
                offset += (at_pick(k, at[i]) - at_pick(k, at[i] - 1)) * k->stride;
                break;
            }
            offset += (at_pick(k, 0) - at_pick(k, k->count - 1)) * k->stride;
            at[i] = 0;
        }
        if (i < 0)
            return;
    }
}

static const char *index_words(cuv_sc *e, const cuv_py *node, const cuv_sv *index)
{
    int64_t i = 0;
    if (cuv_sv_as_int(index, &i))
        return cuv_sc_format(e, "[%lld]", (long long)i);
    if (node && node->kind == CUV_PY_SUBSCRIPT)
        return cuv_sc_format(e, "[%s]", cuv_py_brief(e->cx, e->src, node->b, 40));
    return "[...]";
}

cuv_status cuv_sc_array_index(cuv_sc *e, const cuv_py *node, cuv_sv *array, cuv_sv *index, cuv_sv **out)
{
    picks p = {0};
    const cuv_tensor *t = array->tensor;
    cuv_tensor *made = NULL;
    void *values = NULL;
    if (index->kind == CUV_SV_TUPLE && index->count == 0) {
        *out = array;
        return CUV_OK;
    }
    if (!plan_index(e, t, index, &p))
        return cuv_sv_unknown(e, out, "a part of %s", array->label ? array->label : "an array");
    if (p.outside)
        return cuv_sc_fail(e, node, CUV_NO, "script.index", NULL, "index %lld of %s, whose shape is %s", (long long)p.index,
                           array->label ? array->label : "an array", cuv_shape_text(e->cx, t->shape, t->rank));
    if (!t->data)
        return cuv_sc_shape_array(e, p.shape, p.rank, t->dtype, out);
    if (p.axis[0].drop && p.rank == t->rank - 1 && p.used == t->rank && index->kind != CUV_SV_TUPLE) {
        CUV_TRY(cuv_sc_step(e, 8));
        CUV_TRY(cuv_tensor_row(e->ev->arena, t, p.axis[0].start, &made));
        return viewed(e, array, made, index_words(e, node, index), out);
    }
    if (t->dtype == CUV_STR)
        return cuv_sv_unknown(e, out, "a string of an array");
    CUV_TRY(cuv_sc_new_tensor(e, t->dtype, p.shape, p.rank, &made, &values));
    gather(t, &p, values);
    return viewed(e, array, made, index_words(e, node, index), out);
}

/* ---- attributes and methods ---- */

cuv_status cuv_sc_array_attribute(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out)
{
    const cuv_tensor *t = self->tensor;
    if (cuv_streq(name, "T"))
        return transpose(e, self, NULL, out);
    if (cuv_streq(name, "ndim"))
        return cuv_sv_int(e, t->rank, out);
    if (cuv_streq(name, "size"))
        return cuv_sv_int(e, (int64_t)cuv_tensor_count(t), out);
    if (cuv_streq(name, "dtype"))
        return cuv_sv_word(e, cuv_dtype_name(t->dtype), out);
    if (!cuv_streq(name, "shape"))
        return cuv_sv_method(e, self, name, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (int i = 0; i < t->rank; i++) {
        cuv_sv *size = NULL;
        CUV_TRY(cuv_sv_int(e, t->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, *out, size));
    }
    return CUV_OK;
}

/* Arguments given one by one or as one tuple: a.reshape(2, 3), a.transpose((1, 0)). */
static cuv_status as_tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    if (args->count == 1) {
        *out = args->items[0];
        return CUV_OK;
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, *out, args->items[i]));
    return CUV_OK;
}

static cuv_status scalar_value(cuv_sc *e, const cuv_sv *self, cuv_sv **out)
{
    const cuv_tensor *t = self->tensor;
    if (!t->data || cuv_tensor_count(t) != 1 || t->dtype == CUV_STR)
        return cuv_sv_unknown(e, out, "a value of %s", self->label ? self->label : "an array");
    double x = cuv_tensor_at(t, 0);
    return t->dtype < CUV_F16 ? cuv_sv_int(e, (int64_t)x, out) : cuv_sv_real(e, x, out);
}

static bool in_c_order(const cuv_sargs *args, bool *fortran)
{
    const cuv_sv *order = cuv_sc_arg(args, args->count, "order");
    *fortran = cuv_sv_is(order, "F");
    return !order || *fortran || cuv_sv_is(order, "C");
}

/* In Fortran's order: the same numbers as of the transposed array, put into the reversed shape, and that transposed. */
static cuv_status reshape_in(cuv_sc *e, cuv_sv *v, cuv_sv *to, bool fortran, cuv_sv **out)
{
    cuv_sv *turned = NULL, *shape = NULL, *made = NULL;
    if (!fortran)
        return reshape(e, v, to, out);
    CUV_TRY(transpose(e, v, NULL, &turned));
    if (!cuv_sv_is_seq(to))
        return reshape(e, turned, to, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    for (size_t i = to->count; i > 0; i--)
        CUV_TRY(cuv_sv_add(e, shape, to->items[i - 1]));
    CUV_TRY(reshape(e, turned, shape, &made));
    if (made->kind != CUV_SV_ARRAY) {
        *out = made;
        return CUV_OK;
    }
    return transpose(e, made, NULL, out);
}

static cuv_status of_array(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out);

/* Methods that are functions of NumPy's, too: a.swapaxes(0, 1), a.mean(axis=2). */
static cuv_status of_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *items = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_add(e, items, self));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, items, args->items[i]));
    return of_array(e, name, self, &(cuv_sargs){items->items, items->count, args->names, args->values, args->named, args->node}, out);
}

cuv_status cuv_sc_array_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *tuple = NULL, *flat = NULL;
    bool fortran = false, plain = in_c_order(args, &fortran);
    if (cuv_streq(name, "reshape") && args->count > 0 && plain) {
        CUV_TRY(as_tuple(e, args, &tuple));
        return reshape_in(e, self, tuple, fortran, out);
    }
    if (cuv_streq(name, "transpose")) {
        if (args->count > 0)
            CUV_TRY(as_tuple(e, args, &tuple));
        return transpose(e, self, tuple, out);
    }
    if ((cuv_streq(name, "flatten") || cuv_streq(name, "ravel")) && args->count == 0 && plain) {
        CUV_TRY(cuv_sv_int(e, -1, &flat));
        return reshape_in(e, self, flat, fortran, out);
    }
    if (cuv_streq(name, "astype"))
        return converted(e, self, cuv_sc_arg(args, 0, "dtype"), out);
    if (cuv_streq(name, "squeeze"))
        return squeeze(e, self, cuv_sc_arg(args, 0, "axis"), out);
    if (cuv_streq(name, "item") && self->tensor->rank == 0)
        return scalar_value(e, self, out);
    if (cuv_streq(name, "copy"))
        return cuv_sc_derived(e, self, self->tensor, "", out);
    if (cuv_streq(name, "numpy") || cuv_streq(name, "tolist") || cuv_streq(name, "item") || cuv_streq(name, "view")) {
        *out = self;
        return CUV_OK;
    }
    *out = NULL;
    CUV_TRY(of_method(e, self, name, args, out));
    if (*out)
        return CUV_OK;
    if (cuv_streq(name, "sort") || cuv_streq(name, "fill") || cuv_streq(name, "resize"))
        self->unsure = true;
    return cuv_sv_unknown(e, out, "'%s' of %s", name, self->label ? self->label : "an array");
}

/* ---- functions ---- */

/* Arrays saved one after another into one file: the next one at each call. */
static cuv_status load_next(cuv_sc *e, const cuv_py *node, cuv_sv *from, const cuv_file *file, cuv_sv **out)
{
    cuv_source src = file->source;
    cuv_value *value = NULL;
    for (int64_t i = 0; i + 1 < from->integer; i++) {
        size_t bytes = 0;
        CUV_TRY(cuv_npy_size(e->arena, &src, &bytes));
        if (bytes == 0 || bytes >= src.size)
            return cuv_sc_fail(e, node, CUV_NO, "script.file", NULL, bytes ? "%s holds %lld array%s, and one more is loaded here"
                               : "of %s only the first array is read: it holds objects, and what lies behind them is not looked for", file->name,
                               (long long)i + 1, i == 0 ? "" : "s");
        src.data += bytes;
        src.size -= bytes;
        src.offset += src.offset != UINT64_MAX ? bytes : 0;
    }
    size_t mark = cuv_findings_mark(e->cx);
    CUV_TRY(cuv_npy_parse(e->ev->arena, &src, &value));
    cuv_findings_rewind(e->cx, mark);
    CUV_TRY(cuv_sv_from_value(e, value, 0, out));
    (*out)->label = cuv_arena_printf(e->ev->arena, "%s (array %lld)", file->name, (long long)from->integer);
    return (*out)->label ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status load(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *from = cuv_sc_arg(args, 0, "file");
    cuv_file *file = NULL;
    if (!from || (from->kind != CUV_SV_TEXT && from->kind != CUV_SV_FILE))
        return cuv_sv_unknown(e, out, "what numpy.load gives for %s", from ? cuv_sv_describe(e, from) : "nothing");
    CUV_TRY(cuv_sc_find(e, args->node, from->text, &file));
    if (!file->root)
        return cuv_sc_unsupported(e, args->node, file->arrangement == CUV_ARR_NONE ? NULL : "load it with load_model, or load_weights of a model",
                                  "numpy.load cannot read %s: that is no array file (%s)", file->name, file->kind ? file->kind : "another form");
    if (from->kind == CUV_SV_FILE && from->integer++ > 0)
        return load_next(e, args->node, from, file, out);
    CUV_TRY(cuv_sv_from_value(e, file->root, 0, out));
    if (!(*out)->label)
        (*out)->label = file->name;
    return CUV_OK;
}

static cuv_status filled(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *like = cuv_sc_arg(args, 0, "shape"), *fill = cuv_sc_arg(args, 1, "fill_value");
    cuv_sv *dtype = cuv_sc_arg(args, cuv_starts_with(name, "full") ? 2 : 1, "dtype");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_dtype type = CUV_F64;
    double x = cuv_starts_with(name, "ones") ? 1 : 0;
    cuv_tensor *t = NULL;
    void *values = NULL;
    bool known = true;
    if (like && like->kind == CUV_SV_ARRAY && cuv_ends_with(name, "_like")) {
        rank = like->tensor->rank;
        type = like->tensor->dtype;
        memcpy(shape, like->tensor->shape, sizeof shape);
    } else {
        known = read_shape(like, shape, &rank);
    }
    if (cuv_starts_with(name, "full"))
        known = known && fill && cuv_sv_as_real(fill, &x);
    for (int i = 0; known && i < rank; i++)
        known = shape[i] >= 0;
    if (!known || (dtype && !read_dtype(dtype, &type)) || type == CUV_STR)
        return cuv_sv_unknown(e, out, "numpy.%s of what is not known", name);
    bool empty = cuv_starts_with(name, "empty");
    if (empty && !cuv_dtype_is_float(type))
        return cuv_sc_shape_array(e, shape, rank, type, out);
    x = empty ? (double)NAN : x;                    /* what stays so is not known: set_weights() looks for it */
    CUV_TRY(cuv_sc_new_tensor(e, type, shape, rank, &t, &values));
    for (size_t i = 0; x != 0 && i < cuv_tensor_count(t); i++)
        cuv_convert((uint8_t *)values + i * cuv_dtype_size(type), type, &x, CUV_F64, 1);
    CUV_TRY(cuv_sv_array(e, t, NULL, out));
    (*out)->label = cuv_arena_printf(e->ev->arena, "%s (%s)", name, cuv_sc_where(e, args->node));
    return (*out)->label ? CUV_OK : cuv_oom(e->cx);
}

/* Arrays of random numbers have a shape and no values that the code tells. */
static cuv_status random_array(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const separate[] = {"random.rand", "random.randn"};
    cuv_sv *shape_value = cuv_sc_arg(args, args->count, "size");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    shape_value = shape_value ? shape_value : cuv_sc_arg(args, args->count, "shape");
    for (size_t i = 0; i < 2; i++)
        if (cuv_streq(name, separate[i]))
            CUV_TRY(as_tuple(e, args, &shape_value));
    if (!shape_value && args->count == 1)
        shape_value = args->items[0];
    if (!shape_value && args->count == 3)
        shape_value = args->items[2];
    bool known = shape_value && read_shape(shape_value, shape, &rank);
    for (int i = 0; known && i < rank; i++)
        known = shape[i] >= 0;
    return known ? cuv_sc_shape_array(e, shape, rank, CUV_F64, out) : cuv_sv_unknown(e, out, "random numbers");
}

static bool join_shape(const cuv_sv *list, bool stack, int64_t axis, int64_t *shape, int *rank, int *at)
{
    const cuv_tensor *first = list->count ? list->items[0]->tensor : NULL;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != CUV_SV_ARRAY || list->items[i]->unsure || list->items[i]->tensor->rank != first->rank ||
            list->items[i]->tensor->dtype != first->dtype || !list->items[i]->tensor->data || first->dtype == CUV_STR)
            return false;
    if (!first || first->rank + stack > CUV_MAX_RANK)
        return false;
    *rank = first->rank + stack;
    axis += axis < 0 ? *rank : 0;
    if (axis < 0 || axis >= *rank)
        return false;
    *at = (int)axis;
    for (int i = 0, k = 0; i < *rank; i++)
        shape[i] = stack && i == axis ? (int64_t)list->count : first->shape[k++];
    for (size_t i = 0; !stack && i < list->count; i++)
        for (int k = 0; k < *rank; k++) {
            if (k != axis && list->items[i]->tensor->shape[k] != shape[k])
                return false;
            if (k == axis && i > 0 && !cuv_add_i64(shape[k], list->items[i]->tensor->shape[k], &shape[k]))
                return false;
        }
    for (size_t i = 0; stack && i < list->count; i++)
        if (!cuv_shape_equal(first->shape, first->rank, list->items[i]->tensor->shape, first->rank))
            return false;
    return true;
}

static cuv_status join(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL), *axis_value = cuv_sc_arg(args, 1, "axis"), *list = NULL;
    int64_t shape[CUV_MAX_RANK], axis = 0;
    int rank = 0, at = 0;
    bool known = over != NULL, stack = cuv_streq(name, "stack");
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    known = known && (!axis_value || cuv_sv_as_int(axis_value, &axis));
    if (known && cuv_streq(name, "hstack"))
        axis = list->count && list->items[0]->kind == CUV_SV_ARRAY && list->items[0]->tensor->rank > 1 ? 1 : 0;
    if (known && cuv_streq(name, "vstack") && list->count && list->items[0]->kind == CUV_SV_ARRAY && list->items[0]->tensor->rank < 2) {
        stack = list->items[0]->tensor->rank == 1;
        known = stack;
    }
    if (!known || !join_shape(list, stack, axis, shape, &rank, &at))
        return cuv_sv_unknown(e, out, "joined arrays");
    CUV_TRY(cuv_sc_new_tensor(e, list->items[0]->tensor->dtype, shape, rank, &t, &values));
    size_t outer = 1, size = cuv_dtype_size(t->dtype), offset = 0;
    for (int i = 0; i < at; i++)
        outer *= (size_t)shape[i];
    size_t row = outer ? cuv_tensor_bytes(t) / outer : 0;
    for (size_t i = 0; i < list->count; i++) {
        const cuv_tensor *part = list->items[i]->tensor;
        size_t bytes = outer ? cuv_tensor_count(part) / outer * size : 0;
        for (size_t k = 0; k < outer; k++)
            memcpy((uint8_t *)values + k * row + offset, part->data + k * bytes, bytes);
        offset += bytes;
    }
    return cuv_sc_derived(e, list->items[0], t, " and others joined", out);
}

static cuv_status swap_axes(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    int64_t a = 0, b = 0;
    int perm[CUV_MAX_RANK], rank = v->tensor->rank;
    if (args->count != 3 || !cuv_sv_as_int(args->items[1], &a) || !cuv_sv_as_int(args->items[2], &b))
        return cuv_sv_unknown(e, out, "an array with moved axes");
    a += a < 0 ? rank : 0;
    b += b < 0 ? rank : 0;
    if (a < 0 || b < 0 || a >= rank || b >= rank)
        return cuv_sv_unknown(e, out, "an array with moved axes");
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if (cuv_streq(name, "swapaxes")) {
        perm[a] = (int)b;
        perm[b] = (int)a;
        return transposed(e, v, perm, out);
    }
    for (int i = 0, from = 0; i < rank; i++) {
        from += i != b && from == a;
        perm[i] = i == b ? (int)a : from++;
    }
    return transposed(e, v, perm, out);
}

static cuv_status of_array(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *second = cuv_sc_arg(args, 1, NULL);
    bool fortran = false, plain = in_c_order(args, &fortran);
    if (cuv_streq(name, "transpose"))
        return transpose(e, v, cuv_sc_arg(args, 1, "axes"), out);
    if (cuv_streq(name, "reshape") && plain) {
        second = second ? second : cuv_sc_arg(args, 1, "newshape");
        second = second ? second : cuv_sc_arg(args, 1, "shape");
        return second ? reshape_in(e, v, second, fortran, out) : CUV_OK;
    }
    if (cuv_streq(name, "expand_dims"))
        return expand(e, v, cuv_sc_arg(args, 1, "axis"), out);
    if (cuv_streq(name, "squeeze"))
        return squeeze(e, v, cuv_sc_arg(args, 1, "axis"), out);
    if (cuv_streq(name, "swapaxes") || cuv_streq(name, "moveaxis"))
        return swap_axes(e, name, v, args, out);
    if (cuv_streq(name, "ravel") && plain) {
        cuv_sv *flat = NULL;
        CUV_TRY(cuv_sv_int(e, -1, &flat));
        return reshape_in(e, v, flat, fortran, out);
    }
    if (cuv_streq(name, "copy") || cuv_streq(name, "ascontiguousarray") || cuv_streq(name, "asfortranarray"))
        return cuv_sc_derived(e, v, v->tensor, "", out);
    if (cuv_streq(name, "shape"))
        return cuv_sc_array_attribute(e, v, "shape", out);
    return cuv_sc_numpy_more(e, name, v, args, out);
}

cuv_status cuv_sc_numpy(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const fills[] = {"zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like"};
    static const char *const joins[] = {"concatenate", "stack", "vstack", "hstack"};
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *made = NULL;
    if (cuv_streq(name, "load"))
        return load(e, args, out);
    CUV_TRY(cuv_sc_numpy_made(e, name, args, out));
    if (*out)
        return CUV_OK;
    if (cuv_streq(name, "loadtxt") || cuv_streq(name, "genfromtxt"))
        return cuv_sc_load_text(e, args, out);
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++)
        if (cuv_streq(fills[i], name))
            return filled(e, name, args, out);
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        if (cuv_streq(joins[i], name))
            return join(e, name, args, out);
    if (cuv_starts_with(name, "random."))
        return random_array(e, name, args, out);
    if ((cuv_streq(name, "array") || cuv_streq(name, "asarray") || cuv_streq(name, "float32") || cuv_streq(name, "asanyarray") ||
         cuv_streq(name, "atleast_1d")) && v && !cuv_sv_involves(v)) {
        CUV_TRY(cuv_sc_array_of(e, v, &made));
        cuv_sv *dtype = cuv_sc_arg(args, 1, "dtype");
        if (cuv_streq(name, "float32"))
            CUV_TRY(cuv_sv_word(e, "float32", &dtype));
        return converted(e, made, dtype, out);
    }
    if (v && v->kind == CUV_SV_LIST && cuv_sc_numpy_takes_lists(name)) {
        CUV_TRY(cuv_sc_array_of(e, v, &made));
        v = made;
    }
    if (v && v->kind == CUV_SV_ARRAY)
        CUV_TRY(of_array(e, name, v, args, out));
    if (!*out && v && (cuv_sv_is_number(v) || cuv_streq(name, "prod")))
        CUV_TRY(cuv_sc_library(e, cuv_sc_format(e, "math.%s", name), args, out));
    if (!*out && v && cuv_streq(name, "arange"))
        CUV_TRY(cuv_sc_builtin(e, "range", args, out));
    if (!*out && v && cuv_streq(name, "shape"))
        return cuv_sc_attribute(e, args->node, v, "shape", out);
    return CUV_OK;
}
