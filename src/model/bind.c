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

static cuv_unit *unit_named(cuv_binding *b, const char *name)
{
    for (size_t i = 0; i < b->unit_count; i++)
        if (cuv_streq(b->units[i].layer->name, name))
            return &b->units[i];
    return NULL;
}

/* Pairing by order is all that tells twins apart. */
static cuv_level order_level(const cuv_unit *u)
{
    return u->twins ? CUV_ASSUMED : CUV_INFERRED;
}

/* ---- what is stated */

/* A layer by its path "outer/inner/leaf" below `layers`; names may contain '/'. */
static cuv_layer *layer_at(cuv_layer *const *layers, size_t count, const char *path, unsigned depth)
{
    for (size_t i = 0; i < count && depth < 64; i++) {
        const char *name = layers[i]->name;
        size_t n = strlen(name);
        if (!strcmp(path, name))
            return layers[i];
        if (!strncmp(path, name, n) && path[n] == '/') {
            cuv_layer *inner = layer_at(layers[i]->inner, layers[i]->inner_count, path + n + 1, depth + 1);
            if (inner)
                return inner;
        }
    }
    return NULL;
}

static cuv_status no_such_layer(cuv_binding *b, const cuv_assignment *as)
{
    const char *near = NULL;
    size_t best = 4;
    for (size_t i = 0; i < b->unit_count; i++) {
        size_t d = cuv_edit_distance(b->units[i].layer->name, as->layer, 8);
        if (d < best) {
            best = d;
            near = b->units[i].layer->name;
        }
    }
    return cuv_fail(b->cx, CUV_NO, "bind.layer", &(cuv_detail){.file = as->where, .layer = as->layer,
                    .help = near ? cuv_format(b->cx, "did you mean '%s'?", near) : "cuvier summary lists the layers"},
                    "%s gives weights to a layer '%s', which the model does not have", as->where, as->layer);
}

/* Cuts an assignment to the whole model into one offer a layer. */
static cuv_status bind_all(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                           const char *why);

static cuv_status bind_assignment(cuv_binding *b, const cuv_assignment *as)
{
    cuv_named *tensors = CUV_NEW_ARRAY(b->scratch, cuv_named, as->count + 1);
    if (!tensors)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < as->count; i++) {
        const cuv_named *named = cuv_evidence_name_of(b->ev, as->tensors[i]);
        char *label = named ? NULL : cuv_arena_printf(b->scratch, "%s array %zu", as->where, i);
        if (!named && !label)
            return cuv_oom(b->cx);
        tensors[i] = named ? *named : (cuv_named){.tensor = as->tensors[i], .label = label, .key = label};
        tensors[i].weight = NULL;       /* the order is stated; names do not count */
    }
    const char *why = cuv_format(b->cx, "%s states it", as->where);
    if (!as->layer)
        return bind_all(b, tensors, as->count, as->where, CUV_CERTAIN, why);
    cuv_layer *layer = layer_at(b->m->layers, b->m->layer_count, as->layer, 0);
    if (!layer)
        return no_such_layer(b, as);
    cuv_unit inner = {.layer = layer}, *unit = unit_named(b, as->layer);
    cuv_offer offer = {tensors, as->count, NULL, as->where};
    if (unit)
        return cuv_bind_offer(b, unit, &offer, CUV_CERTAIN, why);
    CUV_TRY(cuv_layer_weights_whole(b->scratch, layer, &inner.whole, &inner.count));
    CUV_TRY(cuv_layer_weights_in_order(b->scratch, layer, &inner.weights, &inner.count));
    cuv_unit *kept = CUV_NEW(b->scratch, cuv_unit);
    if (!kept)
        return cuv_oom(b->cx);
    *kept = inner;
    return cuv_bind_offer(b, kept, &offer, CUV_CERTAIN, why);
}

/* ---- lists */

