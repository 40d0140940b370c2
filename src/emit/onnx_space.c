/* ONNX nodes over space: products, convolutions, pools, resizing. Convolutions and pools take and give channels first. */
#include "emit/onnx.h"

static int64_t one(int64_t v) { return v ? v : 1; }

/* ---- products */

static const char *turned(onnx_writer *w, int i, bool transpose)
{
    int perm[CUV_MAX_RANK];
    const int rank = onnx_var(w, onnx_ref(w, i))->rank;
    for (int k = 0; k < rank; k++)
        perm[k] = k;
    if (transpose) {
        perm[rank - 1] = rank - 2;
        perm[rank - 2] = rank - 1;
    }
    return onnx_want(w, onnx_ref(w, i), perm);
}

void onnx_matmul(onnx_writer *w, const cuv_step *s)
{
    const char *a = turned(w, 0, s->attrs->transpose_a), *b = turned(w, 1, s->attrs->transpose_b);
    onnx_made(w, 0, onnx_op2(w, "MatMul", a, b), NULL);
}

void onnx_dense(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const char *x = onnx_in(w, 0), *kernel = onnx_in(w, 1), *bias = onnx_in(w, 2), *y;
    if (v->rank == 2) {
        y = bias ? onnx_op3(w, "Gemm", x, kernel, bias) : onnx_op2(w, "MatMul", x, kernel);
    } else {
        y = onnx_op2(w, "MatMul", x, kernel);
        y = bias ? onnx_op2(w, "Add", y, bias) : y;
    }
    onnx_made(w, 0, onnx_unary(w, &s->attrs->act, y, v->dtype, v->rank - 1), NULL);
}

/* ---- windows */

typedef struct window {
    int d;
    int64_t kernel[3], stride[3], dilation[3], pads[6];
    bool automatic;             /* `same` over a size that only a run knows */
} window;

static window window_of(onnx_writer *w, const cuv_step *s, const int64_t *kernel)
{
    const cuv_var *x = onnx_var(w, s->in[0]);
    const cuv_attrs *at = s->attrs;
    window o = {.d = x->rank - 2};
    for (int i = 0; i < o.d; i++) {
        o.kernel[i] = one(kernel[i]);
        o.stride[i] = one(at->stride[i]);
        o.dilation[i] = one(at->dilation[i]);
        o.pads[i] = at->pad_lo[i];
        o.pads[i + o.d] = at->pad_hi[i];
        const int64_t n = x->shape[1 + i];
        if (at->same && n < 0 && o.stride[i] > 1)
            o.automatic = true;
        else if (at->same)      /* at stride 1 the padding does not depend on the size */
            cuv_same_padding(n < 0 ? o.kernel[i] * o.dilation[i] : n, o.kernel[i], o.stride[i], o.dilation[i], &o.pads[i],
                             &o.pads[i + o.d]);
    }
    return o;
}

static const char *channels_first(onnx_writer *w, int i, int *perm)
{
    onnx_channels_first(onnx_var(w, onnx_ref(w, i))->rank, perm);
    return onnx_want(w, onnx_ref(w, i), perm);
}

/* The node of a convolution or pool; kernel NULL: pool. */
static const char *over(onnx_writer *w, const char *op, const window *o, const char *x, const char *kernel, const char *bias,
                        int64_t groups)
{
    onnx_attr attrs[8];
    size_t n = 0;
    attrs[n++] = (onnx_attr)ONNX_AIS("kernel_shape", o->kernel, o->d);
    attrs[n++] = (onnx_attr)ONNX_AIS("strides", o->stride, o->d);
    if (strcmp(op, "AveragePool") != 0)
        attrs[n++] = (onnx_attr)ONNX_AIS("dilations", o->dilation, o->d);
    attrs[n++] = o->automatic ? (onnx_attr)ONNX_AS("auto_pad", "SAME_UPPER") : (onnx_attr)ONNX_AIS("pads", o->pads, 2 * o->d);
    if (groups > 1)
        attrs[n++] = (onnx_attr)ONNX_AI("group", groups);
    attrs[n] = (onnx_attr){0};
    return onnx_node(w, op, ONNX_IN(x, kernel, bias), attrs, NULL, 1);
}

