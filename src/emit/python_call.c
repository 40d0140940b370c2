/* The calls of a functional model, each after those whose tensors it takes, as statements of Keras code. */
#include "emit/emit.h"
#include "emit/python.h"
#include "layers/support.h"

/* ---- functional: calls in order */

static python_call *find_call(const python_scope *s, const char *layer, int64_t ordinal)
{
    for (size_t i = 0; layer && i < s->count; i++)
        if (!strcmp(s->calls[i].layer, layer) && s->calls[i].ordinal == ordinal)
            return &s->calls[i];
    return NULL;
}

static const cuv_value *layer_record(const python_scope *s, const char *name)
{
    for (size_t i = 0; name && i < cuv_len(s->layers); i++)
        if (cuv_streq(python_record_name(cuv_item(s->layers, i)), name))
            return cuv_item(s->layers, i);
    return NULL;
}

/* [layer, call, output]; the ends of a model count the calls of nested functional models from 1 (formats.md c.2). */
python_call *python_resolve(const python_scope *s, const cuv_value *history, bool end, int64_t *output)
{
    int64_t ordinal = 0;
    const char *layer = cuv_text(cuv_item(history, 0));
    *output = 0;
    if (!cuv_as_int(cuv_item(history, 1), &ordinal) || !cuv_as_int(cuv_item(history, 2), output))
        return NULL;
    const cuv_value *record = layer_record(s, layer);
    const bool nested = record && python_is_model(record) && !cuv_streq(cuv_get_text(record, "class_name"), "Sequential");
    python_call *call = find_call(s, layer, ordinal - (end && nested && ordinal > 0));
    return call ? call : find_call(s, layer, ordinal);
}

typedef void tensor_visitor(python_writer *w, const cuv_value *history, void *state);

static void each_tensor(python_writer *w, const cuv_value *v, tensor_visitor *visit, void *state, unsigned depth)
{
    if (!v || !depth)
        return;
    if (v->kind == CUV_DICT && cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__")) {
        visit(w, cuv_get(cuv_get(v, "config"), "keras_history"), state);
        return;
    }
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        each_tensor(w, v->pairs[i].value, visit, state, depth - 1);
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        each_tensor(w, v->items[i], visit, state, depth - 1);
}

static void count_use(python_writer *w, const cuv_value *history, void *state)
{
    int64_t output;
    python_call *call = python_resolve(w->scope, history, false, &output);
    (void)state;
    if (call) {
        call->uses++;
        call->several |= output > 0;
    }
}

static void is_ready(python_writer *w, const cuv_value *history, void *state)
{
    int64_t output;
    const python_call *call = python_resolve(w->scope, history, false, &output);
    *(bool *)state &= call && call->written;
}

/* Tensors that a recurrent layer gives: its output, and its states. */
static size_t recurrent_outputs(const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name");
    const cuv_value *config = cuv_get(record, "config");
    if (!cuv_get_bool(config, "return_state", false))
        return 1;
    if (cuv_streq(class_name, "LSTM") || (class_name && cuv_starts_with(class_name, "ConvLSTM")))
        return 3;
    return cuv_streq(class_name, "GRU") || cuv_streq(class_name, "SimpleRNN") ? 2 : 0;
}

static bool python_is_operation(const cuv_value *record)
{
    const char *module = cuv_get_text(record, "module");
    return module && cuv_starts_with(module, "keras.src.ops.");
}

/* Operations that give a list or tuple, of one tensor too. */
static bool gives_list(const cuv_value *record)
{
    static const char classes[] = "Unstack Split ArraySplit Meshgrid Moments SVD Qr Eigh Eig Slogdet TopK LuFactor Modf Frexp Divmod Nonzero "
                                  "Histogram STFT FFT FFT2 IFFT2 RFFT";
    const char *class_name = cuv_get_text(record, "class_name");
    return class_name && cuv_has_word(classes, class_name) && python_is_operation(record);
}

