/* Reference kernels of products of matrices. */
#include "run/kernels.h"

#include "run/as_float.h"
#include "run/kernels_linear.inc"
#include "run/kernels_matmul.inc"
#include "run/as_double.h"
#include "run/kernels_linear.inc"
#include "run/kernels_matmul.inc"
#include "run/as_int32.h"
#include "run/kernels_matmul.inc"
#include "run/as_int64.h"
#include "run/kernels_matmul.inc"
