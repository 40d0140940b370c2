/* The ways to put one layer on top of a wiring: which tensor it takes, what may stand between, and the choices that change sizes. */
#include "recover/network.h"
#include "recover/wiring.h"

static const cuv_flow *flow(const cuv_spot *p)
{
    return &p->state->live[p->at].type;
}

static int32_t id(const cuv_spot *p)
{
    return p->state->live[p->at].id;
}

static void add_spot(cuv_spots *to, const cuv_wstate *s, int at, double cost)
{
    if (s && to->count < MAX_SPOTS)
        to->items[to->count++] = (cuv_spot){s, at, cost};
}

/* The tensor that was made last. */
static void add_last(cuv_spots *to, const cuv_wstate *s)
{
    if (s)
        add_spot(to, s, s->live_count - 1, 0);
}

static bool wanted(const cuv_want *want, const cuv_flow *f)
{
    return f->rank >= want->low && f->rank <= want->high && f->tokens == want->tokens &&
           (want->channels < 0 || f->at[f->rank - 1] == want->channels);
}

static cuv_rnode node_of(cuv_rkind kind, int32_t unit, const cuv_spot *p, const cuv_flow *out)
{
    cuv_rnode n = {.kind = kind, .unit = unit, .in = {id(p)}, .in_count = 1, .out = *out};
    n.out.tokens = false;
    return n;
}

/* One more layer on a spot. */
static const cuv_wstate *on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, int32_t unit, const cuv_flow *out, cuv_choice choice, double cost)
{
    cuv_rnode n = node_of(kind, unit, p, out);
    n.choice = choice;
    return cuv_wire_node(w, p->state, &n, p->cost + cost);
}

static void emit_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, const cuv_flow *out, cuv_choice choice, double cost)
{
    cuv_wire_emit(w, on(w, p, kind, (int32_t)w->at, out, choice, cost));
}

static int count_open(const cuv_wstate *s)
{
    int n = 0;
    for (int i = 0; i < s->live_count; i++)
        n += !s->live[i].used;
    return n;
}

/* Number of values; -1 when a size is unknown or there are too many. */
static int64_t values_of(const cuv_flow *f)
{
    int64_t n = 1;
    for (int k = 0; k < f->rank; k++)
        n = n < 0 || f->at[k] < 0 || n > INT32_MAX ? -1 : n * f->at[k];
    return n;
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
        for (int k = 0; k < last; k++)
            if (in[i]->at[k] != in[0]->at[k])
                return false;
        if (kind != CUV_R_CONCATENATE && in[i]->at[last] != in[0]->at[last])
            return false;
        if (kind == CUV_R_CONCATENATE && i > 0)
            out->at[last] += in[i]->at[last];
    }
    if (kind == CUV_R_DOT)
        *out = (cuv_flow){.rank = 1, .at = {1}};
    return kind != CUV_R_DOT || in[0]->rank == 1;
}

static void merge(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const int *at, int n, double cost, const cuv_want *want, cuv_spots *to)
{
    const cuv_flow *in[CUV_R_MAX_IN];
    cuv_rnode node = {.kind = kind, .unit = w->complete ? (int32_t)w->at : -1, .in_count = n};
    for (int i = 0; i < n; i++) {
        in[i] = &s->live[at[i]].type;
        node.in[i] = s->live[at[i]].id;
    }
    if (to->count < MAX_SPOTS && cuv_merged(kind, in, n, &node.out) && (!want || wanted(want, &node.out)))
        add_last(to, cuv_wire_node(w, s, &node, cost));
}

