/* The cheapest ways to cut a whole list of tensors into layers (5.2 of the study: dynamic programming over positions, the k best prefixes at
 * each). */
#include "recover/reading.h"

/* A stated class leaves only its own reading. */
static void keep_class(cuv_here *h, const cuv_remain *m, size_t count)
{
    size_t kept = 0;
    cuv_rkind kind = m->class_name ? cuv_rkind_find(m->class_name) : CUV_R_UNKNOWN;
    bool each = cuv_streq(m->class_name, "TimeDistributed");        /* a Dense does that by itself */
    bool told = m->class_name && (kind != CUV_R_UNKNOWN || m->class_level == CUV_CERTAIN);
    for (size_t i = 0; i < h->count; i++) {
        if (h->takes[i] != count || (told && h->units[i].kind != (each ? CUV_R_DENSE : kind) && !(kind == CUV_R_EMBEDDING && h->units[i].kind == CUV_R_POSITION)))
            continue;
        h->takes[kept] = h->takes[i];
        h->units[kept] = h->units[i];
        h->units[kept].name = m->name;
        h->units[kept++].class_level = told ? m->class_level : CUV_INFERRED;
    }
    h->count = kept;
}

/* ---- the whole list ------------------------------------------------------------------------------------------------ */

#define NO_POSITION 9.0     /* rows for the steps of a sequence whose vectors have another size */
enum { WIDTH = 18, NETWORK_SURE = 40, NEAREST_LEAST = 8 };
typedef struct part { double cost; const struct part *prev; cuv_runit unit; } part;
typedef struct best { part *parts[WIDTH]; size_t count; } best;

static cuv_status add_part(cuv_reader *r, best *to, const part *prev, const cuv_runit *u, double cost)
{
    if (to->count == WIDTH && cost >= to->parts[WIDTH - 1]->cost)
        return CUV_OK;
    part *p = to->count == WIDTH ? to->parts[WIDTH - 1] : CUV_NEW(r->arena, part);
    if (!p)
        return cuv_oom(r->cx);
    /* A part that is dropped here has no successors yet: those come from places further on. */
    *p = (part){cost, prev, *u};
    size_t i = to->count < WIDTH ? to->count++ : WIDTH - 1;
    for (; i > 0 && to->parts[i - 1]->cost > cost; i--)
        to->parts[i] = to->parts[i - 1];
    to->parts[i] = p;
    return CUV_OK;
}

static const cuv_runit *last_weighted(const part *p)
{
    while (p && !p->unit.count)
        p = p->prev;
    return p ? &p->unit : NULL;
}

/* Axes of what the last convolution or dense layer gives, without the batch. */
static int axes_after(const part *p)
{
    for (; p; p = p->prev)
        if (cuv_rkind_traits(p->unit.kind) & (CUV_RT_CONV | CUV_RT_LINEAR | CUV_RT_RECURRENT))
            return 1 + cuv_rkind_spatial(p->unit.kind) + ((cuv_rkind_traits(p->unit.kind) & CUV_RT_RECURRENT) != 0);
    return 1;
}

/* How ill a layer follows the one before. */
static double cost_of_meeting(const part *prev, const cuv_runit *u)
{
    const cuv_runit *before = last_weighted(prev);
    unsigned traits = cuv_rkind_traits(u->kind);
    if (!u->count)
        return 0;
    if (u->kind == CUV_R_POSITION)
        return !before || before->out != u->out ? NO_POSITION : before->kind == CUV_R_EMBEDDING ? -.5 : 1.2;
    if (!before)
        return u->kind == CUV_R_EMBEDDING ? -.5 : traits & (CUV_RT_NORM | CUV_RT_ACTS) ? .5 : 0;
    if (u->kind == CUV_R_EMBEDDING)
        return before->kind == CUV_R_EMBEDDING ? 1 : 2;
    if (u->kind == CUV_R_PRELU && u->tensors[0].tensor->rank != axes_after(prev) && u->tensors[0].tensor->rank != 1)
        return 6;
    if (u->in == before->out)
        return 0;
    if (u->kind == CUV_R_PRELU)
        return 6;
    if (u->kind == CUV_R_DENSE && u->in % (before->out > 0 ? before->out : 1) == 0)
        return .25;
    return before->kind == CUV_R_BIDIRECTIONAL && 2 * u->in == before->out ? .5 : .8;
}

