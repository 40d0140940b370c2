/* Parses the wiring of functional models in the forms of Keras 1, 2 and 3 (formats.md c.2, d) and puts the calls in an order in which
 * they can be made; graph_sequential.c parses Sequential ones. Makes no tensors; walk.c does. */
#include "model/graph_parse.h"

#include <stdlib.h>

typedef struct raw_call { int32_t layer; const cuv_value *node; cuv_wired_arg *args; size_t arg_count; } raw_call;

typedef struct parser {
    cuv_context *cx;
    cuv_arena *arena;
    struct cuv_model *m;
    cuv_graph *g;
    cuv_map *by_name;           /* name -> index + 1 of the layer */
    int32_t *first_call;        /* by layer: number of its first call; first_call[n] is the total */
    int32_t *shift;             /* by layer: what list-form node indices of nested models are too large by */
    struct cuv_node_numbers *numbers;
    raw_call *calls;
    size_t call_count;
    uint64_t items;             /* arguments read, held against the limit */
} parser;

bool cuv_is_wire_triple(const cuv_value *v)
{
    int64_t n;
    return cuv_is_seq(v) && cuv_len(v) >= 3 && cuv_text(cuv_item(v, 0)) && cuv_as_int(cuv_item(v, 1), &n) &&
           cuv_as_int(cuv_item(v, 2), &n);
}

const char *cuv_record_layer_name(const cuv_value *record)
{
    const char *name = cuv_get_text(record, "name");
    return name ? name : cuv_get_text(cuv_get(record, "config"), "name");
}

static cuv_status bad_wiring(parser *p, int32_t user, const char *what, const char *found)
{
    const char *name = user >= 0 ? p->g->layers[user]->name : p->m->name;
    return cuv_fail(p->cx, CUV_DAMAGED, "config.node", &(cuv_detail){.layer = name, .found = found,
                    .help = "the configuration contradicts itself; look for an older copy of it"},
                    "'%s' is wired to %s", name, what);
}

/* The call that node `index` of the layer `name` means; `user` is for errors. */
static cuv_status find_wire(parser *p, int32_t user, const char *name, int64_t index, int64_t tensor, bool list_form,
                            bool output, cuv_wire *out)
{
    size_t at = (size_t)(uintptr_t)cuv_map_get(p->by_name, name);
    if (!at)
        return bad_wiring(p, user, cuv_format(p->cx, "a layer '%s' that is not in the model", name), name);
    int32_t layer = (int32_t)at - 1;
    int64_t calls = p->first_call[layer + 1] - p->first_call[layer];
    bool nested = p->g->layers[layer]->model != NULL;
    if (!output && !list_form)
        index = cuv_node_number(p->numbers, (size_t)layer, index);
    if (nested && list_form)
        index -= p->shift[layer];
    else if (nested && output && index >= 1 && !cuv_streq(p->g->layers[layer]->class_name, "Sequential"))
        index -= index >= calls || p->shift[layer] ? 1 : 0;
    if (index < 0 || index >= calls || tensor < 0 || tensor >= CUV_MAX_OUTPUTS)
        return bad_wiring(p, user, cuv_format(p->cx, "output %lld of call %lld of '%s', which is called %lld times",
                          (long long)tensor, (long long)index, name, (long long)calls), name);
    *out = (cuv_wire){p->first_call[layer] + (int32_t)index, (int32_t)tensor};
    return CUV_OK;
}

static cuv_status keras_tensor_wire(parser *p, int32_t user, const cuv_value *v, cuv_wire *out)
{
    const cuv_value *history = cuv_get(cuv_get(v, "config"), "keras_history");
    if (!cuv_is_wire_triple(history))
        return bad_wiring(p, user, "a tensor without keras_history", cuv_value_repr(p->cx, history));
    int64_t node, tensor;
    (void)cuv_as_int(cuv_item(history, 1), &node);
    (void)cuv_as_int(cuv_item(history, 2), &tensor);
    return find_wire(p, user, cuv_text(cuv_item(history, 0)), node, tensor, false, false, out);
}

