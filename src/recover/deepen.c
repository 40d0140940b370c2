/* Structures with their choices, the likeliest first: what is tried has a cost in nats, that of the wiring and of each choice given the ones
 * before it, and a rising limit decides what is tried now. People repeat themselves, so that the same again costs little: one activation for
 * all hidden layers at any depth, one padding, one order of normalisation and activation. The choices of a structure are walked in the order of
 * its layers: what begins alike is computed once. Structures that have come nearer than the others gain on them. */
#include "recover/search.h"

#include <stdlib.h>

#define NEVER INFINITY
#define GROWN_BEFORE_CONCAT (CUV_S_CAUSAL + 1)     /* a place of its own: a transposed convolution before a Concatenate */
#define STEP .4             /* of the limit; about half as many tries again */
#define MOST_PROMISE 2.5    /* nats */
#define NEAR .15            /* an error that chance hardly gives: what differs still is found downhill */

/* What was chosen so far. */
typedef struct habits {
    uint8_t act;                    /* the usual one, plus 1; 0: none yet */
    uint8_t on[CUV_S_CAUSAL + 2];   /* by kind of place: 1: an activation is there; 2: none; 0: none yet */
    uint8_t last[CUV_S_CAUSAL + 1]; /* by kind of slot: the option of the last one, plus 1 */
    uint8_t pad, average;           /* of the last window, plus 1; pools are means: 1, maxima: 2 */
    uint8_t dilation;               /* of the last window that is wide; 0: none yet */
    bool doubling;                  /* dilations have doubled from layer to layer */
} habits;

static const double act_costs[CUV_ACT_COUNT] = {
    3, .3, 1.4, 1.8, 1.8, 2, 2.4, 2.2, 2.4, 2.7, 2.8, 2.8, 2.8, 2.8, 2.8, 2.8, 4, 3.4, 4, 4, 4};

static double act_cost(const cuv_prepared *p, unsigned act, const habits *h, habits *next)
{
    if (!h->act) {
        next->act = (uint8_t)(act + 1);
        return p->usual < CUV_ACT_COUNT && act == p->usual ? .05 : act_costs[act];
    }
    return h->act == act + 1 ? 0 : 2 + act_costs[act] / 2;
}

/* Where there may be an activation or none. */
static double place_cost(const cuv_prepared *p, const cuv_choice_slot *slot, unsigned act, const habits *h, habits *next)
{
    static const double first[][2] = {      /* with one, without one */
        [CUV_S_BEFORE_CONCAT] = {.2, 1}, [CUV_S_BEFORE_NORM] = {.9, .4}, [CUV_S_BEFORE_MERGE] = {.9, .4}, [CUV_S_AFTER_NORM] = {.4, .7},
        [CUV_S_NORM_TO_MERGE] = {1.2, .2}, [CUV_S_MERGE_TO_NORM] = {1.2, .2}, [CUV_S_BEFORE_POSITION] = {1.5, .1},
        [CUV_S_AFTER_MERGE] = {.6, .5}, [CUV_S_AFTER_CONCAT] = {2, .1}, [GROWN_BEFORE_CONCAT] = {.9, .3}};
    bool on = act != CUV_A_LINEAR, grows = cuv_rkind_traits(p->s.nodes[slot->node].kind) & CUV_RT_GROWS;
    int place = slot->kind == CUV_S_BEFORE_CONCAT && grows ? GROWN_BEFORE_CONCAT : (int)slot->kind;
    double cost = p->apart ? on ? 1.4 : .1 : first[place][!on];
    if (h->on[place])
        cost = (h->on[place] == 1) == on ? 0 : 1.5;
    else if (place == CUV_S_AFTER_NORM && h->on[CUV_S_BEFORE_NORM])
        cost = (h->on[CUV_S_BEFORE_NORM] == 1) != on ? .1 : 2;
    next->on[place] = on ? 1 : 2;
    return cost + (on ? act_cost(p, act, h, next) : 0);
}

