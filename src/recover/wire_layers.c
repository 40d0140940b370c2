/* The ways to put one layer on top of a wiring: which tensor it takes, what may stand between, and the choices that change sizes. */
#include "recover/network.h"
#include "recover/wiring.h"

static void emit_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, const cuv_flow *out, cuv_choice choice, double cost)
{
    cuv_wire_emit(w, cuv_wire_on(w, p, kind, (int32_t)w->at, out, choice, cost));
}

/* Number of values; -1 when a size is unknown or there are too many. */
static int64_t values_of(const cuv_flow *f)
{
    int64_t n = 1;
    for (int k = 0; k < f->rank; k++)
        n = n < 0 || f->at[k] < 0 || n > INT32_MAX ? -1 : n * f->at[k];
    return n;
}

static cuv_rkind with_rank(cuv_rkind first, int rank)
{
    return (cuv_rkind)((int)first + rank - 1);
}

const struct cuv_pool cuv_pools[CUV_POOLS_ALL] = {{2, 2, CUV_PAD_VALID, 0, 2}, {2, 2, CUV_PAD_SAME, 1, 2}, {3, 3, CUV_PAD_VALID, 1, 3},
    {3, 2, CUV_PAD_VALID, 1, 3}, {3, 2, CUV_PAD_SAME, 1, 3}, {3, 3, CUV_PAD_SAME, 2, 3}, {4, 4, CUV_PAD_VALID, 1.8, 4},
    {1, 1, CUV_PAD_VALID, .5, 2}, {2, 2, CUV_PAD_VALID, .5, 1}, {1, 1, CUV_PAD_VALID, 1, 3}, {3, 3, CUV_PAD_VALID, 1, 1},
    {1, 1, CUV_PAD_VALID, 1, 4}, {4, 4, CUV_PAD_VALID, 1, 1}};
const uint8_t cuv_uneven[CUV_UNEVEN][2] = {{1, 2}, {2, 1}};

size_t cuv_pool_count(const cuv_wirer *w, int rank)
{
    return rank == 2 ? CUV_POOLS_1D : w->uneven && rank == 3 ? CUV_POOLS_ALL : CUV_POOLS;
}

cuv_choice cuv_pool_choice(size_t pool)
{
    const struct cuv_pool *p = &cuv_pools[pool];
    bool uneven = pool >= CUV_POOLS;        /* those move by their window */
    return (cuv_choice){.pool = (uint8_t)p->window, .stride = (uint8_t)p->stride, .pad = (uint8_t)p->pad,
                        .pool2 = (uint8_t)(uneven ? p->window2 : 0), .stride2 = (uint8_t)(uneven ? p->window2 : 0)};
}

bool cuv_pooled(const cuv_flow *f, size_t pool, cuv_flow *out)
{
    cuv_choice c = cuv_pool_choice(pool);
    bool differs = c.pad == CUV_PAD_VALID || c.pool != c.stride;
    *out = *f;
    for (int i = 0; i + 1 < f->rank; i++) {
        int window = cuv_window_of(&c, i), stride = cuv_stride_of(&c, i);
        if (f->at[i] == 1 && window > 1)
            return false;
        out->at[i] = cuv_window_size(f->at[i], window, stride, c.pad);
        differs |= f->at[i] < 0 || out->at[i] != cuv_window_size(f->at[i], window, stride, CUV_PAD_VALID);
        if (out->at[i] == 0)
            return false;
    }
    return differs;
}

/* The spot itself, and with a pool on it where the carrier lists no pools. */
static void with_pools(cuv_wirer *w, const cuv_spot *p, cuv_spots *to)
{
    const cuv_flow *f = cuv_spot_flow(p);
    cuv_add_spot(to, p->state, p->at, p->cost);
    if (w->complete || f->rank < 2 || f->tokens || (f->rank == 2 && w->attention))
        return;
    for (size_t i = 0; i < cuv_pool_count(w, f->rank); i++) {
        cuv_flow out;
        if (cuv_pooled(f, i, &out))
            cuv_add_last(to, cuv_wire_on(w, p, with_rank(CUV_R_MAX_POOL1, f->rank - 1), -1, &out, cuv_pool_choice(i),
                            cuv_cost_of_pool(&p->state->habits, i, cuv_spot_id(p) < 0 ? 2.5 : cuv_is_widening(&w->reading->units[w->at]) ? .65 : 1)));
    }
    if (cuv_grows_to_output(w, f))
        cuv_add_last(to, cuv_wire_upsampled(w, p));
}

