/* An operation as Keras 3 writes it: constructor's arguments in "config", tensors and the others in the node. A
 * function of TensorFlow becomes the operation that computes the same; arguments that no operation has are refused
 * by name. */
#include "emit/config.h"
#include "layers/operation.h"

static cuv_status refuse(cuv_config_writer *w, const cuv_layer *layer, const char *argument, const cuv_value *v)
{
    const char *found = v ? cuv_format(w->cx, "%s=%s", argument, cuv_value_repr(w->cx, v)) : argument;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                    .help = "the operation of Keras 3 that is nearest to it has no such argument"},
                    "'%s' (%s) has %s, which Keras 3 cannot express", layer->name, layer->class_name, found);
}

bool cuv_config_word(const char *list, int place, char *theirs, char *ours, size_t size)
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

/* The argument of a call of TensorFlow's function that Keras 3 calls `name`. */
static const cuv_wired_arg *find_argument(const cuv_tf_function *f, const cuv_graph_call *call, const char *name)
{
    char theirs[80], ours[80];
    for (int i = 0; cuv_config_word(f->arguments, i, theirs, ours, sizeof theirs); i++) {
        if (strcmp(ours, name) != 0)
            continue;
        int place = 0;
        for (size_t a = 0; a < call->arg_count; a++) {
            const cuv_wired_arg *arg = &call->args[a];
            if (arg->name ? cuv_streq(arg->name, theirs) : place++ == i)
                if (arg->kind != CUV_ARG_LITERAL || !cuv_is_null(arg->literal))
                    return arg;
        }
    }
    return NULL;
}

/* Arguments that say nothing, or what is so anyway. */
static bool says_nothing(const char *name, const cuv_value *v)
{
    double x;
    bool usual = strcmp(name, "on_value") == 0 || strcmp(name, "beta") == 0;
    if (cuv_is_null(v) || cuv_has_word("name validate_indices stable sorted index_type num use_cudnn_on_gpu validate_args layout align", name))
        return true;
    return (cuv_as_real(v, &x) && x == (usual ? 1.0 : 0.0)) || cuv_has_word("ASCENDING NHWC NWC NDHWC mod div", cuv_text(v) ? cuv_text(v) : "-") || (v->kind == CUV_TRUTH && !v->truth);
}

static cuv_status check_rest(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call)
{
    const cuv_operation *op = cuv_operation_of(layer);
    const cuv_tf_function *f = layer->state;
    char theirs[80], ours[80];
    for (size_t a = 0; a < call->arg_count; a++) {
        const cuv_wired_arg *arg = &call->args[a];
        const char *name = arg->name;
        for (int i = 0; name && cuv_config_word(f->arguments, i, theirs, ours, sizeof theirs); i++)
            if (strcmp(theirs, arg->name) == 0)
                name = cuv_format(w->cx, "%s", ours);
        bool known = !name || cuv_has_word(op->operands, name) || cuv_has_word(op->options, name);
        bool index = name && strcmp(name, "dtype") == 0 && (cuv_streq(op->name, "Argmax") || cuv_streq(op->name, "Argmin"));
        if (!known && !index && (arg->kind != CUV_ARG_LITERAL || !says_nothing(name, arg->literal)))
            return refuse(w, layer, arg->name, arg->kind == CUV_ARG_LITERAL ? arg->literal : NULL);
    }
    return CUV_OK;
}

/* ---- literals */

/* {"class_name": "__slice__", "config": {...}} */
static cuv_status special_value(cuv_config_writer *w, const char *class_name, cuv_value *config, cuv_value **out)
{
    *out = cuv_value_dict(w->arena);
    if (!*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(w->arena, *out, "class_name", cuv_value_text(w->arena, class_name)));
    return cuv_dict_set(w->arena, *out, "config", config);
}

static bool only_integers(const cuv_value *v, unsigned depth)
{
    bool all = v && (v->kind == CUV_INTEGER || cuv_is_seq(v));
    for (size_t i = 0; all && cuv_is_seq(v) && depth < CUV_MAX_RANK && i < cuv_len(v); i++)
        all = only_integers(cuv_item(v, i), depth + 1);
    return all;
}

