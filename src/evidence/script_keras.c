/* Calls of Keras and TensorFlow by their canonical names: layers, models, files, settings, and what has no effect on a model. */
#include "evidence/read.h"
#include "evidence/script.h"

typedef cuv_status answer(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);

static cuv_status skipped(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)args;
    e->skip = true;
    return cuv_sv_unknown(e, out, "what %s gives", name);
}

/* ---- models ---- */

static cuv_status input(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    return cuv_sc_input(e, args, cuv_streq(cuv_sc_last(name), "InputLayer"), out);
}

static cuv_status sequential(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_sequential(e, args, out);
}

static cuv_status model(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_model(e, args, out);
}

static cuv_status opaque_value(cuv_sc *e, const cuv_value *record, cuv_file *file, bool whole, const cuv_py *node, cuv_sv **out)
{
    cuv_sl *made = NULL;
    e->at = node;
    CUV_TRY(cuv_sc_opaque(e, record, file, whole, &made));
    if (whole)
        CUV_TRY(cuv_sc_take_file(e, made, file));
    return cuv_sl_value(e, made, out);
}

static cuv_status load_model(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *path = cuv_sc_arg(args, 0, "filepath");
    cuv_file *file = NULL;
    path = path ? path : cuv_sc_arg(args, args->count, "path");
    if (!path || (path->kind != CUV_SV_TEXT && path->kind != CUV_SV_FILE))
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write the file's name out",
                           "which file %s reads is not known from the code: it is %s", cuv_sc_last(name),
                           path ? cuv_sv_describe(e, path) : "missing");
    CUV_TRY(cuv_sc_find(e, args->node, path->text, &file));
    if (!file->config)
        return cuv_sc_fail(e, args->node, CUV_NO, "script.model", "load_weights reads files of weights alone, once the code has built the model",
                           "load_model is given %s, which holds no model: it is %s", file->name, file->kind ? file->kind : "of another form");
    CUV_TRY(cuv_sc_load_object(e, file, cuv_sc_arg(args, 1, "custom_objects"), args->node, out));
    return *out ? CUV_OK : opaque_value(e, file->config, file, true, args->node, out);
}

/* The configuration object in a value, whether it came from a file or was written down in the code. */
static cuv_status record_of(cuv_sc *e, cuv_sv *v, const cuv_py *node, cuv_value **out, cuv_file **file)
{
    bool found = false;
    cuv_file scratch = {.path = e->file->path, .name = e->file->name, .source = e->file->source};
    e->at = node;
    *file = v->file;
    if (v->file && v->file->config && v->kind == CUV_SV_TEXT) {
        *out = v->file->config;
        return CUV_OK;
    }
    CUV_TRY(cuv_sv_to_value(e, v, "the configuration", 0, out));
    CUV_TRY(cuv_config_take(e->ev, &scratch, *out, &found));
    if (!found)
        return cuv_sc_fail(e, node, CUV_NO, "script.model", NULL, "this is no configuration of a Keras model: %s", cuv_sv_describe(e, v));
    *out = scratch.config;
    return CUV_OK;
}

static cuv_status from_config(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);

/* Dense.from_config({...}): the entries are its arguments. */
static cuv_status layer_from(cuv_sc *e, const char *class_name, cuv_sv *config, const cuv_py *node, cuv_sv **out)
{
    cuv_sargs args = {.names = CUV_NEW_ARRAY(e->arena, const char *, config->count + 1), .values = config->values, .named = config->count,
                      .node = node};
    if (!args.names)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < config->count; i++) {
        if (config->items[i]->kind != CUV_SV_TEXT)
            return CUV_OK;
        args.names[i] = config->items[i]->text;
    }
    return cuv_streq(class_name, "InputLayer") ? cuv_sc_input(e, &args, true, out) : cuv_sc_make_layer(e, class_name, &args, out);
}

