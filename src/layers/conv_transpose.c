/* Transposed convolutions in 1 to 3 dimensions. Kernels are (sizes..., out, in). */
#include "layers/conv.h"

/* What lies before and after the wanted output in the full one, of length (n-1) stride + reach (quirks 3). All of it is free
 * of n. */
static void transpose_padding(const cuv_layer *layer, cuv_attrs *attrs)
{
    int64_t kernel[3], extra[3] = {0};
    bool same = cuv_arg_is(layer, "padding", "same"), given = !cuv_arg_none(layer, "output_padding");
    cuv_arg_sizes(layer, "kernel_size", kernel);
    if (given)
        cuv_arg_sizes(layer, "output_padding", extra);
    for (int i = 0; i < layer->def->spatial; i++) {
        int64_t reach = (kernel[i] - 1) * attrs->dilation[i] + 1, stride = attrs->stride[i];
        int64_t cut = given ? (same ? reach / 2 * 2 : 0) - extra[i] : same ? reach - stride : reach < stride ? reach - stride : 0;
        int64_t before = same && cut > 0 ? cut / 2 : 0;
        if (same && layer->theano)
            before = reach / 2;
        attrs->pad_lo[i] = before;
        attrs->pad_hi[i] = cut - before;
        attrs->size[i] = -1;
    }
}

static cuv_status transpose_check(cuv_context *cx, cuv_layer *layer)
{
    cuv_act act;
    bool single;
    int64_t strides[3], extra[3];
    cuv_arg_sizes(layer, "strides", strides);
    cuv_arg_sizes(layer, "output_padding", extra);
    for (int i = 0; i < layer->def->spatial; i++)
        if (!cuv_arg_none(layer, "output_padding") && extra[i] >= strides[i])
            return cuv_bad_arg(layer, "output_padding", "smaller than strides");
    return cuv_arg_activation(cx, layer, "activation", &act, &single);
}

static cuv_status transpose_build(cuv_call *call)
{
    return cuv_call_expect_rank(call, 0, call->layer->def->spatial + 2);
}

static cuv_status transpose_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_attrs attrs = {.groups = 1};
    bool after;
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 2));
    cuv_arg_sizes(layer, "strides", attrs.stride);
    cuv_arg_sizes(layer, "dilation_rate", attrs.dilation);
    transpose_padding(layer, &attrs);
    CUV_TRY(cuv_conv_act(call, &attrs, &after));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    x = cuv_with_bias(call, CUV_OP_CONV_TRANSPOSE, x, cuv_conv_kernel(call, "kernel"), &attrs, &after);
    return cuv_conv_return(call, x, after);
}

#define HEAD(one)                                                                                                            \
    P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),                             \
        P("strides", SIZES, one, .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = "valid same")
#define TAIL(one)                                                                                                            \
    P("dilation_rate", SIZES, one, .allowed = ">=1"), ACTIVATION("None"), USE_BIAS, KERNEL_AND_BIAS_INIT,                   \
        KERNEL_AND_BIAS_RULES, INERT("output_shape", "None"), CUV_PARAM_END
#define OUTPUT_PADDING P("output_padding", SIZES, "None", .allowed = ">=0")

static const cuv_param transpose1_params[] = {HEAD("1"), OUTPUT_PADDING, DATA_FORMAT, TAIL("1")};
static const cuv_param transpose2_params[] = {HEAD("(1, 1)"), OUTPUT_PADDING, DATA_FORMAT, TAIL("(1, 1)")};
static const cuv_param transpose3_params[] = {HEAD("(1, 1, 1)"), DATA_FORMAT, OUTPUT_PADDING, TAIL("(1, 1, 1)")};
static const cuv_slot transpose_slots[] = {S("kernel", "kernel_size filters in", .old = "W"),
                                           S("bias", "filters", .condition = "use_bias", .old = "b"), CUV_SLOT_END};

#define TRANSPOSE(n, old)                                                                                                    \
    const cuv_layer_def cuv_layer_conv##n##_transpose = {                                                                    \
        .name = "Conv" #n "DTranspose", .old_names = old, .doc = "the gradient of a convolution with respect to its input", \
        .params = transpose##n##_params, .slots = transpose_slots, .spatial = n, .check = transpose_check,                  \
        .build = transpose_build, .lower = transpose_lower,                                                                  \
    }
TRANSPOSE(1, "Convolution1DTranspose");
TRANSPOSE(2, "Convolution2DTranspose Deconvolution2D Deconv2D");
TRANSPOSE(3, "Convolution3DTranspose Deconvolution3D Deconv3D");