/* An array of numbers, which Keras 3 does not take as a plain list. */
static cuv_status array_value(cuv_config_writer *w, const cuv_value *v, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(w->arena);
    if (!config)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(w->arena, config, "value", (cuv_value *)(uintptr_t)v));
    CUV_TRY(cuv_dict_set(w->arena, config, "dtype", cuv_value_text(w->arena, only_integers(v, 0) ? "int32" : "float32")));
    return special_value(w, "__numpy__", config, out);
}

/* Sizes of pieces as the indices between them. */
static cuv_status cuts_value(cuv_config_writer *w, const cuv_value *sizes, cuv_value **out)
{
    int64_t sum = 0, n;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i + 1 < cuv_len(sizes); i++) {
        if (!cuv_as_int(cuv_item(sizes, i), &n))
            n = 0;
        CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_int(w->arena, sum += n)));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status word_value(cuv_config_writer *w, const char *word, cuv_value **out)
{
    *out = word ? cuv_value_text(w->arena, word) : cuv_value_null(w->arena);
    return *out ? CUV_OK : cuv_oom(w->cx);
}

/* [1, h, w, 1] or [1, 1, h, w] without the axes of the batch and the channels. */
static cuv_status inner_value(cuv_config_writer *w, const cuv_value *v, cuv_value **out)
{
    size_t n = cuv_len(v);
    int64_t second;
    bool first = cuv_as_int(cuv_item(v, n - 1), &second) && second != 1;
    *out = cuv_value_list(w->arena);
    for (size_t i = first ? 2 : 1; *out && i < (first ? n : n - 1); i++)
        CUV_TRY(cuv_list_add(w->arena, *out, (cuv_value *)(uintptr_t)cuv_item(v, i)));
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status literal_value(cuv_config_writer *w, const char *name, const cuv_value *v, cuv_value **out)
{
    *out = (cuv_value *)(uintptr_t)v;
    if (strcmp(name, "key") == 0 && cuv_is_seq(v)) {
        *out = cuv_value_list(w->arena);
        for (size_t i = 0; *out && i < cuv_len(v); i++) {
            cuv_value *item;
            CUV_TRY(literal_value(w, "key", cuv_item(v, i), &item));
            CUV_TRY(cuv_list_add(w->arena, *out, item ? item : cuv_value_null(w->arena)));
        }
        return *out ? CUV_OK : cuv_oom(w->cx);
    }
    if (strcmp(name, "key") == 0 && v && v->kind == CUV_DICT && !cuv_get(v, "class_name"))
        return special_value(w, "__slice__", (cuv_value *)(uintptr_t)v, out);
    if (strcmp(name, "key") == 0 && cuv_streq(cuv_get_text(v, "class_name"), "__ellipsis__"))
        return special_value(w, "__ellipsis__", cuv_value_dict(w->arena), out);
    if (strcmp(name, "indices_or_sections") == 0 && cuv_is_seq(v))
        return cuts_value(w, v, out);
    if (strcmp(name, "data_format") == 0 && cuv_text(v))
        return word_value(w, strchr(cuv_text(v), 'C') == cuv_text(v) + 1 ? "channels_first" : "channels_last", out);
    if (strcmp(name, "ord") == 0 && cuv_streq(cuv_text(v), "euclidean"))
        return word_value(w, NULL, out);
    if (cuv_has_word("mode padding", name) && cuv_text(v)) {
        char *lower = cuv_arena_printf(w->arena, "%s", cuv_text(v));
        for (char *c = lower; c && *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
        *out = cuv_value_text(w->arena, lower);
        return lower && *out ? CUV_OK : cuv_oom(w->cx);
    }
    return CUV_OK;
}

/* ---- the record and the node */

static const cuv_value *preset(cuv_config_writer *w, const cuv_tf_function *f, const char *name)
{
    char theirs[80], ours[80];
    for (int i = 0; cuv_config_word(f->preset, i, theirs, ours, sizeof theirs); i++)
        if (strcmp(theirs, name) == 0)
            return cuv_layer_literal(w->arena, ours);
    return NULL;
}

/* Whether a list of sizes names the batch and the channels too. */
static bool names_all_axes(const cuv_tf_function *f, const char *name, const cuv_value *v)
{
    size_t n = strstr(f->name, "1d") ? 3 : strstr(f->name, "3d") ? 5 : 4;
    return cuv_has_word("strides pool_size dilation_rate size", name) && cuv_is_seq(v) && cuv_len(v) == n &&
           strcmp(f->name, "nn.convolution") != 0;
}

const cuv_value *cuv_config_option(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call, const char *name)
{
    const cuv_wired_arg *arg = find_argument(layer->state, call, name);
    if (arg && arg->kind != CUV_ARG_LITERAL && !(arg->kind == CUV_ARG_LIST && !arg->wire_count))
        return NULL;
    return arg ? arg->literal : preset(w, layer->state, name);
}

static bool is_computed(const cuv_wired_arg *arg)
{
    return arg && arg->kind != CUV_ARG_LITERAL && arg->wire_count;
}

bool cuv_config_reads(const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *arg)
{
    const cuv_layer *layer = g->layers[call->layer];
    if (!(layer->def->flags & CUV_LF_OPERATION) || !layer->state)
        return true;
    const char *sizes = cuv_streq(layer->def->name, "Reshape") ? "newshape" : cuv_has_word("TfZeros TfOnes TfFill", layer->def->name) ? "shape" : NULL;
    return !sizes || !is_computed(arg) || find_argument(layer->state, call, sizes) != arg;
}

/* The sizes that a Reshape gives, where they follow from the model: at most one is left open. */
static cuv_status known_sizes(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call, cuv_value **out)
{
    const cuv_var *v = call->output_count ? cuv_program_var(w->m->program, call->outputs[0].value) : NULL;
    int open = 0;
    *out = cuv_value_list(w->arena);
    for (int i = 0; v && *out && i < v->rank; i++) {
        open += v->shape[i] < 0;
        CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_int(w->arena, v->shape[i] < 0 ? -1 : v->shape[i])));
    }
    return v && open <= 1 ? CUV_OK : refuse(w, layer, "a tensor as 'newshape' that leaves several sizes open", NULL);
}