/* A layer's record, {"class_name", "config"}; *out stays NULL when v is none. Wrappers hold records of layers, which only files have. */
static cuv_status layer_of(cuv_sc *e, const cuv_sv *v, const cuv_py *node, cuv_sv **out)
{
    const cuv_sv *class_name = v && v->kind == CUV_SV_DICT ? cuv_sv_get(v, "class_name") : NULL;
    cuv_sv *config = class_name ? cuv_sv_get(v, "config") : NULL;
    bool layer = class_name && class_name->kind == CUV_SV_TEXT && (cuv_signature_of(class_name->text) || cuv_sv_is(class_name, "InputLayer"));
    if (!layer || !config || config->kind != CUV_SV_DICT || cuv_sv_get(config, "layer") || cuv_sv_unknown_in(config))
        return CUV_OK;
    return layer_from(e, class_name->text, config, node, out);
}

static cuv_status deserialize(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(layer_of(e, cuv_sc_arg(args, 0, "config"), args->node, out));
    return *out ? CUV_OK : from_config(e, name, args, out);
}

/* layers.Dense.from_config(config); *out stays NULL for other names. */
static cuv_status class_from_config(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *config = cuv_sc_arg(args, 0, "config");
    const char *dot = strrchr(name, '.');
    if (!dot || !cuv_streq(dot, ".from_config") || !cuv_starts_with(name, "layers.") || dot < name + strlen("layers.") || !config || config->kind != CUV_SV_DICT ||
        cuv_sv_get(config, "layer") || cuv_sv_unknown_in(config))
        return CUV_OK;
    const char *from = name + strlen("layers."), *class_name = cuv_sc_format(e, "%.*s", (int)(dot - from), from);
    if (!cuv_signature_of(class_name) && !cuv_streq(class_name, "InputLayer"))
        return CUV_OK;
    return layer_from(e, class_name, config, args->node, out);
}

static cuv_status from_config(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "json_string");
    cuv_value *record = NULL;
    cuv_file *file = NULL;
    v = v ? v : cuv_sc_arg(args, args->count, "config");
    v = v ? v : cuv_sc_arg(args, args->count, "yaml_string");
    if (v && v->layer && v->kind == CUV_SV_TEXT) {              /* model_from_json(model.to_json()) */
        CUV_TRY(cuv_sl_record(e, v->layer, 0, &record));
        return opaque_value(e, record, NULL, false, args->node, out);
    }
    if (!v || cuv_sv_unknown_in(v))
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "read it from a file: open('model.json').read()",
                           "what %s is given is not known from the code: it is %s", cuv_sc_last(name), v ? cuv_sv_describe(e, v) : "missing");
    CUV_TRY(record_of(e, v, args->node, &record, &file));
    return opaque_value(e, record, file, false, args->node, out);
}

static cuv_status clone_model(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "model");
    cuv_value *record = NULL;
    if (!v || v->kind != CUV_SV_LAYER || args->count + args->named > 1)
        return cuv_sc_unsupported(e, args->node, "build the model anew", "%s with more than a model", cuv_sc_last(name));
    CUV_TRY(cuv_sl_record(e, v->layer, 0, &record));
    return opaque_value(e, record, NULL, false, args->node, out);
}

/* keras.layers.concatenate([a, b]) is the layer, made and called. */
static cuv_status merge(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *function, *class_name; } table[] = {
        {"add", "Add"}, {"subtract", "Subtract"}, {"multiply", "Multiply"}, {"average", "Average"}, {"maximum", "Maximum"},
        {"minimum", "Minimum"}, {"concatenate", "Concatenate"}, {"dot", "Dot"}};
    const char *last = cuv_sc_last(name), *class_name = NULL;
    cuv_sv *inputs = cuv_sc_arg(args, 0, "inputs"), *layer = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].function, last))
            class_name = table[i].class_name;
    if (!class_name || !inputs)
        return CUV_OK;
    cuv_sargs rest = {args->count ? args->items + 1 : NULL, args->count ? args->count - 1 : 0, args->names, args->values, args->named,
                      args->node};
    cuv_sv **values = CUV_NEW_ARRAY(e->arena, cuv_sv *, args->named + 1);
    const char **names = CUV_NEW_ARRAY(e->arena, const char *, args->named + 1);
    if (!values || !names)
        return cuv_oom(e->cx);
    rest.named = 0;
    rest.names = names;
    rest.values = values;
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_streq(args->names[i], "inputs")) {
            names[rest.named] = args->names[i];
            values[rest.named++] = args->values[i];
        }
    CUV_TRY(cuv_sc_make_layer(e, class_name, &rest, &layer));
    return cuv_sl_call(e, layer->layer, &(cuv_sargs){&inputs, 1, NULL, NULL, 0, args->node}, out);
}

