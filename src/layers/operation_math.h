/* What operations become, by their snake-case names. */
#ifndef CUV_LAYERS_OPERATION_MATH_H
#define CUV_LAYERS_OPERATION_MATH_H

#include "layers/operation.h"

#define OPERATION(id, class_name, others) cuv_status cuv_op_##id(cuv_call *call);
#include "layers/operations.def"
#undef OPERATION

#endif
