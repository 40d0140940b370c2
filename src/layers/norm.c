/* Normalisation: BatchNormalization, LayerNormalization, GroupNormalization, RMSNormalization, UnitNormalization. In half
 * precision Keras computes them in float32 and rounds the result, but GroupNormalization of Keras 2. */
#include "layers/support.h"

static cuv_dtype wide(const cuv_layer *layer)
{
    bool half = layer->compute == CUV_F16 || layer->compute == CUV_BF16 || !cuv_dtype_is_float(layer->compute);
    return half ? CUV_F32 : layer->compute;
}

static cuv_ref wide_in(cuv_call *call)
{
    return cuv_emit_cast(call->program, call->in[0].value, wide(call->layer));
}

static cuv_ref wide_weight(cuv_call *call, const char *slot)
{
    cuv_ref ref = cuv_layer_weight(call->layer, slot);
    return ref == CUV_NO_REF ? ref : cuv_emit_cast(call->program, ref, wide(call->layer));
}

static cuv_status return_narrow(cuv_call *call, cuv_ref y)
{
    bool floats = cuv_dtype_is_float(call->layer->compute);
    return cuv_call_return(call, floats ? cuv_emit_cast(call->program, y, call->layer->compute) : y);
}

/* Since Keras 3.`since` the results for integers become integers again. */
static cuv_ref as_input(cuv_call *call, cuv_ref y, int since)
{
    const cuv_layer *layer = call->layer;
    cuv_dtype dtype = cuv_call_in(call, 0)->dtype;
    bool again = cuv_layer_since(layer, since) && !cuv_dtype_is_float(dtype) && dtype != CUV_BOOL;
    return again ? cuv_emit_cast(call->program, y, dtype) : y;
}

/* ---- axes ------------------------------------------------------------------------------------------------------------------- */

typedef struct norm_axes { int at[CUV_MAX_RANK], count; } norm_axes;

/* The axis argument, counted from 0, sorted, each once. */
static cuv_status read_axes(cuv_call *call, norm_axes *out)
{
    int64_t axes[CUV_MAX_RANK];
    int rank = cuv_call_rank(call, 0), count = cuv_arg_ints(call->layer, "axis", axes);
    bool wanted[CUV_MAX_RANK] = {false};
    for (int i = 0; i < count; i++) {
        int axis;
        CUV_TRY(cuv_call_axis(call, "axis", axes[i], rank, &axis));
        wanted[axis] = true;
    }
    out->count = 0;
    for (int i = 0; i < rank; i++)
        if (wanted[i])
            out->at[out->count++] = i;
    return out->count ? CUV_OK : cuv_bad_arg(call->layer, "axis", "an axis, or a list of them");
}

static cuv_status keep_axes(cuv_call *call)
{
    norm_axes *axes = CUV_NEW(call->layer->arena, norm_axes);
    if (!axes)
        return cuv_oom(call->cx);
    call->layer->state = axes;
    return read_axes(call, axes);
}

/* "shape": the sizes of the normalised axes. */
static bool axes_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    const norm_axes *axes = layer->state;
    if (strcmp(name, "shape") != 0 || !axes)
        return false;
    *count = axes->count;
    for (int i = 0; i < axes->count; i++)
        sizes[i] = layer->in_shape[axes->at[i]];
    return true;
}

static bool are_last(const cuv_call *call, const norm_axes *axes)
{
    int rank = cuv_call_rank(call, 0);
    for (int i = 0; i < axes->count; i++)
        if (axes->at[i] != rank - axes->count + i)
            return false;
    return true;
}

/* A weight over the normalised axes so that it broadcasts with the input. */
static cuv_ref spread(cuv_call *call, cuv_ref weight, const norm_axes *axes)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = cuv_call_rank(call, 0);
    if (weight == CUV_NO_REF || are_last(call, axes))
        return weight;
    for (int i = 0; i < rank; i++)
        shape[i] = 1;
    for (int i = 0; i < axes->count; i++)
        shape[axes->at[i]] = -2 - i;
    return cuv_emit_reshape(call->program, weight, shape, rank);
}

