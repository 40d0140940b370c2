/* Models that a file holds, opened: their configuration becomes layers and calls of the script, in the objects that stood for them, so
 * that code may cut them, go on from any of their tensors, or take their layers elsewhere. Reads wiring of Keras 1 to 3. */
#include "evidence/script.h"

/* ---- layers */

static bool is_model_class(const char *class_name)
{
    return class_name && cuv_word_in("Sequential Functional Model", class_name);
}

bool cuv_sl_is_operation(const cuv_sl *part)
{
    const char *module = cuv_get_text(part->record, "module");
    return module && (cuv_starts_with(module, "keras.src.ops") || cuv_starts_with(module, "keras.ops"));
}

static cuv_status fill_config(cuv_sc *e, cuv_sl *part, const cuv_value *config)
{
    cuv_sv *v = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &part->config));
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size && !part->is_model; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        if (!key)
            continue;
        CUV_TRY(cuv_sv_from_value(e, config->pairs[i].value, 0, &v));
        CUV_TRY(cuv_sv_put_word(e, part->config, key, v));
    }
    return CUV_OK;
}

static cuv_status new_part(cuv_sc *e, cuv_sl *owner, const cuv_value *record, cuv_sl **out)
{
    const cuv_value *config = cuv_get(record, "config"), *inner = cuv_get(config, "layer");
    const char *class_name = cuv_get_text(record, "class_name"), *name = cuv_get_text(record, "name");
    cuv_sl *part = *out = CUV_NEW(e->arena, cuv_sl);
    if (!part)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sc_step(e, 16));
    part->kind = CUV_SL_PART;
    part->class_name = class_name ? class_name : "Layer";
    part->name = name ? name : cuv_get_text(config, "name");
    part->name = part->name ? part->name : part->class_name;
    part->recorded = part->name;
    part->record = record;
    part->node = owner->node;
    part->owner = owner;
    part->is_model = is_model_class(class_name);
    part->used_inside = true;
    CUV_TRY(fill_config(e, part, config));
    return cuv_get_text(inner, "class_name") ? new_part(e, owner, inner, &part->wrapped) : CUV_OK;
}

cuv_status cuv_sc_parts(cuv_sc *e, cuv_sl *model)
{
    const cuv_value *config = cuv_get(model->record, "config");
    const cuv_value *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers");
    bool sequential = cuv_streq(model->class_name, "Sequential");
    if (model->layer_count || model->opened)
        return CUV_OK;
    model->layers = CUV_NEW_ARRAY(e->arena, cuv_sl *, cuv_len(layers) + 2);
    model->recorded_layers = CUV_NEW_ARRAY(e->arena, cuv_sl *, cuv_len(layers) + 2);
    if (!model->layers || !model->recorded_layers)
        return cuv_oom(e->cx);
    model->layer_capacity = cuv_len(layers) + 2;
    for (size_t i = 0; i < cuv_len(layers); i++) {
        const cuv_value *record = cuv_item(layers, i);
        if (sequential && i == 0 && cuv_streq(cuv_get_text(record, "class_name"), "InputLayer"))
            continue;
        CUV_TRY(new_part(e, model, record, &model->layers[model->layer_count]));
        model->recorded_layers[model->recorded_count++] = model->layers[model->layer_count++];
    }
    return CUV_OK;
}

/* From here on it is a layer of the script like any other; models inside are opened when they are used. */
static void become_layer(cuv_sl *part)
{
    part->kind = part->is_model                                  ? CUV_SL_OPAQUE
                 : cuv_streq(part->class_name, "InputLayer") ? CUV_SL_INPUT
                 : cuv_sl_is_operation(part)                     ? CUV_SL_OPERATION
                                                                 : CUV_SL_LAYER;
    if (part->wrapped)
        part->wrapped->kind = CUV_SL_LAYER;
}

/* ---- wiring */

typedef struct opening {
    cuv_sc *e;
    cuv_sl *model;
    cuv_map *by_name;           /* to cuv_sl */
    cuv_map *zero;              /* names of models inside whose node 0 is referred to: Keras 1 and 2 count from 1 otherwise */
    cuv_map *used;              /* by name of a layer: as a number */
} opening;

static cuv_status bad_wiring(const opening *o, const char *what)
{
    return cuv_sc_unsupported(o->e, o->e->at, "save the model again with a newer Keras, or write the model in Keras's layers",
                              "the loaded model '%s' is cut here, and its configuration has %s", o->model->name, what);
}

