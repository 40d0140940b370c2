/* Python's functions that make, count, sort and go through lists. */
#include "evidence/script.h"

typedef cuv_status answer(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);

static cuv_status not_known(cuv_sc *e, const char *name, const cuv_sv *v, cuv_sv **out)
{
    return cuv_sv_unknown(e, out, "%s of %s", name, v ? cuv_sv_describe(e, v) : "nothing");
}

/* ---- sizes and iteration ---- */

enum { ITERATOR = 1 };  /* `step` of a list that iter() made: who takes items shares them */

/* __len__ and __iter__ of objects of the script. */
static cuv_status by_protocol(cuv_sc *e, cuv_sv *v, const char *method, cuv_sv **out)
{
    *out = v;
    return v && v->kind == CUV_SV_INSTANCE ? cuv_sc_protocol(e, v, method, NULL, out) : CUV_OK;
}

static cuv_status length(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    size_t n = 0;
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *told = NULL;
    CUV_TRY(by_protocol(e, v, "__len__", &told));
    if (told != v && told)
        *out = told;
    if (told != v && told)
        return CUV_OK;
    if (v && cuv_sv_length(v, &n))
        return cuv_sv_int(e, (int64_t)n, out);
    return not_known(e, "the length", v, out);
}

static cuv_status range(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    int64_t v[3] = {0, 0, 1};
    const int64_t most = (int64_t)1 << 60;
    for (size_t i = 0; i < args->count && i < 3; i++)
        if (!cuv_sv_as_int(args->items[i], &v[args->count == 1 ? 1 : i]) || v[args->count == 1 ? 1 : i] > most ||
            v[args->count == 1 ? 1 : i] < -most)
            return not_known(e, "a range", args->items[i], out);
    if (args->count == 0 || v[2] == 0)
        return cuv_sc_fail(e, args->node, CUV_NO, "script.range", NULL, "a range needs an end, and a step other than 0");
    CUV_TRY(cuv_sv_make(e, CUV_SV_RANGE, out));
    (*out)->integer = v[0];
    (*out)->stop = v[1];
    (*out)->step = v[2];
    return CUV_OK;
}

/* All arguments as lists; *known unset with an unknown result in *out when one has no known length. */
static cuv_status lists(cuv_sc *e, const cuv_sargs *args, cuv_sv **all, bool *known, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, all));
    for (size_t i = 0; i < args->count; i++) {
        cuv_sv *list = NULL;
        CUV_TRY(cuv_sv_iterate(e, args->items[i], &list, known));
        if (!*known)
            return not_known(e, "the items", args->items[i], out);
        CUV_TRY(cuv_sv_add(e, *all, list));
    }
    return CUV_OK;
}

/* zip(..., strict=True) */
static cuv_status same_lengths(cuv_sc *e, const cuv_sv *all, const cuv_py *node)
{
    for (size_t i = 1; i < all->count; i++)
        if (all->items[i]->count != all->items[0]->count)
            return cuv_sc_fail(e, node, CUV_NO, "script.zip", "give as many of one as of the other, or zip without strict=True",
                               "zip() of lists that differ in length, which strict=True forbids: number 1 has %zu, number %zu has %zu",
                               all->items[0]->count, i + 1, all->items[i]->count);
    return CUV_OK;
}

/* zip(*[iter(list)] * 2): all arguments are one iterator. */
static bool shared_iterator(const cuv_sargs *args)
{
    bool shared = args->count > 1 && args->items[0]->kind == CUV_SV_LIST && args->items[0]->step == ITERATOR;
    for (size_t i = 1; i < args->count; i++)
        shared = shared && args->items[i] == args->items[0];
    return shared;
}

static cuv_status zip_shared(cuv_sc *e, cuv_sv *items, size_t width, cuv_sv *out)
{
    for (size_t k = 0; k + width <= items->count; k += width) {
        cuv_sv *row = NULL;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &row));
        for (size_t i = 0; i < width; i++)
            CUV_TRY(cuv_sv_add(e, row, items->items[k + i]));
        CUV_TRY(cuv_sv_add(e, out, row));
    }
    items->count = items->capacity = 0;     /* taken, the rest that makes no row, too */
    return CUV_OK;
}

