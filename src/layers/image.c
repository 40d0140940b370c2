/* Layers that change images in the same way at inference as in training: Resizing, CenterCrop, AutoContrast. */
#include "layers/image.h"

#include <math.h>

/* ---- resampling as a matrix ----------------------------------------------------------------------------------------------- */

/* Kernels of TensorFlow's ScaleAndTranslate. */
static double lanczos(double x, double radius)
{
    const double pi = 3.14159265358979323846;
    if (x > radius)
        return 0;
    return x <= 1e-3 ? 1 : radius * sin(pi * x) * sin(pi * x / radius) / (pi * pi * x * x);
}

static double keys_cubic(double x)
{
    if (x >= 2)
        return 0;
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : ((1.5 * x - 2.5) * x) * x + 1;
}

typedef struct resampler { const char *name; double radius; } resampler;
static const resampler resamplers[] = {{"bilinear", 1}, {"bicubic", 2}, {"lanczos3", 3}, {"lanczos5", 5}};

static double kernel_at(const resampler *r, double x)
{
    x = fabs(x);
    if (r->radius == 1)
        return x < 1 ? 1 - x : 0;
    return r->radius == 2 ? keys_cubic(x) : lanczos(x, r->radius);
}

/* Row o of the matrix (from, to), stored transposed: what each cell of `from` gives to cell o. */
static void fill_row(const resampler *r, float *values, int64_t from, int64_t to, int64_t o, bool antialias)
{
    double inverse = (double)from / (double)to, scale = antialias && inverse > 1 ? inverse : 1, sum = 0;
    double at = ((double)o + 0.5) * inverse;
    int64_t first = (int64_t)ceil(at - r->radius * scale - 0.5), last = (int64_t)floor(at + r->radius * scale - 0.5);
    first = first < 0 ? 0 : first;
    last = last > from - 1 ? from - 1 : last;
    for (int64_t i = first; i <= last; i++)
        sum += kernel_at(r, ((double)i + 0.5 - at) / scale);
    for (int64_t i = first; i <= last && sum != 0; i++)
        values[i * to + o] = (float)(kernel_at(r, ((double)i + 0.5 - at) / scale) / sum);
}

/* x (.., from) -> (.., to). */
static cuv_status resample_last(cuv_call *call, const resampler *r, bool antialias, int64_t to, cuv_ref *x)
{
    const cuv_var *v = cuv_var_of(call, *x);
    int64_t from = v->shape[v->rank - 1];
    cuv_tensor *t;
    void *values;
    CUV_TRY(cuv_tensor_new(call->arena, CUV_F32, (int64_t[]){from, to}, 2, &t, &values));
    for (int64_t o = 0; o < to; o++)
        fill_row(r, values, from, to, o, antialias);
    cuv_ref matrix = cuv_emit_cast(call->program, cuv_program_constant(call->program, t), v->dtype);
    *x = cuv_emit2(call->program, CUV_OP_MATMUL, *x, matrix);
    return call->program->status;
}

static cuv_status resample(cuv_call *call, const resampler *r, bool antialias, int64_t height, int64_t width, cuv_ref *x)
{
    const cuv_var *v = cuv_var_of(call, *x);
    if (v->rank == 4 && (v->shape[1] < 1 || v->shape[2] < 1))
        return cuv_call_unsupported(call, "interpolation", "the sizes of the image must be known for it");
    cuv_ref y = cuv_emit_transpose(call->program, *x, (const int[]){0, 3, 1, 2});
    CUV_TRY(resample_last(call, r, antialias, width, &y));
    y = cuv_emit_transpose(call->program, y, (const int[]){0, 1, 3, 2});
    CUV_TRY(resample_last(call, r, antialias, height, &y));
    *x = cuv_emit_transpose(call->program, y, (const int[]){0, 3, 2, 1});
    return call->program->status;
}

cuv_status cuv_resize_image(cuv_call *call, const char *name, bool antialias, int64_t height, int64_t width, cuv_ref *x)
{
    cuv_attrs attrs = {.align = CUV_HALF_PIXEL, .size = {height, width}, .mode = CUV_MODE_NEAREST};
    CUV_TRY(call->program->status);
    for (size_t i = 0; i < sizeof resamplers / sizeof *resamplers; i++)
        if (cuv_streq(name, resamplers[i].name)) {
            if (antialias || i > 1)
                return resample(call, &resamplers[i], antialias, height, width, x);
            attrs.mode = i ? CUV_MODE_BICUBIC : CUV_MODE_BILINEAR;
        }
    if (attrs.mode == CUV_MODE_NEAREST && !cuv_streq(name, "nearest"))
        return cuv_call_unsupported(call, "interpolation", "only nearest, bilinear, bicubic, lanczos3 and lanczos5 are");
    *x = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(*x), &attrs);
    return call->program->status;
}

/* ---- Resizing --------------------------------------------------------------------------------------------------------------- */

