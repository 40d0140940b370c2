/* Preprocessing that is arithmetic: Rescaling, Normalization, Resizing, CenterCrop, Discretization, CategoryEncoding. */
#include "layers/support.h"

/* ---- numbers in configurations ---------------------------------------------------------------------------------------- */

/* Numbers of nested lists, one after the other; `values` NULL: only counts. -1: something is no number. */
static int64_t flatten(const cuv_value *v, double *values, int64_t count, unsigned depth)
{
    double number;
    if (cuv_as_real(v, &number)) {
        if (values)
            values[count] = number;
        return count + 1;
    }
    if (!cuv_is_seq(v) || depth > 16)
        return -1;
    for (size_t i = 0; i < cuv_len(v) && count >= 0; i++)
        count = flatten(cuv_item(v, i), values, count, depth + 1);
    return count;
}

/* An argument's numbers as a constant of rank 1. */
static cuv_status constant_of(cuv_call *call, const char *argument, cuv_ref *out, int64_t *count)
{
    const cuv_value *v = cuv_arg(call->layer, argument);
    bool wide = call->layer->compute == CUV_F64;
    cuv_tensor *tensor;
    void *values;
    *count = flatten(v, NULL, 0, 0);
    *out = CUV_NO_REF;
    if (*count < 1)
        return cuv_bad_arg(call->layer, argument, "a number or a list of numbers");
    double *read = CUV_NEW_ARRAY(call->arena, double, (size_t)*count);
    if (!read)
        return cuv_oom(call->cx);
    flatten(v, read, 0, 0);
    CUV_TRY(cuv_tensor_new(call->arena, wide ? CUV_F64 : CUV_F32, count, 1, &tensor, &values));
    cuv_convert(values, wide ? CUV_F64 : CUV_F32, read, CUV_F64, (size_t)*count);
    *out = cuv_emit_cast(call->program, cuv_program_constant(call->program, tensor),
                         cuv_dtype_is_float(call->layer->compute) ? call->layer->compute : CUV_F32);
    return call->program->status;
}

/* ---- Rescaling ----------------------------------------------------------------------------------------------------------- */

static cuv_status rescaling_lower(cuv_call *call)
{
    cuv_ref scale, offset, x = cuv_float_in(call, 0);
    int64_t count;
    CUV_TRY(constant_of(call, "scale", &scale, &count));
    CUV_TRY(constant_of(call, "offset", &offset, &count));
    return cuv_call_return(call, cuv_emit2(call->program, CUV_OP_ADD, cuv_emit2(call->program, CUV_OP_MUL, x, scale), offset));
}

static const cuv_param rescaling_params[] = {P("scale", ANY, NULL), P("offset", ANY, "0.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_rescaling = {
    .name = "Rescaling", .doc = "y = scale x + offset", .params = rescaling_params, .flags = CUV_LF_MASKS,
    .lower = rescaling_lower,
};

/* ---- Normalization --------------------------------------------------------------------------------------------------------- */

typedef struct kept_axes { bool at[CUV_MAX_RANK]; int64_t shape[CUV_MAX_RANK]; int rank; } kept_axes;

static cuv_status read_kept(cuv_call *call, kept_axes *kept)
{
    int64_t axes[CUV_MAX_RANK];
    const cuv_var *in = cuv_call_in(call, 0);
    int count = cuv_arg_ints(call->layer, "axis", axes);
    *kept = (kept_axes){.rank = 0};
    for (int i = 0; i < count; i++) {
        int axis;
        CUV_TRY(cuv_call_axis(call, "axis", axes[i], in->rank, &axis));
        kept->at[axis] = true;
    }
    for (int i = 0; i < in->rank; i++) {
        if (!kept->at[i])
            continue;
        if (in->shape[i] < 0)
            return cuv_bad_input(call, 0, cuv_format(call->cx, "a known size of axis %d", i));
        kept->shape[kept->rank++] = in->shape[i];
    }
    return CUV_OK;
}

static cuv_status normalization_build(cuv_call *call)
{
    static const cuv_slot slots[] = {S("mean", "", .not_trainable = true), S("variance", "", .not_trainable = true),
                                     S("count", "", .not_trainable = true, .dtype = CUV_I64)};
    kept_axes kept;
    cuv_ref ref;
    CUV_TRY(read_kept(call, &kept));
    if (!cuv_arg_none(call->layer, "mean"))
        return CUV_OK;
    for (size_t i = 0; i < 3; i++)
        CUV_TRY(cuv_layer_add_weight(call, &slots[i], kept.shape, i < 2 ? kept.rank : 0, &ref));
    return CUV_OK;
}

/* Mean or variance so that it broadcasts with the input. */
static cuv_status statistic(cuv_call *call, const char *name, cuv_ref *out)
{
    kept_axes kept;
    int64_t shape[CUV_MAX_RANK], count = 0, wanted = 1;
    int rank = cuv_call_rank(call, 0), next = 0;
    CUV_TRY(read_kept(call, &kept));
    *out = cuv_call_weight(call, name);
    if (*out == CUV_NO_REF)
        CUV_TRY(constant_of(call, name, out, &count));
    for (int i = 0; i < rank; i++) {
        shape[i] = kept.at[i] ? kept.shape[next++] : 1;
        wanted *= kept.at[i] ? shape[i] : 1;
    }
    if (count == 1)
        return CUV_OK;
    if (count && count != wanted)
        return cuv_bad_arg(call->layer, name, cuv_format(call->cx, "1 or %lld numbers", (long long)wanted));
    *out = cuv_emit_reshape(call->program, *out, shape, rank);
    return call->program->status;
}

/* Keras's epsilon() keeps the deviation from 0. */
static cuv_status normalization_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref mean, deviation, x = cuv_float_in(call, 0);
    CUV_TRY(statistic(call, "mean", &mean));
    CUV_TRY(statistic(call, "variance", &deviation));
    deviation = cuv_emit1(p, CUV_OP_SQRT, deviation);
    deviation = cuv_emit2(p, CUV_OP_MAXIMUM, deviation, cuv_scalar_like(call, deviation, 1e-7));
    if (cuv_arg_bool(call->layer, "invert"))
        return cuv_call_return(call, cuv_emit2(p, CUV_OP_ADD, mean, cuv_emit2(p, CUV_OP_MUL, x, deviation)));
    return cuv_call_return(call, cuv_emit2(p, CUV_OP_DIV, cuv_emit2(p, CUV_OP_SUB, x, mean), deviation));
}