static cuv_status bind_all(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                           const char *why)
{
    size_t at = 0;
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        size_t n = count - at < u->count ? count - at : u->count;
        cuv_offer offer = {tensors + at, n, NULL, where};
        if (u->filled && level != CUV_CERTAIN) {        /* --map has filled it; its arrays keep their places */
            for (; n; n--, at++)
                CUV_TRY(cuv_map_set(b->used, tensors[at].label, u));
            continue;
        }
        if (n == 0) {
            CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_COUNT, u, NULL, NULL, offer}));
            u->filled = true;
            continue;
        }
        CUV_TRY(cuv_bind_offer(b, u, &offer, level == CUV_CERTAIN ? level : order_level(u), why));
        at += n;
    }
    for (; at < count; at++)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &tensors[at], {0}}));
    return CUV_OK;
}

/* ---- groups */

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

static cuv_status bind_group(cuv_binding *b, cuv_unit *u, const cuv_file *f, const cuv_group *g, cuv_level level,
                             const char *why)
{
    cuv_offer stored = {g->tensors, g->count, g->name, f->name}, offer;
    CUV_TRY(cuv_modernise(b, u, f, &stored, &offer));
    if (offer.tensors != stored.tensors)        /* the stored tensors are used, under another layout */
        for (size_t i = 0; i < stored.count; i++)
            CUV_TRY(cuv_map_set(b->used, stored.tensors[i].label, u));
    return cuv_bind_offer(b, u, &offer, level, why);
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

/* Names that differ only by Keras's counter, in the same order: another session built the same model. */
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

static cuv_status bind_named_groups(cuv_binding *b, const cuv_file *f, bool all)
{
    const char *why = cuv_format(b->cx, "%s names the layer", f->name);
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        const cuv_group *g = u->filled ? NULL : group_named(f, u->layer->name);
        if (g)
            CUV_TRY(bind_group(b, u, f, g, CUV_CERTAIN, why));
    }
    for (size_t i = 0; all && i < f->group_count; i++)
        if (f->groups[i].name && !unit_named(b, f->groups[i].name))
            CUV_TRY(surplus_group(b, &f->groups[i]));
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
                CUV_TRY(bind_group(b, &b->units[u], f, g, counted ? CUV_CERTAIN : order_level(&b->units[u]), why));
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
        n += f->groups[i].count && f->groups[i].name && unit_named(b, f->groups[i].name);
    return n;
}

/* Legacy .h5, nested lists, dicts. Keras's rule for .h5 is the order; names that agree say the same and more. */
static cuv_status bind_groups(cuv_binding *b, const cuv_file *f)
{
    if (names_agree(b, f))
        return bind_named_groups(b, f, true);
    size_t groups = filled_groups(f);
    if (groups == b->unit_count || !names_shared(b, f))
        return bind_groups_in_order(b, f);
    return bind_named_groups(b, f, true);
}

/* ---- kernels and biases in two files */

static bool all_rank(const cuv_file *f, bool one)
{
    for (size_t i = 0; i < f->groups[0].count; i++)
        if ((f->groups[0].tensors[i].tensor->rank <= 1) != one)
            return false;
    return f->groups[0].count > 0;
}

/* Which of two lists holds the biases: the one whose arrays are vectors, else the one that is called so. -1: neither. */
static int biases_of(cuv_file *const *f)
{
    for (int i = 0; i < 2; i++)
        if (all_rank(f[i], true) && !all_rank(f[1 - i], true))
            return i;
    for (int i = 0; i < 2; i++)
        if (strstr(f[i]->name, "bias") && !strstr(f[1 - i]->name, "bias"))
            return i;
    return -1;
}

static cuv_status bind_pair(cuv_binding *b, const cuv_file *kernels, const cuv_file *biases)
{
    const cuv_group *k = &kernels->groups[0], *v = &biases->groups[0];
    const char *why = cuv_format(b->cx, "by order: the k-th layer with weights takes %s[k] and %s[k]", kernels->name,
                                 biases->name);
    size_t at = 0, bias = 0;
    bool every = v->count == k->count;          /* a bias entry for every kernel, else only where the layer has one */
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_unit *u = &b->units[i];
        if (u->filled)
            continue;
        cuv_named *pair = CUV_NEW_ARRAY(b->scratch, cuv_named, 2);
        size_t n = 0;
        if (!pair)
            return cuv_oom(b->cx);
        if (at < k->count)
            pair[n++] = k->tensors[at];
        bool wants = u->count > 1;
        if ((wants || every) && bias < v->count) {
            if (wants || cuv_tensor_count(v->tensors[bias].tensor))
                pair[n++] = v->tensors[bias];
            bias++;
        }
        at++;
        for (size_t j = 0; j < n; j++)
            pair[j].weight = NULL;
        cuv_offer offer = {pair, n, NULL, kernels->name};
        CUV_TRY(cuv_bind_offer(b, u, &offer, order_level(u), why));
    }
    for (; at < k->count; at++)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &k->tensors[at], {0}}));
    for (; bias < v->count; bias++)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &v->tensors[bias], {0}}));
    return CUV_OK;
}