static cuv_status function_config(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call, cuv_value *config)
{
    const cuv_operation *op = cuv_operation_of(layer);
    char name[80], same[80];
    for (int i = 0; cuv_config_word(op->options, i, name, same, sizeof name); i++) {
        const cuv_wired_arg *arg = find_argument(layer->state, call, name);
        const cuv_value *given = arg ? arg->literal : preset(w, layer->state, name);
        cuv_value *value;
        if (is_computed(arg) && cuv_streq(op->name, "Reshape")) {
            CUV_TRY(known_sizes(w, layer, call, &value));
            CUV_TRY(cuv_dict_set(w->arena, config, name, value));
            continue;
        }
        if (arg && arg->kind != CUV_ARG_LITERAL)
            return refuse(w, layer, cuv_format(w->cx, "a tensor as '%s'", name), NULL);
        if (!given)
            continue;
        if (names_all_axes(layer->state, name, given))
            CUV_TRY(inner_value(w, given, &value));
        else
            CUV_TRY(literal_value(w, name, given, &value));
        CUV_TRY(cuv_dict_set(w->arena, config, name, value));
    }
    return CUV_OK;
}

static bool is_dots(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__ellipsis__");
}

static cuv_status whole_axis(cuv_config_writer *w, cuv_value **out)
{
    cuv_value *slice = cuv_value_dict(w->arena);
    for (const char *const *key = (const char *const[]){"start", "stop", "step", NULL}; slice && *key; key++)
        CUV_TRY(cuv_dict_set(w->arena, slice, *key, cuv_value_null(w->arena)));
    return slice ? special_value(w, "__slice__", slice, out) : cuv_oom(w->cx);
}

