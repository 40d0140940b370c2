/* The choices of a structure: which nodes have one, and what it can be. */
#include "recover/search.h"

typedef struct maker {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_structure *from;
    cuv_prepared *to;
    size_t slot_capacity;
    int32_t *moved, *base;  /* nodes of `from` in `to`: with the activation put behind them, and without */
    uint16_t *readers;      /* bits by node: what reads it */
    bool attention;
} maker;

enum { READS_NORM = 1, READS_ACT = 2, READS_MERGE = 4, READS_PRELU = 8, READS_OTHER = 16, IS_OUTPUT = 32, NORM_THEN_ACT = 64, READS_CONCAT = 128, MEANS_OUT = 256, IS_SCALE = 512, POOLED_TO_MERGE = 1024,
       READS_POSITION = 2048, IS_GATED = 4096, IS_GATING = 8192 };

static const uint8_t hidden_acts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 13, 14, 15, 17, 18, 19};
static const uint8_t listed_acts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 17, 18, 19, 16};
static const uint8_t maybe_acts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17};
static const uint8_t few_acts[] = {0, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t output_acts[] = {16, 7, 0, 2, 1, 10, 11, 20, 17, 3, 4, 5, 6};
static const uint8_t scale_acts[] = {7, 17, 0, 1, 2};
static const uint8_t gated_acts[] = {2, 0, 1, 7, 3, 4}, gating_acts[] = {7, 2, 0, 1, 17};
static const uint8_t cell_acts[] = {2, 1, 7, 0, 11, 5};
static const uint8_t relus[] = {CUV_A_RELU, CUV_A_RELU6, 8, 13, 14, 15};
static const uint8_t slopes[] = {13, 8, 14, 15};

static cuv_choice_slot *add_slot(maker *m, cuv_slot_kind kind, int32_t node, size_t options)
{
    cuv_choice_slot *grown = cuv_arena_grow(m->arena, m->to->slots, m->to->count, &m->slot_capacity, sizeof *grown);
    cuv_option *o = CUV_NEW_ARRAY(m->arena, cuv_option, options + 1);
    if (!grown || !o)
        return NULL;
    m->to->slots = grown;
    grown[m->to->count] = (cuv_choice_slot){.kind = kind, .node = node, .options = o};
    return &grown[m->to->count++];
}

static bool act_slot(maker *m, cuv_slot_kind kind, int32_t node, const uint8_t *acts, size_t count, int output)
{
    cuv_choice_slot *s = add_slot(m, kind, node, count);
    const cuv_rnode *n = &m->to->s.nodes[node];
    for (size_t i = 0; s && i < count; i++) {
        s->options[i] = (cuv_option){n->kind, n->choice};
        s->options[i].choice.act = acts[i];
    }
    if (s) {
        s->count = (uint8_t)count;
        s->output = output;
    }
    return s != NULL;
}

#define ACTS(list) list, sizeof list / sizeof *list

/* Options that are the node with one field changed; the first is what it is wired with. */
static void add_option(cuv_choice_slot *s, const cuv_rnode *n, cuv_rkind kind, cuv_choice c)
{
    cuv_option o = {kind, c};
    o.choice.act = n->choice.act;
    for (size_t i = 0; i < s->count; i++)
        if (s->options[i].kind == o.kind && memcmp(&s->options[i].choice, &o.choice, sizeof o.choice) == 0)
            return;
    s->options[s->count++] = o;
}

/* The values below `count` of one field of the choice, which is at `field`: all are bytes. */
static void add_values(cuv_choice_slot *s, const cuv_rnode *n, size_t field, uint8_t count)
{
    for (uint8_t i = 0; i < count; i++) {
        cuv_choice c = n->choice;
        memcpy((char *)&c + field, &i, 1);
        add_option(s, n, n->kind, c);
    }
}

static bool values_slot(maker *m, cuv_slot_kind kind, int32_t node, size_t field, uint8_t count)
{
    cuv_choice_slot *s = add_slot(m, kind, node, count);
    if (s)
        add_values(s, &m->to->s.nodes[node], field, count);
    return s != NULL;
}

static bool window_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    const cuv_runit *u = &m->to->s.reading->units[n->unit];
    bool one = n->kind == CUV_R_CONV1, wide = u->kernel[0] > 1 || u->kernel[1] > 1 || u->kernel[2] > 1;
    cuv_choice_slot *s = add_slot(m, CUV_S_WINDOW, node, 40);
    if (!s)
        return false;
    add_option(s, n, n->kind, n->choice);
    for (int pad = CUV_PAD_SAME; n->choice.stride2 && pad >= 0; pad--)
        add_option(s, n, n->kind, (cuv_choice){.stride = n->choice.stride, .stride2 = n->choice.stride2, .pad = (uint8_t)pad, .dilation = 1});
    for (int stride = 1; stride <= cuv_most_stride(u); stride++)
        for (int dilation = 1; dilation <= (stride == 1 && wide && !(cuv_rkind_traits(n->kind) & CUV_RT_GROWS) ? one ? 8 : 2 : 1); dilation += dilation)
            for (int pad = CUV_PAD_SAME; pad >= 0; pad--) {
                cuv_choice c = {.stride = (uint8_t)stride, .pad = (uint8_t)pad, .dilation = (uint8_t)dilation};
                if (wide || pad == CUV_PAD_SAME)
                    add_option(s, n, n->kind, c);
                if (one && wide && pad == CUV_PAD_SAME) {
                    c.pad = CUV_PAD_CAUSAL;
                    add_option(s, n, n->kind, c);
                }
            }
    return true;
}

