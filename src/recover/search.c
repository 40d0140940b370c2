/* Structures and their choices, tried against samples: all hidden layers alike first, which is the usual case and costs a dozen tries at any
 * depth; then one choice, one kind of choices and two choices at a time, downhill; then what is small enough to be tried whole; then chance
 * (seeded). 5.6 of the study. */
#include "recover/search.h"

#include <stdlib.h>

#define SCOUTED_NEAR .3
#define MUCH_NEARER .5
enum { SPATIAL_MOST = 6000, ACTS_MOST = 250000, STRUCTURES_FIRST = 6, PAIRS = 14 };

bool cuv_search_spent(const cuv_search *s)
{
    return s->found || s->evaluated >= s->most || cuv_monotonic_seconds() > s->until;
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

static uint8_t *copy_values(cuv_search *s, size_t structure, const uint8_t *values)
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
    s->best = (cuv_hit){structure, copy_values(s, structure, values), 0, ratio, max_abs};
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
    grown[s->hit_count] = (cuv_hit){structure, copy_values(s, structure, values), error, INFINITY, INFINITY};
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
        case CUV_S_HIDDEN: case CUV_S_ACTIVATION: case CUV_S_BEFORE_CONCAT: break;
        case CUV_S_BEFORE_NORM: act = !r->norm_first; break;
        case CUV_S_AFTER_NORM: act = r->norm_first; break;
        case CUV_S_BEFORE_MERGE: act = r->before_merge; break;
        case CUV_S_AFTER_MERGE: act = r->after_merge; break;
        case CUV_S_AFTER_CONCAT: act = false; break;
        default: values[i] = 0; continue;
        }
        values[i] = cuv_option_of_act(slot, act ? r->hidden : CUV_A_LINEAR);
    }
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

/* ---- downhill -------------------------------------------------------------------------------------------------------------- */

/* What a move changes: one slot; those of its kind that have the same value; its activation wherever it is. */
typedef enum extent { ONE, KIND_ALIKE, ACT_EVERYWHERE } extent;
typedef struct move { double error; size_t slot; uint8_t option; extent extent; } move;
typedef struct descent { cuv_search *s; size_t structure; uint8_t *now, *try; double error; move *moves; size_t count; bool much; } descent;

static bool allowed(const cuv_search *s, const cuv_choice_slot *slot, uint8_t option)
{
    const cuv_target *t = s->part_target;
    if (slot->kind != CUV_S_OUT)
        return true;
    for (size_t i = 0; i < t->act_count[slot->output]; i++)
        if (t->acts[slot->output][i] == slot->options[option].choice.act)
            return true;
    return false;
}

/* Slots of one kind that have the same value now: a move of a group changes them together. */
static bool in_step(const descent *d, size_t a, size_t b)
{
    const cuv_choice_slot *slots = d->s->structures[d->structure].slots;
    return slots[a].kind == slots[b].kind && slots[a].count == slots[b].count && d->now[a] == d->now[b];
}

static bool is_hidden_act(const cuv_choice_slot *s)
{
    return cuv_slot_is_act(s->kind) && s->kind != CUV_S_OUT;
}

static unsigned act_now(const descent *d, size_t slot)
{
    return d->s->structures[d->structure].slots[slot].options[d->now[slot]].choice.act;
}

/* The move in d->try; returns how many slots it changes. */
static size_t make_move(descent *d, size_t slot, uint8_t option, extent how)
{
    const cuv_prepared *p = &d->s->structures[d->structure];
    size_t changed = 0;
    memcpy(d->try, d->now, p->count);
    for (size_t i = 0; i < p->count; i++)
        if (i == slot || (how == KIND_ALIKE && in_step(d, i, slot))) {
            d->try[i] = option;
            changed++;
        } else if (how == ACT_EVERYWHERE && is_hidden_act(&p->slots[i]) && act_now(d, i) == act_now(d, slot)) {
            unsigned act = p->slots[slot].options[option].choice.act;
            uint8_t other = cuv_option_of_act(&p->slots[i], act);
            bool has = p->slots[i].options[other].choice.act == act;
            d->try[i] = has ? other : d->try[i];
            changed += has;
        }
    return changed;
}

/* A step that brings it so much nearer is taken without a look at the others. */
static bool enough_moves(const descent *d)
{
    return d->much || cuv_search_spent(d->s);
}

static cuv_status one_move(descent *d, size_t slot, uint8_t option, extent how)
{
    double error;
    if (make_move(d, slot, option, how) < 2 && how != ONE)
        return CUV_OK;
    CUV_TRY(cuv_try(d->s, d->structure, d->try, &error));
    d->moves[d->count++] = (move){error, slot, option, how};
    d->much = d->much || error < MUCH_NEARER * d->error;
    return CUV_OK;
}

static void take_move(descent *d, const move *m)
{
    (void)make_move(d, m->slot, m->option, m->extent);
    memcpy(d->now, d->try, d->s->structures[d->structure].count);
    d->error = m->error;
}

static int nearer(const void *a, const void *b)
{
    const move *x = a, *y = b;
    if (x->error != y->error)
        return x->error < y->error ? -1 : 1;
    return x->slot != y->slot ? (x->slot < y->slot ? -1 : 1) : x->option - y->option;
}