static bool has_size(const cuv_prepared *p, const cuv_choice_slot *slot, const cuv_choice *c)
{
    const cuv_rnode *n = &p->s.nodes[slot->node];
    const cuv_flow *in = n->in[0] < 0 ? &p->s.inputs[-n->in[0] - 1] : &p->s.nodes[n->in[0]].out;
    const cuv_runit *u = n->unit >= 0 ? &p->s.reading->units[n->unit] : NULL;
    bool grows = cuv_rkind_traits(n->kind) & CUV_RT_GROWS;
    for (int i = 0; i + 1 < in->rank; i++) {
        int64_t kernel = slot->kind == CUV_S_WINDOW ? (u->kernel[i] - 1) * c->dilation + 1 : cuv_window_of(c, i);
        int pad = c->pad == CUV_PAD_CAUSAL ? CUV_PAD_SAME : c->pad, stride = cuv_stride_of(c, i);
        int32_t size = grows ? cuv_grown_size(in->at[i], kernel, stride, pad) : cuv_window_size(in->at[i], kernel, stride, pad);
        if (size != n->out.at[i])
            return false;
    }
    return true;
}

static bool is_wide(const cuv_prepared *p, const cuv_choice_slot *slot)
{
    const cuv_runit *u = &p->s.reading->units[p->s.nodes[slot->node].unit];
    return u->kernel[0] > 1 || u->kernel[1] > 1 || u->kernel[2] > 1;
}

/* Dilations that have doubled go on so, or begin anew; beside each other they are the same. */
static double dilation_cost(const cuv_choice *c, const cuv_choice *wired, const habits *h, habits *next)
{
    bool same = c->dilation == h->dilation, twice = h->dilation && c->dilation == 2 * h->dilation;
    if (c->pad == CUV_PAD_VALID && c->stride > 1)
        return c->dilation == wired->dilation ? 0 : 2;
    next->dilation = c->dilation;
    next->doubling = h->doubling || twice;
    if (h->doubling)
        return same || twice ? .3 : c->dilation == 1 ? .6 : 2.6;
    return twice ? 1.2 : same && h->dilation > 1 ? .3 : c->dilation == wired->dilation ? 0 : c->dilation == 2 ? 1.8 : c->dilation < 2 ? 1 : 2.6;
}

static double window_cost(const cuv_prepared *p, const cuv_choice_slot *slot, uint8_t option, const habits *h, habits *next)
{
    const cuv_choice *c = &slot->options[option].choice, *wired = &slot->options[0].choice;
    double cost = c->stride == wired->stride && c->stride2 == wired->stride2 ? 0 : c->stride <= 2 ? 1.4 : 3;
    if (option && slot->fixed && !has_size(p, slot, c))
        return NEVER;
    if (!is_wide(p, slot))
        return cost;        /* no padding, no habit */
    cost += dilation_cost(c, wired, h, next);
    next->pad = (uint8_t)(c->pad + 1);
    if (h->pad)
        return cost + (h->pad == c->pad + 1 ? 0 : c->pad == CUV_PAD_CAUSAL ? 1.3 : .8);
    return cost + (c->pad == wired->pad ? 0 : c->pad == CUV_PAD_CAUSAL ? 1 : .5);
}

static double pool_cost(const cuv_prepared *p, const cuv_choice_slot *slot, uint8_t option, const habits *h, habits *next)
{
    const cuv_option *o = &slot->options[option], *wired = &slot->options[0];
    bool mean = o->kind >= CUV_R_AVERAGE_POOL1 && o->kind <= CUV_R_AVERAGE_POOL3, was = wired->kind >= CUV_R_AVERAGE_POOL1 && wired->kind <= CUV_R_AVERAGE_POOL3;
    if (o->kind == CUV_R_REST)
        return slot->fixed ? NEVER : 2;
    if (option && slot->fixed && !has_size(p, slot, &o->choice))
        return NEVER;
    bool moved = o->choice.pool != wired->choice.pool || o->choice.pool2 != wired->choice.pool2 || o->choice.stride != wired->choice.stride || o->choice.pad != wired->choice.pad;
    next->average = mean ? 1 : 2;
    next->last[CUV_S_POOL] = moved ? (uint8_t)(o->choice.pool * 16 + o->choice.stride * 4 + o->choice.pad) : 0;
    return (!moved ? 0 : next->last[CUV_S_POOL] == h->last[CUV_S_POOL] ? .1 : 1.2) + (h->average ? h->average == next->average ? 0 : 1 : mean == was ? 0 : .8);
}

