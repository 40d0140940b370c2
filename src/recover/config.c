/* A structure as a configuration of Keras 3: Sequential where it is a chain, else Functional. */
#include "recover/network.h"

/* A tensor of the graph: which layer, and which of its calls. */
typedef struct tail { const char *layer; int64_t call; const cuv_flow *flow; bool tokens; int64_t output; } tail;     /* output: which of several */
typedef struct record {
    const char *name;
    cuv_value *record, *nodes;
    const cuv_runit *unit;
    size_t part;                /* of a known network: its node; else 0 */
    const cuv_named *tensors;
    size_t tensor_count;
    int64_t calls;
} record;

typedef struct writer {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_structure *s;
    cuv_map *names;         /* how often each was used */
    record *records;
    size_t count;
    tail *tails;            /* by node */
    const char **shown;     /* by node: the layer that decisions speak of */
    tail inputs[8];
    bool chain;
} writer;

static cuv_status put(writer *w, cuv_value *d, const char *key, cuv_value *v)
{
    return cuv_dict_set(w->arena, d, key, v);
}

static cuv_value *text(writer *w, const char *t)
{
    return cuv_value_text(w->arena, t);
}

/* The wish itself, or with the next number behind it. */
static const char *fresh_name(writer *w, const char *wish)
{
    for (size_t n = 0; n < 100000; n++) {
        const char *name = n ? cuv_arena_printf(w->arena, "%s_%zu", wish, n) : wish;
        if (!name)
            return NULL;
        if (cuv_map_get(w->names, name))
            continue;
        return cuv_map_set(w->names, name, w) == CUV_OK ? name : NULL;
    }
    return NULL;
}

static cuv_status shape_value(writer *w, const cuv_flow *f, cuv_value **out)
{
    cuv_value *list = *out = cuv_value_list(w->arena);
    if (!list)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, list, cuv_value_null(w->arena)));
    for (int i = 0; i < f->rank; i++)
        CUV_TRY(cuv_list_add(w->arena, list, f->at[i] < 0 ? cuv_value_null(w->arena) : cuv_value_int(w->arena, f->at[i])));
    return CUV_OK;
}

static cuv_status add_record(writer *w, const char *class_name, cuv_value *config, const char *wish, const cuv_runit *unit, record **out)
{
    record *r = *out = &w->records[w->count++];
    *r = (record){.name = fresh_name(w, wish), .record = cuv_value_dict(w->arena), .nodes = cuv_value_list(w->arena), .unit = unit,
                  .tensors = unit ? unit->tensors : NULL, .tensor_count = unit ? unit->count : 0};
    if (!r->name || !r->record || !r->nodes || !config)
        return cuv_oom(w->cx);
    CUV_TRY(put(w, config, "name", text(w, r->name)));
    CUV_TRY(put(w, r->record, "module", text(w, "keras.layers")));
    CUV_TRY(put(w, r->record, "class_name", text(w, class_name)));
    CUV_TRY(put(w, r->record, "config", config));
    if (w->chain)
        return CUV_OK;
    CUV_TRY(put(w, r->record, "name", text(w, r->name)));
    return put(w, r->record, "inbound_nodes", r->nodes);
}

static cuv_status tensor_value(writer *w, const tail *t, cuv_value **out)
{
    cuv_value *outer = *out = cuv_value_dict(w->arena), *config = cuv_value_dict(w->arena), *history = cuv_value_list(w->arena), *shape;
    if (!outer || !config || !history)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, history, text(w, t->layer)));
    CUV_TRY(cuv_list_add(w->arena, history, cuv_value_int(w->arena, t->call)));
    CUV_TRY(cuv_list_add(w->arena, history, cuv_value_int(w->arena, t->output)));
    CUV_TRY(shape_value(w, t->flow, &shape));
    CUV_TRY(put(w, config, "shape", shape));
    CUV_TRY(put(w, config, "dtype", text(w, t->tokens ? "int32" : "float32")));
    CUV_TRY(put(w, config, "keras_history", history));
    CUV_TRY(put(w, outer, "class_name", text(w, "__keras_tensor__")));
    return put(w, outer, "config", config);
}

