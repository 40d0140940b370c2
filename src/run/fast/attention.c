/* Attention, head by head: scores as a product with the packed keys, softmax, product with the packed values; some rows at a time, so that
 * their scores stay in the nearest cache. Heads may lie before the rows or, as dense layers make them, between them. */
#include "run/fast/fast.h"

enum { SCORES = 6144 };         /* floats of the rows that go through at once */

typedef struct heads {
    const cuv_kernel_args *a;
    const cuv_prepared *f;
    size_t count, queries, keys, d, e;      /* count: heads of a sample */
    int64_t stride[4];          /* of the mask */
} heads;

static unsigned turned(const cuv_prepared *f) { return f->fused ? f->fused->turned : 0; }

/* Where a head's rows of `n` floats begin in tensor k (3: the result), and how far apart they are. */
static float *head_of(const heads *h, int k, size_t head, size_t rows, size_t n, size_t *step)
{
    const bool between = turned(h->f) >> k & 1;
    float *data = k == 3 ? h->a->out[0].data : h->a->in[k].data;
    *step = between ? h->count * n : n;
    return data + (between ? head / h->count * h->count * rows * n + head % h->count * n : head * rows * n);
}

/* Rows [first, first + count) of scores to weights; what the mask forbids is 0. */
static void mask_rows(const heads *h, size_t head, size_t first, size_t count, float *weights)
{
    const cuv_run_tensor *mask = &h->a->in[3];
    const int64_t b = (int64_t)(head / h->count), n = (int64_t)(head % h->count);
    for (size_t t = first; t < first + count; t++, weights += h->keys) {
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

/* Floats of scratch for one head: packed keys and values, and scores where nobody reads them. */
static size_t keys_floats(const cuv_isa *isa, const heads *h) { return cuv_packed_floats(h->d, h->keys, isa->panel); }
static size_t values_floats(const cuv_isa *isa, const heads *h) { return cuv_packed_floats(h->keys, h->e, isa->panel); }

static size_t rows_at_once(const cuv_isa *isa, const heads *h)
{
    const size_t fit = SCORES / h->keys / isa->tile * isa->tile, rows = fit < isa->tile ? isa->tile : fit;
    return rows < h->queries ? rows : h->queries;
}

static void run_head(void *arg, size_t head, size_t thread)
{
    const heads *h = arg;
    const cuv_prepared *f = h->f;
    const cuv_isa *isa = f->isa;
    const size_t rows = rows_at_once(isa, h);
    const bool unread = f->fused && f->fused->unread;
    float *keys = (float *)h->a->scratch + thread * f->chunk, *values = keys + keys_floats(isa, h), *room = values + values_floats(isa, h);
    cuv_product score = {.cols = h->keys, .k = h->d, .taps = 1, .packed = keys, .y_step = h->keys};
    cuv_product sum = {.cols = h->e, .k = h->keys, .taps = 1, .packed = values, .x_step = h->keys};
    size_t step;
    const float *k = head_of(h, 1, head, h->keys, h->d, &step);
    cuv_pack(keys, k, h->d, h->keys, 1, step, isa->panel);
    const float *v = head_of(h, 2, head, h->keys, h->e, &step);
    cuv_pack(values, v, h->keys, h->e, step, 1, isa->panel);
    const float *q = head_of(h, 0, head, h->queries, h->d, &score.x_step);
    float *y = head_of(h, 3, head, h->queries, h->e, &sum.y_step);
    for (size_t t = 0; t < h->queries; t += rows) {
        float *weights = unread ? room : (float *)h->a->out[1].data + (head * h->queries + t) * h->keys;
        score.rows = sum.rows = h->queries - t < rows ? h->queries - t : rows;
        score.x = q + t * score.x_step;
        sum.x = score.y = weights;
        sum.y = y + t * sum.y_step;
        isa->product(&score, 0, score.rows, 0, cuv_panels(isa, h->keys));
        if (cuv_operand(h->a, 3))
            mask_rows(h, head, t, score.rows, weights);
        else
            isa->softmax(weights, weights, score.rows, h->keys, (float)h->a->attrs->alpha);
        isa->product(&sum, 0, sum.rows, 0, cuv_panels(isa, h->e));
    }
}

static heads heads_of(const cuv_kernel_args *a, const cuv_prepared *f)
{
    const unsigned between = turned(f);
    const int64_t *q = a->in[0].shape, *k = a->in[1].shape;
    return (heads){.a = a, .f = f, .count = (size_t)q[between & 1 ? 2 : 1], .queries = (size_t)q[between & 1 ? 1 : 2],
                   .keys = (size_t)k[between & 2 ? 1 : 2], .d = (size_t)q[3], .e = (size_t)a->in[2].shape[3]};
}

static void run_attention(const cuv_kernel_args *a)
{
    const cuv_run_tensor *mask = cuv_operand(a, 3);
    heads h = heads_of(a, a->prepared);
    int64_t span = 1;
    for (int i = 3, at = mask ? mask->rank - 1 : -1; at >= 0; i--, at--) {
        h.stride[i] = mask->shape[at] == 1 ? 0 : span;
        span *= mask->shape[at];
    }
    cuv_parallel(h.f->pool, (size_t)a->in[0].shape[0] * h.count, run_head, &h);
}

bool cuv_can_attention(const cuv_kernel_args *a)
{
    bool can = a->attrs->alpha > 0;
    for (int k = 0; k < 3; k++)
        can &= a->in[k].dtype == CUV_F32 && a->in[k].rank == 4 && cuv_run_count(&a->in[k]);
    return can;
}

cuv_status cuv_choose_attention(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_ATTENTION || !cuv_can_attention(a))
        return CUV_OK;
    const heads h = heads_of(a, to);
    size_t scores;
    const size_t keys = keys_floats(c->isa, &h), values = values_floats(c->isa, &h);
    if (!cuv_mul_size(rows_at_once(c->isa, &h), h.keys, &scores) || !cuv_add_size(keys, values, &to->chunk) ||
        !cuv_add_size(to->chunk, scores, &to->chunk) || !cuv_mul_size(to->chunk, cuv_pool_threads(c->pool) * sizeof(float), &to->scratch))
        return cuv_oom(c->cx);
    *kernel = run_attention;
    return CUV_OK;
}
