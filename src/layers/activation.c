/* Activation functions: by name, as functions and as layers, of all Kerases; and the layers that are activations. */
#include "layers/support.h"

typedef struct named_act { const char *names; cuv_act act; } named_act;

/* Values: quirks 24 to 28. */
static const named_act singles[] = {
    {"linear", {.op = CUV_OP_NONE}},
    {"relu", {.op = CUV_OP_RELU, .beta = INFINITY}},
    {"relu6", {.op = CUV_OP_RELU, .beta = 6}},
    {"leaky_relu", {.op = CUV_OP_RELU, .alpha = 0.2, .beta = INFINITY}},
    {"sigmoid", {.op = CUV_OP_SIGMOID}},
    {"tanh", {.op = CUV_OP_TANH}},
    {"softmax", {.op = CUV_OP_SOFTMAX}},
    {"softplus", {.op = CUV_OP_SOFTPLUS}},
    {"softsign", {.op = CUV_OP_SOFTSIGN}},
    {"elu", {.op = CUV_OP_ELU, .alpha = 1}},
    {"selu", {.op = CUV_OP_SELU}},
    {"celu", {.op = CUV_OP_CELU, .alpha = 1}},
    {"gelu", {.op = CUV_OP_GELU}},
    {"silu swish", {.op = CUV_OP_SILU}},
    {"mish", {.op = CUV_OP_MISH}},
    {"exponential exp", {.op = CUV_OP_EXP}},
    {"hard_silu hard_swish", {.op = CUV_OP_HARD_SILU}},
    {"hard_tanh", {.op = CUV_OP_HARD_TANH}},
    {"hard_shrink", {.op = CUV_OP_HARD_SHRINK, .alpha = 0.5}},
    {"soft_shrink", {.op = CUV_OP_SOFT_SHRINK, .alpha = 0.5}},
    {"tanh_shrink", {.op = CUV_OP_TANH_SHRINK}},
    {"log_sigmoid", {.op = CUV_OP_LOG_SIGMOID}},
    {"squareplus", {.op = CUV_OP_SQUAREPLUS, .alpha = 4}},
    {"sparse_plus", {.op = CUV_OP_SPARSE_PLUS}},
    {"sparse_sigmoid", {.op = CUV_OP_SPARSE_SIGMOID}}};

static const cuv_act hard_sigmoid_old = {.op = CUV_OP_HARD_SIGMOID, .alpha = 0.2, .beta = 0.5};
static const cuv_act hard_sigmoid_new = {.op = CUV_OP_HARD_SIGMOID, .alpha = 1.0 / 6.0, .beta = 0.5};

/* Of several steps. */
static const char several[] = "glu log_softmax sparsemax";

/* Layers that Keras also takes by class name where an activation is due. */
static const char layers_by_name[] = "LeakyReLU PReLU ELU ReLU Softmax ThresholdedReLU";

/* The name inside {"class_name": "function", "config": "relu"} and its relatives; NULL when there is none. */
static const char *function_name(const cuv_value *v)
{
    if (cuv_text(v))
        return cuv_text(v);
    const char *class_name = cuv_get_text(v, "class_name");
    const cuv_value *config = cuv_get(v, "config");
    if (cuv_text(config))
        return cuv_text(config);
    if (class_name && !cuv_layer_find(class_name) && cuv_is_null(config) && strcmp(class_name, "__lambda__") != 0)
        return class_name;
    return NULL;
}

static bool is_layer(const cuv_value *v)
{
    const char *class_name = cuv_get_text(v, "class_name");
    return class_name && !cuv_text(cuv_get(v, "config")) && cuv_layer_find(class_name);
}

/* --custom can stand in for functions, too: "package>name" as well as "name". */
static cuv_status stands_in(const cuv_layer *layer, const char *name, bool *out)
{
    const cuv_model_hooks *hooks = layer->hooks;
    cuv_value *record = cuv_value_dict(layer->arena);
    *out = false;
    if (!record)
        return cuv_oom(cuv_arena_context(layer->arena));
    CUV_TRY(cuv_dict_set(layer->arena, record, "class_name", cuv_value_text(layer->arena, name)));
    *out = hooks && hooks->stand_in && hooks->stand_in(hooks, record, NULL);
    return CUV_OK;
}