static cuv_ref scaled(cuv_call *call, cuv_ref y, cuv_ref gamma, cuv_ref beta)
{
    if (gamma != CUV_NO_REF)
        y = cuv_emit2(call->program, CUV_OP_MUL, y, gamma);
    return beta == CUV_NO_REF ? y : cuv_emit2(call->program, CUV_OP_ADD, y, beta);
}

/* x times 1 / sqrt(v + epsilon). */
static cuv_ref over_root(cuv_call *call, cuv_ref x, cuv_ref v)
{
    cuv_ref epsilon = cuv_scalar_like(call, v, cuv_arg_real(call->layer, "epsilon"));
    cuv_ref root = cuv_emit1(call->program, CUV_OP_RSQRT, cuv_emit2(call->program, CUV_OP_ADD, v, epsilon));
    return cuv_emit2(call->program, CUV_OP_MUL, x, root);
}

/* ---- BatchNormalization --------------------------------------------------------------------------------------------------------- */

static cuv_status batch_lower(cuv_call *call)
{
    norm_axes axes;
    CUV_TRY(read_axes(call, &axes));
    cuv_ref in[5] = {wide_in(call), wide_weight(call, "moving_mean"), wide_weight(call, "moving_variance"),
                     wide_weight(call, "gamma"), wide_weight(call, "beta")};
    cuv_attrs attrs = {.axis = axes.at[0], .epsilon = cuv_arg_real(call->layer, "epsilon")};
    return return_narrow(call, cuv_emit(call->program, CUV_OP_BATCH_NORM, in, 5, &attrs));
}

static cuv_status batch_build(cuv_call *call)
{
    CUV_TRY(keep_axes(call));
    const norm_axes *axes = call->layer->state;
    return axes->count == 1 ? CUV_OK : cuv_call_unsupported(call, "axis", "statistics over several axes");
}

static const cuv_param batch_params[] = {
    P("axis", INTS, "-1"), INERT("momentum", "0.99"), P("epsilon", FLOAT, "0.001", .allowed = ">=0"), P("center", BOOL, "True"),
    P("scale", BOOL, "True"), INIT("beta_initializer", "'zeros'"), INIT("gamma_initializer", "'ones'"),
    INIT("moving_mean_initializer", "'zeros'"), INIT("moving_variance_initializer", "'ones'"), REGULARIZER("beta_regularizer"),
    REGULARIZER("gamma_regularizer"), CONSTRAINT("beta_constraint"), CONSTRAINT("gamma_constraint"), P("renorm", BOOL, "False"),
    INERT("renorm_clipping", "None"), INERT("renorm_momentum", "0.99"), INERT("synchronized", "False"), CUV_PARAM_END};
static const cuv_slot batch_slots[] = {
    S("gamma", "shape", .condition = "scale"), S("beta", "shape", .condition = "center"),
    S("moving_mean", "shape", .old = "running_mean", .not_trainable = true),
    S("moving_variance", "shape", .old = "running_std", .not_trainable = true),
    S("moving_stddev", "shape", .condition = "renorm", .not_trainable = true),
    S("renorm_mean", "shape", .condition = "renorm", .not_trainable = true),
    S("renorm_stddev", "shape", .condition = "renorm", .not_trainable = true), CUV_SLOT_END};
const cuv_layer_def cuv_layer_batch_normalization = {
    .name = "BatchNormalization", .old_names = "BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization",
    .doc = "y = gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta", .params = batch_params,
    .slots = batch_slots, .flags = CUV_LF_MASKS, .symbol = axes_symbol, .build = batch_build, .lower = batch_lower,
};

/* ---- LayerNormalization --------------------------------------------------------------------------------------------------------- */

