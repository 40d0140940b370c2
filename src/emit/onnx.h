/* Inside the ONNX writer: a program's steps become nodes, its values become names. Failure is sticky: after it every function
 * gives NULL or does nothing, and `status` keeps why. */
#ifndef CUV_EMIT_ONNX_H
#define CUV_EMIT_ONNX_H

#include "emit/proto.h"
#include "model/model.h"

enum { CUV_ONNX_OPSET = 24, CUV_ONNX_IR = 12, CUV_ONNX_FORMS = 4 };

/* TensorProto.DataType */
typedef enum onnx_type {
    ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT8 = 3, ONNX_UINT16 = 4, ONNX_INT16 = 5, ONNX_INT32 = 6, ONNX_INT64 = 7,
    ONNX_STRING = 8, ONNX_BOOL = 9, ONNX_FLOAT16 = 10, ONNX_DOUBLE = 11, ONNX_UINT32 = 12, ONNX_UINT64 = 13,
    ONNX_BFLOAT16 = 16
} onnx_type;

/* A value under a name, with its axes in some order: axis i of the named tensor is axis perm[i] of the value. */
typedef struct onnx_form {
    const char *name;
    int perm[CUV_MAX_RANK];
} onnx_form;

/* What is there of a value of the program. Forms are made when something asks for them, so that a chain of convolutions stays in
 * ONNX's order of axes (channels first) without transposes. */
typedef struct onnx_value {
    onnx_form forms[CUV_ONNX_FORMS];
    int form_count;             /* the first one is how the value was made */
    const cuv_tensor *known;    /* weights, constants, and what is computed from these while writing */
    const char *mirrored;       /* the value turned round along axis 1, when that is what a node made */
    int uses;                   /* by steps that are needed, and outputs */
} onnx_value;

typedef struct onnx_initializer {
    const char *name, *doc;
    const cuv_tensor *tensor;
} onnx_initializer;

typedef struct onnx_writer {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_model *m;
    const cuv_program *p;
    onnx_value *values;         /* by reference */
    cuv_buffer *nodes;          /* of the graph being written, as fields of its GraphProto */
    int node_field;
    onnx_initializer *initializers;
    size_t initializer_count, initializer_capacity;
    cuv_map *names;             /* taken ones */
    cuv_map *by_ref;            /* initializers that are asked for again: by what they hold */
    const cuv_step *step;
    const char *base;           /* the step's layer, as the beginning of names */
    const char *doc;            /* the layer's own name, where it differs */
    bool warned_double;
    cuv_status status;
} onnx_writer;

/* ---- names, failure (onnx.c) */

/* A name not taken yet: letters, digits and underscores of `text` only. */
const char *onnx_name(onnx_writer *w, const char *text);
/* "write.onnx": names layer and op, and says why. */
void onnx_refuse(onnx_writer *w, const char *fmt, ...) CUV_PRINTF(2, 3);
bool onnx_failed(const onnx_writer *w);

/* ---- values (onnx_value.c) */

/* The type that a dtype has in the graph: halves and doubles are carried as floats. */
onnx_type onnx_carried(cuv_dtype dtype);
onnx_type onnx_stored(cuv_dtype dtype);
const cuv_var *onnx_var(const onnx_writer *w, cuv_ref ref);
/* The value in this order of axes (NULL: its own), made from another form where need be. NULL for CUV_NO_REF. */
const char *onnx_want(onnx_writer *w, cuv_ref ref, const int *perm);
/* Input i of the step in its own order; NULL when absent. */
const char *onnx_in(onnx_writer *w, int i);
cuv_ref onnx_ref(const onnx_writer *w, int i);
bool onnx_has(const onnx_writer *w, int i);
/* Says that output k of the step is `name`, its axes ordered by perm (NULL: its own). */
void onnx_made(onnx_writer *w, int k, const char *name, const int *perm);
/* An input of the graph. */
void onnx_given(onnx_writer *w, cuv_ref ref, const char *name);
void onnx_made_known(onnx_writer *w, int k, const cuv_tensor *tensor);
/* The tensor of a value that is known while writing, as floats where it is carried as floats; NULL otherwise. */
const cuv_tensor *onnx_known(onnx_writer *w, cuv_ref ref);
/* (0, rank-1, 1, ..., rank-2) */
void onnx_channels_first(int rank, int *perm);
/* The order in which a value was made. */
const int *onnx_native(const onnx_writer *w, cuv_ref ref);
bool onnx_is_identity(const int *perm, int rank);
/* Where axis `axis` of the value stands under `perm`. */
int onnx_place(const int *perm, int rank, int axis);

/* ---- initializers (onnx_value.c) */