/* ---- layers with weights --------------------------------------------------------------------------------------------------- */

/* Does a branch beside have this size already? Then the stride is no choice. */
static bool meets_open(const cuv_spot *p, const cuv_flow *out)
{
    for (int i = 0; i < p->state->live_count; i++)
        if (i != p->at && !p->state->live[i].used && cuv_flow_same(&p->state->live[i].type, out))
            return true;
    return false;
}

static double cost_of_conv(const cuv_spot *p, const cuv_runit *u, cuv_choice c, const cuv_flow *out, bool one)
{
    const cuv_habits *h = &p->state->habits;
    bool grows = cuv_rkind_traits(u->kind) & CUV_RT_GROWS;
    double cost = one ? 0 : cuv_cost_of_padding(h, c.pad);
    cost += grows ? (c.stride == 1 ? (u->in >= 2 * u->out ? 1.5 : .5) : c.stride > 2 ? 2.5 : 0) : meets_open(p, out) ? 0 : cuv_cost_of_stride(h, u, c.stride2 > c.stride ? c.stride2 : c.stride);
    return cost + (c.stride2 ? 1 : 0) + (grows && c.pad == CUV_PAD_VALID ? .6 : 0) + (c.dilation == 2 ? 1.6 : c.dilation > 2 ? 2.5 : 0);
}

static void conv_on(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, cuv_choice c)
{
    cuv_flow out = *cuv_spot_flow(p);
    bool grows = cuv_rkind_traits(u->kind) & CUV_RT_GROWS, one = true;
    for (int i = 0; i + 1 < out.rank; i++) {
        int64_t kernel = (u->kernel[i] - 1) * c.dilation + 1;
        one &= u->kernel[i] == 1;
        if (out.at[i] > 1 << 24 || kernel > 1 << 24)
            return;
        int stride = cuv_stride_of(&c, i);
        out.at[i] = grows ? cuv_grown_size(out.at[i], kernel, stride, c.pad) : cuv_window_size(out.at[i], kernel, stride, c.pad);
        if (out.at[i] == 0)
            return;
    }
    out.at[out.rank - 1] = (int32_t)u->out;
    if (!one || (c.pad == CUV_PAD_SAME && c.dilation == 1))
        emit_on(w, p, u->kind, &out, c, cost_of_conv(p, u, c, &out, one) + cuv_cost_of_plainness(w, p->state, u, c.stride > 1, cuv_spot_id(p)));
}

static void conv_with_pads(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, cuv_choice c)
{
    for (int pad = CUV_PAD_VALID; pad <= (u->kind == CUV_R_CONV1 ? CUV_PAD_CAUSAL : CUV_PAD_SAME); pad++) {
        c.pad = (uint8_t)pad;
        conv_on(w, p, u, c);
    }
}

/* With every stride, dilation and padding. */
static void conv_each(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u)
{
    int spatial = cuv_rkind_spatial(u->kind);
    for (int stride = 1; stride <= cuv_most_stride(u); stride++)
        for (int dilation = 1; dilation <= (spatial == 1 && stride == 1 ? 4 : 1); dilation += dilation)
            conv_with_pads(w, p, u, (cuv_choice){.stride = (uint8_t)stride, .dilation = (uint8_t)dilation});
    for (int i = 0; w->uneven && spatial == 2 && i < CUV_UNEVEN; i++)
        conv_with_pads(w, p, u, (cuv_choice){.stride = cuv_uneven[i][0], .stride2 = cuv_uneven[i][1], .dilation = 1});
}

