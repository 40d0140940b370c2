/* The model of a script as a configuration object in the form of Keras 3, with what the script says and nothing more. */
#include "evidence/script.h"

static cuv_status set_text(cuv_sc *e, cuv_value *dict, const char *key, const char *text)
{
    return cuv_dict_set(e->arena, dict, key, text ? cuv_value_text(e->arena, text) : cuv_value_null(e->arena));
}

static cuv_status new_record(cuv_sc *e, const cuv_sl *layer, cuv_value **config, cuv_value **out)
{
    *out = cuv_value_dict(e->arena);
    *config = cuv_value_dict(e->arena);
    if (!*out || !*config)
        return cuv_oom(e->cx);
    if (layer->module)
        CUV_TRY(set_text(e, *out, "module", layer->module));
    CUV_TRY(set_text(e, *out, "class_name", layer->class_name));
    CUV_TRY(cuv_dict_set(e->arena, *out, "config", *config));
    if (e->numbers)
        CUV_TRY(cuv_dict_set(e->arena, *out, CUV_MADE, cuv_value_int(e->arena, (int64_t)layer->made)));
    return set_text(e, *config, "name", layer->name);
}

/* RNN([cell, cell]) stacks its cells, as its constructor does. */
static cuv_status stacked_cells(cuv_sc *e, const cuv_sv *cells, unsigned depth, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(e->arena), *list = NULL;
    *out = cuv_value_dict(e->arena);
    if (!*out || !config)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sv_to_value(e, cells, "the cells", depth, &list));
    CUV_TRY(cuv_dict_set(e->arena, config, "cells", list));
    CUV_TRY(set_text(e, *out, "module", "keras.layers"));
    CUV_TRY(set_text(e, *out, "class_name", "StackedRNNCells"));
    return cuv_dict_set(e->arena, *out, "config", config);
}

/* Of a layer that came from a file, what that says of it beside its configuration and wiring. */
static cuv_status loaded_record(cuv_sc *e, const cuv_sl *layer, cuv_value *out)
{
    for (size_t i = 0; layer->record && i < layer->record->size; i++) {
        const char *key = cuv_text(layer->record->pairs[i].key);
        if (!key || cuv_word_in("config inbound_nodes name", key))
            continue;
        cuv_value *v = cuv_value_copy(e->arena, layer->record->pairs[i].value);
        if (!v)
            return cuv_oom(e->cx);
        CUV_TRY(cuv_dict_set(e->arena, out, key, v));
    }
    return CUV_OK;
}

static cuv_status plain_record(cuv_sc *e, cuv_sl *layer, unsigned depth, cuv_value **out)
{
    cuv_value *config = NULL;
    CUV_TRY(new_record(e, layer, &config, out));
    CUV_TRY(loaded_record(e, layer, *out));
    for (size_t i = 0; i < layer->config->count; i++) {
        const char *key = layer->config->items[i]->text;
        const cuv_sv *v = layer->config->values[i];
        cuv_value *value = NULL;
        e->at = layer->node;
        if (layer->record && cuv_streq(key, "name"))
            continue;
        if (cuv_streq(key, "cell") && v->kind == CUV_SV_LIST)
            CUV_TRY(stacked_cells(e, v, depth + 1, &value));
        else
            CUV_TRY(cuv_sv_to_value(e, v, cuv_sc_format(e, "'%s' of %s", key, layer->class_name), depth + 1, &value));
        CUV_TRY(cuv_dict_set(e->arena, config, key, value));
    }
    return cuv_streq(layer->class_name, "Lambda") && !layer->record ? cuv_sc_lambda(e, layer, config) : CUV_OK;
}

static cuv_status sequential_record(cuv_sc *e, cuv_sl *model, unsigned depth, cuv_value **out)
{
    cuv_value *config = NULL, *layers = cuv_value_list(e->arena);
    CUV_TRY(new_record(e, model, &config, out));
    if (cuv_sv_get(model->config, "trainable"))
        CUV_TRY(cuv_dict_set(e->arena, config, "trainable", cuv_value_bool(e->arena, cuv_sv_get(model->config, "trainable")->truth)));
    for (size_t i = 0; i < model->layer_count; i++) {
        cuv_value *one = NULL;
        CUV_TRY(cuv_sl_record(e, model->layers[i], depth + 1, &one));
        CUV_TRY(cuv_list_add(e->arena, layers, one));
    }
    return cuv_dict_set(e->arena, config, "layers", layers);
}

