/* A growing wiring, computed on samples up to its last normalisation (trial.h). */
#include "recover/trial.h"

#include <math.h>

#define WEIGHT 2.0          /* nats for each time that the unlikeness is e times as large; */
#define ALIKE .01           /* so small it says nothing. How near the right wiring comes depends on how the samples are like the data */
#define MOST_UNLIKE 4.0     /* of one channel */
enum { PICTURES = 4, NORMS = 3 };

struct cuv_trial {
    cuv_context *cx;
    cuv_evaluator *e;
};

static const struct { uint8_t act; double cost; } acts[CUV_WAYS / 4] = {
    {CUV_A_RELU, 0}, {CUV_A_SILU, 1.5}, {CUV_A_ELU, 1.8}, {CUV_A_TANH, 1.4}, {CUV_A_LEAKY, 2}};

cuv_way cuv_way_of(size_t i)
{
    bool norm_first = !(i & 2), after_merge = !(i & 1);
    return (cuv_way){acts[i / 4].act, norm_first, after_merge, acts[i / 4].cost + (norm_first ? 0 : .7)};
}

/* Pictures and sequences have many positions each; of vectors all samples are taken. */
cuv_status cuv_trial_new(cuv_evidence *ev, cuv_effort *effort, const cuv_run_tensor *inputs, size_t count, cuv_trial **out)
{
    cuv_run_tensor part[8];
    cuv_trial *t = *out = cuv_alloc(ev->cx, sizeof *t);
    if (!t)
        return cuv_oom(ev->cx);
    *t = (cuv_trial){.cx = ev->cx};
    for (size_t i = 0; i < count; i++) {
        part[i] = inputs[i];
        if (inputs[0].rank > 2 && part[i].shape[0] > PICTURES)
            part[i].shape[0] = PICTURES;
    }
    cuv_status status = cuv_evaluator_new(ev, effort, part, count, &t->e);
    if (status != CUV_OK) {
        cuv_trial_free(t);
        *out = NULL;
    }
    return status;
}

void cuv_trial_free(cuv_trial *t)
{
    if (!t)
        return;
    cuv_evaluator_free(t->e);
    cuv_release(t->cx, t, sizeof *t);
}

bool cuv_trial_helps(const cuv_reading *reading)
{
    size_t norms = 0;
    for (size_t i = 0; i < reading->count; i++)
        norms += reading->units[i].kind == CUV_R_BATCH_NORM;
    return norms >= NORMS;
}

/* ---- activations as a way has them ------------------------------------------------------------------------------ */

enum { TO_NORM = 1, TO_ACT = 2, TO_SUM = 4, TO_CONCAT = 8, TO_OTHER = 16, NORM_TO_ACT = 32 };

typedef struct growth {
    cuv_rnode *nodes;           /* of the wiring; then of the structure, with activations of their own */
    uint8_t *readers;
    int32_t *moved;
    size_t count;
} growth;

static unsigned reads_as(const growth *g, size_t reader)
{
    const cuv_rnode *n = &g->nodes[reader];
    unsigned traits = cuv_rkind_traits(n->kind), beyond = g->readers[reader];
    if (traits & CUV_RT_POOL && beyond && !(beyond & ~(unsigned)TO_SUM))
        return TO_SUM;
    return n->kind == CUV_R_BATCH_NORM ? TO_NORM | (beyond & TO_ACT ? NORM_TO_ACT : 0) : traits & CUV_RT_ACTS ? TO_ACT
         : n->kind == CUV_R_CONCATENATE ? TO_CONCAT : traits & CUV_RT_MERGE ? TO_SUM : traits & CUV_RT_RESTS ? beyond : TO_OTHER;
}

static void find_readers(growth *g)
{
    for (size_t i = g->count; i-- > 0;)
        for (int k = 0; k < g->nodes[i].in_count; k++)
            if (g->nodes[i].in[k] >= 0)
                g->readers[g->nodes[i].in[k]] |= (uint8_t)reads_as(g, i);
}

/* The activation in a layer, or right behind it. */
static uint8_t act_of(const growth *g, size_t i, const cuv_way *way, bool complete)
{
    const cuv_rnode *n = &g->nodes[i];
    unsigned traits = cuv_rkind_traits(n->kind), r = g->readers[i];
    bool only_summed = r && !(r & ~(unsigned)TO_SUM);
    if (n->kind == CUV_R_ACTIVATION || n->kind == CUV_R_RELU || n->kind == CUV_R_LEAKY_RELU)
        return n->kind == CUV_R_RELU ? CUV_A_RELU : way->act;
    if (!r || r & TO_ACT || only_summed)
        return CUV_A_LINEAR;
    if (traits & CUV_RT_LINEAR)
        return r & TO_NORM && (way->norm_first || (complete && r & NORM_TO_ACT)) ? CUV_A_LINEAR : way->act;
    if (complete)
        return CUV_A_LINEAR;
    if (n->kind == CUV_R_BATCH_NORM)
        return way->norm_first ? way->act : CUV_A_LINEAR;
    return n->kind == CUV_R_ADD && way->after_merge && !(r & TO_NORM) ? way->act : CUV_A_LINEAR;
}