static bool is_triple(const cuv_value *v)
{
    int64_t n;
    return cuv_is_seq(v) && cuv_len(v) >= 3 && cuv_text(cuv_item(v, 0)) && cuv_as_int(cuv_item(v, 1), &n) && cuv_as_int(cuv_item(v, 2), &n);
}

static const cuv_value *history_of(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__") ? cuv_get(cuv_get(v, "config"), "keras_history") : NULL;
}

static cuv_status note_zero(const opening *o, const cuv_value *v, unsigned depth)
{
    int64_t node = 0;
    CUV_TRY(cuv_sc_step(o->e, 1));
    if (!v || depth > 8 || history_of(v))
        return CUV_OK;
    if (is_triple(v)) {
        (void)cuv_as_int(cuv_item(v, 1), &node);
        if (node == 0)
            CUV_TRY(cuv_map_set(o->zero, cuv_text(cuv_item(v, 0)), o->model));
        return note_zero(o, cuv_item(v, 3), depth + 1);
    }
    for (size_t i = 0; (cuv_is_seq(v) || v->kind == CUV_DICT) && i < v->size; i++)
        CUV_TRY(note_zero(o, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1));
    return CUV_OK;
}

/* A tensor with this history; *out is NULL where the call that makes it is still to come. */
static cuv_status find_tensor(const opening *o, const cuv_value *history, bool list_form, cuv_st **out)
{
    int64_t node = 0, tensor = 0;
    (void)cuv_as_int(cuv_item(history, 1), &node);
    (void)cuv_as_int(cuv_item(history, 2), &tensor);
    cuv_sl *layer = cuv_map_get(o->by_name, cuv_text(cuv_item(history, 0)));
    *out = NULL;
    if (!layer)
        return bad_wiring(o, cuv_sc_format(o->e, "a layer '%s' that is not in it", cuv_text(cuv_item(history, 0))));
    if (layer->is_model && list_form && node > 0 && !cuv_map_get(o->zero, layer->name))
        node--;
    if (node < 0 || tensor < 0 || tensor > 4096)
        return bad_wiring(o, "wiring that does not fit together");
    if ((size_t)node >= layer->call_count)
        return CUV_OK;
    cuv_sn *call = layer->calls[node];
    if ((size_t)tensor >= call->output_count)
        return bad_wiring(o, cuv_sc_format(o->e, "more tensors of '%s' than are known", layer->name));
    *out = call->outputs[tensor];
    return CUV_OK;
}

static void note_shape(cuv_st *t, const cuv_value *v)
{
    const cuv_value *shape = cuv_get(cuv_get(v, "config"), "shape");
    const char *dtype = cuv_get_text(cuv_get(v, "config"), "dtype");
    t->dtype = t->dtype ? t->dtype : dtype;
    if (t->shaped || !cuv_is_seq(shape) || cuv_len(shape) > CUV_MAX_RANK)
        return;
    t->shaped = true;
    t->rank = (int)cuv_len(shape);
    for (int i = 0; i < t->rank; i++)
        if (!cuv_as_int(cuv_item(shape, (size_t)i), &t->shape[i]))
            t->shape[i] = -1;
}

/* An argument with its tensors; *missing: one of them does not exist yet. */
static cuv_status argument(const opening *o, const cuv_value *v, unsigned depth, cuv_sv **out, bool *missing)
{
    const cuv_value *history = history_of(v);
    cuv_st *t = NULL;
    if (depth > cuv_context_limits(o->e->cx)->depth)
        return bad_wiring(o, "arguments nested deeper than the limit");
    if (history || (is_triple(v) && cuv_map_get(o->by_name, cuv_text(cuv_item(v, 0))))) {
        CUV_TRY(find_tensor(o, history ? history : v, !history, &t));
        *missing = *missing || !t;
        if (!t)
            return CUV_OK;
        note_shape(t, v);
        return cuv_sl_tensor_value(o->e, t, out);
    }
    if (!cuv_is_seq(v) && v->kind != CUV_DICT)
        return cuv_sv_from_value(o->e, v, depth, out);
    CUV_TRY(cuv_sv_make(o->e, v->kind == CUV_DICT ? CUV_SV_DICT : v->kind == CUV_TUPLE ? CUV_SV_TUPLE : CUV_SV_LIST, out));
    for (size_t i = 0; i < v->size && !*missing; i++) {
        cuv_sv *item = NULL, *key = NULL;
        CUV_TRY(argument(o, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1, &item, missing));
        if (*missing)
            return CUV_OK;
        if (v->kind == CUV_DICT) {
            CUV_TRY(cuv_sv_from_value(o->e, v->pairs[i].key, depth, &key));
            CUV_TRY(cuv_sv_put(o->e, *out, key, item));
        } else {
            CUV_TRY(cuv_sv_add(o->e, *out, item));
        }
    }
    return CUV_OK;
}

