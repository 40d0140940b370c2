/* The wiring of one model, parsed once from its configuration and walked at every call of the model. */
#ifndef CUV_MODEL_GRAPH_H
#define CUV_MODEL_GRAPH_H

#include "model/model.h"

/* A tensor that a call makes. */
typedef struct cuv_wire { int32_t call, output; } cuv_wire;

/* One argument of a call: a tensor, a list of tensors, or a literal. */
typedef struct cuv_wired_arg {
    const char *name;               /* keyword, or NULL for a positional one */
    enum { CUV_ARG_TENSOR, CUV_ARG_LIST, CUV_ARG_LITERAL } kind;
    cuv_wire *wires;
    size_t wire_count;
    const cuv_value *literal;       /* LITERAL; of a LIST, the list as the file has it */
} cuv_wired_arg;

typedef struct cuv_graph_call {
    int32_t layer;                  /* index into the graph's layers */
    int32_t ordinal;                /* which call of that layer, from 0 */
    cuv_wired_arg *args;
    size_t arg_count;
    cuv_sym *outputs;               /* once walked: of the last walk, for those who show shapes */
    size_t output_count;
} cuv_graph_call;

typedef struct cuv_graph {
    cuv_layer **layers;             /* as the configuration lists them; a Sequential's InputLayer is first when it has one */
    size_t layer_count;
    cuv_graph_call *calls;          /* in an order in which inputs come before their use */
    size_t call_count;
    int32_t *inputs;                /* layers that are the model's inputs, in order */
    size_t input_count;
    const char **input_keys;        /* names that callers use: dict keys, else layer names */
    cuv_wire *outputs;
    const char **output_names;
    size_t output_count;
    bool sequential;
    bool input_added;               /* the configuration had no InputLayer of its own */
    bool renumbered;                /* the configuration's numbers of calls are not what they say (graph_numbers.c) */
} cuv_graph;

/* Parses a model object {"class_name", "config"} into layers and calls; layers are made in `m->arena`. `input_shape` (may be NULL)
 * serves a Sequential that does not tell its own: rank -1 means "none". */
CUV_MUST_USE cuv_status cuv_graph_parse(struct cuv_model *m, const cuv_value *record, const cuv_layer *like, cuv_graph **out);
/* The arguments of a call of a TensorFlowOpLayer from its graph op and the tensors of its node (graph_op.c). */
CUV_MUST_USE cuv_status cuv_graph_op_args(cuv_arena *arena, const cuv_value *record, cuv_wire *wires, size_t wire_count,
                                          cuv_wired_arg **out, size_t *count);
/* True when a Sequential starts without a known input; such a graph can only be called, not built by itself. */
bool cuv_graph_needs_input(const cuv_graph *g);
/* Puts an InputLayer of the given shape before a Sequential's first layer. */
CUV_MUST_USE cuv_status cuv_graph_add_input(struct cuv_model *m, cuv_graph *g, const cuv_layer *like, const int64_t *shape, int rank);

/* By call: its place in the order in which Keras 3 runs them; INT32_MAX for what no output needs (graph_order.c). */
CUV_MUST_USE cuv_status cuv_graph_ranks(cuv_context *cx, const cuv_graph *g, cuv_arena *arena, int32_t **out);
/* The graph with the operations that Keras makes of masks behind its own calls, for their order; the graph itself where it names its masks
 * (graph_masks.c). */
CUV_MUST_USE cuv_status cuv_graph_with_masks(cuv_arena *arena, const cuv_graph *g, const cuv_graph **out);
/* A call into whose arguments Keras puts the mask of its tensor, or those of its list. */
bool cuv_takes_named_mask(const cuv_layer *layer, const cuv_graph_call *gc);
/* MultiHeadAttention of a Keras that takes the masks off its inputs, as it runs. */
bool cuv_takes_masks_off(const cuv_layer *layer);
/* Layers that hand on the very tensor they were given: what is taken off one is taken off the other. */
bool cuv_hands_on(const cuv_layer *layer);
/* Walks the graph: `in` has one tensor an input. `record` makes nodes in `m` (the top level). Outputs land in `out` (output_count). */
CUV_MUST_USE cuv_status cuv_graph_walk(struct cuv_model *m, const cuv_graph *g, cuv_program *program, const cuv_sym *in,
                                       bool record, cuv_sym *out);

#endif
