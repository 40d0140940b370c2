/* Files whose tensors have names or groups: layers as the file lists them, with what their names tell. */
#include "recover/carriers.h"

#include <stdlib.h>

cuv_status cuv_remain_add(cuv_remaking *r, cuv_remain **out)
{
    cuv_remain *layers = cuv_arena_grow(r->arena, r->out->layers, r->out->count, &r->capacity, sizeof *layers);
    if (!layers)
        return cuv_oom(r->cx);
    r->out->layers = layers;
    layers[r->out->count] = (cuv_remain){0};
    *out = &layers[r->out->count++];
    return CUV_OK;
}

/* ---- layers by the names of their variables ---- */

/* `rank` -1: the name does not tell where among the layer's variables it stands. */
typedef struct variable { cuv_named named; int rank; } variable;

typedef struct gathered {
    const char *id, *name;
    variable *items;
    size_t count, capacity;
} gathered;

typedef struct by_names {
    cuv_remaking *r;
    gathered *layers;
    size_t count, capacity;
    cuv_map *index;                 /* id → layer + 1 */
    cuv_map *names;                 /* of layers in the remains */
    const char *last;               /* name looked at last */
    bool unsorted;
    size_t stems;                   /* names that differ by more than a counter from the one before */
} by_names;

static cuv_status find_layer(by_names *b, const char *id, const char *name, gathered **out)
{
    size_t at = (size_t)(uintptr_t)cuv_map_get(b->index, id);
    if (at) {
        *out = &b->layers[at - 1];
        return CUV_OK;
    }
    gathered *layers = cuv_arena_grow(b->r->arena, b->layers, b->count, &b->capacity, sizeof *layers);
    if (!layers)
        return cuv_oom(b->r->cx);
    b->layers = layers;
    layers[b->count++] = (gathered){.id = id, .name = name};
    *out = &layers[b->count - 1];
    return cuv_map_set(b->index, id, (void *)(uintptr_t)b->count);
}

/* Were the names put into the order of the alphabet? Keras itself writes kernels before biases. */
static void look_at_order(by_names *b, const char *name)
{
    b->unsorted = b->unsorted || (b->last && strcmp(b->last, name) > 0);
    b->stems += !b->last || strncmp(b->last, name, strcspn(name, "0123456789")) != 0;
    b->last = name;
}

static cuv_status add_to(by_names *b, gathered *layer, const cuv_named *t, const char *word, int rank)
{
    variable *items = cuv_arena_grow(b->r->arena, layer->items, layer->count, &layer->capacity, sizeof *items);
    if (!items)
        return cuv_oom(b->r->cx);
    layer->items = items;
    items[layer->count] = (variable){*t, rank};
    items[layer->count++].named.weight = word;
    return CUV_OK;
}

/* A variable whose key is a path to it. */
static cuv_status add_variable(by_names *b, const cuv_named *t)
{
    cuv_place place;
    gathered *layer;
    CUV_TRY(cuv_place_of(&b->r->words, t->key, NULL, &place));
    look_at_order(b, t->file->format == CUV_FORMAT_JSON ? place.id : t->key);   /* TensorFlow.js: each layer's own in Keras's order */
    CUV_TRY(find_layer(b, place.id, place.layer, &layer));
    const char *word = t->weight && place.layer ? t->weight : place.word;
    return add_to(b, layer, t, word, cuv_weight_rank(place.inner, word));
}

/* Writers that sort names put biases before kernels: back to the order of get_weights(), where every name is known. */
static void sort_variables(gathered *layer)
{
    for (size_t i = 0; i < layer->count; i++)
        if (layer->items[i].rank < 0)
            return;
    for (size_t i = 1; i < layer->count; i++)
        for (size_t k = i; k > 0 && layer->items[k].rank < layer->items[k - 1].rank; k--) {
            variable swap = layer->items[k];
            layer->items[k] = layer->items[k - 1];
            layer->items[k - 1] = swap;
        }
}

