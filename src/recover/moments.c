/* Activations from the stored statistics of normalisations (moments.h). Every node's mean and variance is carried for all candidates at
 * once, a column each. */
#include "recover/moments.h"

#include <math.h>

enum { POINTS = 81, MOST_DEPTH = 48, COLUMNS = CUV_ACT_COUNT };

/* ---- activations ---- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 30 ? x : log1p(exp(x)); }
static double clip(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static double linear(double x, double slope) { (void)slope; return x; }
static double relu(double x, double slope) { return x > 0 ? x : slope * x; }
static double relu6(double x, double slope) { (void)slope; return clip(x, 0, 6); }
static double hyperbolic(double x, double slope) { (void)slope; return tanh(x); }
static double gelu(double x, double slope) { (void)slope; return 0.5 * x * erfc(-x * 0.7071067811865476); }
static double silu(double x, double slope) { (void)slope; return x * sigmoid(x); }
static double elu(double x, double slope) { (void)slope; return x > 0 ? x : expm1(x); }
static double selu(double x, double slope) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * elu(x, slope)); }
static double logistic(double x, double slope) { (void)slope; return sigmoid(x); }
static double soft(double x, double slope) { (void)slope; return softplus(x); }
static double softsign(double x, double slope) { (void)slope; return x / (1 + fabs(x)); }
static double mish(double x, double slope) { (void)slope; return x * tanh(softplus(x)); }
static double hard_sigmoid(double x, double slope) { (void)slope; return clip(x / 6 + 0.5, 0, 1); }
static double hard_silu(double x, double slope) { return x * hard_sigmoid(x, slope); }
static double exponential(double x, double slope) { (void)slope; return exp(x); }

typedef double formula(double x, double slope);
/* One letter for functions whose means differ less than the statistics can tell. */
static const struct { const char *name; formula *value; char family; } formulas[] = {
    {"linear", linear, 'l'}, {"relu", relu, 'r'}, {"relu6", relu6, 'r'}, {"leaky_relu", relu, 'y'}, {"tanh", hyperbolic, 't'},
    {"gelu", gelu, 'g'}, {"silu", silu, 'g'}, {"mish", mish, 'g'}, {"elu", elu, 'e'}, {"selu", selu, 'e'}, {"sigmoid", logistic, 's'},
    {"hard_sigmoid", hard_sigmoid, 's'}, {"hard_silu", hard_silu, 'g'}, {"softplus", soft, 'p'}, {"softsign", softsign, 't'},
    {"exponential", exponential, 'x'}};

static size_t formula_of(unsigned act)
{
    const char *name = cuv_acts[act].name ? cuv_acts[act].name : "relu";
    size_t count = sizeof formulas / sizeof *formulas, i = 0;
    while (i < count && strcmp(formulas[i].name, name) != 0)
        i++;
    return i;
}

static formula *value_of(unsigned act)
{
    size_t at = formula_of(act);
    return at < sizeof formulas / sizeof *formulas ? formulas[at].value : NULL;
}

static char family_of(unsigned act)
{
    size_t at = formula_of(act);
    if (!cuv_acts[act].name)
        return cuv_acts[act].slope < 0.05 ? 'r' : 'y';
    return at < sizeof formulas / sizeof *formulas ? formulas[at].family : 0;
}

bool cuv_acts_look_alike(unsigned a, unsigned b)
{
    return a == b || family_of(a) == family_of(b);
}

/* Mean and variance of f(mean + sqrt(variance) z). */
static void activate(unsigned act, double *mean, double *variance)
{
    static const double most = 6;
    formula *f = value_of(act);
    double spread = sqrt(*variance > 0 ? *variance : 0), sum = 0, first = 0, second = 0;
    for (int i = 0; f && i < POINTS; i++) {
        double z = most * (2.0 * i / (POINTS - 1) - 1), weight = exp(-z * z / 2), y = f(*mean + spread * z, cuv_acts[act].slope);
        sum += weight;
        first += weight * y;
        second += weight * y * y;
    }
    *mean = f ? first / sum : NAN;
    *variance = f ? second / sum - *mean * *mean : NAN;
}