/* rms_scaling, which Keras 3.0 to 3.8 had: the variance (of x - mean), but x itself is scaled. */
static cuv_ref layer_norm_steps(cuv_call *call, cuv_ref x, const norm_axes *axes, bool rms)
{
    cuv_program *p = call->program;
    cuv_ref mean = cuv_reduce(call, CUV_OP_MEAN, x, axes->at, axes->count, true);
    cuv_ref centred = cuv_emit2(p, CUV_OP_SUB, x, mean);
    cuv_ref variance = cuv_reduce(call, CUV_OP_MEAN, cuv_emit1(p, CUV_OP_SQUARE, centred), axes->at, axes->count, true);
    return over_root(call, rms ? x : centred, variance);
}

static cuv_status layer_norm_lower(cuv_call *call)
{
    norm_axes axes;
    bool rms = cuv_arg_bool(call->layer, "rms_scaling");
    CUV_TRY(read_axes(call, &axes));
    cuv_ref x = wide_in(call), gamma = wide_weight(call, "gamma"), beta = wide_weight(call, "beta");
    if (rms || !are_last(call, &axes)) {
        cuv_ref y = layer_norm_steps(call, x, &axes, rms);
        return return_narrow(call, as_input(call, scaled(call, y, spread(call, gamma, &axes), spread(call, beta, &axes)), 11));
    }
    cuv_attrs attrs = {.axes_count = axes.count, .epsilon = cuv_arg_real(call->layer, "epsilon")};
    memcpy(attrs.axes, axes.at, sizeof attrs.axes);
    cuv_ref in[3] = {x, gamma, beta};
    return return_narrow(call, as_input(call, cuv_emit(call->program, CUV_OP_LAYER_NORM, in, 3, &attrs), 11));
}

/* rms_scaling has a gamma whatever `scale` says, and no beta. */
static cuv_status layer_norm_check(cuv_context *cx, cuv_layer *layer)
{
    if (!cuv_arg_bool(layer, "rms_scaling"))
        return CUV_OK;
    cuv_value *yes = cuv_value_bool(layer->arena, true), *no = cuv_value_bool(layer->arena, false);
    if (!yes || !no)
        return cuv_oom(cx);
    cuv_arg_set(layer, "scale", yes);
    cuv_arg_set(layer, "center", no);
    return CUV_OK;
}

#define GAMMA_BETA_RULES                                                                                                     \
    INIT("beta_initializer", "'zeros'"), INIT("gamma_initializer", "'ones'"), REGULARIZER("beta_regularizer"),              \
        REGULARIZER("gamma_regularizer"), CONSTRAINT("beta_constraint"), CONSTRAINT("gamma_constraint")
static const cuv_slot gamma_beta_slots[] = {S("gamma", "shape", .condition = "scale"), S("beta", "shape", .condition = "center"),
                                            CUV_SLOT_END};

