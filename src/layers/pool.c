/* Pooling: max and average in windows, over everything, and adaptive, in 1 to 3 dimensions. */
#include "layers/support.h"

/* Theano's 'same' starts windows pad cells before the image, whatever the size, and keeps ceil(n / stride) of them. */
static cuv_status theano_padding(cuv_call *call, cuv_ref x, cuv_attrs *attrs)
{
    const cuv_var *in = cuv_var_of(call, x);
    attrs->same = false;
    for (int i = 0; i < call->layer->def->spatial; i++) {
        int64_t n = in->shape[i + 1], k = attrs->window[i], s = attrs->stride[i];
        if (n < 0)
            return cuv_call_unsupported(call, "padding", "Theano's 'same' needs known sizes");
        attrs->pad_lo[i] = k > 2 && k % 2 ? k - 2 : k - 1;
        attrs->pad_hi[i] = ((n + s - 1) / s - 1) * s + k - n - attrs->pad_lo[i];
        if (attrs->pad_hi[i] < 0)
            attrs->pad_hi[i] = 0;
    }
    return CUV_OK;
}

static cuv_ref theano_crop(cuv_call *call, cuv_ref x, cuv_ref y, const cuv_attrs *attrs)
{
    cuv_attrs slice = {0};
    for (int i = 0; i < call->layer->def->spatial; i++) {
        slice.stop[i + 1] = (cuv_var_of(call, x)->shape[i + 1] + attrs->stride[i] - 1) / attrs->stride[i];
        slice.step[i + 1] = 1;
    }
    return cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(y), &slice);
}

static cuv_status pool(cuv_call *call, cuv_op op)
{
    const cuv_layer *layer = call->layer;
    cuv_attrs attrs = {.same = cuv_arg_is(layer, "padding", "same")};
    bool theano = attrs.same && layer->theano;
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 2));
    cuv_arg_sizes(layer, "pool_size", attrs.window);
    cuv_arg_sizes(layer, cuv_arg_none(layer, "strides") ? "pool_size" : "strides", attrs.stride);
    cuv_ref x = cuv_to_last(call, op == CUV_OP_AVG_POOL ? cuv_float_in(call, 0) : call->in[0].value);
    if (theano)
        CUV_TRY(theano_padding(call, x, &attrs));
    cuv_ref y = cuv_emit(call->program, op, CUV_IN(x), &attrs);
    if (theano)
        y = theano_crop(call, x, y, &attrs);
    return cuv_call_return(call, cuv_from_last(call, y));
}

static cuv_status max_pool_lower(cuv_call *call)
{
    return pool(call, CUV_OP_MAX_POOL);
}

static cuv_status avg_pool_lower(cuv_call *call)
{
    return pool(call, CUV_OP_AVG_POOL);
}

/* Keras 3 has no default for the window of AveragePooling; the others have 2. */
#define POOL_ROWS(id, size, ...)                                                                                             \
    static const cuv_param id##_params[] = {                                                                                 \
        P("pool_size", SIZES, size, .allowed = ">=1" __VA_ARGS__), P("strides", SIZES, "None", .allowed = ">=1"),           \
        P("padding", STRING, "'valid'", .allowed = "valid same"), DATA_FORMAT, INERT("name", "None"), CUV_PARAM_END}
POOL_ROWS(max1, "2", );
POOL_ROWS(max2, "(2, 2)", );
POOL_ROWS(max3, "(2, 2, 2)", );
POOL_ROWS(avg, NULL, , .fallback2 = "2");

#define POOLS(n)                                                                                                             \
    const cuv_layer_def cuv_layer_max_pooling##n = {                                                                         \
        .name = "MaxPooling" #n "D", .old_names = "MaxPool" #n "D", .doc = "largest in each window",                        \
        .params = max##n##_params, .spatial = n, .lower = max_pool_lower,                                                    \
    };                                                                                                                       \
    const cuv_layer_def cuv_layer_average_pooling##n = {                                                                     \
        .name = "AveragePooling" #n "D", .old_names = "AvgPool" #n "D", .doc = "mean of each window's cells inside x",      \
        .params = avg_params, .spatial = n, .lower = avg_pool_lower,                                                         \
    }
POOLS(1);
POOLS(2);
POOLS(3);

/* ---- over everything ------------------------------------------------------------------------------------------------------ */

static int spatial_axes(const cuv_layer *layer, int *axes)
{
    for (int i = 0; i < layer->def->spatial; i++)
        axes[i] = i + (layer->channels_first ? 2 : 1);
    return layer->def->spatial;
}

