/* Layers whose order a writer lost by sorting their names: put into a chain in which each takes what the one before gives. Layers with
 * default names of one class keep the order of their counters. What comes out is the likeliest order, no more. */
#include "recover/carriers.h"

#include <stdlib.h>

enum { BEAM = 48, MOST_LAYERS = 400 };

/* ---- what a layer takes and gives ---- */

typedef enum role { ROLE_LAYER, ROLE_NORM, ROLE_TOKENS, ROLE_UNKNOWN } role;
typedef struct link {
    role role;
    int64_t in, out;
    bool flat;              /* takes what a flattening gives */
    const char *series;     /* class of a default name; NULL: stands for itself */
    int64_t counter;
    int after;              /* layer that the counters put before this one; -1: none */
} link;

static bool is_recurrent(const cuv_remain *l)
{
    static const char *const classes[] = {"LSTM", "GRU", "SimpleRNN", "Bidirectional"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (cuv_streq(l->class_name, classes[i]))
            return true;
    return cuv_has_weight(l->tensors, l->count, "recurrent_kernel");
}

static void read_recurrent(const cuv_remain *l, link *k)
{
    if (l->count > 1 && l->tensors[1].tensor->rank == 2)
        k->out = l->tensors[1].tensor->shape[0] * (cuv_streq(l->class_name, "Bidirectional") ? 2 : 1);
    k->flat = false;
}

static void read_kernel(const cuv_remain *l, link *k)
{
    const cuv_tensor *t = l->tensors[0].tensor;
    int64_t a = t->shape[t->rank - 2], b = t->shape[t->rank - 1];
    *k = (link){.role = ROLE_LAYER, .in = a, .out = b, .flat = t->rank == 2};
    if (l->class_name && strstr(l->class_name, "Transpose"))
        *k = (link){.role = ROLE_LAYER, .in = b, .out = a};
    else if (cuv_has_weight(l->tensors, l->count, "pointwise_kernel") && l->count > 1 && l->tensors[1].tensor->rank >= 2)
        k->out = l->tensors[1].tensor->shape[l->tensors[1].tensor->rank - 1];
    else if (cuv_has_weight(l->tensors, l->count, "depthwise_kernel"))
        k->out = cuv_mul_i64(a, b, &k->out) ? k->out : 0;
    else if (cuv_streq(l->class_name, "MultiHeadAttention"))
        k->in = k->out = t->shape[0];
    else if (is_recurrent(l))
        read_recurrent(l, k);
}

static link link_of(const cuv_class_words *words, const cuv_remain *l)
{
    link k = {.role = ROLE_UNKNOWN};
    const cuv_tensor *t = l->count ? l->tensors[0].tensor : NULL;
    bool embedding = cuv_has_weight(l->tensors, l->count, "embeddings") || cuv_streq(l->class_name, "Embedding");
    if (t && t->rank >= 2 && embedding)
        k = (link){.role = ROLE_TOKENS, .out = t->shape[t->rank - 1]};
    else if (t && t->rank >= 1 && (t->rank == 1 || cuv_has_weight(l->tensors, l->count, "alpha") || cuv_streq(l->class_name, "PReLU")))
        k = (link){.role = ROLE_NORM, .in = t->shape[t->rank - 1], .out = t->shape[t->rank - 1]};
    else if (t && t->rank >= 2)
        read_kernel(l, &k);
    k.series = cuv_class_of_name(words, l->name, &k.counter);
    return k;
}

/* ---- the search ---- */

typedef struct state {
    double cost;
    int last;               /* -1: nothing yet */
    bool waits;             /* a normalisation that fits it is still to come */
    int *order;             /* layers so far */
    uint8_t *used;
} state;

typedef struct chain {
    const link *links;
    size_t count;
    int64_t first, final;   /* channels of the input and the output; 0: unknown */
    bool tokens;            /* the input is word numbers */
} chain;

/* Does a normalisation wait that fits what this layer gives? */
static bool norm_waits(const chain *c, const state *s)
{
    for (size_t i = 0; i < c->count; i++)
        if (!s->used[i] && c->links[i].role == ROLE_NORM && c->links[i].in == c->links[s->last].out)
            return true;
    return false;
}

static double begin_cost(const chain *c, const link *next)
{
    if (next->role == ROLE_TOKENS)
        return c->first && !c->tokens ? 3 : 0;
    if (next->role == ROLE_NORM || next->role == ROLE_UNKNOWN)
        return 2;
    return c->tokens ? 3 : !c->first || next->in == c->first ? 0 : 3;
}

static double step_cost(const chain *c, const state *s, const link *next)
{
    if (s->last < 0)
        return begin_cost(c, next);
    const link *before = &c->links[s->last];
    if (next->role == ROLE_TOKENS)
        return 3;
    if (next->role == ROLE_UNKNOWN || before->role == ROLE_UNKNOWN)
        return 1;
    if (next->role == ROLE_NORM)
        return (next->in == before->out ? 0 : 4) + (before->role == ROLE_NORM ? 2 : 0);
    double wait = before->role == ROLE_LAYER && s->waits ? 0.3 : 0;
    if (next->in == before->out)
        return wait;
    return next->flat && before->out > 0 && next->in > before->out && next->in % before->out == 0 ? wait + 0.5 : wait + 3;
}

static bool is_next(const chain *c, const state *s, size_t i)
{
    return !s->used[i] && (c->links[i].after < 0 || s->used[c->links[i].after]);
}

/* Of the layers with a default name of one class, each comes after the one with the next lower counter. */
static void follow_counters(link *links, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        links[i].after = -1;
        for (size_t k = 0; links[i].series && k < count; k++)
            if (links[k].series == links[i].series && links[k].counter < links[i].counter &&
                (links[i].after < 0 || links[k].counter > links[links[i].after].counter))
                links[i].after = (int)k;
    }
}