static const cuv_param layer_norm_params[] = {
    P("axis", INTS, "-1"), P("epsilon", FLOAT, "0.001", .allowed = ">=0"), P("center", BOOL, "True"), P("scale", BOOL, "True"),
    GAMMA_BETA_RULES, P("rms_scaling", BOOL, "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_layer_normalization = {
    .name = "LayerNormalization", .doc = "y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over axis",
    .params = layer_norm_params, .slots = gamma_beta_slots, .flags = CUV_LF_MASKS, .check = layer_norm_check,
    .symbol = axes_symbol, .build = keep_axes, .lower = layer_norm_lower,
};

/* ---- GroupNormalization ---------------------------------------------------------------------------------------------------------- */

/* The mask as Keras 2 spreads it over x: by NumPy's rule, so a mask (batch, steps) lies along the last two axes, (steps, channels), and
 * steps must be as many as channels, samples as many as steps. What does not fit fails in Keras too. */
static cuv_status spread_mask(cuv_call *call, cuv_ref x, cuv_ref *out)
{
    const cuv_var *mask = cuv_var_of(call, call->in[0].mask), *like = cuv_var_of(call, x);
    cuv_attrs attrs = {.shape_count = like->rank};
    for (int i = 0; i < like->rank; i++) {
        int k = i - (like->rank - mask->rank);
        int64_t own = k < 0 ? 1 : mask->shape[k];
        if (own > 1 && like->shape[i] >= 0 && own != like->shape[i])
            return cuv_bad_input(call, 0, cuv_format(call->cx, "a shape to which its mask, %s, broadcasts (Keras 2 demands it too)",
                                                     cuv_shape_text(call->cx, mask->shape, mask->rank)));
        attrs.shape[i] = -2 - i;
    }
    *out = cuv_emit(call->program, CUV_OP_BROADCAST, CUV_IN(cuv_emit_cast(call->program, call->in[0].mask, wide(call->layer)), x),
                    &attrs);
    return call->program->status;
}

/* Axis `axis` of x as two: groups and the channels of each. */
static cuv_ref in_groups(cuv_call *call, cuv_ref x, int axis, int64_t groups, int64_t each)
{
    int64_t shape[CUV_MAX_RANK + 1];
    int rank = cuv_call_rank(call, 0);
    for (int i = 0; i <= rank; i++)
        shape[i] = i == axis ? groups : i == axis + 1 ? each : -2 - (i < axis ? i : i - 1);
    return cuv_emit_reshape(call->program, x, shape, rank + 1);
}

static cuv_ref grouped_weight(cuv_call *call, cuv_ref weight, int axis, int64_t groups, int64_t each)
{
    int64_t shape[CUV_MAX_RANK + 1];
    int rank = cuv_call_rank(call, 0);
    for (int i = 0; i <= rank; i++)
        shape[i] = i == axis ? groups : i == axis + 1 ? each : 1;
    return weight == CUV_NO_REF ? weight : cuv_emit_reshape(call->program, weight, shape, rank + 1);
}

/* TensorFlow's batch_normalization, each step rounded to the half precision that the layer computes in. */
static cuv_ref normalised_in_steps(cuv_call *call, cuv_ref x, cuv_ref mean, cuv_ref variance, cuv_ref gamma, cuv_ref beta)
{
    cuv_program *p = call->program;
    cuv_ref root = cuv_emit1(p, CUV_OP_SQRT, cuv_emit2(p, CUV_OP_ADD, variance, cuv_scalar_like(call, variance, cuv_arg_real(call->layer, "epsilon"))));
    cuv_ref by = cuv_emit2(p, CUV_OP_DIV, cuv_scalar_like(call, root, 1), root);
    if (gamma != CUV_NO_REF)
        by = cuv_emit2(p, CUV_OP_MUL, by, gamma);
    cuv_ref moved = cuv_emit2(p, CUV_OP_MUL, mean, by);
    cuv_ref offset = beta != CUV_NO_REF ? cuv_emit2(p, CUV_OP_SUB, beta, moved) : cuv_emit1(p, CUV_OP_NEG, moved);
    return cuv_emit2(p, CUV_OP_ADD, cuv_emit2(p, CUV_OP_MUL, x, by), offset);
}

/* As Keras 2 computes it: the moments are weighted by the mask (TensorFlow's weighted_moments, which widens float16 but not bfloat16), and every
 * place is normalised with them. */
static cuv_status weighted_group_norm(cuv_call *call, int axis, int64_t groups, int64_t each)
{
    cuv_program *p = call->program;
    const cuv_dtype compute = call->layer->compute, moments = compute == CUV_BF16 ? compute : wide(call->layer);
    const bool half = compute == CUV_F16 || compute == CUV_BF16;
    int axes[CUV_MAX_RANK], count = 0, rank = cuv_call_rank(call, 0);
    cuv_attrs attrs = {.shape_count = rank};
    cuv_ref x = cuv_emit_cast(p, call->in[0].value, half ? compute : moments), mask = CUV_NO_REF;
    if (rank >= CUV_MAX_RANK)
        return cuv_call_unsupported(call, "groups", "the input has too many axes");
    for (int i = 0; i < rank; i++)
        attrs.shape[i] = -2 - i;
    cuv_ref in = cuv_emit_cast(p, x, moments);
    if (call->in[0].mask != CUV_NO_REF)
        CUV_TRY(spread_mask(call, in, &mask));
    else
        mask = cuv_emit(p, CUV_OP_BROADCAST, CUV_IN(cuv_scalar_like(call, in, 1), in), &attrs);
    mask = cuv_emit_cast(p, mask, moments);
    for (int i = 1; i <= rank; i++)
        if (i != axis)
            axes[count++] = i;
    cuv_ref grouped = in_groups(call, in, axis, groups, each), weights = in_groups(call, mask, axis, groups, each);
    cuv_ref total = cuv_reduce(call, CUV_OP_SUM, weights, axes, count, true);
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_emit2(p, CUV_OP_MUL, weights, grouped), axes, count, true);
    cuv_ref mean = cuv_emit2(p, CUV_OP_DIV_NO_NAN, sum, total);
    cuv_ref centred = cuv_emit2(p, CUV_OP_SUB, grouped, mean);
    cuv_ref squares = cuv_emit2(p, CUV_OP_MUL, weights, cuv_emit1(p, CUV_OP_SQUARE, centred));
    squares = cuv_reduce(call, CUV_OP_SUM, squares, axes, count, true);
    cuv_ref variance = cuv_emit2(p, CUV_OP_DIV_NO_NAN, squares, total), scale[2], y;
    for (int k = 0; k < 2; k++) {
        cuv_ref weight = cuv_layer_weight(call->layer, k ? "beta" : "gamma");
        weight = weight == CUV_NO_REF ? weight : cuv_emit_cast(p, weight, half ? compute : moments);
        scale[k] = grouped_weight(call, weight, axis, groups, each);
    }
    if (half)
        y = normalised_in_steps(call, in_groups(call, x, axis, groups, each), cuv_emit_cast(p, mean, compute), cuv_emit_cast(p, variance, compute),
                                scale[0], scale[1]);
    else
        y = scaled(call, over_root(call, centred, variance), scale[0], scale[1]);
    return return_narrow(call, cuv_emit(p, CUV_OP_RESHAPE, CUV_IN(y, x), &attrs));
}

