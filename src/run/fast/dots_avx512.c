/* Products in fewer bits for processors with AVX-512, without its instructions for them. */
#include "run/fast/reduced.h"

#if defined(__x86_64__) && defined(__AVX512F__)
#define VECTOR_ISA 3
#define TILE_ROWS 14
#include "run/fast/vector.h"

#define DOTS 0
#define DOTS_NAME "int8_avx512"
#define DOTS_COMPUTE false
#define DOTS_LEAST (1 << 16)
#define F(name) int8_avx512_##name
#define int8_avx512_dots cuv_int8_avx512
#include "run/fast/dots.inc"

#define DOTS 2
#define DOTS_NAME "bf16_avx512"
#define DOTS_COMPUTE false
#define DOTS_LEAST (1 << 18)
#define F(name) bf16_avx512_##name
#define bf16_avx512_dots cuv_bf16_avx512
#include "run/fast/dots.inc"
#endif
