/* A structure as the steps that moments.c reads, and what the statistics say of its slots. */
#include "recover/moments.h"
#include "recover/search.h"

typedef struct translation {
    const cuv_prepared *p;
    cuv_moment_node *nodes;
    int32_t *slot;              /* by node: its slot for an activation, or -1 */
    uint8_t *merges;            /* by node: a merge reads it */
} translation;

static cuv_moment_kind kind_of(cuv_rkind kind)
{
    unsigned traits = cuv_rkind_traits(kind);
    switch (kind) {
    case CUV_R_BATCH_NORM: return CUV_M_NORM;
    case CUV_R_DENSE: return CUV_M_DENSE;
    case CUV_R_CONV1: case CUV_R_CONV2: case CUV_R_CONV3: return CUV_M_CONV;
    case CUV_R_DEPTHWISE1: case CUV_R_DEPTHWISE2: return CUV_M_DEPTHWISE;
    case CUV_R_SEPARABLE1: case CUV_R_SEPARABLE2: return CUV_M_SEPARABLE;
    case CUV_R_TRANSPOSE1: case CUV_R_TRANSPOSE2: case CUV_R_TRANSPOSE3: return CUV_M_TRANSPOSE;
    case CUV_R_ADD: return CUV_M_ADD;
    case CUV_R_CONCATENATE: return CUV_M_CONCAT;
    case CUV_R_AVERAGE_POOL1: case CUV_R_AVERAGE_POOL2: case CUV_R_AVERAGE_POOL3: case CUV_R_GLOBAL_AVERAGE1: case CUV_R_GLOBAL_AVERAGE2:
    case CUV_R_GLOBAL_AVERAGE3: case CUV_R_FLATTEN: case CUV_R_UPSAMPLING1: case CUV_R_UPSAMPLING2:
        return CUV_M_KEEP;
    default:
        return kind != CUV_R_PRELU && traits & (CUV_RT_RESTS | CUV_RT_ACTS) ? CUV_M_KEEP : CUV_M_UNKNOWN;
    }
}

static bool is_off(const cuv_value *config, const char *name)
{
    bool on = true;
    return cuv_as_bool(cuv_get(config, name), &on) && !on;
}

/* gamma, beta, moving_mean, moving_variance, the first two where the layer has them. */
static void take_norm(const cuv_runit *u, cuv_moment_node *n)
{
    size_t at = 0;
    bool scale = !is_off(u->config, "scale"), center = !is_off(u->config, "center");
    if (u->count != (size_t)scale + (size_t)center + 2)
        return;
    n->gamma = scale ? u->tensors[at++].tensor : NULL;
    n->beta = center ? u->tensors[at++].tensor : NULL;
    n->mean = u->tensors[at].tensor;
    n->variance = u->tensors[at + 1].tensor;
}

static void take_kernel(const cuv_runit *u, cuv_moment_node *n)
{
    size_t kernels = n->kind == CUV_M_SEPARABLE ? 2 : 1;
    if (u->count < kernels)
        return;
    n->kernel = u->tensors[0].tensor;
    n->pointwise = kernels == 2 ? u->tensors[1].tensor : NULL;
    n->bias = u->count > kernels ? u->tensors[kernels].tensor : NULL;
}

static void take_window(const translation *t, const cuv_rnode *from, cuv_moment_node *n)
{
    const cuv_flow *in = from->in[0] < 0 ? &t->p->s.inputs[-1 - from->in[0]] : &t->p->s.nodes[from->in[0]].out;
    n->spatial = cuv_rkind_spatial(from->kind);
    n->stride = from->choice.stride ? from->choice.stride : 1;
    n->dilation = from->choice.dilation ? from->choice.dilation : 1;
    n->pad = from->choice.pad;
    for (int i = 0; i < n->spatial; i++) {
        n->size_in[i] = i < in->rank ? in->at[i] : 0;
        n->size_out[i] = i < from->out.rank ? from->out.at[i] : 0;
    }
}

