/* Reference kernels of convolutions and pools. */
#include "run/kernels.h"

#include "run/as_float.h"
#include "run/kernels_conv.inc"
#include "run/kernels_pool.inc"
#include "run/as_double.h"
#include "run/kernels_conv.inc"
#include "run/kernels_pool.inc"
