/* Reference kernels of one float input, element by element. The formulas are in formulas.def, the text in kernels_unary.inc. */
#include "run/kernels.h"

#include "run/as_float.h"
#include "run/kernels_unary.inc"
#include "run/as_double.h"
#include "run/kernels_unary.inc"