static cuv_status no_reading(cuv_reader *r, const char *near, const cuv_atom *atoms, size_t at, const part *so_far)
{
    const cuv_remain *m = atoms[at].remain;
    const cuv_named *t = &m->tensors[atoms[at].at];
    const char *before = "";
    size_t shown = 0;
    for (const part *p = so_far; p; p = p->prev)
        if (++shown <= 8)
            before = cuv_format(r->cx, "%s%s%s", cuv_rkind_name(p->unit.kind), *before ? ", " : "", before);
    if (shown > 8)
        before = cuv_format(r->cx, "..., %s", before);
    const char *next = "";
    for (size_t i = atoms[at].at; i < m->count && i < atoms[at].at + 4; i++)
        next = cuv_format(r->cx, "%s%s%s", next, *next ? " " : "", cuv_shape_text(r->cx, m->tensors[i].tensor->shape, m->tensors[i].tensor->rank));
    return cuv_fail(r->cx, CUV_NO, "recover.shapes", &(cuv_detail){.file = r->remains->file ? r->remains->file->path : NULL,
                    .tensor = t->label, .found = next,
                    .expected = m->class_name ? cuv_format(r->cx, "the weights of a layer of class %s", m->class_name) : "the weights of a layer",
                    .notes = cuv_format(r->cx, "read before it: %s\nfrom here on: %s%s%s", *before ? before : "nothing", next, near ? "\n" : "", near ? near : ""),
                    .help = "a configuration in JSON, or the Python code that builds the model, is needed: add it; "
                            "are arrays missing, transposed, or in another order than model.get_weights() gives?"},
                    "no layer that recovery knows has weights of the shapes that begin at %s", t->label);
}

/* Known networks that begin here, each as one layer. */
static void offer_networks(cuv_reader *r, size_t at, cuv_here *h)
{
    for (size_t i = 0; i < r->networks->count; i++) {
        const cuv_net_place *p = &r->networks->at[i];
        if (p->first != at)
            continue;
        cuv_offer(h, &(cuv_runit){.kind = p->net->wish.top ? CUV_R_CLASSIFIER : CUV_R_NETWORK, .inner = CUV_R_UNKNOWN, .class_level = CUV_INFERRED,
                              .tensors = p->tensors, .count = p->count, .in = p->net->wish.in_channels,
                              .out = cuv_net_channels(p->net, p->net->output), .cost = p->cost, .network = p}, p->end - p->first);
    }
}

static cuv_status read_at(cuv_reader *r, const cuv_atom *atoms, size_t count, size_t at, best *places)
{
    const cuv_remain *m = atoms[at].remain;
    cuv_here all, *h = &all;
    h->count = 0;
    if (!m->count) {
        cuv_runit u = {.kind = cuv_rkind_find(m->class_name), .inner = CUV_R_UNKNOWN, .name = m->name,
                       .class_level = m->class_name ? m->class_level : CUV_ASSUMED};
        cuv_offer(h, &u, 1);
    } else {
        CUV_TRY(cuv_read_here(r, m->tensors + atoms[at].at, m->count - atoms[at].at, h));
        if (!m->run)
            keep_class(h, m, m->count);
    }
    offer_networks(r, at, h);
    for (size_t k = 0; k < h->count; k++) {
        size_t to = at + h->takes[k];
        const cuv_runit *u = &h->units[k];
        for (size_t i = 0; to <= count && i < (at ? places[at].count : 1); i++) {
            const part *prev = at ? places[at].parts[i] : NULL;
            CUV_TRY(add_part(r, &places[to], prev, u, (prev ? prev->cost : 0) + u->cost + cost_of_meeting(prev, u)));
        }
    }
    return CUV_OK;
}

static cuv_status take(cuv_reader *r, const part *last, cuv_reading *out)
{
    out->cost = last->cost;
    out->count = 0;
    for (const part *p = last; p; p = p->prev)
        out->count++;
    out->units = CUV_NEW_ARRAY(r->arena, cuv_runit, out->count + 1);
    if (!out->units)
        return cuv_oom(r->cx);
    size_t i = out->count;
    for (const part *p = last; p; p = p->prev)
        out->units[--i] = p->unit;
    return CUV_OK;
}

static cuv_status make_atoms(cuv_reader *r, cuv_atom **out, size_t *count)
{
    size_t n = 0;
    for (size_t i = 0; i < r->remains->count; i++)
        n += r->remains->layers[i].count ? r->remains->layers[i].count : 1;
    *out = CUV_NEW_ARRAY(r->arena, cuv_atom, n + 1);
    if (!*out)
        return cuv_oom(r->cx);
    *count = 0;
    for (size_t i = 0; i < r->remains->count; i++) {
        const cuv_remain *m = &r->remains->layers[i];
        if (!m->count && !cuv_streq(m->class_name, "InputLayer"))
            (*out)[(*count)++] = (cuv_atom){m, 0};
        for (size_t k = 0; k < m->count; k++)
            (*out)[(*count)++] = (cuv_atom){m, k};
    }
    return CUV_OK;
}