static cuv_status triple_wire(parser *p, int32_t user, const cuv_value *v, cuv_wire *out)
{
    int64_t node, tensor;
    (void)cuv_as_int(cuv_item(v, 1), &node);
    (void)cuv_as_int(cuv_item(v, 2), &tensor);
    return find_wire(p, user, cuv_text(cuv_item(v, 0)), node, tensor, true, false, out);
}

typedef struct wire_list { cuv_wire *items; size_t count, capacity; } wire_list;

static cuv_status add_wire(parser *p, wire_list *list, cuv_wire wire)
{
    if (++p->items > cuv_context_limits(p->cx)->items)
        return cuv_fail(p->cx, CUV_UNSAFE, "limit.items", NULL, "the wiring of '%s' is larger than any model's", p->m->name);
    cuv_wire *items = cuv_arena_grow(p->arena, list->items, list->count, &list->capacity, sizeof *items);
    if (!items)
        return cuv_oom(p->cx);
    list->items = items;
    items[list->count++] = wire;
    return CUV_OK;
}

/* Collects the tensors anywhere inside `v`. */
static cuv_status collect(parser *p, int32_t user, const cuv_value *v, unsigned depth, wire_list *list)
{
    cuv_wire wire;
    if (depth > cuv_context_limits(p->cx)->depth)
        return cuv_fail(p->cx, CUV_UNSAFE, "limit.depth", NULL, "the arguments of '%s' are nested too deeply", p->m->name);
    if (cuv_is_keras_tensor(v)) {
        CUV_TRY(keras_tensor_wire(p, user, v, &wire));
        return add_wire(p, list, wire);
    }
    if (cuv_is_wire_triple(v) && cuv_map_get(p->by_name, cuv_text(cuv_item(v, 0)))) {
        CUV_TRY(triple_wire(p, user, v, &wire));
        return add_wire(p, list, wire);
    }
    if (cuv_is_seq(v)) {
        for (size_t i = 0; i < cuv_len(v); i++)
            CUV_TRY(collect(p, user, cuv_item(v, i), depth + 1, list));
    } else if (v && v->kind == CUV_DICT) {
        const cuv_pair *pairs;
        CUV_TRY(cuv_pairs_by_key(p->arena, v, &pairs));
        for (size_t i = 0; i < v->size; i++)
            CUV_TRY(collect(p, user, pairs[i].value, depth + 1, list));
    }
    return CUV_OK;
}

static cuv_status add_arg(parser *p, raw_call *call, size_t *capacity, const char *name, const cuv_value *v)
{
    wire_list list = {0};
    CUV_TRY(collect(p, call->layer, v, 0, &list));
    cuv_wired_arg *args = cuv_arena_grow(p->arena, call->args, call->arg_count, capacity, sizeof *args);
    if (!args)
        return cuv_oom(p->cx);
    call->args = args;
    bool one = list.count == 1 && (cuv_is_keras_tensor(v) || cuv_is_wire_triple(v));
    args[call->arg_count++] = (cuv_wired_arg){
        .name = name, .kind = one ? CUV_ARG_TENSOR : list.count ? CUV_ARG_LIST : CUV_ARG_LITERAL,
        .wires = list.items, .wire_count = list.count, .literal = v};
    return CUV_OK;
}

