/* What a step of a wiring costs. The first of its kind costs what it is rarer in real models (nats); the same again costs little: blocks are
 * repeated, paddings and pools are kept to. Without this the wirings of a deep net that repeats itself are lost among those that do not. */
#include "recover/wiring.h"

bool cuv_is_widening(const cuv_runit *u)
{
    return cuv_rkind_traits(u->kind) & CUV_RT_CONV && u->in >= 4 && u->out >= 2 * u->in;
}

double cuv_cost_of_padding(const cuv_habits *h, int pad)
{
    double first = pad == CUV_PAD_VALID ? .5 : pad == CUV_PAD_SAME ? .4 : .9;
    return !h->pad ? first : h->pad == pad + 1 ? .2 : first + .5;
}

double cuv_cost_of_stride(const cuv_habits *h, const cuv_runit *u, int stride)
{
    double two = cuv_is_widening(u) ? (h->added >= 0 ? .3 : .7) : h->added >= 0 && u->kernel[0] == 1 ? .9 : 1.7;      /* more channels on fewer positions: usual, above all in residual nets */
    return stride == 1 ? 0 : stride > 2 ? 3 : h->strided ? two * .6 : two;
}

double cuv_cost_of_pool(const cuv_habits *h, size_t pool, double first)
{
    double cost = first + cuv_pools[pool].cost + (h->added >= 0 ? .4 : 0);
    return !h->pool ? cost : h->pool == pool + 1 ? (first < 1 ? .35 : .6) : cost + .3;
}

double cuv_cost_of_listed_pool(const cuv_habits *h, size_t pool)
{
    return !h->pool ? cuv_pools[pool].cost : h->pool == pool + 1 ? 0 : cuv_pools[pool].cost + .4;
}

double cuv_cost_of_habit(const cuv_habits *h, int what, int span, int reader, double first)
{
    double cost = first;
    for (int i = 0; i < h->count; i++)
        if (h->known[i].what == what) {
            bool span_too = h->known[i].span == span;
            double least = what == CUV_READ_AGAIN ? first * .4 : .1;
            double again = !span_too ? first * .6 : h->known[i].reader == reader ? least : first * .4;
            cost = again < cost ? again : cost;
        }
    return cost;
}

/* The two Dense layers of a transformer's block have just been placed. */
static bool is_fed(const cuv_wirer *w, const cuv_wstate *s)
{
    const cuv_runit *u = &w->reading->units[w->at];
    return w->attention && w->at > 1 && s->last && s->last->node.kind == CUV_R_DENSE && s->last->node.out.rank == 2 &&
           u[-2].kind == CUV_R_DENSE && u[-2].in == u[-1].out && u[-2].out == u[-1].in;
}

/* The last tensor is read plainly where the habit is to merge it with an older one. */
double cuv_cost_of_breaking(const cuv_wirer *w, const cuv_wstate *s)
{
    const cuv_live *last = &s->live[s->live_count - 1];
    bool attended = s->last && s->last->node.kind == CUV_R_ATTENTION && s->last->index == last->id;
    double cost = (attended || is_fed(w, s)) && !w->complete ? 1 : 0;       /* hardly ever without a sum */
    for (int i = 0; i < s->habits.count && !w->complete; i++) {
        const cuv_habit *h = &s->habits.known[i];
        bool could = false;
        for (int k = 0; k + 1 < s->live_count && h->what != CUV_READ_AGAIN; k++)
            could |= (int)w->at - s->live[k].born == h->span && s->live[k].born >= s->habits.added && !s->live[k].dull &&
                     cuv_flow_same(&s->live[k].type, &last->type);
        double this = could ? h->reader == w->reading->units[w->at].kind ? .9 : .1 : 0;
        cost = this > cost ? this : cost;
    }
    return cost;
}

static bool is_alike(const cuv_runit *a, const cuv_runit *b)
{
    return a->kind == b->kind && a->in == b->in && a->out == b->out && a->kernel[0] == b->kernel[0] && a->in == a->out && a->kernel[0] > 1;
}