static void concatenations(cuv_wirer *w, const cuv_wstate *s, const int *open, int count, const cuv_want *want, cuv_spots *to)
{
    for (int k = 2; k <= 3 && k <= count; k++) {
        int forth[3], back[3];
        for (int i = 0; i < k; i++)
            forth[i] = back[k - 1 - i] = open[count - k + i];
        merge(w, s, CUV_R_CONCATENATE, forth, k, count == k ? .5 : 1.2, want, to);
        merge(w, s, CUV_R_CONCATENATE, back, k, count == k ? .6 : 1.3, want, to);
    }
    for (int i = s->live_count - 2; count && i >= 0; i--)
        if (s->live[i].used) {
            merge(w, s, CUV_R_CONCATENATE, (int[]){open[count - 1], i}, 2, 1.3, want, to);
            merge(w, s, CUV_R_CONCATENATE, (int[]){i, open[count - 1]}, 2, 1.4, want, to);
        }
}

/* The last open tensor with others of its shape, the nearest first. */
static void sums(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const int *open, int count, const cuv_want *want, cuv_spots *to)
{
    int last = count ? open[count - 1] : 0, seen = 0;
    for (int i = s->live_count - 1; count && i >= 0 && seen < 4; i--) {
        if (i == last || s->live[i].type.tokens || !cuv_flow_same(&s->live[i].type, &s->live[last].type))
            continue;
        double cost = (kind == CUV_R_ADD ? w->attention ? .15 : .9 : 1.6) - (s->live[i].used ? 0 : .3) + .25 * seen++;
        merge(w, s, kind, (int[]){i, last}, 2, cost, want, to);
        if (kind == CUV_R_SUBTRACT)
            merge(w, s, kind, (int[]){last, i}, 2, cost + .3, want, to);
    }
    if (kind == CUV_R_ADD && count >= 3)
        merge(w, s, kind, &open[count - 3], 3, 1.2, want, to);
}

static void merges_of(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, const cuv_want *want, cuv_spots *to)
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

/* Tensors that fit, the last one first; with `merging`, merges that give one that fits, where the carrier lists no merges. */
static void sources(cuv_wirer *w, const cuv_wstate *s, const cuv_want *want, bool merging, size_t most, cuv_spots *to)
{
    int open = count_open(s), oldest = 0;
    size_t outputs = w->ends->outputs_known ? w->ends->output_count : 1, first = to->count;
    while (oldest < s->live_count && (s->live[oldest].used || !wanted(want, &s->live[oldest].type)))
        oldest++;
    for (int used = 0; used < 2; used++)        /* what waits for a reader comes first */
        for (int r = 0; r < s->live_count && to->count - first < most; r++) {
            const cuv_live *l = &s->live[s->live_count - 1 - r];
            bool queue = w->complete && s->live_count - 1 - r == oldest;    /* branches side by side are listed in turn */
            if (l->used != used || !wanted(want, &l->type) || (used && open + 1 - w->reductions > (int)outputs))
                continue;
            double again = w->complete && 2 * open <= w->reductions ? .25 : 1;     /* a listed merge waits for another branch */
            add_spot(to, s, s->live_count - 1 - r, r == 0 ? 0 : queue ? .1 : !used ? .35 : again + .1 * (r < 6 ? r : 6));
        }
    if (!merging || w->complete || s->live_count < 2)
        return;
    merges_of(w, s, CUV_R_ADD, want, to);
    merges_of(w, s, CUV_R_CONCATENATE, want, to);
    if (open == 2)
        merges_of(w, s, CUV_R_MULTIPLY, want, to);
}

static cuv_rkind with_rank(cuv_rkind first, int rank)
{
    return (cuv_rkind)((int)first + rank - 1);
}

const struct cuv_pool cuv_pools[CUV_POOLS] = {{2, 2, CUV_PAD_VALID, 0}, {2, 2, CUV_PAD_SAME, 1}, {3, 3, CUV_PAD_VALID, 1},
    {3, 2, CUV_PAD_VALID, 1}, {3, 2, CUV_PAD_SAME, 1}, {3, 3, CUV_PAD_SAME, 2}, {4, 4, CUV_PAD_VALID, 1.8}};