/* ---- functional models ---- */

/* Numbers the calls that the model keeps, layer by layer: what keras_history counts. */
static void number_calls(cuv_sc *e, cuv_sl *model)
{
    size_t mark = ++e->walk;
    for (size_t i = 0; i < model->inner_count; i++)
        model->inner[i]->mark = mark;
    for (size_t i = 0; i < model->layer_count; i++) {
        size_t kept = 0;
        for (size_t k = 0; k < model->layers[i]->call_count; k++)
            if (model->layers[i]->calls[k]->mark == mark)
                model->layers[i]->calls[k]->kept = kept++;
    }
}

static cuv_status call_record(cuv_sc *e, cuv_sn *call, unsigned depth, cuv_value **out)
{
    cuv_value *args = NULL, *kwargs = NULL;
    *out = cuv_value_dict(e->arena);
    if (!*out)
        return cuv_oom(e->cx);
    const char *what = cuv_sc_format(e, "an argument of the call of '%s'", call->layer->name);
    CUV_TRY(cuv_sv_to_value(e, call->args, what, depth, &args));
    CUV_TRY(cuv_sv_to_value(e, call->kwargs, what, depth, &kwargs));
    CUV_TRY(cuv_dict_set(e->arena, *out, "args", args));
    return cuv_dict_set(e->arena, *out, "kwargs", kwargs);
}

static cuv_status calls_record(cuv_sc *e, cuv_sl *layer, size_t mark, unsigned depth, cuv_value **out)
{
    *out = cuv_value_list(e->arena);
    for (size_t k = 0; *out && layer->kind != CUV_SL_INPUT && k < layer->call_count; k++) {
        cuv_value *node = NULL;
        if (layer->calls[k]->mark != mark)
            continue;
        CUV_TRY(call_record(e, layer->calls[k], depth, &node));
        CUV_TRY(cuv_list_add(e->arena, *out, node));
    }
    return *out ? CUV_OK : cuv_oom(e->cx);
}

/* Among the ends Keras 3 counts a functional model's own construction as its call 0. */
static bool counts_itself(const cuv_sl *layer)
{
    return layer->is_model && layer->kind != CUV_SL_SEQUENTIAL && !cuv_streq(layer->class_name, "Sequential");
}

/* [name, node, tensor] for each tensor, in the structure that the model was given. */
static cuv_status ends_record(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_value **out)
{
    if (v->kind == CUV_SV_TENSOR) {
        const cuv_st *t = v->symbol->twin ? v->symbol->twin : v->symbol;
        *out = cuv_value_list(e->arena);
        if (!*out)
            return cuv_oom(e->cx);
        CUV_TRY(cuv_list_add(e->arena, *out, cuv_value_text(e->arena, t->call->layer->name)));
        CUV_TRY(cuv_list_add(e->arena, *out, cuv_value_int(e->arena, (int64_t)(t->call->kept + counts_itself(t->call->layer)))));
        return cuv_list_add(e->arena, *out, cuv_value_int(e->arena, (int64_t)t->index));
    }
    *out = v->kind == CUV_SV_DICT ? cuv_value_dict(e->arena) : cuv_value_list(e->arena);
    for (size_t i = 0; *out && depth < 16 && i < v->count; i++) {
        cuv_value *one = NULL, *key = NULL;
        CUV_TRY(ends_record(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1, &one));
        if (v->kind != CUV_SV_DICT) {
            CUV_TRY(cuv_list_add(e->arena, *out, one));
            continue;
        }
        CUV_TRY(cuv_sv_to_value(e, v->items[i], "an output's name", depth + 1, &key));
        CUV_TRY(cuv_dict_add(e->arena, *out, key, one));
    }
    return *out ? CUV_OK : cuv_oom(e->cx);
}

