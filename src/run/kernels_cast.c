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

/* ---- bitcast ---- */

static size_t byte_count(cuv_dtype dtype)
{
    switch ((int)dtype) {
    case CUV_I8: case CUV_U8: return 1;
    case CUV_I16: case CUV_U16: case CUV_F16: case CUV_BF16: return 2;
    case CUV_I32: case CUV_U32: case CUV_F32: return 4;
    default: return 8;
    }
}

/* The bits of element i, which may be kept in more of them. */
static uint64_t load_bits(const void *x, size_t i, cuv_dtype dtype)
{
    uint64_t bits = 0;
    uint32_t few = 0;
    switch ((int)dtype) {
    case CUV_F16: return cuv_f32_to_f16(((const float *)x)[i]);
    case CUV_BF16: return cuv_f32_to_bf16(((const float *)x)[i]);
    case CUV_F32: memcpy(&few, (const float *)x + i, sizeof few); return few;
    case CUV_F64: memcpy(&bits, (const double *)x + i, sizeof bits); return bits;
    case CUV_U32: case CUV_I64: case CUV_U64: return (uint64_t)((const int64_t *)x)[i];
    default: return (uint32_t)((const int32_t *)x)[i];
    }
}

static void store_bits(void *y, size_t i, cuv_dtype dtype, uint64_t bits)
{
    const uint32_t few = (uint32_t)bits;
    switch ((int)dtype) {
    case CUV_F16: ((float *)y)[i] = cuv_f16_to_f32((uint16_t)bits); break;
    case CUV_BF16: ((float *)y)[i] = cuv_bf16_to_f32((uint16_t)bits); break;
    case CUV_F32: memcpy((float *)y + i, &few, sizeof few); break;
    case CUV_F64: memcpy((double *)y + i, &bits, sizeof bits); break;
    case CUV_U32: ((int64_t *)y)[i] = few; break;
    case CUV_I64: case CUV_U64: ((int64_t *)y)[i] = (int64_t)bits; break;
    case CUV_I8: ((int32_t *)y)[i] = (int8_t)(uint8_t)bits; break;
    case CUV_U8: ((int32_t *)y)[i] = (uint8_t)bits; break;
    case CUV_I16: ((int32_t *)y)[i] = (int16_t)(uint16_t)bits; break;
    case CUV_U16: ((int32_t *)y)[i] = (uint16_t)bits; break;
    default: ((int32_t *)y)[i] = (int32_t)few; break;
    }
}

/* The lowest bytes come first. */
void cuv_k_bitcast(const cuv_kernel_args *a)
{
    const cuv_dtype from = a->attrs->from, to = a->attrs->dtype;
    const size_t old = byte_count(from), now = byte_count(to), whole = old > now ? old : now, step = old < now ? old : now;
    const size_t n = cuv_run_count(&a->in[0]) * old / whole, parts = whole / step;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = old == whole ? load_bits(a->in[0].data, i, from) : 0;
        for (size_t k = 0; old < whole && k < parts; k++)
            bits |= (load_bits(a->in[0].data, i * parts + k, from) & (UINT64_MAX >> (64 - 8 * old))) << (8 * old * k);
        for (size_t k = 0; now < whole && k < parts; k++)
            store_bits(a->out[0].data, i * parts + k, to, bits >> (8 * now * k));
        if (now == whole)
            store_bits(a->out[0].data, i, to, bits);
    }
}

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
