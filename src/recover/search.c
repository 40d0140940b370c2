/* Structures and their choices, tried against samples: all hidden layers alike first, which is the usual case and costs a dozen tries at any
 * depth; then one choice, one kind of choices and two choices at a time, downhill; then what is small enough to be tried whole; then chance
 * (seeded). 5.6 of the study. */
#include "recover/search.h"
#include "recover/trial.h"

#include <stdlib.h>

#define SCOUTED_NEAR .3
#define TRIED_NEAR .5
enum { SPATIAL_MOST = 6000, ACTS_MOST = 250000, STRUCTURES_FIRST = 6, STRUCTURES_ON_TRIAL = 300 };

bool cuv_search_spent(const cuv_search *s)
{
    return s->found || s->evaluated >= s->most || cuv_effort_now(s->effort) > s->until;
}

/* ---- one try --------------------------------------------------------------------------------------------------------- */

static cuv_status measure(cuv_search *s, cuv_evaluator *e, const cuv_target *t, size_t structure, const uint8_t *values, double *error,
                          double *ratio, double *max_abs)
{
    const cuv_run_tensor *outputs;
    cuv_apply(&s->structures[structure], values);
    cuv_status status = cuv_evaluate(e, &s->structures[structure].s, &outputs);
    *error = *ratio = *max_abs = INFINITY;
    if (status == CUV_OK)
        *error = cuv_distance(t, outputs, ratio, max_abs);
    return status == CUV_NO ? CUV_OK : status;
}

cuv_status cuv_try_all(cuv_search *s, size_t structure, const uint8_t *values, double *ratio, double *max_abs)
{
    double error;
    return measure(s, s->all, s->all_target, structure, values, &error, ratio, max_abs);
}

cuv_status cuv_try_scout(cuv_search *s, size_t structure, const uint8_t *values, double *ratio)
{
    double error, max_abs;
    *ratio = 0;
    return s->scout && !(s->noise > 0) ? measure(s, s->scout, s->scout_target, structure, values, &error, ratio, &max_abs) : CUV_OK;
}

uint8_t *cuv_copy_values(cuv_search *s, size_t structure, const uint8_t *values)
{
    size_t n = s->structures[structure].count;
    uint8_t *copy = CUV_NEW_ARRAY(s->arena, uint8_t, n + 1);
    if (copy)
        memcpy(copy, values, n);
    return copy;
}

cuv_status cuv_try(cuv_search *s, size_t structure, const uint8_t *values, double *error)
{
    double ratio, max_abs;
    s->evaluated++;
    CUV_TRY(measure(s, s->part, s->part_target, structure, values, error, &ratio, &max_abs));
    s->structures[structure].least = fmin(s->structures[structure].least, *error);
    if (*error > 0 || s->found)
        return CUV_OK;
    CUV_TRY(cuv_try_all(s, structure, values, &ratio, &max_abs));
    if (ratio > 1) {        /* right on some of the samples only */
        *error = 1e-6;
        return CUV_OK;
    }
    s->best = (cuv_hit){structure, cuv_copy_values(s, structure, values), 0, ratio, max_abs};
    s->found = true;
    return s->best.values ? CUV_OK : cuv_oom(s->cx);
}

cuv_status cuv_try_quickly(cuv_search *s, size_t structure, const uint8_t *values, double *error, bool *quick)
{
    double ratio, max_abs;
    cuv_prepared *p = &s->structures[structure];
    *quick = false;
    if (!s->scout)
        return cuv_try(s, structure, values, error);
    CUV_TRY(measure(s, s->scout, s->scout_target, structure, values, error, &ratio, &max_abs));
    *quick = *error > SCOUTED_NEAR && *error >= p->scouted * .8;
    p->scouted = fmin(p->scouted, *error);
    s->evaluated += *quick;
    return *quick ? CUV_OK : cuv_try(s, structure, values, error);
}