/* Each activation that is used, but none, for another one wherever it is. */
static cuv_status moves_everywhere(descent *d)
{
    const cuv_prepared *p = &d->s->structures[d->structure];
    for (size_t i = 0; i < p->count; i++) {
        bool first = is_hidden_act(&p->slots[i]) && act_now(d, i) != CUV_A_LINEAR;
        for (size_t k = 0; k < i && first; k++)
            first = !(is_hidden_act(&p->slots[k]) && act_now(d, k) == act_now(d, i));
        for (uint8_t o = 0; first && o < p->slots[i].count && !enough_moves(d); o++)
            if (o != d->now[i])
                CUV_TRY(one_move(d, i, o, ACT_EVERYWHERE));
    }
    return CUV_OK;
}

/* All slots of one kind that have the same value, for each such set; those of epsilons, or all others. */
static cuv_status moves_alike(descent *d, bool epsilons)
{
    const cuv_prepared *p = &d->s->structures[d->structure];
    for (size_t i = 0; i < p->count; i++) {
        bool first = (p->slots[i].kind == CUV_S_EPSILON) == epsilons;       /* of the slots that such a move changes */
        for (size_t k = 0; k < i && first; k++)
            first = !in_step(d, k, i);
        for (uint8_t o = 0; first && o < p->slots[i].count && !enough_moves(d); o++)
            if (o != d->now[i] && allowed(d->s, &p->slots[i], o))
                CUV_TRY(one_move(d, i, o, KIND_ALIKE));
    }
    return CUV_OK;
}

/* Many at once first: an epsilon is wrong everywhere or nowhere. */
static cuv_status all_moves(descent *d)
{
    const cuv_prepared *p = &d->s->structures[d->structure];
    d->count = 0;
    d->much = false;
    CUV_TRY(moves_alike(d, true));
    CUV_TRY(moves_alike(d, false));
    CUV_TRY(moves_everywhere(d));
    for (size_t i = p->count; i-- > 0;)
        for (uint8_t o = 0; o < p->slots[i].count && !enough_moves(d); o++)
            if (o != d->now[i] && allowed(d->s, &p->slots[i], o))
                CUV_TRY(one_move(d, i, o, ONE));
    qsort(d->moves, d->count, sizeof *d->moves, nearer);
    return CUV_OK;
}

/* Two of the best single moves together. */
static cuv_status pairs(descent *d, bool *better)
{
    size_t n = 0, count = d->s->structures[d->structure].count;
    for (size_t i = 0; i < d->count && n < PAIRS; i++)
        if (d->moves[i].extent == ONE)
            d->moves[n++] = d->moves[i];
    uint8_t *start = copy_values(d->s, d->structure, d->now);
    if (!start)
        return cuv_oom(d->s->cx);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && !cuv_search_spent(d->s); k++) {
            double error;
            if (d->moves[i].slot == d->moves[k].slot)
                continue;
            memcpy(d->try, start, count);
            d->try[d->moves[i].slot] = d->moves[i].option;
            d->try[d->moves[k].slot] = d->moves[k].option;
            CUV_TRY(cuv_try(d->s, d->structure, d->try, &error));
            if (error < d->error * .999) {
                memcpy(d->now, d->try, count);
                d->error = error;
                *better = true;
            }
        }
    return CUV_OK;
}

cuv_status cuv_descend(cuv_search *s, size_t structure, const uint8_t *from, double error, bool with_pairs)
{
    cuv_prepared *p = &s->structures[structure];
    size_t moves = 1;
    for (size_t i = 0; i < p->count; i++)
        moves += 3 * p->slots[i].count;
    descent d = {s, structure, copy_values(s, structure, from), copy_values(s, structure, from), error,
                 CUV_NEW_ARRAY(s->arena, move, moves), 0, false};
    if (!d.now || !d.try || !d.moves)
        return cuv_oom(s->cx);
    for (bool better = true; better && !cuv_search_spent(s);) {
        better = false;
        CUV_TRY(all_moves(&d));
        if (d.count && d.moves[0].error < d.error * .999) {
            take_move(&d, &d.moves[0]);
            better = true;
        } else if (with_pairs) {
            CUV_TRY(pairs(&d, &better));
        }
    }
    return cuv_keep_hit(s, structure, d.now, d.error);
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
    uint8_t *values = copy_values(s, from->structure, from->values), *best = copy_values(s, from->structure, from->values);
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
            fits &= allowed(s, &p->slots[i], values[i]);
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
        uint8_t *values = copy_values(s, h.structure, h.values);
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
    double start = cuv_monotonic_seconds(), all = s->until - start;
    for (double share = .04; share < .3 && !cuv_search_spent(s); share *= 1.5) {
        CUV_TRY(cuv_deepen(s, cuv_monotonic_seconds() + share * all));
        if (!cuv_search_spent(s))
            CUV_TRY(cuv_allow_noise(s));
        if (!cuv_search_spent(s))
            CUV_TRY(descents(s, cuv_monotonic_seconds() + share * all * .6));
    }
    return CUV_OK;
}

cuv_status cuv_search_run(cuv_search *s)
{
    CUV_TRY(by_statistics(s));
    if (!cuv_search_spent(s))
        CUV_TRY(rounds(s));
    if (!cuv_search_spent(s))
        CUV_TRY(exhausts(s, WINDOWS, SPATIAL_MOST));
    if (!cuv_search_spent(s))
        CUV_TRY(exhausts(s, ACTIVATIONS, ACTS_MOST));
    return cuv_search_spent(s) ? CUV_OK : restarts(s);
}
