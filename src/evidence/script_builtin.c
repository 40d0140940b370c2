/* Python's own functions and the methods of its containers. */
#include "evidence/script.h"

#include <math.h>
#include <stdlib.h>

typedef cuv_status answer(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);

static cuv_status not_known(cuv_sc *e, const char *name, const cuv_sv *v, cuv_sv **out)
{
    return cuv_sv_unknown(e, out, "%s of %s", name, v ? cuv_sv_describe(e, v) : "nothing");
}

/* ---- printing and the like ---- */

static cuv_status skipped(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    (void)args;
    e->skip = true;
    *out = e->none;
    return CUV_OK;
}

static cuv_status exits(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    *out = e->none;
    if (e->guarded)
        return CUV_OK;
    return cuv_sc_fail(e, args->node, CUV_NO, "script.raises", NULL, "the script ends here, before its last line");
}

/* ---- sizes and iteration ---- */

static cuv_status length(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    size_t n = 0;
    const cuv_sv *v = cuv_sc_arg(args, 0, NULL);
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

static cuv_status zip(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *all = NULL;
    bool known = true;
    CUV_TRY(lists(e, args, &all, &known, out));
    if (!known)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t k = 0; all->count > 0; k++) {
        cuv_sv *row = NULL;
        for (size_t i = 0; i < all->count; i++)
            if (k >= all->items[i]->count)
                return CUV_OK;
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

static cuv_status set(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
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

/* Sorts in place by numbers or strings, stably; false when the items cannot be compared. */
static bool sort_items(cuv_sv **items, cuv_sv **keys, cuv_sv **spare, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        bool same = (keys[i]->kind == CUV_SV_TEXT) == (keys[0]->kind == CUV_SV_TEXT);
        if (!same || (keys[i]->kind != CUV_SV_TEXT && !cuv_sv_as_real(keys[i], &x)))
            return false;
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t a = at, middle = at + width < n ? at + width : n, b = middle, end = at + 2 * width < n ? at + 2 * width : n;
            for (size_t k = at; k < end; k++) {
                bool second = a >= middle;
                if (a < middle && b < end) {
                    double x = 0, y = 0;
                    size_t common = keys[a]->size < keys[b]->size ? keys[a]->size : keys[b]->size;
                    int c = keys[a]->kind == CUV_SV_TEXT ? memcmp(keys[a]->text, keys[b]->text, common) : 0;
                    if (keys[a]->kind == CUV_SV_TEXT)
                        second = c > 0 || (c == 0 && keys[a]->size > keys[b]->size);
                    else
                        second = cuv_sv_as_real(keys[a], &x) && cuv_sv_as_real(keys[b], &y) && x > y;
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
    return true;
}

static cuv_status sort_list(cuv_sc *e, cuv_sv *v, const cuv_sargs *args, bool *known)
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
    *known = v->count == 0 || sort_items(v->items, keys->items, spare, v->count);
    bool back = reverse && cuv_sv_truth(reverse, known);
    for (size_t i = 0; back && i < v->count / 2; i++) {
        cuv_sv *swap = v->items[i];
        v->items[i] = v->items[v->count - 1 - i];
        v->items[v->count - 1 - i] = swap;
    }
    return CUV_OK;
}

static cuv_status sorted(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL);
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, out, &known));
    if (known)
        CUV_TRY(sort_list(e, *out, args, &known));
    return known ? CUV_OK : not_known(e, "the order", over, out);
}

/* ---- numbers and texts ---- */

static cuv_status absolute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    if (v && v->kind == CUV_SV_TENSOR)
        return cuv_sc_symbol_unary(e, "Absolute", v, out);
    if (v && v->kind == CUV_SV_INT && v->integer != INT64_MIN)
        return cuv_sv_int(e, v->integer < 0 ? -v->integer : v->integer, out);
    if (v && v->kind == CUV_SV_REAL)
        return cuv_sv_real(e, fabs(v->real), out);
    return not_known(e, "the size", v, out);
}

