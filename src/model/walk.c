/* Walks a model's graph: every call of every layer in order, once for the model itself and once for each call of a nested model. */
#include "model/graph.h"
#include "layers/support.h"

#include <stdlib.h>

/* An output whose mask is taken off, or put back on, once the call of that rank has run. */
typedef struct taken { struct taken *next; int32_t output, rank; bool back; } taken;

typedef struct walk {
    cuv_context *cx;
    struct cuv_model *m;
    const cuv_graph *g;
    cuv_program *program;
    cuv_sym **made;             /* by call: its outputs */
    size_t *made_count;
    cuv_ref **said;             /* by call: the masks that its outputs have where none is taken off; NULL: those of `made` */
    taken **taken;              /* by call; NULL: no masks are taken off, then rank and said are NULL, too */
    cuv_wire *origin;           /* by call: whose tensor its first output is */
    int32_t *rank;              /* by call: when Keras runs it */
    int32_t now;                /* rank of the call being made */
    enum { AS_RUN, AS_SAID, AS_RECORDED } masks;        /* which masks it is given */
} walk;

static void choose_mask(walk *w, cuv_wire wire, cuv_sym *out);

static cuv_status get_wire(walk *w, cuv_wire wire, const cuv_layer *user, cuv_sym *out)
{
    if ((size_t)wire.output >= w->made_count[wire.call])
        return cuv_fail(w->cx, CUV_DAMAGED, "config.node", &(cuv_detail){.layer = user->name},
                        "'%s' takes output %d of '%s', which has %zu", user->name, wire.output,
                        w->g->layers[w->g->calls[wire.call].layer]->name, w->made_count[wire.call]);
    *out = w->made[wire.call][wire.output];
    if (w->taken)
        choose_mask(w, wire, out);
    return CUV_OK;
}

/* Tensors of one argument as kwarg: tensor, list or literal. */
static cuv_status resolve_arg(walk *w, const cuv_layer *layer, const cuv_wired_arg *arg, cuv_kwarg *out)
{
    *out = (cuv_kwarg){.name = arg->name, .tensor = {CUV_NO_REF, CUV_NO_REF}, .literal = arg->literal};
    if (arg->kind == CUV_ARG_TENSOR) {
        out->literal = NULL;
        return get_wire(w, arg->wires[0], layer, &out->tensor);
    }
    if (arg->kind == CUV_ARG_LIST) {
        out->list = CUV_NEW_ARRAY(w->m->arena, cuv_sym, arg->wire_count);
        if (!out->list)
            return cuv_oom(w->cx);
        for (size_t i = 0; i < arg->wire_count; i++)
            CUV_TRY(get_wire(w, arg->wires[i], layer, &out->list[i]));
        out->list_count = arg->wire_count;
    }
    return CUV_OK;
}

static cuv_status note_node(walk *w, size_t at)
{
    struct cuv_model *m = w->m;
    const cuv_graph_call *gc = &w->g->calls[at];
    cuv_node *nodes = cuv_arena_grow(m->arena, m->nodes, m->node_count, &m->node_capacity, sizeof *nodes);
    if (!nodes)
        return cuv_oom(w->cx);
    m->nodes = nodes;
    cuv_node *node = &nodes[m->node_count++];
    size_t inbound = 0;
    for (size_t a = 0; a < gc->arg_count; a++)
        inbound += gc->args[a].wire_count;
    *node = (cuv_node){.layer = w->g->layers[gc->layer], .output_count = gc->output_count};
    node->outputs = CUV_NEW_ARRAY(m->arena, cuv_sym, gc->output_count + 1);
    node->inbound = CUV_NEW_ARRAY(m->arena, const char *, inbound + 1);
    node->inbound_call = CUV_NEW_ARRAY(m->arena, int32_t, inbound + 1);
    node->inbound_index = CUV_NEW_ARRAY(m->arena, int32_t, inbound + 1);
    if (!node->outputs || !node->inbound || !node->inbound_call || !node->inbound_index)
        return cuv_oom(w->cx);
    memcpy(node->outputs, gc->outputs, gc->output_count * sizeof *gc->outputs);
    for (size_t a = 0; a < gc->arg_count; a++)
        for (size_t i = 0; i < gc->args[a].wire_count; i++) {
            cuv_wire wire = gc->args[a].wires[i];
            node->inbound[node->inbound_count] = w->g->layers[w->g->calls[wire.call].layer]->name;
            node->inbound_call[node->inbound_count] = w->g->calls[wire.call].ordinal;
            node->inbound_index[node->inbound_count++] = wire.output;
        }
    return CUV_OK;
}

