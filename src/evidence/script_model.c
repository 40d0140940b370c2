/* Models in a script: Sequential and functional ones, models that a file holds, their layers, methods and attributes. */
#include "evidence/script.h"

/* ---- Sequential ---- */

static bool starts_with_input(const cuv_sl *model)
{
    return model->layer_count > 0 && model->layers[0]->kind == CUV_SL_INPUT;
}

static cuv_status append_layer(cuv_sc *e, cuv_sl *model, cuv_sl *layer)
{
    cuv_sl **layers = cuv_arena_grow(e->arena, model->layers, model->layer_count, &model->layer_capacity, sizeof *layers);
    if (!layers)
        return cuv_oom(e->cx);
    model->layers = layers;
    layers[model->layer_count++] = layer;
    layer->used_inside = true;
    return CUV_OK;
}

cuv_status cuv_sc_sequential_input(cuv_sc *e, cuv_sl *model, cuv_sv *batch_shape, const char *name, const char *dtype)
{
    cuv_sl *input = NULL;
    CUV_TRY(cuv_sl_input(e, batch_shape, name, dtype, &input));
    CUV_TRY(append_layer(e, model, input));
    for (size_t i = model->layer_count - 1; i > 0; i--)
        model->layers[i] = model->layers[i - 1];
    model->layers[0] = input;
    model->wired = 0;
    return CUV_OK;
}

cuv_status cuv_sc_shape_tuple(cuv_sc *e, const cuv_st *t, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (int i = 0; i < t->rank; i++) {
        cuv_sv *size = e->none;
        if (t->shape[i] >= 0)
            CUV_TRY(cuv_sv_int(e, t->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, *out, size));
    }
    return CUV_OK;
}

static cuv_status first_input(cuv_sc *e, const cuv_sl *layer, cuv_st **out)
{
    cuv_st **list = NULL;
    size_t count = 0, capacity = 0;
    *out = NULL;
    if (layer->kind == CUV_SL_SEQUENTIAL && starts_with_input(layer))
        *out = layer->layers[0]->calls[0]->outputs[0];
    if (layer->kind != CUV_SL_FUNCTIONAL)
        return CUV_OK;
    CUV_TRY(cuv_sc_tensors_in(e, layer->inputs, 0, &list, &count, &capacity));
    *out = count == 1 ? list[0] : NULL;
    return CUV_OK;
}

/* Keras 2 names the InputLayer after the first layer. */
static cuv_status prepend_input(cuv_sc *e, cuv_sl *model, const cuv_sl *first, cuv_sv *batch_shape, const char *dtype)
{
    const char *name = NULL;
    if (e->script->keras == 2 && first && !(name = cuv_arena_printf(e->arena, "%s_input", first->name)))
        return cuv_oom(e->cx);
    return cuv_sc_sequential_input(e, model, batch_shape, name, dtype);
}

/* What the first layer tells of the input: input_shape and the like, or the input of a model inside. */
static cuv_status declared_input(cuv_sc *e, cuv_sl *model, cuv_sl *first)
{
    cuv_sv *shape = NULL;
    cuv_st *t = NULL;
    const cuv_sv *dtype = cuv_sv_get(first->config, "dtype");
    if (first->early) {
        if (cuv_sv_unknown_in(first->early) || !cuv_sv_is_seq(first->early))
            return CUV_OK;              /* the weights or --input-shape will tell */
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
        if (!first->early_batch)
            CUV_TRY(cuv_sv_add(e, shape, e->none));
        for (size_t i = 0; i < first->early->count; i++)
            CUV_TRY(cuv_sv_add(e, shape, first->early->items[i]));
    } else {
        CUV_TRY(first_input(e, first, &t));
        if (!t || !t->shaped)
            return CUV_OK;
        CUV_TRY(cuv_sc_shape_tuple(e, t, &shape));
    }
    bool plain = dtype && dtype->kind == CUV_SV_TEXT && !strchr(dtype->text, '_');
    return prepend_input(e, model, first, shape, t ? t->dtype : plain ? dtype->text : NULL);
}

