/* Shape rules of products, convolutions and pools. */
#include "program/shapes.h"

static int64_t one(int64_t v) { return v == 0 ? 1 : v; }

cuv_status cuv_shape_matmul(const cuv_shaping *s)
{
    const cuv_var *a = s->in[0], *b = s->in[1];
    cuv_var *out = &s->out[0];
    bool ta = s->at->transpose_a, tb = s->at->transpose_b;
    int ra = a->rank, rb = b->rank, lead;
    int64_t inner;
    if (rb < 2 || ra < 1 || (ra == 1 && (ta || rb != 2)))
        return cuv_shape_no(s, "two axes are needed to multiply matrices");
    if (!cuv_dim_merge(a->shape[ta ? ra - 2 : ra - 1], b->shape[tb ? rb - 1 : rb - 2], &inner))
        return cuv_shape_no(s, "the contracted sizes %lld and %lld differ", (long long)a->shape[ta ? ra - 2 : ra - 1],
                            (long long)b->shape[tb ? rb - 1 : rb - 2]);
    out->dtype = a->dtype;
    out->rank = ra > rb ? ra : rb;
    lead = out->rank - 2;
    if (ra == 1) {
        out->rank = 1;
        out->shape[0] = b->shape[tb ? rb - 2 : rb - 1];
        return CUV_OK;
    }
    for (int i = 0; i < lead; i++) {
        int ka = i - lead + ra - 2, kb = i - lead + rb - 2;
        int64_t da = ka < 0 ? 1 : a->shape[ka], db = kb < 0 ? 1 : b->shape[kb];
        if (!cuv_dim_broadcast(da, db, &out->shape[i]))
            return cuv_shape_no(s, "the leading axes do not broadcast");
    }
    out->shape[lead] = a->shape[ta ? ra - 1 : ra - 2];
    out->shape[lead + 1] = b->shape[tb ? rb - 2 : rb - 1];
    return CUV_OK;
}

static cuv_status check_act(const cuv_shaping *s, const cuv_act *act)
{
    const cuv_op_info *about = cuv_op_about(act->op);
    if (act->op == CUV_OP_NONE || act->op == CUV_OP_SOFTMAX)
        return CUV_OK;
    if (act->op >= CUV_OP_NEG && act->op < CUV_OP_PRELU && act->op != CUV_OP_LOGICAL_NOT && act->op != CUV_OP_IS_NAN &&
        act->op != CUV_OP_IS_INF && act->op != CUV_OP_CAST)
        return CUV_OK;
    return cuv_shape_no(s, "%s cannot be the activation of another op", about->name);
}

cuv_status cuv_shape_dense(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1];
    if (x->rank < 1 || kernel->rank != 2)
        return cuv_shape_no(s, "the kernel must be (in, out)");
    int64_t in = x->shape[x->rank - 1];
    if (!cuv_dim_merge(in, kernel->shape[0], &in))
        return cuv_shape_no(s, "x has %lld values in its last axis, the kernel takes %lld",
                            (long long)x->shape[x->rank - 1], (long long)kernel->shape[0]);
    CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 2), "bias", &kernel->shape[1], 1));
    CUV_TRY(check_act(s, &s->at->act));
    cuv_shape_like(s, 0, x, x->dtype)->shape[x->rank - 1] = kernel->shape[1];
    return CUV_OK;
}

/* ---- windows over space ---- */

void cuv_same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t *lo, int64_t *hi)
{
    int64_t out = (size + stride - 1) / stride;
    int64_t total = (out - 1) * stride + (kernel - 1) * dilation + 1 - size;
    if (total < 0)
        total = 0;
    *lo = total / 2;
    *hi = total - *lo;
}

