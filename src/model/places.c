/* Binds files of a model that code gives as a class: legacy .h5 and checkpoints list what each attribute holds, get_weights() all of it. */
#include "model/bind.h"

typedef struct run { cuv_weight **weights; cuv_unit **units; size_t count; } run;

/* ---- the weights of some places, as Keras lists them */

typedef enum which { ALL, TRAINED, NOT_TRAINED } which;

static void add_weights(cuv_binding *b, const cuv_weight_place *p, which w, run *r)
{
    cuv_unit *u = cuv_unit_named(b, p->layer);
    for (size_t i = 0; u && i < u->count; i++) {
        cuv_weight *weight = (w == ALL ? u->whole : u->weights)[i];
        if (w != ALL && weight->trainable != (w == TRAINED))
            continue;
        r->units[r->count] = u;
        r->weights[r->count++] = weight;
    }
}

typedef enum listing { WHOLE, BY_GROUP, BY_ATTRIBUTE } listing;

/* A model by itself lists its layers one after the other. */
static bool is_model_alone(cuv_binding *b, size_t from, size_t to)
{
    const cuv_unit *u = cuv_unit_named(b, b->places[from].layer);
    return to == from + 1 && u && u->layer->model;
}

/* Places [from, to) of the list, as Keras 3 lists them, as groups of legacy files do, or as Keras 2 lists the weights of a model. */
static cuv_status list_weights(cuv_binding *b, size_t from, size_t to, listing order, run *r)
{
    const cuv_weight_place *places = b->places;
    *r = (run){.weights = CUV_NEW_ARRAY(b->scratch, cuv_weight *, b->m->weight_count + 1),
               .units = CUV_NEW_ARRAY(b->scratch, cuv_unit *, b->m->weight_count + 1)};
    if (!r->weights || !r->units)
        return cuv_oom(b->cx);
    for (size_t i = from; i < to;) {
        size_t end = i;
        while (end < to && (order == BY_ATTRIBUTE ? places[end].held == places[i].held : places[end].group == places[i].group))
            end++;
        const bool whole = order == WHOLE || (order == BY_ATTRIBUTE && is_model_alone(b, i, end));
        for (size_t k = i; k < end; k++)
            add_weights(b, &places[k], whole ? ALL : TRAINED, r);
        for (size_t k = i; k < end && !whole; k++)
            add_weights(b, &places[k], NOT_TRAINED, r);
        i = end;
    }
    return CUV_OK;
}

static cuv_status fill(cuv_binding *b, const run *r, const cuv_named *tensors, cuv_level level, const char *why)
{
    for (size_t i = 0; i < r->count; i++) {
        r->units[i]->filled = true;
        CUV_TRY(cuv_bind_tensor(b, r->units[i], r->weights[i], &tensors[i], level, why));
    }
    return CUV_OK;
}

static cuv_status wrong_count(cuv_binding *b, const char *where, const char *what, size_t count, size_t wanted)
{
    return cuv_fail(b->cx, CUV_NO, "bind.classed", &(cuv_detail){.file = where,
                    .help = "is it the file of this class, with these arguments? cuvier summary shows the layers that the code gives"},
                    "%s has %zu %s for a model that the class gives %zu", where, count, what, wanted);
}

void cuv_swap_places(cuv_binding *b)
{
    const cuv_weight_place *other = b->other_places;
    b->other_places = b->places;
    b->places = other;
}

static bool fits(const run *r, const cuv_named *tensors, size_t count)
{
    if (r->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!cuv_shape_is(r->weights[i], tensors[i].tensor))
            return false;
    return true;
}

static bool same_order(const run *x, const run *y)
{
    for (size_t i = 0; i < x->count && x->count == y->count; i++)
        if (x->weights[i] != y->weights[i])
            return false;
    return x->count == y->count;
}