/* ---- what is known of a node ---- */

/* For channel c and candidate a: mean[c * COLUMNS + a]. channels 0: nothing is known. */
typedef struct stat { size_t channels; double *mean, *variance; } stat;

typedef struct reader {
    cuv_context *cx;
    cuv_arena *arena;               /* of one normalisation */
    const cuv_moment_node *nodes;
    stat *stats;
    uint8_t *done;                  /* by node: 1 computed, 2 its activation is sought */
    int32_t last;                   /* just before the normalisation: its activation is tried by itself */
    double *votes;                  /* of all normalisations */
    size_t *voters;
} reader;

static cuv_status stat_new(reader *r, size_t channels, stat *out)
{
    out->mean = CUV_NEW_ARRAY(r->arena, double, channels * COLUMNS + 1);
    out->variance = CUV_NEW_ARRAY(r->arena, double, channels * COLUMNS + 1);
    out->channels = channels;
    return out->mean && out->variance ? CUV_OK : cuv_oom(r->cx);
}

static cuv_status of_norm(reader *r, const cuv_moment_node *n, stat *out)
{
    const cuv_tensor *any = n->gamma ? n->gamma : n->beta ? n->beta : n->mean;
    size_t channels = any ? cuv_tensor_count(any) : 0;
    CUV_TRY(stat_new(r, channels, out));
    for (size_t c = 0; c < channels; c++) {
        double beta = n->beta ? cuv_tensor_at(n->beta, c) : 0, gamma = n->gamma ? cuv_tensor_at(n->gamma, c) : 1;
        for (size_t a = 0; a < COLUMNS; a++) {
            out->mean[c * COLUMNS + a] = beta;
            out->variance[c * COLUMNS + a] = gamma * gamma;
        }
    }
    return CUV_OK;
}

/* How much of the output a tap reaches, along one axis: the rest of its places lies in padding. */
static double covered(const cuv_moment_node *n, int axis, int64_t tap, int64_t taps)
{
    int64_t in = n->size_in[axis], out = n->size_out[axis], stride = n->stride, reach = (taps - 1) * n->dilation + 1, inside = 0;
    if (in <= 0 || out <= 0)
        return n->kind == CUV_M_TRANSPOSE ? 1.0 / (double)stride : 1;
    if (n->kind == CUV_M_TRANSPOSE) {       /* place i of the input goes to i * stride + tap - before */
        int64_t before = n->pad == CUV_PAD_SAME && taps > stride ? (taps - stride) / 2 : 0;
        for (int64_t i = 0; i < in; i++) {
            int64_t at = i * stride + tap - before;
            inside += at >= 0 && at < out;
        }
        return (double)inside / (double)out;
    }
    int64_t need = (out - 1) * stride + reach - in;
    int64_t before = n->pad == CUV_PAD_CAUSAL ? reach - 1 : n->pad == CUV_PAD_SAME && need > 0 ? need / 2 : 0;
    for (int64_t o = 0; o < out; o++) {
        int64_t at = o * stride + tap * n->dilation - before;
        inside += at >= 0 && at < in;
    }
    return (double)inside / (double)out;
}

/* Product over the axes for tap number `tap` of a kernel whose first `spatial` sizes are taps. */
static double tap_share(const cuv_moment_node *n, const cuv_tensor *kernel, size_t tap)
{
    double share = 1;
    for (int axis = n->spatial - 1; axis >= 0; axis--) {
        int64_t taps = kernel->shape[axis];
        share *= covered(n, axis, (int64_t)(tap % (size_t)taps), taps);
        tap /= (size_t)taps;
    }
    return share;
}

