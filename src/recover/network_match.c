/* Known networks in what is left of a model: all weights of one, in Keras's order and with its shapes, stand in a row. */
#include "recover/network.h"

#include <ctype.h>
#include <stdlib.h>

enum { MOST_STARTS = 6 };

/* ---- one network at one place ------------------------------------------------------------------------------------------- */

typedef struct matcher {
    cuv_net *net;
    const cuv_remains *remains;
    const cuv_atom *atoms;
    size_t count, at;           /* at: the next atom */
    cuv_named *tensors;
    const char **names;
    size_t taken, node;         /* node: the next one in the network's order */
    size_t weighted_left;
    size_t listed, met, odd;    /* odd: stretches between weights where other layers are listed than the network has */
    int64_t classes;
    bool gaps;                  /* layers without weights are listed between those with */
} matcher;

static bool is_weight(const cuv_atom *a)
{
    return a->remain->count > 0;
}

static const cuv_named *tensor_of(const cuv_atom *a)
{
    return &a->remain->tensors[a->at];
}

static size_t weights_of(const matcher *m, size_t node, cuv_net_shape *out)
{
    return node < m->net->count ? cuv_net_weights(m->net, &m->net->nodes[m->net->order[node]], out) : 0;
}

/* Releases differ in capitals, and in the separator of blocks. */
bool cuv_net_same_name(const char *a, const char *b)
{
    while (*a && (tolower((unsigned char)*a) == tolower((unsigned char)*b) || (*a == '/' && *b == '_'))) {
        a++;
        b++;
    }
    return *a == *b;
}

/* What is listed as one layer and is several of a release before it, or the other way round. */
static bool same_class(const cuv_net_node *node, const cuv_remain *remain)
{
    const char *class_name = remain->class_name;
    return cuv_streq(class_name, cuv_net_class(node)) ||
           (remain->name && node->name && cuv_net_same_name(remain->name, node->name)) ||
           (node->op == CUV_N_ACT && cuv_streq(class_name, "ReLU")) || (node->op == CUV_N_RELU && cuv_streq(class_name, "Activation"));
}

/* What some releases list as an operation, which is no layer, or say with others. */
static bool may_be_unlisted(const cuv_net_node *node)
{
    return node->op == CUV_N_ADD || node->op == CUV_N_MULTIPLY || node->op == CUV_N_RESCALE || node->op == CUV_N_RELU ||
           (node->op == CUV_N_ACT && !node->name);
}

/* What the network may have in other words: a function that is no layer of Keras, parts of an activation. */
static bool may_be_extra(const cuv_remain *remain)
{
    return cuv_rkind_find(remain->class_name) == CUV_R_UNKNOWN || cuv_streq(remain->class_name, "Multiply") ||
           cuv_streq(remain->class_name, "ReLU");
}

/* Holds the layers without weights that are listed from m->at to `end` against those of the network from m->node to `last`. False: there are
 * others. What is left of the list at the end of a network is not its own. */
static bool compare_stretch(matcher *m, size_t end, size_t last, bool ends)
{
    bool same = true;
    while (m->node < last || (m->at < end && !ends)) {
        size_t part = m->node < last ? m->net->order[m->node] : 0;
        const cuv_net_node *node = m->node < last ? &m->net->nodes[part] : NULL;
        const cuv_remain *remain = m->at < end ? m->atoms[m->at].remain : NULL;
        bool met = node && remain && same_class(node, remain);
        if (met)
            m->names[part] = remain->name;
        bool next_own = met || !remain || (node && may_be_unlisted(node) && !may_be_extra(remain));
        bool next_listed = met || !node || (remain && !next_own && may_be_extra(remain));
        same = same && (met || (node && next_own && may_be_unlisted(node)) || (remain && next_listed && may_be_extra(remain)));
        m->listed += remain && (next_listed || !next_own);
        m->met += met;
        m->node += node && (next_own || !next_listed);
        m->at += remain && (next_listed || !next_own);
    }
    return same;
}