/* How many tensors a call gives: told by its arguments, its kind. 0: several, their number is not known. */
static size_t outputs_of(const python_call *c)
{
    const cuv_value *config = cuv_get(c->record, "config"), *kwargs = cuv_get(c->node, "kwargs");
    if (python_is_model(c->record))
        return python_ends_count(cuv_get(config, "output_layers"));
    if (gives_list(c->record) || python_dict_given(c->record, c->node))
        return 0;
    if (cuv_get_bool(kwargs, "return_attention_scores", false))
        return 2;
    if (cuv_streq(cuv_get_text(c->record, "class_name"), "Bidirectional")) {
        const size_t each = recurrent_outputs(cuv_get(config, "layer"));
        const bool apart = cuv_get(config, "merge_mode") && cuv_is_null(cuv_get(config, "merge_mode"));
        return each ? 2 * (each - 1) + 1 + apart : 0;
    }
    const size_t n = recurrent_outputs(c->record);
    return n == 1 && c->several ? 0 : n;
}

void python_list_calls(python_writer *w, python_scope *s)
{
    size_t total = 0;
    for (size_t i = 0; i < cuv_len(s->layers); i++)
        total += cuv_len(cuv_get(cuv_item(s->layers, i), "inbound_nodes")) + 1;
    s->calls = CUV_NEW_ARRAY(w->arena, python_call, total + 1);
    if (!s->calls)
        w->status = cuv_oom(w->cx);
    for (size_t i = 0; s->calls && i < cuv_len(s->layers); i++) {
        const cuv_value *record = cuv_item(s->layers, i), *nodes = cuv_get(record, "inbound_nodes");
        const char *name = python_record_name(record);
        if (!name)
            continue;
        s->inputs += !cuv_len(nodes);
        if (!cuv_len(nodes))
            s->calls[s->count++] = (python_call){.record = record, .layer = name};
        for (size_t k = 0; k < cuv_len(nodes); k++)
            s->calls[s->count++] = (python_call){.record = record, .node = cuv_item(nodes, k), .layer = name, .ordinal = (int64_t)k};
    }
    for (size_t i = 0; i < s->count; i++)
        each_tensor(w, s->calls[i].node, count_use, NULL, cuv_context_limits(w->cx)->depth);
}

/* ---- functional: statements */

/* Tensors in a cell's state, as far as they are known: those of stacked cells are lists in a list. */
static int64_t state_count(const cuv_value *cell, unsigned depth)
{
    const char *class_name = cuv_get_text(cell, "class_name");
    const cuv_value *cells = cuv_get(cuv_get(cell, "config"), "cells");
    int64_t n = 0;
    if (!cuv_streq(class_name, "StackedRNNCells") || depth > 8)
        return cuv_streq(class_name, "LSTMCell") ? 2 : 1;
    for (size_t i = 0; i < cuv_len(cells); i++)
        n += state_count(cuv_item(cells, i), depth + 1);
    return n;
}

/* "[1][0]" of the state that is number `at` among those of the cells; `first`: the index of the first cell's. */
static const char *state_index(python_writer *w, const cuv_value *stack, int64_t at, int64_t first, unsigned depth)
{
    const cuv_value *cells = cuv_get(cuv_get(stack, "config"), "cells");
    for (size_t i = 0; i < cuv_len(cells) && depth < 8; i++) {
        const cuv_value *cell = cuv_item(cells, i);
        const int64_t n = state_count(cell, 0);
        if (at >= n) {
            at -= n;
            continue;
        }
        const char *outer = python_format(w, "[%lld]", (long long)(first + (int64_t)i));
        if (cuv_streq(cuv_get_text(cell, "class_name"), "StackedRNNCells"))
            return python_format(w, "%s%s", outer, state_index(w, cell, at, 0, depth + 1));
        return n == 1 ? outer : python_format(w, "%s[%lld]", outer, (long long)at);
    }
    return "";
}