cuv_status cuv_config_key(cuv_config_writer *w, const struct cuv_model *m, const cuv_layer *layer, const cuv_graph_call *call,
                          const cuv_value *given, cuv_value **out)
{
    *out = (cuv_value *)(uintptr_t)given;
    const cuv_wired_arg *x = call->arg_count ? &call->args[0] : NULL;
    if (!cuv_streq(layer->def->name, "GetItem") || !cuv_is_seq(given) || !x || x->wire_count != 1)
        return CUV_OK;
    const cuv_graph_call *from = &((const cuv_graph *)m->graph)->calls[x->wires[0].call];
    const size_t output = (size_t)x->wires[0].output;
    size_t taken = 0, dots = 0;
    for (size_t i = 0; i < cuv_len(given); i++) {
        dots += is_dots(cuv_item(given, i));
        taken += !cuv_is_null(cuv_item(given, i)) && !is_dots(cuv_item(given, i));
    }
    if (dots != 1 || output >= from->output_count)
        return CUV_OK;
    const size_t rank = (size_t)cuv_program_var(w->m->program, from->outputs[output].value)->rank;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < cuv_len(given); i++) {
        const bool all = is_dots(cuv_item(given, i));
        for (size_t k = 0; k < (all ? rank - taken : 1) && taken <= rank; k++) {
            cuv_value *item = (cuv_value *)(uintptr_t)cuv_item(given, i);
            if (all)
                CUV_TRY(whole_axis(w, &item));
            CUV_TRY(cuv_list_add(w->arena, *out, item));
        }
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

cuv_status cuv_config_operation(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call, cuv_value **out)
{
    const cuv_operation *op = cuv_operation_of(layer);
    cuv_arena *a = w->arena;
    cuv_value *config = cuv_value_dict(a);
    *out = cuv_value_dict(a);
    CUV_TRY(cuv_config_check_behaviour(w, layer));
    if (!config || !*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(a, *out, "module", cuv_value_text(a, cuv_format(w->cx, "keras.src.ops.%s", op->family))));
    CUV_TRY(cuv_dict_set(a, *out, "class_name", cuv_value_text(a, op->name)));
    CUV_TRY(cuv_dict_set(a, *out, "config", config));
    CUV_TRY(cuv_dict_set(a, *out, "registered_name", cuv_value_text(a, op->name)));
    CUV_TRY(cuv_dict_set(a, config, "name", cuv_value_text(a, cuv_keras3_name(w, layer->name))));
    if (strcmp(op->family, "tensorflow") == 0)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = op->name,
                        .help = "NumPy's, ONNX's and C's forms hold it; Keras 3 would need a layer of its own for it"},
                        "'%s' (%s) is a function of TensorFlow that Keras 3 has no operation for", layer->name, layer->class_name);
    if (layer->state && call) {
        CUV_TRY(check_rest(w, layer, call));
        return function_config(w, layer, call, config);
    }
    for (size_t i = 0; layer->config && layer->config->kind == CUV_DICT && i < layer->config->size; i++) {
        const char *key = cuv_text(layer->config->pairs[i].key);
        if (key && cuv_has_word(op->options, key))
            CUV_TRY(cuv_dict_set(a, config, key, layer->config->pairs[i].value));
    }
    return CUV_OK;
}