/* Does a pool over all positions, or a Flatten, stand here where the network has another? */
static bool other_way_listed(const matcher *m, size_t end, size_t last)
{
    for (size_t i = m->at; i < end; i++) {
        cuv_rkind kind = cuv_rkind_find(m->atoms[i].remain->class_name);
        bool own = kind != CUV_R_FLATTEN && (kind == CUV_R_UNKNOWN || !(cuv_rkind_traits(kind) & CUV_RT_GLOBAL));
        for (size_t k = m->node; k < last && !own; k++)
            own = same_class(&m->net->nodes[m->net->order[k]], m->atoms[i].remain);
        if (!own)
            return true;
    }
    return false;
}

/* Layers without weights from here to the next weights: those that are listed, and those of the network. */
static bool pass_gap(matcher *m)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t end = m->at, last = m->node;
    bool ends = false;
    while (end < m->count && !is_weight(&m->atoms[end]))
        end++;
    while (last < m->net->count && !weights_of(m, last, shapes)) {
        cuv_net_op op = m->net->nodes[m->net->order[last++]].op;
        ends = ends || op == CUV_N_GLOBAL_AVERAGE || op == CUV_N_FLATTEN;
    }
    if (!m->gaps && other_way_listed(m, end, last))
        return false;
    bool same = !m->gaps || compare_stretch(m, end, last, false);
    m->odd += !same;
    m->at = end;
    m->node = last;
    return same || !ends || !m->net->wish.top || m->weighted_left > 3;      /* else another way to the classes */
}

static bool shape_fits(matcher *m, const cuv_net_shape *shape, const cuv_tensor *t)
{
    if (t->rank != shape->rank)
        return shape->rank == 0 && t->rank == 1 && t->shape[0] == 1;      /* a count */
    for (int k = 0; k < t->rank; k++)
        if (shape->at[k] < 0 && t->shape[k] > 0 && t->shape[k] < INT32_MAX && (m->classes < 0 || m->classes == t->shape[k]))
            m->classes = t->shape[k];
        else if (shape->at[k] != t->shape[k])
            return false;
    return true;
}

static bool take_layer(matcher *m)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    const cuv_net_node *node = &m->net->nodes[m->net->order[m->node]];
    size_t count = weights_of(m, m->node, shapes);
    const cuv_remain *remain = m->at < m->count ? m->atoms[m->at].remain : NULL;
    if (!remain || (!remain->run && (remain->count != count || m->atoms[m->at].at)))
        return false;
    if (remain->class_level == CUV_CERTAIN && node->op != CUV_N_GAMMA && cuv_rkind_find(remain->class_name) != CUV_R_UNKNOWN && !same_class(node, remain))
        return false;
    for (size_t i = 0; i < count; i++, m->at++) {
        if (m->at == m->count || m->atoms[m->at].remain != remain || !shape_fits(m, &shapes[i], tensor_of(&m->atoms[m->at])->tensor))
            return false;
        m->tensors[m->taken++] = *tensor_of(&m->atoms[m->at]);
    }
    m->names[m->net->order[m->node]] = remain->run ? NULL : remain->name;
    m->listed += !remain->run;
    m->met += !remain->run && same_class(node, remain);
    m->weighted_left--;
    m->node++;
    return true;
}

/* Layers without weights at the end: the network's own, as far as they are listed. False: another way on is listed. */
static bool take_end(matcher *m)
{
    size_t end = m->at;
    while (end < m->count && !is_weight(&m->atoms[end]))
        end++;
    if (!m->gaps)
        return true;
    const char *act = m->net->nodes[m->net->order[m->net->count - 1]].act;
    bool same = compare_stretch(m, end, m->net->count, true);
    while (cuv_streq(act, "hard_silu") && m->at < end && may_be_extra(m->atoms[m->at].remain))
        m->at++;                /* which Keras 2 lists as four layers */
    return same;
}

/* Layers without weights before the first one with: taken from the list where they are the network's. */
static size_t take_begin(matcher *m, size_t first)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t own = 0;
    while (own < m->net->count && !weights_of(m, own, shapes))
        own++;
    m->node = own;
    while (m->gaps && own > 0) {
        const cuv_net_node *node = &m->net->nodes[m->net->order[own - 1]];
        if (!first || is_weight(&m->atoms[first - 1]) || !same_class(node, m->atoms[first - 1].remain))
            break;
        m->names[m->net->order[--own]] = m->atoms[--first].remain->name;
        m->listed++;
        m->met++;
    }
    m->odd += m->gaps && own > 0 ? 2 : 0;
    return first;
}