/* A tensor among those of an RNN of stacked cells, also in both directions; NULL: another layer's, which lists its tensors. */
static const char *stacked_index(python_writer *w, const cuv_value *record, int64_t output)
{
    const bool both = cuv_streq(cuv_get_text(record, "class_name"), "Bidirectional");
    const cuv_value *rnn = both ? cuv_get(cuv_get(record, "config"), "layer") : record;
    const cuv_value *cell = cuv_get(cuv_get(rnn, "config"), "cell");
    const cuv_value *merge = both ? cuv_get(cuv_get(record, "config"), "merge_mode") : NULL;
    const int64_t before = merge && cuv_is_null(merge) ? 2 : 1, states = state_count(cell, 0);
    const int64_t cells = (int64_t)cuv_len(cuv_get(cuv_get(cell, "config"), "cells"));
    if (!cuv_streq(cuv_get_text(cell, "class_name"), "StackedRNNCells") || output < before)
        return NULL;
    const bool back = both && output - before >= states;
    return state_index(w, cell, output - before - (back ? states : 0), before + (back ? cells : 0), 0);
}

const char *python_tensor_of(python_writer *w, const python_call *call, int64_t output)
{
    if (call->variables && output >= 0 && (size_t)output < outputs_of(call))
        return call->variables[output];
    const char *stacked = call->several ? stacked_index(w, call->record, output) : NULL;
    if (stacked)
        return python_format(w, "%s%s", call->variable, stacked);
    if (call->several && python_is_model(call->record))
        return python_format(w, "%s%s", call->variable, python_end_path(w, cuv_get(cuv_get(call->record, "config"), "output_layers"), output));
    if (call->several && python_dict_given(call->record, call->node))
        return python_format(w, "%s%s", call->variable, python_end_path(w, python_dict_given(call->record, call->node), output));
    return call->several ? python_format(w, "%s[%lld]", call->variable, (long long)output) : call->variable;
}

const char *python_tensor(python_writer *w, const cuv_value *history)
{
    int64_t output;
    const python_call *call = w->scope ? python_resolve(w->scope, history, false, &output) : NULL;
    if (!call || !call->variable) {
        python_refuse(w, cuv_text(cuv_item(history, 0)), "a tensor from outside the model");
        return "";
    }
    return python_tensor_of(w, call, output);
}

/* `second`: the name of the second argument, where it is given by name; else NULL. */
static const char *call_arguments(python_writer *w, const cuv_value *node, const char *second)
{
    const cuv_value *args = cuv_get(node, "args"), *kwargs = cuv_get(node, "kwargs");
    const char *text = "";
    for (size_t i = 0; i < cuv_len(args); i++)
        text = python_join(w, text, python_format(w, "%s%s%s", i == 1 && second ? second : "", i == 1 && second ? "=" : "",
                                                  python_value(w, cuv_item(args, i))));
    for (size_t i = 0; kwargs && kwargs->kind == CUV_DICT && i < kwargs->size; i++) {
        const char *key = cuv_text(kwargs->pairs[i].key);
        if (key && !cuv_is_null(kwargs->pairs[i].value))
            text = python_join(w, text, python_format(w, "%s=%s", key, python_value(w, kwargs->pairs[i].value)));
    }
    return text;
}

/* One axis of an index: 1:-1, or the value itself. */
static const char *index_text(python_writer *w, const cuv_value *v)
{
    const cuv_value *config = cuv_get(v, "config"), *step = cuv_get(config, "step");
    if (!cuv_streq(cuv_get_text(v, "class_name"), "__slice__"))
        return python_value(w, v);
    const char *start = cuv_is_null(cuv_get(config, "start")) ? "" : python_value(w, cuv_get(config, "start"));
    const char *stop = cuv_is_null(cuv_get(config, "stop")) ? "" : python_value(w, cuv_get(config, "stop"));
    return cuv_is_null(step) ? python_format(w, "%s:%s", start, stop)
                             : python_format(w, "%s:%s:%s", start, stop, python_value(w, step));
}

/* x[:, 1:] */
static const char *get_item(python_writer *w, const python_call *c)
{
    const cuv_value *given = cuv_get(c->node, "args"), *key = cuv_item(given, 1);
    const char *inside = "";
    key = key ? key : cuv_get(cuv_get(c->node, "kwargs"), "key");
    key = cuv_is_seq(cuv_get(key, "items")) ? cuv_get(key, "items") : key;
    if (!cuv_is_seq(key) || !key->size)
        return python_format(w, "%s[%s]", python_value(w, cuv_item(given, 0)), index_text(w, key));
    for (size_t i = 0; i < key->size; i++)
        inside = python_join(w, inside, index_text(w, key->items[i]));
    return python_format(w, "%s[%s%s]", python_value(w, cuv_item(given, 0)), inside, key->size == 1 ? "," : "");
}

