/* Makes layers from records of a configuration: finds the descriptor, reads name, policy and arguments, makes inner layers. */
#include "layers/operation.h"

#include <limits.h>

/* "package>Name" is how Keras registers classes of users. */
bool cuv_record_is_foreign(const cuv_value *record)
{
    const char *registered = cuv_get_text(record, "registered_name");
    return (registered && strchr(registered, '>') && !cuv_starts_with(registered, "keras")) ||
           !cuv_is_keras_module(cuv_get_text(record, "module"));
}

/* What says nothing of the computation. */
static bool is_of_training(const char *name)
{
    return cuv_has_word("name trainable dtype", name) || cuv_ends_with(name, "_initializer") || cuv_ends_with(name, "_regularizer") ||
           cuv_ends_with(name, "_constraint");
}

const char *cuv_argument_names(cuv_context *cx, const cuv_value *config)
{
    const char *text = "";
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size && i < 24; i++) {
        const char *name = cuv_text(config->pairs[i].key);
        if (name && !is_of_training(name) && !cuv_is_null(config->pairs[i].value))
            text = cuv_format(cx, "%s%s%s=%s", text, *text ? ", " : "", name, cuv_value_repr(cx, config->pairs[i].value));
    }
    return *text ? text : "no arguments";
}

/* Classes of Keras that this version does not compute, and why. */
static const struct { const char *names, *why; } unsupported_classes[] = {
    {"FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper DenseFeatures", "it runs a model of another library"},
    {"RandomFourierFeatures ConvLSTM2DCell", "its work can be done before the model, which then begins with the layer after it"}};

/* What to write in place of a class that only its author's code knows, and what the files hold of it. */
static cuv_detail foreign_detail(cuv_context *cx, const cuv_value *record, const char *name, const char *class_name, const cuv_layer *like)
{
    const char *module = cuv_get_text(record, "module"), *registered = cuv_get_text(record, "registered_name");
    const cuv_model_hooks *hooks = like ? like->hooks : NULL;
    const char *plain = cuv_plain_name(class_name);
    const char *held = hooks && hooks->held ? hooks->held(hooks, name, plain) : NULL;
    const char *where = cuv_format(cx, "%s%s%s%s%s", module ? "module " : "", module ? module : "", module && registered ? ", " : "",
                                   registered ? "registered as " : "", registered ? registered : "");
    return (cuv_detail){.layer = name, .expected = "a class of keras.layers",
                        .found = cuv_format(cx, "%s%s%s", class_name, *where ? ", " : "", where),
                        .notes = cuv_format(cx, "%s%sits arguments: %s%s%s", where, *where ? "\n" : "",
                                            cuv_argument_names(cx, cuv_get(record, "config")), held ? "\n" : "", held ? held : ""),
                        .help = cuv_format(cx, "what the layer computes is in the code of its class only: say it in Keras code, and give "
                                           "that with --custom %s=CODE.py", plain)};
}

static cuv_status unknown_class(cuv_context *cx, const cuv_value *record, const char *name, const char *class_name, const cuv_layer *like)
{
    bool foreign = cuv_record_is_foreign(record);
    cuv_detail detail = foreign_detail(cx, record, name, class_name, like);
    const char *near = foreign ? NULL : cuv_layer_nearest(class_name);
    for (size_t i = 0; !foreign && i < sizeof unsupported_classes / sizeof *unsupported_classes; i++)
        if (cuv_has_word(unsupported_classes[i].names, class_name)) {
            detail.found = class_name;
            detail.notes = cuv_format(cx, "%s\n%s", unsupported_classes[i].why, detail.notes);
            return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unsupported", &detail,
                            "layer '%s' is of Keras's class '%s', which is not supported", name, class_name);
        }
    if (near)
        detail.help = cuv_format(cx, "did you mean '%s'? Otherwise %s", near, detail.help);
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unknown", &detail,
                    "layer '%s' is of class '%s', which Keras does not have", name, class_name);
}

bool cuv_class_is_foreign(const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name");
    return class_name && class_name[0] != '_' && !cuv_layer_of_applications(record) && (cuv_record_is_foreign(record) || (!cuv_layer_find(class_name) && !cuv_is_operation(record)));
}

