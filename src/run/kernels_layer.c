/* Reference kernels of the composites: normalisation, attention, recurrence. */
#include "run/kernels.h"

size_t cuv_scratch_batch_norm(const cuv_kernel_args *a)
{
    return 2 * sizeof(double) * (size_t)a->in[0].shape[a->attrs->axis];
}

size_t cuv_scratch_group_norm(const cuv_kernel_args *a)
{
    return 2 * sizeof(double) * (size_t)(a->attrs->groups ? a->attrs->groups : 1);
}

size_t cuv_scratch_recurrent(const cuv_kernel_args *a)
{
    return 7 * sizeof(double) * (size_t)a->in[2].shape[0];      /* gates from x and from h, and r h */
}

size_t cuv_scratch_conv_lstm(const cuv_kernel_args *a)
{
    return sizeof(double) * cuv_span(&a->in[0], 2, a->in[0].rank);      /* gates of one sample at one step */
}

#include "run/as_float.h"
#include "run/kernels_norm.inc"
#include "run/kernels_attention.inc"
#include "run/kernels_recurrent.inc"
#include "run/kernels_conv_lstm.inc"
#include "run/as_double.h"
#include "run/kernels_norm.inc"
#include "run/kernels_attention.inc"
#include "run/kernels_recurrent.inc"
#include "run/kernels_conv_lstm.inc"
