/* Functions of TensorFlow on images, and its transposed convolution, that Keras 3 has no operation for. */
#include "layers/operation_emit.h"

#include <math.h>

/* ---- resizing as TensorFlow 1 did it ---- */

typedef enum method { BILINEAR, NEAREST, BICUBIC, AREA, UNKNOWN } method;

/* Of the function's own name, or its argument: a number or a word. */
static method read_method(const cuv_call *call)
{
    static const char *const words[] = {"bilinear", "nearest", "bicubic", "area"};
    const cuv_tf_function *function = call->layer->state;
    const char *text = cuv_option_text(call, "method", "bilinear");
    int64_t n = cuv_option_int(call, "method", UNKNOWN);
    if (strstr(function->name, "earest"))
        return NEAREST;
    if (strstr(function->name, "icubic"))
        return BICUBIC;
    if (n >= 0 && n < UNKNOWN)
        return (method)n;
    for (int i = 0; i < UNKNOWN; i++)
        if (strcmp(words[i], text) == 0)
            return (method)i;
    return UNKNOWN;
}

/* What cell `to` of an axis takes of each of `from` cells where the corners of both images meet. */
static void fill_row(double *row, int64_t from, int64_t to, int64_t step, int64_t o, bool nearest)
{
    const double at = to > 1 ? (double)((float)o * ((float)(from - 1) / (float)(to - 1))) : 0;
    const int64_t low = (int64_t)(nearest ? floor(at + 0.5) : floor(at)), high = low + 1 < from ? low + 1 : from - 1;
    const double part = nearest ? 0 : at - (double)low;
    row[(low < from ? low : from - 1) * step] += 1 - part;
    row[high * step] += part;
}

/* x (.., from) -> (.., to) */
static cuv_status corners_meet(cuv_call *call, cuv_ref *x, int64_t to, bool nearest)
{
    const cuv_var *v = cuv_var_of(call, *x);
    const int64_t from = v->shape[v->rank - 1];
    cuv_ref matrix;
    if (from < 1 || to > 65536 || from > 65536)
        return cuv_bad_option(call, "align_corners", "False for images of unknown size");
    double *values = cuv_arena_calloc(call->arena, (size_t)(from * to), sizeof *values);
    if (!values)
        return cuv_oom(call->cx);
    for (int64_t o = 0; o < to; o++)
        fill_row(values + o, from, to, to, o, nearest);
    CUV_TRY(cuv_constant(call, v->dtype, values, (int64_t[]){from, to}, 2, &matrix));
    *x = E2(MATMUL, *x, matrix);
    return call->program->status;
}

static cuv_status with_corners(cuv_call *call, cuv_ref *x, const int64_t *size, bool nearest)
{
    *x = cuv_transposed(call, *x, (int[]){0, 3, 1, 2});
    CUV_TRY(corners_meet(call, x, size[1], nearest));
    *x = cuv_transposed(call, *x, (int[]){0, 1, 3, 2});
    CUV_TRY(corners_meet(call, x, size[0], nearest));
    *x = cuv_transposed(call, *x, (int[]){0, 3, 2, 1});
    return call->program->status;
}

/* tf.compat.v1.image.resize and what it calls: cells begin where those of the image do, or corners meet corners. */
cuv_status cuv_op_tf_resize(cuv_call *call)
{
    static const cuv_mode modes[] = {CUV_MODE_BILINEAR, CUV_MODE_NEAREST, CUV_MODE_BICUBIC};
    const method how = read_method(call);
    const bool corners = cuv_option_bool(call, "align_corners", false), half = cuv_option_bool(call, "half_pixel_centers", false);
    cuv_ref x;
    int64_t size[CUV_MAX_RANK];
    CUV_TRY(cuv_operand_x(call, &x));
    if (how > BICUBIC || (how == BICUBIC && corners))
        return cuv_bad_option(call, "method", "bilinear, nearest or (without align_corners) bicubic");
    if (cuv_option_bool(call, "preserve_aspect_ratio", false))
        return cuv_bad_option(call, "preserve_aspect_ratio", "False");
    if (cuv_option_ints(call, "size", size) != 2 || size[0] < 1 || size[1] < 1)
        return cuv_bad_option(call, "size", "a height and a width");
    if (cuv_var_of(call, x)->rank != 4)
        return cuv_bad_option(call, cuv_operand_name(call, 0), "a batch of images");
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    x = dtype == CUV_F64 && how == NEAREST ? x : TO(x, CUV_F32);
    if (corners)
        CUV_TRY(with_corners(call, &x, size, how == NEAREST));
    else
        x = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x),
                     CUV_AT(.size = {size[0], size[1]}, .mode = modes[how], .align = half ? CUV_HALF_PIXEL : CUV_ASYMMETRIC));
    return cuv_give(call, how == NEAREST ? TO(x, dtype) : x);
}

/* ---- the dtype of an image: integers are parts of their largest number ---- */