static void tell_class(cuv_remaking *r, cuv_remain *remain)
{
    const char *by_name = cuv_class_of_name(&r->words, remain->name, NULL);
    const char *by_weights = cuv_class_of_weights(remain->tensors, remain->count);
    if (by_name && !cuv_class_is_model(by_name) && cuv_class_may_have(by_name, remain->tensors, remain->count))
        remain->class_name = by_name;
    else
        remain->class_name = !remain->count && cuv_starts_with(remain->name ? remain->name : "", "input_") ? "InputLayer" : by_weights;
    remain->class_level = CUV_INFERRED;
}

static bool halves_alike(const cuv_named *t, size_t count)
{
    for (size_t i = 0; i < count / 2; i++)
        if (!cuv_shape_equal(t[i].tensor->shape, t[i].tensor->rank, t[i + count / 2].tensor->shape, t[i + count / 2].tensor->rank))
            return false;
    return true;
}

/* The two layers that have many arrays of more than one axis: attention, and recurrent layers in both directions. */
static bool looks_like_one(const cuv_named *t, size_t count)
{
    if (count == 4 && t[0].tensor->rank == 1)
        return true;
    if (t[0].tensor->rank == 3)
        return (count == 8 || count == 4) && t[count / 4].tensor->rank == 3 && t[count - 1].tensor->rank <= 3;
    return (count == 6 || count == 4) && t[0].tensor->rank == 2 && t[1].tensor->rank == 2 && halves_alike(t, count);
}

/* The arrays of several layers: those of a model inside. */
static bool is_run(const cuv_remain *remain)
{
    for (size_t i = 0; i < remain->count; i++)
        if (remain->tensors[i].weight)
            return false;
    return !remain->class_name && remain->count > 3 && !looks_like_one(remain->tensors, remain->count);
}

/* A name that an outer model has already is made longer by the models around it. */
static cuv_status give_name(by_names *b, const gathered *layer, cuv_remain *remain)
{
    if (!layer->name)
        return CUV_OK;
    remain->name = layer->name;
    if (cuv_map_get(b->names, layer->name)) {
        char *whole = cuv_arena_strdup(b->r->arena, layer->id);
        for (char *p = whole; p && *p; p++)
            *p = *p == '/' ? '_' : *p;
        if (!whole)
            return cuv_oom(b->r->cx);
        remain->name = whole;
    }
    return cuv_map_set(b->names, remain->name, (void *)(uintptr_t)remain->name);
}

static cuv_status finish_layers(by_names *b)
{
    for (size_t i = 0; i < b->count; i++) {
        gathered *layer = &b->layers[i];
        cuv_remain *remain;
        sort_variables(layer);
        cuv_named *tensors = CUV_NEW_ARRAY(b->r->arena, cuv_named, layer->count + 1);
        if (!tensors)
            return cuv_oom(b->r->cx);
        for (size_t k = 0; k < layer->count; k++)
            tensors[k] = layer->items[k].named;
        CUV_TRY(cuv_remain_add(b->r, &remain));
        remain->tensors = tensors;
        remain->count = layer->count;
        CUV_TRY(give_name(b, layer, remain));
        tell_class(b->r, remain);
        remain->run = is_run(remain);
        if (remain->run) {          /* and its layers without weights are not listed */
            remain->name = NULL;
            b->r->out->complete = false;
        }
    }
    return CUV_OK;
}

/* ---- the order of names ---- */

/* No name has parts or a known word. */
static cuv_status says_nothing(const by_names *b, const cuv_group *g, bool *out)
{
    *out = true;
    for (size_t i = 0; i < g->count && *out; i++) {
        cuv_place place;
        CUV_TRY(cuv_place_of(&b->r->words, g->tensors[i].key, NULL, &place));
        *out = !place.word;
    }
    return CUV_OK;
}

/* Arrays whose names say nothing of layers ("a", "b", …): a list. */
static cuv_status add_run(cuv_remaking *r, const cuv_group *g)
{
    cuv_remain *remain;
    CUV_TRY(cuv_remain_add(r, &remain));
    remain->run = true;
    remain->tensors = g->tensors;
    remain->count = g->count;
    return CUV_OK;
}