/* One call of a layer on these tensors; `list`: as one argument. */
static cuv_status add_call(writer *w, record *r, const tail *in, int count, bool list, bool causal)
{
    cuv_value *node = cuv_value_dict(w->arena), *args = cuv_value_list(w->arena), *kwargs = cuv_value_dict(w->arena);
    cuv_value *to = list ? cuv_value_list(w->arena) : args;
    if (!node || !args || !kwargs || !to)
        return cuv_oom(w->cx);
    for (int i = 0; i < count; i++) {
        cuv_value *t;
        CUV_TRY(tensor_value(w, &in[i], &t));
        CUV_TRY(cuv_list_add(w->arena, to, t));
    }
    if (list)
        CUV_TRY(cuv_list_add(w->arena, args, to));
    if (causal)
        CUV_TRY(put(w, kwargs, "use_causal_mask", cuv_value_bool(w->arena, true)));
    CUV_TRY(put(w, node, "args", args));
    CUV_TRY(put(w, node, "kwargs", kwargs));
    r->calls++;
    return cuv_list_add(w->arena, r->nodes, node);
}

static tail last_of(const record *r, const cuv_rnode *n)
{
    return (tail){r->name, r->calls - 1, &n->out, false, 0};
}

static const tail *input_of(const writer *w, const cuv_rnode *n, int i)
{
    return n->in[i] < 0 ? &w->inputs[-n->in[i] - 1] : &w->tails[n->in[i]];
}

static cuv_status snake(writer *w, const char *class_name, const char **out)
{
    *out = cuv_snake_case(w->arena, class_name);
    return *out ? CUV_OK : cuv_oom(w->cx);
}

/* An activation as a layer of its own behind `at`. */
static cuv_status add_act(writer *w, const cuv_rnode *n, tail *at, const char *wish)
{
    const cuv_ract *a = &cuv_acts[n->choice.act];
    cuv_value *config = cuv_value_dict(w->arena);
    const char *class_name = a->name && n->kind != CUV_R_LEAKY_RELU ? "Activation" : "LeakyReLU";
    record *r;
    if (!config)
        return cuv_oom(w->cx);
    if (strcmp(class_name, "Activation") == 0)
        CUV_TRY(put(w, config, "activation", text(w, a->name)));
    else
        CUV_TRY(put(w, config, "negative_slope", cuv_value_real(w->arena, a->slope)));
    if (!wish)
        CUV_TRY(snake(w, class_name, &wish));
    CUV_TRY(add_record(w, class_name, config, wish, NULL, &r));
    CUV_TRY(add_call(w, r, at, 1, false, false));
    *at = last_of(r, n);
    return CUV_OK;
}

/* The layer that these weights already are: it is called again. */
static record *shared_with(writer *w, const cuv_runit *u, size_t part)
{
    for (size_t i = 0; u && u->count && i < w->count; i++)
        if (w->records[i].unit == u && w->records[i].part == part)
            return &w->records[i];
    return NULL;
}

/* Does any layer begin with the states of this one? */
static bool gives_states(const cuv_structure *s, const cuv_rnode *n)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->nodes[i].stated && &s->nodes[s->nodes[i].in[1]] == n)
            return true;
    return false;
}

static cuv_status add_layer(writer *w, const cuv_rnode *n, const cuv_runit *u, record **out)
{
    const char *class_name, *wish = u ? u->name : NULL;
    cuv_value *config = cuv_rnode_config(w->arena, w->s, n, &class_name);
    bool named = n->choice.act && cuv_acts[n->choice.act].name && cuv_rkind_traits(n->kind) & CUV_RT_LINEAR;
    if (!config)
        return cuv_oom(w->cx);
    if (named)
        CUV_TRY(put(w, config, "activation", text(w, cuv_acts[n->choice.act].name)));
    if (gives_states(w->s, n))
        CUV_TRY(put(w, config, "return_state", cuv_value_bool(w->arena, true)));
    if (!wish)
        CUV_TRY(snake(w, class_name, &wish));
    return add_record(w, class_name, config, wish, u, out);
}

