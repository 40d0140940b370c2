/* Binds groups of arrays, one a layer: legacy .h5, nested lists, dicts. Keras's rule is the order; names that agree say more. */
#include "model/bind.h"

static size_t filled_groups(const cuv_file *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->group_count; i++)
        n += f->groups[i].count > 0;
    return n;
}

static const cuv_group *group_named(const cuv_file *f, const char *name)
{
    for (size_t i = 0; i < f->group_count; i++)
        if (f->groups[i].count && cuv_streq(f->groups[i].name, name))
            return &f->groups[i];
    return NULL;
}

/* gamma, beta, mean and variance as lists of one length are one array of four rows to whoever reads them. */
static cuv_status split_rows(cuv_binding *b, const cuv_unit *u, cuv_offer *offer)
{
    const cuv_named *whole = offer->tensors;
    const cuv_tensor *t = offer->count == 1 ? whole->tensor : NULL;
    if (!t || u->count < 2 || t->rank < 1 || t->shape[0] != (int64_t)u->count)
        return CUV_OK;
    for (size_t i = 0; i < u->count; i++)
        if (!cuv_shape_equal(u->weights[i]->shape, u->weights[i]->rank, t->shape + 1, t->rank - 1))
            return CUV_OK;
    cuv_named *rows = CUV_NEW_ARRAY(b->scratch, cuv_named, u->count);
    if (!rows)
        return cuv_oom(b->cx);
    CUV_TRY(cuv_map_set(b->used, whole->label, (void *)u));
    for (size_t i = 0; i < u->count; i++) {
        cuv_tensor *row;
        CUV_TRY(cuv_tensor_row(b->m->arena, t, (int64_t)i, &row));
        rows[i] = (cuv_named){.tensor = row, .key = whole->key, .file = whole->file};
        rows[i].label = cuv_arena_printf(b->scratch, "%s[%zu]", whole->label, i);
        if (!rows[i].label)
            return cuv_oom(b->cx);
    }
    offer->tensors = rows;
    offer->count = u->count;
    return CUV_OK;
}

static cuv_status bind_group(cuv_binding *b, cuv_unit *u, const cuv_file *f, const cuv_group *g, cuv_level level,
                             const char *why)
{
    cuv_offer stored = {g->tensors, g->count, g->name, f->name}, offer;
    CUV_TRY(split_rows(b, u, &stored));
    CUV_TRY(cuv_modernise(b, u, f, &stored, &offer));
    if (offer.tensors != stored.tensors)        /* the stored tensors are used, under another layout */
        for (size_t i = 0; i < stored.count; i++)
            CUV_TRY(cuv_map_set(b->used, stored.tensors[i].label, u));
    return u->layer->custom ? cuv_bind_custom(b, u, &offer) : cuv_bind_offer(b, u, &offer, level, why);
}

static cuv_status surplus_group(cuv_binding *b, const cuv_group *g)
{
    for (size_t i = 0; i < g->count; i++)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &g->tensors[i], {0}}));
    return CUV_OK;
}

/* Every group's name is a layer's, and every layer has its group. */
static bool names_agree(cuv_binding *b, const cuv_file *f)
{
    if (filled_groups(f) != b->unit_count)
        return false;
    cuv_map *names = cuv_map_new(b->scratch);
    for (size_t i = 0; names && i < f->group_count; i++)
        if (f->groups[i].count && (!f->groups[i].name || cuv_map_set(names, f->groups[i].name, (void *)&f->groups[i])))
            return false;
    for (size_t i = 0; names && i < b->unit_count; i++)
        if (!cuv_map_get(names, b->units[i].layer->name))
            return false;
    return names != NULL;
}

/* Names that differ only by Keras's counter, in the same order: another run built the same model. */
static bool names_are_counted(const cuv_binding *b, const cuv_file *f)
{
    size_t u = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        const cuv_group *g = &f->groups[i];
        if (!g->count)
            continue;
        if (!g->name || u >= b->unit_count)
            return false;
        const char *name = b->units[u++].layer->name;
        size_t stem = cuv_name_stem(name);
        if (stem != cuv_name_stem(g->name) || strncmp(name, g->name, stem) != 0)
            return false;
    }
    return u == b->unit_count;
}

cuv_status cuv_bind_groups_by_name(cuv_binding *b, const cuv_file *f, bool all)
{
    const char *why = cuv_format(b->cx, "%s names the layer", f->name);
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        const cuv_group *g = u->filled ? NULL : group_named(f, u->layer->name);
        if (g)
            CUV_TRY(bind_group(b, u, f, g, CUV_CERTAIN, why));
    }
    for (size_t i = 0; all && i < f->group_count; i++)
        if (f->groups[i].name && !cuv_unit_named(b, f->groups[i].name))
            CUV_TRY(surplus_group(b, &f->groups[i]));
    return CUV_OK;
}

static void skipped(cuv_binding *b, const cuv_weight_file *wf, const cuv_unit *u, const char *what, const char *expected, const char *found)
{
    cuv_warn(b->cx, "bind.skipped", &(cuv_detail){.file = wf->where, .layer = u->layer->name, .expected = expected, .found = found},
             "skip_mismatch: %s of the layer '%s' is left as it was: %s has %s in place of %s", what, u->layer->name, wf->file->name, found, expected);
}