/* The same as the last one of its kind, or else. */
static double plain_cost(const cuv_choice_slot *slot, uint8_t option, double other, const habits *h, habits *next)
{
    uint8_t last = h->last[slot->kind];
    next->last[slot->kind] = (uint8_t)(option + 1);
    return last ? last == option + 1 ? 0 : 2 : option == slot->first ? 0 : other;
}

static double border_cost(const cuv_choice_slot *slot, uint8_t option, const habits *h, habits *next)
{
    const struct cuv_border *b = &cuv_borders[slot->options[option].choice.border], *wired = &cuv_borders[slot->options[0].choice.border];
    if (slot->fixed && b->before + b->after != wired->before + wired->after)
        return NEVER;
    return plain_cost(slot, option, 1.2, h, next);
}

static double cost_of(const cuv_search *s, const cuv_prepared *p, const cuv_choice_slot *slot, uint8_t option, const habits *h, habits *next)
{
    unsigned act = slot->options[option].choice.act;
    const cuv_target *t = s->part_target;
    *next = *h;
    switch (slot->kind) {
    case CUV_S_OUT:
        for (size_t i = 0; i < t->act_count[slot->output]; i++)
            if (t->acts[slot->output][i] == act)
                return (double)i;
        return NEVER;
    case CUV_S_HIDDEN:
        if ((p->apart || p->gated) && act == CUV_A_LINEAR)
            return p->apart ? .1 : .4;
        return act_cost(p, act, h, next) + (p->apart ? 1 : 0);
    case CUV_S_ACTIVATION: return act_cost(p, act, h, next);
    case CUV_S_GATED: case CUV_S_GATING: return plain_cost(slot, option, 1, h, next);
    case CUV_S_BEFORE_CONCAT: case CUV_S_BEFORE_NORM: case CUV_S_BEFORE_MERGE: case CUV_S_BEFORE_POSITION: case CUV_S_AFTER_NORM:
    case CUV_S_NORM_TO_MERGE: case CUV_S_MERGE_TO_NORM: case CUV_S_AFTER_MERGE: case CUV_S_AFTER_CONCAT: return place_cost(p, slot, act, h, next);
    case CUV_S_WINDOW: return window_cost(p, slot, option, h, next);
    case CUV_S_POOL: return pool_cost(p, slot, option, h, next);
    case CUV_S_EPSILON: return option == slot->first ? 0 : NEVER;     /* nearly right is near: found downhill */
    case CUV_S_GATE: return plain_cost(slot, option, 1.6, h, next);
    case CUV_S_MASK: return plain_cost(slot, option, .8, h, next);
    case CUV_S_GROUPS: return plain_cost(slot, option, .9, h, next);
    case CUV_S_GLOBAL: return plain_cost(slot, option, .8, h, next);
    case CUV_S_CAUSAL: return plain_cost(slot, option, slot->options[0].kind == CUV_R_ATTENTION ? 1 : 2.5, h, next);
    case CUV_S_SCALE: return plain_cost(slot, option, 1.2, h, next);
    case CUV_S_BORDER: return border_cost(slot, option, h, next);
    case CUV_S_MODE: return plain_cost(slot, option, 1.5, h, next);
    default: return plain_cost(slot, option, 2.2, h, next);
    }
}

/* ---- the walk --------------------------------------------------------------------------------------------------------------- */

struct cuv_walk {
    size_t structure, at;       /* where it is: what was stopped goes on there */
    bool inside;
    double limit, usual;        /* nats that are tried now, with those of the structure; the median of the structures' least errors */
    double from, to;            /* costs of choices that are tried now */
    uint8_t *values, *next;     /* of the slots that are set; the option that comes next, by slot */
    habits *habits;             /* before each slot */
    double *costs, *room;       /* up to each slot; a number for each structure */
};
typedef struct cuv_walk walk;