/* One layer of a known network; `taken` tensors of it belong to those before. */
static cuv_status add_part(writer *w, const cuv_rnode *n, const cuv_runit *u, size_t part, size_t taken, const cuv_flow *in, record **out)
{
    const cuv_net_place *place = u->network;
    const cuv_net_node *node = &place->net->nodes[part];
    const char *class_name, *wish = place->names[part] ? place->names[part] : node->name;
    const char *act = (int32_t)part == place->net->output && n->choice.act ? cuv_acts[n->choice.act].name : NULL;
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS], sizes = {.rank = in->rank};
    cuv_value *config;
    for (int i = 0; i < in->rank; i++)
        sizes.at[i] = in->at[i];
    CUV_TRY(cuv_net_config(w->arena, place->net, node, &sizes, act, &config, &class_name));
    if (!wish)
        CUV_TRY(snake(w, class_name, &wish));
    CUV_TRY(add_record(w, class_name, config, wish, u, out));
    (*out)->part = part;
    (*out)->tensors = place->tensors + taken;
    (*out)->tensor_count = cuv_net_weights(place->net, node, shapes);
    return CUV_OK;
}

/* A known network, layer by layer in Keras's order. */
static cuv_status add_network(writer *w, size_t i, const cuv_runit *u, const tail *in)
{
    const cuv_rnode *n = &w->s->nodes[i];
    const cuv_net *net = u->network->net;
    cuv_flow *flows = CUV_NEW_ARRAY(w->arena, cuv_flow, net->count + 1);
    tail *tails = CUV_NEW_ARRAY(w->arena, tail, net->count + 1);
    size_t taken = 0;
    if (!flows || !tails)
        return cuv_oom(w->cx);
    if (!cuv_net_flows(net, in->flow, flows))
        return CUV_NO;
    for (size_t k = 0; k < net->count; k++) {
        size_t part = net->order[k];
        const cuv_net_node *node = &net->nodes[part];
        bool list = node->op == CUV_N_ADD || node->op == CUV_N_MULTIPLY || node->op == CUV_N_CONCATENATE;
        tail from[CUV_NET_MAX_IN];
        record *r = shared_with(w, u, part);
        for (int a = 0; a < node->in_count; a++)
            from[a] = node->in[a] < 0 ? *in : tails[node->in[a]];
        if (!r)
            CUV_TRY(add_part(w, n, u, part, taken, from[0].flow, &r));
        taken += r->tensor_count;
        CUV_TRY(add_call(w, r, from, node->in_count, list, false));
        tails[part] = (tail){r->name, r->calls - 1, &flows[part], false, 0};
        w->shown[i] = r->name;
    }
    w->tails[i] = tails[net->output];
    w->shown[i] = w->tails[i].layer;
    if (u->kind == CUV_R_CLASSIFIER && !cuv_acts[n->choice.act].name)
        CUV_TRY(add_act(w, n, &w->tails[i], NULL));
    return CUV_OK;
}

/* ---- what is written as several layers ---- */

/* A function of Keras 3 as a layer of the graph; `second`: its other argument, or NULL. */
static cuv_status add_operation(writer *w, const char *class_name, const char *key, cuv_value *setting, cuv_value *second, const cuv_flow *flow,
                                bool tokens, tail *at)
{
    cuv_value *config = cuv_value_dict(w->arena);
    const char *wish;
    record *r;
    if (!config || (key && put(w, config, key, setting) != CUV_OK))
        return cuv_oom(w->cx);
    CUV_TRY(snake(w, class_name, &wish));
    CUV_TRY(add_record(w, class_name, config, wish, NULL, &r));
    CUV_TRY(put(w, r->record, "module", text(w, "keras.src.ops.numpy")));
    CUV_TRY(put(w, r->record, "registered_name", text(w, class_name)));
    CUV_TRY(add_call(w, r, at, 1, false, false));
    if (second)
        CUV_TRY(cuv_list_add(w->arena, cuv_get(cuv_item(r->nodes, 0), "args"), second));
    *at = (tail){r->name, r->calls - 1, flow, tokens, 0};
    return CUV_OK;
}

/* The number of each step: a running sum of ones, less one. Of word numbers, or of what was made of each. */
static cuv_status add_steps(writer *w, const cuv_flow *sequence, tail *at)
{
    cuv_flow *flow = CUV_NEW(w->arena, cuv_flow);
    if (!flow)
        return cuv_oom(w->cx);
    *flow = (cuv_flow){.rank = 1, .at = {sequence->at[0]}};
    bool tokens = at->tokens;
    if (!tokens)
        CUV_TRY(add_operation(w, "Max", "axis", cuv_value_int(w->arena, -1), NULL, flow, false, at));
    CUV_TRY(add_operation(w, "OnesLike", NULL, NULL, NULL, flow, tokens, at));
    CUV_TRY(add_operation(w, "Cumsum", "axis", cuv_value_int(w->arena, 1), NULL, flow, tokens, at));
    return add_operation(w, "Subtract", NULL, NULL, cuv_value_int(w->arena, 1), flow, tokens, at);
}

