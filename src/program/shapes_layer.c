/* Shape rules of the composites: normalisation, attention, recurrence. */
#include "program/shapes.h"

/* ---- normalisation ---- */

static cuv_status batch_norm(const cuv_shaping *s)
{
    static const char *const names[] = {"x", "mean", "variance", "gamma", "beta"};
    CUV_TRY(cuv_shape_axis(s, s->at->axis, s->in[0]->rank));
    for (size_t i = 1; i < 5; i++)
        CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, i), names[i], &s->in[0]->shape[s->at->axis], 1));
    return CUV_OK;
}

static cuv_status group_norm(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int64_t groups = s->at->groups ? s->at->groups : 1, channels = x->rank < 2 ? 0 : x->shape[x->rank - 1];
    if (x->rank < 2 || groups < 1 || (channels >= 0 && channels % groups != 0))
        return cuv_shape_no(s, "%lld channels in %lld groups", (long long)channels, (long long)groups);
    CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 1), "gamma", &channels, 1));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "beta", &channels, 1);
}

/* layer_norm and rms_norm: the axes must be the last ones (none given: the last), gamma and beta have their shape. */
static cuv_status last_axes_norm(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int count = s->at->axes_count ? s->at->axes_count : 1;
    unsigned mask;
    if (x->rank < 1 || count > x->rank)
        return cuv_shape_no(s, "x has too few axes");
    CUV_TRY(cuv_shape_axes(s, x->rank, &mask));
    if (s->at->axes_count && mask != ((1u << count) - 1) << (x->rank - count))
        return cuv_shape_no(s, "only the last axes are normalised; transpose x before");
    CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 1), "gamma", x->shape + x->rank - count, count));
    return cuv_shape_expect(s, cuv_shape_in(s, 2), "beta", x->shape + x->rank - count, count);
}

cuv_status cuv_shape_norm(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], s->in[0]->dtype);
    if (s->op == CUV_OP_BATCH_NORM)
        return batch_norm(s);
    return s->op == CUV_OP_GROUP_NORM ? group_norm(s) : last_axes_norm(s);
}

/* ---- attention ---- */

cuv_status cuv_shape_attention(const cuv_shaping *s)
{
    const cuv_var *q = s->in[0], *k = s->in[1], *v = s->in[2], *mask = cuv_shape_in(s, 3);
    int64_t b, h, d, keys;
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return cuv_shape_no(s, "query, key and value must be (batch, heads, places, values)");
    if (!cuv_dim_merge(q->shape[0], k->shape[0], &b) || !cuv_dim_merge(b, v->shape[0], &b) ||
        !cuv_dim_merge(q->shape[1], k->shape[1], &h) || !cuv_dim_merge(h, v->shape[1], &h))
        return cuv_shape_no(s, "batch and heads of query, key and value differ");
    if (!cuv_dim_merge(q->shape[3], k->shape[3], &d) || !cuv_dim_merge(k->shape[2], v->shape[2], &keys))
        return cuv_shape_no(s, "query and key, or key and value, differ in size");
    int64_t y[] = {b, h, q->shape[2], v->shape[3]}, weights[] = {b, h, q->shape[2], keys};
    if (mask && mask->rank > 4)
        return cuv_shape_no(s, "the mask has %d axes", mask->rank);
    for (int i = 0; mask && i < mask->rank; i++) {
        int64_t dim, want = weights[4 - mask->rank + i];
        if (!cuv_dim_broadcast(mask->shape[i], want, &dim) || (want >= 0 && dim != want))
            return cuv_shape_no(s, "the mask does not broadcast to %s", cuv_shape_text(s->cx, weights, 4));
    }
    for (int i = 0; i < 2; i++) {
        s->out[i].rank = 4;
        s->out[i].dtype = q->dtype;
        memcpy(s->out[i].shape, i ? weights : y, sizeof y);
    }
    return CUV_OK;
}

/* ---- recurrence ---- */

