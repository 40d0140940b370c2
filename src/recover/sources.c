/* Where a layer finds its input: the tensors of a wiring that fit it, and merges of them that do. */
#include "recover/wiring.h"

int cuv_count_open(const cuv_wstate *s)
{
    int n = 0;
    for (int i = 0; i < s->live_count; i++)
        n += !s->live[i].used;
    return n;
}

const cuv_flow *cuv_spot_flow(const cuv_spot *p)
{
    return &p->state->live[p->at].type;
}

int32_t cuv_spot_id(const cuv_spot *p)
{
    return p->state->live[p->at].id;
}

void cuv_add_spot(cuv_spots *to, const cuv_wstate *s, int at, double cost)
{
    if (s && to->count < MAX_SPOTS)
        to->items[to->count++] = (cuv_spot){s, at, cost};
}

void cuv_add_last(cuv_spots *to, const cuv_wstate *s)
{
    if (s)
        cuv_add_spot(to, s, s->live_count - 1, 0);
}

static bool wanted(const cuv_want *want, const cuv_flow *f)
{
    return f->rank >= want->low && f->rank <= want->high && f->tokens == want->tokens &&
           (want->channels < 0 || f->at[f->rank - 1] == want->channels);
}

cuv_rnode cuv_node_on(cuv_rkind kind, int32_t unit, const cuv_spot *p, const cuv_flow *out)
{
    cuv_rnode n = {.kind = kind, .unit = unit, .in = {cuv_spot_id(p)}, .in_count = 1, .out = *out};
    n.out.tokens = false;
    return n;
}

const cuv_wstate *cuv_wire_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, int32_t unit, const cuv_flow *out, cuv_choice choice,
                              double cost)
{
    cuv_rnode n = cuv_node_on(kind, unit, p, out);
    n.choice = choice;
    return cuv_wire_node(w, p->state, &n, p->cost + cost);
}

/* ---- merges ---------------------------------------------------------------------------------------------------------- */

bool cuv_merged(cuv_rkind kind, const cuv_flow *const *in, int n, cuv_flow *out)
{
    const int32_t most = 1 << 28;       /* channels: sums of them stay numbers of 32 bits */
    int last = in[0]->rank - 1;
    *out = *in[0];
    for (int i = 0; i < n; i++) {
        if (in[i]->rank != in[0]->rank || in[i]->tokens || last < 0 || in[i]->at[last] >= most)
            return false;
        for (int k = 0; k < last; k++) {
            bool spread = kind == CUV_R_MULTIPLY && (in[i]->at[k] == 1 || out->at[k] == 1);     /* one factor for all positions */
            if (in[i]->at[k] != out->at[k] && !spread)
                return false;
            out->at[k] = in[i]->at[k] > out->at[k] ? in[i]->at[k] : out->at[k];
        }
        if (kind != CUV_R_CONCATENATE && in[i]->at[last] != in[0]->at[last])
            return false;
        if (kind == CUV_R_CONCATENATE && i > 0)
            out->at[last] += in[i]->at[last];
    }
    if (kind == CUV_R_DOT)
        *out = (cuv_flow){.rank = 1, .at = {1}};
    return kind != CUV_R_DOT || in[0]->rank == 1;
}

/* A sum over a single layer. */
static bool is_short(const cuv_wirer *w, const cuv_live *from)
{
    int layers = 0;
    for (int32_t i = from->born + 1; i < (int32_t)w->at; i++)
        layers += (cuv_rkind_traits(w->reading->units[i].kind) & CUV_RT_LINEAR) != 0;
    return layers == 1 && from->used && !(cuv_rkind_traits((cuv_rkind)from->by) & CUV_RT_GLOBAL);
}

/* A sum that a normalisation reads is one of blocks that begin with it: they add what came before their normalisation, not what it gave. */
static double cost_before_norm(const cuv_wirer *w, const cuv_live *from)
{
    size_t reader = w->at + w->complete;
    unsigned by = cuv_rkind_traits((cuv_rkind)from->by);
    if (reader >= w->reading->count || w->reading->units[reader].kind != CUV_R_BATCH_NORM || w->attention)
        return 0;
    return by & CUV_RT_LINEAR && from->dull ? -1.9 : by & (CUV_RT_NORM | CUV_RT_ACTS) ? .8 : 0;
}

