/* Products in eight bits for processors with AVX-VNNI. */
#include "run/fast/reduced.h"

#if defined(__x86_64__) && defined(__AVXVNNI__)
#define VECTOR_ISA 2
#define TILE_ROWS 6
#include "run/fast/vector.h"

#define DOTS 1
#define DOTS_NAME "int8_avxvnni"
#define DOTS_COMPUTE true
#define DOTS_LEAST 0
#define F(name) int8_avxvnni_##name
#define int8_avxvnni_dots cuv_int8_avxvnni
#include "run/fast/dots.inc"
#endif