/* The atom where the network's weights begin when `stem` is the kernel of its first convolution. */
static bool find_begin(const matcher *m, size_t stem, size_t *out)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t before = 0;
    for (size_t i = 0; i < m->net->count && m->net->nodes[m->net->order[i]].op != CUV_N_CONV; i++)
        before += weights_of(m, i, shapes);
    while (before && stem > 0)
        before -= is_weight(&m->atoms[--stem]);
    *out = stem;
    return !before;
}

static bool match(matcher *m, size_t stem, cuv_net_place *out)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t begin;
    if (!find_begin(m, stem, &begin))
        return false;
    for (size_t i = 0; i < m->net->count; i++)
        m->weighted_left += weights_of(m, i, shapes) > 0;
    m->at = begin;
    out->first = take_begin(m, begin);
    while (m->weighted_left)
        if (!take_layer(m) || (m->weighted_left && !pass_gap(m)))
            return false;
    return take_end(m);
}

/* ---- all networks --------------------------------------------------------------------------------------------------------------- */

typedef struct finder {
    cuv_context *cx;
    cuv_arena *arena, *scratch;
    const cuv_remains *remains;
    const cuv_atom *atoms;
    size_t count;
    cuv_net_places *out;
} finder;

static void state_classes(cuv_net *net, int64_t classes)
{
    for (size_t i = 0; i < net->count; i++)
        if (net->nodes[i].channels < 0)
            net->nodes[i].channels = classes;
}

static size_t weights_in(const cuv_net *net)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t count = 0;
    for (size_t i = 0; i < net->count; i++)
        count += cuv_net_weights(net, &net->nodes[i], shapes);
    return count;
}

/* A number for each channel, as the kernel of the DepthwiseConv2D that stands for it. */
static cuv_status shape_gamma(finder *f, cuv_named *t)
{
    cuv_tensor *view = CUV_NEW(f->arena, cuv_tensor);
    if (!view)
        return cuv_oom(f->cx);
    *view = *t->tensor;
    view->rank = 4;
    view->shape[2] = view->shape[0];
    view->shape[0] = view->shape[1] = view->shape[3] = 1;
    t->tensor = view;
    return CUV_OK;
}

/* How many values a Normalization has seen is a whole number; some writers have but one dtype. It changes no output. */
static cuv_status make_count(finder *f, cuv_named *t)
{
    cuv_tensor *count;
    void *value;
    if (t->tensor->dtype == CUV_I64 && t->tensor->rank == 0)
        return CUV_OK;
    CUV_TRY(cuv_tensor_new(f->arena, CUV_I64, NULL, 0, &count, &value));
    if (t->tensor->data)
        cuv_convert(value, CUV_I64, t->tensor->data, t->tensor->dtype, 1);
    t->tensor = count;
    return CUV_OK;
}

static cuv_status adapt(finder *f, const cuv_net *net, cuv_named *tensors)
{
    cuv_net_shape shapes[CUV_NET_MAX_TENSORS];
    size_t at = 0;
    for (size_t i = 0; i < net->count; i++) {
        const cuv_net_node *node = &net->nodes[net->order[i]];
        if (node->op == CUV_N_GAMMA)
            CUV_TRY(shape_gamma(f, &tensors[at]));
        if (node->op == CUV_N_NORMALIZATION)
            CUV_TRY(make_count(f, &tensors[at + 2]));
        at += cuv_net_weights(net, node, shapes);
    }
    return CUV_OK;
}

static void note_nearest(cuv_net_places *out, const cuv_network *network, size_t alike, size_t weights)
{
    out->nearest = network;
    out->alike = alike;
    out->weights = weights;
}

