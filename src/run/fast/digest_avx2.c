/* Digests for AVX2. */
#include "run/fast/digest.h"

#if defined(__AVX2__)
#define MILL cuv_mill_avx2
#include "run/fast/digest.inc"
#endif
