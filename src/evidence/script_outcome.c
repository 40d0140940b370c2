/* What counts in the end of the weights that a script loads and sets: files for the whole model, files of other models that share layers
 * with it, and arrays for single layers. */
#include "evidence/script.h"

/* "outer/inner/leaf" of a layer below the model, "" for the model itself; NULL: it is no part of it. */
static const char *path_of(cuv_sc *e, const cuv_sl *model, const cuv_sl *layer, unsigned depth)
{
    if (model == layer)
        return "";
    if (depth > 16 || cuv_sc_step(e, 1 + model->layer_count) != CUV_OK)
        return NULL;
    for (size_t i = 0; i < model->layer_count + (model->wrapped != NULL); i++) {
        const cuv_sl *inner = i < model->layer_count ? model->layers[i] : model->wrapped;
        const char *below = path_of(e, inner, layer, depth + 1);
        if (below)
            return *below ? cuv_sc_format(e, "%s/%s", inner->name, below) : inner->name;
    }
    return NULL;
}

typedef struct spot { const cuv_sl *layer; const char *path; } spot;
typedef struct outcome {
    cuv_sc *e;
    cuv_script *s;
    size_t assignments, files, at;
    spot *spots;                /* every layer of the model, at every place that it has */
    size_t spot_count, spot_capacity;
} outcome;

static cuv_status words_of(cuv_sc *e, const cuv_py *node, const char **where, const char **excerpt)
{
    *where = cuv_arena_strdup(e->ev->arena, cuv_sc_where(e, node));
    *excerpt = cuv_arena_strdup(e->ev->arena, node ? cuv_py_excerpt(e->cx, e->src, node) : "");
    return *where && *excerpt ? CUV_OK : cuv_oom(e->cx);
}

/* What was said of the layer, and of what is inside it, before. */
static void forget_layer(outcome *o, const char *path)
{
    size_t kept = 0, n = strlen(path);
    for (size_t i = 0; i < o->s->assignment_count; i++) {
        const char *layer = o->s->assignments[i].layer;
        if (!layer || strncmp(layer, path, n) != 0 || (layer[n] != '\0' && layer[n] != '/'))
            o->s->assignments[kept++] = o->s->assignments[i];
    }
    o->s->assignment_count = kept;
}

static cuv_status add_assignment(outcome *o, const char *path, const struct cuv_stated *st)
{
    cuv_arena *arena = o->e->ev->arena;
    cuv_assignment a = {.count = st->tensors->count, .at = o->at};
    if (!*path) {
        o->s->assignment_count = 0;
        o->s->weight_file_count = 0;
    } else {
        a.layer = cuv_arena_strdup(arena, path);
        forget_layer(o, path);
    }
    CUV_TRY(words_of(o->e, st->node, &a.where, &a.excerpt));
    a.tensors = CUV_NEW_ARRAY(arena, const cuv_tensor *, a.count + 1);
    cuv_assignment *grown = cuv_arena_grow(arena, o->s->assignments, o->s->assignment_count, &o->assignments, sizeof *grown);
    if (!a.tensors || !grown || (*path && !a.layer))
        return cuv_oom(o->e->cx);
    for (size_t i = 0; i < a.count; i++) {
        if (st->tensors->items[i]->kind != CUV_SV_ARRAY)
            return cuv_sc_unsupported(o->e, st->node, "set all weights of the layer: set_weights([kernel, bias])",
                                      "of the weights of '%s' only some are set", st->layer->name);
        a.tensors[i] = st->tensors->items[i]->tensor;
    }
    o->s->assignments = grown;
    grown[o->s->assignment_count++] = a;
    return CUV_OK;
}

static cuv_weight_file file_stated(const outcome *o, const struct cuv_stated *st)
{
    return (cuv_weight_file){.file = st->file, .by_name = st->by_name, .skip_mismatch = st->skip, .at = o->at};
}

