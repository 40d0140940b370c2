/* Networks of keras.applications as layers and calls of the script, made in the order in which Keras makes them: so they have the automatic names
 * that Keras gives, and what comes after them counts on. */
#include "evidence/script_ready.h"

typedef struct maker {
    cuv_sc *e;
    const cuv_ready *r;
    cuv_net *net;
    cuv_sv **tensors, *input;   /* tensors: what each node gives */
    cuv_sv *within;             /* layers of the Sequential that is being made, or NULL */
    int32_t within_in;
} maker;

static const char *module_of(const char *class_name)
{
    return cuv_streq(class_name, "LayerScale") ? "keras.src.applications.convnext" : "keras.src.applications.inception_resnet_v2";
}

static cuv_status own_layer(cuv_sc *e, const char *class_name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sl *layer = NULL;
    cuv_sv *name = cuv_sc_arg(args, args->count, "name");
    CUV_TRY(cuv_sl_new(e, CUV_SL_LAYER, class_name, name && name->kind == CUV_SV_TEXT ? name->text : NULL, &layer));
    layer->module = module_of(class_name);
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_streq(args->names[i], "name"))
            CUV_TRY(cuv_sv_put_word(e, layer->config, args->names[i], args->values[i]));
    return cuv_sl_value(e, layer, out);
}

cuv_status cuv_sc_ready_layer(cuv_sc *e, const char *class_name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const scale[] = {"init_values", "projection_dim"}, *const sum[] = {"scale"};
    bool is_scale = cuv_streq(class_name, "LayerScale");
    size_t most = is_scale ? 2 : 1, named = 0;
    const char *names[4];
    cuv_sv *values[4], *name = cuv_sc_arg(args, args->count, "name");
    for (size_t i = 0; i < most; i++) {
        names[named] = is_scale ? scale[i] : sum[i];
        values[named] = cuv_sc_arg(args, i, names[named]);
        if (!values[named++])
            return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.argument", NULL, "%s is given no '%s'", class_name, names[named - 1]);
    }
    if (name) {
        names[named] = "name";
        values[named++] = name;
    }
    return own_layer(e, cuv_streq(class_name, "LayerScale") ? "LayerScale" : "CustomScaleLayer",
                     &(cuv_sargs){NULL, 0, names, values, named, args->node}, out);
}

static cuv_sv *tensor_at(const maker *m, int32_t node)
{
    return node < 0 ? m->input : m->tensors[node];
}

/* Sizes of what a node is called on. Inside a Sequential nothing asks for them. */
static cuv_net_shape sizes_of(const cuv_sv *tensor)
{
    const cuv_st *t = tensor ? tensor->symbol : NULL;
    cuv_net_shape s = {.at = {-1, -1, -1}, .rank = 3};
    if (t && t->shaped && t->rank > 1 && t->rank <= 4) {
        s.rank = t->rank - 1;
        for (int i = 0; i < s.rank; i++)
            s.at[i] = t->shape[i + 1];
    }
    return s;
}

static cuv_status add(maker *m, cuv_sargs *args, const char *name, cuv_sv *value)
{
    cuv_sv **values = args->values;
    if (!value)
        return cuv_oom(m->e->cx);
    args->names[args->named] = name;
    values[args->named++] = value;
    return CUV_OK;
}

/* The entries of a configuration; of the network's last layer with the activation that is asked for. */
static cuv_status arguments_of(maker *m, const cuv_net_node *node, const cuv_value *config, cuv_sargs *args)
{
    bool top = m->net->wish.top && node == &m->net->nodes[m->net->output];
    cuv_sv *v = NULL;
    for (size_t i = 0; i < config->size; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        if (top && cuv_streq(key, "activation"))
            continue;
        CUV_TRY(cuv_sv_from_value(m->e, config->pairs[i].value, 0, &v));
        CUV_TRY(add(m, args, key, v));
    }
    if (top) {
        v = m->r->activation;
        if (!v)
            CUV_TRY(cuv_sv_word(m->e, "softmax", &v));
        CUV_TRY(add(m, args, "activation", v));
    }
    if (!node->name)
        return CUV_OK;
    CUV_TRY(cuv_sv_word(m->e, node->name, &v));
    return add(m, args, "name", v);
}