/* Splits arguments into inputs (tensors of the positional ones, flattened) and keywords. */
static cuv_status fill_call(walk *w, const cuv_graph_call *gc, cuv_call *call)
{
    size_t inputs = 0, keywords = 0, positional = 0;
    for (size_t a = 0; a < gc->arg_count; a++) {
        inputs += gc->args[a].name ? 0 : gc->args[a].wire_count;
        *(gc->args[a].name ? &keywords : &positional) += 1;
    }
    cuv_sym *in = CUV_NEW_ARRAY(w->m->arena, cuv_sym, inputs + 1);
    cuv_kwarg *kwargs = CUV_NEW_ARRAY(w->m->arena, cuv_kwarg, keywords + 1);
    cuv_kwarg *args = CUV_NEW_ARRAY(w->m->arena, cuv_kwarg, positional + 1);
    if (!in || !kwargs || !args)
        return cuv_oom(w->cx);
    for (size_t a = 0; a < gc->arg_count; a++) {
        const cuv_wired_arg *arg = &gc->args[a];
        cuv_kwarg *slot = arg->name ? &kwargs[call->kwarg_count++] : &args[call->arg_count++];
        CUV_TRY(resolve_arg(w, call->layer, arg, slot));
        if (arg->name)
            continue;
        for (size_t i = 0; i < arg->wire_count; i++)
            CUV_TRY(get_wire(w, arg->wires[i], call->layer, &in[call->in_count++]));
    }
    call->in = in;
    call->kwargs = kwargs;
    call->args = args;
    return CUV_OK;
}

/* Keras lets the first input come as a keyword ("inputs", "query"): the tensors then count as inputs. */
static void adopt_keyword_inputs(cuv_call *call)
{
    if (call->in_count || !call->kwarg_count)
        return;
    const cuv_kwarg *first = &call->kwargs[0];
    if (first->list_count) {
        call->in = first->list;
        call->in_count = first->list_count;
    } else if (first->tensor.value != CUV_NO_REF) {
        call->in = &first->tensor;
        call->in_count = 1;
    }
}

/* ---- masks that are taken off */

/* Since Keras 3.8 MultiHeadAttention takes the masks off query, value and key (its `call`): whoever is run later on the same tensor sees
 * none, unless the configuration names one. A script names none, nor do files that Keras did not write; there Keras does, as the layers are
 * called and before anything runs: a layer with an argument `mask` that is called on one tensor and nothing else keeps the mask of that tensor
 * (Layer.__call__). So masks are followed twice: as a model is called, and as it runs. */
bool cuv_takes_masks_off(const cuv_layer *layer)
{
    return layer->keras == 3 && layer->keras_minor >= 8 && layer->def && cuv_streq(layer->def->name, "MultiHeadAttention");
}

bool cuv_takes_named_mask(const cuv_layer *layer, const cuv_graph_call *gc)
{
    static const char with_mask[] = "BatchNormalization Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GlobalAveragePooling1D LSTM RNN "
                                    "SimpleRNN Softmax TimeDistributed";
    if (gc->arg_count != 1 || gc->args[0].name)
        return false;
    if (gc->args[0].kind == CUV_ARG_LIST)
        return layer->model;
    return gc->args[0].kind == CUV_ARG_TENSOR && (layer->model || (layer->def && cuv_has_word(with_mask, layer->def->name)));
}

/* A tensor that is converted first has lost its mask. */
static bool records_mask(const walk *w, const cuv_graph_call *gc)
{
    const cuv_layer *layer = w->g->layers[gc->layer];
    if (!cuv_takes_named_mask(layer, gc))
        return false;
    const cuv_wire wire = gc->args[0].wires[0];
    return gc->args[0].kind == CUV_ARG_LIST || (size_t)wire.output >= w->made_count[wire.call] ||
           cuv_program_var(w->program, w->made[wire.call][wire.output].value)->dtype == layer->compute;
}

bool cuv_hands_on(const cuv_layer *layer)
{
    static const char names[] = "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianNoise GaussianDropout AlphaDropout Identity "
                                "ActivityRegularization";
    return layer->def && (cuv_has_word(names, layer->def->name) ||
                          (cuv_streq(layer->def->name, "Activation") && cuv_arg_is(layer, "activation", "linear")));
}