static bool pooled(const cuv_flow *f, size_t pool, cuv_flow *out)
{
    bool differs = cuv_pools[pool].pad == CUV_PAD_VALID || cuv_pools[pool].window != cuv_pools[pool].stride;
    *out = *f;
    for (int i = 0; i + 1 < f->rank; i++) {
        if (f->at[i] == 1)
            return false;
        out->at[i] = cuv_window_size(f->at[i], cuv_pools[pool].window, cuv_pools[pool].stride, cuv_pools[pool].pad);
        differs |= f->at[i] < 0 || out->at[i] != cuv_window_size(f->at[i], cuv_pools[pool].window, cuv_pools[pool].stride, CUV_PAD_VALID);
        if (out->at[i] == 0)
            return false;
    }
    return differs;
}

static cuv_choice pool_choice(size_t pool)
{
    return (cuv_choice){.pool = (uint8_t)cuv_pools[pool].window, .stride = (uint8_t)cuv_pools[pool].stride, .pad = (uint8_t)cuv_pools[pool].pad};
}

static bool grows_to_output(const cuv_wirer *w, const cuv_flow *f)
{
    return w->ends->outputs_known && f->rank == 3 && w->ends->outputs[0].rank == 3;
}

/* After an UpSampling. */
static cuv_flow doubled(const cuv_flow *f)
{
    cuv_flow out = *f;
    for (int i = 0; i + 1 < f->rank; i++)
        out.at[i] = f->at[i] < 0 || f->at[i] > 1 << 20 ? -1 : 2 * f->at[i];
    return out;
}

/* The spot itself, and with a pool on it where the carrier lists no pools. */
static void with_pools(cuv_wirer *w, const cuv_spot *p, cuv_spots *to)
{
    const cuv_flow *f = flow(p);
    add_spot(to, p->state, p->at, p->cost);
    if (w->complete || f->rank < 2 || f->tokens || (f->rank == 2 && w->attention))
        return;
    for (size_t i = 0; i < (f->rank == 2 ? (size_t)CUV_POOLS_1D : CUV_POOLS); i++) {
        cuv_flow out;
        if (pooled(f, i, &out))
            add_last(to, on(w, p, with_rank(CUV_R_MAX_POOL1, f->rank - 1), -1, &out, pool_choice(i), (f->rank == 3 ? .9 : 1) + cuv_pools[i].cost));
    }
    if (grows_to_output(w, f)) {
        cuv_flow out = doubled(f);
        add_last(to, on(w, p, CUV_R_UPSAMPLING2, -1, &out, (cuv_choice){0}, 1));
    }
}

/* ---- layers with weights --------------------------------------------------------------------------------------------------- */

static int32_t transposed_size(int32_t size, int64_t kernel, int stride, int pad)
{
    int64_t more = kernel > stride ? kernel - stride : 0;
    return size < 0 ? -1 : (int32_t)((int64_t)size * stride + (pad == CUV_PAD_SAME ? 0 : more));
}

static double cost_of_conv(const cuv_runit *u, cuv_choice c)
{
    bool grows = cuv_rkind_traits(u->kind) & CUV_RT_GROWS;
    double cost = c.pad == CUV_PAD_VALID ? .5 : c.pad == CUV_PAD_SAME ? .4 : .9;
    double two = u->out > u->in && u->in > 4 ? 1 : 1.6;     /* more channels on fewer positions: usual */
    cost += grows ? (c.stride == 1 ? .5 : c.stride > 2 ? 2.5 : 0) : c.stride == 1 ? 0 : c.stride == 2 ? two : 3;
    return cost + (grows && c.pad == CUV_PAD_VALID ? .6 : 0) + (c.dilation == 2 ? 1.6 : c.dilation > 2 ? 2.5 : 0);
}

