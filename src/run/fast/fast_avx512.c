/* The fast kernels for processors with AVX-512. */
#include "run/fast/fast.h"

#if defined(__x86_64__) && defined(__AVX512F__)
#define VECTOR_ISA 3
#define TILE_ROWS 14
#define ISA_NAME "avx512"
#define F(name) avx512_##name
#define avx512_isa cuv_isa_avx512
#include "run/fast/vector.h"
#include "run/fast/kernels.inc"
#endif
