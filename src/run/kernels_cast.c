/* Reference kernels that change the dtype, test values, or compute with one integer. */
#include "run/kernels.h"

static inline int32_t int_to_i32(int64_t x) { return (int32_t)(uint32_t)(uint64_t)x; }
static inline int64_t int_to_i64(int64_t x) { return x; }

#define CAST_LOOP(type, expression) \
    do { \
        type *y = a->out[0].data; \
        for (size_t i = 0; i < n; i++) \
            y[i] = (type)(expression); \
    } while (0)

#define CASTS(suffix, type, to_i32, to_i64, nan, inf) \
    void cuv_k_cast_##suffix(const cuv_kernel_args *a) \
    { \
        const type *x = a->in[0].data; \
        size_t n = cuv_run_count(&a->in[0]); \
        switch (a->out[0].dtype) { \
        case CUV_BOOL: CAST_LOOP(uint8_t, x[i] != 0); break; \
        case CUV_I32: CAST_LOOP(int32_t, to_i32(x[i])); break; \
        case CUV_I64: CAST_LOOP(int64_t, to_i64(x[i])); break; \
        case CUV_F64: CAST_LOOP(double, x[i]); break; \
        default: CAST_LOOP(float, x[i]); break; \
        } \
    } \
    void cuv_k_logical_not_##suffix(const cuv_kernel_args *a) \
    { \
        const type *x = a->in[0].data; \
        size_t n = cuv_run_count(&a->in[0]); \
        CAST_LOOP(uint8_t, x[i] == 0); \
    } \
    void cuv_k_is_nan_##suffix(const cuv_kernel_args *a) \
    { \
        const type *x = a->in[0].data; \
        size_t n = cuv_run_count(&a->in[0]); \
        (void)x; \
        CAST_LOOP(uint8_t, nan); \
    } \
    void cuv_k_is_inf_##suffix(const cuv_kernel_args *a) \
    { \
        const type *x = a->in[0].data; \
        size_t n = cuv_run_count(&a->in[0]); \
        (void)x; \
        CAST_LOOP(uint8_t, inf); \
    }

CASTS(f32, float, cuv_float_to_i32, cuv_float_to_i64, x[i] != x[i], isinf(x[i]) != 0)
CASTS(f64, double, cuv_float_to_i32, cuv_float_to_i64, x[i] != x[i], isinf(x[i]) != 0)
CASTS(i32, int32_t, int_to_i32, int_to_i64, 0, 0)
CASTS(i64, int64_t, int_to_i32, int_to_i64, 0, 0)
CASTS(bool, uint8_t, int_to_i32, int_to_i64, 0, 0)

/* ---- one integer ---- */

static inline int64_t clamped(int64_t x, double lo, double hi)
{
    return (double)x < lo ? cuv_float_to_i64(lo) : (double)x > hi ? cuv_float_to_i64(hi) : x;
}

#define INTEGER(suffix, type, unsigned_type, name, expression) \
    void cuv_k_##name##_##suffix(const cuv_kernel_args *a) \
    { \
        const type *p = a->in[0].data; \
        size_t n = cuv_run_count(&a->in[0]); \
        type *to = a->out[0].data; \
        for (size_t i = 0; i < n; i++) { \
            const type x = p[i]; \
            const unsigned_type u = (unsigned_type)x; \
            (void)u; \
            to[i] = (type)(expression); \
        } \
    }
#define INTEGERS(suffix, type, unsigned_type) \
    INTEGER(suffix, type, unsigned_type, neg, 0 - u) \
    INTEGER(suffix, type, unsigned_type, abs, x < 0 ? 0 - u : u) \
    INTEGER(suffix, type, unsigned_type, sign, (x > 0) - (x < 0)) \
    INTEGER(suffix, type, unsigned_type, square, u * u) \
    INTEGER(suffix, type, unsigned_type, clip, clamped(x, a->attrs->alpha, a->attrs->beta))
INTEGERS(i32, int32_t, uint32_t)
INTEGERS(i64, int64_t, uint64_t)

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