/* Sums of transformers are all over their normalisations, or all of what these give. */
static double cost_of_other_sums(const cuv_habits *h, const cuv_live *from)
{
    uint8_t over = cuv_sum_is_over(from);
    return h->over && over && h->over != over ? .8 : 0;
}

/* `odd`: what no habit makes usual. */
static void merge(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const int *at, int n, double cost, double odd, const cuv_want *want,
                  cuv_spots *to)
{
    const cuv_flow *in[CUV_R_MAX_IN];
    cuv_rnode node = {.kind = kind, .unit = w->complete ? (int32_t)w->at : -1, .in_count = n};
    int oldest = INT_MAX;
    bool raw = kind != CUV_R_CONCATENATE;       /* inputs are seldom added before anything is made of them */
    for (int i = 0; i < n; i++) {
        in[i] = &s->live[at[i]].type;
        node.in[i] = s->live[at[i]].id;
        raw = raw && node.in[i] < 0;
        oldest = s->live[at[i]].born < oldest ? s->live[at[i]].born : oldest;
        cost += s->live[at[i]].dull ? 2 : 0;
        odd += kind == CUV_R_ADD && s->live[at[i]].used ? cost_of_other_sums(&s->habits, &s->live[at[i]]) : 0;
        odd += s->live[at[i]].used ? cost_before_norm(w, &s->live[at[i]]) + (kind == CUV_R_ADD && is_short(w, &s->live[at[i]]) ? .7 : 0) : 0;
    }
    if (kind == CUV_R_CONCATENATE && n == 2 && s->live[at[0]].used != s->live[at[1]].used && s->live[at[0]].used == s->habits.doubled)
        odd += .4;          /* what is new stands behind, but before on the way up of a U-net */
    odd += raw ? 1.5 : 0;
    cost += odd < 0 ? odd : 0;
    cost = cuv_cost_of_habit(&s->habits, (int)kind, (int)w->at - oldest, (int)w->reading->units[w->at].kind, cost) + (odd > 0 ? odd : 0);
    if (to->count < MAX_SPOTS && cuv_merged(kind, in, n, &node.out) && (!want || wanted(want, &node.out)))
        cuv_add_last(to, cuv_wire_node(w, s, &node, cost));
}

/* All open tensors, what was made of inputs before inputs that nobody has read: categories through tables, then numbers. */
static void inputs_behind(cuv_wirer *w, const cuv_wstate *s, const int *open, int count, const cuv_want *want, cuv_spots *to)
{
    int made[CUV_R_MAX_IN], n = 0;
    if (count < 2 || count > CUV_R_MAX_IN)
        return;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < count; i++)
            if ((s->live[open[i]].id < 0) == side)
                made[n++] = open[i];
    if (memcmp(made, open, (size_t)count * sizeof *open) != 0)
        merge(w, s, CUV_R_CONCATENATE, made, count, .5, 0, want, to);
}

static void concatenations(cuv_wirer *w, const cuv_wstate *s, const int *open, int count, const cuv_want *want, cuv_spots *to)
{
    for (int k = 2; k <= CUV_R_MAX_IN && k <= count; k++) {
        int forth[CUV_R_MAX_IN], back[CUV_R_MAX_IN];
        if (k > 3 && k < count)
            continue;
        for (int i = 0; i < k; i++)
            forth[i] = back[k - 1 - i] = open[count - k + i];
        merge(w, s, CUV_R_CONCATENATE, forth, k, count == k ? .5 : 1.2, 0, want, to);
        merge(w, s, CUV_R_CONCATENATE, back, k, count == k ? .6 : 1.3, 0, want, to);
    }
    inputs_behind(w, s, open, count, want, to);
    for (int i = 0; i < 4 && count >= 3; i++) {
        static const uint8_t other[4][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}};
        const int *from = &open[count - 3];
        merge(w, s, CUV_R_CONCATENATE, (int[]){from[other[i][0]], from[other[i][1]], from[other[i][2]]}, 3, count == 3 ? 1 : 1.7, 0, want, to);
    }
    for (int i = s->live_count - 2; count && i >= 0; i--)
        if (s->live[i].used) {
            double again = !s->habits.doubled ? 1.3 : s->live[i].left ? .4 : .9;        /* the way up of a U-net meets the way down */
            merge(w, s, CUV_R_CONCATENATE, (int[]){open[count - 1], i}, 2, again, 0, want, to);
            merge(w, s, CUV_R_CONCATENATE, (int[]){i, open[count - 1]}, 2, again, 0, want, to);
        }
}