static cuv_status integer(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    int64_t i = 0;
    double x = 0;
    if (!v)
        return cuv_sv_int(e, 0, out);
    if (cuv_sv_as_int(v, &i) || (v->kind == CUV_SV_TEXT && cuv_parse_i64(v->text, v->size, &i)))
        return cuv_sv_int(e, i, out);
    if (cuv_sv_as_real(v, &x) && x > -9e18 && x < 9e18)
        return cuv_sv_int(e, (int64_t)x, out);
    return not_known(e, "the whole number", v, out);
}

static cuv_status floating(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    double x = 0;
    if (v && (cuv_sv_as_real(v, &x) || (v->kind == CUV_SV_TEXT && cuv_parse_double(v->text, v->size, &x))))
        return cuv_sv_real(e, x, out);
    return not_known(e, "the number", v, out);
}

static cuv_status boolean(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    bool known = true;
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    bool truth = v && cuv_sv_truth(v, &known);
    *out = cuv_sv_bool(e, truth);
    return known ? CUV_OK : not_known(e, "the truth", v, out);
}

static cuv_status rounded(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *digits = cuv_sc_arg(args, 1, "ndigits");
    double x = 0;
    int64_t n = 0;
    if (!v || !cuv_sv_as_real(v, &x) || (digits && !cuv_sv_as_int(digits, &n)) || n < -300 || n > 300)
        return not_known(e, "the rounded value", v, out);
    if (v->kind != CUV_SV_REAL) {
        *out = v;
        return CUV_OK;
    }
    if (!digits && x > -9e18 && x < 9e18)
        return cuv_sv_int(e, (int64_t)nearbyint(x), out);
    double scale = pow(10, (double)n);
    return cuv_sv_real(e, nearbyint(x * scale) / scale, out);
}

static cuv_status text_of(cuv_sc *e, const cuv_sargs *args, bool repr, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    cuv_buffer b;
    if (v && v->kind == CUV_SV_TEXT && !repr) {
        *out = v;
        return CUV_OK;
    }
    if (v && (cuv_sv_unknown_in(v) || v->kind == CUV_SV_BYTES))
        return not_known(e, "the text", v, out);
    cuv_buffer_init(&b, e->cx);
    if (v)
        cuv_sv_print(e, &b, v, repr, 0);
    cuv_status status = b.failed ? cuv_oom(e->cx) : cuv_sv_text(e, b.size ? b.data : "", b.size, out);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status text(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return text_of(e, args, false, out); }
static cuv_status repr_(cuv_sc *e, const cuv_sargs *args, cuv_sv **out) { return text_of(e, args, true, out); }

static cuv_status power(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    if (args->count != 2)
        return not_known(e, "a power", NULL, out);
    return cuv_sc_operate(e, args->node, CUV_PY_POW, args->items[0], args->items[1], out);
}

static cuv_status slice(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, out));
    for (size_t i = 0; i < 3; i++) {
        cuv_sv *v = args->count == 1 ? (i == 1 ? args->items[0] : NULL) : cuv_sc_arg(args, i, NULL);
        CUV_TRY(cuv_sv_add(e, *out, v ? v : e->none));
    }
    return CUV_OK;
}

/* ---- what something is ---- */

