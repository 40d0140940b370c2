/* What changed between two models: layers and wiring, arguments with the defaults of each Keras, weights by value, outputs on random
 * inputs, and the first layer at which the two part. */
#include "run/diff.h"

#include <math.h>

enum { MOST_CELLS = 1 << 23 };

typedef struct differ {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_diff *out;
    cuv_change *changes;
    size_t count, capacity;
} differ;

/* Two graphs with their layers paired: there[i] is the partner of a's layer i, -1 for none; back the other way round. */
typedef struct pairing {
    const cuv_graph *a, *b;
    int32_t *there, *back;
} pairing;

static cuv_status add(differ *d, cuv_change change)
{
    cuv_change *changes = cuv_arena_grow(d->arena, d->changes, d->count, &d->capacity, sizeof *changes);
    if (!changes)
        return cuv_oom(d->cx);
    d->changes = changes;
    changes[d->count++] = change;
    return CUV_OK;
}

static cuv_status add_text(differ *d, cuv_change_kind kind, const char *layer, const char *field, const char *a, const char *b)
{
    cuv_change c = {.kind = kind, .field = field, .max_abs = NAN, .relative_norm = NAN};
    c.layer = layer ? cuv_arena_strdup(d->arena, layer) : NULL;
    c.a = a ? cuv_arena_strdup(d->arena, a) : NULL;
    c.b = b ? cuv_arena_strdup(d->arena, b) : NULL;
    if ((layer && !c.layer) || (a && !c.a) || (b && !c.b))
        return cuv_oom(d->cx);
    return add(d, c);
}

static const char *class_of(const cuv_layer *layer)
{
    return layer->model ? ((struct cuv_model *)layer->model)->class_name : layer->def->name;
}

static const char *named(differ *d, const char *prefix, const cuv_layer *layer)
{
    return *prefix ? cuv_format(d->cx, "%s/%s", prefix, layer->name) : layer->name;
}

/* ---- pairing */

static bool same_shapes(const cuv_layer *a, const cuv_layer *b)
{
    if (a->weight_count != b->weight_count)
        return false;
    for (size_t i = 0; i < a->weight_count; i++)
        if (!cuv_shape_equal(a->weights[i].shape, a->weights[i].rank, b->weights[i].shape, b->weights[i].rank))
            return false;
    return true;
}

static uint32_t likeness(const cuv_layer *a, const cuv_layer *b)
{
    if (!cuv_streq(class_of(a), class_of(b)) && !(a->model && b->model))
        return 0;
    return 2 + (cuv_streq(a->name, b->name) ? 3u : 0u) + (same_shapes(a, b) ? 1u : 0u);
}

/* The alignment of the two lists of layers with the greatest likeness; long ones are paired place by place. */
static cuv_status pair_layers(differ *d, pairing *p)
{
    size_t n = p->a->layer_count, m = p->b->layer_count, cells;
    p->there = CUV_NEW_ARRAY(d->arena, int32_t, n + 1);
    p->back = CUV_NEW_ARRAY(d->arena, int32_t, m + 1);
    if (!p->there || !p->back)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < n; i++)
        p->there[i] = -1;
    for (size_t k = 0; k < m; k++)
        p->back[k] = -1;
    uint32_t *best = cuv_mul_size(n + 1, m + 1, &cells) && cells <= MOST_CELLS ? CUV_NEW_ARRAY(d->arena, uint32_t, cells) : NULL;
    if (!best && cells <= MOST_CELLS)
        return cuv_oom(d->cx);
    for (size_t i = n; best && i-- > 0;)
        for (size_t k = m; k-- > 0;) {
            uint32_t like = likeness(p->a->layers[i], p->b->layers[k]);
            uint32_t down = best[(i + 1) * (m + 1) + k], right = best[i * (m + 1) + k + 1];
            uint32_t both = like ? like + best[(i + 1) * (m + 1) + k + 1] : 0, most = down > right ? down : right;
            best[i * (m + 1) + k] = both > most ? both : most;
        }
    for (size_t i = 0, k = 0; i < n && k < m;) {
        uint32_t like = likeness(p->a->layers[i], p->b->layers[k]);
        if (like && (!best || best[i * (m + 1) + k] == like + best[(i + 1) * (m + 1) + k + 1])) {
            p->there[i] = (int32_t)k;
            p->back[k++] = (int32_t)i++;
        } else if (!best) {
            i++;
            k++;
        } else if (best[i * (m + 1) + k] == best[(i + 1) * (m + 1) + k]) {
            i++;
        } else {
            k++;
        }
    }
    return CUV_OK;
}

