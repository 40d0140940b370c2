/* Turns assumptions into facts: where only the order of equally shaped layers says which arrays are whose, tries the orders against
 * samples of the original until one reproduces them and the others do not. */
#include "run/samples.h"

#include <math.h>
#include <time.h>

enum { MAX_TRIES = 20000, MAX_CLASS = 64, MAX_SECONDS = 60 };    /* of one search; --time bounds the whole call */

/* What can change places: the weights of a layer together, or one weight by itself. */
typedef struct item { cuv_weight **weights; size_t count; } item;
/* Items of the same shapes, with nothing but the order to tell them apart. */
typedef struct class { item items[MAX_CLASS]; size_t count; bool told_apart; } class;

typedef struct search {
    struct cuv_model *m;
    cuv_context *cx;
    cuv_arena *arena;
    cuv_array *inputs, *outputs;
    cuv_verification *v;
    class *classes;
    size_t class_count;
    size_t tries, most;     /* orders run so far, and the last one that may be */
    struct timespec until;
    bool cut;               /* not all orders were tried */
    double best;            /* smallest largest difference seen */
} search;

static bool all_assumed(const item *it)
{
    for (size_t i = 0; i < it->count; i++)
        if (it->weights[i]->level != CUV_ASSUMED || !it->weights[i]->value)
            return false;
    return it->count > 0;
}

static bool exchangeable(const item *a, const item *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!cuv_shape_equal(a->weights[i]->shape, a->weights[i]->rank, b->weights[i]->shape, b->weights[i]->rank) ||
            a->weights[i]->dtype != b->weights[i]->dtype)
            return false;
    return true;
}

static void add_item(search *s, const item *it)
{
    size_t c = 0;
    while (c < s->class_count && !exchangeable(&s->classes[c].items[0], it))
        c++;
    s->class_count += c == s->class_count;
    if (s->classes[c].count < MAX_CLASS)
        s->classes[c].items[s->classes[c].count++] = *it;
    else
        s->cut = true;
}

static cuv_status find_layers(search *s)
{
    struct cuv_model *m = s->m;
    s->class_count = 0;
    s->classes = CUV_NEW_ARRAY(s->arena, class, m->layer_count + 1);
    if (!s->classes)
        return cuv_oom(s->cx);
    for (size_t i = 0; i < m->layer_count; i++) {
        item it;
        CUV_TRY(cuv_layer_weights_in_order(s->arena, m->layers[i], &it.weights, &it.count));
        if (all_assumed(&it))
            add_item(s, &it);
    }
    return CUV_OK;
}

static size_t count_layers(cuv_layer *const *layers, size_t count)
{
    size_t n = count;
    for (size_t i = 0; i < count; i++)
        n += count_layers(layers[i]->inner, layers[i]->inner_count);
    return n;
}

static cuv_status add_leaves(search *s, cuv_layer *const *layers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cuv_layer *layer = layers[i];
        item it = {CUV_NEW_ARRAY(s->arena, cuv_weight *, layer->weight_count + 1), layer->weight_count};
        if (!it.weights)
            return cuv_oom(s->cx);
        for (size_t k = 0; k < it.count; k++)
            it.weights[k] = &layer->weights[k];
        if (all_assumed(&it))
            add_item(s, &it);
        CUV_TRY(add_leaves(s, layer->inner, layer->inner_count));
    }
    return CUV_OK;
}

/* The layers at every depth: those inside a model, or inside what --custom gives, change places one by one. */
static cuv_status find_leaves(search *s)
{
    s->class_count = 0;
    s->classes = CUV_NEW_ARRAY(s->arena, class, count_layers(s->m->layers, s->m->layer_count) + 1);
    return s->classes ? add_leaves(s, s->m->layers, s->m->layer_count) : cuv_oom(s->cx);
}

static bool has_inner(const struct cuv_model *m)
{
    return count_layers(m->layers, m->layer_count) > m->layer_count;
}

static cuv_status find_weights(search *s)
{
    struct cuv_model *m = s->m;
    s->class_count = 0;
    s->classes = CUV_NEW_ARRAY(s->arena, class, m->weight_count + 1);
    if (!s->classes)
        return cuv_oom(s->cx);
    for (size_t i = 0; i < m->weight_count; i++) {
        item it = {&m->weights[i], 1};
        if (all_assumed(&it))
            add_item(s, &it);
    }
    return CUV_OK;
}

static void swap_items(struct cuv_model *m, const item *a, const item *b)
{
    for (size_t i = 0; i < a->count; i++) {
        cuv_weight *x = a->weights[i], *y = b->weights[i];
        const cuv_tensor *value = x->value;
        const char *source = x->source;
        x->value = y->value;
        x->source = y->source;
        y->value = value;
        y->source = source;
        m->program->values[x->ref].tensor = x->value;
        m->program->values[y->ref].tensor = y->value;
    }
}