/* 1 yes, 0 no, -1 not known. */
static int is_instance(const cuv_sv *v, const cuv_sv *of, unsigned depth)
{
    static const struct { const char *name; cuv_sv_kind kind; } plain[] = {
        {"str", CUV_SV_TEXT}, {"int", CUV_SV_INT}, {"float", CUV_SV_REAL}, {"bool", CUV_SV_BOOL}, {"list", CUV_SV_LIST},
        {"tuple", CUV_SV_TUPLE}, {"dict", CUV_SV_DICT}, {"set", CUV_SV_SET}, {"bytes", CUV_SV_BYTES}, {"ndarray", CUV_SV_ARRAY},
        {"range", CUV_SV_RANGE}};
    if (of->kind == CUV_SV_TUPLE) {
        int found = depth > 2 ? -1 : 0;
        for (size_t i = 0; i < of->count && found == 0; i++)
            found = is_instance(v, of->items[i], depth + 1);
        return found;
    }
    if (v->kind == CUV_SV_UNKNOWN || (of->kind != CUV_SV_NAME && of->kind != CUV_SV_CLASS))
        return -1;
    if (of->kind == CUV_SV_CLASS) {
        for (const cuv_sv *k = v->kind == CUV_SV_INSTANCE ? v->self : NULL; k; k = k->self)
            if (k == of)
                return 1;
        return 0;
    }
    const char *last = cuv_sc_last(of->text);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (cuv_streq(plain[i].name, last))
            return v->kind == plain[i].kind || (v->kind == CUV_SV_BOOL && cuv_streq(last, "int"));
    if (v->kind != CUV_SV_LAYER)
        return v->kind == CUV_SV_TENSOR && !cuv_streq(last, "KerasTensor") && !cuv_streq(last, "Tensor") ? 0 : v->kind == CUV_SV_TENSOR;
    const cuv_sl *layer = v->layer;
    if (cuv_streq(last, "Layer"))
        return 1;
    if (cuv_streq(last, "Model") || cuv_streq(last, "Functional"))
        return layer->is_model && (cuv_streq(last, "Model") || layer->kind != CUV_SL_SEQUENTIAL);
    if (layer->kind == CUV_SL_OPAQUE)
        return cuv_streq(last, layer->class_name);
    if (cuv_streq(last, "_Conv") || cuv_streq(last, "Conv") || cuv_streq(last, "BaseConv"))
        return cuv_starts_with(layer->class_name, "Conv") || cuv_starts_with(layer->class_name, "Separable");
    const struct cuv_signature *a = cuv_signature_of(last), *b = cuv_signature_of(layer->class_name);
    return a ? a == b : cuv_streq(last, layer->class_name);
}

static cuv_status isinstance(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    int found = args->count == 2 ? is_instance(args->items[0], args->items[1], 0) : -1;
    *out = cuv_sv_bool(e, found == 1);
    return found >= 0 ? CUV_OK : not_known(e, "the class", cuv_sc_arg(args, 0, NULL), out);
}

static cuv_status type(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    if (v && v->kind == CUV_SV_LAYER)
        return cuv_sv_name(e, cuv_sc_format(e, "keras.layers.%s", v->layer->class_name), out);
    if (v && v->kind == CUV_SV_INSTANCE && v->self) {
        *out = v->self;
        return CUV_OK;
    }
    const char *name = !v ? NULL : v->kind == CUV_SV_TEXT ? "str" : v->kind == CUV_SV_INT ? "int" : v->kind == CUV_SV_REAL ? "float"
                     : v->kind == CUV_SV_LIST ? "list" : v->kind == CUV_SV_TUPLE ? "tuple" : v->kind == CUV_SV_DICT ? "dict" : NULL;
    return name ? cuv_sv_name(e, cuv_sc_format(e, "builtins.%s", name), out) : not_known(e, "the type", v, out);
}

static cuv_status set_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    *out = e->none;
    if (args->count == 3 && args->items[0]->kind == CUV_SV_LAYER && args->items[1]->kind == CUV_SV_TEXT)
        return cuv_sc_set_layer_attribute(e, args->node, args->items[0]->layer, args->items[1]->text, args->items[2]);
    if (args->count == 3 && cuv_sc_is_layer_instance(e, args->items[0]) && args->items[1]->kind == CUV_SV_TEXT)
        CUV_TRY(cuv_sc_subclass_keep(e, args->items[0], args->items[1]->text, args->items[2]));
    if (args->count == 3 && args->items[0]->kind == CUV_SV_INSTANCE && args->items[1]->kind == CUV_SV_TEXT)
        return cuv_map_set(args->items[0]->scope->names, args->items[1]->text, args->items[2]);
    return cuv_sc_foreign(e, "setattr", args, out);
}

static cuv_status super(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    return cuv_sc_super(e, args, out);
}

/* vars(args): the names of an object as a dictionary. */
static cuv_status variables(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    *out = v && v->kind == CUV_SV_DICT ? v : NULL;
    if (v && v->kind == CUV_SV_INSTANCE && v->count)
        CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; v && v->kind == CUV_SV_INSTANCE && i < v->count; i++)
        CUV_TRY(cuv_sv_put(e, *out, v->items[i], cuv_map_get(v->scope->names, v->items[i]->text)));
    return *out ? CUV_OK : not_known(e, "the variables", v, out);
}