static cuv_status zip(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *all = NULL;
    bool known = true;
    const cuv_sv *strict = cuv_sc_arg(args, args->count, "strict");
    bool decided = true, is_strict = strict && cuv_sv_truth(strict, &decided) && decided;
    CUV_TRY(lists(e, args, &all, &known, out));
    if (!known)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    if (shared_iterator(args))
        return zip_shared(e, args->items[0], args->count, *out);
    for (size_t k = 0; all->count > 0; k++) {
        cuv_sv *row = NULL;
        for (size_t i = 0; i < all->count; i++)
            if (k >= all->items[i]->count)
                return is_strict ? same_lengths(e, all, args->node) : CUV_OK;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &row));
        for (size_t i = 0; i < all->count; i++)
            CUV_TRY(cuv_sv_add(e, row, all->items[i]->items[k]));
        CUV_TRY(cuv_sv_add(e, *out, row));
    }
    return CUV_OK;
}

static cuv_status enumerate(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, "iterable"), *from = cuv_sc_arg(args, 1, "start"), *list = NULL;
    int64_t start = 0;
    bool known = over != NULL && (!from || cuv_sv_as_int(from, &start)) && start < ((int64_t)1 << 60) && start > -((int64_t)1 << 60);
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    if (!known)
        return not_known(e, "the items", over, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < list->count; i++) {
        cuv_sv *pair = NULL, *index = NULL;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &pair));
        CUV_TRY(cuv_sv_int(e, start + (int64_t)i, &index));
        CUV_TRY(cuv_sv_add(e, pair, index));
        CUV_TRY(cuv_sv_add(e, pair, list->items[i]));
        CUV_TRY(cuv_sv_add(e, *out, pair));
    }
    return CUV_OK;
}

static cuv_status list_of(cuv_sc *e, const cuv_sargs *args, cuv_sv_kind kind, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL);
    bool known = true;
    if (!over)
        return cuv_sv_make(e, kind, out);
    CUV_TRY(cuv_sv_iterate(e, over, out, &known));
    if (!known)
        return not_known(e, "the items", over, out);
    (*out)->kind = kind;
    return CUV_OK;
}

static cuv_status list(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return list_of(e, args, CUV_SV_LIST, out); }
static cuv_status tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return list_of(e, args, CUV_SV_TUPLE, out); }

cuv_status cuv_sc_set_of(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *all = NULL;
    CUV_TRY(list_of(e, args, CUV_SV_SET, &all));
    *out = all;
    if (all->kind == CUV_SV_UNKNOWN)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_SET, out));
    for (size_t i = 0; i < all->count; i++) {
        CUV_TRY(cuv_sv_include(e, *out, all->items[i]));
    }
    return CUV_OK;
}

static cuv_status reversed(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(list_of(e, args, CUV_SV_LIST, out));
    for (size_t i = 0, n = (*out)->count; (*out)->kind == CUV_SV_LIST && i < n / 2; i++) {
        cuv_sv *swap = (*out)->items[i];
        (*out)->items[i] = (*out)->items[n - 1 - i];
        (*out)->items[n - 1 - i] = swap;
    }
    return CUV_OK;
}

static cuv_status dict(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *from = cuv_sc_arg(args, 0, NULL), *list_ = NULL;
    bool known = true;
    if (from && from->kind != CUV_SV_DICT)
        CUV_TRY(cuv_sv_iterate(e, from, &list_, &known));
    if (!known)
        return not_known(e, "a dictionary", from, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; from && from->kind == CUV_SV_DICT && i < from->count; i++)
        CUV_TRY(cuv_sv_put(e, *out, from->items[i], from->values[i]));
    for (size_t i = 0; list_ && i < list_->count; i++) {
        if (!cuv_sv_is_seq(list_->items[i]) || list_->items[i]->count != 2)
            return not_known(e, "a dictionary", from, out);
        CUV_TRY(cuv_sv_put(e, *out, list_->items[i]->items[0], list_->items[i]->items[1]));
    }
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, *out, args->names[i], args->values[i]));
    return CUV_OK;
}

