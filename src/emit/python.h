/* Inside the writer of Keras code: expressions are texts in the arena. Failure is sticky: after it every function gives "". */
#ifndef CUV_EMIT_PYTHON_H
#define CUV_EMIT_PYTHON_H

#include "layers/layers.h"
#include "evidence/evidence.h"

typedef struct python_call python_call;

/* Names of variables in one function of the code, and the calls whose tensors they hold. */
typedef struct python_scope {
    cuv_map *taken;
    python_call *calls;
    size_t count, inputs;
    const cuv_value *layers;
} python_scope;

typedef struct python_writer {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_buffer functions, *body;
    cuv_map *counters;          /* how often Keras has given each automatic name by now */
    bool heads;                 /* a MultiHeadAttention was made: which Dropout is the next is not known */
    cuv_map *functions_taken;
    python_scope *scope;
    const char *indent;
    bool uses_layers, uses_ops, uses_numpy;
    unsigned depth;
    cuv_status status;
} python_writer;

/* ---- expressions (python_value.c) */

const char *python_format(python_writer *w, const char *fmt, ...) CUV_PRINTF(2, 3);
/* "a, b" or the other when one is empty. */
const char *python_join(python_writer *w, const char *a, const char *b);
/* A string literal of ASCII characters only. */
const char *python_string(python_writer *w, const char *text, size_t size);
/* Any value of a configuration: literals, objects of Keras, tensors of calls. */
const char *python_value(python_writer *w, const cuv_value *v);
/* "write.python": what Keras code cannot say. */
void python_refuse(python_writer *w, const char *layer, const char *what);
/* A name as an identifier, not taken yet in this scope. */
const char *python_identifier(python_writer *w, cuv_map *taken, const char *name);

/* ---- layers (python_layer.c) */

/* The constructor of a layer or model from its record in the configuration. */
const char *python_layer(python_writer *w, const cuv_value *record);
/* "name=..." unless Keras would give this name by itself; counts it either way. */
const char *python_name(python_writer *w, const char *class_name, const char *name);
/* The name that Keras gives the next object of this class; counts it. */
const char *python_automatic(python_writer *w, const char *class_name);

/* ---- what models give (python_ends.c) */

/* [layer, call, output] among "input_layers" and "output_layers". */
bool python_is_end(const cuv_value *v);
/* How many tensors a call of a model with such "output_layers" gives as a list; 1: a tensor; 0: dicts or lists in lists. */
size_t python_ends_count(const cuv_value *ends);
/* "["out"][0]" of the tensor that is number `at` in Keras's order. */
const char *python_end_path(python_writer *w, const cuv_value *ends, int64_t at);

/* ---- models (python.c) */

/* The tensor that a call makes, as code: `history` is [layer, call, output]. */
const char *python_tensor(python_writer *w, const cuv_value *history);
/* An expression for a nested model; functional ones become functions. */
const char *python_model(python_writer *w, const cuv_value *record);
bool python_is_model(const cuv_value *record);

#endif
