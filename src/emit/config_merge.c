/* Merging layers of Keras 2 and of 3.0 to 3.3 (which make no masks) that are given masks. Today's Keras joins them otherwise (a step counts where any input keeps it, and none has a mask unless
 * all have), and Multiply, Maximum and Minimum let masked steps take the other input's values. So these are given copies of their inputs, which
 * have no mask, and layers behind them that read masks are told those of Keras 2. */
#include "emit/config.h"
#include "layers/support.h"

static bool is_extreme(const cuv_layer *layer)
{
    return cuv_has_word("Multiply Maximum Minimum", layer->def->name);
}

static const cuv_wired_arg *merged(const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_layer *layer = g->layers[call->layer];
    const bool merge = !layer->model && !cuv_layer_since(layer, 4) && cuv_has_word("Add Subtract Multiply Average Maximum Minimum Concatenate", layer->def->name);
    return merge && call->arg_count && call->args[0].kind == CUV_ARG_LIST && call->output_count == 1 ? &call->args[0] : NULL;
}

static cuv_ref mask_at(const cuv_graph *g, cuv_wire wire)
{
    const cuv_graph_call *from = &g->calls[wire.call];
    return (size_t)wire.output < from->output_count ? from->outputs[wire.output].mask : CUV_NO_REF;
}

static bool any_masked(const cuv_graph *g, const cuv_wired_arg *inputs)
{
    for (size_t i = 0; i < inputs->wire_count; i++)
        if (mask_at(g, inputs->wires[i]) != CUV_NO_REF)
            return true;
    return false;
}

/* Sequences one behind the other have the same masks in both; else those of all inputs have to be one. */
static bool joins_alike(const cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *inputs)
{
    const cuv_layer *layer = g->layers[call->layer];
    const int rank = cuv_program_var(w->m->program, call->outputs[0].value)->rank;
    if (cuv_streq(layer->def->name, "Concatenate") && rank == 3 && (cuv_arg_int(layer, "axis") == 1 || cuv_arg_int(layer, "axis") == -2))
        return true;
    for (size_t i = 1; i < inputs->wire_count; i++)
        if (mask_at(g, inputs->wires[i]) != mask_at(g, inputs->wires[0]))
            return false;
    return true;
}

/* ---- which masks Keras 3 would not have */

/* Layers that take their mask as an argument of that name, and hand that on. */
static bool takes_mask(const cuv_layer *layer)
{
    return layer->model || cuv_has_word("Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU LSTM RNN SimpleRNN GlobalAveragePooling1D Softmax "
                                        "TimeDistributed Attention AdditiveAttention", layer->def->name);
}

static bool is_lost(const bool *lost, const cuv_graph *g, const cuv_wired_arg *arg)
{
    bool found = false;
    for (size_t i = 0; !found && i < arg->wire_count; i++)
        found = lost[arg->wires[i].call] && mask_at(g, arg->wires[i]) != CUV_NO_REF;
    return found;
}

cuv_status cuv_config_lost_masks(cuv_config_writer *w, const cuv_graph *g, bool **out)
{
    bool *lost = *out = CUV_NEW_ARRAY(w->arena, bool, g->call_count + 1);
    if (!lost)
        return cuv_oom(w->cx);
    for (size_t c = 0; c < g->call_count; c++) {
        const cuv_graph_call *call = &g->calls[c];
        const cuv_wired_arg *inputs = merged(g, call);
        if (!call->arg_count || !call->output_count || call->outputs[0].mask == CUV_NO_REF)
            continue;
        if (inputs)
            lost[c] = is_lost(lost, g, inputs) || is_extreme(g->layers[call->layer]) || !joins_alike(w, g, call, inputs);
        else
            lost[c] = is_lost(lost, g, &call->args[0]) && !takes_mask(g->layers[call->layer]);
    }
    return CUV_OK;
}

/* ---- what is written */

/* What a call is told, in the making. */
typedef struct telling {
    cuv_config_writer *w;
    const struct cuv_model *m;
    const cuv_graph *g;
    const cuv_graph_call *call;
    const bool *lost;
    cuv_value *kwargs, *layers;
} telling;

static cuv_status one_mask(telling *t, cuv_wire wire, cuv_value **out)
{
    if (mask_at(t->g, wire) != CUV_NO_REF)
        return cuv_config_mask_of(t->w, t->m, t->g, t->call, wire, t->layers, out);
    *out = cuv_value_null(t->w->arena);
    return *out ? CUV_OK : cuv_oom(t->w->cx);
}

static cuv_status by_argument(telling *t)
{
    const cuv_wired_arg *arg = &t->call->args[0];
    cuv_value *mask, *list = cuv_value_list(t->w->arena);
    const bool attention = cuv_has_word("Attention AdditiveAttention", t->g->layers[t->call->layer]->def->name);
    if (cuv_get(t->kwargs, "mask") || !is_lost(t->lost, t->g, arg))
        return CUV_OK;
    if (!list)
        return cuv_oom(t->w->cx);
    for (size_t i = 0; i < arg->wire_count && i < (attention ? 2 : arg->wire_count); i++) {
        CUV_TRY(one_mask(t, arg->wires[i], &mask));
        CUV_TRY(cuv_list_add(t->w->arena, list, mask));
    }
    return cuv_dict_set(t->w->arena, t->kwargs, "mask", cuv_len(list) == 1 ? cuv_item(list, 0) : list);
}