static cuv_status try_leaf(cuv_search *s, walk *w)
{
    cuv_prepared *p = &s->structures[w->structure];
    double error, least = p->least;
    if (w->costs[p->count] < w->from)
        return CUV_OK;          /* was tried with a lower limit */
    bool quick;
    CUV_TRY(cuv_try_quickly(s, w->structure, w->values, &error, &quick));
    if (quick)
        return CUV_OK;
    if (error < least)
        CUV_TRY(cuv_keep_hit(s, w->structure, w->values, error));
    if (s->found || error >= NEAR || error >= .7 * least)
        return CUV_OK;
    CUV_TRY(cuv_allow_noise(s));
    return s->found ? CUV_OK : cuv_descend(s, w->structure, w->values, error, true);
}

static double least_of(const cuv_prepared *p)
{
    return fmin(p->least, p->scouted);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median_error(cuv_search *s, double *room)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (least_of(&s->structures[i]) < INFINITY)
            room[n++] = least_of(&s->structures[i]);
    qsort(room, n, sizeof *room, by_size);
    return n > 8 ? room[n / 2] : 0;
}

/* Nats by which a structure gains on the others, since it has come nearer than they do. */
static double promise(const cuv_prepared *p, double usual)
{
    double least = least_of(p), gain = usual > 0 && least < usual ? log(usual / (least + 1e-9)) : 0;
    return gain < MOST_PROMISE ? gain : MOST_PROMISE;
}

static bool enter(cuv_search *s, walk *w)
{
    const cuv_prepared *p = &s->structures[w->structure];
    memset(&w->habits[0], 0, sizeof *w->habits);
    w->costs[0] = 0;
    w->next[0] = 0;
    w->at = 0;
    w->from = p->explored;
    w->to = w->limit - (p->s.cost - s->structures[0].s.cost) + promise(p, w->usual);
    return w->to > w->from;
}

/* All choices of one structure whose costs lie between the limits; stops when time is spent. */
static cuv_status walk_structure(cuv_search *s, walk *w)
{
    const cuv_prepared *p = &s->structures[w->structure];
    w->inside = w->inside || enter(s, w);
    while (w->inside && !cuv_search_spent(s)) {
        if (w->at == p->count) {
            CUV_TRY(try_leaf(s, w));
            w->inside = w->at > 0;
            w->at -= w->inside;
            continue;
        }
        if (w->next[w->at] == p->slots[w->at].count) {
            w->inside = w->at > 0;
            w->at -= w->inside;
            continue;
        }
        uint8_t option = w->next[w->at]++;
        w->costs[w->at + 1] = w->costs[w->at] + cost_of(s, p, &p->slots[w->at], option, &w->habits[w->at], &w->habits[w->at + 1]);
        if (w->costs[w->at + 1] >= w->to)
            continue;
        w->values[w->at++] = option;
        w->next[w->at] = 0;
    }
    return CUV_OK;
}

static walk *walk_new(const cuv_search *s)
{
    size_t most = 2;
    for (size_t i = 0; i < s->count; i++)
        most = s->structures[i].count + 2 > most ? s->structures[i].count + 2 : most;
    walk *w = CUV_NEW(s->arena, walk);
    if (!w)
        return NULL;
    *w = (walk){.limit = STEP, .values = CUV_NEW_ARRAY(s->arena, uint8_t, most), .next = CUV_NEW_ARRAY(s->arena, uint8_t, most),
                .habits = CUV_NEW_ARRAY(s->arena, habits, most), .costs = CUV_NEW_ARRAY(s->arena, double, most),
                .room = CUV_NEW_ARRAY(s->arena, double, s->count + 1)};
    return w->values && w->next && w->habits && w->costs && w->room ? w : NULL;
}

cuv_status cuv_deepen(cuv_search *s, double until)
{
    double kept = s->until;
    walk *w = s->walk = s->walk ? s->walk : walk_new(s);
    if (!w)
        return cuv_oom(s->cx);
    s->until = until < kept ? until : kept;
    while (!cuv_search_spent(s) && w->limit < 80) {
        CUV_TRY(walk_structure(s, w));
        if (w->inside)
            continue;
        s->structures[w->structure].explored = fmax(w->to, s->structures[w->structure].explored);
        if (++w->structure < s->count)
            continue;
        w->structure = 0;
        w->limit += STEP;
        w->usual = median_error(s, w->room);
    }
    s->until = kept;
    return CUV_OK;
}