static cuv_status keep_file(outcome *o, const struct cuv_stated *st, cuv_weight_file *f)
{
    CUV_TRY(words_of(o->e, st->node, &f->where, &f->excerpt));
    cuv_weight_file *grown = cuv_arena_grow(o->e->ev->arena, o->s->weight_files, o->s->weight_file_count, &o->files, sizeof *grown);
    if (!grown)
        return cuv_oom(o->e->cx);
    o->s->weight_files = grown;
    grown[o->s->weight_file_count++] = *f;
    return CUV_OK;
}

static cuv_status add_file(outcome *o, const struct cuv_stated *st)
{
    cuv_weight_file f = file_stated(o, st);
    if (!f.by_name) {               /* it sets every weight: what came before does not count */
        o->s->assignment_count = 0;
        o->s->weight_file_count = 0;
    }
    return keep_file(o, st, &f);
}

/* ---- weights of other models that share layers with this one */

static cuv_status list_spots(outcome *o, const cuv_sl *model, const char *prefix, unsigned depth)
{
    cuv_sc *e = o->e;
    CUV_TRY(cuv_sc_step(e, 1 + model->layer_count));
    for (size_t i = 0; depth < 16 && i < model->layer_count; i++) {
        const cuv_sl *inner = model->layers[i];
        spot *grown = cuv_arena_grow(e->arena, o->spots, o->spot_count, &o->spot_capacity, sizeof *grown);
        if (!grown)
            return cuv_oom(e->cx);
        o->spots = grown;
        const char *path = *prefix ? cuv_sc_format(e, "%s/%s", prefix, inner->name) : inner->name;
        grown[o->spot_count++] = (spot){inner, path};
        CUV_TRY(list_spots(o, inner, path, depth + 1));
    }
    return CUV_OK;
}

typedef struct parts { cuv_weight_part *items; size_t count, capacity; } parts;

/* The layer wherever the model has it, and what it is called in the other model. */
static cuv_status add_parts(outcome *o, parts *p, const cuv_sl *layer, const char *source)
{
    cuv_arena *arena = o->e->ev->arena;
    CUV_TRY(cuv_sc_step(o->e, o->spot_count / 16 + 1));
    for (size_t i = 0; i < o->spot_count; i++) {
        if (o->spots[i].layer != layer)
            continue;
        cuv_weight_part *grown = cuv_arena_grow(arena, p->items, p->count, &p->capacity, sizeof *grown);
        cuv_weight_part one = {cuv_arena_strdup(arena, o->spots[i].path), cuv_arena_strdup(arena, source)};
        if (!grown || !one.layer || !one.source)
            return cuv_oom(o->e->cx);
        p->items = grown;
        grown[p->count++] = one;
        forget_layer(o, one.layer);
    }
    return CUV_OK;
}

/* `recorded`: under the names of the file's record, whatever the script calls the layers now. */
static cuv_status shared_parts(outcome *o, parts *p, cuv_sl *const *layers, size_t count, const char *prefix, bool recorded, unsigned depth)
{
    for (size_t i = 0; depth < 16 && i < count; i++) {
        const cuv_sl *inner = layers[i];
        const char *name = recorded && inner->recorded ? inner->recorded : inner->name;
        const char *path = *prefix ? cuv_sc_format(o->e, "%s/%s", prefix, name) : name;
        if (inner->kind == CUV_SL_INPUT || inner->kind == CUV_SL_OPERATION)
            continue;
        if (inner->is_model && recorded && inner->opened)
            CUV_TRY(shared_parts(o, p, inner->recorded_layers, inner->recorded_count, path, true, depth + 1));
        else if (inner->kind == CUV_SL_FUNCTIONAL || inner->kind == CUV_SL_SEQUENTIAL)
            CUV_TRY(shared_parts(o, p, inner->layers, inner->layer_count, path, false, depth + 1));
        else
            CUV_TRY(add_parts(o, p, inner, path));
    }
    return CUV_OK;
}

static bool as_recorded(const cuv_sl *model)
{
    return model->kind == CUV_SL_OPAQUE || (model->opened && !model->changed);
}

