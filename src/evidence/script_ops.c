/* Operations on symbolic tensors: functions of keras.ops, keras.backend and TensorFlow, and Python's operators.
 * Each is a node of its own in the model: for Keras 3 an Operation, for Keras 2 a function of TensorFlow, as real
 * Keras makes them. */
#include "evidence/script.h"
#include "format/python.h"

static const char help[] = "write it with a layer of Keras: add([a, b]), multiply([a, b]), Activation('relu'), Reshape(...)";

typedef struct operation { const char *class_name, *family, *functions, *tensors, *options; } operation;

#define CUV_OPERATION(class_name, family, functions, tensors, options) {class_name, family, functions, tensors, options},
static const operation operations[] = {
#include "evidence/operations.def"
};
#undef CUV_OPERATION

/* Functions whose arguments do not stand in the order: tensors, then options. */
static const struct { const char *class_name, *order; } orders[] = {
    {"Pad", "x pad_width mode constant_values"}, {"Average", "x axis weights"},
    {"BatchNorm", "x mean variance axis offset scale epsilon"}, {"DotProductAttention",
     "query key value bias mask scale is_causal flash_attention attn_logits_soft_cap"}};

/* ---- words ---- */

/* Word number `index` without its default; NULL beyond the end. */
static const char *word_at(cuv_sc *e, const char *words, size_t index)
{
    for (; *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        if (index-- == 0) {
            const char *word = cuv_arena_strndup(e->arena, words, strcspn(words, "= ") < n ? strcspn(words, "= ") : n);
            e->no_memory |= !word;
            return word;
        }
        words += n;
    }
    return NULL;
}

static bool names_it(cuv_sc *e, const char *words, const char *name)
{
    const char *word;
    for (size_t i = 0; (word = word_at(e, words, i)); i++)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

/* The argument `name` of an operation's function, by place or keyword. */
static cuv_sv *given(cuv_sc *e, const char *order, const cuv_sargs *args, const char *name)
{
    const char *word;
    for (size_t i = 0; i < args->named; i++)
        if (cuv_streq(args->names[i], name))
            return args->values[i];
    for (size_t i = 0; i < args->count && (word = word_at(e, order, i)); i++)
        if (strcmp(word, name) == 0)
            return args->items[i];
    return NULL;
}

/* ---- nodes ---- */

static cuv_status result(cuv_sc *e, const cuv_sn *call, cuv_sv **out)
{
    if (call->output_count == 1 && !cuv_word_in("Split ArraySplit Unstack", call->layer->class_name))
        return cuv_sl_tensor_value(e, call->outputs[0], out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = 0; i < call->output_count; i++) {
        cuv_sv *t = NULL;
        CUV_TRY(cuv_sl_tensor_value(e, call->outputs[i], &t));
        CUV_TRY(cuv_sv_add(e, *out, t));
    }
    return CUV_OK;
}

static cuv_status no_unknown(cuv_sc *e, const cuv_py *node, const char *name, const cuv_sv *list)
{
    const cuv_sv *unknown = cuv_sv_unknown_in(list);
    return unknown ? cuv_sc_fail(e, node, CUV_UNSUPPORTED, "script.unknown", "write out what the script computes there",
                                 "the operation %s gets what is not known from the code: %s", name, cuv_sv_describe(e, unknown))
                   : CUV_OK;
}

/* A call of a new operation; one list of outputs when it makes several. */
static cuv_status call_operation(cuv_sc *e, cuv_sl *layer, cuv_sv *args, cuv_sv *kwargs, cuv_sv **out)
{
    cuv_sn *call = NULL;
    CUV_TRY(no_unknown(e, e->at, layer->class_name, args));
    CUV_TRY(no_unknown(e, e->at, layer->class_name, kwargs));
    const size_t outputs = cuv_so_outputs(layer, args);
    if (!outputs)
        return cuv_sc_unsupported(e, e->at, "say how many with num=", "into how many tensors unstack cuts its input is not known from the code");
    CUV_TRY(cuv_sn_new(e, layer, args, kwargs, outputs, &call));
    return result(e, call, out);
}

static const operation *find_class(const char *class_name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (cuv_streq(operations[i].class_name, class_name))
            return &operations[i];
    return NULL;
}

static cuv_status unknown_argument(cuv_sc *e, const operation *op, const cuv_sargs *args, const char *name)
{
    return cuv_sc_unsupported(e, args->node, cuv_sc_format(e, "it takes %s %s", op->tensors, op->options),
                              "the operation %s has no argument '%s'", op->class_name, name);
}

/* Options go into the constructor's arguments, tensors (and what stands for them) into the call. */
static cuv_status fill(cuv_sc *e, const operation *op, const char *order, const cuv_sargs *args, cuv_sl *layer, cuv_sv *tensors,
                       cuv_sv *kwargs)
{
    const char *word;
    bool gap = false;
    for (size_t i = 0; (word = word_at(e, op->options, i)); i++) {
        cuv_sv *v = given(e, order, args, word);
        if (v)
            CUV_TRY(cuv_sv_put_word(e, layer->config, word, v));
    }
    for (size_t i = 0; (word = word_at(e, op->tensors, i)); i++) {
        cuv_sv *v = word[0] == '*' ? NULL : given(e, order, args, word);
        gap |= !v;
        if (v && !gap)
            CUV_TRY(cuv_sv_add(e, tensors, v));
        else if (v)
            CUV_TRY(cuv_sv_put_word(e, kwargs, word, v));
    }
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_streq(args->names[i], "name") && !names_it(e, order, args->names[i]))
            return unknown_argument(e, op, args, args->names[i]);
    return CUV_OK;
}