static void finish(onnx_writer *w, const cuv_step *s, const char *y, const int *perm)
{
    const cuv_var *out = onnx_var(w, s->out[0]);
    onnx_made(w, 0, onnx_unary(w, &s->attrs->act, y, out->dtype, 1), perm);
}

/* Pads that crop are no pads of ONNX's; they become a slice before. */
static const char *cropped(onnx_writer *w, window *o, const char *x)
{
    for (int i = 0; i < o->d; i++) {
        const int64_t lo = o->pads[i] < 0 ? -o->pads[i] : 0, hi = o->pads[i + o->d] < 0 ? o->pads[i + o->d] : INT64_MAX;
        if (lo || hi != INT64_MAX)
            x = onnx_slice(w, x, 2 + i, lo, hi, 1);
        o->pads[i] = lo ? 0 : o->pads[i];
        o->pads[i + o->d] = hi != INT64_MAX ? 0 : o->pads[i + o->d];
    }
    return x;
}

void onnx_conv(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *k = onnx_var(w, s->in[1]);
    window o = window_of(w, s, k->shape);
    int perm[CUV_MAX_RANK], order[CUV_MAX_RANK] = {o.d + 1, o.d, 0, 1, 2};      /* (k.., in, out) to (out, in, k..) */
    const char *x = cropped(w, &o, channels_first(w, 0, perm));
    const char *kernel = onnx_want(w, s->in[1], order), *bias = onnx_in(w, 2);
    finish(w, s, over(w, "Conv", &o, x, kernel, bias, one(s->attrs->groups)), perm);
}

/* (k.., in, m) to (in m, 1, k..) */
void onnx_depthwise(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *k = onnx_var(w, s->in[1]);
    const cuv_tensor *t = onnx_known(w, s->in[1]);
    window o = window_of(w, s, k->shape);
    int perm[CUV_MAX_RANK], order[CUV_MAX_RANK] = {o.d, o.d + 1, 0, 1, 2};
    int64_t shape[CUV_MAX_RANK] = {k->shape[o.d] * k->shape[o.d + 1], 1, k->shape[0], k->shape[1], k->shape[2]};
    cuv_tensor *moved = NULL, *wide = NULL;
    const char *kernel = NULL, *x = cropped(w, &o, channels_first(w, 0, perm)), *bias = onnx_in(w, 2);
    if (t && !onnx_failed(w)) {
        w->status = cuv_tensor_transpose(w->arena, t, order, &moved);
        if (!onnx_failed(w))
            w->status = cuv_tensor_reshape(w->arena, moved, shape, o.d + 2, &wide);
        kernel = onnx_failed(w) ? NULL : onnx_initializer_of(w, k->name ? k->name : "depthwise_kernel", wide);
    } else {
        kernel = onnx_reshape(w, onnx_want(w, s->in[1], order), shape, o.d + 2);
    }
    finish(w, s, over(w, "Conv", &o, x, kernel, bias, k->shape[o.d]), perm);
}

/* What padding at the end gives the wanted size; where none is negative enough, more rows at the end (output_padding). */
static void end_padding(const cuv_step *s, const cuv_var *x, window *o, int64_t *more)
{
    for (int i = 0; i < o->d; i++) {
        const int64_t n = x->shape[1 + i], size = s->attrs->size[i];
        more[i] = 0;
        if (size > 0 && n > 0) {
            const int64_t all = (n - 1) * o->stride[i] + (o->kernel[i] - 1) * o->dilation[i] + 1 - o->pads[i];
            o->pads[i + o->d] = all - size;
        }
        if (o->pads[i + o->d] < 0) {
            more[i] = -o->pads[i + o->d];
            o->pads[i + o->d] = 0;
        }
    }
}