static void add_product(const stat *in, size_t from, stat *out, size_t to, double weight, double share)
{
    for (size_t a = 0; a < COLUMNS; a++) {
        out->mean[to * COLUMNS + a] += share * weight * in->mean[from * COLUMNS + a];
        out->variance[to * COLUMNS + a] += share * weight * weight * in->variance[from * COLUMNS + a];
    }
}

/* out += kernel . in. The kernel's last two sizes are channels: in and out, or out and in (transposed), or in and how many each (depthwise).
 * A dense layer behind a flattening has several rows for a channel. */
static cuv_status add_kernel(reader *r, const cuv_moment_node *n, const cuv_tensor *kernel, bool depthwise, bool taps, const stat *in,
                             stat *out)
{
    size_t rows = (size_t)kernel->shape[kernel->rank - 2], columns = (size_t)kernel->shape[kernel->rank - 1], at = 0;
    size_t places = rows > 0 && columns > 0 ? cuv_tensor_count(kernel) / (rows * columns) : 0;
    bool turned = n->kind == CUV_M_TRANSPOSE;
    size_t channels = depthwise ? rows * columns : turned ? rows : columns, takes = turned ? columns : rows;
    CUV_TRY(stat_new(r, channels, out));
    if (!in->channels || takes % in->channels || (kernel->rank > 2 && takes != in->channels)) {
        out->channels = 0;
        return CUV_OK;
    }
    for (size_t p = 0; p < places; p++) {
        double share = taps ? tap_share(n, kernel, p) : 1;
        CUV_TRY(cuv_check_time(r->cx));
        for (size_t i = 0; i < rows; i++)
            for (size_t k = 0; k < columns; k++, at++) {
                size_t from = (turned ? k : i) % in->channels, to = depthwise ? i * columns + k : turned ? i : k;
                add_product(in, from, out, to, cuv_tensor_at(kernel, at), share);
            }
    }
    return CUV_OK;
}

static cuv_status of_linear(reader *r, const cuv_moment_node *n, const stat *in, stat *out)
{
    bool depthwise = n->kind == CUV_M_DEPTHWISE || n->kind == CUV_M_SEPARABLE;
    if (!n->kernel || n->kernel->rank < 2 || n->kernel->rank < n->spatial + 2) {
        *out = (stat){0};
        return CUV_OK;
    }
    CUV_TRY(add_kernel(r, n, n->kernel, depthwise, n->kind != CUV_M_DENSE, in, out));
    if (n->kind == CUV_M_SEPARABLE && n->pointwise && n->pointwise->rank >= 2) {
        stat middle = *out;
        CUV_TRY(add_kernel(r, n, n->pointwise, false, false, &middle, out));
    }
    if (n->bias && cuv_tensor_count(n->bias) == out->channels)
        for (size_t c = 0; c < out->channels; c++)
            for (size_t a = 0; a < COLUMNS; a++)
                out->mean[c * COLUMNS + a] += cuv_tensor_at(n->bias, c);
    return CUV_OK;
}

static cuv_status of_add(reader *r, const cuv_moment_node *n, stat *out)
{
    CUV_TRY(stat_new(r, r->stats[n->in[0]].channels, out));
    for (int i = 0; i < n->in_count; i++) {
        const stat *in = &r->stats[n->in[i]];
        if (!in->channels || in->channels != out->channels) {
            out->channels = 0;
            return CUV_OK;
        }
        for (size_t k = 0; k < out->channels * COLUMNS; k++) {
            out->mean[k] += in->mean[k];
            out->variance[k] += in->variance[k];
        }
    }
    return CUV_OK;
}

static cuv_status of_concat(reader *r, const cuv_moment_node *n, stat *out)
{
    size_t channels = 0, at = 0;
    for (int i = 0; i < n->in_count; i++) {
        if (!r->stats[n->in[i]].channels)
            return CUV_OK;
        channels += r->stats[n->in[i]].channels;
    }
    CUV_TRY(stat_new(r, channels, out));
    for (int i = 0; i < n->in_count; i++) {
        const stat *in = &r->stats[n->in[i]];
        memcpy(out->mean + at, in->mean, in->channels * COLUMNS * sizeof(double));
        memcpy(out->variance + at, in->variance, in->channels * COLUMNS * sizeof(double));
        at += in->channels * COLUMNS;
    }
    return CUV_OK;
}

