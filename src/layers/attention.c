/* Attention and AdditiveAttention: one head, no projections. Inputs are query, value and key (else value). */
#include "layers/attention.h"

#include <float.h>

bool cuv_call_flag(const cuv_call *call, const char *name)
{
    const cuv_kwarg *kwarg = cuv_call_kwarg(call, name);
    bool truth = false;
    return kwarg && kwarg->literal && cuv_as_bool(kwarg->literal, &truth) && truth;
}

cuv_ref cuv_causal_mask(cuv_call *call, cuv_ref query, cuv_ref key)
{
    cuv_program *p = call->program;
    cuv_ref row = cuv_emit(p, CUV_OP_RANGE, CUV_IN(query), CUV_AT(.axis = 1, .dtype = CUV_I32));
    cuv_ref column = cuv_emit(p, CUV_OP_RANGE, CUV_IN(key), CUV_AT(.axis = 1, .dtype = CUV_I32));
    return cuv_emit2(p, CUV_OP_GREATER_EQUAL, cuv_expand_dims(call, row, 1), column);
}

cuv_ref cuv_masked_softmax(cuv_call *call, cuv_ref scores, cuv_ref mask)
{
    int last = cuv_var_of(call, scores)->rank - 1;
    cuv_dtype dtype = cuv_var_of(call, scores)->dtype;
    if (mask != CUV_NO_REF) {
        cuv_ref least = cuv_scalar_like(call, scores, dtype == CUV_F16 ? -3e4 : -0.7 * (double)FLT_MAX);
        scores = cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(mask, scores, least), NULL);
    }
    return cuv_emit(call->program, CUV_OP_SOFTMAX, CUV_IN(scores), CUV_AT(.axes = {last}, .axes_count = 1));
}

/* exp(x - log(sum exp x)) as Keras 2 computes it along several axes: where all is masked, numbers of -1e9 leave no room for the logarithm, and all become 1. */
static cuv_ref softmax_by_sums(cuv_call *call, cuv_ref x, const cuv_attrs *attrs)
{
    cuv_program *p = call->program;
    const cuv_ref most = cuv_reduce(call, CUV_OP_MAX, x, attrs->axes, attrs->axes_count, true);
    const cuv_ref parts = cuv_emit1(p, CUV_OP_EXP, cuv_emit2(p, CUV_OP_SUB, x, most));
    const cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, parts, attrs->axes, attrs->axes_count, true);
    return cuv_emit1(p, CUV_OP_EXP, cuv_emit2(p, CUV_OP_SUB, x, cuv_emit2(p, CUV_OP_ADD, cuv_emit1(p, CUV_OP_LOG, sum), most)));
}

cuv_ref cuv_softmax_layer(cuv_call *call, cuv_ref x, cuv_ref mask, const cuv_attrs *attrs)
{
    const cuv_layer *layer = call->layer;
    cuv_program *p = call->program;
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    if (mask == CUV_NO_REF || cuv_layer_since(layer, 10)) {
        cuv_ref in[2] = {x, mask};
        return cuv_emit(p, CUV_OP_SOFTMAX, in, mask == CUV_NO_REF ? 1 : 2, attrs);
    }
    double most = dtype != CUV_F16 ? -1e9 : layer->keras <= 2 ? -65504 : -3e4;
    cuv_ref barred = cuv_emit_cast(p, cuv_emit1(p, CUV_OP_LOGICAL_NOT, mask), dtype);
    x = cuv_emit2(p, CUV_OP_ADD, x, cuv_emit2(p, CUV_OP_MUL, barred, cuv_scalar_like(call, x, most)));
    return layer->keras <= 2 && attrs->axes_count > 1 ? softmax_by_sums(call, x, attrs) : cuv_emit(p, CUV_OP_SOFTMAX, &x, 1, attrs);
}

/* ---- scores ------------------------------------------------------------------------------------------------------------- */

/* sum over features of scale? tanh(scale? (q + k)): (b, t, s). */
static cuv_ref sum_of_tanh(cuv_call *call, cuv_ref q, cuv_ref k, cuv_ref inside, cuv_ref outside)
{
    cuv_program *p = call->program;
    int last = 3;
    cuv_ref sum = cuv_emit2(p, CUV_OP_ADD, cuv_expand_dims(call, q, 2), cuv_expand_dims(call, k, 1));
    if (inside != CUV_NO_REF)
        sum = cuv_emit2(p, CUV_OP_MUL, inside, sum);
    sum = cuv_emit1(p, CUV_OP_TANH, sum);
    if (outside != CUV_NO_REF)
        sum = cuv_emit2(p, CUV_OP_MUL, outside, sum);
    return cuv_reduce(call, CUV_OP_SUM, sum, &last, 1, false);
}

