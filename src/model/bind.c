/* Gives every weight its tensor: what a script or --map states first, then what the files' arrangements tell. Which tensor goes where
 * is decided here; whether it fits, in fit.c; what to say when it does not, in diagnose.c. */
#include "model/bind.h"

/* ---- units */

static bool same_signature(const cuv_unit *a, const cuv_unit *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!cuv_shape_equal(a->weights[i]->shape, a->weights[i]->rank, b->weights[i]->shape, b->weights[i]->rank))
            return false;
    return true;
}

/* A hash of all shapes, so that twins are found without comparing every pair. */
static char *signature(cuv_binding *b, const cuv_unit *u)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < u->count; i++) {
        h = (h ^ (uint64_t)u->weights[i]->rank) * 1099511628211u;
        for (int k = 0; k < u->weights[i]->rank; k++)
            h = (h ^ (uint64_t)u->weights[i]->shape[k]) * 1099511628211u;
    }
    return cuv_arena_printf(b->scratch, "%zu/%016llx", u->count, (unsigned long long)h);
}

static cuv_status make_units(cuv_binding *b)
{
    struct cuv_model *m = b->m;
    b->units = CUV_NEW_ARRAY(b->scratch, cuv_unit, m->layer_count + 1);
    cuv_map *first = cuv_map_new(b->scratch);
    b->used = cuv_map_new(b->scratch);
    if (!b->units || !first || !b->used)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < m->layer_count; i++) {
        cuv_unit *u = &b->units[b->unit_count];
        *u = (cuv_unit){.layer = m->layers[i], .index = i};
        CUV_TRY(cuv_layer_weights_in_order(b->scratch, u->layer, &u->weights, &u->count));
        CUV_TRY(cuv_layer_weights_whole(b->scratch, u->layer, &u->whole, &u->count));
        if (!u->count)
            continue;
        b->unit_count++;
        char *key = signature(b, u);
        if (!key)
            return cuv_oom(b->cx);
        cuv_unit *twin = cuv_map_get(first, key);
        if (!twin)
            CUV_TRY(cuv_map_set(first, key, u));
        else if (same_signature(twin, u)) {
            twin->twins++;
            u->twins = 1;
        }
    }
    return CUV_OK;
}

cuv_unit *cuv_unit_named(cuv_binding *b, const char *name)
{
    for (size_t i = 0; i < b->unit_count; i++)
        if (cuv_streq(b->units[i].layer->name, name))
            return &b->units[i];
    return NULL;
}

cuv_level cuv_order_level(const cuv_unit *u)
{
    return u->twins ? CUV_ASSUMED : CUV_INFERRED;
}

/* ---- sources */

cuv_status cuv_bind_source(cuv_binding *b, const cuv_file *f)
{
    if (f->format == CUV_FORMAT_TABLE && f->group_count > 1) {
        bool done;
        CUV_TRY(cuv_bind_object(b, f, &done));
        if (done)
            return CUV_OK;
    }
    if (b->place_count && (f->arrangement == CUV_ARR_OBJECTS || f->arrangement == CUV_ARR_LEGACY))
        return cuv_bind_places(b, f);
    switch (f->arrangement) {
    case CUV_ARR_NONE: return CUV_OK;
    case CUV_ARR_LEGACY: case CUV_ARR_NESTED: case CUV_ARR_DICT: return cuv_bind_groups(b, f);
    case CUV_ARR_OBJECTS: return cuv_bind_objects(b, f);
    case CUV_ARR_LIST:
        return cuv_bind_list(b, f->groups[0].tensors, f->groups[0].count, f->name, CUV_ASSUMED,
                        cuv_format(b->cx, "by order: the arrays of %s as get_weights() lists them", f->name));
    case CUV_ARR_NAMED: return cuv_bind_named(b, f->groups[0].tensors, f->groups[0].count, f);
    }
    return CUV_OK;
}

static bool is_list(const cuv_file *f)
{
    return f->arrangement == CUV_ARR_LIST && f->group_count == 1;
}