static cuv_status layer_of(maker *m, const cuv_net_node *node, cuv_sv **out)
{
    cuv_sc *e = m->e;
    cuv_net_shape in = sizes_of(m->within ? NULL : tensor_at(m, node->in[0]));
    cuv_value *config = NULL;
    const char *class_name = NULL;
    CUV_TRY(cuv_net_config(e->arena, m->net, node, &in, NULL, &config, &class_name));
    cuv_sargs args = {.names = CUV_NEW_ARRAY(e->arena, const char *, config->size + 3),
                      .values = CUV_NEW_ARRAY(e->arena, cuv_sv *, config->size + 3), .node = m->r->node};
    if (!args.names || !args.values)
        return cuv_oom(e->cx);
    CUV_TRY(arguments_of(m, node, config, &args));
    if (node->op == CUV_N_SCALED_ADD || cuv_streq(class_name, "LayerScale"))
        return own_layer(e, class_name, &args, out);
    return cuv_sc_make_layer(e, class_name, &args, out);
}

/* x + y, x + 3, x * scale as Python has them. */
static cuv_status operation(maker *m, const cuv_net_node *node, cuv_sv **out)
{
    cuv_sv *a = tensor_at(m, node->in[0]), *b = NULL;
    bool times = node->op == CUV_N_RESCALE && node->value != 1;
    if (node->op == CUV_N_ADD)
        b = tensor_at(m, node->in[1]);
    else
        CUV_TRY(cuv_sv_real(m->e, times ? node->value : node->offset, &b));
    return cuv_sc_symbol_operate(m->e, times ? '*' : '+', a, b, out);
}

static cuv_status call_of(maker *m, const cuv_net_node *node, cuv_sv *layer, cuv_sv **out)
{
    cuv_sv *in = tensor_at(m, node->in[0]);
    if (node->in_count > 1) {
        CUV_TRY(cuv_sv_make(m->e, CUV_SV_LIST, &in));
        for (int i = 0; i < node->in_count; i++)
            CUV_TRY(cuv_sv_add(m->e, in, tensor_at(m, node->in[i])));
    }
    return cuv_sl_call(m->e, layer->layer, &(cuv_sargs){&in, 1, NULL, NULL, 0, m->r->node}, out);
}

/* The last of the layers that a Sequential holds: it is made, and called. */
static cuv_status end_within(maker *m, size_t at)
{
    const char *name = "name";
    cuv_sv *text = NULL, *model = NULL, *in = tensor_at(m, m->within_in);
    CUV_TRY(cuv_sv_word(m->e, m->net->nodes[at].within, &text));
    CUV_TRY(cuv_sc_sequential(m->e, &(cuv_sargs){&m->within, 1, &name, &text, 1, m->r->node}, &model));
    m->within = NULL;
    return cuv_sl_call(m->e, model->layer, &(cuv_sargs){&in, 1, NULL, NULL, 0, m->r->node}, &m->tensors[at]);
}

static cuv_status make_within(maker *m, size_t at)
{
    const cuv_net_node *node = &m->net->nodes[at];
    cuv_sv *layer = NULL;
    if (!m->within) {
        CUV_TRY(cuv_sv_make(m->e, CUV_SV_LIST, &m->within));
        m->within_in = node->in[0];
    }
    CUV_TRY(layer_of(m, node, &layer));
    CUV_TRY(cuv_sv_add(m->e, m->within, layer));
    return at + 1 < m->net->count && node[1].within == node->within ? CUV_OK : end_within(m, at);
}

static cuv_status make_nodes(maker *m)
{
    for (size_t i = 0; i < m->net->count; i++) {
        const cuv_net_node *node = &m->net->nodes[i];
        cuv_sv *layer = NULL;
        m->e->at = m->r->node;
        if (node->channels < 1 || node->channels > INT32_MAX)
            return cuv_sc_fail(m->e, m->r->node, CUV_UNSUPPORTED, "script.argument", NULL, "%s of this width has a layer of %lld channels",
                               m->r->application->name, (long long)node->channels);
        if (node->within) {
            CUV_TRY(make_within(m, i));
        } else if (node->flags & CUV_N_OPERATOR) {
            CUV_TRY(operation(m, node, &m->tensors[i]));
        } else {
            CUV_TRY(layer_of(m, node, &layer));
            CUV_TRY(call_of(m, node, layer, &m->tensors[i]));
        }
    }
    return CUV_OK;
}

