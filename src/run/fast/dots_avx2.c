/* Products in fewer bits for processors with AVX2 and FMA. */
#include "run/fast/reduced.h"

#if defined(__x86_64__) && defined(__AVX2__)
#define VECTOR_ISA 2
#define TILE_ROWS 6
#include "run/fast/vector.h"

#define DOTS 0
#define DOTS_NAME "int8_avx2"
#define DOTS_COMPUTE false
#define DOTS_LEAST (1 << 16)
#define F(name) int8_avx2_##name
#define int8_avx2_dots cuv_int8_avx2
#include "run/fast/dots.inc"

#define DOTS 2
#define DOTS_NAME "bf16_avx2"
#define DOTS_COMPUTE false
#define DOTS_LEAST (1 << 22)
#define F(name) bf16_avx2_##name
#define bf16_avx2_dots cuv_bf16_avx2
#include "run/fast/dots.inc"
#endif