/* Rows for the steps, as an Embedding of their numbers that is added. */
static cuv_status add_position(writer *w, size_t i, const cuv_runit *u, const tail *in)
{
    const cuv_rnode *n = &w->s->nodes[i], *before = n->in[0] < 0 ? NULL : &w->s->nodes[n->in[0]];
    const tail *words = before && before->kind == CUV_R_EMBEDDING ? input_of(w, before, 0) : NULL;
    tail steps = words && words->tokens ? *words : *in;
    record *r;
    CUV_TRY(add_steps(w, &n->out, &steps));
    CUV_TRY(add_layer(w, n, u, &r));
    CUV_TRY(add_call(w, r, &steps, 1, false, false));
    w->shown[i] = r->name;
    tail both[2] = {*in, last_of(r, n)};
    CUV_TRY(add_record(w, "Add", cuv_value_dict(w->arena), "add", NULL, &r));
    CUV_TRY(add_call(w, r, both, 2, true, false));
    w->tails[i] = last_of(r, n);
    return CUV_OK;
}

static cuv_status add_reshape(writer *w, const char *class_name, const char *key, const int64_t *sizes, int count, const cuv_flow *flow, tail *at)
{
    cuv_value *config = cuv_value_dict(w->arena), *list = cuv_value_list(w->arena);
    const char *wish;
    record *r;
    if (!config || !list)
        return cuv_oom(w->cx);
    for (int i = 0; i < count; i++)
        CUV_TRY(cuv_list_add(w->arena, list, cuv_value_int(w->arena, sizes[i])));
    CUV_TRY(put(w, config, key, list));
    CUV_TRY(snake(w, class_name, &wish));
    CUV_TRY(add_record(w, class_name, config, wish, NULL, &r));
    CUV_TRY(add_call(w, r, at, 1, false, false));
    *at = (tail){r->name, r->calls - 1, flow, false, 0};
    return CUV_OK;
}

/* Squares of a picture in a row: its axes are cut, put together and flattened. */
static cuv_status add_patches(writer *w, size_t i, const tail *in)
{
    const cuv_rnode *n = &w->s->nodes[i];
    int64_t side = n->choice.pool, rows = in->flow->at[0] / side, columns = in->flow->at[1] / side, channels = in->flow->at[2];
    cuv_flow *cut = CUV_NEW_ARRAY(w->arena, cuv_flow, 2);
    tail at = *in;
    if (!cut)
        return cuv_oom(w->cx);
    cut[0] = (cuv_flow){.rank = 5, .at = {(int32_t)rows, (int32_t)side, (int32_t)columns, (int32_t)side, (int32_t)channels}};
    cut[1] = (cuv_flow){.rank = 5, .at = {(int32_t)rows, (int32_t)columns, (int32_t)side, (int32_t)side, (int32_t)channels}};
    CUV_TRY(add_reshape(w, "Reshape", "target_shape", (const int64_t[]){rows, side, columns, side, channels}, 5, &cut[0], &at));
    CUV_TRY(add_reshape(w, "Permute", "dims", (const int64_t[]){1, 3, 2, 4, 5}, 5, &cut[1], &at));
    CUV_TRY(add_reshape(w, "Reshape", "target_shape", (const int64_t[]){rows * columns, side * side * channels}, 2, &n->out, &at));
    w->shown[i] = at.layer;
    w->tails[i] = at;
    return CUV_OK;
}

/* The absolute difference: the greater less the smaller. */
static cuv_status add_distance(writer *w, size_t i, const tail *in)
{
    static const char *const classes[] = {"Maximum", "Minimum", "Subtract"};
    const cuv_rnode *n = &w->s->nodes[i];
    tail both[2];
    for (int k = 0; k < 3; k++) {
        const char *wish;
        record *r;
        CUV_TRY(snake(w, classes[k], &wish));
        CUV_TRY(add_record(w, classes[k], cuv_value_dict(w->arena), wish, NULL, &r));
        CUV_TRY(add_call(w, r, k < 2 ? in : both, 2, true, false));
        both[k & 1] = last_of(r, n);
        w->shown[i] = r->name;
    }
    w->tails[i] = both[0];
    return CUV_OK;
}

