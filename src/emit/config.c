/* A model's configuration as Keras 3 writes it. A configuration that came from Keras 3 is given back as it was; one of Keras 1 or 2, or
 * of a script, is written anew from the layers' parameters. Behaviour that Keras 3 no longer has is refused by name. */
#include "emit/config.h"
#include "layers/support.h"

typedef cuv_config_writer writer;

/* ---- wiring */

cuv_status cuv_config_history(writer *w, const char *name, int64_t ordinal, int64_t output, const cuv_var *v, cuv_value **out)
{
    cuv_arena *a = w->arena;
    cuv_value *config = cuv_value_dict(a), *history = cuv_value_list(a), *shape = cuv_value_list(a);
    *out = cuv_value_dict(a);
    if (!config || !history || !shape || !*out || !name)
        return cuv_oom(w->cx);
    for (int i = 0; v && i < v->rank; i++)
        CUV_TRY(cuv_list_add(a, shape, v->shape[i] < 0 ? cuv_value_null(a) : cuv_value_int(a, v->shape[i])));
    CUV_TRY(cuv_list_add(a, history, cuv_value_text(a, name)));
    CUV_TRY(cuv_list_add(a, history, cuv_value_int(a, ordinal)));
    CUV_TRY(cuv_list_add(a, history, cuv_value_int(a, output)));
    CUV_TRY(cuv_dict_set(a, config, "shape", shape));
    CUV_TRY(cuv_config_text(w, config, "dtype", v ? cuv_dtype_name(v->dtype) : "float32"));
    CUV_TRY(cuv_dict_set(a, config, "keras_history", history));
    CUV_TRY(cuv_config_text(w, *out, "class_name", "__keras_tensor__"));
    return cuv_dict_set(a, *out, "config", config);
}

static const cuv_var *var_of(const struct cuv_model *m, cuv_wire wire)
{
    const bool known = !m->nested && (size_t)wire.call < m->node_count && (size_t)wire.output < m->nodes[wire.call].output_count;
    return known ? cuv_program_var(m->program, m->nodes[wire.call].outputs[wire.output].value) : NULL;
}

cuv_status cuv_config_own_tensor(writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire, cuv_value **out)
{
    const cuv_graph_call *call = &g->calls[wire.call];
    return cuv_config_history(w, cuv_keras3_name(w, g->layers[call->layer]->name), call->ordinal, wire.output, var_of(m, wire), out);
}

cuv_status cuv_config_tensor(writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire, cuv_value **out)
{
    const cuv_detour *to = cuv_config_detour(w, g, wire);
    return to ? cuv_config_history(w, to->name, to->ordinal, 0, var_of(m, wire), out) : cuv_config_own_tensor(w, m, g, wire, out);
}

static cuv_status wires_value(writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_wire *wires, size_t count,
                              bool list, cuv_value **out)
{
    if (!list)
        return cuv_config_tensor(w, m, g, wires[0], out);
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < count; i++) {
        cuv_value *t;
        CUV_TRY(cuv_config_tensor(w, m, g, wires[i], &t));
        CUV_TRY(cuv_list_add(w->arena, *out, t));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

/* A list of tensors in which some places are None, as masks of a model as a layer are. */
static cuv_status with_none(writer *w, const cuv_value *given, cuv_value **list)
{
    size_t tensors = 0, at = 0;
    for (size_t i = 0; cuv_is_seq(given) && i < cuv_len(given); i++)
        tensors += !cuv_is_null(cuv_item(given, i));
    if (!cuv_is_seq(given) || tensors == cuv_len(given) || tensors != cuv_len(*list))
        return CUV_OK;
    cuv_value *all = cuv_value_list(w->arena);
    for (size_t i = 0; all && i < cuv_len(given); i++)
        CUV_TRY(cuv_list_add(w->arena, all, cuv_is_null(cuv_item(given, i)) ? cuv_value_null(w->arena) : cuv_item(*list, at++)));
    *list = all;
    return all ? CUV_OK : cuv_oom(w->cx);
}

bool cuv_config_recurrent(const cuv_layer *layer)
{
    static const char *const names[] = {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D",
                                        "ConvLSTM3D", NULL};
    for (size_t i = 0; names[i]; i++)
        if (cuv_streq(layer->def->name, names[i]))
            return true;
    return false;
}

/* A model in place of somebody's class takes its tensors as one structure, and nothing by name. */
static cuv_status stand_in_node(writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_value *out)
{
    cuv_value *args = cuv_value_list(w->arena), *value = NULL;
    size_t count = 0, room = 1;
    for (size_t i = 0; i < call->arg_count; i++)
        room += call->args[i].wire_count;
    cuv_wire *wires = CUV_NEW_ARRAY(w->arena, cuv_wire, room);
    if (!args || !wires)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < call->arg_count; i++)
        for (size_t k = 0; k < call->args[i].wire_count && !cuv_streq(call->args[i].name, "mask"); k++)
            wires[count++] = call->args[i].wires[k];
    CUV_TRY(wires_value(w, m, g, wires, count, count != 1, &value));
    CUV_TRY(cuv_list_add(w->arena, args, value));
    CUV_TRY(cuv_dict_set(w->arena, out, "args", args));
    return cuv_dict_set(w->arena, out, "kwargs", cuv_value_dict(w->arena));
}