static bool made_by_norm(const cuv_wstate *s)
{
    return s->last && cuv_rkind_traits(s->last->node.kind) & CUV_RT_NORM;
}

/* The same shape, or one factor for each channel. */
static bool scales(const cuv_flow *a, const cuv_flow *b)
{
    bool one = a->rank == 3 && b->rank == 3 && b->at[0] == 1 && b->at[1] == 1 && a->at[2] == b->at[2];
    return one || cuv_flow_same(a, b);
}

static bool weighs_alike(const cuv_runit *a, const cuv_runit *b)
{
    bool alike = a->count && a->kind == b->kind && a->in == b->in && a->out == b->out;
    for (int i = 0; i < 3; i++)
        alike = alike && a->kernel[i] == b->kernel[i];
    return alike;
}

/* What the same layer of each block gave ("skip connections" of WaveNets), with that of the last one. */
static void sum_of_skips(cuv_wirer *w, const cuv_wstate *s, int last, const cuv_want *want, cuv_spots *to)
{
    const cuv_live *l = &s->live[last];
    int at[CUV_R_MAX_IN], n = 0;
    for (int i = 0; i <= last && n < CUV_R_MAX_IN; i++) {
        const cuv_live *other = &s->live[i];
        if (other->by == l->by && other->id >= 0 && cuv_flow_same(&other->type, &l->type) && other->born >= 0 && l->born >= 0 &&
            weighs_alike(&w->reading->units[other->born], &w->reading->units[l->born]))
            at[n++] = i;
    }
    if (n >= 3 && at[n - 1] == last)
        merge(w, s, CUV_R_ADD, at, n, 1, 0, want, to);
}

/* The last open tensor with others of its shape, the nearest first. */
static void sums(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const int *open, int count, const cuv_want *want, cuv_spots *to)
{
    int last = count ? open[count - 1] : 0, seen = 0;
    for (int i = s->live_count - 1; count && i >= 0 && seen < 6; i--) {
        if (i == last || s->live[i].type.tokens || !(kind == CUV_R_MULTIPLY ? scales(&s->live[i].type, &s->live[last].type)
                                                                            : cuv_flow_same(&s->live[i].type, &s->live[last].type)))
            continue;
        double cost = (kind == CUV_R_ADD ? w->attention ? .15 : .9 : 1.6) - (s->live[i].used ? 0 : .3) + (w->attention ? .1 : .25) * seen +
                      (s->live[i].born < s->habits.added ? .5 : 0);       /* blocks seldom overlap */
        double odd = made_by_norm(s) && s->live[i].id == s->last->node.in[0] ? 2 : 0;
        seen += !s->live[i].dull;
        merge(w, s, kind, (int[]){i, last}, 2, cost, odd, want, to);
        if (kind == CUV_R_SUBTRACT)
            merge(w, s, kind, (int[]){last, i}, 2, cost + .3, odd, want, to);
    }
    if (kind == CUV_R_ADD && count >= 3)
        merge(w, s, kind, &open[count - 3], 3, 1.2, 0, want, to);
    if (kind == CUV_R_ADD && count == 1)
        sum_of_skips(w, s, last, want, to);
}

void cuv_find_merges(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const cuv_want *want, cuv_spots *to)
{
    int open[MAX_LIVE], count = 0;
    for (int i = 0; i < s->live_count; i++)
        if (!s->live[i].used)
            open[count++] = i;
    if (kind == CUV_R_CONCATENATE)
        concatenations(w, s, open, count, want, to);
    else
        sums(w, s, kind, open, count, want, to);
}