/* The states of the layer before, as a keyword: one of them, two of an LSTM. */
static cuv_status add_stated_call(writer *w, size_t i, record *r, const tail *in)
{
    const cuv_rnode *n = &w->s->nodes[i];
    cuv_flow *flow = CUV_NEW(w->arena, cuv_flow);
    cuv_value *states = cuv_value_list(w->arena);
    if (!flow || !states)
        return cuv_oom(w->cx);
    *flow = (cuv_flow){.rank = 1, .at = {n->out.at[n->out.rank - 1]}};
    CUV_TRY(add_call(w, r, &in[0], 1, false, false));
    for (int k = 0; k < (n->kind == CUV_R_LSTM ? 2 : 1); k++) {
        tail state = {in[1].layer, in[1].call, flow, false, k + 1};
        cuv_value *v;
        CUV_TRY(tensor_value(w, &state, &v));
        CUV_TRY(cuv_list_add(w->arena, states, v));
    }
    return put(w, cuv_get(cuv_item(r->nodes, (size_t)r->calls - 1), "kwargs"), "initial_state", states);
}

static cuv_status add_node(writer *w, size_t i)
{
    const cuv_rnode *n = &w->s->nodes[i];
    unsigned traits = cuv_rkind_traits(n->kind);
    const cuv_runit *u = n->unit >= 0 ? &w->s->reading->units[n->unit] : NULL;
    tail in[CUV_R_MAX_IN] = {*input_of(w, n, 0)};
    for (int k = 1; k < n->in_count; k++)
        in[k] = *input_of(w, n, k);
    w->tails[i] = in[0];
    if (u && u->network)
        return add_network(w, i, u, &in[0]);
    if (n->kind == CUV_R_POSITION)
        return add_position(w, i, u, &in[0]);
    if (n->kind == CUV_R_PATCHES)
        return add_patches(w, i, &in[0]);
    if (n->kind == CUV_R_DISTANCE)
        return add_distance(w, i, in);
    if ((n->free_act && !n->choice.act) || (traits & CUV_RT_RESTS && !u))
        return CUV_OK;
    if (n->kind == CUV_R_ACTIVATION || n->kind == CUV_R_LEAKY_RELU || (n->kind == CUV_R_RELU && n->choice.act != CUV_A_RELU)) {
        CUV_TRY(add_act(w, n, &w->tails[i], u ? u->name : NULL));
        w->shown[i] = w->tails[i].layer;
        return CUV_OK;
    }
    record *r = shared_with(w, u, 0);
    for (size_t k = 0; !r && n->twin && k < w->count; k++)
        r = cuv_streq(w->records[k].name, w->shown[n->twin - 1]) ? &w->records[k] : NULL;
    if (!r)
        CUV_TRY(add_layer(w, n, u, &r));
    w->shown[i] = r->name;
    CUV_TRY(n->stated ? add_stated_call(w, i, r, in) : add_call(w, r, in, n->in_count, traits & CUV_RT_MERGE, n->kind == CUV_R_ATTENTION && n->choice.causal));
    w->tails[i] = last_of(r, n);
    if (traits & CUV_RT_LINEAR && !cuv_acts[n->choice.act].name)
        CUV_TRY(add_act(w, n, &w->tails[i], NULL));
    return CUV_OK;
}

static const cuv_net *network_of(const cuv_structure *s, size_t i)
{
    const cuv_runit *u = s->nodes[i].unit >= 0 ? &s->reading->units[s->nodes[i].unit] : NULL;
    return u && u->network ? u->network->net : NULL;
}

static bool is_chain(const cuv_structure *s)
{
    bool chain = s->input_count == 1 && s->output_count == 1 && s->outputs[0] == (int32_t)s->count - 1;
    for (size_t i = 0; i < s->count && chain; i++)
        chain = s->nodes[i].in_count == 1 && s->nodes[i].in[0] == (int32_t)i - 1 && !network_of(s, i) && s->nodes[i].kind != CUV_R_POSITION;
    return chain;
}