/* einsum(subscripts, *operands) and meshgrid(*x). */
static cuv_status fill_starred(cuv_sc *e, const operation *op, const cuv_sargs *args, cuv_sl *layer, cuv_sv *tensors)
{
    size_t from = cuv_streq(op->class_name, "Einsum") && args->count ? 1 : 0;
    if (from)
        CUV_TRY(cuv_sv_put_word(e, layer->config, "subscripts", args->items[0]));
    for (size_t i = from; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, tensors, args->items[i]));
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, layer->config, args->names[i], args->values[i]));
    return CUV_OK;
}

static cuv_status make_operation(cuv_sc *e, const operation *op, const cuv_sargs *args, cuv_sv **out)
{
    const char *order = cuv_sc_format(e, "%s %s", op->tensors, op->options), *name = NULL;
    cuv_sl *layer = NULL;
    cuv_sv *tensors = NULL, *kwargs = NULL;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (cuv_streq(orders[i].class_name, op->class_name))
            order = orders[i].order;
    for (size_t i = 0; i < args->named; i++)
        if (cuv_streq(args->names[i], "name") && args->values[i]->kind == CUV_SV_TEXT)
            name = args->values[i]->text;
    e->at = args->node ? args->node : e->at;
    CUV_TRY(cuv_sl_new(e, CUV_SL_OPERATION, op->class_name, name, &layer));
    layer->module = cuv_sc_format(e, "keras.src.ops.%s", op->family);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &tensors));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &kwargs));
    if (strchr(op->tensors, '*'))
        CUV_TRY(fill_starred(e, op, args, layer, tensors));
    else
        CUV_TRY(fill(e, op, order, args, layer, tensors, kwargs));
    CUV_TRY(no_unknown(e, e->at, op->class_name, layer->config));
    return call_operation(e, layer, tensors, kwargs, out);
}

cuv_status cuv_sc_op(cuv_sc *e, const char *class_name, const char *family, const cuv_sargs *args, cuv_sv **out)
{
    const operation *op = find_class(class_name);
    (void)family;
    return op ? make_operation(e, op, args, out)
              : cuv_sc_unsupported(e, args->node, help, "the operation %s on a symbolic tensor", class_name);
}

/* ---- functions of TensorFlow, as Keras 2 keeps them ---- */

/* Functions that TensorFlow also has under tf.math, which is then their real name. */
static const char in_math[] =
    "abs acos acosh add argmax argmin asin asinh atan atan2 atanh cos cosh cumsum divide equal erf exp floor greater greater_equal less "
    "less_equal log log1p logical_and logical_not logical_or maximum minimum multiply negative not_equal pow reduce_all reduce_any "
    "reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum round rsqrt scalar_mul sigmoid sign sin sinh sqrt square "
    "subtract tan tanh truediv top_k l2_normalize softplus";