/* Keras 3: {"args": [...], "kwargs": {...}}. */
static cuv_status parse_dict_node(parser *p, raw_call *call)
{
    size_t capacity = 0;
    const cuv_value *args = cuv_get(call->node, "args"), *kwargs = cuv_get(call->node, "kwargs"), *value;
    const cuv_layer *layer = p->g->layers[call->layer];
    for (size_t i = 0; i < cuv_len(args); i++) {
        value = cuv_item(args, i);
        if (layer->model)
            CUV_TRY(cuv_flat_structure(p->arena, layer, value, &value));
        CUV_TRY(add_arg(p, call, &capacity, NULL, value));
    }
    for (size_t i = 0; kwargs && kwargs->kind == CUV_DICT && i < kwargs->size; i++) {
        value = kwargs->pairs[i].value;
        if (layer->model)
            CUV_TRY(cuv_flat_structure(p->arena, layer, value, &value));
        CUV_TRY(add_arg(p, call, &capacity, cuv_text(kwargs->pairs[i].key), value));
    }
    return CUV_OK;
}

/* A list of tensors and constants, which may be lists themselves, is one argument. */
static bool is_mixed_list(const cuv_value *node)
{
    bool mixed = false;
    for (size_t i = 0; i < cuv_len(node); i++) {
        const cuv_value *entry = cuv_item(node, i);
        bool nested = cuv_is_seq(cuv_item(entry, 0));
        if (!cuv_is_seq(entry) || (!nested && !cuv_text(cuv_item(entry, 0))))
            return false;
        mixed |= nested || cuv_streq(cuv_text(cuv_item(entry, 0)), "_CONSTANT_VALUE");
    }
    return mixed && cuv_len(node) > 1;
}

static const cuv_value *kwargs_of(const cuv_value *node)
{
    for (size_t i = 0; i < cuv_len(node); i++)
        if (cuv_len(cuv_item(cuv_item(node, i), 3)))
            return cuv_item(cuv_item(node, i), 3);
    return NULL;
}

/* Keras 1 and 2: a list of [name, node, tensor, {kwargs}]; TensorFlow's op layers have one such entry without the outer list,
 * and literals as ["_CONSTANT_VALUE", -1, value, {kwargs}]. */
static cuv_status parse_list_node(parser *p, raw_call *call, const cuv_value *record)
{
    size_t capacity = 0;
    wire_list inputs = {0};
    const cuv_value *kwargs = NULL;
    bool flat = cuv_text(cuv_item(call->node, 0)) != NULL;
    size_t count = flat ? 1 : cuv_len(call->node);
    cuv_value *literal = NULL;
    bool mixed = !flat && is_mixed_list(call->node);
    if (mixed) {
        CUV_TRY(add_arg(p, call, &capacity, NULL, call->node));
        kwargs = kwargs_of(call->node);
    }
    for (size_t i = 0; !mixed && i < count; i++) {
        const cuv_value *entry = flat ? call->node : cuv_item(call->node, i);
        if (cuv_streq(cuv_text(cuv_item(entry, 0)), "_CONSTANT_VALUE")) {
            literal = cuv_item(entry, 2);
            CUV_TRY(add_arg(p, call, &capacity, NULL, literal));
        } else if (cuv_is_wire_triple(entry)) {
            cuv_wire wire;
            CUV_TRY(triple_wire(p, call->layer, entry, &wire));
            CUV_TRY(add_wire(p, &inputs, wire));
        } else {
            return bad_wiring(p, call->layer, "something that is no tensor", cuv_value_repr(p->cx, entry));
        }
        const cuv_value *extra = cuv_item(entry, 3);
        if (cuv_len(extra) && !kwargs)
            kwargs = extra;
    }
    if (cuv_streq(cuv_get_text(record, "class_name"), "TensorFlowOpLayer"))
        return cuv_graph_op_args(p->arena, record, inputs.items, inputs.count, &call->args, &call->arg_count);
    if (inputs.count) {
        cuv_wired_arg *args = cuv_arena_grow(p->arena, call->args, call->arg_count, &capacity, sizeof *args);
        if (!args)
            return cuv_oom(p->cx);
        call->args = args;
        args[call->arg_count++] = (cuv_wired_arg){.kind = inputs.count == 1 ? CUV_ARG_TENSOR : CUV_ARG_LIST,
                                                  .wires = inputs.items, .wire_count = inputs.count};
    }
    for (size_t i = 0; kwargs && kwargs->kind == CUV_DICT && i < kwargs->size; i++)
        CUV_TRY(add_arg(p, call, &capacity, cuv_text(kwargs->pairs[i].key), kwargs->pairs[i].value));
    return CUV_OK;
}

