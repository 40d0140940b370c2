/* The code of --custom: the model that it builds for one layer where that stands. The code may leave a model, or define the class itself, or a
 * function named after it that is given the layer's inputs and arguments. Weights come from the file, never from the code. */
#include "evidence/script.h"

typedef struct job {
    const cuv_custom *custom;
    const cuv_custom_use *use;
    cuv_arena *arena;           /* for the result */
    cuv_value **out;
    cuv_custom_masks *masks;
    const cuv_value *record;    /* of the whole model */
} job;

static const char need[] =
    "the code leaves a model (model = Sequential([...])), or defines the class itself, or a function with its name, whose parameters are what "
    "the layer is called with and its arguments by name, and which returns a tensor or a model: def MyLayer(x, units): return Dense(units)(x)";

/* ---- the inputs ---- */

static cuv_status make_input(cuv_sc *e, const struct cuv_custom_input *in, cuv_sv **out)
{
    cuv_sv *shape = NULL, *size = NULL;
    cuv_sl *input = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    for (int i = 0; i < in->rank; i++) {
        size = e->none;
        if (in->shape[i] >= 0)
            CUV_TRY(cuv_sv_int(e, in->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, shape, size));
    }
    CUV_TRY(cuv_sl_input(e, shape, NULL, in->dtype, &input));
    return cuv_sl_tensor_value(e, input->calls[0]->outputs[0], out);
}

/* All tensors in a list, and the positional arguments made of them. */
static cuv_status make_inputs(cuv_sc *e, const cuv_custom_use *use, cuv_sv *flat, cuv_sv *args)
{
    size_t next = 0;
    for (size_t i = 0; i < use->arg_count; i++) {
        cuv_sv *list = NULL, *one = NULL;
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
        for (size_t k = 0; k < use->args[i].count; k++) {
            CUV_TRY(make_input(e, &use->inputs[next++], &one));
            CUV_TRY(cuv_sv_add(e, flat, one));
            CUV_TRY(cuv_sv_add(e, list, one));
        }
        CUV_TRY(cuv_sv_add(e, args, use->args[i].list || !one ? list : one));
    }
    return CUV_OK;
}

