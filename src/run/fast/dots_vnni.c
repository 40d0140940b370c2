/* Products in eight bits for processors with AVX-512 VNNI. */
#include "run/fast/reduced.h"

#if defined(__x86_64__) && defined(__AVX512VNNI__)
#define VECTOR_ISA 3
#define TILE_ROWS 14
#include "run/fast/vector.h"

#define DOTS 1
#define DOTS_NAME "int8_avx512_vnni"
#define DOTS_COMPUTE true
#define DOTS_LEAST 0
#define F(name) int8_vnni_##name
#define int8_vnni_dots cuv_int8_vnni
#include "run/fast/dots.inc"
#endif
