/* Functions of TensorFlow for which Keras 3 has no operation of one's own, as several that together compute the same: formulas as rows of data, and
 * the sizes of a tensor, which Keras 3 has no tensor for. */
#include "emit/config.h"
#include "layers/operation.h"

/* One operation. args: "x" an operand, "@0" what step 0 gave, a number, [a b] a list; options: "axis=$axis" is the function's own. */
typedef struct step { const char *family, *name, *args, *options; } step;

enum { MOST_STEPS = 8 };

static const struct { const char *function; step steps[MOST_STEPS]; } formulas[] = {
    {"TfSquaredDifference", {{"numpy", "Subtract", "x1 x2", ""}, {"numpy", "Square", "@0", ""}}},
    {"TfMultiplyNoNan", {{"numpy", "Equal", "x2 0", ""}, {"numpy", "Multiply", "x1 x2", ""}, {"numpy", "ZerosLike", "@1", ""},
                         {"numpy", "Where", "@0 @2 @1", ""}}},
    {"TfXlogy", {{"numpy", "Equal", "x1 0", ""}, {"numpy", "Log", "x2", ""}, {"numpy", "Multiply", "x1 @1", ""}, {"numpy", "ZerosLike", "@2", ""},
                 {"numpy", "Where", "@0 @3 @2", ""}}},
    {"TfXdivy", {{"numpy", "Equal", "x1 0", ""}, {"numpy", "TrueDivide", "x1 x2", ""}, {"numpy", "ZerosLike", "@1", ""},
                 {"numpy", "Where", "@0 @2 @1", ""}}},
    {"TfReciprocalNoNan", {{"numpy", "Equal", "x 0", ""}, {"numpy", "Reciprocal", "x", ""}, {"numpy", "ZerosLike", "x", ""},
                           {"numpy", "Where", "@0 @2 @1", ""}}},
    {"TfClipByNorm", {{"numpy", "Square", "x", ""}, {"numpy", "Sum", "@0", "axis=$axis keepdims=True"}, {"numpy", "Sqrt", "@1", ""},
                      {"numpy", "Maximum", "@2 clip_norm", ""}, {"numpy", "Multiply", "x clip_norm", ""}, {"numpy", "TrueDivide", "@4 @3", ""}}},
    {"TfCrelu", {{"nn", "Relu", "x", ""}, {"numpy", "Negative", "x", ""}, {"nn", "Relu", "@1", ""}, {"numpy", "Concatenate", "[@0 @2]", "axis=$axis"}}},
    {"TfEuclideanNorm", {{"numpy", "Square", "x", ""}, {"numpy", "Sum", "@0", "axis=$axis keepdims=$keepdims"}, {"numpy", "Sqrt", "@1", ""}}},
    {"TfL2Loss", {{"numpy", "Square", "x", ""}, {"numpy", "Sum", "@0", "axis=None"}, {"numpy", "TrueDivide", "@1 2", ""}}},
    {"TfMatrixTranspose", {{"numpy", "Swapaxes", "x", "axis1=-1 axis2=-2"}}},
    {"TfCountNonzero", {{"numpy", "NotEqual", "x 0", ""}, {"core", "Cast", "@0", "dtype=$dtype"}, {"numpy", "Sum", "@1", "axis=$axis keepdims=$keepdims"}}},
    {"TfSigmoidCrossEntropy", {{"nn", "Relu", "output", ""}, {"numpy", "Multiply", "output target", ""}, {"numpy", "Subtract", "@0 @1", ""},
                               {"numpy", "Absolute", "output", ""}, {"numpy", "Negative", "@3", ""}, {"numpy", "Exp", "@4", ""},
                               {"numpy", "Log1p", "@5", ""}, {"numpy", "Add", "@2 @6", ""}}},
};

/* The operations of one function, in the making. */
typedef struct expansion {
    cuv_config_writer *w;
    const struct cuv_model *m;
    const cuv_graph *g;
    const cuv_graph_call *call;
    const cuv_layer *layer;
    cuv_value *layers;          /* of the model: all but the last go there */
    cuv_value *made[MOST_STEPS + CUV_MAX_RANK + 8];     /* by step: its tensor */
    size_t count;
    cuv_value *record, *node;   /* of the last step */
} expansion;

