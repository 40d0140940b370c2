/* Reference kernels of softmax and log_softmax. */
#include "run/kernels.h"

size_t cuv_scratch_softmax(const cuv_kernel_args *a)
{
    const cuv_run_tensor *x = &a->in[0];
    unsigned axes = cuv_axes_mask(a->attrs, 1u << (x->rank - 1));
    size_t groups = 1;
    for (int i = 0; i < x->rank; i++)
        groups *= axes >> i & 1 ? 1 : (size_t)x->shape[i];
    return 2 * sizeof(double) * groups;
}

#include "run/as_float.h"
#include "run/kernels_softmax.inc"
#include "run/as_double.h"
#include "run/kernels_softmax.inc"
