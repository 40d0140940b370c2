/* keras.ops.image: sizes, colours and patches of images; (h, w, c) or a batch of them. */
#include "layers/image.h"
#include "layers/operation_emit.h"

#include <math.h>

typedef struct image { cuv_ref x; bool single, first; } image;

/* As a batch with channels last. */
static cuv_status open_image(cuv_call *call, bool floats, image *out)
{
    *out = (image){.first = cuv_streq(cuv_option_text(call, "data_format", ""), "channels_first")};
    CUV_TRY(cuv_operand_x(call, &out->x));
    int rank = cuv_var_of(call, out->x)->rank;
    if (rank != 3 && rank != 4)
        return cuv_bad_option(call, cuv_operand_name(call, 0), "an image (three axes) or a batch of them (four)");
    out->single = rank == 3;
    if (out->single)
        out->x = cuv_expand_dims(call, out->x, 0);
    if (out->first)
        out->x = cuv_move_axis(call, out->x, 1, 3);
    if (floats)
        out->x = cuv_as_float(call, out->x);
    return call->program->status;
}

static cuv_status give_image(cuv_call *call, const image *in, cuv_ref y)
{
    if (in->first)
        y = cuv_move_axis(call, y, 3, 1);
    return cuv_give(call, in->single ? cuv_squeeze(call, y, 0) : y);
}

/* ---- sizes ---- */

cuv_status cuv_op_resize(cuv_call *call)
{
    static const char *const off[] = {"crop_to_aspect_ratio", "pad_to_aspect_ratio", "preserve_aspect_ratio"};
    const char *mode = cuv_option_text(call, "interpolation", "bilinear");
    const bool nearest = strcmp(mode, "nearest") == 0, smooth = cuv_option_bool(call, "antialias", false);
    image in;
    int64_t size[CUV_MAX_RANK];
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if (cuv_option_bool(call, off[i], false))
            return cuv_bad_option(call, off[i], "False");
    if (!cuv_has_word("nearest bilinear bicubic lanczos3 lanczos5", mode))
        return cuv_bad_option(call, "interpolation", "'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5'");
    if (cuv_option_ints(call, "size", size) != 2 || size[0] < 1 || size[1] < 1)
        return cuv_bad_option(call, "size", "a height and a width");
    CUV_TRY(open_image(call, !nearest && call->layer->keras < 3, &in));
    cuv_dtype dtype = cuv_var_of(call, in.x)->dtype;
    if (nearest && cuv_dtype_is_integer(dtype) && cuv_dtype_size(dtype) > 2) {
        cuv_ref half[2];
        cuv_halves(call, in.x, half);
        for (int i = 0; i < 2; i++)
            CUV_TRY(cuv_resize_image(call, mode, false, size[0], size[1], &half[i]));
        return give_image(call, &in, cuv_from_halves(call, half, dtype));
    }
    cuv_ref y = cuv_as_float(call, in.x);
    cuv_say_rounded(call, dtype);
    CUV_TRY(cuv_resize_image(call, mode, smooth && !nearest, size[0], size[1], &y));
    if (cuv_dtype_is_integer(dtype) && call->layer->keras >= 3)
        return give_image(call, &in, cuv_saturated(call, E1(ROUND, y), dtype));
    return give_image(call, &in, TO(y, dtype));
}

/* The two amounts at the ends of an axis; the missing one from the size that is wanted. */
static bool ends(const cuv_call *call, const char *lo_name, const char *hi_name, const char *size_name, int64_t size, int sign,
                 int64_t *lo, int64_t *hi)
{
    int64_t none = INT64_MIN, want = cuv_option_int(call, size_name, none);
    *lo = cuv_option_int(call, lo_name, none);
    *hi = cuv_option_int(call, hi_name, none);
    int64_t both = want == none || size < 0 ? none : sign * (want - size);
    if (*lo == none && *hi != none && both != none)
        *lo = both - *hi;
    if (*hi == none && *lo != none && both != none)
        *hi = both - *lo;
    return *lo >= 0 && *hi >= 0;
}

cuv_status cuv_op_pad_images(cuv_call *call)
{
    cuv_attrs attrs = {.mode = CUV_MODE_CONSTANT};
    image in;
    CUV_TRY(open_image(call, false, &in));
    const int64_t *shape = cuv_var_of(call, in.x)->shape;
    if (!ends(call, "top_padding", "bottom_padding", "target_height", shape[1], 1, &attrs.pad_lo[1], &attrs.pad_hi[1]) ||
        !ends(call, "left_padding", "right_padding", "target_width", shape[2], 1, &attrs.pad_lo[2], &attrs.pad_hi[2]))
        return cuv_bad_option(call, "top_padding", "with the others two amounts for each axis");
    return give_image(call, &in, cuv_emit(call->program, CUV_OP_PAD, CUV_IN(in.x), &attrs));
}