/* ---- the input ---- */

static cuv_status new_input(maker *m)
{
    cuv_sv *shape = NULL, *size = NULL;
    cuv_sl *input = NULL;
    CUV_TRY(cuv_sv_make(m->e, CUV_SV_TUPLE, &shape));
    CUV_TRY(cuv_sv_add(m->e, shape, m->e->none));
    for (size_t i = 0; i < 3; i++) {
        size = m->e->none;
        if (m->r->shape[i] > 0)
            CUV_TRY(cuv_sv_int(m->e, m->r->shape[i], &size));
        CUV_TRY(cuv_sv_add(m->e, shape, size));
    }
    CUV_TRY(cuv_sl_input(m->e, shape, NULL, "float32", &input));
    return cuv_sl_tensor_value(m->e, input->calls[0]->outputs[0], &m->input);
}

/* The inputs that a tensor comes from, as get_source_inputs of Keras finds them: each once, the first that is met first. */
static cuv_status source_inputs(cuv_sc *e, cuv_st *from, cuv_sv *out)
{
    size_t mark = ++e->walk, count = 0, capacity = 0;
    cuv_st **left = cuv_arena_grow(e->arena, NULL, 0, &capacity, sizeof *left);
    if (!left)
        return cuv_oom(e->cx);
    left[count++] = from;
    while (count) {
        cuv_sn *call = left[--count]->call;
        cuv_sv *tensor = NULL;
        CUV_TRY(cuv_sc_step(e, 4));
        if (call->mark == mark)
            continue;
        call->mark = mark;
        if (call->layer->kind == CUV_SL_INPUT) {
            CUV_TRY(cuv_sl_tensor_value(e, call->outputs[0], &tensor));
            CUV_TRY(cuv_sv_add(e, out, tensor));
        }
        for (size_t i = call->input_count; i-- > 0;) {
            left = cuv_arena_grow(e->arena, left, count, &capacity, sizeof *left);
            if (!left)
                return cuv_oom(e->cx);
            left[count++] = call->inputs[i];
        }
    }
    return CUV_OK;
}

cuv_status cuv_sc_make_ready(cuv_ready *r, const char *name, cuv_sl **out)
{
    maker m = {.e = r->e, .r = r};
    cuv_sv *inputs = NULL;
    *out = NULL;
    if (r->tensor)
        CUV_TRY(cuv_sl_tensor_value(r->e, r->tensor, &m.input));
    else
        CUV_TRY(new_input(&m));
    r->wish.in_channels = m.input->symbol->shape[3];
    if (cuv_starts_with(r->network->name, "NASNet") && m.input->symbol->shape[2] < 0)
        return cuv_sc_unsupported(r->e, r->node, "say its input_shape", "%s for pictures of any width, which no call could be made of",
                                  r->network->name);
    cuv_status status = cuv_net_build(r->e->cx, r->e->arena, r->network, &r->wish, &m.net);
    if (status != CUV_OK)
        return status == CUV_NO ? cuv_sc_unsupported(r->e, r->node, NULL, "%s with these arguments", r->network->name) : status;
    m.tensors = CUV_NEW_ARRAY(r->e->arena, cuv_sv *, m.net->count + 1);
    if (!m.tensors)
        return cuv_oom(r->e->cx);
    CUV_TRY(make_nodes(&m));
    inputs = m.input;
    if (r->tensor) {
        CUV_TRY(cuv_sv_make(r->e, CUV_SV_LIST, &inputs));
        CUV_TRY(source_inputs(r->e, r->tensor, inputs));
    }
    CUV_TRY(cuv_sc_functional(r->e, inputs, tensor_at(&m, m.net->output), name, out));
    (*out)->module = "keras";
    (*out)->ready_made = true;
    for (size_t i = 0; i < (*out)->layer_count; i++)
        if ((*out)->layers[i]->kind != CUV_SL_INPUT || !r->tensor)
            (*out)->layers[i]->of_ready = *out;
    return CUV_OK;
}