static cuv_status tensor_named(expansion *x, const char *name, cuv_value **out)
{
    cuv_arena *a = x->w->arena;
    cuv_value *config = cuv_value_dict(a), *history = cuv_value_list(a);
    *out = cuv_value_dict(a);
    if (!config || !history || !*out)
        return cuv_oom(x->w->cx);
    CUV_TRY(cuv_list_add(a, history, cuv_value_text(a, name)));
    CUV_TRY(cuv_list_add(a, history, cuv_value_int(a, 0)));
    CUV_TRY(cuv_list_add(a, history, cuv_value_int(a, 0)));
    CUV_TRY(cuv_dict_set(a, config, "shape", cuv_value_list(a)));
    CUV_TRY(cuv_config_text(x->w, config, "dtype", "float32"));
    CUV_TRY(cuv_dict_set(a, config, "keras_history", history));
    CUV_TRY(cuv_config_text(x->w, *out, "class_name", "__keras_tensor__"));
    return cuv_dict_set(a, *out, "config", config);
}

/* The operation becomes the last; the one that was last goes into the model. */
static cuv_status add(expansion *x, const char *family, const char *name, cuv_value *config, cuv_value *args, bool last)
{
    cuv_config_writer *w = x->w;
    cuv_arena *a = w->arena;
    cuv_value *node = cuv_value_dict(a), *nodes = cuv_value_list(a), *record = cuv_value_dict(a);
    const char *own = cuv_keras3_name(w, x->layer->name);
    const char *called = last ? own : cuv_config_free_name(w, cuv_format(w->cx, "%s_step_%zu", own, x->count + 1));
    if (!node || !nodes || !record || !config || !args || !called || x->count >= sizeof x->made / sizeof *x->made)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_text(w, record, "module", cuv_format(w->cx, "keras.src.ops.%s", family)));
    CUV_TRY(cuv_config_text(w, record, "class_name", name));
    CUV_TRY(cuv_dict_set(a, record, "config", config));
    CUV_TRY(cuv_config_text(w, record, "registered_name", name));
    CUV_TRY(cuv_config_text(w, config, "name", called));
    CUV_TRY(cuv_dict_set(a, node, "args", args));
    CUV_TRY(cuv_dict_set(a, node, "kwargs", cuv_value_dict(a)));
    x->record = record;
    x->node = node;
    if (!last) {
        CUV_TRY(cuv_list_add(a, nodes, node));
        CUV_TRY(cuv_config_text(w, record, "name", called));
        CUV_TRY(cuv_dict_set(a, record, "inbound_nodes", nodes));
        CUV_TRY(cuv_list_add(a, x->layers, record));
    }
    return tensor_named(x, called, &x->made[x->count++]);
}

/* ---- formulas */

static cuv_status option_value(expansion *x, const char *text, cuv_value **out)
{
    *out = *text != '$' ? cuv_layer_literal(x->w->arena, text) : (cuv_value *)(uintptr_t)cuv_config_option(x->w, x->layer, x->call, text + 1);
    return CUV_OK;
}

static cuv_status options_of(expansion *x, const char *options, cuv_value **out)
{
    char name[32], text[32];
    *out = cuv_value_dict(x->w->arena);
    if (!*out)
        return cuv_oom(x->w->cx);
    for (int i = 0; cuv_config_word(options, i, name, text, sizeof name); i++) {
        cuv_value *value;
        CUV_TRY(option_value(x, text, &value));
        if (value)
            CUV_TRY(cuv_dict_set(x->w->arena, *out, name, value));
    }
    return CUV_OK;
}

static cuv_status argument_value(expansion *x, const char *word, cuv_value **out)
{
    if (*word == '@')
        *out = x->made[word[1] - '0'];
    else if (*word >= '0' && *word <= '9')
        *out = cuv_layer_literal(x->w->arena, word);
    else
        return cuv_config_operand(x->w, x->m, x->g, x->call, word, out);
    return *out ? CUV_OK : cuv_oom(x->w->cx);
}

