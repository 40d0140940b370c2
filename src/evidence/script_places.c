/* Where files keep the weights of a model of a class of the script: its layers are not listed in files of Keras, they hang on attributes.
 * Keras 3 names objects by the attributes in alphabetical order and by class and number in lists and dictionaries; Keras 2 lists what
 * each attribute holds in the order of assignment, checkpoints say "blocks/0/dense". */
#include "evidence/script.h"

#include <stdlib.h>

static const cuv_sl *holder_of(const cuv_sv *v)
{
    const cuv_sl *layer = v->kind == CUV_SV_TENSOR ? v->symbol->call->layer : NULL;
    return layer && cuv_streq(layer->class_name, CUV_WEIGHT_CLASS) ? layer : NULL;
}

static cuv_sv *own_weights(const cuv_sv *self)
{
    return cuv_map_get(self->scope->names, CUV_OWN_WEIGHTS);
}

static bool is_container(const cuv_sv *v)
{
    return v->kind == CUV_SV_LIST || v->kind == CUV_SV_TUPLE || v->kind == CUV_SV_DICT;
}

/* ---- what an object keeps */

typedef struct kept { cuv_sv *value; const char *path; int64_t when; size_t order, attribute; bool inside; } kept;

static cuv_status collect_kept(cuv_sc *e, cuv_sv *v, bool old, const char *path, int64_t when, unsigned depth, kept **list, size_t *count, size_t *capacity)
{
    bool object = cuv_sc_is_layer_instance(e, v);
    CUV_TRY(cuv_sc_step(e, 2));
    if (v->kind == CUV_SV_DICT && old)
        CUV_TRY(cuv_sv_flat_order(e, v, 0, &v));            /* its dictionaries list what they hold by key */
    if (v->kind == CUV_SV_LAYER || object) {
        int64_t made = (object ? v->integer : (int64_t)v->layer->made) + 1;
        kept *grown = cuv_arena_grow(e->arena, *list, *count, capacity, sizeof *grown);
        if (!grown)
            return cuv_oom(e->cx);
        *list = grown;
        grown[*count] = (kept){v, path, depth && made > when ? made : when, *count, 0, depth > 0};
        (*count)++;
        return CUV_OK;
    }
    for (size_t i = 0; depth < 8 && is_container(v) && i < v->count; i++) {
        bool dict = v->kind == CUV_SV_DICT;
        const char *below = dict && v->items[i]->kind == CUV_SV_TEXT ? cuv_sc_format(e, "%s/%s", path, v->items[i]->text)
                                                                      : cuv_sc_format(e, "%s/%zu", path, i);
        CUV_TRY(collect_kept(e, dict ? v->values[i] : v->items[i], old, below, when, depth + 1, list, count, capacity));
    }
    return CUV_OK;
}

/* Keras 3 tracks what a list holds when it is put there; Keras 2 the list itself, when it is assigned. */
static int by_time(const void *a, const void *b)
{
    const kept *x = a, *y = b;
    return x->when != y->when ? (x->when > y->when) - (x->when < y->when) : (x->order > y->order) - (x->order < y->order);
}

static cuv_status list_kept(cuv_sc *e, const cuv_sv *self, bool old, const char *path, kept **list, size_t *count)
{
    size_t capacity = 0, from = 0;
    *list = NULL;
    *count = 0;
    for (size_t i = 0; i < self->count; i++) {
        const char *name = self->items[i]->text;
        CUV_TRY(collect_kept(e, cuv_map_get(self->scope->names, name), old, *path ? cuv_sc_format(e, "%s/%s", path, name) : name,
                             self->values[i]->integer, 0, list, count, &capacity));
        for (; from < *count; from++)
            (*list)[from].attribute = i;
    }
    if (!old && *count)
        qsort(*list, *count, sizeof **list, by_time);
    return CUV_OK;
}

/* ---- paths of Keras 3 */

typedef struct naming { cuv_sc *e; size_t mark; bool old; } naming;

static cuv_status name_object(naming *n, cuv_sv *v, const char *path, unsigned depth);

/* Keras 2 goes through the attributes backwards. */
static int backwards(const void *a, const void *b)
{
    return strcmp((*(cuv_sv *const *)b)->text, (*(cuv_sv *const *)a)->text);
}