/* Keras 1 and 2 count the nested model's own construction as its node 0, so its first call in the outer model is node 1; some
 * writers do not. A layer whose node 0 is referred to anywhere is not shifted. */
static void note_reference(parser *p, const cuv_value *v, unsigned depth)
{
    if (depth > 8 || !v)
        return;
    int64_t node;
    if (cuv_is_wire_triple(v)) {
        size_t at = (size_t)(uintptr_t)cuv_map_get(p->by_name, cuv_text(cuv_item(v, 0)));
        if (at && cuv_as_int(cuv_item(v, 1), &node) && node == 0)
            p->shift[at - 1] = 0;
        note_reference(p, cuv_item(v, 3), depth + 1);
        return;
    }
    if (cuv_is_seq(v))
        for (size_t i = 0; i < cuv_len(v); i++)
            note_reference(p, cuv_item(v, i), depth + 1);
    else if (v->kind == CUV_DICT && !cuv_is_keras_tensor(v))
        for (size_t i = 0; i < v->size; i++)
            note_reference(p, v->pairs[i].value, depth + 1);
}

cuv_status cuv_graph_make_layers(struct cuv_model *m, cuv_graph *g, const cuv_value *layers, const cuv_layer *like, cuv_map *by_name)
{
    g->layers = CUV_NEW_ARRAY(m->arena, cuv_layer *, cuv_len(layers) + 1);
    if (!g->layers || !by_name)
        return cuv_oom(m->cx);
    if (!cuv_len(layers))
        return cuv_fail(m->cx, CUV_DAMAGED, "config.layers", &(cuv_detail){.layer = m->name},
                        "the configuration of '%s' lists no layers", m->name);
    for (size_t i = 0; i < cuv_len(layers); i++) {
        cuv_layer *layer;
        CUV_TRY(cuv_layer_new(m->arena, cuv_item(layers, i), like, &layer));
        const char *name = cuv_record_layer_name(cuv_item(layers, i));
        if (name)
            layer->name = name;
        if (cuv_map_get(by_name, layer->name))
            return cuv_fail(m->cx, CUV_DAMAGED, "config.duplicate", &(cuv_detail){.layer = layer->name,
                            .help = "names must differ; rename one of them where the configuration lists its layers"},
                            "two layers of '%s' are called '%s'", m->name, layer->name);
        CUV_TRY(cuv_map_set(by_name, layer->name, (void *)(uintptr_t)(i + 1)));
        g->layers[g->layer_count++] = layer;
    }
    return CUV_OK;
}

static size_t calls_of(const cuv_value *record)
{
    size_t n = cuv_len(cuv_get(record, "inbound_nodes"));
    const char *class_name = cuv_get_text(record, "class_name");
    return n ? n : cuv_streq(class_name, "InputLayer") ? 1 : 0;
}

