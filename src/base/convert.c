/* Converting elements between numeric types. Sources and targets may lie at any alignment.
 * Floats are rounded to nearest, ties to even; to integers they truncate and stay within the type's range (NaN is 0);
 * integers wrap as in NumPy's astype. */
#include "base/base.h"

#include <math.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- small floats ---- */

/* Branch-free so that loops over it become vector code: the exponent is moved to float's bias, and a subnormal is made by
 * subtracting the implicit one again. */
float cuv_f16_to_f32(uint16_t bits)
{
    uint32_t magnitude = (uint32_t)(bits & 0x7fff) << 13, exponent = magnitude & 0x0f800000;
    uint32_t moved = magnitude + ((uint32_t)(127 - 15) << 23);
    uint32_t special = moved + ((uint32_t)(128 - 16) << 23);
    uint32_t subnormal = bits_of(float_of(moved + (1U << 23)) - float_of((uint32_t)(127 - 14) << 23));
    uint32_t value = exponent == 0x0f800000 ? special : exponent == 0 ? subnormal : moved;
    return float_of(value | (uint32_t)(bits & 0x8000) << 16);
}

uint16_t cuv_f32_to_f16(float value)
{
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    uint32_t out;
    if (magnitude > 0x7f800000) {
        out = 0x7e00 | (magnitude >> 13 & 0x3ff);
    } else if (magnitude >= 0x477ff000) { /* 65520 and more round to infinity */
        out = 0x7c00;
    } else if (magnitude < 0x38800000) { /* below 2^-14: the addition rounds at the place of the last bit, 2^-24 */
        out = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    } else {
        out = (magnitude + 0xfff + (magnitude >> 13 & 1) - ((uint32_t)(127 - 15) << 23)) >> 13;
    }
    return (uint16_t)(sign | out);
}

float cuv_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t cuv_f32_to_bf16(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* OCP 8-bit floating point: no infinity, one NaN per sign, bias 7. */
float cuv_f8e4m3_to_f32(uint8_t bits)
{
    int exponent = bits >> 3 & 15, mantissa = bits & 7;
    float value = exponent ? ldexpf((float)(8 + mantissa), exponent - 10) : ldexpf((float)mantissa, -9);
    if ((bits & 0x7f) == 0x7f)
        value = NAN;
    return bits & 0x80 ? -value : value;
}

/* The upper half of a float16. */
float cuv_f8e5m2_to_f32(uint8_t bits)
{
    return cuv_f16_to_f32((uint16_t)(bits << 8));
}

typedef struct small_float {
    int mantissa_bits, least_exponent; /* of the smallest normal number */
    uint32_t largest;                  /* finite, as bits */
    uint32_t overflow, nan, sign;
} small_float;

static const small_float f16_form = {10, -14, 0x7bff, 0x7c00, 0x7e00, 0x8000};
static const small_float bf16_form = {7, -126, 0x7f7f, 0x7f80, 0x7fc0, 0x8000};
static const small_float f8e4m3_form = {3, -6, 0x7e, 0x7f, 0x7f, 0x80};
static const small_float f8e5m2_form = {2, -14, 0x7b, 0x7c, 0x7e, 0x80};

/* Rounds once, straight from double: going through float would round twice. */
static uint32_t to_small(double value, const small_float *form)
{
    uint32_t sign = signbit(value) ? form->sign : 0;
    if (isnan(value))
        return sign | form->nan;
    value = fabs(value);
    if (value > 1e39) /* beyond all of them, infinity too */
        return sign | form->overflow;
    int exponent = 0;
    (void)frexp(value, &exponent);
    exponent--;
    if (value == 0 || exponent < form->least_exponent)
        exponent = form->least_exponent;
    /* In units of the last place; a carry out of the mantissa moves into the exponent by itself. */
    double units = nearbyint(ldexp(value, form->mantissa_bits - exponent));
    uint32_t bits = (uint32_t)units + ((uint32_t)(exponent - form->least_exponent) << form->mantissa_bits);
    return sign | (bits > form->largest ? form->overflow : bits);
}

/* ---- loops ---- */


/* One conversion loop: reads elements of `type` at src, writes `expression` of x. */
#define LOOP(type, expression)                                                                                         \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type x;                                                                                                        \
        memcpy(&x, s + i * sizeof x, sizeof x);                                                                        \
        dst[i] = (expression);                                                                                         \
    }                                                                                                                  \
    break

