/* What the files of this folder share beyond layers.h: reading of literals, checking of arguments, small steps that many
 * layers emit. */
#ifndef CUV_LAYERS_SUPPORT_H
#define CUV_LAYERS_SUPPORT_H

#include "layers/layers.h"
#include "layers/rows.h"

/* ---- making layers (literal.c, args.c, policy.c, patterns.c) ----------------------------------------------- */

/* Plain value of what configurations wrap: {"class_name": "__tuple__", "items": []}, "__numpy__", "__tensor__". */
CUV_MUST_USE cuv_status cuv_plain_value(cuv_arena *arena, cuv_value *value, cuv_value **out);
/* Fills layer->args from layer->config. */
CUV_MUST_USE cuv_status cuv_read_args(cuv_layer *layer);
/* Replaces an argument after reading. */
void cuv_arg_set(cuv_layer *layer, const char *name, cuv_value *value);
/* Sets compute, variable and policy from config["dtype"]. */
CUV_MUST_USE cuv_status cuv_read_policy(cuv_layer *layer);
/* Sizes of a slot's pattern. */
CUV_MUST_USE cuv_status cuv_slot_shape(cuv_context *cx, const cuv_layer *layer, const cuv_slot *slot, int64_t *shape, int *rank);
bool cuv_slot_present(const cuv_layer *layer, const cuv_slot *slot);
/* "config.value": layer, argument, what it should be, what it is. */
cuv_status cuv_bad_arg(const cuv_layer *layer, const char *name, const char *expected);
/* Nearest of the words to `text`, or NULL. */
const char *cuv_nearest_word(const char *text, const char *const *words, size_t count);
/* True when `word` is one of the words of `list`, which are separated by spaces. */
bool cuv_has_word(const char *list, const char *word);

/* ---- calls (call.c, steps.c) --------------------------------------------------------------------------------- */

/* Input i in the layer's compute dtype, whatever it was. */
cuv_ref cuv_float_in(cuv_call *call, size_t input);
int cuv_call_rank(const cuv_call *call, size_t input);
/* Steps that need no more than shapes. */
cuv_ref cuv_expand_dims(cuv_call *call, cuv_ref x, int axis);
cuv_ref cuv_squeeze(cuv_call *call, cuv_ref x, int axis);
cuv_ref cuv_transposed(cuv_call *call, cuv_ref x, const int *perm);
/* x with its axes moved by moving axis `from` to `to`. */
cuv_ref cuv_move_axis(cuv_call *call, cuv_ref x, int from, int to);
cuv_ref cuv_scalar_like(cuv_call *call, cuv_ref x, double value);
/* What is left of a number as one of a half's; of other dtypes all. */
double cuv_number_in(cuv_dtype dtype, double value);
cuv_ref cuv_reduce(cuv_call *call, cuv_op op, cuv_ref x, const int *axes, int count, bool keepdims);
cuv_ref cuv_slice_axis(cuv_call *call, cuv_ref x, int axis, int64_t start, int64_t stop);
cuv_ref cuv_concat2(cuv_call *call, cuv_ref a, cuv_ref b, int axis);
/* a or b, and when either is absent the other (join) or nothing (need_both). */
cuv_ref cuv_mask_join(cuv_call *call, cuv_op op, cuv_ref a, cuv_ref b);
/* Axis counted from 0; "config.value" when it lies outside. */
CUV_MUST_USE cuv_status cuv_call_axis(cuv_call *call, const char *argument, int64_t value, int rank, int *axis);
/* x + b as the Keras that wrote the file adds a bias, or another operand that is known: not always along b's own axes (bias.c). */
cuv_ref cuv_add_bias(cuv_call *call, cuv_ref x, cuv_ref b);
const cuv_var *cuv_var_of(const cuv_call *call, cuv_ref ref);
/* "layer.input" with a sentence in Keras's words. */
cuv_status cuv_bad_input(cuv_call *call, size_t input, const char *expected);
/* Indices as an output_mode has them (preprocess.c): themselves for "int", else 1 or counts at their places along a new axis of
 * size `depth`; indices outside it are dropped. */
CUV_MUST_USE cuv_status cuv_encode_categories(cuv_call *call, const char *mode, cuv_ref index, int64_t depth, cuv_dtype dtype,
                                              cuv_ref *out);
/* Applies a single activation or a whole one, in Keras's own layout. */
CUV_MUST_USE cuv_status cuv_finish_activation(cuv_call *call, const char *argument, cuv_ref x, cuv_ref *out);
/* Whether it is one of Keras's, in any of the ways to say so; a function's code counts as known here. */
bool cuv_activation_is_known(const cuv_value *value);
/* Parses an activation value; `single` false: needs cuv_lower_activation. */
CUV_MUST_USE cuv_status cuv_parse_activation(const cuv_layer *layer, const cuv_value *value, cuv_act *act, bool *single);
/* Calls an inner layer that has one output. */
CUV_MUST_USE cuv_status cuv_call_inner1(cuv_call *call, cuv_layer *inner, cuv_sym in, cuv_ref *out);
/* The inner layer with this role, or NULL. */
cuv_layer *cuv_inner_by_role(const cuv_layer *layer, const char *role);

/* A layer of images that was called on a dict (image_dict.c). */
bool cuv_called_on_dict(const cuv_call *call);
CUV_MUST_USE cuv_status cuv_lower_dict(cuv_call *call);
/* A dict in a call's arguments that is no tensor itself. */
bool cuv_is_dict_of_tensors(const cuv_value *v);

/* An argument of a function in a Lambda's expression, by place or by one of its names; NULL when absent (lambda.c). */
const cuv_value *cuv_lambda_argument(const cuv_value *e, size_t place, const char *names);

/* Becomes the model that its code builds, on the first call. */
extern const cuv_layer_def cuv_layer_stand_in, cuv_layer_own_weight, cuv_layer_own_constant;

#endif