/* merge([a, b], mode='concat', concat_axis=1) of Keras 1. */
static cuv_status old_merge(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *mode, *function; } table[] = {
        {"sum", "add"}, {"mul", "multiply"}, {"concat", "concatenate"}, {"ave", "average"}, {"max", "maximum"}, {"min", "minimum"}};
    cuv_sv *inputs = cuv_sc_arg(args, 0, "inputs"), *mode = cuv_sc_arg(args, 1, "mode"), *axis = cuv_sc_arg(args, args->count, "concat_axis");
    cuv_sv *layer_name = cuv_sc_arg(args, args->count, "name"), *values[2];
    const char *function = mode ? NULL : "add", *names[2];
    cuv_sargs rest = {&inputs, 1, names, values, 0, args->node};
    cuv_sc_keras(e, 2);
    for (size_t i = 0; mode && i < sizeof table / sizeof *table; i++)
        function = cuv_sv_is(mode, table[i].mode) ? table[i].function : function;
    if (!function || !inputs)
        return cuv_sc_unsupported(e, args->node, "use the layers Add, Multiply, Concatenate, Average, Maximum or Dot", "%s with the mode %s",
                                  name, mode ? cuv_sv_describe(e, mode) : "'sum'");
    if (axis && cuv_streq(function, "concatenate")) {
        names[rest.named] = "axis";
        values[rest.named++] = axis;
    }
    if (layer_name) {
        names[rest.named] = "name";
        values[rest.named++] = layer_name;
    }
    return merge(e, function, &rest, out);
}

/* ---- settings ---- */

/* What is put into it counts by the names that the code gives (implied.c). */
static cuv_status custom_objects(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    return cuv_sv_make(e, CUV_SV_DICT, out);
}

static cuv_status clear_session(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    *out = e->none;
    e->counters = cuv_map_new(e->arena);
    return e->counters ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status image_format(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)args;
    bool old = cuv_ends_with(name, "dim_ordering");
    return cuv_sv_word(e, e->channels_first ? (old ? "th" : "channels_first") : (old ? "tf" : "channels_last"), out);
}

static cuv_status set_image_format(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    (void)name;
    CUV_TRY(cuv_sc_effect(e, args->node));
    e->channels_first = cuv_sv_is(v, "channels_first") || cuv_sv_is(v, "th");
    *out = e->none;
    return CUV_OK;
}

static cuv_status float_type(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    return cuv_sv_word(e, "float32", out);
}

static cuv_status backend_name(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    return cuv_sv_word(e, "tensorflow", out);
}

/* Other types than float32 for all layers to come would change the numbers. */
static cuv_status set_types(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    *out = e->none;
    bool policy = v && v->kind == CUV_SV_TEXT && cuv_ends_with(name, "policy") && cuv_word_in("mixed_float16 mixed_bfloat16", v->text);
    if (policy || cuv_sv_is(v, "float32")) {
        CUV_TRY(cuv_sc_effect(e, args->node));
        e->policy = policy ? (cuv_sv *)(uintptr_t)v : NULL;
        return CUV_OK;
    }
    return cuv_sc_unsupported(e, args->node, "give the layers their dtype one by one, or leave it out: the weights are float32",
                              "%s(%s) changes the types of all layers", cuv_sc_last(name), v ? cuv_sv_describe(e, v) : "");
}