static cuv_status unknown(const cuv_layer *layer, const cuv_value *value, const char *name)
{
    const char *names[sizeof singles / sizeof *singles];
    cuv_context *cx = cuv_arena_context(layer->arena);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        names[i] = singles[i].names;
    const char *near = name && cuv_text(value) ? cuv_nearest_word(name, names, sizeof names / sizeof *names) : NULL;
    const char *found = cuv_value_repr(cx, value);
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.activation",
                    &(cuv_detail){.layer = layer->name, .expected = "an activation of Keras", .found = found,
                                  .help = near ? cuv_format(cx, "did you mean '%s'?", near)
                                               : cuv_format(cx, "what it computes is in its Python code only; say it in Keras code, and "
                                                            "give that with --custom %s=CODE.py", name ? cuv_plain_name(name) : "NAME")},
                    "layer '%s' (%s): the activation %s is not known", layer->name, layer->class_name, found);
}

/* Sequential([Rescaling(a, b), ReLU(max_value=1)]), which is how Keras 3 can say the hard_sigmoid of Keras 2: clip(a x + b, 0, 1). */
static bool is_clip(const cuv_value *v, cuv_act *act)
{
    const cuv_value *layers = cuv_get(cuv_get(v, "config"), "layers"), *scale = cuv_item(layers, 0), *clip = cuv_item(layers, 1);
    const cuv_value *relu = cuv_get(clip, "config");
    double a, b, most, none = 0, at = 0;
    if (!cuv_streq(cuv_get_text(v, "class_name"), "Sequential") || cuv_len(layers) != 2 ||
        !cuv_streq(cuv_get_text(scale, "class_name"), "Rescaling") || !cuv_streq(cuv_get_text(clip, "class_name"), "ReLU") ||
        !cuv_as_real(cuv_get(cuv_get(scale, "config"), "scale"), &a) || !cuv_as_real(cuv_get(cuv_get(scale, "config"), "offset"), &b) ||
        !cuv_as_real(cuv_get(relu, "max_value"), &most) || most != 1)
        return false;
    (void)cuv_as_real(cuv_get(relu, "negative_slope"), &none);
    (void)cuv_as_real(cuv_get(relu, "threshold"), &at);
    *act = (cuv_act){.op = CUV_OP_HARD_SIGMOID, .alpha = a, .beta = b};
    return none == 0 && at == 0;
}

cuv_status cuv_parse_activation(const cuv_layer *layer, const cuv_value *value, cuv_act *act, bool *single)
{
    *act = (cuv_act){.op = CUV_OP_NONE};
    *single = true;
    if (cuv_is_null(value))
        return CUV_OK;
    if (is_clip(value, act))
        return CUV_OK;
    *act = (cuv_act){.op = CUV_OP_NONE};
    if (is_layer(value)) {
        *single = false;
        return CUV_OK;
    }
    const char *name = function_name(value);
    if (!name)
        return unknown(layer, value, NULL);
    if (strcmp(name, "hard_sigmoid") == 0) {
        *act = layer->keras <= 2 ? hard_sigmoid_old : hard_sigmoid_new;
        return CUV_OK;
    }
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (cuv_has_word(singles[i].names, name)) {
            *act = singles[i].act;
            return CUV_OK;
        }
    *single = false;
    bool known = cuv_has_word(several, name) || cuv_has_word(layers_by_name, name);
    if (!known)
        CUV_TRY(stands_in(layer, name, &known));
    return known ? CUV_OK : unknown(layer, value, name);
}

bool cuv_activation_is_known(const cuv_value *value)
{
    cuv_act act;
    const char *name = function_name(value);
    if (cuv_is_null(value) || is_layer(value) || is_clip(value, &act) || cuv_streq(cuv_get_text(value, "class_name"), "__lambda__"))
        return true;
    for (size_t i = 0; name && i < sizeof singles / sizeof *singles; i++)
        if (cuv_has_word(singles[i].names, name))
            return true;
    return name && (strcmp(name, "hard_sigmoid") == 0 || cuv_has_word(several, name) || cuv_has_word(layers_by_name, name));
}

cuv_status cuv_arg_activation(cuv_context *cx, const cuv_layer *layer, const char *name, cuv_act *act, bool *single)
{
    (void)cx;
    return cuv_parse_activation(layer, cuv_arg(layer, name), act, single);
}

/* ---- activations of several steps --------------------------------------------------------------------------------- */

static cuv_ref lower_glu(cuv_call *call, cuv_ref x)
{
    const cuv_var *v = cuv_var_of(call, x);
    int last = v->rank - 1;
    int64_t half = v->rank && v->shape[last] > 0 ? v->shape[last] / 2 : 0;
    cuv_ref a = cuv_slice_axis(call, x, last, 0, half), b = cuv_slice_axis(call, x, last, half, 2 * half);
    return cuv_emit2(call->program, CUV_OP_MUL, a, cuv_emit1(call->program, CUV_OP_SIGMOID, b));
}