static cuv_status add_borrowed(outcome *o, const struct cuv_stated *st, const cuv_value *config, const cuv_file *from, const parts *p)
{
    cuv_weight_file f = file_stated(o, st);
    if (!p->count)
        return CUV_OK;
    for (size_t i = 0; i < o->s->assignment_count; i++)
        if (!o->s->assignments[i].layer)
            return cuv_sc_unsupported(o->e, st->node, "load the file first, or set the weights layer by layer",
                                      "part of the model loads %s after all of its weights were set", st->file->name);
    f.from = from;
    f.parts = p->items;
    f.part_count = p->count;
    if (!st->origin)
        CUV_TRY(cuv_sc_places(o->e, st->layer, &f.places));
    f.config = cuv_value_copy(o->e->ev->arena, config);
    return f.config ? keep_file(o, st, &f) : cuv_oom(o->e->cx);
}

/* All that the other model, as it was when it took the file, shares with this one. */
static cuv_status borrow(outcome *o, const struct cuv_stated *st)
{
    const cuv_sl *then = st->as;
    cuv_value *record = NULL;
    parts p = {0};
    if (as_recorded(then)) {
        if (st->layer->opened)
            CUV_TRY(shared_parts(o, &p, st->layer->recorded_layers, st->layer->recorded_count, "", true, 0));
        else
            CUV_TRY(add_parts(o, &p, st->layer, ""));
        return add_borrowed(o, st, then->record, then->record_file ? then->record_file : o->e->file, &p);
    }
    CUV_TRY(shared_parts(o, &p, then->layers, then->layer_count, "", false, 0));
    if (p.count)
        CUV_TRY(cuv_sl_record(o->e, (cuv_sl *)(uintptr_t)then, 0, &record));
    return add_borrowed(o, st, record, o->e->file, &p);
}

/* One layer takes the weights of another, which a loaded model has. */
static cuv_status borrow_one(outcome *o, const struct cuv_stated *st)
{
    const cuv_sl *root = st->origin->owner;
    const char *path = st->origin->recorded;
    parts p = {0};
    for (; root->owner; root = root->owner)
        path = cuv_sc_format(o->e, "%s/%s", root->recorded, path);
    CUV_TRY(add_parts(o, &p, st->layer, path));
    return add_borrowed(o, st, root->record, root->record_file ? root->record_file : o->e->file, &p);
}

/* Is the model what it was when it took the file? */
static bool unchanged(const cuv_sl *model, const cuv_sl *then)
{
    size_t a = model->layer_count, b = then->layer_count;
    if (model->kind != CUV_SL_SEQUENTIAL || as_recorded(model))
        return !model->changed || !model->opened;
    while (a && b && model->layers[a - 1] == then->layers[b - 1]) {
        a--;
        b--;
    }
    return (a == 0 || (a == 1 && model->layers[0]->kind == CUV_SL_INPUT)) && (b == 0 || (b == 1 && then->layers[0]->kind == CUV_SL_INPUT));
}

/* The same layer is given weights again, later. */
static bool overridden(const cuv_sc *e, size_t index)
{
    for (size_t i = index + 1; i < e->stated_count && !e->stated[index].file; i++)
        if (e->stated[i].layer == e->stated[index].layer && !e->stated[i].file)
            return true;
    return false;
}

cuv_status cuv_sc_finish_weights(cuv_sc *e, cuv_sl *model)
{
    outcome o = {.e = e, .s = e->script};
    CUV_TRY(list_spots(&o, model, "", 0));
    for (size_t i = 0; i < e->stated_count; i++) {
        const struct cuv_stated *st = &e->stated[i];
        const char *path = NULL;
        o.at = i;
        if (st->file && st->file->arrangement == CUV_ARR_NONE)
            continue;
        if (st->file && st->origin)
            CUV_TRY(borrow_one(&o, st));
        else if (st->file && st->layer == model && unchanged(model, st->as))
            CUV_TRY(add_file(&o, st));
        else if (st->file)
            CUV_TRY(borrow(&o, st));
        else if (!overridden(e, i) && (path = path_of(e, model, st->layer, 0)))
            CUV_TRY(add_assignment(&o, path, st));
    }
    return CUV_OK;
}
