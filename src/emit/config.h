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

/* {"class_name": "__keras_tensor__", ...} of what a call makes. */
CUV_MUST_USE cuv_status cuv_config_tensor(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, cuv_wire wire,
                                          cuv_value **out);
/* The record of an operation; `call` is its first call, which a function of TensorFlow keeps its options in. */
CUV_MUST_USE cuv_status cuv_config_operation(cuv_config_writer *w, const cuv_layer *layer, const cuv_graph_call *call,
                                             cuv_value **out);
/* Appends the operands of a call of a function of TensorFlow to `args`. */
CUV_MUST_USE cuv_status cuv_config_function_args(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g,
                                                 const cuv_graph_call *call, cuv_value *args);

/* Keras 2 in the words of Keras 3 (migrate.c). */
/* False for an argument that only older Kerases take. */
bool cuv_keras3_takes(const cuv_layer *layer, const char *name);
/* The class to write; CUV_UNSUPPORTED "write.class" when Keras 3 has none. */
CUV_MUST_USE cuv_status cuv_keras3_class(cuv_config_writer *w, const cuv_layer *layer, const char **out);
/* Keras 3 has no slash in names. */
const char *cuv_keras3_name(cuv_config_writer *w, const char *name);
/* Arguments under other names; arguments of a call that were the layer's. */
CUV_MUST_USE cuv_status cuv_keras3_params(cuv_config_writer *w, const cuv_layer *layer, cuv_value *config);
CUV_MUST_USE cuv_status cuv_keras3_call(cuv_config_writer *w, const cuv_layer *layer, cuv_value *kwargs);
CUV_MUST_USE cuv_status cuv_keras3_hard_sigmoid(cuv_config_writer *w, const cuv_layer *layer, const char *param, cuv_value **out);

#endif