static int by_offset(const void *a, const void *b)
{
    const cuv_named *x = a, *y = b;
    return (x->tensor->offset > y->tensor->offset) - (x->tensor->offset < y->tensor->offset);
}

static cuv_status say_order(by_names *b, const cuv_file *file, cuv_level level, const char *why)
{
    b->r->out->order = level;
    b->r->out->order_why = cuv_arena_printf(b->r->arena, "%s: %s", file->name, why);
    return b->r->out->order_why ? CUV_OK : cuv_oom(b->r->cx);
}

static cuv_status order_of_names(by_names *b, const cuv_file *file)
{
    enum { CHANCE = 3 };    /* so few layers may stand in that order by chance */
    bool sorted = !b->unsorted && b->stems > (file->arrangement == CUV_ARR_DICT ? CHANCE : 1);
    return say_order(b, file, sorted ? CUV_ASSUMED : CUV_INFERRED,
                     sorted ? "its names stand in the order of the alphabet; shapes and counters put the layers into a chain" : "the order of its entries");
}

/* safetensors list names in any order; their values lie in the order of writing. */
static cuv_status by_place(by_names *b, const cuv_file *file, cuv_group *g)
{
    if (file->format != CUV_FORMAT_SAFETENSORS || !g->count)
        return CUV_OK;
    cuv_named *sorted = CUV_NEW_ARRAY(b->r->arena, cuv_named, g->count);
    if (!sorted)
        return cuv_oom(b->r->cx);
    memcpy(sorted, g->tensors, g->count * sizeof *sorted);
    qsort(sorted, g->count, sizeof *sorted, by_offset);
    g->tensors = sorted;
    return CUV_OK;
}

static cuv_status read_flat(by_names *b, const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++) {
        cuv_group g = file->groups[i];
        bool nothing = false;
        CUV_TRY(by_place(b, file, &g));
        CUV_TRY(says_nothing(b, &g, &nothing));
        if (nothing) {
            CUV_TRY(add_run(b->r, &g));
            continue;
        }
        for (size_t k = 0; k < g.count; k++)
            CUV_TRY(add_variable(b, &g.tensors[k]));
    }
    return order_of_names(b, file);
}

/* ---- layers by the groups of a file ---- */

/* A layer of that name, with what its group holds. */
static cuv_status add_group(by_names *b, const cuv_group *g, const char *id, const char *name)
{
    gathered *layer;
    CUV_TRY(find_layer(b, id, name, &layer));
    for (size_t i = 0; i < g->count; i++) {
        layer = &b->layers[(size_t)(uintptr_t)cuv_map_get(b->index, id) - 1];
        CUV_TRY(add_to(b, layer, &g->tensors[i], g->tensors[i].weight, -1));
    }
    return CUV_OK;
}

/* A model inside a model has all its variables in one group: "model_1" holds "dense_3/kernel:0", "dense_4/kernel:0". */
static cuv_status holds_layers(const by_names *b, const cuv_group *g, bool *out)
{
    const char *first = NULL, *last = NULL;
    size_t skip = g->name ? strlen(g->name) + 1 : 0;
    *out = false;
    for (size_t i = 0; i < g->count; i++) {
        cuv_place place;
        const char *key = strlen(g->tensors[i].key) > skip ? g->tensors[i].key + skip : g->tensors[i].key;
        if (!strchr(key, '/'))
            return CUV_OK;
        CUV_TRY(cuv_place_of(&b->r->words, key, NULL, &place));
        first = first ? first : place.id;
        last = place.id;
    }
    const char *class_name = cuv_class_of_name(&b->r->words, g->name, NULL);
    *out = first && !cuv_streq(first, last) && (!class_name || cuv_class_is_model(class_name));
    return CUV_OK;
}

