/* Layers to wirings: a beam of states that grows layer by layer. The sizes of reach.c and the number of open tensors cut what cannot end well;
 * what is left is ordered by the cost of each step (how much rarer it is in real models). */
#include "recover/trial.h"

#include <stdlib.h>

enum { MAX_EXPANDED = 40000, NARROW = 100, NARROW_EXPANDED = 3000, TRIED = 250, ON_TRIAL = 300, BONES_ON_TRIAL = 8 };
#define MUCH_DEARER 9.0
#define TOLD_OFF 12.0   /* what samples tell to be so much worse than the best is out of the question */

/* ---- states ---------------------------------------------------------------------------------------------------- */

static bool failed(cuv_wirer *w)
{
    if (w->status == CUV_OK)
        w->status = cuv_oom(w->cx);
    return false;
}

/* Which tensor is forgotten as a source of shortcuts: the oldest dull one, else the oldest that was merged or that nothing comes back to, else
 * the oldest that has a reader; MAX_LIVE: none can be. */
static int to_forget(const cuv_wstate *s)
{
    for (int round = 0; round < 3; round++)
        for (int at = 0; at < MAX_LIVE; at++) {
            const cuv_live *l = &s->live[at];
            if (l->used && (l->dull || (round > 0 && (l->merged || !l->left)) || round > 1))
                return at;
        }
    return MAX_LIVE;
}

static bool add_live(cuv_wstate *s, int32_t id, int32_t born, const cuv_flow *type)
{
    if (s->live_count == MAX_LIVE) {
        int at = to_forget(s);
        if (at == MAX_LIVE)
            return false;
        memmove(&s->live[at], &s->live[at + 1], (size_t)(MAX_LIVE - 1 - at) * sizeof *s->live);
        s->live_count--;
    }
    s->live[s->live_count++] = (cuv_live){.id = id, .born = born, .type = *type};
    return true;
}

/* A layer that reads an open tensor while an older one stays open would be listed after the older one's reader. Inputs are listed elsewhere. */
static bool out_of_turn(const cuv_wstate *s, const cuv_rnode *node)
{
    bool waits = false;
    for (int i = 0; i < s->live_count; i++) {
        bool read = false;
        for (int k = 0; k < node->in_count; k++)
            read = read || node->in[k] == s->live[i].id;
        if (s->live[i].used || s->live[i].id < 0)
            continue;
        if (read && waits)
            return true;
        waits = waits || !read;
    }
    return false;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 1099511628211u;
    return h ^ h >> 29;
}

static uint64_t mix_flow(uint64_t h, const cuv_flow *f)
{
    h = mix(h, (uint64_t)f->rank);
    for (int i = 0; i < f->rank; i++)
        h = mix(h, (uint64_t)(uint32_t)f->at[i]);
    return h;
}

/* What the node adds to the hashes: pools and the like of one size are one, unless numbers are computed on the way. */
static void add_to_hashes(cuv_wstate *s, const cuv_rnode *node, bool numbers)
{
    const cuv_choice *c = &node->choice;
    unsigned traits = cuv_rkind_traits(node->kind);
    uint64_t h = mix(traits & (CUV_RT_POOL | CUV_RT_GLOBAL) ? 1000 + traits : (uint64_t)node->kind, (uint64_t)(uint32_t)node->unit);
    for (int k = 0; k < node->in_count; k++)
        h = mix(h, (uint64_t)(uint32_t)node->in[k]);
    h = mix(h, (uint64_t)node->choice.sequences + 2 * (uint64_t)(node->kind == CUV_R_BIDIRECTIONAL && node->choice.merge));
    s->bones = mix(s->bones, h);
    s->class_hash = mix_flow(mix(s->class_hash, h), &node->out);
    if (numbers)
        s->class_hash = mix(s->class_hash, (uint64_t)c->pool | (uint64_t)c->stride << 8 | (uint64_t)c->pad << 16 | (uint64_t)c->dilation << 24);
}