/* ---- wiring */

static const cuv_graph_call *call_of(const cuv_graph *g, int32_t layer, int32_t ordinal)
{
    for (size_t i = 0; i < g->call_count; i++)
        if (g->calls[i].layer == layer && g->calls[i].ordinal == ordinal)
            return &g->calls[i];
    return NULL;
}

static bool same_wire(const pairing *p, cuv_wire a, cuv_wire b)
{
    const cuv_graph_call *x = &p->a->calls[a.call], *y = &p->b->calls[b.call];
    return p->there[x->layer] == y->layer && x->ordinal == y->ordinal && a.output == b.output;
}

static bool same_call(const pairing *p, const cuv_graph_call *a, const cuv_graph_call *b)
{
    size_t n = 0, m = 0, i = 0, k = 0;
    for (size_t x = 0; x < a->arg_count; x++)
        n += a->args[x].wire_count;
    for (size_t x = 0; x < b->arg_count; x++)
        m += b->args[x].wire_count;
    if (n != m)
        return false;
    for (size_t x = 0, y = 0; n > 0; n--) {
        while (i == a->args[x].wire_count) {
            x++;
            i = 0;
        }
        while (k == b->args[y].wire_count) {
            y++;
            k = 0;
        }
        if (!same_wire(p, a->args[x].wires[i++], b->args[y].wires[k++]))
            return false;
    }
    return true;
}

static const char *wires_text(differ *d, const cuv_graph *g, const cuv_graph_call *call)
{
    const char *text = "";
    for (size_t a = 0; call && a < call->arg_count; a++)
        for (size_t i = 0; i < call->args[a].wire_count; i++) {
            const cuv_graph_call *from = &g->calls[call->args[a].wires[i].call];
            text = cuv_format(d->cx, "%s%s%s[%d][%d]", text, *text ? ", " : "", g->layers[from->layer]->name, (int)from->ordinal,
                              (int)call->args[a].wires[i].output);
        }
    return text;
}

static cuv_status diff_calls(differ *d, const pairing *p, int32_t a, const char *name)
{
    int32_t b = p->there[a];
    for (int32_t k = 0;; k++) {
        const cuv_graph_call *x = call_of(p->a, a, k), *y = call_of(p->b, b, k);
        if (!x && !y)
            return CUV_OK;
        if (!x || !y || !same_call(p, x, y))
            CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, name, "inputs", x ? wires_text(d, p->a, x) : NULL,
                             y ? wires_text(d, p->b, y) : NULL));
    }
}

static const char *outputs_text(differ *d, const cuv_graph *g)
{
    const char *text = "";
    for (size_t i = 0; i < g->output_count; i++)
        text = cuv_format(d->cx, "%s%s%s", text, i ? ", " : "", g->layers[g->calls[g->outputs[i].call].layer]->name);
    return text;
}

static bool same_outputs(const pairing *p)
{
    if (p->a->output_count != p->b->output_count)
        return false;
    for (size_t i = 0; i < p->a->output_count; i++)
        if (!same_wire(p, p->a->outputs[i], p->b->outputs[i]))
            return false;
    return true;
}

/* ---- arguments */

/* "GlorotUniform", "glorot_uniform" and {"class_name": "GlorotUniform", "config": {}} alike. */
static const char *plain_name(differ *d, const cuv_value *v)
{
    const char *name = cuv_text(v) ? cuv_text(v) : cuv_get_text(v, "class_name");
    if (cuv_streq(name, "function") && cuv_get_text(v, "config"))
        name = cuv_get_text(v, "config");
    return name ? cuv_snake_case(d->arena, name) : NULL;
}