/* Several files of one array each, named after what they hold ("dense_1_kernel.npy"). */
static cuv_status bind_single_files(cuv_binding *b)
{
    cuv_named *all = CUV_NEW_ARRAY(b->scratch, cuv_named, b->source_count);
    if (!all)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        char *stem = cuv_arena_strndup(b->scratch, f->name, strcspn(f->name, "."));
        if (!stem)
            return cuv_oom(b->cx);
        all[i] = f->groups[0].tensors[0];
        all[i].key = stem;
        if (f->root && f->root->kind == CUV_TENSOR)
            all[i].tensor = f->root->tensor;
        all[i].label = f->name;
    }
    return cuv_bind_named(b, all, b->source_count, b->sources[0]);
}

static bool single_arrays(const cuv_binding *b)
{
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        if (!is_list(f) || !f->root || f->root->kind != CUV_TENSOR)
            return false;
    }
    return b->source_count > 1;
}

/* Files with tensors: what scripts load, else files without a configuration, else the one that has both. */
static cuv_status choose_sources(cuv_binding *b)
{
    struct cuv_evidence *ev = b->ev;
    b->sources = CUV_NEW_ARRAY(b->scratch, cuv_file *, ev->file_count + 1);
    if (!b->sources)
        return cuv_oom(b->cx);
    for (int pass = 0; pass < 2 && !b->source_count; pass++)
        for (size_t i = 0; i < ev->file_count; i++) {
            cuv_file *f = ev->files[i];
            if (f->arrangement != CUV_ARR_NONE && f->group_count && (pass || !f->config))
                b->sources[b->source_count++] = f;
        }
    return CUV_OK;
}

/* A file of weights that has none, and no other has any: it is empty, and the model is not at fault. */
static cuv_status check_empty(cuv_binding *b)
{
    const cuv_file *empty = NULL;
    for (size_t i = 0; i < b->ev->file_count; i++) {
        const cuv_file *f = b->ev->files[i];
        for (size_t k = 0; k < f->group_count; k++)
            if (f->groups[k].count)
                return CUV_OK;
        if (f->arrangement != CUV_ARR_NONE && !f->config && !empty)
            empty = f;
    }
    if (!empty || !b->unit_count)
        return CUV_OK;
    return cuv_fail(b->cx, CUV_NO, "bind.empty", &(cuv_detail){.file = empty->path, .expected = cuv_format(b->cx, "weights of %zu layers", b->unit_count),
                    .found = "none", .help = "it was saved before the model had weights, or from another model, or the save was cut off; get another copy"},
                    "%s holds no weights: %s", empty->name, empty->group_count ? "all of its layers are empty" : "its list of layers is empty");
}

/* Nested lists that are no array cannot be anybody's weights; the row that is short is the news. */
static cuv_status check_ragged(cuv_binding *b)
{
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        if (!f->ragged)
            continue;
        size_t n = strcspn(f->ragged, " ");
        const char *place = cuv_format(b->cx, "%s%s%.*s", f->name, f->ragged[0] == '[' ? "" : "#", (int)n, f->ragged);
        return cuv_fail(b->cx, CUV_NO, "bind.ragged", &(cuv_detail){.file = f->path, .tensor = place, .found = f->ragged,
                        .notes = cuv_format(b->cx, "in  %s", place),
                        .help = "no array can be made of rows that differ; save the array again, as an array and not with tolist()"},
                        "a row of %s is shorter or longer than the others: %s", f->name, f->ragged);
    }
    return CUV_OK;
}