static cuv_status map_(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *f = cuv_sc_arg(args, 0, NULL), *over = cuv_sc_arg(args, 1, NULL), *from = NULL;
    bool known = f && over && args->count == 2;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &from, &known));
    if (!known)
        return not_known(e, "the items", over, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < from->count; i++) {
        cuv_sv *v = NULL;
        cuv_sargs one = {&from->items[i], 1, NULL, NULL, 0, args->node};
        CUV_TRY(cuv_sc_call(e, f, &one, &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    return CUV_OK;
}

static cuv_status filter(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *f = cuv_sc_arg(args, 0, NULL), *over = cuv_sc_arg(args, 1, NULL), *from = NULL;
    bool known = f && over;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &from, &known));
    if (known)
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; known && i < from->count; i++) {
        cuv_sv *v = from->items[i];
        cuv_sargs one = {&from->items[i], 1, NULL, NULL, 0, args->node};
        if (f->kind != CUV_SV_NONE)
            CUV_TRY(cuv_sc_call(e, f, &one, &v));
        if (cuv_sv_truth(v, &known) && known)
            CUV_TRY(cuv_sv_add(e, *out, from->items[i]));
    }
    return known ? CUV_OK : not_known(e, "a filtered list", over, out);
}

/* any and all: `stop` is the truth that decides. */
static cuv_status any_all(cuv_sc *e, const cuv_sargs *args, bool stop, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL), *from = NULL;
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &from, &known));
    *out = cuv_sv_bool(e, !stop);
    for (size_t i = 0; known && i < from->count; i++)
        if (cuv_sv_truth(from->items[i], &known) == stop && known) {
            *out = cuv_sv_bool(e, stop);
            return CUV_OK;
        }
    return known ? CUV_OK : not_known(e, "a condition on all items", over, out);
}

static cuv_status any(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return any_all(e, args, true, out); }
static cuv_status all(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return any_all(e, args, false, out); }

static cuv_status sum(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL), *from = NULL, *total = cuv_sc_arg(args, 1, "start");
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &from, &known));
    if (!known)
        return not_known(e, "the sum", over, out);
    if (!total)
        CUV_TRY(cuv_sv_int(e, 0, &total));
    for (size_t i = 0; i < from->count; i++)
        CUV_TRY(cuv_sc_operate(e, args->node, '+', total, from->items[i], &total));
    *out = total;
    return CUV_OK;
}

static cuv_status extreme(cuv_sc *e, const cuv_sargs *args, int op, cuv_sv **out)
{
    cuv_sv *from = NULL;
    bool known = args->count > 0 && !args->named;
    if (known && args->count == 1) {
        CUV_TRY(cuv_sv_iterate(e, args->items[0], &from, &known));
    } else if (known) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &from));
        for (size_t i = 0; i < args->count; i++)
            CUV_TRY(cuv_sv_add(e, from, args->items[i]));
    }
    if (!known || from->count == 0)
        return not_known(e, op == '<' ? "the smallest" : "the largest", cuv_sc_arg(args, 0, NULL), out);
    *out = from->items[0];
    for (size_t i = 1; i < from->count; i++) {
        cuv_sv *better = NULL;
        CUV_TRY(cuv_sc_compare(e, args->node, op, from->items[i], *out, &better));
        if (better->kind == CUV_SV_UNKNOWN) {
            *out = better;
            return CUV_OK;
        }
        *out = better->truth ? from->items[i] : *out;
    }
    return CUV_OK;
}

static cuv_status smallest(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return extreme(e, args, '<', out); }
static cuv_status largest(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return extreme(e, args, '>', out); }

/* Below, equal, above: -1, 0, 1, as Python compares numbers, texts, and lists or tuples of these; *known is false for others. */
static int compare_keys(const cuv_sv *a, const cuv_sv *b, unsigned depth, bool *known)
{
    double x = 0, y = 0;
    if (a->kind == CUV_SV_TEXT && b->kind == CUV_SV_TEXT) {
        int c = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
        return c ? (c > 0 ? 1 : -1) : (a->size > b->size) - (a->size < b->size);
    }
    if (cuv_sv_is_seq(a) && a->kind == b->kind && depth < 8 && !a->unsure && !b->unsure) {
        int c = 0;
        for (size_t i = 0; !c && *known && i < a->count && i < b->count; i++)
            c = compare_keys(a->items[i], b->items[i], depth + 1, known);
        return c ? c : (a->count > b->count) - (a->count < b->count);
    }
    *known = *known && cuv_sv_as_real(a, &x) && cuv_sv_as_real(b, &y);
    return (x > y) - (x < y);
}

