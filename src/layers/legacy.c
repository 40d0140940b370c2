/* Layers of Keras 1 and 2 that Keras 3 has no more: Merge, MaxoutDense, Highway, SReLU, ParametricSoftplus. */
#include "layers/support.h"

/* ---- Merge ----------------------------------------------------------------------------------------------------------------- */

typedef struct merge_mode { const char *mode; cuv_op op; } merge_mode;
static const merge_mode merge_modes[] = {{"sum", CUV_OP_ADD}, {"ave", CUV_OP_ADD}, {"mul", CUV_OP_MUL}, {"max", CUV_OP_MAXIMUM}};

/* Keras 2's Dot with the same axes; `cos` makes both of length one first. */
static cuv_status merge_dot(cuv_call *call)
{
    cuv_layer *layer = call->layer, *dot;
    cuv_arena *arena = layer->arena;
    cuv_value *config = cuv_value_dict(arena), *record = cuv_value_dict(arena);
    cuv_value *axes = cuv_value_copy(arena, cuv_arg(layer, "dot_axes"));
    cuv_sym outs[CUV_MAX_OUTPUTS];
    size_t count;
    if (!config || !record)
        return cuv_oom(call->cx);
    CUV_TRY(cuv_dict_set(arena, config, "name", cuv_value_text(arena, "dot")));
    CUV_TRY(cuv_dict_set(arena, config, "axes", axes));
    CUV_TRY(cuv_dict_set(arena, config, "normalize", cuv_value_bool(arena, cuv_arg_is(layer, "mode", "cos"))));
    CUV_TRY(cuv_dict_set(arena, record, "class_name", cuv_value_text(arena, "Dot")));
    CUV_TRY(cuv_dict_set(arena, record, "config", config));
    CUV_TRY(cuv_layer_new(arena, record, layer, &dot));
    CUV_TRY(cuv_layer_call_inner(call, dot, call->in, call->in_count, outs, &count));
    return cuv_call_return(call, outs[0].value);
}

static cuv_status merge_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_program *p = call->program;
    cuv_ref y = cuv_float_in(call, 0);
    if (cuv_arg_is(layer, "mode", "concat")) {
        cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, call->in_count);
        int axis;
        if (!refs)
            return cuv_oom(call->cx);
        CUV_TRY(cuv_call_axis(call, "concat_axis", cuv_arg_int(layer, "concat_axis"), cuv_call_rank(call, 0), &axis));
        for (size_t i = 0; i < call->in_count; i++)
            refs[i] = cuv_float_in(call, i);
        return cuv_call_return(call, cuv_emit(p, CUV_OP_CONCAT, refs, call->in_count, CUV_AT(.axis = axis)));
    }
    for (size_t m = 0; m < sizeof merge_modes / sizeof *merge_modes; m++) {
        if (!cuv_arg_is(layer, "mode", merge_modes[m].mode))
            continue;
        for (size_t i = 1; i < call->in_count; i++)
            y = cuv_emit2(p, merge_modes[m].op, y, cuv_float_in(call, i));
        if (cuv_arg_is(layer, "mode", "ave"))
            y = cuv_emit2(p, CUV_OP_DIV, y, cuv_scalar_like(call, y, (double)call->in_count));
        return cuv_call_return(call, y);
    }
    if (cuv_arg_is(layer, "mode", "dot") || cuv_arg_is(layer, "mode", "cos"))
        return merge_dot(call);
    return cuv_call_unsupported(call, "mode", "only sum, mul, ave, max, concat, dot and cos are");
}

static const cuv_param merge_params[] = {
    INERT("layers", "None"), P("mode", STRING, "'sum'"), P("concat_axis", INT, "-1"), P("dot_axes", ANY, "-1"),
    INERT("output_shape", "None"), INERT("output_mask", "None"), INERT("arguments", "None"), INERT("node_indices", "None"),
    INERT("tensor_indices", "None"), INERT("name", "None"), INERT("mode_type", "None"), INERT("output_mask_type", "None"),
    CUV_PARAM_END};
const cuv_layer_def cuv_layer_merge = {
    .name = "Merge", .doc = "several tensors joined by mode (Keras 1)", .params = merge_params, .flags = CUV_LF_MERGE,
    .lower = merge_lower,
};

/* ---- MaxoutDense, Highway -------------------------------------------------------------------------------------------------------- */

static cuv_status maxout_lower(cuv_call *call)
{
    CUV_TRY(cuv_call_expect_rank(call, 0, 2));
    cuv_ref b = cuv_call_weight(call, "b"), y = cuv_emit2(call->program, CUV_OP_MATMUL,
                                                         cuv_expand_dims(call, cuv_float_in(call, 0), 0), cuv_call_weight(call, "W"));
    if (b != CUV_NO_REF)
        y = cuv_emit2(call->program, CUV_OP_ADD, y, cuv_expand_dims(call, b, 1));
    return cuv_call_return(call, cuv_reduce(call, CUV_OP_MAX, y, (const int[]){0}, 1, false));
}

static const cuv_param maxout_params[] = {P("output_dim", INT, NULL, .allowed = ">=1"), P("nb_feature", INT, "4", .allowed = ">=1"),
                                          USE_BIAS, CUV_PARAM_END};
