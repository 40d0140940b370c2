/* The fast kernels for any processor: vectors of four floats, as the compiler makes them. */
#include "run/fast/fast.h"

#define VECTOR_ISA 0
#define TILE_ROWS 6
#define ISA_NAME "portable"
#define F(name) base_##name
#define base_isa cuv_isa_base
#include "run/fast/vector.h"
#include "run/fast/kernels.inc"
