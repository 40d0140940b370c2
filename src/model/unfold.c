/* The same model with its Lambdas as models of Keras's operations, for files that cannot hold a function's code, and with what stands for other
 * layers that the Keras to be written for does not have or read (src/layers/replace.c). */
#include "layers/replace.h"
#include "model/build.h"
#include "model/graph.h"

typedef struct work {
    struct cuv_model *m;
    cuv_arena *arena;
    cuv_writing to;
    size_t found;
} work;

static bool is_lambda(const cuv_layer *layer) { return strcmp(layer->def->name, "Lambda") == 0; }

static bool wanted(const work *w, const cuv_layer *layer)
{
    double scale, offset;
    if (!is_lambda(layer))
        return cuv_layer_is_replaced(layer, w->to);
    return cuv_lambda_used(layer) && (w->to.keras < 3 || !cuv_lambda_affine(layer, &scale, &offset));
}

static const cuv_layer *layer_of(const work *w, cuv_layer *const *layers, size_t count, const cuv_value *config)
{
    for (size_t i = 0; i < count; i++) {
        if (layers[i]->config == config)
            return wanted(w, layers[i]) ? layers[i] : NULL;
        const cuv_layer *inner = layer_of(w, layers[i]->inner, layers[i]->inner_count, config);
        if (inner)
            return inner;
    }
    return NULL;
}

/* Once: each form that is written asks again. */
static cuv_status tell(work *w, const cuv_layer *layer, const char *found, const char *expected, const char *message)
{
    for (size_t i = 0; i < cuv_finding_count(w->m->cx); i++)
        if (cuv_streq(cuv_finding_at(w->m->cx, i)->message, message))
            return CUV_OK;
    cuv_note(w->m->cx, "write.migrated", &(cuv_detail){.layer = layer->name, .expected = expected, .found = found}, "%s", message);
    return CUV_OK;
}

static cuv_status operations(work *w, const cuv_layer *layer, cuv_value **out)
{
    const char *why;
    CUV_TRY(cuv_lambda_record(w->m->cx, w->arena, layer, w->to.keras, out, &why));
    if (!*out)
        return cuv_fail(w->m->cx, CUV_UNSUPPORTED, "write.lambda", &(cuv_detail){.layer = layer->name, .expected = "operations of Keras on floats",
                        .found = cuv_arg_text(layer, "cuvier_text"), .help = "write .weights.h5, .npz or .safetensors, .onnx or .c"},
                        "the Lambda layer '%s' cannot be written into a configuration without its Python code: %s", layer->name,
                        why ? why : "what it computes is not known");
    const char *text = cuv_arg_text(layer, "cuvier_text");
    return tell(w, layer, text, "operations",
                cuv_format(w->m->cx, "'%s': the Lambda%s%s is written as a model of operations, which %s", layer->name, text ? " " : "", text ? text : "",
                           cuv_get_bool(layer->config, "cuvier_stated", false) ? "the code says" : "is assumed to be all that its code does"));
}

/* True where every call of the layer is given one tensor, which carries no mask, and no more. */
static bool takes_one_tensor(const struct cuv_model *m, const cuv_layer *layer)
{
    const cuv_graph *g = m->graph;
    for (size_t i = 0; i < g->call_count; i++) {
        const cuv_graph_call *call = &g->calls[i];
        if (g->layers[call->layer] != layer)
            continue;
        for (size_t a = 0; a < call->arg_count; a++) {
            const cuv_wired_arg *arg = &call->args[a];
            const bool nothing = arg->kind == CUV_ARG_LITERAL && cuv_is_null(arg->literal);
            if (!nothing && (a || arg->kind != CUV_ARG_TENSOR))
                return false;
            const cuv_graph_call *from = a ? NULL : &g->calls[arg->wires[0].call];
            if (from && ((size_t)arg->wires[0].output >= from->output_count || from->outputs[arg->wires[0].output].mask != CUV_NO_REF))
                return false;
        }
    }
    const cuv_layer *outer = layer->parent;
    return !outer || outer->model == m;
}

static const struct cuv_model *model_around(const work *w, const cuv_layer *layer)
{
    return !layer->parent ? w->m : layer->parent->model;
}

static cuv_status stand_in(work *w, const cuv_layer *layer, cuv_value **out)
{
    cuv_replacement made;
    const struct cuv_model *around = model_around(w, layer);
    CUV_TRY(cuv_layer_replacement(w->m->cx, w->arena, layer, w->to, &made));
    *out = made.record;
    if (made.one_tensor && (!around || !takes_one_tensor(around, layer)))
        *out = NULL;
    if (!*out)
        return CUV_OK;
    return tell(w, layer, layer->def->name, made.now,
                cuv_format(w->m->cx, "'%s': %s of Keras %d is written as %s", layer->name, layer->def->name, layer->keras, made.now));
}

