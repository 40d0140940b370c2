/* The operations that Keras 3 makes of masks as a functional model is called (Layer.compute_mask on symbolic tensors). They are nodes of its graph,
 * lie deeper than the layers, and so decide which of two calls runs first; code and files of others do not tell them. */
#include "model/graph.h"
#include "layers/support.h"

enum { NONE = -1 };

typedef struct making {
    cuv_arena *arena;
    const cuv_graph *g;
    cuv_graph *out;
    int32_t *mask;              /* by call: the call that makes the mask of its first output; NONE */
    size_t capacity;
    bool failed;
} making;

/* An operation on the first outputs of those calls. */
static int32_t add_operation(making *k, const cuv_wire *from, size_t count)
{
    cuv_graph_call *calls = cuv_arena_grow(k->arena, k->out->calls, k->out->call_count, &k->capacity, sizeof *calls);
    cuv_wired_arg *arg = CUV_NEW(k->arena, cuv_wired_arg);
    cuv_wire *wires = CUV_NEW_ARRAY(k->arena, cuv_wire, count + 1);
    if (!calls || !arg || !wires) {
        k->failed = true;
        return NONE;
    }
    k->out->calls = calls;
    memcpy(wires, from, count * sizeof *wires);
    *arg = (cuv_wired_arg){.kind = CUV_ARG_LIST, .wires = wires, .wire_count = count};
    calls[k->out->call_count] = (cuv_graph_call){.layer = (int32_t)k->out->layer_count++, .args = arg, .arg_count = 1};
    return (int32_t)k->out->call_count++;
}

static int32_t add_unary(making *k, cuv_wire x)
{
    return add_operation(k, &x, 1);
}

static int32_t mask_of(const making *k, cuv_wire wire)
{
    return wire.output == 0 ? k->mask[wire.call] : NONE;
}

/* Concatenate.compute_mask: what has no mask gets ones, the others spread to the tensor's shape. */
static int32_t concatenated(making *k, const cuv_wired_arg *arg)
{
    cuv_wire *parts = CUV_NEW_ARRAY(k->arena, cuv_wire, arg->wire_count + 1);
    bool any = false;
    for (size_t i = 0; i < arg->wire_count; i++)
        any |= mask_of(k, arg->wires[i]) != NONE;
    if (!parts || !any) {
        k->failed |= !parts;
        return NONE;
    }
    for (size_t i = 0; i < arg->wire_count; i++) {
        const int32_t mask = mask_of(k, arg->wires[i]);
        cuv_wire both[2] = {{0}};
        if (mask != NONE)
            both[0].call = add_unary(k, (cuv_wire){mask, 0});
        both[1].call = add_unary(k, arg->wires[i]);
        parts[i].call = mask == NONE ? both[1].call : add_operation(k, both, 2);
        if (k->failed)
            return NONE;
    }
    const int32_t whole = add_operation(k, parts, arg->wire_count);
    return k->failed ? NONE : add_unary(k, (cuv_wire){whole, 0});
}

/* Merge.compute_mask: one mask or the other, where all have one. */
static int32_t merged(making *k, const cuv_wired_arg *arg)
{
    int32_t mask = arg->wire_count ? mask_of(k, arg->wires[0]) : NONE;
    for (size_t i = 1; i < arg->wire_count && mask != NONE; i++) {
        const int32_t next = mask_of(k, arg->wires[i]);
        mask = next == NONE ? NONE : add_operation(k, (cuv_wire[]){{mask, 0}, {next, 0}}, 2);
    }
    return mask;
}

static bool returns_sequences(const cuv_layer *layer)
{
    const cuv_layer *inner = cuv_streq(layer->def->name, "Bidirectional") && layer->inner_count ? layer->inner[0] : layer;
    return cuv_arg_bool(inner, "return_sequences");
}

/* What the call's first argument is: the query of an attention may have its name. */
static const cuv_wired_arg *first_argument(const cuv_graph_call *gc)
{
    for (size_t a = 0; a < gc->arg_count; a++)
        if (gc->args[a].wire_count && (!gc->args[a].name || cuv_has_word("inputs query", gc->args[a].name)))
            return &gc->args[a];
    return NULL;
}

