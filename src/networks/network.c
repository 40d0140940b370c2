/* The verbs that networks are described with, and the order in which Keras lists what they made. */
#include "networks/network.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

cuv_net_node *cuv_net_at(cuv_net *n, int32_t x)
{
    return n->status == CUV_OK && x >= 0 ? &n->nodes[x] : &n->spare;
}

int64_t cuv_net_channels(const cuv_net *n, int32_t x)
{
    return x < 0 || n->status != CUV_OK ? n->wish.in_channels : n->nodes[x].channels;
}

void cuv_net_block(cuv_net *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(n->block, sizeof n->block, format, args);
    va_end(args);
}

static int32_t add(cuv_net *n, cuv_net_op op, const char *name, int32_t x)
{
    cuv_net_node *grown = n->status == CUV_OK ? cuv_arena_grow(n->arena, n->nodes, n->count, &n->capacity, sizeof *grown) : NULL;
    if (n->status == CUV_OK && (!grown || n->count == CUV_NET_MAX_NODES))
        n->status = grown ? CUV_NO : cuv_oom(n->cx);
    if (n->status != CUV_OK)
        return -1;
    n->nodes = grown;
    grown[n->count] = (cuv_net_node){.op = op, .in = {x}, .in_count = 1, .channels = cuv_net_channels(n, x), .stride = 1, .kernel = {1, 1},
                                     .multiplier = 1, .within = n->within, .momentum = n->momentum, .axis = n->axis, .begins = n->begins,
                                     .name = name ? cuv_arena_printf(n->arena, "%s%s", n->block, name) : NULL};
    if (name && !grown[n->count].name)
        n->status = cuv_oom(n->cx);
    return (int32_t)n->count++;
}

static int32_t window(cuv_net *n, int32_t x, int rows, int columns, int stride, unsigned flags)
{
    cuv_net_node *node = cuv_net_at(n, x);
    node->kernel[0] = rows;
    node->kernel[1] = columns;
    node->stride = stride;
    node->flags = flags;
    return x;
}

int32_t cuv_net_conv_of(cuv_net *n, int32_t x, const char *name, int64_t filters, int rows, int columns, int stride, unsigned flags)
{
    const int64_t kernel[4] = {rows, columns, flags & CUV_N_GROUPED ? 1 : cuv_net_channels(n, x), filters};
    if (!n->begun && n->status == CUV_OK && n->wish.stem && !cuv_shape_equal(kernel, 4, n->wish.stem, 4))
        n->status = CUV_NO;
    n->begun = true;
    x = window(n, add(n, CUV_N_CONV, name, x), rows, columns, stride, flags);
    cuv_net_at(n, x)->channels = filters;
    return x;
}

int32_t cuv_net_conv(cuv_net *n, int32_t x, const char *name, int64_t filters, int kernel, int stride, unsigned flags)
{
    return cuv_net_conv_of(n, x, name, filters, kernel, kernel, stride, flags);
}

int32_t cuv_net_depthwise(cuv_net *n, int32_t x, const char *name, int kernel, int stride, unsigned flags)
{
    int64_t multiplier = n->wish.multiplier ? n->wish.multiplier : 1;
    x = window(n, add(n, CUV_N_DEPTHWISE, name, x), kernel, kernel, stride, flags);
    cuv_net_at(n, x)->multiplier = multiplier;
    cuv_net_at(n, x)->channels *= multiplier;
    return x;
}

int32_t cuv_net_separable(cuv_net *n, int32_t x, const char *name, int64_t filters, int kernel, int stride, unsigned flags)
{
    x = window(n, add(n, CUV_N_SEPARABLE, name, x), kernel, kernel, stride, flags);
    cuv_net_at(n, x)->channels = filters;
    return x;
}

int32_t cuv_net_dense(cuv_net *n, int32_t x, const char *name, int64_t units)
{
    x = add(n, CUV_N_DENSE, name, x);
    cuv_net_at(n, x)->channels = units;
    cuv_net_at(n, x)->flags = CUV_N_BIAS;
    return x;
}