static void place_conv(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    int rank = cuv_rkind_spatial(u->kind);
    cuv_want want = {rank + 1, rank + 1, u->in, false};
    cuv_spots at = {.count = 0}, each;
    cuv_find_sources(w, s, &want, true, 6, &at);
    cuv_add_reshaped(w, s, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        cuv_add_squeezed(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            conv_each(w, &each.items[k], u);
    }
}

static void recurrent_on(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, int merge_mode)
{
    static const double costs[] = {0, 1.5, 1.9, 2.2};
    int64_t out = u->kind == CUV_R_BIDIRECTIONAL && merge_mode ? u->out / 2 : u->out;
    for (int sequences = 1; sequences >= 0; sequences--) {
        cuv_flow f = *cuv_spot_flow(p);
        if (!sequences)
            f.rank = 1;
        f.at[f.rank - 1] = (int32_t)out;
        emit_on(w, p, u->kind, &f, (cuv_choice){.sequences = (uint8_t)sequences, .merge = (uint8_t)merge_mode, .act = CUV_A_TANH},
                costs[merge_mode] + (sequences ? .5 : .2));
    }
}

/* Pictures or sequences in a row: each becomes one that has as many channels as the layer has filters. */
static void place_conv_lstm(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    int spatial = cuv_rkind_spatial(u->kind);
    cuv_want want = {spatial + 2, spatial + 2, u->in, false};
    cuv_spots at = {.count = 0}, each;
    cuv_find_sources(w, s, &want, true, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < 4 * each.count; k++) {
            const cuv_flow *f = cuv_spot_flow(&each.items[k / 4]);
            int pad = k & 1 ? CUV_PAD_SAME : CUV_PAD_VALID, sequences = !(k & 2);
            cuv_flow out = {.rank = spatial + 1 + sequences, .at = {f->at[0]}};
            for (int a = 0; a < spatial; a++)
                out.at[a + sequences] = cuv_window_size(f->at[a + 1], u->kernel[a], 1, pad);
            out.at[out.rank - 1] = (int32_t)u->out;
            emit_on(w, &each.items[k / 4], u->kind, &out, (cuv_choice){.sequences = (uint8_t)sequences, .pad = (uint8_t)pad, .act = CUV_A_TANH},
                    (pad == CUV_PAD_SAME ? .3 : .5) + (sequences ? .4 : .2));
        }
    }
}

/* A decoder begins with the states of an encoder that is as wide. */
static void stated_on(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u)
{
    const cuv_wstate *s = p->state;
    for (int i = 0; i < s->live_count; i++) {
        const cuv_live *l = &s->live[i];
        if (i == p->at || l->by != u->kind || u->kind == CUV_R_BIDIRECTIONAL || l->id < 0 || l->type.at[l->type.rank - 1] != u->out)
            continue;
        for (int sequences = 1; sequences >= 0; sequences--) {
            cuv_flow out = *cuv_spot_flow(p);
            out.rank = 1 + sequences;
            out.at[sequences] = (int32_t)u->out;
            cuv_rnode n = cuv_node_on(u->kind, (int32_t)w->at, p, &out);
            n.in[1] = l->id;
            n.in_count = 2;
            n.stated = true;
            n.choice = (cuv_choice){.sequences = (uint8_t)sequences, .act = CUV_A_TANH};
            cuv_wire_emit(w, cuv_wire_node(w, s, &n, p->cost + (l->used ? .9 : .3) + (sequences ? 0 : 1)));
        }
    }
}

static void place_recurrent(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {2, 2, u->in, false};
    cuv_spots at = {.count = 0}, each;
    cuv_find_sources(w, s, &want, false, 6, &at);
    cuv_add_reshaped(w, s, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            for (int m = 0; m < (u->kind == CUV_R_BIDIRECTIONAL ? 4 : 1); m++)
                recurrent_on(w, &each.items[k], u, m);
        stated_on(w, &at.items[i], u);
    }
}

static void place_norm(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {1, 4, u->in, false}, any = {2, 4, -1, false};
    cuv_spots at = {.count = 0}, each;
    cuv_find_sources(w, s, &want, true, 6, &at);
    cuv_add_reshaped(w, s, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            emit_on(w, &each.items[k], u->kind, cuv_spot_flow(&each.items[k]), (cuv_choice){0}, k ? .8 : 0);
    }
    if (w->complete)
        return;
    at.count = 0;
    cuv_find_sources(w, s, &any, false, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        const cuv_flow *f = cuv_spot_flow(&at.items[i]);
        cuv_flow flat = {.rank = 1, .at = {(int32_t)u->in}};
        cuv_spots one = {.count = 0};
        if (values_of(f) == u->in && f->at[f->rank - 1] != u->in)
            cuv_add_last(&one, cuv_wire_on(w, &at.items[i], CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, 1));
        if (one.count)
            emit_on(w, &one.items[0], u->kind, &flat, (cuv_choice){0}, 0);
    }
}