/* The mean of the steps that a mask keeps. */
static cuv_status masked_mean(cuv_call *call, cuv_ref x, bool keepdims)
{
    cuv_program *p = call->program;
    int axis = call->layer->channels_first ? 2 : 1;
    cuv_ref mask = cuv_emit_cast(p, call->in[0].mask, cuv_var_of(call, x)->dtype);
    mask = cuv_expand_dims(call, mask, call->layer->channels_first ? 1 : 2);
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_emit2(p, CUV_OP_MUL, x, mask), &axis, 1, keepdims);
    return cuv_call_return(call, cuv_emit2(p, CUV_OP_DIV, sum, cuv_reduce(call, CUV_OP_SUM, mask, &axis, 1, keepdims)));
}

static cuv_status global(cuv_call *call, cuv_op op)
{
    int axes[3], count = spatial_axes(call->layer, axes);
    bool keepdims = cuv_arg_bool(call->layer, "keepdims");
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    cuv_ref x = cuv_float_in(call, 0);
    if (op == CUV_OP_MEAN && call->layer->def->spatial == 1 && call->in[0].mask != CUV_NO_REF) {
        CUV_TRY(masked_mean(call, x, keepdims));
    } else {
        CUV_TRY(cuv_call_return(call, cuv_reduce(call, op, x, axes, count, keepdims)));
    }
    call->out[0].mask = CUV_NO_REF;
    return CUV_OK;
}

static cuv_status global_max_lower(cuv_call *call)
{
    return global(call, CUV_OP_MAX);
}

static cuv_status global_avg_lower(cuv_call *call)
{
    return global(call, CUV_OP_MEAN);
}

static const cuv_param global_params[] = {DATA_FORMAT, P("keepdims", BOOL, "False"), CUV_PARAM_END};

#define GLOBALS(n, avg_flags)                                                                                                \
    const cuv_layer_def cuv_layer_global_max_pooling##n = {                                                                  \
        .name = "GlobalMaxPooling" #n "D", .old_names = "GlobalMaxPool" #n "D", .doc = "largest of each channel",           \
        .params = global_params, .spatial = n, .lower = global_max_lower,                                                    \
    };                                                                                                                       \
    const cuv_layer_def cuv_layer_global_average_pooling##n = {                                                              \
        .name = "GlobalAveragePooling" #n "D", .old_names = "GlobalAvgPool" #n "D", .doc = "mean of each channel",          \
        .params = global_params, .spatial = n, .flags = avg_flags, .lower = global_avg_lower,                                \
    }
GLOBALS(1, CUV_LF_MASKS);
GLOBALS(2, CUV_LF_NONE);
GLOBALS(3, CUV_LF_NONE);

/* ---- adaptive --------------------------------------------------------------------------------------------------------------- */

static cuv_status adaptive(cuv_call *call, cuv_op op)
{
    cuv_attrs attrs = {0};
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    cuv_arg_sizes(call->layer, "output_size", attrs.size);
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    return cuv_call_return(call, cuv_from_last(call, cuv_emit(call->program, op, CUV_IN(x), &attrs)));
}

static cuv_status adaptive_max_lower(cuv_call *call)
{
    return adaptive(call, CUV_OP_ADAPTIVE_MAX_POOL);
}

static cuv_status adaptive_avg_lower(cuv_call *call)
{
    return adaptive(call, CUV_OP_ADAPTIVE_AVG_POOL);
}

static const cuv_param adaptive_params[] = {P("output_size", SIZES, NULL, .allowed = ">=1"), DATA_FORMAT, CUV_PARAM_END};

#define ADAPTIVE(n)                                                                                                          \
    const cuv_layer_def cuv_layer_adaptive_max_pooling##n = {                                                                \
        .name = "AdaptiveMaxPooling" #n "D", .doc = "largest in windows that give output_size", .params = adaptive_params,  \
        .spatial = n, .lower = adaptive_max_lower,                                                                           \
    };                                                                                                                       \
    const cuv_layer_def cuv_layer_adaptive_average_pooling##n = {                                                            \
        .name = "AdaptiveAveragePooling" #n "D", .doc = "mean in windows that give output_size", .params = adaptive_params, \
        .spatial = n, .lower = adaptive_avg_lower,                                                                           \
    }
ADAPTIVE(1);
ADAPTIVE(2);
ADAPTIVE(3);