/* ---- where a layer finds its input ------------------------------------------------------------------------------------- */

bool cuv_grows_to_output(const cuv_wirer *w, const cuv_flow *f)
{
    return w->ends->outputs_known && (f->rank == 3 || (f->rank == 2 && w->to_output)) && w->ends->outputs[0].rank == f->rank;
}

cuv_flow cuv_doubled(const cuv_flow *f)
{
    cuv_flow out = *f;
    for (int i = 0; i + 1 < f->rank; i++)
        out.at[i] = f->at[i] < 0 || f->at[i] > 1 << 20 ? -1 : 2 * f->at[i];
    return out;
}

const cuv_wstate *cuv_wire_upsampled(cuv_wirer *w, const cuv_spot *p)
{
    cuv_flow out = cuv_doubled(cuv_spot_flow(p));
    return cuv_wire_on(w, p, cuv_spot_flow(p)->rank == 2 ? CUV_R_UPSAMPLING1 : CUV_R_UPSAMPLING2, -1, &out, (cuv_choice){0},
                       (p->state->habits.doubled ? .3 : w->reading->units[w->at].in >= 2 * w->reading->units[w->at].out ? .5 : 1) + (cuv_is_widening(&w->reading->units[w->at]) ? 1.5 : 0));
}

/* What is doubled and then merged with what has that size: the way up of a U-net. */
static void merges_of_upsampled(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, cuv_spots *to)
{
    const cuv_live *last = &s->live[s->live_count - 1];
    cuv_spot at = {s, s->live_count - 1, 0};
    if (last->used || !cuv_grows_to_output(w, &last->type))
        return;
    cuv_flow out = cuv_doubled(&last->type);
    bool meets = false;
    for (int i = 0; i + 1 < s->live_count && !meets; i++)
        meets = s->live[i].type.rank == out.rank && s->live[i].type.at[0] == out.at[0] && (out.rank < 3 || s->live[i].type.at[1] == out.at[1]);
    const cuv_wstate *up = meets ? cuv_wire_upsampled(w, &at) : NULL;
    if (up) {
        cuv_find_merges(w, up, CUV_R_CONCATENATE, want, to);
        cuv_find_merges(w, up, CUV_R_ADD, want, to);
    }
}

/* What is pooled and then added to a branch that a stride has made as small: blocks of Xceptions. */
static void sums_of_pooled(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, cuv_spots *to)
{
    int open[2], count = 0;
    for (int i = 0; i < s->live_count; i++)
        if (!s->live[i].used && count++ < 2)
            open[count - 1] = i;
    if (count != 2 || open[1] != s->live_count - 1)
        return;
    for (int side = 0; side < 2; side++) {
        const cuv_live *from = &s->live[open[side]], *other = &s->live[open[!side]];
        cuv_spot at = {s, open[side], 0};
        cuv_flow out;
        for (size_t i = 0; from->type.rank > 1 && from->type.rank == other->type.rank && i < cuv_pool_count(w, from->type.rank); i++) {
            if (from->type.tokens || !cuv_pooled(&from->type, i, &out) || !cuv_flow_same(&out, &other->type))
                continue;
            cuv_rkind pool = (cuv_rkind)((int)CUV_R_MAX_POOL1 + from->type.rank - 2);
            const cuv_wstate *pooled = cuv_wire_on(w, &at, pool, -1, &out, cuv_pool_choice(i), cuv_cost_of_pool(&s->habits, i, .6));
            if (pooled)
                cuv_find_merges(w, pooled, CUV_R_ADD, want, to);
        }
    }
}

/* A layer of this kind has read again what was made so many units before it, and could now; but this is another tensor. */
static bool would_break_habit(const cuv_wirer *w, const cuv_wstate *s, const cuv_live *l)
{
    const cuv_runit *u = &w->reading->units[w->at];
    for (int i = 0; i < s->habits.count; i++) {
        const cuv_habit *h = &s->habits.known[i];
        if (h->what != CUV_READ_AGAIN || h->reader != u->kind || s->habits.read_again == l->id)
            continue;
        bool could = false, does = false;
        for (int k = 0; k < s->live_count; k++)
            if ((int)w->at - s->live[k].born == h->span && s->live[k].used && !s->live[k].dull && s->live[k].type.at[s->live[k].type.rank - 1] == u->in) {
                could = true;
                does = does || &s->live[k] == l;
            }
        if (could)
            return !does;
    }
    return false;
}