static void conv_on(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, cuv_choice c)
{
    cuv_flow out = *flow(p);
    bool grows = cuv_rkind_traits(u->kind) & CUV_RT_GROWS, one = true;
    for (int i = 0; i + 1 < out.rank; i++) {
        int64_t kernel = (u->kernel[i] - 1) * c.dilation + 1;
        one &= u->kernel[i] == 1;
        if (out.at[i] > 1 << 24 || kernel > 1 << 24)
            return;
        out.at[i] = grows ? transposed_size(out.at[i], kernel, c.stride, c.pad) : cuv_window_size(out.at[i], kernel, c.stride, c.pad);
        if (out.at[i] == 0)
            return;
    }
    out.at[out.rank - 1] = (int32_t)u->out;
    if (!one || (c.pad == CUV_PAD_SAME && c.dilation == 1))
        emit_on(w, p, u->kind, &out, c, cost_of_conv(u, c));
}

static void place_conv(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    int rank = cuv_rkind_spatial(u->kind);
    cuv_want want = {rank + 1, rank + 1, u->in, false};
    cuv_spots at = {.count = 0}, each;
    bool one = u->kind == CUV_R_CONV1;
    sources(w, s, &want, true, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            for (int stride = 1; stride <= cuv_most_stride(u); stride++)
                for (int dilation = 1; dilation <= (one && stride == 1 ? 4 : 1); dilation += dilation)
                    for (int pad = CUV_PAD_VALID; pad <= (one ? CUV_PAD_CAUSAL : CUV_PAD_SAME); pad++)
                        conv_on(w, &each.items[k], u, (cuv_choice){.stride = (uint8_t)stride, .pad = (uint8_t)pad,
                                                                   .dilation = (uint8_t)dilation});
    }
}

static void recurrent_on(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, int merge_mode)
{
    static const double costs[] = {0, 1.5, 1.9, 2.2};
    int64_t out = u->kind == CUV_R_BIDIRECTIONAL && merge_mode ? u->out / 2 : u->out;
    for (int sequences = 1; sequences >= 0; sequences--) {
        cuv_flow f = *flow(p);
        if (!sequences)
            f.rank = 1;
        f.at[f.rank - 1] = (int32_t)out;
        emit_on(w, p, u->kind, &f, (cuv_choice){.sequences = (uint8_t)sequences, .merge = (uint8_t)merge_mode, .act = CUV_A_TANH},
                costs[merge_mode] + (sequences ? .5 : .2));
    }
}

static void place_recurrent(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {2, 2, u->in, false};
    cuv_spots at = {.count = 0}, each;
    sources(w, s, &want, false, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            for (int m = 0; m < (u->kind == CUV_R_BIDIRECTIONAL ? 4 : 1); m++)
                recurrent_on(w, &each.items[k], u, m);
    }
}

static void place_norm(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {1, 4, u->in, false}, any = {2, 4, -1, false};
    cuv_spots at = {.count = 0}, each;
    sources(w, s, &want, true, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            emit_on(w, &each.items[k], u->kind, flow(&each.items[k]), (cuv_choice){0}, k ? .8 : 0);
    }
    if (w->complete)
        return;
    at.count = 0;
    sources(w, s, &any, false, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        const cuv_flow *f = flow(&at.items[i]);
        cuv_flow flat = {.rank = 1, .at = {(int32_t)u->in}};
        cuv_spots one = {.count = 0};
        if (values_of(f) == u->in && f->at[f->rank - 1] != u->in)
            add_last(&one, on(w, &at.items[i], CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, 1));
        if (one.count)
            emit_on(w, &one.items[0], u->kind, &flat, (cuv_choice){0}, 0);
    }
}

/* To one axis, by Flatten or over all positions. */
static void dense_after(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, bool pooled_before)
{
    const cuv_flow *f = flow(p);
    cuv_flow flat = {.rank = 1, .at = {(int32_t)u->in}}, out = {.rank = 1, .at = {(int32_t)u->out}};
    cuv_spots to = {.count = 0};
    if (values_of(f) == u->in)
        add_last(&to, on(w, p, CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, .2));
    if (f->at[f->rank - 1] == u->in) {
        add_last(&to, on(w, p, with_rank(CUV_R_GLOBAL_AVERAGE1, f->rank - 1), -1, &flat, (cuv_choice){0}, pooled_before ? .5 : .4));
        add_last(&to, on(w, p, with_rank(CUV_R_GLOBAL_MAX1, f->rank - 1), -1, &flat, (cuv_choice){0}, 1.6));
    }
    for (size_t i = 0; i < to.count; i++)
        emit_on(w, &to.items[i], CUV_R_DENSE, &out, (cuv_choice){0}, 0);
}

