/* Two models on the same random inputs: how far their outputs are apart, and the first layer at which they part. */
#include "run/differ.h"

/* ---- where they part */

/* A tensor that both models make, and the layer whose call makes it. */
typedef struct pair { cuv_sym mine, theirs; const cuv_layer *a, *b; } pair;
typedef struct pairs { pair *items; size_t count; } pairs;

/* The model with the given tensors as its outputs; shares everything. */
static cuv_status run_tensors(cuv_differ *d, const struct cuv_model *m, const pairs *p, bool theirs, const cuv_array *inputs,
                              const cuv_run_options *options, struct cuv_result **out)
{
    struct cuv_model copy = *m;
    cuv_program program = *m->program;
    const size_t count = p->count;
    copy.outputs = CUV_NEW_ARRAY(d->arena, cuv_sym, count + 1);
    copy.output_names = CUV_NEW_ARRAY(d->arena, const char *, count + 1);
    program.outputs = CUV_NEW_ARRAY(d->arena, cuv_ref, count + program.state_count + 1);
    program.output_names = CUV_NEW_ARRAY(d->arena, const char *, count + program.state_count + 1);
    if (!program.output_names || !copy.outputs || !copy.output_names || !program.outputs)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < count; i++) {
        copy.outputs[i] = theirs ? p->items[i].theirs : p->items[i].mine;
        copy.output_names[i] = (theirs ? p->items[i].b : p->items[i].a)->name;
        program.outputs[i] = copy.outputs[i].value;
    }
    copy.output_count = count;
    memcpy(program.output_names, copy.output_names, count * sizeof *copy.output_names);
    for (size_t i = 0; i < program.state_count; i++) {
        program.outputs[count + i] = program.states[i].after;
        program.output_names[count + i] = "state";
    }
    program.output_count = count + program.state_count;
    copy.program = &program;
    copy.runner = NULL;
    cuv_status status = cuv_run_model(&copy, inputs, m->input_count, 0, options, out);
    cuv_runner_free(&copy);
    return status;
}

static size_t index_of(const cuv_graph *g, const cuv_layer *layer)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layers[i] == layer)
            return i;
    return SIZE_MAX;
}

/* Whether a step still makes it: what no output needed has been taken out. */
static bool is_made(const struct cuv_model *m, const cuv_sym *outputs, size_t count)
{
    cuv_ref ref = count ? outputs[0].value : CUV_NO_REF;
    for (size_t i = 0; ref != CUV_NO_REF && i < m->program->step_count; i++)
        for (size_t k = 0; k < m->program->steps[i].out_count; k++)
            if (m->program->steps[i].out[k] == ref)
                return true;
    return false;
}

/* The k-th node of b's partner for the k-th node of a layer of a; SIZE_MAX: none. */
static size_t partner_node(const struct cuv_model *a, const struct cuv_model *b, const cuv_pairing *p, size_t at)
{
    size_t i = index_of(p->a, a->nodes[at].layer), ordinal = 0;
    if (i == SIZE_MAX || p->there[i] < 0)
        return SIZE_MAX;
    for (size_t n = 0; n < at; n++)
        ordinal += a->nodes[n].layer == a->nodes[at].layer;
    for (size_t n = 0; n < b->node_count; n++)
        if (b->nodes[n].layer == p->b->layers[p->there[i]] && ordinal-- == 0)
            return n;
    return SIZE_MAX;
}

/* Runs both models up to the pairs and finds the first that differs; SIZE_MAX: none does. */
static cuv_status first_parting(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const pairs *p, const cuv_array *inputs,
                                const cuv_run_options *options, size_t *at)
{
    struct cuv_result *x = NULL, *y = NULL;
    *at = SIZE_MAX;
    cuv_status status = p->count ? run_tensors(d, a, p, false, inputs, options, &x) : CUV_OK;
    if (status == CUV_OK && p->count)
        status = run_tensors(d, b, p, true, inputs, options, &y);
    for (size_t i = 0; status == CUV_OK && i < p->count && *at == SIZE_MAX; i++) {
        struct cuv_verified v = {0};
        if (cuv_compare_arrays(&x->arrays[i], &y->arrays[i], d->out->outputs->rtol, d->out->outputs->atol, &v))
            continue;
        *at = i;
        d->out->parts_by = v.max_abs;
    }
    cuv_result_free(x);
    cuv_result_free(y);
    return status;
}