static cuv_status int_shape(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "x");
    (void)name;
    return v ? cuv_sc_attribute(e, args->node, v, "shape", out) : CUV_OK;
}

static cuv_status set_value(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *x = cuv_sc_arg(args, 0, "x"), *value = cuv_sc_arg(args, 1, "value");
    *out = e->none;
    if (x && x->kind == CUV_SV_VARIABLE && value)
        return cuv_sc_assign_variable(e, x, value, args->node);
    return skipped(e, name, args, out);
}

/* ---- arrays ---- */

static cuv_status constant(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "value");
    v = v ? v : cuv_sc_arg(args, args->count, "x");
    v = v ? v : cuv_sc_arg(args, args->count, "initial_value");
    if (!v || v->kind == CUV_SV_TENSOR)
        return CUV_OK;
    cuv_sv *dtype = cuv_sc_arg(args, 1, "dtype");
    cuv_sv *both[] = {v, dtype ? dtype : e->none};
    (void)name;
    return cuv_sc_numpy(e, "array", &(cuv_sargs){both, 2, NULL, NULL, 0, args->node}, out);
}

static cuv_status object(cuv_sc *e, const char *name, const char *module, const cuv_sargs *args, cuv_sv **out);

static cuv_status constant_initializer(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return object(e, "Constant", "keras.initializers", args, out);
}

/* The folder's file "checkpoint" names the one that was written last. */
static cuv_status latest_checkpoint(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *folder = cuv_sc_arg(args, 0, "checkpoint_dir");
    cuv_file *file = NULL;
    if (!folder || folder->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "the result of %s(...)", name);
    const char *slash = folder->size && folder->text[folder->size - 1] != '/' ? "/" : "";
    CUV_TRY(cuv_sc_find(e, args->node, cuv_sc_format(e, "%s%scheckpoint", folder->text, slash), &file));
    if (!cuv_ends_with(file->name, ".index"))       /* reading that file opens the checkpoint that it names */
        return cuv_sv_unknown(e, out, "the result of %s(...)", name);
    return cuv_sv_word(e, cuv_sc_format(e, "%s%s%.*s", folder->text, slash, (int)(strlen(file->name) - strlen(".index")), file->name), out);
}

/* ---- the table ---- */

static const struct { const char *name; answer *answer; } table[] = {
    {"Input", input}, {"layers.Input", input}, {"layers.InputLayer", input}, {"models.Input", input}, {"InputLayer", input},
    {"Sequential", sequential}, {"models.Sequential", sequential},
    {"Model", model}, {"models.Model", model}, {"Functional", model}, {"models.Functional", model}, {"training.Model", model},
    {"models.load_model", load_model}, {"saving.load_model", load_model}, {"load_model", load_model},
    {"saving.save.load_model", load_model}, {"models.model_from_json", from_config}, {"model_from_json", from_config},
    {"models.model_from_config", from_config}, {"models.model_from_yaml", from_config}, {"model_from_config", from_config},
    {"model_from_yaml", from_config}, {"Model.from_config", from_config}, {"Sequential.from_config", from_config},
    {"models.Model.from_config", from_config}, {"models.Sequential.from_config", from_config}, {"layers.deserialize", deserialize},
    {"models.clone_model", clone_model}, {"clone_model", clone_model},
    {"layers.add", merge}, {"layers.subtract", merge}, {"layers.multiply", merge}, {"layers.average", merge}, {"layers.maximum", merge},
    {"layers.minimum", merge}, {"layers.concatenate", merge}, {"layers.dot", merge}, {"layers.merge", old_merge},
    {"utils.get_custom_objects", custom_objects}, {"saving.get_custom_objects", custom_objects},
    {"utils.generic_utils.get_custom_objects", custom_objects}, {"backend.clear_session", clear_session}, {"utils.clear_session", clear_session},
    {"backend.image_data_format", image_format}, {"backend.image_dim_ordering", image_format}, {"config.image_data_format", image_format},
    {"backend.set_image_data_format", set_image_format}, {"backend.set_image_dim_ordering", set_image_format},
    {"config.set_image_data_format", set_image_format}, {"backend.floatx", float_type}, {"config.floatx", float_type},
    {"backend.backend", backend_name}, {"config.backend", backend_name}, {"backend.set_floatx", set_types}, {"config.set_floatx", set_types},
    {"mixed_precision.set_global_policy", set_types}, {"mixed_precision.set_policy", set_types},
    {"mixed_precision.experimental.set_policy", set_types}, {"config.set_dtype_policy", set_types},
    {"mixed_precision.set_dtype_policy", set_types}, {"backend.int_shape", int_shape}, {"backend.set_value", set_value},
    {"ops.convert_to_tensor", constant}, {"backend.constant", constant}, {"backend.variable", constant}, {"ops.array", constant},
    {"Variable", constant},
};