/* Martins and Astudillo 2016: max(x - tau, 0). Keras sums the running sums over the support where the paper sums the values, so
 * that its outputs do not add up to 1; what counts here is Keras. */
static cuv_ref lower_sparsemax(cuv_call *call, cuv_ref x)
{
    cuv_program *p = call->program;
    int last = cuv_var_of(call, x)->rank - 1;
    cuv_ref one = cuv_scalar_like(call, x, 1), zero = cuv_scalar_like(call, x, 0);
    cuv_ref sorted = cuv_emit(p, CUV_OP_SORT, CUV_IN(x), CUV_AT(.axis = last, .reverse = true));
    cuv_ref sums = cuv_emit(p, CUV_OP_CUMSUM, CUV_IN(sorted), CUV_AT(.axis = last));
    cuv_ref rank = cuv_emit(p, CUV_OP_RANGE, CUV_IN(x), CUV_AT(.axis = last, .dtype = cuv_var_of(call, x)->dtype));
    rank = cuv_emit2(p, CUV_OP_ADD, rank, one);
    cuv_ref mean = cuv_emit2(p, CUV_OP_DIV, cuv_emit2(p, CUV_OP_SUB, sums, one), rank);
    cuv_ref support = cuv_emit2(p, CUV_OP_GREATER, sorted, mean);
    cuv_ref size = cuv_reduce(call, CUV_OP_SUM, cuv_emit_cast(p, support, cuv_var_of(call, x)->dtype), &last, 1, true);
    cuv_ref kept = cuv_emit(p, CUV_OP_WHERE, CUV_IN(support, sums, zero), NULL);
    cuv_ref tau = cuv_emit2(p, CUV_OP_SUB, cuv_reduce(call, CUV_OP_SUM, kept, &last, 1, true), one);
    tau = cuv_emit2(p, CUV_OP_DIV, tau, size);
    return cuv_emit2(p, CUV_OP_MAXIMUM, cuv_emit2(p, CUV_OP_SUB, x, tau), zero);
}

static cuv_status lower_named(cuv_call *call, const char *name, cuv_ref x, cuv_ref *out)
{
    int last = cuv_var_of(call, x)->rank - 1;
    if (last < 0)
        return cuv_bad_input(call, 0, "at least 1 axis");
    if (strcmp(name, "glu") == 0)
        *out = lower_glu(call, x);
    else if (strcmp(name, "sparsemax") == 0)
        *out = lower_sparsemax(call, x);
    else
        *out = cuv_emit(call->program, CUV_OP_LOG_SOFTMAX, CUV_IN(x), CUV_AT(.axes = {last}, .axes_count = 1));
    return call->program->status;
}

/* A layer as activation is an inner layer with the role of the attribute that holds it. */
static cuv_status lower_layer(cuv_call *call, const cuv_value *record, cuv_ref x, cuv_ref *out)
{
    cuv_layer *inner = cuv_inner_by_role(call->layer, "activation");
    if (!inner)
        CUV_TRY(cuv_layer_add_inner(call->layer, record, "activation", &inner));
    return cuv_call_inner1(call, inner, (cuv_sym){x, CUV_NO_REF}, out);
}

static cuv_status record_of_class(cuv_call *call, const char *class_name, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(call->layer->arena);
    *out = cuv_value_dict(call->layer->arena);
    if (!config || !*out)
        return cuv_oom(call->cx);
    CUV_TRY(cuv_dict_set(call->layer->arena, *out, "class_name", cuv_value_text(call->layer->arena, class_name)));
    CUV_TRY(cuv_dict_set(call->layer->arena, config, "name", cuv_value_text(call->layer->arena, cuv_plain_name(class_name))));
    return cuv_dict_set(call->layer->arena, *out, "config", config);
}

cuv_status cuv_lower_activation(cuv_call *call, const cuv_value *activation, cuv_ref x, cuv_ref *out)
{
    cuv_act act;
    bool single;
    *out = CUV_NO_REF;
    CUV_TRY(cuv_parse_activation(call->layer, activation, &act, &single));
    if (single) {
        *out = cuv_emit_act(call->program, &act, x);
        return call->program->status;
    }
    if (is_layer(activation))
        return lower_layer(call, activation, x, out);
    const char *name = function_name(activation);
    if (cuv_has_word(several, name))
        return lower_named(call, name, x, out);
    cuv_value *record;
    CUV_TRY(record_of_class(call, name, &record));
    return lower_layer(call, record, x, out);
}

cuv_status cuv_finish_activation(cuv_call *call, const char *argument, cuv_ref x, cuv_ref *out)
{
    return cuv_lower_activation(call, cuv_arg(call->layer, argument), x, out);
}
