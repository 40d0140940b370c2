/* Windows over images and axes by name: keras.ops.nn's unfold and fold, structural similarity, edges, einops' rearrange. */
#include "layers/operation_emit.h"

#include <ctype.h>
#include <math.h>

enum { MOST_CELLS = 4096 };

/* ---- unfold and fold: (batch, channels, height, width) and (batch, channels kh kw, places) ---- */

typedef struct windows { int64_t kernel[2], dilation[2], padding[2], stride[2]; } windows;

static bool two(const cuv_call *call, const char *name, int64_t fallback, int64_t least, int64_t *out)
{
    int64_t given[CUV_MAX_RANK];
    int n = cuv_option_ints(call, name, given);
    out[0] = n > 0 ? given[0] : fallback;
    out[1] = n > 0 ? given[n - 1] : fallback;
    return (n == 1 || n == 2 || !cuv_option(call, name)) && out[0] >= least && out[1] >= least && out[0] < 65536 && out[1] < 65536;
}

static cuv_status read_windows(cuv_call *call, windows *w)
{
    static const char *const said = "a number or two, not negative";
    if (!two(call, "kernel_size", 0, 1, w->kernel))
        return cuv_bad_option(call, "kernel_size", said);
    if (!two(call, "dilation", 1, 1, w->dilation))
        return cuv_bad_option(call, "dilation", said);
    if (!two(call, "padding", 0, 0, w->padding))
        return cuv_bad_option(call, "padding", said);
    return two(call, "stride", 1, 1, w->stride) ? CUV_OK : cuv_bad_option(call, "stride", said);
}

/* How many windows fit along an axis of padded size n. */
static int64_t fitting(const windows *w, int i, int64_t n)
{
    int64_t room = n - w->dilation[i] * (w->kernel[i] - 1) - 1;
    return room < 0 ? 0 : room / w->stride[i] + 1;
}

/* Places in the padded plane, (kh kw, places). */
static cuv_status window_places(cuv_call *call, const windows *w, int64_t rows, int64_t columns, int64_t width, cuv_ref *out)
{
    int64_t cells = w->kernel[0] * w->kernel[1], places = rows * columns, size;
    if (!cuv_mul_i64(cells, places, &size) || size < 1 || size > ((int64_t)1 << 24))
        return cuv_bad_option(call, "kernel_size", "such that it fits, and leaves 16777216 cells at most");
    double *at = cuv_arena_calloc(call->arena, (size_t)size, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < size; i++) {
        int64_t cell = i / places, place = i % places;
        int64_t y = place / columns * w->stride[0] + cell / w->kernel[1] * w->dilation[0];
        at[i] = (double)(y * width + place % columns * w->stride[1] + cell % w->kernel[1] * w->dilation[1]);
    }
    return cuv_constant(call, CUV_I32, at, (int64_t[]){cells, places}, 2, out);
}

cuv_status cuv_op_unfold(cuv_call *call)
{
    cuv_ref x, index;
    windows w;
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT};
    CUV_TRY(read_windows(call, &w));
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->rank != 4)
        return cuv_bad_option(call, "x", "a tensor of four axes: batch, channels, height, width");
    for (int i = 0; i < 2; i++)
        pads.pad_lo[2 + i] = pads.pad_hi[2 + i] = w.padding[i];
    if (w.padding[0] || w.padding[1])
        x = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads);
    CUV_TRY(call->program->status);
    const cuv_var *v = cuv_var_of(call, x);
    int64_t c = v->shape[1], h = v->shape[2], wide = v->shape[3];
    if (c < 1 || h < 1 || wide < 1 || h > 65536 || wide > 65536)
        return cuv_bad_option(call, "x", "of known channels, height and width");
    int64_t rows = fitting(&w, 0, h), columns = fitting(&w, 1, wide), cells = w.kernel[0] * w.kernel[1];
    CUV_TRY(window_places(call, &w, rows, columns, wide, &index));
    x = cuv_emit_reshape(call->program, x, (int64_t[]){-2, c, h * wide}, 3);
    x = cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = 2));
    return cuv_give(call, cuv_emit_reshape(call->program, x, (int64_t[]){-2, c * cells, rows * columns}, 3));
}

