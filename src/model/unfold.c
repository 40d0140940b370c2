/* The same model with its Lambdas as models of Keras's operations, for files that cannot hold a function's code. */
#include "model/build.h"

typedef struct work {
    struct cuv_model *m;
    cuv_arena *arena;
    int keras;                  /* that is written for */
    size_t found;
} work;

static bool wanted(const work *w, const cuv_layer *layer)
{
    double scale, offset;
    return strcmp(layer->def->name, "Lambda") == 0 && cuv_lambda_used(layer) && (w->keras < 3 || !cuv_lambda_affine(layer, &scale, &offset));
}

static const cuv_layer *lambda_of(const work *w, cuv_layer *const *layers, size_t count, const cuv_value *config)
{
    for (size_t i = 0; i < count; i++) {
        if (layers[i]->config == config)
            return wanted(w, layers[i]) ? layers[i] : NULL;
        const cuv_layer *inner = lambda_of(w, layers[i]->inner, layers[i]->inner_count, config);
        if (inner)
            return inner;
    }
    return NULL;
}

static cuv_status replaced(work *w, const cuv_layer *layer, const cuv_value *old, cuv_value **out)
{
    static const char *const kept[] = {"name", "inbound_nodes"};
    const char *why;
    CUV_TRY(cuv_lambda_record(w->m->cx, w->arena, layer, w->keras, out, &why));
    if (!*out)
        return cuv_fail(w->m->cx, CUV_UNSUPPORTED, "write.lambda", &(cuv_detail){.layer = layer->name, .expected = "operations of Keras on floats",
                        .found = cuv_arg_text(layer, "cuvier_text"), .help = "write .weights.h5, .npz or .safetensors, .onnx or .c"},
                        "the Lambda layer '%s' cannot be written into a configuration without its Python code: %s", layer->name,
                        why ? why : "what it computes is not known");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (cuv_get(old, kept[i]))
            CUV_TRY(cuv_dict_set(w->arena, *out, kept[i], cuv_get(old, kept[i])));
    w->found++;
    const char *text = cuv_arg_text(layer, "cuvier_text");
    cuv_note(w->m->cx, "write.migrated", &(cuv_detail){.layer = layer->name, .expected = "operations", .found = text},
             "'%s': the Lambda%s%s is written as a model of operations, which %s", layer->name, text ? " " : "", text ? text : "",
             cuv_get_bool(layer->config, "cuvier_stated", false) ? "the code says" : "is assumed to be all that its code does");
    return CUV_OK;
}

/* `v` itself where nothing in it changes. */
static cuv_status rewrite(work *w, cuv_value *v, unsigned depth, cuv_value **out)
{
    *out = v;
    if (!v || !depth || (v->kind != CUV_DICT && !cuv_is_seq(v)))
        return CUV_OK;
    const cuv_value *config = cuv_get(v, "config");
    const cuv_layer *layer = config && cuv_streq(cuv_get_text(v, "class_name"), "Lambda")
        ? lambda_of(w, w->m->layers, w->m->layer_count, config) : NULL;
    if (layer)
        return replaced(w, layer, v, out);
    cuv_value *copy = v->kind == CUV_DICT ? cuv_value_dict(w->arena) : v->kind == CUV_TUPLE ? cuv_value_tuple(w->arena) : cuv_value_list(w->arena);
    const size_t before = w->found;
    if (!copy)
        return cuv_oom(w->m->cx);
    for (size_t i = 0; i < v->size; i++) {
        cuv_value *item;
        CUV_TRY(rewrite(w, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth - 1, &item));
        CUV_TRY(v->kind == CUV_DICT ? cuv_dict_add(w->arena, copy, v->pairs[i].key, item) : cuv_list_add(w->arena, copy, item));
    }
    *out = w->found > before ? copy : v;
    return CUV_OK;
}

static bool has_wanted(const work *w, cuv_layer *const *layers, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++)
        found = wanted(w, layers[i]) || has_wanted(w, layers[i]->inner, layers[i]->inner_count);
    return found;
}

/* The weights are the same ones: Lambdas have none. */
static cuv_status hand_over(const struct cuv_model *m, struct cuv_model *other)
{
    bool same = m->weight_count == other->weight_count;
    for (size_t i = 0; i < m->weight_count && same; i++)
        same = cuv_shape_equal(m->weights[i]->shape, m->weights[i]->rank, other->weights[i]->shape, other->weights[i]->rank);
    if (!same)
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.lambda", &(cuv_detail){.help = "write .weights.h5, .npz or .safetensors, .onnx or .c"},
                        "with operations in the place of its Lambdas the model has other weights than before");
    for (size_t i = 0; i < m->weight_count; i++) {
        const cuv_weight *w = m->weights[i];
        other->weights[i]->value = w->value;
        other->weights[i]->source = w->source;
        other->weights[i]->level = w->level;
        other->weights[i]->why = w->why;
    }
    return CUV_OK;
}

cuv_status cuv_model_unfold(struct cuv_model *m, int keras, struct cuv_model **out)
{
    work w = {.m = m, .arena = cuv_arena_new(m->cx), .keras = keras};
    const cuv_file *from = NULL;
    cuv_value *config = NULL;
    *out = NULL;
    if (!w.arena)
        return cuv_oom(m->cx);
    if (!has_wanted(&w, m->layers, m->layer_count)) {
        cuv_arena_free(w.arena);
        return CUV_OK;
    }
    for (size_t i = 0; m->evidence && i < m->evidence->file_count; i++)
        from = m->from && cuv_streq(m->evidence->files[i]->name, m->from) ? m->evidence->files[i] : from;
    cuv_status status = rewrite(&w, m->config, cuv_context_limits(m->cx)->depth, &config);
    if (status == CUV_OK)
        status = cuv_model_build_as(m->cx, m->evidence, config, from, m->keras, out);
    cuv_arena_free(w.arena);
    if (status == CUV_OK)
        status = hand_over(m, *out);
    if (status != CUV_OK) {
        cuv_model_free(*out);
        *out = NULL;
        return status;
    }
    (*out)->unfolded = true;
    (*out)->scripted = (*out)->scripted || m->scripted;
    (*out)->evidence = m->evidence;
    (*out)->samples = m->samples;
    return CUV_OK;
}