/* "tf.math.reduce_mean", then "tf.math.reduce_mean_1": the name that Keras 2 gives. */
static cuv_status function_name(cuv_sc *e, const char *function, const char **out)
{
    const char *name = cuv_sc_format(e, "tf.%s", function);
    uintptr_t seen = (uintptr_t)cuv_map_get(e->counters, name);
    CUV_TRY(cuv_map_set(e->counters, name, (void *)(seen + 1)));
    *out = seen ? cuv_sc_format(e, "%s_%zu", name, (size_t)seen) : name;
    return CUV_OK;
}

static cuv_status call_function(cuv_sc *e, const char *function, cuv_sv *args, cuv_sv *kwargs, cuv_sv **out)
{
    cuv_sl *layer = NULL;
    cuv_sv *text = NULL;
    const char *name = NULL;
    CUV_TRY(function_name(e, function, &name));
    CUV_TRY(cuv_sl_new(e, CUV_SL_OPERATION, "TFOpLambda", name, &layer));
    CUV_TRY(cuv_sv_word(e, function, &text));
    CUV_TRY(cuv_sv_put_word(e, layer->config, "function", text));
    return call_operation(e, layer, args, kwargs, out);
}

static cuv_status make_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *items = NULL, *kwargs = NULL;
    const char *last = cuv_sc_last(name);
    bool plain = last == name || cuv_starts_with(name, "nn.");
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &kwargs));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, items, args->items[i]));
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, kwargs, args->names[i], args->values[i]));
    if (cuv_streq(name, "matmul"))
        name = "linalg.matmul";
    else if (plain && cuv_word_in(in_math, last))
        name = cuv_sc_format(e, "math.%s", last);
    e->at = args->node ? args->node : e->at;
    return call_function(e, name, items, kwargs, out);
}

/* ---- keras.backend ---- */

/* Functions of keras.backend as operations: the class, and their arguments in order with the operation's names. */
static const struct { const char *name, *class_name, *arguments, *option; double value; } backend[] = {
    {"abs", "Absolute", "x", NULL, 0}, {"square", "Square", "x", NULL, 0}, {"sqrt", "Sqrt", "x", NULL, 0},
    {"exp", "Exp", "x", NULL, 0}, {"log", "Log", "x", NULL, 0}, {"round", "Round", "x", NULL, 0}, {"sign", "Sign", "x", NULL, 0},
    {"sin", "Sin", "x", NULL, 0}, {"cos", "Cos", "x", NULL, 0}, {"pow", "Power", "x=x1 a=x2", NULL, 0},
    {"sigmoid", "Sigmoid", "x", NULL, 0}, {"tanh", "Tanh", "x", NULL, 0}, {"softplus", "Softplus", "x", NULL, 0},
    {"softsign", "Softsign", "x", NULL, 0}, {"softmax", "Softmax", "x axis", NULL, 0}, {"relu", "Relu", "x", NULL, 0},
    {"elu", "Elu", "x alpha", NULL, 0}, {"maximum", "Maximum", "x=x1 y=x2", NULL, 0},
    {"minimum", "Minimum", "x=x1 y=x2", NULL, 0}, {"equal", "Equal", "x=x1 y=x2", NULL, 0},
    {"not_equal", "NotEqual", "x=x1 y=x2", NULL, 0}, {"greater", "Greater", "x=x1 y=x2", NULL, 0},
    {"greater_equal", "GreaterEqual", "x=x1 y=x2", NULL, 0}, {"less", "Less", "x=x1 y=x2", NULL, 0},
    {"less_equal", "LessEqual", "x=x1 y=x2", NULL, 0}, {"clip", "Clip", "x min_value=x_min max_value=x_max", NULL, 0},
    {"cast", "Cast", "x dtype", NULL, 0}, {"stop_gradient", "StopGradient", "variables=variable", NULL, 0},
    {"sum", "Sum", "x axis keepdims", NULL, 0}, {"mean", "Mean", "x axis keepdims", NULL, 0},
    {"prod", "Prod", "x axis keepdims", NULL, 0}, {"max", "Max", "x axis keepdims", NULL, 0}, {"min", "Min", "x axis keepdims", NULL, 0},
    {"any", "Any", "x axis keepdims", NULL, 0}, {"all", "All", "x axis keepdims", NULL, 0}, {"var", "Var", "x axis keepdims", NULL, 0},
    {"std", "Std", "x axis keepdims", NULL, 0}, {"logsumexp", "Logsumexp", "x axis keepdims", NULL, 0},
    {"argmax", "Argmax", "x axis", "axis", -1}, {"argmin", "Argmin", "x axis", "axis", -1}, {"cumsum", "Cumsum", "x axis", "axis", 0},
    {"concatenate", "Concatenate", "tensors=xs axis", "axis", -1}, {"stack", "Stack", "x axis", "axis", 0},
    {"reshape", "Reshape", "x shape=newshape", NULL, 0}, {"permute_dimensions", "Transpose", "x pattern=axes", NULL, 0},
    {"transpose", "Transpose", "x", NULL, 0}, {"expand_dims", "ExpandDims", "x axis", "axis", -1},
    {"squeeze", "Squeeze", "x axis", NULL, 0}, {"flatten", "Ravel", "x", NULL, 0}, {"reverse", "Flip", "x axes=axis", NULL, 0},
    {"repeat_elements", "Repeat", "x rep=repeats axis", NULL, 0}, {"tile", "Tile", "x n=repeats", NULL, 0},
    {"gather", "Take", "reference=x indices", "axis", 0}, {"one_hot", "OneHot", "indices=x num_classes", NULL, 0},
    {"ones_like", "OnesLike", "x dtype", NULL, 0}, {"zeros_like", "ZerosLike", "x dtype", NULL, 0},
    {"dot", "Dot", "x=x1 y=x2", NULL, 0}, {"switch", "Where", "condition then_expression=x1 else_expression=x2", NULL, 0},
    {"l2_normalize", "Normalize", "x axis", "epsilon", 1e-12},
};