/* What the last sum gave, or the activation on it: where a block begins. */
static bool begins_block(const cuv_wstate *s, const cuv_live *l)
{
    bool acts = cuv_rkind_traits((cuv_rkind)l->by) & CUV_RT_ACTS;
    return s->habits.added >= 0 && l->born >= s->habits.added && l->born <= s->habits.added + 2 && (l->by == CUV_R_ADD || acts);
}

static double cost_of_reading_again(const cuv_wirer *w, const cuv_wstate *s, const cuv_live *l, int open, int back)
{
    const cuv_runit *u = &w->reading->units[w->at];
    bool waits = w->complete && 2 * open <= w->reductions;      /* a listed merge waits for another branch */
    bool beside = cuv_rkind_traits(u->kind) & CUV_RT_CONV && u->kernel[0] == 1 && u->kernel[1] <= 1;    /* a projection beside a block */
    if (beside && l->by == CUV_R_ADD && s->habits.added >= 0 && l->born >= s->habits.added && !w->complete)
        return .4;      /* the shortcut of the next block */
    if (w->complete && begins_block(s, l) && cuv_rkind_traits(u->kind) & CUV_RT_NORM && !l->dull)
        return .6;
    double cost = (waits ? .25 : beside ? .6 : 1) + .1 * (back < 6 ? back : 6) + (l->dull ? 2 : l->merged ? 1.2 : 0) +
                  (cuv_rkind_traits(u->kind) & CUV_RT_NORM ? 1.5 : 0);      /* a normalisation is the first to read */
    cost = s->habits.count && s->habits.read_again == l->id && cost > .4 ? .4 : cost;
    return cuv_cost_of_habit(&s->habits, CUV_READ_AGAIN, (int)w->at - l->born, (int)w->reading->units[w->at].kind, cost) +
           (would_break_habit(w, s, l) ? .8 : 0) + w->strays;
}

void cuv_find_sources(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, bool merging, size_t most, cuv_spots *to)
{
    int open = cuv_count_open(s), oldest = 0;
    double broken = merging ? cuv_cost_of_breaking(w, s) : 0;
    size_t outputs = w->ends->outputs_known ? w->ends->output_count : 1, first = to->count;
    while (oldest < s->live_count && (s->live[oldest].used || !wanted(want, &s->live[oldest].type)))
        oldest++;
    for (int used = 0; used < 2; used++)        /* what waits for a reader comes first */
        for (int r = 0; r < s->live_count && to->count - first < most; r++) {
            const cuv_live *l = &s->live[s->live_count - 1 - r];
            bool queue = s->live_count - 1 - r == oldest;       /* branches side by side are listed in turn */
            bool hidden = used && l->dull && cuv_rkind_traits(w->reading->units[w->at].kind) & CUV_RT_NORM;     /* by a normalisation or an activation */
            if (l->used != used || hidden || !wanted(want, &l->type) || (used && open + 1 - w->reductions > (int)outputs))
                continue;
            cuv_add_spot(to, s, s->live_count - 1 - r, r == 0 && !used ? broken + w->follows : r == 0 ? 0 : queue ? .1 : !used ? .35 : cost_of_reading_again(w, s, l, open, r));
        }
    if (!merging || w->complete || s->live_count < 2)
        return;
    cuv_find_merges(w, s, CUV_R_ADD, want, to);
    cuv_find_merges(w, s, CUV_R_CONCATENATE, want, to);
    if (open == 2)
        cuv_find_merges(w, s, CUV_R_MULTIPLY, want, to);
    merges_of_upsampled(w, s, want, to);
    sums_of_pooled(w, s, want, to);
    cuv_add_scaled(w, s, want, to);
}