static cuv_status group_norm_lower(cuv_call *call)
{
    norm_axes axes;
    int last = cuv_call_rank(call, 0) - 1;
    CUV_TRY(read_axes(call, &axes));
    int64_t channels = cuv_call_in(call, 0)->shape[axes.at[0]], groups = cuv_arg_int(call->layer, "groups");
    if (groups == -1)
        groups = channels;
    if (groups < 1 || channels < 1 || channels % groups)
        return cuv_bad_arg(call->layer, "groups", cuv_format(call->cx, "a divisor of the %lld channels", (long long)channels));
    const bool half = call->layer->compute == CUV_F16 || call->layer->compute == CUV_BF16;
    if (call->layer->keras <= 2 && (half || call->in[0].mask != CUV_NO_REF))    /* Keras 3 ignores the mask, and computes halves in float32 */
        return weighted_group_norm(call, axes.at[0], groups, channels / groups);
    cuv_ref x = cuv_move_axis(call, wide_in(call), axes.at[0], last);
    cuv_attrs attrs = {.groups = (int)groups, .epsilon = cuv_arg_real(call->layer, "epsilon")};
    cuv_ref in[3] = {x, wide_weight(call, "gamma"), wide_weight(call, "beta")};
    cuv_ref y = as_input(call, cuv_emit(call->program, CUV_OP_GROUP_NORM, in, 3, &attrs), 7);
    return return_narrow(call, cuv_move_axis(call, y, last, axes.at[0]));
}

