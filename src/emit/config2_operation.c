/* An operation as Keras 2 writes it: a function of TensorFlow as a layer (TFOpLambda, SlicingOpLambda). One that
 * came from Keras 2 is given back as it was; one of Keras 3 becomes the function that computes the same, for the
 * dtypes at hand. */
#include "emit/config.h"
#include "layers/operation.h"

typedef cuv_config_writer writer;

typedef struct call_writer {
    writer *w;
    const cuv_layer *layer;
    const cuv_graph_call *call;
    const cuv_var *const *vars;     /* the call's tensors, or NULL */
    size_t var_count;
    cuv_wire_value wire;
    void *state;
} call_writer;

static cuv_status refuse(writer *w, const cuv_layer *layer, const char *what)
{
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.class", &(cuv_detail){.layer = layer->name, .found = what,
                    .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' is the operation %s%s%s, which no function of TensorFlow in a model of Keras 2 computes",
                        layer->name,
                    layer->def->name, what ? " with " : "", what ? what : "");
}

/* ---- the record */

cuv_status cuv_keras2_operation(writer *w, const cuv_layer *layer, cuv_value **out)
{
    CUV_TRY(cuv_config_check_backend(w, layer, 2, false));
    const cuv_tf_function *f = layer->state ? layer->state : cuv_tf_function_for(layer);
    cuv_value *config = NULL;
    if (!f)
        return refuse(w, layer, NULL);
    const char *class_name = layer->state ? layer->class_name
                           : cuv_streq(f->operation, "GetItem") ? "SlicingOpLambda" : "TFOpLambda";
    CUV_TRY(cuv_config_object(w, "keras.src.layers.core.tf_op_layer", class_name, class_name, &config, out));
    for (size_t i = 0; layer->state && layer->config && layer->config->kind == CUV_DICT && i < layer->config->size; i++)
        if (cuv_text(layer->config->pairs[i].key))
            CUV_TRY(cuv_dict_set(w->arena, config, cuv_text(layer->config->pairs[i].key),
                                 layer->config->pairs[i].value));
    CUV_TRY(cuv_config_text(w, config, "name", cuv_keras2_name(w, layer->name)));
    if (layer->state)
        return CUV_OK;
    CUV_TRY(cuv_dict_set(w->arena, config, "trainable", cuv_value_bool(w->arena, true)));
    CUV_TRY(cuv_config_text(w, config, "dtype", "float32"));
    return cuv_config_text(w, config, "function", f->name);
}

/* ---- arguments */

static const cuv_wired_arg *operand(const call_writer *c, const char *name)
{
    const cuv_operation *op = cuv_operation_of(c->layer);
    char theirs[80], ours[80];
    size_t place = 0, at = 0;
    while (cuv_config_word(op->operands, (int)place, theirs, ours, sizeof theirs) && strcmp(theirs, name) != 0)
        place++;
    for (size_t i = 0; i < c->call->arg_count; i++) {
        const cuv_wired_arg *arg = &c->call->args[i];
        if (arg->name ? cuv_streq(arg->name, name) : at++ == place)
            return arg;
    }
    return NULL;
}

/* Literals in the words of Keras 2: arrays as lists, slices as dictionaries. */
static cuv_status literal_value(writer *w, const cuv_value *v, unsigned depth, cuv_value **out)
{
    const char *class_name = cuv_get_text(v, "class_name");
    *out = v ? (cuv_value *)(uintptr_t)v : cuv_value_null(w->arena);
    if (class_name && (!strcmp(class_name, "__numpy__") || !strcmp(class_name, "__tensor__")))
        *out = cuv_get(cuv_get(v, "config"), "value");
    else if (cuv_streq(class_name, "__slice__"))
        *out = cuv_get(v, "config");
    if (!*out)
        return cuv_oom(w->cx);
    if (!cuv_is_seq(v) || !depth)
        return CUV_OK;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < cuv_len(v); i++) {
        cuv_value *item;
        CUV_TRY(literal_value(w, cuv_item(v, i), depth - 1, &item));
        CUV_TRY(cuv_list_add(w->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status constant_entry(writer *w, const cuv_value *v, cuv_value **out)
{
    cuv_value *value;
    *out = cuv_value_list(w->arena);
    CUV_TRY(literal_value(w, v, CUV_MAX_RANK, &value));
    if (!*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_text(w->arena, "_CONSTANT_VALUE")));
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_int(w->arena, -1)));
    return cuv_list_add(w->arena, *out, value);
}

