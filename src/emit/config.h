/* What the files that write configurations share. */
#ifndef CUV_EMIT_CONFIG_H
#define CUV_EMIT_CONFIG_H

#include "emit/emit.h"
#include "model/graph.h"

/* A tensor that is read from elsewhere than from the call that makes it: from a layer that follows it (config_tail.c), or from another call
 * (config_scores.c). */
typedef struct cuv_detour {
    const cuv_graph *g;
    cuv_wire wire;
    const char *name;           /* of the layer */
    int64_t ordinal;            /* of its call */
} cuv_detour;

typedef struct cuv_config_writer {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_model *m;
    cuv_detour *detours;
    size_t detour_count, detour_capacity;
    struct cuv_named_mask *masks;       /* those that are tensors already (config_named_mask.c) */
    size_t mask_count, mask_capacity;
    int mask_steps;
} cuv_config_writer;

/* Parts that the configurations of both Kerases have. */
CUV_MUST_USE cuv_status cuv_config_text(cuv_config_writer *w, cuv_value *dict, const char *key, const char *text);
/* {"module", "class_name", "config", "registered_name"}; config is made when it is NULL. */
CUV_MUST_USE cuv_status cuv_config_object(cuv_config_writer *w, const char *module, const char *class_name, const char *registered,
                                          cuv_value **config, cuv_value **out);
/* {"class_name": "__tuple__", "items"}: where a list will not do (ngrams of TextVectorization). */
CUV_MUST_USE cuv_status cuv_config_tuple(cuv_config_writer *w, const cuv_value *items, cuv_value **out);
/* Of Keras 3: the record of a layer (config_layer.c); `before`: where it may become two, as those of a model may: gets the one that has to come
 * before it, or NULL. That of the model's input `index`, and of a model inside or the whole one (config.c). */
