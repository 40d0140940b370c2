/* Wirings whose layers are all placed: which tensors are the outputs, and the structures that come of them. */
#include "recover/wiring.h"

#include <stdlib.h>

#define LISTED_OTHERWISE 1000.0   /* taken only when no wiring agrees with the order of the list */

static bool finish(const cuv_wirer *w, const cuv_wstate *s, cuv_structure *out, double *cost)
{
    const cuv_ends *e = w->ends;
    int open[MAX_LIVE], count = 0;
    bool taken[MAX_LIVE] = {false};
    for (int i = 0; i < s->live_count; i++)
        if (!s->live[i].used)
            open[count++] = i;
    *cost = s->cost;
    if (!e->outputs_known) {
        *cost += count == 1 ? (s->live[open[0]].type.rank == 1 ? 0 : .8) : 2.5 * (count - 1);
        for (int i = 0; i < count && i < 8; i++)
            out->outputs[out->output_count++] = s->live[open[i]].id;
        return count > 0 && count <= 8 && s->live[open[0]].id >= 0;
    }
    if ((size_t)count != e->output_count)
        return false;
    for (size_t k = 0; k < e->output_count; k++) {
        int at = 0;
        while (at < count && (taken[at] || !cuv_flow_same(&s->live[open[at]].type, &e->outputs[k]) || s->live[open[at]].id < 0))
            at++;
        if (at == count)
            return false;
        taken[at] = true;
        *cost += at == (int)k ? 0 : .3;
        out->outputs[out->output_count++] = s->live[open[at]].id;
    }
    return true;
}

static uint8_t way_of(const cuv_wstate *s)
{
    size_t best = 0;
    for (size_t i = 1; i < CUV_WAYS; i++)
        best = s->ways[i] < s->ways[best] ? i : best;
    return (uint8_t)(best + 1);
}

static cuv_status take(cuv_wirer *w, const cuv_wstate *s, cuv_structure *out)
{
    out->reading = w->reading;
    out->inputs = w->ends->inputs;
    out->input_count = w->ends->input_count;
    out->complete = w->complete;
    out->way = w->ends->trial ? way_of(s) : 0;
    out->count = (size_t)s->nodes;
    out->nodes = CUV_NEW_ARRAY(w->arena, cuv_rnode, out->count + 1);
    if (!out->nodes)
        return cuv_oom(w->cx);
    for (const cuv_link *l = s->last; l; l = l->prev)
        out->nodes[l->index] = l->node;
    return CUV_OK;
}

int cuv_cheaper(const void *a, const void *b)
{
    const cuv_structure *x = a, *y = b;
    return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* Of sorted wirings those that agree with the list; all of them when none does. */
static void keep_agreeing(cuv_structure *s, size_t *count)
{
    size_t n = 0;
    while (n < *count && s[n].cost < LISTED_OTHERWISE)
        n++;
    if (n)
        *count = n;
    for (size_t i = 0; i < *count && !n; i++)
        s[i].cost -= LISTED_OTHERWISE;
}

cuv_status cuv_wire_finish(cuv_wirer *w, const cuv_wstate *states, size_t count, size_t most, cuv_structure **out,
                           size_t *found)
{
    *out = CUV_NEW_ARRAY(w->arena, cuv_structure, count + 1);
    if (!*out)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < count && *found < most; i++) {
        cuv_structure s = {0};
        if (!finish(w, &states[i], &s, &s.cost))
            continue;
        CUV_TRY(take(w, &states[i], &s));
        bool otherwise = false;
        if (w->complete)
            CUV_TRY(cuv_listed_otherwise(w->cx, w->arena, &s, &otherwise));
        s.cost += w->reading->cost + (otherwise ? LISTED_OTHERWISE : 0);
        (*out)[(*found)++] = s;
    }
    qsort(*out, *found, sizeof **out, cuv_cheaper);      /* stable enough: equal costs keep no meaning */
    keep_agreeing(*out, found);
    return CUV_OK;
}