void cuv_convert_to_f32(float *dst, const void *src, cuv_dtype dtype, size_t n)
{
    const uint8_t *s = src;
    switch (dtype) {
    case CUV_BOOL: LOOP(uint8_t, x ? 1.0f : 0.0f);
    case CUV_I8: LOOP(int8_t, (float)x);
    case CUV_U8: LOOP(uint8_t, (float)x);
    case CUV_I16: LOOP(int16_t, (float)x);
    case CUV_U16: LOOP(uint16_t, (float)x);
    case CUV_I32: LOOP(int32_t, (float)x);
    case CUV_U32: LOOP(uint32_t, (float)x);
    case CUV_I64: LOOP(int64_t, (float)x);
    case CUV_U64: LOOP(uint64_t, (float)x);
    case CUV_F16: LOOP(uint16_t, cuv_f16_to_f32(x));
    case CUV_BF16: LOOP(uint16_t, cuv_bf16_to_f32(x));
    case CUV_F32:
        if (n > 0)
            memcpy(dst, src, n * sizeof *dst);
        break;
    case CUV_F64: LOOP(double, (float)x);
    case CUV_F8E4M3: LOOP(uint8_t, cuv_f8e4m3_to_f32(x));
    case CUV_F8E5M2: LOOP(uint8_t, cuv_f8e5m2_to_f32(x));
    case CUV_STR: LOOP(cuv_string, x.size ? NAN : NAN);
    }
}

void cuv_convert_to_f64(double *dst, const void *src, cuv_dtype dtype, size_t n)
{
    const uint8_t *s = src;
    switch (dtype) {
    case CUV_BOOL: LOOP(uint8_t, x ? 1.0 : 0.0);
    case CUV_I8: LOOP(int8_t, (double)x);
    case CUV_U8: LOOP(uint8_t, (double)x);
    case CUV_I16: LOOP(int16_t, (double)x);
    case CUV_U16: LOOP(uint16_t, (double)x);
    case CUV_I32: LOOP(int32_t, (double)x);
    case CUV_U32: LOOP(uint32_t, (double)x);
    case CUV_I64: LOOP(int64_t, (double)x);
    case CUV_U64: LOOP(uint64_t, (double)x);
    case CUV_F16: LOOP(uint16_t, (double)cuv_f16_to_f32(x));
    case CUV_BF16: LOOP(uint16_t, (double)cuv_bf16_to_f32(x));
    case CUV_F32: LOOP(float, (double)x);
    case CUV_F64:
        if (n > 0)
            memcpy(dst, src, n * sizeof *dst);
        break;
    case CUV_F8E4M3: LOOP(uint8_t, (double)cuv_f8e4m3_to_f32(x));
    case CUV_F8E5M2: LOOP(uint8_t, (double)cuv_f8e5m2_to_f32(x));
    case CUV_STR: LOOP(cuv_string, x.size ? (double)NAN : (double)NAN);
    }
}

#undef LOOP

static bool is_integer(cuv_dtype dtype)
{
    return dtype <= CUV_U64; /* bool among them */
}

/* The integer at p, sign-extended to 64 bits; uint64 keeps its bits. */
static uint64_t load_integer(const uint8_t *p, cuv_dtype dtype)
{
    uint64_t bits = 0;
    size_t size = cuv_dtype_size(dtype);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy((uint8_t *)&bits + sizeof bits - size, p, size);
#else
    memcpy(&bits, p, size);
#endif
    if (dtype == CUV_BOOL)
        return bits != 0;
    bool is_signed = cuv_dtype_is_signed(dtype);
    uint64_t top = UINT64_C(1) << (8 * size - 1);
    return is_signed ? (bits ^ top) - top : bits;
}

static void store_integer(uint8_t *p, uint64_t bits, cuv_dtype dtype)
{
    size_t size = cuv_dtype_size(dtype);
    if (dtype == CUV_BOOL)
        bits = bits != 0;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy(p, (const uint8_t *)&bits + sizeof bits - size, size);
#else
    memcpy(p, &bits, size);
#endif
}

/* Truncated and held within the range of the type. */
static uint64_t integer_of(double value, cuv_dtype dtype)
{
    if (dtype == CUV_BOOL)
        return value != 0;
    if (isnan(value))
        return 0;
    int bits = (int)cuv_dtype_size(dtype) * 8;
    bool is_signed = cuv_dtype_is_signed(dtype);
    double bound = ldexp(1.0, is_signed ? bits - 1 : bits);
    uint64_t most = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));
    value = trunc(value);
    if (value >= bound)
        return most;
    if (is_signed)
        return value < -bound ? ~most : (uint64_t)(int64_t)value;
    return value <= 0 ? 0 : (uint64_t)value;
}