static const cuv_param group_norm_params[] = {
    P("groups", INT, "32"), P("axis", INTS, "-1"), P("epsilon", FLOAT, "0.001", .allowed = ">=0"), P("center", BOOL, "True"),
    P("scale", BOOL, "True"), GAMMA_BETA_RULES, CUV_PARAM_END};
const cuv_layer_def cuv_layer_group_normalization = {
    .name = "GroupNormalization", .doc = "y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over positions and each group",
    .params = group_norm_params, .slots = gamma_beta_slots, .flags = CUV_LF_MASKS, .symbol = axes_symbol, .build = batch_build,
    .lower = group_norm_lower,
};

/* ---- RMSNormalization, UnitNormalization ---------------------------------------------------------------------------------------------- */

static cuv_status return_rms(cuv_call *call, cuv_ref y)
{
    cuv_ref again = as_input(call, y, 11);
    return again == y ? return_narrow(call, y) : cuv_call_return(call, again);
}

static cuv_status rms_norm_lower(cuv_call *call)
{
    norm_axes axes;
    CUV_TRY(read_axes(call, &axes));
    cuv_ref x = wide_in(call), scale = spread(call, wide_weight(call, "scale"), &axes);
    if (!are_last(call, &axes)) {
        cuv_ref square = cuv_emit1(call->program, CUV_OP_SQUARE, x);
        cuv_ref y = over_root(call, x, cuv_reduce(call, CUV_OP_MEAN, square, axes.at, axes.count, true));
        return return_rms(call, scaled(call, y, scale, CUV_NO_REF));
    }
    cuv_attrs attrs = {.axes_count = axes.count, .epsilon = cuv_arg_real(call->layer, "epsilon")};
    memcpy(attrs.axes, axes.at, sizeof attrs.axes);
    return return_rms(call, cuv_emit(call->program, CUV_OP_RMS_NORM, CUV_IN(x, scale), &attrs));
}

static const cuv_param rms_norm_params[] = {P("axis", INTS, "-1"), P("epsilon", FLOAT, "1e-06", .allowed = ">=0"), CUV_PARAM_END};
static const cuv_slot rms_norm_slots[] = {S("scale", "shape"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_rms_normalization = {
    .name = "RMSNormalization", .doc = "y = scale x / sqrt(mean(x^2) + epsilon) over axis", .params = rms_norm_params,
    .slots = rms_norm_slots, .symbol = axes_symbol, .build = keep_axes, .lower = rms_norm_lower,
};

/* The least that is divided by: 1e-6 before Keras 3.6, of which 1e-12 was the square; 1e-12 since. */
static cuv_status unit_norm_lower(cuv_call *call)
{
    norm_axes axes;
    cuv_program *p = call->program;
    CUV_TRY(read_axes(call, &axes));
    cuv_ref x = cuv_float_in(call, 0);
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_emit1(p, CUV_OP_SQUARE, x), axes.at, axes.count, true);
    if (!cuv_layer_since(call->layer, 6))
        sum = cuv_emit2(p, CUV_OP_MAXIMUM, sum, cuv_scalar_like(call, x, 1e-12));
    cuv_ref factor = cuv_emit1(p, CUV_OP_RSQRT, sum);
    if (cuv_layer_since(call->layer, 6))
        factor = cuv_emit2(p, CUV_OP_MINIMUM, factor, cuv_scalar_like(call, x, 1e12));
    return cuv_call_return(call, cuv_emit2(p, CUV_OP_MUL, x, factor));
}

static const cuv_param unit_norm_params[] = {P("axis", INTS, "-1"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_unit_normalization = {
    .name = "UnitNormalization", .doc = "y = x / sqrt(sum x^2) over axis", .params = unit_norm_params,
    .flags = CUV_LF_MASKS, .lower = unit_norm_lower,
};