/* Four convolutions alike, and no sum since the first of them. */
static bool is_long(const cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    size_t seen = 0;
    for (size_t i = w->at; i-- > 0;) {
        const cuv_runit *before = &w->reading->units[i];
        if (!(cuv_rkind_traits(before->kind) & CUV_RT_LINEAR))
            continue;
        if (!is_alike(before, u))
            return false;
        if (++seen == 3)
            return s->habits.added < (int32_t)i;
    }
    return false;
}

double cuv_cost_of_plainness(const cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u, bool strided, int32_t source)
{
    bool wide = cuv_rkind_spatial(u->kind) == 2 && cuv_is_widening(u) && u->kernel[0] > 1;
    const cuv_link *last = s->last;
    bool pooled = last && last->index == source && cuv_rkind_traits(last->node.kind) & CUV_RT_POOL;
    if (w->reading->count < 8)
        return 0;
    if (w->complete)
        return wide && !strided && !pooled ? .4 : 0;
    if (cuv_is_squeeze(w) && !(last && last->index == source && last->node.kind == CUV_R_RESHAPE))
        return .8;
    return (wide && !strided && !pooled ? .7 : 0) + (is_long(w, s, u) ? .5 : 0);
}

static void note(cuv_habits *h, int what, int span, int reader)
{
    cuv_habit new = {(uint8_t)what, (uint8_t)span, (uint8_t)reader};
    for (int i = 0; i < h->count; i++)
        if (memcmp(&h->known[i], &new, sizeof new) == 0)
            return;
    if (h->count == CUV_HABITS)
        memmove(h->known, h->known + 1, --h->count * sizeof new);
    h->known[h->count++] = new;
}

/* The oldest tensor that the node reads. */
static const cuv_live *oldest_read(const cuv_wstate *s, const cuv_rnode *node)
{
    for (int i = 0; i < s->live_count; i++)
        for (int k = 0; k < node->in_count; k++)
            if (s->live[i].id == node->in[k])
                return &s->live[i];
    return NULL;
}

uint8_t cuv_sum_is_over(const cuv_live *from)
{
    return from->by == CUV_R_LAYER_NORM || from->by == CUV_R_RMS_NORM ? 1 : from->normed ? 2 : 0;
}

void cuv_note_habits(const cuv_wirer *w, const cuv_wstate *before, const cuv_rnode *node, cuv_habits *h)
{
    unsigned traits = cuv_rkind_traits(node->kind);
    const cuv_live *from = oldest_read(before, node);
    const cuv_runit *u = &w->reading->units[w->at];
    int span = from ? (int)w->at - from->born : 0;
    if (node->kind == CUV_R_ADD && from && from->used && cuv_sum_is_over(from))
        h->over = cuv_sum_is_over(from);
    if (node->kind == CUV_R_ADD)
        h->added = (int32_t)w->at - 1;
    if (traits & CUV_RT_MERGE)
        note(h, (int)node->kind, span, (int)u->kind);
    else if (from && from->used) {
        note(h, CUV_READ_AGAIN, span, (int)u->kind);
        h->read_again = from->id;
    }
    if (traits & CUV_RT_CONV && (u->kernel[0] > 1 || u->kernel[1] > 1))
        h->pad = (uint8_t)(node->choice.pad + 1);
    if (traits & CUV_RT_CONV && node->choice.stride > 1)
        h->strided = true;
    if (traits & CUV_RT_GROWS)
        h->doubled = true;
    for (size_t i = 0; traits & CUV_RT_POOL && i < CUV_POOLS_ALL; i++)
        if (cuv_pools[i].window == node->choice.pool && cuv_pools[i].stride == node->choice.stride && cuv_pools[i].pad == node->choice.pad &&
            cuv_pools[i].window2 == cuv_window_of(&node->choice, 1))
            h->pool = (uint8_t)(i + 1);
}