/* The same arguments under the operation's names. */
static cuv_status from_backend(cuv_sc *e, size_t at, const cuv_sargs *args, cuv_sv **out)
{
    const char *word, *list = backend[at].arguments;
    size_t n = args->count + args->named + 1;
    cuv_sargs renamed = {.node = args->node};
    renamed.names = CUV_NEW_ARRAY(e->arena, const char *, n);
    renamed.values = CUV_NEW_ARRAY(e->arena, cuv_sv *, n);
    if (!renamed.names || !renamed.values)
        return cuv_oom(e->cx);
    bool has_option = !backend[at].option;
    for (size_t i = 0; i < args->count + args->named; i++) {
        const char *theirs = i < args->count ? word_at(e, list, i) : args->names[i - args->count], *ours = theirs, *from = list;
        for (; *from; from += strspn(from, " ")) {
            size_t k = strcspn(from, "= "), m = strcspn(from, " ");
            word = cuv_sc_format(e, "%.*s", (int)k, from);
            if (cuv_streq(word, theirs) && k < m)
                ours = cuv_sc_format(e, "%.*s", (int)(m - k - 1), from + k + 1);
            from += m;
        }
        if (!theirs)
            return cuv_sc_unsupported(e, args->node, help, "keras.backend.%s is called with more arguments than it takes",
                                      backend[at].name);
        has_option |= cuv_streq(ours, backend[at].option);
        renamed.names[renamed.named] = ours;
        renamed.values[renamed.named++] = i < args->count ? args->items[i] : args->values[i - args->count];
    }
    if (!has_option) {
        bool whole = backend[at].value == (double)(int64_t)backend[at].value;
        renamed.names[renamed.named] = backend[at].option;
        CUV_TRY(whole ? cuv_sv_int(e, (int64_t)backend[at].value, &renamed.values[renamed.named++])
                      : cuv_sv_real(e, backend[at].value, &renamed.values[renamed.named++]));
    }
    return make_operation(e, find_class(backend[at].class_name), &renamed, out);
}

/* ---- by the name of a function ---- */

static cuv_status of_activation(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sargs more = *args;
    if (cuv_streq(name, "linear") && args->count == 1 && !args->named) {
        *out = args->items[0];
        return CUV_OK;
    }
    if (!cuv_streq(name, "gelu") || args->count > 1 || args->named)
        return cuv_sc_op_function(e, cuv_sc_format(e, "keras.ops.%s", name), &more, out);
    more.names = (const char *[]){"approximate"};     /* the activation is exact where the operation is not */
    more.values = (cuv_sv *[]){e->no};
    more.named = 1;
    return cuv_sc_op_function(e, "keras.ops.gelu", &more, out);
}

