/* Operations as nodes: Keras 3's Operation classes, and TensorFlow's functions in configurations of Keras 2. Each
 * is a layer without weights whose arguments may be tensors, literals, or lists of both; what follows reads them by
 * the names that Keras 3 has. */
#ifndef CUV_LAYERS_OPERATION_H
#define CUV_LAYERS_OPERATION_H

#include "layers/support.h"

/* A class of keras.src.ops. */
typedef struct cuv_operation {
    const char *family, *name;          /* keras.src.ops.<family>.<name> */
    cuv_status (*lower)(cuv_call *call);
    const char *operands, *options;     /* names, separated by spaces: what a call takes, and what the constructor does */
} cuv_operation;

/* A function of TensorFlow as TFOpLambda names it, or an op as TensorFlowOpLayer does. */
typedef struct cuv_tf_function {
    const char *name;                   /* "math.reduce_mean", "AddV2" */
    const char *operation;              /* "Mean" */
    const char *arguments;              /* its own names in order, each with Keras 3's when that differs: "input_tensor=x axis" */
    const char *preset;                 /* options where its defaults are others than Keras 3's: "axis=0" */
    bool only_read;                     /* no operation of Keras 3 is written as it */
} cuv_tf_function;

/* True when a record is an operation or a TensorFlow function, not a layer of the same name. */
bool cuv_is_operation(const cuv_value *record);
/* Makes it: finds the operation; CUV_UNSUPPORTED says why there is none. Sets def, and what cuv_operation_of gives. */
CUV_MUST_USE cuv_status cuv_operation_make(cuv_context *cx, cuv_layer *layer);

/* The operation of a layer; NULL when it is none. */
const cuv_operation *cuv_operation_of(const cuv_layer *layer);

/* The function of TensorFlow that a layer of Keras 2 can hold for an operation of Keras 3; NULL when there is none. */
const cuv_tf_function *cuv_tf_function_for(const cuv_layer *layer);

/* An argument of the call by its Keras 3 name; NULL when absent or None. */
const cuv_kwarg *cuv_operand(const cuv_call *call, const char *name);
/* The name of operand `place`. */
const char *cuv_operand_name(const cuv_call *call, int place);
/* A literal argument, wherever it stands. NULL when absent; None gives a null value. */
const cuv_value *cuv_option(const cuv_call *call, const char *name);
bool cuv_option_bool(const cuv_call *call, const char *name, bool fallback);
double cuv_option_real(const cuv_call *call, const char *name, double fallback);
/* A literal number, 0 when it is absent, for places that hold doubles: no tensor, and no whole number of 64 bits that a double cannot hold. */
CUV_MUST_USE cuv_status cuv_option_exact(cuv_call *call, const char *name, cuv_dtype dtype, double *out);
int64_t cuv_option_int(const cuv_call *call, const char *name, int64_t fallback);
const char *cuv_option_text(const cuv_call *call, const char *name, const char *fallback);
/* The literal behind Keras's marks: of a tuple, an array, a constant among tensors. */
const cuv_value *cuv_plain_literal(const cuv_value *v);
/* Up to CUV_MAX_RANK integers of an int or list; -1 when it is absent, None, or something else. */
int cuv_option_ints(const cuv_call *call, const char *name, int64_t *out);
CUV_MUST_USE cuv_status cuv_option_dtype(cuv_call *call, const char *name, cuv_dtype fallback, cuv_dtype *out);
/* Axes from an option: absent or None gives none (= all); counted from 0. */
CUV_MUST_USE cuv_status cuv_option_axes(cuv_call *call, const char *name, int rank, int *axes, int *count);
CUV_MUST_USE cuv_status cuv_option_axis(cuv_call *call, const char *name, int rank, int64_t fallback, int *axis);