/* Keras 3 keeps a functional model inside a Sequential, made anew whenever the layers change; each takes a name of its own. */
static cuv_status rebuilt(cuv_sc *e, const cuv_sl *model)
{
    const char *unused = NULL;
    if (e->script->keras == 2 || !starts_with_input(model) || model->layer_count < 2)
        return CUV_OK;
    return cuv_sc_auto_name(e, "Functional", &unused);
}

/* A layer of a class of the script, made for what the Sequential gives so far. */
static cuv_status object_layer(cuv_sc *e, cuv_sl *model, cuv_sv *self, const cuv_py *node, cuv_sv **out)
{
    cuv_st *t = NULL;
    cuv_sv *shape = NULL;
    CUV_TRY(cuv_sc_sequential_wire(e, model, &t));
    if (t && t->shaped) {
        CUV_TRY(cuv_sc_shape_tuple(e, t, &shape));
        CUV_TRY(cuv_sc_network(e, self, &shape, 1, node));
    }
    if (self->layer)
        return cuv_sl_value(e, self->layer, out);
    return cuv_sc_unsupported(e, node, "begin the Sequential with an Input", "what a layer of the class '%s' is called with is not known where it is "
                              "added to '%s'", self->self->node->text, model->name);
}

static cuv_status add_layer(cuv_sc *e, cuv_sl *model, cuv_sv *v, const cuv_py *node)
{
    e->at = node;
    CUV_TRY(cuv_sc_effect(e, node));
    if (v->kind == CUV_SV_TENSOR && v->symbol->call->layer->kind == CUV_SL_INPUT)
        CUV_TRY(cuv_sl_value(e, v->symbol->call->layer, &v));
    if (cuv_sc_is_layer_instance(e, v))
        CUV_TRY(object_layer(e, model, v, node, &v));
    if (v->kind != CUV_SV_LAYER)
        return cuv_sc_fail(e, node, CUV_UNSUPPORTED, "script.layer", "a Sequential takes layers: Dense(10), not Dense or Dense(10)(x)",
                           "what is added to '%s' is no layer: %s", model->name, cuv_sv_describe(e, v));
    if (v->layer == model)
        return cuv_sc_fail(e, node, CUV_NO, "script.layer", NULL, "'%s' is added to itself", model->name);
    if (v->layer->kind == CUV_SL_PART || (v->layer->kind == CUV_SL_OPAQUE && model->layer_count == 0))
        CUV_TRY(cuv_sc_open(e, v->layer));
    for (cuv_sl *m = v->layer->owner; m && m != model; m = m->owner)
        m->consumed = true;
    if (v->layer->of_ready)
        v->layer->of_ready->consumed = true;
    cuv_sl_changed(model);
    if (model->layer_count == 0 && v->layer->kind != CUV_SL_INPUT)
        CUV_TRY(declared_input(e, model, v->layer));
    return append_layer(e, model, v->layer);
}

cuv_status cuv_sc_sequential_add(cuv_sc *e, cuv_sl *model, cuv_sv *layer, const cuv_py *node)
{
    CUV_TRY(add_layer(e, model, layer, node));
    return rebuilt(e, model);
}

cuv_status cuv_sc_sequential_build(cuv_sc *e, cuv_sl *model, cuv_sv *batch_shape)
{
    if (starts_with_input(model) || model->layer_count == 0)
        return CUV_OK;
    if (!cuv_sv_is_seq(batch_shape) || cuv_sv_unknown_in(batch_shape) || batch_shape->count > CUV_MAX_RANK)
        return cuv_sc_fail(e, e->at, CUV_UNSUPPORTED, "script.unknown", "write the sizes out", "the input's shape is not known from the "
                           "code: it is %s", cuv_sv_describe(e, batch_shape));
    CUV_TRY(prepend_input(e, model, model->layers[0], batch_shape, NULL));
    return rebuilt(e, model);
}

