/* The fast kernels for any processor: vectors of four floats, as the compiler makes them. */
#include "run/fast/fast.h"

#if defined(__aarch64__)       /* NEON is in all of them, and 32 registers */
#define VECTOR_ISA 1
#define TILE_ROWS 14
#define ISA_NAME "neon"
#else
#define VECTOR_ISA 0
#define TILE_ROWS 6
#define ISA_NAME "portable"
#endif
#define F(name) base_##name
#define base_isa cuv_isa_base
#include "run/fast/vector.h"
#include "run/fast/kernels.inc"
