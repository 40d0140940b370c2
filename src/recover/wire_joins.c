/* Ends of branches that no weight shows: what is made flat on each before they are joined, and what comes after the last layer of weights. */
#include "recover/wiring.h"

enum { FINISHERS = 5, MOST_JOINED = CUV_R_MAX_IN };

static int64_t values_of(const cuv_flow *f)
{
    int64_t n = 1;
    for (int k = 0; k < f->rank; k++)
        n = n < 0 || f->at[k] < 0 || n > INT32_MAX ? -1 : n * f->at[k];
    return n;
}

/* Tensors that nobody has read, in their order, those that are inputs behind; 0: too many, or one of them is a word number. */
static int open_tensors(const cuv_wstate *s, int open[MOST_JOINED])
{
    int count = 0;
    for (int inputs = 0; inputs < 2; inputs++)
        for (int i = 0; i < s->live_count; i++) {
            if (s->live[i].used || (s->live[i].id < 0) != inputs)
                continue;
            if (count == MOST_JOINED || s->live[i].type.tokens)
                return 0;
            open[count++] = i;
        }
    return count;
}

/* How the end of each branch is made flat: 0: maxima of all positions, 1: means, 2: Flatten, from 3: a pool and a Flatten. */
static bool flattened(const cuv_wirer *w, const cuv_flow *f, int way, cuv_flow *pooled, int64_t *channels)
{
    *pooled = *f;
    *channels = f->at[f->rank - 1];
    if (f->rank == 1 || way < 2)
        return f->rank == 1 || f->rank <= 4;
    if (way > 2 && ((size_t)(way - 3) >= cuv_pool_count(w, f->rank) || !cuv_pooled(f, (size_t)(way - 3), pooled)))
        return false;
    *channels = values_of(pooled);
    return *channels > 0 && *channels <= INT32_MAX;
}

static const cuv_wstate *flatten_one(cuv_wirer *w, const cuv_wstate *s, int at, int way)
{
    const cuv_flow *f = &s->live[at].type;
    cuv_flow pooled;
    int64_t channels;
    cuv_spot p = {s, at, 0};
    if (f->rank == 1 || !flattened(w, f, way, &pooled, &channels))
        return f->rank == 1 ? s : NULL;
    cuv_flow flat = {.rank = 1, .at = {(int32_t)channels}};
    cuv_rkind means = (cuv_rkind)((int)(way ? CUV_R_GLOBAL_AVERAGE1 : CUV_R_GLOBAL_MAX1) + f->rank - 2);
    if (way < 2)
        return cuv_wire_on(w, &p, means, -1, &flat, (cuv_choice){0}, .1);
    if (way > 2) {
        cuv_rkind pool = (cuv_rkind)((int)CUV_R_MAX_POOL1 + f->rank - 2);
        const cuv_wstate *smaller = cuv_wire_on(w, &p, pool, -1, &pooled, cuv_pool_choice((size_t)(way - 3)), .2);
        p = (cuv_spot){smaller, smaller ? smaller->live_count - 1 : 0, 0};
    }
    return p.state ? cuv_wire_on(w, &p, CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, .1) : NULL;
}

/* The branches, each made flat in that way, one behind the other. */
static void join(cuv_wirer *w, const cuv_wstate *s, const int *open, int count, int way, cuv_spots *to)
{
    int32_t ids[MOST_JOINED];
    cuv_rnode node = {.kind = CUV_R_CONCATENATE, .unit = -1, .in_count = count, .out = {.rank = 1}};
    for (int i = 0; i < count; i++)
        ids[i] = s->live[open[i]].id;
    for (int i = 0; i < count; i++) {
        int at = 0;
        while (at < s->live_count && s->live[at].id != ids[i])
            at++;
        if (at == s->live_count)
            return;
        bool flat = s->live[at].type.rank == 1;
        s = flatten_one(w, s, at, way);
        if (!s)
            return;
        const cuv_live *end = &s->live[flat ? at : s->live_count - 1];
        node.in[i] = end->id;
        node.out.at[0] += end->type.at[0];
    }
    static const double costs[3] = {.4, .7, .5};
    cuv_add_last(to, cuv_wire_node(w, s, &node, way < 3 ? costs[way] : .9));
}

void cuv_add_joined(cuv_wirer *w, const cuv_wstate *s, int64_t wanted, cuv_spots *to)
{
    int open[MOST_JOINED], count = open_tensors(s, open);
    if (w->complete || count < 2)
        return;
    for (int way = 0; way < FINISHERS; way++) {
        int64_t all = 0;
        bool fits = true, any = false;
        for (int i = 0; i < count && fits; i++) {
            cuv_flow pooled;
            int64_t channels = 0;
            fits = flattened(w, &s->live[open[i]].type, way, &pooled, &channels) && cuv_add_i64(all, channels, &all);
            any = any || s->live[open[i]].type.rank > 1;
        }
        if (fits && any && all == wanted)
            join(w, s, open, count, way, to);
    }
}

/* ---- after the last layer of weights ------------------------------------------------------------------------------ */

/* Two tensors, or all, as one that has the output's shape. */
static void close_by_merging(cuv_wirer *w, const cuv_wstate *s, const cuv_flow *y, cuv_spots *to)
{
    static const cuv_rkind kinds[] = {CUV_R_ADD, CUV_R_CONCATENATE, CUV_R_MULTIPLY, CUV_R_DOT, CUV_R_SUBTRACT};
    cuv_want want = {y->rank, y->rank, y->at[y->rank - 1], false};
    cuv_spots found = {.count = 0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        cuv_find_merges(w, s, kinds[i], &want, &found);
    for (size_t i = 0; i < found.count; i++) {
        const cuv_wstate *m = found.items[i].state;
        if (cuv_flow_same(&m->live[m->live_count - 1].type, y) && cuv_count_open(m) == 1)
            cuv_add_last(to, m);
    }
}

/* The numbers of the last tensor in the output's shape: so many steps of so many numbers each. */
static void close_by_reshaping(cuv_wirer *w, const cuv_wstate *s, const cuv_flow *y, cuv_spots *to)
{
    const cuv_live *last = &s->live[s->live_count - 1];
    cuv_spot at = {s, s->live_count - 1, 0};
    if (!last->used && cuv_count_open(s) == 1 && last->type.rank == 1 && y->rank > 1 && y->rank <= 3 && values_of(&last->type) == values_of(y))
        cuv_add_last(to, cuv_wire_on(w, &at, CUV_R_RESHAPE, -1, y, (cuv_choice){0}, .5));
}

void cuv_find_closings(cuv_wirer *w, const cuv_wstate *s, cuv_spots *to)
{
    const cuv_ends *e = w->ends;
    to->count = 0;
    if (w->complete || w->at + 1 < w->reading->count || !e->outputs_known || e->output_count != 1 || !s->live_count)
        return;
    const cuv_flow *y = &e->outputs[0];
    if (cuv_count_open(s) >= 2 && s->live_count >= 2)
        close_by_merging(w, s, y, to);
    close_by_reshaping(w, s, y, to);
}