int32_t cuv_net_batch_norm(cuv_net *n, int32_t x, const char *name, double epsilon, unsigned flags)
{
    x = add(n, CUV_N_BATCH_NORM, name, x);
    cuv_net_at(n, x)->value = epsilon;
    cuv_net_at(n, x)->flags = flags;
    return x;
}

int32_t cuv_net_layer_norm(cuv_net *n, int32_t x, const char *name, double epsilon)
{
    x = add(n, CUV_N_LAYER_NORM, name, x);
    cuv_net_at(n, x)->value = epsilon;
    return x;
}

int32_t cuv_net_act(cuv_net *n, int32_t x, const char *name, const char *act)
{
    x = add(n, CUV_N_ACT, name, x);
    cuv_net_at(n, x)->act = act;
    return x;
}

int32_t cuv_net_relu(cuv_net *n, int32_t x, const char *name, double most)
{
    x = add(n, CUV_N_RELU, name, x);
    cuv_net_at(n, x)->value = most;
    return x;
}

int32_t cuv_net_pad(cuv_net *n, int32_t x, const char *name, int before, int after)
{
    x = add(n, CUV_N_PAD, name, x);
    cuv_net_node *node = cuv_net_at(n, x);
    node->pad[0] = node->pad[2] = before;
    node->pad[1] = node->pad[3] = after;
    return x;
}

int32_t cuv_net_pad_window(cuv_net *n, int32_t x, const char *name, int kernel)
{
    x = cuv_net_pad(n, x, name, -1, -1);
    cuv_net_at(n, x)->kernel[0] = kernel;
    return x;
}

int32_t cuv_net_pool(cuv_net *n, int32_t x, const char *name, cuv_net_op op, int size, int stride, unsigned flags)
{
    return window(n, add(n, op, name, x), size, size, stride, flags);
}

int32_t cuv_net_global(cuv_net *n, int32_t x, const char *name, unsigned flags)
{
    x = add(n, CUV_N_GLOBAL_AVERAGE, name, x);
    cuv_net_at(n, x)->flags = flags;
    return x;
}

int32_t cuv_net_rescale(cuv_net *n, int32_t x, const char *name, double scale, double offset)
{
    x = add(n, CUV_N_RESCALE, name, x);
    cuv_net_at(n, x)->value = scale;
    cuv_net_at(n, x)->offset = offset;
    return x;
}

int32_t cuv_net_dropout(cuv_net *n, int32_t x, const char *name, double rate, unsigned flags)
{
    if (n->wish.other_dropout && !(flags & CUV_N_DROPS_WHOLE))
        rate = n->wish.dropout;
    if (rate <= 0 && !(flags & CUV_N_ZERO_TOO))
        return x;
    x = add(n, CUV_N_DROPOUT, name, x);
    cuv_net_at(n, x)->value = rate;
    cuv_net_at(n, x)->flags = flags;
    return x;
}

int32_t cuv_net_plain(cuv_net *n, int32_t x, const char *name, cuv_net_op op)
{
    return add(n, op, name, x);
}

int32_t cuv_net_join(cuv_net *n, cuv_net_op op, const char *name, int count, const int32_t *in)
{
    int32_t x = add(n, op, name, in[0]);
    cuv_net_node *node = cuv_net_at(n, x);
    node->in_count = count;
    for (int i = 0; i < count; i++) {
        node->in[i] = in[i];
        if (i && op == CUV_N_CONCATENATE)
            node->channels += cuv_net_channels(n, in[i]);
    }
    return x;
}

int32_t cuv_net_two(cuv_net *n, cuv_net_op op, const char *name, int32_t a, int32_t b)
{
    return cuv_net_join(n, op, name, 2, (int32_t[]){a, b});
}

int32_t cuv_net_end(cuv_net *n, int32_t x, cuv_net_ending names)
{
    bool most = n->wish.pooling == 'm', named = names & CUV_N_NAMED_POOLING;
    if (n->wish.pooling && !n->wish.top)
        x = add(n, most ? CUV_N_GLOBAL_MAX : CUV_N_GLOBAL_AVERAGE, !named ? NULL : most ? "max_pool" : "avg_pool", x);
    return n->output = x;
}