static cuv_status arguments_of(expansion *x, const char *args, cuv_value **out)
{
    char word[32], same[32];
    cuv_value *list = cuv_value_list(x->w->arena), *value;
    const bool joined = *args == '[';
    const char *inside = joined ? cuv_format(x->w->cx, "%.*s", (int)strlen(args) - 2, args + 1) : args;
    *out = joined ? cuv_value_list(x->w->arena) : list;
    if (!list || !*out)
        return cuv_oom(x->w->cx);
    for (int i = 0; cuv_config_word(inside, i, word, same, sizeof word); i++) {
        CUV_TRY(argument_value(x, word, &value));
        CUV_TRY(cuv_list_add(x->w->arena, list, value));
    }
    return joined ? cuv_list_add(x->w->arena, *out, list) : CUV_OK;
}

static cuv_status by_formula(expansion *x, const step *steps)
{
    for (size_t i = 0; i < MOST_STEPS && steps[i].name; i++) {
        cuv_value *args, *options;
        CUV_TRY(arguments_of(x, steps[i].args, &args));
        CUV_TRY(options_of(x, steps[i].options, &options));
        CUV_TRY(add(x, steps[i].family, steps[i].name, options, args, i + 1 == MOST_STEPS || !steps[i + 1].name));
    }
    return CUV_OK;
}

/* ---- others */

static cuv_status two(expansion *x, cuv_value *a, cuv_value *b, cuv_value **out)
{
    *out = cuv_value_list(x->w->arena);
    if (!*out)
        return cuv_oom(x->w->cx);
    CUV_TRY(cuv_list_add(x->w->arena, *out, a));
    return b ? cuv_list_add(x->w->arena, *out, b) : CUV_OK;
}

/* a + b + c + … */
static cuv_status sum(expansion *x)
{
    const cuv_graph_call *call = x->call;
    const cuv_wired_arg *arg = call->arg_count ? &call->args[0] : NULL;
    cuv_value *so_far, *next, *args;
    for (size_t i = 1; arg && i < arg->wire_count; i++) {
        if (i == 1)
            CUV_TRY(cuv_config_tensor(x->w, x->m, x->g, arg->wires[0], &so_far));
        CUV_TRY(cuv_config_tensor(x->w, x->m, x->g, arg->wires[i], &next));
        CUV_TRY(two(x, so_far, next, &args));
        CUV_TRY(add(x, "numpy", "Add", cuv_value_dict(x->w->arena), args, i + 1 == arg->wire_count));
        so_far = x->made[x->count - 1];
    }
    return CUV_OK;
}

static const cuv_var *tensor_of(expansion *x, cuv_wire wire)
{
    const cuv_graph_call *from = &x->g->calls[wire.call];
    return (size_t)wire.output < from->output_count ? cuv_program_var(x->w->m->program, from->outputs[wire.output].value) : NULL;
}

/* [start:stop:step] of one axis; INT64_MIN: None. */
static cuv_status slice_value(expansion *x, int64_t start, int64_t stop, int64_t stride, cuv_value **out)
{
    const int64_t values[] = {start, stop, stride};
    static const char *const keys[] = {"start", "stop", "step"};
    cuv_arena *a = x->w->arena;
    cuv_value *config = cuv_value_dict(a);
    *out = cuv_value_dict(a);
    if (!config || !*out)
        return cuv_oom(x->w->cx);
    for (size_t i = 0; i < 3; i++)
        CUV_TRY(cuv_dict_set(a, config, keys[i], values[i] == INT64_MIN ? cuv_value_null(a) : cuv_value_int(a, values[i])));
    CUV_TRY(cuv_config_text(x->w, *out, "class_name", "__slice__"));
    return cuv_dict_set(a, *out, "config", config);
}

/* An array of whole numbers of this dtype. */
static cuv_status array_value(expansion *x, const int64_t *values, int count, const cuv_value *dtype, cuv_value **out)
{
    cuv_arena *a = x->w->arena;
    cuv_value *config = cuv_value_dict(a), *list;
    *out = cuv_value_dict(a);
    if (!config || !*out)
        return cuv_oom(x->w->cx);
    CUV_TRY(cuv_config_shape(x->w, values, count, &list));
    CUV_TRY(cuv_dict_set(a, config, "value", list));
    CUV_TRY(cuv_dict_set(a, config, "dtype", (cuv_value *)(uintptr_t)dtype));
    CUV_TRY(cuv_config_text(x->w, *out, "class_name", "__numpy__"));
    return cuv_dict_set(a, *out, "config", config);
}