/* Candidate a in column a where the activation is sought; what is known in all columns. */
static void activate_all(const cuv_moment_node *n, stat *s)
{
    for (size_t c = 0; c < s->channels; c++)
        for (unsigned a = 0; a < COLUMNS; a++)
            if (n->act != CUV_A_LINEAR)
                activate(n->act == CUV_M_ACT_TO_FIND ? a : (unsigned)n->act, &s->mean[c * COLUMNS + a], &s->variance[c * COLUMNS + a]);
}

static cuv_status compute(reader *r, int32_t node, stat *out)
{
    const cuv_moment_node *n = &r->nodes[node];
    *out = (stat){0};
    switch (n->kind) {
    case CUV_M_NORM:
        return of_norm(r, n, out);
    case CUV_M_DENSE: case CUV_M_CONV: case CUV_M_TRANSPOSE: case CUV_M_DEPTHWISE: case CUV_M_SEPARABLE:
        return of_linear(r, n, &r->stats[n->in[0]], out);
    case CUV_M_KEEP: {
        const stat *in = &r->stats[n->in[0]];
        CUV_TRY(stat_new(r, in->channels, out));
        if (in->channels) {
            memcpy(out->mean, in->mean, in->channels * COLUMNS * sizeof(double));
            memcpy(out->variance, in->variance, in->channels * COLUMNS * sizeof(double));
        }
        return CUV_OK;
    }
    case CUV_M_ADD:
        return of_add(r, n, out);
    case CUV_M_CONCAT:
        return of_concat(r, n, out);
    case CUV_M_UNKNOWN:
        break;
    }
    return CUV_OK;
}

/* A node and all before it, down to normalisations. */
static cuv_status read_node(reader *r, int32_t node, unsigned depth)
{
    const cuv_moment_node *n = &r->nodes[node];
    if (r->done[node])
        return CUV_OK;
    r->done[node] = 1;
    if (depth == 0 || n->kind == CUV_M_UNKNOWN)
        return CUV_OK;
    for (int i = 0; i < n->in_count && n->kind != CUV_M_NORM; i++) {
        if (n->in[i] < 0 || n->in[i] >= node)
            return CUV_OK;
        CUV_TRY(read_node(r, n->in[i], depth - 1));
    }
    if (n->kind != CUV_M_NORM && n->in_count == 0)
        return CUV_OK;
    CUV_TRY(compute(r, node, &r->stats[node]));
    if (node == r->last)
        return CUV_OK;
    activate_all(n, &r->stats[node]);
    r->done[node] = n->act == CUV_M_ACT_TO_FIND && r->stats[node].channels ? 2 : 1;
    return CUV_OK;
}

/* ---- the comparison ---- */

static double distance(const cuv_moment_node *norm, const cuv_moment_node *last, const stat *s, unsigned column, unsigned act)
{
    double away = 0, size = 0;
    for (size_t c = 0; c < s->channels; c++) {
        double mean = s->mean[c * COLUMNS + column], variance = s->variance[c * COLUMNS + column], stored = cuv_tensor_at(norm->mean, c);
        double bias = last->bias && cuv_tensor_count(last->bias) == s->channels ? cuv_tensor_at(last->bias, c) : 0;
        if (act != CUV_A_LINEAR)
            activate(act, &mean, &variance);
        double scale = norm->variance ? 1 / (1e-6 + fabs(cuv_tensor_at(norm->variance, c))) : 1;
        away += scale * (mean - stored) * (mean - stored);
        size += scale * (stored - bias) * (stored - bias);
    }
    double ratio = sqrt(away / (size > 0 ? size : 1e-30));
    return isfinite(ratio) ? ratio : INFINITY;
}