/* ---- single named tensors */

/* "dense_1/kernel:0", "dense_1.kernel", "dense_1_kernel", "layers/dense_1/kernel" for the weight of that layer. */
static bool key_names(const char *key, const char *layer, const cuv_weight *w)
{
    size_t n = strlen(layer), end = strcspn(key, ":");
    const char *at = key;
    while ((at = strstr(at, layer)) != NULL) {
        bool starts = at == key || strchr("/.", at[-1]);
        char sep = at[n];
        if (starts && sep && strchr("/._", sep)) {
            const char *tail = key + end;
            while (tail > at + n + 1 && !strchr("/.", tail[-1]))
                tail--;
            size_t len = (size_t)(key + end - tail);
            if (len == strlen(w->name) && !strncmp(tail, w->name, len))
                return true;
            const char *rest = at + n + 1;
            len = (size_t)(key + end - rest);
            if (sep == '_' && len == strlen(w->name) && !strncmp(rest, w->name, len))
                return true;
        }
        at++;
    }
    return false;
}

static bool key_names_weight(const cuv_named *t, const cuv_unit *u, const cuv_weight *w)
{
    if (!key_names(t->key, u->layer->name, w))
        return false;
    if (w->layer == u->layer)
        return true;
    return u->count == 1 || strstr(t->key, w->layer->name) != NULL;
}

static cuv_status bind_named_tensors(cuv_binding *b, const cuv_named *tensors, size_t count, const cuv_file *f)
{
    const char *why = cuv_format(b->cx, "%s names layer and weight", f->name);
    size_t found = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            cuv_weight *w = b->units[i].weights[k];
            const cuv_named *best = NULL;
            for (size_t t = 0; t < count; t++)
                if (key_names_weight(&tensors[t], &b->units[i], w) && !cuv_map_get(b->used, tensors[t].label)) {
                    best = &tensors[t];
                    break;
                }
            if (!best)
                continue;
            found++;
            b->units[i].filled = true;
            CUV_TRY(cuv_bind_tensor(b, &b->units[i], w, best, CUV_CERTAIN, why));
        }
    if (!found)
        return bind_all(b, tensors, count, f->name, CUV_ASSUMED,
                        cuv_format(b->cx, "by order: the names in %s are not the layers'", f->name));
    for (size_t t = 0; t < count; t++)
        if (!cuv_map_get(b->used, tensors[t].label))
            CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SURPLUS, NULL, NULL, &tensors[t], {0}}));
    return CUV_OK;
}

/* ---- sources */