static const struct { uint8_t window, stride, pad; } pools[] = {{2, 2, 0}, {2, 2, 1}, {3, 3, 0}, {3, 2, 0}, {3, 2, 1}, {3, 3, 1}, {2, 1, 1},
                                                                {4, 4, 0}, {3, 1, 1}};

static bool pool_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_POOL, node, 40);
    int spatial = cuv_rkind_spatial(n->kind);
    cuv_rkind max = (cuv_rkind)((int)CUV_R_MAX_POOL1 + spatial - 1), average = (cuv_rkind)((int)CUV_R_AVERAGE_POOL1 + spatial - 1);
    bool free = !m->to->s.complete || m->to->s.reading->units[n->unit].kind == CUV_R_UNKNOWN;
    if (!s)
        return false;
    add_option(s, n, n->kind, n->choice);
    if (free)
        add_option(s, n, n->kind == max ? average : max, n->choice);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
            cuv_rkind kind = k ? average : max;
            if (free || kind == n->kind)
                add_option(s, n, kind, (cuv_choice){.pool = pools[i].window, .stride = pools[i].stride, .pad = pools[i].pad});
        }
    if (free)
        add_option(s, n, CUV_R_REST, (cuv_choice){0});
    return true;
}

static bool global_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_GLOBAL, node, 2);
    int spatial = cuv_rkind_spatial(n->kind);
    bool max = n->kind < CUV_R_GLOBAL_AVERAGE1;
    if (!s)
        return false;
    add_option(s, n, n->kind, n->choice);
    add_option(s, n, (cuv_rkind)((int)(max ? CUV_R_GLOBAL_AVERAGE1 : CUV_R_GLOBAL_MAX1) + spatial - 1), n->choice);
    return true;
}

static bool epsilon_slot(maker *m, int32_t node)
{
    static const uint8_t batch[] = {0, 1, 2, 3, 5}, layer[] = {0, 3, 1, 4, 5};
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_EPSILON, node, 5);
    for (size_t i = 0; s && i < 5; i++) {
        cuv_choice c = n->choice;
        c.epsilon = n->kind == CUV_R_BATCH_NORM ? batch[i] : layer[i];
        add_option(s, n, n->kind, c);
    }
    return s != NULL;
}

/* Does any layer heed masks? */
static bool heeds_masks(const cuv_structure *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->nodes[i].kind == CUV_R_POSITION)     /* a sum with what has no mask */
            return false;
    for (size_t i = 0; i < s->count; i++)
        if (cuv_rkind_traits(s->nodes[i].kind) & CUV_RT_RECURRENT || s->nodes[i].kind == CUV_R_ATTENTION || s->nodes[i].kind == CUV_R_GLOBAL_AVERAGE1)
            return true;
    return false;
}

