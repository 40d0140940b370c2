/* Models of a class of the script (class Net(keras.Model)): once its input is known, call() is followed and what it does becomes a
 * functional model of Keras's layers, whose weights the methods of the object then mean. */
#include "evidence/script.h"

/* ---- the input */

static bool is_shape(const cuv_sv *v)
{
    int64_t size = 0;
    if (!cuv_sv_is_seq(v) || v->count == 0 || v->count > CUV_MAX_RANK)
        return false;
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i]->kind != CUV_SV_NONE && !cuv_sv_as_int(v->items[i], &size))
            return false;
    return true;
}

/* The size of the batch is nobody's: it is left open. */
static cuv_status make_input(cuv_sc *e, const cuv_sv *shape, const char *dtype, cuv_sv **out)
{
    cuv_sv *batch = NULL;
    cuv_sl *input = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &batch));
    for (size_t i = 0; i < shape->count; i++)
        CUV_TRY(cuv_sv_add(e, batch, i == 0 ? e->none : shape->items[i]));
    CUV_TRY(cuv_sl_input(e, batch, NULL, dtype, &input));
    return cuv_sl_tensor_value(e, input->calls[0]->outputs[0], out);
}

static cuv_status array_input(cuv_sc *e, const cuv_sv *array, cuv_sv **out)
{
    cuv_sv *shape = NULL, *size = NULL;
    const cuv_tensor *t = array->tensor;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    for (int i = 0; i < t->rank; i++) {
        CUV_TRY(cuv_sv_int(e, t->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, shape, size));
    }
    return make_input(e, shape, cuv_dtype_is_float(t->dtype) ? "float32" : cuv_dtype_name(t->dtype), out);
}

/* Inputs like the shapes or arrays in `v`, in its structure; *out is NULL when it tells none. */
static cuv_status inputs_like(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_sv **out)
{
    *out = NULL;
    if (v->kind == CUV_SV_ARRAY && v->tensor->rank > 0)
        return array_input(e, v, out);
    if (is_shape(v))
        return make_input(e, v, "float32", out);
    if ((!cuv_sv_is_seq(v) && v->kind != CUV_SV_DICT) || depth > 4 || !v->count)
        return CUV_OK;
    cuv_sv *made = NULL, *one = NULL;
    CUV_TRY(cuv_sv_make(e, v->kind, &made));
    for (size_t i = 0; i < v->count; i++) {
        CUV_TRY(inputs_like(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1, &one));
        if (!one)
            return CUV_OK;
        CUV_TRY(v->kind == CUV_SV_DICT ? cuv_sv_put(e, made, v->items[i], one) : cuv_sv_add(e, made, one));
    }
    *out = made;
    return CUV_OK;
}

/* ---- the model */

static cuv_status own_name(cuv_sc *e, cuv_sv *self, const char **out)
{
    *out = self->text;
    return *out ? CUV_OK : cuv_sc_auto_name(e, self->self->node->text, out);
}

/* Layers inside different objects may share a name, those of one functional model may not. */
static cuv_status part_names(cuv_sc *e, cuv_sl *model)
{
    cuv_map *taken = cuv_map_new(e->arena);
    if (!taken)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < model->layer_count; i++) {
        cuv_sl *layer = model->layers[i];
        const char *name = layer->name;
        for (size_t k = 1; cuv_map_get(taken, name); k++)
            name = cuv_sc_format(e, "%s_%zu", layer->name, k);
        layer->name = name;
        CUV_TRY(cuv_map_set(taken, name, layer));
    }
    return CUV_OK;
}

static cuv_status replay(cuv_sc *e, cuv_sv *self)
{
    for (size_t i = 0; i < e->pending_count; i++) {
        const struct cuv_pending *p = &e->pending[i];
        cuv_sv *model = NULL, *unused = NULL;
        if (p->self != self)
            continue;
        CUV_TRY(cuv_sl_value(e, self->layer, &model));
        CUV_TRY(cuv_sc_layer_method(e, model, p->name, &p->args, &unused));
    }
    return CUV_OK;
}