static void place_dense(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want direct = {1, 4, u->in, false}, spread = {2, 4, -1, false};
    cuv_spots at = {.count = 0}, each;
    sources(w, s, &direct, true, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        cuv_flow out = *flow(&at.items[i]);
        int rank = out.rank;
        out.at[rank - 1] = (int32_t)u->out;
        emit_on(w, &at.items[i], CUV_R_DENSE, &out, (cuv_choice){0}, rank == 1 || w->attention ? 0 : rank == 2 ? .9 : 2);
    }
    if (w->complete)
        return;
    at.count = 0;
    sources(w, s, &spread, true, 3, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            dense_after(w, &each.items[k], u, k > 0);
    }
}

static void place_embedding(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {1, 1, -1, true};
    cuv_spots at = {.count = 0};
    sources(w, s, &want, false, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        cuv_flow out = {.rank = 2, .at = {flow(&at.items[i])->at[0], (int32_t)u->out}};
        emit_on(w, &at.items[i], CUV_R_EMBEDDING, &out, (cuv_choice){0}, 0);
    }
}

static void place_attention(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {2, 2, u->in, false};
    cuv_spots at = {.count = 0};
    sources(w, s, &want, true, 6, &at);
    for (size_t i = 0; i < at.count; i++)
        for (int causal = 0; causal < 2; causal++) {
            cuv_flow out = *flow(&at.items[i]);
            out.at[1] = (int32_t)u->out;
            cuv_rnode n = node_of(CUV_R_ATTENTION, (int32_t)w->at, &at.items[i], &out);
            n.in[1] = n.in[0];
            n.in_count = 2;
            n.choice.causal = (uint8_t)causal;
            cuv_wire_emit(w, cuv_wire_node(w, at.items[i].state, &n, at.items[i].cost + 1.2 * causal));
        }
}

/* A known network, as one layer. */
static void place_network(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    const cuv_net *net = u->network->net;
    cuv_want want = {3, 3, u->in, false};
    cuv_spots at = {.count = 0};
    cuv_flow *flows = CUV_NEW_ARRAY(w->step, cuv_flow, net->count + 1);
    if (!flows) {
        w->status = cuv_oom(w->cx);
        return;
    }
    sources(w, s, &want, false, 6, &at);
    for (size_t i = 0; i < at.count; i++)
        if (cuv_net_flows(net, flow(&at.items[i]), flows))
            emit_on(w, &at.items[i], u->kind, &flows[net->output], (cuv_choice){0}, 0);
}

static bool prelu_fits(const cuv_runit *u, const cuv_flow *f)
{
    const cuv_tensor *t = u->tensors[0].tensor;
    bool fits = t->rank == f->rank;
    for (int i = 0; fits && i < t->rank; i++)
        fits = t->shape[i] == f->at[i] || (t->shape[i] == 1 && i + 1 < t->rank);
    return fits;
}

static void place_prelu(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {1, 4, u->in, false};
    cuv_spots at = {.count = 0};
    sources(w, s, &want, false, 2, &at);
    for (size_t i = 0; i < at.count; i++)
        if (prelu_fits(u, flow(&at.items[i])))
            emit_on(w, &at.items[i], CUV_R_PRELU, flow(&at.items[i]), (cuv_choice){0}, 0);
}

/* ---- layers without ----------------------------------------------------------------------------------------------------------- */

