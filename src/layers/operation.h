/* Operations as nodes: Keras 3's Operation classes, and TensorFlow functions in configurations of Keras 2. Each is a layer without
 * weights whose operands may be tensors or literals; what follows reads them. */
#ifndef CUV_LAYERS_OPERATION_H
#define CUV_LAYERS_OPERATION_H

#include "layers/support.h"

/* The descriptor of an operation's class ("Mean", "GetItem"); NULL when there is none. */
const cuv_layer_def *cuv_operation_find(const char *class_name);
/* True when a record is an operation, not the layer of the same name. */
bool cuv_is_operation(const cuv_value *record);

/* An operand by its place among the positional arguments, or by any of its names (separated by spaces); NULL when absent or None.
 * Place -1: by name only. */
const cuv_kwarg *cuv_operand(const cuv_call *call, int place, const char *names);
/* A literal option: from the operation's config, else an argument. NULL when absent; None gives a null value. */
const cuv_value *cuv_option(const cuv_call *call, int place, const char *names);
bool cuv_option_bool(const cuv_call *call, int place, const char *names, bool fallback);
double cuv_option_real(const cuv_call *call, int place, const char *names, double fallback);
int64_t cuv_option_int(const cuv_call *call, int place, const char *names, int64_t fallback);
/* Up to CUV_MAX_RANK integers of an int or list; -1 when it is absent, None, or something else. */
int cuv_option_ints(const cuv_call *call, int place, const char *names, int64_t *out);
/* An operand as a tensor: a literal becomes a constant of `dtype`. */
CUV_MUST_USE cuv_status cuv_operand_ref(cuv_call *call, int place, const char *names, cuv_dtype dtype, cuv_ref *out);
/* The first tensor operand. */
CUV_MUST_USE cuv_status cuv_operand_x(cuv_call *call, cuv_ref *out);
/* x as float: itself when it is one, else cast to float32. */
cuv_ref cuv_as_float(cuv_call *call, cuv_ref x);
/* Axes from an option: absent or None gives none (= all); counted from 0. */
CUV_MUST_USE cuv_status cuv_option_axes(cuv_call *call, int place, const char *names, int rank, int *axes, int *count);
CUV_MUST_USE cuv_status cuv_option_axis(cuv_call *call, int place, const char *names, int rank, int64_t fallback, int *axis);
/* "operation.argument": the operation, the option, and what is understood. */
cuv_status cuv_bad_option(cuv_call *call, const char *names, const char *expected);
/* Tensors of a list operand, or all positional ones. */
CUV_MUST_USE cuv_status cuv_operand_list(cuv_call *call, const cuv_ref **out, size_t *count);
/* Sets one output without a mask. */
cuv_status cuv_give(cuv_call *call, cuv_ref y);

#endif