/* What Keras computes in float32 and truncates: the size of one side that keeps the other's ratio. */
static int64_t matching(int64_t side, int64_t wanted, int64_t other)
{
    return (int64_t)((float)(side * wanted) / (float)other);
}

static cuv_ref middle(cuv_call *call, cuv_ref x, int axis, int64_t size)
{
    int64_t start = (cuv_var_of(call, x)->shape[axis] - size) / 2;
    return cuv_slice_axis(call, x, axis, start, start + size);
}

static int64_t clamp(int64_t n, int64_t most)
{
    return n < 1 ? 1 : n > most ? most : n;
}

/* Both ends get half of what is missing, rounded down (so an odd side stays one short, as in Keras). */
static cuv_ref padded(cuv_call *call, cuv_ref x, int axis, int64_t size)
{
    int64_t each = (size - cuv_var_of(call, x)->shape[axis]) / 2;
    cuv_attrs attrs = {.mode = CUV_MODE_CONSTANT, .value = cuv_arg_real(call->layer, "fill_value")};
    attrs.pad_lo[axis] = attrs.pad_hi[axis] = each;
    return each > 0 ? cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &attrs) : x;
}

static cuv_status keep_ratio(cuv_call *call, int64_t height, int64_t width, cuv_ref *x)
{
    bool crop = cuv_arg_bool(call->layer, "crop_to_aspect_ratio"), pad = cuv_arg_bool(call->layer, "pad_to_aspect_ratio");
    int64_t h = cuv_var_of(call, *x)->shape[1], w = cuv_var_of(call, *x)->shape[2];
    if (!crop && !pad)
        return CUV_OK;
    if (h < 1 || w < 1)
        return cuv_call_unsupported(call, crop ? "crop_to_aspect_ratio" : "pad_to_aspect_ratio", "the sizes of the image must be known");
    int64_t tall = matching(w, height, width), wide = matching(h, width, height);
    if (crop) {
        *x = middle(call, *x, 1, clamp(tall, h));
        *x = middle(call, *x, 2, clamp(wide, w));
    } else {
        *x = padded(call, *x, 1, tall > h ? tall : h);
        *x = padded(call, *x, 2, wide > w ? wide : w);
    }
    return call->program->status;
}

/* Keras 3 gives images of integers back as integers, rounded; Keras 2 makes floats of them. */
cuv_status cuv_resize_by(cuv_call *call, const char *interpolation)
{
    const cuv_layer *layer = call->layer;
    int64_t height = cuv_arg_int(layer, "height"), width = cuv_arg_int(layer, "width");
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    cuv_dtype given = cuv_call_in(call, 0)->dtype;
    bool whole = !cuv_dtype_is_float(given) && layer->keras > 2;
    if (whole && !cuv_streq(interpolation, "nearest") && !cuv_streq(interpolation, "bilinear"))
        return cuv_call_unsupported(call, "interpolation", "an image of integers may leave their range");
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    CUV_TRY(call->program->status);
    CUV_TRY(keep_ratio(call, height, width, &x));
    CUV_TRY(cuv_resize_image(call, interpolation, cuv_arg_bool(layer, "antialias"), height, width, &x));
    x = cuv_from_last(call, x);
    if (whole)
        x = cuv_emit_cast(call->program, cuv_emit1(call->program, CUV_OP_ROUND, x), given);
    return cuv_call_return(call, x);
}

static cuv_status resizing_lower(cuv_call *call)
{
    return cuv_resize_by(call, cuv_arg_text(call->layer, "interpolation"));
}

static const cuv_param resizing_params[] = {
    P("height", INT, NULL, .allowed = ">=1"), P("width", INT, NULL, .allowed = ">=1"), P("interpolation", STRING, "'bilinear'"),
    P("crop_to_aspect_ratio", BOOL, "False"), P("pad_to_aspect_ratio", BOOL, "False"),
    P("fill_mode", STRING, "'constant'", .allowed = "constant"), P("fill_value", FLOAT, "0.0"), P("antialias", BOOL, "False"),
    DATA_FORMAT, BOXES, CUV_PARAM_END};
const cuv_layer_def cuv_layer_resizing = {
    .name = "Resizing", .doc = "images at another size", .params = resizing_params, .spatial = 2, .flags = CUV_LF_DICT,
    .lower = resizing_lower,
};

/* ---- CenterCrop ----------------------------------------------------------------------------------------------------------------- */

/* An image that is too small is cut to the wanted ratio and enlarged (quirks 11). */
cuv_status cuv_crop_middle(cuv_call *call, bool always)
{
    int64_t height = cuv_arg_int(call->layer, "height"), width = cuv_arg_int(call->layer, "width");
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    CUV_TRY(call->program->status);
    int64_t h = cuv_var_of(call, x)->shape[1], w = cuv_var_of(call, x)->shape[2];
    if (h < 1 || w < 1)
        return cuv_call_unsupported(call, "height", "the sizes of the image must be known");
    bool fits = !always && h >= height && w >= width;
    x = middle(call, x, 1, fits ? height : clamp(matching(w, height, width), h));
    x = middle(call, x, 2, fits ? width : clamp(matching(h, width, height), w));
    if (!fits)
        x = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x), CUV_AT(.size = {height, width}, .mode = CUV_MODE_BILINEAR));
    return cuv_call_return(call, cuv_from_last(call, x));
}

