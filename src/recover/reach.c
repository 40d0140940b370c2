/* Spatial sizes that lead from the input to the first Flatten, or to an output that has sizes: forward over every window, stride and padding,
 * backward from the number of values that the Dense layer takes, or from the output's size. Exact, so that no right path is lost to a beam
 * (5.5 of the study). */
#include "recover/wiring.h"

#include <stdlib.h>

enum { MAX_SIZES = 1024 };

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(int32_t[3]));
}

static bool has(const cuv_sizes *s, const int32_t *at)
{
    return s->count && bsearch(at, s->at, s->count, sizeof *s->at, compare);
}

static void unique(cuv_sizes *s)
{
    size_t n = 0;
    if (s->count)
        qsort(s->at, s->count, sizeof *s->at, compare);
    for (size_t i = 0; i < s->count; i++)
        if (!n || compare(s->at[n - 1], s->at[i]))
            memmove(s->at[n++], s->at[i], sizeof *s->at);
    s->count = n;
}

static void add(cuv_sizes *s, const int32_t *at)
{
    if (s->count == 16 * MAX_SIZES)
        unique(s);
    if (s->count < 16 * MAX_SIZES)
        memcpy(s->at[s->count++], at, sizeof *s->at);
}

static void moved(const int32_t *from, int rank, const int64_t *window, int dilation, int stride, int stride2, int pad, int32_t *to)
{
    for (int i = 0; i < 3; i++)
        to[i] = i < rank ? cuv_window_size(from[i], (window[i] - 1) * dilation + 1, i == 1 ? stride2 : stride, pad) : 0;
}

static bool fine(const int32_t *at, int rank)
{
    for (int i = 0; i < rank; i++)
        if (at[i] < 1)
            return false;
    return true;
}

static void add_pools(const cuv_wirer *w, cuv_sizes *to, const int32_t *from, int rank)
{
    add(to, from);
    for (size_t i = 0; i < (w->uneven && rank == 2 ? (size_t)CUV_POOLS_ALL : CUV_POOLS); i++) {
        const struct cuv_pool *p = &cuv_pools[i];
        const int64_t window[3] = {p->window, rank == 2 ? p->window2 : p->window, p->window};
        int32_t at[3];
        moved(from, rank, window, 1, p->stride, i < CUV_POOLS ? p->stride : p->window2, p->pad, at);
        if (fine(at, rank))
            add(to, at);
    }
}

static void add_doubled(cuv_sizes *to, const int32_t *from, int rank)
{
    int32_t at[3] = {0};
    for (int i = 0; i < rank; i++)
        at[i] = from[i] > 1 << 20 ? from[i] : 2 * from[i];
    add(to, at);
}

static void add_grown(cuv_sizes *to, const int32_t *from, int rank, const cuv_runit *u)
{
    for (int stride = 1; stride <= cuv_most_stride(u); stride++)
        for (int pad = CUV_PAD_VALID; pad <= CUV_PAD_SAME; pad++) {
            int32_t at[3] = {0};
            for (int i = 0; i < rank; i++)
                at[i] = cuv_grown_size(from[i], u->kernel[i], stride, pad);
            if (fine(at, rank))
                add(to, at);
        }
}