static cuv_status keywords(const opening *o, const cuv_value *kwargs, cuv_sv *out, bool *missing)
{
    for (size_t i = 0; kwargs && kwargs->kind == CUV_DICT && i < kwargs->size; i++) {
        cuv_sv *v = NULL;
        CUV_TRY(argument(o, kwargs->pairs[i].value, 0, &v, missing));
        if (*missing)
            return CUV_OK;
        CUV_TRY(cuv_sv_put_word(o->e, out, cuv_text(kwargs->pairs[i].key), v));
    }
    return CUV_OK;
}

/* Keras 3: {"args": [...], "kwargs": {...}}. */
static cuv_status dict_node(const opening *o, const cuv_value *node, cuv_sv *args, cuv_sv *kwargs, bool *missing)
{
    const cuv_value *list = cuv_get(node, "args");
    for (size_t i = 0; i < cuv_len(list); i++) {
        cuv_sv *v = NULL;
        CUV_TRY(argument(o, cuv_item(list, i), 0, &v, missing));
        if (*missing)
            return CUV_OK;
        CUV_TRY(cuv_sv_add(o->e, args, v));
    }
    return keywords(o, cuv_get(node, "kwargs"), kwargs, missing);
}

/* Keras 1 and 2: [[name, node, tensor, {kwargs}], ...]; one such entry by itself for operations of TensorFlow. */
static cuv_status list_node(const opening *o, const cuv_value *node, cuv_sv *args, cuv_sv *kwargs, bool *missing)
{
    bool flat = cuv_text(cuv_item(node, 0)) != NULL;
    cuv_sv *inputs = NULL;
    CUV_TRY(cuv_sv_make(o->e, CUV_SV_LIST, &inputs));
    for (size_t i = 0; i < (flat ? 1 : cuv_len(node)); i++) {
        const cuv_value *entry = flat ? node : cuv_item(node, i), *extra = cuv_item(entry, 3);
        bool literal = cuv_streq(cuv_text(cuv_item(entry, 0)), "_CONSTANT_VALUE");
        cuv_sv *v = NULL;
        if (!literal && !is_triple(entry))
            return bad_wiring(o, "calls on lists of tensors and constants");
        CUV_TRY(argument(o, literal ? cuv_item(entry, 2) : entry, 0, &v, missing));
        if (*missing)
            return CUV_OK;
        CUV_TRY(cuv_sv_add(o->e, literal ? args : inputs, v));
        if (cuv_len(extra) && !kwargs->count)
            CUV_TRY(keywords(o, extra, kwargs, missing));
    }
    return inputs->count ? cuv_sv_add(o->e, args, inputs->count == 1 ? inputs->items[0] : inputs) : CUV_OK;
}

/* The most tensors that anything takes from each layer: what some classes alone do not tell. */
static cuv_status note_used(const opening *o, const cuv_value *v, unsigned depth)
{
    const cuv_value *history = history_of(v) ? history_of(v) : v;
    int64_t tensor = 0;
    CUV_TRY(cuv_sc_step(o->e, 1));
    if (!v || depth > 24)
        return CUV_OK;
    if (is_triple(history) && cuv_as_int(cuv_item(history, 2), &tensor) && tensor >= 0 && tensor < 4096) {
        const char *name = cuv_text(cuv_item(history, 0));
        if ((uintptr_t)cuv_map_get(o->used, name) <= (uintptr_t)tensor)
            CUV_TRY(cuv_map_set(o->used, name, (void *)((uintptr_t)tensor + 1)));
    }
    for (size_t i = 0; (cuv_is_seq(v) || v->kind == CUV_DICT) && i < v->size; i++)
        CUV_TRY(note_used(o, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1));
    return CUV_OK;
}

static bool may_give_several(const cuv_sl *layer)
{
    return layer->kind == CUV_SL_OPERATION || !cuv_signature_of(layer->class_name);
}

static cuv_status one_call(const opening *o, cuv_sl *layer, const cuv_value *node, bool *missing)
{
    cuv_sv *args = NULL, *kwargs = NULL;
    size_t outputs = 1, used = (size_t)(uintptr_t)cuv_map_get(o->used, layer->name);
    cuv_sn *call = NULL;
    CUV_TRY(cuv_sv_make(o->e, CUV_SV_TUPLE, &args));
    CUV_TRY(cuv_sv_make(o->e, CUV_SV_DICT, &kwargs));
    CUV_TRY(node->kind == CUV_DICT ? dict_node(o, node, args, kwargs, missing) : list_node(o, node, args, kwargs, missing));
    if (*missing)
        return CUV_OK;
    CUV_TRY(cuv_sl_output_count(o->e, layer, kwargs, &outputs));
    if (may_give_several(layer) && used > outputs)
        outputs = used;
    return cuv_sn_new(o->e, layer, args, kwargs, outputs, &call);
}