cuv_status cuv_sc_sequential_wire(cuv_sc *e, cuv_sl *model, cuv_st **out)
{
    *out = NULL;
    if (!starts_with_input(model))
        return CUV_OK;
    if (model->wired == 0) {
        model->wired = 1;
        model->wired_output = model->layers[0]->calls[0]->outputs[0];
    }
    for (; model->wired < model->layer_count; model->wired++) {
        cuv_sv *in = NULL, *result = NULL;
        CUV_TRY(cuv_sl_tensor_value(e, model->wired_output, &in));
        CUV_TRY(cuv_sl_call(e, model->layers[model->wired], &(cuv_sargs){&in, 1, NULL, NULL, 0, e->at}, &result));
        if (result->kind != CUV_SV_TENSOR)
            return cuv_sc_fail(e, e->at, CUV_NO, "script.layer", NULL, "'%s' gives several tensors, which a Sequential cannot pass on",
                               model->layers[model->wired]->name);
        model->wired_output = result->symbol;
    }
    *out = model->wired_output;
    return CUV_OK;
}

static const char *given_name(const cuv_sv *v)
{
    return v && v->kind == CUV_SV_TEXT ? v->text : NULL;
}

cuv_status cuv_sc_sequential(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *layers = cuv_sc_arg(args, 0, "layers"), *list = NULL;
    cuv_sl *model = NULL;
    bool known = true;
    const char *name = given_name(cuv_sc_arg(args, args->count, "name"));
    for (size_t i = 1; i < args->count; i++)
        name = name ? name : given_name(args->items[i]);
    CUV_TRY(cuv_sl_new(e, CUV_SL_SEQUENTIAL, "Sequential", name, &model));
    model->module = "keras";
    if (layers && layers->kind != CUV_SV_NONE) {
        CUV_TRY(cuv_sv_iterate(e, layers, &list, &known));
        if (!known)
            return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write the layers out",
                               "the layers of '%s' are not known from the code: %s", model->name, cuv_sv_describe(e, layers));
    }
    for (size_t i = 0; list && i < list->count; i++)
        CUV_TRY(add_layer(e, model, list->items[i], args->node));
    CUV_TRY(rebuilt(e, model));
    return cuv_sl_value(e, model, out);
}

static cuv_status pop(cuv_sc *e, cuv_sl *model, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sc_effect(e, args->node));
    CUV_TRY(cuv_sc_open(e, model));
    if (model->kind != CUV_SL_SEQUENTIAL || model->layer_count <= (size_t)starts_with_input(model))
        return cuv_sc_unsupported(e, args->node, NULL, "pop() of '%s', which is no Sequential with layers", model->name);
    cuv_sl *last = model->layers[--model->layer_count];
    cuv_sl_changed(model);
    model->wired = 0;
    CUV_TRY(rebuilt(e, model));
    return cuv_sl_value(e, last, out);
}

/* ---- Model(inputs, outputs) ---- */

cuv_status cuv_sc_model(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const known[] = {"inputs", "outputs", "input", "output", "name", "trainable"};
    cuv_sv *inputs = cuv_sc_arg(args, 0, "inputs"), *outputs = cuv_sc_arg(args, 1, "outputs"), *name = cuv_sc_arg(args, 2, "name");
    cuv_sl *model = NULL;
    inputs = inputs ? inputs : cuv_sc_arg(args, args->count, "input");         /* Keras 1 */
    outputs = outputs ? outputs : cuv_sc_arg(args, args->count, "output");
    for (size_t i = 0; i < args->named; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            found = found || cuv_streq(known[k], args->names[i]);
        if (!found)
            return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.argument", NULL, "Model has no argument '%s'", args->names[i]);
    }
    if (!inputs || !outputs)
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.argument", "Model(inputs, outputs)",
                           "Model is made here without its %s", inputs ? "outputs" : "inputs");
    CUV_TRY(cuv_sc_functional(e, inputs, outputs, given_name(name), &model));
    model->module = "keras";
    return cuv_sl_value(e, model, out);
}

