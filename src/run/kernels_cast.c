/* Reference kernels that change the dtype, test values, or count. */
#include "run/kernels.h"

static inline int32_t int_to_i32(int64_t x) { return (int32_t)(uint32_t)(uint64_t)x; }
static inline int64_t int_to_i64(int64_t x) { return x; }

#include "run/as_float.h"
#include "run/kernels_cast.inc"
#include "run/as_double.h"
#include "run/kernels_cast.inc"
#include "run/as_int32.h"
#include "run/kernels_cast.inc"
#include "run/as_int64.h"
#include "run/kernels_cast.inc"
#include "run/as_bool.h"
#include "run/kernels_cast.inc"

/* ---- one_hot: y[.., k] = (k == x[..]) ---- */

static void one_hot(const cuv_kernel_args *a, size_t i, int64_t hot)
{
    cuv_run_tensor *y = &a->out[0];
    size_t k = i * (size_t)a->attrs->count + (size_t)hot;
    if (hot < 0 || hot >= a->attrs->count)
        return;
    switch (y->dtype) {
    case CUV_BOOL: ((uint8_t *)y->data)[k] = 1; break;
    case CUV_I32: ((int32_t *)y->data)[k] = 1; break;
    case CUV_I64: ((int64_t *)y->data)[k] = 1; break;
    case CUV_F64: ((double *)y->data)[k] = 1; break;
    default: ((float *)y->data)[k] = 1; break;
    }
}

static void clear(const cuv_run_tensor *y)
{
    if (cuv_run_count(y))
        memset(y->data, 0, cuv_run_count(y) * cuv_stored_size(y->dtype));
}

void cuv_k_one_hot_i32(const cuv_kernel_args *a)
{
    clear(&a->out[0]);
    for (size_t i = 0; i < cuv_run_count(&a->in[0]); i++)
        one_hot(a, i, ((const int32_t *)a->in[0].data)[i]);
}

void cuv_k_one_hot_i64(const cuv_kernel_args *a)
{
    clear(&a->out[0]);
    for (size_t i = 0; i < cuv_run_count(&a->in[0]); i++)
        one_hot(a, i, ((const int64_t *)a->in[0].data)[i]);
}