static cuv_status bind_source(cuv_binding *b, const cuv_file *f)
{
    switch (f->arrangement) {
    case CUV_ARR_NONE: return CUV_OK;
    case CUV_ARR_LEGACY: case CUV_ARR_NESTED: case CUV_ARR_DICT: return bind_groups(b, f);
    case CUV_ARR_OBJECTS: return cuv_bind_objects(b, f);
    case CUV_ARR_LIST:
        return bind_all(b, f->groups[0].tensors, f->groups[0].count, f->name, CUV_ASSUMED,
                        cuv_format(b->cx, "by order: the arrays of %s as get_weights() lists them", f->name));
    case CUV_ARR_NAMED: return bind_named_tensors(b, f->groups[0].tensors, f->groups[0].count, f);
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
    return bind_named_tensors(b, all, b->source_count, b->sources[0]);
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

static cuv_status bind_sources(cuv_binding *b)
{
    if (b->source_count == 1)
        return bind_source(b, b->sources[0]);
    if (b->source_count == 2 && is_list(b->sources[0]) && is_list(b->sources[1])) {
        int biases = biases_of(b->sources);
        if (biases >= 0)
            return bind_pair(b, b->sources[1 - biases], b->sources[biases]);
    }
    if (single_arrays(b))
        return bind_single_files(b);
    const char *names = "";
    for (size_t i = 0; i < b->source_count; i++)
        names = cuv_format(b->cx, "%s%s%s", names, i ? ", " : "", b->sources[i]->name);
    return cuv_fail(b->cx, CUV_NO, "bind.ambiguous", &(cuv_detail){.file = b->sources[0]->path, .found = names,
                    .help = "give one of them, or say with --map LAYER=TENSOR,... what goes where"},
                    "%zu files hold weights for one model: %s", b->source_count, names);
}

/* ---- scripts and --map */

static cuv_status resolve_map(cuv_binding *b, const char *text, cuv_assignment *out)
{
    const char *equals = strchr(text, '=');
    size_t count = 1;
    for (const char *c = equals ? equals : ""; *c; c++)
        count += *c == ',';
    out->layer = equals ? cuv_arena_strndup(b->scratch, text, (size_t)(equals - text)) : NULL;
    out->tensors = CUV_NEW_ARRAY(b->scratch, const cuv_tensor *, count);
    out->where = cuv_arena_printf(b->scratch, "--map %s", text);
    if (!equals || !out->layer || !out->tensors || !out->where)
        return equals ? cuv_oom(b->cx)
                      : cuv_fail(b->cx, CUV_ARGUMENT, "map.form", &(cuv_detail){.expected = "LAYER=TENSOR[,TENSOR...]",
                                 .found = text}, "--map %s has no '='", text);
    for (const char *at = equals + 1;; at++) {
        size_t n = strcspn(at, ",");
        char *spelling = cuv_arena_strndup(b->scratch, at, n);
        const cuv_named *named;
        if (!spelling)
            return cuv_oom(b->cx);
        CUV_TRY(cuv_evidence_tensor(b->ev, spelling, &named));
        out->tensors[out->count++] = named->tensor;
        at += n;
        if (!*at)
            return CUV_OK;
    }
}

static cuv_status bind_stated(cuv_binding *b, bool *scripted)
{
    struct cuv_evidence *ev = b->ev;
    for (size_t i = 0; i < ev->map_text_count; i++) {
        cuv_assignment as = {0};
        CUV_TRY(resolve_map(b, ev->map_texts[i], &as));
        CUV_TRY(bind_assignment(b, &as));
    }
    for (size_t i = 0; i < ev->file_count; i++) {
        const cuv_script *s = ev->files[i]->script;
        for (size_t k = 0; s && k < s->weight_file_count; k++) {
            const cuv_weight_file *wf = &s->weight_files[k];
            *scripted = true;
            CUV_TRY(wf->by_name && wf->file->arrangement == CUV_ARR_LEGACY ? bind_named_groups(b, wf->file, false)
                                                                           : bind_source(b, wf->file));
        }
        for (size_t k = 0; s && k < s->assignment_count; k++) {
            const cuv_assignment *as = &s->assignments[k];
            bool mapped = false;
            for (size_t j = 0; j < ev->map_text_count && as->layer; j++)
                mapped |= cuv_starts_with(ev->map_texts[j], as->layer) && ev->map_texts[j][strlen(as->layer)] == '=';
            *scripted = true;
            if (!mapped)
                CUV_TRY(bind_assignment(b, as));
        }
    }
    return CUV_OK;
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

static cuv_status bind(cuv_binding *b)
{
    bool scripted = false;
    CUV_TRY(make_units(b));
    CUV_TRY(bind_stated(b, &scripted));
    size_t open = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        open += !b->units[i].filled;
    if (open && !scripted) {
        CUV_TRY(choose_sources(b));
        if (b->source_count)
            CUV_TRY(bind_sources(b));
    }
    CUV_TRY(check_missing(b));
    CUV_TRY(cuv_bind_report(b));
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