const cuv_layer *cuv_config_stack(const cuv_layer *layer, size_t count)
{
    const cuv_layer *stack = layer->inner_count == 1 && cuv_streq(layer->inner[0]->def->name, "StackedRNNCells") ? layer->inner[0] : NULL;
    size_t wanted = 0;
    for (size_t i = 0; stack && i < stack->inner_count; i++)
        wanted += cuv_streq(stack->inner[i]->def->name, "LSTMCell") ? 2 : 1;
    return stack && wanted == count && stack->inner_count > 1 ? stack : NULL;
}

/* The initial states of a recurrent layer: one for each cell of a stack, in a list where it has two (LSTMCell). */
static cuv_status states_value(writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_layer *layer, const cuv_wire *wires,
                               size_t count, cuv_value **out)
{
    const cuv_layer *stack = cuv_config_stack(layer, count);
    size_t at = 0;
    if (!stack)
        return wires_value(w, m, g, wires, count, true, out);
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < stack->inner_count; i++) {
        const size_t own = cuv_streq(stack->inner[i]->def->name, "LSTMCell") ? 2 : 1;
        cuv_value *value;
        CUV_TRY(wires_value(w, m, g, wires + at, own, own > 1, &value));
        CUV_TRY(cuv_list_add(w->arena, *out, value));
        at += own;
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

/* Keras 2 says None of states that it lists behind the input; `constants` no cell of Keras's own reads, and Keras 3 takes none. */
static bool says_nothing_of_states(const cuv_wired_arg *arg)
{
    return strcmp(arg->name, "constants") == 0 ||
           (strcmp(arg->name, "initial_state") == 0 && arg->kind == CUV_ARG_LITERAL && cuv_is_null(arg->literal));
}

static cuv_status node_value(writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                             cuv_value **out)
{
    cuv_value *args = cuv_value_list(w->arena), *kwargs = cuv_value_dict(w->arena), *value;
    *out = cuv_value_dict(w->arena);
    if (!args || !kwargs || !*out)
        return cuv_oom(w->cx);
    const cuv_layer *layer = g->layers[call->layer];
    bool operation = layer->def->flags & CUV_LF_OPERATION, function = operation && layer->state;
    if (layer->custom)
        return stand_in_node(w, m, g, call, *out);
    if (function)
        CUV_TRY(cuv_config_function_args(w, m, g, call, args));
    CUV_TRY(cuv_config_tell_softmax(w, layer, g, call, 3));
    for (size_t i = 0; i < call->arg_count && !function; i++) {
        const cuv_wired_arg *arg = &call->args[i];
        size_t count = arg->wire_count;
        if (cuv_streq(arg->name, "mask") && cuv_streq(layer->def->name, "Lambda"))
            continue;       /* of a function that takes one; what is written in its place does not */
        if (layer->keras < 3 && arg->name && cuv_config_recurrent(layer) && says_nothing_of_states(arg))
            continue;
        if (arg->name && cuv_streq(layer->def->name, "DotProductAttention") && cuv_has_word("flash_attention attn_logits_soft_cap", arg->name))
            continue;       /* the constructor's since Keras 3.12; they change nothing or are refused */
        /* Keras 1 and 2 list the initial states behind the input; Keras 3 wants them by name. */
        bool states = !arg->name && (!arg->literal || layer->keras < 3) && count > 1 && cuv_config_recurrent(layer);
        if (states) {
            CUV_TRY(states_value(w, m, g, layer, arg->wires + 1, count - 1, &value));
            CUV_TRY(cuv_dict_set(w->arena, kwargs, "initial_state", value));
            count = 1;
        }
        if (arg->kind == CUV_ARG_LITERAL || (operation && arg->literal && arg->kind == CUV_ARG_LIST))
            CUV_TRY(cuv_config_key(w, m, layer, call, arg->literal, &value));
        else if (layer->def->flags & CUV_LF_DICT && arg->kind == CUV_ARG_LIST && cuv_is_dict_of_tensors(arg->literal))
            CUV_TRY(cuv_config_dict(w, m, g, arg, &value));
        else if (cuv_streq(arg->name, "initial_state") && arg->kind == CUV_ARG_LIST)
            CUV_TRY(states_value(w, m, g, layer, arg->wires, count, &value));
        else
            CUV_TRY(wires_value(w, m, g, arg->wires, count, arg->kind == CUV_ARG_LIST && !states, &value));
        if (arg->kind == CUV_ARG_LIST && !operation && !states)
            CUV_TRY(with_none(w, arg->literal, &value));
        CUV_TRY(arg->name ? cuv_dict_set(w->arena, kwargs, arg->name, value) : cuv_list_add(w->arena, args, value));
    }
    CUV_TRY(cuv_keras3_call(w, layer, kwargs));
    CUV_TRY(cuv_dict_set(w->arena, *out, "args", args));
    return cuv_dict_set(w->arena, *out, "kwargs", kwargs);
}

/* formats.md c.2: here, unlike in keras_history, the first call of a nested functional model has index 1. */
static cuv_status end_value(writer *w, const char *name, bool functional, int64_t ordinal, int64_t output, cuv_value **out)
{
    *out = cuv_value_list(w->arena);
    if (!*out || !name)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_text(w->arena, name)));
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_int(w->arena, ordinal + functional)));
    return cuv_list_add(w->arena, *out, cuv_value_int(w->arena, output));
}

