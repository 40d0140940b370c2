/* Two models on the same random inputs: how far their outputs are apart, and the first layer at which they part. */
#include "run/differ.h"

/* ---- where they part */

/* The model with the outputs of the given calls as its own; shares everything. */
static cuv_status run_nodes(cuv_differ *d, const struct cuv_model *m, const size_t *nodes, size_t count, const cuv_array *inputs,
                            const cuv_run_options *options, struct cuv_result **out)
{
    struct cuv_model copy = *m;
    cuv_program program = *m->program;
    copy.outputs = CUV_NEW_ARRAY(d->arena, cuv_sym, count + 1);
    copy.output_names = CUV_NEW_ARRAY(d->arena, const char *, count + 1);
    program.outputs = CUV_NEW_ARRAY(d->arena, cuv_ref, count + program.state_count + 1);
    program.output_names = CUV_NEW_ARRAY(d->arena, const char *, count + program.state_count + 1);
    if (!program.output_names || !copy.outputs || !copy.output_names || !program.outputs)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < count; i++) {
        copy.outputs[i] = m->nodes[nodes[i]].outputs[0];
        copy.output_names[i] = m->nodes[nodes[i]].layer->name;
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
static bool is_made(const struct cuv_model *m, const cuv_node *node)
{
    cuv_ref ref = node->output_count ? node->outputs[0].value : CUV_NO_REF;
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

/* Runs all paired calls of both models and finds the first whose outputs cuv_differ. */
static cuv_status find_parting(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const cuv_pairing *p, const cuv_array *inputs,
                               const cuv_run_options *options)
{
    size_t *mine = CUV_NEW_ARRAY(d->arena, size_t, a->node_count + 1), *theirs = CUV_NEW_ARRAY(d->arena, size_t, a->node_count + 1);
    size_t count = 0;
    struct cuv_result *x = NULL, *y = NULL;
    if (!mine || !theirs)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < a->node_count; i++) {
        size_t k = is_made(a, &a->nodes[i]) ? partner_node(a, b, p, i) : SIZE_MAX;
        if (k == SIZE_MAX || !is_made(b, &b->nodes[k]))
            continue;
        mine[count] = i;
        theirs[count++] = k;
    }
    cuv_status status = count ? run_nodes(d, a, mine, count, inputs, options, &x) : CUV_OK;
    if (status == CUV_OK && count)
        status = run_nodes(d, b, theirs, count, inputs, options, &y);
    for (size_t i = 0; status == CUV_OK && i < count && !d->out->parts_at; i++) {
        struct cuv_verified v = {0};
        bool ok = cuv_compare_arrays(&x->arrays[i], &y->arrays[i], d->out->outputs->rtol, d->out->outputs->atol, &v);
        if (ok)
            continue;
        d->out->parts_at = cuv_arena_strdup(d->arena, a->nodes[mine[i]].layer->name);
        d->out->parts_by = v.max_abs;
        status = d->out->parts_at ? CUV_OK : cuv_oom(d->cx);
    }
    cuv_result_free(x);
    cuv_result_free(y);
    return status;
}

/* ---- outputs */

static bool has_values(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->weight_count; i++)
        if (!m->weights[i]->value)
            return false;
    return true;
}

cuv_status cuv_differ_run(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const cuv_pairing *p, double rtol, double atol,
                                  const cuv_run_options *options)
{
    cuv_array *inputs;
    size_t mark = cuv_findings_mark(d->cx);
    if (!has_values(a) || !has_values(b)) {
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