/* x (b,t,in) kernel (in, gates u) recurrent (u, gates u) mask (b,t) and states (b,u) from input 5 on. */
static cuv_status recurrent(const cuv_shaping *s, int64_t gates, size_t states)
{
    const cuv_var *x = s->in[0], *kernel = s->in[1], *own = s->in[2];
    int64_t u, in, b, wide;
    if (x->rank != 3 || kernel->rank != 2 || own->rank != 2)
        return cuv_shape_no(s, "x must be (batch, time, values), the kernels must be matrices");
    u = own->shape[0];
    in = x->shape[2];
    b = x->shape[0];
    if (!cuv_dim_mul(u, gates, &wide))
        return cuv_shape_no(s, "too many units");
    if (!cuv_dim_merge(in, kernel->shape[0], &in))
        return cuv_shape_no(s, "x has %lld values in its last axis, the kernel takes %lld", (long long)x->shape[2],
                            (long long)kernel->shape[0]);
    CUV_TRY(cuv_shape_expect(s, kernel, "kernel", (const int64_t[]){in, wide}, 2));
    CUV_TRY(cuv_shape_expect(s, own, "recurrent kernel", (const int64_t[]){u, wide}, 2));
    CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 4), "mask", (const int64_t[]){b, x->shape[1]}, 2));
    for (size_t i = 0; i < states; i++)
        CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 5 + i), "initial state", (const int64_t[]){b, u}, 2));
    s->out[0] = (cuv_var){.dtype = x->dtype, .rank = 2, .shape = {b, u}};
    if (s->at->sequences)
        s->out[0] = (cuv_var){.dtype = x->dtype, .rank = 3, .shape = {b, x->shape[1], u}};
    for (size_t i = 1; i <= states; i++)
        s->out[i] = (cuv_var){.dtype = x->dtype, .rank = 2, .shape = {b, u}};
    return CUV_OK;
}

static cuv_status bias(const cuv_shaping *s)
{
    return cuv_shape_expect(s, cuv_shape_in(s, 3), "bias", &s->in[1]->shape[1], 1);
}

cuv_status cuv_shape_lstm(const cuv_shaping *s)
{
    CUV_TRY(recurrent(s, 4, 2));
    return bias(s);
}

cuv_status cuv_shape_gru(const cuv_shaping *s)
{
    const cuv_var *b = cuv_shape_in(s, 3);
    CUV_TRY(recurrent(s, 3, 1));
    if (b && b->rank == 2 && s->at->reset_after)
        return cuv_shape_expect(s, b, "bias", (const int64_t[]){2, s->in[1]->shape[1]}, 2);
    return bias(s);
}

/* z (b,t,places..,4u) recurrent (k..,u,4u) mask (b,t) and states (b,places..,u). */
cuv_status cuv_shape_conv_lstm(const cuv_shaping *s)
{
    const cuv_var *z = s->in[0], *own = s->in[1];
    const int d = z->rank - 3;
    cuv_var state = {.dtype = z->dtype, .rank = d + 2};
    int64_t wide;
    if (d < 1 || d > 3 || own->rank != d + 2)
        return cuv_shape_no(s, "z must be (batch, time, places..., gates), the kernel (sizes..., units, gates)");
    state.shape[0] = z->shape[0];
    for (int i = 1; i <= d; i++)
        state.shape[i] = z->shape[i + 1];
    state.shape[d + 1] = own->shape[d];
    if (!cuv_dim_mul(own->shape[d], 4, &wide) || !cuv_dim_merge(wide, own->shape[d + 1], &wide) ||
        !cuv_dim_merge(wide, z->shape[d + 2], &wide))
        return cuv_shape_no(s, "gates of %lld channels for %lld units", (long long)z->shape[d + 2], (long long)own->shape[d]);
    CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, 2), "mask", z->shape, 2));
    for (size_t i = 3; i < 5; i++)
        CUV_TRY(cuv_shape_expect(s, cuv_shape_in(s, i), "initial state", state.shape, state.rank));
    for (size_t i = 0; i < 3; i++)
        s->out[i] = state;
    if (!s->at->sequences)
        return CUV_OK;
    s->out[0].rank = z->rank;
    memcpy(s->out[0].shape, z->shape, sizeof z->shape);
    s->out[0].shape[d + 2] = own->shape[d];
    return CUV_OK;
}

cuv_status cuv_shape_rnn(const cuv_shaping *s)
{
    CUV_TRY(recurrent(s, 1, 1));
    return bias(s);
}