const cuv_wstate *cuv_wire_node(cuv_wirer *w, const cuv_wstate *s, const cuv_rnode *node, double cost)
{
    if (s->cost + cost > w->bound || (w->ends->in_turn && out_of_turn(s, node)))
        return NULL;
    cuv_link *link = CUV_NEW(w->step, cuv_link);
    cuv_wstate *n = CUV_NEW(w->step, cuv_wstate);
    if (!link || !n) {
        failed(w);
        return NULL;
    }
    if (w->ends->effort)
        w->ends->effort->done += CUV_EFFORT_OF_NODE;
    *n = *s;
    n->cost += cost;
    *link = (cuv_link){s->last, *node, n->nodes, false};
    n->last = link;
    cuv_note_habits(w, s, node, &n->habits);
    add_to_hashes(n, node, w->ends->trial);
    for (int i = 0; i < n->live_count; i++)
        for (int k = 0; k < node->in_count; k++)
            if (n->live[i].id == node->in[k]) {
                n->live[i].used = true;
                n->live[i].left |= node->out.rank > 1 && node->out.rank == n->live[i].type.rank && node->out.at[0] < n->live[i].type.at[0];
                n->live[i].normed |= node->kind == CUV_R_LAYER_NORM || node->kind == CUV_R_RMS_NORM;
                n->live[i].squeezed |= (cuv_rkind_traits(node->kind) & CUV_RT_GLOBAL) != 0;
                n->live[i].merged |= (cuv_rkind_traits(node->kind) & CUV_RT_MERGE) != 0;
                n->live[i].dull |= (node->kind == CUV_R_BATCH_NORM && !(cuv_rkind_traits((cuv_rkind)n->live[i].by) & (CUV_RT_MERGE | CUV_RT_POOL))) || cuv_rkind_traits(node->kind) & (CUV_RT_ACTS | CUV_RT_RESTS);
            }
    int32_t born = (int32_t)w->at - (node->unit < 0);    /* what has no unit came right after the one before */
    if (!add_live(n, n->nodes, born, &node->out))
        n->cost += 100;
    n->live[n->live_count - 1].by = (uint8_t)node->kind;
    n->nodes++;
    return n;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* After the last unit nothing more is merged. */
static bool can_end(const cuv_wirer *w, const cuv_wstate *s)
{
    bool fits = false;
    if (w->at + 1 < w->reading->count || !w->ends->outputs_known)
        return true;
    for (size_t i = 0; i < w->ends->output_count; i++)
        fits |= cuv_flow_same(&s->live[s->live_count - 1].type, &w->ends->outputs[i]);
    return fits && cuv_count_open(s) == (int)w->ends->output_count;
}

/* The cost with what is still to come at least: tensors that are open must be merged. */
static double prospect(const cuv_wirer *w, const cuv_wstate *s)
{
    int more = cuv_count_open(s) - (int)(w->ends->outputs_known ? w->ends->output_count : 1);
    return s->cost + (more > 0 && !w->complete ? (w->attention ? .2 : .6) * more : 0);
}

typedef struct ranked { cuv_wstate *state; double cost; size_t order; } ranked;

static int by_cost(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The states of this step in the order of their costs. */
static ranked *sort_next(cuv_wirer *w)
{
    ranked *all = CUV_NEW_ARRAY(w->step, ranked, w->next_count + 1);
    if (!all) {
        failed(w);
        return NULL;
    }
    for (size_t i = 0; i < w->next_count; i++)
        all[i] = (ranked){w->next[i], prospect(w, w->next[i]), i};
    qsort(all, w->next_count, sizeof *all, by_cost);
    return all;
}

/* Too many: the cheaper half stays, and nothing dearer is made from here on. */
static void halve_next(cuv_wirer *w)
{
    ranked *all = sort_next(w);
    if (!all)
        return;
    w->next_count /= 2;
    for (size_t i = 0; i < w->next_count; i++)
        w->next[i] = all[i].state;
    w->bound = all[w->next_count].cost;
}

/* Classes that the last convolution gives at each position: their means are the output, with an activation on them. */
static const cuv_wstate *with_means(cuv_wirer *w, const cuv_wstate *s)
{
    const cuv_flow *f = &s->live[s->live_count - 1].type, *y = &w->ends->outputs[0];
    cuv_spot at = {s, s->live_count - 1, 0};
    if (w->complete || w->at + 1 < w->reading->count || !w->ends->outputs_known || w->ends->output_count != 1 || y->rank != 1 || f->rank < 2 ||
        f->at[f->rank - 1] != y->at[0] || s->live[s->live_count - 1].used)
        return NULL;
    const cuv_wstate *means = cuv_wire_on(w, &at, (cuv_rkind)((int)CUV_R_GLOBAL_AVERAGE1 + f->rank - 2), -1, y, (cuv_choice){0}, .3);
    if (!means)
        return NULL;
    cuv_rnode act = {.kind = CUV_R_ACTIVATION, .unit = -1, .in = {means->live[means->live_count - 1].id}, .in_count = 1, .out = *y, .free_act = true};
    return cuv_wire_node(w, means, &act, 0);
}

static void keep_next(cuv_wirer *w, const cuv_wstate *s)
{
    if (!s || s->cost >= 100 + s->nodes * 10 || !can_end(w, s))
        return;
    const cuv_flow *last = &s->live[s->live_count - 1].type;
    for (int i = 0; i < last->rank; i++)
        if (last->at[i] == 0)
            return;
    if (!cuv_in_reach(w, last))
        return;
    cuv_wstate **grown = cuv_arena_grow(w->step, w->next, w->next_count, &w->next_capacity, sizeof *w->next);
    if (!grown) {
        failed(w);
        return;
    }
    w->next = grown;
    w->next[w->next_count++] = (cuv_wstate *)(uintptr_t)s;
    if (w->next_count == (w->ends->narrow ? NARROW_EXPANDED : MAX_EXPANDED))
        halve_next(w);
}

void cuv_wire_emit(cuv_wirer *w, const cuv_wstate *s)
{
    const cuv_wstate *means = s ? with_means(w, s) : NULL;
    cuv_spots closed;
    keep_next(w, means ? means : s);
    if (!s || means)
        return;
    cuv_find_closings(w, s, &closed);
    for (size_t i = 0; i < closed.count; i++) {
        const cuv_wstate *c = closed.items[i].state;
        const cuv_flow *y = &w->ends->outputs[0];
        cuv_rnode act = {.kind = CUV_R_ACTIVATION, .unit = -1, .in = {c->live[c->live_count - 1].id}, .in_count = 1, .out = *y, .free_act = true};
        keep_next(w, cuv_wire_node(w, c, &act, 0));
    }
}

/* What the rest of the wiring depends on: the open tensors, and the last one. */
static uint64_t key_of(const cuv_wstate *s)
{
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < s->live_count; i++)
        if (!s->live[i].used)
            h = mix_flow(h, &s->live[i].type);
    return mix_flow(h * 31, &s->live[s->live_count - 1].type);
}

/* The nodes of a chosen state outlive the step. */
static bool keep_links(cuv_wirer *w, cuv_wstate *s)
{
    const cuv_link **at = &s->last;
    while (*at && !(*at)->kept) {
        cuv_link *copy = CUV_NEW(w->arena, cuv_link);
        if (!copy)
            return failed(w);
        *copy = **at;
        copy->kept = true;
        *at = copy;
        at = &copy->prev;
    }
    return true;
}

/* How often each key was chosen: open addressing. */
typedef struct tally { uint64_t key; size_t count; } tally;

static tally *tally_of(tally *t, size_t size, uint64_t key)
{
    size_t at = (key ^ key >> 32) % size;
    while (t[at].key && t[at].key != key)
        at = (at + 1) % size;
    t[at].key = key;
    return &t[at];
}

/* The cheapest ones, with so many of each kind that no one kind crowds out the others: of those that differ only in what the search tries
 * anyway, two; of those with the same layers on each other, few, unless the sizes must meet a Flatten; half of those with the same open tensors. */
static cuv_wstate *choose(cuv_wirer *w, size_t width, size_t *count)
{
    size_t size = 6 * w->next_count + 7, last = w->at + 1 == w->reading->count;
    ranked *all = sort_next(w);
    cuv_wstate *kept = CUV_NEW_ARRAY(w->arena, cuv_wstate, width + 1);
    tally *keys = CUV_NEW_ARRAY(w->step, tally, size);
    const size_t most[3] = {2, w->ends->trial && !last ? BONES_ON_TRIAL : w->reach || w->complete ? width : 40, last ? width : width / 2 > 8 ? width / 2 : 8};
    *count = 0;
    if (!all || !kept || !keys) {
        failed(w);
        return NULL;
    }
    for (size_t i = 0; i < w->next_count && *count < width; i++) {
        const cuv_wstate *s = all[i].state;
        uint64_t h[3] = {s->class_hash, s->bones + 1, key_of(s) + 2};
        tally *t[3];
        bool full = false;
        for (int k = 0; k < 3; k++) {
            t[k] = tally_of(keys, size, h[k]);
            full |= t[k]->count >= most[k];
        }
        for (int k = 0; k < 3 && !full; k++)
            t[k]->count++;
        if (full)
            continue;
        kept[*count] = *s;
        if (!keep_links(w, &kept[(*count)++]))
            return NULL;
    }
    return kept;
}

/* ---- the beam ---------------------------------------------------------------------------------------------------- */

static int reductions_after(const cuv_wirer *w, size_t at)
{
    int n = 0, unknown = 0;
    if (!w->complete)
        return 3;
    for (size_t i = at; i < w->reading->count; i++) {
        cuv_rkind kind = w->reading->units[i].kind;
        n += kind == CUV_R_CONCATENATE ? CUV_R_MAX_IN - 1 : cuv_rkind_traits(kind) & CUV_RT_MERGE ? 2 : 0;
        unknown += kind == CUV_R_UNKNOWN;
    }
    return n + (unknown < 3 ? 2 * unknown : unknown);        /* one may merge three */
}

/* Kernels that are not square, or pictures far from it, come with windows and strides that are not square. */
static bool is_uneven(const cuv_wirer *w)
{
    const cuv_flow *in = &w->ends->inputs[0];
    for (size_t i = 0; i < w->reading->count; i++) {
        const cuv_runit *u = &w->reading->units[i];
        if (u->count && !u->network && cuv_rkind_spatial(u->kind) == 2 && u->kernel[0] != u->kernel[1])
            return true;
    }
    return in->rank == 3 && in->at[0] > 0 && in->at[1] > 0 && (in->at[0] / 2 >= in->at[1] || in->at[1] / 2 >= in->at[0]);
}

static void look_ahead(cuv_wirer *w)
{
    w->uneven = is_uneven(w);
    for (size_t i = 0; i < w->reading->count; i++) {
        cuv_rkind kind = w->reading->units[i].kind;
        w->attention |= kind == CUV_R_ATTENTION;
        w->grows |= (cuv_rkind_traits(kind) & CUV_RT_GROWS) != 0;
    }
}

/* What stands beside each other again and again ("Conv2D, BatchNormalization") is a chain; the same layer twice where another one usually
 * follows is two branches side by side. */
static void look_beside(cuv_wirer *w)
{
    size_t pairs = 0, all = 0;
    w->strays = w->follows = 0;
    if (!w->at || w->reading->count < 8)
        return;
    const cuv_runit *u = w->reading->units;
    for (size_t i = 1; i < w->reading->count; i++) {
        bool same = u[i - 1].kind == u[w->at - 1].kind;
        all += same;
        pairs += same && u[i].kind == u[w->at].kind;
    }
    double share = (double)pairs / (double)all;
    if (share > .6 && all > 2)
        w->strays = 1;
    else if (share < .4 && u[w->at].kind == u[w->at - 1].kind)
        w->follows = .6;
}

/* ---- on samples ------------------------------------------------------------------------------------------------- */

/* Ways that no state gets along with are left out of all. */
static void leave_out(cuv_wirer *w, cuv_wstate *s)
{
    float best = INFINITY;
    for (size_t i = 0; i < CUV_WAYS; i++)
        best = w->least[i] < best ? w->least[i] : best;
    for (size_t i = 0; i < CUV_WAYS; i++)
        s->ways[i] = w->least[i] - best > TOLD_OFF / 2 || s->ways[i] - best > TOLD_OFF ? INFINITY : s->ways[i];
}

static double least_told(const cuv_wstate *s)
{
    float least = INFINITY;
    for (size_t i = 0; i < CUV_WAYS; i++)
        least = s->ways[i] < least ? s->ways[i] : least;
    return least;
}

static bool is_late(const cuv_wirer *w)
{
    return w->ends->until > 0 && cuv_effort_now(w->ends->effort) > w->ends->until;
}

/* The likeliest states, as far as samples get along with the normalisation that was placed. */
static cuv_status try_next(cuv_wirer *w)
{
    ranked *all = sort_next(w);
    size_t kept = 0, tried = 0;
    float least[CUV_WAYS];
    if (!all)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < CUV_WAYS; i++)
        least[i] = INFINITY;
    tally *seen = CUV_NEW_ARRAY(w->step, tally, 6 * w->next_count + 7);
    double best = INFINITY;
    if (!seen)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < w->next_count && tried < TRIED && all[i].cost < best + MUCH_DEARER && !(kept && is_late(w)); i++) {
        cuv_wstate *s = all[i].state;
        if (tally_of(seen, 6 * w->next_count + 7, s->class_hash)->count++)
            continue;           /* the same numbers */
        tried++;
        leave_out(w, s);
        CUV_TRY(cuv_trial_norm(w->ends->trial, w, s, s->ways));
        double told = least_told(s);
        if (told >= INFINITY)
            continue;
        s->cost += told - s->told;
        s->told = told;
        best = s->cost < best ? s->cost : best;
        w->next[kept++] = s;
        for (size_t k = 0; k < CUV_WAYS; k++)
            least[k] = s->ways[k] < least[k] ? s->ways[k] : least[k];
    }
    w->next_count = 0;
    for (size_t i = 0; i < kept; i++)
        if (w->next[i]->cost < best + MUCH_DEARER)
            w->next[w->next_count++] = w->next[i];
    memcpy(w->least, least, sizeof least);
    return CUV_OK;
}