static bool same_value(const cuv_value *a, const cuv_value *b);

/* Configurations without what is None on either side. */
static bool same_entries(const cuv_value *a, const cuv_value *b)
{
    for (size_t i = 0; a && a->kind == CUV_DICT && i < a->size; i++) {
        const char *key = cuv_text(a->pairs[i].key);
        const cuv_value *other = key ? cuv_get(b, key) : NULL;
        if (key && !cuv_is_null(other) && !same_value(a->pairs[i].value, other))
            return false;
    }
    return true;
}

static bool same_value(const cuv_value *a, const cuv_value *b)
{
    if (cuv_is_null(a) && cuv_is_null(b))
        return true;
    if (cuv_streq(cuv_get_text(a, "class_name"), "__tuple__"))
        a = cuv_get(a, "items");
    if (cuv_streq(cuv_get_text(b, "class_name"), "__tuple__"))
        b = cuv_get(b, "items");
    if (cuv_is_seq(a) != cuv_is_seq(b) && (cuv_is_number(a) || cuv_is_number(b))) {    /* 2 for (2, 2) */
        const cuv_value *list = cuv_is_seq(a) ? a : b, *one = cuv_is_seq(a) ? b : a;
        for (size_t i = 0; i < list->size; i++)
            if (!cuv_value_equal(list->items[i], one))
                return false;
        return list->size > 0;
    }
    double x, y;        /* as floats, which is what layers compute with: 0.3 has been written as 0.30000001192092896 */
    if (cuv_as_real(a, &x) && cuv_as_real(b, &y))
        return x == y || (float)x == (float)y;
    return cuv_value_equal(a, b);
}

/* -1, 3 and [3] are the same axis of four. */
static bool same_axes(const cuv_layer *a, const cuv_value *x, const cuv_layer *b, const cuv_value *y)
{
    size_t n = cuv_is_seq(x) ? cuv_len(x) : 1;
    if (n != (cuv_is_seq(y) ? cuv_len(y) : 1))
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t k, m;
        if (!cuv_as_int(cuv_is_seq(x) ? cuv_item(x, i) : x, &k) || !cuv_as_int(cuv_is_seq(y) ? cuv_item(y, i) : y, &m))
            return false;
        if ((k < 0 ? k + a->in_rank : k) != (m < 0 ? m + b->in_rank : m))
            return false;
    }
    return true;
}

/* Rows that each Keras writes in another way. */
static bool same_by_meaning(const char *row, const cuv_layer *a, const cuv_value *x, const cuv_layer *b, const cuv_value *y)
{
    if (!strcmp(row, "axis") || !strcmp(row, "axes"))
        return same_axes(a, x, b, y);
    return !strcmp(row, "data_format") && a->channels_first == b->channels_first;
}

static bool same_object(differ *d, const cuv_value *a, const cuv_value *b)
{
    const char *x = plain_name(d, a), *y = plain_name(d, b);
    if (!x || !y)
        return same_value(a, b);
    return cuv_streq(x, y) && same_entries(cuv_get(a, "config"), cuv_get(b, "config"));
}

/* The same function, whatever it is called: hard_sigmoid of Keras 2 is not that of Keras 3. */
static bool same_activation(differ *d, const cuv_layer *x, const cuv_value *a, const cuv_layer *y, const cuv_value *b)
{
    cuv_act f, g;
    bool f_single, g_single;
    if (cuv_parse_activation(x, a, &f, &f_single) != CUV_OK || cuv_parse_activation(y, b, &g, &g_single) != CUV_OK ||
        !f_single || !g_single)
        return same_object(d, a, b);
    return f.op == g.op && f.alpha == g.alpha && (f.beta == g.beta || (isinf(f.beta) && isinf(g.beta))) && f.gamma == g.gamma &&
           f.approximate == g.approximate;
}

