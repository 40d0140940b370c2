/* Convolutions: Conv, DepthwiseConv and SeparableConv in 1 to 3 dimensions. Kernels are (sizes..., in, out) in every data
 * format; the images are brought to channels-last around them. */
#include "layers/conv.h"

static cuv_status check_strides(cuv_context *cx, cuv_layer *layer)
{
    int64_t strides[3], dilation[3];
    bool strided = false, dilated = false;
    cuv_arg_sizes(layer, "strides", strides);
    cuv_arg_sizes(layer, "dilation_rate", dilation);
    for (int i = 0; i < layer->def->spatial; i++) {
        strided |= strides[i] > 1;
        dilated |= dilation[i] > 1;
    }
    if (strided && dilated && strcmp(layer->def->name, "Conv1D") == 0 && layer->keras <= 2)
        return cuv_bad_arg(layer, "dilation_rate", cuv_format(cx, "1 when strides are greater than 1"));
    return CUV_OK;
}

cuv_status cuv_conv_check(cuv_context *cx, cuv_layer *layer)
{
    cuv_act act;
    bool single;
    if (cuv_arg_is(layer, "padding", "causal") && layer->def->spatial != 1)
        return cuv_bad_arg(layer, "padding", "'valid' or 'same' ('causal' is for one dimension)");
    CUV_TRY(check_strides(cx, layer));
    return cuv_arg_activation(cx, layer, "activation", &act, &single);
}

void cuv_conv_padding(const cuv_layer *layer, cuv_attrs *attrs)
{
    int64_t kernel[3];
    cuv_arg_sizes(layer, "kernel_size", kernel);
    for (int i = 0; i < layer->def->spatial; i++) {
        int64_t reach = (kernel[i] - 1) * attrs->dilation[i] + 1;
        if (cuv_arg_is(layer, "padding", "causal")) {
            attrs->pad_lo[i] = reach - 1;
        } else if (cuv_arg_is(layer, "padding", "same") && layer->theano) {
            attrs->pad_lo[i] = reach / 2;           /* quirks 4: half on each side whatever the stride */
            attrs->pad_hi[i] = (reach - 1) / 2;
        }
    }
    attrs->same = cuv_arg_is(layer, "padding", "same") && !layer->theano;
}

cuv_ref cuv_conv_kernel(cuv_call *call, const char *slot)
{
    cuv_ref kernel = cuv_call_weight(call, slot);
    cuv_attrs attrs = {.axes = {0, 1, 2}, .axes_count = call->layer->def->spatial};
    return call->layer->theano ? cuv_emit(call->program, CUV_OP_REVERSE, CUV_IN(kernel), &attrs) : kernel;
}

static cuv_attrs conv_attrs(const cuv_layer *layer)
{
    cuv_attrs attrs = {.groups = 1};
    cuv_arg_sizes(layer, "strides", attrs.stride);
    cuv_arg_sizes(layer, "dilation_rate", attrs.dilation);
    cuv_conv_padding(layer, &attrs);
    return attrs;
}

cuv_status cuv_conv_act(cuv_call *call, cuv_attrs *attrs, bool *after)
{
    cuv_act act;
    bool single;
    CUV_TRY(cuv_arg_activation(call->cx, call->layer, "activation", &act, &single));
    *after = !single || (act.op == CUV_OP_SOFTMAX && call->layer->channels_first);
    if (!*after)
        attrs->act = act;
    return CUV_OK;
}

cuv_status cuv_conv_return(cuv_call *call, cuv_ref y, bool after)
{
    y = cuv_from_last(call, y);
    if (after)
        CUV_TRY(cuv_finish_activation(call, "activation", y, &y));
    return cuv_call_return(call, y);
}

static cuv_status conv_build(cuv_call *call)
{
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    int64_t groups = cuv_arg_int(call->layer, "groups"), filters = cuv_arg_int(call->layer, "filters");
    if (filters % groups)
        return cuv_bad_arg(call->layer, "filters", cuv_format(call->cx, "a multiple of groups=%lld", (long long)groups));
    return CUV_OK;
}

static cuv_status conv_lower(cuv_call *call)
{
    bool after;
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    cuv_attrs attrs = conv_attrs(call->layer);
    attrs.groups = (int)cuv_arg_int(call->layer, "groups");
    CUV_TRY(cuv_conv_act(call, &attrs, &after));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    x = cuv_with_bias(call, CUV_OP_CONV, x, cuv_conv_kernel(call, "kernel"), &attrs, &after);
    return cuv_conv_return(call, x, after);
}

#define CONV_ROWS(n, one, paddings)                                                                                          \
    static const cuv_param conv##n##_params[] = {                                                                            \
        P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),                         \
        P("strides", SIZES, one, .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = paddings), DATA_FORMAT,      \
        P("dilation_rate", SIZES, one, .allowed = ">=1"), P("groups", INT, "1", .allowed = ">=1"), ACTIVATION("None"),      \
        USE_BIAS, KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES, LORA, CUV_PARAM_END}
CONV_ROWS(1, "1", "valid same causal");
CONV_ROWS(2, "(1, 1)", "valid same");
CONV_ROWS(3, "(1, 1, 1)", "valid same");

static const cuv_slot conv_slots[] = {S("kernel", "kernel_size in/groups filters", .old = "W"),
                                      S("bias", "filters", .condition = "use_bias", .old = "b"), CUV_SLOT_END};

#define CONV(n, old)                                                                                                         \
    const cuv_layer_def cuv_layer_conv##n = {                                                                                \
        .name = "Conv" #n "D", .old_names = old, .doc = "y = activation(x * kernel + bias)", .params = conv##n##_params,    \
        .slots = conv_slots, .spatial = n, .check = cuv_conv_check, .build = conv_build, .lower = conv_lower,               \
    }