/* The sums of overlapping windows are a transposed convolution by ones, channel by channel. */
cuv_status cuv_op_fold(cuv_call *call)
{
    cuv_ref x, kernel;
    windows w;
    int64_t size[2];
    CUV_TRY(read_windows(call, &w));
    CUV_TRY(cuv_operand_x(call, &x));
    if (!two(call, "output_size", 0, 1, size))
        return cuv_bad_option(call, "output_size", "a number or two");
    int64_t cells = w.kernel[0] * w.kernel[1], wide = cuv_var_of(call, x)->rank == 3 ? cuv_var_of(call, x)->shape[1] : -1;
    int64_t rows = fitting(&w, 0, size[0] + 2 * w.padding[0]), columns = fitting(&w, 1, size[1] + 2 * w.padding[1]);
    if (wide < 1 || wide % cells || cells > MOST_CELLS || rows < 1 || columns < 1)
        return cuv_bad_option(call, "x", "a tensor (batch, channels times the kernel's cells, places)");
    const int64_t places = cuv_var_of(call, x)->shape[2];
    if (places >= 0 && places != rows * columns)
        return cuv_bad_option(call, "x", cuv_format(call->cx, "a tensor of %lld places, as the sizes have it", (long long)(rows * columns)));
    double *one = cuv_arena_calloc(call->arena, (size_t)(cells * cells), sizeof *one);
    if (!one)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < cells; i++)
        one[i * cells + i] = 1;
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    const bool real = cuv_dtype_is_float(dtype);
    CUV_TRY(cuv_constant(call, real ? dtype : CUV_F64, one, (int64_t[]){w.kernel[0], w.kernel[1], 1, cells}, 4, &kernel));
    cuv_attrs attrs = {.size = {size[0], size[1], -1}};
    for (int i = 0; i < 2; i++) {
        attrs.stride[i] = w.stride[i];
        attrs.dilation[i] = w.dilation[i];
        attrs.pad_lo[i] = attrs.pad_hi[i] = w.padding[i];
    }
    x = cuv_emit_reshape(call->program, x, (int64_t[]){-1, cells, rows, columns}, 4);
    x = cuv_move_axis(call, x, 1, 3);
    cuv_ref half[2];
    if (!real)          /* exact in doubles by halves, which add up each for itself */
        cuv_halves(call, x, half);
    for (int i = 0; !real && i < 2; i++)
        half[i] = cuv_emit(call->program, CUV_OP_CONV_TRANSPOSE, CUV_IN(half[i], kernel), &attrs);
    x = real ? cuv_emit(call->program, CUV_OP_CONV_TRANSPOSE, CUV_IN(x, kernel), &attrs) : cuv_from_halves(call, half, dtype);
    return cuv_give(call, cuv_emit_reshape(call->program, x, (int64_t[]){-1, wide / cells, size[0], size[1]}, 4));
}

/* ---- images ---- */

static cuv_status filter_of(cuv_call *call, int64_t size, double sigma, cuv_dtype dtype, cuv_ref *out)
{
    double sum = 0, *k = cuv_arena_calloc(call->arena, (size_t)(size * size + size), sizeof *k), *row = k ? k + size * size : NULL;
    if (!k)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < size; i++) {
        double x = (double)i - (double)(size - 1) / 2;
        sum += row[i] = exp(-(x * x) / (2 * sigma * sigma));
    }
    for (int64_t i = 0; i < size * size; i++)
        k[i] = row[i / size] / sum * (row[i % size] / sum);
    return cuv_constant(call, dtype, k, (int64_t[]){size, size, 1, 1}, 4, out);
}

/* Each channel as an image of its own: (batch channels, height, width, 1). */
static cuv_status planes(cuv_call *call, cuv_ref x, bool first, cuv_ref *out)
{
    if (cuv_var_of(call, x)->rank == 3)
        x = cuv_expand_dims(call, x, 0);
    if (cuv_var_of(call, x)->rank != 4)
        return cuv_bad_option(call, "image1", "an image (three axes) or a batch of them (four)");
    if (!first)
        x = cuv_move_axis(call, x, 3, 1);
    *out = cuv_emit_reshape(call->program, x, (int64_t[]){-1, -4, -5, 1}, 4);
    return call->program->status;
}

static cuv_ref filtered(cuv_call *call, cuv_ref x, cuv_ref kernel)
{
    return cuv_emit(call->program, CUV_OP_CONV, CUV_IN(x, kernel), NULL);
}

