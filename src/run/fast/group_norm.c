/* Normalisation over groups of channels: sums by channel, then by group, then each channel by its own scale and shift. */
#include "run/fast/fast.h"

typedef struct group_job { const cuv_kernel_args *a; size_t places, n, groups; } group_job;

/* Of each group the mean of what its channels have, over as many numbers as it has; from[c] becomes it. */
static void share(const group_job *j, float *from)
{
    const size_t each = j->n / j->groups;
    for (size_t g = 0; g < j->groups; g++, from += each) {
        double sum = 0;
        for (size_t c = 0; c < each; c++)
            sum += (double)from[c];
        for (size_t c = 0; c < each; c++)
            from[c] = (float)(sum / (double)(each * j->places));
    }
}

static void sample_part(void *arg, size_t part, size_t thread)
{
    const group_job *j = arg;
    const cuv_kernel_args *a = j->a;
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *gamma = cuv_operand(a, 1), *beta = cuv_operand(a, 2);
    const size_t n = j->n;
    const float *x = (const float *)a->in[0].data + part * j->places * n;
    float *mean = (float *)a->scratch + thread * 2 * n, *scale = mean + n;
    f->isa->sum_rows(mean, x, j->places, n, n);
    share(j, mean);
    f->isa->square_rows(scale, x, mean, j->places, n, n);
    share(j, scale);
    for (size_t c = 0; c < n; c++) {
        scale[c] = (gamma ? ((const float *)gamma->data)[c] : 1) / sqrtf(scale[c] + (float)a->attrs->epsilon);
        mean[c] = (beta ? ((const float *)beta->data)[c] : 0) - mean[c] * scale[c];
    }
    f->isa->affine((float *)a->out[0].data + part * j->places * n, x, scale, mean, j->places, n);
}

static void run_group_norm(const cuv_kernel_args *a)
{
    enum { FEW = 12500 };       /* floats, for one thread */
    const cuv_prepared *f = a->prepared;
    const cuv_run_tensor *x = &a->in[0];
    group_job j = {a, cuv_span(x, 1, x->rank - 1), (size_t)x->shape[x->rank - 1], (size_t)(a->attrs->groups ? a->attrs->groups : 1)};
    cuv_parallel(cuv_run_count(x) > FEW ? f->pool : NULL, (size_t)x->shape[0], sample_part, &j);
}

cuv_status cuv_choose_group_norm(const cuv_chooser *c, cuv_op op, const cuv_kernel_args *a, cuv_prepared *to, cuv_kernel *kernel)
{
    if (op != CUV_OP_GROUP_NORM)
        return CUV_OK;
    to->scratch = 2 * sizeof(float) * (size_t)a->in[0].shape[a->in[0].rank - 1] * cuv_pool_threads(c->pool);
    *kernel = run_group_norm;
    return CUV_OK;
}