/* (None, 4), or a list of such for several inputs. */
static cuv_status input_shape(cuv_sc *e, const cuv_sv *flat, cuv_sv **out)
{
    if (flat->count == 1)
        return cuv_sc_shape_tuple(e, flat->items[0]->symbol, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < flat->count; i++) {
        cuv_sv *one = NULL;
        CUV_TRY(cuv_sc_shape_tuple(e, flat->items[i]->symbol, &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

/* ---- the function ---- */

/* {"module": "keras.layers", "class_name": "Dense", "config": {...}} among the arguments is the layer itself, a function its name. */
static cuv_status argument_value(cuv_sc *e, const cuv_value *v, cuv_sv **out)
{
    const char *class_name = cuv_get_text(v, "class_name");
    if (cuv_streq(class_name, "function") && cuv_get_text(v, "config"))
        return cuv_sv_word(e, cuv_get_text(v, "config"), out);
    if (cuv_streq(class_name, "__tuple__") && cuv_is_seq(cuv_get(v, "items")))
        v = cuv_get(v, "items");
    cuv_sl *layer = NULL;
    if (class_name && cuv_signature_of(class_name) && cuv_get(v, "config") && cuv_get(v, "config")->kind == CUV_DICT) {
        cuv_value *copy = cuv_value_copy(e->arena, v);
        if (!copy)
            return cuv_oom(e->cx);
        CUV_TRY(cuv_sc_opaque(e, copy, NULL, false, &layer));
        layer->is_model = cuv_streq(class_name, "Sequential") || cuv_streq(class_name, "Functional") || cuv_streq(class_name, "Model");
        return cuv_sl_value(e, layer, out);
    }
    return cuv_sv_from_value(e, v, 0, out);
}

static bool of_layer(const char *name)
{
    return cuv_streq(name, "name") || cuv_streq(name, "trainable") || cuv_streq(name, "dtype");
}

typedef struct arguments { cuv_sv **values; const char **names; size_t count; const cuv_sv *inputs; size_t next; } arguments;

/* What a parameter is given: the argument of its name, else the next of the layer's inputs. */
static cuv_status parameter(cuv_sc *e, const job *j, const char *name, bool required, arguments *a, cuv_sv **out)
{
    const cuv_value *given = cuv_get(j->use->config, name);
    *out = NULL;
    if (given && j->use->config->kind == CUV_DICT)
        return argument_value(e, given, out);
    if (cuv_streq(name, "name"))
        return cuv_sv_word(e, j->use->layer, out);
    if (required && a->next < a->inputs->count)
        *out = a->inputs->items[a->next++];
    return CUV_OK;
}

static void add(arguments *a, const char *name, cuv_sv *value)
{
    a->names[a->count] = name;
    a->values[a->count++] = value;
}

static cuv_status rest(cuv_sc *e, const job *j, const cuv_py *def, arguments *a)
{
    const cuv_value *config = j->use->config;
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *name = cuv_text(config->pairs[i].key);
        bool taken = !name || of_layer(name);
        cuv_sv *value = NULL;
        for (size_t k = 0; k < def->count && !taken; k++)
            taken = cuv_streq(def->items[k]->text, name);
        if (taken)
            continue;
        CUV_TRY(argument_value(e, config->pairs[i].value, &value));
        add(a, name, value);
    }
    return CUV_OK;
}

/* `from`: the first parameter that is to be given something. */
static cuv_status gather(cuv_sc *e, const job *j, const cuv_sv *f, size_t from, const cuv_sv *flat, const cuv_sv *inputs, arguments *a)
{
    const cuv_py *def = f->node;
    size_t room = def->count + cuv_len(j->use->config) + 1;
    *a = (arguments){.values = CUV_NEW_ARRAY(e->arena, cuv_sv *, room),
                     .names = CUV_NEW_ARRAY(e->arena, const char *, room), .inputs = inputs};
    if (!a->values || !a->names)
        return cuv_oom(e->cx);
    for (size_t i = from; i < def->count; i++) {
        const cuv_py *p = def->items[i];
        cuv_sv *value = NULL;
        if (p->op == '2')
            CUV_TRY(rest(e, j, def, a));
        if (p->op || !p->text)
            continue;
        if (cuv_streq(p->text, "input_shape") && !cuv_get(j->use->config, "input_shape"))
            CUV_TRY(input_shape(e, flat, &value));
        else
            CUV_TRY(parameter(e, j, p->text, !p->a, a, &value));
        if (value)
            add(a, p->text, value);
    }
    return CUV_OK;
}

/* ---- the result ---- */

static cuv_status no_model(cuv_sc *e, const job *j, const cuv_sv *found)
{
    return cuv_fail(e->cx, CUV_NO, "custom.model", &(cuv_detail){.file = e->file->path, .layer = j->use->layer, .help = need,
                    .expected = "a model of Keras's layers", .found = found ? cuv_sv_describe(e, found) : "no model"},
                    found ? "%s gives no model for '%s': %s" : "%s builds no model for the class of '%s'%s", e->file->name, j->use->layer,
                    found ? cuv_sv_describe(e, found) : "");
}

static cuv_status sequential_of(cuv_sc *e, cuv_sv *layer, cuv_sl **out)
{
    cuv_sv *list = NULL, *model = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    CUV_TRY(cuv_sv_add(e, list, layer));
    CUV_TRY(cuv_sc_sequential(e, &(cuv_sargs){&list, 1, NULL, NULL, 0, e->at}, &model));
    *out = model->layer;
    return CUV_OK;
}

/* A model, a layer, or the tensors that a call gives. */
static cuv_status result_model(cuv_sc *e, const job *j, cuv_sv *result, cuv_sv *flat, cuv_sl **out)
{
    *out = NULL;
    if (result->kind == CUV_SV_LAYER && result->layer->is_model)
        *out = result->layer;
    else if (result->kind == CUV_SV_LAYER)
        return sequential_of(e, result, out);
    else if (cuv_sv_involves(result) && !cuv_sv_unknown_in(result))
        return cuv_sc_functional(e, flat, result, NULL, out);
    return *out ? CUV_OK : no_model(e, j, result);
}

static cuv_sv *defined(const cuv_sc *e, const char *name)
{
    cuv_sv *v = name ? cuv_map_get(e->global->names, cuv_plain_name(name)) : NULL;
    return v && (v->kind == CUV_SV_FUNCTION || v->kind == CUV_SV_CLASS || v->kind == CUV_SV_LAYER) ? v : NULL;
}

/* The one function of the code, when there is no other. */
static cuv_sv *only_function(const cuv_sc *e, const cuv_py *module)
{
    cuv_sv *f = NULL;
    for (size_t i = 0; i < module->body_count; i++) {
        const cuv_py *s = module->body[i];
        cuv_sv *v = s->kind == CUV_PY_DEF ? cuv_map_get(e->global->names, s->text) : NULL;
        if (v && v->kind == CUV_SV_FUNCTION && f)
            return NULL;
        f = v && v->kind == CUV_SV_FUNCTION ? v : f;
    }
    return f;
}

/* ---- the class ---- */

static bool says_masking(const cuv_sv *object)
{
    const cuv_sv *v = cuv_map_get(object->scope->names, "supports_masking");
    for (const cuv_sv *k = object->self; !v && k; k = k->self)
        v = cuv_map_get(k->scope->names, "supports_masking");
    return v && v->kind == CUV_SV_BOOL && v->truth;
}

/* What compute_mask gives for a mask; without one, Keras hands masks on where supports_masking says so. */
static cuv_status masks_of(cuv_sc *e, const job *j, cuv_sv *object, const cuv_sv *inputs)
{
    cuv_sv *method = NULL, *mask = NULL, *result = NULL;
    *j->masks = says_masking(object) ? CUV_MASKS_KEPT : CUV_MASKS_DROPPED;
    CUV_TRY(cuv_sc_attribute(e, e->at, object, "compute_mask", &method));
    if (method->kind != CUV_SV_METHOD || !method->count || !inputs->count)
        return CUV_OK;
    CUV_TRY(cuv_sv_word(e, "mask", &mask));
    cuv_sv *given[2] = {inputs->items[0], mask};
    CUV_TRY(cuv_sc_call(e, method, &(cuv_sargs){given, 2, NULL, NULL, 0, e->at}, &result));
    if (result != mask && result->kind != CUV_SV_NONE)
        return cuv_sc_unsupported(e, method->items[0]->node, "hand the mask on as it is, or return None", "compute_mask makes a mask of its own");
    *j->masks = result == mask ? CUV_MASKS_KEPT : CUV_MASKS_DROPPED;
    return CUV_OK;
}

static cuv_status call_class(cuv_sc *e, const job *j, cuv_sv *klass, const cuv_sv *flat, const cuv_sv *inputs, cuv_sv **out)
{
    cuv_sv *object = NULL, *init = NULL, *none = NULL;
    arguments a = {0};
    if (!cuv_sc_is_layer_class(klass))
        return cuv_sc_unsupported(e, klass->node, need, "'%s' is a class that does not extend keras.layers.Layer or keras.Model itself",
                                  klass->node->text);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &none));
    for (const cuv_sv *k = klass; !init && k; k = k->self)
        init = cuv_map_get(k->scope->names, "__init__");
    if (init && init->kind == CUV_SV_FUNCTION)
        CUV_TRY(gather(e, j, init, 1, flat, none, &a));
    CUV_TRY(cuv_sc_instantiate(e, klass, &(cuv_sargs){.names = a.names, .values = a.values, .named = a.count, .node = klass->node}, &object));
    CUV_TRY(cuv_sc_call(e, object, &(cuv_sargs){inputs->items, inputs->count, NULL, NULL, 0, klass->node}, out));
    return masks_of(e, j, object, inputs);
}

static cuv_status find_result(cuv_sc *e, const job *j, cuv_sv *flat, cuv_sv *inputs, cuv_sl **out)
{
    const char *dot = strrchr(j->custom->name, '.');
    cuv_sv *f = defined(e, j->custom->means ? j->custom->means : j->use->class_name), *result = NULL;
    arguments a;
    f = f ? f : defined(e, dot ? dot + 1 : j->custom->name);
    cuv_sl *model = f ? NULL : cuv_sc_choose_model(e);
    f = f || model ? f : only_function(e, j->custom->module);
    if (!f && !model)
        return no_model(e, j, NULL);
    if (model || f->kind == CUV_SV_LAYER) {
        *out = model;
        return model ? CUV_OK : result_model(e, j, f, flat, out);
    }
    e->at = e->statement = f->node;
    if (f->kind == CUV_SV_CLASS) {
        CUV_TRY(call_class(e, j, f, flat, inputs, &result));
        return result_model(e, j, result, flat, out);
    }
    CUV_TRY(gather(e, j, f, 0, flat, inputs, &a));
    CUV_TRY(cuv_sc_call(e, f, &(cuv_sargs){.names = a.names, .values = a.values, .named = a.count, .node = f->node}, &result));
    return result_model(e, j, result, flat, out);
}

static cuv_status no_weights(cuv_sc *e, const job *j)
{
    return cuv_fail(e->cx, CUV_UNSUPPORTED, "custom.weights", &(cuv_detail){.file = e->file->path, .layer = j->use->layer,
                    .help = "take the line out: the weights that the model's file holds for the layer are bound"},
                    "%s sets weights, or loads them, which code that stands in for a class cannot", e->file->name);
}

/* Layers for which the code states no policy have the layer's own. */
static cuv_status hand_down_policy(cuv_sc *e, cuv_value *v, const cuv_value *dtype, unsigned depth)
{
    cuv_value *config = cuv_get(v, "config");
    cuv_value *layers = cuv_get(config, "layers");
    if (!dtype || depth == 0 || !config)
        return CUV_OK;
    for (size_t i = 0; i < cuv_len(layers); i++) {
        cuv_value *inner = cuv_get(cuv_item(layers, i), "config");
        if (inner && inner->kind == CUV_DICT && !cuv_get(inner, "dtype") && !cuv_get(inner, "layers"))
            CUV_TRY(cuv_dict_set(e->arena, inner, "dtype", cuv_value_copy(e->arena, dtype)));
        CUV_TRY(hand_down_policy(e, cuv_item(layers, i), dtype, depth - 1));
    }
    return CUV_OK;
}

static cuv_status read_model(cuv_sc *e, const void *with)
{
    const job *j = with;
    cuv_flow flow = CUV_FLOW_NEXT;
    cuv_sv *flat = NULL, *inputs = NULL;
    cuv_sl *model = NULL;
    cuv_value *record = NULL;
    e->numbers = true;
    e->bodies = true;
    CUV_TRY(cuv_sc_prepare(e));
    e->kept_names = cuv_map_new(e->arena);
    if (!e->kept_names)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &flat));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &inputs));
    CUV_TRY(make_inputs(e, j->use, flat, inputs));
    e->bodies_input = flat->count ? flat->items[0] : NULL;
    CUV_TRY(cuv_sc_block(e, j->custom->module->body, j->custom->module->body_count, &flow));
    e->guarded = 0;
    CUV_TRY(find_result(e, j, flat, inputs, &model));
    if (e->stated_count || model->whole_file)
        return no_weights(e, j);
    e->at = model->node;
    CUV_TRY(cuv_sl_record(e, model, 0, &record));
    CUV_TRY(hand_down_policy(e, record, cuv_get(j->use->config, "dtype"), 64));
    CUV_TRY(cuv_dict_set(e->arena, cuv_get(record, "config"), "name", cuv_value_text(e->arena, j->use->layer)));
    cuv_sv *masks = cuv_map_get(e->global->names, "supports_masking");
    if (masks && masks->kind == CUV_SV_BOOL)
        *j->masks = masks->truth ? CUV_MASKS_KEPT : CUV_MASKS_DROPPED;
    *j->out = cuv_value_copy(j->arena, record);
    return *j->out ? CUV_OK : cuv_oom(e->cx);
}

