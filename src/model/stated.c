/* What a script or --map states: these tensors into that layer. */
#include "model/bind.h"

cuv_layer *cuv_layer_at(cuv_layer *const *layers, size_t count, const char *path, unsigned depth)
{
    for (size_t i = 0; i < count && depth < 64; i++) {
        const char *name = layers[i]->name;
        size_t n = strlen(name);
        if (!strcmp(path, name))
            return layers[i];
        if (!strncmp(path, name, n) && path[n] == '/') {
            cuv_layer *inner = cuv_layer_at(layers[i]->inner, layers[i]->inner_count, path + n + 1, depth + 1);
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

/* The shape without axes of size 1. */
static int squeezed(const int64_t *shape, int rank, int64_t *out)
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        if (shape[i] != 1)
            out[n++] = shape[i];
    return n;
}

/* By hand a column may go where a vector belongs: an axis of size 1 holds nothing. */
static cuv_status drop_axes(cuv_binding *b, const cuv_unit *u, cuv_named *tensors, size_t count)
{
    int64_t want[CUV_MAX_RANK], have[CUV_MAX_RANK];
    for (size_t i = 0; i < count && count == u->count; i++) {
        const cuv_weight *w = u->weights[i];
        const cuv_tensor *t = tensors[i].tensor;
        cuv_tensor *made;
        int n = squeezed(w->shape, w->rank, want), k = squeezed(t->shape, t->rank, have);
        if (cuv_shape_is(w, t) || !cuv_shape_equal(want, n, have, k))
            continue;
        CUV_TRY(cuv_tensor_reshape(b->m->arena, t, w->shape, w->rank, &made));
        tensors[i].tensor = made;
    }
    return CUV_OK;
}

/* What code gives a layer is told as a whole when it does not fit, with the line. */
static cuv_status bind_code(cuv_binding *b, cuv_unit *unit, const cuv_offer *offer, const cuv_assignment *as, const char *why)
{
    if (cuv_offer_fits(unit, offer))
        return cuv_bind_offer(b, unit, offer, CUV_CERTAIN, why);
    unit->filled = true;
    unit->stated = as;
    return cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_STATED, unit, NULL, NULL, *offer});
}

/* What a layer was read off is its own. */
static cuv_status bind_recovered(cuv_binding *b, const cuv_assignment *as)
{
    cuv_named *tensors = CUV_NEW_ARRAY(b->scratch, cuv_named, as->count + 1);
    cuv_unit *unit = cuv_unit_named(b, as->layer);
    if (!tensors)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < as->count; i++) {
        const cuv_named *named = cuv_evidence_name_of(b->ev, as->tensors[i]);
        tensors[i] = named ? *named : (cuv_named){.tensor = as->tensors[i], .label = "a tensor", .key = "a tensor"};
        tensors[i].weight = NULL;
    }
    if (!unit)
        return no_such_layer(b, as);
    return cuv_bind_offer(b, unit, &(cuv_offer){tensors, as->count, NULL, as->where}, CUV_INFERRED, "the layer was read off it");
}

static cuv_status bind_assignment(cuv_binding *b, const cuv_assignment *as, bool by_hand)
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
        return cuv_bind_list(b, tensors, as->count, as->where, CUV_CERTAIN, why);
    cuv_layer *layer = cuv_layer_at(b->m->layers, b->m->layer_count, as->layer, 0);
    if (!layer)
        return no_such_layer(b, as);
    cuv_unit inner = {.layer = layer}, *unit = cuv_unit_named(b, as->layer);
    cuv_offer offer = {tensors, as->count, NULL, as->where};
    if (unit) {
        if (by_hand)
            CUV_TRY(drop_axes(b, unit, tensors, as->count));
        return by_hand ? cuv_bind_offer(b, unit, &offer, CUV_CERTAIN, why) : bind_code(b, unit, &offer, as, why);
    }
    CUV_TRY(cuv_layer_weights_whole(b->scratch, layer, &inner.whole, &inner.count));
    CUV_TRY(cuv_layer_weights_in_order(b->scratch, layer, &inner.weights, &inner.count));
    cuv_unit *kept = CUV_NEW(b->scratch, cuv_unit);
    if (!kept)
        return cuv_oom(b->cx);
    *kept = inner;
    return by_hand ? cuv_bind_offer(b, kept, &offer, CUV_CERTAIN, why) : bind_code(b, kept, &offer, as, why);
}