void onnx_conv_transpose(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *k = onnx_var(w, s->in[1]), *v = onnx_var(w, s->in[0]);
    window o = window_of(w, s, k->shape);
    int perm[CUV_MAX_RANK], order[CUV_MAX_RANK] = {o.d + 1, o.d, 0, 1, 2};      /* (k.., out, in) to (in, out, k..) */
    int64_t more[3];
    bool beyond = false;
    end_padding(s, v, &o, more);
    for (int i = 0; i < o.d; i++) {
        /* output_padding is for less than a stride; beyond, and before the start, zeros are padded on */
        beyond |= more[i] >= (o.stride[i] > o.dilation[i] ? o.stride[i] : o.dilation[i]) || o.pads[i] < 0;
    }
    const char *x = channels_first(w, 0, perm), *kernel = onnx_want(w, s->in[1], order), *bias = onnx_in(w, 2), *y;
    if (beyond) {
        onnx_refuse(w, "its output is larger than the kernel reaches");
        return;
    }
    y = onnx_node(w, "ConvTranspose", ONNX_IN(x, kernel, bias), ONNX_ATTRS(ONNX_AIS("kernel_shape", o.kernel, o.d),
                  ONNX_AIS("strides", o.stride, o.d), ONNX_AIS("dilations", o.dilation, o.d), ONNX_AIS("pads", o.pads, 2 * o.d),
                  ONNX_AIS("output_padding", more, o.d), ONNX_AI("group", one(s->attrs->groups))), NULL, 1);
    finish(w, s, y, perm);
}

/* The cells of every window side by side: (b, places.., cells channels), in the order of the kernel's rows. */
static const char *windows(onnx_writer *w, const cuv_step *s, const char *x, int64_t cells, const int64_t *k)
{
    const cuv_var *v = onnx_var(w, s->in[0]), *out = onnx_var(w, s->out[0]);
    const int d = v->rank - 2;
    const char **parts = CUV_NEW_ARRAY(w->arena, const char *, (size_t)cells);
    for (int64_t c = 0; parts && c < cells; c++) {
        int64_t start[3], stop[3], step[3], axes[3] = {1, 2, 3}, rest = c;
        for (int i = d; i-- > 0; rest /= k[i]) {
            start[i] = rest % k[i];
            step[i] = one(s->attrs->stride[i]);
            stop[i] = start[i] + (out->shape[1 + i] - 1) * step[i] + 1;
        }
        const size_t n = (size_t)d;
        parts[c] = onnx_node(w, "Slice", ONNX_IN(x, onnx_ints(w, start, n), onnx_ints(w, stop, n), onnx_ints(w, axes, n),
                             onnx_ints(w, step, n)), NULL, NULL, 1);
    }
    if (!parts)
        w->status = cuv_oom(w->cx);
    return parts ? onnx_concat(w, parts, (size_t)cells, v->rank - 1) : NULL;
}

void onnx_local_conv(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]), *k = onnx_var(w, s->in[1]), *out = onnx_var(w, s->out[0]);
    const int d = v->rank - 2;
    int64_t size[3], cells = 1, places = 1, rows[4] = {-1, 0, 1, k->shape[1]}, shape[CUV_MAX_RANK] = {-1};
    for (int i = 0; i < d; i++) {
        size[i] = one(s->attrs->window[i]);
        cells *= size[i];
        places *= out->shape[1 + i];
        shape[1 + i] = out->shape[1 + i];
    }
    if (places < 0 || cells > 4096) {
        onnx_refuse(w, "the number of its places is not known");
        return;
    }
    rows[1] = places;
    shape[1 + d] = k->shape[2];
    const char *x = windows(w, s, onnx_in(w, 0), cells, size), *kernel = onnx_in(w, 1), *bias = onnx_in(w, 2);
    const char *y = onnx_op2(w, "MatMul", onnx_reshape(w, x, rows, 4), kernel);
    y = onnx_reshape(w, y, shape, d + 2);
    y = bias ? onnx_op2(w, "Add", y, bias) : y;
    onnx_made(w, 0, onnx_unary(w, &s->attrs->act, y, out->dtype, out->rank - 1), NULL);
}