cuv_status cuv_custom_model(struct cuv_evidence *ev, const cuv_custom *custom, const cuv_custom_use *use, cuv_arena *arena, cuv_value **out,
                            cuv_custom_masks *masks)
{
    job j = {custom, use, arena, out, masks, NULL};
    *masks = CUV_MASKS_AS_INSIDE;
    cuv_script *unused = NULL;
    *out = NULL;
    return cuv_sc_read(ev, custom->file, use->keras == 1 ? 2 : use->keras, read_model, &j, &unused);
}

/* ---- the model itself is of the class ---- */

static bool is_foreign_model(const cuv_value *record)
{
    static const char *const own[] = {"Sequential", "Functional", "Model", "Graph"};
    const char *name = cuv_get_text(record, "class_name");
    const cuv_value *config = cuv_get(record, "config");
    bool known = !name || (config && cuv_get(config, "layers") && cuv_get(config, "output_layers"));
    for (size_t i = 0; !known && i < sizeof own / sizeof *own; i++)
        known = cuv_streq(own[i], name);
    return !known;
}

/* Of a Model whose class has no get_config of its own Keras 3 writes the defaults of the arguments, whatever it was made with. */
static bool keeps_arguments(const cuv_sv *klass, int keras)
{
    for (const cuv_sv *k = klass; k; k = k->self)
        if (cuv_map_get(k->scope->names, "get_config"))
            return true;
    return keras != 3;
}