static cuv_status input_call(const opening *o, cuv_sl *layer)
{
    cuv_sv *empty = NULL, *none = NULL;
    cuv_sn *call = NULL;
    CUV_TRY(cuv_sv_make(o->e, CUV_SV_TUPLE, &empty));
    CUV_TRY(cuv_sv_make(o->e, CUV_SV_DICT, &none));
    CUV_TRY(cuv_sn_new(o->e, layer, empty, none, 1, &call));
    const cuv_sv *shape = cuv_sv_get(layer->config, "batch_shape");
    shape = shape ? shape : cuv_sv_get(layer->config, "batch_input_shape");
    const cuv_sv *dtype = cuv_sv_get(layer->config, "dtype");
    cuv_st *t = call->outputs[0];
    t->dtype = dtype && dtype->kind == CUV_SV_TEXT ? dtype->text : "float32";
    t->shaped = shape && cuv_sv_is_seq(shape) && shape->count <= CUV_MAX_RANK;
    t->rank = t->shaped ? (int)shape->count : 0;
    for (int i = 0; i < t->rank; i++)
        if (!cuv_sv_as_int(shape->items[i], &t->shape[i]))
            t->shape[i] = -1;
    return CUV_OK;
}

/* Calls of a layer from where it was left, as far as their inputs exist; *progress: some were made. */
static cuv_status layer_calls(const opening *o, cuv_sl *layer, bool *progress, bool *left)
{
    const cuv_value *nodes = cuv_get(layer->record, "inbound_nodes");
    while (layer->call_count < cuv_len(nodes)) {
        bool missing = false;
        CUV_TRY(one_call(o, layer, cuv_item(nodes, layer->call_count), &missing));
        *left = *left || missing;
        if (missing)
            return CUV_OK;
        *progress = true;
    }
    return CUV_OK;
}

static cuv_status make_calls(opening *o)
{
    cuv_sl *model = o->model;
    bool progress = true, left = true;
    for (size_t i = 0; i < model->layer_count; i++)
        if (model->layers[i]->kind == CUV_SL_INPUT)
            CUV_TRY(input_call(o, model->layers[i]));
    while (progress && left) {
        progress = left = false;
        for (size_t i = 0; i < model->layer_count; i++)
            if (model->layers[i]->kind != CUV_SL_INPUT)
                CUV_TRY(layer_calls(o, model->layers[i], &progress, &left));
    }
    return left ? bad_wiring(o, "wiring that goes in a circle") : CUV_OK;
}

static cuv_status list_calls(opening *o)
{
    size_t count = 0;
    for (size_t i = 0; i < o->model->layer_count; i++)
        count += o->model->layers[i]->call_count;
    o->model->inner = CUV_NEW_ARRAY(o->e->arena, cuv_sn *, count + 1);
    if (!o->model->inner)
        return cuv_oom(o->e->cx);
    for (size_t i = 0; i < o->model->layer_count; i++)
        for (size_t k = 0; k < o->model->layers[i]->call_count; k++)
            o->model->inner[o->model->inner_count++] = o->model->layers[i]->calls[k];
    return CUV_OK;
}

/* In input_layers and output_layers Keras 3, too, may count a model's own construction as its node 0. */
static cuv_status end_tensors(const opening *o, const cuv_value *v, unsigned depth, cuv_sv **out)
{
    cuv_st *t = NULL;
    if (depth > 16 || !v)
        return bad_wiring(o, "no inputs and outputs");
    if (is_triple(v)) {
        cuv_sl *layer = cuv_map_get(o->by_name, cuv_text(cuv_item(v, 0)));
        int64_t node = 0, tensor = 0;
        (void)cuv_as_int(cuv_item(v, 1), &node);
        (void)cuv_as_int(cuv_item(v, 2), &tensor);
        bool counted = layer && layer->is_model && node >= 1 && !cuv_streq(layer->class_name, "Sequential");
        if (counted && ((size_t)node >= layer->call_count || !cuv_map_get(o->zero, layer->name)))
            node--;
        if (!layer || node < 0 || (size_t)node >= layer->call_count || tensor < 0 || (size_t)tensor >= layer->calls[node]->output_count)
            return find_tensor(o, v, false, &t) != CUV_OK ? CUV_UNSUPPORTED : bad_wiring(o, "outputs that no layer gives");
        return cuv_sl_tensor_value(o->e, layer->calls[node]->outputs[tensor], out);
    }
    CUV_TRY(cuv_sv_make(o->e, v->kind == CUV_DICT ? CUV_SV_DICT : CUV_SV_LIST, out));
    for (size_t i = 0; (cuv_is_seq(v) || v->kind == CUV_DICT) && i < v->size; i++) {
        cuv_sv *item = NULL, *key = NULL;
        CUV_TRY(end_tensors(o, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1, &item));
        if (v->kind != CUV_DICT) {
            CUV_TRY(cuv_sv_add(o->e, *out, item));
            continue;
        }
        CUV_TRY(cuv_sv_from_value(o->e, v->pairs[i].key, 0, &key));
        CUV_TRY(cuv_sv_put(o->e, *out, key, item));
    }
    return CUV_OK;
}