static void tell_others(cuv_reader *r, cuv_reading *readings, size_t count)
{
    for (size_t i = 0; i < readings[0].count; i++)
        for (size_t k = 1; k < count; k++)
            for (size_t j = 0; j < readings[k].count && readings[0].units[i].count; j++) {
                cuv_runit *u = &readings[0].units[i];
                const cuv_runit *other = &readings[k].units[j];
                if (other->tensors == u->tensors && other->kind != u->kind && !(u->others && strstr(u->others, cuv_rkind_name(other->kind))))
                    u->others = cuv_format(r->cx, "%s%s%s", u->others ? u->others : "", u->others ? ", " : "", cuv_rkind_name(other->kind));
            }
}

/* What begins like a known network, and is none. A few layers are alike by chance. */
static void tell_nearest(cuv_reader *r, const char **near)
{
    const cuv_net_places *p = r->networks;
    *near = p->nearest && !p->count && p->alike >= NEAREST_LEAST
                ? cuv_format(r->cx, "its tensors begin like those of %s: %zu of %zu have the same shapes in the same order", p->nearest->name,
                             p->alike, p->weights)
                : NULL;
}

/* The best reading with its blocks in order comes before all others, in both orders; the last ones go where there is no room. */
static cuv_status put_blocks_first(cuv_reader *r, cuv_reading *out, size_t *count)
{
    cuv_reading ordered[2];
    bool any = false;
    for (int before = 0; before < 2 && !r->remains->complete; before++)
        CUV_TRY(cuv_read_blocks(r->cx, r->arena, &out[0], before, &ordered[before], &any));
    if (!any)
        return CUV_OK;
    *count = *count + 2 < CUV_READINGS ? *count + 2 : CUV_READINGS;
    memmove(&out[2], &out[0], (*count - 2) * sizeof *out);
    memcpy(out, ordered, sizeof ordered);
    return CUV_OK;
}

cuv_status cuv_read_units(cuv_context *cx, cuv_arena *arena, const cuv_remains *remains, bool tokens, cuv_reading *out, size_t *count,
                          const char **near)
{
    cuv_reader r = {.cx = cx, .arena = arena, .remains = remains, .tokens = tokens, .networks = CUV_NEW(arena, cuv_net_places)};
    cuv_atom *atoms;
    size_t n = 0, furthest = 0;
    CUV_TRY(make_atoms(&r, &atoms, &n));
    if (!n)
        return cuv_fail(cx, CUV_NO, "recover.nothing", &(cuv_detail){.file = remains->file ? remains->file->path : NULL},
                        "nothing tells the architecture, and there are no tensors in %s to recover it from", remains->source);
    if (n > 6 * CUV_R_MAX_UNITS)
        return cuv_fail(cx, CUV_UNSUPPORTED, "recover.large", &(cuv_detail){.help = "add the model's configuration"},
                        "%s has %zu tensors; recovery takes %d", remains->source, n, 6 * CUV_R_MAX_UNITS);
    best *places = CUV_NEW_ARRAY(arena, best, n + 1);
    if (!places || !r.networks)
        return cuv_oom(cx);
    CUV_TRY(cuv_find_networks(cx, arena, remains, atoms, n, r.networks));
    tell_nearest(&r, near);
    for (size_t at = 0; at < n; at++) {
        CUV_TRY(cuv_check_time(cx));
        if (at && !places[at].count)
            continue;
        furthest = at;
        CUV_TRY(read_at(&r, atoms, n, at, places));
    }
    if (!places[n].count)
        return no_reading(&r, *near, atoms, furthest, furthest ? places[furthest].parts[0] : NULL);
    *count = places[n].count < CUV_READINGS ? places[n].count : CUV_READINGS;
    if (r.networks->count)            /* readings of its weights one by one are no rivals */
        while (*count > 1 && places[n].parts[*count - 1]->cost > places[n].parts[0]->cost + NETWORK_SURE)
            --*count;
    for (size_t i = 0; i < *count; i++)
        CUV_TRY(take(&r, places[n].parts[i], &out[i]));
    CUV_TRY(put_blocks_first(&r, out, count));
    tell_others(&r, out, *count);
    return CUV_OK;
}