/* Gammas and betas of a picture's or a sequence's channels: over each position, or over groups of channels. */
static bool groups_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    bool listed = n->kind == CUV_R_GROUP_NORM || m->to->s.reading->units[n->unit].class_level == CUV_CERTAIN;
    cuv_choice_slot *s = add_slot(m, CUV_S_GROUPS, node, CUV_GROUPS + 1);
    if (s && n->kind != CUV_R_GROUP_NORM)
        add_option(s, n, n->kind, n->choice);
    for (uint8_t i = 0; s && i < CUV_GROUPS && (n->kind == CUV_R_GROUP_NORM || !listed); i++) {
        cuv_choice c = n->choice;
        c.groups = i;
        if (cuv_groups[i] < 0 || n->out.at[n->out.rank - 1] % cuv_groups[i] == 0)
            add_option(s, n, CUV_R_GROUP_NORM, c);
    }
    return s != NULL;
}

static bool border_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_BORDER, node, CUV_BORDERS + 1);
    if (!s)
        return false;
    add_option(s, n, n->kind, n->choice);
    add_values(s, n, offsetof(cuv_choice, border), CUV_BORDERS);
    return true;
}

static bool mode_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_MODE, node, 4);
    if (!s)
        return false;
    add_option(s, n, n->kind, n->choice);
    for (int i = n->choice.merge ? 1 : 4; i < 4; i++) {
        cuv_choice c = n->choice;
        c.merge = (uint8_t)i;
        add_option(s, n, n->kind, c);
    }
    return true;
}

static bool causal_slot(maker *m, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    cuv_choice_slot *s = add_slot(m, CUV_S_CAUSAL, node, 2);
    cuv_choice c = n->choice;
    if (!s)
        return false;
    add_option(s, n, n->kind, c);
    c.causal = !c.causal;
    add_option(s, n, n->kind, c);
    return true;
}

/* ---- which nodes have which ------------------------------------------------------------------------------------------ */

static int output_of(const cuv_structure *s, int32_t node)
{
    for (size_t i = 0; i < s->output_count; i++)
        if (s->outputs[i] == node)
            return (int)i;
    return -1;
}

/* A normalisation that stands between a layer and its activation as a rule. */
static bool is_norm(const maker *m, const cuv_rnode *n)
{
    return n->kind == CUV_R_BATCH_NORM || (cuv_rkind_traits(n->kind) & CUV_RT_NORM && !m->attention && n->out.rank > 1);
}

/* One factor for each channel. */
static bool is_factor(const cuv_structure *s, int32_t node)
{
    const cuv_flow *f = node < 0 ? NULL : &s->nodes[node].out;
    return f && f->rank == 3 && f->at[0] == 1 && f->at[1] == 1;
}

/* A product of what two layers of weights make of one tensor. */
static bool is_gated(const cuv_structure *s, const cuv_rnode *n)
{
    bool gated = n->kind == CUV_R_MULTIPLY && n->in_count == 2;
    for (int k = 0; k < 2 && gated; k++)
        gated = n->in[k] >= 0 && cuv_rkind_traits(s->nodes[n->in[k]].kind) & CUV_RT_LINEAR;
    return gated && s->nodes[n->in[0]].in[0] == s->nodes[n->in[1]].in[0];
}

static void find_readers(maker *m)
{
    const cuv_structure *s = m->from;
    for (size_t i = 0; i < s->output_count; i++)
        m->readers[s->outputs[i]] |= IS_OUTPUT;
    for (size_t i = s->count; i-- > 0;)
        for (int k = 0; k < s->nodes[i].in_count; k++) {
            unsigned traits = cuv_rkind_traits(s->nodes[i].kind);
            uint16_t *r = s->nodes[i].in[k] >= 0 ? &m->readers[s->nodes[i].in[k]] : NULL;
            if (!r)
                continue;
            *r |= s->nodes[i].kind == CUV_R_PRELU ? READS_PRELU : traits & CUV_RT_ACTS ? READS_ACT
                : s->nodes[i].kind == CUV_R_POSITION ? READS_POSITION : s->nodes[i].kind == CUV_R_CONCATENATE ? READS_CONCAT : traits & CUV_RT_MERGE ? READS_MERGE
                : is_norm(m, &s->nodes[i]) ? READS_NORM : traits & CUV_RT_POOL && m->readers[i] == READS_MERGE ? POOLED_TO_MERGE
                : READS_OTHER;
            if (is_gated(s, &s->nodes[i]))
                *r |= k ? IS_GATING : IS_GATED;
            if (s->nodes[i].kind == CUV_R_MULTIPLY && is_factor(s, s->nodes[i].in[k]))
                *r |= IS_SCALE;
            if (s->nodes[i].kind == CUV_R_RESHAPE && m->readers[i] & IS_SCALE)
                *r |= IS_SCALE;
            if (traits & CUV_RT_GLOBAL && m->readers[i] & (IS_OUTPUT | MEANS_OUT))
                *r |= MEANS_OUT;
            if (traits & CUV_RT_ACTS && m->readers[i] & IS_OUTPUT)
                *r |= MEANS_OUT;
            if (traits & CUV_RT_RESTS)      /* what follows a Dropout follows what is before it */
                *r |= m->readers[i] & (READS_ACT | READS_MERGE | READS_CONCAT | READS_PRELU | READS_NORM);
            if (is_norm(m, &s->nodes[i]) && m->readers[i] & (READS_ACT | READS_PRELU))
                *r |= NORM_THEN_ACT;
        }
}