/* unstack(x, num=3): whoever reads the code need not know the shape of x. */
static const char *pieces(python_writer *w, const python_call *c, const char *args)
{
    const cuv_value *config = cuv_get(c->record, "config"), *x = cuv_item(cuv_get(c->node, "args"), 0);
    const cuv_value *shape = cuv_get(cuv_get(x, "config"), "shape");
    int64_t axis = 0, size = 0, rank = (int64_t)cuv_len(shape);
    if (!cuv_is_null(cuv_get(config, "num")) && cuv_get(config, "num"))
        return args;
    (void)cuv_as_int(cuv_get(config, "axis"), &axis);
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank || !cuv_as_int(cuv_item(shape, (size_t)axis), &size))
        return args;
    return python_join(w, args, python_format(w, "num=%lld", (long long)size));
}

/* The second operand of functions whose options come before it. */
static const char *named_operand(const char *class_name)
{
    return cuv_streq(class_name, "Pad") ? "constant_values" : cuv_streq(class_name, "Average") ? "weights" : NULL;
}

/* keras.ops calls some of its classes otherwise. */
static const char *function_named(python_writer *w, const char *class_name)
{
    static const char *const other[][2] = {
        {"AllClose", "allclose"}, {"IsIn", "isin"}, {"SearchSorted", "searchsorted"}, {"LayerNorm", "layer_normalization"},
        {"RMSNorm", "rms_normalization"}, {"CDist", "cdist"}, {"FFT2", "fft2"}, {"IFFT2", "ifft2"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (cuv_streq(class_name, other[i][0]))
            return other[i][1];
    return class_name ? cuv_snake_case(w->arena, class_name) : NULL;
}

/* An operation's name is Keras's to give: where a layer has that name, one that nobody calls takes it first. */
static void name_operation(python_writer *w, const char *class_name)
{
    static const char without[] = "Add Subtract Multiply Average Maximum Minimum Concatenate Flatten Softmax", with_one[] = "Reshape Dot";
    const char *name = python_automatic(w, class_name);
    while (layer_record(w->scope, name) && !python_is_operation(layer_record(w->scope, name)) && w->status == CUV_OK) {
        if (!cuv_has_word(without, class_name) && !cuv_has_word(with_one, class_name)) {
            python_refuse(w, name, "an operation, to which Keras gives the name that this layer has,");
            return;
        }
        w->uses_layers = true;
        python_line(w, python_format(w, "layers.%s(%s)  # takes the name %s, which a layer has", class_name,
                              !cuv_has_word(with_one, class_name) ? "" : cuv_streq(class_name, "Dot") ? "1" : "(-1,)", name));
        name = python_automatic(w, class_name);
    }
}

/* keras.ops.<its name>(arguments, options) */
static const char *operation(python_writer *w, const python_call *c)
{
    const char *class_name = cuv_get_text(c->record, "class_name"), *module = cuv_get_text(c->record, "module");
    const char *function = function_named(w, class_name), *args;
    const cuv_value *config = cuv_get(c->record, "config");
    if (!function) {
        w->status = cuv_oom(w->cx);
        return "";
    }
    name_operation(w, class_name);
    if (!strcmp(function, "get_item"))
        return get_item(w, c);
    w->uses_ops = true;
    args = call_arguments(w, c->node, named_operand(class_name));
    if (cuv_streq(class_name, "Unstack"))
        args = pieces(w, c, args);
    const bool einsum = cuv_streq(class_name, "Einsum") && cuv_get(config, "subscripts");    /* before its operands */
    if (einsum)
        args = python_format(w, "%s, %s", python_value(w, cuv_get(config, "subscripts")), args);
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        if (!cuv_streq(key, "name") && !cuv_streq(key, "trainable") && !(einsum && cuv_streq(key, "subscripts")) && !cuv_is_null(config->pairs[i].value) &&
            (!cuv_streq(key, "dtype") || cuv_text(config->pairs[i].value)))
            args = python_join(w, args, python_format(w, "%s=%s", key, python_value(w, config->pairs[i].value)));
    }
    return python_format(w, "ops.%s%s(%s)", cuv_starts_with(module, "keras.src.ops.image") ? "image." : "", function, args);
}

static size_t calls_of(const python_scope *s, const cuv_value *record)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->calls[i].record == record;
    return n;
}