/* Residuals as nats above the best: those below `noise` are as good as each other, and few channels say little. Returns the least residual. */
static double nats_of(const double *residual, size_t channels, double *nats)
{
    const double noise = 0.05, weight = (channels < 16 ? (double)channels : 16) / 8;
    double least = INFINITY;
    for (unsigned a = 0; a < COLUMNS; a++)
        least = residual[a] < least ? residual[a] : least;
    for (unsigned a = 0; a < COLUMNS; a++)
        nats[a] = isfinite(least) ? weight * log((residual[a] + noise) / (least + noise)) : 0;
    return least;
}

/* Adds what one normalisation says of an activation; `none`: how likely it is that there is none, 0 for the usual. */
static void add_view(cuv_moment_view *v, const double *residual, size_t channels, double none)
{
    double nats[COLUMNS], least = nats_of(residual, channels, nats);
    if (!isfinite(least))
        return;
    for (unsigned a = 0; a < COLUMNS; a++)
        v->cost[a] += nats[a];
    v->none = none;
    v->residual += least;
    v->witnesses++;
}

/* Adds what it says of the model's usual activation, wherever that stands. */
static void add_vote(reader *r, const double *inside, const double *last, size_t channels)
{
    const double most = 5;      /* that one of them may say against an activation */
    double either[COLUMNS], nats[COLUMNS];
    for (unsigned a = 0; a < COLUMNS; a++)
        either[a] = a != CUV_A_LINEAR && last[a] < inside[a] ? last[a] : inside[a];
    if (!isfinite(nats_of(either, channels, nats)))
        return;
    for (unsigned a = 0; a < COLUMNS; a++)
        r->votes[a] += nats[a] < most ? nats[a] : most;
    ++*r->voters;
}

/* Where one of the two activations of a gap is sought, the other is none: linear here means the best of the other. */
static void share_linear(double *here, const double *other)
{
    for (unsigned a = 0; a < COLUMNS; a++)
        here[CUV_A_LINEAR] = other[a] < here[CUV_A_LINEAR] ? other[a] : here[CUV_A_LINEAR];
}

static cuv_status read_norm(reader *r, size_t count, int32_t norm, cuv_moment_view *views)
{
    const double before_norm = 0.75;    /* how often nothing stands before a normalisation */
    const cuv_moment_node *n = &r->nodes[norm];
    double inside[COLUMNS], last[COLUMNS];
    bool sought = false;
    r->last = n->in[0];
    CUV_TRY(read_node(r, r->last, MOST_DEPTH));
    const cuv_moment_node *before = &r->nodes[r->last];
    const stat *s = &r->stats[r->last];
    if (!s->channels || s->channels != cuv_tensor_count(n->mean) || before->kind == CUV_M_NORM)
        return CUV_OK;
    for (size_t i = 0; i < count; i++)
        sought = sought || r->done[i] == 2;
    bool at_end = before->act == CUV_M_ACT_TO_FIND;
    for (unsigned a = 0; a < COLUMNS; a++) {
        bool known = value_of(a) != NULL;
        inside[a] = known && (sought || a == CUV_A_LINEAR) ? distance(n, before, s, a, at_end ? CUV_A_LINEAR : (unsigned)before->act)
                                                           : INFINITY;
        last[a] = known && at_end ? distance(n, before, s, CUV_A_LINEAR, a) : INFINITY;
    }
    bool pair = at_end && sought;
    if (at_end || sought)
        add_vote(r, inside, last, s->channels);
    if (pair) {
        share_linear(inside, last);
        share_linear(last, inside);
    }
    for (size_t i = 0; i < count; i++)
        if (r->done[i] == 2)
            add_view(&views[i], inside, s->channels, pair ? 1 - before_norm : 0);
    if (at_end)
        add_view(&views[r->last], last, s->channels, pair ? before_norm : 0.5);
    return CUV_OK;
}