static const char *value_text(differ *d, const cuv_layer *layer, const cuv_param *row, const cuv_value *v, bool same_words)
{
    const char *text = v ? cuv_value_repr(d->cx, v) : "None";
    (void)row;
    return same_words ? cuv_format(d->cx, "%s (as Keras %d computes it)", text, layer->keras) : text;
}

static cuv_status diff_params(differ *d, const cuv_layer *a, const cuv_layer *b, const char *name)
{
    for (size_t i = 0; a->def == b->def && a->def->params && a->def->params[i].name; i++) {
        const cuv_param *row = &a->def->params[i];
        const cuv_value *x = a->args[i], *y = b->args[i];
        bool same = false;
        switch (row->type) {
        case CUV_P_ACTIVATION: same = same_activation(d, a, x, b, y); break;
        case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT: same = same_object(d, x, y); break;
        case CUV_P_LAYER: case CUV_P_LAYERS: same = true; break;       /* compared as layers */
        case CUV_P_INT: case CUV_P_FLOAT: case CUV_P_BOOL: case CUV_P_STRING: case CUV_P_SIZES: case CUV_P_SHAPE: case CUV_P_INTS:
        case CUV_P_DTYPE: case CUV_P_ANY: same = same_value(x, y) || same_by_meaning(row->name, a, x, b, y); break;
        }
        if (same || !strcmp(row->name, "name") || (row->inert && (cuv_is_null(x) || cuv_is_null(y))))     /* not told by one of them, and without effect */
            continue;
        bool words = x && y && cuv_value_equal(x, y);
        CUV_TRY(add_text(d, CUV_CHANGE_CONFIG, name, row->name, value_text(d, a, row, x, words), value_text(d, b, row, y, words)));
    }
    const char *p = a->policy ? a->policy : cuv_dtype_name(a->variable), *q = b->policy ? b->policy : cuv_dtype_name(b->variable);
    if (!cuv_streq(p, q))
        CUV_TRY(add_text(d, CUV_CHANGE_CONFIG, name, "dtype", p, q));
    if (a->trainable != b->trainable)
        CUV_TRY(add_text(d, CUV_CHANGE_CONFIG, name, "trainable", a->trainable ? "True" : "False", b->trainable ? "True" : "False"));
    return CUV_OK;
}

/* ---- weights */

static cuv_status compare_values(differ *d, const cuv_weight *a, const cuv_weight *b, const char *name)
{
    enum { BLOCK = 1024 };
    double x[BLOCK], y[BLOCK], worst = 0, sum = 0, base = 0;
    size_t n = cuv_tensor_count(a->value), xs = cuv_dtype_size(a->value->dtype), ys = cuv_dtype_size(b->value->dtype);
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t k = n - at < BLOCK ? n - at : BLOCK;
        CUV_TRY(cuv_check_time(d->cx));
        cuv_convert_to_f64(x, a->value->data + at * xs, a->value->dtype, k);
        cuv_convert_to_f64(y, b->value->data + at * ys, b->value->dtype, k);
        for (size_t i = 0; i < k; i++) {
            double off = x[i] == y[i] || (isnan(x[i]) && isnan(y[i])) ? 0 : fabs(x[i] - y[i]);
            worst = off > worst || isnan(off) ? off : worst;
            sum += off * off;
            base += x[i] * x[i];
        }
    }
    if (worst == 0)
        return CUV_OK;
    cuv_change c = {.kind = CUV_CHANGE_WEIGHT, .field = cuv_arena_strdup(d->arena, a->name), .max_abs = worst,
                    .relative_norm = base > 0 ? sqrt(sum / base) : INFINITY, .layer = cuv_arena_strdup(d->arena, name)};
    return c.field && c.layer ? add(d, c) : cuv_oom(d->cx);
}