static cuv_status parse_nodes(parser *p, const cuv_value *layers, const cuv_value *config, const cuv_layer *like)
{
    size_t total = 0;
    for (size_t i = 0; i < p->g->layer_count; i++) {
        p->first_call[i] = (int32_t)total;
        total += calls_of(cuv_item(layers, i));
        if (total > cuv_context_limits(p->cx)->layers)
            return cuv_fail(p->cx, CUV_UNSAFE, "limit.layers", NULL, "'%s' has more calls than any model", p->m->name);
        note_reference(p, cuv_get(cuv_item(layers, i), "inbound_nodes"), 0);
    }
    p->first_call[p->g->layer_count] = (int32_t)total;
    note_reference(p, cuv_get(config, "output_layers"), 0);
    CUV_TRY(cuv_node_numbers_make(p->m, p->g, config, p->by_name, p->first_call, like, &p->numbers));
    p->calls = CUV_NEW_ARRAY(p->arena, raw_call, total + 1);
    if (!p->calls)
        return cuv_oom(p->cx);
    for (size_t i = 0; i < p->g->layer_count; i++) {
        const cuv_value *nodes = cuv_get(cuv_item(layers, i), "inbound_nodes");
        for (size_t k = 0; k < calls_of(cuv_item(layers, i)); k++) {
            raw_call *call = &p->calls[p->call_count++];
            call->layer = (int32_t)i;
            call->node = cuv_item(nodes, k);
            if (!call->node || !cuv_len(call->node))
                continue;
            bool named = call->node->kind == CUV_DICT && !cuv_is_seq(cuv_get(call->node, "args"));
            if (named || (cuv_is_seq(call->node) && p->g->layers[i]->model))
                CUV_TRY(cuv_flat_structure(p->arena, p->g->layers[i], call->node, &call->node));
            CUV_TRY(call->node->kind == CUV_DICT ? parse_dict_node(p, call)
                                                   : parse_list_node(p, call, cuv_item(layers, i)));
        }
    }
    return CUV_OK;
}

/* "'a' takes the output of 'b', 'b' that of 'a'": the calls that wait for each other, from one of them on. */
static const char *circle_text(const parser *p, const int32_t *missing, size_t from)
{
    enum { MOST = 6 };
    const char *text = "";
    bool *seen = CUV_NEW_ARRAY(p->arena, bool, p->call_count + 1);
    size_t at = from, first = from, steps = 0;
    for (bool told = false; seen && steps < 2 * p->call_count + 2; steps++) {
        size_t next = at;
        if (seen[at] && !told) {        /* on the circle now */
            told = true;
            first = at;
            steps = 0;
        } else if (told && at == first) {
            break;
        }
        seen[at] = true;
        for (size_t a = 0; a < p->calls[at].arg_count && next == at; a++)
            for (size_t w = 0; w < p->calls[at].args[a].wire_count && next == at; w++)
                if (missing[p->calls[at].args[a].wires[w].call])
                    next = (size_t)p->calls[at].args[a].wires[w].call;
        if (told && steps < MOST)
            text = cuv_format(p->cx, "%s%s'%s' %s '%s'", text, *text ? ", " : "", p->g->layers[p->calls[at].layer]->name,
                              *text ? "that of" : "takes the output of", p->g->layers[p->calls[next].layer]->name);
        at = next;
    }
    return text;
}

/* Who waits for whom: lists of users by call, as indices into `edges`; 0 ends a list. */
typedef struct sorting {
    parser *p;
    int32_t *missing, *head, *place, *queue;    /* by call: what it waits for, its users, where it goes; calls that wait no longer */
    struct edge { int32_t user, next; } *edges;
    int32_t edge_count;
} sorting;

static void wait_for(sorting *s, int32_t user, int32_t from)
{
    s->edges[s->edge_count] = (struct edge){user, s->head[from]};
    s->head[from] = s->edge_count++;
    s->missing[user]++;
}

static cuv_status begin_sorting(parser *p, sorting *s)
{
    size_t n = p->call_count;
    *s = (sorting){.p = p, .missing = CUV_NEW_ARRAY(p->arena, int32_t, n + 1), .head = CUV_NEW_ARRAY(p->arena, int32_t, n + 1),
                   .place = CUV_NEW_ARRAY(p->arena, int32_t, n + 1), .queue = CUV_NEW_ARRAY(p->arena, int32_t, n + 1),
                   .edges = CUV_NEW_ARRAY(p->arena, struct edge, p->items + n + 1), .edge_count = 1};
    if (!s->missing || !s->head || !s->place || !s->queue || !s->edges)
        return cuv_oom(p->cx);
    for (size_t i = 0; i < n; i++) {
        for (size_t a = 0; a < p->calls[i].arg_count; a++)
            for (size_t w = 0; w < p->calls[i].args[a].wire_count; w++)
                wait_for(s, (int32_t)i, p->calls[i].args[a].wires[w].call);
        if (i > 0 && p->calls[i].layer == p->calls[i - 1].layer)    /* calls of one layer in their order */
            wait_for(s, (int32_t)i, (int32_t)i - 1);
    }
    return CUV_OK;
}