/* The tensors of a list, with constants between them, which are marked in the first argument alone. */
static cuv_status list_value(const call_writer *c, const cuv_wired_arg *arg, bool first, cuv_value **out)
{
    writer *w = c->w;
    size_t n = cuv_is_seq(arg->literal) ? cuv_len(arg->literal) : arg->wire_count, next = 0;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < n; i++) {
        const cuv_value *item = cuv_item(arg->literal, i);
        bool tensor = !arg->literal || cuv_streq(cuv_get_text(item, "class_name"), "__keras_tensor__") ||
            cuv_text(cuv_item(item, 0));
        cuv_value *entry;
        if (tensor && !cuv_streq(cuv_text(cuv_item(item, 0)), "_CONSTANT_VALUE") && next < arg->wire_count)
            CUV_TRY(c->wire(c->state, arg->wires[next++], &entry));
        else if (first)
            CUV_TRY(constant_entry(w, cuv_text(cuv_item(item, 0)) ? cuv_item(item, 2) : item, &entry));
        else
            CUV_TRY(literal_value(w, cuv_text(cuv_item(item, 0)) ? cuv_item(item, 2) : item, CUV_MAX_RANK, &entry));
        CUV_TRY(cuv_list_add(w->arena, *out, entry));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status argument_value(const call_writer *c, const cuv_wired_arg *arg, bool first, cuv_value **out)
{
    if (arg->kind == CUV_ARG_TENSOR)
        return c->wire(c->state, arg->wires[0], out);
    return arg->kind == CUV_ARG_LIST ? list_value(c, arg, first, out) : literal_value(c->w, arg->literal, CUV_MAX_RANK, out);
}

/* A number before a tensor that is no float32: Keras 2 makes a float32 of it as it reads the file back, and the two do not fit. Where the order
 * means nothing the tensor goes first; else this is refused. */
static bool is_number_first(const call_writer *c, const cuv_wired_arg *first, const cuv_value *second)
{
    double x;
    return first->kind == CUV_ARG_LITERAL && cuv_as_real(first->literal, &x) && first->literal->kind != CUV_TRUTH && c->vars && c->var_count == 1 &&
           cuv_text(cuv_item(second, 0)) && cuv_dtype_is_float(c->vars[0]->dtype) && c->vars[0]->dtype != CUV_F32;
}

static cuv_status number_last(const call_writer *c, const cuv_wired_arg *first, cuv_value *kwargs, cuv_value **out)
{
    static const char either[] = "Add Multiply Maximum Minimum";
    cuv_value *number;
    if (!cuv_has_word(either, c->layer->def->name))
        return refuse(c->w, c->layer, cuv_format(c->w->cx, "a number before a tensor of %s", cuv_dtype_name(c->vars[0]->dtype)));
    *out = cuv_get(kwargs, "y");
    CUV_TRY(literal_value(c->w, first->literal, CUV_MAX_RANK, &number));
    CUV_TRY(cuv_dict_set(c->w->arena, kwargs, "y", number));
    return cuv_list_add(c->w->arena, *out, kwargs);
}

/* The node: its first argument, with the others beside each tensor of it. */
static cuv_status node_of(const call_writer *c, const cuv_wired_arg *first, cuv_value *kwargs, cuv_value **out)
{
    cuv_arena *a = c->w->arena;
    if (is_number_first(c, first, cuv_get(kwargs, "y")))
        return number_last(c, first, kwargs, out);
    if (first->kind == CUV_ARG_LITERAL)
        CUV_TRY(constant_entry(c->w, first->literal, out));
    else
        CUV_TRY(argument_value(c, first, true, out));
    if (first->kind != CUV_ARG_LIST)
        return cuv_list_add(a, *out, kwargs);
    for (size_t i = 0; i < cuv_len(*out); i++)
        CUV_TRY(cuv_list_add(a, cuv_item(*out, i), kwargs));
    return CUV_OK;
}

/* ---- functions that came from Keras 2 */

static cuv_status same_node(const call_writer *c, cuv_value **out)
{
    writer *w = c->w;
    cuv_value *kwargs = cuv_value_dict(w->arena), *value;
    const cuv_wired_arg *first = NULL;
    bool graph_op = cuv_streq(c->layer->class_name, "TensorFlowOpLayer");
    *out = cuv_value_list(w->arena);
    if (!kwargs || !*out)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < c->call->arg_count; i++) {
        const cuv_wired_arg *arg = &c->call->args[i];
        for (size_t k = 0; graph_op && k < arg->wire_count; k++) {
            CUV_TRY(c->wire(c->state, arg->wires[k], &value));
            CUV_TRY(cuv_list_add(w->arena, value, kwargs));
            CUV_TRY(cuv_list_add(w->arena, *out, value));
        }
        if (graph_op)
            continue;
        if (!arg->name && !first) {
            first = arg;
            continue;
        }
        if (!arg->name)
            return refuse(w, c->layer, "several arguments by place");
        CUV_TRY(argument_value(c, arg, false, &value));
        CUV_TRY(cuv_dict_set(w->arena, kwargs, arg->name, value));
    }
    return first ? node_of(c, first, kwargs, out) : CUV_OK;
}

