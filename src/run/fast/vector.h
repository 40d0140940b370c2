/* Vectors of floats for one instruction set, as small functions that the kernels' text is written in. The including file sets
 * VECTOR_ISA: 0 whatever the compiler targets (4 floats), 1 NEON (4 floats), 2 AVX2 with FMA (8 floats), 3 AVX-512 (16 floats). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if VECTOR_ISA == 3
#include <immintrin.h>
enum { W = 16 };
typedef __m512 vec;
typedef __m512i veci;
typedef __mmask16 vmask;
INLINE vec v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, vec x) { _mm512_storeu_ps(p, x); }
INLINE vec v_set(float x) { return _mm512_set1_ps(x); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }      /* c - a b */
INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
INLINE vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
INLINE vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
INLINE vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
INLINE vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }      /* b where one is NaN */
INLINE vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }      /* b where one is NaN */
INLINE vmask v_greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
INLINE vmask v_is_nan(vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
INLINE vec v_select(vmask m, vec a, vec b) { return _mm512_mask_blend_ps(m, b, a); }      /* m ? a : b */
INLINE veci v_to_int(vec a) { return _mm512_cvtps_epi32(a); }      /* to the nearest */
INLINE vec v_from_int(veci a) { return _mm512_cvtepi32_ps(a); }
INLINE veci vi_set(int32_t x) { return _mm512_set1_epi32(x); }
INLINE veci vi_add(veci a, veci b) { return _mm512_add_epi32(a, b); }
INLINE vec vi_shift_as_float(veci a) { return _mm512_castsi512_ps(_mm512_slli_epi32(a, 23)); }
INLINE veci vi_exponent(veci a) { return _mm512_srli_epi32(a, 23); }
INLINE veci v_bits(vec a) { return _mm512_castps_si512(a); }
INLINE vec v_from_bits(veci a) { return _mm512_castsi512_ps(a); }
INLINE veci vi_and(veci a, veci b) { return _mm512_and_si512(a, b); }
INLINE veci vi_or(veci a, veci b) { return _mm512_or_si512(a, b); }
INLINE veci vi_bit(veci a, const int i) { return vi_and(_mm512_srli_epi32(a, (unsigned)i), vi_set(1)); }
INLINE vec v_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps((vmask)((1u << n) - 1), p); }
INLINE void v_store_n(float *p, vec x, size_t n) { _mm512_mask_storeu_ps(p, (vmask)((1u << n) - 1), x); }
INLINE float v_sum(vec a) { return _mm512_reduce_add_ps(a); }
INLINE float v_least(vec a) { return _mm512_reduce_min_ps(a); }
INLINE float v_most(vec a) { return _mm512_reduce_max_ps(a); }
INLINE veci vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
INLINE veci vi_sub(veci a, veci b) { return _mm512_sub_epi32(a, b); }
INLINE veci vi_mul(veci a, veci b) { return _mm512_mullo_epi32(a, b); }
INLINE veci vi_min(veci a, veci b) { return _mm512_min_epi32(a, b); }
INLINE veci vi_max(veci a, veci b) { return _mm512_max_epi32(a, b); }
/* W numbers that fit into one or two bytes. */
INLINE void vi_store_narrow(uint8_t *to, veci x, const int bytes)
{
    if (bytes == 1)
        _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(x));
    else
        _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16(x));
}

#elif VECTOR_ISA == 2
#include <immintrin.h>
enum { W = 8 };
typedef __m256 vec;
typedef __m256i veci;
typedef __m256 vmask;
INLINE vec v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(float *p, vec x) { _mm256_storeu_ps(p, x); }
INLINE vec v_set(float x) { return _mm256_set1_ps(x); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
INLINE vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
INLINE vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
INLINE vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
INLINE vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
INLINE vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
INLINE vmask v_greater(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
INLINE vmask v_is_nan(vec a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
INLINE vec v_select(vmask m, vec a, vec b) { return _mm256_blendv_ps(b, a, m); }
INLINE veci v_to_int(vec a) { return _mm256_cvtps_epi32(a); }
INLINE vec v_from_int(veci a) { return _mm256_cvtepi32_ps(a); }
INLINE veci vi_set(int32_t x) { return _mm256_set1_epi32(x); }
INLINE veci vi_add(veci a, veci b) { return _mm256_add_epi32(a, b); }
INLINE vec vi_shift_as_float(veci a) { return _mm256_castsi256_ps(_mm256_slli_epi32(a, 23)); }
INLINE veci vi_exponent(veci a) { return _mm256_srli_epi32(a, 23); }
INLINE veci v_bits(vec a) { return _mm256_castps_si256(a); }
INLINE vec v_from_bits(veci a) { return _mm256_castsi256_ps(a); }
INLINE veci vi_and(veci a, veci b) { return _mm256_and_si256(a, b); }
INLINE veci vi_or(veci a, veci b) { return _mm256_or_si256(a, b); }
INLINE veci vi_bit(veci a, const int i) { return vi_and(_mm256_srli_epi32(a, i), vi_set(1)); }
INLINE veci v_first(size_t n)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - n));
}
INLINE vec v_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, v_first(n)); }
INLINE void v_store_n(float *p, vec x, size_t n) { _mm256_maskstore_ps(p, v_first(n), x); }
INLINE float v_sum(vec a)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
INLINE float v_least(vec a)
{
    __m128 x = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_min_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_min_ss(x, _mm_shuffle_ps(x, x, 1)));
}
INLINE float v_most(vec a) { return -v_least(_mm256_xor_ps(a, _mm256_set1_ps(-0.0f))); }
INLINE veci vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
INLINE veci vi_sub(veci a, veci b) { return _mm256_sub_epi32(a, b); }
INLINE veci vi_mul(veci a, veci b) { return _mm256_mullo_epi32(a, b); }
INLINE veci vi_min(veci a, veci b) { return _mm256_min_epi32(a, b); }
INLINE veci vi_max(veci a, veci b) { return _mm256_max_epi32(a, b); }
INLINE void vi_store_narrow(uint8_t *to, veci x, const int bytes)
{
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    if (bytes == 1)
        _mm_storel_epi64((__m128i *)(void *)to, _mm_packus_epi16(words, words));
    else
        _mm_storeu_si128((__m128i *)(void *)to, words);
}

