/* Sums, means, largest and least numbers over neighbouring axes. */
#include "run/fast/fast.h"

/* (outer, middle, inner) over middle. */
typedef struct reduce_job { const cuv_prepared *f; const float *x; float *y; size_t outer, middle, inner, each, parts; } reduce_job;

/* Some columns of one of the outer sizes. */
static void columns_part(void *arg, size_t part, size_t thread)
{
    const reduce_job *j = arg;
    const cuv_isa *isa = j->f->isa;
    const size_t outer = part / j->parts, first = part % j->parts * j->each, n = j->inner - first < j->each ? j->inner - first : j->each;
    const cuv_op op = j->f->act;
    float *y = j->y + outer * j->inner + first;
    (void)thread;
    (op == CUV_OP_MAX ? isa->max_rows : op == CUV_OP_MIN ? isa->min_rows : isa->sum_rows)(y, j->x + outer * j->middle * j->inner + first, j->middle, n,
                                                                                      j->inner);
    if (op == CUV_OP_MEAN)
        isa->scale(y, n, 1 / (float)j->middle);
}

/* Some rows, each to one number. */
static void rows_part(void *arg, size_t part, size_t thread)
{
    const reduce_job *j = arg;
    const size_t end = j->outer - part * j->each < j->each ? j->outer : (part + 1) * j->each;
    (void)thread;
    for (size_t r = part * j->each; r < end; r++)
        j->y[r] = j->f->isa->reduce_row(j->f->act, j->x + r * j->middle, j->middle) / (j->f->act == CUV_OP_MEAN ? (float)j->middle : 1);
}

static void run_reduce(const cuv_kernel_args *a)
{
    enum { LINE = 32, FEW = 50000 };        /* floats that one thread reads of each row, at least; too few for several threads */
    const cuv_prepared *f = a->prepared;
    const size_t outer = f->chunk, inner = f->panels, all = cuv_run_count(&a->in[0]), threads = all > FEW ? cuv_pool_threads(f->pool) : 1;
    reduce_job j = {f, a->in[0].data, a->out[0].data, outer, all / (outer * inner), inner, inner, 1};
    cuv_pool *pool = threads > 1 ? f->pool : NULL;
    if (inner == 1) {
        j.each = (outer + threads - 1) / threads;
        cuv_parallel(pool, (outer + j.each - 1) / j.each, rows_part, &j);
        return;
    }
    if (outer % threads)
        j.each = ((inner + threads - 1) / threads + LINE - 1) / LINE * LINE;
    j.parts = (inner + j.each - 1) / j.each;
    cuv_parallel(pool, outer * j.parts, columns_part, &j);
}

/* The reduced axes are neighbours, and what follows them is nothing or fills a vector. */
static bool neighbours(const cuv_kernel_args *a, cuv_prepared *to)
{
    const cuv_run_tensor *x = &a->in[0];
    const unsigned axes = cuv_axes_mask(a->attrs, ~0u);
    int first = 0, end;
    while (first < x->rank && !(axes >> first & 1))
        first++;
    for (end = first; end < x->rank && axes >> end & 1;)
        end++;
    for (int i = end; i < x->rank; i++)
        if (axes >> i & 1)
            return false;
    to->chunk = cuv_span(x, 0, first);
    to->panels = cuv_span(x, end, x->rank);
    return first < end && (to->panels == 1 || to->panels >= 8) && cuv_run_count(x);
}

cuv_status cuv_choose_reduce(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    (void)c;
    to->act = op;
    if ((op == CUV_OP_MEAN || op == CUV_OP_SUM || op == CUV_OP_MAX || op == CUV_OP_MIN) && neighbours(a, to))
        *kernel = run_reduce;
    return CUV_OK;
}