static cuv_status has_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = NULL;
    if (args->count != 2 || args->items[1]->kind != CUV_SV_TEXT)
        return not_known(e, "an attribute", cuv_sc_arg(args, 0, NULL), out);
    if (args->items[0]->kind == CUV_SV_TEXT || args->items[0]->kind == CUV_SV_BYTES) {     /* hasattr(name, 'decode') */
        *out = cuv_sv_bool(e, cuv_sv_is(args->items[1], args->items[0]->kind == CUV_SV_TEXT ? "encode" : "decode"));
        return CUV_OK;
    }
    if (args->items[0]->kind == CUV_SV_INSTANCE && !cuv_sc_is_layer_instance(e, args->items[0])) {
        CUV_TRY(cuv_sc_attribute(e, args->node, args->items[0], args->items[1]->text, &v));
        *out = cuv_sv_bool(e, v->kind != CUV_SV_UNKNOWN);
        return CUV_OK;
    }
    if (args->items[0]->kind != CUV_SV_LAYER)
        return not_known(e, "an attribute", args->items[0], out);
    if (cuv_sv_is(args->items[1], "layers")) {
        *out = cuv_sv_bool(e, args->items[0]->layer->is_model);
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_layer_attribute(e, args->node, args->items[0]->layer, args->items[1]->text, &v));
    if (v->kind == CUV_SV_UNKNOWN && v->truth)       /* known to be there */
        *out = e->yes;
    else if (v->kind == CUV_SV_UNKNOWN)
        *out = v;
    else
        *out = cuv_sv_bool(e, v->kind != CUV_SV_METHOD || cuv_sv_is(args->items[1], "get_weights") ||
                                  cuv_sv_is(args->items[1], "set_weights"));
    return CUV_OK;
}

/* getattr(layer, 'units', None): the third where there is no such attribute. */
static cuv_status get_attribute(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *there = e->yes;
    bool known = true;
    if (args->count < 2 || args->items[1]->kind != CUV_SV_TEXT)
        return not_known(e, "an attribute", cuv_sc_arg(args, 0, NULL), out);
    if (args->count == 3 && (args->items[0]->kind == CUV_SV_LAYER || args->items[0]->kind == CUV_SV_INSTANCE))
        CUV_TRY(has_attribute(e, &(cuv_sargs){args->items, 2, NULL, NULL, 0, args->node}, &there));
    bool truth = cuv_sv_truth(there, &known);
    *out = args->count == 3 ? args->items[2] : NULL;
    if (known && !truth)
        return CUV_OK;
    return cuv_sc_attribute(e, args->node, args->items[0], args->items[1]->text, out);
}

/* An iterator is a list of its own, of which next() takes the first. */
static cuv_status iterator(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    return list(e, args, out);
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

static cuv_status open_(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    return cuv_sc_library(e, "io.open", args, out);
}

static const struct { const char *name; answer *answer; } table[] = {
    {"print", skipped}, {"display", skipped}, {"help", skipped}, {"exit", exits}, {"quit", exits}, {"len", length},
    {"range", range}, {"xrange", range}, {"zip", zip}, {"enumerate", enumerate}, {"list", list}, {"tuple", tuple}, {"set", set},
    {"frozenset", set}, {"reversed", reversed}, {"dict", dict}, {"map", map_}, {"filter", filter}, {"any", any}, {"all", all},
    {"sum", sum}, {"min", smallest}, {"max", largest}, {"sorted", sorted}, {"abs", absolute}, {"int", integer}, {"float", floating},
    {"bool", boolean}, {"round", rounded}, {"str", text}, {"unicode", text}, {"repr", repr_}, {"pow", power}, {"slice", slice},
    {"isinstance", isinstance}, {"type", type}, {"getattr", get_attribute}, {"setattr", set_attribute}, {"hasattr", has_attribute}, {"vars", variables},
    {"super", super}, {"next", next}, {"iter", iterator}, {"open", open_},
};

cuv_status cuv_sc_builtin(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name))
            return table[i].answer(e, args, out);
    return CUV_OK;
}

/* ---- methods of containers ---- */

static cuv_status changed(cuv_sc *e, cuv_sv *self)
{
    self->unsure = self->unsure || e->guarded > 0;
    self->file = NULL;
    return CUV_OK;
}

