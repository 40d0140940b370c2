/* Dense layers and products of matrices. */
#include "run/fast/fast.h"

void cuv_fast_dense(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    cuv_product p = f->product;
    p.rows = cuv_run_count(&a->in[0]) / p.k;
    p.x = a->in[0].data;
    p.x_step = p.k;
    p.y = a->out[0].data;
    p.y_step = p.cols;
    p.add = cuv_fast_added(a);
    cuv_fast_product(f, &p, f->after, a->scratch);
}

bool cuv_can_dense(const cuv_kernel_args *a)
{
    const cuv_run_tensor *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    return a->in[1].data && (!bias || bias->data) && cuv_run_count(&a->in[1]);
}

static cuv_status pack(const cuv_chooser *c, const cuv_fused *fused, const float *w, size_t k, size_t cols, size_t row, size_t col, const float *bias,
                       cuv_prepared *to)
{
    CUV_TRY(cuv_fast_late(c, fused, w, k, cols, row, col, bias, &to->product));
    if (!to->product.raw)
        CUV_TRY(cuv_fast_pack(c, fused, w, k, cols, row, col, bias, &to->product));
    to->panels = cuv_panels(c->isa, cols);
    to->scratch = cuv_fast_late_floats(c->isa, &to->product) * cuv_pool_threads(c->pool) * sizeof(float);
    return CUV_OK;
}

static cuv_status choose_dense(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *w = &a->in[1], *bias = a->in_count > 2 && a->in[2].rank ? &a->in[2] : NULL;
    if (!cuv_can_dense(a))
        return CUV_OK;
    CUV_TRY(pack(c, to->fused, w->data, (size_t)w->shape[0], (size_t)w->shape[1], (size_t)w->shape[1], 1, bias ? bias->data : NULL, to));
    cuv_fast_clamp(to->after, &to->product);
    to->copied = 1u << 1;
    *kernel = cuv_fast_dense;
    return CUV_OK;
}

/* ---- a b, b made by the model ---- */

static void run_matmul(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *x = &a->in[0], *w = &a->in[1], *out = &a->out[0];
    const bool turned = a->attrs->transpose_b;
    cuv_product p = f->product;
    const size_t of_x = p.rows * p.k, of_w = p.k * p.cols;
    float *y = out->data, *packed = a->scratch;
    const float *last = NULL;
    cuv_walk at;
    cuv_walk_init(&at, out->shape, out->rank > 2 ? out->rank - 2 : 0, 2);
    cuv_walk_broadcast(&at, 0, x->shape, x->rank > 2 ? x->rank - 2 : 0);
    cuv_walk_broadcast(&at, 1, w->shape, w->rank > 2 ? w->rank - 2 : 0);
    if (!cuv_walk_start(&at))
        return;
    p.packed = packed;
    do {
        for (int64_t i = 0; i < at.n; i++, y += p.rows * p.cols) {
            const float *b = (const float *)w->data + (size_t)(at.offset[1] + i * at.step[1]) * of_w;
            if (b != last)
                cuv_pack(packed, b, p.k, p.cols, turned ? 1 : p.cols, turned ? p.k : 1, f->isa->panel);
            last = b;
            p.x = (const float *)x->data + (size_t)(at.offset[0] + i * at.step[0]) * of_x;
            p.y = y;
            cuv_fast_product(f, &p, NULL, NULL);
        }
    } while (cuv_walk_next(&at));
}

static cuv_status choose_matmul(const cuv_chooser *c, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    const cuv_run_tensor *x = &a->in[0], *w = &a->in[1];
    const bool turned = a->attrs->transpose_b;
    if (a->attrs->transpose_a || x->rank < 1 || w->rank < 2 || w->dtype != CUV_F32)
        return CUV_OK;
    const size_t k = (size_t)x->shape[x->rank - 1], cols = (size_t)w->shape[turned ? w->rank - 2 : w->rank - 1];
    const size_t floats = cuv_packed_floats(k, cols, c->isa->panel);
    if (!k || !cols || floats > SIZE_MAX / 8)
        return CUV_OK;
    if (w->data && w->rank == 2) {
        CUV_TRY(pack(c, NULL, w->data, k, cols, turned ? 1 : cols, turned ? k : 1, NULL, to));
        *kernel = cuv_fast_dense;
        return CUV_OK;
    }
    const size_t rows = x->rank > 1 ? (size_t)x->shape[x->rank - 2] : 1;
    if (rows < 4)
        return CUV_OK;
    to->product = (cuv_product){.rows = rows, .cols = cols, .k = k, .taps = 1, .x_step = k, .y_step = cols};
    to->panels = cuv_panels(c->isa, cols);
    to->scratch = floats * sizeof(float);
    *kernel = run_matmul;
    return CUV_OK;
}

cuv_status cuv_choose_linear(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op == CUV_OP_DENSE)
        return choose_dense(c, a, to, kernel);
    return op == CUV_OP_MATMUL ? choose_matmul(c, a, to, kernel) : CUV_OK;
}
