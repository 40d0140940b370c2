/* Files that keep layers by name or by class, in no order of the model's: a known network tells the order. Its layers are found by the names that
 * keras.applications gives them; those that Keras numbers, and all layers of paths of Keras 3, as the n-th of their class. */
#include "recover/carriers.h"
#include "recover/network.h"

#include <stdlib.h>

enum { MOST_STEMS = 3 };

typedef struct gatherer {
    cuv_remaking *r;
    cuv_arena *scratch;
    const cuv_net *net;
    size_t *taken;              /* by node: its layer + 1; 0: none */
    bool *used;                 /* by layer */
    size_t *numbered;           /* layers by the numbers in their names */
    int64_t classes;
} gatherer;

static const cuv_remains *remains_of(const gatherer *g)
{
    return g->r->out;
}

static bool fits(gatherer *g, const cuv_net_node *node, const cuv_remain *layer)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t count = cuv_net_weights(g->net, node, shapes);
    if (layer->count != count || layer->run)
        return false;
    for (size_t i = 0; i < count; i++) {
        const cuv_tensor *t = layer->tensors[i].tensor;
        if (t->rank != shapes[i].rank && !(shapes[i].rank == 0 && t->rank == 1 && t->shape[0] == 1))
            return false;
        for (int k = 0; k < shapes[i].rank; k++) {
            bool open = shapes[i].at[k] < 0 && (g->classes < 0 || g->classes == t->shape[k]);
            if (open)
                g->classes = t->shape[k];
            else if (shapes[i].at[k] != t->shape[k])
                return false;
        }
    }
    return true;
}

static bool has_weights(const cuv_net *net, size_t part)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    return cuv_net_weights(net, &net->nodes[part], shapes) > 0;
}

static bool of_class(const cuv_net_node *node, const cuv_remain *layer)
{
    if (node->op == CUV_N_GAMMA)
        return !layer->class_name;
    return cuv_streq(layer->class_name, cuv_net_class(node));
}

static bool take(gatherer *g, size_t part, size_t layer)
{
    g->taken[part] = layer + 1;
    g->used[layer] = true;
    return true;
}

/* The layer of that name. */
static bool take_named(gatherer *g, size_t part)
{
    const cuv_net_node *node = &g->net->nodes[part];
    for (size_t i = 0; node->name && i < remains_of(g)->count; i++) {
        const cuv_remain *layer = &remains_of(g)->layers[i];
        if (!g->used[i] && layer->name && cuv_net_same_name(layer->name, node->name) && fits(g, node, layer))
            return take(g, part, i);
    }
    return false;
}

/* The next layer of its class: as the file lists them, or by their numbers. */
static bool take_next(gatherer *g, size_t part, const size_t *in_order)
{
    const cuv_net_node *node = &g->net->nodes[part];
    for (size_t i = 0; i < remains_of(g)->count; i++) {
        size_t at = in_order ? in_order[i] : i;
        const cuv_remain *layer = &remains_of(g)->layers[at];
        if (!g->used[at] && of_class(node, layer) && (layer->count > 0) == has_weights(g->net, part))
            return fits(g, node, layer) && take(g, part, at);
    }
    return false;
}

/* All weights by class, in the order of the file. Layers of paths of Keras 3 are numbered as the model lists them. */
static bool gather_by_class(gatherer *g)
{
    for (size_t i = 0; i < g->net->count; i++)
        if (!take_next(g, g->net->order[i], NULL) && has_weights(g->net, g->net->order[i]))
            return false;
    return true;
}

/* All weights by name; those that Keras numbers, in the order in which they were made. */
static bool gather_by_name(gatherer *g)
{
    size_t found = 0;
    for (size_t i = 0; i < g->net->count; i++) {
        bool named = take_named(g, i);
        found += named && has_weights(g->net, i);
        if (!named && g->net->nodes[i].name && has_weights(g->net, i))
            return false;
    }
    for (size_t i = 0; i < g->net->count; i++)
        if (!g->net->nodes[i].name && !take_next(g, i, g->numbered) && has_weights(g->net, i))
            return false;
    return found > 0;
}

/* ---- putting them together ---------------------------------------------------------------------------------------------- */

/* Keras 2 lists that activation as four layers. */
static bool is_part_of_hard_silu(const cuv_remain *layer)
{
    bool unknown = cuv_rkind_find(layer->class_name) == CUV_R_UNKNOWN;
    return !layer->count && (unknown || cuv_streq(layer->class_name, "Multiply") || cuv_streq(layer->class_name, "ReLU"));
}

/* What stood before the network's layers, those, and all others as they stood. What has no weights and stood among them is the network's own
 * in other words. */