/* ---- operations of Keras 3 */

/* Values of options that mean what the function does without them. */
static const struct { const char *operation, *name, *value; } usual[] = {
    {"Elu", "alpha", "1.0"}, {"Celu", "alpha", "1.0"}, {"Round", "decimals", "0"}, {"Normalize", "order", "2"},
    {"Resize", "fill_mode", "'constant'"}, {"Resize", "fill_value", "0.0"},
        {"Resize", "data_format", "'channels_last'"},
    {"Gelu", "approximate", "False"}, {"TopK", "sorted", "True"}};

static bool is_idle(const call_writer *c, const char *name, const cuv_value *v)
{
    if (cuv_is_null(v) || !strcmp(name, "name") || (v->kind == CUV_TRUTH && !v->truth))
        return true;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!strcmp(usual[i].operation, c->layer->def->name) && !strcmp(usual[i].name, name)) {
            const cuv_value *value = cuv_layer_literal(c->w->arena, usual[i].value);
            return value && cuv_value_equal(value, v);
        }
    return false;
}

static bool maps(const cuv_tf_function *f, const char *name)
{
    char theirs[80], ours[80];
    for (int i = 0; cuv_config_word(f->arguments, i, theirs, ours, sizeof theirs); i++)
        if (!strcmp(ours, name))
            return true;
    return false;
}

/* Options that the function does not have. */
static cuv_status check_options(const call_writer *c, const cuv_tf_function *f)
{
    const cuv_operation *op = cuv_operation_of(c->layer);
    for (size_t i = 0; c->layer->config && c->layer->config->kind == CUV_DICT && i < c->layer->config->size; i++) {
        const char *name = cuv_text(c->layer->config->pairs[i].key);
        const cuv_value *v = c->layer->config->pairs[i].value;
        if (name && cuv_has_word(op->options, name) && !is_idle(c, name, v) && !maps(f, name))
            return refuse(c->w, c->layer, cuv_format(c->w->cx, "%s=%s", name, cuv_value_repr(c->w->cx, v)));
    }
    for (size_t i = 0; i < c->call->arg_count; i++) {
        const cuv_wired_arg *arg = &c->call->args[i];
        bool idle = arg->kind == CUV_ARG_LITERAL && cuv_is_null(arg->literal);
        if (arg->name && !idle && !maps(f, arg->name))
            return refuse(c->w, c->layer, arg->name);
    }
    return CUV_OK;
}

