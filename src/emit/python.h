/* Inside the writer of Keras code: expressions are texts in the arena. Failure is sticky: after it every function gives "". */
#ifndef CUV_EMIT_PYTHON_H
#define CUV_EMIT_PYTHON_H

#include "layers/layers.h"
#include "evidence/evidence.h"

/* One call of a layer, as code. */
typedef struct python_call {
    const cuv_value *record, *node;     /* of the layer; its inbound node, NULL for an Input */
    const char *layer;                  /* name */
    int64_t ordinal;
    const char *variable, **variables;  /* of several tensors: one each, or one for all that is indexed */
    size_t uses;
    bool written, several;
} python_call;

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
/* The dict that a layer of images is called on, and gives; NULL: it is called otherwise, or gives a tensor. */
const cuv_value *python_dict_given(const cuv_value *record, const cuv_value *node);

/* ---- calls of a functional model (python_call.c) */

/* The call that [layer, call, output] stands for, NULL: none; `end`: as the ends of a model count. */
python_call *python_resolve(const python_scope *s, const cuv_value *history, bool end, int64_t *output);
/* Lists all calls of w->scope, and how often each is used: Inputs have one without a node. */
void python_list_calls(python_writer *w, python_scope *s);
/* Each after those whose tensors it takes. */
python_call **python_in_order(python_writer *w, python_scope *s, size_t *count);
/* Writes the statement of a call; `next`: the one that follows, or NULL; `last`: its tensor is the model's only output. */
void python_write_call(python_writer *w, cuv_map *variables, python_call *c, const python_call *next, bool last);
/* A call's output, as code. */
const char *python_tensor_of(python_writer *w, const python_call *call, int64_t output);
/* What is called: the layer's constructor, or the variable that holds it. */
const char *python_callee(python_writer *w, cuv_map *variables, const python_call *c);

/* ---- models (python.c) */

const char *python_record_name(const cuv_value *record);
void python_line(python_writer *w, const char *text);
/* The tensor that a call makes, as code: `history` is [layer, call, output]. */
const char *python_tensor(python_writer *w, const cuv_value *history);
/* An expression for a nested model; functional ones become functions. */
const char *python_model(python_writer *w, const cuv_value *record);
bool python_is_model(const cuv_value *record);

#endif