/* An activation is sought where there is one as a rule; before and after merges there is none as a rule. */
static bool is_sought(const translation *t, const cuv_choice_slot *s)
{
    switch (s->kind) {
    case CUV_S_HIDDEN: case CUV_S_ACTIVATION: case CUV_S_BEFORE_CONCAT: case CUV_S_SLOPE: case CUV_S_BEFORE_NORM: case CUV_S_AFTER_MERGE: case CUV_S_MERGE_TO_NORM:
        return true;
    case CUV_S_AFTER_NORM: case CUV_S_NORM_TO_MERGE:
        return !t->merges[s->node];
    default:
        return false;
    }
}

static void translate(translation *t, size_t i)
{
    const cuv_rnode *from = &t->p->s.nodes[i];
    const cuv_runit *u = from->unit >= 0 ? &t->p->s.reading->units[from->unit] : NULL;
    cuv_moment_node *n = &t->nodes[i];
    *n = (cuv_moment_node){.kind = kind_of(from->kind), .in_count = from->in_count, .act = from->choice.act, .stride = 1, .dilation = 1};
    for (int k = 0; k < from->in_count; k++)
        n->in[k] = from->in[k];
    if (u && n->kind == CUV_M_NORM)
        take_norm(u, n);
    if (u && cuv_rkind_traits(from->kind) & CUV_RT_LINEAR)
        take_kernel(u, n);
    if (cuv_rkind_traits(from->kind) & CUV_RT_CONV)
        take_window(t, from, n);
    if (t->slot[i] >= 0)
        n->act = is_sought(t, &t->p->slots[t->slot[i]]) ? CUV_M_ACT_TO_FIND : CUV_A_LINEAR;
}

static void find_slots(translation *t)
{
    for (size_t i = 0; i < t->p->s.count; i++) {
        t->slot[i] = -1;
        for (int k = 0; k < t->p->s.nodes[i].in_count; k++)
            if (t->p->s.nodes[i].in[k] >= 0 && cuv_rkind_traits(t->p->s.nodes[i].kind) & CUV_RT_MERGE)
                t->merges[t->p->s.nodes[i].in[k]] = 1;
    }
    for (size_t i = 0; i < t->p->count; i++)
        if (cuv_slot_is_act(t->p->slots[i].kind))
            t->slot[t->p->slots[i].node] = (int32_t)i;
}

cuv_status cuv_ask_statistics(cuv_context *cx, cuv_arena *arena, cuv_prepared *p)
{
    size_t count = p->s.count;
    cuv_moment_view *views = CUV_NEW_ARRAY(arena, cuv_moment_view, p->count + 1);
    translation t = {.p = p, .nodes = CUV_NEW_ARRAY(arena, cuv_moment_node, count + 1), .slot = CUV_NEW_ARRAY(arena, int32_t, count + 1),
                     .merges = CUV_NEW_ARRAY(arena, uint8_t, count + 1)};
    cuv_moment_view *by_node = CUV_NEW_ARRAY(arena, cuv_moment_view, count + 1);
    if (!t.nodes || !t.slot || !t.merges || !by_node || !views)
        return cuv_oom(cx);
    find_slots(&t);
    for (size_t i = 0; i < count; i++)
        translate(&t, i);
    CUV_TRY(cuv_moments(cx, t.nodes, count, by_node, &p->usual));
    for (size_t i = 0; i < count; i++)
        if (t.slot[i] >= 0 && t.nodes[i].act == CUV_M_ACT_TO_FIND)
            views[t.slot[i]] = by_node[i];
    p->views = views;
    return CUV_OK;
}

static uint8_t best_option(const cuv_choice_slot *slot, const cuv_moment_view *view)
{
    uint8_t best = 0;
    for (uint8_t i = 1; i < slot->count; i++)
        if (view->cost[slot->options[i].choice.act] < view->cost[slot->options[best].choice.act])
            best = i;
    return best;
}

void cuv_heed_statistics(const cuv_prepared *p, uint8_t *values)
{
    for (size_t i = 0; p->views && i < p->count; i++)
        if (p->views[i].witnesses)
            values[i] = best_option(&p->slots[i], &p->views[i]);
}

bool cuv_moment_is_sure(const cuv_moment_view *view)
{
    return view->witnesses && view->residual < 0.1 && view->rival > 2;
}