/* An axis that TensorFlow takes otherwise: a list for one that Keras 3 gives as a number, and the other way round. */
static cuv_status axis_value(const call_writer *c, const cuv_value *given, cuv_value **out)
{
    bool list = cuv_streq(c->layer->def->name, "Flip");
    *out = (cuv_value *)(uintptr_t)given;
    if (list && !cuv_is_seq(given)) {
        *out = cuv_value_list(c->w->arena);
        return *out ? cuv_list_add(c->w->arena, *out, (cuv_value *)(uintptr_t)given) : cuv_oom(c->w->cx);
    }
    if (cuv_has_word("ExpandDims Softmax LogSoftmax", c->layer->def->name) && cuv_is_seq(given)) {
        if (cuv_len(given) != 1)
            return refuse(c->w, c->layer, "several axes");
        *out = cuv_item(given, 0);
    }
    return CUV_OK;
}

/* Keras 3 fills short lists of repeats up at their front. */
static cuv_status repeats_value(const call_writer *c, const cuv_value *given, cuv_value **out)
{
    size_t n = cuv_is_seq(given) ? cuv_len(given) : 1, rank = c->vars ? (size_t)c->vars[0]->rank : 0;
    if (!c->vars || n > rank)
        return refuse(c->w, c->layer, "repeats for axes that are not there");
    *out = cuv_value_list(c->w->arena);
    for (size_t i = 0; *out && i + n < rank; i++)
        CUV_TRY(cuv_list_add(c->w->arena, *out, cuv_value_int(c->w->arena, 1)));
    for (size_t i = 0; *out && i < n; i++)
        CUV_TRY(cuv_list_add(c->w->arena, *out, cuv_is_seq(given) ? cuv_item(given, i)
                             : (cuv_value *)(uintptr_t)given));
    return *out ? CUV_OK : cuv_oom(c->w->cx);
}

/* An option: where TensorFlow's default is another than Keras 3's, it has to be said, and cannot be None. */
static cuv_status option_value(const call_writer *c, const cuv_tf_function *f, const char *name, cuv_value **out)
{
    static const char same[] = "Softmax LogSoftmax LeakyRelu OneHot Sort Argsort Normalize";
    const cuv_value *given = cuv_get(c->layer->config, name);
    char theirs[80], ours[80];
    bool needed = cuv_has_word("Flip Roll", f->operation) && !strcmp(name, "axis");
    *out = NULL;
    for (int i = 0; cuv_config_word(f->preset, i, theirs, ours, sizeof theirs); i++)
        needed |= !strcmp(theirs, name) && (given || !cuv_has_word(same, f->operation));
    if (cuv_has_word("Argmax Argmin", f->operation) && !strcmp(name, "dtype")) {
        *out = cuv_value_text(c->w->arena, "int32");
        return *out ? CUV_OK : cuv_oom(c->w->cx);
    }
    if (cuv_is_null(given))
        return needed ? refuse(c->w, c->layer, cuv_format(c->w->cx, "%s=None", name)) : CUV_OK;
    if (!strcmp(name, "indices_or_sections") && cuv_is_seq(given))
        return refuse(c->w, c->layer, "indices");
    if (!strcmp(name, "axis"))
        return axis_value(c, given, out);
    if (!strcmp(name, "repeats") && !strcmp(f->operation, "Tile"))
        return repeats_value(c, given, out);
    return literal_value(c->w, given, CUV_MAX_RANK, out);
}

/* ---- operands */