static cuv_status diff_weights(differ *d, const cuv_layer *a, const cuv_layer *b, const char *name)
{
    size_t most = a->weight_count > b->weight_count ? a->weight_count : b->weight_count;
    for (size_t i = 0; i < most; i++) {
        const cuv_weight *x = i < a->weight_count ? &a->weights[i] : NULL, *y = i < b->weight_count ? &b->weights[i] : NULL;
        const char *xs = x ? cuv_shape_text(d->cx, x->shape, x->rank) : NULL, *ys = y ? cuv_shape_text(d->cx, y->shape, y->rank) : NULL;
        const char *field = cuv_arena_strdup(d->arena, x ? x->name : y->name);
        if (!field)
            return cuv_oom(d->cx);
        if (!x || !y || !cuv_shape_equal(x->shape, x->rank, y->shape, y->rank) || (x->dtype == CUV_STR) != (y->dtype == CUV_STR))
            CUV_TRY(add_text(d, CUV_CHANGE_WEIGHT, name, field, xs, ys));
        else if (!x->value != !y->value)
            CUV_TRY(add_text(d, CUV_CHANGE_WEIGHT, name, field, x->value ? xs : "no values", y->value ? ys : "no values"));
        else if (x->value && x->dtype != CUV_STR)
            CUV_TRY(compare_values(d, x, y, name));
    }
    return CUV_OK;
}

/* ---- layers */

static cuv_status diff_graphs(differ *d, const cuv_graph *a, const cuv_graph *b, const char *prefix, unsigned depth, pairing *p);

static cuv_status diff_layers(differ *d, const cuv_layer *a, const cuv_layer *b, const char *prefix, unsigned depth)
{
    const char *name = named(d, prefix, a);
    pairing inner;
    if (depth > cuv_context_limits(d->cx)->depth)
        return cuv_fail(d->cx, CUV_UNSAFE, "limit.depth", &(cuv_detail){.layer = a->name}, "layers are nested too deeply at '%s'", name);
    if (!cuv_streq(a->name, b->name))
        CUV_TRY(add_text(d, CUV_CHANGE_CONFIG, name, "name", a->name, b->name));
    if (!cuv_streq(class_of(a), class_of(b)))
        CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, name, "class", class_of(a), class_of(b)));
    CUV_TRY(diff_params(d, a, b, name));
    CUV_TRY(diff_weights(d, a, b, name));
    if (a->model && b->model)
        return diff_graphs(d, ((struct cuv_model *)a->model)->graph, ((struct cuv_model *)b->model)->graph, name, depth + 1, &inner);
    size_t most = a->inner_count > b->inner_count ? a->inner_count : b->inner_count;
    for (size_t i = 0; i < most; i++) {
        if (i >= a->inner_count || i >= b->inner_count)
            CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, name, "inner layer", i < a->inner_count ? class_of(a->inner[i]) : NULL,
                             i < b->inner_count ? class_of(b->inner[i]) : NULL));
        else
            CUV_TRY(diff_layers(d, a->inner[i], b->inner[i], name, depth + 1));
    }
    return CUV_OK;
}

static cuv_status diff_graphs(differ *d, const cuv_graph *a, const cuv_graph *b, const char *prefix, unsigned depth, pairing *p)
{
    *p = (pairing){.a = a, .b = b};
    CUV_TRY(pair_layers(d, p));
    for (size_t i = 0; i < a->layer_count; i++) {
        const char *name = named(d, prefix, a->layers[i]);
        if (p->there[i] < 0) {
            CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, name, "layer", class_of(a->layers[i]), NULL));
            continue;
        }
        CUV_TRY(diff_calls(d, p, (int32_t)i, name));
        CUV_TRY(diff_layers(d, a->layers[i], b->layers[p->there[i]], prefix, depth));
    }
    for (size_t k = 0; k < b->layer_count; k++)
        if (p->back[k] < 0)
            CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, named(d, prefix, b->layers[k]), "layer", NULL, class_of(b->layers[k])));
    if (!same_outputs(p))
        CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, *prefix ? prefix : NULL, "outputs", outputs_text(d, a), outputs_text(d, b)));
    return CUV_OK;
}