/* Sorts in place, stably, also backwards; false when the items cannot be compared. */
static bool sort_items(cuv_sv **items, cuv_sv **keys, cuv_sv **spare, size_t n, bool backwards)
{
    bool known = true;
    for (size_t width = 1; width < n && known; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t a = at, middle = at + width < n ? at + width : n, b = middle, end = at + 2 * width < n ? at + 2 * width : n;
            for (size_t k = at; k < end; k++) {
                bool second = a >= middle;
                if (a < middle && b < end) {
                    int c = compare_keys(keys[a], keys[b], 0, &known);
                    second = backwards ? c < 0 : c > 0;
                }
                size_t from = second ? b++ : a++;
                spare[2 * k] = items[from];
                spare[2 * k + 1] = keys[from];
            }
        }
        for (size_t k = 0; k < n; k++) {
            items[k] = spare[2 * k];
            keys[k] = spare[2 * k + 1];
        }
    }
    return known;
}

cuv_status cuv_sc_sort(cuv_sc *e, cuv_sv *v, const cuv_sargs *args, bool *known)
{
    cuv_sv *key = cuv_sc_arg(args, args->count, "key"), *reverse = cuv_sc_arg(args, args->count, "reverse"), *keys = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &keys));
    for (size_t i = 0; i < v->count; i++) {
        cuv_sv *k = v->items[i];
        cuv_sargs one = {&v->items[i], 1, NULL, NULL, 0, args->node};
        if (key && key->kind != CUV_SV_NONE)
            CUV_TRY(cuv_sc_call(e, key, &one, &k));
        CUV_TRY(cuv_sv_add(e, keys, k));
    }
    cuv_sv **spare = CUV_NEW_ARRAY(e->arena, cuv_sv *, v->count * 2 + 1);
    if (!spare)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sc_step(e, v->count * 16));
    *known = true;
    bool back = reverse && cuv_sv_truth(reverse, known);
    *known = *known && sort_items(v->items, keys->items, spare, v->count, back);
    return CUV_OK;
}

static cuv_status sorted(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL);
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, out, &known));
    if (known)
        CUV_TRY(cuv_sc_sort(e, *out, args, &known));
    return known ? CUV_OK : not_known(e, "the order", over, out);
}

static cuv_status iterator(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    if (v && v->kind == CUV_SV_LIST && v->step == ITERATOR) {
        *out = v;
        return CUV_OK;
    }
    CUV_TRY(list(e, args, out));
    if ((*out)->kind == CUV_SV_LIST)
        (*out)->step = ITERATOR;
    return CUV_OK;
}

static cuv_status next(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *fallback = cuv_sc_arg(args, 1, NULL);
    if (!v || v->kind != CUV_SV_LIST || v->unsure || (v->count == 0 && !fallback))
        return not_known(e, "the next item", v, out);
    if (v->count == 0) {
        *out = fallback;
        return CUV_OK;
    }
    *out = v->items[0];
    CUV_TRY(cuv_sc_step(e, 1));
    v->items++;                         /* taken off the front: the room before it is not used again */
    v->count--;
    v->capacity = v->capacity ? v->capacity - 1 : 0;
    v->unsure = e->guarded > 0;
    return CUV_OK;
}

static const struct { const char *name; answer *answer; } table[] = {
    {"len", length}, {"range", range}, {"xrange", range}, {"zip", zip}, {"enumerate", enumerate}, {"list", list}, {"tuple", tuple},
    {"set", cuv_sc_set_of}, {"frozenset", cuv_sc_set_of}, {"reversed", reversed}, {"dict", dict}, {"map", map_}, {"filter", filter}, {"any", any},
    {"all", all}, {"sum", sum}, {"min", smallest}, {"max", largest}, {"sorted", sorted}, {"next", next}, {"iter", iterator},
};

cuv_status cuv_sc_iteration(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name))
            return table[i].answer(e, args, out);
    return CUV_OK;
}