/* What an argument would be as a tensor: its dtype, and whether it is a Python number, which adapts to others. */
typedef struct cuv_kind_of { cuv_dtype dtype; bool weak, tensor; } cuv_kind_of;
cuv_kind_of cuv_operand_kind(const cuv_call *call, const char *name);
/* The dtype in which Keras 3 joins two. */
cuv_dtype cuv_join_dtypes(cuv_kind_of a, cuv_kind_of b);
/* An argument as a tensor of its own dtype (Python numbers: `weak`). */
CUV_MUST_USE cuv_status cuv_operand_ref(cuv_call *call, const char *name, cuv_dtype weak, cuv_ref *out);
/* The first argument. */
CUV_MUST_USE cuv_status cuv_operand_x(cuv_call *call, cuv_ref *out);
/* The tensors of a list, in one dtype. */
CUV_MUST_USE cuv_status cuv_operand_list(cuv_call *call, const char *name, cuv_ref **out, size_t *count);
/* The first two in one dtype; `floats`: at least a float. */
CUV_MUST_USE cuv_status cuv_operands_joined(cuv_call *call, bool floats, cuv_ref *a, cuv_ref *b);
/* The same, but Python's numbers do not adapt to the tensor: with float16, 0.1 is a float32. */
CUV_MUST_USE cuv_status cuv_operands_firm(cuv_call *call, bool floats, cuv_ref *a, cuv_ref *b);
/* An error when two axes have sizes that are known and differ: TensorFlow does not repeat an axis of size 1 here. */
CUV_MUST_USE cuv_status cuv_same_size(cuv_call *call, const char *name, cuv_ref a, int axis, cuv_ref b, int other);
/* x in another dtype; what is outside its range becomes its ends. */
cuv_ref cuv_saturated(cuv_call *call, cuv_ref x, cuv_dtype dtype);
/* The option "axis" of x; None (or absent, where `fallback` is INT64_MIN): x becomes a row. */
CUV_MUST_USE cuv_status cuv_flat_axis(cuv_call *call, int64_t fallback, cuv_ref *x, int *axis);
/* x in the dtype that Keras 3 adds and multiplies up in: at least 32 bits. Keras 2 has no such rule. */
cuv_ref cuv_to_sum(cuv_call *call, cuv_ref x);
/* The smallest and the largest number of an integer dtype; int64's largest is the last below it that a double has. */
double cuv_integer_end(cuv_dtype dtype, bool least);
/* Whole numbers of 64 bits as two that doubles hold, and back; what is added up or picked may be so by halves. */
void cuv_halves(cuv_call *call, cuv_ref x, cuv_ref out[2]);
cuv_ref cuv_from_halves(cuv_call *call, const cuv_ref halves[2], cuv_dtype dtype);
/* uint64 is kept as int64: as int64 in the order of its numbers, and back. Other dtypes stay. */
cuv_ref cuv_in_order(cuv_call *call, cuv_ref x);
cuv_ref cuv_out_of_order(cuv_call *call, cuv_ref y, cuv_dtype dtype);
/* Keras 3.9 and later take -0.0 for the next number below zero where they look for the place of an extreme. */
cuv_ref cuv_zeros_in_order(cuv_call *call, cuv_ref x);
/* Says that Keras computes these whole numbers in floats, whose last digits are no one's promise. */
void cuv_say_rounded(cuv_call *call, cuv_dtype dtype);
/* Two in one float dtype, which is float64 where their own holds whole numbers of 64 bits. */
CUV_MUST_USE cuv_status cuv_operands_large_floats(cuv_call *call, cuv_ref *a, cuv_ref *b);
/* x as float: itself when it is one, else cast to float32. */
cuv_ref cuv_as_float(cuv_call *call, cuv_ref x);
/* The same, with float64 for int64. */
cuv_ref cuv_as_large_float(cuv_call *call, cuv_ref x);
cuv_ref cuv_to_bool(cuv_call *call, cuv_ref x);

/* "operation.argument": the operation, the argument, and what is understood. */
cuv_status cuv_bad_option(cuv_call *call, const char *name, const char *expected);
/* Sets outputs without masks. */
cuv_status cuv_give(cuv_call *call, cuv_ref y);
cuv_status cuv_give_many(cuv_call *call, const cuv_ref *ys, size_t count);

#define OPERATION(family, class_name, id, operands, options) cuv_status cuv_op_##id(cuv_call *call);
#include "layers/operations.def"
#undef OPERATION

#endif