/* ---- pools */

void onnx_pool(onnx_writer *w, const cuv_step *s)
{
    window o = window_of(w, s, s->attrs->window);
    int perm[CUV_MAX_RANK];
    const cuv_dtype dtype = onnx_var(w, s->in[0])->dtype;
    const char *x = channels_first(w, 0, perm);
    if (cuv_dtype_size(dtype) == 8 && cuv_dtype_is_integer(dtype)) {
        onnx_refuse(w, "ONNX has no largest of whole numbers of 64 bits in a window");
        return;
    }
    const bool whole = cuv_dtype_is_integer(dtype);
    x = over(w, s->op == CUV_OP_MAX_POOL ? "MaxPool" : "AveragePool", &o, whole ? onnx_cast(w, x, ONNX_DOUBLE) : x, NULL, NULL, 1);
    onnx_made(w, 0, whole ? onnx_cast(w, x, onnx_carried(dtype)) : x, perm);
}

/* Along one axis: the pieces floor(i n / o) .. ceil((i+1) n / o), each reduced to one. */
static const char *adaptive(onnx_writer *w, const char *op, const char *x, int axis, int64_t n, int64_t size)
{
    const char **parts = CUV_NEW_ARRAY(w->arena, const char *, (size_t)size);
    const int64_t axes[1] = {axis};
    for (int64_t i = 0; parts && i < size; i++)
        parts[i] = onnx_reduce(w, op, onnx_slice(w, x, axis, i * n / size, ((i + 1) * n + size - 1) / size, 1), axes, 1, true);
    if (!parts)
        w->status = cuv_oom(w->cx);
    return parts ? onnx_concat(w, parts, (size_t)size, axis) : NULL;
}

void onnx_adaptive_pool(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    int perm[CUV_MAX_RANK];
    const char *x = channels_first(w, 0, perm);
    for (int i = 0; i < v->rank - 2; i++) {
        const int64_t n = v->shape[1 + i], size = s->attrs->size[i];
        if (n < 0 || size > 4096) {
            onnx_refuse(w, n < 0 ? "the size of its input is not known" : "it has more than 4096 places along an axis");
            return;
        }
        if (n != size)
            x = adaptive(w, s->op == CUV_OP_ADAPTIVE_MAX_POOL ? "ReduceMax" : "ReduceMean", x, 2 + i, n, size);
    }
    onnx_made(w, 0, x, perm);
}

/* ---- images */

/* TensorFlow's sampling: nearest is floor((i + 1/2) scale). Scales and sizes name all axes: ONNX Runtime's optimiser loses its way where `axes` names some. */
static const char *resized(onnx_writer *w, const cuv_attrs *at, const char *x, const char *scales, const char *to)
{
    const bool half = at->align == CUV_HALF_PIXEL, linear = at->mode == CUV_MODE_BILINEAR;
    onnx_attr attrs[] = {ONNX_AS("mode", linear ? "linear" : "nearest"),
                         ONNX_AS("coordinate_transformation_mode", half ? "half_pixel" : "asymmetric"), {0}, {0}};
    if (!linear)
        attrs[2] = (onnx_attr)ONNX_AS("nearest_mode", half ? "round_prefer_ceil" : "floor");
    return onnx_node(w, "Resize", ONNX_IN(x, NULL, scales, to), attrs, NULL, 1);
}