static bool is_model(const cuv_layer_def *def)
{
    return strcmp(def->name, "Functional") == 0 || strcmp(def->name, "Sequential") == 0;
}

static const char *name_of(const cuv_value *record, const char *class_name)
{
    const char *name = cuv_get_text(cuv_get(record, "config"), "name");
    if (!name)
        name = cuv_get_text(record, "name");
    return name ? name : class_name;
}

static cuv_status fill(cuv_layer *layer, const cuv_value *record, const cuv_layer *like)
{
    cuv_value *config = cuv_get(record, "config");
    layer->registered = cuv_get_text(record, "registered_name");
    layer->config = config;
    layer->trainable = cuv_get_bool(config, "trainable", true);
    layer->in_channels = -1;
    layer->compute = layer->variable = CUV_F32;
    layer->keras = 3;
    layer->keras_minor = INT_MAX;
    if (!like)
        return CUV_OK;
    layer->keras = like->keras;
    layer->tf1 = like->tf1;
    layer->lora = like->lora;
    layer->keras_minor = like->keras_minor;
    layer->theano = like->theano;
    layer->on_tensorflow = like->on_tensorflow;
    layer->adds_as_bias = like->adds_as_bias;
    layer->hooks = like->hooks;
    layer->parent = like->parent;
    layer->channels_first = like->channels_first;
    return CUV_OK;
}

bool cuv_layer_since(const cuv_layer *layer, int minor)
{
    return layer->keras > 3 || (layer->keras == 3 && layer->keras_minor >= minor);
}

bool cuv_loses_masks_of_list(const cuv_layer *layer)
{
    return layer->keras == 3 && !cuv_layer_since(layer, 4) && (layer->def->flags & CUV_LF_MERGE);
}

/* Keras 1 wrote "th", "tf" or nothing; layers of images without a word take what the model has. */
static void read_data_format(cuv_layer *layer)
{
    const cuv_param *rows = layer->def->params;
    const char *text = NULL;
    for (size_t i = 0; rows && rows[i].name; i++)
        if (strcmp(rows[i].name, "data_format") == 0)
            text = cuv_text(layer->args[i]);
    if (text && strcmp(text, "default") != 0)
        layer->channels_first = strcmp(text, "channels_first") == 0 || strcmp(text, "th") == 0;
    else
        layer->channels_first = layer->channels_first && layer->def->spatial >= 2;
}

static cuv_status make_model(cuv_context *cx, cuv_layer *layer, const cuv_value *record)
{
    if (layer->hooks && layer->hooks->make_model)
        return layer->hooks->make_model(layer, record);
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unsupported", &(cuv_detail){.layer = layer->name},
                    "a model ('%s') stands where only a layer can be", layer->name);
}

static cuv_status finish(cuv_context *cx, cuv_layer *layer, const cuv_value *record)
{
    if (is_model(layer->def))
        return make_model(cx, layer, record);
    if (layer->config && layer->config->kind != CUV_DICT && !cuv_is_null(layer->config))
        return cuv_fail(cx, CUV_DAMAGED, "config.value",
                        &(cuv_detail){.layer = layer->name, .expected = "an object of arguments",
                                      .found = cuv_value_repr(cx, layer->config)},
                        "layer '%s' (%s): its \"config\" is no object", layer->name, layer->class_name);
    CUV_TRY(cuv_read_policy(layer));
    if (layer->custom)
        return CUV_OK;          /* its arguments mean something to the code alone */
    CUV_TRY(cuv_read_args(layer));
    read_data_format(layer);
    if (layer->def->check)
        CUV_TRY(layer->def->check(cx, layer));
    return layer->def->inner ? layer->def->inner(cx, layer) : CUV_OK;
}