static cuv_status diff_inputs(differ *d, const struct cuv_model *a, const struct cuv_model *b)
{
    for (size_t i = 0; i < a->input_count && i < b->input_count; i++) {
        const cuv_var *x = cuv_program_var(a->program, a->inputs[i].value), *y = cuv_program_var(b->program, b->inputs[i].value);
        if (!cuv_shape_equal(x->shape, x->rank, y->shape, y->rank))
            CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, a->input_names[i], "shape", cuv_shape_text(d->cx, x->shape, x->rank),
                             cuv_shape_text(d->cx, y->shape, y->rank)));
        if (x->dtype != y->dtype)
            CUV_TRY(add_text(d, CUV_CHANGE_CONFIG, a->input_names[i], "dtype", cuv_dtype_name(x->dtype), cuv_dtype_name(y->dtype)));
    }
    return CUV_OK;
}

/* ---- where they part */

/* The model with the outputs of the given calls as its own; shares everything. */
static cuv_status run_nodes(differ *d, const struct cuv_model *m, const size_t *nodes, size_t count, const cuv_array *inputs,
                            const cuv_run_options *options, struct cuv_result **out)
{
    struct cuv_model copy = *m;
    cuv_program program = *m->program;
    copy.outputs = CUV_NEW_ARRAY(d->arena, cuv_sym, count + 1);
    copy.output_names = CUV_NEW_ARRAY(d->arena, const char *, count + 1);
    program.outputs = CUV_NEW_ARRAY(d->arena, cuv_ref, count + 1);
    if (!copy.outputs || !copy.output_names || !program.outputs)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < count; i++) {
        copy.outputs[i] = m->nodes[nodes[i]].outputs[0];
        copy.output_names[i] = m->nodes[nodes[i]].layer->name;
        program.outputs[i] = copy.outputs[i].value;
    }
    program.output_names = copy.output_names;
    program.output_count = copy.output_count = count;
    copy.program = &program;
    copy.runner = NULL;
    cuv_status status = cuv_run_model(&copy, inputs, m->input_count, 0, options, out);
    cuv_runner_free(&copy);
    return status;
}

static size_t index_of(const cuv_graph *g, const cuv_layer *layer)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i] == layer)
            return i;
    return SIZE_MAX;
}

/* Whether a step still makes it: what no output needed has been taken out. */
static bool is_made(const struct cuv_model *m, const cuv_node *node)
{
    cuv_ref ref = node->output_count ? node->outputs[0].value : CUV_NO_REF;
    for (size_t i = 0; ref != CUV_NO_REF && i < m->program->step_count; i++)
        for (size_t k = 0; k < m->program->steps[i].out_count; k++)
            if (m->program->steps[i].out[k] == ref)
                return true;
    return false;
}

/* The k-th node of b's partner for the k-th node of a layer of a; SIZE_MAX: none. */
static size_t partner_node(const struct cuv_model *a, const struct cuv_model *b, const pairing *p, size_t at)
{
    size_t i = index_of(p->a, a->nodes[at].layer), ordinal = 0;
    if (i == SIZE_MAX || p->there[i] < 0)
        return SIZE_MAX;
    for (size_t n = 0; n < at; n++)
        ordinal += a->nodes[n].layer == a->nodes[at].layer;
    for (size_t n = 0; n < b->node_count; n++)
        if (b->nodes[n].layer == p->b->layers[p->there[i]] && ordinal-- == 0)
            return n;
    return SIZE_MAX;
}