static int public_first(const void *a, const void *b)
{
    const char *x = (*(cuv_sv *const *)a)->text, *y = (*(cuv_sv *const *)b)->text;
    return (x[0] == '_') != (y[0] == '_') ? (x[0] == '_') - (y[0] == '_') : strcmp(x, y);
}

static cuv_status class_stem(cuv_sc *e, const cuv_sv *v, const char **out)
{
    const cuv_sl *layer = v->kind == CUV_SV_LAYER ? v->layer : NULL;
    return cuv_sc_snake(e, layer ? layer->class_name : v->self->node->text, out);
}

static bool was_named(const naming *n, const cuv_sv *v)
{
    return v->kind == CUV_SV_LAYER ? v->layer->object_mark == n->mark : v->stop == (int64_t)n->mark;
}

static cuv_status name_items(naming *n, const cuv_sv *v, const char *path, unsigned depth)
{
    cuv_map *used = cuv_map_new(n->e->arena);
    if (!used)
        return cuv_oom(n->e->cx);
    for (size_t i = 0; i < v->count; i++) {
        cuv_sv *item = v->kind == CUV_SV_DICT ? v->values[i] : v->items[i];
        const char *stem = "container";
        if (item->kind == CUV_SV_LAYER || cuv_sc_is_layer_instance(n->e, item))
            CUV_TRY(class_stem(n->e, item, &stem));
        else if (!is_container(item) || n->old)
            continue;
        if (n->old && was_named(n, item))
            continue;
        uintptr_t seen = (uintptr_t)cuv_map_get(used, stem);
        CUV_TRY(cuv_map_set(used, stem, (void *)(seen + 1)));
        const char *name = seen ? cuv_sc_format(n->e, "%s_%zu", stem, (size_t)seen) : stem;
        CUV_TRY(name_object(n, item, cuv_sc_format(n->e, "%s/%s", path, name), depth + 1));
    }
    return CUV_OK;
}

/* The property of Keras's models, an attribute like any other to what saves them. */
static cuv_status all_layers(cuv_sc *e, const cuv_sv *self, bool old, cuv_sv **out)
{
    kept *list = NULL;
    size_t count = 0;
    CUV_TRY(list_kept(e, self, old, "", &list, &count));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = list[k].value == list[i].value || (list[k].value->kind == CUV_SV_LAYER && list[k].value->layer == list[i].value->layer);
        if (!seen)
            CUV_TRY(cuv_sv_add(e, *out, list[i].value));
    }
    return CUV_OK;
}

static cuv_status name_attributes(naming *n, cuv_sv *self, const char *path, unsigned depth)
{
    cuv_sv **names = CUV_NEW_ARRAY(n->e->arena, cuv_sv *, self->count + 2);
    const cuv_sv *own = own_weights(self);
    if (!names)
        return cuv_oom(n->e->cx);
    if (self->stop == (int64_t)n->mark)
        return CUV_OK;
    self->stop = (int64_t)n->mark;
    for (size_t i = 0; own && i < own->count; i++) {
        own->items[i]->symbol->call->layer->object_path = path;
        own->items[i]->symbol->call->layer->object_index = i + 1;
    }
    size_t count = 0;
    for (; count < self->count; count++)
        names[count] = self->items[count];
    if (cuv_sc_is_model_class(self->self))
        CUV_TRY(cuv_sv_word(n->e, "layers", &names[count++]));
    qsort(names, count, sizeof *names, n->old ? backwards : public_first);
    for (size_t i = 0; i < count; i++) {
        cuv_sv *v = cuv_map_get(self->scope->names, names[i]->text);
        if (!v)
            CUV_TRY(all_layers(n->e, self, n->old, &v));
        const char *below = *path ? cuv_sc_format(n->e, "%s/%s", path, names[i]->text) : names[i]->text;
        CUV_TRY(name_object(n, v, below, depth + 1));
    }
    return CUV_OK;
}

static cuv_status name_object(naming *n, cuv_sv *v, const char *path, unsigned depth)
{
    CUV_TRY(cuv_sc_step(n->e, 8));
    if (depth > 32)
        return CUV_OK;
    if (v->kind == CUV_SV_LAYER && v->layer->object_mark != n->mark) {
        v->layer->object_path = path;
        v->layer->object_mark = n->mark;
    }
    if (cuv_sc_is_layer_instance(n->e, v))
        return name_attributes(n, v, path, depth);
    return is_container(v) ? name_items(n, v, path, depth) : CUV_OK;
}