static bool linear_slot(maker *m, int32_t old, int32_t node)
{
    unsigned r = m->readers[old];
    bool listed = m->from->complete;
    if (r & IS_OUTPUT)
        return act_slot(m, CUV_S_OUT, node, ACTS(output_acts), output_of(m->from, old));
    if (r & READS_PRELU || (listed && r & (READS_ACT | NORM_THEN_ACT)))
        return true;        /* an activation of its own follows */
    if (r & IS_SCALE && !(listed && r & READS_ACT))
        return act_slot(m, CUV_S_CELL, node, ACTS(scale_acts), -1);
    if (r & (IS_GATED | IS_GATING) && !(r & (READS_OTHER | READS_ACT)))
        return r & IS_GATED ? act_slot(m, CUV_S_GATED, node, ACTS(gated_acts), -1) : act_slot(m, CUV_S_GATING, node, ACTS(gating_acts), -1);
    if (r & MEANS_OUT && !(r & READS_ACT))      /* classes, before their means */
        return act_slot(m, CUV_S_BEFORE_MERGE, node, ACTS(maybe_acts), -1);
    if (r & READS_POSITION)
        return act_slot(m, CUV_S_BEFORE_POSITION, node, ACTS(maybe_acts), -1);
    if (r & READS_NORM)
        return act_slot(m, CUV_S_BEFORE_NORM, node, ACTS(maybe_acts), -1);
    if (r & (READS_MERGE | READS_CONCAT) && !(r & READS_OTHER))
        return act_slot(m, r & READS_MERGE ? CUV_S_BEFORE_MERGE : CUV_S_BEFORE_CONCAT, node, ACTS(maybe_acts), -1);
    return act_slot(m, CUV_S_HIDDEN, node, ACTS(hidden_acts), -1);
}

static bool has_gates(const maker *m, const cuv_rnode *n)
{
    cuv_rkind kind = n->kind == CUV_R_BIDIRECTIONAL ? m->to->s.reading->units[n->unit].inner : n->kind;
    return kind == CUV_R_LSTM || kind == CUV_R_GRU || cuv_rkind_is_conv_lstm(kind);
}

static bool slots_of(maker *m, int32_t old, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    unsigned traits = cuv_rkind_traits(n->kind);
    bool ok = true;
    if (traits & CUV_RT_LINEAR)
        ok = linear_slot(m, old, node);
    if (cuv_rkind_is_conv_lstm(n->kind) && !m->to->rigid)
        ok = values_slot(m, CUV_S_WINDOW, node, offsetof(cuv_choice, pad), 2);
    if (traits & CUV_RT_RECURRENT)
        ok = ok && act_slot(m, CUV_S_CELL, node, ACTS(cell_acts), -1) && (n->kind == CUV_R_BIDIRECTIONAL || causal_slot(m, node)) &&
             (!has_gates(m, n) || values_slot(m, CUV_S_GATE, node, offsetof(cuv_choice, gate), CUV_GATES));
    if (n->kind == CUV_R_ACTIVATION)
        ok = m->readers[old] & IS_OUTPUT ? act_slot(m, CUV_S_OUT, node, ACTS(output_acts), output_of(m->from, old))
                                         : act_slot(m, CUV_S_ACTIVATION, node, ACTS(listed_acts), -1);
    if (n->kind == CUV_R_RELU)
        ok = act_slot(m, CUV_S_ACTIVATION, node, ACTS(relus), -1);
    if (n->kind == CUV_R_LEAKY_RELU)
        ok = act_slot(m, CUV_S_SLOPE, node, ACTS(slopes), -1);
    if (traits & CUV_RT_CONV)
        ok = ok && window_slot(m, node);
    if (traits & CUV_RT_POOL)
        ok = pool_slot(m, node);
    if (traits & CUV_RT_GLOBAL && !m->from->complete)
        ok = global_slot(m, node);
    if (traits & CUV_RT_NORM)
        ok = epsilon_slot(m, node);
    if (n->kind == CUV_R_GROUP_NORM || (n->kind == CUV_R_LAYER_NORM && n->out.rank > 1 && !m->attention))
        ok = ok && groups_slot(m, node);
    if (n->kind == CUV_R_BIDIRECTIONAL)
        ok = ok && mode_slot(m, node);
    if (n->kind == CUV_R_ATTENTION)
        ok = causal_slot(m, node);
    if (n->kind == CUV_R_EMBEDDING && heeds_masks(m->from))
        ok = values_slot(m, CUV_S_MASK, node, offsetof(cuv_choice, masks), 2);
    if (n->kind == CUV_R_RESCALE)
        ok = values_slot(m, CUV_S_SCALE, node, offsetof(cuv_choice, scale), CUV_SCALES);
    if (n->kind == CUV_R_PAD2 || n->kind == CUV_R_CROP2)
        ok = border_slot(m, node);
    return ok;
}