static cuv_status place_unit(cuv_wirer *w, size_t width, cuv_wstate **states, size_t *count)
{
    const cuv_runit *u = &w->reading->units[w->at];
    bool merge = cuv_rkind_traits(u->kind) & CUV_RT_MERGE;
    w->reductions = reductions_after(w, w->at + !merge);
    look_beside(w);
    w->next = NULL;
    w->next_count = w->next_capacity = 0;
    w->bound = INFINITY;
    for (size_t i = 0; i < *count && w->status == CUV_OK; i++) {
        cuv_wire_unit(w, &(*states)[i], u);
        CUV_TRY(cuv_check_time(w->cx));
    }
    CUV_TRY(w->status);
    if (w->ends->trial && u->kind == CUV_R_BATCH_NORM)
        CUV_TRY(try_next(w));
    *states = choose(w, width, count);
    return w->status;
}

static cuv_status grow(cuv_wirer *w, cuv_wstate **states, size_t *count)
{
    size_t n = w->reading->count, width = w->ends->trial ? ON_TRIAL : w->ends->narrow ? NARROW : w->complete ? 800 : n < 8 ? 3000 : n > 30 ? 800 : 24000 / n;
    for (w->at = 0; w->at < n && *count; w->at++) {
        cuv_status status = place_unit(w, width, states, count);
        cuv_arena_free(w->step);
        w->step = cuv_arena_new(w->cx);
        CUV_TRY(status);
        if (!w->step)
            return cuv_oom(w->cx);
        if (*count && w->ends->reached && *w->ends->reached < w->at + 1)
            *w->ends->reached = w->at + 1;
        if (is_late(w))
            *count = 0;
    }
    return CUV_OK;
}

cuv_status cuv_wire(cuv_context *cx, cuv_arena *arena, const cuv_reading *reading, const cuv_ends *ends, bool complete, size_t most,
                    cuv_structure **out, size_t *count)
{
    cuv_wirer w = {.cx = cx, .arena = arena, .reading = reading, .ends = ends, .complete = complete, .step = cuv_arena_new(cx)};
    cuv_wstate first = {.habits = {.added = -1}}, *states = &first;
    size_t n = 1;
    *out = NULL;
    *count = 0;
    if (!w.step)
        return cuv_oom(cx);
    for (size_t i = 0; i < CUV_WAYS; i++)
        first.ways[i] = w.least[i] = (float)cuv_way_of(i).cost;
    for (size_t i = 0; i < ends->input_count; i++)
        (void)add_live(&first, -(int32_t)i - 1, 0, &ends->inputs[i]);
    look_ahead(&w);
    cuv_status status = cuv_find_reach(&w);
    if (status == CUV_OK)
        status = grow(&w, &states, &n);
    if (status == CUV_OK && reading->count)
        status = cuv_wire_finish(&w, states, n, most, out, count);
    cuv_arena_free(w.step);
    return status;
}
