/* Dense and Embedding: one matrix, read by product or by row. */
#include "layers/quantized.h"

static cuv_status dense_check(cuv_context *cx, cuv_layer *layer)
{
    cuv_act act;
    bool single;
    return cuv_arg_activation(cx, layer, "activation", &act, &single);
}

/* ---- of few bits ---- */

static cuv_quant_kernel dense_kernel(const cuv_layer *layer, int64_t *sizes)
{
    sizes[0] = layer->in_channels;
    sizes[1] = cuv_arg_int(layer, "units");
    return (cuv_quant_kernel){.shape = sizes, .rank = 2, .rows = sizes[0], .columns = sizes[1], .scale = sizes + 1,
                              .scale_rank = 1, .bias = sizes + 1, .bias_rank = cuv_arg_bool(layer, "use_bias") ? 1 : -1};
}

static cuv_status dense_build(cuv_call *call)
{
    int64_t sizes[2];
    if (!call->layer->quant)
        return CUV_OK;
    if (call->layer->in_channels < 0)
        return cuv_bad_input(call, 0, "a known last axis");
    cuv_quant_kernel k = dense_kernel(call->layer, sizes);
    CUV_TRY(cuv_quant_kernel_weights(call, &k));
    return cuv_lora_weights(call, sizes, 2);
}

static cuv_status dense_quantised(cuv_call *call)
{
    int64_t sizes[2], rank;
    cuv_program *p = call->program;
    bool bare;
    cuv_quant_kernel k = dense_kernel(call->layer, sizes);
    cuv_ref scale = CUV_NO_REF, x = cuv_float_in(call, 0);
    CUV_TRY(cuv_quant_bare(call, &bare));
    if (!bare)
        x = cuv_quant_input(call, x, 1, &scale);
    cuv_ref y = cuv_emit(p, CUV_OP_DENSE, CUV_IN(x, cuv_quant_kernel_value(call, &k)), NULL), bias = cuv_quant_bias(call);
    if (scale != CUV_NO_REF)
        y = cuv_emit2(p, CUV_OP_DIV, y, scale);
    y = cuv_quant_scaled(call, y);
    if (cuv_lora_rank(call->layer, &rank)) {
        cuv_ref thin = cuv_emit(p, CUV_OP_DENSE, CUV_IN(cuv_float_in(call, 0), cuv_lora_weight(call, false)), NULL);
        y = cuv_lora_added(call, y, thin);
    }
    if (bias != CUV_NO_REF)
        y = cuv_emit2(p, CUV_OP_ADD, y, bias);
    CUV_TRY(cuv_finish_activation(call, "activation", y, &y));
    return cuv_call_return(call, y);
}

static cuv_status dense_lower(cuv_call *call)
{
    cuv_act act;
    bool single;
    if (cuv_call_rank(call, 0) < 2)
        return cuv_bad_input(call, 0, "min_ndim=2");
    CUV_TRY(cuv_arg_activation(call->cx, call->layer, "activation", &act, &single));
    if (call->layer->quant)
        return dense_quantised(call);
    cuv_ref in[3] = {cuv_float_in(call, 0), cuv_call_weight(call, "kernel"), cuv_call_weight(call, "bias")};
    cuv_ref y = cuv_emit(call->program, CUV_OP_DENSE, in, in[2] == CUV_NO_REF ? 2 : 3, CUV_AT(.act = act));
    if (!single)
        CUV_TRY(cuv_finish_activation(call, "activation", y, &y));
    return cuv_call_return(call, y);
}

static const cuv_param dense_params[] = {
    P("units", INT, NULL, .allowed = ">=1"), ACTIVATION("None"), USE_BIAS, KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES, LORA,
    QUANTIZATION, CUV_PARAM_END};
static const cuv_slot dense_slots[] = {S("kernel", "in units", .old = "W"), S("bias", "units", .condition = "use_bias", .old = "b"),
                                       CUV_SLOT_END};
const cuv_layer_def cuv_layer_dense = {
    .name = "Dense", .old_names = "TimeDistributedDense", .doc = "y = activation(x . kernel + bias) over the last axis",
    .params = dense_params, .slots = dense_slots, .flags = CUV_LF_MASKS, .check = dense_check, .build = dense_build,
    .lower = dense_lower,
};

/* ---- Embedding ----------------------------------------------------------------------------------------------------- */

static cuv_status embedding_build(cuv_call *call)
{
    bool reversible = strcmp(call->layer->def->name, "ReversibleEmbedding") == 0;
    const int64_t shape[] = {cuv_arg_int(call->layer, "input_dim"), cuv_arg_int(call->layer, "output_dim")};
    if (!call->layer->quant)
        return CUV_OK;
    CUV_TRY(cuv_quant_embedding_weights(call, reversible));
    return cuv_lora_weights(call, shape, 2);
}

static cuv_status embedding_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref x = call->in[0].value;
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    bool bare;
    CUV_TRY(cuv_quant_bare(call, &bare));
    cuv_ref index = dtype == CUV_I64 || dtype == CUV_I32 ? x : cuv_emit_cast(p, x, CUV_I32);
    cuv_ref y = call->layer->quant ? cuv_quant_embedding_rows(call, index)
                                   : cuv_emit(p, CUV_OP_GATHER, CUV_IN(cuv_call_weight(call, "embeddings"), index),
                                              CUV_AT(.axis = 0));
    int64_t rank;
    if (call->layer->quant && cuv_lora_rank(call->layer, &rank)) {
        cuv_ref thin = cuv_emit(p, CUV_OP_GATHER, CUV_IN(cuv_lora_weight(call, false), index), CUV_AT(.axis = 0));
        y = cuv_lora_added(call, y, thin);
    }
    CUV_TRY(cuv_call_return(call, y));
    if (cuv_arg_bool(call->layer, "mask_zero"))
        call->out[0].mask = cuv_emit2(p, CUV_OP_NOT_EQUAL, x, cuv_scalar_like(call, x, 0));     /* 0.2 is row 0, and counts */
    return p->status;
}

