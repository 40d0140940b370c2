/* Reference kernels of sort, argsort and top_k. */
#include "run/kernels.h"

size_t cuv_scratch_sort(const cuv_kernel_args *a)
{
    return 2 * sizeof(int32_t) * (size_t)a->in[0].shape[a->attrs->axis];
}

size_t cuv_scratch_top_k(const cuv_kernel_args *a)
{
    return 2 * sizeof(int32_t) * (size_t)a->in[0].shape[a->in[0].rank - 1];
}

#include "run/as_float.h"
#include "run/kernels_sort.inc"
#include "run/as_double.h"
#include "run/kernels_sort.inc"
#include "run/as_int32.h"
#include "run/kernels_sort.inc"
#include "run/as_int64.h"
#include "run/kernels_sort.inc"