static cuv_status read_legacy(by_names *b, const cuv_file *file)
{
    bool opened = false, h5 = file->format == CUV_FORMAT_HDF5;
    for (size_t i = 0; i < file->group_count; i++) {
        const cuv_group *g = &file->groups[i];
        bool model = false;
        CUV_TRY(holds_layers(b, g, &model));
        for (size_t k = 0; model && k < g->count; k++)
            CUV_TRY(add_variable(b, &g->tensors[k]));
        if (!model)
            CUV_TRY(add_group(b, g, g->name ? g->name : "", g->name));
        opened = opened || model;
    }
    b->r->out->complete = h5 && !opened;
    return say_order(b, file, CUV_CERTAIN, h5 ? "its attribute layer_names" : "its layers are numbered");
}

/* Dicts of lists or dicts. A layer with nothing in it has no weights; then all layers are listed. */
static cuv_status read_groups(by_names *b, const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++) {
        const cuv_group *g = &file->groups[i];
        cuv_place place = {0};
        if (g->name)
            CUV_TRY(cuv_place_of(&b->r->words, "", g->name, &place));
        else
            place.id = cuv_arena_printf(b->r->arena, "%zu", i);
        if (!place.id)
            return cuv_oom(b->r->cx);
        look_at_order(b, place.id);
        CUV_TRY(add_group(b, g, place.id, place.layer));
        b->r->out->complete = b->r->out->complete || !g->count;
    }
    return order_of_names(b, file);
}

/* ---- files ---- */

static cuv_status cannot_join(cuv_remaking *r, const cuv_file *a, const cuv_file *b)
{
    cuv_detail detail = {.file = b->path, .help = "give the one file that holds all weights, or the model's configuration with them"};
    return cuv_fail(r->cx, CUV_NO, "recover.files", &detail, "%s (%s) and %s (%s) cannot be put together without a configuration",
                    a->name, a->kind, b->name, b->kind);
}

static cuv_status read_file(by_names *b, const cuv_file *file)
{
    switch (file->arrangement) {
    case CUV_ARR_OBJECTS:
        return cuv_remains_of_objects(b->r, file);
    case CUV_ARR_LEGACY:
        return read_legacy(b, file);
    case CUV_ARR_DICT:
        return read_groups(b, file);
    case CUV_ARR_NAMED: case CUV_ARR_LIST:
        return read_flat(b, file);
    case CUV_ARR_NESTED:        /* remains.c */
    case CUV_ARR_NONE:
        break;
    }
    return CUV_OK;
}

/* Several files are parts of one only where names join them: kernels in one, biases in the other. */
cuv_status cuv_remains_of_named(cuv_evidence *ev, cuv_file *const *files, size_t count, cuv_arena *arena, cuv_remains *out)
{
    cuv_remaking r = {.cx = ev->cx, .arena = arena, .out = out};
    by_names b = {.r = &r, .index = cuv_map_new(arena), .names = cuv_map_new(arena)};
    bool done = false;
    if (!b.index || !b.names)
        return cuv_oom(ev->cx);
    *out = (cuv_remains){.file = count ? files[0] : NULL, .source = count ? files[0]->name : "", .order_why = ""};
    CUV_TRY(cuv_class_words_make(arena, &r.words));
    for (size_t i = 1; i < count; i++)
        if (files[i]->arrangement != files[0]->arrangement ||
            (files[0]->arrangement != CUV_ARR_NAMED && files[0]->arrangement != CUV_ARR_DICT))
            return cannot_join(&r, files[0], files[i]);
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(read_file(&b, files[i]));
        if (i > 0)
            out->source = cuv_arena_printf(arena, "%s and %s", out->source, files[i]->name);
        if (!out->source)
            return cuv_oom(ev->cx);
    }
    CUV_TRY(finish_layers(&b));
    if (out->order == CUV_ASSUMED || !out->complete)
        CUV_TRY(cuv_remains_gather(&r, &done));
    if (done)
        return CUV_OK;
    return out->order == CUV_ASSUMED ? cuv_remains_chain(&r, ev) : CUV_OK;
}