/* To one axis, by Flatten or over all positions. */
static void dense_after(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u, bool pooled_before)
{
    const cuv_flow *f = cuv_spot_flow(p);
    cuv_flow flat = {.rank = 1, .at = {(int32_t)u->in}}, out = {.rank = 1, .at = {(int32_t)u->out}};
    cuv_spots to = {.count = 0};
    if (values_of(f) == u->in)
        cuv_add_last(&to, cuv_wire_on(w, p, CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, .2));
    if (f->at[f->rank - 1] == u->in) {
        cuv_add_last(&to, cuv_wire_on(w, p, with_rank(CUV_R_GLOBAL_AVERAGE1, f->rank - 1), -1, &flat, (cuv_choice){0}, pooled_before ? .5 : .4));
        cuv_add_last(&to, cuv_wire_on(w, p, with_rank(CUV_R_GLOBAL_MAX1, f->rank - 1), -1, &flat, (cuv_choice){0}, 1.6));
    }
    for (size_t i = 0; i < to.count; i++)
        emit_on(w, &to.items[i], CUV_R_DENSE, &out, (cuv_choice){0}, 0);
}

/* Dense on squares of a picture, one after the other: how vision transformers begin. */
static void dense_on_patches(cuv_wirer *w, const cuv_spot *p, const cuv_runit *u)
{
    const cuv_flow *f = cuv_spot_flow(p);
    int32_t side = 2, channels = f->at[f->rank - 1];
    if (w->complete || f->rank != 3 || channels < 1 || u->in % channels)
        return;
    while ((int64_t)side * side * channels < u->in)
        side++;
    if ((int64_t)side * side * channels != u->in || f->at[0] % side || f->at[1] % side || f->at[0] / side < 2)
        return;
    cuv_flow rows = {.rank = 2, .at = {f->at[0] / side * (f->at[1] / side), (int32_t)u->in}}, out = rows;
    const cuv_wstate *cut = cuv_wire_on(w, p, CUV_R_PATCHES, -1, &rows, (cuv_choice){.pool = (uint8_t)side}, w->attention ? .3 : 2.5);
    if (!cut || side > UINT8_MAX)
        return;
    cuv_spot at = {cut, cut->live_count - 1, 0};
    out.at[1] = (int32_t)u->out;
    emit_on(w, &at, CUV_R_DENSE, &out, (cuv_choice){0}, 0);
}

static void place_dense(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want direct = {1, 4, u->in, false}, spread = {2, 4, -1, false};
    cuv_spots at = {.count = 0}, each;
    cuv_find_sources(w, s, &direct, true, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        cuv_flow out = *cuv_spot_flow(&at.items[i]);
        int rank = out.rank;
        out.at[rank - 1] = (int32_t)u->out;
        emit_on(w, &at.items[i], CUV_R_DENSE, &out, (cuv_choice){0}, rank == 1 || w->attention ? 0 : rank == 2 ? .9 : 2);
    }
    if (w->complete)
        return;
    at.count = 0;
    cuv_find_sources(w, s, &spread, true, 3, &at);
    for (size_t i = 0; i < at.count; i++) {
        each.count = 0;
        with_pools(w, &at.items[i], &each);
        for (size_t k = 0; k < each.count; k++)
            dense_after(w, &each.items[k], u, k > 0);
        if (at.items[i].cost < 1)
            dense_on_patches(w, &at.items[i], u);
    }
    at.count = 0;
    cuv_add_joined(w, s, u->in, &at);
    for (size_t i = 0; i < at.count; i++)
        emit_on(w, &at.items[i], CUV_R_DENSE, &(cuv_flow){.rank = 1, .at = {(int32_t)u->out}}, (cuv_choice){0}, 0);
}