CONV(1, "Convolution1D AtrousConvolution1D AtrousConv1D");
CONV(2, "Convolution2D AtrousConvolution2D AtrousConv2D");
CONV(3, "Convolution3D");

/* ---- depthwise ---------------------------------------------------------------------------------------------------------- */

static cuv_status depthwise_lower(cuv_call *call)
{
    bool after;
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    cuv_attrs attrs = conv_attrs(call->layer);
    CUV_TRY(cuv_conv_act(call, &attrs, &after));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    x = cuv_with_bias(call, CUV_OP_DEPTHWISE, x, cuv_call_weight(call, "kernel"), &attrs, &after);
    return cuv_conv_return(call, x, after);
}

static cuv_status rank_build(cuv_call *call)
{
    return cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2);
}

#define DEPTHWISE_ROWS(n, one)                                                                                               \
    static const cuv_param depthwise##n##_params[] = {                                                                       \
        P("kernel_size", SIZES, NULL, .allowed = ">=1"), P("strides", SIZES, one, .allowed = ">=1"),                        \
        P("padding", STRING, "'valid'", .allowed = "valid same causal"),                                                    \
        P("depth_multiplier", INT, "1", .allowed = ">=1"), DATA_FORMAT, P("dilation_rate", SIZES, one, .allowed = ">=1"),   \
        ACTIVATION("None"), USE_BIAS, INIT("depthwise_initializer", "'glorot_uniform'"), INIT("bias_initializer", "'zeros'"), \
        REGULARIZER("depthwise_regularizer"), REGULARIZER("bias_regularizer"), REGULARIZER("activity_regularizer"),         \
        CONSTRAINT("depthwise_constraint"), CONSTRAINT("bias_constraint"), CUV_PARAM_END}
DEPTHWISE_ROWS(1, "1");
DEPTHWISE_ROWS(2, "(1, 1)");

static const cuv_slot depthwise_slots[] = {S("kernel", "kernel_size in depth_multiplier", .old = "depthwise_kernel"),
                                           S("bias", "in*depth_multiplier", .condition = "use_bias"), CUV_SLOT_END};

#define DEPTHWISE(n)                                                                                                         \
    const cuv_layer_def cuv_layer_depthwise_conv##n = {                                                                      \
        .name = "DepthwiseConv" #n "D", .doc = "each channel with its own kernels", .params = depthwise##n##_params,        \
        .slots = depthwise_slots, .spatial = n, .check = cuv_conv_check, .build = rank_build, .lower = depthwise_lower,     \
    }
DEPTHWISE(1);
DEPTHWISE(2);

/* ---- separable ---------------------------------------------------------------------------------------------------------- */

static cuv_status separable_lower(cuv_call *call)
{
    bool after;
    CUV_TRY(cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2));
    cuv_attrs depthwise = conv_attrs(call->layer), pointwise = {.groups = 1};
    CUV_TRY(cuv_conv_act(call, &pointwise, &after));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    x = cuv_emit(call->program, CUV_OP_DEPTHWISE, CUV_IN(x, cuv_call_weight(call, "depthwise_kernel")), &depthwise);
    x = cuv_with_bias(call, CUV_OP_CONV, x, cuv_call_weight(call, "pointwise_kernel"), &pointwise, &after);
    return cuv_conv_return(call, x, after);
}

#define SEPARABLE_ROWS(n, one, paddings)                                                                                     \
    static const cuv_param separable##n##_params[] = {                                                                       \
        P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),                         \
        P("strides", SIZES, one, .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = paddings), DATA_FORMAT,      \
        P("dilation_rate", SIZES, one, .allowed = ">=1"), P("depth_multiplier", INT, "1", .allowed = ">=1"),                \
        ACTIVATION("None"), USE_BIAS, INIT("depthwise_initializer", "'glorot_uniform'"),                                    \
        INIT("pointwise_initializer", "'glorot_uniform'"), INIT("bias_initializer", "'zeros'"),                             \
        REGULARIZER("depthwise_regularizer"), REGULARIZER("pointwise_regularizer"), REGULARIZER("bias_regularizer"),        \
        REGULARIZER("activity_regularizer"), CONSTRAINT("depthwise_constraint"), CONSTRAINT("pointwise_constraint"),        \
        CONSTRAINT("bias_constraint"), CUV_PARAM_END}
SEPARABLE_ROWS(1, "1", "valid same causal");
SEPARABLE_ROWS(2, "(1, 1)", "valid same");

/* A pointwise kernel has sizes of 1: "ones" is as many as there are spatial axes. */
static bool separable_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    if (strcmp(name, "ones") != 0)
        return false;
    *count = layer->def->spatial;
    for (int i = 0; i < *count; i++)
        sizes[i] = 1;
    return true;
}

static const cuv_slot separable_slots[] = {
    S("depthwise_kernel", "kernel_size in depth_multiplier"), S("pointwise_kernel", "ones in*depth_multiplier filters"),
    S("bias", "filters", .condition = "use_bias", .old = "b"), CUV_SLOT_END};

#define SEPARABLE(n)                                                                                                         \
    const cuv_layer_def cuv_layer_separable_conv##n = {                                                                      \
        .name = "SeparableConv" #n "D", .old_names = "SeparableConvolution" #n "D",                                         \
        .doc = "y = activation((x * depthwise) * pointwise + bias)", .params = separable##n##_params,                       \
        .slots = separable_slots, .spatial = n, .check = cuv_conv_check, .symbol = separable_symbol, .build = rank_build,   \
        .lower = separable_lower,                                                                                            \
    }
SEPARABLE(1);
SEPARABLE(2);
