/* Layers of Keras 1 and 2 that Keras 3 has no more: LocallyConnected, Merge, MaxoutDense, Highway, SReLU, ParametricSoftplus. */
#include "layers/support.h"

/* ---- LocallyConnected -------------------------------------------------------------------------------------------------- */

static int64_t places_along(const cuv_layer *layer, int axis)
{
    int64_t kernel[3], strides[3], n = layer->in_shape[axis + (layer->channels_first ? 2 : 1)];
    cuv_arg_sizes(layer, "kernel_size", kernel);
    cuv_arg_sizes(layer, "strides", strides);
    return n < kernel[axis] ? -1 : (n - kernel[axis]) / strides[axis] + 1;
}

static bool local_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    int n = layer->def->spatial;
    if (strcmp(name, "place_sizes") == 0) {
        *count = n;
        for (int i = 0; i < n; i++)
            sizes[i] = places_along(layer, i);
        return true;
    }
    bool taps = strcmp(name, "taps") == 0;
    int64_t kernel[3];
    if (!taps && strcmp(name, "places") != 0)
        return false;
    cuv_arg_sizes(layer, "kernel_size", kernel);
    *count = 1;
    sizes[0] = 1;
    for (int i = 0; i < n; i++) {
        int64_t size = taps ? kernel[i] : places_along(layer, i);
        if (size < 0 || !cuv_mul_i64(sizes[0], size, &sizes[0])) {
            sizes[0] = -1;
            return true;
        }
    }
    return true;
}

static cuv_status local_build(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 2));
    if (!cuv_arg_is(layer, "padding", "valid"))
        return cuv_call_unsupported(call, "padding", "only 'valid' is");
    if (cuv_arg_int(layer, "implementation") != 1)
        return cuv_call_unsupported(call, "implementation", "only 1 is");
    return CUV_OK;
}

/* channels_first kernels have the channels before the window's cells. */
static cuv_ref local_kernel(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_ref kernel = cuv_call_weight(call, "kernel");
    int64_t taps[CUV_MAX_RANK];
    int count;
    if (!layer->channels_first)
        return kernel;
    local_symbol(layer, "taps", taps, &count);
    const int64_t apart[] = {-2, layer->in_channels, taps[0], -4}, whole[] = {-2, -1, -5};
    kernel = cuv_emit_reshape(call->program, kernel, apart, 4);
    return cuv_emit_reshape(call->program, cuv_transposed(call, kernel, (const int[]){0, 2, 1, 3}), whole, 3);
}

/* Keras reads the bias (places..., filters) of channels_first layers as (filters, places...), without moving anything. */
static cuv_ref local_bias(cuv_call *call)
{
    cuv_ref bias = cuv_call_weight(call, "bias");
    int n = call->layer->def->spatial;
    const int64_t shape[] = {-2 - n, -2, -3};
    if (bias == CUV_NO_REF || !call->layer->channels_first)
        return bias;
    return cuv_move_axis(call, cuv_emit_reshape(call->program, bias, shape, n + 1), 0, n);
}

static cuv_status local_lower(cuv_call *call)
{
    cuv_attrs attrs = {0};
    cuv_ref y;
    cuv_arg_sizes(call->layer, "kernel_size", attrs.window);
    cuv_arg_sizes(call->layer, "strides", attrs.stride);
    cuv_ref in[3] = {cuv_to_last(call, cuv_float_in(call, 0)), local_kernel(call), local_bias(call)};
    y = cuv_emit(call->program, CUV_OP_LOCAL_CONV, in, in[2] == CUV_NO_REF ? 2 : 3, &attrs);
    CUV_TRY(cuv_finish_activation(call, "activation", cuv_from_last(call, y), &y));
    return cuv_call_return(call, y);
}

#define LOCAL_ROWS(n, one)                                                                                                   \
    static const cuv_param local##n##_params[] = {                                                                           \
        P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),                         \
        P("strides", SIZES, one, .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = "valid same"), DATA_FORMAT,  \
        ACTIVATION("None"), USE_BIAS, KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES, P("implementation", INT, "1"),           \
        CUV_PARAM_END}
LOCAL_ROWS(1, "1");
LOCAL_ROWS(2, "(1, 1)");
static const cuv_slot local_slots[] = {S("kernel", "places in*taps filters", .old = "W"),
                                       S("bias", "place_sizes filters", .condition = "use_bias", .old = "b"), CUV_SLOT_END};

#define LOCAL(n)                                                                                                             \
    const cuv_layer_def cuv_layer_locally_connected##n = {                                                                   \
        .name = "LocallyConnected" #n "D", .doc = "a convolution with a kernel of its own at each place",                   \
        .params = local##n##_params, .slots = local_slots, .spatial = n, .symbol = local_symbol, .build = local_build,      \
        .lower = local_lower,                                                                                                \
    }
LOCAL(1);
LOCAL(2);

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
