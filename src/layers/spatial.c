/* Layers that pad, crop or enlarge spatial axes: ZeroPadding, Cropping, UpSampling in 1 to 3 dimensions. */
#include "layers/image.h"

/* An argument such as padding=((1, 1), (2, 2)), (1, 2), or 1 as amounts before and after each axis. In one dimension a pair is
 * (before, after); Keras 1 wrote dicts with words. */
static bool read_pairs(const cuv_layer *layer, const char *name, int64_t *lo, int64_t *hi)
{
    const cuv_value *v = cuv_arg(layer, name);
    int n = layer->def->spatial;
    int64_t all;
    if (cuv_as_int(v, &all)) {
        for (int i = 0; i < n; i++)
            lo[i] = hi[i] = all;
        return all >= 0;
    }
    if (n == 1 && cuv_len(v) == 2 && !cuv_is_seq(cuv_item(v, 0)))
        return cuv_as_int(cuv_item(v, 0), lo) && cuv_as_int(cuv_item(v, 1), hi) && lo[0] >= 0 && hi[0] >= 0;
    if (!cuv_is_seq(v))
        return false;
    if (n == 2 && cuv_len(v) == 4)      /* Keras 1: (top, bottom, left, right) */
        return cuv_as_int(cuv_item(v, 0), &lo[0]) && cuv_as_int(cuv_item(v, 1), &hi[0]) && cuv_as_int(cuv_item(v, 2), &lo[1]) &&
               cuv_as_int(cuv_item(v, 3), &hi[1]);
    if (cuv_len(v) != (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        const cuv_value *pair = cuv_item(v, (size_t)i);
        bool two = cuv_len(pair) == 2;
        if (!cuv_as_int(two ? cuv_item(pair, 0) : pair, &lo[i]) || !cuv_as_int(two ? cuv_item(pair, 1) : pair, &hi[i]) ||
            lo[i] < 0 || hi[i] < 0)
            return false;
    }
    return true;
}

static bool is_bounded(const cuv_layer *layer, const int64_t *lo, const int64_t *hi)
{
    for (int i = 0; i < layer->def->spatial; i++)
        if (lo[i] > INT32_MAX || hi[i] > INT32_MAX)
            return false;
    return true;
}

static cuv_status check_pairs(cuv_context *cx, cuv_layer *layer, const char *name)
{
    int64_t lo[3], hi[3];
    if (read_pairs(layer, name, lo, hi) && is_bounded(layer, lo, hi))
        return CUV_OK;
    int n = layer->def->spatial;
    return cuv_bad_arg(layer, name, n == 1 ? "an integer or a pair of integers"
                                           : cuv_format(cx, "an integer, %d integers, or %d pairs of integers", n, n));
}

static cuv_status padding_check(cuv_context *cx, cuv_layer *layer)
{
    return check_pairs(cx, layer, "padding");
}

static cuv_status cropping_check(cuv_context *cx, cuv_layer *layer)
{
    return check_pairs(cx, layer, "cropping");
}

/* Pads on spatial axes; negative amounts crop. */
static cuv_status lower_pairs(cuv_call *call, const char *name, int64_t sign)
{
    cuv_attrs attrs = {.mode = CUV_MODE_CONSTANT};
    int64_t lo[3] = {0}, hi[3] = {0};
    int n = call->layer->def->spatial, first = call->layer->channels_first ? 2 : 1;
    CUV_TRY(cuv_call_expect_rank(call, 0, n + 2));
    read_pairs(call->layer, name, lo, hi);
    for (int i = 0; i < n; i++) {
        int64_t size = cuv_call_in(call, 0)->shape[first + i];
        if (sign < 0 && size >= 0 && lo[i] + hi[i] >= size)
            return cuv_bad_input(call, 0, cuv_format(call->cx, "axis %d to be larger than the cropping of %lld", first + i,
                                                     (long long)(lo[i] + hi[i])));
        attrs.pad_lo[first + i] = sign * lo[i];
        attrs.pad_hi[first + i] = sign * hi[i];
    }
    return cuv_call_return(call, cuv_emit(call->program, CUV_OP_PAD, CUV_IN(call->in[0].value), &attrs));
}

static cuv_status padding_lower(cuv_call *call)
{
    return lower_pairs(call, "padding", 1);
}

static cuv_status cropping_lower(cuv_call *call)
{
    return lower_pairs(call, "cropping", -1);
}

static const cuv_param padding1_params[] = {P("padding", ANY, "1"), DATA_FORMAT, CUV_PARAM_END};
static const cuv_param padding2_params[] = {P("padding", ANY, "(1, 1)"), DATA_FORMAT, CUV_PARAM_END};
static const cuv_param padding3_params[] = {P("padding", ANY, "((1, 1), (1, 1), (1, 1))"), DATA_FORMAT, CUV_PARAM_END};
static const cuv_param cropping1_params[] = {P("cropping", ANY, "(1, 1)"), CUV_PARAM_END};
static const cuv_param cropping2_params[] = {P("cropping", ANY, "((0, 0), (0, 0))"), DATA_FORMAT, CUV_PARAM_END};
static const cuv_param cropping3_params[] = {P("cropping", ANY, "((1, 1), (1, 1), (1, 1))"), DATA_FORMAT, CUV_PARAM_END};

#define PADDING(n)                                                                                                           \
    const cuv_layer_def cuv_layer_zero_padding##n = {                                                                        \
        .name = "ZeroPadding" #n "D", .doc = "zeros before and after each spatial axis", .params = padding##n##_params,     \
        .spatial = n, .check = padding_check, .lower = padding_lower,                                                        \
    };                                                                                                                       \
    const cuv_layer_def cuv_layer_cropping##n = {                                                                            \
        .name = "Cropping" #n "D", .doc = "takes away from both ends of each spatial axis", .params = cropping##n##_params, \
        .spatial = n, .check = cropping_check, .lower = cropping_lower,                                                      \
    }