static cuv_ref attention_scores(cuv_call *call, cuv_ref q, cuv_ref k)
{
    cuv_program *p = call->program;
    cuv_ref scale = cuv_call_weight(call, "scale");
    if (cuv_arg_is(call->layer, "score_mode", "concat"))
        return cuv_emit2(p, CUV_OP_MUL, cuv_call_weight(call, "concat_score_weight"),
                         sum_of_tanh(call, q, k, scale, CUV_NO_REF));
    cuv_ref scores = cuv_emit(p, CUV_OP_MATMUL, CUV_IN(q, k), CUV_AT(.transpose_b = true));
    return scale == CUV_NO_REF ? scores : cuv_emit2(p, CUV_OP_MUL, scores, scale);
}

static cuv_ref additive_scores(cuv_call *call, cuv_ref q, cuv_ref k)
{
    return sum_of_tanh(call, q, k, CUV_NO_REF, cuv_call_weight(call, "scale"));
}

/* Keras subtracts a number from masked scores, so that a row masked throughout keeps its shape up to rounding. */
static cuv_ref masked(cuv_call *call, cuv_ref scores, cuv_ref mask)
{
    cuv_program *p = call->program;
    if (mask == CUV_NO_REF)
        return scores;
    double much = cuv_var_of(call, scores)->dtype == CUV_F16 ? 65504.0 : 1e9;
    cuv_ref less = cuv_emit2(p, CUV_OP_SUB, scores, cuv_scalar_like(call, scores, much));
    return cuv_emit(p, CUV_OP_WHERE, CUV_IN(mask, scores, less), NULL);
}

static cuv_status lower(cuv_call *call, cuv_ref (*scores_of)(cuv_call *, cuv_ref, cuv_ref))
{
    cuv_program *p = call->program;
    if (call->in_count < 2 || call->in_count > 3)
        return cuv_bad_input(call, 0, "2 or 3 tensors: query, value, key");
    for (size_t i = 0; i < call->in_count; i++)
        CUV_TRY(cuv_call_expect_rank(call, i, 3));
    cuv_ref q = cuv_float_in(call, 0), v = cuv_float_in(call, 1), k = call->in_count > 2 ? cuv_float_in(call, 2) : v;
    cuv_ref mask = call->in[1].mask == CUV_NO_REF ? CUV_NO_REF : cuv_expand_dims(call, call->in[1].mask, 1);
    if (cuv_call_flag(call, "use_causal_mask") || cuv_arg_bool(call->layer, "causal"))
        mask = cuv_mask_join(call, CUV_OP_LOGICAL_AND, mask, cuv_causal_mask(call, q, k));
    cuv_ref weights = cuv_masked_softmax(call, masked(call, scores_of(call, q, k), mask), CUV_NO_REF);
    cuv_ref y = cuv_emit2(p, CUV_OP_MATMUL, weights, v);
    if (call->in[0].mask != CUV_NO_REF) {
        cuv_ref kept = cuv_expand_dims(call, call->in[0].mask, 2);
        y = cuv_emit(p, CUV_OP_WHERE, CUV_IN(kept, y, cuv_scalar_like(call, y, 0)), NULL);
    }
    CUV_TRY(cuv_call_return(call, y));
    if (cuv_call_flag(call, "return_attention_scores"))
        call->out[call->out_count++] = (cuv_sym){weights, CUV_NO_REF};
    return p->status;
}

static cuv_status attention_lower(cuv_call *call)
{
    return lower(call, attention_scores);
}

static cuv_status additive_lower(cuv_call *call)
{
    return lower(call, additive_scores);
}

/* concat mode has one more weight, which no bool argument tells. */
static cuv_status attention_build(cuv_call *call)
{
    static const cuv_slot scale = S("scale", ""), concat = S("concat_score_weight", "");
    cuv_ref ref;
    if (cuv_arg_bool(call->layer, "use_scale"))
        CUV_TRY(cuv_layer_add_weight(call, &scale, NULL, 0, &ref));
    return cuv_arg_is(call->layer, "score_mode", "concat") ? cuv_layer_add_weight(call, &concat, NULL, 0, &ref) : CUV_OK;
}

static const cuv_param attention_params[] = {
    P("use_scale", BOOL, "False"), P("score_mode", STRING, "'dot'", .allowed = "dot concat"), INERT("dropout", "0.0"),
    INERT("seed", "None"), P("causal", BOOL, "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_attention = {
    .name = "Attention", .doc = "softmax(q k^T) v", .params = attention_params, .flags = CUV_LF_MERGE | CUV_LF_MASKS,
    .build = attention_build, .lower = attention_lower,
};

static const cuv_param additive_params[] = {P("use_scale", BOOL, "True"), INERT("dropout", "0.0"), P("causal", BOOL, "False"),
                                            CUV_PARAM_END};
static const cuv_slot additive_slots[] = {S("scale", "in", .condition = "use_scale"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_additive_attention = {
    .name = "AdditiveAttention", .doc = "softmax(sum(scale tanh(q + k))) v", .params = additive_params,
    .slots = additive_slots, .flags = CUV_LF_MERGE | CUV_LF_MASKS, .lower = additive_lower,
};