static cuv_status insert(cuv_sc *e, cuv_sv *self, const cuv_sargs *args)
{
    int64_t at = 0;
    if (args->count != 2 || !cuv_sv_as_int(args->items[0], &at)) {
        self->unsure = true;
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_step(e, self->count));
    CUV_TRY(cuv_sv_add(e, self, args->items[1]));
    int64_t last = (int64_t)self->count - 1;
    at = at < 0 ? at + last : at;
    at = at < 0 ? 0 : at > last ? last : at;
    for (int64_t i = last; i > at; i--)
        self->items[i] = self->items[i - 1];
    self->items[at] = args->items[1];
    return changed(e, self);
}

static cuv_status pop_list(cuv_sc *e, cuv_sv *self, const cuv_sv *index, const cuv_sargs *args, cuv_sv **out)
{
    int64_t at = -1;
    bool known = !index || cuv_sv_as_int(index, &at);
    at = at < 0 ? at + (int64_t)self->count : at;
    if (known && !self->unsure && (at < 0 || (size_t)at >= self->count))
        return cuv_sc_fail(e, args->node, CUV_NO, "script.index", NULL, "pop() from %s", cuv_sv_describe(e, self));
    if (!known || self->unsure) {
        self->unsure = true;
        return not_known(e, "an element", self, out);
    }
    *out = self->items[at];
    CUV_TRY(cuv_sc_step(e, self->count - (size_t)at));
    memmove(self->items + at, self->items + at + 1, (self->count - 1 - (size_t)at) * sizeof *self->items);
    self->count--;
    return changed(e, self);
}

static cuv_status pop_dict(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; args->count && i < self->count; i++)
        if (cuv_sv_equal(self->items[i], args->items[0])) {
            *out = self->values[i];
            memmove(self->items + i, self->items + i + 1, (self->count - 1 - i) * sizeof *self->items);
            memmove(self->values + i, self->values + i + 1, (self->count - 1 - i) * sizeof *self->values);
            self->count--;
            return changed(e, self);
        }
    if (args->count > 1) {
        *out = args->items[1];
        return CUV_OK;
    }
    return not_known(e, "an entry", self, out);
}

static cuv_status extend(cuv_sc *e, cuv_sv *self, cuv_sv *by)
{
    cuv_sv *from = NULL;
    bool known = true;
    CUV_TRY(cuv_sv_iterate(e, by, &from, &known));
    self->unsure = self->unsure || !known;
    for (size_t i = 0; known && i < from->count; i++)
        CUV_TRY(cuv_sv_add(e, self, from->items[i]));
    return changed(e, self);
}

/* set.difference(other) and the like: what the operator does, with any iterable. */
static cuv_status set_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *name; int op; } methods[] = {
        {"difference", '-'}, {"union", '|'}, {"intersection", '&'}, {"symmetric_difference", '^'}, {"issubset", 0}, {"issuperset", 0}};
    cuv_sv *other = NULL, *missing = NULL;
    *out = NULL;
    for (size_t i = 0; args->count == 1 && i < sizeof methods / sizeof *methods; i++) {
        if (!cuv_streq(methods[i].name, name))
            continue;
        CUV_TRY(set(e, args, &other));
        if (other->kind != CUV_SV_SET)
            return not_known(e, name, self, out);
        if (methods[i].op)
            return cuv_sc_operate(e, args->node, methods[i].op, self, other, out);
        bool above = cuv_streq(name, "issuperset");
        CUV_TRY(cuv_sc_operate(e, args->node, '-', above ? other : self, above ? self : other, &missing));
        *out = missing->kind == CUV_SV_SET ? cuv_sv_bool(e, missing->count == 0) : missing;
    }
    return CUV_OK;
}