PADDING(1);
PADDING(2);
PADDING(3);

/* ---- UpSampling --------------------------------------------------------------------------------------------------------- */

bool cuv_enlarges_wrong_axes(const cuv_layer *layer)
{
    return cuv_streq(layer->def->name, "UpSampling2D") && layer->keras == 3 && !cuv_layer_since(layer, 2) && layer->channels_first &&
           !cuv_arg_is(layer, "interpolation", "nearest");
}

static cuv_status upsample_other(cuv_call *call, const int64_t *times)
{
    const int first = cuv_enlarges_wrong_axes(call->layer) ? 2 : 1;
    cuv_ref x = cuv_to_last(call, call->in[0].value);
    CUV_TRY(call->program->status);
    const int64_t height = cuv_var_of(call, x)->shape[first], width = cuv_var_of(call, x)->shape[first + 1];
    if (first > 1 && (height < 0 || width < 0))
        return cuv_call_unsupported(call, "interpolation", "the sizes of the image must be known for it");
    CUV_TRY(cuv_resize_image(call, cuv_arg_text(call->layer, "interpolation"), false, height * times[0], width * times[1], &x));
    return cuv_call_return(call, cuv_from_last(call, x));
}

/* Keras on TensorFlow 1 aligned corners asymmetrically (quirks 10). */
static cuv_status upsampling_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_attrs attrs = {.mode = CUV_MODE_NEAREST, .align = CUV_HALF_PIXEL};
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 2));
    cuv_arg_sizes(layer, "size", attrs.window);
    if (cuv_enlarges_wrong_axes(layer))
        return upsample_other(call, attrs.window);
    if (layer->def->spatial == 2) {
        if (cuv_arg_is(layer, "interpolation", "bilinear"))
            attrs.mode = CUV_MODE_BILINEAR;
        else if (cuv_arg_is(layer, "interpolation", "bicubic"))
            attrs.mode = CUV_MODE_BICUBIC;
        else if (!cuv_arg_is(layer, "interpolation", "nearest"))
            return upsample_other(call, attrs.window);
        attrs.align = layer->tf1 && attrs.mode != CUV_MODE_NEAREST ? CUV_ASYMMETRIC : CUV_HALF_PIXEL;
    }
    cuv_ref x = cuv_to_last(call, call->in[0].value);
    x = cuv_emit(call->program, CUV_OP_UPSAMPLE, CUV_IN(x), &attrs);
    return cuv_call_return(call, cuv_from_last(call, x));
}

static const cuv_param upsampling1_params[] = {P("size", SIZES, "2", .allowed = ">=1"), CUV_PARAM_END};
static const cuv_param upsampling2_params[] = {P("size", SIZES, "(2, 2)", .allowed = ">=1"), DATA_FORMAT,
                                               P("interpolation", STRING, "'nearest'"), CUV_PARAM_END};
static const cuv_param upsampling3_params[] = {P("size", SIZES, "(2, 2, 2)", .allowed = ">=1"), DATA_FORMAT, CUV_PARAM_END};

#define UPSAMPLING(n)                                                                                                        \
    const cuv_layer_def cuv_layer_upsampling##n = {                                                                          \
        .name = "UpSampling" #n "D", .doc = "spatial axes times size", .params = upsampling##n##_params, .spatial = n,      \
        .lower = upsampling_lower,                                                                                           \
    }
UPSAMPLING(1);
UPSAMPLING(2);
UPSAMPLING(3);