void cuv_net_classify(cuv_net *n, int32_t x, double dropout, cuv_net_ending names)
{
    cuv_net_block(n, "%s", "");
    x = cuv_net_end(n, x, names);
    if (!n->wish.top)
        return;
    x = cuv_net_global(n, x, names & CUV_N_NAMED_TOP ? "avg_pool" : NULL, 0);
    if (dropout > 0)
        x = cuv_net_dropout(n, x, "top_dropout", dropout, 0);
    n->output = cuv_net_dense(n, x, "predictions", n->wish.classes);
}

int64_t cuv_net_multiple_of_8(double v)
{
    int64_t m = (int64_t)(v + 4) / 8 * 8;
    m = m < 8 ? 8 : m;
    return (double)m < .9 * v ? m + 8 : m;
}

/* ---- Keras's order ------------------------------------------------------------------------------------------------------ */

/* By the distance from the output, and at one distance as a walk from the output back meets them. */
typedef struct listing { const cuv_net *n; int32_t *met, *depth, *finished, *stack; uint8_t *next; size_t met_count, finished_count; } listing;

static void walk(listing *l)
{
    size_t top = 0;
    l->met[l->n->output] = (int32_t)++l->met_count;
    l->stack[top++] = l->n->output;
    while (top) {
        int32_t node = l->stack[top - 1];
        const cuv_net_node *at = &l->n->nodes[node];
        if (l->next[node] == at->in_count) {
            l->finished[l->finished_count++] = node;
            top--;
            continue;
        }
        int32_t in = at->in[l->next[node]++];
        if (in >= 0 && !l->met[in]) {
            l->met[in] = (int32_t)++l->met_count;
            l->stack[top++] = in;
        }
    }
    for (size_t i = l->finished_count; i-- > 0;) {
        const cuv_net_node *at = &l->n->nodes[l->finished[i]];
        for (int k = 0; k < at->in_count; k++)
            if (at->in[k] >= 0 && l->depth[at->in[k]] <= l->depth[l->finished[i]])
                l->depth[at->in[k]] = l->depth[l->finished[i]] + 1;
    }
}

/* Counting sort: nodes by depth, the deepest first; those of one depth stay as they were met. */
static cuv_status sort(cuv_net *n, listing *l)
{
    size_t *first = CUV_NEW_ARRAY(n->arena, size_t, n->count + 2), *by_meeting = CUV_NEW_ARRAY(n->arena, size_t, n->count + 1);
    n->order = CUV_NEW_ARRAY(n->arena, size_t, n->count + 1);
    if (!first || !by_meeting || !n->order)
        return cuv_oom(n->cx);
    for (size_t i = 0; i < n->count; i++) {
        by_meeting[l->met[i] - 1] = i;
        first[n->count - (size_t)l->depth[i]]++;
    }
    for (size_t d = 1; d <= n->count; d++)
        first[d] += first[d - 1];
    for (size_t i = n->count; i-- > 0;)
        n->order[--first[n->count - (size_t)l->depth[by_meeting[i]]]] = by_meeting[i];
    return CUV_OK;
}

static cuv_status find_order(cuv_net *n)
{
    size_t room = n->count + 1;
    listing l = {n, CUV_NEW_ARRAY(n->arena, int32_t, room), CUV_NEW_ARRAY(n->arena, int32_t, room), CUV_NEW_ARRAY(n->arena, int32_t, room),
                 CUV_NEW_ARRAY(n->arena, int32_t, room), CUV_NEW_ARRAY(n->arena, uint8_t, room), 0, 0};
    if (!l.met || !l.depth || !l.finished || !l.stack || !l.next)
        return cuv_oom(n->cx);
    walk(&l);
    return l.met_count == n->count ? sort(n, &l) : CUV_NO;
}

cuv_status cuv_net_build(cuv_context *cx, cuv_arena *arena, const cuv_network *network, const cuv_net_wish *wish, cuv_net **out)
{
    cuv_net *n = *out = CUV_NEW(arena, cuv_net);
    if (!n)
        return cuv_oom(cx);
    *n = (cuv_net){.cx = cx, .arena = arena, .network = network, .wish = *wish, .momentum = .99, .axis = -1, .output = -1};
    network->make(n);
    CUV_TRY(n->status);
    return n->output < 0 ? CUV_NO : find_order(n);
}