/* (2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1 + s2 + c2)), the mean over the image */
static cuv_ref similarity(cuv_call *call, cuv_ref a, cuv_ref b, cuv_ref kernel, double c1, double c2)
{
    cuv_ref ma = filtered(call, a, kernel), mb = filtered(call, b, kernel);
    cuv_ref aa = E2(MUL, ma, ma), bb = E2(MUL, mb, mb), ab = E2(MUL, ma, mb);
    cuv_ref sa = E2(SUB, filtered(call, E2(MUL, a, a), kernel), aa), sb = E2(SUB, filtered(call, E2(MUL, b, b), kernel), bb);
    cuv_ref sab = E2(SUB, filtered(call, E2(MUL, a, b), kernel), ab);
    cuv_ref above = E2(MUL, E2(ADD, E2(ADD, ab, ab), LIKE(a, c1)), E2(ADD, E2(ADD, sab, sab), LIKE(a, c2)));
    cuv_ref below = E2(MUL, E2(ADD, E2(ADD, aa, bb), LIKE(a, c1)), E2(ADD, E2(ADD, sa, sb), LIKE(a, c2)));
    return cuv_reduce(call, CUV_OP_MEAN, E2(DIV, above, below), (int[]){1, 2, 3}, 3, false);
}

cuv_status cuv_op_ssim(cuv_call *call)
{
    cuv_ref a, b, kernel;
    double most = cuv_option_real(call, "max_val", 1), k1 = cuv_option_real(call, "k1", 0.01), k2 = cuv_option_real(call, "k2", 0.03);
    int64_t size = cuv_option_int(call, "filter_size", 11);
    bool first = cuv_streq(cuv_option_text(call, "data_format", ""), "channels_first");
    CUV_TRY(cuv_operand_ref(call, "image1", CUV_F32, &a));
    CUV_TRY(cuv_operand_ref(call, "image2", CUV_F32, &b));
    cuv_dtype dtype = cuv_var_of(call, a)->dtype;
    int rank = cuv_var_of(call, a)->rank;
    int64_t channels = rank < 3 ? -1 : cuv_var_of(call, a)->shape[first ? rank - 3 : rank - 1];
    if (size < 1 || size > 64)
        return cuv_bad_option(call, "filter_size", "from 1 to 64");
    if (channels < 1)
        return cuv_bad_option(call, "image1", "of known channels");
    a = cuv_as_float(call, a);
    b = TO(b, cuv_var_of(call, a)->dtype);
    CUV_TRY(planes(call, a, first, &a));
    CUV_TRY(planes(call, b, first, &b));
    CUV_TRY(filter_of(call, size, cuv_option_real(call, "filter_sigma", 1.5), cuv_var_of(call, a)->dtype, &kernel));
    cuv_ref y = similarity(call, a, b, kernel, k1 * most * (k1 * most), k2 * most * (k2 * most));
    y = cuv_emit_reshape(call->program, y, (int64_t[]){-1, channels}, 2);
    y = TO(cuv_reduce(call, CUV_OP_MEAN, y, (int[]){1}, 1, false), dtype);
    return cuv_give(call, rank == 3 ? cuv_squeeze(call, y, 0) : y);
}

/* Sobel's slopes down and across; the border mirrors the image. */
cuv_status cuv_op_sobel_edges(cuv_call *call)
{
    static const double slopes[18] = {-1, -1, -2, 0, -1, 1, 0, -2, 0, 0, 0, 2, 1, -1, 2, 0, 1, 1};
    cuv_ref x, kernel;
    cuv_attrs pads = {.mode = CUV_MODE_REFLECT, .pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}};
    bool first = cuv_streq(cuv_option_text(call, "data_format", ""), "channels_first");
    CUV_TRY(cuv_operand_x(call, &x));
    if (cuv_var_of(call, x)->rank != 4)
        return cuv_bad_option(call, "images", "a batch of images (four axes)");
    if (first)
        x = cuv_move_axis(call, x, 1, 3);
    x = cuv_emit(call->program, CUV_OP_PAD, CUV_IN(cuv_as_float(call, x)), &pads);
    CUV_TRY(call->program->status);
    int64_t c = cuv_var_of(call, x)->shape[3];
    if (c < 1 || c > MOST_CELLS)
        return cuv_bad_option(call, "images", "of known channels");
    double *k = cuv_arena_calloc(call->arena, (size_t)(18 * c), sizeof *k);
    if (!k)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < 18 * c; i++)
        k[i] = slopes[i / (2 * c) * 2 + i % 2];
    CUV_TRY(cuv_constant(call, cuv_var_of(call, x)->dtype, k, (int64_t[]){3, 3, c, 2}, 4, &kernel));
    x = cuv_emit(call->program, CUV_OP_DEPTHWISE, CUV_IN(x, kernel), NULL);
    x = cuv_emit_reshape(call->program, x, (int64_t[]){-2, -3, -4, c, 2}, 5);
    return cuv_give(call, first ? cuv_move_axis(call, x, 3, 1) : x);
}

