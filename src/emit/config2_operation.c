/* An operation as Keras 2 writes it: a function of TensorFlow as a layer (TFOpLambda, SlicingOpLambda). One that came from Keras 2 is
 * given back as it was; one of Keras 3 becomes the function that computes the same, for the dtypes at hand. */
#include "emit/config.h"
#include "layers/operation.h"

typedef cuv_config_writer writer;

typedef struct call_writer {
    writer *w;
    const cuv_layer *layer;
    const cuv_graph_call *call;
    cuv_wire_value wire;
    void *state;
} call_writer;

static cuv_status refuse(writer *w, const cuv_layer *layer, const char *what)
{
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.class", &(cuv_detail){.layer = layer->name, .found = what,
                    .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' is the operation %s%s%s, which no function of TensorFlow in a model of Keras 2 computes", layer->name,
                    layer->def->name, what ? " with " : "", what ? what : "");
}

/* Word `place` of "a b=c": what stands before and behind the "=". */
static bool word_at(const char *list, int place, char *theirs, char *ours, size_t size)
{
    for (list += strspn(list, " "); *list; list += strspn(list, " ")) {
        size_t n = strcspn(list, " "), k = strcspn(list, "= ");
        if (place-- == 0 && n < size) {
            memcpy(theirs, list, k);
            theirs[k] = 0;
            const char *from = k < n ? list + k + 1 : list;
            size_t m = k < n ? n - k - 1 : n;
            memcpy(ours, from, m);
            ours[m] = 0;
            return true;
        }
        list += n;
    }
    return false;
}

/* ---- the record */