static const cuv_param normalization_params[] = {P("axis", ANY, "-1"), P("mean", ANY, "None"), P("variance", ANY, "None"),
                                                 P("invert", BOOL, "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_normalization = {
    .name = "Normalization", .doc = "y = (x - mean) / max(sqrt(variance), 1e-7)", .params = normalization_params,
    .flags = CUV_LF_MASKS, .build = normalization_build, .lower = normalization_lower,
};

/* ---- images ------------------------------------------------------------------------------------------------------------------ */

static cuv_status resizing_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_attrs attrs = {.align = CUV_HALF_PIXEL, .mode = CUV_MODE_BILINEAR,
                       .size = {cuv_arg_int(layer, "height"), cuv_arg_int(layer, "width")}};
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    if (cuv_arg_is(layer, "interpolation", "nearest"))
        attrs.mode = CUV_MODE_NEAREST;
    else if (cuv_arg_is(layer, "interpolation", "bicubic"))
        attrs.mode = CUV_MODE_BICUBIC;
    else if (!cuv_arg_is(layer, "interpolation", "bilinear"))
        return cuv_call_unsupported(call, "interpolation", "only nearest, bilinear and bicubic are");
    static const char *const flags[] = {"antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio"};
    for (size_t i = 0; i < 3; i++)
        if (cuv_arg_bool(layer, flags[i]))
            return cuv_call_unsupported(call, flags[i], "only False is");
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    return cuv_call_return(call, cuv_from_last(call, cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x), &attrs)));
}

static const cuv_param resizing_params[] = {
    P("height", INT, NULL, .allowed = ">=1"), P("width", INT, NULL, .allowed = ">=1"), P("interpolation", STRING, "'bilinear'"),
    P("crop_to_aspect_ratio", BOOL, "False"), P("pad_to_aspect_ratio", BOOL, "False"), INERT("fill_mode", "'constant'"),
    INERT("fill_value", "0.0"), P("antialias", BOOL, "False"), DATA_FORMAT, CUV_PARAM_END};
const cuv_layer_def cuv_layer_resizing = {
    .name = "Resizing", .doc = "images at another size", .params = resizing_params, .spatial = 2, .lower = resizing_lower,
};

/* The middle of the image, `size` cells of an axis. */
static cuv_ref middle(cuv_call *call, cuv_ref x, int axis, int64_t size)
{
    int64_t start = (cuv_var_of(call, x)->shape[axis] - size) / 2;
    return cuv_slice_axis(call, x, axis, start, start + size);
}

static int64_t clamp(int64_t n, int64_t most)
{
    return n < 1 ? 1 : n > most ? most : n;
}