/* "dense_1.npz" with the arrays of the layer 'dense_1', and such a file for every layer. */
static cuv_status bind_layer_files(cuv_binding *b, bool *done)
{
    const char *why = "the file bears the layer's name";
    size_t open = 0;
    *done = false;
    for (size_t i = 0; i < b->unit_count; i++)
        open += !b->units[i].filled;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < b->source_count; i++) {
            const cuv_file *f = b->sources[i];
            const size_t dot = strlen(f->name) - (strrchr(f->name, '.') ? strlen(strrchr(f->name, '.')) : 0);
            char *stem = cuv_arena_strndup(b->scratch, f->name, dot);
            cuv_unit *u = stem ? cuv_unit_named(b, stem) : NULL;
            if (!stem)
                return cuv_oom(b->cx);
            if (!u || f->group_count != 1 || open != b->source_count || u->layer->custom)
                return CUV_OK;
            if (pass && !u->filled)
                CUV_TRY(cuv_bind_offer(b, u, &(cuv_offer){f->groups[0].tensors, f->groups[0].count, stem, f->name}, CUV_CERTAIN, why));
        }
    *done = true;
    return CUV_OK;
}

static cuv_status bind_sources(cuv_binding *b)
{
    bool done;
    CUV_TRY(check_ragged(b));
    if (b->source_count == 1)
        return cuv_bind_source(b, b->sources[0]);
    CUV_TRY(bind_layer_files(b, &done));
    if (!done)
        CUV_TRY(cuv_bind_alone(b, &done));
    if (done)
        return CUV_OK;
    if (b->source_count == 2 && is_list(b->sources[0]) && is_list(b->sources[1])) {
        CUV_TRY(cuv_bind_only_reading(b, &done));
        if (!done)
            CUV_TRY(cuv_bind_two_lists(b, b->sources, &done));
        if (done)
            return CUV_OK;
    }
    if (single_arrays(b))
        return bind_single_files(b);
    if (b->source_count == 2) {
        CUV_TRY(cuv_bind_two_files(b, b->sources, &done));
        if (done)
            return CUV_OK;
    }
    CUV_TRY(cuv_bind_several(b, &done));
    return done ? CUV_OK : cuv_report_several(b);
}

/* A whole model beside files of weights: theirs are taken, as load_weights() does. */
static void tell_unused_weights(const cuv_binding *b)
{
    for (size_t i = 0; i < b->ev->file_count; i++) {
        const cuv_file *f = b->ev->files[i];
        if (f->config && cuv_file_tensor_count(f) && !b->sources[0]->config)
            cuv_warn(b->cx, "bind.unused_file", &(cuv_detail){.file = f->path, .found = b->sources[0]->name,
                     .help = "give the files that belong together; cuvier diff shows how two models differ"},
                     "%s has weights, too; those of %s are used in their place", f->name, b->sources[0]->name);
    }
}

static cuv_status check_missing(cuv_binding *b)
{
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        bool told = false;
        for (size_t k = 0; k < b->misfit_count; k++)
            told |= b->misfits[k].unit && b->misfits[k].unit->layer == u->layer;
        for (size_t k = 0; k < u->count && !told; k++)
            if (!u->weights[k]->value) {
                CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_MISSING, u, u->weights[k], NULL, {0}}));
                told = true;
            }
    }
    return CUV_OK;
}

static cuv_status note_decisions(cuv_binding *b)
{
    static const char *const alternatives = "any order of the layers whose weights have the same shapes";
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            const cuv_weight *w = b->units[i].weights[k];
            if (w->value)
                CUV_TRY(cuv_model_decide(b->m, w->layer->path ? w->layer->path : w->layer->name, w->name, w->source, w->level,
                                         w->why, w->level == CUV_ASSUMED ? alternatives : NULL));
        }
    return CUV_OK;
}

/* Shards that are not all there leave weights open: their index says how many there are. */
static void tell_index(const cuv_binding *b)
{
    for (size_t i = 0; i < b->source_count; i++) {
        const char *index = cuv_shard_index(b->cx, b->sources[i]);
        if (index && b->source_count == 1)
            cuv_note(b->cx, "shards.index", &(cuv_detail){.file = b->sources[i]->path, .expected = index},
                     "%s is named like a part of sharded weights: %s, which Keras wrote beside the parts, lists them all", b->sources[i]->name,
                     index);
    }
}