static cuv_ref cut_from(cuv_call *call, cuv_ref x, int axis, int64_t ratio, int64_t wanted)
{
    const int64_t size = cuv_var_of(call, x)->shape[axis], start = (size - clamp(ratio, size)) / 2;
    return cuv_slice_axis(call, x, axis, start, start + wanted < size ? start + wanted : size);
}

cuv_status cuv_crop_from_middle(cuv_call *call)
{
    const int64_t height = cuv_arg_int(call->layer, "height"), width = cuv_arg_int(call->layer, "width");
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    cuv_ref x = cuv_to_last(call, cuv_float_in(call, 0));
    CUV_TRY(call->program->status);
    const int64_t h = cuv_var_of(call, x)->shape[1], w = cuv_var_of(call, x)->shape[2];
    if (h < 1 || w < 1)
        return cuv_call_unsupported(call, "height", "the sizes of the image must be known");
    x = cut_from(call, x, 1, matching(w, height, width), height);
    x = cut_from(call, x, 2, matching(h, width, height), width);
    CUV_TRY(call->program->status);
    if (cuv_var_of(call, x)->shape[1] != height || cuv_var_of(call, x)->shape[2] != width)
        x = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x), CUV_AT(.size = {height, width}, .mode = CUV_MODE_BILINEAR));
    return cuv_call_return(call, cuv_from_last(call, x));
}

static cuv_status center_crop_lower(cuv_call *call)
{
    return cuv_crop_middle(call, false);
}

static const cuv_param center_crop_params[] = {P("height", INT, NULL, .allowed = ">=1"), P("width", INT, NULL, .allowed = ">=1"),
                                               DATA_FORMAT, BOXES, CUV_PARAM_END};
const cuv_layer_def cuv_layer_center_crop = {
    .name = "CenterCrop", .doc = "the middle of images", .params = center_crop_params, .spatial = 2, .flags = CUV_LF_DICT,
    .lower = center_crop_lower,
};

/* ---- AutoContrast ------------------------------------------------------------------------------------------------------------------ */

static cuv_ref affine(cuv_call *call, cuv_ref x, double scale, double offset)
{
    x = cuv_emit2(call->program, CUV_OP_MUL, x, cuv_scalar_like(call, x, scale));
    return cuv_emit2(call->program, CUV_OP_ADD, x, cuv_scalar_like(call, x, offset));
}

/* Each channel stretched over 0 to 255; one without contrast stays as it is. */
static cuv_status auto_contrast_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    const cuv_value *range = cuv_arg(call->layer, "value_range");
    double from = 0, to = 0;
    CUV_TRY(cuv_call_expect_rank(call, 0, 4));
    if (cuv_len(range) != 2 || !cuv_as_real(cuv_item(range, 0), &from) || !cuv_as_real(cuv_item(range, 1), &to) || from >= to)
        return cuv_bad_arg(call->layer, "value_range", "two numbers, the smaller first");
    bool plain = from == 0 && to == 255;
    cuv_ref given = cuv_float_in(call, 0), x = plain ? given : affine(call, given, 255 / (to - from), -from * 255 / (to - from));
    cuv_ref low = cuv_reduce(call, CUV_OP_MIN, x, (const int[]){1, 2}, 2, true);
    cuv_ref high = cuv_reduce(call, CUV_OP_MAX, x, (const int[]){1, 2}, 2, true);
    cuv_ref scale = cuv_emit2(p, CUV_OP_DIV, cuv_scalar_like(call, x, 255), cuv_emit2(p, CUV_OP_SUB, high, low));
    cuv_ref offset = cuv_emit2(p, CUV_OP_MUL, cuv_emit1(p, CUV_OP_NEG, low), scale);
    cuv_ref y = cuv_emit2(p, CUV_OP_ADD, cuv_emit2(p, CUV_OP_MUL, x, scale), offset);
    y = cuv_emit(p, CUV_OP_CLIP, CUV_IN(y), CUV_AT(.alpha = 0, .beta = 255));
    if (!plain)
        y = affine(call, y, (to - from) / 255, from);
    return cuv_call_return(call, cuv_emit(p, CUV_OP_WHERE, CUV_IN(cuv_emit1(p, CUV_OP_IS_NAN, y), given, y), NULL));
}

static const cuv_param auto_contrast_params[] = {P("value_range", ANY, "(0, 255)"), INERT("data_format", "None"), BOXES, CUV_PARAM_END};
const cuv_layer_def cuv_layer_auto_contrast = {
    .name = "AutoContrast", .doc = "each channel stretched over the whole range", .params = auto_contrast_params,
    .flags = CUV_LF_DICT, .lower = auto_contrast_lower,
};