static cuv_status check_window(const cuv_shaping *s, int i, int64_t *stride, int64_t *dilation)
{
    const cuv_attrs *at = s->at;
    *stride = one(at->stride[i]);
    *dilation = one(at->dilation[i]);
    if (*stride < 1 || *stride > CUV_MAX_ATTR || *dilation < 1 || *dilation > CUV_MAX_ATTR)
        return cuv_shape_no(s, "stride %lld, dilation %lld", (long long)*stride, (long long)*dilation);
    if (!at->same && (at->pad_lo[i] < -CUV_MAX_ATTR || at->pad_lo[i] > CUV_MAX_ATTR || at->pad_hi[i] < -CUV_MAX_ATTR ||
                      at->pad_hi[i] > CUV_MAX_ATTR))
        return cuv_shape_no(s, "padding of %lld and %lld", (long long)at->pad_lo[i], (long long)at->pad_hi[i]);
    return CUV_OK;
}

/* Places that a window of `k` cells takes along spatial axis i of size n. */
static cuv_status window_places(const cuv_shaping *s, int i, int64_t n, int64_t k, int64_t *out)
{
    int64_t stride, dilation, reach, room;
    CUV_TRY(check_window(s, i, &stride, &dilation));
    *out = -1;
    if (n < 0 || k < 0)
        return CUV_OK;
    if (k < 1 || !cuv_dim_mul(k - 1, dilation, &reach))
        return cuv_shape_no(s, "a window of %lld cells, dilated %lld times", (long long)k, (long long)dilation);
    if (s->at->same) {
        *out = (n + stride - 1) / stride;
        return CUV_OK;
    }
    room = n + s->at->pad_lo[i] + s->at->pad_hi[i] - reach - 1;
    if (room < 0)
        return cuv_shape_no(s, "a window of %lld cells does not fit into %lld along spatial axis %d",
                            (long long)(reach + 1), (long long)(n + s->at->pad_lo[i] + s->at->pad_hi[i]), i);
    *out = room / stride + 1;
    return CUV_OK;
}

static cuv_status spatial_rank(const cuv_shaping *s, const cuv_var *x, int *d)
{
    *d = x->rank - 2;
    if (*d < 1 || *d > 3)
        return cuv_shape_no(s, "x must be (batch, one to three spatial axes, channels)");
    return CUV_OK;
}

cuv_status cuv_shape_conv(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1];
    int64_t groups = one(s->at->groups), in, wanted;
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    if (kernel->rank != d + 2)
        return cuv_shape_no(s, "the kernel must have %d axes", d + 2);
    in = kernel->shape[d];
    if (groups < 1 || (kernel->shape[d + 1] >= 0 && kernel->shape[d + 1] % groups != 0))
        return cuv_shape_no(s, "%lld filters in %lld groups", (long long)kernel->shape[d + 1], (long long)groups);
    if (!cuv_dim_mul(in, groups, &wanted) || !cuv_dim_merge(x->shape[d + 1], wanted, &in))
        return cuv_shape_no(s, "x has %lld channels, the kernel takes %lld", (long long)x->shape[d + 1],
                            (long long)wanted);
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++)
        CUV_TRY(window_places(s, i, x->shape[1 + i], kernel->shape[i], &out->shape[1 + i]));
    out->shape[d + 1] = kernel->shape[d + 1];
    CUV_TRY(check_act(s, &s->at->act));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "bias", &out->shape[d + 1], 1);
}

cuv_status cuv_shape_depthwise(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1];
    int64_t in;
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    if (kernel->rank != d + 2)
        return cuv_shape_no(s, "the kernel must have %d axes", d + 2);
    if (!cuv_dim_merge(x->shape[d + 1], kernel->shape[d], &in))
        return cuv_shape_no(s, "x has %lld channels, the kernel takes %lld", (long long)x->shape[d + 1],
                            (long long)kernel->shape[d]);
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++)
        CUV_TRY(window_places(s, i, x->shape[1 + i], kernel->shape[i], &out->shape[1 + i]));
    if (!cuv_dim_mul(in, kernel->shape[d + 1], &out->shape[d + 1]))
        return cuv_shape_no(s, "too many channels");
    CUV_TRY(check_act(s, &s->at->act));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "bias", &out->shape[d + 1], 1);
}