/* ---- models that are records ---- */

cuv_status cuv_sc_opaque(cuv_sc *e, const cuv_value *record, cuv_file *file, bool whole, cuv_sl **out)
{
    const char *class_name = cuv_get_text(record, "class_name");
    const cuv_value *config = cuv_get(record, "config");
    const char *name = cuv_get_text(config, "name");
    CUV_TRY(cuv_sl_new(e, CUV_SL_OPAQUE, class_name ? class_name : "Functional", name ? name : class_name, out));
    (*out)->record = record;
    (*out)->record_file = file;
    (*out)->whole_file = whole;
    return CUV_OK;
}

cuv_status cuv_sc_layers_of(cuv_sc *e, cuv_sl *model, cuv_sv **out)
{
    if (model->kind == CUV_SL_OPAQUE || model->kind == CUV_SL_PART)
        CUV_TRY(cuv_sc_parts(e, model));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < model->layer_count; i++) {
        cuv_sv *v = NULL;
        bool hidden = (model->kind == CUV_SL_SEQUENTIAL && i == 0 && starts_with_input(model)) ||
                      (model->layers[i]->kind == CUV_SL_OPERATION && e->script->keras != 2) ||
                      (model->layers[i]->kind == CUV_SL_PART && cuv_sl_is_operation(model->layers[i]));
        if (hidden)
            continue;
        CUV_TRY(cuv_sl_value(e, model->layers[i], &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    (*out)->label = cuv_sc_format(e, "'%s'.layers", model->name);
    return CUV_OK;
}

/* ---- methods ---- */

static cuv_status get_layer(cuv_sc *e, cuv_sl *model, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *name = cuv_sc_arg(args, 0, "name"), *index = cuv_sc_arg(args, 1, "index"), *list = NULL;
    int64_t at = 0;
    CUV_TRY(cuv_sc_layers_of(e, model, &list));
    if (name && name->kind == CUV_SV_INT && !index)
        index = name;
    if (index && cuv_sv_as_int(index, &at))
        return cuv_sc_subscript(e, args->node, list, index, out);
    if (!name || name->kind != CUV_SV_TEXT)
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", NULL, "which layer is meant is not known from the code: %s",
                           name ? cuv_sv_describe(e, name) : "get_layer() without a name");
    cuv_buffer b;
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < list->count; i++) {
        const char *here = list->items[i]->layer->name;
        if (cuv_streq(here, name->text)) {
            *out = list->items[i];
            cuv_buffer_free(&b);
            return CUV_OK;
        }
        if (i < 12)
            cuv_buffer_printf(&b, "%s'%s'", i ? ", " : "", here);
    }
    const char *help = cuv_sc_format(e, "it has %s%s", b.size ? b.data : "none", list->count > 12 ? ", ..." : "");
    cuv_buffer_free(&b);
    const cuv_py *place = args->node->kind == CUV_PY_CALL && args->node->count ? args->node->items[0] : args->node;
    return cuv_sc_fail(e, place, CUV_NO, "script.layer", help, "'%s' has no layer '%s'", model->name, name->text);
}

static cuv_status build(cuv_sc *e, cuv_sl *model, const cuv_sargs *args)
{
    cuv_sv *shape = cuv_sc_arg(args, 0, "input_shape");
    return model->kind == CUV_SL_SEQUENTIAL && shape ? cuv_sc_sequential_build(e, model, shape) : CUV_OK;
}

static cuv_status to_json(cuv_sc *e, cuv_sl *model, cuv_sv **out)
{
    CUV_TRY(cuv_sv_word(e, "{}", out));
    (*out)->layer = model;              /* model_from_json knows what it means */
    return CUV_OK;
}

