/* The verbs that networks are described with, the order in which Keras lists what they made, and the sizes that come of an input. */
#include "recover/network.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

cuv_net_node *cuv_net_at(cuv_net *n, int32_t x)
{
    return n->status == CUV_OK && x >= 0 ? &n->nodes[x] : &n->spare;
}

int64_t cuv_net_channels(const cuv_net *n, int32_t x)
{
    return x < 0 || n->status != CUV_OK ? n->in_channels : n->nodes[x].channels;
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
    if (!n->begun && n->status == CUV_OK && !cuv_shape_equal(kernel, 4, n->stem, 4))
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
    return window(n, add(n, CUV_N_DEPTHWISE, name, x), kernel, kernel, stride, flags);
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

void cuv_net_classify(cuv_net *n, int32_t x, double dropout)
{
    cuv_net_block(n, "%s", "");
    n->output = x;
    if (!n->top)
        return;
    x = cuv_net_global(n, x, "avg_pool", 0);
    if (dropout > 0)
        x = cuv_net_dropout(n, x, "top_dropout", dropout, 0);
    n->output = cuv_net_dense(n, x, "predictions", -1);
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

cuv_status cuv_net_build(cuv_context *cx, cuv_arena *arena, const cuv_network *network, double alpha, int variant, bool top,
                         const int64_t *stem, cuv_net **out)
{
    cuv_net *n = *out = CUV_NEW(arena, cuv_net);
    if (!n)
        return cuv_oom(cx);
    *n = (cuv_net){.cx = cx, .arena = arena, .network = network, .alpha = alpha, .variant = variant, .top = top, .in_channels = stem[2],
                   .output = -1};
    memcpy(n->stem, stem, sizeof n->stem);
    network->make(n);
    CUV_TRY(n->status);
    return n->output < 0 ? CUV_NO : find_order(n);
}

/* ---- sizes ---------------------------------------------------------------------------------------------------------------- */

static int32_t padded(const cuv_net_node *node, int axis, int32_t size)
{
    if (node->pad[0] >= 0)
        return size + node->pad[2 * axis] + node->pad[2 * axis + 1];
    return size + node->kernel[0] - 1 - (size % 2 == 0);
}

static int32_t size_after(const cuv_net_node *node, int axis, int32_t size)
{
    switch (node->op) {
    case CUV_N_CONV: case CUV_N_DEPTHWISE: case CUV_N_SEPARABLE: case CUV_N_MAX_POOL: case CUV_N_AVERAGE_POOL:
        return cuv_window_size(size, node->kernel[axis], node->stride, node->flags & CUV_N_SAME ? CUV_PAD_SAME : CUV_PAD_VALID);
    case CUV_N_PAD: return size < 0 ? -1 : padded(node, axis, size);
    case CUV_N_CROP: return size < 0 ? -1 : size - node->pad[2 * axis] - node->pad[2 * axis + 1];
    case CUV_N_GLOBAL_AVERAGE: return 1;
    case CUV_N_DENSE: case CUV_N_BATCH_NORM: case CUV_N_LAYER_NORM: case CUV_N_NORMALIZATION: case CUV_N_GAMMA: case CUV_N_STANDARDIZE:
    case CUV_N_RESCALE: case CUV_N_ACT: case CUV_N_RELU: case CUV_N_ADD: case CUV_N_MULTIPLY: case CUV_N_CONCATENATE: case CUV_N_DROPOUT:
    case CUV_N_FLATTEN: case CUV_N_RESHAPE: break;
    }
    return size;
}

static bool flow_after(const cuv_net_node *node, const cuv_flow *in, cuv_flow *out)
{
    *out = *in;
    out->tokens = false;
    for (int k = 0; k + 1 < in->rank; k++) {
        if (in->at[k] > 1 << 20)
            return false;
        out->at[k] = size_after(node, k, in->at[k]);
        if (out->at[k] == 0 || out->at[k] < -1)
            return false;
    }
    bool one = in->rank == 3 && in->at[0] == 1 && in->at[1] == 1;
    if (node->op == CUV_N_FLATTEN) {
        int64_t values = 1;
        for (int k = 0; k < in->rank; k++)
            values = in->at[k] < 0 || values > INT32_MAX ? -1 : values * in->at[k];
        *out = (cuv_flow){.rank = 1, .at = {(int32_t)values}};
        return values > 0 && values <= INT32_MAX;
    }
    if (node->op == CUV_N_GLOBAL_AVERAGE && !(node->flags & CUV_N_KEEPDIMS))
        *out = (cuv_flow){.rank = 1};
    else if (node->op == CUV_N_RESHAPE)
        *out = one ? (cuv_flow){.rank = 1} : (cuv_flow){.rank = 3, .at = {1, 1}};
    out->at[out->rank - 1] = (int32_t)node->channels;
    return true;
}

bool cuv_net_flows(const cuv_net *n, const cuv_flow *in, cuv_flow *out)
{
    if (in->rank != 3 || in->at[2] != n->in_channels)
        return false;
    for (size_t i = 0; i < n->count; i++) {
        const cuv_net_node *node = &n->nodes[i];
        const cuv_flow *first = node->in[0] < 0 ? in : &out[node->in[0]];
        if (!flow_after(node, first, &out[i]))
            return false;
        for (int k = 1; k < node->in_count; k++) {
            const cuv_flow *other = node->in[k] < 0 ? in : &out[node->in[k]];
            bool spread = node->op == CUV_N_MULTIPLY && other->rank == 3 && other->at[0] == 1 && other->at[1] == 1;
            for (int a = 0; a + 1 < first->rank && !spread; a++)
                if (other->rank != first->rank || other->at[a] != first->at[a])
                    return false;
        }
    }
    return true;
}