/* Arguments with a default that the file does not tell are taken to be that, and said so. */
static cuv_status class_arguments(cuv_sc *e, job *j, const cuv_sv *klass, const cuv_sv *init, cuv_sv *none, arguments *a)
{
    const bool kept = keeps_arguments(klass, j->use->keras);
    const char *defaults = "";
    size_t n = 0;
    CUV_TRY(gather(e, j, init, 1, none, none, a));
    for (size_t i = 1; i < init->node->count; i++) {
        const cuv_py *p = init->node->items[i];
        size_t at = 0;
        if (p->op || !p->text || !p->a || of_layer(p->text))
            continue;
        while (at < a->count && !cuv_streq(a->names[at], p->text))
            at++;
        if (at < a->count && kept)
            continue;
        for (; at + 1 < a->count; at++) {
            a->names[at] = a->names[at + 1];
            a->values[at] = a->values[at + 1];
        }
        a->count -= at < a->count;
        defaults = cuv_sc_format(e, "%s%s%s=%s", defaults, n++ ? ", " : "", p->text, cuv_py_brief(e->cx, e->src, p->a, 40));
    }
    if (n)
        cuv_warn(e->cx, "custom.defaults", &(cuv_detail){.file = e->file->path, .layer = j->use->class_name, .found = defaults,
                 .help = "if the model was made with others, write those as the defaults; samples of the original (--samples) show it"},
                 "'%s' is taken to be made with the defaults of %s, since its file does not tell its arguments: %s", j->use->class_name,
                 e->file->name, defaults);
    return CUV_OK;
}