/* As the Keras lists them whose model it is taken to be, or as the other does where only that fits. */
cuv_status cuv_bind_places_list(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level, const char *why)
{
    const bool old = b->m->keras < 3;
    run mine, other;
    CUV_TRY(list_weights(b, 0, b->place_count, old ? BY_ATTRIBUTE : WHOLE, &mine));
    cuv_swap_places(b);
    CUV_TRY(list_weights(b, 0, b->place_count, old ? WHOLE : BY_ATTRIBUTE, &other));
    cuv_swap_places(b);
    if (mine.count != count)
        return wrong_count(b, where, "arrays", count, mine.count);
    const bool both = fits(&mine, tensors, count) && fits(&other, tensors, count) && !same_order(&mine, &other);
    const bool only_other = !fits(&mine, tensors, count) && fits(&other, tensors, count);
    if (both)
        why = cuv_format(b->cx, "%s, as Keras %d lists the weights of a class; Keras %d lists weights of the same shapes in another order", why,
                         old ? 2 : 3, old ? 3 : 2);
    if (only_other)
        why = cuv_format(b->cx, "%s, as Keras %d lists the weights of a class: in the order of Keras %d they do not fit", why, old ? 3 : 2,
                         old ? 2 : 3);
    return fill(b, only_other ? &other : &mine, tensors, both ? CUV_ASSUMED : only_other ? CUV_INFERRED : level, why);
}

/* ---- checkpoints: by the path of attributes */

static bool below(const cuv_named *t, const char *path)
{
    size_t n = strlen(path);
    return n && t->key && !strncmp(t->key, path, n) && (t->key[n] == '/' || t->key[n] == '\0');
}

static cuv_status by_path(cuv_binding *b, const cuv_file *f, bool *done)
{
    const char *why = cuv_format(b->cx, "%s has it under the attributes that the class gives it", f->name);
    size_t total = 0;
    for (size_t g = 0; g < f->group_count; g++)
        total += f->groups[g].count;
    cuv_named *found = CUV_NEW_ARRAY(b->scratch, cuv_named, total + 1);
    *done = false;
    if (!found)
        return cuv_oom(b->cx);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < b->place_count; i++) {
            cuv_unit *u = cuv_unit_named(b, b->places[i].layer);
            size_t n = 0;
            for (size_t g = 0; u && g < f->group_count; g++)
                for (size_t k = 0; k < f->groups[g].count; k++)
                    if (below(&f->groups[g].tensors[k], b->places[i].path))
                        found[n++] = f->groups[g].tensors[k];
            if (u && n != u->count)
                return CUV_OK;          /* another kind of file */
            if (u && pass && !u->filled) {
                cuv_named *mine = CUV_NEW_ARRAY(b->scratch, cuv_named, n + 1);
                if (!mine)
                    return cuv_oom(b->cx);
                memcpy(mine, found, n * sizeof *mine);
                CUV_TRY(cuv_bind_offer(b, u, &(cuv_offer){mine, n, b->places[i].path, f->name}, CUV_CERTAIN, why));
            }
        }
    *done = true;
    return CUV_OK;
}

/* ---- groups of legacy files: one for each of model.layers */

/* Another weight's name stands where this one belongs. */
static bool contradicted(const run *r, const cuv_group *g)
{
    for (size_t i = 0; i < r->count; i++) {
        const char *word = g->tensors[i].weight;
        size_t n = word ? strcspn(word, ":") : 0;
        if (!n || (strlen(r->weights[i]->name) == n && !strncmp(r->weights[i]->name, word, n)))
            continue;
        for (size_t k = 0; k < r->count; k++)
            if (strlen(r->weights[k]->name) == n && !strncmp(r->weights[k]->name, word, n))
                return true;
    }
    return false;
}

static cuv_status bind_run(cuv_binding *b, const cuv_file *f, const cuv_group *g, const run *r, size_t places)
{
    const char *why = cuv_format(b->cx, "%s lists what each attribute of the class holds", f->name);
    cuv_unit *u = r->units[0];
    if (places == 1) {
        cuv_offer stored = {g->tensors, g->count, g->name, f->name}, offer;
        CUV_TRY(cuv_modernise(b, u, f, &stored, &offer));
        if (offer.tensors != stored.tensors)
            for (size_t i = 0; i < stored.count; i++)
                CUV_TRY(cuv_map_set(b->used, stored.tensors[i].label, u));
        return cuv_bind_offer(b, u, &offer, CUV_INFERRED, why);
    }
    if (g->count != r->count)
        return wrong_count(b, f->name, cuv_format(b->cx, "arrays in '%s'", g->name ? g->name : "a group"), g->count, r->count);
    if (contradicted(r, g))
        return cuv_fail(b->cx, CUV_NO, "bind.classed_order", &(cuv_detail){.file = f->path, .layer = u->layer->name,
                        .help = "were layers frozen when the file was written? save it as .weights.h5 where it was made"},
                        "%s lists the weights of '%s' in another order than the class makes them", f->name, g->name ? g->name : "a layer");
    return fill(b, r, g->tensors, CUV_INFERRED, why);
}