/* All sizes after the unit from one size before it. */
static void step_from(const cuv_wirer *w, const cuv_runit *u, const int32_t *from, int rank, cuv_sizes *pooled, cuv_sizes *to)
{
    unsigned traits = cuv_rkind_traits(u->kind);
    bool conv = traits & CUV_RT_CONV, pool = traits & CUV_RT_POOL, grows = traits & CUV_RT_GROWS;
    pooled->count = to->count = 0;
    if (pool && u->count == 0) {        /* over all positions */
        const int32_t one[3] = {1, rank > 1, rank > 2};
        add(pooled, one);
    }
    if (pool || (!w->complete && u->count && (traits & (CUV_RT_CONV | CUV_RT_NORM | CUV_RT_LINEAR))))
        add_pools(w, pooled, from, rank);
    else
        add(pooled, from);
    if (w->to_output && (u->count ? !w->complete : grows))
        add_doubled(pooled, from, rank);
    for (size_t i = 0; i < pooled->count; i++) {
        if (conv && grows) {
            add_grown(to, pooled->at[i], rank, u);
            continue;
        }
        if (!conv) {
            add(to, pooled->at[i]);
            continue;
        }
        for (int stride = 1; stride <= cuv_most_stride(u); stride++)
            for (int dilation = 1; dilation <= (rank == 1 && stride == 1 ? 4 : 1); dilation++)
                for (int pad = CUV_PAD_VALID; pad <= CUV_PAD_SAME; pad++) {
                    int32_t at[3];
                    moved(pooled->at[i], rank, u->kernel, dilation, stride, stride, pad, at);
                    if (fine(at, rank))
                        add(to, at);
                }
        for (int k = 0; w->uneven && rank == 2 && k < CUV_UNEVEN; k++)
            for (int pad = CUV_PAD_VALID; pad <= CUV_PAD_SAME; pad++) {
                int32_t at[3];
                moved(pooled->at[i], rank, u->kernel, 1, cuv_uneven[k][0], cuv_uneven[k][1], pad, at);
                if (fine(at, rank))
                    add(to, at);
            }
    }
    unique(to);
}

/* Layers after which sizes are not what windows make of them. */
static bool changes_shape(const cuv_runit *u)
{
    return u->network || u->kind == CUV_R_PAD2 || u->kind == CUV_R_CROP2 || u->kind == CUV_R_RESHAPE || u->kind == CUV_R_REPEAT ||
           u->kind == CUV_R_PERMUTE || u->kind == CUV_R_UNKNOWN || u->kind == CUV_R_ATTENTION || u->kind == CUV_R_EMBEDDING ||
           u->kind == CUV_R_POSITION;
}

/* The Dense layer that a Flatten stands before, and how many sizes it takes; false: none, or it cannot be told. */
static bool find_end(const cuv_wirer *w, size_t *end, int64_t *product)
{
    int64_t channels = w->ends->inputs[0].at[w->ends->inputs[0].rank - 1];
    bool flattened = false;
    for (size_t i = 0; i < w->reading->count; i++) {
        const cuv_runit *u = &w->reading->units[i];
        unsigned traits = cuv_rkind_traits(u->kind);
        if (changes_shape(u) || u->kind == CUV_R_CONCATENATE || traits & (CUV_RT_GROWS | CUV_RT_RECURRENT | CUV_RT_GLOBAL))
            return false;
        if (u->kind == CUV_R_DENSE) {
            *end = i;
            *product = channels > 0 && u->in % channels == 0 ? u->in / channels : 0;
            return (u->in != channels || flattened) && *product > 0;
        }
        flattened |= u->kind == CUV_R_FLATTEN;
        if (u->count)
            channels = u->out;
    }
    return false;
}

/* Is there one output with sizes, and nothing between that could lose them? Then the last unit gives it. */
static bool ends_in_sizes(const cuv_wirer *w)
{
    const cuv_ends *e = w->ends;
    if (!w->reading->count || !e->outputs_known || e->output_count != 1 || e->outputs[0].rank != e->inputs[0].rank)
        return false;
    int64_t channels = e->inputs[0].at[e->inputs[0].rank - 1];
    for (size_t i = 0; i < w->reading->count; i++) {
        const cuv_runit *u = &w->reading->units[i];
        if (changes_shape(u) || u->kind == CUV_R_FLATTEN || cuv_rkind_traits(u->kind) & (CUV_RT_RECURRENT | CUV_RT_GLOBAL) ||
            (u->count && cuv_rkind_spatial(u->kind) && cuv_rkind_spatial(u->kind) != e->inputs[0].rank - 1) ||
            (u->kind == CUV_R_DENSE && u->in != channels))      /* flattened before it */
            return false;
        channels = u->count ? u->out : channels;
    }
    return true;
}

/* Does this size end well? */
static bool ends_well(const cuv_wirer *w, const int32_t *at, int rank, int64_t product)
{
    int64_t n = 1;
    bool same = true, fits = true;
    for (int i = 0; i < rank; i++) {
        same &= at[i] == w->ends->outputs[0].at[i];
        fits = fits && cuv_mul_i64(n, at[i], &n);
    }
    return w->to_output ? same : fits && n == product;
}