/* "..." as the slices that it stands for: Keras 2 does not read it back. */
static cuv_status key_value(const call_writer *c, const cuv_value *given, cuv_value **out)
{
    cuv_arena *a = c->w->arena;
    size_t taken = 0;
    bool dots = false;
    *out = (cuv_value *)(uintptr_t)given;
    for (size_t i = 0; i < cuv_len(given) && cuv_is_seq(given); i++) {
        dots |= cuv_streq(cuv_get_text(cuv_item(given, i), "class_name"), "__ellipsis__");
        taken += !cuv_is_null(cuv_item(given, i)) &&
            !cuv_streq(cuv_get_text(cuv_item(given, i), "class_name"), "__ellipsis__");
    }
    if (!dots && !cuv_streq(cuv_get_text(given, "class_name"), "__ellipsis__"))
        return literal_value(c->w, given, CUV_MAX_RANK, out);
    if (!c->vars || taken > (size_t)c->vars[0]->rank || !dots)
        return refuse(c->w, c->layer, "... over axes that are not known");
    *out = cuv_value_list(a);
    for (size_t i = 0; *out && i < cuv_len(given); i++) {
        const cuv_value *item = cuv_item(given, i);
        bool all = cuv_streq(cuv_get_text(item, "class_name"), "__ellipsis__");
        for (size_t k = 0; k < (all ? (size_t)c->vars[0]->rank - taken : 1); k++) {
            cuv_value *one = all ? cuv_value_dict(a) : NULL;
            if (!all)
                CUV_TRY(literal_value(c->w, item, CUV_MAX_RANK, &one));
            for (const char *const *key = (const char *const[]){"start", "stop", "step", NULL}; all && one &&
                 *key; key++)
                CUV_TRY(cuv_dict_set(a, one, *key, cuv_value_null(a)));
            CUV_TRY(cuv_list_add(a, *out, one));
        }
    }
    return *out ? CUV_OK : cuv_oom(c->w->cx);
}

static bool has_negative(const cuv_value *v, unsigned depth)
{
    double x;
    for (size_t i = 0; depth && cuv_is_seq(v) && i < cuv_len(v); i++)
        if (has_negative(cuv_item(v, i), depth - 1))
            return true;
    return cuv_as_real(v, &x) && x < 0;
}

static const cuv_value *plain_array(const cuv_value *v)
{
    return cuv_get_text(v, "class_name") ? cuv_get(cuv_get(v, "config"), "value") : v;
}

static cuv_status operand_value(const call_writer *c, const char *name, const cuv_wired_arg *arg, cuv_value **out)
{
    const char *operation = c->layer->def->name;
    const cuv_value *literal = arg->kind == CUV_ARG_LITERAL ? plain_array(arg->literal) : NULL;
    double x;
    if (!strcmp(name, "key") && arg->kind == CUV_ARG_LITERAL)
        return key_value(c, arg->literal, out);
    if (!strcmp(operation, "Take") && has_negative(literal, CUV_MAX_RANK))
        return refuse(c->w, c->layer, "indices from the end");
    if (!strcmp(operation, "Matmul") && literal && !cuv_is_seq(cuv_item(literal, 0)))
        return refuse(c->w, c->layer, "a vector");
    if (!strcmp(operation, "Where") && literal && cuv_as_real(literal, &x) && literal->kind != CUV_TRUTH) {
        *out = cuv_value_real(c->w->arena, x);      /* an integer, where the other is a float */
        return *out ? CUV_OK : cuv_oom(c->w->cx);
    }
    return argument_value(c, arg, false, out);
}

/* ---- dtypes: TensorFlow joins none, and computes floats only from floats */

static const char any_dtype[] =
    "Add Subtract Multiply Maximum Minimum Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd "
    "LogicalOr LogicalXor LogicalNot Reshape Transpose ExpandDims Squeeze Concatenate Stack GetItem Take Cast "
    "StopGradient Copy Flip Roll Tile BroadcastTo OneHot Max Min Negative Absolute All Any Where Pad Repeat "
    "Split Unstack Argmax Argmin Slice";
static const char of_truths[] = "LogicalAnd LogicalOr LogicalXor LogicalNot All Any";
static const char of_numbers[] = "Add Subtract Multiply Maximum Minimum Max Min Negative Absolute Argmax Argmin";