/* What looks at a model, trains it, or writes it to disk: speaks for its being the one that is meant. */
static const struct { const char *name; unsigned votes; } harmless[] = {
    {"summary", 4}, {"compile", 2}, {"fit", 2}, {"fit_generator", 2}, {"predict", 4}, {"predict_on_batch", 4}, {"predict_classes", 4},
    {"predict_proba", 4}, {"evaluate", 4}, {"save", 4}, {"save_weights", 2}, {"export", 4}, {"train_on_batch", 1}, {"test_on_batch", 1},
    {"train_step", 1}, {"count_params", 1}, {"get_metrics_result", 0}, {"reset_metrics", 0}, {"reset_states", 0}, {"reset_state", 0},
    {"compute_output_shape", 0}, {"compute_mask", 0}, {"get_config", 0}, {"to_yaml", 0}, {"add_loss", 0}, {"add_metric", 0},
    {"evaluate_generator", 1}, {"predict_generator", 1}, {"get_compile_config", 0}, {"get_build_config", 0}, {"get_output_shape_at", 0},
    {"get_input_shape_at", 0}, {"expect_partial", 0}, {"assert_consumed", 0}, {"trainable_variables", 0}, {"jit_compile", 0},
};

/* *out stays NULL where the code does not tell all of the layer's shapes. */
static cuv_status count_params(cuv_sc *e, cuv_sl *layer, cuv_sv **out)
{
    cuv_sv *list = NULL;
    int64_t count = 0;
    *out = NULL;
    CUV_TRY(cuv_sc_get_weights(e, layer, &list));
    for (size_t i = 0; i < list->count; i++) {
        if (list->kind != CUV_SV_LIST || list->items[i]->kind != CUV_SV_ARRAY)
            return CUV_OK;
        count += (int64_t)cuv_tensor_count(list->items[i]->tensor);
    }
    layer->votes++;
    return list->kind == CUV_SV_LIST && !list->unsure ? cuv_sv_int(e, count, out) : CUV_OK;
}

static cuv_status other_method(cuv_sc *e, cuv_sl *layer, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    if (cuv_streq(name, "count_params"))
        CUV_TRY(count_params(e, layer, out));
    if (cuv_streq(name, "count_params") && *out)
        return CUV_OK;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (cuv_streq(harmless[i].name, name)) {
            layer->votes += harmless[i].votes;
            layer->saved = layer->saved || cuv_streq(name, "save") || cuv_streq(name, "export");
            e->script->wants_summary = e->script->wants_summary || i == 0;
            e->skip = true;
            return cuv_sv_unknown(e, out, "what %s() of '%s' gives", name, layer->name);
        }
    if (cuv_streq(name, "set_vocabulary") && cuv_takes_vocabulary(layer->class_name) && cuv_sc_arg(args, 0, "vocabulary")) {
        cuv_sv *weights = cuv_sc_arg(args, 1, "idf_weights");
        CUV_TRY(cuv_sv_put_word(e, layer->config, "vocabulary", cuv_sc_arg(args, 0, "vocabulary")));
        return weights ? cuv_sv_put_word(e, layer->config, "idf_weights", weights) : CUV_OK;
    }
    if (cuv_streq(name, "adapt") && (cuv_takes_vocabulary(layer->class_name) || cuv_streq(layer->class_name, "Normalization"))) {
        e->skip = true;         /* what it learned is in the files, or the layer lacks it */
        return CUV_OK;
    }
    if (cuv_streq(name, "adapt"))
        return cuv_sc_unsupported(e, args->node, "give the values to the layer's arguments (bin_boundaries=)",
                                  "adapt() makes '%s' learn from data, which cannot be read from the code", layer->name);
    return cuv_sc_unsupported(e, args->node, NULL, "the method '%s' of the %s '%s' is not known", name, layer->class_name, layer->name);
}