/* By call: whose tensor its first output is. */
static cuv_status find_origins(walk *w)
{
    w->origin = CUV_NEW_ARRAY(w->m->arena, cuv_wire, w->g->call_count + 1);
    for (size_t i = 0; w->origin && i < w->g->call_count; i++) {
        const cuv_graph_call *gc = &w->g->calls[i];
        bool handed = cuv_hands_on(w->g->layers[gc->layer]) && gc->arg_count && gc->args[0].kind == CUV_ARG_TENSOR;
        const cuv_wire from = handed ? gc->args[0].wires[0] : (cuv_wire){(int32_t)i, 0};
        w->origin[i] = handed && from.output == 0 ? w->origin[from.call] : from;
    }
    return w->origin ? CUV_OK : cuv_oom(w->cx);
}

static cuv_wire origin_of(const walk *w, cuv_wire wire)
{
    return wire.output == 0 ? w->origin[wire.call] : wire;
}

/* What was done last to a mask before now, or NULL. Where none was named, what is put back is what the tensor has. */
static const taken *taken_of(const walk *w, cuv_wire wire)
{
    const taken *last = NULL;
    wire = origin_of(w, wire);
    const cuv_ref *said = w->said[wire.call];
    for (const taken *t = w->taken[wire.call]; t; t = t->next)
        if (t->output == wire.output && t->rank < w->now && (!last || t->rank > last->rank) && (!t->back || !said || said[wire.output] != CUV_NO_REF))
            last = t;
    return last;
}

static void choose_mask(walk *w, cuv_wire wire, cuv_sym *out)
{
    const taken *t = taken_of(w, wire);
    cuv_ref then = w->said[wire.call] ? w->said[wire.call][wire.output] : out->mask;
    cuv_ref run = !t ? out->mask : t->back ? then : CUV_NO_REF;
    out->mask = w->masks == AS_SAID || (w->masks == AS_RECORDED && then != CUV_NO_REF) ? then : run;
}

static cuv_status note_taken(walk *w, cuv_wire wire, int32_t rank, bool back)
{
    taken *t = CUV_NEW(w->m->arena, taken);
    if (!t)
        return cuv_oom(w->cx);
    wire = origin_of(w, wire);
    *t = (taken){w->taken[wire.call], wire.output, rank, back};
    w->taken[wire.call] = t;
    return CUV_OK;
}

static cuv_status take_off(walk *w, size_t at)
{
    const cuv_graph_call *gc = &w->g->calls[at];
    for (size_t a = 0, positional = 0; a < gc->arg_count; a++) {
        const cuv_wired_arg *arg = &gc->args[a];
        bool one = arg->name ? cuv_has_word("query value key", arg->name) : positional++ < 3;
        for (size_t k = 0; one && k < arg->wire_count; k++)
            CUV_TRY(note_taken(w, arg->wires[k], w->rank[at], false));
    }
    return CUV_OK;
}

enum { DEEPEST = 32 };          /* models inside models */

static const cuv_graph *graph_of(const cuv_layer *layer)
{
    const struct cuv_model *m = layer->model;
    return m ? m->graph : NULL;
}

static bool takes_off_inside(const cuv_graph *g, unsigned depth)
{
    for (size_t i = 0; g && depth && i < g->layer_count; i++)
        if (cuv_takes_masks_off(g->layers[i]) || takes_off_inside(graph_of(g->layers[i]), depth - 1))
            return true;
    return false;
}

/* Models as layers have a mask as they run, and none as they are called: what is called after them on several tensors takes the latter. */
static bool has_models(const cuv_graph *g)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i]->model)
            return true;
    return false;
}

static cuv_status find_taken(walk *w, unsigned depth);

/* Which inputs' masks are off once a model as a layer has run: its own inputs had none when it was made, so that nothing inside puts one back. */
static cuv_status left_inside(const walk *w, const cuv_graph *g, unsigned depth, bool *off)
{
    walk inside = {.cx = w->cx, .m = w->m, .g = g, .program = w->program};
    CUV_TRY(find_taken(&inside, depth));
    for (size_t i = 0; inside.taken && i < g->call_count; i++)
        for (size_t j = 0; j < g->input_count; j++)
            for (const taken *t = g->inputs[j] == g->calls[i].layer ? inside.taken[i] : NULL; t; t = t->next)
                off[j] |= !t->back && t->rank < INT32_MAX;
    return CUV_OK;
}