/* One tensor stands in a list of its own, so that a lone triple is not taken for three. */
static cuv_status listed_ends(cuv_sc *e, const cuv_sv *v, cuv_value **out)
{
    cuv_value *one = NULL;
    if (v->kind != CUV_SV_TENSOR)
        return ends_record(e, v, 0, out);
    *out = cuv_value_list(e->arena);
    if (!*out)
        return cuv_oom(e->cx);
    CUV_TRY(ends_record(e, v, 0, &one));
    return cuv_list_add(e->arena, *out, one);
}

static void set_twins(cuv_sl *model, bool on)
{
    for (size_t i = 0; i < model->cut_count; i++)
        model->cut[i]->twin = on ? model->cut_to[i] : NULL;
}

static cuv_status functional_record(cuv_sc *e, cuv_sl *model, unsigned depth, cuv_value **out)
{
    cuv_value *config = NULL, *layers = cuv_value_list(e->arena), *ends = NULL;
    cuv_value **records = CUV_NEW_ARRAY(e->arena, cuv_value *, model->layer_count + 1);
    CUV_TRY(new_record(e, model, &config, out));
    if (!records)
        return cuv_oom(e->cx);
    if (cuv_sv_get(model->config, "trainable"))
        CUV_TRY(cuv_dict_set(e->arena, config, "trainable", cuv_value_bool(e->arena, cuv_sv_get(model->config, "trainable")->truth)));
    for (size_t i = 0; i < model->layer_count; i++)             /* first what is inside: it numbers calls, too */
        CUV_TRY(cuv_sl_record(e, model->layers[i], depth + 1, &records[i]));
    number_calls(e, model);
    size_t mark = e->walk;
    set_twins(model, true);
    for (size_t i = 0; i < model->layer_count; i++) {
        cuv_value *nodes = NULL;
        CUV_TRY(set_text(e, records[i], "name", model->layers[i]->name));
        CUV_TRY(calls_record(e, model->layers[i], mark, depth + 1, &nodes));
        CUV_TRY(cuv_dict_set(e->arena, records[i], "inbound_nodes", nodes));
        CUV_TRY(cuv_list_add(e->arena, layers, records[i]));
    }
    CUV_TRY(cuv_dict_set(e->arena, config, "layers", layers));
    CUV_TRY(listed_ends(e, model->inputs, &ends));
    CUV_TRY(cuv_dict_set(e->arena, config, "input_layers", ends));
    CUV_TRY(listed_ends(e, model->outputs, &ends));
    CUV_TRY(cuv_dict_set(e->arena, config, "output_layers", ends));
    set_twins(model, false);
    return CUV_OK;
}

cuv_status cuv_sl_record(cuv_sc *e, cuv_sl *layer, unsigned depth, cuv_value **out)
{
    CUV_TRY(cuv_sc_step(e, 16));
    if (depth > cuv_context_limits(e->cx)->depth)
        return cuv_sc_fail(e, layer->node, CUV_UNSAFE, "script.depth", NULL, "layers are nested deeper than the limit");
    switch (layer->kind) {
    case CUV_SL_LAYER: case CUV_SL_INPUT: case CUV_SL_OPERATION: return plain_record(e, layer, depth, out);
    case CUV_SL_SEQUENTIAL: return sequential_record(e, layer, depth, out);
    case CUV_SL_FUNCTIONAL: return functional_record(e, layer, depth, out);
    case CUV_SL_OPAQUE: case CUV_SL_PART:
        *out = cuv_value_copy(e->arena, layer->record);
        if (*out && cuv_sv_get(layer->config, "trainable") && cuv_get(*out, "config") && cuv_get(*out, "config")->kind == CUV_DICT)
            CUV_TRY(cuv_dict_set(e->arena, cuv_get(*out, "config"), "trainable",
                                 cuv_value_bool(e->arena, cuv_sv_get(layer->config, "trainable")->truth)));
        if (*out && layer->kind == CUV_SL_OPAQUE)
            CUV_TRY(set_text(e, cuv_get(*out, "config"), "name", layer->name));
        return *out ? CUV_OK : cuv_oom(e->cx);
    }
    return CUV_OK;
}