cuv_status cuv_sc_layer_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sl *layer = self->layer;
    cuv_sv *first = cuv_sc_arg(args, 0, "layer");
    *out = e->none;
    if (cuv_streq(name, "set_weights")) {
        cuv_sv *weights = cuv_sc_arg(args, 0, "weights");
        return weights ? cuv_sc_set_weights(e, layer, weights, args->node) : other_method(e, layer, "set_weights()", args, out);
    }
    if (cuv_streq(name, "get_weights"))
        return cuv_sc_get_weights(e, layer, out);
    if (cuv_streq(name, "__call__") || cuv_streq(name, "call"))
        return cuv_sl_call(e, layer, args, out);
    if (cuv_streq(name, "build"))
        return build(e, layer, args);
    if (!layer->is_model && layer->kind != CUV_SL_PART)
        return other_method(e, layer, name, args, out);
    if (cuv_streq(name, "add") && cuv_streq(layer->class_name, "Sequential") && first)
        CUV_TRY(cuv_sc_open(e, layer));
    if (cuv_streq(name, "add") && layer->kind == CUV_SL_SEQUENTIAL && first)
        return cuv_sc_sequential_add(e, layer, first, args->node);
    if (cuv_streq(name, "add"))
        return cuv_sc_unsupported(e, args->node, "build a new model from Keras's layers, and load the weights into it",
                                  "a layer is added to '%s', %s", layer->name,
                                  layer->kind == CUV_SL_OPAQUE ? "a model that a file holds" : "which is no Sequential");
    if (cuv_streq(name, "pop"))
        return pop(e, layer, args, out);
    if (cuv_streq(name, "get_layer"))
        return get_layer(e, layer, args, out);
    if (cuv_streq(name, "load_weights"))
        return cuv_sc_load_weights(e, layer, args);
    if (cuv_streq(name, "to_json"))
        return to_json(e, layer, out);
    return other_method(e, layer, name, args, out);
}

/* ---- attributes ---- */

/* The call that a layer's input and output belong to; a Sequential's layers are wired on demand. */
static cuv_status first_call(cuv_sc *e, const cuv_py *node, cuv_sl *layer, cuv_sn **out)
{
    for (size_t i = 0; !layer->call_count && i < e->model_count; i++)
        for (size_t k = 0; e->models[i]->kind == CUV_SL_SEQUENTIAL && k < e->models[i]->layer_count; k++)
            if (e->models[i]->layers[k] == layer) {
                cuv_st *unused = NULL;
                CUV_TRY(cuv_sc_sequential_wire(e, e->models[i], &unused));
                break;
            }
    *out = layer->call_count ? layer->calls[0] : NULL;
    return *out ? CUV_OK : cuv_sc_fail(e, node, CUV_NO, "script.layer", "give the model an Input, or call it",
                                       "'%s' has no input and output yet: it was never called", layer->name);
}