/* One network at one place; what fits is kept. */
static cuv_status try_network(finder *f, const cuv_network *network, double alpha, int variant, bool top, size_t stem, bool *begins)
{
    const int64_t *kernel = tensor_of(&f->atoms[stem])->tensor->shape;
    cuv_net *net;
    const cuv_net_wish wish = {.alpha = alpha, .variant = variant, .top = top, .in_channels = kernel[2], .stem = kernel, .classes = -1};
    cuv_status status = cuv_net_build(f->cx, f->scratch, network, &wish, &net);
    *begins = status == CUV_OK;
    if (status != CUV_OK)
        return status == CUV_NO ? CUV_OK : status;
    matcher m = {.net = net, .remains = f->remains, .atoms = f->atoms, .count = f->count, .classes = -1,
                 .gaps = f->remains->complete && !f->remains->gathered};
    size_t weights = weights_in(net);
    m.tensors = CUV_NEW_ARRAY(f->scratch, cuv_named, weights + 1);
    m.names = CUV_NEW_ARRAY(f->scratch, const char *, net->count + 1);
    cuv_net_place *place = &f->out->at[f->out->count];
    if (!m.tensors || !m.names)
        return cuv_oom(f->cx);
    *place = (cuv_net_place){0};
    bool fits = match(&m, stem, place);
    if (!fits && m.taken > f->out->alike)
        note_nearest(f->out, network, m.taken, weights);
    if (!fits || f->out->count + 1 >= CUV_NET_PLACES)
        return CUV_OK;
    CUV_TRY(cuv_net_build(f->cx, f->arena, network, &wish, &place->net));
    cuv_named *tensors = CUV_NEW_ARRAY(f->arena, cuv_named, m.taken + 1);
    place->names = CUV_NEW_ARRAY(f->arena, const char *, net->count + 1);
    if (!tensors || !place->names)
        return cuv_oom(f->cx);
    memcpy(place->names, m.names, net->count * sizeof *m.names);
    memcpy(tensors, m.tensors, m.taken * sizeof *tensors);
    CUV_TRY(adapt(f, net, tensors));
    state_classes(place->net, m.classes);
    place->end = m.at;
    place->tensors = tensors;
    place->count = m.taken;
    place->listed = m.listed;
    place->met = m.met;
    place->cost = -2.0 * (double)m.taken + .5 * (double)m.odd + .2 * variant;
    f->out->count++;
    return CUV_OK;
}

static int variants_of(const cuv_network *network)
{
    int count = 1;
    for (const char *p = network->variants; p && *p; p++)
        count += *p == ';';
    return count;
}

/* One network with all its widths, variants and ends. */
static cuv_status try_member(finder *f, const cuv_network *network, size_t stem, bool *any)
{
    const char *at = network->alphas ? network->alphas : "1";
    while (*at) {
        double alpha = strtod(at, NULL);
        bool begins = true;
        for (int variant = 0; variant < variants_of(network) && begins; variant++)
            for (int top = 1; top >= 0 && begins; top--) {
                cuv_arena *scratch = f->scratch = cuv_arena_new(f->cx);
                if (!scratch)
                    return cuv_oom(f->cx);
                cuv_status status = try_network(f, network, alpha, variant, top, stem, &begins);
                cuv_arena_free(scratch);
                CUV_TRY(status);
                *any = *any || begins;
            }
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return CUV_OK;
}

static bool may_begin(const finder *f, size_t i)
{
    const cuv_atom *a = &f->atoms[i];
    return is_weight(a) && (a->remain->run || !a->at) && tensor_of(a)->tensor->rank == 4;
}

cuv_status cuv_find_networks(cuv_context *cx, cuv_arena *arena, const cuv_remains *remains, const cuv_atom *atoms, size_t count,
                             cuv_net_places *out)
{
    finder f = {cx, arena, NULL, remains, atoms, count, out};
    size_t starts = 0;
    for (size_t i = 0; i < count && starts < MOST_STARTS; i++) {
        size_t before = out->count;
        bool any = false;
        if (!may_begin(&f, i))
            continue;
        CUV_TRY(cuv_check_time(cx));
        for (size_t k = 0; k < cuv_network_count; k++)
            CUV_TRY(try_member(&f, &cuv_networks[k], i, &any));
        starts += any;
        if (out->count > before)        /* the next one can only begin behind it */
            i = out->at[before].end - 1;
    }
    return CUV_OK;
}