/* An activation of its own after a normalisation or a merge, where none is listed. */
static bool room_for_act(maker *m, int32_t old, int32_t node)
{
    const cuv_rnode *n = &m->to->s.nodes[node];
    unsigned traits = cuv_rkind_traits(n->kind), r = m->readers[old];
    bool norm = traits & CUV_RT_NORM, merge = traits & CUV_RT_MERGE;
    bool merged = r && !(r & ~(unsigned)(READS_MERGE | POOLED_TO_MERGE));
    if (m->from->complete || !(norm || merge) || r & (IS_OUTPUT | READS_PRELU) || (norm && n->kind != CUV_R_BATCH_NORM && m->attention))
        return true;
    cuv_rnode act = {.kind = CUV_R_ACTIVATION, .unit = -1, .in = {node}, .in_count = 1, .out = n->out, .free_act = true};
    int32_t at = (int32_t)m->to->s.count++;
    m->to->s.nodes[at] = act;
    m->moved[old] = at;
    if (norm)
        return !is_norm(m, n) ? act_slot(m, CUV_S_AFTER_CONCAT, at, ACTS(few_acts), -1)
             : act_slot(m, merged ? CUV_S_NORM_TO_MERGE : CUV_S_AFTER_NORM, at, ACTS(maybe_acts), -1);
    return n->kind == CUV_R_CONCATENATE ? act_slot(m, CUV_S_AFTER_CONCAT, at, ACTS(few_acts), -1)
                                        : act_slot(m, r & READS_NORM ? CUV_S_MERGE_TO_NORM : CUV_S_AFTER_MERGE, at, ACTS(maybe_acts), -1);
}

static void fixed_act(cuv_rnode *n)
{
    if (n->kind == CUV_R_RELU)
        n->choice.act = CUV_A_RELU;
    else if (n->kind == CUV_R_SOFTMAX)
        n->choice.act = CUV_A_SOFTMAX;
    else if (n->kind == CUV_R_ELU)
        n->choice.act = CUV_A_ELU;
}

/* The choices of a node count for its twin, too. */
static void tie(maker *m, size_t i)
{
    int32_t first = m->from->nodes[i].twin - 1;
    for (size_t k = 0; k < m->to->count; k++) {
        cuv_choice_slot *s = &m->to->slots[k];
        if (s->node == m->base[first] || s->node == m->moved[first])
            s->copies[s->copy_count++] = s->node == m->base[first] ? m->base[i] : m->moved[i];
    }
}

/* Does anything depend on the sizes here: a Flatten, a merge, an output? */
static bool needs_sizes(const cuv_structure *s, size_t node)
{
    const cuv_rnode *n = &s->nodes[node];
    bool merge = n->in_count > 1 && n->kind != CUV_R_ATTENTION && !n->stated, output = s->outputs[0] == (int32_t)node;
    return n->kind == CUV_R_FLATTEN || n->kind == CUV_R_RESHAPE || n->kind == CUV_R_PATCHES || n->kind == CUV_R_POSITION || ((merge || output) && n->out.rank > 1);
}

