/* The fast kernels for processors with AVX2 and FMA. */
#include "run/fast/fast.h"

#if defined(__x86_64__) && defined(__AVX2__)
#define VECTOR_ISA 2
#define TILE_ROWS 6
#define ISA_NAME "avx2"
#define F(name) avx2_##name
#define avx2_isa cuv_isa_avx2
#include "run/fast/vector.h"
#include "run/fast/kernels.inc"
#endif
