/* What the files that write configurations share. */
#ifndef CUV_EMIT_CONFIG_H
#define CUV_EMIT_CONFIG_H

#include "emit/emit.h"
#include "model/graph.h"

typedef struct cuv_config_writer {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_model *m;
} cuv_config_writer;

/* Parts that the configurations of both Kerases have. */
CUV_MUST_USE cuv_status cuv_config_text(cuv_config_writer *w, cuv_value *dict, const char *key, const char *text);
/* {"module", "class_name", "config", "registered_name"}; config is made when it is NULL. */
CUV_MUST_USE cuv_status cuv_config_object(cuv_config_writer *w, const char *module, const char *class_name, const char *registered,
                                          cuv_value **config, cuv_value **out);
/* A list of sizes, None for unknown ones. */
CUV_MUST_USE cuv_status cuv_config_shape(cuv_config_writer *w, const int64_t *sizes, int rank, cuv_value **out);
/* The inner layer that an argument of a wrapper stands for; NULL: none. */
const cuv_layer *cuv_config_inner(const cuv_layer *layer, const char *param);
/* True for layers whose further inputs are initial states. */
bool cuv_config_recurrent(const cuv_layer *layer);
/* The stack of cells of an RNN to which `count` states belong, one for each cell but two for an LSTMCell; NULL: no stack. */
const cuv_layer *cuv_config_stack(const cuv_layer *layer, size_t count);
/* CUV_UNSUPPORTED "write.lambda" for a Lambda, or a layer with one inside: a function's code is never handed on. For Keras 3 those that Rescaling
 * can say pass. */
CUV_MUST_USE cuv_status cuv_config_refuse_lambdas(const struct cuv_model *m, const cuv_layer *layer, int keras);
/* CUV_UNSUPPORTED "write.behaviour" for what no Keras on TensorFlow 2 computes: Theano's 'same', bilinear enlarging of TensorFlow 1
 * (backend.c). `splits`: what cuv_config_padded tells of is written as two layers, and passes. */
CUV_MUST_USE cuv_status cuv_config_check_backend(cuv_config_writer *w, const cuv_layer *layer, int keras, bool splits);
/* A convolution with Theano's 'same', which can be written as two layers. */
bool cuv_config_padded(const cuv_layer *layer);
/* `name`, or one like it that no layer of the model has, for a layer that is written beside them. NULL: no memory. */
const char *cuv_config_free_name(cuv_config_writer *w, const char *name);
/* The layer that pads, before the convolution of the record `conv`, which is changed. */
CUV_MUST_USE cuv_status cuv_config_padding(cuv_config_writer *w, const cuv_layer *layer, cuv_value *conv, cuv_value **out);

/* `tensor` goes through the layer of the record `before`, in its call `ordinal`; `*out` is what that gives. */
CUV_MUST_USE cuv_status cuv_config_through(cuv_config_writer *w, cuv_value *before, int64_t ordinal, cuv_value *tensor, cuv_value **out);
/* True when MultiHeadAttention of Keras 3.8 and later would take masks off that this model's Keras leaves on (config_masks.c). */
bool cuv_config_loses_masks(const struct cuv_model *m);
/* Then lets the inputs of the call, which `node` says, go through layers that copy them, which are added to `layers`; `record`: of the layer. */
CUV_MUST_USE cuv_status cuv_config_keep_masks(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                              const cuv_value *record, cuv_value *node, cuv_value *layers);

/* Names that a Keras does not take are changed, with a note; no two layers get the same (name.c). NULL: no memory. */
const char *cuv_keras3_name(cuv_config_writer *w, const char *name);    /* without slashes */
const char *cuv_keras2_name(cuv_config_writer *w, const char *name);    /* of letters, digits, "_.-/>" */

