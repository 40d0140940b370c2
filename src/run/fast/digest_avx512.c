/* Digests for AVX-512. */
#include "run/fast/digest.h"

#if defined(__AVX512F__)
#define MILL cuv_mill_avx512
#include "run/fast/digest.inc"
#endif