/* Runs the samples; *ok tells whether all outputs agree. A plain difference is no failure. */
static cuv_status try_samples(search *s, bool *ok)
{
    struct cuv_result *result;
    s->tries++;
    cuv_runner_reset(s->m);
    cuv_reset_states(s->m);
    CUV_TRY(cuv_run_model(s->m, s->inputs, s->m->input_count, 0, NULL, &result));
    memset(s->v->outputs, 0, s->v->count * sizeof *s->v->outputs);
    cuv_status status = cuv_compare_outputs(s->m, result, s->outputs, s->v->rtol, s->v->atol, s->v);
    cuv_result_free(result);
    double worst = 0;
    for (size_t i = 0; i < s->v->count; i++)
        worst = fmax(worst, isnan(s->v->outputs[i].max_abs) ? INFINITY : s->v->outputs[i].max_abs);
    s->best = fmin(s->best, worst);
    *ok = s->v->ok;
    return status;
}

static double error_now(const search *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->v->count; i++)
        sum += isnan(s->v->outputs[i].max_abs) ? INFINITY : s->v->outputs[i].max_abs;
    return sum;
}

static bool out_of_tries(search *s)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    bool late = now.tv_sec > s->until.tv_sec || (now.tv_sec == s->until.tv_sec && now.tv_nsec >= s->until.tv_nsec);
    s->cut |= late || s->tries >= s->most;
    return late || s->tries >= s->most;
}

/* All orders of the classes from `c` on (Heap's algorithm inside a class). */
static cuv_status try_orders(search *s, size_t c, size_t k, bool *ok)
{
    if (out_of_tries(s) || *ok)
        return CUV_OK;
    CUV_TRY(cuv_check_time(s->cx));
    if (c == s->class_count)
        return try_samples(s, ok);
    class *cl = &s->classes[c];
    if (k >= cl->count)
        return try_orders(s, c + 1, 0, ok);
    for (size_t i = k; i < cl->count; i++) {
        if (i != k)
            swap_items(s->m, &cl->items[k], &cl->items[i]);
        CUV_TRY(try_orders(s, c, k + 1, ok));
        if (*ok)
            return CUV_OK;
        if (i != k)
            swap_items(s->m, &cl->items[k], &cl->items[i]);
    }
    return CUV_OK;
}

/* Too many orders to try them all: exchanges pairs as long as that brings the outputs nearer. */
static cuv_status descend(search *s, bool *ok)
{
    CUV_TRY(try_samples(s, ok));
    double now = error_now(s);
    for (bool better = true; better && !*ok;) {
        better = false;
        for (size_t c = 0; c < s->class_count; c++)
            for (size_t i = 0; i < s->classes[c].count; i++)
                for (size_t k = i + 1; k < s->classes[c].count; k++) {
                    if (out_of_tries(s) || *ok)
                        return CUV_OK;
                    CUV_TRY(cuv_check_time(s->cx));
                    swap_items(s->m, &s->classes[c].items[i], &s->classes[c].items[k]);
                    CUV_TRY(try_samples(s, ok));
                    if (*ok || error_now(s) < now) {
                        now = error_now(s);
                        better = true;
                    } else {
                        swap_items(s->m, &s->classes[c].items[i], &s->classes[c].items[k]);
                    }
                }
    }
    return CUV_OK;
}

static bool few_orders(const search *s)
{
    double n = 1;
    for (size_t c = 0; c < s->class_count; c++)
        for (size_t i = 2; i <= s->classes[c].count; i++)
            n *= (double)i;
    return n <= MAX_TRIES;
}

/* With the right order in place: does every exchange of two layers show? Then the samples tell them apart. */
static cuv_status tell_apart(search *s)
{
    for (size_t c = 0; c < s->class_count; c++) {
        class *cl = &s->classes[c];
        cl->told_apart = true;
        for (size_t i = 0; i < cl->count; i++)
            for (size_t k = i + 1; k < cl->count && cl->told_apart; k++) {
                bool ok = false;
                CUV_TRY(cuv_check_time(s->cx));
                swap_items(s->m, &cl->items[i], &cl->items[k]);
                cuv_status status = try_samples(s, &ok);
                swap_items(s->m, &cl->items[i], &cl->items[k]);
                CUV_TRY(status);
                cl->told_apart = !ok;
            }
    }
    cuv_runner_reset(s->m);
    return CUV_OK;
}

static cuv_decision *decision_of(const struct cuv_model *m, const cuv_weight *w)
{
    const char *name = w->layer->path ? w->layer->path : w->layer->name;
    for (size_t d = 0; d < m->decision_count; d++)
        if (cuv_streq(m->decisions[d].layer, name) && cuv_streq(m->decisions[d].field, w->name))
            return &m->decisions[d];
    return NULL;
}

/* Writes the outcome into weights and decisions. */
static cuv_status conclude(search *s, const char *samples)
{
    const char *proof = cuv_arena_printf(s->m->arena, "%s is reproduced with it, and with no exchange of two of the same shape", samples);
    const char *tie = cuv_arena_printf(s->m->arena, "%s is reproduced with it, but also with other orders", samples);
    if (!proof || !tie)
        return cuv_oom(s->cx);
    for (size_t c = 0; c < s->class_count; c++)
        for (size_t i = 0; i < s->classes[c].count; i++)
            for (size_t k = 0; k < s->classes[c].items[i].count; k++) {
                cuv_weight *w = s->classes[c].items[i].weights[k];
                bool sure = s->classes[c].told_apart;
                cuv_decision *d = decision_of(s->m, w);
                w->level = sure ? CUV_VERIFIED : CUV_ASSUMED;
                if (!d)
                    continue;
                d->level = w->level;
                d->value = w->source;
                d->why = sure ? proof : tie;
                d->alternatives = sure ? NULL : d->alternatives;
            }
    return CUV_OK;
}