/* `args`: what call() is given, with symbolic tensors. */
static cuv_status make_model(cuv_sc *e, cuv_sv *self, const cuv_sargs *args)
{
    cuv_sv *result = NULL, *inputs = NULL;
    cuv_sl *model = NULL;
    const char *name = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &inputs));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, inputs, args->items[i]));
    CUV_TRY(own_name(e, self, &name));
    e->following++;
    CUV_TRY(cuv_sc_subclass_call(e, self, args, &result));
    e->following--;
    self->unsure = false;               /* nothing but itself */
    e->at = args->node;
    CUV_TRY(cuv_sc_functional(e, inputs->count == 1 ? inputs->items[0] : inputs, result, name, &model));
    model->module = "keras";
    model->object = self;
    self->layer = model;
    CUV_TRY(part_names(e, model));
    return replay(e, self);
}

static bool is_model(const cuv_sv *self)
{
    return cuv_sc_is_model_class(self->self);
}

/* Such an object has no InputLayer in Keras: the inputs that stand for it do not count among the names. */
static cuv_status make_inner_model(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, void *seen)
{
    CUV_TRY(make_model(e, self, args));
    return cuv_map_set(e->counters, e->script->keras == 2 ? "input" : "input_layer", seen);
}

/* The first time that the object's input is told; `told` has a shape, an array, or structures of these for each argument. */
cuv_status cuv_sc_network(cuv_sc *e, cuv_sv *self, cuv_sv *const *told, size_t count, const cuv_py *node)
{
    cuv_sv *args = NULL, *one = NULL;
    if (self->layer || !e->networks)
        return CUV_OK;
    void *seen = cuv_map_get(e->counters, e->script->keras == 2 ? "input" : "input_layer");
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &args));
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(inputs_like(e, told[i], 0, &one));
        if (!one && i > 0)
            break;                      /* training flags and the like */
        if (!one)
            return CUV_OK;
        CUV_TRY(cuv_sv_add(e, args, one));
    }
    return args->count ? make_inner_model(e, self, &(cuv_sargs){args->items, args->count, NULL, NULL, 0, node}, seen) : CUV_OK;
}

static cuv_status shapes_of(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_sv **out)
{
    cuv_sv *one = NULL;
    *out = NULL;
    if (v->kind == CUV_SV_TENSOR && v->symbol->shaped)
        return cuv_sc_shape_tuple(e, v->symbol, out);
    if ((!cuv_sv_is_seq(v) && v->kind != CUV_SV_DICT) || depth > 4)
        return CUV_OK;
    cuv_sv *made = NULL;
    CUV_TRY(cuv_sv_make(e, v->kind, &made));
    for (size_t i = 0; i < v->count; i++) {
        CUV_TRY(shapes_of(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1, &one));
        if (!one)
            return CUV_OK;
        CUV_TRY(v->kind == CUV_SV_DICT ? cuv_sv_put(e, made, v->items[i], one) : cuv_sv_add(e, made, one));
    }
    *out = made;
    return CUV_OK;
}

/* A call on tensors: the object is a model inside of what they become part of. *out stays NULL where that cannot be told. */
cuv_status cuv_sc_network_call(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv **told = CUV_NEW_ARRAY(e->arena, cuv_sv *, args->count + 1);
    size_t count = 0;
    *out = NULL;
    if (!told)
        return cuv_oom(e->cx);
    for (; count < args->count; count++) {
        CUV_TRY(shapes_of(e, args->items[count], 0, &told[count]));
        if (!told[count])
            break;
    }
    bool named = false;
    for (size_t i = 0; i < args->named; i++)
        named = named || cuv_sv_involves(args->values[i]);
    if (!count || named || (!is_model(self) && count < args->count))
        return CUV_OK;
    CUV_TRY(cuv_sc_network(e, self, told, count, args->node));
    return self->layer ? cuv_sl_call(e, self->layer, &(cuv_sargs){args->items, count, NULL, NULL, 0, args->node}, out) : CUV_OK;
}

/* ---- what the evidence tells when the code does not */

static size_t required_inputs(const cuv_sv *call)
{
    size_t n = 0;
    for (size_t i = 1; i < call->node->count; i++) {
        const cuv_py *p = call->node->items[i];
        n += !p->op && !p->a && p->text && !cuv_word_in("training mask", p->text);
    }
    return n;
}

static cuv_status shape_value(cuv_sc *e, const int64_t *shape, int rank, bool batch, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    if (!batch)
        CUV_TRY(cuv_sv_add(e, *out, e->none));
    for (int i = 0; i < rank; i++) {
        cuv_sv *size = e->none;
        if (shape[i] >= 0 && (i > 0 || !batch))
            CUV_TRY(cuv_sv_int(e, shape[i], &size));
        CUV_TRY(cuv_sv_add(e, *out, size));
    }
    return CUV_OK;
}