static cuv_ref from_float(cuv_call *call, cuv_ref x, cuv_dtype dtype)
{
    const double most = cuv_integer_end(dtype, false);
    x = E2(MUL, x, LIKE(x, most + 0.5));        /* truncated, so that it rounds */
    return cuv_option_bool(call, "saturate", false) ? cuv_saturated(call, x, dtype) : TO(x, dtype);
}

static cuv_ref between_integers(cuv_call *call, cuv_ref x, cuv_dtype from, cuv_dtype to)
{
    const double old = cuv_integer_end(from, false), now = cuv_integer_end(to, false);
    const double scale = old > now ? floor((old + 1) / (now + 1)) : floor((now + 1) / (old + 1));
    if (old > now) {
        x = E2(FLOOR_DIV, x, LIKE(x, scale));
        return cuv_option_bool(call, "saturate", false) ? cuv_saturated(call, x, to) : TO(x, to);
    }
    x = cuv_option_bool(call, "saturate", false) ? cuv_saturated(call, x, to) : TO(x, to);
    return E2(MUL, x, LIKE(x, scale));
}

cuv_status cuv_op_tf_convert_image(cuv_call *call)
{
    cuv_ref x;
    cuv_dtype to;
    CUV_TRY(cuv_operand_x(call, &x));
    const cuv_dtype from = cuv_var_of(call, x)->dtype;
    CUV_TRY(cuv_option_dtype(call, "dtype", from, &to));
    if (to == CUV_BOOL || from == CUV_BOOL || to == CUV_U64 || from == CUV_U64)
        return cuv_bad_option(call, "dtype", "a float, or an integer other than uint64");
    if (from == to || (cuv_dtype_is_float(from) && cuv_dtype_is_float(to)))
        return cuv_give(call, TO(x, to));
    if (cuv_dtype_is_float(from))
        return cuv_give(call, from_float(call, x, to));
    if (!cuv_dtype_is_float(to))
        return cuv_give(call, between_integers(call, x, from, to));
    x = TO(x, to);
    return cuv_give(call, E2(MUL, x, LIKE(x, 1 / cuv_integer_end(from, false))));
}

/* ---- transposed convolution: the sizes of the result are given ---- */

cuv_status cuv_op_tf_conv_transpose(cuv_call *call)
{
    cuv_attrs sizes = {0}, attrs = {.groups = 1};
    cuv_ref x, kernel, like;
    int64_t stride[CUV_MAX_RANK], dilation[CUV_MAX_RANK];
    const char *format = cuv_option_text(call, "data_format", "NHWC"), *padding = cuv_option_text(call, "padding", "SAME");
    CUV_TRY(cuv_operand_ref(call, "inputs", CUV_F32, &x));
    CUV_TRY(cuv_operand_ref(call, "kernel", CUV_F32, &kernel));
    x = cuv_as_float(call, x);
    kernel = TO(kernel, cuv_var_of(call, x)->dtype);
    const int axes = cuv_var_of(call, x)->rank - 2;
    if (axes < 1 || axes > 3 || cuv_var_of(call, kernel)->rank != axes + 2)
        return cuv_bad_option(call, "inputs", "a tensor of three to five axes, with a kernel of as many");
    if (!cuv_has_word("NHWC NWC NDHWC", format))
        return cuv_bad_option(call, "data_format", "None or 'NHWC'");
    if (!cuv_has_word("SAME VALID", padding))
        return cuv_bad_option(call, "padding", "'SAME' or 'VALID'");
    CUV_TRY(cuv_option_sizes(call, "output_shape", false, &sizes, &like));
    const int n = cuv_option_ints(call, "strides", stride), m = cuv_option_ints(call, "dilation_rate", dilation);
    for (int i = 0; i < axes; i++) {
        attrs.stride[i] = n < 1 ? 1 : stride[n == 1 ? 0 : n == axes ? i : i + 1];
        attrs.dilation[i] = m < 1 ? 1 : dilation[m == 1 ? 0 : m == axes ? i : i + 1];
        attrs.size[i] = sizes.shape_count == axes + 2 ? sizes.shape[i + 1] : -1;
        if (attrs.size[i] < 1 || attrs.stride[i] < 1 || attrs.dilation[i] < 1 || (n > 1 && n < axes) || (m > 1 && m < axes))
            return cuv_bad_option(call, "output_shape", "a list of known sizes, with a stride for each");
        const int64_t reach = (cuv_var_of(call, kernel)->shape[i] - 1) * attrs.dilation[i] + 1;
        int64_t high = 0;
        if (strcmp(padding, "SAME") == 0)
            cuv_same_padding(attrs.size[i], reach, attrs.stride[i], 1, &attrs.pad_lo[i], &high);
    }
    return cuv_give(call, cuv_emit(call->program, CUV_OP_CONV_TRANSPOSE, CUV_IN(x, kernel), &attrs));
}