cuv_status cuv_keep_hit(cuv_search *s, size_t structure, const uint8_t *values, double error)
{
    if (s->hit_count >= 20000 || !(error < 1e5))
        return CUV_OK;
    cuv_hit *grown = cuv_arena_grow(s->arena, s->hits, s->hit_count, &s->hit_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(s->cx);
    s->hits = grown;
    grown[s->hit_count] = (cuv_hit){structure, cuv_copy_values(s, structure, values), error, INFINITY, INFINITY};
    return grown[s->hit_count++].values ? CUV_OK : cuv_oom(s->cx);
}

/* ---- all alike ---------------------------------------------------------------------------------------------------------- */

typedef struct recipe { unsigned hidden; size_t out; bool norm_first, before_merge, after_merge; } recipe;

static unsigned out_act(const cuv_search *s, int output, size_t rank)
{
    const cuv_target *t = s->part_target;
    return t->acts[output][rank < t->act_count[output] ? rank : 0];
}

static void follow(const cuv_search *s, const cuv_prepared *p, const recipe *r, uint8_t *values)
{
    for (size_t i = 0; i < p->count; i++) {
        const cuv_choice_slot *slot = &p->slots[i];
        bool act = true;
        switch (slot->kind) {
        case CUV_S_OUT: values[i] = cuv_option_of_act(slot, out_act(s, slot->output, r->out)); continue;
        case CUV_S_HIDDEN: case CUV_S_BEFORE_CONCAT: act = !p->apart; break;
        case CUV_S_ACTIVATION: break;
        case CUV_S_BEFORE_NORM: act = !r->norm_first; break;
        case CUV_S_AFTER_NORM: act = r->norm_first; break;
        case CUV_S_BEFORE_MERGE: act = r->before_merge; break;
        case CUV_S_NORM_TO_MERGE: case CUV_S_MERGE_TO_NORM: case CUV_S_BEFORE_POSITION: act = false; break;
        case CUV_S_AFTER_MERGE: act = r->after_merge; break;
        case CUV_S_AFTER_CONCAT: act = false; break;
        default: values[i] = 0; continue;
        }
        values[i] = cuv_option_of_act(slot, act ? r->hidden : CUV_A_LINEAR);
    }
}

/* Downhill from the nearest tries, where they are near. */
static cuv_status go_down_from_nearest(cuv_search *s)
{
    cuv_sort_hits(s);
    for (size_t i = 0; i < s->hit_count && i < 3 && !cuv_search_spent(s); i++)
        if (s->hits[i].error < TRIED_NEAR) {
            cuv_hit h = s->hits[i];
            CUV_TRY(cuv_descend(s, h.structure, h.values, h.error, false));
        }
    return CUV_OK;
}

static cuv_status follow_and_keep(cuv_search *s, size_t structure, const recipe *r, uint8_t *values)
{
    double error;
    bool quick;
    follow(s, &s->structures[structure], r, values);
    CUV_TRY(cuv_try_quickly(s, structure, values, &error, &quick));
    return cuv_keep_hit(s, structure, values, error);
}

/* The activations that samples have told while the structure was wired; where that comes near, downhill from there. */
static cuv_status by_trials(cuv_search *s)
{
    size_t tried = 0;
    for (size_t i = 0; i < s->count && tried < STRUCTURES_ON_TRIAL && !cuv_search_spent(s); i++) {
        cuv_prepared *p = &s->structures[i];
        if (!p->s.way)
            continue;
        tried++;
        uint8_t *values = CUV_NEW_ARRAY(s->arena, uint8_t, p->count + 1);
        size_t outs = s->part_target->outputs == 1 ? s->part_target->act_count[0] : 1;
        if (!values)
            return cuv_oom(s->cx);
        cuv_way way = cuv_way_of(p->s.way - 1u);
        for (size_t o = 0; o < outs && o < 3 && !cuv_search_spent(s); o++)
            CUV_TRY(follow_and_keep(s, i, &(recipe){way.act, o, way.norm_first, false, way.after_merge}, values));
    }
    return go_down_from_nearest(s);
}

/* One activation throughout, where one is as a rule, and before sums as well, in the structures that come first. */
static cuv_status by_habit(cuv_search *s, double until)
{
    static const uint8_t acts[] = {CUV_A_RELU, CUV_A_GELU, CUV_A_TANH, CUV_A_SILU, CUV_A_ELU, CUV_A_SELU, CUV_A_SIGMOID, CUV_A_LEAKY};
    for (size_t i = 0; i < s->count && i < STRUCTURES_FIRST && cuv_effort_now(s->effort) < until; i++) {
        uint8_t *values = CUV_NEW_ARRAY(s->arena, uint8_t, s->structures[i].count + 1);
        if (!values)
            return cuv_oom(s->cx);
        for (size_t k = 0; k < 4 * sizeof acts && !cuv_search_spent(s) && cuv_effort_now(s->effort) < until; k++)
            CUV_TRY(follow_and_keep(s, i, &(recipe){acts[k / 4], 0, true, k & 1, !(k & 2)}, values));
    }
    return go_down_from_nearest(s);
}

/* What stored statistics say, in the structures that come first: tried before anything else. */
static cuv_status by_statistics(cuv_search *s)
{
    for (size_t i = 0; i < s->count && i < STRUCTURES_FIRST && !cuv_search_spent(s); i++) {
        cuv_prepared *p = &s->structures[i];
        uint8_t *values = CUV_NEW_ARRAY(s->arena, uint8_t, p->count + 1);
        size_t outs = s->part_target->outputs == 1 ? s->part_target->act_count[0] : 1;
        if (!values)
            return cuv_oom(s->cx);
        CUV_TRY(cuv_ask_statistics(s->cx, s->arena, p));
        for (size_t o = 0; p->usual < CUV_ACT_COUNT && o < outs && o < 3 && !cuv_search_spent(s); o++) {
            double error;
            follow(s, p, &(recipe){p->usual, o, true, false, true}, values);
            cuv_heed_statistics(p, values);
            CUV_TRY(cuv_try(s, i, values, &error));
            CUV_TRY(cuv_keep_hit(s, i, values, error));
        }
    }
    return CUV_OK;
}

static int by_error(const void *a, const void *b)
{
    const cuv_hit *x = a, *y = b;
    if (x->error != y->error)
        return x->error < y->error ? -1 : 1;
    if (x->structure != y->structure)
        return x->structure < y->structure ? -1 : 1;
    return 0;
}

void cuv_sort_hits(cuv_search *s)
{
    if (s->hit_count)
        qsort(s->hits, s->hit_count, sizeof *s->hits, by_error);
}

/* The best hit of each structure, nearest first. `used` has a zero for each structure. */
static size_t best_of_each(cuv_search *s, uint8_t *used, cuv_hit *best)
{
    size_t n = 0;
    cuv_sort_hits(s);
    for (size_t i = 0; i < s->hit_count; i++)
        if (!used[s->hits[i].structure]) {
            used[s->hits[i].structure] = 1;
            best[n++] = s->hits[i];
        }
    return n;
}

static const cuv_hit *hit_of(const cuv_hit *best, size_t n, size_t structure)
{
    for (size_t i = 0; i < n; i++)
        if (best[i].structure == structure)
            return &best[i];
    return NULL;
}

/* From the nearest structure and from the likeliest one by turns: a wrong one may come nearer than the right one with a wrong choice. */
static cuv_status descents(cuv_search *s, double until)
{
    cuv_hit *best = CUV_NEW_ARRAY(s->arena, cuv_hit, s->count + 1);
    uint8_t *used = CUV_NEW_ARRAY(s->arena, uint8_t, s->count + 1), *done = CUV_NEW_ARRAY(s->arena, uint8_t, s->count + 1);
    double kept = s->until;
    if (!best || !used || !done)
        return cuv_oom(s->cx);
    size_t n = best_of_each(s, used, best);
    s->until = until < kept ? until : kept;
    for (size_t i = 0; i < 2 * n && i < 80 && !cuv_search_spent(s); i++) {
        const cuv_hit *h = i % 2 ? &best[i / 2] : hit_of(best, n, i / 2);
        if (!h || done[h->structure] || h->error >= s->structures[h->structure].from)
            continue;
        done[h->structure] = 1;
        s->structures[h->structure].from = h->error;
        CUV_TRY(cuv_descend(s, h->structure, h->values, h->error, i < 16));
    }
    s->until = kept;
    return CUV_OK;
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */

typedef enum which { WINDOWS, ACTIVATIONS } which;

static bool takes_part(const cuv_choice_slot *slot, which w)
{
    return w == WINDOWS ? cuv_slot_is_spatial(slot->kind) : cuv_slot_is_act(slot->kind);
}

/* Hidden activations that are not rare: more would make the whole too large. */
static uint8_t most_options(const cuv_choice_slot *slot)
{
    return cuv_slot_is_act(slot->kind) && slot->count > 12 ? 12 : slot->count;
}

/* Every combination of the windows, or of the activations, the others as in the hit. */
static cuv_status exhaust(cuv_search *s, const cuv_hit *from, which w, double most)
{
    cuv_prepared *p = &s->structures[from->structure];
    double total = 1, least = from->error;
    uint8_t *values = cuv_copy_values(s, from->structure, from->values), *best = cuv_copy_values(s, from->structure, from->values);
    if (!values || !best)
        return cuv_oom(s->cx);
    for (size_t i = 0; i < p->count; i++)
        if (takes_part(&p->slots[i], w)) {
            total *= p->slots[i].kind == CUV_S_OUT ? (double)s->part_target->act_count[p->slots[i].output] : most_options(&p->slots[i]);
            values[i] = 0;
        }
    if (total > most || total < 2)
        return CUV_OK;
    while (!cuv_search_spent(s)) {
        double error = INFINITY;
        bool fits = true;
        for (size_t i = 0; i < p->count; i++)
            fits &= cuv_allowed(s, &p->slots[i], values[i]);
        if (fits)
            CUV_TRY(cuv_try(s, from->structure, values, &error));
        if (error < least) {
            least = error;
            memcpy(best, values, p->count);
        }
        size_t i = p->count;
        while (i-- > 0) {
            if (!takes_part(&p->slots[i], w))
                continue;
            if (++values[i] < (p->slots[i].kind == CUV_S_OUT ? p->slots[i].count : most_options(&p->slots[i])))
                break;
            values[i] = 0;
        }
        if (i == (size_t)-1)
            break;
    }
    return least < from->error ? cuv_descend(s, from->structure, best, least, false) : CUV_OK;
}

static cuv_status exhausts(cuv_search *s, which w, double most)
{
    size_t done = 0;
    uint8_t *used = CUV_NEW_ARRAY(s->arena, uint8_t, s->count + 1);
    cuv_sort_hits(s);
    if (!used)
        return cuv_oom(s->cx);
    size_t n = s->hit_count;
    for (size_t i = 0; i < n && i < 400 && done < 3 && !cuv_search_spent(s); i++) {
        cuv_hit h = s->hits[i];
        if (used[h.structure])
            continue;
        used[h.structure] = 1;
        done++;
        CUV_TRY(exhaust(s, &h, w, most));
    }
    return CUV_OK;
}

/* ---- chance ------------------------------------------------------------------------------------------------------------------- */

static uint32_t dice(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static cuv_status restarts(cuv_search *s)
{
    uint64_t state = 1;
    cuv_sort_hits(s);
    size_t n = s->hit_count < 24 ? s->hit_count : 24;
    if (!n)
        return CUV_OK;
    for (size_t round = 0; round < 100000 && !cuv_search_spent(s); round++) {
        cuv_hit h = s->hits[dice(&state) % n];
        cuv_prepared *p = &s->structures[h.structure];
        uint8_t *values = cuv_copy_values(s, h.structure, h.values);
        double error;
        if (!values)
            return cuv_oom(s->cx);
        for (size_t i = 0; i < p->count; i++)
            if (p->slots[i].kind != CUV_S_OUT && dice(&state) % (cuv_slot_is_act(p->slots[i].kind) ? 2 : 4) == 0)
                values[i] = (uint8_t)(dice(&state) % (p->slots[i].count < 12 ? p->slots[i].count : 12));
        CUV_TRY(cuv_try(s, h.structure, values, &error));
        if (!s->found && error < 1e5)
            CUV_TRY(cuv_descend(s, h.structure, values, error, false));
    }
    return CUV_OK;
}

/* By turns what is likeliest and what is near, in turns that grow. */
static cuv_status rounds(cuv_search *s)
{
    double start = cuv_effort_now(s->effort), all = s->until - start;
    for (double share = .04; share < .3 && !cuv_search_spent(s); share *= 1.5) {
        CUV_TRY(cuv_deepen(s, cuv_effort_now(s->effort) + share * all));
        if (!cuv_search_spent(s))
            CUV_TRY(cuv_allow_noise(s));
        if (!cuv_search_spent(s))
            CUV_TRY(descents(s, cuv_effort_now(s->effort) + share * all * .6));
    }
    return CUV_OK;
}

cuv_status cuv_search_run(cuv_search *s)
{
    CUV_TRY(by_trials(s));
    if (!cuv_search_spent(s))
        CUV_TRY(by_statistics(s));
    double now = cuv_effort_now(s->effort);
    if (!cuv_search_spent(s))
        CUV_TRY(by_habit(s, now + .12 * (s->until - now)));
    if (!cuv_search_spent(s))
        CUV_TRY(rounds(s));
    if (!cuv_search_spent(s))
        CUV_TRY(exhausts(s, WINDOWS, SPATIAL_MOST));
    if (!cuv_search_spent(s))
        CUV_TRY(exhausts(s, ACTIVATIONS, ACTS_MOST));
    return cuv_search_spent(s) ? CUV_OK : restarts(s);
}
