/* Weights by way of another model: code loads a file into one model and makes another of its layers. The first is built and bound by all
 * the rules there are for its file; what the two share is then handed over. */
#include "model/bind.h"

static cuv_status all_weights(cuv_binding *b, struct cuv_model *m, const char *path, cuv_weight ***out, size_t *count)
{
    cuv_layer *layer = *path ? cuv_layer_at(m->layers, m->layer_count, path, 0) : NULL;
    size_t n = 0;
    *count = 0;
    *out = NULL;
    if (*path && !layer)
        return CUV_OK;
    if (layer)
        return cuv_layer_weights_whole(b->scratch, layer, out, count);
    *out = CUV_NEW_ARRAY(b->scratch, cuv_weight *, m->weight_count + 1);
    if (!*out)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < m->layer_count; i++) {
        cuv_weight **some = NULL;
        CUV_TRY(cuv_layer_weights_whole(b->scratch, m->layers[i], &some, &n));
        for (size_t k = 0; k < n && *count < m->weight_count; k++)
            (*out)[(*count)++] = some[k];
    }
    return CUV_OK;
}

static cuv_status no_match(cuv_binding *b, const cuv_weight_file *wf, const cuv_weight_part *part)
{
    return cuv_fail(b->cx, CUV_UNSUPPORTED, "bind.borrowed", &(cuv_detail){.file = wf->where, .layer = part->layer, .notes = wf->excerpt,
                    .help = "save the model that the code makes, and give that file"},
                    "'%s' has its weights from the layer '%s' of another model, which has others", part->layer, part->source);
}

static cuv_status hand_over(cuv_binding *b, struct cuv_model *other, const cuv_weight_file *wf, const cuv_weight_part *part)
{
    cuv_weight **to = NULL, **from = NULL;
    size_t to_count = 0, from_count = 0;
    const size_t n = strcspn(part->layer, "/");
    CUV_TRY(all_weights(b, b->m, part->layer, &to, &to_count));
    CUV_TRY(all_weights(b, other, part->source, &from, &from_count));
    if (to_count != from_count)
        return no_match(b, wf, part);
    char *outer = cuv_arena_strndup(b->scratch, part->layer, n);
    cuv_unit *unit = outer ? cuv_unit_named(b, part->layer) : NULL;
    unit = unit || !outer ? unit : cuv_unit_named(b, outer);
    if (!outer)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < to_count; i++) {
        const cuv_weight *w = from[i];
        if (!w->value)
            continue;                   /* by name, and no name fits */
        cuv_named named = {.tensor = w->value, .label = cuv_arena_strdup(b->scratch, w->source), .file = wf->file};
        named.key = named.label;
        if (!named.label)
            return cuv_oom(b->cx);
        CUV_TRY(cuv_bind_tensor(b, unit, to[i], &named, w->level, w->why));
    }
    return CUV_OK;
}

cuv_status cuv_bind_borrowed(cuv_binding *b, const cuv_weight_file *wf)
{
    cuv_file *files[2] = {wf->file, (cuv_file *)(uintptr_t)wf->from};
    struct cuv_evidence ev = *b->ev;
    struct cuv_model *other = NULL;
    ev.files = files;
    ev.file_count = wf->from && wf->from != wf->file ? 2 : 1;
    ev.map_text_count = ev.map_count = ev.input_shape_count = 0;
    ev.samples = NULL;
    CUV_TRY(cuv_model_build(b->cx, &ev, wf->config, wf->from, &other));
    cuv_status status = cuv_model_bind_file(other, &ev, wf);
    for (size_t i = 0; status == CUV_OK && i < wf->part_count; i++)
        status = hand_over(b, other, wf, &wf->parts[i]);
    cuv_model_free(other);
    return status;
}