static cuv_status begin(cuv_wirer const *w, const cuv_wstate *s, growth *g)
{
    g->count = (size_t)s->nodes;
    g->nodes = CUV_NEW_ARRAY(w->step, cuv_rnode, g->count + 1);
    g->readers = CUV_NEW_ARRAY(w->step, uint8_t, g->count + 1);
    g->moved = CUV_NEW_ARRAY(w->step, int32_t, g->count + 1);
    if (!g->nodes || !g->readers || !g->moved)
        return cuv_oom(w->cx);
    for (const cuv_link *l = s->last; l; l = l->prev)
        g->nodes[l->index] = l->node;
    find_readers(g);
    return CUV_OK;
}

/* The wiring with its activations; `to` has room for twice as many nodes. */
static void put_acts(growth *g, const cuv_way *way, bool complete, cuv_structure *to)
{
    to->count = 0;
    for (size_t i = 0; i < g->count; i++) {
        cuv_rnode *n = &to->nodes[to->count];
        *n = g->nodes[i];
        for (int k = 0; k < n->in_count; k++)
            n->in[k] = n->in[k] < 0 ? n->in[k] : g->moved[n->in[k]];
        g->moved[i] = (int32_t)to->count++;
        uint8_t act = act_of(g, i, way, complete);
        if (cuv_rkind_traits(n->kind) & (CUV_RT_LINEAR | CUV_RT_ACTS)) {
            n->choice.act = act;
        } else if (act != CUV_A_LINEAR) {
            to->nodes[to->count] = (cuv_rnode){.kind = CUV_R_ACTIVATION, .unit = -1, .in = {g->moved[i]}, .in_count = 1, .out = n->out,
                                               .choice = {.act = act}};
            g->moved[i] = (int32_t)to->count++;
        }
    }
    to->outputs[0] = g->moved[g->count - 1];
    to->output_count = 1;
}

/* ---- against the statistics -------------------------------------------------------------------------------------- */

/* Sums and sums of squares of each channel, less a base that is near its mean. */
static void sum_channels(const float *from, size_t rows, size_t channels, const double *base, double *first, double *second)
{
    for (size_t i = 0; i < rows; i++, from += channels)
        for (size_t c = 0; c < channels; c++) {
            double z = (double)from[c] - base[c];
            first[c] += z;
            second[c] += z * z;
        }
}

/* What a normalisation gives has the mean beta and the spread gamma in each channel, where its input has the moments that it has stored. */
static cuv_status find_unlikeness(const cuv_wirer *w, const cuv_run_tensor *y, double *out)
{
    const cuv_runit *u = &w->reading->units[w->at];
    size_t channels = (size_t)y->shape[y->rank - 1], rows = 1, counted = 0;
    bool scale = true, center = true;
    for (int i = 0; i + 1 < y->rank; i++)
        rows *= (size_t)y->shape[i];
    (void)cuv_as_bool(cuv_get(u->config, "scale"), &scale);
    (void)cuv_as_bool(cuv_get(u->config, "center"), &center);
    *out = 0;
    if (y->dtype != CUV_F32 || u->count != (size_t)scale + (size_t)center + 2 || !rows)
        return CUV_OK;
    double *beta = CUV_NEW_ARRAY(w->step, double, 3 * channels + 1), *first = beta + channels, *second = first + channels;
    if (!beta)
        return cuv_oom(w->cx);
    for (size_t c = 0; center && c < channels; c++)
        beta[c] = cuv_tensor_at(u->tensors[scale].tensor, c);
    sum_channels(y->data, rows, channels, beta, first, second);
    for (size_t c = 0; c < channels; c++) {
        double gamma = scale ? cuv_tensor_at(u->tensors[0].tensor, c) : 1;
        if (fabs(gamma) < 1e-3)
            continue;
        double mean = first[c] / (double)rows / gamma, square = second[c] / (double)rows / (gamma * gamma);
        double spread = .5 * log(fmax(square - mean * mean, 1e-6)), unlike = mean * mean + spread * spread;
        *out += unlike < MOST_UNLIKE ? unlike : MOST_UNLIKE;
        counted++;
    }
    *out = counted ? *out / (double)counted : 0;
    return CUV_OK;
}

cuv_status cuv_trial_norm(cuv_trial *t, const cuv_wirer *w, const cuv_wstate *s, float told[CUV_WAYS])
{
    growth g;
    cuv_structure to = {.reading = w->reading, .inputs = w->ends->inputs, .input_count = w->ends->input_count, .complete = w->complete};
    CUV_TRY(begin(w, s, &g));
    to.nodes = CUV_NEW_ARRAY(w->step, cuv_rnode, 2 * g.count + 1);
    if (!to.nodes)
        return cuv_oom(w->cx);
    const void *last = NULL;        /* ways that do not differ yet give the same numbers */
    double unlike = 0;
    for (size_t i = 0; i < CUV_WAYS; i++) {
        const cuv_run_tensor *y;
        cuv_way way = cuv_way_of(i);
        if (told[i] >= INFINITY)
            continue;
        put_acts(&g, &way, w->complete, &to);
        cuv_status status = cuv_evaluate(t->e, &to, &y);
        if (status != CUV_OK && status != CUV_NO)
            return status;
        if (status == CUV_OK && y->data != last)
            CUV_TRY(find_unlikeness(w, y, &unlike));
        last = status == CUV_OK ? y->data : last;
        told[i] = status == CUV_OK ? told[i] + (float)(WEIGHT * log1p(unlike / ALIKE)) : INFINITY;
    }
    return CUV_OK;
}