#else
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
enum { W = 4 };
typedef float vec __attribute__((vector_size(16)));
typedef int32_t veci __attribute__((vector_size(16)));
typedef uint32_t vecu __attribute__((vector_size(16)));
typedef veci vmask;
INLINE vec v_load(const float *p) { vec x; memcpy(&x, p, sizeof x); return x; }
INLINE void v_store(float *p, vec x) { memcpy(p, &x, sizeof x); }
INLINE vec v_set(float x) { return (vec){x, x, x, x}; }
INLINE vec v_add(vec a, vec b) { return a + b; }
INLINE vec v_sub(vec a, vec b) { return a - b; }
INLINE vec v_mul(vec a, vec b) { return a * b; }
INLINE vec v_div(vec a, vec b) { return a / b; }
INLINE veci v_bits(vec a) { veci x; memcpy(&x, &a, sizeof x); return x; }
INLINE vec v_from_bits(veci a) { vec x; memcpy(&x, &a, sizeof x); return x; }
INLINE veci vi_and(veci a, veci b) { return a & b; }
INLINE veci vi_or(veci a, veci b) { return a | b; }
INLINE vmask v_greater(vec a, vec b) { return (veci)(a > b); }
INLINE vmask v_is_nan(vec a) { return (veci)(a != a); }
INLINE vec v_select(vmask m, vec a, vec b) { return v_from_bits((v_bits(a) & m) | (v_bits(b) & ~m)); }
INLINE vec v_max(vec a, vec b) { return v_select(v_greater(a, b), a, b); }
INLINE vec v_min(vec a, vec b) { return v_select(v_greater(b, a), a, b); }
#if VECTOR_ISA == 1
INLINE vec v_fma(vec a, vec b, vec c) { return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
INLINE vec v_fnma(vec a, vec b, vec c) { return (vec)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
INLINE vec v_sqrt(vec a) { return (vec)vsqrtq_f32((float32x4_t)a); }
INLINE vec v_from_int(veci a) { return (vec)vcvtq_f32_s32((int32x4_t)a); }
#else
INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
INLINE vec v_fnma(vec a, vec b, vec c) { return c - a * b; }
INLINE vec v_sqrt(vec a) { return (vec){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])}; }
INLINE vec v_from_int(veci a) { return (vec){(float)a[0], (float)a[1], (float)a[2], (float)a[3]}; }
#endif
/* Adding and taking away 1.5 2^23 rounds to the nearest whole number; what is out of its range is not used. */
INLINE veci v_to_int(vec a)
{
    const vec magic = v_set(12582912.0f);
    return v_bits(a + magic) - (veci){0x4B400000, 0x4B400000, 0x4B400000, 0x4B400000};
}
INLINE veci vi_set(int32_t x) { return (veci){x, x, x, x}; }
INLINE veci vi_add(veci a, veci b) { return (veci)((vecu)a + (vecu)b); }     /* bits may pass the last one */
INLINE vec vi_shift_as_float(veci a) { return v_from_bits(a << 23); }
INLINE veci vi_exponent(veci a) { return (veci)((vecu)a >> 23); }
INLINE veci vi_bit(veci a, const int i) { return (a >> i) & 1; }
INLINE vec v_load_n(const float *p, size_t n) { vec x = {0}; memcpy(&x, p, n * sizeof(float)); return x; }
INLINE void v_store_n(float *p, vec x, size_t n) { memcpy(p, &x, n * sizeof(float)); }
INLINE float v_sum(vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }
INLINE float v_most(vec a)
{
    const float x = a[0] > a[1] ? a[0] : a[1], y = a[2] > a[3] ? a[2] : a[3];
    return x > y ? x : y;
}
INLINE float v_least(vec a) { return -v_most(-a); }
INLINE veci vi_load(const int32_t *p) { veci x; memcpy(&x, p, sizeof x); return x; }
INLINE veci vi_sub(veci a, veci b) { return (veci)((vecu)a - (vecu)b); }
INLINE veci vi_mul(veci a, veci b) { return a * b; }
INLINE veci vi_min(veci a, veci b) { const veci m = a < b; return (a & m) | (b & ~m); }
INLINE veci vi_max(veci a, veci b) { const veci m = a > b; return (a & m) | (b & ~m); }
INLINE void vi_store_narrow(uint8_t *to, veci x, const int bytes)
{
    for (int i = 0; i < 4; i++)
        if (bytes == 1)
            to[i] = (uint8_t)x[i];
        else
            memcpy(to + 2 * i, &(int16_t){(int16_t)x[i]}, 2);
}
#endif

INLINE vec v_zero(void) { return v_set(0); }
INLINE vec v_abs(vec a) { return v_from_bits(vi_and(v_bits(a), vi_set(0x7FFFFFFF))); }
/* b's sign on a >= 0 */
INLINE vec v_sign_of(vec a, vec b) { return v_from_bits(vi_or(v_bits(a), vi_and(v_bits(b), vi_set(INT32_MIN)))); }
INLINE vec v_clamp(vec x, float lo, float hi) { return v_min(v_set(hi), v_max(v_set(lo), x)); }