/* MultiHeadAttention takes the mask of its query from the tensor alone: what it is told goes into attention_mask. */
static cuv_status by_rows(telling *t, cuv_wire query)
{
    cuv_config_writer *w = t->w;
    const cuv_layer *layer = t->g->layers[t->call->layer];
    cuv_value *mask, *options = cuv_value_dict(w->arena), *given = cuv_get(t->kwargs, "attention_mask");
    if (!options)
        return cuv_oom(w->cx);
    CUV_TRY(one_mask(t, query, &mask));
    CUV_TRY(cuv_dict_set(w->arena, options, "axis", cuv_value_int(w->arena, -1)));
    CUV_TRY(cuv_config_step(w, cuv_config_beside(w, layer, t->call->ordinal, "rows"), "numpy", "ExpandDims", options, mask, NULL, t->layers, &mask));
    if (given && !cuv_is_null(given))
        CUV_TRY(cuv_config_step(w, cuv_config_beside(w, layer, t->call->ordinal, "rows_2"), "numpy", "LogicalAnd", NULL, mask, given, t->layers, &mask));
    return cuv_dict_set(w->arena, t->kwargs, "attention_mask", mask);
}

static cuv_status by_places(telling *t)
{
    static const char *const names[] = {"query", "value", "key"}, *const masks[] = {NULL, "value_mask", "key_mask"};
    size_t positional = 0;
    for (size_t a = 0; a < t->call->arg_count; a++) {
        const cuv_wired_arg *arg = &t->call->args[a];
        cuv_value *mask;
        size_t place = arg->name ? 0 : positional++;
        while (arg->name && place < 3 && strcmp(arg->name, names[place]) != 0)
            place++;
        if (place > 2 || arg->kind != CUV_ARG_TENSOR || !is_lost(t->lost, t->g, arg))
            continue;
        if (place == 0) {
            CUV_TRY(by_rows(t, arg->wires[0]));
        } else if (!cuv_get(t->kwargs, masks[place])) {
            CUV_TRY(one_mask(t, arg->wires[0], &mask));
            CUV_TRY(cuv_dict_set(t->w->arena, t->kwargs, masks[place], mask));
        }
    }
    return CUV_OK;
}

/* An operation hands on no mask. */
static cuv_status add_copies(cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *inputs, cuv_value *node,
                             cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    cuv_value *list = cuv_item(cuv_get(node, "args"), 0);
    for (size_t i = 0; i < inputs->wire_count && i < cuv_len(list); i++) {
        if (mask_at(g, inputs->wires[i]) == CUV_NO_REF)
            continue;
        const char *name = cuv_config_beside(w, layer, call->ordinal, cuv_format(w->cx, "input_%zu", i + 1));
        CUV_TRY(cuv_config_step(w, name, "numpy", "Copy", NULL, cuv_item(list, i), NULL, layers, &list->items[i]));
    }
    return cuv_config_note(w, layer, "masks of its inputs, which change no values there,",
                           "copies of them that have none, as Keras 3 would join the values by them");
}

cuv_status cuv_config_tell_masks(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const bool *lost, const cuv_graph_call *call,
                                 cuv_value *node, cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    const cuv_wired_arg *inputs = merged(g, call);
    telling t = {w, m, g, call, lost, cuv_get(node, "kwargs"), layers};
    bool any = false;
    if (inputs && (is_extreme(layer) || cuv_loses_masks_of_list(layer)) && any_masked(g, inputs))
        return add_copies(w, g, call, inputs, node, layers);
    for (size_t a = 0; a < call->arg_count; a++)
        any = any || is_lost(lost, g, &call->args[a]);
    if (!any || inputs)
        return CUV_OK;
    if (!layer->model && cuv_streq(layer->def->name, "MultiHeadAttention"))
        CUV_TRY(by_places(&t));
    else if (takes_mask(layer))
        CUV_TRY(by_argument(&t));
    else
        return CUV_OK;
    return cuv_config_note(w, layer, "the mask that merging layers before it make", "an argument of its call, as Keras 3 joins masks otherwise");
}

bool cuv_config_merges_otherwise(const struct cuv_model *m)
{
    const cuv_graph *g = m->graph;
    bool found = false;
    for (size_t i = 0; !found && i < g->call_count; i++) {
        const cuv_wired_arg *inputs = merged(g, &g->calls[i]);
        found = inputs && any_masked(g, inputs);
    }
    for (size_t i = 0; !found && i < g->layer_count; i++)
        found = g->layers[i]->model && cuv_config_merges_otherwise(g->layers[i]->model);
    return found;
}
