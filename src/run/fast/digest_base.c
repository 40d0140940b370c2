/* Digests for any processor. */
#include "run/fast/digest.h"

#define MILL cuv_mill_base
#include "run/fast/digest.inc"