cuv_status cuv_op_crop_images(cuv_call *call)
{
    int64_t lo[2], hi[2];
    image in;
    CUV_TRY(open_image(call, false, &in));
    const int64_t *shape = cuv_var_of(call, in.x)->shape;
    if (!ends(call, "top_cropping", "bottom_cropping", "target_height", shape[1], -1, &lo[0], &hi[0]) ||
        !ends(call, "left_cropping", "right_cropping", "target_width", shape[2], -1, &lo[1], &hi[1]))
        return cuv_bad_option(call, "top_cropping", "with the others two amounts for each axis");
    cuv_ref y = in.x;
    for (int i = 0; i < 2; i++)
        y = cuv_slice_axis(call, y, i + 1, lo[i], hi[i] ? -hi[i] : INT64_MAX);
    return give_image(call, &in, y);
}

/* ---- colours ---- */

static cuv_ref channel(cuv_call *call, cuv_ref x, int64_t i)
{
    return cuv_slice_axis(call, x, 3, i, i + 1);
}

static cuv_status three_channels(cuv_call *call, cuv_ref x)
{
    return cuv_var_of(call, x)->shape[3] == 3 ? CUV_OK : cuv_bad_option(call, "images", "of three channels");
}

cuv_status cuv_op_rgb_to_grayscale(cuv_call *call)
{
    image in;
    CUV_TRY(open_image(call, false, &in));
    if (cuv_var_of(call, in.x)->shape[3] == 1)
        return give_image(call, &in, in.x);
    CUV_TRY(three_channels(call, in.x));
    cuv_dtype dtype = cuv_var_of(call, in.x)->dtype;
    cuv_ref x = cuv_as_float(call, in.x);
    cuv_say_rounded(call, dtype);
    cuv_ref y = E2(MUL, channel(call, x, 0), LIKE(x, 0.2989));
    y = E2(ADD, y, E2(MUL, channel(call, x, 1), LIKE(x, 0.5870)));
    y = E2(ADD, y, E2(MUL, channel(call, x, 2), LIKE(x, 0.1140)));
    return give_image(call, &in, TO(y, dtype));
}

/* Hue in sixths of the circle from the colour that is largest, saturation range / value, value the largest. */
cuv_status cuv_op_rgb_to_hsv(cuv_call *call)
{
    image in;
    CUV_TRY(open_image(call, true, &in));
    CUV_TRY(three_channels(call, in.x));
    cuv_ref x = in.x, zero = LIKE(x, 0), one = LIKE(x, 1);
    cuv_ref r = channel(call, x, 0), g = channel(call, x, 1), b = channel(call, x, 2);
    cuv_ref top = cuv_reduce(call, CUV_OP_MAX, x, (int[]){3}, 1, true);
    cuv_ref range = E2(SUB, top, cuv_reduce(call, CUV_OP_MIN, x, (int[]){3}, 1, true));
    cuv_ref saturation = E2(DIV_NO_NAN, range, top), norm = E2(DIV_NO_NAN, LIKE(x, 1.0 / 6), range);
    cuv_ref blue = E2(ADD, E2(MUL, norm, E2(SUB, r, g)), LIKE(x, 4.0 / 6));
    cuv_ref green = E2(ADD, E2(MUL, norm, E2(SUB, b, r)), LIKE(x, 2.0 / 6));
    cuv_ref hue = WHERE(E2(EQUAL, g, top), green, blue);
    hue = WHERE(E2(EQUAL, r, top), E2(MUL, norm, E2(SUB, g, b)), hue);
    hue = WHERE(E2(GREATER, range, zero), hue, zero);
    hue = E2(ADD, hue, WHERE(E2(LESS, hue, zero), one, zero));
    cuv_ref all[] = {hue, saturation, top};
    return give_image(call, &in, cuv_emit(call->program, CUV_OP_CONCAT, all, 3, CUV_AT(.axis = 3)));
}

/* value (1 - saturation + saturation clip(|6 hue - a| b + c, 0, 1)) for each colour. */
cuv_status cuv_op_hsv_to_rgb(cuv_call *call)
{
    image in;
    CUV_TRY(open_image(call, true, &in));
    CUV_TRY(three_channels(call, in.x));
    static const double at[3] = {3, 2, 4}, sign[3] = {1, -1, -1}, add[3] = {-1, 2, 2};
    cuv_ref x = in.x, six = E2(MUL, channel(call, x, 0), LIKE(x, 6)), s = channel(call, x, 1), v = channel(call, x, 2), all[3];
    for (int i = 0; i < 3; i++) {
        cuv_ref d = E1(ABS, E2(SUB, six, LIKE(x, at[i])));
        d = E2(ADD, E2(MUL, d, LIKE(x, sign[i])), LIKE(x, add[i]));
        d = cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(d), CUV_AT(.alpha = 0, .beta = 1));
        all[i] = E2(MUL, v, E2(ADD, E2(SUB, LIKE(x, 1), s), E2(MUL, s, d)));
    }
    return give_image(call, &in, cuv_emit(call->program, CUV_OP_CONCAT, all, 3, CUV_AT(.axis = 3)));
}

/* ---- patches and filters ---- */

