/* Short forms for operations that are formulas of many steps. */
#ifndef CUV_LAYERS_OPERATION_EMIT_H
#define CUV_LAYERS_OPERATION_EMIT_H

#include "layers/operation.h"

#define E1(op, x) cuv_emit1(call->program, CUV_OP_##op, x)
#define E2(op, a, b) cuv_emit2(call->program, CUV_OP_##op, a, b)
#define WHERE(c, a, b) cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(c, a, b), NULL)
#define TO(x, dtype) cuv_emit_cast(call->program, x, dtype)
#define LIKE(x, value) cuv_scalar_like(call, x, value)
#define REDUCE(op, x, attrs) cuv_emit(call->program, CUV_OP_##op, CUV_IN(x), attrs)

/* Axes and keepdims of a reduction of x. */
CUV_MUST_USE cuv_status cuv_option_reduction(cuv_call *call, cuv_ref x, cuv_attrs *attrs);
/* A tensor of x's shape with one value. */
cuv_ref cuv_filled_like(cuv_call *call, cuv_ref x, double value, cuv_dtype dtype);
/* 0, 1, ... along an axis of x, with `after` axes of size 1 behind it. */
cuv_ref cuv_counting(cuv_call *call, cuv_ref x, int axis, int after);
/* The mean as TensorFlow's own function takes it: of whole numbers a whole one. */
cuv_ref cuv_mean_as_it_is(cuv_call *call, cuv_ref x, const cuv_attrs *attrs);
/* A constant of doubles. */
CUV_MUST_USE cuv_status cuv_constant(cuv_call *call, cuv_dtype dtype, const double *values, const int64_t *shape, int rank, cuv_ref *out);
/* A list of sizes, of which some may be tensors, as attrs.shape; entries below -1 are axes of `like`. `infer`: one may stay -1
 * (operation_sizes.c). */
CUV_MUST_USE cuv_status cuv_option_sizes(cuv_call *call, const char *name, bool infer, cuv_attrs *attrs, cuv_ref *like);
/* A reshape, broadcast or fill with such sizes. */
cuv_ref cuv_emit_like(cuv_call *call, cuv_op op, cuv_ref x, cuv_ref like, const cuv_attrs *attrs);
/* For each row of x, what its own indices name (operation_tensorflow.c). */
cuv_status cuv_gather_by_row(cuv_call *call, cuv_ref x, cuv_ref indices);
/* y with a y = b for square matrices a and matrices b (operation_linalg.c). */
CUV_MUST_USE cuv_status cuv_solve_matrix(cuv_call *call, cuv_ref a, cuv_ref b, cuv_ref *out);

#endif
