/* The lists of operations and of TensorFlow's functions, and making a layer from either. */
#include "layers/operation.h"

static const cuv_operation operations[] = {
#define OPERATION(family, class_name, id, operands, options) {#family, #class_name, cuv_op_##id, operands, options},
#include "layers/operations.def"
#undef OPERATION
};
enum { OPERATION_COUNT = sizeof operations / sizeof *operations };

static cuv_status operation_lower(cuv_call *call);

static const cuv_layer_def operation_defs[OPERATION_COUNT] = {
#define OPERATION(family, class_name, id, operands, options)                                                                   \
    {.name = #class_name, .flags = CUV_LF_OPERATION | CUV_LF_NO_AUTOCAST | CUV_LF_MULTI, .lower = operation_lower},
#include "layers/operations.def"
#undef OPERATION
};

static const cuv_tf_function tf_functions[] = {
#define TF(name, operation, arguments, preset) {name, #operation, arguments, preset, false},
#define TF_READ(name, operation, arguments, preset) {name, #operation, arguments, preset, true},
#include "layers/tensorflow.def"
#undef TF_READ
#undef TF
};

static const struct { const char *names, *why; } refused[] = {
#define REFUSED(names, why) {names, why},
#include "layers/refused.def"
#undef REFUSED
};

static size_t index_of(const char *class_name)
{
    size_t i = 0;
    while (i < OPERATION_COUNT && strcmp(operations[i].name, class_name) != 0)
        i++;
    return i;
}

/* The first of the family tensorflow, which files of Keras 3 do not name. */
static bool is_keras3(size_t i)
{
    return i < OPERATION_COUNT && strcmp(operations[i].family, "tensorflow") != 0;
}

static const char *why_refused(const char *class_name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (cuv_has_word(refused[i].names, class_name))
            return refused[i].why;
    return NULL;
}

static bool is_tensorflow(const char *class_name)
{
    return cuv_streq(class_name, "TFOpLambda") || cuv_streq(class_name, "SlicingOpLambda") ||
           cuv_streq(class_name, "TensorFlowOpLayer");
}

/* Files of Keras 3 in HDF5 name no module; an operation then differs from a layer in having neither `trainable` nor `dtype`. */
bool cuv_is_operation(const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    const cuv_value *config = cuv_get(record, "config"), *node = cuv_item(cuv_get(record, "inbound_nodes"), 0);
    if (!class_name)
        return false;
    if (is_tensorflow(class_name))
        return true;
    if (module)
        return cuv_starts_with(module, "keras.src.ops.") || cuv_starts_with(module, "keras.ops");
    if (!is_keras3(index_of(class_name)) && !why_refused(class_name))
        return false;
    return !cuv_layer_find(class_name) ||
           (node && node->kind == CUV_DICT && !cuv_get(config, "trainable") && !cuv_get(config, "dtype"));
}

const cuv_operation *cuv_operation_of(const cuv_layer *layer)
{
    return layer->def->flags & CUV_LF_OPERATION ? &operations[layer->def - operation_defs] : NULL;
}

const cuv_tf_function *cuv_tf_function_for(const cuv_layer *layer)
{
    for (size_t i = 0; i < sizeof tf_functions / sizeof *tf_functions; i++)
        if (strcmp(tf_functions[i].operation, layer->def->name) == 0 && !tf_functions[i].only_read &&
            !cuv_starts_with(tf_functions[i].name, "raw:"))
            return &tf_functions[i];
    return NULL;
}

static const cuv_tf_function *find_function(const char *name)
{
    static const char *const families[] = {"", "math.", "nn.", "linalg."};
    if (cuv_starts_with(name, "compat.v1."))
        name += strlen("compat.v1.");
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)      /* TensorFlow has many of them twice */
        for (size_t i = 0; i < sizeof tf_functions / sizeof *tf_functions; i++)
            if (cuv_starts_with(tf_functions[i].name, families[f]) && strcmp(tf_functions[i].name + strlen(families[f]), name) == 0)
                return &tf_functions[i];
    return NULL;
}

