/* Indexing of arrays: numbers, slices, new axes, lists of indices, masks. */
#include "evidence/script.h"

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
    if (t->dtype == CUV_STR && t->rank == 1 && p.axis[0].drop) {
        const cuv_string *s = (const cuv_string *)(const void *)t->data + p.axis[0].start;
        return cuv_sv_text(e, s->data ? s->data : "", s->size, out);
    }
    if (p.axis[0].drop && p.rank == t->rank - 1 && p.used == t->rank && index->kind != CUV_SV_TUPLE) {
        CUV_TRY(cuv_sc_step(e, 8));
        CUV_TRY(cuv_tensor_row(e->ev->arena, t, p.axis[0].start, &made));
        return cuv_sc_viewed(e, array, made, index_words(e, node, index), out);
    }
    if (t->dtype == CUV_STR)
        return cuv_sv_unknown(e, out, "a string of an array");
    CUV_TRY(cuv_sc_new_tensor(e, t->dtype, p.shape, p.rank, &made, &values));
    gather(t, &p, values);
    return cuv_sc_viewed(e, array, made, index_words(e, node, index), out);
}