static const cuv_slot maxout_slots[] = {S("W", "nb_feature in output_dim", .old = "W"),
                                        S("b", "nb_feature output_dim", .condition = "use_bias", .old = "b"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_maxout_dense = {
    .name = "MaxoutDense", .doc = "largest of nb_feature dense layers (Keras 1)", .params = maxout_params, .slots = maxout_slots,
    .lower = maxout_lower,
};

static cuv_ref affine(cuv_call *call, const char *w, const char *b)
{
    cuv_ref in[3] = {cuv_float_in(call, 0), cuv_call_weight(call, w), cuv_call_weight(call, b)};
    return cuv_emit(call->program, CUV_OP_DENSE, in, in[2] == CUV_NO_REF ? 2 : 3, NULL);
}

static cuv_status highway_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref x = cuv_float_in(call, 0), y;
    CUV_TRY(cuv_call_expect_rank(call, 0, 2));
    cuv_ref gate = cuv_emit1(p, CUV_OP_SIGMOID, affine(call, "W_carry", "b_carry"));
    CUV_TRY(cuv_finish_activation(call, "activation", affine(call, "W", "b"), &y));
    cuv_ref rest = cuv_emit2(p, CUV_OP_SUB, cuv_scalar_like(call, gate, 1), gate);
    y = cuv_emit2(p, CUV_OP_ADD, cuv_emit2(p, CUV_OP_MUL, y, gate), cuv_emit2(p, CUV_OP_MUL, x, rest));
    return cuv_call_return(call, y);
}

static const cuv_param highway_params[] = {ACTIVATION("None"), USE_BIAS, INERT("transform_bias", "None"), CUV_PARAM_END};
static const cuv_slot highway_slots[] = {S("W", "in in", .old = "W"), S("W_carry", "in in", .old = "W_carry"),
                                         S("b", "in", .condition = "use_bias", .old = "b"),
                                         S("b_carry", "in", .condition = "use_bias", .old = "b_carry"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_highway = {
    .name = "Highway", .doc = "y = t activation(x W + b) + (1 - t) x, t = sigmoid(x W_carry + b_carry) (Keras 1)",
    .params = highway_params, .slots = highway_slots, .lower = highway_lower,
};

/* ---- activations with weights ------------------------------------------------------------------------------------------------------- */

/* "shape": the input's sizes without the batch, shared axes 1. */
static bool shape_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    int64_t shared[CUV_MAX_RANK];
    int shared_count = cuv_arg_ints(layer, "shared_axes", shared);
    if (strcmp(name, "shape") != 0)
        return false;
    *count = layer->in_rank > 0 ? layer->in_rank - 1 : 0;
    for (int i = 0; i < *count; i++) {
        sizes[i] = layer->in_shape[i + 1];
        for (int s = 0; s < shared_count; s++)
            if (shared[s] == i + 1)
                sizes[i] = 1;
    }
    return true;
}

static cuv_status softplus_lower(cuv_call *call)
{
    cuv_ref x = cuv_emit2(call->program, CUV_OP_MUL, cuv_float_in(call, 0), cuv_call_weight(call, "betas"));
    x = cuv_emit1(call->program, CUV_OP_SOFTPLUS, x);
    return cuv_call_return(call, cuv_emit2(call->program, CUV_OP_MUL, x, cuv_call_weight(call, "alphas")));
}

static const cuv_param softplus_params[] = {INERT("alpha_init", "0.2"), INERT("beta_init", "5.0"), P("shared_axes", INTS, "None"),
                                            CUV_PARAM_END};
static const cuv_slot softplus_slots[] = {S("alphas", "shape", .old = "alphas"), S("betas", "shape", .old = "betas"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_parametric_softplus = {
    .name = "ParametricSoftplus", .doc = "y = alphas softplus(betas x) (Keras 1)", .params = softplus_params,
    .slots = softplus_slots, .flags = CUV_LF_MASKS, .symbol = shape_symbol, .lower = softplus_lower,
};

/* Left of t_left with slope a_left, right of t_left + |t_right| with slope a_right, else as it is. */
static cuv_status srelu_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref x = cuv_float_in(call, 0), left = cuv_call_weight(call, "t_left");
    cuv_ref width = cuv_emit1(p, CUV_OP_ABS, cuv_call_weight(call, "t_right"));
    cuv_ref u = cuv_emit2(p, CUV_OP_SUB, x, left), zero = cuv_scalar_like(call, u, 0);
    cuv_ref inner = cuv_emit2(p, CUV_OP_PRELU, cuv_emit2(p, CUV_OP_MINIMUM, u, width), cuv_call_weight(call, "a_left"));
    cuv_ref above = cuv_emit2(p, CUV_OP_MAXIMUM, cuv_emit2(p, CUV_OP_SUB, u, width), zero);
    above = cuv_emit2(p, CUV_OP_MUL, above, cuv_call_weight(call, "a_right"));
    return cuv_call_return(call, cuv_emit2(p, CUV_OP_ADD, cuv_emit2(p, CUV_OP_ADD, left, inner), above));
}

static const cuv_param srelu_params[] = {INERT("t_left_init", "None"), INERT("a_left_init", "None"), INERT("t_right_init", "None"),
                                         INERT("a_right_init", "None"), P("shared_axes", INTS, "None"), CUV_PARAM_END};
static const cuv_slot srelu_slots[] = {S("t_left", "shape", .old = "t_left"), S("a_left", "shape", .old = "a_left"),
                                       S("t_right", "shape", .old = "t_right"), S("a_right", "shape", .old = "a_right"),
                                       CUV_SLOT_END};
const cuv_layer_def cuv_layer_srelu = {
    .name = "SReLU", .doc = "three slopes with learned bends (Keras 1)", .params = srelu_params, .slots = srelu_slots,
    .flags = CUV_LF_MASKS, .symbol = shape_symbol, .lower = srelu_lower,
};