static cuv_status note_shards(cuv_binding *b)
{
    for (size_t i = 0; i < b->source_count; i++)
        if (b->sources[i]->combined)
            CUV_TRY(cuv_model_decide(b->m, NULL, "shards", b->sources[i]->combined, CUV_INFERRED,
                                     "their names are numbered, no variable stands in two of them, and together they are the model's weights; "
                                     "the index is not given", NULL));
    return CUV_OK;
}

static void take_places(cuv_binding *b, const cuv_weight_places *places)
{
    if (!places->count)
        return;
    b->places = places->lists[b->m->keras < 3];
    b->other_places = places->lists[b->m->keras >= 3];
    b->place_count = places->count;
}

/* What code says of a class is assumed, and its weights are, too. */
static void assume_custom(cuv_binding *b)
{
    bool custom = false;
    for (size_t i = 0; i < b->ev->file_count; i++)
        custom |= b->ev->files[i]->script && b->ev->files[i]->script->stands_for;
    for (size_t i = 0; custom && i < b->m->weight_count; i++)
        if (b->m->weights[i]->value)
            b->m->weights[i]->level = CUV_ASSUMED;
}

/* Weights of tf_idf that a configuration of Keras 3 states are no weights of its layer, and those in a file count all the same. */
static bool files_hold_idf(const cuv_binding *b)
{
    for (size_t i = 0; i < b->ev->file_count; i++) {
        const cuv_file *f = b->ev->files[i];
        for (size_t k = 0; f->arrangement == CUV_ARR_OBJECTS && k < f->group_count; k++)
            for (size_t n = 0; n < f->groups[k].count; n++)
                if (cuv_streq(f->groups[k].tensors[n].weight, "idf_weights"))
                    return true;
    }
    return false;
}

static cuv_status bind(cuv_binding *b)
{
    bool scripted = false;
    for (size_t i = 0; i < b->ev->file_count; i++)
        if (b->ev->files[i]->script)
            take_places(b, &b->ev->files[i]->script->places);
    CUV_TRY(make_units(b));
    CUV_TRY(cuv_bind_stated(b, &scripted));
    size_t open = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        open += !b->units[i].filled;
    if ((open || files_hold_idf(b)) && !scripted) {
        CUV_TRY(choose_sources(b));
        CUV_TRY(check_empty(b));
        if (b->source_count)
            CUV_TRY(bind_sources(b));
        if (b->source_count)
            tell_unused_weights(b);
    }
    CUV_TRY(check_missing(b));
    cuv_status status = cuv_bind_report(b);
    if (status != CUV_OK) {
        tell_index(b);
        return status;
    }
    CUV_TRY(note_shards(b));
    CUV_TRY(cuv_fold_lora(b));
    assume_custom(b);
    return note_decisions(b);
}

cuv_status cuv_model_bind(struct cuv_model *m, struct cuv_evidence *ev)
{
    cuv_binding b = {.cx = m->cx, .m = m, .ev = ev, .scratch = cuv_arena_new(m->cx)};
    if (!b.scratch)
        return cuv_oom(m->cx);
    cuv_status status = bind(&b);
    cuv_arena_free(b.scratch);
    return status;
}

static cuv_status bind_file(cuv_binding *b, const cuv_weight_file *wf)
{
    take_places(b, &wf->places);
    CUV_TRY(make_units(b));
    CUV_TRY(cuv_bind_weight_file(b, wf));
    if (!wf->by_name && !wf->skip_mismatch)
        CUV_TRY(check_missing(b));
    CUV_TRY(cuv_bind_report(b));
    return cuv_fold_lora(b);
}

cuv_status cuv_model_bind_file(struct cuv_model *m, struct cuv_evidence *ev, const cuv_weight_file *wf)
{
    cuv_binding b = {.cx = m->cx, .m = m, .ev = ev, .scratch = cuv_arena_new(m->cx)};
    if (!b.scratch)
        return cuv_oom(m->cx);
    cuv_status status = bind_file(&b, wf);
    cuv_arena_free(b.scratch);
    return status;
}
