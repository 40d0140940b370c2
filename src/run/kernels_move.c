/* Reference kernels of the ops that move, repeat or choose elements of any dtype, by the size of an element. */
#include "run/kernels.h"

static const cuv_run_tensor *x_of(const cuv_kernel_args *a) { return &a->in[0]; }
static cuv_run_tensor *y_of(const cuv_kernel_args *a) { return &a->out[0]; }

/* y = x; reshape */
void cuv_k_copy(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    size_t bytes = cuv_run_count(x) * cuv_stored_size(x->dtype);
    if (bytes && y_of(a)->data != x->data)
        memcpy(y_of(a)->data, x->data, bytes);
}

/* strides of x along its own axes */
static void own_strides(const cuv_run_tensor *x, int64_t *stride)
{
    int64_t s = 1;
    for (int i = x->rank; i-- > 0;) {
        stride[i] = s;
        s *= x->shape[i];
    }
}

/* y[i0, i1, ..] = x[.. ik at axis perm[k] ..] */
void cuv_k_transpose(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    int64_t stride[CUV_MAX_RANK];
    cuv_walk w;
    own_strides(x, stride);
    cuv_walk_init(&w, y_of(a)->shape, x->rank, 1);
    for (int i = 0; i < x->rank; i++)
        w.stride[0][i] = stride[a->attrs->perm[i]];
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

void cuv_k_broadcast(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    cuv_walk w;
    cuv_walk_init(&w, y_of(a)->shape, y_of(a)->rank, 1);
    cuv_walk_broadcast(&w, 0, x->shape, x->rank);
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

static void fill(void *data, cuv_dtype dtype, size_t from, size_t count, double value)
{
    switch (dtype) {
    case CUV_BOOL: memset((uint8_t *)data + from, value != 0, count); break;
    case CUV_I32: for (size_t i = 0; i < count; i++) ((int32_t *)data)[from + i] = cuv_float_to_i32(value); break;
    case CUV_I64: for (size_t i = 0; i < count; i++) ((int64_t *)data)[from + i] = cuv_float_to_i64(value); break;
    case CUV_F64: for (size_t i = 0; i < count; i++) ((double *)data)[from + i] = value; break;
    case CUV_STR: memset((cuv_string *)data + from, 0, count * sizeof(cuv_string)); break;
    default: for (size_t i = 0; i < count; i++) ((float *)data)[from + i] = (float)value; break;
    }
}

void cuv_k_fill(const cuv_kernel_args *a)
{
    fill(y_of(a)->data, y_of(a)->dtype, 0, cuv_run_count(y_of(a)), a->attrs->value);
}

/* y[i] = i */
void cuv_k_range(const cuv_kernel_args *a)
{
    for (int64_t i = 0; i < y_of(a)->shape[0]; i++)
        fill(y_of(a)->data, y_of(a)->dtype, (size_t)i, 1, (double)i);
}

void cuv_k_concat(const cuv_kernel_args *a)
{
    cuv_run_tensor *y = y_of(a);
    size_t element = cuv_stored_size(y->dtype), outer = cuv_span(y, 0, a->attrs->axis);
    size_t row = cuv_span(y, a->attrs->axis, y->rank) * element, at = 0;
    for (int k = 0; k < a->in_count; k++) {
        size_t part = cuv_span(&a->in[k], a->attrs->axis, y->rank) * element;
        for (size_t i = 0; part && i < outer; i++)
            memcpy((unsigned char *)y->data + i * row + at, (const unsigned char *)a->in[k].data + i * part, part);
        at += part;
    }
}

/* where Python's slice starts */
static int64_t first_of(int64_t start, int64_t n, int64_t step)
{
    if (start < 0 && start != INT64_MIN)
        start += n;
    if (step > 0)
        return start < 0 ? 0 : start > n ? n : start;
    return start < -1 ? -1 : start > n - 1 ? n - 1 : start;
}

void cuv_k_slice(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    int64_t stride[CUV_MAX_RANK];
    cuv_walk w;
    own_strides(x, stride);
    cuv_walk_init(&w, y_of(a)->shape, x->rank, 1);
    for (int i = 0; i < x->rank; i++) {
        int64_t step = a->attrs->step[i];
        w.stride[0][i] = stride[i] * (step ? step : 1);
        if (step && y_of(a)->shape[i] > 0)
            w.offset[0] += stride[i] * first_of(a->attrs->start[i], x->shape[i], step);
    }
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

void cuv_k_tile(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    int64_t stride[CUV_MAX_RANK], shape[CUV_WALK_RANK];
    cuv_walk w;
    own_strides(x, stride);
    for (int i = 0; i < x->rank; i++) {
        shape[2 * i] = a->attrs->shape[i];
        shape[2 * i + 1] = x->shape[i];
    }
    cuv_walk_init(&w, shape, 2 * x->rank, 1);
    for (int i = 0; i < x->rank; i++)
        w.stride[0][2 * i + 1] = stride[i];
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

void cuv_k_repeat(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    int axis = a->attrs->axis;
    int64_t inner = (int64_t)cuv_span(x, axis + 1, x->rank);
    cuv_walk w;
    cuv_walk_init(&w, (const int64_t[]){(int64_t)cuv_span(x, 0, axis + 1), a->attrs->count, inner}, 3, 1);
    w.stride[0][0] = inner;
    w.stride[0][2] = 1;
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

void cuv_k_reverse(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    unsigned mask = cuv_axes_mask(a->attrs, ~0u);
    cuv_walk w;
    cuv_walk_init(&w, x->shape, x->rank, 1);
    own_strides(x, w.stride[0]);
    for (int i = 0; i < x->rank; i++)
        if (mask >> i & 1) {
            w.offset[0] += w.stride[0][i] * (x->shape[i] - 1);
            w.stride[0][i] = -w.stride[0][i];
        }
    cuv_walk_copy(&w, y_of(a)->data, x->data, cuv_stored_size(x->dtype));
}

/* ---- pad ---- */

/* The element that stands at place i outside [0, n): -1 for the constant. */
static int64_t mirrored(cuv_mode mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    switch (mode) {
    case CUV_MODE_REFLECT: return i < 0 ? -i : 2 * (n - 1) - i;
    case CUV_MODE_SYMMETRIC: return i < 0 ? -i - 1 : 2 * n - 1 - i;
    case CUV_MODE_EDGE: return i < 0 ? 0 : n - 1;
    default: return -1;
    }
}

static void copy_element(void *to, size_t i, const void *from, size_t k, size_t element)
{
    memcpy((unsigned char *)to + i * element, (const unsigned char *)from + k * element, element);
}

/* y[i] = x[i - pad_lo]; outside x the constant, or x mirrored without (reflect) or with (symmetric) its edge, or the edge */
void cuv_k_pad(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a);
    cuv_run_tensor *y = y_of(a);
    const cuv_attrs *at = a->attrs;
    size_t element = cuv_stored_size(x->dtype), count = cuv_run_count(y), n = x->rank ? (size_t)y->shape[x->rank - 1] : 1;
    int64_t place[CUV_MAX_RANK] = {0};
    int last = x->rank - 1;
    if (at->mode == CUV_MODE_CONSTANT)
        fill(y->data, y->dtype, 0, count, at->value);
    for (size_t row = 0; row < count; row += n) {
        int64_t base = 0;
        for (int i = 0; i < last && base >= 0; i++) {
            int64_t k = mirrored(at->mode, place[i] - at->pad_lo[i], x->shape[i]);
            base = k < 0 ? -1 : base * x->shape[i] + k;
        }
        for (size_t j = 0; base >= 0 && j < n; j++) {
            int64_t width = x->rank ? x->shape[last] : 1;
            int64_t k = x->rank ? mirrored(at->mode, (int64_t)j - at->pad_lo[last], width) : 0;
            if (k >= 0)
                copy_element(y->data, row + j, x->data, (size_t)(base * width + k), element);
        }
        for (int i = last; i-- > 0 && ++place[i] == y->shape[i];)
            place[i] = 0;
    }
}

/* ---- choosing ---- */

static int64_t index_at(const cuv_run_tensor *index, size_t i)
{
    return index->dtype == CUV_I64 ? ((const int64_t *)index->data)[i] : ((const int32_t *)index->data)[i];
}

/* An index from the end counts from there; one outside the table (which the plan refuses) gives -1. */
static int64_t wrapped(int64_t k, int64_t n)
{
    if (k < 0)
        k += n;
    return k >= 0 && k < n ? k : -1;
}

/* y[o.., i.., r..] = x[o.., index[i..], r..] */
void cuv_k_gather(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a), *index = &a->in[1];
    int axis = a->attrs->axis;
    size_t outer = cuv_span(x, 0, axis), n = (size_t)x->shape[axis], picks = cuv_run_count(index);
    size_t row = cuv_span(x, axis + 1, x->rank) * cuv_stored_size(x->dtype);
    unsigned char *to = y_of(a)->data;
    for (size_t o = 0; row && o < outer; o++)
        for (size_t i = 0; i < picks; i++, to += row) {
            int64_t k = wrapped(index_at(index, i), (int64_t)n);
            if (k < 0)
                memset(to, 0, row);
            else
                memcpy(to, (const unsigned char *)x->data + (o * n + (size_t)k) * row, row);
        }
}

/* y[.., i, ..] = x[.., index[.., i, ..], ..], other axes broadcast */
void cuv_k_gather_along(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = x_of(a), *index = &a->in[1];
    int axis = a->attrs->axis;
    size_t element = cuv_stored_size(x->dtype), to = 0;
    int64_t stride[CUV_MAX_RANK];
    cuv_walk w;
    own_strides(x, stride);
    cuv_walk_init(&w, y_of(a)->shape, x->rank, 2);
    cuv_walk_broadcast(&w, 0, x->shape, x->rank);
    cuv_walk_broadcast(&w, 1, index->shape, x->rank);
    w.stride[0][axis] = 0;
    if (!cuv_walk_start(&w))
        return;
    do {
        for (int64_t i = 0; i < w.n; i++, to++) {
            int64_t k = wrapped(index_at(index, (size_t)(w.offset[1] + i * w.step[1])), x->shape[axis]);
            if (k < 0)
                memset((unsigned char *)y_of(a)->data + to * element, 0, element);
            else
                copy_element(y_of(a)->data, to, x->data, (size_t)(w.offset[0] + i * w.step[0] + k * stride[axis]), element);
        }
    } while (cuv_walk_next(&w));
}

#define CHOOSE(type) \
    do { \
        type *to = (type *)y->data + done; \
        const type *p = (const type *)a->in[1].data + w.offset[1], *q = (const type *)a->in[2].data + w.offset[2]; \
        for (int64_t i = 0; i < w.n; i++) \
            to[i] = c[i * w.step[0]] ? p[i * w.step[1]] : q[i * w.step[2]]; \
    } while (0)

/* y = c ? p : q */
void cuv_k_where(const cuv_kernel_args *a)
{
    cuv_run_tensor *y = y_of(a);
    size_t element = cuv_stored_size(y->dtype);
    int64_t done = 0;
    cuv_walk w;
    cuv_walk_init(&w, y->shape, y->rank, 3);
    for (int i = 0; i < 3; i++)
        cuv_walk_broadcast(&w, i, a->in[i].shape, a->in[i].rank);
    if (!cuv_walk_start(&w))
        return;
    do {
        const uint8_t *c = (const uint8_t *)a->in[0].data + w.offset[0];
        if (element == 1)
            CHOOSE(uint8_t);
        else if (element == 4)
            CHOOSE(uint32_t);
        else if (element == 8)
            CHOOSE(uint64_t);
        else
            CHOOSE(cuv_string);
        done += w.n;
    } while (cuv_walk_next(&w));
}

static void compare_strings(const cuv_kernel_args *a, bool equal)
{
    uint8_t *to = y_of(a)->data;
    cuv_walk w;
    cuv_walk_init(&w, y_of(a)->shape, y_of(a)->rank, 2);
    cuv_walk_broadcast(&w, 0, a->in[0].shape, a->in[0].rank);
    cuv_walk_broadcast(&w, 1, a->in[1].shape, a->in[1].rank);
    if (!cuv_walk_start(&w))
        return;
    do {
        const cuv_string *p = (const cuv_string *)a->in[0].data + w.offset[0];
        const cuv_string *q = (const cuv_string *)a->in[1].data + w.offset[1];
        for (int64_t i = 0; i < w.n; i++, p += w.step[0], q += w.step[1])
            *to++ = (p->size == q->size && (p->size == 0 || memcmp(p->data, q->data, p->size) == 0)) == equal;
    } while (cuv_walk_next(&w));
}

void cuv_k_equal_str(const cuv_kernel_args *a) { compare_strings(a, true); }
void cuv_k_not_equal_str(const cuv_kernel_args *a) { compare_strings(a, false); }