/* A model as a layer puts the masks that are named for its inputs on them (Functional.call), and attentions inside may take them off again. */
static cuv_status put_back(walk *w, size_t at, unsigned depth)
{
    const cuv_graph_call *gc = &w->g->calls[at];
    const cuv_layer *layer = w->g->layers[gc->layer];
    const cuv_graph *inside = graph_of(layer);
    bool named = gc->arg_count == 1;
    for (size_t a = 1; a < gc->arg_count; a++)
        named = named || (cuv_streq(gc->args[a].name, "mask") && gc->args[a].wire_count);
    if (!layer->model || !inside || !gc->arg_count || gc->args[0].name)
        return CUV_OK;
    for (size_t k = 0; named && k < gc->args[0].wire_count; k++)
        CUV_TRY(note_taken(w, gc->args[0].wires[k], w->rank[at], true));
    if (!depth || !takes_off_inside(inside, DEEPEST))
        return CUV_OK;
    bool *off = CUV_NEW_ARRAY(w->m->arena, bool, inside->input_count + 1);
    if (!off)
        return cuv_oom(w->cx);
    CUV_TRY(left_inside(w, inside, depth - 1, off));
    for (size_t k = 0; k < gc->args[0].wire_count && k < inside->input_count; k++)
        if (off[k])
            CUV_TRY(note_taken(w, gc->args[0].wires[k], w->rank[at], false));
    return CUV_OK;
}

static cuv_status find_taken(walk *w, unsigned depth)
{
    const cuv_graph *whole;
    if (!takes_off_inside(w->g, DEEPEST) && !(w->m->scripted && w->m->keras == 3 && has_models(w->g)))
        return CUV_OK;
    w->said = CUV_NEW_ARRAY(w->m->arena, cuv_ref *, w->g->call_count + 1);
    w->taken = CUV_NEW_ARRAY(w->m->arena, taken *, w->g->call_count + 1);
    if (!w->taken || !w->said)
        return cuv_oom(w->cx);
    CUV_TRY(find_origins(w));
    CUV_TRY(cuv_graph_with_masks(w->m->arena, w->g, &whole));
    CUV_TRY(cuv_graph_ranks(w->cx, whole, w->m->arena, &w->rank));
    for (size_t i = 0; i < w->g->call_count; i++)
        CUV_TRY(cuv_takes_masks_off(w->g->layers[w->g->calls[i].layer]) ? take_off(w, i) : put_back(w, i, depth));
    return CUV_OK;
}

/* ---- calls */

static bool same_masks(const cuv_call *a, const cuv_call *b)
{
    bool same = true;
    for (size_t i = 0; same && i < a->in_count; i++)
        same = a->in[i].mask == b->in[i].mask;
    for (size_t i = 0; same && i < a->kwarg_count; i++) {
        same = a->kwargs[i].tensor.mask == b->kwargs[i].tensor.mask;
        for (size_t k = 0; same && k < a->kwargs[i].list_count; k++)
            same = a->kwargs[i].list[k].mask == b->kwargs[i].list[k].mask;
    }
    return same;
}