static cuv_status told_inputs(cuv_sc *e, cuv_sv *out)
{
    const struct cuv_evidence *ev = e->ev;
    cuv_sv *one = NULL;
    for (size_t i = 0; i < ev->input_shape_count; i++) {
        CUV_TRY(shape_value(e, ev->input_shapes[i].shape, ev->input_shapes[i].rank, false, &one));
        CUV_TRY(make_input(e, one, "float32", &one));
        CUV_TRY(cuv_sv_add(e, out, one));
    }
    for (size_t i = 0; !ev->input_shape_count && ev->samples && i < ev->samples->input_count; i++) {
        const cuv_tensor *t = ev->samples->inputs[i].tensor;
        CUV_TRY(shape_value(e, t->shape, t->rank, true, &one));
        CUV_TRY(make_input(e, one, cuv_dtype_is_float(t->dtype) ? "float32" : cuv_dtype_name(t->dtype), &one));
        CUV_TRY(cuv_sv_add(e, out, one));
    }
    return CUV_OK;
}

static cuv_status ask(cuv_sc *e, const cuv_sv *self)
{
    return cuv_sc_fail(e, self->node ? self->node : self->self->node, CUV_NO, "script.input",
                       "say it with --input-shape (sizes without the batch), or call build() or the model on an array in the code",
                       "the code never tells the input of '%s': it is not built, and not called on anything whose shape is known",
                       self->self->node->text);
}

cuv_status cuv_sc_network_from_evidence(cuv_sc *e, cuv_sv *self)
{
    cuv_sv *call = NULL, *inputs = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &inputs));
    CUV_TRY(told_inputs(e, inputs));
    for (const cuv_sv *k = self->self; !call && k; k = k->self)
        call = cuv_map_get(k->scope->names, "call");
    if (!inputs->count || !call || call->kind != CUV_SV_FUNCTION)
        return ask(e, self);
    if (inputs->count == 1 || required_inputs(call) == inputs->count)
        return make_model(e, self, &(cuv_sargs){inputs->items, inputs->count, NULL, NULL, 0, call->node});
    return make_model(e, self, &(cuv_sargs){&inputs, 1, NULL, NULL, 0, call->node});
}

static bool made_without_arguments(const cuv_sv *klass)
{
    const cuv_sv *init = NULL;
    for (const cuv_sv *k = klass; !init && k; k = k->self)
        init = cuv_map_get(k->scope->names, "__init__");
    for (size_t i = 1; init && init->kind == CUV_SV_FUNCTION && i < init->node->count; i++)
        if (!init->node->items[i]->a && !init->node->items[i]->op)
            return false;
    return true;
}

/* A class that the code defines and never uses is the model when nothing else is. */
static cuv_status last_class(cuv_sc *e, const cuv_py *module, cuv_sv **out)
{
    cuv_sv *klass = NULL;
    *out = NULL;
    for (size_t i = 0; i < module->body_count; i++) {
        const cuv_py *s = module->body[i];
        cuv_sv *v = s->kind == CUV_PY_CLASS ? cuv_map_get(e->global->names, s->text) : NULL;
        if (v && v->kind == CUV_SV_CLASS && cuv_sc_is_layer_class(v) && cuv_sc_is_model_class(v) && made_without_arguments(v))
            klass = v;
    }
    if (!klass)
        return CUV_OK;
    e->at = e->statement = klass->node;
    return cuv_sc_instantiate(e, klass, &(cuv_sargs){.node = klass->node}, out);
}

cuv_status cuv_sc_finish_networks(cuv_sc *e, const cuv_py *module)
{
    cuv_sv *self = NULL;
    for (size_t i = 0; i < e->object_count; i++)
        if (is_model(e->objects[i]) && !e->objects[i]->layer && !e->objects[i]->unsure)
            self = e->objects[i];       /* the last one that is no part of another */
    if (e->model_count && !e->pending_count)
        return CUV_OK;
    if (e->pending_count && !e->pending[e->pending_count - 1].self->layer)
        self = e->pending[e->pending_count - 1].self;
    else if (e->model_count)
        return CUV_OK;
    if (!self)
        CUV_TRY(last_class(e, module, &self));
    return self ? cuv_sc_network_from_evidence(e, self) : CUV_OK;
}

/* ---- methods */