/* TensorFlow's four sizes without those of the batch and the channels. */
static int without_outer(const cuv_call *call, int64_t *sizes, int n)
{
    if (n != 4 || !call->layer->state || sizes[0] != 1 || sizes[3] != 1)
        return n;
    sizes[0] = sizes[1];
    sizes[1] = sizes[2];
    return 2;
}

/* Patches as a convolution with ones: channel (i, j, c) of the result is the cell (i, j), channel c of the window. */
cuv_status cuv_op_extract_patches(cuv_call *call)
{
    image in;
    int64_t size[CUV_MAX_RANK], strides[CUV_MAX_RANK], dilation[CUV_MAX_RANK];
    cuv_attrs attrs = {.groups = 1};
    cuv_ref kernel;
    const char *padding = cuv_option_text(call, "padding", "valid");
    bool same = strcmp(padding, "same") == 0 || strcmp(padding, "SAME") == 0;
    CUV_TRY(open_image(call, false, &in));
    const cuv_dtype given = cuv_var_of(call, in.x)->dtype;
    in.x = cuv_dtype_is_integer(given) && cuv_dtype_size(given) > 2 ? TO(in.x, CUV_F64) : cuv_as_float(call, in.x);
    int n = cuv_option_ints(call, "size", size), s = cuv_option_ints(call, "strides", strides);
    int d = cuv_option_ints(call, "dilation_rate", dilation);
    n = without_outer(call, size, n);
    s = without_outer(call, strides, s);
    d = without_outer(call, dilation, d);
    if (n < 1 || n > 2 || (s != 1 && s != 2 && !cuv_is_null(cuv_option(call, "strides"))) || d > 2)
        return cuv_bad_option(call, "size", "with strides and dilation_rate a number or two");
    attrs.same = same;
    int64_t h = size[0], w = size[n - 1], c = cuv_var_of(call, in.x)->shape[3], cells = h * w * c;
    if (h < 1 || w < 1 || c < 1 || h > 256 || w > 256 || cells > 2048 || (!same && strcmp(padding, "valid") != 0 && strcmp(padding, "VALID") != 0))
        return cuv_bad_option(call, "size", "small, for images of known channels");
    attrs.stride[0] = s < 1 ? h : strides[0];
    attrs.stride[1] = s < 1 ? w : strides[s - 1];
    attrs.dilation[0] = d < 1 ? 1 : dilation[0];
    attrs.dilation[1] = d < 1 ? 1 : dilation[d - 1];
    double *one = cuv_arena_calloc(call->arena, (size_t)(cells * cells), sizeof *one);
    if (!one)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < cells; i++)
        one[i * cells + i] = 1;
    CUV_TRY(cuv_constant(call, cuv_var_of(call, in.x)->dtype, one, (int64_t[]){h, w, c, cells}, 4, &kernel));
    return give_image(call, &in, TO(cuv_emit(call->program, CUV_OP_CONV, CUV_IN(in.x, kernel), &attrs), given));
}

/* e^(-x^2 / 2 sigma^2), summing to 1, along each axis. */
static void bell(int64_t size, double sigma, double *out)
{
    double sum = 0;
    for (int64_t i = 0; i < size; i++) {
        double x = ((double)i - (double)(size - 1) / 2) / sigma;
        sum += out[i] = exp(-0.5 * x * x);
    }
    for (int64_t i = 0; i < size; i++)
        out[i] /= sum;
}

cuv_status cuv_op_gaussian_blur(cuv_call *call)
{
    enum { MOST = 64 };
    image in;
    int64_t size[CUV_MAX_RANK] = {3, 3};
    double sigma[2] = {1, 1}, rows[MOST], columns[MOST];
    const cuv_value *given = cuv_option(call, "sigma");
    cuv_ref kernel;
    CUV_TRY(open_image(call, true, &in));
    int n = cuv_option_ints(call, "kernel_size", size);
    for (int i = 0; i < 2; i++)
        if (given && !cuv_as_real(cuv_is_seq(given) ? cuv_item(given, (size_t)i) : given, &sigma[i]))
            return cuv_bad_option(call, "sigma", "two numbers");
    if (n == 1)
        size[1] = size[0];
    int64_t c = cuv_var_of(call, in.x)->shape[3];
    if (size[0] < 1 || size[1] < 1 || size[0] > MOST || size[1] > MOST || c < 1 || c > 4096)
        return cuv_bad_option(call, "kernel_size", "two sizes up to 64");
    bell(size[0], sigma[0], columns);
    bell(size[1], sigma[1], rows);
    double *k = cuv_arena_calloc(call->arena, (size_t)(size[0] * size[1] * c), sizeof *k);
    if (!k)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < size[0] * size[1]; i++)      /* Keras lays rows of the second size over the first */
        for (int64_t j = 0; j < c; j++)
            k[i * c + j] = rows[i / size[0]] * columns[i % size[0]];
    CUV_TRY(cuv_constant(call, cuv_var_of(call, in.x)->dtype, k, (int64_t[]){size[0], size[1], c, 1}, 4, &kernel));
    return give_image(call, &in, cuv_emit(call->program, CUV_OP_DEPTHWISE, CUV_IN(in.x, kernel), CUV_AT(.same = true)));
}
