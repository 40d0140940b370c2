/* Layers that only move elements: Flatten, Reshape, Permute, RepeatVector. */
#include "layers/support.h"

static cuv_status flatten_lower(cuv_call *call)
{
    int rank = cuv_call_rank(call, 0);
    cuv_ref x = call->in[0].value;
    if (rank < 1)
        return cuv_bad_input(call, 0, "min_ndim=1");
    if (rank == 1)
        return cuv_call_return(call, cuv_expand_dims(call, x, 1));
    x = cuv_to_last(call, x);
    int64_t rest = 1;
    for (int i = 1; i < rank; i++) {
        int64_t n = cuv_var_of(call, x)->shape[i];
        if (n < 0 || rest < 0 || !cuv_mul_i64(rest, n, &rest))
            rest = -1;
    }
    return cuv_call_return(call, cuv_emit_reshape(call->program, x, (const int64_t[]){-2, rest}, 2));
}

static const cuv_param flatten_params[] = {DATA_FORMAT, CUV_PARAM_END};
const cuv_layer_def cuv_layer_flatten = {
    .name = "Flatten", .doc = "all axes but the batch in one; channels_first is moved to channels_last before",
    .params = flatten_params, .lower = flatten_lower,
};

/* ---- Reshape ------------------------------------------------------------------------------------------------------------ */

static cuv_status reshape_check(cuv_context *cx, cuv_layer *layer)
{
    const cuv_value *v = cuv_arg(layer, "target_shape");
    int unknown = 0;
    (void)cx;
    for (size_t i = 0; i < cuv_len(v); i++) {
        int64_t n = -1;
        unknown += !cuv_as_int(cuv_item(v, i), &n) || n < 0;
    }
    if (unknown > 1 || cuv_len(v) >= CUV_MAX_RANK)
        return cuv_bad_arg(layer, "target_shape", "a shape with at most one -1");
    return CUV_OK;
}

static cuv_status reshape_lower(cuv_call *call)
{
    const cuv_value *v = cuv_arg(call->layer, "target_shape");
    int64_t shape[CUV_MAX_RANK] = {-2};
    int rank = 1;
    for (size_t i = 0; i < cuv_len(v); i++) {
        int64_t n = -1;
        cuv_as_int(cuv_item(v, i), &n);
        shape[rank++] = n;
    }
    return cuv_call_return(call, cuv_emit_reshape(call->program, call->in[0].value, shape, rank));
}

static const cuv_param reshape_params[] = {P("target_shape", SHAPE, NULL), CUV_PARAM_END};
const cuv_layer_def cuv_layer_reshape = {
    .name = "Reshape", .doc = "the same elements as (batch, target_shape...); one -1 is inferred", .params = reshape_params,
    .check = reshape_check, .lower = reshape_lower,
};

/* ---- Permute ------------------------------------------------------------------------------------------------------------ */

static cuv_status permute_check(cuv_context *cx, cuv_layer *layer)
{
    int64_t dims[CUV_MAX_RANK];
    int count = cuv_arg_ints(layer, "dims", dims);
    unsigned seen = 0;
    for (int i = 0; i < count; i++)
        seen |= dims[i] >= 1 && dims[i] <= count ? 1u << dims[i] : 1u;
    if (count < 1 || count >= CUV_MAX_RANK || seen != (2u << count) - 2u)
        return cuv_bad_arg(layer, "dims", cuv_format(cx, "the numbers 1 to n in some order"));
    return CUV_OK;
}

static cuv_status permute_lower(cuv_call *call)
{
    int64_t dims[CUV_MAX_RANK];
    int perm[CUV_MAX_RANK] = {0};
    int count = cuv_arg_ints(call->layer, "dims", dims);
    CUV_TRY(cuv_call_expect_rank(call, 0, count + 1));
    for (int i = 0; i < count; i++)
        perm[i + 1] = (int)dims[i];
    return cuv_call_return(call, cuv_transposed(call, call->in[0].value, perm));
}

static const cuv_param permute_params[] = {P("dims", INTS, NULL), CUV_PARAM_END};
const cuv_layer_def cuv_layer_permute = {
    .name = "Permute", .doc = "axes in another order, counted from 1 without the batch", .params = permute_params,
    .check = permute_check, .lower = permute_lower,
};

/* ---- RepeatVector ------------------------------------------------------------------------------------------------------- */

static cuv_status repeat_lower(cuv_call *call)
{
    CUV_TRY(cuv_call_expect_rank(call, 0, 2));
    cuv_ref x = cuv_expand_dims(call, call->in[0].value, 1);
    int64_t n = cuv_arg_int(call->layer, "n");
    return cuv_call_return(call, cuv_emit(call->program, CUV_OP_REPEAT, CUV_IN(x), CUV_AT(.axis = 1, .count = n)));
}

static const cuv_param repeat_params[] = {P("n", INT, NULL, .allowed = ">=1"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_repeat_vector = {
    .name = "RepeatVector", .doc = "(batch, features) n times: (batch, n, features)", .params = repeat_params,
    .lower = repeat_lower,
};
