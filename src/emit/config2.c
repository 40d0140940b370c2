/* A model's configuration as Keras 2.15 writes it, made anew from the layers' parameters: with all arguments,
 * since defaults differ between Kerases. What has other words there is in migrate2.c. */
#include "emit/config.h"
#include "layers/support.h"

typedef cuv_config_writer writer;

/* One model and its wiring. `ends`: name of the layer that gives what a layer of the graph does, when others
 * follow it; `used`: calls that reach an output. */
typedef struct wiring {
    writer *w;
    const struct cuv_model *m;
    const cuv_graph *g;
    const char **ends;
    bool *used;
} wiring;

static bool is_input(const cuv_layer *layer)
{
    return cuv_streq(layer->def->name, "InputLayer");
}

static const char *name_of(writer *w, const cuv_layer *layer)
{
    return is_input(layer) ? layer->name : cuv_keras2_name(w, layer->name);
}

/* ---- wiring */

/* Which call of a layer: models that begin with an InputLayer have a node of their own before those of the
 * configuration. */
static int64_t node_index(const cuv_layer *layer, int64_t ordinal)
{
    const struct cuv_model *inner = layer->model;
    const cuv_graph *g = inner ? inner->graph : NULL;
    return ordinal + (g && g->layer_count && is_input(g->layers[0]));
}

/* [layer, call, output]; {} behind it where a node begins with it. */
static cuv_status wire_value(void *state, cuv_wire wire, cuv_value **out)
{
    const wiring *k = state;
    writer *w = k->w;
    const cuv_graph_call *call = &k->g->calls[wire.call];
    const cuv_layer *layer = k->g->layers[call->layer];
    const char *end = k->ends[call->layer];
    *out = cuv_value_list(w->arena);
    if (!*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_text(w->arena, end ? end : name_of(w, layer))));
    CUV_TRY(cuv_list_add(w->arena, *out,
                         cuv_value_int(w->arena, end ? call->ordinal : node_index(layer, call->ordinal))));
    return cuv_list_add(w->arena, *out, cuv_value_int(w->arena, wire.output));
}

/* Keras 3 notes the default of `training`, and takes the call's own before it; in Keras 2 a noted one counts.
 * Masks that Keras 3 notes are those that come with the tensors; Keras 2's MultiHeadAttention takes them from
 * there alone. */
static bool is_dropped(const cuv_layer *layer, const cuv_wired_arg *arg)
{
    bool mask = arg->name && cuv_has_word("query_mask value_mask key_mask", arg->name);
    if (arg->name && layer->keras >= 3 && !strcmp(arg->name, "training"))
        return true;
    return (arg->name && arg->kind == CUV_ARG_LITERAL && cuv_is_null(arg->literal)) ||
           (mask && cuv_streq(layer->def->name, "MultiHeadAttention"));
}

/* True when the tensor that a mask is given for carries none by itself, so that Keras 2 would not see it. */
static bool is_unmasked(const wiring *k, const cuv_graph_call *call, const cuv_wired_arg *mask)
{
    static const char *const names[] = {"query", "value", "key"};
    size_t place = cuv_starts_with(mask->name, "query") ? 0 : cuv_starts_with(mask->name, "value") ? 1 : 2, at = 0;
    const cuv_wired_arg *tensor = NULL;
    for (size_t i = 0; i < call->arg_count; i++) {
        const cuv_wired_arg *arg = &call->args[i];
        if (arg->name ? cuv_streq(arg->name, names[place]) : at++ == place)
            tensor = arg;
    }
    if (k->m->nested || !tensor || tensor->kind != CUV_ARG_TENSOR || (size_t)tensor->wires[0].call >= k->m->node_count)
        return false;
    const cuv_node *node = &k->m->nodes[tensor->wires[0].call];
    return (size_t)tensor->wires[0].output < node->output_count &&
        node->outputs[tensor->wires[0].output].mask == CUV_NO_REF;
}

static cuv_status check_masks(wiring *k, const cuv_layer *layer, const cuv_graph_call *call)
{
    for (size_t i = 0; i < call->arg_count; i++) {
        const cuv_wired_arg *arg = &call->args[i];
        if (arg->kind == CUV_ARG_TENSOR && is_dropped(layer, arg) && is_unmasked(k, call, arg))
            return cuv_fail(k->w->cx, CUV_UNSUPPORTED, "write.behaviour",
                            &(cuv_detail){.layer = layer->name, .found = arg->name,
                            .help = "write it for Keras 3, or as .onnx or .c"},
                            "'%s' (%s) is called with a %s of its own, which Keras 2 does not take", layer->name,
                                layer->def->name, arg->name);
    }
    return CUV_OK;
}