static void place_embedding(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {1, 1, -1, true};
    cuv_spots at = {.count = 0};
    cuv_find_sources(w, s, &want, false, 6, &at);
    for (size_t i = 0; i < at.count; i++) {
        cuv_flow out = {.rank = 2, .at = {cuv_spot_flow(&at.items[i])->at[0], (int32_t)u->out}}, flat = {.rank = 1, .at = {out.at[1]}};
        emit_on(w, &at.items[i], CUV_R_EMBEDDING, &out, (cuv_choice){0}, 0);
        if (w->complete || out.at[0] != 1)
            continue;
        cuv_spots one = {.count = 0};       /* one word: a category */
        cuv_add_last(&one, cuv_wire_on(w, &at.items[i], CUV_R_EMBEDDING, (int32_t)w->at, &out, (cuv_choice){0}, 0));
        cuv_wire_emit(w, one.count ? cuv_wire_on(w, &one.items[0], CUV_R_FLATTEN, -1, &flat, (cuv_choice){0}, -.1) : NULL);
    }
}

/* Rows that are added to the steps of a sequence, which may be a picture's positions. */
static void place_position(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {2, 3, u->in, false};
    cuv_spots at = {.count = 0};
    cuv_find_sources(w, s, &want, false, 3, &at);
    for (size_t i = 0; i < at.count; i++) {
        const cuv_flow *f = cuv_spot_flow(&at.items[i]);
        cuv_flow out = {.rank = 2, .at = {(int32_t)u->kernel[0], (int32_t)u->in}};
        cuv_spots to = {.count = 0};
        if (f->rank == 2)
            cuv_add_spot(&to, at.items[i].state, at.items[i].at, at.items[i].cost);
        else if (values_of(f) == u->kernel[0] * u->in && !w->complete)
            cuv_add_last(&to, cuv_wire_on(w, &at.items[i], CUV_R_RESHAPE, -1, &out, (cuv_choice){0}, .2));
        if (to.count && cuv_spot_flow(&to.items[0])->at[0] == u->kernel[0])
            emit_on(w, &to.items[0], u->kind, &out, (cuv_choice){0}, 0);
    }
}

static void place_attention(cuv_wirer *w, const cuv_wstate *s, const cuv_runit *u)
{
    cuv_want want = {2, 2, u->in, false};
    cuv_spots at = {.count = 0};
    cuv_find_sources(w, s, &want, true, 6, &at);
    for (size_t i = 0; i < at.count; i++)
        for (int causal = 0; causal < 2; causal++) {
            cuv_flow out = *cuv_spot_flow(&at.items[i]);
            out.at[1] = (int32_t)u->out;
            cuv_rnode n = cuv_node_on(CUV_R_ATTENTION, (int32_t)w->at, &at.items[i], &out);
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
    cuv_find_sources(w, s, &want, false, 6, &at);
    for (size_t i = 0; i < at.count; i++)
        if (cuv_net_flows(net, cuv_spot_flow(&at.items[i]), flows))
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
    cuv_find_sources(w, s, &want, false, 2, &at);
    for (size_t i = 0; i < at.count; i++)
        if (prelu_fits(u, cuv_spot_flow(&at.items[i])))
            emit_on(w, &at.items[i], CUV_R_PRELU, cuv_spot_flow(&at.items[i]), (cuv_choice){0}, 0);
}

/* ---- layers without ----------------------------------------------------------------------------------------------------------- */

/* Listed pools over all positions ("AveragePooling2D(8)" before a Flatten), and those that keep the size (of Inception). */
static void whole_pool_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost)
{
    const cuv_flow *f = cuv_spot_flow(p);
    cuv_flow one = *f;
    int32_t side = f->at[0];
    bool even = f->rank == cuv_rkind_spatial(kind) + 1;
    for (int i = 0; i + 1 < f->rank; i++) {
        even = even && f->at[i] == side;
        one.at[i] = 1;
    }
    if (even && side > 4 && side < 256)
        emit_on(w, p, kind, &one, (cuv_choice){.pool = (uint8_t)side, .stride = (uint8_t)side, .pad = CUV_PAD_VALID}, cost + .8);
    if (f->rank == 3 && f->at[1] == 1 && side > 4 && side < 256 && cuv_rkind_spatial(kind) == 2)     /* all words of a text */
        emit_on(w, p, kind, &one, (cuv_choice){.pool = (uint8_t)side, .pool2 = 1, .stride = (uint8_t)side, .stride2 = 1}, cost + .4);
    if (f->rank == cuv_rkind_spatial(kind) + 1)
        emit_on(w, p, kind, f, (cuv_choice){.pool = 3, .stride = 1, .pad = CUV_PAD_SAME}, cost + 1.2);
}