/* The masks of a call's outputs as it is made, before anything runs. */
static cuv_status follow_calls(walk *w, size_t at, const cuv_call *run)
{
    const cuv_graph_call *gc = &w->g->calls[at];
    cuv_call call = {.cx = w->cx, .arena = w->m->arena, .program = w->program, .layer = run->layer};
    if (!w->taken)
        return CUV_OK;
    w->masks = AS_SAID;
    CUV_TRY(fill_call(w, gc, &call));
    adopt_keyword_inputs(&call);
    if (!run->layer->model && !w->program->state_count && !same_masks(run, &call)) {    /* a stateful layer would go on */
        CUV_TRY(cuv_layer_call(&call));
    } else {
        memcpy(call.out, run->out, sizeof call.out);
        call.out_count = run->out_count;
    }
    w->said[at] = CUV_NEW_ARRAY(w->m->arena, cuv_ref, call.out_count + 1);
    for (size_t i = 0; w->said[at] && i < call.out_count; i++)         /* models as layers say none */
        w->said[at][i] = run->layer->model ? CUV_NO_REF : call.out[i].mask;
    return w->said[at] ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status make_call(walk *w, size_t at, const cuv_sym *inputs)
{
    cuv_graph_call *gc = &w->g->calls[at];
    cuv_layer *layer = w->g->layers[gc->layer];
    cuv_call call = {.cx = w->cx, .arena = w->m->arena, .program = w->program, .layer = layer};
    w->now = w->rank ? w->rank[at] : 0;
    w->masks = w->taken && records_mask(w, gc) ? AS_RECORDED : AS_RUN;
    for (size_t i = 0; i < w->g->input_count; i++)
        if (w->g->inputs[i] == gc->layer && cuv_streq(layer->def->name, "InputLayer")) {
            call.out[0] = inputs[i];
            call.out_count = 1;
        }
    if (!call.out_count) {
        CUV_TRY(fill_call(w, gc, &call));
        adopt_keyword_inputs(&call);
        CUV_TRY(cuv_layer_call(&call));
        CUV_TRY(follow_calls(w, at, &call));
    }
    w->made[at] = CUV_NEW_ARRAY(w->m->arena, cuv_sym, call.out_count + 1);
    if (!w->made[at])
        return cuv_oom(w->cx);
    memcpy(w->made[at], call.out, call.out_count * sizeof *call.out);
    w->made_count[at] = call.out_count;
    gc->outputs = w->made[at];
    gc->output_count = call.out_count;
    return CUV_OK;
}

/* ---- order */

static bool keeps_states(const cuv_layer *layer, unsigned depth)
{
    bool keeps = cuv_get_bool(layer->config, "stateful", false);
    for (size_t i = 0; depth && !keeps && i < layer->inner_count; i++)
        keeps = keeps_states(layer->inner[i], depth - 1);
    const struct cuv_model *inside = layer->model;
    for (size_t i = 0; depth && !keeps && inside && i < inside->layer_count; i++)
        keeps = keeps_states(inside->layers[i], depth - 1);
    return keeps;
}

typedef struct ranked { int32_t rank; size_t call; } ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : x->call < y->call ? -1 : x->call > y->call;
}

/* Where a layer that keeps states is called more than once it matters in which order: Keras's then. *out NULL: that of the graph. */
static cuv_status order_calls(walk *w, ranked **out)
{
    bool matters = false;
    int32_t *ranks;
    *out = NULL;
    for (size_t i = 0; i < w->g->call_count && !matters; i++)
        matters = w->g->calls[i].ordinal > 0 && keeps_states(w->g->layers[w->g->calls[i].layer], DEEPEST);
    if (!matters)
        return CUV_OK;
    CUV_TRY(cuv_graph_ranks(w->cx, w->g, w->m->arena, &ranks));
    ranked *order = CUV_NEW_ARRAY(w->m->arena, ranked, w->g->call_count + 1);
    if (!order)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < w->g->call_count; i++)
        order[i] = (ranked){ranks[i], i};
    qsort(order, w->g->call_count, sizeof *order, by_rank);
    *out = order;
    return CUV_OK;
}

cuv_status cuv_graph_walk(struct cuv_model *m, const cuv_graph *g, cuv_program *program, const cuv_sym *in, bool record,
                          cuv_sym *out)
{
    walk w = {.cx = m->cx, .m = m, .g = g, .program = program};
    w.made = CUV_NEW_ARRAY(m->arena, cuv_sym *, g->call_count + 1);
    w.made_count = CUV_NEW_ARRAY(m->arena, size_t, g->call_count + 1);
    if (!w.made || !w.made_count)
        return cuv_oom(m->cx);
    CUV_TRY(find_taken(&w, DEEPEST));
    ranked *order;
    CUV_TRY(order_calls(&w, &order));
    for (size_t i = 0; i < g->call_count; i++) {
        CUV_TRY(cuv_check_time(m->cx));
        CUV_TRY(make_call(&w, order ? order[i].call : i, in));
    }
    for (size_t i = 0; record && i < g->call_count; i++)
        CUV_TRY(note_node(&w, i));
    w.now = INT32_MAX;
    w.masks = AS_RUN;
    for (size_t i = 0; i < g->output_count; i++) {
        const cuv_layer *last = g->layers[g->calls[g->outputs[i].call].layer];
        CUV_TRY(get_wire(&w, g->outputs[i], last, &out[i]));
    }
    return CUV_OK;
}