static int32_t computed_mask(making *k, const cuv_graph_call *gc)
{
    const cuv_layer *layer = k->g->layers[gc->layer];
    const cuv_wired_arg *first = first_argument(gc);
    const char *name = layer->def ? layer->def->name : NULL;
    if (!first || !name || layer->model || (layer->def->flags & CUV_LF_OPERATION))
        return NONE;
    const int32_t mask = mask_of(k, first->wires[0]);
    if (cuv_streq(name, "Embedding"))
        return cuv_arg_bool(layer, "mask_zero") ? add_unary(k, first->wires[0]) : NONE;
    if (cuv_streq(name, "Masking")) {
        const int32_t differs = add_unary(k, first->wires[0]);
        return k->failed ? NONE : add_unary(k, (cuv_wire){differs, 0});
    }
    if (cuv_streq(name, "Concatenate"))
        return concatenated(k, first);
    if (cuv_has_word("Add Subtract Average Maximum Minimum Multiply", name))
        return merged(k, first);
    if (mask == NONE)
        return NONE;
    if (cuv_has_word("Attention AdditiveAttention", name))
        return add_unary(k, (cuv_wire){mask, 0});
    if (cuv_has_word("LSTM GRU SimpleRNN RNN ConvLSTM1D ConvLSTM2D ConvLSTM3D Bidirectional", name))
        return returns_sequences(layer) ? mask : NONE;
    return cuv_has_word("MultiHeadAttention TimeDistributed", name) || (layer->def->flags & CUV_LF_MASKS) ? mask : NONE;
}

/* The masks that Keras names in the call of a layer that takes one tensor and a mask. */
static cuv_status name_masks(making *k, cuv_graph_call *gc)
{
    const cuv_wired_arg *first = gc->args;
    cuv_wired_arg *args = CUV_NEW_ARRAY(k->arena, cuv_wired_arg, 3);
    cuv_wire *wires = CUV_NEW_ARRAY(k->arena, cuv_wire, first->wire_count + 1);
    size_t count = 0;
    if (!args || !wires)
        return cuv_oom(cuv_arena_context(k->arena));
    for (size_t i = 0; i < first->wire_count; i++)
        if (mask_of(k, first->wires[i]) != NONE)
            wires[count++] = (cuv_wire){mask_of(k, first->wires[i]), 0};
    if (!count)
        return CUV_OK;
    args[0] = *first;
    args[1] = (cuv_wired_arg){.name = "mask", .kind = CUV_ARG_LIST, .wires = wires, .wire_count = count};
    gc->args = args;
    gc->arg_count = 2;
    return CUV_OK;
}

static bool says_masks(const cuv_graph *g)
{
    for (size_t i = 0; i < g->call_count; i++)
        for (size_t a = 0; a < g->calls[i].arg_count; a++)
            if (cuv_streq(g->calls[i].args[a].name, "mask") && g->calls[i].args[a].wire_count)
                return true;
    return false;
}

cuv_status cuv_graph_with_masks(cuv_arena *arena, const cuv_graph *g, const cuv_graph **out)
{
    cuv_graph *whole = CUV_NEW(arena, cuv_graph);
    making k = {.arena = arena, .g = g, .out = whole, .mask = CUV_NEW_ARRAY(arena, int32_t, g->call_count + 1)};
    *out = g;
    if (says_masks(g))
        return CUV_OK;
    if (!whole || !k.mask)
        return cuv_oom(cuv_arena_context(arena));
    *whole = *g;
    whole->calls = CUV_NEW_ARRAY(arena, cuv_graph_call, g->call_count + 1);
    if (!whole->calls)
        return cuv_oom(cuv_arena_context(arena));
    memcpy(whole->calls, g->calls, g->call_count * sizeof *g->calls);
    k.capacity = g->call_count + 1;
    for (size_t i = 0; i < g->call_count; i++) {
        k.mask[i] = computed_mask(&k, &g->calls[i]);
        if (k.failed)
            return cuv_oom(cuv_arena_context(arena));
        if (cuv_takes_named_mask(g->layers[g->calls[i].layer], &g->calls[i]))
            CUV_TRY(name_masks(&k, &whole->calls[i]));
    }
    *out = whole;
    return CUV_OK;
}