typedef struct move { double cost; int from, layer; } move;

static int by_cost(const void *a, const void *b)
{
    const move *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->from != y->from ? x->from - y->from : x->layer - y->layer;
}

/* The same layers in another order, with the same one last: the dearer of the two is of no use. */
static bool is_known(const chain *c, const state *beam, size_t count, const state *s)
{
    for (size_t i = 0; i < count; i++)
        if (beam[i].last == s->last && !memcmp(beam[i].used, s->used, c->count))
            return true;
    return false;
}

static void advance(const chain *c, const state *from, int layer, size_t depth, double cost, state *to)
{
    memcpy(to->order, from->order, depth * sizeof(int));
    memcpy(to->used, from->used, c->count);
    to->order[depth] = layer;
    to->used[layer] = 1;
    to->last = layer;
    to->waits = norm_waits(c, to);
    to->cost = cost;
}

static size_t list_moves(const chain *c, const state *beam, size_t count, size_t depth, move *moves)
{
    size_t n = 0;
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < c->count; i++) {
            if (!is_next(c, &beam[b], i))
                continue;
            bool end = depth + 1 == c->count && c->final && c->links[i].out != c->final;
            moves[n++] = (move){beam[b].cost + step_cost(c, &beam[b], &c->links[i]) + (end ? 2 : 0), (int)b, (int)i};
        }
    qsort(moves, n, sizeof *moves, by_cost);
    return n;
}

static cuv_status make_states(cuv_arena *arena, size_t layers, state *out)
{
    for (size_t i = 0; i < BEAM; i++) {
        out[i] = (state){.last = -1, .order = CUV_NEW_ARRAY(arena, int, layers + 1), .used = CUV_NEW_ARRAY(arena, uint8_t, layers + 1)};
        if (!out[i].order || !out[i].used)
            return cuv_oom(cuv_arena_context(arena));
    }
    return CUV_OK;
}