/* An image that is too small is cut to the wanted ratio and enlarged (quirks 11). */
static cuv_status center_crop_lower(cuv_call *call)
{
    int64_t height = cuv_arg_int(call->layer, "height"), width = cuv_arg_int(call->layer, "width");
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    CUV_TRY(call->program->status);
    int64_t h = cuv_var_of(call, x)->shape[1], w = cuv_var_of(call, x)->shape[2];
    if (h < 1 || w < 1)
        return cuv_call_unsupported(call, "height", "the sizes of the image must be known");
    bool fits = h >= height && w >= width;
    x = middle(call, x, 1, fits ? height : clamp(w * height / width, h));
    x = middle(call, x, 2, fits ? width : clamp(h * width / height, w));
    if (!fits)
        x = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x), CUV_AT(.size = {height, width}, .mode = CUV_MODE_BILINEAR));
    return cuv_call_return(call, cuv_from_last(call, x));
}

static const cuv_param center_crop_params[] = {P("height", INT, NULL, .allowed = ">=1"), P("width", INT, NULL, .allowed = ">=1"),
                                               DATA_FORMAT, CUV_PARAM_END};
const cuv_layer_def cuv_layer_center_crop = {
    .name = "CenterCrop", .doc = "the middle of images", .params = center_crop_params, .spatial = 2, .lower = center_crop_lower,
};

/* ---- categories ---------------------------------------------------------------------------------------------------------------- */

/* Indices as the output_mode says: themselves, or 1 (or counts) at their places. */
static cuv_status encode(cuv_call *call, cuv_ref index, int64_t depth)
{
    cuv_program *p = call->program;
    const char *mode = cuv_arg_text(call->layer, "output_mode");
    cuv_dtype dtype = cuv_dtype_is_float(call->layer->compute) ? call->layer->compute : CUV_F32;
    if (strcmp(mode, "int") == 0)
        return cuv_call_return(call, cuv_emit_cast(p, index, CUV_I64));
    int rank = cuv_var_of(call, index)->rank, one = 1;
    bool single = strcmp(mode, "one_hot") == 0;
    if (single && rank > 1 && cuv_var_of(call, index)->shape[rank - 1] == 1)
        index = cuv_squeeze(call, index, rank - 1);
    else if (!single && rank == 1)
        index = cuv_expand_dims(call, index, 1);
    cuv_ref y = cuv_emit(p, CUV_OP_ONE_HOT, CUV_IN(index), CUV_AT(.count = depth, .dtype = dtype));
    if (!single)
        y = cuv_reduce(call, strcmp(mode, "count") == 0 ? CUV_OP_SUM : CUV_OP_MAX, y, &one, 1, false);
    return cuv_call_return(call, y);
}

static cuv_status category_lower(cuv_call *call)
{
    if (cuv_call_kwarg(call, "count_weights"))
        return cuv_call_unsupported(call, "output_mode", "counts with weights");
    return encode(call, cuv_emit_cast(call->program, call->in[0].value, CUV_I32), cuv_arg_int(call->layer, "num_tokens"));
}

static const cuv_param category_params[] = {
    P("num_tokens", INT, "None", .allowed = ">=1"), P("output_mode", STRING, "'multi_hot'", .allowed = "multi_hot one_hot count"),
    INERT("sparse", "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_category_encoding = {
    .name = "CategoryEncoding", .doc = "integers as one-hot, multi-hot or counts", .params = category_params,
    .flags = CUV_LF_NO_AUTOCAST, .lower = category_lower,
};

/* The bin is the number of boundaries that are not above x (quirks 42). */
static cuv_status discretization_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref bounds;
    int64_t count;
    int rank = cuv_call_rank(call, 0);
    if (cuv_arg_none(call->layer, "bin_boundaries"))
        return cuv_call_unsupported(call, "bin_boundaries", "the layer was never adapted, so it has no bins");
    CUV_TRY(constant_of(call, "bin_boundaries", &bounds, &count));
    cuv_ref x = cuv_expand_dims(call, cuv_emit_cast(p, call->in[0].value, cuv_var_of(call, bounds)->dtype), rank);
    cuv_ref above = cuv_emit_cast(p, cuv_emit2(p, CUV_OP_GREATER_EQUAL, x, bounds), CUV_I32);
    return encode(call, cuv_reduce(call, CUV_OP_SUM, above, &rank, 1, false), count + 1);
}

static const cuv_param discretization_params[] = {
    P("bin_boundaries", ANY, "None"), INERT("num_bins", "None"), INERT("epsilon", "0.01"),
    P("output_mode", STRING, "'int'", .allowed = "int multi_hot one_hot count"), INERT("sparse", "False"),
    INERT("dtype", "None"), INERT("name", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_discretization = {
    .name = "Discretization", .doc = "the number of the bin between boundaries", .params = discretization_params,
    .flags = CUV_LF_NO_AUTOCAST, .lower = discretization_lower,
};