static bool is_other_number(const cuv_wired_arg *arg, bool floats, cuv_dtype dtype)
{
    const cuv_value *v = arg->kind == CUV_ARG_LITERAL ? arg->literal : NULL;
    return v && !floats && dtype != CUV_BOOL && (v->kind == CUV_REAL || v->kind == CUV_TRUTH);
}

static cuv_status check_dtypes(const call_writer *c)
{
    const char *name = c->layer->def->name;
    size_t first = !strcmp(name, "Where") ? 1 : 0;      /* after the condition */
    if (!c->vars || c->var_count <= first)
        return !strcmp(name, "Where") ? refuse(c->w, c->layer, "numbers alone") : CUV_OK;
    cuv_dtype dtype = c->vars[first]->dtype;
    bool floats = cuv_dtype_is_float(dtype);
    for (size_t i = first + 1; i < c->var_count; i++)
        if (c->vars[i]->dtype != dtype && strcmp(name, "Take") != 0)
            return refuse(c->w, c->layer, cuv_format(c->w->cx, "%s and %s", cuv_dtype_name(dtype),
                                                     cuv_dtype_name(c->vars[i]->dtype)));
    bool truth = dtype == CUV_BOOL;
    if ((!floats && !cuv_has_word(any_dtype, name)) || (!truth && cuv_has_word(of_truths, name)) ||
        (truth && cuv_has_word(of_numbers, name)) || (first && (!floats || c->vars[0]->dtype != CUV_BOOL)))
        return refuse(c->w, c->layer, cuv_dtype_name(dtype));
    for (size_t i = 0; i < c->call->arg_count && strcmp(name, "GetItem") != 0; i++)
        if (is_other_number(&c->call->args[i], floats, dtype))
            return refuse(c->w, c->layer, "integers and another number");
    for (size_t i = 0; !strcmp(name, "Matmul") && i < c->var_count; i++)
        if (c->vars[i]->rank < 2)
            return refuse(c->w, c->layer, "a vector");
    return CUV_OK;
}

/* ---- the node */

static bool is_said(const cuv_tf_function *f, int place, const char *name)
{
    char theirs[80], ours[80];
    for (int k = 0; k < place && cuv_config_word(f->arguments, k, theirs, ours, sizeof theirs); k++)
        if (!strcmp(ours, name))
            return true;            /* "axis dim=axis": two names for one */
    return false;
}

static cuv_status new_node(const call_writer *c, const cuv_tf_function *f, cuv_value **out)
{
    cuv_value *kwargs = cuv_value_dict(c->w->arena);
    const cuv_wired_arg *first = NULL;
    char theirs[80], ours[80];
    if (!kwargs)
        return cuv_oom(c->w->cx);
    CUV_TRY(check_options(c, f));
    CUV_TRY(check_dtypes(c));
    for (int i = 0; cuv_config_word(f->arguments, i, theirs, ours, sizeof theirs); i++) {
        bool takes = cuv_has_word(cuv_operation_of(c->layer)->operands, ours);
        const cuv_wired_arg *arg = takes ? operand(c, ours) : NULL;
        cuv_value *value = NULL;
        if (i == 0)
            first = arg;
        else if (arg)
            CUV_TRY(operand_value(c, ours, arg, &value));
        else if (!takes)
            CUV_TRY(option_value(c, f, ours, &value));
        if (value && !cuv_is_null(value) && !is_said(f, i, ours))
            CUV_TRY(cuv_dict_set(c->w->arena, kwargs, theirs, value));
    }
    return first ? node_of(c, first, kwargs, out) : refuse(c->w, c->layer, "another order of arguments");
}

cuv_status cuv_keras2_operation_node(writer *w, const cuv_layer *layer, const cuv_graph_call *call,
                                     const cuv_var *const *vars,
                                     size_t var_count, cuv_wire_value wire, void *state, cuv_value **out)
{
    const call_writer c = {w, layer, call, vars, var_count, wire, state};
    if (layer->state)
        return same_node(&c, out);
    const cuv_tf_function *f = cuv_tf_function_for(layer);
    return f ? new_node(&c, f, out) : refuse(w, layer, NULL);
}