static const cuv_param embedding_params[] = {
    P("input_dim", INT, NULL, .allowed = ">=1"), P("output_dim", INT, NULL, .allowed = ">=1"),
    INIT("embeddings_initializer", "'uniform'"), REGULARIZER("embeddings_regularizer"), CONSTRAINT("embeddings_constraint"),
    P("mask_zero", BOOL, "False"), INERT("weights", "None"), LORA, QUANTIZATION, INERT("dropout", "0.0"), CUV_PARAM_END};
static const cuv_slot embedding_slots[] = {S("embeddings", "input_dim output_dim", .old = "W"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_embedding = {
    .name = "Embedding", .doc = "y = embeddings[x]; mask_zero: mask = x != 0", .params = embedding_params,
    .slots = embedding_slots, .flags = CUV_LF_NO_AUTOCAST, .build = embedding_build, .lower = embedding_lower,
};

/* ReversibleEmbedding multiplies by the transposed matrix (or by its own second one) when called with reverse=True. */
static bool wants_reverse(const cuv_call *call)
{
    const cuv_kwarg *reverse = cuv_call_kwarg(call, "reverse");
    bool truth = false;
    return reverse && cuv_as_bool(reverse->literal, &truth) && truth;
}

static cuv_status reversible_lower(cuv_call *call)
{
    if (!wants_reverse(call))
        return embedding_lower(call);
    const cuv_layer *layer = call->layer;
    bool tied = cuv_arg_bool(layer, "tie_weights");
    cuv_ref y;
    if (layer->quant) {     /* Keras leaves LoRA out of the way back of few bits */
        y = cuv_quant_embedding_reverse(call);
    } else {
        cuv_ref kernel = cuv_call_weight(call, tied ? "embeddings" : "reverse_embeddings");
        if (tied)
            kernel = cuv_transposed(call, kernel, (const int[]){1, 0});
        y = cuv_emit2(call->program, CUV_OP_MATMUL, cuv_float_in(call, 0), kernel);
    }
    if (!cuv_arg_none(layer, "logit_soft_cap")) {
        cuv_ref cap = cuv_scalar_like(call, y, cuv_arg_real(layer, "logit_soft_cap"));
        y = cuv_emit1(call->program, CUV_OP_TANH, cuv_emit2(call->program, CUV_OP_DIV, y, cap));
        y = cuv_emit2(call->program, CUV_OP_MUL, y, cap);
    }
    return cuv_call_return(call, y);
}

static const cuv_param reversible_params[] = {
    P("input_dim", INT, NULL, .allowed = ">=1"), P("output_dim", INT, NULL, .allowed = ">=1"), P("tie_weights", BOOL, "True"),
    INIT("embeddings_initializer", "'uniform'"), REGULARIZER("embeddings_regularizer"), CONSTRAINT("embeddings_constraint"),
    P("mask_zero", BOOL, "False"), INERT("reverse_dtype", "None"), P("logit_soft_cap", FLOAT, "None"), LORA, QUANTIZATION,
    CUV_PARAM_END};
static const cuv_slot reversible_slots[] = {
    S("embeddings", "input_dim output_dim"), S("reverse_embeddings", "output_dim input_dim", .condition = "!tie_weights"),
    CUV_SLOT_END};
const cuv_layer_def cuv_layer_reversible_embedding = {
    .name = "ReversibleEmbedding", .doc = "y = embeddings[x]; called with reverse=True: y = x . embeddings^T",
    .params = reversible_params, .slots = reversible_slots, .flags = CUV_LF_NO_AUTOCAST, .build = embedding_build,
    .lower = reversible_lower,
};

/* ---- Masking --------------------------------------------------------------------------------------------------------- */

static cuv_status masking_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref x = cuv_float_in(call, 0);
    int last = cuv_call_rank(call, 0) - 1;
    if (last < 1)
        return cuv_bad_input(call, 0, "min_ndim=2");
    cuv_ref value = cuv_scalar_like(call, x, cuv_arg_real(call->layer, "mask_value"));
    cuv_ref differs = cuv_emit2(p, CUV_OP_NOT_EQUAL, x, value);
    cuv_ref kept = cuv_reduce(call, CUV_OP_ANY, differs, &last, 1, true);
    cuv_ref y = cuv_emit2(p, CUV_OP_MUL, x, cuv_emit_cast(p, kept, cuv_var_of(call, x)->dtype));
    CUV_TRY(cuv_call_return(call, y));
    call->out[0].mask = cuv_reduce(call, CUV_OP_ANY, differs, &last, 1, false);
    return p->status;
}

static const cuv_param masking_params[] = {P("mask_value", FLOAT, "0.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_masking = {
    .name = "Masking", .doc = "mask = any(x != mask_value) over the last axis; y = x where kept, else 0",
    .params = masking_params, .flags = CUV_LF_MASKS, .lower = masking_lower,
};