/* ---- scripts and --map */

/* "LAYER=TENSOR[,TENSOR...]": where a tensor ends; commas in parentheses belong to transpose(). */
static size_t tensor_length(const char *text)
{
    size_t n = 0, open = 0;
    for (; text[n] && (text[n] != ',' || open); n++)
        open += text[n] == '(' ? 1 : text[n] == ')' && open ? (size_t)-1 : 0;
    return n;
}

static cuv_status resolve_map(cuv_binding *b, const char *text, cuv_assignment *out)
{
    const char *equals = strchr(text, '=');
    size_t count = 1;
    for (const char *c = equals ? equals : ""; *c; c++)
        count += *c == ',';
    out->layer = equals ? cuv_arena_strndup(b->scratch, text, (size_t)(equals - text)) : NULL;
    out->tensors = CUV_NEW_ARRAY(b->scratch, const cuv_tensor *, count);
    out->where = cuv_arena_printf(b->scratch, "--map %s", text);
    if (!equals)
        return cuv_fail(b->cx, CUV_ARGUMENT, "map.form", &(cuv_detail){.expected = "LAYER=TENSOR[,TENSOR...]", .found = text},
                        "--map %s has no '='", text);
    if (!out->layer || !out->tensors || !out->where)
        return cuv_oom(b->cx);
    for (const char *at = equals + 1;; at++) {
        size_t n = tensor_length(at);
        char *spelling = cuv_arena_strndup(b->scratch, at, n);
        const cuv_named *named, *base;
        if (!spelling)
            return cuv_oom(b->cx);
        CUV_TRY(cuv_evidence_turned(b->ev, spelling, &named, &base));
        CUV_TRY(cuv_map_set(b->used, base->label, b));
        out->tensors[out->count++] = named->tensor;
        at += n;
        if (!*at)
            return CUV_OK;
    }
}

cuv_status cuv_bind_weight_file(cuv_binding *b, const cuv_weight_file *wf)
{
    return wf->by_name && wf->file->arrangement == CUV_ARR_LEGACY ? cuv_bind_by_name(b, wf) : cuv_bind_source(b, wf->file);
}

static bool is_mapped(const cuv_binding *b, const char *layer)
{
    for (size_t i = 0; i < b->ev->map_text_count && layer; i++)
        if (cuv_starts_with(b->ev->map_texts[i], layer) && b->ev->map_texts[i][strlen(layer)] == '=')
            return true;
    return false;
}

/* Files and arrays in the order in which the script takes them: what comes later counts. */
static cuv_status bind_script(cuv_binding *b, const cuv_script *s, bool *scripted)
{
    size_t files = 0, arrays = 0;
    while (files < s->weight_file_count || arrays < s->assignment_count) {
        const cuv_weight_file *wf = files < s->weight_file_count ? &s->weight_files[files] : NULL;
        const cuv_assignment *as = arrays < s->assignment_count ? &s->assignments[arrays] : NULL;
        *scripted = true;
        if (wf && (!as || wf->at <= as->at)) {
            files++;
            CUV_TRY(wf->config ? cuv_bind_borrowed(b, wf) : cuv_bind_weight_file(b, wf));
            continue;
        }
        arrays++;
        b->coded = true;
        if (!is_mapped(b, as->layer))
            CUV_TRY(bind_assignment(b, as, false));
    }
    return CUV_OK;
}

cuv_status cuv_bind_stated(cuv_binding *b, bool *scripted)
{
    struct cuv_evidence *ev = b->ev;
    for (size_t i = 0; i < ev->recovered_count; i++)
        CUV_TRY(bind_recovered(b, &ev->recovered[i]));
    if (ev->recovered_count) {
        *scripted = true;
        return CUV_OK;
    }
    for (size_t i = 0; i < ev->map_text_count; i++) {
        cuv_assignment as = {0};
        if (cuv_mapped_vocabulary(ev, ev->map_texts[i]))
            continue;
        b->mapped = true;
        CUV_TRY(resolve_map(b, ev->map_texts[i], &as));
        CUV_TRY(bind_assignment(b, &as, true));
    }
    for (size_t i = 0; i < b->unit_count; i++)
        b->units[i].mapped = b->units[i].filled;
    for (size_t i = 0; i < ev->file_count; i++)
        if (ev->files[i]->script)
            CUV_TRY(bind_script(b, ev->files[i]->script, scripted));
    return CUV_OK;
}