/* What only the shapes told is proven too, now that the samples come out. */
static cuv_status confirm(search *s, const char *samples)
{
    const char *why = cuv_arena_printf(s->m->arena, "%s is reproduced with it; its shape allows no other", samples);
    const char *reproduced = cuv_arena_printf(s->m->arena, "%s is reproduced with it", samples);
    if (!why || !reproduced)
        return cuv_oom(s->cx);
    for (size_t i = 0; i < s->m->weight_count; i++)
        if (s->m->weights[i]->level == CUV_INFERRED)
            s->m->weights[i]->level = CUV_VERIFIED;
    for (size_t i = 0; i < s->m->decision_count; i++)
        if (s->m->decisions[i].level == CUV_INFERRED) {
            s->m->decisions[i].level = CUV_VERIFIED;
            s->m->decisions[i].why = why;
        } else if (s->m->decisions[i].level == CUV_ASSUMED && (cuv_streq(s->m->decisions[i].field, "class") || cuv_streq(s->m->decisions[i].field, "mask"))) {  /* --custom */
            s->m->decisions[i].level = CUV_VERIFIED;
            s->m->decisions[i].why = reproduced;
            s->m->decisions[i].alternatives = NULL;
        }
    return CUV_OK;
}

static cuv_status differ(search *s, const cuv_samples *samples)
{
    bool gave_up = s->cut, orders = s->class_count > 0;
    const char *what = !orders ? "the rebuilt model does not give the outputs of"
                     : gave_up ? "no order that was tried gives the outputs of"
                               : "no order of the arrays of equal shape gives the outputs of";
    return cuv_fail(s->cx, CUV_NO, "samples.differ", &(cuv_detail){.file = samples->file->path,
                    .expected = cuv_format(s->cx, "differences within rtol %g, atol %g", s->v->rtol, s->v->atol),
                    .found = cuv_format(s->cx, "%.3g", s->best),
                    .notes = gave_up ? cuv_format(s->cx, "gave up after %zu orders; there are more, which may include the right one",
                                                  s->tries)
                           : orders ? cuv_format(s->cx, "%zu orders were tried, which are all", s->tries) : NULL,
                    .help = gave_up ? "state with --map what is known; fewer orders are then left to try"
                                    : "weights, configuration and samples do not belong together; cuvier verify shows each output"},
                    "%s %s; %s off by %.3g", what, samples->file->name, orders ? "the nearest is" : "it is", s->best);
}

static cuv_status search_orders(search *s, bool *ok)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &s->until);
    s->until.tv_sec += MAX_SECONDS;
    s->most = s->tries + MAX_TRIES;
    if (few_orders(s))
        return try_orders(s, 0, 0, ok);
    s->cut = true;
    return descend(s, ok);
}

/* As it stands; then layers in other places; then those inside others; then each array by itself. */
static cuv_status settle(search *s, const cuv_samples *samples)
{
    bool ok = false;
    CUV_TRY(cuv_match_samples(s->m, samples, false, s->arena, &s->inputs));
    CUV_TRY(cuv_match_samples(s->m, samples, true, s->arena, &s->outputs));
    CUV_TRY(find_layers(s));
    CUV_TRY(search_orders(s, &ok));
    if (!ok && has_inner(s->m)) {
        CUV_TRY(find_leaves(s));
        CUV_TRY(s->class_count ? search_orders(s, &ok) : CUV_OK);
    }
    if (!ok) {
        CUV_TRY(find_weights(s));
        CUV_TRY(s->class_count ? search_orders(s, &ok) : CUV_OK);
    }
    if (!ok)
        return differ(s, samples);
    CUV_TRY(tell_apart(s));
    CUV_TRY(conclude(s, samples->file->name));
    CUV_TRY(confirm(s, samples->file->name));
    return cuv_model_decide(s->m, NULL, "outputs", cuv_format(s->cx, "%zu samples reproduced", s->v->samples), CUV_VERIFIED,
                            cuv_format(s->cx, "%s, rtol %g, atol %g", samples->file->name, s->v->rtol, s->v->atol), NULL);
}

cuv_status cuv_settle_by_samples(struct cuv_model *m, const cuv_samples *samples, double rtol, double atol)
{
    search s = {.m = m, .cx = m->cx, .arena = cuv_arena_new(m->cx), .best = INFINITY};
    if (!s.arena)
        return cuv_oom(m->cx);
    cuv_status status = cuv_verification_new(m, rtol, atol, &s.v);
    if (status == CUV_OK)
        status = settle(&s, samples);
    cuv_verification_free(m->cx, s.v);
    cuv_arena_free(s.arena);
    return status;
}