/* A layer with another number of weights is skipped whole, a weight of another shape alone. */
static cuv_status load_what_fits(cuv_binding *b, const cuv_weight_file *wf, cuv_unit *u, const cuv_group *g, const char *why)
{
    if (g->count != u->count) {
        skipped(b, wf, u, "all", cuv_format(b->cx, "%zu", u->count), cuv_format(b->cx, "%zu arrays", g->count));
        return CUV_OK;
    }
    for (size_t i = 0; i < u->count; i++) {
        const cuv_tensor *t = g->tensors[i].tensor;
        cuv_weight *w = u->weights[i];
        if (cuv_shape_equal(w->shape, w->rank, t->shape, t->rank))
            CUV_TRY(cuv_bind_tensor(b, u, w, &g->tensors[i], CUV_CERTAIN, why));
        else
            skipped(b, wf, u, w->name, cuv_shape_text(b->cx, w->shape, w->rank), cuv_shape_text(b->cx, t->shape, t->rank));
        CUV_TRY(cuv_map_set(b->used, g->tensors[i].label, u));
    }
    return CUV_OK;
}

static bool fits_throughout(const cuv_unit *u, const cuv_group *g)
{
    for (size_t i = 0; i < u->count && g->count == u->count; i++)
        if (!cuv_shape_equal(u->weights[i]->shape, u->weights[i]->rank, g->tensors[i].tensor->shape, g->tensors[i].tensor->rank))
            return false;
    return g->count == u->count;
}

cuv_status cuv_load_by_name(cuv_binding *b, const cuv_weight_file *wf)
{
    const char *why = cuv_format(b->cx, "%s names the layer", wf->file->name);
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        const cuv_group *g = u->mapped ? NULL : group_named(wf->file, u->layer->name);
        if (!g)
            continue;
        if (wf->skip_mismatch && !u->layer->custom && !fits_throughout(u, g)) {
            CUV_TRY(load_what_fits(b, wf, u, g, why));
            continue;
        }
        u->filled = false;
        CUV_TRY(bind_group(b, u, wf->file, g, CUV_CERTAIN, why));
    }
    return CUV_OK;
}

static cuv_status bind_groups_in_order(cuv_binding *b, const cuv_file *f)
{
    bool counted = names_are_counted(b, f);
    const char *why = counted
        ? cuv_format(b->cx, "%s lists its layers in the model's order; the names differ by their counter only", f->name)
        : cuv_format(b->cx, "by order: layer by layer as %s lists them", f->name);
    size_t u = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        const cuv_group *g = &f->groups[i];
        if (!g->count)
            continue;
        if (u < b->unit_count) {
            if (!b->units[u].filled)
                CUV_TRY(bind_group(b, &b->units[u], f, g, counted ? CUV_CERTAIN : cuv_order_level(&b->units[u]), why));
            u++;
        } else {
            CUV_TRY(surplus_group(b, g));
        }
    }
    return CUV_OK;
}

static size_t names_shared(cuv_binding *b, const cuv_file *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->group_count; i++)
        n += f->groups[i].count && f->groups[i].name && cuv_unit_named(b, f->groups[i].name);
    return n;
}

static bool groups_fit_in_order(const cuv_binding *b, const cuv_file *f)
{
    size_t u = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        cuv_offer offer = {f->groups[i].tensors, f->groups[i].count, NULL, NULL};
        if (f->groups[i].count && (u == b->unit_count || !cuv_offer_fits(&b->units[u++], &offer)))
            return false;
    }
    return u == b->unit_count;
}

/* {"weights": [...]} holds them all, {"weights": [...], "biases": [...]} two halves of them, where those are no layers. */
static cuv_status bind_few_groups(cuv_binding *b, const cuv_file *f, bool *done)
{
    const size_t groups = filled_groups(f);
    *done = false;
    if ((f->arrangement != CUV_ARR_DICT && f->arrangement != CUV_ARR_NESTED) || groups > 2 || b->place_count || names_shared(b, f) ||
        groups_fit_in_order(b, f))
        return CUV_OK;
    if (groups == 2)
        return cuv_bind_two_groups(b, f, done);
    for (size_t i = 0; i < f->group_count && b->unit_count > 1; i++)
        if (f->groups[i].count) {
            *done = true;
            return cuv_bind_list(b, f->groups[i].tensors, f->groups[i].count, f->name, CUV_ASSUMED,
                                 cuv_format(b->cx, "by order: the arrays of %s as get_weights() lists them", f->name));
        }
    return CUV_OK;
}

/* Legacy .h5, nested lists, dicts. Keras's rule for .h5 is the order; names that agree say the same and more. */
cuv_status cuv_bind_groups(cuv_binding *b, const cuv_file *f)
{
    bool done;
    if (names_agree(b, f))
        return cuv_bind_groups_by_name(b, f, true);
    CUV_TRY(bind_few_groups(b, f, &done));
    if (done)
        return CUV_OK;
    size_t groups = filled_groups(f);
    if (groups == b->unit_count || !names_shared(b, f))
        return bind_groups_in_order(b, f);
    return cuv_bind_groups_by_name(b, f, true);
}
