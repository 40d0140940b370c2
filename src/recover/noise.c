/* How exactly a deep network can be reproduced: in single precision, and by other ways of computing the same sums, its outputs differ by more than
 * those of a few layers do. That is measured on the network itself, not on the samples: how far the outputs move when the inputs move by what
 * rounding does. Where a known network comes near the samples, that much is allowed in addition; what is more is a difference. */
#include "recover/network.h"
#include "recover/search.h"

#define MOVE 2e-6f          /* sums of some thousand products are that far off */
#define TIMES 4.0           /* each layer rounds, not only the input */
#define MOST 5e-3           /* of the outputs' largest; beyond that nothing could be told apart */
#define NEAR .05            /* error from which the samples are near, in units of their spread */

static bool has_network(const cuv_prepared *p)
{
    for (size_t i = 0; i < p->s.count; i++) {
        int32_t unit = p->s.nodes[i].unit;
        if (unit >= 0 && p->s.reading->units[unit].network)
            return true;
    }
    return false;
}

static size_t values_in(const cuv_run_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

/* The inputs, each number moved up or down by a seeded choice. */
static cuv_status moved_inputs(cuv_search *s, const cuv_run_tensor *inputs, size_t count, cuv_run_tensor *out)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        size_t n = values_in(&inputs[i]);
        const float *from = inputs[i].data;
        float *to = CUV_NEW_ARRAY(s->arena, float, n + 1);
        if (!to)
            return cuv_oom(s->cx);
        for (size_t k = 0; k < n; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            to[k] = from[k] * (state >> 63 ? 1 + MOVE : 1 - MOVE);
        }
        out[i] = inputs[i];
        out[i].data = to;
    }
    return CUV_OK;
}

static cuv_status outputs_of(cuv_search *s, cuv_evaluator *e, const cuv_hit *hit, const cuv_run_tensor **out)
{
    cuv_apply(&s->structures[hit->structure], hit->values);
    return cuv_evaluate(e, &s->structures[hit->structure].s, out);
}

/* The largest move of an output, and the largest output. */
static cuv_status measure(cuv_search *s, const cuv_hit *hit, double *move, double *most)
{
    cuv_run_tensor moved[8];
    const cuv_run_tensor *a, *b;
    cuv_evaluator *e;
    *move = *most = 0;
    CUV_TRY(moved_inputs(s, s->all_inputs, s->input_count, moved));
    CUV_TRY(cuv_evaluator_new(s->ev, s->effort, moved, s->input_count, &e));
    cuv_status status = outputs_of(s, e, hit, &b);
    if (status == CUV_OK)
        status = outputs_of(s, s->all, hit, &a);
    for (size_t o = 0; status == CUV_OK && o < s->all_target->outputs; o++) {
        const float *x = a[o].data, *y = b[o].data;
        for (size_t k = 0; k < values_in(&a[o]); k++) {
            *move = fmax(*move, fabs((double)x[k] - (double)y[k]));
            *most = fmax(*most, fabs((double)x[k]));
        }
    }
    cuv_evaluator_free(e);
    return status;
}

static const cuv_hit *nearest(cuv_search *s)
{
    cuv_sort_hits(s);
    for (size_t i = 0; i < s->hit_count && s->hits[i].error < NEAR; i++)
        if (has_network(&s->structures[s->hits[i].structure]))
            return &s->hits[i];
    return NULL;
}

cuv_status cuv_allow_noise(cuv_search *s)
{
    const cuv_hit *hit = nearest(s);
    double move, most, error, before = s->all_target->atol;
    if (!hit)
        return CUV_OK;
    cuv_hit kept = *hit;
    cuv_status status = measure(s, &kept, &move, &most);
    if (status != CUV_OK)
        return status == CUV_NO ? CUV_OK : status;
    double room = fmin(TIMES * move, MOST * most);
    s->part_target->atol = s->all_target->atol = before + room;
    CUV_TRY(cuv_try(s, kept.structure, kept.values, &error));
    if (s->found)
        s->noise = room;
    else
        s->part_target->atol = s->all_target->atol = before;
    return CUV_OK;
}