static cuv_ref mask_at(const wiring *k, cuv_wire wire)
{
    const cuv_graph_call *from = &k->g->calls[wire.call];
    return (size_t)wire.output < from->output_count ? from->outputs[wire.output].mask : CUV_NO_REF;
}

/* Keras 2 takes the mask of a recurrent layer's input also beside given states, joins masks where all keep a step instead of where any does, and
 * values never by them. */
static cuv_status check_joined(wiring *k, const cuv_layer *layer, const cuv_graph_call *call)
{
    bool states = false, named = false, masked = false, alike = true;
    for (size_t a = 0; a < call->arg_count; a++) {
        const cuv_wired_arg *arg = &call->args[a];
        named = named || (cuv_streq(arg->name, "mask") && arg->wire_count);
        states = states || (cuv_streq(arg->name, "initial_state") && arg->wire_count) || (a == 1 && !arg->name && arg->wire_count);
    }
    for (size_t i = 0; call->arg_count && i < call->args[0].wire_count; i++) {
        masked = masked || mask_at(k, call->args[0].wires[i]) != CUV_NO_REF;
        alike = alike && mask_at(k, call->args[0].wires[i]) == mask_at(k, call->args[0].wires[0]);
    }
    const bool beside = cuv_config_recurrent(layer) && states && !named;
    const bool joined = (layer->def->flags & CUV_LF_MERGE) && (!alike || cuv_has_word("Multiply Maximum Minimum", layer->def->name));
    if (layer->keras < 3 || !masked || (!beside && !joined))
        return CUV_OK;
    return cuv_fail(k->w->cx, CUV_UNSUPPORTED, "write.behaviour",
                    &(cuv_detail){.layer = layer->name, .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' (%s) has inputs with masks, which Keras 2 %s", layer->name, layer->def->name,
                    beside ? "would take beside given states, too" : "joins otherwise");
}

/* Layers of images take dicts in Keras 3 alone. */
static cuv_status check_dict(wiring *k, const cuv_layer *layer, const cuv_graph_call *call)
{
    if (!(layer->def->flags & CUV_LF_DICT) || !call->arg_count || !cuv_is_dict_of_tensors(call->args[0].literal))
        return CUV_OK;
    return cuv_fail(k->w->cx, CUV_UNSUPPORTED, "write.behaviour",
                    &(cuv_detail){.layer = layer->name, .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' (%s) is called on a dict of tensors, which Keras 2 does not save", layer->name, layer->def->name);
}

/* The name of a positional argument behind the first. */
static const char *argument_name(const cuv_layer *layer, size_t place)
{
    static const char *const heads[] = {"query", "value", "key"};
    if (cuv_streq(layer->def->name, "MultiHeadAttention"))
        return place < 3 ? heads[place] : NULL;
    if (cuv_config_recurrent(layer))
        return place == 1 ? "initial_state" : place == 2 ? "mask" : NULL;
    return place == 1 && (layer->def->flags & CUV_LF_MERGE ||
                          cuv_has_word("Attention AdditiveAttention Softmax", layer->def->name)) ? "mask" : NULL;
}

static cuv_status argument_value(wiring *k, const cuv_wired_arg *arg, cuv_value **out)
{
    if (arg->kind == CUV_ARG_TENSOR)
        return wire_value(k, arg->wires[0], out);
    *out = arg->kind == CUV_ARG_LITERAL ? (cuv_value *)(uintptr_t)arg->literal : cuv_value_list(k->w->arena);
    for (size_t i = 0; *out && arg->kind == CUV_ARG_LIST && i < arg->wire_count; i++) {
        cuv_value *item;
        CUV_TRY(wire_value(k, arg->wires[i], &item));
        CUV_TRY(cuv_list_add(k->w->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(k->w->cx);
}

static cuv_status add_wires(wiring *k, const cuv_wire *wires, size_t count, cuv_value *kwargs, cuv_value *node)
{
    for (size_t i = 0; i < count; i++) {
        cuv_value *entry;
        CUV_TRY(wire_value(k, wires[i], &entry));
        CUV_TRY(cuv_list_add(k->w->arena, entry, kwargs));
        CUV_TRY(cuv_list_add(k->w->arena, node, entry));
    }
    return CUV_OK;
}

/* States of stacked cells: those of an LSTMCell in a list of their own. */
static cuv_status add_states(wiring *k, const cuv_layer *layer, const cuv_wire *wires, size_t count, cuv_value *kwargs, cuv_value *node)
{
    const cuv_layer *stack = cuv_config_stack(layer, count);
    if (!stack)
        return add_wires(k, wires, count, kwargs, node);
    for (size_t i = 0; i < stack->inner_count; i++) {
        const size_t own = cuv_streq(stack->inner[i]->def->name, "LSTMCell") ? 2 : 1;
        cuv_value *pair = own > 1 ? cuv_value_list(k->w->arena) : node;
        if (!pair)
            return cuv_oom(k->w->cx);
        CUV_TRY(add_wires(k, wires, own, kwargs, pair));
        if (pair != node)
            CUV_TRY(cuv_list_add(k->w->arena, node, pair));
        wires += own;
    }
    return CUV_OK;
}

/* [layer, call, output, {arguments}] for each tensor of the first argument. */
static cuv_status add_tensors(wiring *k, const cuv_layer *layer, const cuv_wired_arg *arg, cuv_value *kwargs, cuv_value *node)
{
    const size_t input = cuv_config_recurrent(layer) && arg->wire_count > 1 ? 1 : arg->wire_count;
    CUV_TRY(add_wires(k, arg->wires, input, kwargs, node));
    return add_states(k, layer, arg->wires + input, arg->wire_count - input, kwargs, node);
}

static cuv_status node_value(wiring *k, const cuv_layer *layer, const cuv_graph_call *call, cuv_value **out)
{
    writer *w = k->w;
    cuv_value *kwargs = cuv_value_dict(w->arena);
    const cuv_wired_arg *first = NULL, *states = NULL;
    size_t place = 0;
    *out = cuv_value_list(w->arena);
    if (!kwargs || !*out)
        return cuv_oom(w->cx);
    CUV_TRY(check_masks(k, layer, call));
    CUV_TRY(check_dict(k, layer, call));
    if (!layer->model)
        CUV_TRY(check_joined(k, layer, call));
    CUV_TRY(cuv_config_tell_softmax(w, layer, k->g, call, 2));
    for (size_t i = 0; i < call->arg_count; i++) {
        const cuv_wired_arg *arg = &call->args[i];
        const char *name = arg->name ? arg->name : argument_name(layer, place);
        size_t at = arg->name ? 1 : place++;
        cuv_value *value;
        if (is_dropped(layer, arg) || (at && cuv_is_null(arg->literal) && arg->kind == CUV_ARG_LITERAL))
            continue;
        if (!first && arg->wire_count && (!arg->name || cuv_has_word("inputs sequences sequence query x", arg->name))) {
            first = arg;
            continue;
        }
        if (cuv_config_recurrent(layer) && cuv_streq(name, "initial_state")) {
            states = arg;
            continue;
        }
        if (!name)
            return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name,
                            .help = "call the layer with that argument's name"},
                            "'%s' (%s) is called with %zu arguments by place, which Keras 2 may name otherwise",
                                layer->name,
                            layer->def->name, call->arg_count);
        CUV_TRY(argument_value(k, arg, &value));
        CUV_TRY(cuv_dict_set(w->arena, kwargs, name, value));
    }
    if (states && layer->compute != layer->variable)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour",
                        &(cuv_detail){.layer = layer->name, .found = layer->policy,
                        .help = "write it for Keras 3, or as .onnx or .c"},
                        "'%s' (%s) is given states of another dtype than it computes in, which Keras 2 does not cast",
                            layer->name,
                        layer->def->name);
    CUV_TRY(cuv_keras3_call(w, layer, kwargs));         /* use_causal_mask is the call's in Keras 2.15 too */
    if (first)
        CUV_TRY(add_tensors(k, layer, first, kwargs, *out));
    return states ? add_states(k, layer, states->wires, states->wire_count, kwargs, *out) : CUV_OK;
}

/* ---- graphs */

static void mark_used(wiring *k)
{
    const cuv_graph *g = k->g;
    for (size_t i = 0; i < g->output_count; i++)
        k->used[g->outputs[i].call] = true;
    for (size_t c = g->call_count; c-- > 0;) {
        if (!k->used[c])
            continue;
        for (size_t a = 0; a < g->calls[c].arg_count; a++)
            for (size_t i = 0; i < g->calls[c].args[a].wire_count &&
                 !is_dropped(g->layers[g->calls[c].layer], &g->calls[c].args[a]); i++)
                k->used[g->calls[c].args[a].wires[i].call] = true;
    }
}

/* Operations that only gave what was dropped go with it. */
static bool is_needed(const wiring *k, size_t layer)
{
    bool called = false;
    for (size_t c = 0; c < k->g->call_count; c++)
        if (k->g->calls[c].layer == (int32_t)layer && k->used[c])
            called = true;
    return called || !(k->g->layers[layer]->def->flags & CUV_LF_OPERATION);
}

static cuv_status record_of(wiring *k, size_t i, cuv_value *tail, cuv_value **out)
{
    const struct cuv_model *m = k->m;
    const cuv_layer *layer = k->g->layers[i];
    size_t input = 0;
    while (!m->nested && input < m->input_count && m->input_layers[input] != layer)
        input++;
    if (!m->nested && input < m->input_count)
        return cuv_config2_input(k->w, m, input, layer, out);
    return layer->def->flags & CUV_LF_OPERATION ? cuv_keras2_operation(k->w, layer, out)
        : cuv_config2_layer(k->w, layer, tail, out);
}

static cuv_status add_layer(wiring *k, cuv_value *record, const char *name, cuv_value *nodes, cuv_value *layers)
{
    CUV_TRY(cuv_dict_set(k->w->arena, record, "name", cuv_value_text(k->w->arena, name)));
    CUV_TRY(cuv_dict_set(k->w->arena, record, "inbound_nodes", nodes));
    return cuv_list_add(k->w->arena, layers, record);
}

/* The layers that follow layer i, one after the other, called as often as it. */
static cuv_status add_tail(wiring *k, size_t i, cuv_value *tail, cuv_value *layers)
{
    cuv_arena *a = k->w->arena;
    const char *before = name_of(k->w, k->g->layers[i]);
    for (size_t t = 0; t < cuv_len(tail); t++) {
        cuv_value *record = cuv_item(tail, t), *nodes = cuv_value_list(a);
        const char *name = cuv_get_text(cuv_get(record, "config"), "name");
        for (size_t c = 0; nodes && c < k->g->call_count; c++) {
            if (k->g->calls[c].layer != (int32_t)i || !k->g->calls[c].arg_count)
                continue;
            cuv_value *node = cuv_value_list(a), *entry = cuv_value_list(a);
            if (!node || !entry)
                return cuv_oom(k->w->cx);
            CUV_TRY(cuv_list_add(a, entry, cuv_value_text(a, before)));
            CUV_TRY(cuv_list_add(a, entry, cuv_value_int(a, k->g->calls[c].ordinal)));
            CUV_TRY(cuv_list_add(a, entry, cuv_value_int(a, 0)));
            CUV_TRY(cuv_list_add(a, entry, cuv_value_dict(a)));
            CUV_TRY(cuv_list_add(a, node, entry));
            CUV_TRY(cuv_list_add(a, nodes, node));
        }
        CUV_TRY(add_layer(k, record, name, nodes, layers));
        before = name;
    }
    k->ends[i] = cuv_len(tail) ? before : NULL;
    return CUV_OK;
}

/* The tensors of a call, where the model knows them (a nested model's are its caller's). */
static bool tensors_of(const wiring *k, const cuv_graph_call *call, const cuv_var **vars, size_t *count, size_t room)
{
    *count = 0;
    for (size_t a = 0; a < call->arg_count; a++)
        for (size_t i = 0; i < call->args[a].wire_count; i++) {
            cuv_wire wire = call->args[a].wires[i];
            if (k->m->nested || *count == room || (size_t)wire.call >= k->m->node_count ||
                (size_t)wire.output >= k->m->nodes[wire.call].output_count)
                return false;
            vars[(*count)++] = cuv_program_var(k->m->program, k->m->nodes[wire.call].outputs[wire.output].value);
        }
    return true;
}

static cuv_status operation_node(wiring *k, const cuv_layer *layer, const cuv_graph_call *call, cuv_value **out)
{
    const cuv_var *vars[64];
    size_t count;
    bool known = tensors_of(k, call, vars, &count, 64);
    return cuv_keras2_operation_node(k->w, layer, call, known ? vars : NULL, known ? count : 0, wire_value, k, out);
}

static cuv_status add_nodes(wiring *k, cuv_value *const *nodes)
{
    for (size_t c = 0; c < k->g->call_count; c++) {
        const cuv_graph_call *call = &k->g->calls[c];
        const cuv_layer *layer = k->g->layers[call->layer];
        cuv_value *node;
        if (!call->arg_count || !nodes[call->layer])
            continue;
        CUV_TRY(layer->def->flags & CUV_LF_OPERATION ? operation_node(k, layer, call, &node)
                : node_value(k, layer, call, &node));
        CUV_TRY(cuv_list_add(k->w->arena, nodes[call->layer], node));
    }
    return CUV_OK;
}

static cuv_status functional_layers(wiring *k, cuv_value *layers)
{
    cuv_value **nodes = CUV_NEW_ARRAY(k->w->arena, cuv_value *, k->g->layer_count + 1);
    if (!nodes)
        return cuv_oom(k->w->cx);
    for (size_t i = 0; i < k->g->layer_count; i++) {
        cuv_value *record = NULL, *tail = cuv_value_list(k->w->arena);
        nodes[i] = is_needed(k, i) ? cuv_value_list(k->w->arena) : NULL;
        if (!is_needed(k, i))
            continue;
        if (!nodes[i] || !tail)
            return cuv_oom(k->w->cx);
        CUV_TRY(record_of(k, i, tail, &record));
        CUV_TRY(add_layer(k, record, name_of(k->w, k->g->layers[i]), nodes[i], layers));
        CUV_TRY(add_tail(k, i, tail, layers));
    }
    return add_nodes(k, nodes);
}

static cuv_status sequential_layers(wiring *k, cuv_value *layers)
{
    for (size_t i = 0; i < k->g->layer_count; i++) {
        cuv_value *record, *tail = cuv_value_list(k->w->arena);
        if (!tail)
            return cuv_oom(k->w->cx);
        CUV_TRY(record_of(k, i, tail, &record));
        CUV_TRY(cuv_list_add(k->w->arena, layers, record));
        for (size_t t = 0; t < cuv_len(tail); t++)
            CUV_TRY(cuv_list_add(k->w->arena, layers, cuv_item(tail, t)));
    }
    return CUV_OK;
}

static cuv_status ends_value(wiring *k, bool outputs, cuv_value **out)
{
    const cuv_graph *g = k->g;
    cuv_arena *a = k->w->arena;
    *out = cuv_value_list(a);
    for (size_t i = 0; *out && i < (outputs ? g->output_count : g->input_count); i++) {
        cuv_value *end = cuv_value_list(a);
        if (outputs) {
            CUV_TRY(wire_value(k, g->outputs[i], &end));
        } else {
            CUV_TRY(cuv_list_add(a, end, cuv_value_text(a, name_of(k->w, g->layers[g->inputs[i]]))));
            CUV_TRY(cuv_list_add(a, end, cuv_value_int(a, 0)));
            CUV_TRY(cuv_list_add(a, end, cuv_value_int(a, 0)));
        }
        CUV_TRY(cuv_list_add(a, *out, end));
    }
    return *out ? CUV_OK : cuv_oom(k->w->cx);
}

cuv_status cuv_config2_model(writer *w, const struct cuv_model *m, cuv_value **out)
{
    const cuv_graph *g = m->graph;
    bool sequential = g->sequential;
    cuv_value *config = NULL, *layers = cuv_value_list(w->arena), *ends;
    wiring k = {w, m, g, CUV_NEW_ARRAY(w->arena, const char *, g->layer_count + 1),
                CUV_NEW_ARRAY(w->arena, bool, g->call_count + 1)};
    if (!layers || !k.ends || !k.used)
        return cuv_oom(w->cx);
    const char *module = sequential ? "keras" : "keras.src.engine.functional";
    CUV_TRY(cuv_config_object(w, module, sequential ? "Sequential" : "Functional", sequential ? NULL : "Functional", &config, out));
    CUV_TRY(cuv_config_text(w, config, "name", cuv_keras2_name(w, m->name)));
    if (sequential) {
        CUV_TRY(sequential_layers(&k, layers));
        return cuv_dict_set(w->arena, config, "layers", layers);
    }
    CUV_TRY(cuv_dict_set(w->arena, config, "trainable", cuv_value_bool(w->arena, m->trainable)));
    mark_used(&k);
    CUV_TRY(functional_layers(&k, layers));
    CUV_TRY(cuv_dict_set(w->arena, config, "layers", layers));
    CUV_TRY(ends_value(&k, false, &ends));
    CUV_TRY(cuv_dict_set(w->arena, config, "input_layers", ends));
    CUV_TRY(ends_value(&k, true, &ends));
    return cuv_dict_set(w->arena, config, "output_layers", ends);
}

cuv_status cuv_emit_config2(const struct cuv_model *m, cuv_arena *arena, cuv_value **out)
{
    writer w = {.cx = m->cx, .arena = arena, .m = m};
    *out = NULL;
    for (size_t i = 0; i < m->layer_count; i++)
        CUV_TRY(cuv_config_refuse_lambdas(m, m->layers[i], 2));
    return cuv_config2_model(&w, m, out);
}