static cuv_status open_functional(cuv_sc *e, cuv_sl *model)
{
    const cuv_value *config = cuv_get(model->record, "config");
    opening o = {e, model, cuv_map_new(e->arena), cuv_map_new(e->arena), cuv_map_new(e->arena)};
    if (!o.by_name || !o.zero || !o.used)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < model->layer_count; i++) {
        if (cuv_streq(model->layers[i]->class_name, "TensorFlowOpLayer"))
            return bad_wiring(&o, "operations of TensorFlow 1 (TensorFlowOpLayer)");
        become_layer(model->layers[i]);
        CUV_TRY(cuv_map_set(o.by_name, model->layers[i]->recorded, model->layers[i]));
        CUV_TRY(note_zero(&o, cuv_get(model->layers[i]->record, "inbound_nodes"), 0));
    }
    CUV_TRY(note_zero(&o, cuv_get(config, "output_layers"), 0));
    CUV_TRY(note_used(&o, config, 0));
    CUV_TRY(make_calls(&o));
    CUV_TRY(list_calls(&o));
    CUV_TRY(end_tensors(&o, cuv_get(config, "input_layers"), 0, &model->inputs));
    CUV_TRY(end_tensors(&o, cuv_get(config, "output_layers"), 0, &model->outputs));
    model->kind = CUV_SL_FUNCTIONAL;
    model->module = "keras";
    model->class_name = "Functional";
    return CUV_OK;
}

/* ---- Sequential */

static cuv_status open_sequential(cuv_sc *e, cuv_sl *model)
{
    const cuv_value *config = cuv_get(model->record, "config");
    const cuv_value *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers"), *first = cuv_item(layers, 0);
    const cuv_value *shape = cuv_get(config, "build_input_shape"), *own = cuv_get(first, "config");
    const char *name = NULL, *dtype = NULL;
    cuv_sv *batch = NULL;
    for (size_t i = 0; i < model->layer_count; i++)
        become_layer(model->layers[i]);
    model->kind = CUV_SL_SEQUENTIAL;
    model->module = "keras";
    if (cuv_get(own, "batch_shape") || cuv_get(own, "batch_input_shape")) {
        shape = cuv_get(own, "batch_shape") ? cuv_get(own, "batch_shape") : cuv_get(own, "batch_input_shape");
        dtype = cuv_get_text(own, "dtype");
        name = cuv_streq(cuv_get_text(first, "class_name"), "InputLayer") ? cuv_get_text(own, "name") : NULL;
    }
    if (!cuv_is_seq(shape))
        return CUV_OK;                  /* the weights or --input-shape will tell */
    CUV_TRY(cuv_sv_from_value(e, shape, 0, &batch));
    return cuv_sc_sequential_input(e, model, batch, name, dtype);
}

/* ---- */

cuv_status cuv_sc_open(cuv_sc *e, cuv_sl *layer)
{
    if (layer->kind == CUV_SL_PART && layer->owner)
        CUV_TRY(cuv_sc_open(e, layer->owner));
    if (layer->kind != CUV_SL_OPAQUE || layer->opened)
        return CUV_OK;
    if (!is_model_class(layer->class_name))
        return cuv_sc_unsupported(e, e->at, "give code for the class with --custom, or cut the model where it was made",
                                  "the loaded model '%s' is a %s, whose wiring only its class knows", layer->name, layer->class_name);
    CUV_TRY(cuv_sc_parts(e, layer));
    layer->opened = true;
    return cuv_streq(layer->class_name, "Sequential") ? open_sequential(e, layer) : open_functional(e, layer);
}

void cuv_sl_changed(cuv_sl *layer)
{
    for (cuv_sl *m = layer; m; m = m->owner)
        m->changed = true;
}