static cuv_status copy(cuv_wirer *w, const cuv_sizes *from, cuv_sizes *to)
{
    to->at = cuv_arena_calloc(w->arena, from->count + 1, sizeof *to->at);
    if (!to->at)
        return cuv_oom(w->cx);
    to->count = from->count;
    memcpy(to->at, from->at, from->count * sizeof *to->at);
    return CUV_OK;
}

typedef struct room { cuv_sizes pooled, to, all; } room;

static cuv_status forward(cuv_wirer *w, size_t end, int rank, room *r, cuv_sizes *sets, bool *whole)
{
    int32_t first[3] = {0};
    for (int i = 0; i < rank; i++)
        first[i] = w->ends->inputs[0].at[i];
    cuv_sizes start = {&first, 1};
    const cuv_sizes *from = &start;
    for (size_t i = 0; i <= end; i++) {
        r->all.count = 0;
        for (size_t k = 0; k < from->count; k++) {
            step_from(w, &w->reading->units[i], from->at[k], rank, &r->pooled, &r->to);
            for (size_t j = 0; j < r->to.count; j++)
                add(&r->all, r->to.at[j]);
        }
        unique(&r->all);
        *whole = r->all.count <= MAX_SIZES;
        if (!*whole)
            return CUV_OK;
        CUV_TRY(copy(w, &r->all, &sets[i]));
        from = &sets[i];
        CUV_TRY(cuv_check_time(w->cx));
    }
    return CUV_OK;
}

/* Keeps of sets[i - 1] what leads into sets[i]. */
static void backward(cuv_wirer *w, size_t end, int rank, room *r, cuv_sizes *sets)
{
    for (size_t i = end; i > 0; i--) {
        size_t kept = 0;
        for (size_t k = 0; k < sets[i - 1].count; k++) {
            bool leads = false;
            step_from(w, &w->reading->units[i], sets[i - 1].at[k], rank, &r->pooled, &r->to);
            for (size_t j = 0; j < r->to.count && !leads; j++)
                leads = has(&sets[i], r->to.at[j]);
            if (leads)
                memmove(sets[i - 1].at[kept++], sets[i - 1].at[k], sizeof *sets[i].at);
        }
        sets[i - 1].count = kept;
    }
}

cuv_status cuv_find_reach(cuv_wirer *w)
{
    size_t end;
    int64_t product = 0;
    bool whole;
    const cuv_flow *in = &w->ends->inputs[0];
    int rank = in->rank - 1;
    room r;
    if (w->ends->input_count != 1 || rank < 1 || rank > 3 || !fine(in->at, rank))
        return CUV_OK;
    w->to_output = ends_in_sizes(w);
    end = w->reading->count - 1;
    if (!w->to_output && !find_end(w, &end, &product))
        return CUV_OK;
    cuv_sizes *sets = CUV_NEW_ARRAY(w->arena, cuv_sizes, end + 1);
    for (cuv_sizes *s = &r.pooled; s <= &r.all; s++)
        *s = (cuv_sizes){cuv_arena_calloc(w->step, 16 * MAX_SIZES, sizeof *s->at), 0};
    if (!sets || !r.pooled.at || !r.to.at || !r.all.at)
        return cuv_oom(w->cx);
    CUV_TRY(forward(w, end, rank, &r, sets, &whole));
    if (!whole)
        return CUV_OK;
    size_t kept = 0;
    for (size_t k = 0; k < sets[end].count; k++)
        if (ends_well(w, sets[end].at[k], rank, product))
            memmove(sets[end].at[kept++], sets[end].at[k], sizeof *sets->at);
    sets[end].count = kept;
    if (!kept)
        return CUV_OK;          /* then the Flatten is not what it seems: branches were joined before it */
    backward(w, end, rank, &r, sets);
    w->reach = sets;
    w->reach_end = end;
    return CUV_OK;
}

bool cuv_in_reach(const cuv_wirer *w, const cuv_flow *f)
{
    int32_t at[3] = {0};
    if (!w->reach || w->at >= w->reach_end || f->rank < 2)
        return true;
    for (int i = 0; i + 1 < f->rank; i++)
        at[i] = f->at[i];
    return has(&w->reach[w->at], at);
}