static cuv_status output_value(writer *w, const cuv_graph *g, cuv_wire wire, cuv_value **out)
{
    const cuv_graph_call *call = &g->calls[wire.call];
    const cuv_layer *layer = g->layers[call->layer];
    const cuv_detour *to = cuv_config_detour(w, g, wire);
    if (to)
        return end_value(w, to->name, false, to->ordinal, 0, out);
    const bool functional = layer->model && !cuv_streq(((struct cuv_model *)layer->model)->class_name, "Sequential");
    return end_value(w, cuv_keras3_name(w, layer->name), functional, call->ordinal, wire.output, out);
}

static cuv_status ends_value(writer *w, const cuv_graph *g, bool outputs, cuv_value **out)
{
    size_t count = outputs ? g->output_count : g->input_count;
    cuv_value *list = cuv_value_list(w->arena), *end = NULL;
    for (size_t i = 0; list && i < count; i++) {
        if (outputs)
            CUV_TRY(output_value(w, g, g->outputs[i], &end));
        else
            CUV_TRY(end_value(w, cuv_keras3_name(w, g->layers[g->inputs[i]]->name), false, 0, 0, &end));
        CUV_TRY(cuv_list_add(w->arena, list, end));
    }
    *out = count == 1 ? end : list;
    return list ? CUV_OK : cuv_oom(w->cx);
}

static const cuv_graph_call *first_call(const cuv_graph *g, size_t layer)
{
    for (size_t i = 0; i < g->call_count; i++)
        if (g->calls[i].layer == (int32_t)layer)
            return &g->calls[i];
    return NULL;
}

static const cuv_graph_call *last_call(const cuv_graph *g, size_t layer)
{
    for (size_t i = g->call_count; i-- > 0;)
        if (g->calls[i].layer == (int32_t)layer)
            return &g->calls[i];
    return NULL;
}

