/* Attention, head by head: scores as a product with the packed keys, softmax, product with the packed values. */
#include "run/fast/fast.h"

typedef struct heads {
    const cuv_kernel_args *a;
    const cuv_prepared *f;
    size_t queries, keys, d, e;
    int64_t stride[4];          /* of the mask */
} heads;

/* Rows of scores to weights; what the mask forbids is 0. */
static void mask_rows(const heads *h, size_t head, float *weights)
{
    const cuv_run_tensor *mask = &h->a->in[3], *q = &h->a->in[0];
    const int64_t b = (int64_t)head / q->shape[1], n = (int64_t)head % q->shape[1];
    for (size_t t = 0; t < h->queries; t++, weights += h->keys) {
        const uint8_t *m = (const uint8_t *)mask->data + b * h->stride[0] + n * h->stride[1] + (int64_t)t * h->stride[2];
        size_t allowed = 0;
        for (size_t s = 0; s < h->keys; s++) {
            const bool on = m[(int64_t)s * h->stride[3]];
            allowed += on;
            weights[s] = on ? weights[s] : -INFINITY;
        }
        if (allowed)
            h->f->isa->softmax(weights, weights, 1, h->keys, (float)h->a->attrs->alpha);
        for (size_t s = 0; !allowed && s < h->keys; s++)
            weights[s] = h->a->attrs->masked_uniform ? 1 / (float)h->keys : 0;
    }
}

static void run_head(void *arg, size_t head, size_t thread)
{
    (void)thread;
    const heads *h = arg;
    const cuv_kernel_args *a = h->a;
    const cuv_isa *isa = h->f->isa;
    const size_t per = h->f->chunk;         /* floats of scratch for one head */
    float *packed = (float *)a->scratch + (cuv_pool_threads(h->f->pool) > 1 ? head * per : 0);
    float *weights = (float *)a->out[1].data + head * h->queries * h->keys;
    cuv_product p = {.rows = h->queries, .cols = h->keys, .k = h->d, .taps = 1, .packed = packed,
                     .x = (const float *)a->in[0].data + head * h->queries * h->d, .x_step = h->d, .y = weights,
                     .y_step = h->keys};
    cuv_pack(packed, (const float *)a->in[1].data + head * h->keys * h->d, h->d, h->keys, 1, h->d, isa->panel);
    isa->product(&p, 0, p.rows, 0, cuv_panels(isa, h->keys));
    if (cuv_operand(a, 3))
        mask_rows(h, head, weights);
    else
        isa->softmax(weights, weights, h->queries, h->keys, (float)a->attrs->alpha);
    p.cols = p.y_step = h->e;
    p.k = p.x_step = h->keys;
    p.x = weights;
    p.y = (float *)a->out[0].data + head * h->queries * h->e;
    cuv_pack(packed, (const float *)a->in[2].data + head * h->keys * h->e, h->keys, h->e, h->e, 1, isa->panel);
    isa->product(&p, 0, p.rows, 0, cuv_panels(isa, h->e));
}

static void run_attention(const cuv_kernel_args *a)
{
    const cuv_run_tensor *q = &a->in[0], *mask = cuv_operand(a, 3);
    heads h = {.a = a, .f = a->prepared, .queries = (size_t)q->shape[2], .keys = (size_t)a->in[1].shape[2],
               .d = (size_t)q->shape[3], .e = (size_t)a->in[2].shape[3]};
    int64_t span = 1;
    for (int i = 3, at = mask ? mask->rank - 1 : -1; at >= 0; i--, at--) {
        h.stride[i] = mask->shape[at] == 1 ? 0 : span;
        span *= mask->shape[at];
    }
    cuv_parallel(h.f->pool, (size_t)(q->shape[0] * q->shape[1]), run_head, &h);
}

cuv_status cuv_choose_attention(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_ATTENTION)
        return CUV_OK;
    const cuv_run_tensor *q = &a->in[0], *k = &a->in[1], *v = &a->in[2];
    const size_t scores = cuv_packed_floats((size_t)q->shape[3], (size_t)k->shape[2], c->isa->panel);
    const size_t values = cuv_packed_floats((size_t)k->shape[2], (size_t)v->shape[3], c->isa->panel);
    const size_t parts = cuv_pool_threads(c->pool) > 1 ? (size_t)(q->shape[0] * q->shape[1]) : 1;
    to->chunk = scores > values ? scores : values;
    if (!cuv_run_count(q) || !cuv_run_count(k) || !cuv_run_count(v) || !(a->attrs->alpha > 0) ||
        to->chunk > SIZE_MAX / 8 || !cuv_mul_size(to->chunk * sizeof(float), parts, &to->scratch))
        return CUV_OK;
    *kernel = run_attention;
    return CUV_OK;
}
