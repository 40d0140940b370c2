/* Downhill from choices that came near: one choice, one kind of choices, one activation everywhere, or two choices at a time. */
#include "recover/search.h"

#include <stdlib.h>

#define MUCH_NEARER .5
enum { PAIRS = 14 };

/* What a move changes: one slot; those of its kind that have the same value; its activation wherever it is. */
typedef enum extent { ONE, KIND_ALIKE, ACT_EVERYWHERE } extent;
typedef struct move { double error; size_t slot; uint8_t option; extent extent; } move;
typedef struct descent { cuv_search *s; size_t structure; uint8_t *now, *try; double error; move *moves; size_t count; bool much; } descent;

bool cuv_allowed(const cuv_search *s, const cuv_choice_slot *slot, uint8_t option)
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
            if (o != d->now[i] && cuv_allowed(d->s, &p->slots[i], o))
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
            if (o != d->now[i] && cuv_allowed(d->s, &p->slots[i], o))
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
    uint8_t *start = cuv_copy_values(d->s, d->structure, d->now);
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
    descent d = {s, structure, cuv_copy_values(s, structure, from), cuv_copy_values(s, structure, from), error,
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