cuv_status cuv_config_through(writer *w, cuv_value *before, int64_t ordinal, cuv_value *tensor, cuv_value **out)
{
    cuv_value *made = cuv_value_dict(w->arena), *args = cuv_value_list(w->arena), *history = cuv_value_list(w->arena);
    *out = cuv_value_copy(w->arena, tensor);
    if (!made || !args || !history || !*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, args, tensor));
    CUV_TRY(cuv_dict_set(w->arena, made, "args", args));
    CUV_TRY(cuv_dict_set(w->arena, made, "kwargs", cuv_value_dict(w->arena)));
    CUV_TRY(cuv_list_add(w->arena, cuv_get(before, "inbound_nodes"), made));
    CUV_TRY(cuv_list_add(w->arena, history, cuv_value_text(w->arena, cuv_get_text(before, "name"))));
    CUV_TRY(cuv_list_add(w->arena, history, cuv_value_int(w->arena, ordinal)));
    CUV_TRY(cuv_list_add(w->arena, history, cuv_value_int(w->arena, 0)));
    return cuv_dict_set(w->arena, cuv_get(*out, "config"), "keras_history", history);
}

/* By call: whether something that is written reads it. Operations that only gave sizes go with what asked for them. */
static bool *needed_calls(writer *w, const cuv_graph *g)
{
    bool *needed = CUV_NEW_ARRAY(w->arena, bool, g->call_count + 1);
    for (size_t i = 0; needed && i < g->output_count; i++)
        needed[g->outputs[i].call] = true;
    for (size_t c = g->call_count; needed && c-- > 0;) {
        const cuv_graph_call *call = &g->calls[c];
        needed[c] = needed[c] || !(g->layers[call->layer]->def->flags & CUV_LF_OPERATION);
        for (size_t a = 0; needed[c] && a < call->arg_count; a++)
            for (size_t k = 0; k < call->args[a].wire_count && cuv_config_reads(g, call, &call->args[a]); k++)
                needed[call->args[a].wires[k].call] = true;
    }
    return needed;
}

/* A further call of an attention that hands out its scores, for what it gives beside them. */
static cuv_status calls_without_scores(writer *w, const struct cuv_model *m, const cuv_graph *g, const bool *lost, cuv_value *const *records,
                                       cuv_value *const *nodes, cuv_value *layers)
{
    for (size_t i = 0; i < g->call_count; i++) {
        cuv_value *node;
        const int32_t at = g->calls[i].layer;
        if (!cuv_config_detour(w, g, (cuv_wire){(int32_t)i, 1}) || !nodes[at])
            continue;
        CUV_TRY(node_value(w, m, g, &g->calls[i], &node));
        CUV_TRY(cuv_dict_set(w->arena, cuv_get(node, "kwargs"), "return_attention_scores", cuv_value_bool(w->arena, false)));
        CUV_TRY(cuv_config_keep_masks(w, m, g, &g->calls[i], records[at], (int64_t)cuv_len(nodes[at]), node, layers));
        CUV_TRY(cuv_config_tell_masks(w, m, g, lost, &g->calls[i], node, layers));
        CUV_TRY(cuv_list_add(w->arena, nodes[at], node));
    }
    return CUV_OK;
}