/* [null, 4], {"class_name": "TensorShape", "items": [null, 4]}, or lists and dictionaries of such. */
static cuv_status shape_told(cuv_sc *e, const cuv_value *v, unsigned depth, cuv_sv **out)
{
    const cuv_value *items = cuv_get(v, "items");
    cuv_sv *one = NULL;
    v = cuv_get_text(v, "class_name") && cuv_is_seq(items) ? items : v;
    if (depth > 4 || !(cuv_is_seq(v) || v->kind == CUV_DICT))
        return cuv_sv_from_value(e, v, 0, out);
    CUV_TRY(cuv_sv_make(e, v->kind == CUV_DICT ? CUV_SV_DICT : CUV_SV_LIST, out));
    for (size_t i = 0; i < v->size; i++) {
        CUV_TRY(shape_told(e, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1, &one));
        if (v->kind != CUV_DICT)
            CUV_TRY(cuv_sv_add(e, *out, one));
        else if (cuv_text(v->pairs[i].key))
            CUV_TRY(cuv_sv_put_word(e, *out, cuv_text(v->pairs[i].key), one));
    }
    return CUV_OK;
}

/* What Keras wrote down of the shapes that the model was built for: one for the first argument, or one by the name of each. */
static cuv_status built_for(cuv_sc *e, const cuv_value *record, const cuv_sv *call, cuv_sv *told)
{
    const cuv_value *build = cuv_get(record, "build_config"), *shapes = cuv_get(build, "shapes_dict");
    cuv_sv *one = NULL;
    if (!shapes) {
        if (!cuv_get(build, "input_shape") || cuv_get(build, "input_shape")->kind == CUV_NULL)
            return CUV_OK;
        CUV_TRY(shape_told(e, cuv_get(build, "input_shape"), 0, &one));
        return cuv_sv_add(e, told, one);
    }
    for (size_t i = 1; i < call->node->count; i++) {
        const char *name = call->node->items[i]->text;
        const cuv_value *shape = name ? cuv_get(shapes, cuv_sc_format(e, "%s_shape", name)) : NULL;
        if (!shape)
            return CUV_OK;
        CUV_TRY(shape_told(e, shape, 0, &one));
        CUV_TRY(cuv_sv_add(e, told, one));
    }
    return CUV_OK;
}