static const cuv_flow *flow_of(const cuv_structure *s, int32_t node)
{
    return node < 0 ? &s->inputs[-node - 1] : &s->nodes[node].out;
}

void cuv_find_fixed(const cuv_structure *s, uint8_t *fixed)
{
    bool after = false;
    for (size_t i = s->count; i-- > 0;) {
        cuv_rkind kind = s->nodes[i].kind;
        for (size_t k = 0; k < s->output_count; k++)
            after = after || (s->outputs[k] == (int32_t)i && s->nodes[i].out.rank > 1);
        fixed[i] = after ? CUV_FIXED_AFTER : 0;
        after = after || kind == CUV_R_FLATTEN || kind == CUV_R_RESHAPE || kind == CUV_R_PATCHES || kind == CUV_R_POSITION || kind == CUV_R_PRELU;
    }
    for (size_t b = 0; b < s->count; b++)
        for (int k = 0; k < s->nodes[b].in_count; k++)
            for (int32_t a = s->nodes[b].in[k], i = a < 0 ? 0 : a + 1; flow_of(s, a)->rank > 1 && i < (int32_t)b; i++)
                fixed[i] |= CUV_FIXED_BESIDE;
}

bool cuv_is_rigid(const cuv_structure *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (needs_sizes(s, i))
            return true;
    return false;
}

/* As many activations as every third layer of weights, at least. */
static bool lists_activations(const cuv_structure *s)
{
    size_t acts = 0, layers = 0;
    for (size_t i = 0; i < s->count; i++) {
        acts += (cuv_rkind_traits(s->nodes[i].kind) & CUV_RT_ACTS) != 0;
        layers += (cuv_rkind_traits(s->nodes[i].kind) & CUV_RT_LINEAR) != 0;
    }
    return s->complete && acts >= 3 && 3 * acts >= layers;
}

cuv_status cuv_prepare(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, cuv_prepared *out)
{
    maker m = {.cx = cx, .arena = arena, .from = s, .to = out};
    *out = (cuv_prepared){.s = *s, .least = INFINITY, .from = INFINITY, .scouted = INFINITY, .usual = CUV_ACT_COUNT, .rigid = cuv_is_rigid(s)};
    out->s.nodes = CUV_NEW_ARRAY(arena, cuv_rnode, 2 * s->count + 1);
    m.moved = CUV_NEW_ARRAY(arena, int32_t, s->count + 1);
    m.base = CUV_NEW_ARRAY(arena, int32_t, s->count + 1);
    m.readers = CUV_NEW_ARRAY(arena, uint16_t, s->count + 1);
    if (!out->s.nodes || !m.moved || !m.base || !m.readers)
        return cuv_oom(cx);
    out->s.count = 0;
    for (size_t i = 0; i < s->count; i++)
        m.attention |= s->nodes[i].kind == CUV_R_ATTENTION;
    find_readers(&m);
    for (size_t i = 0; i < s->count; i++) {
        int32_t at = (int32_t)out->s.count++;
        cuv_rnode *n = &out->s.nodes[at];
        *n = s->nodes[i];
        for (int k = 0; k < n->in_count; k++)
            n->in[k] = n->in[k] < 0 ? n->in[k] : m.moved[n->in[k]];
        m.moved[i] = m.base[i] = at;
        n->twin = n->twin ? m.base[n->twin - 1] + 1 : 0;
        fixed_act(n);
        size_t slots = out->count;
        if (!slots_of(&m, (int32_t)i, at) || !room_for_act(&m, (int32_t)i, at))
            return cuv_oom(cx);
        if (s->nodes[i].twin) {
            out->count = slots;
            tie(&m, i);
        }
    }
    for (size_t i = 0; i < out->s.output_count; i++)
        out->s.outputs[i] = m.moved[s->outputs[i]];
    out->apart = lists_activations(s);
    uint8_t *fixed = CUV_NEW_ARRAY(arena, uint8_t, out->s.count + 1);
    if (!fixed)
        return cuv_oom(cx);
    cuv_find_fixed(&out->s, fixed);
    for (size_t i = 0; i < out->count; i++) {
        out->slots[i].fixed = out->rigid && fixed[out->slots[i].node];
        out->gated |= out->slots[i].kind == CUV_S_GATED;
    }
    return CUV_OK;
}