static cuv_status functional_layers(writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_value *layers)
{
    bool *needed = needed_calls(w, g);
    cuv_value **expanded = CUV_NEW_ARRAY(w->arena, cuv_value *, g->layer_count + 1);
    cuv_value **nodes = CUV_NEW_ARRAY(w->arena, cuv_value *, g->layer_count + 1);
    cuv_value **before = CUV_NEW_ARRAY(w->arena, cuv_value *, g->layer_count + 1);
    cuv_value **records = CUV_NEW_ARRAY(w->arena, cuv_value *, g->layer_count + 1);
    if (!nodes || !before || !records || !needed || !expanded)
        return cuv_oom(w->cx);
    bool *lost;
    CUV_TRY(cuv_config_lost_masks(w, g, &lost));
    CUV_TRY(cuv_config_plan_scores(w, g));
    CUV_TRY(cuv_config_plan_tails(w, g));
    for (size_t i = 0; i < g->layer_count; i++) {
        const cuv_graph_call *called = first_call(g, i);
        const bool operation = g->layers[i]->def->flags & CUV_LF_OPERATION;
        cuv_value *record = NULL;
        size_t input = 0;
        if (operation && called && !needed[called - g->calls])
            continue;
        while (!m->nested && input < m->input_count && m->input_layers[input] != g->layers[i])
            input++;
        if (!m->nested && input < m->input_count)
            CUV_TRY(cuv_config3_input(w, m, input, g->layers[i], &record));
        else if (operation && called && called == last_call(g, i))
            CUV_TRY(cuv_config_expand(w, m, g, g->layers[i], called, layers, &record, &expanded[i]));
        else if (!operation)
            CUV_TRY(cuv_config3_layer(w, g->layers[i], &before[i], &record));
        if (!record)
            CUV_TRY(cuv_config_operation(w, g->layers[i], called, &record));
        if (before[i]) {
            const char *name = cuv_get_text(cuv_get(before[i], "config"), "name");
            CUV_TRY(cuv_dict_set(w->arena, before[i], "name", cuv_value_text(w->arena, name)));
            CUV_TRY(cuv_dict_set(w->arena, before[i], "inbound_nodes", cuv_value_list(w->arena)));
            CUV_TRY(cuv_list_add(w->arena, layers, before[i]));
        }
        nodes[i] = cuv_value_list(w->arena);
        if (!nodes[i])
            return cuv_oom(w->cx);
        records[i] = record;
        CUV_TRY(cuv_dict_set(w->arena, record, "name", cuv_value_text(w->arena, cuv_keras3_name(w, g->layers[i]->name))));
        CUV_TRY(cuv_dict_set(w->arena, record, "inbound_nodes", nodes[i]));
        CUV_TRY(cuv_list_add(w->arena, layers, record));
    }
    for (size_t i = 0; i < g->call_count; i++) {
        const int32_t at = g->calls[i].layer;
        cuv_value *node = expanded[at];
        if (!g->calls[i].arg_count || !records[at])
            continue;
        if (!node)
            CUV_TRY(node_value(w, m, g, &g->calls[i], &node));
        if (before[at]) {    /* the call takes what that gives */
            cuv_value *args = cuv_get(node, "args");
            CUV_TRY(cuv_config_through(w, before[at], g->calls[i].ordinal, cuv_item(args, 0), &args->items[0]));
        }
        CUV_TRY(cuv_config_keep_masks(w, m, g, &g->calls[i], records[at], g->calls[i].ordinal, node, layers));
        CUV_TRY(cuv_config_state_mask(w, m, g, &g->calls[i], node, layers));
        CUV_TRY(cuv_config_tell_masks(w, m, g, lost, &g->calls[i], node, layers));
        CUV_TRY(cuv_config_keep_scores(w, m, g, &g->calls[i], layers));
        CUV_TRY(cuv_config_add_tail(w, m, g, &g->calls[i], layers));
        CUV_TRY(cuv_list_add(w->arena, nodes[at], node));
    }
    return calls_without_scores(w, m, g, lost, records, nodes, layers);
}

static cuv_status sequential_layers(writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_value *layers)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        cuv_value *record, *before = NULL;
        bool input = !m->nested && i == 0 && m->input_count && m->input_layers[0] == g->layers[0];
        CUV_TRY(input ? cuv_config3_input(w, m, 0, g->layers[0], &record) : cuv_config3_layer(w, g->layers[i], &before, &record));
        if (before)
            CUV_TRY(cuv_list_add(w->arena, layers, before));
        CUV_TRY(cuv_list_add(w->arena, layers, record));
        CUV_TRY(cuv_config_sequential_tail(w, g, i, layers));
    }
    return CUV_OK;
}

cuv_status cuv_config3_model(writer *w, const struct cuv_model *m, cuv_value **out)
{
    const cuv_graph *g = m->graph;
    bool sequential = g->sequential;
    cuv_value *config = NULL, *layers = cuv_value_list(w->arena), *ends;
    CUV_TRY(cuv_config_object(w, sequential ? "keras" : "keras.src.models.functional", m->class_name,
                   sequential ? NULL : "Functional", &config, out));
    if (!layers)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(w->arena, config, "name", cuv_value_text(w->arena, cuv_keras3_name(w, m->name))));
    CUV_TRY(cuv_dict_set(w->arena, config, "trainable", cuv_value_bool(w->arena, m->trainable)));
    CUV_TRY(sequential ? sequential_layers(w, m, g, layers) : functional_layers(w, m, g, layers));
    CUV_TRY(cuv_dict_set(w->arena, config, "layers", layers));
    if (sequential)
        return CUV_OK;
    CUV_TRY(ends_value(w, g, false, &ends));
    CUV_TRY(cuv_dict_set(w->arena, config, "input_layers", ends));
    CUV_TRY(ends_value(w, g, true, &ends));
    return cuv_dict_set(w->arena, config, "output_layers", ends);
}