static void listed_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost)
{
    const cuv_flow *f = flow(p);
    unsigned traits = cuv_rkind_traits(kind);
    cuv_flow out = *f;
    cuv_choice none = {0};
    int64_t n = values_of(f);
    if (traits & CUV_RT_POOL) {
        for (size_t i = 0; f->rank == cuv_rkind_spatial(kind) + 1 && i < CUV_POOLS; i++)
            if (pooled(f, i, &out))
                emit_on(w, p, kind, &out, pool_choice(i), cost + cuv_pools[i].cost);
        return;
    }
    if (traits & CUV_RT_GLOBAL || kind == CUV_R_FLATTEN) {
        bool global = traits & CUV_RT_GLOBAL;
        if ((global && f->rank != cuv_rkind_spatial(kind) + 1) || n > INT32_MAX)
            return;
        out = (cuv_flow){.rank = 1, .at = {global ? f->at[f->rank - 1] : (int32_t)n}};
    } else if (traits & CUV_RT_GROWS) {
        if (f->rank != cuv_rkind_spatial(kind) + 1)
            return;
        out = doubled(f);
    }
    emit_on(w, p, kind, &out, none, cost);
}

static void place_listed(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, double cost)
{
    cuv_want want = {1, 4, -1, false};
    cuv_spots at = {.count = 0};
    if (cuv_rkind_traits(kind) & CUV_RT_MERGE) {
        merges_of(w, s, kind, NULL, &at);
        for (size_t i = 0; i < at.count && i < 16; i++) {
            cuv_wstate *m = CUV_NEW(w->step, cuv_wstate);
            if (!m) {
                w->status = cuv_oom(w->cx);
                return;
            }
            *m = *at.items[i].state;
            m->cost = s->cost + (m->cost - s->cost) * .3 + cost;
            cuv_wire_emit(w, m);
        }
        return;
    }
    sources(w, s, &want, false, 3, &at);
    for (size_t i = 0; i < at.count; i++)
        listed_on(w, &at.items[i], kind, cost);
}

static void place_unknown(cuv_wirer *w, const cuv_wstate *s)
{
    static const struct { cuv_rkind kind; double cost; } guesses[] = {
        {CUV_R_REST, .5}, {CUV_R_ACTIVATION, .5}, {CUV_R_FLATTEN, .6}, {CUV_R_MAX_POOL2, .7}, {CUV_R_ADD, .8}, {CUV_R_CONCATENATE, .8},
        {CUV_R_GLOBAL_AVERAGE2, .9}, {CUV_R_MAX_POOL1, 1.0}, {CUV_R_GLOBAL_AVERAGE1, 1.1}, {CUV_R_AVERAGE_POOL2, 1.8},
        {CUV_R_GLOBAL_MAX1, 2}, {CUV_R_GLOBAL_MAX2, 2}, {CUV_R_AVERAGE_POOL1, 2}, {CUV_R_UPSAMPLING2, 2}, {CUV_R_SUBTRACT, 2},
        {CUV_R_MULTIPLY, 2}, {CUV_R_MAXIMUM, 2.5}, {CUV_R_AVERAGE, 2.5}, {CUV_R_DOT, 2.5}};
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++)
        place_listed(w, s, guesses[i].kind, guesses[i].cost);
}

void cuv_wire_unit(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    unsigned traits = cuv_rkind_traits(u->kind);
    if (u->kind == CUV_R_UNKNOWN)
        place_unknown(w, s);
    else if (u->network)
        place_network(w, s, u);
    else if (!u->count)
        place_listed(w, s, u->kind, 0);
    else if (traits & CUV_RT_CONV)
        place_conv(w, s, u);
    else if (traits & CUV_RT_RECURRENT)
        place_recurrent(w, s, u);
    else if (traits & CUV_RT_NORM)
        place_norm(w, s, u);
    else if (u->kind == CUV_R_DENSE)
        place_dense(w, s, u);
    else if (u->kind == CUV_R_EMBEDDING)
        place_embedding(w, s, u);
    else if (u->kind == CUV_R_ATTENTION)
        place_attention(w, s, u);
    else if (u->kind == CUV_R_PRELU)
        place_prelu(w, s, u);
}