/* Runs all paired calls of both models and finds the first whose outputs differ. */
static cuv_status find_parting(differ *d, struct cuv_model *a, struct cuv_model *b, const pairing *p, const cuv_array *inputs,
                               const cuv_run_options *options)
{
    size_t *mine = CUV_NEW_ARRAY(d->arena, size_t, a->node_count + 1), *theirs = CUV_NEW_ARRAY(d->arena, size_t, a->node_count + 1);
    size_t count = 0;
    struct cuv_result *x = NULL, *y = NULL;
    if (!mine || !theirs)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < a->node_count; i++) {
        size_t k = is_made(a, &a->nodes[i]) ? partner_node(a, b, p, i) : SIZE_MAX;
        if (k == SIZE_MAX || !is_made(b, &b->nodes[k]))
            continue;
        mine[count] = i;
        theirs[count++] = k;
    }
    cuv_status status = count ? run_nodes(d, a, mine, count, inputs, options, &x) : CUV_OK;
    if (status == CUV_OK && count)
        status = run_nodes(d, b, theirs, count, inputs, options, &y);
    for (size_t i = 0; status == CUV_OK && i < count && !d->out->parts_at; i++) {
        struct cuv_verified v = {0};
        bool ok = cuv_compare_arrays(&x->arrays[i], &y->arrays[i], d->out->outputs->rtol, d->out->outputs->atol, &v);
        if (ok)
            continue;
        d->out->parts_at = cuv_arena_strdup(d->arena, a->nodes[mine[i]].layer->name);
        d->out->parts_by = v.max_abs;
        status = d->out->parts_at ? CUV_OK : cuv_oom(d->cx);
    }
    cuv_result_free(x);
    cuv_result_free(y);
    return status;
}

/* ---- outputs */

static bool has_values(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->weight_count; i++)
        if (!m->weights[i]->value)
            return false;
    return true;
}

static cuv_status compare_outputs(differ *d, struct cuv_model *a, struct cuv_model *b, const pairing *p, double rtol, double atol,
                                  const cuv_run_options *options)
{
    cuv_array *inputs;
    size_t mark = cuv_findings_mark(d->cx);
    if (!has_values(a) || !has_values(b)) {
        d->out->why_not = "there are no weights";
        return CUV_OK;
    }
    cuv_status status = cuv_verify_against(a, b, rtol, atol, options, &d->out->outputs);
    if (status == CUV_NO && !d->out->outputs)
        d->out->why_not = "the two do not take the same inputs, or do not give outputs of the same shapes";
    if (status == CUV_NO)
        cuv_findings_rewind(d->cx, mark);
    if (status != CUV_NO || !d->out->outputs)
        return status == CUV_NO ? CUV_OK : status;
    CUV_TRY(cuv_random_inputs(a, b, d->arena, &inputs));
    return find_parting(d, a, b, p, inputs, options);
}

/* ---- the whole */

struct diff_box { cuv_diff diff; cuv_arena *arena; };

void cuv_diff_drop(cuv_context *cx, cuv_diff *diff)
{
    if (!diff)
        return;
    cuv_verification_free(cx, diff->outputs);
    cuv_arena_free(((struct diff_box *)(void *)diff)->arena);
}

static cuv_status compare(differ *d, struct cuv_model *a, struct cuv_model *b, double rtol, double atol, const cuv_run_options *options)
{
    pairing p;
    if (!cuv_streq(a->class_name, b->class_name))
        CUV_TRY(add_text(d, CUV_CHANGE_STRUCTURE, NULL, "class", a->class_name, b->class_name));
    CUV_TRY(diff_graphs(d, a->graph, b->graph, "", 0, &p));
    CUV_TRY(diff_inputs(d, a, b));
    CUV_TRY(compare_outputs(d, a, b, &p, rtol, atol, options));
    d->out->changes = d->changes;
    d->out->change_count = d->count;
    d->out->same = d->count == 0 && (!d->out->outputs || d->out->outputs->ok);
    return d->out->same ? CUV_OK : CUV_NO;
}

cuv_status cuv_diff_models(struct cuv_model *a, struct cuv_model *b, double rtol, double atol, const cuv_run_options *options,
                           cuv_diff **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(a->cx);
    struct diff_box *box = arena ? CUV_NEW(arena, struct diff_box) : NULL;
    if (!box) {
        cuv_arena_free(arena);
        return cuv_oom(a->cx);
    }
    box->arena = arena;
    differ d = {.cx = a->cx, .arena = arena, .out = &box->diff};
    cuv_status status = compare(&d, a, b, rtol, atol, options);
    if (status != CUV_OK && status != CUV_NO) {
        cuv_diff_drop(a->cx, &box->diff);
        return status;
    }
    *out = &box->diff;
    return status;
}
