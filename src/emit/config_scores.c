/* Attention of Keras 2 whose rows may be masked throughout. It weighs all steps of such a row alike, and so does MultiHeadAttention of Keras 3.10 and
 * later where it computes with one operation; where it goes step by step (scores are handed out, or dropout is set) all weights become 0. What hands
 * out scores is called a second time without, and to the scores of those rows 1 / (number of steps) is added: s + (1 - sum of s) / n. */
#include "emit/config.h"
#include "layers/support.h"

static const cuv_wired_arg *argument(const cuv_graph_call *call, const char *name)
{
    for (size_t a = 0; a < call->arg_count; a++)
        if (cuv_streq(call->args[a].name, name))
            return &call->args[a];
    return NULL;
}

static bool hands_out_scores(const cuv_graph_call *call)
{
    const cuv_wired_arg *arg = argument(call, "return_attention_scores");
    bool yes = false;
    return arg && arg->kind == CUV_ARG_LITERAL && cuv_as_bool(arg->literal, &yes) && yes;
}

/* True when Keras 3 computes each step by itself, whatever the call asks for. */
static bool always_by_steps(const cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call)
{
    double dropout = 0;
    const cuv_graph_call *from = call->arg_count && call->args[0].wire_count ? &g->calls[call->args[0].wires[0].call] : NULL;
    const size_t output = from ? (size_t)call->args[0].wires[0].output : 0;
    (void)cuv_as_real(cuv_arg(g->layers[call->layer], "dropout"), &dropout);
    return dropout > 0 || !from || output >= from->output_count || cuv_program_var(w->m->program, from->outputs[output].value)->rank != 3;
}

bool cuv_config_steps_of_attention(const cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call)
{
    return always_by_steps(w, g, call) || (hands_out_scores(call) && !cuv_config_detour(w, g, (cuv_wire){(int32_t)(call - g->calls), 1}));
}

static bool is_masked(const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_wired_arg *given = argument(call, "attention_mask");
    bool masked = given && given->wire_count;
    for (size_t a = 0; a < call->arg_count; a++) {
        const cuv_wired_arg *arg = &call->args[a];
        const cuv_graph_call *from = arg->kind == CUV_ARG_TENSOR ? &g->calls[arg->wires[0].call] : NULL;
        masked = masked || (from && (size_t)arg->wires[0].output < from->output_count && from->outputs[arg->wires[0].output].mask != CUV_NO_REF);
    }
    return masked;
}

static const cuv_var *scores_of(const cuv_config_writer *w, const cuv_graph_call *call)
{
    return call->output_count > 1 ? cuv_program_var(w->m->program, call->outputs[1].value) : NULL;
}

cuv_status cuv_config_add_detour(cuv_config_writer *w, const cuv_detour *detour)
{
    cuv_detour *all = cuv_arena_grow(w->arena, w->detours, w->detour_count, &w->detour_capacity, sizeof *all);
    if (!all || !detour->name)
        return cuv_oom(w->cx);
    w->detours = all;
    all[w->detour_count++] = *detour;
    return CUV_OK;
}

const cuv_detour *cuv_config_detour(const cuv_config_writer *w, const cuv_graph *g, cuv_wire wire)
{
    for (size_t i = 0; i < w->detour_count; i++)
        if (w->detours[i].g == g && w->detours[i].wire.call == wire.call && w->detours[i].wire.output == wire.output)
            return &w->detours[i];
    return NULL;
}

cuv_status cuv_config_plan_scores(cuv_config_writer *w, const cuv_graph *g)
{
    int64_t *next = CUV_NEW_ARRAY(w->arena, int64_t, g->layer_count + 1);
    if (!next)
        return cuv_oom(w->cx);
    for (size_t c = 0; c < g->call_count; c++)
        next[g->calls[c].layer]++;
    for (size_t c = 0; c < g->call_count; c++) {
        const cuv_graph_call *call = &g->calls[c];
        const cuv_layer *layer = g->layers[call->layer];
        if (layer->model || layer->keras >= 3 || !cuv_streq(layer->def->name, "MultiHeadAttention") || !hands_out_scores(call) ||
            always_by_steps(w, g, call) || !is_masked(g, call))
            continue;
        const cuv_var *scores = scores_of(w, call);
        if (!scores || scores->rank != 4 || scores->shape[3] < 1)
            continue;
        const cuv_detour output = {.g = g, .wire = {(int32_t)c, 0}, .name = cuv_keras3_name(w, layer->name), .ordinal = next[call->layer]++};
        const cuv_detour even = {.g = g, .wire = {(int32_t)c, 1}, .name = cuv_config_beside(w, layer, call->ordinal, "scores")};
        CUV_TRY(cuv_config_add_detour(w, &output));
        CUV_TRY(cuv_config_add_detour(w, &even));
    }
    return CUV_OK;
}

cuv_status cuv_config_keep_scores(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    const cuv_wire wire = {(int32_t)(call - g->calls), 1};
    const cuv_detour *to = cuv_config_detour(w, g, wire);
    cuv_arena *a = w->arena;
    cuv_value *options = cuv_value_dict(a), *scores, *sum, *rest;
    if (!to)
        return CUV_OK;
    const double n = (double)scores_of(w, call)->shape[3];
    if (!options)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(a, options, "axis", cuv_value_int(a, -1)));
    CUV_TRY(cuv_dict_set(a, options, "keepdims", cuv_value_bool(a, true)));
    CUV_TRY(cuv_config_own_tensor(w, m, g, wire, &scores));
    CUV_TRY(cuv_config_step(w, cuv_config_beside(w, layer, call->ordinal, "scores_1"), "numpy", "Sum", options, scores, NULL, layers, &sum));
    CUV_TRY(cuv_config_step(w, cuv_config_beside(w, layer, call->ordinal, "scores_2"), "numpy", "Subtract", NULL, sum, cuv_value_real(a, 1), layers, &rest));
    CUV_TRY(cuv_config_step(w, cuv_config_beside(w, layer, call->ordinal, "scores_3"), "numpy", "Multiply", NULL, rest, cuv_value_real(a, 1 / n), layers,
                            &rest));
    CUV_TRY(cuv_config_step(w, to->name, "numpy", "Subtract", NULL, scores, rest, layers, &rest));
    return cuv_config_note(w, layer, "even scores of rows that are masked throughout", "a second call without scores, and operations that make them even");
}