static cuv_status list_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *a = cuv_sc_arg(args, 0, NULL);
    bool known = true;
    if (self->kind == CUV_SV_SET)
        CUV_TRY(set_method(e, self, name, args, out));
    if (self->kind == CUV_SV_SET && *out)
        return CUV_OK;
    *out = e->none;
    if ((cuv_streq(name, "append") || cuv_streq(name, "add")) && a) {
        CUV_TRY(self->kind == CUV_SV_SET ? cuv_sv_include(e, self, a) : cuv_sv_add(e, self, a));
        return changed(e, self);
    }
    if (cuv_streq(name, "extend") && a)
        return extend(e, self, a);
    if (cuv_streq(name, "insert"))
        return insert(e, self, args);
    if (cuv_streq(name, "pop"))
        return pop_list(e, self, a, args, out);
    if (cuv_streq(name, "clear")) {
        self->count = 0;
        return changed(e, self);
    }
    if (cuv_streq(name, "reverse") || cuv_streq(name, "sort")) {
        if (cuv_streq(name, "sort"))
            CUV_TRY(sort_list(e, self, args, &known));
        for (size_t i = 0; name[0] == 'r' && i < self->count / 2; i++) {
            cuv_sv *swap = self->items[i];
            self->items[i] = self->items[self->count - 1 - i];
            self->items[self->count - 1 - i] = swap;
        }
        self->unsure = self->unsure || !known;
        return changed(e, self);
    }
    if (cuv_streq(name, "copy") || cuv_streq(name, "as_list") || cuv_streq(name, "tolist")) {
        cuv_sargs one = {&self, 1, NULL, NULL, 0, args->node};
        return list(e, &one, out);
    }
    if (cuv_streq(name, "index") && a)
        for (size_t i = 0; i < self->count; i++)
            if (cuv_sv_equal(self->items[i], a))
                return cuv_sv_int(e, (int64_t)i, out);
    if (cuv_streq(name, "item") && self->count == 1) {
        *out = self->items[0];
        return CUV_OK;
    }
    if (cuv_streq(name, "count") && a) {
        int64_t n = 0;
        for (size_t i = 0; i < self->count; i++)
            n += cuv_sv_equal(self->items[i], a);
        return cuv_sv_int(e, n, out);
    }
    self->unsure = self->unsure || cuv_streq(name, "remove");
    return not_known(e, name, self, out);
}

static cuv_status dict_views(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    (*out)->unsure = self->unsure;
    for (size_t i = 0; i < self->count; i++) {
        cuv_sv *item = name[0] == 'k' ? self->items[i] : self->values[i];
        if (name[0] == 'i') {
            CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &item));
            CUV_TRY(cuv_sv_add(e, item, self->items[i]));
            CUV_TRY(cuv_sv_add(e, item, self->values[i]));
        }
        CUV_TRY(cuv_sv_add(e, *out, item));
    }
    return CUV_OK;
}

static cuv_status dict_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *a = cuv_sc_arg(args, 0, NULL), *found = a ? cuv_sv_find(self, a) : NULL;
    *out = e->none;
    if (cuv_streq(name, "keys") || cuv_streq(name, "values") || cuv_streq(name, "items"))
        return dict_views(e, self, name, out);
    if ((cuv_streq(name, "get") || cuv_streq(name, "setdefault")) && a) {
        *out = found ? found : args->count > 1 ? args->items[1] : e->none;
        if (name[0] == 'g' || found)
            return CUV_OK;
        CUV_TRY(changed(e, self));
        return cuv_sv_put(e, self, a, *out);
    }
    if (cuv_streq(name, "pop"))
        return pop_dict(e, self, args, out);
    if (cuv_streq(name, "item") || cuv_streq(name, "tolist")) {         /* of a 0-d object array */
        *out = self;
        return CUV_OK;
    }
    if (cuv_streq(name, "copy")) {
        cuv_sargs one = {&self, 1, NULL, NULL, 0, args->node};
        return dict(e, &one, out);
    }
    if (cuv_streq(name, "update")) {
        for (size_t i = 0; a && a->kind == CUV_SV_DICT && i < a->count; i++)
            CUV_TRY(cuv_sv_put(e, self, a->items[i], a->values[i]));
        for (size_t i = 0; i < args->named; i++)
            CUV_TRY(cuv_sv_put_word(e, self, args->names[i], args->values[i]));
        self->unsure = self->unsure || (a && a->kind != CUV_SV_DICT);
        return changed(e, self);
    }
    if (cuv_streq(name, "close"))
        return CUV_OK;
    return not_known(e, name, self, out);
}

cuv_status cuv_sc_container_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    return self->kind == CUV_SV_DICT ? dict_method(e, self, name, args, out) : list_method(e, self, name, args, out);
}
