/* The methods of Python's lists, sets, dictionaries and texts. */
#include "evidence/script.h"

static cuv_status not_known(cuv_sc *e, const char *name, const cuv_sv *v, cuv_sv **out)
{
    return cuv_sv_unknown(e, out, "%s of %s", name, v ? cuv_sv_describe(e, v) : "nothing");
}

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
        CUV_TRY(cuv_sc_set_of(e, args, &other));
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
            CUV_TRY(cuv_sc_sort(e, self, args, &known));
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
        return cuv_sc_iteration(e, "list", &one, out);
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
        return cuv_sc_iteration(e, "dict", &one, out);
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
    if (self->file && (cuv_streq(name, "visititems") || cuv_streq(name, "visit")))
        return cuv_sc_h5_visit(e, self, name[5] != 0, args, out);
    return not_known(e, name, self, out);
}

cuv_status cuv_sc_container_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *stacked = NULL, *key = cuv_sc_arg(args, 0, "name");
    if (self->kind == CUV_SV_DICT && cuv_streq(name, "get_tensor") && key)          /* of safetensors */
        return cuv_sc_subscript(e, args->node, self, key, out);
    if (self->kind == CUV_SV_LIST && cuv_word_in("sum mean min max std", name))      /* of an array made of arrays */
        CUV_TRY(cuv_sc_stacked(e, self, args->node, &stacked));
    if (stacked)
        return cuv_sc_array_method(e, stacked, name, args, out);
    return self->kind == CUV_SV_DICT ? dict_method(e, self, name, args, out) : list_method(e, self, name, args, out);
}
