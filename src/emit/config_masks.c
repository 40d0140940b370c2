/* MultiHeadAttention of Keras 3.8 and later takes the masks off the tensors that it is given, and whoever is run later on them sees none. Where
 * the Keras of the model leaves them on and something else reads them, too, it is given copies: LeakyReLU with a slope of 1 is the same numbers
 * in a tensor of its own, with the mask (layers that change nothing hand on the very tensor, so that the mask would be lost all the same). */
#include "emit/config.h"

enum { PLACES = 3 };
static const char *const places[PLACES] = {"query", "value", "key"};

static bool same_wire(cuv_wire a, cuv_wire b)
{
    return a.call == b.call && a.output == b.output;
}

static bool reads(const cuv_graph_call *call, cuv_wire wire)
{
    for (size_t a = 0; a < call->arg_count; a++)
        for (size_t k = 0; k < call->args[a].wire_count; k++)
            if (same_wire(call->args[a].wires[k], wire))
                return true;
    return false;
}

/* Whoever reads a tensor that is handed on, or comes from outside, may stand anywhere. */
static bool is_read_elsewhere(const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_wire wire)
{
    const cuv_layer *from = g->layers[g->calls[wire.call].layer];
    bool found = cuv_hands_on(from) || (m->nested && cuv_streq(from->def->name, "InputLayer"));
    for (size_t i = 0; !found && m->nested && i < g->output_count; i++)
        found = same_wire(g->outputs[i], wire);
    for (size_t i = 0; !found && i < g->call_count; i++)
        found = &g->calls[i] != call && reads(&g->calls[i], wire);
    return found;
}

/* Which of query, value and key an argument is, or -1; `positional`: how many came before it without a name. */
static int place_of(const cuv_wired_arg *arg, size_t *positional)
{
    if (!arg->name)
        return *positional < PLACES ? (int)(*positional)++ : -1;
    for (int i = 0; i < PLACES; i++)
        if (strcmp(arg->name, places[i]) == 0)
            return i;
    return -1;
}

static bool is_masked(const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *arg)
{
    if (!cuv_streq(g->layers[call->layer]->def->name, "MultiHeadAttention") || arg->kind != CUV_ARG_TENSOR)
        return false;
    const cuv_graph_call *from = &g->calls[arg->wires[0].call];
    return (size_t)arg->wires[0].output < from->output_count && from->outputs[arg->wires[0].output].mask != CUV_NO_REF;
}

static bool loses_mask(const cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *arg)
{
    const bool twice = w && cuv_config_detour(w, g, (cuv_wire){(int32_t)(call - g->calls), 1});     /* read by the call without scores, too */
    return is_masked(g, call, arg) && !cuv_takes_masks_off(g->layers[call->layer]) && (twice || is_read_elsewhere(m, g, call, arg->wires[0]));
}

/* A row that may see nothing: until 3.10 all its scores were lowered alike (quirks 30). So they still are where attention is one operation, and in
 * scores that are handed out (config_scores.c). */
static void warn_of_rows(cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_layer *layer = g->layers[call->layer];
    if (layer->keras > 3 || (layer->keras == 3 && layer->keras_minor >= 10) || !cuv_config_steps_of_attention(w, g, call))
        return;
    cuv_warn(w->cx, "write.masked_rows", &(cuv_detail){.layer = layer->name, .help = "nothing is lost where masked steps are not used later; else write .onnx or .c"},
             "'%s' (%s): where all steps are masked, Keras 3.10 and later gives other numbers", layer->name, layer->def->name);
}

bool cuv_config_loses_masks(const struct cuv_model *m)
{
    const cuv_graph *g = m->graph;
    bool found = false;
    for (size_t i = 0; !found && i < g->call_count; i++) {
        size_t positional = 0;
        for (size_t a = 0; !found && a < g->calls[i].arg_count; a++)
            found = place_of(&g->calls[i].args[a], &positional) >= 0 && loses_mask(NULL, m, g, &g->calls[i], &g->calls[i].args[a]);
    }
    for (size_t i = 0; !found && i < g->layer_count; i++)
        found = g->layers[i]->model && cuv_config_loses_masks(g->layers[i]->model);
    return found;
}

/* The layer that copies; its inbound nodes are still to come. */
static cuv_status copier(cuv_config_writer *w, const cuv_layer *layer, cuv_value *policy, int place, int64_t ordinal, cuv_value **out)
{
    cuv_value *config = NULL;
    const char *plain = ordinal ? cuv_format(w->cx, "%s_%s_%lld", layer->name, places[place], (long long)ordinal)
                                : cuv_format(w->cx, "%s_%s", layer->name, places[place]);
    const char *name = cuv_config_free_name(w, plain);
    if (!name)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_object(w, "keras.layers", "LeakyReLU", NULL, &config, out));
    CUV_TRY(cuv_config_text(w, config, "name", name));
    if (policy)
        CUV_TRY(cuv_dict_set(w->arena, config, "dtype", policy));
    CUV_TRY(cuv_dict_set(w->arena, config, "negative_slope", cuv_value_real(w->arena, 1.0)));
    CUV_TRY(cuv_config_text(w, *out, "name", name));
    CUV_TRY(cuv_dict_set(w->arena, *out, "inbound_nodes", cuv_value_list(w->arena)));
    return cuv_config_note(w, layer, "the mask that stays on its input", "a layer before it that copies the input, as Keras 3.8 and later take it off");
}

cuv_status cuv_config_keep_masks(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                 const cuv_value *record, int64_t ordinal, cuv_value *node, cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    cuv_value *args = cuv_get(node, "args"), *kwargs = cuv_get(node, "kwargs"), *copies[PLACES] = {NULL};
    cuv_wire wires[PLACES];
    bool masked = false;
    for (size_t a = 0, positional = 0; a < call->arg_count; a++) {
        const cuv_wired_arg *arg = &call->args[a];
        const size_t at = positional;
        const int place = place_of(arg, &positional);
        cuv_value *tensor = place < 0 ? NULL : arg->name ? cuv_get(kwargs, arg->name) : cuv_item(args, at), *before, *mine = NULL;
        masked = masked || (tensor && is_masked(g, call, arg));
        if (!tensor || !loses_mask(w, m, g, call, arg))
            continue;
        wires[place] = arg->wires[0];
        for (int k = 0; k < PLACES && !mine; k++)
            if (copies[k] && same_wire(wires[k], wires[place]))
                mine = cuv_value_copy(w->arena, copies[k]);
        if (!mine) {
            CUV_TRY(copier(w, layer, cuv_get(cuv_get(record, "config"), "dtype"), place, ordinal, &before));
            CUV_TRY(cuv_list_add(w->arena, layers, before));
            CUV_TRY(cuv_config_through(w, before, 0, tensor, &mine));
        }
        copies[place] = mine;
        if (!mine)
            return cuv_oom(w->cx);
        if (arg->name)
            CUV_TRY(cuv_dict_set(w->arena, kwargs, arg->name, mine));
        else
            args->items[at] = mine;
    }
    if (masked)
        warn_of_rows(w, g, call);
    return CUV_OK;
}