/* True for a configuration of a Keras 3 file: every object has its module. A script's has only what the script says. */
static bool is_complete(const struct cuv_model *m)
{
    const cuv_value *layers = cuv_get(cuv_get(m->config, "config"), "layers");
    return m->keras == 3 && !m->scripted && !m->custom && !m->unfolded && cuv_get(m->config, "module") && cuv_len(layers) &&
           cuv_get(cuv_item(layers, 0), "module") && !cuv_get(m->config, "keras_version");
}

/* Layers that are written in other words than Keras's own, which it does not read back: a Lambda's code, the factors of RandomShear, "..." in a
 * legacy .h5. */
static bool is_reworded(const cuv_layer *layer)
{
    bool found = cuv_has_word("Lambda RandomShear GetItem", layer->def->name) || !cuv_config_keeps_behaviour(layer) ||
                 layer->bias == CUV_BIAS_MISTAKABLE;
    for (size_t i = 0; !found && i < layer->inner_count; i++)
        found = is_reworded(layer->inner[i]);
    return found;
}

/* A function's code is never handed on. */
cuv_status cuv_config_refuse_lambdas(const struct cuv_model *m, const cuv_layer *layer, int keras)
{
    double scale, offset;
    if (strcmp(layer->def->name, "Lambda") == 0 && (keras < 3 || !cuv_lambda_affine(layer, &scale, &offset)))
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.lambda", &(cuv_detail){.layer = layer->name,
                        .found = cuv_arg_text(layer, "cuvier_text"), .help = "write .weights.h5, .npz or .safetensors"},
                        "the Lambda layer '%s' cannot be written into a configuration: that would need its Python code", layer->name);
    for (size_t i = 0; i < layer->inner_count; i++)
        CUV_TRY(cuv_config_refuse_lambdas(m, layer->inner[i], keras));
    return CUV_OK;
}

cuv_status cuv_config_refuse_ngrams(const struct cuv_model *m, const char *form, unsigned depth)
{
    for (size_t i = 0; depth && i < m->layer_count; i++) {
        const cuv_layer *layer = m->layers[i];
        if (layer->model)
            CUV_TRY(cuv_config_refuse_ngrams(layer->model, form, depth - 1));
        else if (cuv_streq(layer->def->name, "TextVectorization") && cuv_is_seq(cuv_arg(layer, "ngrams")))
            return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = "ngrams",
                            .help = "write .h5 or .py"},
                            "'%s' (TextVectorization) has ngrams=%s, a tuple, which Keras does not read back from a %s file", layer->name,
                            cuv_value_repr(m->cx, cuv_arg(layer, "ngrams")), form);
    }
    return CUV_OK;
}

static bool is_renumbered(const struct cuv_model *m)
{
    const cuv_graph *g = m->graph;
    bool found = g->renumbered;
    for (size_t i = 0; !found && i < g->layer_count; i++)
        found = g->layers[i]->model && is_renumbered(g->layers[i]->model);
    return found;
}

cuv_status cuv_emit_config(const struct cuv_model *m, cuv_arena *arena, cuv_value **out)
{
    writer w = {.cx = m->cx, .arena = arena, .m = m};
    *out = NULL;
    bool replaced = cuv_config_loses_masks(m) || cuv_config_merges_otherwise(m) || cuv_config_encodes_otherwise(m) || is_renumbered(m);
    for (size_t i = 0; i < m->layer_count; i++) {
        CUV_TRY(cuv_config_refuse_lambdas(m, m->layers[i], 3));
        replaced = replaced || is_reworded(m->layers[i]);
    }
    if (replaced || !is_complete(m))
        return cuv_config3_model(&w, m, out);
    *out = cuv_value_dict(arena);
    static const char *const kept[] = {"module", "class_name", "config", "registered_name", "build_config", NULL};
    for (size_t i = 0; *out && kept[i]; i++)
        if (cuv_get(m->config, kept[i]))
            CUV_TRY(cuv_dict_set(arena, *out, kept[i], cuv_get(m->config, kept[i])));
    return *out ? CUV_OK : cuv_oom(m->cx);
}