/* Functions that look at tensors or models without making new ones come out as unknown to them. */
cuv_status cuv_sc_op_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const char *last = cuv_sc_last(name);
    bool tensor = false;
    for (size_t i = 0; i < args->count + args->named; i++) {
        const cuv_sv *v = i < args->count ? args->items[i] : args->values[i - args->count];
        tensor |= v->kind == CUV_SV_TENSOR || (cuv_sv_is_seq(v) && cuv_sv_involves(v));
    }
    *out = NULL;
    if (!tensor)
        return e->bodies ? cuv_sc_constant_function(e, name, args, out) : CUV_OK;
    if (cuv_streq(name, "keras.ops.shape") && args->count == 1 && args->items[0]->kind == CUV_SV_TENSOR && args->items[0]->symbol->shaped)
        return cuv_sc_shape_tuple(e, args->items[0]->symbol, out);
    if (cuv_starts_with(name, "tensorflow."))
        return make_function(e, name + strlen("tensorflow."), args, out);
    for (size_t i = 0; cuv_starts_with(name, "keras.ops.") && i < sizeof operations / sizeof *operations; i++)
        if (cuv_word_in(operations[i].functions, last))
            return make_operation(e, &operations[i], args, out);
    for (size_t i = 0; cuv_starts_with(name, "keras.backend.") && i < sizeof backend / sizeof *backend; i++)
        if (cuv_streq(backend[i].name, last))
            return from_backend(e, i, args, out);
    if (cuv_starts_with(name, "keras.activations."))
        return of_activation(e, last, args, out);
    return cuv_sc_unsupported(e, args->node, help, "'%s' is called on a symbolic tensor of the model", name);
}

/* ---- operators ---- */

static const struct { int op; const char *class_name, *function; } operators[] = {
    {'+', "Add", "__operators__.add"}, {'-', "Subtract", "math.subtract"}, {'*', "Multiply", "math.multiply"},
    {'/', "TrueDivide", "math.truediv"}, {CUV_PY_FLOORDIV, "FloorDivide", "math.floordiv"}, {'%', "Mod", "math.floormod"},
    {CUV_PY_POW, "Power", "math.pow"}, {'@', "Matmul", "linalg.matmul"}, {'<', "Less", "math.less"}, {'>', "Greater", "math.greater"},
    {CUV_PY_LE, "LessEqual", "math.less_equal"}, {CUV_PY_GE, "GreaterEqual", "math.greater_equal"},
    {CUV_PY_EQ, "Equal", "__operators__.eq"}, {CUV_PY_NE, "NotEqual", "__operators__.ne"},
    {'&', "LogicalAnd", "math.logical_and"}, {'|', "LogicalOr", "math.logical_or"}, {'^', "LogicalXor", "math.logical_xor"}};

static cuv_status pair(cuv_sc *e, const char *class_name, const char *function, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    cuv_sv *items[2] = {a, b}, *tuple = NULL, *none = NULL;
    const cuv_sargs args = {.items = items, .count = b ? 2 : 1, .node = e->at};
    if (e->script->keras != 2 || e->bodies)
        return make_operation(e, find_class(class_name), &args, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &tuple));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &none));
    CUV_TRY(cuv_sv_add(e, tuple, a));
    if (b)
        CUV_TRY(cuv_sv_add(e, tuple, b));
    return call_function(e, function, tuple, none, out);
}

cuv_status cuv_sc_symbol_operate(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i].op == op)
            return pair(e, operators[i].class_name, operators[i].function, a, b, out);
    return cuv_sc_unsupported(e, e->at, help, "the operator '%c' on a symbolic tensor of the model", op > 32 && op < 127 ? op : '?');
}

cuv_status cuv_sc_symbol_unary(cuv_sc *e, const char *class_name, cuv_sv *a, cuv_sv **out)
{
    const char *function = cuv_streq(class_name, "Negative") ? "math.negative" : cuv_streq(class_name, "Absolute") ? "math.abs" : NULL;
    if (!function && e->script->keras == 2)
        return cuv_sc_unsupported(e, e->at, help, "the operation %s on a symbolic tensor of the model", class_name);
    return pair(e, class_name, function, a, NULL, out);
}

cuv_status cuv_sc_symbol_index(cuv_sc *e, cuv_sv *of, cuv_sv *index, cuv_sv **out)
{
    return pair(e, "GetItem", "__operators__.getitem", of, index, out);
}