static cuv_status add_inputs(writer *w)
{
    for (size_t i = 0; i < w->s->input_count; i++) {
        const cuv_flow *f = &w->s->inputs[i];
        cuv_value *config = cuv_value_dict(w->arena), *shape;
        record *r;
        if (!config)
            return cuv_oom(w->cx);
        CUV_TRY(shape_value(w, f, &shape));
        CUV_TRY(put(w, config, "batch_shape", shape));
        CUV_TRY(put(w, config, "dtype", text(w, f->tokens ? "int32" : "float32")));
        CUV_TRY(add_record(w, "InputLayer", config, "input", NULL, &r));
        r->calls = 1;
        w->inputs[i] = (tail){r->name, 0, f, f->tokens, 0};
    }
    return CUV_OK;
}

static cuv_status list_ends(writer *w, const tail *tails, size_t count, cuv_value *to)
{
    for (size_t i = 0; i < count; i++) {
        cuv_value *end = cuv_value_list(w->arena);
        if (!end)
            return cuv_oom(w->cx);
        CUV_TRY(cuv_list_add(w->arena, end, text(w, tails[i].layer)));
        CUV_TRY(cuv_list_add(w->arena, end, cuv_value_int(w->arena, tails[i].call)));
        CUV_TRY(cuv_list_add(w->arena, end, cuv_value_int(w->arena, 0)));
        CUV_TRY(cuv_list_add(w->arena, to, end));
    }
    return CUV_OK;
}

static cuv_status finish(writer *w, cuv_candidate_config *out)
{
    cuv_value *config = cuv_value_dict(w->arena), *layers = cuv_value_list(w->arena), *in = cuv_value_list(w->arena),
              *outs = cuv_value_list(w->arena);
    tail outputs[8];
    out->config = cuv_value_dict(w->arena);
    if (!config || !layers || !in || !outs || !out->config)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < w->count; i++)
        CUV_TRY(cuv_list_add(w->arena, layers, w->records[i].record));
    CUV_TRY(put(w, config, "name", text(w, "recovered")));
    CUV_TRY(put(w, config, "layers", layers));
    for (size_t i = 0; i < w->s->output_count; i++)
        outputs[i] = w->tails[w->s->outputs[i]];
    if (!w->chain) {
        CUV_TRY(list_ends(w, w->inputs, w->s->input_count, in));
        CUV_TRY(list_ends(w, outputs, w->s->output_count, outs));
        CUV_TRY(put(w, config, "input_layers", in));
        CUV_TRY(put(w, config, "output_layers", outs));
    }
    CUV_TRY(put(w, out->config, "class_name", text(w, w->chain ? "Sequential" : "Functional")));
    return put(w, out->config, "config", config);
}

static cuv_status assign(writer *w, cuv_candidate_config *out)
{
    out->assignments = CUV_NEW_ARRAY(w->arena, cuv_assignment, w->count + 1);
    if (!out->assignments)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < w->count; i++) {
        const record *r = &w->records[i];
        if (!r->tensor_count)
            continue;
        cuv_assignment *a = &out->assignments[out->assignment_count++];
        *a = (cuv_assignment){.layer = r->name, .tensors = CUV_NEW_ARRAY(w->arena, const cuv_tensor *, r->tensor_count),
                              .count = r->tensor_count, .where = "recovery"};
        if (!a->tensors)
            return cuv_oom(w->cx);
        for (size_t k = 0; k < r->tensor_count; k++)
            a->tensors[k] = r->tensors[k].tensor;
    }
    return CUV_OK;
}

cuv_status cuv_structure_config(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, cuv_candidate_config *out, const char ***names)
{
    writer w = {.cx = cx, .arena = arena, .s = s, .names = cuv_map_new(arena), .chain = is_chain(s)};
    size_t most = 6 * s->count + s->input_count + 1;
    for (size_t i = 0; i < s->count; i++)
        most += network_of(s, i) ? network_of(s, i)->count : 0;
    w.records = CUV_NEW_ARRAY(arena, record, most);
    w.tails = CUV_NEW_ARRAY(arena, tail, s->count + 1);
    w.shown = CUV_NEW_ARRAY(arena, const char *, s->count + 1);
    *out = (cuv_candidate_config){.max_abs = NAN};
    if (!w.names || !w.records || !w.tails || !w.shown)
        return cuv_oom(cx);
    CUV_TRY(add_inputs(&w));
    for (size_t i = 0; i < s->count; i++)
        CUV_TRY(add_node(&w, i));
    *names = w.shown;
    CUV_TRY(finish(&w, out));
    return assign(&w, out);
}
