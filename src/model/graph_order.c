/* The order in which Keras 3 runs the calls of a functional model (keras.src.ops.function.map_graph, Function._run_through_graph): by
 * depth from the outputs, and within one depth as they are met on the way back. It matters where a call changes what later ones see. */
#include "model/graph.h"

#include <stdlib.h>

/* The k-th tensor that a call takes, of all arguments one after the other; NULL after the last. */
typedef struct taking { size_t arg, wire; } taking;

static const cuv_wire *next_taken(const cuv_graph_call *call, const cuv_wired_arg *const *args, taking *at)
{
    while (at->arg < call->arg_count) {
        const cuv_wired_arg *arg = args[at->arg];
        if (at->wire < arg->wire_count)
            return &arg->wires[at->wire++];
        at->arg++;
        at->wire = 0;
    }
    return NULL;
}

typedef struct ordering {
    const cuv_graph *g;
    const cuv_wired_arg ***args;    /* by call: its arguments, the keywords by their names as Keras flattens them */
    int32_t *finished, *met;        /* calls in the order in which they are finished, and met */
    size_t finished_count, met_count;
    int32_t *depth, *layer_depth, *layer_met;   /* layer_met: how many layers were met before it, from 1; 0: it was not */
    int32_t layers_met;
    bool *seen, *known;
    struct { int32_t call; taking at; } *stack;
} ordering;

static int positional_first(const void *a, const void *b)
{
    const cuv_wired_arg *x = *(const cuv_wired_arg *const *)a, *y = *(const cuv_wired_arg *const *)b;
    if (x->name && y->name && strcmp(x->name, y->name))
        return strcmp(x->name, y->name);
    return !x->name != !y->name ? (x->name ? 1 : -1) : x < y ? -1 : x > y;
}

static bool sort_arguments(ordering *o, cuv_arena *scratch)
{
    o->args = CUV_NEW_ARRAY(scratch, const cuv_wired_arg **, o->g->call_count + 1);
    for (size_t i = 0; o->args && i < o->g->call_count; i++) {
        const cuv_graph_call *call = &o->g->calls[i];
        if (!(o->args[i] = CUV_NEW_ARRAY(scratch, const cuv_wired_arg *, call->arg_count + 1)))
            return false;
        for (size_t k = 0; k < call->arg_count; k++)
            o->args[i][k] = &call->args[k];
        qsort(o->args[i], call->arg_count, sizeof *o->args[i], positional_first);
    }
    return o->args;
}

static bool new_ordering(ordering *o, cuv_arena *scratch, const cuv_graph *g)
{
    *o = (ordering){.g = g, .finished = CUV_NEW_ARRAY(scratch, int32_t, g->call_count + 1), .met = CUV_NEW_ARRAY(scratch, int32_t, g->call_count + 1),
                    .depth = CUV_NEW_ARRAY(scratch, int32_t, g->call_count + 1),
                    .layer_depth = CUV_NEW_ARRAY(scratch, int32_t, g->layer_count + 1), .layer_met = CUV_NEW_ARRAY(scratch, int32_t, g->layer_count + 1),
                    .seen = CUV_NEW_ARRAY(scratch, bool, g->call_count + 1), .known = CUV_NEW_ARRAY(scratch, bool, g->call_count + 1)};
    o->stack = cuv_arena_calloc(scratch, g->call_count + 1, sizeof *o->stack);
    return o->finished && o->met && o->depth && o->layer_depth && o->layer_met && o->seen && o->known && o->stack && sort_arguments(o, scratch);
}

static void see(ordering *o, int32_t call, size_t *depth)
{
    const int32_t layer = o->g->calls[call].layer;
    o->seen[call] = true;
    o->layer_met[layer] = o->layer_met[layer] ? o->layer_met[layer] : ++o->layers_met;
    o->stack[*depth].call = call;
    o->stack[(*depth)++].at = (taking){0};
}

/* Depth first from one output: what a call takes is finished before it. */
static void finish_from(ordering *o, int32_t output)
{
    size_t depth = 0;
    if (o->seen[output])
        return;
    see(o, output, &depth);
    while (depth > 0) {
        const int32_t top = o->stack[depth - 1].call;
        const cuv_wire *wire = next_taken(&o->g->calls[top], o->args[top], &o->stack[depth - 1].at);
        if (!wire) {
            o->finished[o->finished_count++] = o->stack[--depth].call;
        } else if (!o->seen[wire->call]) {
            see(o, wire->call, &depth);
        }
    }
}