/* How long an axis is, as a number in a tensor: as many ones as there are cells along it. */
static cuv_status count_along(expansion *x, cuv_value *tensor, int rank, int axis, cuv_value *dtype)
{
    cuv_arena *a = x->w->arena;
    cuv_value *key = cuv_value_list(a), *item, *args, *config = cuv_value_dict(a);
    for (int i = 0; key && i < rank; i++) {
        item = cuv_value_int(a, 0);
        if (i == axis)
            CUV_TRY(slice_value(x, INT64_MIN, INT64_MIN, INT64_MIN, &item));
        CUV_TRY(cuv_list_add(a, key, item));
    }
    if (!key || !config)
        return cuv_oom(x->w->cx);
    CUV_TRY(two(x, tensor, key, &args));
    CUV_TRY(add(x, "numpy", "GetItem", cuv_value_dict(a), args, false));
    CUV_TRY(two(x, x->made[x->count - 1], NULL, &args));
    CUV_TRY(cuv_dict_set(a, config, "dtype", dtype));
    CUV_TRY(add(x, "numpy", "OnesLike", config, args, false));
    CUV_TRY(two(x, x->made[x->count - 1], NULL, &args));
    return add(x, "numpy", "Sum", cuv_value_dict(a), args, false);
}

/* tf.shape: what is known as constants, plus what is counted along the axes that are not. One axis at least is counted. */
static cuv_status sizes(expansion *x)
{
    const cuv_wired_arg *arg = x->call->arg_count ? &x->call->args[0] : NULL;
    const cuv_var *v = arg && arg->kind == CUV_ARG_TENSOR ? tensor_of(x, arg->wires[0]) : NULL;
    cuv_value *dtype = (cuv_value *)(uintptr_t)cuv_config_option(x->w, x->layer, x->call, "dtype"), *tensor, *value, *args;
    int64_t known[CUV_MAX_RANK] = {0}, unit[CUV_MAX_RANK];
    int open[CUV_MAX_RANK], count = 0;
    if (!v || v->rank < 1 || v->dtype == CUV_STR || !dtype)
        return CUV_OK;
    for (int i = 0; i < v->rank; i++)
        if (v->shape[i] < 0)
            open[count++] = i;
        else
            known[i] = v->shape[i];
    if (!count) {
        open[count++] = 0;
        known[0] = 0;
    }
    if (count > 2)
        return CUV_OK;
    CUV_TRY(cuv_config_tensor(x->w, x->m, x->g, arg->wires[0], &tensor));
    CUV_TRY(array_value(x, known, v->rank, dtype, &value));
    for (int i = 0; i < count; i++) {
        cuv_value *array;
        for (int k = 0; k < v->rank; k++)
            unit[k] = k == open[i];
        CUV_TRY(count_along(x, tensor, v->rank, open[i], dtype));
        CUV_TRY(array_value(x, unit, v->rank, dtype, &array));
        CUV_TRY(two(x, x->made[x->count - 1], array, &args));
        CUV_TRY(add(x, "numpy", "Multiply", cuv_value_dict(x->w->arena), args, false));
        CUV_TRY(two(x, x->made[x->count - 1], value, &args));
        CUV_TRY(add(x, "numpy", "Add", cuv_value_dict(x->w->arena), args, i + 1 == count));
        value = x->made[x->count - 1];
    }
    return CUV_OK;
}