/* Keys' cubic at distance x from a place: its weight; a = -0.5 where pixels are centred, else -0.75. */
static float cubic(float x, float a)
{
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* The matrix (n, out) by which one axis is resized with cubics, as TensorFlow has them: distances rounded to 1/1024; places outside
 * count not at all where pixels are centred, and as the edge elsewhere. */
static const char *cubic_matrix(onnx_writer *w, int64_t n, int64_t out, cuv_align align)
{
    const bool half = align == CUV_HALF_PIXEL;
    const float scale = (float)n / (float)out, offset = half ? 0.5f : 0;
    const int64_t shape[2] = {n, out};
    const cuv_tensor *t;
    float *to = onnx_new_floats(w, shape, 2, &t);
    for (int64_t i = 0; to && i < out; i++) {
        const float place = ((float)i + offset) * scale - offset, low = floorf(place), d = rintf((place - low) * 1024) / 1024;
        float weight[4], sum = 0;
        for (int k = 0; k < 4; k++) {
            const int64_t at = (int64_t)low - 1 + k;
            weight[k] = half && (at < 0 || at >= n) ? 0 : cubic(fabsf((float)(k - 1) - d), half ? -0.5f : -0.75f);
            sum += weight[k];
        }
        for (int k = 0; k < 4; k++) {
            const int64_t at = (int64_t)low - 1 + k, inside = at < 0 ? 0 : at >= n ? n - 1 : at;
            to[inside * out + i] += half ? weight[k] / sum : weight[k];
        }
    }
    return to ? onnx_initializer_of(w, cuv_format(w->cx, "%s_cubic", w->base), t) : NULL;
}

/* Cubics as two products with constant matrices: exactly TensorFlow's, where the runtimes' own differ or refuse. */
static void cubic_resize(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]), *out = onnx_var(w, s->out[0]);
    int perm[CUV_MAX_RANK], turn[4] = {0, 1, 3, 2};
    const char *x = channels_first(w, 0, perm);
    if (v->shape[1] < 0 || v->shape[2] < 0) {
        onnx_refuse(w, "cubic interpolation of images whose size is not known");
        return;
    }
    x = onnx_op2(w, "MatMul", x, cubic_matrix(w, v->shape[2], out->shape[2], s->attrs->align));
    x = onnx_op2(w, "MatMul", onnx_transpose(w, x, turn, 4), cubic_matrix(w, v->shape[1], out->shape[1], s->attrs->align));
    perm[2] = 2;
    perm[3] = 1;
    onnx_made(w, 0, x, perm);
}

/* To sizes: (batch, channels) as they are, then the given ones. */
static void resize_to(onnx_writer *w, const cuv_step *s)
{
    int perm[CUV_MAX_RANK];
    const char *x = channels_first(w, 0, perm);
    const char *rest = onnx_node(w, "Shape", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("start", 0), ONNX_AI("end", 2)), NULL, 1);
    const char *sizes[2] = {rest, onnx_ints(w, s->attrs->size, 2)};
    onnx_made(w, 0, resized(w, s->attrs, x, NULL, onnx_concat(w, sizes, 2, 0)), perm);
}

/* By whole factors: nearest in any order of axes, every cell as often as the window says; the others channels first. */
void onnx_resize(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int64_t rank = v->rank;
    const cuv_tensor *factors = NULL;
    cuv_attrs at = *s->attrs;
    int perm[CUV_MAX_RANK];
    if (at.mode == CUV_MODE_BICUBIC) {
        cubic_resize(w, s);
        return;
    }
    if (s->op == CUV_OP_RESIZE) {
        resize_to(w, s);
        return;
    }
    onnx_channels_first(v->rank, perm);
    if (at.mode != CUV_MODE_BILINEAR) {
        at.align = CUV_ASYMMETRIC;
        memcpy(perm, onnx_native(w, s->in[0]), sizeof perm);
    }
    const char *x = onnx_want(w, s->in[0], perm);
    float *to = onnx_new_floats(w, &rank, 1, &factors);
    for (int i = 0; to && i < rank; i++)
        to[i] = perm[i] == 0 || perm[i] == rank - 1 ? 1 : (float)one(at.window[perm[i] - 1]);
    const char *scales = to ? onnx_initializer_of(w, cuv_format(w->cx, "%s_scales", w->base), factors) : NULL;
    onnx_made(w, 0, resized(w, &at, x, scales, NULL), perm);
}