/* A list of tensors and literals, as the file has it. */
static cuv_status list_value(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_wired_arg *arg,
                             cuv_value **out)
{
    size_t n = cuv_is_seq(arg->literal) ? cuv_len(arg->literal) : arg->wire_count, next = 0;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < n; i++) {
        const cuv_value *item = cuv_item(arg->literal, i);
        bool constant = cuv_streq(cuv_text(cuv_item(item, 0)), "_CONSTANT_VALUE"), tensor = !arg->literal || cuv_text(cuv_item(item, 0));
        cuv_value *value = (cuv_value *)(uintptr_t)(constant ? cuv_item(item, 2) : item);
        if (tensor && !constant && next < arg->wire_count)
            CUV_TRY(cuv_config_tensor(w, m, g, arg->wires[next++], &value));
        CUV_TRY(cuv_list_add(w->arena, *out, value));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status operand_value(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const char *name,
                                const cuv_wired_arg *arg, cuv_value **out)
{
    bool array = arg && cuv_is_seq(arg->literal) && !cuv_has_word("key start_indices", name);
    if (array && arg->kind == CUV_ARG_LITERAL)
        return array_value(w, arg->literal, out);
    if (!arg || arg->kind == CUV_ARG_LITERAL)
        return literal_value(w, name, arg ? arg->literal : NULL, out);
    if (arg->kind == CUV_ARG_TENSOR)
        return cuv_config_tensor(w, m, g, arg->wires[0], out);
    return list_value(w, m, g, arg, out);
}

cuv_status cuv_config_operand(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, const char *name,
                              cuv_value **out)
{
    const cuv_wired_arg *arg = find_argument(g->layers[call->layer]->state, call, name);
    *out = NULL;
    return arg ? operand_value(w, m, g, name, arg, out) : refuse(w, g->layers[call->layer], name, NULL);
}

/* Keras 3 takes the value of a padding only where it is used. */
static bool is_idle(const cuv_graph_call *call, const char *name)
{
    for (size_t i = 0; strcmp(name, "constant_values") == 0 && i < call->arg_count; i++)
        if (cuv_streq(call->args[i].name, "mode"))
            return !cuv_streq(cuv_text(call->args[i].literal), "CONSTANT");
    return false;
}

/* Keras 3 sums and multiplies integers of few bits in others than TensorFlow does. */
static cuv_status check_integers(cuv_config_writer *w, const struct cuv_model *m, const cuv_layer *layer, const cuv_wired_arg *arg)
{
    static const char promoting[] = "Sum Prod Mod Trace Matmul Tensordot Einsum Resize";
    for (size_t i = 0; i < arg->wire_count && cuv_has_word(promoting, layer->def->name); i++) {
        const cuv_wire wire = arg->wires[i];
        if (m->nested || (size_t)wire.call >= m->node_count || (size_t)wire.output >= m->nodes[wire.call].output_count)
            continue;
        const cuv_dtype dtype = cuv_program_var(m->program, m->nodes[wire.call].outputs[wire.output].value)->dtype;
        if (cuv_dtype_is_integer(dtype) && cuv_dtype_size(dtype) < 4)
            return refuse(w, layer, cuv_format(w->cx, "an operand of %s", cuv_dtype_name(dtype)), NULL);
    }
    return CUV_OK;
}

/* Each tensor of a call as an argument of its own. */
static cuv_status every_tensor(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_value *args)
{
    for (size_t a = 0; a < call->arg_count; a++)
        for (size_t i = 0; i < call->args[a].wire_count; i++) {
            cuv_value *value;
            CUV_TRY(cuv_config_tensor(w, m, g, call->args[a].wires[i], &value));
            CUV_TRY(cuv_list_add(w->arena, args, value));
        }
    return CUV_OK;
}

/* The arguments of a function of TensorFlow as those of its operation, by place. */
cuv_status cuv_config_function_args(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g,
                                    const cuv_graph_call *call, cuv_value *args)
{
    const cuv_layer *layer = g->layers[call->layer];
    const cuv_operation *op = cuv_operation_of(layer);
    char name[80], same[80];
    size_t skipped = 0;
    if (cuv_streq(op->name, "Einsum"))
        return every_tensor(w, m, g, call, args);
    for (int i = 0; cuv_config_word(op->operands, i, name, same, sizeof name); i++) {
        const cuv_wired_arg *arg = find_argument(layer->state, call, name);
        cuv_value *value;
        if (!arg || is_idle(call, name)) {
            skipped++;
            continue;
        }
        for (; skipped; skipped--)
            CUV_TRY(cuv_list_add(w->arena, args, cuv_value_null(w->arena)));
        CUV_TRY(check_integers(w, m, layer, arg));
        CUV_TRY(operand_value(w, m, g, name, arg, &value));
        CUV_TRY(cuv_list_add(w->arena, args, value ? value : cuv_value_null(w->arena)));
    }
    return CUV_OK;
}