/* Names become paths where weights and assets are saved: one that leads out of its folder is an attack (CVE-2026-12479). */
static cuv_status check_name(cuv_context *cx, const char *name)
{
    bool leads_out = *name == '/' || *name == '\\';
    for (const char *part = name; *part && !leads_out;) {
        size_t size = strcspn(part, "/\\");
        leads_out = size == 2 && part[0] == '.' && part[1] == '.';
        part += size + (part[size] != 0);
    }
    if (!leads_out)
        return CUV_OK;
    return cuv_fail(cx, CUV_UNSAFE, "layer.name", &(cuv_detail){.layer = name, .help = "Keras gives no such names: do not trust the file"},
                    "a layer is called '%s', which as a path leads out of its folder", name);
}

/* What stands in for a class is made of Keras's own: inside it names mean nothing else. */
static const char *stand_in_for(const cuv_value *record, const char *name, const cuv_layer *like)
{
    for (const cuv_layer *up = like ? like->parent : NULL; up; up = up->parent)
        if (up->custom)
            return NULL;
    return like && like->hooks && like->hooks->stand_in ? like->hooks->stand_in(like->hooks, record, name) : NULL;
}

static cuv_status make(cuv_arena *arena, const cuv_value *record, const cuv_layer *like, const char *role, cuv_layer **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    const char *class_name = cuv_get_text(record, "class_name");
    *out = NULL;
    if (!class_name)
        return cuv_fail(cx, CUV_DAMAGED, "config.layer",
                        &(cuv_detail){.expected = "{\"class_name\": ..., \"config\": ...}", .found = cuv_value_repr(cx, record)},
                        "a layer of the configuration has no class_name");
    const char *name = name_of(record, class_name);
    CUV_TRY(check_name(cx, name));
    const char *custom = stand_in_for(record, name, like);
    bool operation = !custom && !cuv_record_is_foreign(record) && cuv_is_operation(record);
    const cuv_layer_def *def = custom ? &cuv_layer_stand_in : cuv_layer_of_applications(record);
    if (!def && !cuv_record_is_foreign(record) && !operation)
        def = cuv_layer_find(class_name);
    if (!def && !operation)
        return unknown_class(cx, record, name, class_name, like);
    cuv_layer *layer = CUV_NEW(arena, cuv_layer);
    if (!layer)
        return cuv_oom(cx);
    if (custom)         /* Keras 2 writes "package>MyLayer" */
        class_name = cuv_plain_name(class_name);
    *layer = (cuv_layer){.def = def, .name = name, .class_name = class_name, .role = role, .arena = arena,
                         .custom = custom, .record = record};
    CUV_TRY(fill(layer, record, like));
    CUV_TRY(operation ? cuv_operation_make(cx, layer) : finish(cx, layer, record));
    *out = layer;
    return CUV_OK;
}

cuv_status cuv_layer_new(cuv_arena *arena, const cuv_value *record, const cuv_layer *like, cuv_layer **out)
{
    return make(arena, record, like, NULL, out);
}

cuv_status cuv_layer_add_inner(cuv_layer *outer, const cuv_value *record, const char *role, cuv_layer **out)
{
    cuv_context *cx = cuv_arena_context(outer->arena);
    cuv_layer like = *outer;
    unsigned depth = 0;
    *out = NULL;
    for (const cuv_layer *up = outer; up; up = up->parent)
        if (++depth > cuv_context_limits(cx)->depth)
            return cuv_fail(cx, CUV_UNSAFE, "limit.depth", &(cuv_detail){.layer = outer->name}, "layers are nested %u deep at '%s'",
                            depth, outer->name);
    like.parent = outer;
    cuv_layer *layer;
    CUV_TRY(make(outer->arena, record, &like, role, &layer));
    cuv_layer **inner = cuv_arena_grow(outer->arena, outer->inner, outer->inner_count, &outer->inner_capacity, sizeof *inner);
    if (!inner)
        return cuv_oom(cx);
    outer->inner = inner;
    inner[outer->inner_count++] = layer;
    *out = layer;
    return CUV_OK;
}

cuv_layer *cuv_inner_by_role(const cuv_layer *layer, const char *role)
{
    for (size_t i = 0; i < layer->inner_count; i++)
        if (cuv_streq(layer->inner[i]->role, role))
            return layer->inner[i];
    return NULL;
}