static cuv_sv *method(const cuv_sv *klass, const char *name)
{
    cuv_sv *f = NULL;
    for (const cuv_sv *k = klass; !f && k; k = k->self)
        f = cuv_map_get(k->scope->names, name);
    return f && f->kind == CUV_SV_FUNCTION ? f : NULL;
}

static cuv_status no_class(cuv_sc *e, const job *j)
{
    return cuv_fail(e->cx, CUV_NO, "custom.class", &(cuv_detail){.file = e->file->path, .layer = j->use->class_name,
                    .expected = cuv_sc_format(e, "class %s(keras.Model)", j->use->class_name),
                    .help = "the whole model is of this class: the code must define it; a script that builds the model otherwise may be given "
                            "beside the file"},
                    "%s defines no class that extends keras.Model for '%s'", e->file->name, j->use->class_name);
}

/* The object of the class, and the model that its call() makes. */
static cuv_status make_whole(cuv_sc *e, job *j, const cuv_value *record, cuv_sl **model)
{
    const char *dot = strrchr(j->custom->name, '.');
    cuv_sv *klass = defined(e, j->use->class_name), *none = NULL, *told = NULL, *object = NULL;
    arguments a = {0};
    klass = klass ? klass : defined(e, dot ? dot + 1 : j->custom->name);
    e->counters = cuv_map_new(e->arena);        /* what the code makes besides has no part in the names */
    if (!e->counters)
        return cuv_oom(e->cx);
    if (!klass || klass->kind != CUV_SV_CLASS || !cuv_sc_is_layer_class(klass) || !cuv_sc_is_model_class(klass) || !method(klass, "call"))
        return no_class(e, j);
    cuv_sv *init = method(klass, "__init__");
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &none));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &told));
    e->at = e->statement = klass->node;
    if (init)
        CUV_TRY(class_arguments(e, j, klass, init, none, &a));
    CUV_TRY(cuv_sc_instantiate(e, klass, &(cuv_sargs){.names = a.names, .values = a.values, .named = a.count, .node = klass->node}, &object));
    CUV_TRY(built_for(e, record, method(klass, "call"), told));
    CUV_TRY(cuv_sc_network(e, object, told->items, told->count, klass->node));
    if (!object->layer)
        CUV_TRY(cuv_sc_network_from_evidence(e, object));
    *model = object->layer;
    return CUV_OK;
}