static cuv_status list_of(cuv_sc *e, cuv_st *const *tensors, size_t count, bool always, cuv_sv **out)
{
    cuv_sv *v = NULL;
    if (count == 1 && !always)
        return cuv_sl_tensor_value(e, tensors[0], out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(cuv_sl_tensor_value(e, tensors[i], &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    return CUV_OK;
}

/* input, inputs, output, outputs */
static cuv_status ends(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv **out)
{
    cuv_st **list = NULL, *last = NULL;
    cuv_sn *call = NULL;
    size_t count = 0, capacity = 0;
    bool input = name[0] == 'i', always = cuv_ends_with(name, "s");
    CUV_TRY(cuv_sc_open(e, layer));
    if (layer->kind == CUV_SL_FUNCTIONAL) {
        CUV_TRY(cuv_sc_tensors_in(e, input ? layer->inputs : layer->outputs, 0, &list, &count, &capacity));
        for (size_t i = 0; input && i < layer->cut_count; i++)
            for (size_t k = 0; k < count; k++)
                list[k] = list[k] == layer->cut[i] ? layer->cut_to[i] : list[k];
        return list_of(e, list, count, always, out);
    }
    if (layer->kind == CUV_SL_SEQUENTIAL && starts_with_input(layer)) {
        CUV_TRY(cuv_sc_sequential_wire(e, layer, &last));
        cuv_st *end = input ? layer->layers[0]->calls[0]->outputs[0] : last;
        return list_of(e, &end, 1, always, out);
    }
    CUV_TRY(first_call(e, node, layer, &call));
    if (input && layer->kind == CUV_SL_INPUT)
        return list_of(e, call->outputs, 1, always, out);
    return input ? list_of(e, call->inputs, call->input_count, always, out) : list_of(e, call->outputs, call->output_count, always, out);
}

static cuv_status end_shape(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv **out)
{
    cuv_sv *t = NULL;
    CUV_TRY(ends(e, node, layer, name[0] == 'i' ? "input" : "output", &t));
    if (t->kind != CUV_SV_TENSOR || !t->symbol->shaped)
        return cuv_sv_unknown(e, out, "'%s' of '%s', which the code alone does not tell", name, layer->name);
    return cuv_sc_shape_tuple(e, t->symbol, out);
}

static const char *const weight_lists[] = {"weights", "variables", "trainable_weights", "trainable_variables", "non_trainable_weights",
                                           "non_trainable_variables"};

static cuv_status method_of(cuv_sc *e, cuv_sl *layer, const char *name, cuv_sv **out)
{
    cuv_sv *self = NULL;
    CUV_TRY(cuv_sl_value(e, layer, &self));
    return cuv_sv_method(e, self, name, out);
}

static cuv_status own_argument(cuv_sc *e, cuv_sl *layer, const char *name, cuv_sv **out)
{
    const struct cuv_signature *s = cuv_signature_of(layer->class_name);
    *out = cuv_sv_get(layer->config, name);
    if (*out)
        return CUV_OK;
    if (s && cuv_word_in(cuv_signature_weights(s), name))
        return cuv_sc_variable(e, layer, name, -1, out);
    if (s && cuv_signature_takes(s, name))
        return cuv_sv_unknown(e, out, "'%s' of '%s', which the code does not set", name, layer->name);
    return method_of(e, layer, name, out);
}

/* Both are copies of the wrapped layer: what is given to that one reaches neither. */
static cuv_status half(cuv_sc *e, cuv_sl *layer, bool backward, cuv_sv **out)
{
    for (size_t i = 0; i < 2 && !layer->halves[1]; i++) {
        cuv_sl *copy = CUV_NEW(e->arena, cuv_sl);
        if (!copy)
            return cuv_oom(e->cx);
        *copy = *layer->wrapped;
        copy->name = cuv_sc_format(e, "%s_%s", i ? "backward" : "forward", layer->wrapped->name);
        copy->weights = NULL;
        copy->whole = layer;
        layer->halves[i] = copy;
    }
    return cuv_sl_value(e, layer->halves[backward], out);
}

cuv_status cuv_sc_layer_attribute(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv **out)
{
    static const char *const four[] = {"input", "inputs", "output", "outputs"};
    static const char *const methods[] = {"set_weights", "get_weights", "add", "pop", "get_layer", "load_weights", "to_json", "build",
                                          "call", "__call__", "adapt"};
    e->at = node;
    if (cuv_streq(name, "name") || cuv_streq(name, "_name"))
        return cuv_sv_word(e, layer->name, out);
    if (cuv_streq(name, "layers") || cuv_streq(name, "_layers"))
        return cuv_sc_layers_of(e, layer, out);
    if (cuv_streq(name, "layer") && layer->wrapped)
        return cuv_sl_value(e, layer->wrapped, out);
    if ((cuv_streq(name, "forward_layer") || cuv_streq(name, "backward_layer")) && layer->wrapped && cuv_streq(layer->class_name, "Bidirectional"))
        return half(e, layer, name[0] == 'b', out);
    for (size_t i = 0; i < 4; i++)
        if (cuv_streq(four[i], name))
            return ends(e, node, layer, name, out);
    if (cuv_streq(name, "input_shape") || cuv_streq(name, "output_shape"))
        return end_shape(e, node, layer, name, out);
    for (size_t i = 0; i < sizeof weight_lists / sizeof *weight_lists; i++)
        if (cuv_streq(weight_lists[i], name))
            return cuv_sc_weight_list(e, layer, name, out);
    if (cuv_streq(name, "trainable")) {
        const cuv_sv *set = cuv_sv_get(layer->config, "trainable");
        *out = set && set->kind == CUV_SV_BOOL ? (cuv_sv *)(uintptr_t)set : e->yes;
        return CUV_OK;
    }
    if (cuv_streq(name, "built")) {
        *out = e->yes;
        return CUV_OK;
    }
    if (cuv_streq(name, "__class__"))
        return cuv_sv_name(e, cuv_sc_format(e, "keras.layers.%s", layer->class_name), out);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (cuv_streq(methods[i], name))
            return method_of(e, layer, name, out);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (cuv_streq(harmless[i].name, name))
            return method_of(e, layer, name, out);
    return own_argument(e, layer, name, out);
}

/* trainable reaches everything inside. */
static cuv_status set_trainable(cuv_sc *e, cuv_sl *layer, cuv_sv *value, unsigned depth)
{
    CUV_TRY(cuv_sc_step(e, 4));
    CUV_TRY(cuv_sv_put_word(e, layer->config, "trainable", value));
    for (size_t i = 0; depth < 16 && layer->kind != CUV_SL_OPAQUE && i < layer->layer_count; i++)
        if (layer->layers[i]->kind != CUV_SL_INPUT)
            CUV_TRY(set_trainable(e, layer->layers[i], value, depth + 1));
    return CUV_OK;
}

cuv_status cuv_sc_set_layer_attribute(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv *value)
{
    const struct cuv_signature *s = cuv_signature_of(layer->class_name);
    bool known = true;
    if (cuv_streq(name, "trainable")) {
        bool truth = cuv_sv_truth(value, &known);
        if (!known || e->guarded) {             /* which weights train is no part of what the model computes */
            e->skip = true;
            return CUV_OK;
        }
        return set_trainable(e, layer, cuv_sv_bool(e, truth), 0);
    }
    if (cuv_streq(name, "_name") && value->kind == CUV_SV_TEXT) {
        e->script->underscored = true;
        if (e->script->keras == 3) {            /* an attribute like any other: the name stands in `name` there */
            e->skip = true;
            return CUV_OK;
        }
    }
    if ((cuv_streq(name, "name") || cuv_streq(name, "_name")) && value->kind == CUV_SV_TEXT) {
        CUV_TRY(cuv_sc_effect(e, node));
        CUV_TRY(cuv_sc_open(e, layer));
        cuv_sl_changed(layer);
        layer->name = value->text;
        return CUV_OK;
    }
    if (layer->kind == CUV_SL_PART && s)
        CUV_TRY(cuv_sc_open(e, layer));
    if (s && layer->kind == CUV_SL_LAYER && cuv_word_in("activation recurrent_activation rate alpha negative_slope epsilon", name)) {
        CUV_TRY(cuv_sc_effect(e, node));
        cuv_sl_changed(layer);
        return cuv_sv_put_word(e, layer->config, name, value);
    }
    if (layer->is_model && !cuv_sv_involves(value)) {
        e->skip = true;
        return CUV_OK;
    }
    return cuv_sc_unsupported(e, node, NULL, "the attribute '%s' of the %s '%s' is set here", name, layer->class_name, layer->name);
}