/* {"class_name": "__keras_tensor__", ...} of what a call makes. */
/* A slice's key with "..." as the axes that it stands for, where they are known: Keras 3 does not read it back from a legacy .h5. */
CUV_MUST_USE cuv_status cuv_config_key(cuv_config_writer *w, const struct cuv_model *m, const cuv_layer *layer, const cuv_graph_call *call,
                                       const cuv_value *given, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config_tensor(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire,
                                          cuv_value **out);
/* The record of an operation; `call` is its first call, which a function of TensorFlow keeps its options in. */
CUV_MUST_USE cuv_status cuv_config_operation(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call,
                                             cuv_value **out);
/* Of a call of a function of TensorFlow: an operand as a node has it, by Keras 3's name (*out NULL: it is not given); an option's value or its
 * default, NULL: none, or a tensor. */
CUV_MUST_USE cuv_status cuv_config_operand(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                           const char *name, cuv_value **out);
const cuv_value *cuv_config_option(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call, const char *name);
/* A function that is several operations of Keras 3 (config_expand.c): all but the last go into `layers`, whole; of the last the record, which has
 * no nodes yet, and the node. NULL: it is none of those. */
CUV_MUST_USE cuv_status cuv_config_expand(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_layer *layer,
                                          const cuv_graph_call *call, cuv_value *layers, cuv_value **record, cuv_value **node);
/* False for tensors of a call that are not written, since what they give is known: the sizes that a Reshape is given. */
bool cuv_config_reads(const cuv_graph *g, const cuv_graph_call *call, const cuv_wired_arg *arg);
/* Word `place` of "a b=c d": what stands before and behind the "=", the same where there is none; each into `size` bytes. */
bool cuv_config_word(const char *list, int place, char *theirs, char *ours, size_t size);
/* Appends the operands of a call of a function of TensorFlow to `args`. */
CUV_MUST_USE cuv_status cuv_config_function_args(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g,
                                                 const cuv_graph_call *call, cuv_value *args);

/* Keras 2 in the words of Keras 3 (migrate.c). */
/* False for an argument that only older Kerases take. */
bool cuv_keras3_takes(const cuv_layer *layer, const char *name);
/* The class to write; CUV_UNSUPPORTED "write.class" when Keras 3 has none. */
CUV_MUST_USE cuv_status cuv_keras3_class(cuv_config_writer *w, const cuv_layer *layer, const char **out);
/* Arguments under other names; arguments of a call that were the layer's. */
CUV_MUST_USE cuv_status cuv_keras3_params(cuv_config_writer *w, const cuv_layer *layer, cuv_value *config);
CUV_MUST_USE cuv_status cuv_keras3_call(cuv_config_writer *w, const cuv_layer *layer, cuv_value *kwargs);
CUV_MUST_USE cuv_status cuv_keras3_hard_sigmoid(cuv_config_writer *w, const cuv_layer *layer, const char *param, cuv_value **out);

/* What migrate.c and migrate2.c say of a change, once: "'dense': OLD of Keras 3 is written as NOW". */
CUV_MUST_USE cuv_status cuv_config_note(cuv_config_writer *w, const cuv_layer *layer, const char *old, const char *now);
CUV_MUST_USE cuv_status cuv_config_tell(cuv_config_writer *w, const cuv_detail *detail, const char *message);

/* Keras 3 in the words of Keras 2 (migrate2.c). */
/* The class to write; CUV_UNSUPPORTED "write.class" when Keras 2 has none. */
CUV_MUST_USE cuv_status cuv_keras2_class(cuv_config_writer *w, const cuv_layer *layer, const char **out);
/* The name of an argument; *out NULL: Keras 2 has none and computes the same without. CUV_UNSUPPORTED "write.behaviour" when it does not. */
CUV_MUST_USE cuv_status cuv_keras2_param(cuv_config_writer *w, const cuv_layer *layer, size_t row, const char **out);
/* An activation. `tail`: a list that layers may be added to, which together with *out compute what it says; NULL: none can follow. */
CUV_MUST_USE cuv_status cuv_keras2_activation(cuv_config_writer *w, const cuv_layer *layer, size_t row, cuv_value *tail, cuv_value **out);
/* An initialiser, regulariser or constraint, with the arguments that Keras 2 knows; *out NULL: its default. */
CUV_MUST_USE cuv_status cuv_keras2_object(cuv_config_writer *w, const cuv_param *row, const cuv_value *given, cuv_value **out);

/* The values of a weight, where an activation that Keras 2 computes otherwise is made up for by them; else `value` itself. */
CUV_MUST_USE cuv_status cuv_keras2_weight(cuv_config_writer *w, const cuv_layer *layer, const char *name, const cuv_tensor *value,
                                          const cuv_tensor **out);

/* Of an operation as Keras 2 writes it, a function of TensorFlow (config2_operation.c): the record, and the node of a call.
 * `wire` gives [layer, call, output] of a wire. CUV_UNSUPPORTED "write.class" when TensorFlow has none. */
typedef cuv_status (*cuv_wire_value)(void *state, cuv_wire wire, cuv_value **out);
CUV_MUST_USE cuv_status cuv_keras2_operation(cuv_config_writer *w, const cuv_layer *layer, cuv_value **out);
/* `vars`: the call's tensors in order, or NULL where they are not known (inside a nested model). TensorFlow joins no dtypes: where
 * Keras 3 did, and where what is written depends on a rank that is not known, CUV_UNSUPPORTED "write.class". */
CUV_MUST_USE cuv_status cuv_keras2_operation_node(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call,
                                                  const cuv_var *const *vars, size_t var_count, cuv_wire_value wire, void *state,
                                                  cuv_value **out);

#endif