/* A layer that is called more than once, and a nested model, have a variable of their own; found again by record. */
const char *python_callee(python_writer *w, cuv_map *variables, const python_call *c)
{
    const char *key = python_format(w, "%p", (const void *)c->record), *have = cuv_map_get(variables, key);
    if (have || w->status != CUV_OK)
        return have ? have : "";
    if (calls_of(w->scope, c->record) < 2 && !python_is_model(c->record))
        return python_layer(w, c->record);
    const char *made = python_layer(w, c->record), *variable = python_identifier(w, w->scope->taken, c->layer);
    python_line(w, python_format(w, "%s = %s", variable, made));
    if (w->status == CUV_OK)
        w->status = cuv_map_set(variables, key, (void *)(uintptr_t)variable);
    return variable;
}

/* The call that follows and takes nothing but this one's tensor: then the variable may be called x. */
static bool feeds_only(python_writer *w, const python_call *c, const python_call *next)
{
    int64_t output;
    const cuv_value *args = cuv_get(next ? next->node : NULL, "args"), *first = cuv_item(args, 0);
    (void)w;
    return next && c->uses == 1 && !c->several && cuv_len(args) == 1 &&
           cuv_streq(cuv_get_text(first, "class_name"), "__keras_tensor__") &&
           python_resolve(w->scope, cuv_get(cuv_get(first, "config"), "keras_history"), false, &output) == c;
}

/* a, b, c = ...: a variable for each tensor. */
static void unpack(python_writer *w, python_call *c, size_t outputs)
{
    c->variables = CUV_NEW_ARRAY(w->arena, const char *, outputs);
    c->variable = "";
    if (!c->variables)
        w->status = w->status == CUV_OK ? cuv_oom(w->cx) : w->status;
    for (size_t i = 0; c->variables && i < outputs; i++) {
        c->variables[i] = python_identifier(w, w->scope->taken, c->layer);
        c->variable = python_join(w, c->variable, c->variables[i]);
    }
}

void python_write_call(python_writer *w, cuv_map *variables, python_call *c, const python_call *next, bool last)
{
    const char *made;
    if (!c->node)
        made = python_layer(w, c->record);
    else if (python_is_operation(c->record))
        made = operation(w, c);
    else {
        const char *layer = python_callee(w, variables, c);
        made = python_format(w, "%s(%s)", layer, call_arguments(w, c->node, NULL));
    }
    const size_t outputs = outputs_of(c);
    c->several = outputs != 1;
    if (outputs > 1)
        unpack(w, c, outputs);
    else if (last && !c->several && c->node)
        c->variable = "outputs";
    else if (c->node && feeds_only(w, c, next))
        c->variable = "x";
    else if (!c->node && w->scope->inputs == 1)
        c->variable = "inputs";
    else
        c->variable = python_identifier(w, w->scope->taken, c->layer);
    python_line(w, python_format(w, "%s = %s", c->variable, made));
}

python_call **python_in_order(python_writer *w, python_scope *s, size_t *count)
{
    python_call **order = CUV_NEW_ARRAY(w->arena, python_call *, s->count + 1);
    *count = 0;
    if (!order)
        w->status = cuv_oom(w->cx);
    for (size_t before = SIZE_MAX; order && *count < s->count && *count != before;) {
        before = *count;
        for (size_t i = 0; i < s->count; i++) {
            bool ready = !s->calls[i].written;
            if (ready)
                each_tensor(w, s->calls[i].node, is_ready, &ready, cuv_context_limits(w->cx)->depth);
            if (ready) {
                s->calls[i].written = true;
                order[(*count)++] = &s->calls[i];
            }
        }
    }
    if (order && *count < s->count)
        python_refuse(w, NULL, "a model that takes its own outputs");
    return order;
}