/* ---- rearrange ---- */

/* Names in order; group[i] is the bracket (or lone axis) that name i stands in. */
typedef struct names {
    char name[CUV_MAX_RANK][32];
    int group[CUV_MAX_RANK], count, groups;
} names;

static bool read_names(const char *at, const char *end, names *out)
{
    bool inside = false;
    *out = (names){.count = 0};
    while (at < end) {
        if (isalnum((unsigned char)*at) || *at == '_') {
            size_t n = 0;
            while (at + n < end && (isalnum((unsigned char)at[n]) || at[n] == '_'))
                n++;
            if (out->count == CUV_MAX_RANK || n >= sizeof out->name[0] || isdigit((unsigned char)*at))
                return false;
            memcpy(out->name[out->count], at, n);
            out->group[out->count++] = inside ? out->groups : out->groups++;
            at += n;
            continue;
        }
        if ((*at == '(') == inside && (*at == '(' || *at == ')'))
            return false;
        if (*at != '(' && *at != ')' && *at != ' ')
            return false;
        if (*at == ')')
            out->groups++;
        inside = *at == '(' ? true : *at == ')' ? false : inside;
        at++;
    }
    return !inside && out->groups <= CUV_MAX_RANK;
}

static int find_name(const names *in, const char *name)
{
    int i = 0;
    while (i < in->count && strcmp(in->name[i], name) != 0)
        i++;
    return i;
}

/* Sizes of all names: stated, whole axes of x, or what a bracket leaves to one name. */
static bool name_sizes(const cuv_call *call, const names *in, const cuv_var *x, int64_t *size)
{
    for (int g = 0; g < in->groups; g++) {
        int open = -1, members = 0;
        int64_t product = 1;
        for (int i = 0; i < in->count; i++) {
            if (in->group[i] != g)
                continue;
            members++;
            size[i] = cuv_option_int(call, in->name[i], -1);
            if (size[i] < 0 && open >= 0)
                return false;
            if (size[i] < 0)
                open = i;
            else if (!cuv_mul_i64(product, size[i], &product))
                return false;
        }
        if (open >= 0)
            size[open] = members == 1 ? x->shape[g] : x->shape[g] < 0 || product < 1 ? -1 : x->shape[g] / product;
    }
    return true;
}

cuv_status cuv_op_rearrange(cuv_call *call)
{
    cuv_ref x;
    names from, to;
    int64_t size[CUV_MAX_RANK], shape[CUV_MAX_RANK];
    int perm[CUV_MAX_RANK], open = 0;
    const char *pattern = cuv_option_text(call, "pattern", ""), *arrow = strstr(pattern, "->");
    CUV_TRY(cuv_operand_x(call, &x));
    if (!arrow || !read_names(pattern, arrow, &from) || !read_names(arrow + 2, arrow + strlen(arrow), &to) ||
        from.count != to.count || from.groups != cuv_var_of(call, x)->rank || !name_sizes(call, &from, cuv_var_of(call, x), size))
        return cuv_bad_option(call, "pattern", "axes by name before and after an arrow, as many as the tensor has");
    for (int i = 0; i < to.count; i++)
        if ((perm[i] = find_name(&from, to.name[i])) == from.count || find_name(&to, to.name[i]) != i)
            return cuv_bad_option(call, "pattern", "made of the same names, each once, on both sides");
    for (int i = 0; i < from.count; i++)
        open += (shape[i] = size[i]) < 0;
    if (open > 1)
        return cuv_bad_option(call, "pattern", "such that at most one axis is of unknown size");
    x = cuv_emit_reshape(call->program, x, shape, from.count);
    x = cuv_transposed(call, x, perm);
    for (int i = 0; i < to.groups; i++)
        shape[i] = 1;
    for (int i = 0; i < to.count; i++) {
        int64_t *of = &shape[to.group[i]], n = size[perm[i]];
        *of = *of < 0 || n < 0 ? -1 : *of * n;
    }
    return cuv_give(call, cuv_emit_reshape(call->program, x, shape, to.groups));
}