static cuv_status unknown(cuv_context *cx, const cuv_layer *layer, const char *what, const char *name, const char *why)
{
    return cuv_fail(cx, CUV_UNSUPPORTED, "operation.unsupported",
                    &(cuv_detail){.layer = layer->name, .found = name, .help = why},
                    "'%s' is the %s %s, which cuvier does not compute", layer->name, what, name);
}

static bool draws_numbers(const char *name)
{
    return cuv_starts_with(name, "random.") || strstr(name, ".random_") || cuv_starts_with(name, "nn.dropout") ||
           cuv_starts_with(name, "compat.v1.random") || cuv_starts_with(name, "nn.experimental.stateless_dropout");
}

static cuv_status make_function(cuv_context *cx, cuv_layer *layer)
{
    const char *name = cuv_get_text(layer->config, "function");
    if (cuv_streq(layer->class_name, "SlicingOpLambda"))
        name = "__operators__.getitem";
    if (cuv_streq(layer->class_name, "TensorFlowOpLayer")) {
        const char *op = cuv_get_text(cuv_get(layer->config, "node_def"), "op");
        name = op ? cuv_format(cx, "raw:%s", op) : NULL;
    }
    if (!name)
        return cuv_fail(cx, CUV_NO, "config.value", &(cuv_detail){.layer = layer->name, .expected = "\"function\""},
                        "'%s' (%s) does not tell its function", layer->name, layer->class_name);
    const cuv_tf_function *function = find_function(name);
    if (!function && draws_numbers(name))
        return unknown(cx, layer, "function of TensorFlow", cuv_format(cx, "tf.%s", name), "it draws random numbers");
    if (!function)
        return unknown(cx, layer, "function of TensorFlow", cuv_format(cx, "tf.%s", strchr(name, ':') ? strchr(name, ':') + 1 : name),
                       "write the model with layers or operations of Keras in its place");
    layer->state = (void *)(uintptr_t)function;
    layer->def = &operation_defs[index_of(function->operation)];
    return CUV_OK;
}

cuv_status cuv_operation_make(cuv_context *cx, cuv_layer *layer)
{
    if (is_tensorflow(layer->class_name))
        return make_function(cx, layer);
    size_t at = index_of(layer->class_name);
    const char *why = why_refused(layer->class_name);
    if (!is_keras3(at))
        return unknown(cx, layer, "operation of Keras", layer->class_name,
                       why ? why : "write the model with layers or other operations of Keras in its place");
    layer->def = &operation_defs[at];
    return CUV_OK;
}

static bool known_argument(const cuv_call *call, const char *name)
{
    const cuv_operation *op = cuv_operation_of(call->layer);
    const cuv_tf_function *function = call->layer->state;
    if (strcmp(name, "name") == 0 || cuv_has_word(op->operands, name) || cuv_has_word(op->options, name))
        return true;
    for (const char *at = function ? function->arguments : NULL; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, "= ");
        if (n == strlen(name) && memcmp(at, name, n) == 0)
            return true;
        at += strcspn(at, " ");
    }
    return strchr(op->operands, '*') != NULL;
}

static cuv_status operation_lower(cuv_call *call)
{
    for (size_t i = 0; i < call->kwarg_count; i++) {
        const cuv_kwarg *k = &call->kwargs[i];
        bool given = k->list_count || k->tensor.value != CUV_NO_REF || !cuv_is_null(k->literal);
        if (given && k->name && !known_argument(call, k->name))
            return cuv_fail(call->cx, CUV_UNSUPPORTED, "operation.argument",
                            &(cuv_detail){.layer = call->layer->name, .found = k->name}, "'%s' (%s): the argument '%s' is not known",
                            call->layer->name, call->layer->class_name, k->name);
    }
    return cuv_operation_of(call->layer)->lower(call);
}
