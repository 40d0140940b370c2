/* Products in fewer bits for any processor. */
#include "run/fast/reduced.h"

#if defined(__aarch64__)       /* NEON is in all of them, and 32 registers */
#define VECTOR_ISA 1
#define TILE_ROWS 14
#else
#define VECTOR_ISA 0
#define TILE_ROWS 6
#endif
#include "run/fast/vector.h"

#define DOTS 0
#define DOTS_NAME "int8_portable"
#define DOTS_COMPUTE false
#define DOTS_LEAST SIZE_MAX
#define F(name) int8_base_##name
#define int8_base_dots cuv_int8_base
#include "run/fast/dots.inc"

#define DOTS 2
#define DOTS_NAME "bf16_portable"
#define DOTS_COMPUTE false
#define DOTS_LEAST SIZE_MAX
#define F(name) bf16_base_##name
#define bf16_base_dots cuv_bf16_base
#include "run/fast/dots.inc"