/* ---- the order of weights, and paths of checkpoints */

typedef struct listing {
    cuv_sc *e;
    const cuv_sl *model;
    size_t mark, group, held, count, capacity;
    cuv_weight_place *places;
    bool old;
} listing;

static const char *layer_in(listing *l, const cuv_sl *layer)
{
    for (size_t i = 0; i < l->model->layer_count; i++)
        if (l->model->layers[i] == layer)
            return layer->name;
    return NULL;
}

/* Layers that call() never uses have no weights. */
static cuv_status add_place(listing *l, cuv_sl *layer, const char *path)
{
    cuv_arena *arena = l->e->ev->arena;
    const char *name = layer_in(l, layer);
    CUV_TRY(cuv_sc_step(l->e, l->model->layer_count / 8 + 1));
    if (!name || layer->mark == l->mark)
        return CUV_OK;
    layer->mark = l->mark;
    cuv_weight_place *grown = cuv_arena_grow(arena, l->places, l->count, &l->capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(l->e->cx);
    l->places = grown;
    cuv_weight_place p = {.layer = cuv_arena_strdup(arena, name), .group = l->group, .held = l->held, .own = layer->object_index,
                          .object = cuv_arena_strdup(arena, layer->object_path ? layer->object_path : ""),
                          .path = cuv_arena_strdup(arena, path)};
    if (!p.layer || !p.object || !p.path)
        return cuv_oom(l->e->cx);
    grown[l->count++] = p;
    return CUV_OK;
}

static cuv_status list_own(listing *l, const cuv_sv *self, const char *path)
{
    const cuv_sv *own = own_weights(self);
    for (size_t i = 0; own && i < own->count; i++) {
        cuv_sl *holder = own->items[i]->symbol->call->layer;
        const char *attribute = holder->name;
        for (size_t k = 0; k < self->count; k++)
            if (holder_of(cuv_map_get(self->scope->names, self->items[k]->text)) == holder)
                attribute = self->items[k]->text;
        CUV_TRY(add_place(l, holder, *path ? cuv_sc_format(l->e, "%s/%s", path, attribute) : attribute));
    }
    return CUV_OK;
}

/* `lists`: a model as Keras 2 lists its weights, attribute by attribute; elsewhere what is trained comes first in all of it. */
static cuv_status list_object(listing *l, cuv_sv *self, const char *path, bool lists, unsigned depth)
{
    kept *list = NULL;
    size_t count = 0;
    bool top = depth == 0, old = l->old, model = cuv_sc_is_model_class(self->self);
    if (self->step == (int64_t)l->mark || depth > 16)
        return CUV_OK;
    self->step = (int64_t)l->mark;
    if (!old || !model)
        CUV_TRY(list_own(l, self, path));
    CUV_TRY(list_kept(l->e, self, old, path, &list, &count));
    for (size_t i = 0; i < count; i++) {
        l->group += top;
        l->held += lists && (i == 0 || !list[i].inside || list[i].attribute != list[i - 1].attribute);
        CUV_TRY(list[i].value->kind == CUV_SV_LAYER
                    ? add_place(l, list[i].value->layer, list[i].path)
                    : list_object(l, list[i].value, list[i].path,
                                  lists && !list[i].inside && cuv_sc_is_model_class(list[i].value->self), depth + 1));
    }
    l->group = top ? 0 : l->group;
    l->held += lists;
    return old && model ? list_own(l, self, path) : CUV_OK;
}

/* For both Kerases: which of them wrote a file, it need not tell. */
cuv_status cuv_sc_places(cuv_sc *e, const cuv_sl *model, cuv_weight_places *out)
{
    for (int old = 0; old < 2 && model->object; old++) {
        naming n = {e, ++e->walk, old};
        listing l = {.e = e, .model = model, .mark = ++e->walk, .old = old};
        CUV_TRY(name_attributes(&n, model->object, "", 0));
        CUV_TRY(list_object(&l, model->object, "", true, 0));
        out->lists[old] = l.places;
        out->count = l.count;
    }
    return CUV_OK;
}