/* Puts calls that wait for nothing in their places, until none is left; gives how many there were. */
static size_t place_calls(sorting *s)
{
    const parser *p = s->p;
    size_t last = 0;
    for (size_t i = 0; i < p->call_count; i++)
        if (!s->missing[i])
            s->queue[last++] = (int32_t)i;
    for (size_t first = 0; first < last; first++) {
        int32_t at = s->queue[first];
        const raw_call *call = &p->calls[at];
        s->place[at] = (int32_t)first;
        p->g->calls[first] = (cuv_graph_call){.layer = call->layer, .ordinal = at - p->first_call[call->layer],
                                              .args = call->args, .arg_count = call->arg_count};
        size_t from = last;
        for (int32_t e = s->head[at]; e; e = s->edges[e].next)
            if (--s->missing[s->edges[e].user] == 0)
                s->queue[last++] = s->edges[e].user;
        for (size_t i = from, j = last; i + 1 < j; i++, j--) {       /* lists are built backwards */
            int32_t swap = s->queue[i];
            s->queue[i] = s->queue[j - 1];
            s->queue[j - 1] = swap;
        }
    }
    return last;
}

static cuv_status in_a_circle(const sorting *s)
{
    const parser *p = s->p;
    size_t i = 0;
    while (!s->missing[i])
        i++;
    return cuv_fail(p->cx, CUV_DAMAGED, "config.cycle", &(cuv_detail){.layer = p->g->layers[p->calls[i].layer]->name,
                    .notes = circle_text(p, s->missing, i),
                    .help = "no Keras model is wired so: correct the inbound_nodes, or get another copy"},
                    "the layers of '%s' are wired in a circle", p->m->name);
}

/* Calls sorted so that every tensor is made before it is used (Kahn); keeps the order of the file where it can. */
static cuv_status sort_calls(parser *p)
{
    cuv_graph *g = p->g;
    sorting s;
    g->calls = CUV_NEW_ARRAY(p->arena, cuv_graph_call, p->call_count + 1);
    if (!g->calls)
        return cuv_oom(p->cx);
    CUV_TRY(begin_sorting(p, &s));
    if (place_calls(&s) < p->call_count)
        return in_a_circle(&s);
    g->call_count = p->call_count;
    for (size_t i = 0; i < g->call_count; i++)
        for (size_t a = 0; a < g->calls[i].arg_count; a++)
            for (size_t w = 0; w < g->calls[i].args[a].wire_count; w++)
                g->calls[i].args[a].wires[w].call = s.place[g->calls[i].args[a].wires[w].call];
    for (size_t i = 0; i < g->output_count; i++)
        g->outputs[i].call = s.place[g->outputs[i].call];
    return CUV_OK;
}