/* How often people take each, as nats beside relu. */
static double rarity(unsigned act)
{
    static const struct { const char *name; double nats; } rows[] = {
        {"relu", 0}, {"tanh", 1.4}, {"gelu", 1.7}, {"silu", 1.7}, {"elu", 1.8}, {"selu", 2.1}, {"sigmoid", 2.3}, {"relu6", 2.5},
        {"linear", 2.5}, {"leaky_relu", 2.6}, {"softplus", 3}, {"softsign", 3}, {"mish", 3}, {"hard_silu", 3.5}, {"hard_sigmoid", 4}};
    for (size_t i = 0; cuv_acts[act].name && i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, cuv_acts[act].name))
            return rows[i].nats;
    return cuv_acts[act].name ? 5 : 2.8;
}

/* What all votes together say of the activation that the model mostly uses, as probabilities. Returns the likeliest. */
static unsigned find_usual(const double *votes, double *usual)
{
    double least = INFINITY, sum = 0;
    unsigned best = CUV_A_RELU;
    for (unsigned a = 0; a < COLUMNS; a++) {
        double cost = value_of(a) && a != CUV_A_LINEAR ? votes[a] + rarity(a) : INFINITY;
        usual[a] = cost;
        best = cost < least ? a : best;
        least = cost < least ? cost : least;
    }
    for (unsigned a = 0; a < COLUMNS; a++)
        sum += usual[a] = exp(least - usual[a]);
    for (unsigned a = 0; a < COLUMNS; a++)
        usual[a] /= sum;
    return best;
}

/* A model keeps to one activation in four cases of five. */
static void finish_view(cuv_moment_view *v, const double *usual)
{
    const double loyal = 0.8;
    double prior = 0, least = INFINITY, next = INFINITY;
    for (unsigned a = 0; a < COLUMNS; a++)
        prior += exp(-rarity(a));
    for (unsigned a = 0; a < COLUMNS; a++) {
        double chance = loyal * usual[a] + (1 - loyal) * exp(-rarity(a)) / prior;
        if (v->none > 0)
            chance = a == CUV_A_LINEAR ? v->none : (1 - v->none) * chance;
        v->cost[a] -= log(chance);
        if (v->cost[a] < least) {
            least = v->cost[a];
            v->best = a;
        }
    }
    for (unsigned a = 0; a < COLUMNS; a++) {
        v->cost[a] -= least;
        if (!cuv_acts_look_alike(a, v->best) && v->cost[a] < next)
            next = v->cost[a];
    }
    v->rival = next;
    v->residual /= (double)v->witnesses;
}

cuv_status cuv_moments(cuv_context *cx, const cuv_moment_node *nodes, size_t count, cuv_moment_view *views, unsigned *usual)
{
    double votes[COLUMNS] = {0}, chances[COLUMNS];
    size_t voters = 0;
    memset(views, 0, count * sizeof *views);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].kind != CUV_M_NORM || !nodes[i].mean || nodes[i].in_count < 1 || nodes[i].in[0] < 0 || nodes[i].in[0] >= (int32_t)i)
            continue;
        reader r = {.cx = cx, .arena = cuv_arena_new(cx), .nodes = nodes, .votes = votes, .voters = &voters};
        if (!r.arena)
            return cuv_oom(cx);
        r.stats = CUV_NEW_ARRAY(r.arena, stat, count);
        r.done = CUV_NEW_ARRAY(r.arena, uint8_t, count);
        cuv_status status = r.stats && r.done ? read_norm(&r, count, (int32_t)i, views) : cuv_oom(cx);
        cuv_arena_free(r.arena);
        CUV_TRY(status);
    }
    *usual = find_usual(votes, chances);
    *usual = voters ? *usual : CUV_ACT_COUNT;
    for (size_t i = 0; i < count; i++)
        if (views[i].witnesses)
            finish_view(&views[i], chances);
    return CUV_OK;
}