static cuv_status read_whole(cuv_sc *e, const void *with)
{
    job *j = (job *)(uintptr_t)with;
    const cuv_value *record = j->record;
    cuv_flow flow = CUV_FLOW_NEXT;
    cuv_sl *model = NULL;
    cuv_value *made = NULL;
    CUV_TRY(cuv_sc_prepare(e));
    CUV_TRY(cuv_sc_follow_classes(e));
    CUV_TRY(cuv_sc_block(e, j->custom->module->body, j->custom->module->body_count, &flow));
    e->guarded = 0;
    CUV_TRY(make_whole(e, j, record, &model));
    if (e->stated_count || e->pending_count)
        return no_weights(e, j);
    e->at = model->node;
    CUV_TRY(cuv_sl_record(e, model, 0, &made));
    CUV_TRY(hand_down_policy(e, made, cuv_get(j->use->config, "dtype"), 64));
    e->script->config = cuv_value_copy(e->ev->arena, made);
    e->script->stands_for = cuv_arena_strdup(e->ev->arena, j->use->class_name);
    e->script->stands_in = e->file->name;
    return e->script->config && e->script->stands_for ? cuv_sc_places(e, model, &e->script->places) : cuv_oom(e->cx);
}

/* load_model of a file whose model is of a class of the script: an object of it, made as the file says, with the file's weights. *out stays
 * NULL where the class is none of the script's. */
cuv_status cuv_sc_load_object(cuv_sc *e, cuv_file *file, const cuv_sv *custom_objects, const cuv_py *node, cuv_sv **out)
{
    const char *class_name = cuv_get_text(file->config, "class_name");
    cuv_sv *klass = NULL, *none = NULL, *told = NULL, *path = NULL;
    arguments a = {0};
    *out = NULL;
    if (!e->networks || !class_name || !is_foreign_model(file->config))
        return CUV_OK;
    if (custom_objects && custom_objects->kind == CUV_SV_DICT)
        klass = cuv_sv_get(custom_objects, cuv_plain_name(class_name));
    klass = klass ? klass : defined(e, class_name);
    if (!klass || klass->kind != CUV_SV_CLASS || !cuv_sc_is_layer_class(klass) || !cuv_sc_is_model_class(klass) || !method(klass, "call"))
        return CUV_OK;
    cuv_custom_use use = {.layer = class_name, .class_name = class_name, .config = cuv_get(file->config, "config"),
                          .keras = file->keras ? file->keras : 3};
    job j = {.use = &use, .record = file->config};
    cuv_sv *init = method(klass, "__init__");
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &none));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &told));
    if (init)
        CUV_TRY(class_arguments(e, &j, klass, init, none, &a));
    CUV_TRY(cuv_sc_instantiate(e, klass, &(cuv_sargs){.names = a.names, .values = a.values, .named = a.count, .node = node}, out));
    CUV_TRY(built_for(e, file->config, method(klass, "call"), told));
    CUV_TRY(cuv_sc_network(e, *out, told->items, told->count, node));
    if ((*out)->layer)
        return cuv_sc_take_file(e, (*out)->layer, file);
    CUV_TRY(cuv_sv_word(e, file->name, &path));             /* built by what it is called on first */
    return cuv_sc_network_method(e, *out, "load_weights", &(cuv_sargs){&path, 1, NULL, NULL, 0, node}, &path);
}

cuv_status cuv_custom_whole(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_custom *custom = is_foreign_model(file->config) ? cuv_custom_for(ev, file->config, cuv_get_text(cuv_get(file->config, "config"), "name"))
                                                        : NULL;
    cuv_script *script = NULL;
    if (!custom || custom->implied)     /* a script that loads such a file is asked for --custom */
        return CUV_OK;
    cuv_custom_use use = {.layer = cuv_get_text(file->config, "class_name"), .class_name = cuv_get_text(file->config, "class_name"),
                          .config = cuv_get(file->config, "config"), .keras = file->keras ? file->keras : 3};
    job j = {.custom = custom, .use = &use, .record = file->config};
    custom->used = true;
    CUV_TRY(cuv_sc_read(ev, custom->file, use.keras == 1 ? 2 : use.keras, read_whole, &j, &script));
    file->script = script;
    return CUV_OK;
}
