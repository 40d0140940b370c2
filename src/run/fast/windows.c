/* Pools: the cells of a window are folded into the output, all channels at once. */
#include "run/fast/fast.h"

enum { FEW = 50000 };       /* too few floats for several threads */

typedef struct pool_job { const cuv_prepared *f; const cuv_kernel_args *a; size_t each, parts; } pool_job;

static void pool_part(void *arg, size_t part, size_t thread)
{
    const pool_job *j = arg;
    cuv_window d = j->f->window;
    const size_t image = part / j->parts, first = part % j->parts * j->each;
    (void)thread;
    d.x = (const float *)j->a->in[0].data + image * d.in_h * d.in_w * d.x_step;
    d.y = (float *)j->a->out[0].data + image * d.out_h * d.out_w * d.y_step;
    j->f->isa->pool(&d, first, d.out_h - first < j->each ? d.out_h : first + j->each, j->f->act == CUV_OP_MAX_POOL);
}

static void run_pool(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const size_t threads = cuv_pool_threads(f->pool), images = (size_t)f->space.b, rows = f->window.out_h;
    pool_job j = {f, a, rows, 1};
    if (threads > 1 && images < 4 * threads)
        j.each = (rows * images + 4 * threads - 1) / (4 * threads);
    j.parts = (rows + j.each - 1) / j.each;
    cuv_parallel(cuv_run_count(&a->in[0]) > FEW ? f->pool : NULL, images * j.parts, pool_part, &j);
}

/* ---- three dimensions ---- */

static void fold_place(const cuv_prepared *f, const float *x, const int64_t *o, float *y)
{
    const cuv_space *s = &f->space;
    const size_t n = (size_t)s->ci;
    int64_t at[3], first[3], end[3], cells = 0;
    for (int i = 0; i < 3; i++)
        cuv_space_taps(s, i, o[i], &at[i], &first[i], &end[i]);
    for (int64_t p = first[0]; p < end[0]; p++)
        for (int64_t q = first[1]; q < end[1]; q++)
            for (int64_t r = first[2]; r < end[2]; r++) {
                const float *cell = x + (((at[0] + p * s->dilation[0]) * s->in[1] + at[1] + q * s->dilation[1]) * s->in[2] +
                                         at[2] + r * s->dilation[2]) * s->ci;
                if (!cells++)
                    memcpy(y, cell, n * sizeof *y);
                else if (f->act == CUV_OP_MAX_POOL)
                    f->isa->fold_max(y, cell, n);
                else
                    f->isa->fold_add(y, cell, n);
            }
    if (f->act == CUV_OP_AVG_POOL)
        f->isa->scale(y, n, 1 / (float)cells);
}

/* One line of the last spatial axis. */
static void line_part(void *arg, size_t part, size_t thread)
{
    const pool_job *j = arg;
    const cuv_space *s = &j->f->space;
    const int64_t lines = s->out[0] * s->out[1], b = (int64_t)part / lines, line = (int64_t)part % lines;
    const float *x = (const float *)j->a->in[0].data + b * s->in[0] * s->in[1] * s->in[2] * s->ci;
    float *y = (float *)j->a->out[0].data + (int64_t)part * s->out[2] * s->ci;
    int64_t o[3] = {line / s->out[1], line % s->out[1], 0};
    (void)thread;
    for (; o[2] < s->out[2]; o[2]++, y += s->ci)
        fold_place(j->f, x, o, y);
}

static void run_pool_3d(const cuv_kernel_args *a)
{
    const cuv_prepared *f = a->prepared;
    const cuv_space *s = &f->space;
    pool_job j = {f, a, 0, 0};
    const size_t parts = (size_t)(s->b * s->out[0] * s->out[1]);
    cuv_parallel(cuv_run_count(&a->in[0]) > FEW ? f->pool : NULL, parts, line_part, &j);
}

/* Windows that lie in the padding alone are left to the reference kernel, which says what they give. */
cuv_status cuv_choose_pool(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    (void)c;
    if (op != CUV_OP_MAX_POOL && op != CUV_OP_AVG_POOL)
        return CUV_OK;
    to->act = op;
    to->space = cuv_space_of(a, a->attrs->window);
    for (int i = 0; i < 3; i++)
        for (int64_t o = 0; o < to->space.out[i]; o++) {
            int64_t at, first, end;
            cuv_space_taps(&to->space, i, o, &at, &first, &end);
            if (first >= end)
                return CUV_OK;
        }
    to->window = cuv_fast_window(&to->space);
    if (to->space.d > 2 && to->space.k[0] == 1 && to->space.stride[0] == 1 && !to->space.lo[0]) {      /* images of a sequence, each by itself */
        to->space.b *= to->space.in[0];
        to->space.d = 2;
    }
    *kernel = to->space.d > 2 ? run_pool_3d : run_pool;
    return CUV_OK;
}