/* Keras 3 counts the calls of a model from 1 where outputs are listed, and those of other layers from 0 (formats.md c.2). */
static cuv_status check_outputs(const work *w, const cuv_layer *layer)
{
    const struct cuv_model *around = model_around(w, layer);
    const cuv_graph *g = around ? around->graph : NULL;
    for (size_t i = 0; g && layer->keras >= 3 && i < g->output_count; i++) {
        const cuv_graph_call *call = &g->calls[g->outputs[i].call];
        if (g->layers[call->layer] == layer && call->ordinal > 0)
            return cuv_fail(w->m->cx, CUV_UNSUPPORTED, "write.lambda", &(cuv_detail){.layer = layer->name,
                            .help = "write .onnx or .c; or give each call a layer of its own"},
                            "'%s' (%s) would be written as a model, and another call of it than the first is an output", layer->name, layer->def->name);
    }
    return CUV_OK;
}

/* *out NULL: the layer stays. */
static cuv_status replaced(work *w, const cuv_layer *layer, const cuv_value *old, cuv_value **out)
{
    static const char *const kept[] = {"name", "inbound_nodes"};
    CUV_TRY(is_lambda(layer) ? operations(w, layer, out) : stand_in(w, layer, out));
    if (*out)
        CUV_TRY(check_outputs(w, layer));
    for (size_t i = 0; *out && i < sizeof kept / sizeof *kept; i++)
        if (cuv_get(old, kept[i]))
            CUV_TRY(cuv_dict_set(w->arena, *out, kept[i], cuv_get(old, kept[i])));
    w->found += *out != NULL;
    return CUV_OK;
}

/* `v` itself where nothing in it changes. */
static cuv_status rewrite(work *w, cuv_value *v, unsigned depth, cuv_value **out)
{
    *out = v;
    if (!v || !depth || (v->kind != CUV_DICT && !cuv_is_seq(v)))
        return CUV_OK;
    const cuv_value *config = cuv_get(v, "config");
    const cuv_layer *layer = config && cuv_get_text(v, "class_name") ? layer_of(w, w->m->list, w->m->list_count, config) : NULL;
    cuv_value *instead = NULL;
    if (layer)
        CUV_TRY(replaced(w, layer, v, &instead));
    if (instead) {
        *out = instead;
        return CUV_OK;
    }
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

static const cuv_layer *replaced_around(const work *w, const cuv_layer *layer)
{
    for (; layer; layer = layer->parent)
        if (wanted(w, layer) && !is_lambda(layer))
            return layer;
    return NULL;
}

static void give(cuv_weight *to, const cuv_weight *from, const cuv_tensor *value)
{
    to->value = value;
    to->source = from->source;
    to->level = from->level;
    to->why = from->why;
}

static bool fits(const struct cuv_model *other, size_t at, const cuv_tensor *value, const cuv_weight *from)
{
    return at < other->weight_count && (value ? cuv_shape_equal(value->shape, value->rank, other->weights[at]->shape, other->weights[at]->rank)
                                              : cuv_shape_equal(from->shape, from->rank, other->weights[at]->shape, other->weights[at]->rank));
}

/* The weights are the same ones in the same order, but for what replaced layers have instead of theirs. */
static cuv_status hand_over(const work *w, struct cuv_model *other)
{
    const struct cuv_model *m = w->m;
    const cuv_layer *done = NULL;
    size_t at = 0;
    bool same = true;
    for (size_t i = 0; i < m->weight_count && same; i++) {
        const cuv_weight *from = m->weights[i];
        const cuv_layer *layer = replaced_around(w, from->layer);
        const cuv_tensor *own = from->value, **values = &own;
        size_t count = 1;
        if (layer && layer == done)
            continue;
        if (layer)
            CUV_TRY(cuv_layer_replaced_weights(other->arena, layer, w->to, &values, &count));
        done = layer;
        for (size_t k = 0; k < count && same; k++, at++) {
            same = fits(other, at, values[k], from);
            if (same)
                give(other->weights[at], from, values[k]);
        }
    }
    if (same && at == other->weight_count)
        return CUV_OK;
    return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.help = "write .weights.h5, .npz or .safetensors, .onnx or .c"},
                    "with other layers in the place of those that cannot be written the model has other weights than before");
}

cuv_status cuv_model_unfold(struct cuv_model *m, int keras, bool legacy_h5, struct cuv_model **out)
{
    work w = {.m = m, .arena = cuv_arena_new(m->cx), .to = {keras, legacy_h5}};
    const cuv_file *from = NULL;
    cuv_value *config = NULL;
    *out = NULL;
    if (!w.arena)
        return cuv_oom(m->cx);
    if (!has_wanted(&w, m->list, m->list_count)) {
        cuv_arena_free(w.arena);
        return CUV_OK;
    }
    for (size_t i = 0; m->evidence && i < m->evidence->file_count; i++)
        from = m->from && cuv_streq(m->evidence->files[i]->name, m->from) ? m->evidence->files[i] : from;
    cuv_status status = rewrite(&w, m->config, cuv_context_limits(m->cx)->depth, &config);
    if (status == CUV_OK && w.found)
        status = cuv_model_build_as(m->cx, m->evidence, config, from, m->keras, out);
    if (status == CUV_OK && w.found)
        status = hand_over(&w, *out);
    cuv_arena_free(w.arena);
    if (status != CUV_OK || !w.found) {
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