static const struct { const char *name; answer *answer; } tensorflow_table[] = {
    {"constant_initializer", constant_initializer}, {"constant", constant}, {"convert_to_tensor", constant}, {"Variable", constant}, {"io.gfile.exists", skipped}, {"train.latest_checkpoint", latest_checkpoint},
};

/* Modules of what trains, measures or draws: nothing of it stays in a model. */
static bool without_effect(const char *name)
{
    static const char *const modules[] = {
        "optimizers.", "losses.", "metrics.", "callbacks.", "datasets.", "preprocessing.", "utils.", "wrappers.", "config.",
        "saving.", "random.", "distribution.", "tree.", "visualization.", "estimator.", "backend.set_session", "backend.get_session",
        "backend.set_learning_phase", "backend.learning_phase", "backend.get_value", "backend.epsilon", "backend.set_epsilon",
        "backend.manual_variable_initialization", "backend.tensorflow_backend", "backend.get_uid", "backend.reset_uids", "version",
        "enable_", "disable_", "mixed_precision.", "models.save_model", "dtype_policies.", "quantizers."};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (cuv_starts_with(name, modules[i]))
            return true;
    return false;
}

/* initializers.HeNormal(...), regularizers.l2(...): an object by its class and arguments. */
static cuv_status object(cuv_sc *e, const char *name, const char *module, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *function, *class_name, *first; } known[] = {
        {"l1", "L1", "l1"}, {"l2", "L2", "l2"}, {"l1_l2", "L1L2", "l1"}, {"L1", "L1", "l1"}, {"L2", "L2", "l2"}, {"L1L2", "L1L2", "l1"},
        {"Constant", "Constant", "value"}, {"constant", "Constant", "value"}};
    const char *class_name = cuv_sc_last(name), *first = "value";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cuv_streq(known[i].function, class_name)) {
            first = known[i].first;
            class_name = known[i].class_name;
            break;
        }
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    for (size_t i = 0; i < args->count && i < 1; i++)
        CUV_TRY(cuv_sv_put_word(e, *out, first, args->items[i]));
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_sv_unknown_in(args->values[i]))
            CUV_TRY(cuv_sv_put_word(e, *out, args->names[i], args->values[i]));
    (*out)->kind = CUV_SV_OBJECT;
    (*out)->text = class_name;
    (*out)->label = module;
    return CUV_OK;
}

static bool symbolic(const cuv_sargs *args)
{
    cuv_sv probe = {.kind = CUV_SV_TUPLE, .items = args->items, .count = args->count};
    cuv_sv named = {.kind = CUV_SV_TUPLE, .items = args->values, .count = args->named};
    return cuv_sv_involves(&probe) || cuv_sv_involves(&named);
}