/* What the order of the file costs as a chain. */
static double cost_as_listed(const chain *c, const state *empty)
{
    state s = *empty;
    for (size_t i = 0; i < c->count; i++) {
        s.cost += step_cost(c, &s, &c->links[i]);
        s.used[i] = 1;
        s.last = (int)i;
        s.waits = norm_waits(c, &s);
    }
    memset(s.used, 0, c->count);
    return s.cost + (c->final && c->links[c->count - 1].out != c->final ? 2 : 0);
}

/* `*out` stays NULL where the order of the file is as good. */
static cuv_status search(cuv_arena *arena, const chain *c, const int **out)
{
    const double better = 1;
    state beams[2][BEAM];
    size_t count = 1, at = 0;
    move *moves = CUV_NEW_ARRAY(arena, move, BEAM * c->count + 1);
    if (!moves)
        return cuv_oom(cuv_arena_context(arena));
    CUV_TRY(make_states(arena, c->count, beams[0]));
    CUV_TRY(make_states(arena, c->count, beams[1]));
    double listed = cost_as_listed(c, &beams[0][0]);
    for (size_t depth = 0; depth < c->count; depth++, at = 1 - at) {
        state *now = beams[at], *next = beams[1 - at];
        size_t n = list_moves(c, now, count, depth, moves), kept = 0;
        CUV_TRY(cuv_check_time(cuv_arena_context(arena)));
        for (size_t i = 0; i < n && kept < BEAM; i++) {
            advance(c, &now[moves[i].from], moves[i].layer, depth, moves[i].cost, &next[kept]);
            kept += !is_known(c, next, kept, &next[kept]);
        }
        count = kept;
    }
    *out = beams[at][0].cost + better < listed ? beams[at][0].order : NULL;
    return CUV_OK;
}

/* ---- the ends ---- */

static int64_t last_size(const cuv_tensor *t)
{
    return t->rank > 1 ? t->shape[t->rank - 1] : 0;
}

static void read_ends(const cuv_evidence *ev, chain *c)
{
    if (ev->samples && ev->samples->input_count) {
        const cuv_tensor *x = ev->samples->inputs[0].tensor;
        c->tokens = !cuv_dtype_is_float(x->dtype) && x->rank == 2;
        c->first = last_size(x);
    } else if (ev->input_shape_count && ev->input_shapes[0].rank > 0) {
        c->first = ev->input_shapes[0].shape[ev->input_shapes[0].rank - 1];
    }
    if (ev->samples && ev->samples->output_count)
        c->final = last_size(ev->samples->outputs[0].tensor);
}

/* Layers without weights have no place in a chain: it is then no more known which there are. */
static void leave_out_weightless(cuv_remains *out)
{
    size_t count = 0;
    for (size_t i = 0; i < out->count; i++)
        if (out->layers[i].count)
            out->layers[count++] = out->layers[i];
    out->count = count;
    out->complete = false;
}

cuv_status cuv_remains_chain(cuv_remaking *r, const cuv_evidence *ev)
{
    leave_out_weightless(r->out);
    size_t n = r->out->count;
    if (n < 2 || n > MOST_LAYERS)
        return CUV_OK;
    link *links = CUV_NEW_ARRAY(r->arena, link, n);
    cuv_remain *sorted = CUV_NEW_ARRAY(r->arena, cuv_remain, n);
    const int *order;
    if (!links || !sorted)
        return cuv_oom(r->cx);
    for (size_t i = 0; i < n; i++)
        links[i] = link_of(&r->words, &r->out->layers[i]);
    follow_counters(links, n);
    chain c = {.links = links, .count = n};
    read_ends(ev, &c);
    CUV_TRY(search(r->arena, &c, &order));
    for (size_t i = 0; i < n; i++)
        sorted[i] = r->out->layers[order ? order[i] : (int)i];
    r->out->layers = sorted;
    r->capacity = n;
    return CUV_OK;
}