static void store_f16(uint8_t *p, uint16_t bits)
{
    memcpy(p, &bits, sizeof bits);
}

static void store_double(uint8_t *p, double value, cuv_dtype to)
{
    switch (to) {
    case CUV_F16: store_f16(p, (uint16_t)to_small(value, &f16_form)); break;
    case CUV_BF16: store_f16(p, (uint16_t)to_small(value, &bf16_form)); break;
    case CUV_F8E4M3: *p = (uint8_t)to_small(value, &f8e4m3_form); break;
    case CUV_F8E5M2: *p = (uint8_t)to_small(value, &f8e5m2_form); break;
    case CUV_F64: memcpy(p, &value, sizeof value); break;
    case CUV_F32: {
        float narrow = (float)value;
        memcpy(p, &narrow, sizeof narrow);
        break;
    }
    case CUV_BOOL: case CUV_I8: case CUV_U8: case CUV_I16: case CUV_U16: case CUV_I32: case CUV_U32: case CUV_I64:
    case CUV_U64: store_integer(p, integer_of(value, to), to); break;
    case CUV_STR: break;
    }
}

/* Floats of 32 bits to halves, the one narrowing that whole models go through. */
static void halve(uint8_t *dst, cuv_dtype to, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, src + i * sizeof x, sizeof x);
        store_f16(dst + 2 * i, to == CUV_F16 ? cuv_f32_to_f16(x) : cuv_f32_to_bf16(x));
    }
}

/* Floats of any type in blocks, by way of double, which holds each of them exactly. */
static void convert_blocks(uint8_t *dst, cuv_dtype to, const uint8_t *src, cuv_dtype from, size_t n)
{
    enum { BLOCK = 256 };
    double block[BLOCK];
    size_t from_size = cuv_dtype_size(from), to_size = cuv_dtype_size(to);
    for (size_t done = 0; done < n; done += BLOCK) {
        size_t count = n - done < BLOCK ? n - done : BLOCK;
        cuv_convert_to_f64(block, src + done * from_size, from, count);
        for (size_t i = 0; i < count; i++)
            store_double(dst + (done + i) * to_size, block[i], to);
    }
}

/* float and double targets may be unaligned here, the public loops write through typed pointers. */
static bool is_aligned(const void *p, size_t alignment)
{
    return (uintptr_t)p % alignment == 0;
}

void cuv_convert(void *dst, cuv_dtype to, const void *src, cuv_dtype from, size_t n)
{
    if (to == CUV_STR || from == CUV_STR || n == 0)
        return;
    if (to == from) {
        memmove(dst, src, n * cuv_dtype_size(to));
    } else if (to == CUV_F32 && is_aligned(dst, sizeof(float))) {
        cuv_convert_to_f32(dst, src, from, n);
    } else if (to == CUV_F64 && is_aligned(dst, sizeof(double))) {
        cuv_convert_to_f64(dst, src, from, n);
    } else if (from == CUV_F32 && (to == CUV_F16 || to == CUV_BF16)) {
        halve(dst, to, src, n);
    } else if (is_integer(from) && is_integer(to)) {
        size_t from_size = cuv_dtype_size(from), to_size = cuv_dtype_size(to);
        for (size_t i = 0; i < n; i++)
            store_integer((uint8_t *)dst + i * to_size, load_integer((const uint8_t *)src + i * from_size, from), to);
    } else {
        convert_blocks(dst, to, src, from, n);
    }
}

void cuv_convert_wrapped(void *dst, cuv_dtype to, const double *src, size_t n)
{
    if (!cuv_dtype_is_integer(to)) {
        cuv_convert(dst, to, src, CUV_F64, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t whole;
        cuv_convert(&whole, CUV_I64, &src[i], CUV_F64, 1);
        cuv_convert((uint8_t *)dst + i * cuv_dtype_size(to), to, &whole, CUV_I64, 1);
    }
}

double cuv_tensor_at(const cuv_tensor *t, size_t i)
{
    double value = (double)NAN;
    if (t->data && t->dtype != CUV_STR)
        cuv_convert_to_f64(&value, t->data + i * cuv_dtype_size(t->dtype), t->dtype, 1);
    return value;
}