static cuv_status of_keras(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const char *last = cuv_sc_last(name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name)) {
            CUV_TRY(table[i].answer(e, name, args, out));
            if (*out)
                return CUV_OK;
        }
    CUV_TRY(class_from_config(e, name, args, out));
    if (*out)
        return CUV_OK;
    if (cuv_starts_with(name, "layers.") && cuv_signature_of(last))
        return cuv_sc_make_layer(e, last, args, out);
    if (cuv_starts_with(name, "applications."))
        return cuv_sc_application(e, name, args, out);
    if (cuv_starts_with(name, "initializers."))
        return object(e, name, "keras.initializers", args, out);
    if (cuv_starts_with(name, "regularizers."))
        return object(e, name, "keras.regularizers", args, out);
    if (cuv_starts_with(name, "constraints."))
        return object(e, name, "keras.constraints", args, out);
    if (cuv_streq(name, "activations.get") || cuv_streq(name, "activations.deserialize")) {
        *out = cuv_sc_arg(args, 0, "identifier");
        if (*out && (*out)->kind != CUV_SV_TEXT && (*out)->kind != CUV_SV_NONE)
            return CUV_OK;
        return *out ? cuv_sv_name(e, cuv_sc_format(e, "keras.activations.%s", (*out)->kind == CUV_SV_NONE ? "linear" : (*out)->text), out) : CUV_OK;
    }
    if (without_effect(name))
        return skipped(e, last, args, out);
    if (cuv_starts_with(name, "layers.") && last[0] >= 'A' && last[0] <= 'Z')
        return cuv_sc_unsupported(e, args->node, NULL, "Keras has no layer '%s'", last);
    return symbolic(args) || e->bodies ? cuv_sc_op_function(e, cuv_sc_format(e, "keras.%s", name), args, out) : CUV_OK;
}

/* transpose, reshape and the like of arrays that have numbers: what NumPy does. */
static cuv_status of_numbers(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *name, *numpy; } known[] = {
        {"transpose", "transpose"}, {"reshape", "reshape"}, {"concat", "concatenate"}, {"concatenate", "concatenate"}, {"stack", "stack"},
        {"squeeze", "squeeze"}, {"expand_dims", "expand_dims"}};
    cuv_sv *first = cuv_sc_arg(args, 0, NULL), *more = cuv_sc_arg(args, 1, "perm");
    if (!first || first->kind == CUV_SV_TENSOR || symbolic(args) || e->bodies)
        return CUV_OK;
    bool arrays = first->kind == CUV_SV_ARRAY || (cuv_sv_is_seq(first) && first->count && first->items[0]->kind == CUV_SV_ARRAY);
    more = more ? more : cuv_sc_arg(args, args->count, "axes");
    more = more ? more : cuv_sc_arg(args, args->count, "axis");
    more = more ? more : cuv_sc_arg(args, args->count, "shape");
    for (size_t i = 0; arrays && args->count + args->named <= 2 && i < sizeof known / sizeof *known; i++)
        if (cuv_streq(known[i].name, name))
            return cuv_sc_numpy(e, known[i].numpy, &(cuv_sargs){(cuv_sv *[]){first, more}, more ? 2 : 1, NULL, NULL, 0, args->node}, out);
    return CUV_OK;
}

cuv_status cuv_sc_keras_call(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    *out = NULL;
    if (cuv_starts_with(name, "tensorflow.") || cuv_starts_with(name, "keras.ops."))
        CUV_TRY(of_numbers(e, cuv_sc_last(name), args, out));
    if (*out)
        return CUV_OK;
    if (cuv_starts_with(name, "keras."))
        return of_keras(e, name + strlen("keras."), args, out);
    name += strlen("tensorflow.");
    for (size_t i = 0; i < sizeof tensorflow_table / sizeof *tensorflow_table; i++)
        if (cuv_streq(tensorflow_table[i].name, name)) {
            CUV_TRY(tensorflow_table[i].answer(e, name, args, out));
            if (*out)
                return CUV_OK;
        }
    if (cuv_streq(name, "saved_model.load"))
        return cuv_sc_unsupported(e, args->node, "save the model as .keras or .h5 in TensorFlow", "a SavedModel is loaded here");
    return symbolic(args) || e->bodies
               ? cuv_sc_op_function(e, cuv_sc_format(e, "tensorflow.%s", name), args, out) : CUV_OK;
}