static cuv_status put_together(gatherer *g)
{
    cuv_remains *out = g->r->out;
    cuv_remain *sorted = CUV_NEW_ARRAY(g->r->arena, cuv_remain, out->count + 1);
    size_t count = 0, last = 0, first = 0;
    if (!sorted)
        return cuv_oom(g->r->cx);
    while (first < out->count && !g->used[first] && !out->layers[first].count)
        sorted[count++] = out->layers[first++];
    for (size_t i = 0; i < g->net->count; i++) {
        size_t at = g->taken[g->net->order[i]];
        if (!at || !out->layers[at - 1].count)
            continue;
        sorted[count++] = out->layers[at - 1];
        last = at > last ? at : last;
    }
    while (cuv_streq(g->net->nodes[g->net->output].act, "hard_silu") && last < out->count && is_part_of_hard_silu(&out->layers[last]))
        last++;
    for (size_t i = first; i < out->count; i++)
        if (!g->used[i] && (out->layers[i].count || (i >= last && cuv_rkind_find(out->layers[i].class_name) != CUV_R_UNKNOWN)))
            sorted[count++] = out->layers[i];
    out->order_why = cuv_arena_printf(g->r->arena, "%s; layers of %s in its order", out->order_why, g->net->network->name);
    out->layers = sorted;
    out->count = g->r->capacity = count;
    out->order = CUV_INFERRED;
    out->gathered = true;
    return out->order_why ? CUV_OK : cuv_oom(g->r->cx);
}

/* ---- all networks ------------------------------------------------------------------------------------------------------- */

static cuv_status try_net(gatherer *g, bool *done)
{
    size_t layers = remains_of(g)->count;
    for (int by_class = 0; by_class < 2 && !*done; by_class++) {
        g->taken = CUV_NEW_ARRAY(g->scratch, size_t, g->net->count + 1);
        g->used = CUV_NEW_ARRAY(g->scratch, bool, layers + 1);
        g->classes = -1;
        if (!g->taken || !g->used)
            return cuv_oom(g->r->cx);
        *done = by_class ? gather_by_class(g) : gather_by_name(g);
    }
    return *done ? put_together(g) : CUV_OK;
}

static cuv_status try_member(gatherer *g, const cuv_network *network, const int64_t *stem, bool *done)
{
    for (const char *at = network->alphas ? network->alphas : "1"; *at && !*done;) {
        char *next;
        double alpha = strtod(at, &next);
        for (int top = 1; top >= 0 && !*done; top--) {
            cuv_net_wish wish = {.alpha = alpha, .top = top, .in_channels = stem[2], .stem = stem, .classes = -1};
            cuv_net *net;
            cuv_status status = cuv_net_build(g->r->cx, g->scratch, network, &wish, &net);
            g->net = net;
            if (status == CUV_OK)
                status = try_net(g, done);
            if (status != CUV_NO)
                CUV_TRY(status);
        }
        at = next + (*next == ' ');
    }
    return CUV_OK;
}

typedef struct numbered { const char *name; size_t at; } numbered;

static int by_number(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    int order = cuv_natural_compare(x->name, y->name);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static cuv_status number_layers(gatherer *g)
{
    size_t count = remains_of(g)->count;
    numbered *all = CUV_NEW_ARRAY(g->scratch, numbered, count + 1);
    g->numbered = CUV_NEW_ARRAY(g->scratch, size_t, count + 1);
    if (!all || !g->numbered)
        return cuv_oom(g->r->cx);
    for (size_t i = 0; i < count; i++)
        all[i] = (numbered){remains_of(g)->layers[i].name ? remains_of(g)->layers[i].name : "", i};
    qsort(all, count, sizeof *all, by_number);
    for (size_t i = 0; i < count; i++)
        g->numbered[i] = all[i].at;
    return CUV_OK;
}

static cuv_status try_all(gatherer *g, bool *done)
{
    size_t stems = 0;
    int64_t tried[MOST_STEMS][4];
    CUV_TRY(number_layers(g));
    for (size_t i = 0; i < remains_of(g)->count && stems < MOST_STEMS && !*done; i++) {
        const cuv_remain *layer = &remains_of(g)->layers[i];
        const cuv_tensor *t = layer->count && layer->count < 3 && !layer->run ? layer->tensors[0].tensor : NULL;
        bool again = !t || t->rank != 4 || t->shape[0] < 2 || t->shape[2] > 16;
        for (size_t k = 0; k < stems && !again; k++)
            again = cuv_shape_equal(tried[k], 4, t->shape, 4);
        if (again)
            continue;
        memcpy(tried[stems++], t->shape, sizeof *tried);
        for (size_t k = 0; k < cuv_network_count && !*done; k++) {
            CUV_TRY(cuv_check_time(g->r->cx));
            CUV_TRY(try_member(g, &cuv_networks[k], tried[stems - 1], done));
        }
    }
    return CUV_OK;
}

cuv_status cuv_remains_gather(cuv_remaking *r, bool *done)
{
    gatherer g = {.r = r, .scratch = cuv_arena_new(r->cx)};
    *done = false;
    if (!g.scratch)
        return cuv_oom(r->cx);
    cuv_status status = r->out->count <= 2 * CUV_R_MAX_UNITS ? try_all(&g, done) : CUV_OK;
    cuv_arena_free(g.scratch);
    return status;
}
