/* Kernels of convolutions that are transformed before they are packed: a panel of columns for each of several products. */
#include "run/fast/fast.h"

bool cuv_transform_pays(const cuv_chooser *c, int64_t places)
{
    enum { OFTEN = 512 };
    return c->lasting || places >= OFTEN;
}

typedef struct pack_job {
    const cuv_transform *w;
    const float *scale;         /* of the columns, or NULL */
    float *packed;
    size_t panel, depth, parts; /* depth: floats of one product's panels */
} pack_job;

static void pack_columns(const pack_job *j, size_t row, size_t col, float *to)
{
    float u[CUV_MOST_POINTS][CUV_STRIDE], scale[CUV_STRIDE];
    const size_t wide = col >= j->w->co ? 0 : j->w->co - col < CUV_STRIDE ? j->w->co - col : CUV_STRIDE;
    j->w->columns(j->w, row, wide ? col : 0, wide, u);
    for (size_t c = 0; c < CUV_STRIDE; c++)
        scale[c] = j->scale && c < wide ? j->scale[col + c] : 1;
    for (size_t e = 0; e < j->w->points; e++, to += j->depth)
        for (size_t c = 0; c < CUV_STRIDE; c++)
            to[c] = u[e][c] * scale[c];
}

static void pack_part(void *arg, size_t part, size_t thread)
{
    const pack_job *j = arg;
    const size_t k = j->w->rows, first = k * part / j->parts, end = k * (part + 1) / j->parts;
    (void)thread;
    for (size_t n = 0; n < j->depth; n += k * j->panel)
        for (size_t row = first; row < end; row++)
            for (size_t c = 0; c < j->panel; c += CUV_STRIDE)
                pack_columns(j, row, n / k + c, j->packed + n + row * j->panel + c);
}

cuv_status cuv_fast_transformed(const cuv_chooser *c, const cuv_transform *w, const float *bias, cuv_prepared *to)
{
    const size_t panel = c->isa->panel, depth = cuv_packed_floats(w->rows, w->co, panel), width = to->panels * panel;
    const float *scale = to->fused ? to->fused->scale : NULL;
    const bool has_bias = bias || scale;
    bool ready;
    float *packed = depth > SIZE_MAX / 64 ? NULL : cuv_fast_kept(c, w->layout, w->points * depth, &ready);
    float *padded = has_bias ? cuv_fast_room(c, width) : NULL;
    if (!packed || (has_bias && !padded))
        return cuv_oom(c->cx);
    pack_job j = {w, scale, packed, panel, depth, cuv_pool_threads(c->pool)};
    if (!ready)
        cuv_parallel(c->pool, j.parts, pack_part, &j);
    if (has_bias)
        cuv_fast_bias(to->fused, bias, 0, w->co, width, padded);
    to->product.packed = packed;
    to->product.bias = padded;
    to->product.cols = w->co;
    return CUV_OK;
}