cuv_status cuv_keras2_operation(writer *w, const cuv_layer *layer, cuv_value **out)
{
    const cuv_tf_function *f = layer->state ? layer->state : cuv_tf_function_for(layer);
    cuv_value *config = NULL;
    if (!f)
        return refuse(w, layer, NULL);
    const char *class_name = layer->state ? layer->class_name
                           : cuv_streq(f->operation, "GetItem") ? "SlicingOpLambda" : "TFOpLambda";
    CUV_TRY(cuv_config_object(w, "keras.src.layers.core.tf_op_layer", class_name, class_name, &config, out));
    for (size_t i = 0; layer->state && layer->config && layer->config->kind == CUV_DICT && i < layer->config->size; i++)
        if (cuv_text(layer->config->pairs[i].key))
            CUV_TRY(cuv_dict_set(w->arena, config, cuv_text(layer->config->pairs[i].key), layer->config->pairs[i].value));
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
    while (word_at(op->operands, (int)place, theirs, ours, sizeof theirs) && strcmp(theirs, name) != 0)
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

/* The tensors of a list, with constants between them. */
static cuv_status list_value(const call_writer *c, const cuv_wired_arg *arg, cuv_value **out)
{
    writer *w = c->w;
    size_t n = cuv_is_seq(arg->literal) ? cuv_len(arg->literal) : arg->wire_count, next = 0;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < n; i++) {
        const cuv_value *item = cuv_item(arg->literal, i);
        bool tensor = !arg->literal || cuv_streq(cuv_get_text(item, "class_name"), "__keras_tensor__") || cuv_text(cuv_item(item, 0));
        cuv_value *entry;
        if (tensor && !cuv_streq(cuv_text(cuv_item(item, 0)), "_CONSTANT_VALUE") && next < arg->wire_count)
            CUV_TRY(c->wire(c->state, arg->wires[next++], &entry));
        else
            CUV_TRY(constant_entry(w, cuv_text(cuv_item(item, 0)) ? cuv_item(item, 2) : item, &entry));
        CUV_TRY(cuv_list_add(w->arena, *out, entry));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status argument_value(const call_writer *c, const cuv_wired_arg *arg, cuv_value **out)
{
    if (arg->kind == CUV_ARG_TENSOR)
        return c->wire(c->state, arg->wires[0], out);
    return arg->kind == CUV_ARG_LIST ? list_value(c, arg, out) : literal_value(c->w, arg->literal, CUV_MAX_RANK, out);
}

/* The node: its first argument, with the others beside each tensor of it. */
static cuv_status node_of(const call_writer *c, const cuv_wired_arg *first, cuv_value *kwargs, cuv_value **out)
{
    cuv_arena *a = c->w->arena;
    if (first->kind == CUV_ARG_LITERAL)
        CUV_TRY(constant_entry(c->w, first->literal, out));
    else
        CUV_TRY(argument_value(c, first, out));
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
        CUV_TRY(argument_value(c, arg, &value));
        CUV_TRY(cuv_dict_set(w->arena, kwargs, arg->name, value));
    }
    return first ? node_of(c, first, kwargs, out) : CUV_OK;
}

/* ---- operations of Keras 3 */

static bool is_idle(const char *name, const cuv_value *v)
{
    bool truth;
    return cuv_is_null(v) || !strcmp(name, "name") || (cuv_as_bool(v, &truth) && v->kind == CUV_TRUTH && !truth);
}

static bool maps(const cuv_tf_function *f, const char *name)
{
    char theirs[80], ours[80];
    for (int i = 0; word_at(f->arguments, i, theirs, ours, sizeof theirs); i++)
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
        if (name && cuv_has_word(op->options, name) && !is_idle(name, v) && !maps(f, name))
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

/* An option: where TensorFlow's default is another than Keras 3's, it has to be said, and cannot be None. */
static cuv_status option_value(const call_writer *c, const cuv_tf_function *f, const char *name, cuv_value **out)
{
    static const char same[] = "Softmax LogSoftmax LeakyRelu OneHot Sort Argsort Normalize";
    const cuv_value *given = cuv_get(c->layer->config, name);
    char theirs[80], ours[80];
    bool preset = false;
    *out = NULL;
    for (int i = 0; word_at(f->preset, i, theirs, ours, sizeof theirs); i++)
        preset |= !strcmp(theirs, name);
    if (cuv_is_null(given))
        return preset && !cuv_has_word(same, f->operation) ? refuse(c->w, c->layer, cuv_format(c->w->cx, "%s=None", name)) : CUV_OK;
    if (!strcmp(name, "indices_or_sections") && cuv_is_seq(given))
        return refuse(c->w, c->layer, "indices");
    return literal_value(c->w, given, CUV_MAX_RANK, out);
}

/* TensorFlow joins no dtypes, and computes floats only from floats. */
static const char any_dtype[] =
    "Add Subtract Multiply Maximum Minimum Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalNot Reshape "
    "Transpose ExpandDims Squeeze Concatenate Stack GetItem Take Cast StopGradient Flip Roll Tile BroadcastTo OneHot Max Min Negative "
    "Absolute Any All Where Pad Repeat Split Unstack";

static bool is_truth(const cuv_value *v)
{
    return v && v->kind == CUV_TRUTH;
}

static bool is_fraction(const cuv_value *v)
{
    double x;
    return v && v->kind == CUV_REAL && cuv_as_real(v, &x);
}

cuv_status cuv_keras2_check_dtypes(writer *w, const cuv_layer *layer, const cuv_graph_call *call, const cuv_dtype *dtypes, size_t count)
{
    bool floats = count && cuv_dtype_is_float(dtypes[0]), logic = cuv_has_word("LogicalAnd LogicalOr LogicalNot", layer->def->name);
    for (size_t i = 1; i < count; i++)
        if (dtypes[i] != dtypes[0] && !(cuv_streq(layer->def->name, "Where") && i == 1) && !cuv_streq(layer->def->name, "Take"))
            return refuse(w, layer, cuv_format(w->cx, "%s and %s", cuv_dtype_name(dtypes[0]), cuv_dtype_name(dtypes[i])));
    if (!layer->state && count && !floats && !cuv_has_word(any_dtype, layer->def->name))
        return refuse(w, layer, cuv_dtype_name(dtypes[0]));
    if (!layer->state && count && dtypes[0] == CUV_BOOL && cuv_has_word("Add Subtract Multiply Maximum Minimum Max Min Negative Absolute", layer->def->name))
        return refuse(w, layer, "bool");
    if (!layer->state && logic && count && dtypes[0] != CUV_BOOL)
        return refuse(w, layer, cuv_dtype_name(dtypes[0]));
    for (size_t i = 0; !layer->state && count && i < call->arg_count; i++)
        if (call->args[i].kind == CUV_ARG_LITERAL && !floats && dtypes[0] != CUV_BOOL &&
            (is_fraction(call->args[i].literal) || is_truth(call->args[i].literal)))
            return refuse(w, layer, "an integer and another number");
    return CUV_OK;
}

cuv_status cuv_keras2_operation_node(writer *w, const cuv_layer *layer, const cuv_graph_call *call, cuv_wire_value wire, void *state,
                                     cuv_value **out)
{
    const call_writer c = {w, layer, call, wire, state};
    const cuv_tf_function *f = layer->state ? layer->state : cuv_tf_function_for(layer);
    cuv_value *kwargs = cuv_value_dict(w->arena);
    const cuv_wired_arg *first = NULL;
    char theirs[80], ours[80];
    if (layer->state)
        return same_node(&c, out);
    if (!f)
        return refuse(w, layer, NULL);
    if (!kwargs)
        return cuv_oom(w->cx);
    CUV_TRY(check_options(&c, f));
    for (int i = 0; word_at(f->arguments, i, theirs, ours, sizeof theirs); i++) {
        const cuv_wired_arg *arg = cuv_has_word(cuv_operation_of(layer)->operands, ours) ? operand(&c, ours) : NULL;
        cuv_value *value = NULL;
        if (i == 0)
            first = arg;
        else if (arg)
            CUV_TRY(argument_value(&c, arg, &value));
        else if (cuv_get(layer->config, ours) || strstr(f->preset, ours))
            CUV_TRY(option_value(&c, f, ours, &value));
        if (value && !cuv_is_null(value)) {
            bool said = false;          /* "axis dim=axis": two names for one */
            for (int k = 0; k < i && !said; k++) {
                char before[80], same[80];
                said = word_at(f->arguments, k, before, same, sizeof before) && !strcmp(same, ours);
            }
            if (!said)
                CUV_TRY(cuv_dict_set(w->arena, kwargs, theirs, value));
        }
    }
    if (!first)
        return refuse(w, layer, "another order of arguments");
    return node_of(&c, first, kwargs, out);
}
