/* Windows over one to three spatial axes, for convolutions and pools. */
#include "run/kernels.h"

cuv_space cuv_space_of(const cuv_kernel_args *a, const int64_t *window)
{
    const cuv_run_tensor *x = &a->in[0], *y = &a->out[0];
    const cuv_attrs *at = a->attrs;
    cuv_space s = {.d = x->rank - 2, .b = x->shape[0], .ci = x->shape[x->rank - 1], .co = y->shape[y->rank - 1]};
    for (int i = 0; i < 3; i++) {
        int k = i - (3 - s.d);      /* spatial axis of x */
        s.in[i] = s.out[i] = s.k[i] = s.stride[i] = s.dilation[i] = 1;
        if (k < 0)
            continue;
        s.in[i] = x->shape[1 + k];
        s.out[i] = y->shape[1 + k];
        s.k[i] = window[k];
        s.stride[i] = at->stride[k] ? at->stride[k] : 1;
        s.dilation[i] = at->dilation[k] ? at->dilation[k] : 1;
        s.lo[i] = at->pad_lo[k];
        int64_t hi;
        if (at->same)
            cuv_same_padding(s.in[i], s.k[i], s.stride[i], s.dilation[i], &s.lo[i], &hi);
    }
    return s;
}

void cuv_space_taps(const cuv_space *s, int i, int64_t o, int64_t *at, int64_t *first, int64_t *end)
{
    const int64_t start = o * s->stride[i] - s->lo[i], d = s->dilation[i], room = s->in[i] - start;
    *at = start;
    *first = start < 0 ? (-start + d - 1) / d : 0;
    *end = room <= 0 ? 0 : (room + d - 1) / d;
    if (*end > s->k[i])
        *end = s->k[i];
    if (*first > *end)
        *first = *end;
}