const char *onnx_initializer_of(onnx_writer *w, const char *name, const cuv_tensor *tensor);
const char *onnx_ints(onnx_writer *w, const int64_t *values, size_t count);       /* int64, rank 1 */
const char *onnx_int(onnx_writer *w, int64_t value);                              /* int64, rank 0 */
/* A number of rank 0 in the type that `dtype` has in the graph. */
const char *onnx_number(onnx_writer *w, cuv_dtype dtype, double value);
/* count floats of one value, rank 1 */
const char *onnx_same_floats(onnx_writer *w, int64_t count, float value);
/* A tensor of rank 1 to 8 in the arena to be filled with floats. */
float *onnx_new_floats(onnx_writer *w, const int64_t *shape, int rank, const cuv_tensor **out);

/* ---- nodes (onnx_node.c) */

typedef enum onnx_attr_kind {
    ONNX_A_END, ONNX_A_FLOAT = 1, ONNX_A_INT = 2, ONNX_A_STRING = 3, ONNX_A_GRAPH = 5, ONNX_A_FLOATS = 6, ONNX_A_INTS = 7,
    ONNX_A_STRINGS = 8
} onnx_attr_kind;
typedef struct onnx_attr {
    const char *name;
    onnx_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
    size_t count;
    cuv_buffer *graph;          /* encoded; freed by the node */
} onnx_attr;
#define ONNX_AI(n, v) {.name = (n), .kind = ONNX_A_INT, .i = (v)}
#define ONNX_AF(n, v) {.name = (n), .kind = ONNX_A_FLOAT, .f = (float)(v)}
#define ONNX_AS(n, v) {.name = (n), .kind = ONNX_A_STRING, .s = (v)}
#define ONNX_AIS(n, v, c) {.name = (n), .kind = ONNX_A_INTS, .ints = (v), .count = (size_t)(c)}
#define ONNX_ATTRS(...) (const onnx_attr[]){__VA_ARGS__, {0}}
#define ONNX_IN(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

/* A node with `outs` outputs; names are new. in[i] NULL: absent. attrs NULL: none. Returns the first output; `out` (may be NULL)
 * gets all of them. */
const char *onnx_node(onnx_writer *w, const char *op, const char *const *in, size_t in_count, const onnx_attr *attrs,
                      const char **out, size_t outs);
const char *onnx_op1(onnx_writer *w, const char *op, const char *x);
const char *onnx_op2(onnx_writer *w, const char *op, const char *a, const char *b);
const char *onnx_op3(onnx_writer *w, const char *op, const char *a, const char *b, const char *c);
const char *onnx_cast(onnx_writer *w, const char *x, onnx_type type);
const char *onnx_transpose(onnx_writer *w, const char *x, const int *perm, int rank);
const char *onnx_reshape(onnx_writer *w, const char *x, const int64_t *shape, int rank);
const char *onnx_slice(onnx_writer *w, const char *x, int axis, int64_t start, int64_t stop, int64_t step);
const char *onnx_unsqueeze(onnx_writer *w, const char *x, int axis);
const char *onnx_squeeze(onnx_writer *w, const char *x, int axis);
const char *onnx_reduce(onnx_writer *w, const char *op, const char *x, const int64_t *axes, size_t count, bool keepdims);
/* Size of one axis of a value's own order, int64, rank 1: a constant when it is known. */
const char *onnx_size(onnx_writer *w, cuv_ref ref, int axis);
const char *onnx_concat(onnx_writer *w, const char *const *in, size_t count, int axis);
/* ValueInfoProto; shape NULL: without one. -1 gets the name `dims`_k, the first one "batch" where that is what it is. */
void onnx_value_info(onnx_writer *w, cuv_buffer *b, int field, const char *name, onnx_type type, const int64_t *shape, int rank,
                     const char *dims);

/* ---- ops: one row each (onnx_ops.c), by family */

typedef void onnx_emit(onnx_writer *w, const cuv_step *s);
void onnx_emit_step(onnx_writer *w, const cuv_step *s);
/* One input, element by element: as a step or as an activation of another op. `axis`: where the last axis stands (softmax). */
const char *onnx_unary(onnx_writer *w, const cuv_act *act, const char *x, cuv_dtype dtype, int axis);

onnx_emit onnx_elementwise, onnx_cast_step, onnx_binary, onnx_where, onnx_softmax, onnx_log_softmax, onnx_cumprod, onnx_top_k;
onnx_emit onnx_reduce_step, onnx_arg_reduce, onnx_cumsum, onnx_sort;
onnx_emit onnx_reshape_step, onnx_transpose_step, onnx_broadcast, onnx_fill, onnx_range, onnx_concat_step, onnx_slice_step,
    onnx_pad, onnx_gather, onnx_gather_along, onnx_scatter, onnx_tile, onnx_repeat, onnx_reverse, onnx_one_hot;
onnx_emit onnx_resize, onnx_pool, onnx_adaptive_pool;
onnx_emit onnx_matmul, onnx_dense, onnx_conv, onnx_depthwise, onnx_conv_transpose, onnx_local_conv;
onnx_emit onnx_batch_norm, onnx_layer_norm, onnx_rms_norm, onnx_group_norm, onnx_attention;
onnx_emit onnx_recurrent;
/* The same step by step, for masks and activations that the operators do not have (onnx_scan.c). */
onnx_emit onnx_scan;

#endif