static void listed_on(cuv_wirer *w, const cuv_spot *p, cuv_rkind kind, double cost)
{
    const cuv_flow *f = cuv_spot_flow(p);
    unsigned traits = cuv_rkind_traits(kind);
    cuv_flow out = *f;
    cuv_choice none = {0};
    int64_t n = values_of(f);
    if (traits & CUV_RT_POOL) {
        whole_pool_on(w, p, kind, cost);
        for (size_t i = 0; f->rank == cuv_rkind_spatial(kind) + 1 && i < (w->uneven && f->rank == 3 ? (size_t)CUV_POOLS_ALL : CUV_POOLS); i++)
            if (cuv_pooled(f, i, &out))
                emit_on(w, p, kind, &out, cuv_pool_choice(i), cost + cuv_cost_of_listed_pool(&p->state->habits, i));
        return;
    }
    if (cuv_wire_shape(w, p, kind, cost))
        return;
    if (kind == CUV_R_FLATTEN && f->rank == 1 && w->reading->units[w->at].kind == CUV_R_UNKNOWN)
        return;
    if (traits & CUV_RT_GLOBAL || kind == CUV_R_FLATTEN) {
        bool global = traits & CUV_RT_GLOBAL;
        if ((global && f->rank != cuv_rkind_spatial(kind) + 1) || n > INT32_MAX)
            return;
        out = (cuv_flow){.rank = 1, .at = {global ? f->at[f->rank - 1] : (int32_t)n}};
    } else if (traits & CUV_RT_GROWS) {
        if (f->rank != cuv_rkind_spatial(kind) + 1)
            return;
        out = cuv_doubled(f);
    }
    emit_on(w, p, kind, &out, none, cost);
}

static void place_listed(cuv_wirer *w, const cuv_wstate *s, cuv_rkind kind, double cost)
{
    cuv_want want = {1, 4, -1, false};
    cuv_spots at = {.count = 0};
    if (cuv_rkind_traits(kind) & CUV_RT_MERGE) {
        cuv_find_merges(w, s, kind, NULL, &at);
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
    cuv_find_sources(w, s, &want, false, 3, &at);
    for (size_t i = 0; i < at.count; i++)
        listed_on(w, &at.items[i], kind, cost);
}

/* What a name of somebody's own says: "maxpool_1", "pad1", "encoder_flat". */
static bool name_tells(const char *name, cuv_rkind *out, size_t most, size_t *count)
{
    static const struct { const char *word; cuv_rkind kinds[3]; } words[] = {
        {"globalaveragepool", {CUV_R_GLOBAL_AVERAGE2, CUV_R_GLOBAL_AVERAGE1}}, {"gap", {CUV_R_GLOBAL_AVERAGE2, CUV_R_GLOBAL_AVERAGE1}},
        {"avgpool", {CUV_R_AVERAGE_POOL2, CUV_R_AVERAGE_POOL1, CUV_R_GLOBAL_AVERAGE2}}, {"pool", {CUV_R_MAX_POOL2, CUV_R_MAX_POOL1, CUV_R_AVERAGE_POOL2}},
        {"relu", {CUV_R_ACTIVATION}}, {"softmax", {CUV_R_ACTIVATION}}, {"sigmoid", {CUV_R_ACTIVATION}}, {"tanh", {CUV_R_ACTIVATION}},
        {"act", {CUV_R_ACTIVATION}}, {"flat", {CUV_R_FLATTEN}}, {"reshape", {CUV_R_RESHAPE}}, {"concat", {CUV_R_CONCATENATE}},
        {"merge", {CUV_R_CONCATENATE, CUV_R_ADD}}, {"drop", {CUV_R_REST}}, {"noise", {CUV_R_REST}}, {"upsampl", {CUV_R_UPSAMPLING2, CUV_R_UPSAMPLING1}},
        {"pad", {CUV_R_PAD2}}, {"crop", {CUV_R_CROP2}}, {"add", {CUV_R_ADD}}, {"sum", {CUV_R_ADD}}, {"residual", {CUV_R_ADD}},
        {"shortcut", {CUV_R_ADD}}, {"repeat", {CUV_R_REPEAT}}, {"permute", {CUV_R_PERMUTE}}, {"multiply", {CUV_R_MULTIPLY}},
        {"norm", {CUV_R_RESCALE, CUV_R_REST}}, {"scal", {CUV_R_RESCALE}}};
    char lower[96];
    size_t n = 0;
    for (; name && name[n] && n + 1 < sizeof lower; n++)
        lower[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 32 : name[n]);
    lower[n] = '\0';
    *count = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words && !*count; i++)
        for (size_t k = 0; strstr(lower, words[i].word) && k < 3 && words[i].kinds[k] && *count < most; k++)
            out[(*count)++] = words[i].kinds[k];
    return *count > 0;
}