static size_t end_of_group(const cuv_binding *b, size_t from)
{
    size_t to = from;
    while (to < b->place_count && b->places[to].group == b->places[from].group)
        to++;
    return to;
}

/* What the model holds itself comes last in files (top_level_model_weights), wherever it is listed. */
static cuv_status by_groups(cuv_binding *b, const cuv_file *f)
{
    size_t at = 0, filled = 0, wanted = 0;
    run r;
    for (size_t i = 0; i < f->group_count; i++)
        filled += f->groups[i].count > 0;
    for (size_t i = 0; i < b->place_count; i = end_of_group(b, i)) {
        CUV_TRY(list_weights(b, i, end_of_group(b, i), BY_GROUP, &r));
        wanted += r.count > 0;
    }
    if (wanted != filled)
        return wrong_count(b, f->name, "layers with weights", filled, wanted);
    for (int own = 0; own < 2; own++)
        for (size_t i = 0; i < b->place_count; i = end_of_group(b, i)) {
            size_t with = 0, to = end_of_group(b, i);
            CUV_TRY(list_weights(b, i, to, BY_GROUP, &r));
            if (!r.count || (b->places[i].group == 0) != (own == 1))
                continue;
            for (size_t k = i; k < to; k++)
                with += cuv_unit_named(b, b->places[k].layer) != NULL;
            while (at < f->group_count && !f->groups[at].count)
                at++;
            CUV_TRY(bind_run(b, f, &f->groups[at++], &r, with));
        }
    return CUV_OK;
}

/* ---- SavedModels: model.variables by number, but for what stands nearer to the root under an attribute's name */

static bool number_in_list(const char *key, size_t *out)
{
    static const char list[] = "variables/";
    if (!key || !cuv_starts_with(key, list) || !key[sizeof list - 1])
        return false;
    *out = 0;
    for (const char *p = key + sizeof list - 1; *p; p++) {
        if (*p < '0' || *p > '9' || *out > 1u << 24)
            return false;
        *out = 10 * *out + (size_t)(*p - '0');
    }
    return true;
}

/* The list with one gap for each tensor that has a name of its own; more than one cannot be told apart. */
static cuv_status by_number(cuv_binding *b, const cuv_file *f, bool *done)
{
    size_t total = cuv_file_tensor_count(f), at = 0, named = 0;
    cuv_named *list = CUV_NEW_ARRAY(b->scratch, cuv_named, total + 1);
    const cuv_named *own = NULL;
    *done = false;
    if (!list)
        return cuv_oom(b->cx);
    for (size_t g = 0; g < f->group_count; g++)
        for (size_t k = 0; k < f->groups[g].count; k++) {
            const cuv_named *t = &f->groups[g].tensors[k];
            const bool numbered = number_in_list(t->key, &at);
            if (numbered && (at >= total || list[at].tensor))
                return CUV_OK;
            if (numbered)
                list[at] = *t;
            own = numbered ? own : t;
            named += !numbered;
        }
    for (size_t i = 0; own && named == 1 && i < total; i++)
        if (!list[i].tensor)
            list[i] = *own;
    if (!total || named > 1 || named == total)
        return CUV_OK;
    *done = true;
    return cuv_bind_places_list(b, list, total, f->name, CUV_INFERRED, cuv_format(b->cx, "%s numbers the variables of the model", f->name));
}

cuv_status cuv_bind_places(cuv_binding *b, const cuv_file *f)
{
    bool done = false;
    if (f->arrangement == CUV_ARR_OBJECTS)
        return cuv_bind_object_places(b, f);
    CUV_TRY(by_path(b, f, &done));
    if (!done)
        CUV_TRY(by_number(b, f, &done));
    return done ? CUV_OK : by_groups(b, f);
}