CUV_MUST_USE cuv_status cuv_config3_layer(cuv_config_writer *w, const cuv_layer *layer, cuv_value **before, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config3_input(cuv_config_writer *w, const struct cuv_model *m, size_t index, const cuv_layer *layer, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config3_model(cuv_config_writer *w, const struct cuv_model *m, cuv_value **out);
/* The same of Keras 2 (config2_layer.c, config2.c); `tail`: gets the activation that has to follow as a layer. */
CUV_MUST_USE cuv_status cuv_config2_layer(cuv_config_writer *w, const cuv_layer *layer, cuv_value *tail, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config2_input(cuv_config_writer *w, const struct cuv_model *m, size_t index, const cuv_layer *layer, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config2_model(cuv_config_writer *w, const struct cuv_model *m, cuv_value **out);
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
/* CUV_UNSUPPORTED "write.behaviour" for ngrams of a TextVectorization that are a tuple: Keras reads them from a legacy .h5 and from code only. */
CUV_MUST_USE cuv_status cuv_config_refuse_ngrams(const struct cuv_model *m, const char *form, unsigned depth);
/* Tells that a Softmax called with a mask gives others where all is masked, when it is written for the other Keras. */
CUV_MUST_USE cuv_status cuv_config_tell_softmax(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph *g, const cuv_graph_call *call,
                                                int target);
/* Fails for weights of tf_idf that a file gave and that are others than the configuration states, where `form` holds the configuration alone. */
CUV_MUST_USE cuv_status cuv_config_refuse_idf(const struct cuv_model *m, const char *form);
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
/* Does today's Keras do with the layer's configuration as it is what the Keras did that wrote it? */
bool cuv_config_keeps_behaviour(const cuv_layer *layer);
/* "write.behaviour" for what no configuration makes it do. */
CUV_MUST_USE cuv_status cuv_config_check_behaviour(cuv_config_writer *w, const cuv_layer *layer);
/* Does a merging layer, in models inside too, join masks as Keras did before 3.4? */
bool cuv_config_merges_otherwise(const struct cuv_model *m);
/* The same of layers that encode categories, and of attention. */
bool cuv_config_encodes_otherwise(const struct cuv_model *m);
/* Then lets the inputs of the call, which `node` says, go through layers that copy them, which are added to `layers`; `record`: of the layer;
 * `ordinal`: of the node, another than the call's where there is one more. */
CUV_MUST_USE cuv_status cuv_config_keep_masks(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                              const cuv_value *record, int64_t ordinal, cuv_value *node, cuv_value *layers);
/* The mask of a recurrent layer that is given its states, as an argument in `node` (config_named_mask.c). CUV_UNSUPPORTED "write.behaviour" for
 * masks that come from elsewhere. */
CUV_MUST_USE cuv_status cuv_config_state_mask(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                              cuv_value *node, cuv_value *layers);
/* The mask of a tensor as a tensor, made by operations that are added to `layers`, once; `call`: who needs it. */
CUV_MUST_USE cuv_status cuv_config_mask_of(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                           cuv_wire wire, cuv_value *layers, cuv_value **out);
/* An operation of `x` and `second` (may be NULL), added to `layers`; `config` (may be NULL): its options. */
CUV_MUST_USE cuv_status cuv_config_step(cuv_config_writer *w, const char *name, const char *family, const char *class_name, cuv_value *config,
                                        cuv_value *x, cuv_value *second, cuv_value *layers, cuv_value **out);
/* A name for what is written beside call `ordinal` of a layer: "NAME_WHAT". NULL: no memory. */
const char *cuv_config_beside(cuv_config_writer *w, const cuv_layer *layer, int64_t ordinal, const char *what);

/* By call: whether its output has a mask that Keras 3 would not give it, because it joins masks otherwise (config_merge.c). */
CUV_MUST_USE cuv_status cuv_config_lost_masks(cuv_config_writer *w, const cuv_graph *g, bool **out);
/* Makes up for that in a node: copies of masked inputs of a merging layer; masks as arguments of layers that read them. */
CUV_MUST_USE cuv_status cuv_config_tell_masks(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const bool *lost,
                                              const cuv_graph_call *call, cuv_value *node, cuv_value *layers);

/* Detours of attention that hands out its scores, which are known before the first node is written (config_scores.c). */
CUV_MUST_USE cuv_status cuv_config_plan_scores(cuv_config_writer *w, const cuv_graph *g);
/* Layers behind lookups that encode: in a functional model by detours, in a Sequential one after the other (config_tail.c). */
CUV_MUST_USE cuv_status cuv_config_plan_tails(cuv_config_writer *w, const cuv_graph *g);
CUV_MUST_USE cuv_status cuv_config_add_tail(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                            cuv_value *layers);
CUV_MUST_USE cuv_status cuv_config_sequential_tail(cuv_config_writer *w, const cuv_graph *g, size_t layer, cuv_value *layers);
/* True for attention that Keras 3 computes step by step, so that rows that are masked throughout become 0 there. */
bool cuv_config_steps_of_attention(const cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call);
CUV_MUST_USE cuv_status cuv_config_add_detour(cuv_config_writer *w, const cuv_detour *detour);
const cuv_detour *cuv_config_detour(const cuv_config_writer *w, const cuv_graph *g, cuv_wire wire);
/* The operations that make of the scores of a call those of Keras 2. Its other output comes from a further call without scores. */
CUV_MUST_USE cuv_status cuv_config_keep_scores(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call,
                                               cuv_value *layers);

/* Names that a Keras does not take are changed, with a note; no two layers get the same (name.c). NULL: no memory. */
const char *cuv_keras3_name(cuv_config_writer *w, const char *name);    /* without slashes */
const char *cuv_keras2_name(cuv_config_writer *w, const char *name);    /* of letters, digits, "_.-/>" */

/* {"class_name": "__keras_tensor__", ...} of what a call makes. */
/* A slice's key with "..." as the axes that it stands for, where they are known: Keras 3 does not read it back from a legacy .h5. */
CUV_MUST_USE cuv_status cuv_config_key(cuv_config_writer *w, const struct cuv_model *m, const cuv_layer *layer, const cuv_graph_call *call,
                                       const cuv_value *given, cuv_value **out);
CUV_MUST_USE cuv_status cuv_config_tensor(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire,
                                          cuv_value **out);
/* The dict that a layer of images is called on, with the tensors as they are written (config_dict.c). */
CUV_MUST_USE cuv_status cuv_config_dict(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_wired_arg *arg,
                                        cuv_value **out);
/* The tensor that a call of a layer makes, by name; `v` (may be NULL): its shape and dtype. */
CUV_MUST_USE cuv_status cuv_config_history(cuv_config_writer *w, const char *name, int64_t ordinal, int64_t output, const cuv_var *v, cuv_value **out);
/* The same without detours. */
CUV_MUST_USE cuv_status cuv_config_own_tensor(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire,
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
