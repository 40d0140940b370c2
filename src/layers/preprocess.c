/* Preprocessing that is arithmetic: Rescaling, Normalization, Discretization, CategoryEncoding. Images are in image.c. */
#include "layers/support.h"

enum { MOST_TOKENS = 1 << 24 };

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

/* An argument's numbers as a constant of rank 1 and of the dtype F64 or F32. */
static cuv_status numbers_of(cuv_call *call, const char *argument, bool wide, cuv_ref *out, int64_t *count)
{
    const cuv_value *v = cuv_arg(call->layer, argument);
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
    *out = cuv_program_constant(call->program, tensor);
    return call->program->status;
}

/* The same in the dtype that the layer computes in. */
static cuv_status constant_of(cuv_call *call, const char *argument, cuv_ref *out, int64_t *count)
{
    CUV_TRY(numbers_of(call, argument, call->layer->compute == CUV_F64, out, count));
    *out = cuv_emit_cast(call->program, *out, cuv_dtype_is_float(call->layer->compute) ? call->layer->compute : CUV_F32);
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

/* ---- categories ---------------------------------------------------------------------------------------------------------------- */

cuv_status cuv_encode_categories(cuv_call *call, const char *mode, cuv_ref index, int64_t depth, cuv_dtype dtype, cuv_ref *out)
{
    cuv_program *p = call->program;
    *out = index;
    if (strcmp(mode, "int") == 0)
        return p->status;
    CUV_TRY(p->status);
    int rank = cuv_var_of(call, index)->rank, one = 1;
    bool single = strcmp(mode, "one_hot") == 0;
    if (single && rank > 1 && cuv_var_of(call, index)->shape[rank - 1] == 1)
        index = cuv_squeeze(call, index, rank - 1);
    else if (!single && rank == 1 && call->layer->keras < 3)
        one = 0;        /* values of one axis are one sample to Keras 2 */
    else if (!single && rank == 1)
        index = cuv_expand_dims(call, index, 1);
    *out = cuv_emit(p, CUV_OP_ONE_HOT, CUV_IN(index), CUV_AT(.count = depth, .dtype = dtype));
    if (!single)
        *out = cuv_reduce(call, strcmp(mode, "multi_hot") == 0 ? CUV_OP_MAX : CUV_OP_SUM, *out, &one, 1, false);
    return p->status;
}

/* Discretization of Keras 3.0 to 3.3 joins the last axis, not the one after the batch. */
static bool one_for_rows(const cuv_layer *layer, const char *mode)
{
    return strcmp(layer->def->name, "Discretization") == 0 && strcmp(mode, "multi_hot") == 0;
}

/* Indices as the output_mode says: themselves, or 1 (or counts) at their places. Keras 3.0 to 3.3 keep a last axis of size 1 beside that of one_hot,
 * whatever shape they tell of the layer. */
static cuv_status encode(cuv_call *call, cuv_ref index, int64_t depth)
{
    const char *mode = cuv_arg_text(call->layer, "output_mode");
    cuv_dtype dtype = cuv_dtype_is_float(call->layer->compute) ? call->layer->compute : CUV_F32;
    const bool early = call->layer->keras == 3 && !cuv_layer_since(call->layer, 4);
    const int before_last = cuv_var_of(call, index)->rank - 1;
    cuv_ref y;
    if (strcmp(mode, "int") == 0)
        index = cuv_emit_cast(call->program, index, CUV_I64);
    if (!early || (strcmp(mode, "one_hot") && !(before_last > 0 && one_for_rows(call->layer, mode)))) {
        CUV_TRY(cuv_encode_categories(call, mode, index, depth, dtype, &y));
        return cuv_call_return(call, y);
    }
    y = cuv_emit(call->program, CUV_OP_ONE_HOT, CUV_IN(index), CUV_AT(.count = depth, .dtype = dtype));
    if (strcmp(mode, "one_hot"))
        y = cuv_reduce(call, CUV_OP_MAX, y, &before_last, 1, false);
    return cuv_call_return(call, y);
}

/* Each token's weight at its place. */
static cuv_status weigh(cuv_call *call, const cuv_kwarg *weights)
{
    cuv_program *p = call->program;
    cuv_ref index = cuv_emit_cast(p, call->in[0].value, CUV_I32), w = weights->tensor.value;
    CUV_TRY(p->status);
    const cuv_var *v = cuv_var_of(call, w);
    if (!cuv_arg_is(call->layer, "output_mode", "count") || v->rank != 2 || cuv_var_of(call, index)->rank != 2)
        return cuv_call_unsupported(call, "output_mode", "count_weights go with counts of two axes");
    cuv_ref hot = cuv_emit(p, CUV_OP_ONE_HOT, CUV_IN(index), CUV_AT(.count = cuv_arg_int(call->layer, "num_tokens"), .dtype = v->dtype));
    hot = cuv_emit2(p, CUV_OP_MUL, hot, cuv_expand_dims(call, w, 2));
    return cuv_call_return(call, cuv_reduce(call, CUV_OP_SUM, hot, (const int[]){1}, 1, false));
}

/* Keras 2 raises where a value is no token, as looking it up in a table of all tokens does. Keras 3 encodes such values as nothing. */
static cuv_status known_tokens(cuv_call *call, cuv_ref *x)
{
    cuv_program *p = call->program;
    const int64_t count = cuv_arg_int(call->layer, "num_tokens");
    cuv_tensor *tokens;
    void *data;
    *x = cuv_emit_cast(p, *x, CUV_I32);
    if (call->layer->keras >= 3 || count > MOST_TOKENS)
        return p->status;
    CUV_TRY(cuv_tensor_new(call->arena, CUV_I32, &count, 1, &tokens, &data));
    for (int32_t i = 0; i < count; i++)
        ((int32_t *)data)[i] = i;
    cuv_ref at = cuv_emit_cast(p, cuv_emit_cast(p, *x, CUV_U32), CUV_I64);      /* one below 0 is no place from the end */
    *x = cuv_emit(p, CUV_OP_GATHER, CUV_IN(cuv_program_constant(p, tokens), at), CUV_AT(.axis = 0));
    return p->status;
}

static cuv_status category_lower(cuv_call *call)
{
    const cuv_kwarg *weights = cuv_call_kwarg(call, "count_weights");
    cuv_ref x = call->in[0].value;
    if (weights && weights->tensor.value != CUV_NO_REF)
        return weigh(call, weights);
    CUV_TRY(known_tokens(call, &x));
    return encode(call, x, cuv_arg_int(call->layer, "num_tokens"));
}

static const cuv_param category_params[] = {
    P("num_tokens", INT, "None", .allowed = ">=1"), P("output_mode", STRING, "'multi_hot'", .allowed = "multi_hot one_hot count"),
    INERT("sparse", "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_category_encoding = {
    .name = "CategoryEncoding", .doc = "integers as one-hot, multi-hot or counts", .params = category_params,
    .flags = CUV_LF_NO_AUTOCAST, .lower = category_lower,
};

/* The bin is the number of boundaries that are not above x (quirks 42). They are float32 to TensorFlow, whatever the layer computes in. */
static cuv_status discretization_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_ref bounds;
    int64_t count;
    int rank = cuv_call_rank(call, 0);
    if (cuv_arg_none(call->layer, "bin_boundaries"))
        return cuv_call_unsupported(call, "bin_boundaries", "the layer was never adapted, or its bins are not in the configuration (Keras 2 keeps them in its weights)");
    CUV_TRY(numbers_of(call, "bin_boundaries", false, &bounds, &count));
    bounds = cuv_emit_cast(p, bounds, cuv_var_of(call, call->in[0].value)->dtype == CUV_F64 ? CUV_F64 : CUV_F32);
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