/* x[begin:end:strides] where all are numbers and no mask says otherwise. */
static cuv_status strided(expansion *x)
{
    static const char *const names[] = {"begin", "end", "strides"};
    static const char masks[] = "begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask";
    const cuv_value *lists[3];
    char name[32], same[32];
    cuv_value *key = cuv_value_list(x->w->arena), *tensor, *item, *args;
    int64_t mask, at[3];
    for (int i = 0; cuv_config_word(masks, i, name, same, sizeof name); i++)
        if (cuv_as_int(cuv_config_option(x->w, x->layer, x->call, name), &mask) && mask != 0)
            return CUV_OK;
    for (size_t i = 0; i < 3; i++)
        lists[i] = cuv_config_option(x->w, x->layer, x->call, names[i]);
    const size_t n = cuv_len(lists[0]);
    if (!key)
        return cuv_oom(x->w->cx);
    if (!n || !cuv_is_seq(lists[0]) || !cuv_is_seq(lists[1]) || cuv_len(lists[1]) != n || (!cuv_is_null(lists[2]) && cuv_len(lists[2]) != n))
        return CUV_OK;
    for (size_t i = 0; i < n; i++) {
        at[2] = 1;
        if (!cuv_as_int(cuv_item(lists[0], i), &at[0]) || !cuv_as_int(cuv_item(lists[1], i), &at[1]) ||
            (!cuv_is_null(lists[2]) && !cuv_as_int(cuv_item(lists[2], i), &at[2])) || at[2] < 1)
            return CUV_OK;
        CUV_TRY(slice_value(x, at[0], at[1], at[2], &item));
        CUV_TRY(cuv_list_add(x->w->arena, key, item));
    }
    CUV_TRY(cuv_config_operand(x->w, x->m, x->g, x->call, "x", &tensor));
    CUV_TRY(two(x, tensor, key, &args));
    return add(x, "numpy", "GetItem", cuv_value_dict(x->w->arena), args, true);
}

/* tf.zeros(tf.shape(x)), tf.ones, tf.fill: like x. */
static cuv_status filled(expansion *x)
{
    const cuv_wired_arg *arg = x->call->arg_count ? &x->call->args[0] : NULL;
    const bool fill = cuv_streq(x->layer->def->name, "TfFill");
    cuv_value *tensor, *args, *config = cuv_value_dict(x->w->arena), *value = NULL;
    const cuv_graph_call *from = arg && arg->kind == CUV_ARG_TENSOR ? &x->g->calls[arg->wires[0].call] : NULL;
    if (!from || !cuv_streq(x->g->layers[from->layer]->def->name, "TfShape") || !from->arg_count || from->args[0].kind != CUV_ARG_TENSOR)
        return CUV_OK;
    if (fill)
        CUV_TRY(cuv_config_operand(x->w, x->m, x->g, x->call, "value", &value));
    CUV_TRY(cuv_config_tensor(x->w, x->m, x->g, from->args[0].wires[0], &tensor));
    CUV_TRY(two(x, tensor, value, &args));
    const cuv_value *dtype = fill ? cuv_value_text(x->w->arena, cuv_dtype_name(tensor_of(x, (cuv_wire){(int32_t)(x->call - x->g->calls), 0})->dtype))
                                  : cuv_config_option(x->w, x->layer, x->call, "dtype");
    if (!config)
        return cuv_oom(x->w->cx);
    if (dtype)
        CUV_TRY(cuv_dict_set(x->w->arena, config, "dtype", (cuv_value *)(uintptr_t)dtype));
    return add(x, "numpy", fill ? "FullLike" : cuv_streq(x->layer->def->name, "TfZeros") ? "ZerosLike" : "OnesLike", config, args, true);
}

cuv_status cuv_config_expand(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_layer *layer, const cuv_graph_call *call,
                             cuv_value *layers, cuv_value **record, cuv_value **node)
{
    expansion x = {.w = w, .m = m, .g = g, .call = call, .layer = layer, .layers = layers};
    const char *name = layer->def->name;
    *record = *node = NULL;
    if (!layer->state || !call)
        return CUV_OK;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (cuv_streq(name, formulas[i].function))
            CUV_TRY(by_formula(&x, formulas[i].steps));
    if (cuv_streq(name, "TfAddN"))
        CUV_TRY(sum(&x));
    if (cuv_streq(name, "TfShape"))
        CUV_TRY(sizes(&x));
    if (cuv_streq(name, "TfStridedSlice"))
        CUV_TRY(strided(&x));
    if (cuv_has_word("TfZeros TfOnes TfFill", name))
        CUV_TRY(filled(&x));
    *record = x.record;
    *node = x.node;
    return CUV_OK;
}
