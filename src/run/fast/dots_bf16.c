/* Products of bfloat16 for processors with AVX-512 BF16. */
#include "run/fast/reduced.h"

#if defined(__x86_64__) && defined(__AVX512BF16__)
#define VECTOR_ISA 3
#define TILE_ROWS 14
#include "run/fast/vector.h"

#define DOTS 3
#define DOTS_NAME "bf16_avx512_bf16"
#define DOTS_COMPUTE true
#define DOTS_LEAST 0
#define F(name) bf16_dot_##name
#define bf16_dot_dots cuv_bf16_dot
#include "run/fast/dots.inc"
#endif