/* input_layers and output_layers: one triple, or lists and dicts of them, nested as the user's structure is. */
static cuv_status collect_ends(parser *p, const cuv_value *v, const char *key, unsigned depth, wire_list *list,
                               const char ***names, size_t *capacity)
{
    if (depth > 16)
        return bad_wiring(p, -1, "ends that are nested too deeply", "");
    int64_t node, tensor;
    v = cuv_tuple_items(v);
    if (cuv_is_wire_triple(v)) {
        cuv_wire wire;
        (void)cuv_as_int(cuv_item(v, 1), &node);
        (void)cuv_as_int(cuv_item(v, 2), &tensor);
        size_t at = (size_t)(uintptr_t)cuv_map_get(p->by_name, cuv_text(cuv_item(v, 0)));
        bool list_form = at && cuv_is_seq(p->calls[p->first_call[at - 1]].node);
        CUV_TRY(find_wire(p, -1, cuv_text(cuv_item(v, 0)), node, tensor, list_form, true, &wire));
        const char **grown = cuv_arena_grow(p->arena, *names, list->count, capacity, sizeof *grown);
        if (!grown)
            return cuv_oom(p->cx);
        *names = grown;
        grown[list->count] = key ? key : cuv_text(cuv_item(v, 0));
        return add_wire(p, list, wire);
    }
    if (cuv_is_seq(v)) {
        for (size_t i = 0; i < cuv_len(v); i++)
            CUV_TRY(collect_ends(p, cuv_item(v, i), key, depth + 1, list, names, capacity));
    } else if (v && v->kind == CUV_DICT) {
        const cuv_pair *pairs;
        CUV_TRY(cuv_pairs_by_key(p->arena, v, &pairs));
        for (size_t i = 0; i < v->size; i++)
            CUV_TRY(collect_ends(p, pairs[i].value, cuv_text(pairs[i].key), depth + 1, list, names, capacity));
    } else {
        return bad_wiring(p, -1, "an end that is no tensor", cuv_value_repr(p->cx, v));
    }
    return CUV_OK;
}

static cuv_status parse_ends(parser *p, const cuv_value *config)
{
    cuv_graph *g = p->g;
    wire_list in = {0}, out = {0};
    size_t in_capacity = 0, out_capacity = 0;
    CUV_TRY(collect_ends(p, cuv_get(config, "input_layers"), NULL, 0, &in, &g->input_keys, &in_capacity));
    CUV_TRY(collect_ends(p, cuv_get(config, "output_layers"), NULL, 0, &out, &g->output_names, &out_capacity));
    if (!out.count)
        return bad_wiring(p, -1, "no output", "");
    g->inputs = CUV_NEW_ARRAY(p->arena, int32_t, in.count + 1);
    if (!g->inputs)
        return cuv_oom(p->cx);
    for (size_t i = 0; i < in.count; i++)
        g->inputs[i] = p->calls[in.items[i].call].layer;
    g->input_count = in.count;
    g->outputs = out.items;
    g->output_count = out.count;
    return CUV_OK;
}

static cuv_status parse_functional(parser *p, const cuv_value *config, const cuv_layer *like)
{
    const cuv_value *layers = cuv_get(config, "layers");
    p->by_name = cuv_map_new(p->arena);
    p->first_call = CUV_NEW_ARRAY(p->arena, int32_t, cuv_len(layers) + 1);
    p->shift = CUV_NEW_ARRAY(p->arena, int32_t, cuv_len(layers) + 1);
    if (!p->first_call || !p->shift)
        return cuv_oom(p->cx);
    CUV_TRY(cuv_graph_make_layers(p->m, p->g, layers, like, p->by_name));
    for (size_t i = 0; i < p->g->layer_count; i++)
        p->shift[i] = p->g->layers[i]->model ? 1 : 0;
    CUV_TRY(parse_nodes(p, layers, config, like));
    CUV_TRY(parse_ends(p, config));
    return sort_calls(p);
}

cuv_status cuv_graph_parse(struct cuv_model *m, const cuv_value *record, const cuv_layer *like, cuv_graph **out)
{
    *out = NULL;
    parser p = {.cx = m->cx, .arena = m->arena, .m = m, .g = CUV_NEW(m->arena, cuv_graph)};
    if (!p.g)
        return cuv_oom(m->cx);
    const cuv_value *config = cuv_get(record, "config");
    bool functional = config && config->kind == CUV_DICT && cuv_get(config, "output_layers");
    CUV_TRY(functional ? parse_functional(&p, config, like) : cuv_graph_parse_sequential(m, p.g, record, like));
    *out = p.g;
    return CUV_OK;
}