static cuv_status put_off(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args)
{
    struct cuv_pending *grown = cuv_arena_grow(e->arena, e->pending, e->pending_count, &e->pending_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    e->pending = grown;
    grown[e->pending_count++] = (struct cuv_pending){self, name, *args};
    return CUV_OK;
}

/* The layers that the object keeps, as model.layers lists them. */
static cuv_status kept_layers(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_sv *out)
{
    CUV_TRY(cuv_sc_step(e, 1));
    if (v->kind == CUV_SV_LAYER || cuv_sc_is_layer_instance(e, v)) {
        for (size_t i = 0; i < out->count; i++)
            if (out->items[i] == v || (v->kind == CUV_SV_LAYER && out->items[i]->layer == v->layer))
                return CUV_OK;
        return cuv_sv_add(e, out, (cuv_sv *)(uintptr_t)v);
    }
    for (size_t i = 0; depth < 8 && v->kind >= CUV_SV_LIST && v->kind <= CUV_SV_DICT && i < v->count; i++)
        CUV_TRY(kept_layers(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1, out));
    return CUV_OK;
}

cuv_status cuv_sc_object_layers(cuv_sc *e, const cuv_sv *self, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < self->count; i++)
        CUV_TRY(kept_layers(e, cuv_map_get(self->scope->names, self->items[i]->text), 0, *out));
    return CUV_OK;
}

static cuv_status get_layer(cuv_sc *e, const cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *list = NULL, *name = cuv_sc_arg(args, 0, "name"), *index = cuv_sc_arg(args, 1, "index");
    CUV_TRY(cuv_sc_object_layers(e, self, &list));
    if (index || (name && name->kind == CUV_SV_INT))
        return cuv_sc_subscript(e, args->node, list, index ? index : name, out);
    for (size_t i = 0; name && name->kind == CUV_SV_TEXT && i < list->count; i++)
        if (list->items[i]->kind == CUV_SV_LAYER && cuv_streq(list->items[i]->layer->name, name->text)) {
            *out = list->items[i];
            return CUV_OK;
        }
    return cuv_sc_unsupported(e, args->node, "write the attribute that keeps it", "the layer %s of '%s'", name ? cuv_sv_describe(e, name) : "",
                              self->self->node->text);
}

/* Methods of a model of a class of the script; *out stays NULL for those of every layer. */
cuv_status cuv_sc_network_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char of_models[] = "load_weights set_weights get_weights summary predict predict_on_batch predict_step evaluate fit train_on_batch "
                                    "test_on_batch save save_weights export to_json count_params";
    cuv_sv *shape = cuv_sc_arg(args, 0, "input_shape"), *model = NULL;
    *out = NULL;
    if (e->networks && !is_model(self) && !self->layer && cuv_streq(name, "set_weights"))
        return cuv_sc_fail(e, args->node, CUV_NO, "script.weights", "call the layer on a tensor first, or build() it: Keras makes its weights then",
                           "the layer of the class '%s' has no weights yet, and is given some here", self->self->node->text);
    if (!e->networks || (!is_model(self) && !self->layer))
        return CUV_OK;
    if (!is_model(self) && cuv_word_in("set_weights get_weights count_params load_weights", name)) {
        CUV_TRY(cuv_sl_value(e, self->layer, &model));
        return cuv_sc_layer_method(e, model, name, args, out);
    }
    if (!is_model(self))
        return CUV_OK;
    if (cuv_streq(name, "get_layer"))
        return get_layer(e, self, args, out);
    if (cuv_streq(name, "build") && shape) {
        *out = e->none;
        return cuv_sc_network(e, self, &shape, 1, args->node);
    }
    if (!cuv_word_in(of_models, name))
        return CUV_OK;
    if (cuv_word_in("predict predict_on_batch evaluate fit train_on_batch test_on_batch", name) && args->count)
        CUV_TRY(cuv_sc_network(e, self, args->items, 1, args->node));
    if (self->layer) {
        CUV_TRY(cuv_sl_value(e, self->layer, &model));
        return cuv_sc_layer_method(e, model, name, args, out);
    }
    if (cuv_word_in("load_weights set_weights", name)) {
        *out = e->none;
        return put_off(e, self, name, args);
    }
    e->script->wants_summary = e->script->wants_summary || cuv_streq(name, "summary");
    e->skip = true;
    return cuv_sv_unknown(e, out, "what %s() of '%s' gives", name, self->self->node->text);
}