static void meet(ordering *o, int32_t call)
{
    if (!o->known[call])
        o->met[o->met_count++] = call;
    o->known[call] = true;
}

/* Calls of one layer share the largest depth that one of them has got by then. */
static void measure(ordering *o)
{
    for (size_t i = o->finished_count; i-- > 0;) {
        const int32_t call = o->finished[i];
        int32_t *of_layer = &o->layer_depth[o->g->calls[call].layer], depth;
        taking at = {0};
        meet(o, call);
        depth = o->depth[call] = *of_layer = o->depth[call] > *of_layer ? o->depth[call] : *of_layer;
        for (const cuv_wire *w; (w = next_taken(&o->g->calls[call], o->args[call], &at)) != NULL;) {
            meet(o, w->call);
            if (o->depth[w->call] < depth + 1)
                o->depth[w->call] = depth + 1;
        }
    }
}

cuv_status cuv_graph_ranks(cuv_context *cx, const cuv_graph *g, cuv_arena *arena, int32_t **out)
{
    cuv_arena *scratch = cuv_arena_new(cx);
    ordering o;
    int32_t *rank = CUV_NEW_ARRAY(arena, int32_t, g->call_count + 1), deepest = 0;
    *out = rank;
    if (!scratch || !rank || !new_ordering(&o, scratch, g)) {
        cuv_arena_free(scratch);
        return cuv_oom(cx);
    }
    for (size_t i = 0; i < g->output_count; i++)
        finish_from(&o, g->outputs[i].call);
    measure(&o);
    for (size_t i = 0; i < g->call_count; i++) {
        rank[i] = INT32_MAX;        /* what no output needs is not run */
        deepest = o.depth[i] > deepest ? o.depth[i] : deepest;
    }
    int32_t *start = CUV_NEW_ARRAY(scratch, int32_t, (size_t)deepest + 2);      /* by depth: ranks of deeper ones come before */
    for (size_t i = 0; start && i < o.met_count; i++)
        start[deepest - o.depth[o.met[i]] + 1]++;
    for (int32_t d = 0; start && d < deepest; d++)
        start[d + 1] += start[d];
    for (size_t i = 0; start && i < o.met_count; i++)
        rank[o.met[i]] = start[deepest - o.depth[o.met[i]]]++;
    cuv_status status = start ? CUV_OK : cuv_oom(cx);
    cuv_arena_free(scratch);
    return status;
}

/* ---- model.layers */

typedef struct place { cuv_layer *layer; int32_t depth, met; } place;

static int deeper_first(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return x->depth != y->depth ? (x->depth > y->depth ? -1 : 1) : (x->met > y->met) - (x->met < y->met);
}

static cuv_status order_one(struct cuv_model *m, const cuv_graph *g, cuv_arena *scratch)
{
    ordering o;
    place *places = CUV_NEW_ARRAY(scratch, place, g->layer_count + 1);
    size_t count = 0;
    if (!places || !new_ordering(&o, scratch, g))
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->output_count; i++)
        finish_from(&o, g->outputs[i].call);
    measure(&o);
    for (size_t i = 0; i < g->layer_count; i++) {
        bool input = false;         /* one that leads nowhere stays, before all of depth 0 */
        for (size_t k = 0; k < g->input_count && !input; k++)
            input = g->inputs[k] == (int32_t)i;
        if (o.layer_met[i] || input)
            places[count++] = (place){g->layers[i], o.layer_depth[i], o.layer_met[i]};
    }
    qsort(places, count, sizeof *places, deeper_first);
    m->layer_count = count;
    for (size_t i = 0; i < count; i++)
        m->layers[i] = places[i].layer;
    return CUV_OK;
}

static cuv_status order_inside(cuv_layer *const *layers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (layers[i]->model)
            CUV_TRY(cuv_model_order_layers(layers[i]->model));
        else
            CUV_TRY(order_inside(layers[i]->inner, layers[i]->inner_count));
    }
    return CUV_OK;
}

cuv_status cuv_model_order_layers(struct cuv_model *m)
{
    const cuv_graph *g = m->graph;
    cuv_arena *scratch = cuv_arena_new(m->cx);
    if (!scratch)
        return cuv_oom(m->cx);
    cuv_status status = g->sequential ? CUV_OK : order_one(m, g, scratch);
    cuv_arena_free(scratch);
    return status == CUV_OK ? order_inside(m->layers, m->layer_count) : status;
}