static void place_unknown(cuv_wirer *w, const cuv_wstate *s)
{
    static const struct { cuv_rkind kind; double cost; } guesses[] = {
        {CUV_R_REST, .5}, {CUV_R_ACTIVATION, .5}, {CUV_R_FLATTEN, .6}, {CUV_R_MAX_POOL2, .7}, {CUV_R_ADD, .8}, {CUV_R_CONCATENATE, .8},
        {CUV_R_GLOBAL_AVERAGE2, .9}, {CUV_R_MAX_POOL1, 1.0}, {CUV_R_GLOBAL_AVERAGE1, 1.1}, {CUV_R_AVERAGE_POOL2, 1.8},
        {CUV_R_GLOBAL_MAX1, 2}, {CUV_R_GLOBAL_MAX2, 2}, {CUV_R_AVERAGE_POOL1, 2}, {CUV_R_UPSAMPLING2, 2}, {CUV_R_SUBTRACT, 2},
        {CUV_R_MULTIPLY, 2}, {CUV_R_DISTANCE, 2.2}, {CUV_R_MAXIMUM, 2.5}, {CUV_R_AVERAGE, 2.5}, {CUV_R_DOT, 2.5}, {CUV_R_RESHAPE, 1}, {CUV_R_REPEAT, 1.2},
        {CUV_R_PAD2, 1.6}, {CUV_R_CROP2, 2.6}, {CUV_R_PERMUTE, 3}};
    cuv_rkind told[3];
    size_t count;
    bool begins = true, last = w->at + 1 == w->reading->count;
    for (size_t i = 0; i < w->at; i++)      /* functions before all weights: inputs are scaled there */
        begins = begins && !w->reading->units[i].count;
    bool tells = name_tells(w->reading->units[w->at].name, told, 3, &count);
    if (begins)
        place_listed(w, s, CUV_R_RESCALE, tells ? 1.5 : .8);
    for (size_t i = 0; tells && i < count; i++)
        place_listed(w, s, told[i], .05 + .2 * (double)i);
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        bool twice = guesses[i].kind == CUV_R_REST && last;     /* an activation that is none is the same */
        for (size_t k = 0; tells && k < count && !twice; k++)
            twice = told[k] == guesses[i].kind;
        if (!twice)
            place_listed(w, s, guesses[i].kind, guesses[i].cost + (tells ? 1.5 : 0));
    }
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
    else if (cuv_rkind_is_conv_lstm(u->kind))
        place_conv_lstm(w, s, u);
    else if (traits & CUV_RT_RECURRENT)
        place_recurrent(w, s, u);
    else if (traits & CUV_RT_NORM)
        place_norm(w, s, u);
    else if (u->kind == CUV_R_DENSE)
        place_dense(w, s, u);
    else if (u->kind == CUV_R_EMBEDDING)
        place_embedding(w, s, u);
    else if (u->kind == CUV_R_POSITION)
        place_position(w, s, u);
    else if (u->kind == CUV_R_ATTENTION)
        place_attention(w, s, u);
    else if (u->kind == CUV_R_PRELU)
        place_prelu(w, s, u);
}