static cuv_status transposed_size(const cuv_shaping *s, int i, int64_t n, int64_t k, int64_t *out)
{
    int64_t stride, dilation, reach, span, size = s->at->size[i];
    CUV_TRY(check_window(s, i, &stride, &dilation));
    if (size > CUV_MAX_DIM || !cuv_dim_mul(k < 0 ? k : k - 1, dilation, &reach) || k == 0)
        return cuv_shape_no(s, "a window of %lld cells to size %lld", (long long)k, (long long)size);
    if (!cuv_dim_mul(n < 0 ? n : n > 0 ? n - 1 : 0, stride, &span))
        return cuv_shape_no(s, "spatial axis %d would become too large", i);
    *out = size > 0 ? size : -1;
    if (size > 0 || reach < 0 || span < 0)
        return CUV_OK;
    *out = span + reach + 1 - s->at->pad_lo[i] - s->at->pad_hi[i];
    if (n == 0 || *out < 0)
        return cuv_shape_no(s, "nothing is left of spatial axis %d", i);
    return CUV_OK;
}

cuv_status cuv_shape_conv_transpose(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1];
    int64_t groups = one(s->at->groups), in;
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    if (kernel->rank != d + 2)
        return cuv_shape_no(s, "the kernel must have %d axes", d + 2);
    if (!cuv_dim_merge(x->shape[d + 1], kernel->shape[d + 1], &in) || groups < 1 || (in >= 0 && in % groups != 0))
        return cuv_shape_no(s, "x has %lld channels, the kernel takes %lld in %lld groups", (long long)x->shape[d + 1],
                            (long long)kernel->shape[d + 1], (long long)groups);
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++)
        CUV_TRY(transposed_size(s, i, x->shape[1 + i], kernel->shape[i], &out->shape[1 + i]));
    if (!cuv_dim_mul(kernel->shape[d], groups, &out->shape[d + 1]))
        return cuv_shape_no(s, "too many channels");
    CUV_TRY(check_act(s, &s->at->act));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "bias", &out->shape[d + 1], 1);
}

cuv_status cuv_shape_local_conv(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1];
    int64_t places = 1, taps = 1;
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    if (kernel->rank != 3)
        return cuv_shape_no(s, "the kernel must be (places, window cells times channels, filters)");
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++) {
        int64_t k = one(s->at->window[i]), stride = one(s->at->stride[i]), n = x->shape[1 + i];
        if (k < 1 || k > CUV_MAX_ATTR || stride < 1 || stride > CUV_MAX_ATTR || (n >= 0 && k > n))
            return cuv_shape_no(s, "a window of %lld cells, stride %lld along spatial axis %d", (long long)k,
                                (long long)stride, i);
        out->shape[1 + i] = n < 0 ? -1 : (n - k) / stride + 1;
        if (!cuv_dim_mul(places, out->shape[1 + i], &places) || !cuv_dim_mul(taps, k, &taps))
            return cuv_shape_no(s, "too many places");
    }
    out->shape[d + 1] = kernel->shape[2];
    if (!cuv_dim_mul(taps, x->shape[d + 1], &taps))
        return cuv_shape_no(s, "too many weights for each place");
    CUV_TRY(cuv_shape_expect(s, kernel, "kernel", (const int64_t[]){places, taps, kernel->shape[2]}, 3));
    CUV_TRY(check_act(s, &s->at->act));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "bias", out->shape + 1, d + 1);
}

cuv_status cuv_shape_pool(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++) {
        int64_t k = one(s->at->window[i]);
        if (k < 1 || k > CUV_MAX_ATTR)
            return cuv_shape_no(s, "a window of %lld cells", (long long)k);
        CUV_TRY(window_places(s, i, x->shape[1 + i], k, &out->shape[1 + i]));
    }
    return CUV_OK;
}

cuv_status cuv_shape_adaptive_pool(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int d;
    CUV_TRY(spatial_rank(s, x, &d));
    cuv_var *out = cuv_shape_like(s, 0, x, x->dtype);
    for (int i = 0; i < d; i++) {
        if (s->at->size[i] < 1 || s->at->size[i] > CUV_MAX_ATTR || x->shape[1 + i] == 0)
            return cuv_shape_no(s, "size %lld from %lld", (long long)s->at->size[i], (long long)x->shape[1 + i]);
        out->shape[1 + i] = s->at->size[i];
    }
    return CUV_OK;
}