/* The k-th call of b's partner for the k-th call of a layer of a, inside two models; SIZE_MAX: none. */
static size_t partner_call(const cuv_pairing *p, size_t at)
{
    const int32_t layer = p->a->calls[at].layer, there = p->there[layer];
    size_t ordinal = 0;
    for (size_t i = 0; i < at; i++)
        ordinal += p->a->calls[i].layer == layer;
    for (size_t i = 0; there >= 0 && i < p->b->call_count; i++)
        if (p->b->calls[i].layer == there && ordinal-- == 0)
            return i;
    return SIZE_MAX;
}

static const cuv_graph *graph_of(const cuv_layer *layer)
{
    return layer->model ? ((const struct cuv_model *)layer->model)->graph : NULL;
}

/* On into the models that part, as far as there are models in models: what their calls give is what their last call gave. */
static cuv_status part_inside(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const pair *outer, const cuv_array *inputs,
                              const cuv_run_options *options)
{
    const double by = d->out->parts_by;
    const pair *at = outer;
    for (unsigned depth = 0; depth < cuv_context_limits(d->cx)->depth && graph_of(at->a) && graph_of(at->b); depth++) {
        cuv_pairing p = {.a = graph_of(at->a), .b = graph_of(at->b)};
        pairs inner = {CUV_NEW_ARRAY(d->arena, pair, p.a->call_count + 1), 0};
        size_t found = SIZE_MAX;
        CUV_TRY(cuv_differ_pair(d, &p));
        if (!inner.items)
            return cuv_oom(d->cx);
        for (size_t i = 0; i < p.a->call_count; i++) {
            const cuv_graph_call *x = &p.a->calls[i];
            const size_t k = is_made(a, x->outputs, x->output_count) ? partner_call(&p, i) : SIZE_MAX;
            const cuv_graph_call *y = k < p.b->call_count ? &p.b->calls[k] : NULL;
            if (y && is_made(b, y->outputs, y->output_count))
                inner.items[inner.count++] = (pair){x->outputs[0], y->outputs[0], p.a->layers[x->layer], p.b->layers[y->layer]};
        }
        CUV_TRY(first_parting(d, a, b, &inner, inputs, options, &found));
        if (found == SIZE_MAX)
            break;
        at = &inner.items[found];
        d->out->parts_at = cuv_arena_printf(d->arena, "%s/%s", d->out->parts_at, at->a->name);
        if (!d->out->parts_at)
            return cuv_oom(d->cx);
    }
    d->out->parts_by = at == outer ? by : d->out->parts_by;
    return CUV_OK;
}

/* Runs all paired calls of both models and finds the first whose outputs differ. */
static cuv_status find_parting(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const cuv_pairing *p, const cuv_array *inputs,
                               const cuv_run_options *options)
{
    pairs all = {CUV_NEW_ARRAY(d->arena, pair, a->node_count + 1), 0};
    size_t at = SIZE_MAX;
    if (!all.items)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < a->node_count; i++) {
        const cuv_node *x = &a->nodes[i];
        const size_t k = is_made(a, x->outputs, x->output_count) ? partner_node(a, b, p, i) : SIZE_MAX;
        const cuv_node *y = k < b->node_count ? &b->nodes[k] : NULL;
        if (y && is_made(b, y->outputs, y->output_count))
            all.items[all.count++] = (pair){x->outputs[0], y->outputs[0], x->layer, y->layer};
    }
    CUV_TRY(first_parting(d, a, b, &all, inputs, options, &at));
    if (at == SIZE_MAX)
        return CUV_OK;
    d->out->parts_at = cuv_arena_strdup(d->arena, all.items[at].a->name);
    return d->out->parts_at ? part_inside(d, a, b, &all.items[at], inputs, options) : cuv_oom(d->cx);
}

/* ---- outputs */

cuv_status cuv_differ_run(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const cuv_pairing *p, double rtol, double atol,
                                  const cuv_run_options *options)
{
    cuv_array *inputs;
    size_t mark = cuv_findings_mark(d->cx);
    if (!cuv_model_has_values(a) || !cuv_model_has_values(b)) {
        d->out->why_not = "there are no weights";
        return CUV_OK;
    }
    cuv_status status = cuv_verify_against(a, b, rtol, atol, options, &d->out->outputs);
    if (status == CUV_NO && !d->out->outputs)
        d->out->why_not = "the two do not take the same inputs, or do not give outputs of the same shapes";
    if (status == CUV_NO)
        cuv_findings_rewind(d->cx, mark);
    if (status != CUV_NO || !d->out->outputs)
        return status == CUV_NO ? CUV_OK : status;
    CUV_TRY(cuv_random_inputs(a, b, d->arena, &inputs));
    return find_parting(d, a, b, p, inputs, options);
}
